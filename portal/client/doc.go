// Package client talks to a lab's server as a program does: it uploads files, hands in a release, and follows its evaluation.
//
// Connections break. What is safe to repeat is repeated, a bounded number of times: an upload goes on where the server says it is, and a release
// is handed in under one idempotency key. The token goes to the server that was named and to no other; no redirect is followed.
//
// It reads no file of its own accord and knows nothing of declarations and signatures: who calls it does. What the server says is checked for
// its form and can be shown, ids and digests as they are, words by Clean.
package client
