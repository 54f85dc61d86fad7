package evaluate_test

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path"
	"path/filepath"
	"slices"
	"testing"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/scheme"
)

const declaration = "testdata/router.yaml" // the example's declaration, without the artifact's digest

// judges returns the schemes that a loss must not please, and what passes before it.
func judges(t *testing.T, product string) ([]*scheme.Scheme, []string, *dossier.Contents) {
	t.Helper()
	whole := run(t, product, declaration, evaluate.Options{})
	list := []*scheme.Scheme{shipped(t), teeth(t, whole)}
	before := run(t, product, declaration, evaluate.Options{Schemes: list})
	fails := 0
	for _, o := range before.Outcomes {
		if o.Scheme.ID == "teeth" {
			for _, r := range o.Requirements {
				if r.Verdict == "fail" {
					fails++
				}
			}
		}
	}
	if all := len(list[1].Requirements); fails < all*3/4 {
		t.Fatalf("%d of the %d requirements fail: the scheme has no teeth", fails, all)
	}
	return list, passed(before), before
}

// noise returns n bytes that look encrypted, the same each time.
func noise(name string, n int) []byte {
	var b []byte
	for i := uint64(0); len(b) < n; i++ {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(name), i))
		b = append(b, sum[:]...)
	}
	return b[:n]
}

// TestWithoutObserver: an observer that is not asked makes no pass.
func TestWithoutObserver(t *testing.T) {
	list, before, _ := judges(t, archive)
	for _, o := range evaluate.Observers() {
		c := run(t, archive, declaration, evaluate.Options{Schemes: list, LeaveOut: []string{o.Name}})
		neverGrows(t, "without "+o.Name, before, c)
		if !slices.Equal(c.Manifest.LeftOut, []string{o.Name}) {
			t.Errorf("left out: %v", c.Manifest.LeftOut)
		}
		for _, asked := range c.Manifest.Observers {
			if asked.Observer == o.Name {
				t.Errorf("%s was asked all the same", o.Name)
			}
		}
	}
}

// TestTruncated: an image that ends early makes no pass.
func TestTruncated(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "root.tar")
	writeTar(t, plain, rootMembers(t))
	rng := rand.New(rand.NewPCG(5, 33117))
	for _, product := range []string{archive, plain} {
		list, before, _ := judges(t, product)
		data, err := os.ReadFile(product)
		must(t, err)
		cut := filepath.Join(dir, "cut")
		points := []int{0, 1, 511, 512, 1024, 10240, 10241, len(data) / 2 &^ 511, len(data) - 1}
		for range 20 {
			points = append(points, rng.IntN(len(data)))
		}
		for _, n := range points {
			if n == 1 && product == plain {
				continue // one letter: a whole text, and nothing tells that it was more
			}
			must(t, os.WriteFile(cut, data[:n], 0o600))
			c := run(t, cut, declaration, evaluate.Options{Schemes: list})
			neverGrows(t, fmt.Sprintf("%s cut after %d of %d bytes", filepath.Base(product), n, len(data)), before, c)
			if c.Facts.Len("unobserved") == 0 {
				t.Errorf("%s cut after %d of %d bytes, and nothing is unobserved", filepath.Base(product), n, len(data))
			}
		}
	}
}

// TestNoiseByPath: noise in the place of a file that an observer addresses by its path makes no pass. The noise has the length of the file, or no byte.
func TestNoiseByPath(t *testing.T) {
	root := rootMembers(t)
	plain := filepath.Join(t.TempDir(), "root.tar")
	writeTar(t, plain, root)
	list, before, _ := judges(t, plain)
	overwritten := 0
	for i, m := range root {
		if m.data == nil || !addressed(m.header.Name) {
			continue
		}
		overwritten++
		for what, data := range map[string][]byte{
			"noise":   noise(m.header.Name, len(m.data)),
			"control": slices.Repeat([]byte{0xff, 0}, len(m.data)/2+1),
		} {
			damage(t, plain, root, i, data)
			neverGrows(t, what+" over "+m.header.Name, before, run(t, plain, declaration, evaluate.Options{Schemes: list}))
		}
	}
	if overwritten < 10 {
		t.Errorf("observers address %d files of the example by path", overwritten)
	}
}

func addressed(name string) bool {
	for _, o := range evaluate.Observers() {
		if o.Tree == nil {
			continue
		}
		for _, r := range o.Tree.Reads {
			if ok, err := path.Match(r.Glob, name); ok && err == nil {
				return true
			}
		}
	}
	return false
}

// damage writes the archive with other bytes for one member.
func damage(t *testing.T, to string, list []item, i int, data []byte) {
	t.Helper()
	changed := slices.Clone(list)
	changed[i].data = data
	changed[i].header.Size = int64(len(data))
	writeTar(t, to, changed)
}

// TestEncryptedMember: a member that nobody can read makes no pass.
func TestEncryptedMember(t *testing.T) {
	root := rootMembers(t)
	plain := filepath.Join(t.TempDir(), "root.tar")
	writeTar(t, plain, root)
	list, before, _ := judges(t, plain)
	for i, m := range root {
		// A file of less than a block cannot be told from text of its own: whoever encrypts it appends an authentication tag.
		if len(m.data) == 0 || addressed(m.header.Name) {
			continue
		}
		damage(t, plain, root, i, noise("key of "+m.header.Name, len(m.data)+16))
		neverGrows(t, "encrypted "+m.header.Name, before, run(t, plain, declaration, evaluate.Options{Schemes: list}))
	}
}

// TestEncryptedSystem: of two systems one is encrypted as a whole. What only that one holds is not known any more, so nothing that failed for
// it may pass.
func TestEncryptedSystem(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "root.tar")
	good := slices.DeleteFunc(rootMembers(t), func(m item) bool { return m.header.Name == "usr/bin/rescue" || m.header.Name == "etc/edge/edge.conf" })
	writeTar(t, plain, rootMembers(t))
	bad, err := os.ReadFile(plain)
	must(t, err)
	writeTar(t, plain, good)
	other, err := os.ReadFile(plain)
	must(t, err)
	both := filepath.Join(dir, "both.tar")
	two := func(a []byte) []item {
		header := func(name string, b []byte) tar.Header {
			return tar.Header{Name: name, Size: int64(len(b)), Typeflag: tar.TypeReg, Mode: 0o644}
		}
		return []item{{header("a.img", a), a}, {header("b.img", other), other}}
	}
	writeTar(t, both, two(bad))
	list, before, _ := judges(t, both)
	writeTar(t, both, two(noise("slot a", len(bad))))
	neverGrows(t, "one of two systems encrypted", before, run(t, both, declaration, evaluate.Options{Schemes: list}))
}
