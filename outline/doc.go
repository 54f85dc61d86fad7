// Package outline says what the portal shows of a dossier, as a stream of rows that a parent without trust in them can store.
//
// A dossier is hostile bytes. Write runs in the child without keys, from a dossier that package dossier has checked; Read runs in the parent,
// which sees nothing else of the dossier: it refuses whatever Write would not write, so that pages need to open no dossier. File, in a child
// too, fetches a range of one file of a product again, secrets masked. Compare and Differences are pure and work on rows.
//
// The stream is one canonical JSON object (package statement) a line, with one member that names the kind of the row. Lines, texts, lists
// and the number of rows are bounded; what is capped is counted, in the row or in End. A row's integers are below 2^53: a size beyond
// that reads as MaxInteger.
package outline
