// Package strictyaml reads the YAML files that people write for Probat: declarations, schemes and their tests. It keeps the place of every
// value, so that whoever checks a file can say FILE:LINE:COL, and refuses what such files do not need: tags, directives, merge keys,
// repeated keys, several documents. Files are hostile: size, depth, keys and aliases are bounded before the YAML parser sees them, and
// a panic in that parser is an error like any other.
//
// The package opens no file, knows no other package of this module and nothing of what a file means: packages product, scheme and
// schemetest do, and nobody else should read YAML in another way.
package strictyaml
