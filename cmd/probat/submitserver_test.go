package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/portal/client"
	"github.com/probat-lab/probat/statement"
)

// runCommand runs one command as the program would.
func runCommand(ctx context.Context, build func(*program) *cobra.Command, args ...string) (code int, out, errs string) {
	var o, e bytes.Buffer
	p := &program{in: strings.NewReader(""), out: &o, err: &e}
	root := &cobra.Command{Use: "probat", SilenceErrors: true, SilenceUsage: true}
	root.PersistentFlags().BoolVarP(&p.quiet, "quiet", "q", false, "")
	c := build(p)
	root.AddCommand(c)
	root.SetArgs(append([]string{c.Name()}, args...))
	root.SetOut(&o)
	root.SetErr(&e)
	err := root.ExecuteContext(ctx)
	return p.report(ctx, err), o.String(), e.String()
}

func runSubmit(t *testing.T, args ...string) (code int, out, errs string) {
	return runCommand(t.Context(), (*program).submitCommand, args...)
}

// labServer is a lab's server as submit sees it. mu guards all of it.
type labServer struct {
	*httptest.Server
	t *testing.T

	mu      sync.Mutex
	uploads map[string]*bytes.Buffer
	lengths map[string]string // as said when they were begun
	begun   int
	posts   []client.Submission
	keys    []string
	refuse  map[string]string // METHOD PATH-PREFIX to a status and a detail
	patched func()
	job     string
}

func newLabServer(t *testing.T) *labServer {
	s := &labServer{t: t, uploads: map[string]*bytes.Buffer{}, lengths: map[string]string{}, refuse: map[string]string{}, job: `"state":"done","dossier_id":"d1"`}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	t.Setenv("PROBAT_TOKEN", "probat_tok_x")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	return s
}

func (s *labServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Header.Get("Authorization") != "Bearer probat_tok_x" {
		s.t.Errorf("authorization %q", r.Header.Get("Authorization"))
	}
	for line, with := range s.refuse {
		if strings.HasPrefix(r.Method+" "+r.URL.Path, line) {
			status, detail, _ := strings.Cut(with, " ")
			code, _ := strconv.Atoi(status)
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(code)
			fmt.Fprintf(w, `{"detail":%q}`, detail)
			return
		}
	}
	id, uploading := strings.CutPrefix(r.URL.Path, "/uploads/")
	switch b := s.uploads[id]; {
	case uploading && id == "":
		s.begun++
		id = "u" + strconv.Itoa(s.begun)
		s.uploads[id] = &bytes.Buffer{}
		s.lengths[id] = r.Header.Get("Upload-Length")
		w.Header().Set("Location", "/uploads/"+id)
		w.WriteHeader(http.StatusCreated)
	case uploading && b == nil:
		http.NotFound(w, r)
	case r.Method == http.MethodHead:
		w.Header().Set("Upload-Offset", strconv.Itoa(b.Len()))
		w.Header().Set("Upload-Length", s.lengths[id])
	case r.Method == http.MethodPatch:
		_, _ = io.Copy(b, r.Body) // what does not come is seen by its length
		if s.patched != nil {
			s.patched()
		}
		w.Header().Set("Upload-Offset", strconv.Itoa(b.Len()))
		w.WriteHeader(http.StatusNoContent)
	default:
		s.api(w, r)
	}
}

func (s *labServer) api(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	switch path := strings.TrimPrefix(r.URL.Path, "/api/v1/"); path {
	case "me":
		_, _ = io.WriteString(w, `{"person":{"id":"p1","name":"Mara Quill","role":"admin"},"party":{"id":"y1","class":"vendor","name":"Brindle's Moor"},"scope":"all"}`)
	case "releases":
		var in client.Submission
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			s.t.Error(err)
		}
		s.posts, s.keys = append(s.posts, in), append(s.keys, r.Header.Get("Idempotency-Key"))
		w.WriteHeader(http.StatusCreated)
		_, _ = io.WriteString(w, `{"release":{"id":"r1"},"job_id":"j1","receipt_id":"c1","url":"https://lab.example/releases/r1"}`)
	case "jobs/j1":
		_, _ = io.WriteString(w, `{"id":"j1","release_id":"r1",`+s.job+`}`)
	case "releases/r1":
		_, _ = io.WriteString(w, `{"release":{"id":"r1"},"results":[{"scheme":"ts-33.117","edition":"V18.1.0","counts":{"pass":1,"fail":2,"inconclusive":3,"not_assessed":4,"not_applicable":5,"total":15}}]}`)
	case "dossiers/d1":
		_, _ = io.WriteString(w, `{"id":"d1","digest":"`+strings.Repeat("ab", 32)+`"}`)
	default:
		s.t.Errorf("%s %s", r.Method, r.URL.Path)
	}
}

// manyBytes are more than one part of an upload.
var manyBytes = bytes.Repeat([]byte("0123456789abcdef"), 9<<16)

// files writes files into a folder of their own and returns it.
func files(t *testing.T, list map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range list {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const toyDeclaration = `# A toy.
product: Toy
kind: equipment
version: "1.0"
schemes: [ts-33.117, cra]
artifacts:
  - {id: second, path: b.img}
  - {id: first, path: img/a.img}
documents:
  - {id: guide, path: guide.txt}
`

var toy = map[string]string{"product.yaml": toyDeclaration, "b.img": "bytes of b", "img/a.img": "bytes of a", "guide.txt": "words"}

// newKey makes a signing key and returns its file and its public half.
func newKey(t *testing.T) (string, *statement.Key) {
	t.Helper()
	t.Setenv("PROBAT_PASSPHRASE", "secret")
	path := filepath.Join(t.TempDir(), "vendor.key")
	code, out, errs := runCommand(t.Context(), (*program).keyCommand, "new", path)
	if code != 0 {
		t.Fatal(errs)
	}
	_, rest, _ := strings.Cut(out, "public key   ")
	text, _, _ := strings.Cut(rest, "\n")
	key, err := statement.ParseKeyText(text)
	if err != nil {
		t.Fatal(err)
	}
	return path, key
}

// signedIntent checks what a lab's server checks of a signed submission, and returns it.
func signedIntent(t *testing.T, in client.Submission, key *statement.Key) (*statement.Statement, *statement.Intent) {
	t.Helper()
	e, err := statement.ParseEnvelope(in.Envelope)
	if err != nil {
		t.Fatal(err)
	}
	if err := e.Verify(key); err != nil {
		t.Fatal(err)
	}
	s, err := e.Open()
	if err != nil {
		t.Fatal(err)
	}
	i, ok := statement.As[*statement.Intent](s)
	if !ok {
		t.Fatalf("it is a %T", s.Predicate)
	}
	if want := (statement.Actor{Class: statement.Vendor, Name: "Brindle's Moor", Person: "Mara Quill", Proof: statement.ByKey}); i.Actor != want {
		t.Errorf("actor %+v, want %+v", i.Actor, want)
	}
	return s, i
}
