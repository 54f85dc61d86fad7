package verify

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/statement"
)

// TestSeenTogether: of many verifiers that share one file none loses what another saw.
func TestSeenTogether(t *testing.T) {
	d := newDesk(t)
	const n = 12
	for i := range n {
		d.lab.Series = credentialtest.Hex(16)
		d.write(fmt.Sprintf("%d.probat.zip", i), d.lab.NewCredential().Seal())
	}
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			var out bytes.Buffer
			if code := Main([]string{d.path(fmt.Sprintf("%d.probat.zip", i)), "--trust", d.path("lab.trust"), "--seen", d.path("seen")}, nil, &out, &out, tomorrow); code != 0 {
				t.Errorf("exit code %d: %s", code, out.String())
			}
		})
	}
	all.Wait()
	s, err := readSeen(d.path("seen"))
	if err != nil || len(s.Labs) != 1 || len(s.Labs[0].Series) != n {
		t.Fatalf("%v, %v", s, err)
	}
}

// TestSeenMeanwhile: between reading and writing another verifier saw a revocation.
func TestSeenMeanwhile(t *testing.T) {
	d := newDesk(t)
	c := &command{seen: d.path("seen")}
	in := credential.Input{Trust: d.lab.Pinned(), Now: tomorrow}
	mine := credential.Verify(d.c.Zip(), in)
	var revoked credential.Lists
	revoked.Put(d.c.Index, statement.Revoked)
	theirs := credential.Verify(d.c.Refresh(2, credentialtest.Noon.Add(time.Hour), &revoked), in)
	for _, r := range []*credential.Result{theirs, mine, mine} {
		if err := c.remember(r.Seen, nil); err != nil {
			t.Fatal(err)
		}
	}
	d.want(16, "the remembered status list", "@router.probat.zip", "--trust", "@lab.trust", "--seen", "@seen")
}

// TestLock: one at a time; who waits in vain is told for what.
func TestLock(t *testing.T) {
	name := t.TempDir() + "/seen.lock"
	unlock, err := lock(name)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tryLock(name); !errors.Is(err, errLocked) {
		t.Errorf("locked twice: %v", err)
	}
	unlock()
	if unlock, err = tryLock(name); err != nil {
		t.Fatal(err)
	}
	unlock()
	if _, err := lock(t.TempDir() + "/no/folder"); err == nil || errors.Is(err, errLocked) {
		t.Errorf("%v", err)
	}
}

// TestCredential: which argument is the credential.
func TestCredential(t *testing.T) {
	for args, want := range map[string]string{
		"a.probat.zip --trust lab.trust":        "a.probat.zip",
		"--trust lab.zip a --file b.zip":        "a",
		"--trust=lab.zip -- a":                  "a",
		"- --json":                              "-",
		"--trust lab.zip":                       "",
		"a b":                                   "",
		"--none a":                              "",
		"--help":                                "",
		"--inventory x.csv --credentials d.zip": "",
		"a --max-status-age 400000d":            "",
		"--policy x.zip --max-status-age 30d z --seen s.zip": "z",
	} {
		if got, ok := Credential(strings.Fields(args)); got != want || ok != (want != "") {
			t.Errorf("%s: %q, %v", args, got, ok)
		}
	}
}

func TestDuration(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"30d": 720 * time.Hour, "720h": 720 * time.Hour, "106751d": 106751 * 24 * time.Hour, "1h30m": 90 * time.Minute,
		"106752d": 0, "213504d": 0, "99999999999999999999d": 0, "9999999h": 0, "0d": 0, "-1d": 0, "1.5d": 0, "d": 0, "": 0, "1h30d": 0, "0s": 0, "-9223372036854775808d": 0, "-213504d": 0,
	} {
		got, err := duration(s)
		if got != want || (err == nil) != (want != 0) || err != nil && !strings.Contains(err.Error(), "at most 106751d") {
			t.Errorf("%s: %v, %v", s, got, err)
		}
	}
}

