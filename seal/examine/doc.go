// Package examine reads a dossier for sealing: it checks every digest, judges the facts again, and returns a Plan, the little that the
// statements about the dossier need. A dossier is hostile bytes: examine runs in the child without keys, and what holds keys reads only
// the Plan, which has one encoding.
package examine
