package tree

import (
	"bytes"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gowebpki/jcs"
	"pgregory.net/rapid"
)

// sample has one of everything.
func sample() *Tree {
	tr := &Tree{Nodes: []Node{
		{Parent: None, Name: "router", Size: 1 << 20, Known: true, Digest: Digest{0xaa}, Format: "gzip", Decoded: []Stream{
			{Format: "tar", Size: 1<<53 + 1, Known: true, Digest: Digest{0xbb}},
			{Format: "", Size: 7},
		}, Account: &Account{Nodes: 1, Structure: 2, Padding: 1 << 60, Unobserved: 4}, Top: &Meta{Type: Dir, Has: HasMode, Mode: 0o1777, Xattrs: []Xattr{{Name: "user.x"}}}},
		{Parent: 0, Inner: true, Name: "etc", Meta: Meta{Type: Dir, Has: HasMode | HasOwner | HasTime, Mode: 0o755, Time: -2, Nano: 500_000_000}, Size: -1},
		{Parent: 1, Name: "big%0A\"\\é", Meta: Meta{Has: HasMode | HasOwner | HasTime | HasXattrs, Mode: 0o4755, UID: math.MaxUint32, GID: 1, Time: 253_402_300_800, Xattrs: []Xattr{
			{Name: "security.capability", Value: []byte{1, 0, 0xff}}, {Name: "user.empty"},
		}}, Size: 1<<53 + 1},
		{Parent: 1, Name: "link", Meta: Meta{Type: Symlink, Link: "../x"}, Size: 4},
		{Parent: 1, Name: "hard", Meta: Meta{Hardlink: "etc/big"}, Size: 0, Known: true},
		{Parent: 1, Name: "null", Meta: Meta{Type: Char, Has: HasDevice, Major: 1, Minor: 3}, Size: -1},
		{Parent: 1, Name: "exact", Size: 1 << 53},
		{Parent: 1, Name: "unread", Size: -1},
	}}
	tr.Sort()
	return tr
}

// TestListing holds a listing to the byte.
func TestListing(t *testing.T) {
	const zeros = "00000000000000000000000000000000000000000000000000000000000000"
	want := []string{
		`{"account":{"nodes":1,"padding":"1152921504606846976","structure":2,"unobserved":4},"address":"router","decoded":[{"digest":"bb` + zeros + `","format":"tar","size":"9007199254740993"},{"size":7}],"digest":"aa` + zeros + `","format":"gzip","size":1048576,"top":{"mode":"1777","type":"dir","xattrs":[{"name":"user.x","value":""}]},"type":"file"}`,
		`{"address":"router!/etc","gid":0,"mode":"0755","mtime":"-2.500000000","type":"dir","uid":0}`,
		`{"address":"router!/etc/big%0A\"\\é","gid":1,"mode":"4755","mtime":"253402300800","size":"9007199254740993","type":"file","uid":4294967295,"xattrs":[{"name":"security.capability","value":"AQD/"},{"name":"user.empty","value":""}]}`,
		`{"address":"router!/etc/exact","size":9007199254740992,"type":"file"}`,
		`{"address":"router!/etc/hard","digest":"00` + zeros + `","links":"etc/big","size":0,"type":"file"}`,
		`{"address":"router!/etc/link","target":"../x","type":"symlink"}`,
		`{"address":"router!/etc/null","major":1,"minor":3,"type":"char"}`,
		`{"address":"router!/etc/unread","type":"file"}`,
	}
	tr := sample()
	got := strings.Split(strings.TrimSuffix(listing(tr), "\n"), "\n")
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || got[i] != want[i] {
			t.Fatalf("line %d: got\n%s\nwant\n%s", i, got[min(i, len(got)-1)], want[min(i, len(want)-1)])
		}
	}
	for _, line := range got {
		if c, err := jcs.Transform([]byte(line)); err != nil || string(c) != line {
			t.Errorf("%s\nin canonical form is\n%s, %v", line, c, err)
		}
	}
}

