package vault

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"maps"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/probat-lab/probat/blob"
)

// memory is a store that can be looked into and spoilt.
type memory struct {
	mu      sync.Mutex
	objects map[string][]byte
	before  func(name string) error // of Put, if not nil
}

func newMemory() *memory { return &memory{objects: map[string][]byte{}} }

func (m *memory) Get(_ context.Context, name string, most int64) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, ok := m.objects[name]
	switch {
	case !ok:
		return nil, blob.ErrNotExist
	case int64(len(data)) > most:
		return nil, blob.ErrTooLarge
	}
	return bytes.Clone(data), nil
}

func (m *memory) Put(ctx context.Context, name string, data []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.before != nil {
		if err := m.before(name); err != nil {
			return err
		}
	}
	if old, ok := m.objects[name]; ok && !bytes.Equal(old, data) {
		return blob.ErrExists
	}
	m.objects[name] = bytes.Clone(data)
	return ctx.Err()
}

func (m *memory) Replace(context.Context, string, []byte) error {
	return errors.New("nothing is to be replaced")
}

func (m *memory) List(_ context.Context, prefix string) iter.Seq2[string, error] {
	m.mu.Lock()
	names := slices.Sorted(maps.Keys(m.objects))
	m.mu.Unlock()
	return func(yield func(string, error) bool) {
		for _, name := range names {
			if strings.HasPrefix(name, prefix) && !yield(name, nil) {
				return
			}
		}
	}
}

func (m *memory) Delete(_ context.Context, name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.objects, name)
	return nil
}

func (m *memory) names() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Sorted(maps.Keys(m.objects))
}

// stores runs a test in memory, in a folder and in a bucket.
func stores(t *testing.T, test func(t *testing.T, s blob.Store)) {
	t.Run("memory", func(t *testing.T) { test(t, newMemory()) })
	t.Run("folder", func(t *testing.T) { test(t, open(t, t.TempDir(), blob.Private)) })
	t.Run("bucket", func(t *testing.T) {
		t.Setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
		t.Setenv("AWS_SECRET_ACCESS_KEY", "geheim")
		backend := s3mem.New()
		if err := backend.CreateBucket("lab"); err != nil {
			t.Fatal(err)
		}
		server := httptest.NewServer(gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server())
		t.Cleanup(server.Close)
		test(t, open(t, "s3://lab/sealed?insecure=1&endpoint="+url.QueryEscape(strings.TrimPrefix(server.URL, "http://"))))
	})
}

func open(t testing.TB, u string, options ...blob.Option) blob.Store {
	t.Helper()
	s, err := blob.Open(t.Context(), u, options...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}
