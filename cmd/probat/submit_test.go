package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/product"
	"github.com/probat-lab/probat/seal/draft"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
)

func TestSubmitDeclared(t *testing.T) {
	s := newLabServer(t)
	keyFile, key := newKey(t)
	dir := files(t, toy)
	code, out, errs := runSubmit(t, filepath.Join(dir, "product.yaml"), "--to", s.URL, "--key", keyFile, "--embargo", "2027-01-15", "--wait")
	want := "release  https://lab.example/releases/r1\nreceipt  c1\n" +
		"ts-33.117 V18.1.0: 1 pass, 2 fail, 3 inconclusive, 4 not assessed, 5 not applicable, of 15 requirements\n" +
		"dossier  sha256 " + strings.Repeat("ab", 32) + "\n"
	if code != 0 || out != want || errs != "" {
		t.Fatalf("exit code %d, standard output\n%s\nstandard error %q", code, out, errs)
	}
	in := s.posts[0]
	if in.Declaration != toyDeclaration+"vendor: 'Brindle''s Moor'\n" {
		t.Errorf("the declaration is\n%s", in.Declaration)
	}
	if len(in.Files) != 3 || in.Product+in.Version != "" || in.Embargo != "2027-01-15" {
		t.Fatalf("handed in: %+v", in)
	}
	for _, f := range in.Files {
		if got := s.uploads[f.Upload].String(); got != toy[f.Path] {
			t.Errorf("%q holds %q", f.Path, got)
		}
	}
	d, err := product.Parse("x", []byte(in.Declaration))
	if err != nil {
		t.Fatal(err)
	}
	canonical, err := d.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	st, i := signedIntent(t, in, key)
	plan := examine.Plan{Artifacts: []examine.Artifact{
		{ID: "first", Digest: dossier.Digest([]byte("bytes of a"))}, {ID: "second", Digest: dossier.Digest([]byte("bytes of b"))},
	}}
	if fmt.Sprint(st.Subjects) != fmt.Sprint(plan.Subjects()) {
		t.Errorf("subjects %+v", st.Subjects)
	}
	if i.Declaration != dossier.Digest(canonical) || i.Release != draft.Release(d) || i.Release.Vendor != "Brindle's Moor" || i.Embargo != in.Embargo {
		t.Errorf("intent %+v", i)
	}
	if got := fmt.Sprint(i.Schemes, in.Schemes); got != "[cra ts-33.117] [cra ts-33.117]" {
		t.Errorf("schemes %s", got)
	}
}

func TestSubmitFile(t *testing.T) {
	s := newLabServer(t)
	keyFile, key := newKey(t)
	dir := files(t, toy)
	code, out, errs := runSubmit(t, filepath.Join(dir, "b.img"), "--product", " Toy ", "--version", "2", "--to", s.URL, "--key", keyFile, "--wait", "--json")
	want := `{"release":"r1","url":"https://lab.example/releases/r1","dossier":"` + strings.Repeat("ab", 32) + `","receipt":"c1"}` + "\n"
	if code != 0 || out != want || errs != "" {
		t.Errorf("exit code %d, standard output %q, standard error %q", code, out, errs)
	}
	st, i := signedIntent(t, s.posts[0], key)
	if want := (statement.Release{Kind: "equipment", Product: "Toy", Vendor: "Brindle's Moor", Version: "2"}); i.Release != want || i.Declaration != "" {
		t.Errorf("intent %+v", i)
	}
	if len(st.Subjects) != 1 || st.Subjects[0].Name != "product" || st.Subjects[0].Digest.SHA256 != dossier.Digest([]byte(toy["b.img"])) {
		t.Errorf("subjects %+v", st.Subjects)
	}
	if code, out, _ := runSubmit(t, filepath.Join(dir, "b.img"), "--product", "Toy", "--version", "3", "--scheme", "cra", "--to", s.URL, "--json"); code != 0 || !strings.Contains(out, `"dossier":""`) {
		t.Errorf("exit code %d, standard output %q", code, out)
	}
	for file, want := range map[string]string{keyFile: "the passphrase does not open the keys\nhint: set PROBAT_PASSPHRASE", filepath.Join(dir, "b.img"): "hint: a key is what probat key new FILE writes"} {
		t.Setenv("PROBAT_PASSPHRASE", "another")
		code, _, errs := runSubmit(t, filepath.Join(dir, "b.img"), "--product", "Toy", "--version", "4", "--to", s.URL, "--key", file)
		if code != 2 || !strings.Contains(errs, want) || len(s.posts) != 2 {
			t.Errorf("key %q: exit code %d: %s", file, code, errs)
		}
	}
	if in := s.posts[1]; in.Envelope != nil || fmt.Sprint(in.Schemes) != "[cra]" || in.Files[0].Path != "b.img" {
		t.Errorf("handed in: %+v", in)
	}
}

