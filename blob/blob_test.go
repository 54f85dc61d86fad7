package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
)

// fakeS3 is a server of S3 in this process. gate, if not nil, sees every request first and may answer it itself by returning true.
type fakeS3 struct {
	*httptest.Server
	real http.Handler
	mu   sync.Mutex
	gate func(w http.ResponseWriter, r *http.Request) bool
}

func (f *fakeS3) set(gate func(w http.ResponseWriter, r *http.Request) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.gate = gate
}

func newFakeS3(t testing.TB) *fakeS3 {
	t.Helper()
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "geheim")
	backend := s3mem.New()
	if err := backend.CreateBucket("lab"); err != nil {
		t.Fatal(err)
	}
	f := &fakeS3{real: gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()}
	f.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f.mu.Lock()
		gate := f.gate
		f.mu.Unlock()
		if gate == nil || !gate(w, r) {
			f.real.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(f.Close)
	return f
}

func (f *fakeS3) url(prefix string) string {
	return "s3://lab" + prefix + "?insecure=1&endpoint=" + url.QueryEscape(strings.TrimPrefix(f.URL, "http://"))
}

// each runs a test over a folder, a private folder and a bucket, with and without prefix. open opens the same store once more.
func each(t *testing.T, test func(t *testing.T, open func(testing.TB) Store)) {
	run := func(name string, prepare func(t *testing.T) (string, []Option)) {
		t.Run(name, func(t *testing.T) {
			u, options := prepare(t)
			test(t, func(t testing.TB) Store {
				s, err := Open(t.Context(), u, options...)
				if err != nil {
					t.Fatal(err)
				}
				return s
			})
		})
	}
	run("folder", func(t *testing.T) (string, []Option) { return t.TempDir(), nil })
	run("private", func(t *testing.T) (string, []Option) {
		return "file://" + filepath.Join(t.TempDir(), "a", "b"), []Option{Create, Private}
	})
	run("bucket", func(t *testing.T) (string, []Option) { return newFakeS3(t).url(""), nil })
	run("prefix", func(t *testing.T) (string, []Option) { return newFakeS3(t).url("/some/where"), nil })
}

func wantGet(t testing.TB, s Store, name, want string) {
	t.Helper()
	got, err := s.Get(t.Context(), name, 1<<20)
	if err != nil || string(got) != want {
		t.Errorf("%s: got %q, %v; want %q", name, got, err, want)
	}
}

func list(t testing.TB, s Store, prefix string) string {
	t.Helper()
	var all []string
	for name, err := range s.List(t.Context(), prefix) {
		if err != nil {
			t.Errorf("listing %q: %v", prefix, err)
		}
		all = append(all, name)
	}
	return strings.Join(all, " ")
}

func TestStore(t *testing.T) {
	each(t, func(t *testing.T, open func(testing.TB) Store) {
		ctx := t.Context()
		s := open(t)
		if _, err := s.Get(ctx, "tile/0/000", 10); !errors.Is(err, ErrNotExist) {
			t.Errorf("before: %v", err)
		}
		for range 2 {
			if err := s.Put(ctx, "tile/0/000", []byte("abc")); err != nil {
				t.Fatal(err)
			}
		}
		for _, other := range []string{"abd", "abcd", "ab", ""} {
			if err := s.Put(ctx, "tile/0/000", []byte(other)); !errors.Is(err, ErrExists) {
				t.Errorf("other bytes: %v", err)
			}
		}
		wantGet(t, open(t), "tile/0/000", "abc")
		if got, err := s.Get(ctx, "tile/0/000", 3); err != nil || string(got) != "abc" {
			t.Errorf("as large as allowed: %q, %v", got, err)
		}
		for _, most := range []int64{0, 2} {
			if _, err := s.Get(ctx, "tile/0/000", most); !errors.Is(err, ErrTooLarge) {
				t.Errorf("more than %d: %v", most, err)
			}
		}
		if err := s.Put(ctx, "empty", nil); err != nil {
			t.Error(err)
		}
		wantGet(t, s, "empty", "")
		for _, content := range []string{"1", "22", "3"} {
			if err := s.Replace(ctx, "checkpoint", []byte(content)); err != nil {
				t.Error(err)
			}
			wantGet(t, s, "checkpoint", content)
		}
		for range 2 {
			if err := s.Delete(ctx, "tile/0/000"); err != nil {
				t.Error(err)
			}
		}
		if err := s.Delete(ctx, "no/such/folder"); err != nil {
			t.Error(err)
		}
		if _, err := s.Get(ctx, "tile/0/000", 10); !errors.Is(err, ErrNotExist) {
			t.Errorf("deleted: %v", err)
		}
		if _, err := s.Get(ctx, "tile", 10); !errors.Is(err, ErrNotExist) {
			t.Errorf("a folder: %v", err)
		}
		if err := s.Put(ctx, "tile/0/000", []byte("new")); err != nil {
			t.Error(err)
		}
		big := bytes.Repeat([]byte("0123456789abcdef"), 20<<16) // 20 MiB: more than one part of S3
		if err := s.Put(ctx, "big", big); err != nil {
			t.Error(err)
		}
		if got, err := s.Get(ctx, "big", 21<<20); err != nil || !bytes.Equal(got, big) {
			t.Errorf("big: %d bytes, %v", len(got), err)
		}
	})
}

