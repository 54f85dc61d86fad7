// Package page is how the portal looks: for each page a struct of plain values and a templ component that writes it as HTML.
//
// It is pure. It knows no database, no request and no clock: who fills a struct has already decided what the reader may see, and
// a page shows nothing that is not in its struct. It may import templ and the standard library. The portal's handlers call it, nobody else.
//
// Every page is a value with a method Page; Shell, embedded first, is what all pages have in common. All strings are hostile: they come from
// products, parties and messages. templ escapes them, [Visible] shows what a reader could not see, and addresses with a scheme of their own
// (javascript:) are replaced. So a string is always text and never markup, and the pages keep to a content security policy
// without inline script or style.
//
// Times are instants; pages print them in UTC, and a zero time is left out. Addresses (fields named URL or Action) are given by the caller,
// already escaped; an empty one means that the thing has no page for this reader, and then only its name stands there.
//
// Everything works with scripts off: forms post plainly, each with the hidden field "once" (see Form). Scripts only add comfort:
// live progress, passkeys, resumable upload, keys on the work screen.
package page

//go:generate go tool -modfile=../../tools/go.mod templ generate -path .
