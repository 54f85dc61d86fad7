// Package ledger is the log of statements that nobody, the lab included, can rewrite: sequencer, publisher, witnesses, recovery, audit.
//
// An act is appended by one goroutine, the sequencer, which takes all that wait, lets each be signed with its place in its case, and writes
// statements, leaves, the rows that the acts change and the new head in one transaction. The head is changed by compare and swap: if another
// sequencer was there, this ledger stops for good and no history forks. Append returns when the commit is on the disk.
//
// A second goroutine, the publisher, reads the new entries back from the database, hashes them again, and only if they give the head's root
// signs a checkpoint. The note is stored in the database before anything else happens with it, then the tiles up to its size are written, then
// the object "checkpoint" is replaced. So no tile reaches beyond the size that was signed, what was signed is never forgotten, and a crash
// between any two steps is made good by Open. Witnesses are asked afterwards; a witness that does not answer holds nobody up.
//
// What an attacker who writes to a store can do: in the tile store, make reads fail (every proof is checked against the signed root before it
// is returned) and have the difference named by Audit; in the database, destroy, or rewrite what no checkpoint has been signed for, but not
// rewrite what was published, which the next publication, Open, a witness or Audit finds. A database and a tile store that are put back to
// an older state together are found by witnesses only; without any, nobody can know.
//
// The leaves are commitments: tiles, checkpoints and this package's own error texts name no case, actor, product or vendor.
//
// Sources: C2SP tlog-tiles, tlog-checkpoint, tlog-witness; RFC 6962 section 2.1.
package ledger
