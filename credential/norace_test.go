//go:build !race

package credential_test

const slow = false
