package verify

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

const origin = "log.lab.example"

var tomorrow = credentialtest.Noon.Add(24 * time.Hour)

// desk is a customer's folder: a credential, a trust file, an image, which is empty.
type desk struct {
	t   *testing.T
	dir string
	lab *credentialtest.Lab
	c   *credentialtest.Credential
}

func newDesk(t *testing.T) *desk {
	t.Helper()
	l := credentialtest.New(t, origin, 3)
	d := &desk{t, t.TempDir(), l, l.NewCredential()}
	d.write("router.probat.zip", d.c.Seal())
	d.write("lab.trust", l.TrustFile())
	d.write("router.img", nil)
	return d
}

func (d *desk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *desk) write(name string, data []byte) {
	d.t.Helper()
	if err := os.WriteFile(d.path(name), data, 0o600); err != nil {
		d.t.Fatal(err)
	}
}

// run runs the command; words that begin with @ are files on the desk.
func (d *desk) run(args ...string) (code int, out, errs string) {
	d.t.Helper()
	for i, a := range args {
		if n, ok := strings.CutPrefix(a, "@"); ok {
			args[i] = d.path(n)
		}
	}
	var o, e bytes.Buffer
	code = Main(args, bytes.NewReader(nil), &o, &e, tomorrow)
	clean := func(s string) string { return strings.ReplaceAll(s, d.dir+string(filepath.Separator), "") }
	return code, clean(o.String()), clean(e.String())
}

func (d *desk) want(code int, text string, args ...string) string {
	d.t.Helper()
	got, out, errs := d.run(args...)
	if got != code || !strings.Contains(out+errs, text) {
		d.t.Errorf("%q: exit code %d, want %d with %q\n%s%s", args, got, code, text, out, errs)
	}
	return out + errs
}

var unstable = regexp.MustCompile(`([0-9a-f]{4} ){15}[0-9a-f]{4}|[0-9a-f]{64}|key SHA256:[A-Za-z0-9+/]{12}`)

