// Package lab is a lab on disk: who it is, its keys, its ledger, its database and its evidence, in one folder that `probat lab init` makes.
//
//	lab.yaml      who the lab is, and where its database, log and evidence lie
//	lab.trust     what customers pin: root key, and the trust statement that it signed
//	keys/         root, issuing, ledger and log key, each sealed to keys/identity.age, which the passphrase opens; readable by the owner only
//	lab.db        statements, head, cases, credentials (or a PostgreSQL database by URL)
//	log/          the public ledger: checkpoint, tiles, status lists (or an S3 bucket by URL)
//	evidence/     the files of sealed dossiers, by digest
//
// What someone who can write to them could do: to lab.yaml, point the lab at another database or log, which the ledger refuses, since it
// does not bear the lab's checkpoints; to lab.trust, nothing that a customer would not notice, who has her own copy; to keys/, destroy
// keys; to lab.db, lose or alter acts, which the audit finds and for which the ledger refuses to sign on; to log/ and evidence/, destroy
// what the audit then names. Only keys together with the passphrase can make new statements.
//
// The package opens things and signs nothing itself but trust statements; package seal is the use case. It knows no products.
package lab
