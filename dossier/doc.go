// Package dossier writes and reads dossiers: everything of one evaluation in one folder, content-addressed; the digest of dossier.json
// names it. doc/format.md describes every file to the byte.
//
// A dossier is never changed. A folder is written beside its place and renamed into it, so that there is a whole dossier or none. Every
// reader checks the digest of a file before it uses the file.
package dossier
