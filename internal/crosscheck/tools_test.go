package crosscheck

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/tlog"
)

// sigstoreInput is one bundle for verify.mjs, with the keys that the verifier has pinned.
type sigstoreInput struct {
	Bundle      string `json:"bundle"`
	TrustedRoot string `json:"trustedRoot"`
	PublicKey   string `json:"publicKey"`
}

// sigstore asks @sigstore/verify about bundles, and returns for each nil or why it was refused.
func sigstore(t testing.TB, inputs []sigstoreInput) []error {
	t.Helper()
	if _, err := os.Stat("node_modules"); err != nil {
		t.Fatal("run npm ci in this folder: ", err)
	}
	in, err := json.Marshal(inputs)
	ok(t, err)
	c := exec.CommandContext(t.Context(), "node", "verify.mjs")
	c.Stdin = bytes.NewReader(in)
	var results []struct {
		OK    bool
		Error string
	}
	ok(t, json.Unmarshal([]byte(run(t, c)), &results))
	if len(results) != len(inputs) {
		t.Fatalf("%d answers to %d questions", len(results), len(inputs))
	}
	errs := make([]error, len(results))
	for i, r := range results {
		if !r.OK {
			errs[i] = errors.New(r.Error)
		}
	}
	return errs
}

// readmeCommands returns the commands of README.txt for openssl. Those for cosign come after an empty line; scripts/cosign.sh runs them.
func readmeCommands(t testing.TB, readme []byte) string {
	t.Helper()
	_, rest, found := strings.Cut(string(readme), "Other tools, after unzip:\n\n")
	commands, _, ends := strings.Cut(rest, "\n\n")
	if !found || !ends || !strings.Contains(commands, "openssl") {
		t.Fatalf("README.txt has no commands where they are looked for:\n%s", readme)
	}
	return commands
}

// openssl runs the commands of a credential's README.txt over its unzipped files. There is nothing on the path but openssl and what every Debian has.
func openssl(t testing.TB, dir, image string) (string, error) {
	t.Helper()
	path, err := onlyTools("openssl", "sed", "base64", "wc", "cat", "sha256sum")
	ok(t, err)
	commands := strings.ReplaceAll(readmeCommands(t, read(t, dir, "README.txt")), "IMAGE", "'"+image+"'")
	c := exec.CommandContext(t.Context(), "/bin/sh", "-e", "-c", commands)
	c.Dir, c.Env = dir, []string{"PATH=" + path}
	out, err := c.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return string(out), nil
}

// onlyTools makes a folder with links to these programs.
func onlyTools(names ...string) (string, error) {
	dir := filepath.Join(scratch, "tools")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err != nil {
			return "", err
		}
		if err := os.Symlink(path, filepath.Join(dir, name)); err != nil && !errors.Is(err, os.ErrExist) {
			return "", err
		}
	}
	return dir, nil
}

// torchwoodProof asks torchwood whether a leaf is in a log by a tlog-proof and a policy.
func torchwoodProof(policy, leaf, proof []byte) error {
	p, err := torchwood.ParsePolicy(policy)
	if err != nil {
		return err
	}
	return torchwood.VerifyProof(p, tlog.RecordHash(leaf), proof)
}
