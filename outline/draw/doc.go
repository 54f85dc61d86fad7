// Package draw is the child's side of package outline: it opens hostile bytes, so it runs only where there are no keys.
//
// Write makes the outline of a dossier, which package dossier has checked. File opens a product again and fetches a range of one file of it,
// secrets masked. The parent does not import this package: what it gets it reads with package outline.
package draw
