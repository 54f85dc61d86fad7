// Build makes the example releases, examples/edge-router and those beside it, from the parts beside it: a root file system as squashfs, in a
// uImage, in a tar.gz, with its declaration and documents. The same parts give the same bytes, each time. It needs mksquashfs (squashfs-tools,
// 4.5 or newer).
//
//	go run ./examples/build                      rebuilds all releases in examples
//	go run ./examples/build -version 4.2.1 -without telnet -out DIR
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	out := flag.String("out", "", "folder to write one release to; without it all are written below examples")
	name := flag.String("version", ownVersion, "which release, with -out")
	without := flag.String("without", "", "leave this defect out, with -out; truth.yaml lists them")
	flag.Parse()
	if err := build(context.Background(), *out, *name, *without); err != nil {
		fmt.Fprintln(os.Stderr, "build:", err)
		os.Exit(1)
	}
}

func build(ctx context.Context, out, name, without string) error {
	if out != "" {
		v, err := versionByName(name)
		if err != nil {
			return err
		}
		return Build(ctx, v, out, without)
	}
	if without != "" || name != ownVersion {
		return errors.New("-version and -without go with -out")
	}
	for _, v := range versions() {
		if err := Build(ctx, v, filepath.Join("examples", v.dir), ""); err != nil {
			return fmt.Errorf("building %s: %w", v.name, err)
		}
	}
	return nil
}
