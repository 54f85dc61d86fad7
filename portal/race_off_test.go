//go:build !race

package portal_test

const racing = false
