package tree

import (
	"strconv"
	"strings"
)

// repeated is the name of the n-th entry of a name, n from 2.
func repeated(name string, n int) string { return name + ";" + strconv.Itoa(n) }

// original is the name without the mark of a repeated entry.
func original(name string) string {
	if i := strings.IndexByte(name, ';'); i >= 0 {
		return name[:i]
	}
	return name
}

// Repeated returns the address part for the n-th entry of an escaped name in one directory, n from 1.
func Repeated(name string, n int) string {
	if n == 1 {
		return name
	}
	return repeated(name, n)
}
