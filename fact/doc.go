// Package fact holds the kinds of facts: the one place to look up what can be known about a release.
//
// A fact says what is so, where it was seen, and by which observer; it says nothing of good or bad. Observers make
// facts from the structs in kinds.go, the dossier keeps them as lines of canonical JSON (RFC 8785), and the judge reads
// those lines back. The package does no input or output and imports no other room, so that everybody may use it.
//
// Kinds only grow: an attribute may be added, with the version of the observer that records it raised; a change of
// meaning is a new kind ("elf/2").
package fact
