package demo

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/lab/child"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/sandbox"
	"github.com/probat-lab/probat/store/records"
)

func TestMain(m *testing.M) {
	if sandbox.Main(child.Tasks()) { // a child is this test binary too
		return
	}
	os.Exit(m.Run())
}

// open opens the desk of a new lab.
func open(t testing.TB, change func(*desk.Options)) *desk.Desk {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "lab")
	if err := lab.Init(t.Context(), dir, lab.Setup{Name: "Tidewater Lab", Passphrase: "correct horse", WorkFactor: 10}); err != nil {
		t.Fatal(err)
	}
	l, err := lab.Open(t.Context(), dir, lab.Options{Passphrase: func() (string, error) { return "correct horse", nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	store, err := blob.Open(t.Context(), filepath.Join(dir, "vault"), blob.Create)
	if err != nil {
		t.Fatal(err)
	}
	o := desk.Options{Store: store, Box: child.Sandbox{}, Version: "test"}
	if change != nil {
		change(&o)
	}
	d, err := desk.Open(t.Context(), l, o)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// putting stores files as the portal does once they have arrived.
func putting(d *desk.Desk) Put {
	return func(ctx context.Context, party, person, name string, data []byte) (string, error) {
		u := records.Upload{ID: records.NewID(), Party: party, Person: person, Size: int64(len(data)), Label: name, Expires: d.Lab.Now().Add(time.Hour)}
		if err := d.AddUpload(ctx, u, 100, 1<<30); err != nil {
			return "", err
		}
		ref, _, err := d.Vault.Upload(u.ID).Copy(ctx, party, bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return "", err
		}
		u.Place, u.Address, u.Object, u.Wrapped = u.Size, ref.Address, ref.Object, ref.Wrapped
		return u.ID, d.SaveUpload(ctx, 0, u)
	}
}

// TestFill demands what the order says is there, and that each sees of it what they should.
func TestFill(t *testing.T) {
	d, ctx := open(t, nil), t.Context()
	begun := time.Now()
	x, err := Fill(ctx, d, putting(d))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("filled in %v", time.Since(begun))
	who := map[string]desk.Who{}
	for _, p := range x.People {
		if p.PersonID == "" || p.Party == "" || len(p.Try) != 3 {
			t.Errorf("%+v", p)
		}
		for _, try := range p.Try {
			if try.Place == (Place{}) || !strings.HasSuffix(try.Text, ".") {
				t.Errorf("%s: %+v", p.Name, try)
			}
		}
		who[p.Name] = desk.Who{
			Viewer:    access.Viewer{Party: p.PartyID, Person: p.PersonID, Class: p.Class, Home: p.Party == d.Home.Name, Role: p.Role, Scope: access.ScopeAll, At: d.Lab.Now()},
			PartyName: p.Party, PersonName: p.Name,
		}
	}
	all := []string{x.Before, x.Current, x.Embargoed, x.Switch, x.Baseband, x.Service}
	for name, levels := range map[string][]access.Level{
		"Mara Quill":    {5, 5, 5, 0, 0, 0},
		"Tom Ferris":    {5, 5, 5, 0, 0, 0},
		"Ines Valdo":    {0, 0, 0, 5, 0, 0},
		"Rolf Aske":     {0, 0, 0, 0, 5, 5},
		"Ada Lindqvist": {1, 1, 1, 1, 1, 1},
		"Bela Moravec":  {5, 5, 0, 5, 5, 5},
		"Chidi Okafor":  {5, 5, 5, 5, 5, 0},
		"Dana Weiss":    {0, 5, 0, 0, 0, 0},
		"Nora Stern":    {2, 2, 0, 0, 3, 1},
		"Samir Haddad":  {3, 3, 0, 2, 0, 0},
		"Regina Holt":   {2, 2, 2, 2, 2, 2},
	} {
		for i, id := range all {
			var level access.Level
			r, err := d.As(who[name].Viewer).Release(ctx, id)
			if err == nil {
				level = r.Level
			} else if !errors.Is(err, desk.ErrNotFound) {
				t.Fatal(err)
			}
			if level != levels[i] {
				t.Errorf("%s sees release %d at level %d, want %d", name, i, level, levels[i])
			}
		}
	}
	if len(who) != 11 {
		t.Errorf("%d people", len(who))
	}
	places(t, d, x, who)
	talk(t, d, x, who)
	credentials(t, d, x, who)
}

// places looks at what waits, is disputed and was accepted, and that verdicts differ from product to product.
func places(t *testing.T, d *desk.Desk, x *Demo, who map[string]desk.Who) {
	t.Helper()
	ctx := t.Context()
	q, err := d.As(who["Chidi Okafor"].Viewer).Requirement(ctx, x.Waiting.Release, scheme, x.Waiting.Requirement, "")
	if err != nil || !q.Waits || q.Verdict != "not-assessed" {
		t.Errorf("what waits is %+v, %v", q, err)
	}
	if _, err := d.Judge(ctx, who["Chidi Okafor"], x.Waiting.Release, desk.Judging{Scheme: scheme, Requirement: boot, Test: "boot-tried", Verdict: "pass", Reason: "It does not."}); err != nil {
		t.Errorf("judging what waits: %v", err)
	}
	risks, err := d.As(who["Mara Quill"].Viewer).Risks(ctx, x.Current)
	if err != nil || len(risks) != 1 || risks[0].Fingerprint != x.Accepted.Fingerprint || risks[0].PartyName != north {
		t.Errorf("risks: %+v, %v", risks, err)
	}
	for _, c := range []struct {
		release                           string
		fails, passes, notFails, notHeard int // at least, at least, at most, whatever
	}{
		{x.Before, 10, 1, 30, 0}, {x.Current, 20, 1, 30, 0}, {x.Embargoed, 2, 1, 6, 0}, {x.Switch, 2, 1, 6, 0}, {x.Baseband, 8, 0, 30, 0}, {x.Service, 0, 0, 0, 0},
	} {
		list, err := d.As(who["Regina Holt"].Viewer).Requirements(ctx, c.release, scheme, "")
		if err != nil {
			t.Fatal(err)
		}
		n := map[string]int{}
		for _, q := range list {
			n[q.Verdict]++
		}
		t.Log(n)
		if n["fail"] < c.fails || n["fail"] > c.notFails || n["pass"] < c.passes {
			t.Errorf("release %s: %v", c.release, n)
		}
	}
}

// talk demands that who was not written to reads nothing.
func talk(t *testing.T, d *desk.Desk, x *Demo, who map[string]desk.Who) {
	t.Helper()
	for name, want := range map[string]int{"Mara Quill": 4, "Bela Moravec": 4, "Dana Weiss": 4, "Samir Haddad": 3, "Nora Stern": 0, "Ines Valdo": 0, "Regina Holt": 0} {
		list, err := d.As(who[name].Viewer).Messages(t.Context(), x.Current, scheme, x.Disputed.Requirement)
		if err != nil || len(list) != want {
			t.Errorf("%s reads %d messages, want %d: %v", name, len(list), want, err)
		}
	}
}

func credentials(t *testing.T, d *desk.Desk, x *Demo, who map[string]desk.Who) {
	t.Helper()
	data, err := d.Lab.TrustFile()
	if err != nil {
		t.Fatal(err)
	}
	trust, err := credential.ParseTrust(data)
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]credential.Word{x.Valid: credential.ValidUnwitnessed, x.Revoked: credential.Revoked} {
		_, zip, err := d.CredentialFile(t.Context(), who["Nora Stern"], id) // public: also for who does not see the release
		if err != nil {
			t.Fatal(err)
		}
		if got := credential.Verify(zip, credential.Input{Trust: trust, Now: time.Now()}); got.Word != want {
			t.Errorf("the credential is %s, want %s: %v", got.Word, want, got.Reasons)
		}
		zip[len(zip)/2] ^= 1
		if got := credential.Verify(zip, credential.Input{Trust: trust, Now: time.Now()}); got.Word != credential.Invalid {
			t.Errorf("with a byte flipped it is %s", got.Word)
		}
	}
}

// TestWorkers fills a lab whose workers take the jobs first.
func TestWorkers(t *testing.T) {
	var d *desk.Desk
	var all sync.WaitGroup
	d = open(t, func(o *desk.Options) {
		o.Queued = func(ctx context.Context, job string) {
			mine, err := d.Take(ctx, job, "w", time.Now().Add(time.Minute))
			if err != nil || !mine {
				t.Errorf("taking %s: %v %v", job, mine, err)
			}
			all.Go(func() {
				if err := d.Run(t.Context(), job, "w", io.Discard); err != nil {
					t.Error(err)
				}
			})
		}
	})
	_, err := Fill(t.Context(), d, putting(d))
	all.Wait()
	if err != nil {
		t.Fatal(err)
	}
}

// TestSameImages demands the same bytes each time.
func TestSameImages(t *testing.T) {
	for name, nodes := range map[string][]node{"switch": switchImage(), "baseband": basebandImage()} {
		a, err := image(name, nodes)
		if err != nil {
			t.Fatal(err)
		}
		b, err := image(name, nodes)
		if err != nil || !bytes.Equal(a, b) {
			t.Errorf("%s differs from one time to the next: %v", name, err)
		}
	}
}
