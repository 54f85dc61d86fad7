// Package outline says what the portal shows of a dossier, as a stream of rows that a parent without trust in them can store.
//
// A dossier is hostile bytes. Package outline/draw writes the stream in the child without keys; Read runs in the parent, which sees nothing else
// of the dossier: it refuses whatever draw would not write, so that pages need to open no dossier. This package opens neither a dossier nor a
// product, and links nothing that could. Wanted and Range are what parent and child say to each other about a part of one file. Compare and
// Differences are pure and work on rows.
//
// The stream is one canonical JSON object (package statement) a line, with one member that names the kind of the row. Lines, texts, lists
// and the number of rows are bounded; what is capped is counted, in the row or in End. A row's integers are below 2^53: a size beyond
// that reads as MaxInteger.
package outline
