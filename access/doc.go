// Package access decides who may see and who may do what. It is pure: it reads and writes nothing.
//
// Seeing is structural: Reach gives the level at which a viewer sees a release, and every row says which level it needs. The database computes
// the same in SQL (package store/records), under every read; a property test over random worlds holds the two together. Doing is decided by the
// Cedar policies in policy.cedar, against schema.cedarschema; the digest of both is in the ledger, so that everybody can know by which rules the lab
// worked at what time. What a viewer does not see it cannot act on either: asking comes after finding.
package access
