// Package uploadtest holds rows of uploads in memory, and what every upload.Uploads has to pass. Only tests use it.
package uploadtest

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/blob/vault"
	"github.com/probat-lab/probat/portal/upload"
)

// Memory is upload.Uploads in memory.
type Memory struct {
	mu   sync.Mutex
	rows map[string]upload.Upload // guarded by mu
	// OnSave is called first by Save, if not nil; its error is Save's. Not guarded: set it before the rows are used.
	OnSave func(u upload.Upload) error
}

// NewMemory returns rows, of which there are none yet.
func NewMemory() *Memory { return &Memory{rows: map[string]upload.Upload{}} }

// Create implements upload.Uploads.
func (m *Memory) Create(_ context.Context, u upload.Upload, most upload.Quota) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, sum := 0, int64(0)
	for _, other := range m.rows {
		if other.Owner.Party == u.Owner.Party {
			n++
			sum += other.Size
		}
	}
	if n >= most.Uploads || u.Size > most.Bytes-sum {
		return upload.ErrQuota
	}
	m.rows[u.ID] = clone(u)
	return nil
}

// Get implements upload.Uploads.
func (m *Memory) Get(_ context.Context, party, id string) (upload.Upload, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.get(party, id)
}

func (m *Memory) get(party, id string) (upload.Upload, error) {
	u, ok := m.rows[id]
	if !ok || u.Owner.Party != party {
		return upload.Upload{}, upload.ErrNotFound
	}
	return clone(u), nil
}

// Save implements upload.Uploads.
func (m *Memory) Save(_ context.Context, from int64, u upload.Upload) error {
	if m.OnSave != nil {
		if err := m.OnSave(u); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	old, err := m.get(u.Owner.Party, u.ID)
	if err != nil {
		return err
	}
	if old.Offset != from || old.Complete() {
		return upload.ErrConflict
	}
	old.Offset, old.Expires, old.State, old.Ref = u.Offset, u.Expires, u.State, u.Ref
	m.rows[u.ID] = clone(old)
	return nil
}

// Delete implements upload.Uploads.
func (m *Memory) Delete(_ context.Context, party, id string, from int64) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, err := m.get(party, id)
	if err != nil {
		return err
	}
	if old.Offset != from {
		return upload.ErrConflict
	}
	delete(m.rows, id)
	return nil
}

// Expired implements upload.Uploads.
func (m *Memory) Expired(_ context.Context, now time.Time, most int) ([]upload.Upload, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var expired []upload.Upload
	for _, u := range m.rows {
		if u.Expires.Before(now) {
			expired = append(expired, clone(u))
		}
	}
	slices.SortFunc(expired, func(a, b upload.Upload) int { return a.Expires.Compare(b.Expires) })
	return expired[:min(most, len(expired))], nil
}

// All returns all rows, in the order of their IDs.
func (m *Memory) All() []upload.Upload {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []upload.Upload
	for _, u := range m.rows {
		all = append(all, clone(u))
	}
	slices.SortFunc(all, func(a, b upload.Upload) int { return bytes.Compare([]byte(a.ID), []byte(b.ID)) })
	return all
}

func clone(u upload.Upload) upload.Upload {
	u.State = bytes.Clone(u.State)
	if u.Ref != nil {
		ref := *u.Ref
		ref.Wrapped = bytes.Clone(ref.Wrapped)
		u.Ref = &ref
	}
	return u
}

// Row is an upload with this ID of a party, of 10 bytes, that expires after so many minutes of the day on which these tests play.
func Row(id, party string, minutes int) upload.Upload {
	return upload.Upload{
		ID: id, Owner: upload.Owner{Party: party, Person: "ann"}, Size: 10, Label: "firmware ä.bin", State: []byte{0, 1, 2},
		Expires: time.Date(2026, 11, 24, 0, minutes, 0, 0, time.UTC),
	}
}