func TestList(t *testing.T) {
	each(t, func(t *testing.T, open func(testing.TB) Store) {
		s := open(t)
		if got := list(t, s, ""); got != "" {
			t.Errorf("an empty store has %q", got)
		}
		all := []string{"a-b", "a.b", "a/-", "a/b", "a/c/d", "a0", "b/000.p/5", "b/000.p/6", "b/001", "checkpoint"}
		for _, name := range slices.Backward(all) {
			if err := s.Put(t.Context(), name, []byte(name)); err != nil {
				t.Fatal(err)
			}
		}
		for _, prefix := range []string{"", "a", "a/", "a/c", "a/c/", "a/c/d", "a/c/d/e", "b/00", "b/000.p/", "b/000.p", "c", "d", "d/e/", "checkpoint/"} {
			var want []string
			for _, name := range all {
				if strings.HasPrefix(name, prefix) {
					want = append(want, name)
				}
			}
			if got := list(t, s, prefix); got != strings.Join(want, " ") {
				t.Errorf("%q: got %q, want %q", prefix, got, want)
			}
		}
		n := 0
		for range s.List(t.Context(), "") {
			if n++; n == 3 {
				break
			}
		}
		for _, prefix := range []string{"..", "../", "/", "a//", "A", ".tmp", "a/../b"} {
			for _, err := range s.List(t.Context(), prefix) {
				if !errors.Is(err, ErrName) {
					t.Errorf("%q: %v", prefix, err)
				}
				n++
			}
		}
		if n != 10 {
			t.Errorf("%d errors, want 7", n-3)
		}
	})
}

// TestManyListed: more than S3 lists in one answer.
func TestManyListed(t *testing.T) {
	s, err := Open(t.Context(), newFakeS3(t).url("/p"))
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range 1100 {
		want = append(want, fmt.Sprintf("x/%04d", i))
		if err := s.Replace(t.Context(), want[i], nil); err != nil {
			t.Fatal(err)
		}
	}
	if got := list(t, s, ""); got != strings.Join(want, " ") {
		t.Errorf("got %d names, want %d", len(strings.Fields(got)), len(want))
	}
}

func TestNames(t *testing.T) {
	each(t, func(t *testing.T, open func(testing.TB) Store) {
		ctx := t.Context()
		s := open(t)
		long := strings.Repeat("a", maxSegment)
		for _, name := range []string{"a", "0", "_", "-", "a.b", "a..b", "a.", long, "b" + long[1:] + "/" + long + "/" + long} {
			if err := s.Put(ctx, name, []byte(name)); err != nil {
				t.Errorf("%q: %v", name, err)
			}
			wantGet(t, s, name, name)
		}
		for _, name := range []string{
			"", ".", "..", "/", "/a", "a/", "a//b", "a/./b", "a/../b", "../a", ".a", "a/.tmp", "A", "a b", "a\\b", "a\x00", "a\nb", "ä", "c:", "a%2fb",
			"a*", "~", long + "a", strings.Repeat(long+"/", 4) + "a",
		} {
			_, getErr := s.Get(ctx, name, 1)
			for what, err := range map[string]error{
				"Get": getErr, "Put": s.Put(ctx, name, nil), "Replace": s.Replace(ctx, name, nil), "Delete": s.Delete(ctx, name),
			} {
				if !errors.Is(err, ErrName) {
					t.Errorf("%s %q: got %v, want ErrName", what, name, err)
				}
			}
		}
	})
}

