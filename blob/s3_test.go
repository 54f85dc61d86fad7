package blob

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fault is a bucket behind a server that a test can make fail. The limits are short, and every error is searched for the secret.
func fault(t *testing.T) (Store, *fakeS3) {
	t.Helper()
	f := newFakeS3(t)
	s, err := openS3With(t.Context(), f.url("/p"), limits{attempts: 3, answer: 300 * time.Millisecond, whole: 600 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	return s, f
}

// answer is an error as S3 sends it.
func answer(w http.ResponseWriter, status int, code string) bool {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(status)
	_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>x</Message></Error>", code)
	return true
}

// begin sends three of the ten bytes of an object.
func begin(w http.ResponseWriter) {
	w.Header().Set("Content-Length", "10")
	w.Header().Set("Last-Modified", "Tue, 24 Nov 2026 13:00:00 GMT")
	_, _ = w.Write([]byte("abc"))
	_ = http.NewResponseController(w).Flush()
}

// all calls every method once, all at the same time, and returns their errors.
func all(t *testing.T, s Store) map[string]error {
	t.Helper()
	ctx := t.Context()
	calls := map[string]func() error{
		"Get":     func() error { _, err := s.Get(ctx, "a", 100); return err },
		"Put":     func() error { return s.Put(ctx, "b", nil) },
		"Replace": func() error { return s.Replace(ctx, "a", []byte("a")) },
		"Delete":  func() error { return s.Delete(ctx, "none") },
		"List": func() (err error) {
			for _, err = range s.List(ctx, "") {
			}
			return err
		},
	}
	errs := map[string]error{}
	var mu sync.Mutex
	var wg sync.WaitGroup
	for what, call := range calls {
		wg.Go(func() {
			err := call()
			mu.Lock()
			defer mu.Unlock()
			errs[what] = err
		})
	}
	wg.Wait()
	for what, err := range errs {
		if err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s tells the secret: %v", what, err)
		}
	}
	return errs
}

// TestServerFails: what fails for a while is tried again, what fails for good is an error after a bounded number of requests.
func TestServerFails(t *testing.T) {
	s, f := fault(t)
	if err := s.Put(t.Context(), "a", []byte("a")); err != nil {
		t.Fatal(err)
	}
	var requests atomic.Int64
	var seen sync.Map
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		_, again := seen.LoadOrStore(r.Method+r.URL.String(), true)
		return !again && answer(w, 503, "SlowDown")
	})
	for what, err := range all(t, s) {
		if err != nil {
			t.Errorf("%s, the first request fails: %v", what, err)
		}
	}
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		requests.Add(1)
		return answer(w, 500, "InternalError")
	})
	for what, err := range all(t, s) {
		if err == nil || errors.Is(err, ErrNotExist) || errors.Is(err, ErrExists) {
			t.Errorf("%s, every request fails: %v", what, err)
		}
	}
	if n := requests.Load(); n > 5*3 {
		t.Errorf("%d requests for 5 calls with 3 attempts", n)
	}
	f.set(nil)
	wantGet(t, s, "a", "a")
}

// TestServerHangs: a server that takes a request and says nothing, and one that stops in the middle of a body.
func TestServerHangs(t *testing.T) {
	s, f := fault(t)
	if err := s.Put(t.Context(), "a", []byte("a")); err != nil {
		t.Fatal(err)
	}
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return true
	})
	for what, err := range all(t, s) {
		if err == nil {
			t.Errorf("%s: no error", what)
		}
	}
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		begin(w)
		<-r.Context().Done()
		return true
	})
	if got, err := s.Get(t.Context(), "a", 100); err == nil {
		t.Errorf("half a body was taken: %q", got)
	}
	f.set(nil)
	wantGet(t, s, "a", "a")
}

// TestAnswerLost: the server carries a request out and the answer is an error ("kept but reported lost").
func TestAnswerLost(t *testing.T) {
	s, f := fault(t)
	ctx := t.Context()
	lose := func() (requests *atomic.Int64) {
		requests = new(atomic.Int64)
		f.set(func(w http.ResponseWriter, r *http.Request) bool {
			if requests.Add(1) > 1 {
				return false
			}
			f.real.ServeHTTP(httptest.NewRecorder(), r)
			return answer(w, 500, "InternalError")
		})
		return requests
	}
	for i := range 2 { // the first also finds out whether the server heeds conditions
		n := lose()
		if err := s.Put(ctx, fmt.Sprint("new", i), []byte("mine")); err != nil {
			t.Errorf("put: %v", err)
		}
		if n.Load() < 2 {
			t.Error("it was not tried again")
		}
		wantGet(t, s, fmt.Sprint("new", i), "mine")
	}
	lose()
	if err := s.Replace(ctx, "checkpoint", []byte("1")); err != nil {
		t.Error(err)
	}
	wantGet(t, s, "checkpoint", "1")
	lose()
	if err := s.Delete(ctx, "checkpoint"); err != nil {
		t.Error(err)
	}
}

