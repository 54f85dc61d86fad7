// Package examples holds the example releases of a fictional vendor, for the lab that shows what Probat does. Nothing else uses it.
package examples

import "embed"

// Releases has a folder for each release: product.yaml and the files that it names.
//
//go:embed edge-router edge-router-4.2.0 edge-router-4.3.0-rc1
var Releases embed.FS