// TestRace: of many that put different bytes under one name one wins, the others are told, and the winner's bytes are there whole.
func TestRace(t *testing.T) {
	each(t, func(t *testing.T, open func(testing.TB) Store) {
		ctx := t.Context()
		stores := []Store{open(t), open(t)}
		for round := range 5 {
			name := fmt.Sprintf("new%d/deep/x", round)
			won := make([]bool, 8)
			var wg sync.WaitGroup
			for i := range won {
				wg.Go(func() {
					err := stores[i%2].Put(ctx, name, bytes.Repeat([]byte{byte('a' + i)}, 10000))
					if won[i] = err == nil; !won[i] && !errors.Is(err, ErrExists) {
						t.Error(err)
					}
					if err := stores[i%2].Replace(ctx, "checkpoint", bytes.Repeat([]byte{byte('a' + i)}, 10000)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
			winner := slices.Index(won, true)
			if winner < 0 || slices.Contains(won[winner+1:], true) {
				t.Fatalf("who won: %v", won)
			}
			wantGet(t, stores[0], name, strings.Repeat(string(rune('a'+winner)), 10000))
			if got, err := stores[0].Get(ctx, "checkpoint", 1<<20); err != nil || len(got) != 10000 || bytes.Count(got, got[:1]) != 10000 {
				t.Errorf("the checkpoint is mixed: %v", err)
			}
		}
	})
}

func TestEndedContext(t *testing.T) {
	each(t, func(t *testing.T, open func(testing.TB) Store) {
		s := open(t)
		if err := s.Put(t.Context(), "a", []byte("a")); err != nil {
			t.Fatal(err)
		}
		ended, end := context.WithCancel(t.Context())
		end()
		_, getErr := s.Get(ended, "a", 1)
		var listErr error
		for _, listErr = range s.List(ended, "") {
		}
		for what, err := range map[string]error{
			"Get": getErr, "Put": s.Put(ended, "b", nil), "Replace": s.Replace(ended, "a", nil), "Delete": s.Delete(ended, "a"), "List": listErr,
		} {
			if !errors.Is(err, context.Canceled) {
				t.Errorf("%s: %v", what, err)
			}
		}
		wantGet(t, s, "a", "a")
	})
}

func TestDigest(t *testing.T) {
	each(t, func(t *testing.T, open func(testing.TB) Store) {
		ctx := t.Context()
		s := open(t)
		name, err := PutDigest(ctx, s, []byte("abc"))
		if want := "sha256/ba/7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"; err != nil || name != want {
			t.Fatalf("got %q, %v; want %q", name, err, want)
		}
		sum := sha256.Sum256([]byte("abc"))
		if got, err := GetDigest(ctx, s, sum, 10); err != nil || string(got) != "abc" {
			t.Errorf("got %q, %v", got, err)
		}
		if err := s.Replace(ctx, name, []byte("abd")); err != nil {
			t.Fatal(err)
		}
		if got, err := GetDigest(ctx, s, sum, 10); !errors.Is(err, ErrCorrupt) || got != nil {
			t.Errorf("changed: %q, %v", got, err)
		}
		if _, err := GetDigest(ctx, s, sha256.Sum256(nil), 10); !errors.Is(err, ErrNotExist) {
			t.Errorf("not there: %v", err)
		}
	})
}

func TestOpenRefuses(t *testing.T) {
	for _, u := range []string{
		"", "ftp://x/y", "file://host/x", "file://", "file:///x?y", "/no/such/folder", "/etc/hostname", "s3://", "s3://user:geheim@lab/x",
		"s3://lab?secret=geheim", "s3://lab?insecure=yes", "s3://lab/..", "s3://lab/A", "s3://lab?region=a&region=b", "s3://lab?endpoint=a/b",
		"s3://lab?endpoint=127.0.0.1:1&insecure=1;geheim", "s3://la%zz?geheim",
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		_, err := Open(ctx, u)
		cancel()
		if err == nil {
			t.Errorf("%q was opened", u)
		} else if strings.Contains(err.Error(), "geheim") {
			t.Errorf("the error tells the secret: %v", err)
		}
	}
}