// TestOutput compares the whole of what is said of a valid credential.
func TestOutput(t *testing.T) {
	d := newDesk(t)
	code, out, errs := d.run("@router.probat.zip", "--file", "@router.img", "--trust", "@lab.trust", "--require-passed")
	if code != 0 || errs != "" {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	const want = `VALID: the lab said this, and it stands; what it found is below

Release    router 4.2.1 by Example Vendor
           router-4.2.1.img sha256:*
Lab        Example Lab, run by Example Testing GmbH, paid by the vendor (contracted)
           observed the product itself
Scheme     TS-33.117 V18.1.0 (sha256:e3b0c44298fc): 40 pass, 0 fail, 0 inconclusive, 0 not assessed, 2 not applicable, of 42
Outcome    PASSED at attempt 2, judged as of 2026-11-24; 7 acts in the case; 3 things could not be observed
Risk       4.2.3.4.3, accepted by operator Example Operator until 2027-06-01
Valid      2026-11-24T12:00:00Z to 2027-11-24T12:00:00Z
Status     number 1 of 2026-11-24T12:00:00Z
Witness    witness0.example/log.lab.example of Organisation 0 at 2026-11-24T12:00:02Z
Witness    witness1.example/log.lab.example of Organisation 1 at 2026-11-24T12:00:02Z

Checked
  the credential is signed by the *, which may issue credentials
  the credential is leaf 5 of the log log.lab.example
  2 witnesses of 2 organisations saw the same log
  witnesses had seen it by 2026-11-24T12:00:02Z
  1 of 1 files that were given are evaluated ones
  the status list number 1 of 2026-11-24T12:00:00Z

Root keys (your trust file, version 1):
  *
`
	if diff := cmp.Diff(want, unstable.ReplaceAllString(out, "*")); diff != "" {
		t.Error(diff)
	}
}

// TestStories: what a customer tries, the exit code, and a piece of what she reads. Errors say which of the things given is wrong.
func TestStories(t *testing.T) {
	d := newDesk(t)
	flip := func(name string, at int) {
		b, err := os.ReadFile(d.path(name))
		if err != nil {
			t.Fatal(err)
		}
		b[at] ^= 1
		d.write("bad-"+name, b)
	}
	flip("router.probat.zip", 900)
	flip("lab.trust", 900)
	d.write("bad.img", []byte("x"))
	d.want(0, "VALID", "--trust", "@lab.trust", "@router.probat.zip", "--file", "@router.img")
	d.want(10, "the zip", "--trust", "@lab.trust", "@bad-router.probat.zip")
	d.want(3, "the trust file", "--trust", "@bad-lab.trust", "@router.probat.zip")
	d.want(15, `the file "bad.img"`, "--trust", "@lab.trust", "@router.probat.zip", "--file", "@bad.img")
	d.want(15, "OTHER-FILE", "--trust", "@lab.trust", "@router.probat.zip", "--file", "@router.img", "--file", "@bad.img")
	d.want(11, "NOT-PINNED: nothing says whose word this is", "@router.probat.zip")
	d.want(11, d.lab.Pinned().Fingerprint(), "@router.probat.zip")
	d.want(11, "nothing here shows that it is true", "@router.probat.zip")
	d.want(18, "EXPIRED", "@router.probat.zip", "--trust", "@lab.trust", "--now", "2028-01-01T00:00:00Z")
	d.want(20, "VALID-STALE", "@router.probat.zip", "--trust", "@lab.trust", "--max-status-age", "23h59m")
	d.want(0, "VALID", "@router.probat.zip", "--trust", "@lab.trust", "--max-status-age", "2d", "--now", "2026-11-26T11:00:00Z")
	d.want(3, "reading the credential", "@none.probat.zip", "--trust", "@lab.trust")
	d.want(3, "reading the trust file", "@router.probat.zip", "--trust", "@none")
	d.want(3, "reading the delivered file", "@router.probat.zip", "--file", "@none")
	d.want(3, "the status list", "@router.probat.zip", "--status", "@none")
	d.want(3, "the disclosure", "@router.probat.zip", "--disclosure", "@none")
	d.want(3, "the known checkpoint", "@router.probat.zip", "--known", "@router.img")
	d.want(3, "what was seen", "@router.probat.zip", "--trust", "@lab.trust", "--seen", "@router.img")
	d.want(10, "the status list", "@router.probat.zip", "--trust", "@lab.trust", "--status", "@router.img")
	d.want(10, "the disclosure", "@router.probat.zip", "--trust", "@lab.trust", "--disclosure", "@router.img")
	d.want(2, "hint: probat-verify --help", "@router.probat.zip", "@router.probat.zip")
	d.want(2, "none", "--nonesuch")
	d.want(2, "one credential is verified at a time")
	d.want(2, "max-status-age", "@router.probat.zip", "--max-status-age", "-1h")
	d.want(2, "max-status-age", "@router.probat.zip", "--max-status-age", "soon")
	d.want(2, "now", "@router.probat.zip", "--now", "today")
	d.want(2, "belong together", "--inventory", "@x.csv")
	d.want(2, "no single credential", "--inventory", "@x.csv", "--credentials", "@", "@router.probat.zip")

	open, err := d.c.Tree.Open(1, d.c.Of)
	if err != nil {
		t.Fatal(err)
	}
	b, err := open.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	d.write("finding.json", b)
	d.want(0, `Disclosed  {"path":"etc/shadow","title":"weak hash"}`, "@router.probat.zip", "--trust", "@lab.trust", "--disclosure", "@finding.json")
	var revoked credential.Lists
	revoked.Put(d.c.Index, statement.Revoked)
	d.write("status.json", d.lab.StatusFile(2, credentialtest.Noon.Add(time.Hour), &revoked))
	d.want(16, "REVOKED", "@router.probat.zip", "--trust", "@lab.trust", "--status", "@status.json")
}

func TestStandardInput(t *testing.T) {
	d := newDesk(t)
	var out bytes.Buffer
	if code := Main([]string{"-", "--trust", d.path("lab.trust")}, bytes.NewReader(d.c.Zip()), &out, &out, tomorrow); code != 0 {
		t.Errorf("exit code %d: %s", code, out.String())
	}
}

// TestHelp names every word with its exit code, and every flag.
func TestHelp(t *testing.T) {
	code, out, _ := newDesk(t).run("--help")
	if code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, w := range credential.Words() {
		if !regexp.MustCompile(fmt.Sprintf(`(?m)^ +%d %s( |$)`, w.ExitCode(), w)).MatchString(out) {
			t.Errorf("the help does not say %d %s", w.ExitCode(), w)
		}
	}
	for _, f := range []string{
		"trust", "file", "status", "max-status-age", "require-passed", "disclosure", "known", "tiles", "equivocation", "seen", "json", "now", "policy", "inventory", "credentials",
	} {
		if !strings.Contains(out, "  --"+f) {
			t.Errorf("the help does not name --%s", f)
		}
	}
}

// TestSeen: what was seen is written, believed the next time, and not written for what is not authentic.
func TestSeen(t *testing.T) {
	d := newDesk(t)
	args := func(zip string) []string { return []string{"@" + zip, "--trust", "@lab.trust", "--seen", "@seen"} }
	d.write("old.probat.zip", d.c.Zip())
	var suspended credential.Lists
	suspended.Put(d.c.Index, statement.Suspended)
	d.write("new.probat.zip", d.c.Refresh(2, credentialtest.Noon.Add(time.Hour), &suspended))
	d.want(11, "NOT-PINNED", "@old.probat.zip", "--seen", "@seen")
	if _, err := os.Stat(d.path("seen")); err == nil {
		t.Error("remembers what nobody vouches for")
	}
	d.want(0, "VALID", args("old.probat.zip")...)
	d.want(17, "SUSPENDED", args("new.probat.zip")...)
	d.want(17, "the remembered status list", args("old.probat.zip")...)
	if info, err := os.Stat(d.path("seen")); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	left, err := filepath.Glob(d.path(".probat-seen-*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	d.want(3, "remembering", "@old.probat.zip", "--trust", "@lab.trust", "--seen", "@no/such/folder")
}

// writeTiles publishes a lab's log as C2SP tiles: partial ones at the size, and at a smaller size before.
func (d *desk) writeTiles(l *credentialtest.Lab, dir string) {
	d.t.Helper()
	for _, size := range []int64{l.Size() - 3, l.Size()} {
		for _, tile := range tlog.NewTiles(proof.TileHeight, 0, size) {
			data, err := tlog.ReadTileData(tile, l)
			if err != nil {
				d.t.Fatal(err)
			}
			name := filepath.Join(d.dir, dir, filepath.FromSlash(proof.TilePath(tile)))
			if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
				d.t.Fatal(err)
			}
			if err := os.WriteFile(name, data, 0o600); err != nil {
				d.t.Fatal(err)
			}
		}
	}
}

// TestTiles compares checkpoints of different sizes, and writes what convicts the log.
func TestTiles(t *testing.T) {
	d := newDesk(t)
	fork := d.lab.Fork(4)
	for _, l := range []*credentialtest.Lab{d.lab, fork} {
		l.FillHashes(600)
	}
	d.writeTiles(d.lab, "tiles")
	d.writeTiles(fork, "forked")
	d.write("checkpoint", d.lab.Checkpoint(credentialtest.Noon).Bytes())
	d.write("other", fork.Checkpoint(credentialtest.Noon).Bytes())
	verify := func(args ...string) []string {
		return append([]string{"@router.probat.zip", "--trust", "@lab.trust"}, args...)
	}
	d.want(0, "tiles is needed", verify("--known", "@checkpoint")...)
	d.want(0, "2 checkpoints are of one history", verify("--known", "@checkpoint", "--tiles", "@tiles")...)
	d.want(0, "do not reach", verify("--known", "@checkpoint", "--tiles", "@none")...)
	d.want(12, "DIVERGED", verify("--known", "@other", "--tiles", "@forked", "--equivocation", "@proof")...)
	data, err := os.ReadFile(d.path("proof"))
	if err != nil {
		t.Fatal(err)
	}
	e, err := proof.ParseEquivocation(data)
	if err != nil || e.Check() != nil || e.Log != d.lab.LogKey() {
		t.Errorf("%v", err)
	}
	d.want(3, "proof against the log", verify("--known", "@other", "--tiles", "@forked", "--equivocation", "@proof")...) // it is there already
	fork.FillHashes(int(d.lab.Size() - fork.Size()))
	d.write("other", fork.Checkpoint(credentialtest.Noon).Bytes()) // of the same size as the known one now: no tiles are needed
	d.want(12, `"word": "DIVERGED"`, verify("--known", "@checkpoint", "--known", "@other", "--json")...)
	_, out, _ := d.run(verify("--known", "@checkpoint", "--known", "@other", "--json")...)
	var got struct{ Equivocation string }
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if _, err := proof.ParseEquivocation([]byte(got.Equivocation)); err != nil {
		t.Error(err)
	}
}

func TestJSON(t *testing.T) {
	d := newDesk(t)
	code, out, errs := d.run("@router.probat.zip", "--trust", "@lab.trust", "--json", "--file", "@router.img")
	var got credential.Result
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 || errs != "" {
		t.Fatalf("%v, exit code %d, %s", err, code, errs)
	}
	if got.Word != credential.Valid || got.Facts.Counts.Of != 42 || got.Facts.Counts.Pass != 40 || got.Facts.Subjects[0].Files[0] != "router.img" || got.Facts.Lab.Independence != "contracted" {
		t.Errorf("%s", out)
	}
	if d.want(10, `"facts": null`, "@router.img", "--json"); strings.Contains(out, "null") {
		t.Errorf("%s", out)
	}
}

func TestInventory(t *testing.T) {
	d := newDesk(t)
	d.lab.Series = credentialtest.Hex(16)
	other := d.lab.NewCredential()
	other.Issue.Subjects[0].Digest.SHA256 = strings.Repeat("1", 64)
	d.write("switch.probat.zip", other.Seal()) // leaves in a log that has grown
	d.write("broken.probat.zip", []byte("x"))
	d.write("notes.txt", []byte("no credential"))
	d.write("fleet.csv", []byte("host,digest\nedge-1,sha256:"+credentialtest.Image+"\nedge-2,"+strings.Repeat("1", 64)+"\n"))
	args := []string{"--inventory", "@fleet.csv", "--credentials", "@", "--trust", "@lab.trust"}
	out := d.want(0, "covered     PASSED  edge-1  e3b0c44298fc  router.probat.zip: VALID", args...)
	for _, line := range []string{"covered     PASSED  edge-2  111111111111  switch.probat.zip: VALID", "broken.probat.zip: INVALID", "2 hosts: 2 covered, 3 credentials"} {
		if !strings.Contains(out, line+"\n") {
			t.Errorf("%q is not in\n%s", line, out)
		}
	}
	d.write("fleet.csv", []byte("edge-1,"+credentialtest.Image+"\nedge-\x1b[2J,"+strings.Repeat("2", 64)+"\n"))
	out = d.want(1, `unknown     -       edge-\u{1b}[2J  222222222222`, args...)
	if strings.Contains(out, "\x1b") {
		t.Error("an escape sequence reaches the terminal")
	}
	d.want(1, `"unknown": 1`, append(args, "--json")...)
	d.write("fleet.csv", []byte("edge-1\n"))
	d.want(3, "the inventory", args...)
	d.want(3, "the folder of credentials", "--inventory", "@router.img", "--credentials", "@none")
	// What was seen goes from one credential to the next.
	d.write("fleet.csv", []byte("edge-1,"+credentialtest.Image+"\n"))
	d.want(0, "covered", append(args, "--seen", "@seen")...)
	s, err := os.ReadFile(d.path("seen"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := credential.ParseSeen(s); err != nil {
		t.Error(err)
	}
}

// TestTerminal: nothing that anybody wrote reaches a terminal as something that it obeys.
func TestTerminal(t *testing.T) {
	l := credentialtest.New(t, origin, 3)
	c := l.NewCredential()
	const evil = "a\x1b[2Jb\r\nVALID\u202e\u0085\u009b31m\x07"
	// Statements refuse such names; what a product holds, and file names, may have them.
	var err error
	if c.Tree, err = credential.Seal(make([]byte, credential.SecretSize), []credential.Item{{Kind: "finding", Text: []byte(evil)}}); err != nil {
		t.Fatal(err)
	}
	c.Issue.Core.Sealed = c.Tree.Sealed
	c.Seal()
	open, err := c.Tree.Open(0, c.Of)
	if err != nil {
		t.Fatal(err)
	}
	c.Parts.Disclosures = []*credential.Disclosure{open}
	d := &desk{t, t.TempDir(), l, c}
	d.write("x.probat.zip", c.Zip())
	d.write("lab.trust", l.TrustFile())
	d.write(evil[:12], nil)
	d.want(0, `a\u{1b}[2Jb\u{d}\u{a}VALID\u{202e}\u{85}\u{9b}31m\u{7}`, "@x.probat.zip", "--trust", "@lab.trust")
	for _, args := range [][]string{
		{"@x.probat.zip", "--trust", "@lab.trust"},
		{"@x.probat.zip", "--trust", "@lab.trust", "--json"},
		{"@x.probat.zip"},
		{"@" + evil},
		{"--" + evil},
		{"@x.probat.zip", "--now", evil},
		{"@x.probat.zip", "--trust", "@lab.trust", "--file", "@" + evil[:12]},
	} {
		_, out, errs := d.run(args...)
		for _, r := range out + errs {
			if r != '\n' && !unicode.IsPrint(r) {
				t.Errorf("%q prints %q", args, r)
			}
		}
		if n := strings.Count(out+errs, "\nVALID"); n > 0 {
			t.Errorf("%q: a name begins a line:\n%s%s", args, out, errs)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("plain")
	f.Add("\x1b[31m\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := clean(s)
		if !utf8.ValidString(got) || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("%q becomes %q", s, got)
		}
		var b bytes.Buffer
		if err := (printer{&b}).json(s); err != nil {
			t.Fatal(err)
		}
		var back string
		if err := json.Unmarshal(b.Bytes(), &back); err != nil || utf8.ValidString(s) && back != s {
			t.Errorf("%q comes back as %q, %v", s, back, err)
		}
	})
}

func BenchmarkMain(b *testing.B) {
	l := credentialtest.New(b, origin, 3)
	dir := b.TempDir()
	zip, trust := filepath.Join(dir, "x.probat.zip"), filepath.Join(dir, "lab.trust")
	for name, data := range map[string][]byte{zip: l.NewCredential().Seal(), trust: l.TrustFile()} {
		if err := os.WriteFile(name, data, 0o600); err != nil {
			b.Fatal(err)
		}
	}
	var out bytes.Buffer
	for b.Loop() {
		out.Reset()
		if code := Main([]string{zip, "--trust", trust}, nil, &out, &out, tomorrow); code != 0 {
			b.Fatal(out.String())
		}
	}
}
