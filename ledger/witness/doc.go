// Package witness is what a customer, a regulator or anybody else runs so that a log cannot tell two histories, and what a lab needs to talk to them.
//
// A witness remembers, for each log, the largest checkpoint it has cosigned, and cosigns only what extends it. It is reached in two ways: by push, the HTTP protocol
// of C2SP tlog-witness ([Witness] is its handler, [Client] the lab's half), and by pull, for parties behind firewalls ([Witness.Pull] fetches the checkpoint and the
// tiles, checks them, and gives the cosignatures back to the lab's [Collector]). [Run] does either or both until its context ends.
//
// All of a witness's worth lies in its [State]: a checkpoint is on disk before its cosignature leaves, checking and writing are one step for each log, and a witness whose
// state is gone or damaged does not start. What it cannot notice by itself is a folder put back from a backup, or copied to a second machine with the key:
// its operator must do neither.
//
// Whatever contradicts the history that was cosigned is kept, see [State] and [Conflict].
//
// The package never logs and reads no key files: events go to a callback, keys come from the caller. It imports ledger/proof and nothing else of ours.
package witness
