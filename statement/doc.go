// Package statement is the act as a signed document: an in-toto Statement v1 in a DSSE envelope with exactly one ECDSA P-256 signature.
//
// A statement has one encoding only, the canonical JSON of RFC 8785. What is read is decoded into the types of this package, encoded again
// and compared, so that duplicate keys, case variants, other spellings of numbers or base64, white space, trailing data, unknown fields
// and invalid UTF-8 are all refused by the same few lines. A statement's identity is the SHA-256 of its DSSE pre-authentication encoding,
// never that of the envelope: ECDSA signatures can be altered without becoming invalid.
//
// The package is pure: it reads no file, no clock and no network, and imports no other room. It is linked into probat-verify, so auditors
// read it. Who may sign what is not decided here but by package credential, from the trust file that the verifier pinned.
//
// Sources: in-toto Attestation Framework v1.1 (Statement v1), DSSE v1.0.2, SLSA v1.1 Verification Summary, RFC 8785, RFC 4648 section 4.
package statement