// TestPolicyFlag: what is asked for and what is shown.
func TestPolicyFlag(t *testing.T) {
	d := newDesk(t)
	args := []string{"@router.probat.zip", "--trust", "@lab.trust", "--policy"}
	d.want(0, "(sha256:e3b0c44298fc): 40 pass", append(args, "TS-33.117")...)
	d.want(0, "VALID", append(args, "e3b0c44298fc")...)
	d.want(22, "is not for the scheme asked for", append(args, "TS-33.511")...)
	d.want(22, "NOT-PASSED", append(args, "e3b0c44298f0")...)
	d.want(0, `"digest": "`+credentialtest.Image+`"`, append(args, "TS-33.117", "--json")...)
	c := d.lab.NewCredential()
	d.write("other.probat.zip", c.Seal(func(c *statement.Credential, _ *statement.Statement) { c.Core.Lab.Name = "Federal Office\u200b"[:14] }))
	d.want(0, "Lab        Example Lab, run by Example Testing GmbH, paid by the vendor (contracted)\n           the credential calls it \"Federal Office\", run by \"Example Testing GmbH\"\n",
		"@other.probat.zip", "--trust", "@lab.trust")
}

// inventory writes a fleet of one host that runs the image, and runs the inventory.
func (d *desk) inventory(code int, text string, args ...string) string {
	d.t.Helper()
	d.write("fleet.csv", []byte("edge-1,"+credentialtest.Image+"\n"))
	return d.want(code, text, append([]string{"--inventory", "@fleet.csv", "--credentials", "@", "--trust", "@lab.trust"}, args...)...)
}

// TestInventoryNames: what one file shows counts for all, however they are called.
func TestInventoryNames(t *testing.T) {
	for _, names := range [][2]string{{"a.probat.zip", "z.probat.zip"}, {"z.probat.zip", "a.probat.zip"}} {
		d := newDesk(t)
		if err := os.Remove(d.path("router.probat.zip")); err != nil {
			t.Fatal(err)
		}
		d.write(names[0], d.c.Zip())
		other := d.lab.NewCredential() // of the same series, for another image
		other.Index, other.Issue.Core.Status.Index = 4712, 4712
		other.Issue.Subjects[0].Digest.SHA256 = strings.Repeat("1", 64)
		other.Seal()
		var revoked credential.Lists
		revoked.Put(d.c.Index, statement.Revoked)
		d.write(names[1], other.Refresh(2, credentialtest.Noon.Add(time.Hour), &revoked))
		d.inventory(1, "revoked     PASSED  edge-1  e3b0c44298fc  "+names[0]+": REVOKED\n            TS-33.117: revoked: PASSED, 40 pass")
		d.inventory(1, "            withdrawn: "+names[0]+": REVOKED\n")
		d.inventory(1, `"withdrawn": [`, "--json")
	}
}

// TestInventoryPolicy limits to one scheme.
func TestInventoryPolicy(t *testing.T) {
	d := newDesk(t)
	c := d.lab.NewCredential()
	c.Issue.Core.Policy.Scheme, c.Issue.Core.Counts.Fail = "other", 2
	c.Index, c.Issue.Core.Status.Index = 4712, 4712
	c.Seal()
	var suspended credential.Lists
	suspended.Put(c.Index, statement.Suspended)
	d.write("other.probat.zip", c.Refresh(2, credentialtest.Noon.Add(time.Hour), &suspended))
	d.inventory(1, "suspended   FAILED  edge-1")
	d.inventory(1, "            other: suspended: FAILED, 40 pass, 2 fail")
	if out := d.inventory(0, "covered     PASSED  edge-1", "--policy", "TS-33.117"); strings.Contains(out, "SUSPENDED") {
		t.Error(out)
	}
	d.inventory(1, "unknown     -       edge-1", "--policy", "none")
}
