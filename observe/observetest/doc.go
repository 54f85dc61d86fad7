// Package observetest runs an observer over a small system that a test writes, and compares the facts with a golden file.
// Only tests use it.
package observetest
