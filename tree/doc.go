// Package tree holds an unpacked release: nodes, their addresses, and the systems (root file systems) among them.
//
// Nodes are entries in a table, never files on a disk: a path that came out of an archive has nothing to act on.
// The package does no input or output; unpack fills a tree, observers and the dossier read it.
package tree
