// Package evaluate is the use case of a lab: a product release in, a dossier out. It brings the other rooms together and has no rules of its
// own: unpack and observe say what is so, judge says what follows, dossier keeps it.
//
// It opens no socket, and writes nothing but to the cache and to unlinked temporary files.
package evaluate
