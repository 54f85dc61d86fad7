// Package crosscheck holds nothing but tests: what Probat writes, read by verifiers that others wrote, and what others write, read by Probat.
//
// For each way to tamper with a credential a table says what each tool makes of it: it refuses, as we do, or it cannot see it, and why. Where a tool
// begins to see more, or less, the table is wrong and a test fails. doc/interoperability.md has the summary for people.
//
// It is a module of its own, so that those who build Probat do not need the modules of all these tools. It takes the rest of Probat from the folder above.
// The tests need node with the packages in package-lock.json (npm ci), openssl, unzip and sh.
package crosscheck
