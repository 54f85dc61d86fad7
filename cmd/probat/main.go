// Command probat is an open security lab for network equipment in one program: it observes a product release, judges what it saw against
// published security schemes, and keeps everything in a dossier that anyone can judge anew.
package main

import (
	"os"
	"runtime/debug"

	"github.com/probat-lab/probat/sandbox"
)

// memoryLimit makes the collector work harder from there on, so that the largest products stay below 512 MiB in all.
const memoryLimit = 384 << 20

func main() {
	if sandbox.Main(tasks()) {
		return
	}
	debug.SetMemoryLimit(memoryLimit)
	os.Exit(Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}
