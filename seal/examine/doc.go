// Package examine is what a child without keys says of a dossier: a Plan, which has one encoding and is read strictly by what holds keys. Package draft
// makes it, in the child.
package examine
