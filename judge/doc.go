// Package judge decides: from facts, a declaration, persons' judgements, a scheme, references and a date it makes findings and a verdict
// for every requirement. It is pure: the same inputs give the same outcome, and nothing that the running program knows beyond
// them has a part in it. doc/verdicts.md lists its rules with the test of each.
//
// Ignorance never helps: what was not looked at, or could not be, never makes a pass.
package judge
