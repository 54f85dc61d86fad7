// Package verify is the command that checks credentials, as cmd/probat-verify and cmd/probat have it: flags in, a few lines and an exit code out.
//
// What is decided is decided by package credential, which is pure. This package reads the files that it is given, hashes what was delivered, and prints. It opens no network
// connection, needs no configuration, and writes nothing but the two files that it may be told to write (--seen, with a lock beside it, and --equivocation). Every line that it prints is free of bytes that a
// terminal would obey.
package verify