// A declaration that lies elsewhere names the one artifact; its documents lie beside it. A service has no artifact at all.
func TestSubmitDeclarationElsewhere(t *testing.T) {
	s := newLabServer(t)
	keyFile, key := newKey(t)
	one := strings.Replace(toyDeclaration, "  - {id: first, path: img/a.img}\n", "", 1)
	dir := files(t, map[string]string{"d/p.yaml": "vendor: Brindle's Moor\n" + one, "d/guide.txt": "words", "build.img": "built", "care.yaml": "product: Care\nkind: service\nperiod: 2026-Q4\nvendor: # us\n"})
	if code, _, errs := runSubmit(t, filepath.Join(dir, "build.img"), "--declaration", filepath.Join(dir, "d/p.yaml"), "--to", s.URL); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	in := s.posts[0]
	if len(in.Files) != 2 || in.Files[0].Path != "b.img" || s.uploads[in.Files[0].Upload].String() != "built" || in.Files[1].Path != "guide.txt" || in.Declaration != "vendor: Brindle's Moor\n"+one {
		t.Errorf("handed in: %+v", in)
	}
	if code, _, errs := runSubmit(t, filepath.Join(dir, "care.yaml"), "--key", keyFile, "--to", s.URL); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	st, i := signedIntent(t, s.posts[1], key)
	if len(s.posts[1].Files) > 0 || len(st.Subjects) != 1 || st.Subjects[0].Name != "declaration" || st.Subjects[0].Digest.SHA256 != i.Declaration || i.Release.Period != "2026-Q4" {
		t.Errorf("intent %+v of %+v", i, st.Subjects)
	}
}

