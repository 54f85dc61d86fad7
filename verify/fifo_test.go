//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package verify

import (
	"os"
	"strings"
	"syscall"
	"testing"
)

// TestInventoryNoFiles: what only looks like a credential is said, and neither waited for nor the end.
func TestInventoryNoFiles(t *testing.T) {
	d := newDesk(t)
	if err := syscall.Mkfifo(d.path("a.probat.zip"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(d.path("b.probat.zip"), 0o700); err != nil {
		t.Fatal(err)
	}
	for link, to := range map[string]string{"c": "a.probat.zip", "d": "nowhere", "e": "router.probat.zip"} {
		if err := os.Symlink(to, d.path(link+".probat.zip")); err != nil {
			t.Fatal(err)
		}
	}
	out := d.inventory(0, "covered     PASSED  edge-1  e3b0c44298fc  e.probat.zip: VALID, router.probat.zip: VALID\n            TS-33.117: covered: PASSED, 40 pass")
	for _, line := range []string{"not read: a.probat.zip: it is no file", "not read: b.probat.zip: it is no file", "not read: c.probat.zip: it is no file", "not read: d.probat.zip: ", "2 credentials, 4 not read\n"} {
		if !strings.Contains(out, line) {
			t.Errorf("%q is not in\n%s", line, out)
		}
	}
	d.inventory(0, `"unread": [`, "--json")
}
