package credential_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/statement"
)

// merged merges, and holds that the order does not matter, and that merging again adds nothing.
func merged(t *testing.T, a, b *credential.Seen) *credential.Seen {
	t.Helper()
	var files [][]byte
	var last *credential.Seen
	for _, pair := range [][2]*credential.Seen{{a, b}, {b, a}} {
		m, err := credential.Merge(pair[0], pair[1])
		if err != nil {
			t.Fatal(err)
		}
		for range 2 {
			data, err := m.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			if last, err = credential.ParseSeen(data); err != nil { // sorted, among others
				t.Fatal(err)
			}
			files = append(files, data)
			if m, err = credential.Merge(m, pair[1]); err != nil {
				t.Fatal(err)
			}
		}
	}
	for _, f := range files {
		if !bytes.Equal(f, files[0]) {
			t.Errorf("the order matters:\n%s\n%s", files[0], f)
		}
	}
	return last
}

// TestMerge: two verifiers each saw something, and nothing of it is lost.
func TestMerge(t *testing.T) {
	l, c, old := sealed(t)
	in := input(l)
	in.Now = noon.AddDate(0, 0, 2)
	first := want(t, old, in, credential.Valid).Seen
	revoked := want(t, c.Refresh(2, noon.Add(time.Hour), with(c.Index, statement.Revoked)), in, credential.Revoked).Seen
	superseded := want(t, c.Refresh(3, noon.Add(2*time.Hour), with(c.Index+1, statement.Superseded, statement.Suspended)), in, credential.Valid).Seen
	size := l.Size()
	l.Trust.Version, l.Trust.Previous = 2, l.Pinned().ID.String()
	in.Trust = l.Pinned()
	trusted := want(t, old, in, credential.Valid).Seen
	l.Series = credentialtest.Hex(16)
	series := want(t, l.NewCredential().Seal(), in, credential.Valid).Seen

	m := merged(t, merged(t, first, revoked), merged(t, superseded, trusted))
	if len(m.Labs) != 1 || m.Labs[0].Trust.Version != 2 || len(m.Labs[0].Series) != 1 || m.Labs[0].Series[0].Sequence != 3 || m.Labs[0].Checkpoint != superseded.Labs[0].Checkpoint {
		t.Fatalf("%+v, size %d", m, size)
	}
	lists, err := credential.ParseLists(m.Labs[0].Series[0].Lists)
	if err != nil {
		t.Fatal(err)
	}
	if !lists.Revoked.Get(c.Index) || !lists.Superseded.Get(c.Index+1) || !lists.Suspended.Get(c.Index+1) || lists.Suspended.Get(c.Index) {
		t.Error("the merged list is not what both saw")
	}
	in.Seen = m
	want(t, old, in, credential.Revoked)
	if m = merged(t, m, series); len(m.Labs[0].Series) != 2 {
		t.Errorf("%+v", m)
	}
	if m = merged(t, m, seen(t)); len(m.Labs) != 3 {
		t.Errorf("%+v", m)
	}
	if x, err := credential.Merge(nil, m); err != nil || x != m {
		t.Errorf("%v, %v", x, err)
	}
	if x, err := credential.Merge(m, nil); err != nil || x != m {
		t.Errorf("%v, %v", x, err)
	}
}

// TestMergeTie: of two stories at one height one is kept, whoever comes first.
func TestMergeTie(t *testing.T) {
	l := credentialtest.New(t, origin, 3)
	l.Fill(2)
	var saw []*credential.Seen
	for range 2 {
		f := l.Fork(2)
		saw = append(saw, want(t, f.NewCredential().Seal(), input(l), credential.Valid).Seen)
	}
	if saw[0].Labs[0].Checkpoint == saw[1].Labs[0].Checkpoint {
		t.Fatal("no fork")
	}
	merged(t, saw[0], saw[1])
}
