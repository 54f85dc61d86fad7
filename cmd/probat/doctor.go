package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/unpack"
)

func (p *program) doctorCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "doctor",
		Short: "What this program can do on this machine, and what it lacks",
		Long: `doctor looks at what evaluating needs: folders that can be written, processors, formats and observers; and says how hostile
bytes are kept apart.

Exit codes: 0 everything that evaluating needs is there; 2 something is missing`,
		Args: exact(),
		RunE: func(*cobra.Command, []string) error { return p.doctor() },
	}
}

func (p *program) doctor() error {
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
	fmt.Fprintln(p.out, "\nisolation none: evaluate parses in this process, which holds no keys")
	if missing > 0 {
		return usage("set TMPDIR, or change to a folder that can be written", "%d things are missing", missing)
	}
	return nil
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
