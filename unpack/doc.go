// Package unpack opens an artifact down to its last byte: it recognises formats by content, descends within a budget, and
// fills a tree. It never writes to a path that came out of an archive, and says of every byte of a container whether
// it is in a node, in structure, in padding, or unobserved.
//
// One file holds one format; file systems have subpackages that know nothing of trees. A format is a plain value in the
// table of format.go. Files are handed to a Visitor, which observes; unpack itself knows no observer.
package unpack
