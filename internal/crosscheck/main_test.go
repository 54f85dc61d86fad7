package crosscheck

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// scratch is a folder for what the tests share; TestMain removes it.
var scratch string

func TestMain(m *testing.M) {
	var err error
	if scratch, err = os.MkdirTemp("", "crosscheck"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := os.RemoveAll(scratch); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// programs builds probat and probat-verify once, as users have them, and returns their folder.
var programs = sync.OnceValues(func() (string, error) {
	bin := filepath.Join(scratch, "bin")
	c := exec.Command("go", "build", "-o", bin+string(filepath.Separator), "./cmd/probat", "./cmd/probat-verify")
	c.Dir = filepath.Join("..", "..")
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("building the programs: %w\n%s", err, out)
	}
	return bin, nil
})

// program returns a command that runs one of our programs in a folder.
func program(t testing.TB, dir, name string, args ...string) *exec.Cmd {
	t.Helper()
	bin, err := programs()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.CommandContext(t.Context(), filepath.Join(bin, name), args...)
	c.Dir, c.Env = dir, append(os.Environ(), "PROBAT_PASSPHRASE=only for this test", "XDG_CACHE_HOME="+filepath.Join(scratch, "cache"))
	return c
}

// run runs a command, which has to succeed, and returns what it says.
func run(t testing.TB, c *exec.Cmd) string {
	t.Helper()
	var out, errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	if err := c.Run(); err != nil {
		t.Fatalf("%s: %v\n%s%s", strings.Join(c.Args, " "), err, &out, &errs)
	}
	return out.String()
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func read(t testing.TB, path ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(path...))
	ok(t, err)
	return data
}

func write(t testing.TB, data []byte, path ...string) {
	t.Helper()
	name := filepath.Join(path...)
	ok(t, os.MkdirAll(filepath.Dir(name), 0o755))
	ok(t, os.WriteFile(name, data, 0o644))
}
