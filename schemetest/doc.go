// Package schemetest runs the test file that stands beside a scheme: each case gives facts, a declaration and judgements, and says what
// verdicts, states of tests and findings must come out. Commands and tests use it; it reads no files and holds no policy of its own:
// what it does with a case is what package judge does with a release.
//
// doc/writing-a-scheme.md says what may stand in a test file.
package schemetest
