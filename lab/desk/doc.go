// Package desk is where people who do not trust each other do things in one lab: hand in releases, have them evaluated, judge, talk, let others look,
// and issue credentials.
//
// Every act finds what it is about as its actor sees it, asks the policies, and becomes a statement whose rows are written in the same transaction.
// Hostile bytes are opened by package child only; what is kept is encrypted under the release's key before it is written.
package desk
