package main

import (
	"database/sql"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/portal/signin"
	"github.com/probat-lab/probat/store"
	"github.com/probat-lab/probat/store/records"
)

// peopledLab makes a lab with two parties, in which two people have one name. The lab stays open with its keys, as a server has it.
func peopledLab(t *testing.T) (dir string, r *records.Records) {
	t.Helper()
	dir = filepath.Join(t.TempDir(), "lab")
	if err := lab.Init(t.Context(), dir, lab.Setup{Passphrase: "secret", WorkFactor: workFactor}); err != nil {
		t.Fatal(err)
	}
	l, err := lab.Open(t.Context(), dir, lab.Options{Passphrase: func() (string, error) { return "secret", nil }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	r = records.New(l.DB)
	err = r.Tx(t.Context(), func(tx *sql.Tx) error {
		for _, p := range []records.Party{{ID: "home", Class: access.Lab, Name: "Lab", Home: true}, {ID: "moor", Class: access.Vendor, Name: "Brindlemoor"}} {
			if err := r.AddParty(t.Context(), tx, p, p.ID, time.Now()); err != nil {
				return err
			}
		}
		for _, p := range []records.Person{
			{ID: "a1", PartyID: "home", Name: "Ada Quill", Role: access.Admin, Handle: []byte("1")},
			{ID: "b1", PartyID: "moor", Name: "Bela Moravec", Role: access.Member, Handle: []byte("2")},
			{ID: "a2", PartyID: "moor", Name: "Ada Quill", Role: access.Reader, Handle: []byte("3")},
			{ID: "g1", PartyID: "moor", Name: "Gone Away", Role: access.Member, Handle: []byte("4")},
		} {
			if err := r.AddPerson(t.Context(), tx, p); err != nil {
				return err
			}
		}
		return r.EndPerson(t.Context(), tx, "moor", "g1", time.Now())
	})
	if err != nil {
		t.Fatal(err)
	}
	return dir, r
}

func TestLabLink(t *testing.T) {
	dir, r := peopledLab(t)
	for _, test := range []struct{ name, who, said string }{
		{"Bela Moravec", "b1", "Bela Moravec (member), Brindlemoor"},
		{" bela moravec ", "b1", "Bela Moravec (member), Brindlemoor"},
		{"a1", "a1", "Ada Quill (admin), Lab"},
		{"a2", "a2", "Ada Quill (reader), Brindlemoor"},
	} {
		begun := time.Now().Truncate(time.Second)
		code, out, errs := runCommand(t.Context(), (*program).labLinkCommand, test.name, "--data", dir)
		m := regexp.MustCompile(`^for (.*): works once, until (.*)\nhttp://localhost:8080/link/(\S+)\n$`).FindStringSubmatch(out)
		if code != 0 || m == nil || m[1] != test.said || errs != "" {
			t.Errorf("%q: exit code %d, standard output %q, standard error %q", test.name, code, out, errs)
			continue
		}
		digest, err := signin.ParseSecret(signin.Link, m[3])
		if err != nil {
			t.Fatal(err)
		}
		link, err := r.Link(t.Context(), digest, time.Now())
		if err != nil || link.Person != test.who || link.Repeats || link.Expires.Before(begun.Add(time.Hour)) || link.Expires.After(time.Now().Add(time.Hour)) || m[2] != link.Expires.UTC().Format(time.RFC3339) {
			t.Errorf("%q: the link %+v, %v", test.name, link, err)
		}
	}
	for _, test := range []struct {
		name, dir, want string
	}{
		{"Ada Quill", dir, "probat: several people are called \"Ada Quill\":\na1  Ada Quill (admin), Lab\na2  Ada Quill (reader), Brindlemoor\nhint: name one by id\n"},
		{"Bela Moravek", dir, "probat: there is nobody called \"Bela Moravek\" in this lab\nhint: did you mean 'Bela Moravec'?\n"},
		{"g1", dir, "probat: there is nobody called \"g1\" in this lab\nhint: PERSON is a name as the lab's pages show it, or an id\n"},
		{"Gone Away", dir, "probat: there is nobody called \"Gone Away\" in this lab\nhint: PERSON is a name as the lab's pages show it, or an id\n"},
		{"a1", filepath.Dir(dir), "hint: make one: probat lab init DIR\n"},
	} {
		code, out, errs := runCommand(t.Context(), (*program).labLinkCommand, test.name, "--data", test.dir)
		if code != 2 || out != "" || !strings.HasSuffix(errs, test.want) {
			t.Errorf("%q: exit code %d, standard output %q, standard error\n%s", test.name, code, out, errs)
		}
	}
}

func TestLabLinkWithoutPeople(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "lab")
	if err := lab.Init(t.Context(), dir, lab.Setup{Passphrase: "secret", WorkFactor: workFactor}); err != nil {
		t.Fatal(err)
	}
	code, _, errs := runCommand(t.Context(), (*program).labLinkCommand, "Ada", "--data", dir)
	if code != 2 || !strings.HasPrefix(errs, "probat: there are no people in this lab yet\n") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	// A database that is gone is not made anew.
	if err := os.Remove(filepath.Join(dir, "lab.db")); err != nil {
		t.Fatal(err)
	}
	if code, _, errs = runCommand(t.Context(), (*program).labLinkCommand, "Ada", "--data", dir); code == 0 {
		t.Errorf("a lab without a database: %s", errs)
	}
	if _, err := os.Lstat(filepath.Join(dir, "lab.db")); err == nil {
		t.Error("the database was made anew")
	}
}

// Whoever holds the lab's writer for long is not waited for without end.
func TestLabLinkWhileSomebodyWrites(t *testing.T) {
	if testing.Short() {
		t.Skip("waits as long as the database does, 10 s")
	}
	t.Parallel()
	dir, r := peopledLab(t)
	err := r.Tx(t.Context(), func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(t.Context(), `UPDATE people SET name = name`); err != nil {
			return err
		}
		code, out, errs := runCommand(t.Context(), (*program).labLinkCommand, "a1", "--data", dir)
		if code != 2 || out != "" || !strings.Contains(errs, "try again") {
			t.Errorf("exit code %d, standard output %q, standard error %q", code, out, errs)
		}
		return nil
	})
	if err != nil && !store.IsBusy(err) {
		t.Fatal(err)
	}
}

func TestPublicURL(t *testing.T) {
	for _, test := range []struct{ yaml, given, want string }{
		{"", "", "http://localhost:8080"},
		{"public_url: https://lab.example/\npassphrase_file: /nowhere\n", "", "https://lab.example"},
		{"public_url: https://lab.example\n", "https://other.example/", "https://other.example"},
		{"listen: 0.0.0.0:9000\n", "", "http://localhost:9000"},
		{"public_url:\n", "", "http://localhost:8080"},
		{"listen: nonsense\n", "", ""},
		{"public_url: lab.example\n", "", ""},
		{"- a list\n", "", "http://localhost:8080"}, // the server will refuse it
		{"a: b: c\n", "", ""},
		{"", "javascript:alert(1)", ""},
	} {
		dir := files(t, map[string]string{"serve.yaml": test.yaml})
		if got, err := publicURL(dir, test.given); got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%q, --url %q: got %q, %v; want %q", test.yaml, test.given, got, err, test.want)
		}
	}
	if got, err := publicURL(t.TempDir(), ""); got != "http://localhost:8080" || err != nil {
		t.Errorf("without a configuration: got %q, %v", got, err)
	}
}
