// Package storetest starts a real PostgreSQL for tests. Only tests may import it.
package storetest
