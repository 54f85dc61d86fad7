// Package scheme holds security schemes as data: published sets of requirements, each in one edition, with the tests that decide
// them. It reads a scheme's file, checks the types of every expression against the kinds of facts, and compiles it.
//
// A test can see facts, the declaration, references and a date; nothing here can see who the vendor is. The package does no input or
// output, and knows nothing of verdicts: that is judge.
package scheme
