//go:build linux

package sandbox

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestAsNobody runs the whole suite as a user without rights, when it is run by root: much works by other means then.
func TestAsNobody(t *testing.T) {
	if os.Geteuid() != 0 {
		return // this is that run
	}
	const nobody = 65534
	dir := t.TempDir()
	program, temp := filepath.Join(dir, "sandbox.test"), filepath.Join(dir, "tmp")
	if err := errors.Join(copyFile(program, "/proc/self/exe"), os.Mkdir(temp, 0o755), os.Chown(temp, nobody, nobody)); err != nil {
		t.Fatal(err)
	}
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	tests := "^Test"
	if r, err := Probe(t.Context()); err != nil || r.note(MemoryBound) == watched {
		// With the race detector a child takes ten times as long: only what works by other means than root's.
		tests = "^Test(Attacks|ForkBomb|Owners|ParentKilled|Paths|Refused|Tasks)$"
	}
	cmd := exec.CommandContext(t.Context(), program, "-test.count=1", "-test.v", "-test.run="+tests)
	cmd.Dir, cmd.Env = temp, append(os.Environ(), "TMPDIR="+temp)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("%v\n%s", err, out.String())
	}
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "this host: ") {
			t.Log("as nobody: ", strings.TrimSpace(line))
		}
	}
}

func copyFile(to, from string) error {
	r, err := os.Open(from)
	if err != nil {
		return err
	}
	defer r.Close()
	w, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, r)
	return errors.Join(err, w.Close())
}