func TestSubmitRefusesLocally(t *testing.T) {
	s := newLabServer(t)
	dir := files(t, toy)
	in := func(name string) string { return filepath.Join(dir, name) }
	declared := func(name, old, text string) string {
		if err := os.WriteFile(in(name), []byte(strings.Replace(toyDeclaration, old, text, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		return in(name)
	}
	for _, err := range []error{
		os.WriteFile(in("empty"), nil, 0o600), os.Symlink("/etc/passwd", in("out")), os.Symlink("b.img", in("inside")), unix.Mkfifo(in("pipe"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	named := []string{"--product", "Toy", "--version", "1"}
	for _, test := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{dir}, 2, "hint: pack it: tar -czf product.tar.gz -C " + quoteArg(dir)},
		{[]string{in("none")}, 3, "no such file"},
		{append([]string{in("pipe")}, named...), 3, `opening "pipe": is no file`},
		{append([]string{in("empty")}, named...), 2, `opening "empty": is empty`},
		{[]string{in("b.img")}, 2, "nothing says what the release is called"},
		{[]string{in("b.img"), "--product", "Toy", "--version", " "}, 2, "nothing says what the release is called"},
		{append([]string{in("product.yaml")}, named...), 2, "the declaration says what the release is called"},
		{[]string{in("product.yaml"), "--declaration", in("product.yaml")}, 2, "is a declaration already"},
		{[]string{in("b.img"), "--declaration", in("product.yaml")}, 2, "product.yaml:7:3: with --declaration it names one artifact"},
		{[]string{declared("p1.yaml", "b.img", "out")}, 3, `p1.yaml:7:24: opening "out": path escapes from parent`},
		{[]string{declared("p2.yaml", "b.img", "pipe")}, 3, `opening "pipe": is no file`},
		{[]string{declared("p3.yaml", "b.img", "img")}, 2, "is a directory: a lab takes files\nhint: pack it with tar"},
		{[]string{declared("p4.yaml", "path: b.img", "path: b.img, sha256: "+strings.Repeat("0f", 32))}, 2, "it is not the file that was declared"},
		{[]string{declared("p5.yaml", "cra]", "own/s.yaml]")}, 2, "p5.yaml:5:10: a lab judges by schemes that it knows by id"},
		{[]string{declared("p6.yaml", "kind: equipment", "kind: toy")}, 2, "p6.yaml:3:7: "},
		{[]string{declared("p7.yaml", "b.img", "../b.img")}, 2, "p7.yaml:7:24: "},
		{[]string{in("b.img"), "--declaration", in("nowhere.yaml")}, 2, "reading the declaration"},
		{append([]string{in("b.img"), "--embargo", "2026-02-30"}, named...), 2, `--embargo "2026-02-30" is no date`},
		{append([]string{in("b.img"), "--scheme", "own.yaml"}, named...), 2, `not by the file "own.yaml"`},
		{append([]string{in("b.img"), "--ca", in("b.img")}, named...), 2, "there is no PEM certificate in it"},
		{append([]string{in("b.img"), "--token", "a b"}, named...), 2, "there is no token, or it has spaces"},
		{append([]string{in("b.img"), "--key", in("b.img")}, named...), 2, "there is nobody to ask for the passphrase"},
	} {
		code, out, errs := runSubmit(t, append(test.args, "--to", s.URL)...)
		if code != test.code || !strings.Contains(errs, test.want) || out != "" {
			t.Errorf("%q: exit code %d, want %d; standard output %q; standard error\n%s\nhas no %q", test.args, code, test.code, out, errs, test.want)
		}
	}
	if s.begun > 0 || len(s.posts) > 0 {
		t.Errorf("%d uploads were begun, %d releases handed in", s.begun, len(s.posts))
	}
	for to, want := range map[string]string{"": "no server is named", "lab.example": "is no URL", "http://lab.example": "is not encrypted"} {
		if code, _, errs := runSubmit(t, in("product.yaml"), "--to", to); code != 2 || !strings.Contains(errs, want) {
			t.Errorf("--to %q: exit code %d, %s", to, code, errs)
		}
	}
	if code, _, errs := runSubmit(t, declared("p8.yaml", "b.img", "inside"), "--to", s.URL); code != 0 {
		t.Errorf("a link that stays inside: exit code %d, %s", code, errs)
	}
	t.Setenv("PROBAT_TOKEN", "")
	if code, _, errs := runSubmit(t, in("product.yaml"), "--to", s.URL); code != 2 || !strings.Contains(errs, "there is no token\nhint: make a token") {
		t.Errorf("without a token: exit code %d, %s", code, errs)
	}
}

func TestSubmitRefusedByTheServer(t *testing.T) {
	for _, test := range []struct {
		refuse, with string
		code         int
		want         string
	}{
		{"GET /api/v1/me", "401 who are you", 2, "(401): who are you\nhint: the token is wrong, ended or expired"},
		{"POST /uploads/", "403 no", 2, "hint: the token's scope must be submit or all"},
		{"PATCH /uploads/", "507 full", 3, "(507): full\nhint: try again"},
		{"POST /api/v1/releases", "422 the version is taken", 2, "(422): the version is taken\nhint: mend"},
		{"POST /api/v1/releases", "409 it was handed in before", 2, "(409): it was handed in before\nhint: the lab's pages"},
		{"POST /api/v1/releases", "507 full", 3, "(507): full"},
	} {
		s := newLabServer(t)
		s.refuse[test.refuse] = test.with
		code, out, errs := runSubmit(t, filepath.Join(files(t, toy), "product.yaml"), "--to", s.URL, "--json")
		if code != test.code || !strings.Contains(errs, test.want) || out != "" {
			t.Errorf("%s is %s: exit code %d, want %d; standard output %q; standard error\n%s\nhas no %q", test.refuse, test.with, code, test.code, out, errs, test.want)
		}
	}
	s := newLabServer(t)
	s.job = `"state":"failed","error":"out of\u001b[2J memory"`
	code, out, errs := runSubmit(t, filepath.Join(files(t, toy), "product.yaml"), "--to", s.URL, "--json", "--wait")
	if want := "probat: the evaluation was not finished: failed: out of\uFFFD[2J memory\nhint: look at https://lab.example/releases/r1\n"; code != 3 || errs != want {
		t.Errorf("exit code %d, standard error %q", code, errs)
	}
	if want := `{"release":"r1","url":"https://lab.example/releases/r1","dossier":"","receipt":"c1"}` + "\n"; out != want {
		t.Errorf("standard output %q", out)
	}
}

// Whatever a run has left, the next one goes on there.
func TestSubmitGoesOn(t *testing.T) {
	s := newLabServer(t)
	dir := files(t, map[string]string{"a.img": string(manyBytes)})
	args := []string{filepath.Join(dir, "a.img"), "--product", "Toy", "--version", "1", "--to", s.URL}
	left := func() int {
		entries, _ := os.ReadDir(filepath.Join(os.Getenv("XDG_CACHE_HOME"), "probat", "submit"))
		return len(entries)
	}
	s.patched = func() { s.refuse["PATCH"] = "507 full" } // after the first part
	if code, _, errs := runSubmit(t, args...); code != 3 || s.uploads["u1"].Len() != 8<<20 || left() != 1 {
		t.Fatalf("exit code %d: %s; %d bytes arrived, %d things are remembered", code, errs, s.uploads["u1"].Len(), left())
	}
	s.patched = nil
	delete(s.refuse, "PATCH")
	s.refuse["POST /api/v1/releases"] = "507 full"
	if code, _, errs := runSubmit(t, args...); code != 3 || s.begun != 1 || left() != 2 {
		t.Fatalf("exit code %d: %s; %d uploads were begun, %d things are remembered", code, errs, s.begun, left())
	}
	if !bytes.Equal(s.uploads["u1"].Bytes(), manyBytes) {
		t.Error("the upload is not the file")
	}
	// A third run finds the answer to what the second one handed in, and uploads nothing.
	s.refuse = map[string]string{"HEAD": "404 it belongs to a release now", "PATCH": "500 never", "POST /uploads": "500 never"}
	if code, _, errs := runSubmit(t, args...); code != 0 || len(s.posts) != 1 || s.posts[0].Files[0].Upload != "u1" || left() != 0 {
		t.Fatalf("exit code %d: %s; handed in %+v, %d things are remembered", code, errs, s.posts, left())
	}
	// The same once more is another submission.
	s.refuse = map[string]string{}
	if code, _, errs := runSubmit(t, args...); code != 0 || len(s.keys) != 2 || s.keys[0] == s.keys[1] || s.begun != 2 {
		t.Errorf("exit code %d: %s; keys %q, %d uploads were begun", code, errs, s.keys, s.begun)
	}
}

// What an answer that never came leaves behind is no reason to hand in twice.
func TestSubmitStaysUnclear(t *testing.T) {
	s := newLabServer(t)
	args := []string{filepath.Join(files(t, toy), "product.yaml"), "--to", s.URL}
	s.refuse["POST /api/v1/releases"] = "507 full"
	if code, _, errs := runSubmit(t, args...); code != 3 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	s.refuse["POST /api/v1/releases"] = "422 an upload is gone"
	if code, _, errs := runSubmit(t, args...); code != 2 || s.begun != 3 {
		t.Fatalf("exit code %d: %s; %d uploads were begun", code, errs, s.begun)
	}
	delete(s.refuse, "POST /api/v1/releases")
	if code, _, errs := runSubmit(t, args...); code != 0 || len(s.posts) != 1 {
		t.Errorf("exit code %d: %s; handed in %d times", code, errs, len(s.posts))
	}
}

func TestSubmitOfAFileThatChanges(t *testing.T) {
	for _, size := range []int64{9<<20 + 1, 8<<20 + 1} {
		s := newLabServer(t)
		path := filepath.Join(files(t, map[string]string{"a.img": string(manyBytes)}), "a.img")
		s.patched = func() {
			if err := os.Truncate(path, size); err != nil {
				t.Error(err)
			}
		}
		code, _, errs := runSubmit(t, path, "--product", "Toy", "--version", "1", "--to", s.URL)
		if code != 3 || !strings.Contains(errs, "somebody has changed it meanwhile") || len(s.posts) > 0 {
			t.Errorf("%d bytes: exit code %d: %s", size, code, errs)
		}
	}
}

func TestSubmitInterrupted(t *testing.T) {
	s := newLabServer(t)
	path := filepath.Join(files(t, map[string]string{"a.img": string(manyBytes)}), "a.img")
	ctx, cancel := context.WithCancel(t.Context())
	s.patched = cancel
	code, _, errs := runCommand(ctx, (*program).submitCommand, path, "--product", "Toy", "--version", "1", "--to", s.URL)
	if want := "probat: interrupted; what was uploaded stays with the lab for a while, and the same command goes on from there\n"; code != 130 || errs != want {
		t.Errorf("exit code %d: %q", code, errs)
	}
}

func TestWithVendor(t *testing.T) {
	for in, want := range map[string]string{
		"product: X\n":                "product: X\nvendor: 'O''Hara'\n",
		"product: X":                  "product: X\nvendor: 'O''Hara'\n",
		"---\nproduct: X\n\n":         "---\nproduct: X\nvendor: 'O''Hara'\n",
		"vendor:\nproduct: X\n":       "vendor: 'O''Hara'\nproduct: X\n",
		"vendor: \"\"\r\nproduct: X":  "vendor: 'O''Hara'\nproduct: X",
		"vendor: '' \nproduct: X\n":   "vendor: 'O''Hara'\nproduct: X\n",
		"vendor: # later\nproduct: X": "vendor: 'O''Hara'\nproduct: X",
		"vendor: Acme\nproduct: X\n":  "vendor: Acme\nproduct: X\n",
		"a: b\n  vendor:\n":           "a: b\n  vendor:\nvendor: 'O''Hara'\n",
	} {
		if got := withVendor(in, "O'Hara"); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
