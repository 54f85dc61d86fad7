package lab

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/statement"
)

const secret = "correct horse"

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

func at(now time.Time) func() time.Time { return func() time.Time { return now } }

func setup() Setup { return Setup{Passphrase: secret, WorkFactor: 10, Now: at(noon)} }

func options() Options {
	return Options{Passphrase: func() (string, error) { return secret, nil }, Now: at(noon)}
}

// newLab makes a lab and opens it with its keys.
func newLab(t *testing.T) *Lab {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "lab")
	if err := Init(t.Context(), dir, setup()); err != nil {
		t.Fatal(err)
	}
	return open(t, dir, options())
}

func open(t *testing.T, dir string, o Options) *Lab {
	t.Helper()
	l, err := Open(t.Context(), dir, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestInit(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	want := &statement.LabIdentity{Independence: statement.Self, Name: l.Config.Name, Operator: l.Config.Name}
	if got := l.Identity(); got != *want || !strings.HasPrefix(got.Name, "Lab ") {
		t.Errorf("identity %+v", got)
	}
	if s := l.Ledger.Status(); s.Size != 4 || s.Published != 4 {
		t.Errorf("the ledger of a new lab: %+v", s)
	}
	err := filepath.WalkDir(l.Dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		rel, _ := filepath.Rel(l.Dir, path)
		secretive := rel == "." || strings.HasPrefix(rel, "keys") || strings.HasPrefix(rel, "lab.db") || strings.HasPrefix(rel, "evidence")
		if secretive && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", rel, info.Mode())
		}
		if strings.HasPrefix(rel, "keys/") {
			data, err := os.ReadFile(path)
			if err != nil || !bytes.HasPrefix(data, []byte("age-encryption.org/v1\n")) {
				t.Errorf("%s is not sealed: %v", rel, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// Without a work factor scrypt takes age's own, which is slow on purpose.
func TestWorkFactor(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "lab")
	s := setup()
	s.WorkFactor = 0
	if err := Init(t.Context(), dir, s); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "keys", "identity.age"))
	if err != nil {
		t.Fatal(err)
	}
	line := strings.Split(string(data), "\n")[1]
	if f := strings.Fields(line); len(f) != 4 || f[1] != "scrypt" || f[3] < "18" {
		t.Errorf("the stanza of a real lab is %q", line)
	}
}

// What goes wrong leaves nothing behind.
func TestInitFails(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	file := filepath.Join(parent, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	full := filepath.Join(parent, "full")
	if err := os.MkdirAll(filepath.Join(full, "x"), 0o700); err != nil {
		t.Fatal(err)
	}
	empty := filepath.Join(parent, "empty")
	if err := os.Mkdir(empty, 0o700); err != nil {
		t.Fatal(err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	for what, c := range map[string]struct {
		ctx    context.Context
		dir    string
		change func(*Setup)
		want   error // may be nil: any
	}{
		"a file":           {dir: file},
		"not empty":        {dir: full, want: ErrOccupied},
		"no parent":        {dir: filepath.Join(parent, "a", "b"), want: os.ErrNotExist},
		"no passphrase":    {dir: filepath.Join(parent, "l"), change: func(s *Setup) { s.Passphrase = "" }},
		"origin":           {dir: filepath.Join(parent, "l"), change: func(s *Setup) { s.Origin = "Log.Example" }, want: ErrOrigin},
		"origin with path": {dir: filepath.Join(parent, "l"), change: func(s *Setup) { s.Origin = "log.example/x" }, want: ErrOrigin},
		"independence":     {dir: filepath.Join(parent, "l"), change: func(s *Setup) { s.Independence = "very" }},
		"name":             {dir: filepath.Join(parent, "l"), change: func(s *Setup) { s.Name = "two\nlines" }},
		"database":         {dir: filepath.Join(parent, "l"), change: func(s *Setup) { s.Database = "mysql://x" }},
		"log":              {dir: filepath.Join(parent, "l"), change: func(s *Setup) { s.Log = "ftp://x" }},
		"log in a folder":  {dir: empty, change: func(s *Setup) { s.Log = "ftp://x" }},
		"interrupted":      {ctx: canceled, dir: filepath.Join(parent, "l")},
	} {
		s := setup()
		if c.change != nil {
			c.change(&s)
		}
		if c.ctx == nil {
			c.ctx = t.Context()
		}
		err := Init(c.ctx, c.dir, s)
		if err == nil || (c.want != nil && !errors.Is(err, c.want)) {
			t.Errorf("%s: %v", what, err)
		}
	}
	var left []string
	for _, dir := range []string{parent, empty} {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			left = append(left, e.Name())
		}
	}
	if got := strings.Join(left, " "); got != "empty file full" {
		t.Errorf("left behind: %s", got)
	}
	// The folder that was empty can still become one.
	if err := Init(t.Context(), empty, setup()); err != nil {
		t.Fatal(err)
	}
	open(t, empty, options())
}

func TestPassphrase(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	for _, wrong := range []string{"", "wrong"} {
		o := options()
		o.Passphrase = func() (string, error) { return wrong, nil }
		if _, err := Open(t.Context(), l.Dir, o); !errors.Is(err, ErrPassphrase) {
			t.Errorf("passphrase %q: %v", wrong, err)
		}
	}
	for passphrase, want := range map[string]error{"": nil, secret: nil, "wrong": ErrPassphrase} {
		if err := Ready(t.Context(), l.Dir, passphrase); !errors.Is(err, want) {
			t.Errorf("ready with %q: %v", passphrase, err)
		}
	}
	if err := Ready(t.Context(), t.TempDir(), ""); !errors.Is(err, ErrNoLab) {
		t.Error(err)
	}
	for _, name := range []string{"issuing.age", "ledger.age", "log.age", "identity.age"} {
		path := filepath.Join(l.Dir, "keys", name)
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for i := range good {
			if i%17 != 0 && i != len(good)-1 {
				continue
			}
			bad := bytes.Clone(good)
			bad[i] ^= 1
			if err := os.WriteFile(path, bad, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := Open(t.Context(), l.Dir, options()); err == nil {
				t.Errorf("%s with a bit flipped at %d opens", name, i)
			}
		}
		if err := os.WriteFile(path, good, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	open(t, l.Dir, options())
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	r := open(t, l.Dir, Options{Now: at(noon)}) // beside the one that is open
	if _, err := r.Append(t.Context(), Act{Key: "x", By: statement.ForLedger}); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
	if _, err := r.Seal(nil); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
	if _, err := r.NextTrust(t.Context(), "quorum none\n", nil); !errors.Is(err, ErrReadOnly) {
		t.Error(err)
	}
	if s := r.Ledger.Status(); s.Size != 4 {
		t.Errorf("it sees %d acts", s.Size)
	}
}

func TestLock(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	if _, err := Open(t.Context(), l.Dir, options()); !errors.Is(err, ledger.ErrLocked) {
		t.Fatalf("opened twice: %v", err)
	}
	done := make(chan error, 1)
	o := options()
	asked := make(chan struct{})
	o.Passphrase = func() (string, error) { close(asked); return secret, nil }
	o.Wait = time.Minute
	go func() {
		again, err := Open(context.WithoutCancel(t.Context()), l.Dir, o)
		if err == nil {
			err = again.Close()
		}
		done <- err
	}()
	<-asked
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("who waited: %v", err)
	}
	l = open(t, l.Dir, options())
	canceled, cancel := context.WithCancel(t.Context())
	o.Passphrase = func() (string, error) { return secret, nil }
	go func() {
		_, err := Open(canceled, l.Dir, o)
		done <- err
	}()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("who gave up: %v", err)
	}
}

// An act is signed by the key that the trust file allows it, and only as long as it does.
func TestKeysEnd(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.now = at(noon.AddDate(5, 0, 1))
	_, err := l.Append(t.Context(), Act{Key: "edition/x", By: statement.ForLedger, Statement: func(p ledger.Place) (*statement.Statement, error) {
		return edition(l, p), nil
	}})
	if err == nil {
		t.Fatal("an expired key has signed")
	}
	l.now = at(noon)
	if _, err := l.Append(t.Context(), Act{Key: "edition/x", By: statement.ForIssuing, Statement: func(p ledger.Place) (*statement.Statement, error) {
		return edition(l, p), nil
	}}); err == nil {
		t.Fatal("the issuing key has signed what is for the ledger key")
	}
	if n := l.Ledger.Status().Size; n != 4 {
		t.Errorf("%d acts", n)
	}
}

func edition(l *Lab, p ledger.Place) *statement.Statement {
	digest := strings.Repeat("ab", 32)
	return &statement.Statement{
		Subjects:  []statement.Subject{{Name: "s", Digest: statement.Digest{SHA256: digest}}},
		Predicate: &statement.Edition{Act: l.NewAct(p), Policy: statement.Policy{Digest: digest, Edition: "1", Scheme: "s"}, Title: "S"},
	}
}

func TestConfig(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	path := filepath.Join(l.Dir, "lab.yaml")
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if c, err := readConfig(l.Dir); err != nil || !bytes.Equal(c.Bytes(), good) {
		t.Errorf("%v: %q", err, c.Bytes())
	}
	for what, change := range map[string][2]string{
		"unknown key": {"origin: ", "colour: red\norigin: "}, "twice": {"validity: 365", "validity: 365\nvalidity: 365"}, "days": {"validity: 365", "validity: many"},
		"no days": {"answer_days: 14", "answer_days: 0"}, "origin": {"origin: log.", "origin: other."}, "recipient": {"recipient: age1", "recipient: age2"},
	} {
		text := strings.Replace(string(good), change[0], change[1], 1)
		if text == string(good) {
			t.Fatalf("%s: nothing was changed", what)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(t.Context(), l.Dir, Options{}); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
}

// Every byte of the trust file counts.
func TestTrustFile(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	data, err := l.TrustFile()
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		bad := bytes.Clone(data)
		bad[i] ^= 1
		if p, err := credential.ParseTrust(bad); err == nil && p.Fingerprint() == l.Trust.Fingerprint() {
			t.Fatalf("a bit flipped at %d is not seen", i)
		}
	}
}
