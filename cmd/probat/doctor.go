package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/sandbox"
	"github.com/probat-lab/probat/unpack"
)

func (p *program) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "What this program can do on this machine, and what it lacks",
		Long: `doctor looks at what evaluating needs: folders that can be written, processors, formats and observers; and starts an empty child to
find out how well this machine keeps a product's bytes apart from a lab's keys: full, partial or none, and what is missing.

Exit codes: 0 everything that evaluating needs is there; 2 something is missing`,
		Args: exact(),
		RunE: func(c *cobra.Command, _ []string) error { return p.doctor(c.Context()) },
	}
}

func (p *program) doctor(ctx context.Context) error {
	fmt.Fprintf(p.out, "probat %s, %s %s/%s, %d processors\n", version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0))
	missing := 0
	check := func(what, dir string, err error) {
		if err != nil {
			missing++
			fmt.Fprintf(p.out, "missing  %s: %v\n", what, err)
			return
		}
		fmt.Fprintf(p.out, "ok       %s: %s\n", what, dir)
	}
	dir, err := os.UserCacheDir()
	if err == nil {
		dir = filepath.Join(dir, "probat")
		if err = os.MkdirAll(dir, 0o700); err == nil {
			err = writable(dir)
		}
	}
	if err != nil {
		fmt.Fprintf(p.out, "without  cache: %v (everything works, slower)\n", err)
	} else {
		check("cache", dir, nil)
	}
	check("temporary files", os.TempDir(), writable(os.TempDir()))
	wd, err := os.Getwd()
	if err == nil {
		err = writable(wd)
	}
	check("working directory", wd, err)
	fmt.Fprint(p.out, "formats ")
	for _, f := range unpack.Formats() {
		fmt.Fprintf(p.out, " %s/%d", f.Name, f.Version)
	}
	fmt.Fprint(p.out, "\nobservers")
	for _, o := range evaluate.Observers() {
		fmt.Fprintf(p.out, " %s/%d", o.Name, o.Version)
	}
	fmt.Fprintln(p.out)
	p.doctorIsolation(ctx)
	if missing > 0 {
		return usage("set TMPDIR, or change to a folder that can be written", "%d things are missing", missing)
	}
	return nil
}

// doctorIsolation says what keeps a product's bytes away from a lab's keys on this machine. That it lacks something is no reason for an exit
// code: evaluate without --seal has no keys.
func (p *program) doctorIsolation(ctx context.Context) {
	r, err := sandbox.Probe(ctx)
	if err != nil {
		fmt.Fprintf(p.out, "isolation none: %v\n", err)
		r.Level = sandbox.None
	} else {
		fmt.Fprintf(p.out, "isolation %s\n", r.Level)
		for _, i := range r.Items {
			if !i.Held {
				fmt.Fprintf(p.out, "  without  %s%s\n", i.Protection, note(i.Note))
			}
		}
	}
	switch r.Level {
	case sandbox.None:
		fmt.Fprintln(p.out, "  evaluate --seal, seal and what reads a credential near keys refuse to, unless --without-isolation is given")
	case sandbox.Partial:
		fmt.Fprintln(p.out, "  files, the program's memory, other processes and the network are out of reach of a product, each by one means at least")
	}
}

func note(text string) string {
	if text == "" {
		return ""
	}
	return ": " + text
}

// writable tells whether files can be made in a folder, by making one.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".probat-")
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Remove(f.Name())
}
