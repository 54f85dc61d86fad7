//go:build race

package credential_test

// slow says that the race detector runs, under which tests that try every byte try some of them.
const slow = true
