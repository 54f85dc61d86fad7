//go:build race

package portal_test

// racing says that the race detector slows everything down: fewer people look then, at the same addresses.
const racing = true
