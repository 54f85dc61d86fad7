// Package strictyaml reads the YAML files that people write for Probat: declarations, schemes and their tests. It keeps the place of every
// value, so that whoever checks a file can say FILE:LINE:COL, and refuses what such files do not need: tags, directives, merge keys,
// repeated keys, several documents. Files are hostile: size, depth, keys and aliases are bounded before the parser sees them.
package strictyaml
