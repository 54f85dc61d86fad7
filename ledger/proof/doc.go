// Package proof holds what can be proven about a ledger to somebody who trusts neither the lab nor this program's authors:
// leaves, tile paths, checkpoints, the keys of logs and witnesses, cosignatures, the policy that says whose word is enough,
// proofs of inclusion, and proofs that a log told two histories.
//
// Everything here is pure: bytes, keys and a time go in, a result or an error comes out. Nothing reads a file, a clock or a network;
// only making keys and ML-DSA-44 signatures reads randomness; verifying does neither. That is why cmd/probat-verify can consist of this package, statement and credential.
//
// One rule holds for every parser but the policy's, which people write by hand: what was parsed is encoded again, and if the bytes differ the input is refused. So leading zeros,
// carriage returns, other base64 alphabets, missing padding, white space and trailing bytes need no list of their own, and one
// thing never has two spellings that another program reads in another way.
//
// The formats are those of C2SP: signed-note, tlog-checkpoint, tlog-cosignature, tlog-policy, tlog-proof, tlog-tiles (https://c2sp.org),
// over the Merkle tree of RFC 6962. Where a specification leaves room we take the narrow side: checkpoints have exactly three lines,
// names are printable, a second signature line of the same key is refused, sizes end at [MaxSize]. A leaf is a Rekor v2 hashedrekord 0.0.2 entry.
//
// To read it: text.go (numbers, names, base64), leaf.go, checkpoint.go, note.go, key.go, cosign.go, cosigner.go, policyparse.go, policy.go, proof.go, consistency.go, equivocation.go.
package proof