// TestBodyBreaks: a body that ends early is asked for again, and never taken for the whole; one without an end is not read to it.
func TestBodyBreaks(t *testing.T) {
	s, f := fault(t)
	ctx := t.Context()
	if err := s.Put(ctx, "a", []byte("abcdefghij")); err != nil {
		t.Fatal(err)
	}
	var requests atomic.Int64
	breaking := func(times int64) {
		requests.Store(0)
		f.set(func(w http.ResponseWriter, r *http.Request) bool {
			if requests.Add(1) > times {
				return false
			}
			begin(w)
			panic(http.ErrAbortHandler)
		})
	}
	breaking(2)
	wantGet(t, s, "a", "abcdefghij")
	breaking(1000)
	if got, err := s.Get(ctx, "a", 100); err == nil || requests.Load() != 3 {
		t.Errorf("got %q, %v after %d requests; want an error after 3", got, err, requests.Load())
	}
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		w.Header().Set("Last-Modified", "Tue, 24 Nov 2026 13:00:00 GMT")
		for {
			if _, err := w.Write(make([]byte, 1<<16)); err != nil {
				return true
			}
		}
	})
	if got, err := s.Get(ctx, "a", 100); !errors.Is(err, ErrTooLarge) || len(got) > 0 {
		t.Errorf("without an end: %d bytes, %v", len(got), err)
	}
}

// TestConditionsIgnored: a server that lets everything be overwritten is found out by the first Put.
func TestConditionsIgnored(t *testing.T) {
	s, f := fault(t)
	f.set(func(_ http.ResponseWriter, r *http.Request) bool { r.Header.Del("If-None-Match"); return false })
	for range 2 {
		if err := s.Put(t.Context(), "a", []byte("a")); err == nil || !strings.Contains(err.Error(), "If-None-Match") {
			t.Errorf("got %v, want an error about If-None-Match", err)
		}
	}
	f.set(nil)
	if err := s.Put(t.Context(), "b", []byte("b")); err != nil {
		t.Error(err)
	}
}

// TestCodes: errors of the server that mean something, and a conflict of two writers, which passes.
func TestCodes(t *testing.T) {
	s, f := fault(t)
	ctx := t.Context()
	if err := s.Put(ctx, "a", []byte("a")); err != nil {
		t.Fatal(err)
	}
	is := func(status int, code string, want error, calls string) {
		t.Helper()
		f.set(func(w http.ResponseWriter, r *http.Request) bool { return answer(w, status, code) })
		for what, err := range all(t, s) {
			if err == nil || errors.Is(err, want) != strings.Contains(calls, what) {
				t.Errorf("%s, %s: %v", code, what, err)
			}
		}
	}
	is(403, "AccessDenied", ErrReadOnly, "Put Replace Delete")
	is(507, "XMinioStorageFull", ErrFull, "Get Put Replace Delete List")
	is(404, "NoSuchBucket", ErrNotExist, "")

	var n atomic.Int64
	f.set(func(w http.ResponseWriter, r *http.Request) bool {
		return n.Add(1) == 1 && answer(w, 409, "ConditionalRequestConflict")
	})
	if err := s.Put(ctx, "c", []byte("c")); err != nil || n.Load() != 2 {
		t.Errorf("a conflict: %v after %d requests", err, n.Load())
	}
}

// TestListLies: names that are none of ours are left out, and a server that lists in no order or another folder is an error.
func TestListLies(t *testing.T) {
	s, f := fault(t)
	page := func(names ...string) {
		f.set(func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("Content-Type", "application/xml")
			_, _ = io.WriteString(w, "<ListBucketResult><Name>lab</Name><IsTruncated>false</IsTruncated>")
			for _, n := range names {
				_, _ = fmt.Fprintf(w, "<Contents><Key>%s</Key><LastModified>2026-01-01T00:00:00Z</LastModified><Size>1</Size></Contents>", n)
			}
			_, _ = io.WriteString(w, "</ListBucketResult>")
			return true
		})
	}
	page("p/../x", "p/Upper", "p/a", "p/b/", "p/c")
	if got := list(t, s, ""); got != "a c" {
		t.Errorf("got %q", got)
	}
	for _, names := range [][]string{{"p/b", "p/a"}, {"p/a", "p/a"}, {"q/a"}} {
		page(names...)
		var err error
		for _, err = range s.List(t.Context(), "") {
		}
		if err == nil {
			t.Errorf("%q: no error", names)
		}
	}
}

func TestBucketMissing(t *testing.T) {
	f := newFakeS3(t)
	if _, err := Open(t.Context(), strings.Replace(f.url(""), "//lab", "//other", 1)); !errors.Is(err, ErrNotExist) {
		t.Errorf("got %v, want ErrNotExist", err)
	}
}