// TestListingDigest pins a digest, and holds that a listing below a node has relative addresses and does not depend on what is around.
func TestListingDigest(t *testing.T) {
	const want = "81751ec516d10ba1508f421661d22d15"
	tr := plant("p!/a/", "p!/a/b!/c", "p!/a/d -> x", "q/a/", "q/a/b!/c", "q/a/d -> x", "q/a+", "q/z/y")
	p, q := tr.find("p!/a"), tr.find("q/a")
	var b bytes.Buffer
	if err := tr.WriteListing(&b, p); err != nil {
		t.Fatal(err)
	}
	if got, want := b.String(), `{"address":"b","size":0,"type":"file"}
{"address":"b!/c","size":0,"type":"file"}
{"address":"d","target":"x","type":"symlink"}
`; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	one, err := tr.ListingDigest(p)
	if err != nil {
		t.Fatal(err)
	}
	two, _ := tr.ListingDigest(q)
	if one != two {
		t.Errorf("%v and %v", one, two)
	}
	if got := one.String()[:32]; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, _ := tr.ListingDigest(tr.find("q/z/y")); got.String() != "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855" {
		t.Errorf("of nothing: %v", got)
	}
}

// TestListingCanonical holds that every line is canonical JSON by another's judgement, and that the listing below a node is the part of the
// whole that belongs to it.
func TestListingCanonical(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		tr := forest(t)
		for i := range tr.Nodes {
			n := &tr.Nodes[i]
			n.Size, n.Mode, n.Time, n.Nano = rapid.Int64Min(-1).Draw(t, "size"), rapid.Uint32Max(0o7777).Draw(t, "mode"), rapid.Int64().Draw(t, "time"), rapid.Int32Range(0, 999_999_999).Draw(t, "nano")
			n.Has = Has(rapid.Byte().Draw(t, "has"))
			if rapid.Bool().Draw(t, "renamed") && n.Latest == 0 && !strings.Contains(n.Name, ";") && n.Parent != None {
				n.Name = EscapeName(rapid.String().Draw(t, "name")) + n.Name
			}
		}
		tr.Sort()
		whole := strings.SplitAfter(listing(tr), "\n")
		for _, line := range whole[:len(whole)-1] {
			if c, err := jcs.Transform([]byte(line)); err != nil || string(c)+"\n" != line {
				t.Fatalf("%s\nin canonical form is\n%s, %v", line, c, err)
			}
		}
		below := ID(rapid.IntRange(0, len(tr.Nodes)-1).Draw(t, "below"))
		var b bytes.Buffer
		if err := tr.WriteListing(&b, below); err != nil {
			t.Fatal(err)
		}
		n := 0
		for i := range tr.Nodes {
			for id := tr.Nodes[i].Parent; id != None; id = tr.Nodes[id].Parent {
				if id == below {
					n++
				}
			}
		}
		if got := strings.Count(b.String(), "\n"); got != n {
			t.Fatalf("%d lines below %s, want %d", got, tr.Address(below), n)
		}
	})
}

type full struct{ left int }

var errFull = errors.New("full")

func (f *full) Write(b []byte) (int, error) {
	if f.left -= len(b); f.left < 0 {
		return 0, errFull
	}
	return len(b), nil
}

func TestListingFails(t *testing.T) {
	tr := sample()
	if err := tr.WriteListing(&full{10}, None); !errors.Is(err, errFull) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkListing(b *testing.B) {
	lines := []string{}
	for i := range 2000 {
		lines = append(lines, "p!/usr/lib/dir"+string(rune('a'+i%26))+"/file"+strings.Repeat("x", i%50)+string(rune('a'+i/50%26))+string(rune('a'+i/1300)))
	}
	tr := plant(lines...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := tr.ListingDigest(None); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(tr.Nodes)), "ns/node")
}
