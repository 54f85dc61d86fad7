// Package draft reads a dossier for sealing: it checks every digest, judges the facts again, and drafts the examine.Plan, the little that the statements
// about the dossier need. A dossier is hostile bytes: draft runs in the child without keys.
package draft
