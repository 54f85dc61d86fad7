package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"

	"filippo.io/age"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/probat-lab/probat/lab"
)

// capture NAME PATTERN: what the group of the pattern fits in the last standard output becomes a variable.
func capture(ts *testscript.TestScript, _ bool, args []string) {
	m := regexp.MustCompile("(?m)" + args[1]).FindStringSubmatch(ts.ReadFile("stdout"))
	if len(m) != 2 {
		ts.Fatalf("standard output has no %q", args[1])
	}
	ts.Setenv(args[0], m[1])
}

// redigest DIR FILE: puts the digest and size that a file of a dossier has now into its dossier.json, as a forger would.
func redigest(ts *testscript.TestScript, _ bool, args []string) {
	manifest := filepath.Join(args[0], "dossier.json")
	text := ts.ReadFile(manifest)
	data, err := os.ReadFile(ts.MkAbs(filepath.Join(args[0], args[1])))
	ts.Check(err)
	sum := sha256.Sum256(data)
	entry := regexp.MustCompile(regexp.QuoteMeta(`"`+args[1]+`":`) + `\{"digest":"[0-9a-f]{64}","size":[0-9]+\}`)
	if len(entry.FindAllString(text, -1)) != 1 {
		ts.Fatalf("%s has no entry for %s", manifest, args[1])
	}
	text = entry.ReplaceAllString(text, fmt.Sprintf(`"%s":{"digest":"%s","size":%d}`, args[1], hex.EncodeToString(sum[:]), len(data)))
	ts.Check(os.WriteFile(ts.MkAbs(manifest), []byte(text), 0o600))
}

// useAge keygen NAME: makes NAME.key and NAME.pub. useAge decrypt KEY IN OUT; with ! it must not be possible.
func useAge(ts *testscript.TestScript, neg bool, args []string) {
	if args[0] == "keygen" {
		k, err := age.GenerateX25519Identity()
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(args[1]+".key"), []byte(k.String()+"\n"), 0o600))
		ts.Check(os.WriteFile(ts.MkAbs(args[1]+".pub"), []byte(k.Recipient().String()+"\n"), 0o600))
		return
	}
	k, err := age.ParseX25519Identity(strings.TrimSpace(ts.ReadFile(args[1])))
	ts.Check(err)
	r, err := age.Decrypt(strings.NewReader(ts.ReadFile(args[2])), k)
	if neg {
		if err == nil {
			ts.Fatalf("%s opens %s", args[1], args[2])
		}
		return
	}
	ts.Check(err)
	data, err := io.ReadAll(r)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[3]), data, 0o600))
}

// listening NAME PROGRAM ARG...: starts it, puts the address that it says it listens on into a variable, and interrupts it when the story ends.
func listening(ts *testscript.TestScript, _ bool, args []string) {
	program := filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], args[1])
	cmd := exec.Command(program, args[2:]...)
	cmd.Dir = ts.MkAbs(".")
	for _, name := range []string{"PATH", "PROBAT_PASSPHRASE", "PROBAT_LAB", "XDG_CACHE_HOME", "HOME", "TMPDIR"} {
		cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.StdoutPipe()
	ts.Check(err)
	ts.Check(cmd.Start())
	ts.Defer(func() {
		_ = cmd.Process.Signal(syscall.SIGINT)
		if err := cmd.Wait(); err != nil {
			ts.Logf("%s: %v: %s", args[1], err, errs.String())
		}
	})
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if _, url, ok := strings.Cut(lines.Text(), "listening on "); ok {
			ts.Setenv(args[0], url)
			return
		}
	}
	ts.Fatalf("%s did not say where it listens", args[1])
}

// locked LAB CODE PROGRAM ARG...: runs a program while the lab is open elsewhere, and wants that exit code.
func locked(ts *testscript.TestScript, _ bool, args []string) {
	o := lab.Options{Passphrase: func() (string, error) { return ts.Getenv("PROBAT_PASSPHRASE"), nil }}
	l, err := lab.Open(scriptContext, ts.MkAbs(args[0]), o)
	ts.Check(err)
	defer l.Close()
	exits(ts, false, args[1:])
}
