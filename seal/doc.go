// Package seal is the third beat: a dossier becomes statements in the ledger and a credential that anyone can verify offline; and what
// becomes of a credential afterwards: its status, suspension, notice and revocation, and the disclosure of single findings.
//
// It trusts nothing of a dossier: it reads an examine.Plan, which a child without keys made by checking every digest and judging again,
// and copies the dossier's files as bytes. Each act has an idempotency key made of what it is about, so that sealing again after a crash
// goes on where it stopped, and sealing the same again gives the same credential.
package seal
