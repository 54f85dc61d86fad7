package desk

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/lab/child"
	"github.com/probat-lab/probat/sandbox"
	"github.com/probat-lab/probat/store/records"
)

func TestMain(m *testing.M) {
	if sandbox.Main(child.Tasks()) { // a child is this test binary too
		return
	}
	os.Exit(m.Run())
}

type testDesk struct {
	*Desk
	t testing.TB
}

func newDesk(t testing.TB) *testDesk {
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
	d, err := Open(t.Context(), l, Options{Store: store, Box: child.Sandbox{}, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return &testDesk{d, t}
}

// party makes a party with an admin, who is returned.
func (d *testDesk) party(class access.Class, name string) Who {
	d.t.Helper()
	p, a, err := d.NewParty(d.t.Context(), class, name, "Admin of "+name)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.who(p, a)
}

// colleague makes a member of the lab.
func (d *testDesk) colleague(name string, role access.Role) Who {
	d.t.Helper()
	p, err := d.NewPerson(d.t.Context(), d.Home.ID, name, role)
	if err != nil {
		d.t.Fatal(err)
	}
	return d.who(d.Home, p)
}

func (d *testDesk) who(p records.Party, a records.Person) Who {
	return Who{
		Viewer:    access.Viewer{Party: p.ID, Person: a.ID, Class: p.Class, Home: p.Home, Role: a.Role, Scope: access.ScopeAll, At: d.Lab.Now()},
		PartyName: p.Name, PersonName: a.Name,
	}
}

// put uploads a file whole.
func (d *testDesk) put(w Who, name string, data []byte) string {
	d.t.Helper()
	id, err := d.upload(d.t.Context(), w, name, data)
	if err != nil {
		d.t.Fatal(err)
	}
	return id
}

func (d *testDesk) upload(ctx context.Context, w Who, name string, data []byte) (string, error) {
	u := records.Upload{ID: records.NewID(), Party: w.Party, Person: w.Person, Size: int64(len(data)), Label: name, Expires: d.Lab.Now().Add(time.Hour)}
	if err := d.AddUpload(ctx, u, 100, 1<<30); err != nil {
		return "", err
	}
	ref, _, err := d.Vault.Upload(u.ID).Copy(ctx, w.Party, bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return "", err
	}
	u.Place, u.Address, u.Object, u.Wrapped = u.Size, ref.Address, ref.Object, ref.Wrapped
	return u.ID, d.SaveUpload(ctx, 0, u)
}

const example = "../../examples/edge-router"

// router is the submission of the example.
func (d *testDesk) router(w Who) Submission {
	d.t.Helper()
	s := Submission{Declaration: d.read("product.yaml")}
	for _, name := range []string{"edge-router-4.2.1.tar.gz", "docs/hardening-guide.md", "docs/ports.txt"} {
		s.Files = append(s.Files, SubmittedFile{Upload: d.put(w, name, []byte(d.read(name))), Path: name})
	}
	return s
}

func (d *testDesk) read(name string) string {
	d.t.Helper()
	data, err := os.ReadFile(filepath.Join(example, name))
	if err != nil {
		d.t.Fatal(err)
	}
	return string(data)
}

// submitted hands a release in.
func (d *testDesk) submitted(w Who, s Submission) (*records.Release, records.Job) {
	d.t.Helper()
	r, job, err := d.Submit(d.t.Context(), w, s)
	if err != nil {
		d.t.Fatal(err)
	}
	return r, job
}

// run does a job as a worker does.
func (d *testDesk) run(job records.Job) {
	d.t.Helper()
	ok, err := d.Take(d.t.Context(), job.ID, "w", time.Now().Add(time.Minute))
	if err != nil || !ok {
		d.t.Fatalf("taking the job: %v %v", ok, err)
	}
	var told bytes.Buffer
	if err := d.Run(d.t.Context(), job.ID, "w", &told); err != nil {
		d.t.Fatal(err)
	}
}

// evaluated is the example handed in by a vendor and evaluated.
func (d *testDesk) evaluated(w Who) *records.Release {
	d.t.Helper()
	r, job := d.submitted(w, d.router(w))
	d.run(job)
	return d.release(w, r.ID)
}

// release is what somebody sees of it now.
func (d *testDesk) release(w Who, id string) *records.Release {
	d.t.Helper()
	r, err := d.As(d.now(w).Viewer).Release(d.t.Context(), id)
	if err != nil {
		d.t.Fatal(err)
	}
	return r
}

// now is somebody who looks now.
func (d *testDesk) now(w Who) Who {
	w.At = d.Lab.Now()
	return w
}

func (d *testDesk) assign(admin Who, release string, people ...Who) {
	d.t.Helper()
	for _, p := range people {
		if _, err := d.Assign(d.t.Context(), d.now(admin), release, p.Person); err != nil {
			d.t.Fatal(err)
		}
	}
}

// verdict is what a requirement came to in the dossier that counts.
func (d *testDesk) verdict(w Who, release, requirement string) string {
	d.t.Helper()
	q, err := d.As(d.now(w).Viewer).Requirement(d.t.Context(), release, "ts-33.117", requirement, "")
	if err != nil {
		d.t.Fatal(err)
	}
	return fmt.Sprint(q.Verdict, " ", q.Reason)
}
