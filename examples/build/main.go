// Build makes the example release, examples/edge-router, from the parts beside it: a root file system as squashfs, in a uImage, in a tar.gz,
// with its declaration and documents. The same parts give the same bytes, each time. It needs mksquashfs (squashfs-tools, 4.5 or newer).
//
//	go run ./examples/build                      rebuilds examples/edge-router
//	go run ./examples/build -without telnet -out DIR
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
)

func main() {
	out := flag.String("out", "examples/edge-router", "folder to write to")
	without := flag.String("without", "", "leave this defect out; truth.yaml lists them")
	flag.Parse()
	if err := Build(context.Background(), *out, *without); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}
