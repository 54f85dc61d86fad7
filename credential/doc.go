// Package credential is what a customer trusts: the trust file that she pins, the credential that she is given, and the verifying of one by
// the other. The lab uses the same package to make them.
//
// Verifying is pure: bytes and a time go in, a [Result] comes out. Nothing reads a file, a clock, a network or the system's key store. Every
// byte that is read is hostile: what is parsed is encoded again and compared, so that no file has two spellings; every length is bounded before it is used.
//
// Nothing inside a credential is ever a reason to believe it. The copies in its folder trust/ serve tools that exist already, and people who want to see
// which keys they would have to pin; with them alone the word is [NotPinned].
//
// To read it: trust.go (which keys may say what), bundle.go and zip.go (the file), status.go (revocation), sealed.go (what is committed to but not told),
// verify.go (the order of the checks) with signed.go, content.go, logged.go, history.go and standing.go, seen.go and merge.go (what a verifier remembers), fleet.go (an inventory).
// build.go is the lab's side.
//
// The package imports statement and ledger/proof of ours, and golang.org/x/mod/sumdb/tlog. It is linked into probat-verify.
package credential