// Run tests an implementation. open returns one without rows, in which the parties "acme" and "rival" and the person "ann" of each exist.
func Run(t *testing.T, open func(t *testing.T) upload.Uploads) {
	for name, test := range map[string]func(*testing.T, upload.Uploads){
		"rows": testRows, "quota": testQuota, "expired": testExpired, "races": testRaces,
	} {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

var roomy = upload.Quota{Uploads: 100, Bytes: 1 << 30}

func create(t *testing.T, s upload.Uploads, all ...upload.Upload) {
	t.Helper()
	for _, u := range all {
		if err := s.Create(t.Context(), u, roomy); err != nil {
			t.Fatal(err)
		}
	}
}

func want(t *testing.T, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func testRows(t *testing.T, s upload.Uploads) {
	ctx := t.Context()
	u := Row("a", "acme", 1)
	create(t, s, u, Row("b", "acme", 1), Row("c", "rival", 1))
	check := func(what string) {
		t.Helper()
		got, err := s.Get(ctx, "acme", "a")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(u, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	check("created")
	u.Offset, u.State, u.Expires = 4, []byte{9}, u.Expires.Add(time.Hour)
	want(t, "saved", s.Save(ctx, 0, u), nil)
	check("saved")
	changed := u
	changed.Offset = 7
	want(t, "from another offset", s.Save(ctx, 0, changed), upload.ErrConflict)
	changed.Owner.Party = "rival"
	want(t, "saved by another party", s.Save(ctx, 4, changed), upload.ErrNotFound)
	want(t, "deleted by another party", s.Delete(ctx, "rival", "a", 4), upload.ErrNotFound)
	want(t, "deleted from another offset", s.Delete(ctx, "acme", "a", 0), upload.ErrConflict)
	_, err := s.Get(ctx, "rival", "a")
	want(t, "another party's", err, upload.ErrNotFound)
	_, err = s.Get(ctx, "acme", "x")
	want(t, "none", err, upload.ErrNotFound)
	check("after all that was refused")
	u.Offset, u.State, u.Ref = 10, nil, &vault.Ref{Address: "ad", Object: "ob", Wrapped: []byte{1, 2}}
	want(t, "completed", s.Save(ctx, 4, u), nil)
	check("completed")
	want(t, "completed again", s.Save(ctx, 10, u), upload.ErrConflict)
	want(t, "deleted", s.Delete(ctx, "acme", "a", 10), nil)
	want(t, "deleted again", s.Delete(ctx, "acme", "a", 10), upload.ErrNotFound)
	want(t, "saved after that", s.Save(ctx, 10, u), upload.ErrNotFound)
	if _, err := s.Get(ctx, "acme", "b"); err != nil {
		t.Errorf("another upload: %v", err)
	}
}

func testQuota(t *testing.T, s upload.Uploads) {
	ctx := t.Context()
	create(t, s, Row("a", "acme", 1), Row("b", "acme", 2))
	done := Row("a", "acme", 1)
	done.Offset, done.Ref = 10, &vault.Ref{Address: "ad", Object: "ob", Wrapped: []byte{1}}
	want(t, "completed", s.Save(ctx, 0, done), nil)
	want(t, "a third", s.Create(ctx, Row("c", "acme", 1), upload.Quota{Uploads: 2, Bytes: 1000}), upload.ErrQuota)
	want(t, "a byte too many", s.Create(ctx, Row("c", "acme", 1), upload.Quota{Uploads: 9, Bytes: 29}), upload.ErrQuota)
	want(t, "another party", s.Create(ctx, Row("d", "rival", 1), upload.Quota{Uploads: 1, Bytes: 10}), nil)
	want(t, "as many as allowed", s.Create(ctx, Row("c", "acme", 1), upload.Quota{Uploads: 3, Bytes: 30}), nil)
	large := Row("e", "acme", 1)
	large.Size = 1<<63 - 1
	want(t, "so large that the sum overflows", s.Create(ctx, large, upload.Quota{Uploads: 9, Bytes: 1000}), upload.ErrQuota)
	want(t, "deleted", s.Delete(ctx, "acme", "b", 0), nil)
	want(t, "after that", s.Create(ctx, Row("f", "acme", 1), upload.Quota{Uploads: 3, Bytes: 30}), nil)
}

func testExpired(t *testing.T, s upload.Uploads) {
	create(t, s, Row("a", "acme", 3), Row("b", "rival", 1), Row("c", "acme", 2), Row("d", "acme", 9))
	for most, ids := range map[int]string{9: "bca", 2: "bc"} {
		expired, err := s.Expired(t.Context(), Row("", "", 4).Expires, most)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, u := range expired {
			got += u.ID
			if u.Owner.Party == "" || len(u.State) == 0 {
				t.Errorf("not a whole row: %+v", u)
			}
		}
		if got != ids {
			t.Errorf("at most %d: got %q, want %q", most, got, ids)
		}
	}
}

// testRaces: of many that save from one offset one succeeds, and many that create do not exceed the quota.
func testRaces(t *testing.T, s upload.Uploads) {
	create(t, s, Row("a", "acme", 1))
	saved, created := make([]error, 8), make([]error, 8)
	var wg sync.WaitGroup
	for i := range saved {
		wg.Go(func() {
			u := Row("a", "acme", 1)
			u.Offset = int64(1 + i)
			saved[i] = s.Save(t.Context(), 0, u)
			created[i] = s.Create(t.Context(), Row("r"+string(rune('a'+i)), "rival", 1), upload.Quota{Uploads: 3, Bytes: 1000})
		})
	}
	wg.Wait()
	count := func(errs []error, otherwise error) (n int) {
		for _, err := range errs {
			if err == nil {
				n++
			} else if !errors.Is(err, otherwise) {
				t.Error(err)
			}
		}
		return n
	}
	if n := count(saved, upload.ErrConflict); n != 1 {
		t.Errorf("%d saved", n)
	}
	if n := count(created, upload.ErrQuota); n != 3 {
		t.Errorf("%d created, 3 are allowed", n)
	}
}
