package credential_test

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/statement"
)

func items(n int) []credential.Item {
	all := make([]credential.Item, n)
	for i := range all {
		all[i] = credential.Item{Kind: []string{"verdict", "finding", "evidence"}[i%3], Text: fmt.Appendf(nil, `{"n":%d}`, i)}
	}
	return all
}

func seal(t testing.TB, secret byte, all []credential.Item) *credential.Tree {
	t.Helper()
	tree, err := credential.Seal(bytes.Repeat([]byte{secret}, credential.SecretSize), all)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

func open(t testing.TB, tree *credential.Tree, i int) *credential.Disclosure {
	t.Helper()
	d, err := tree.Open(i, statement.ID{9})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestSealOpensEveryItem(t *testing.T) {
	for _, n := range []int{0, 1, 2, 1023, 1024, 1025, 3000} {
		all := items(n)
		tree := seal(t, 1, all)
		want := int64(1024)
		if n > 1024 {
			want = 4096
		}
		if tree.Sealed.Size != want {
			t.Errorf("%d items in a tree of %d, want %d", n, tree.Sealed.Size, want)
		}
		for i := 0; i < n; i += 1 + n/50 {
			d := open(t, tree, i)
			data, err := d.Bytes()
			if err != nil {
				t.Fatal(err)
			}
			back, err := credential.ParseDisclosure(data)
			if err != nil {
				t.Fatal(err)
			}
			if err := back.Check(tree.Sealed); err != nil || back.Item != string(all[i].Text) {
				t.Errorf("item %d of %d: %v, %q", i, n, err, back.Item)
			}
		}
	}
}

func TestSealIsDeterministicAndSalted(t *testing.T) {
	a, b, c := seal(t, 1, items(50)), seal(t, 1, items(50)), seal(t, 2, items(50))
	if a.Sealed != b.Sealed {
		t.Error("the same secret and items, two roots")
	}
	if a.Sealed == c.Sealed {
		t.Error("two secrets, one root")
	}
	if a.Sealed == seal(t, 1, items(49)).Sealed {
		t.Error("one item less, the same root")
	}
}

// TestDisclosureRefused: no other salt, item, place, path, root or size opens a commitment (doc/adversarial-tests.md, 37).
func TestDisclosureRefused(t *testing.T) {
	tree := seal(t, 1, items(50))
	other := seal(t, 2, items(50))
	for name, bend := range map[string]func(d *credential.Disclosure, s *statement.Sealed){
		"salt": func(d *credential.Disclosure, _ *statement.Sealed) { d.Salt[31] ^= 1 },
		"item": func(d *credential.Disclosure, _ *statement.Sealed) { d.Item = `{"n":8}` },
		"moved boundary": func(d *credential.Disclosure, _ *statement.Sealed) {
			d.Salt, d.Item = append(d.Salt, d.Item[0]), d.Item[1:]
		},
		"place":           func(d *credential.Disclosure, _ *statement.Sealed) { d.Index ^= 1 },
		"far place":       func(d *credential.Disclosure, _ *statement.Sealed) { d.Index ^= 512 },
		"beyond the tree": func(d *credential.Disclosure, s *statement.Sealed) { d.Index += s.Size },
		"before it":       func(d *credential.Disclosure, _ *statement.Sealed) { d.Index = -1 },
		"path":            func(d *credential.Disclosure, _ *statement.Sealed) { d.Hashes[3][0] ^= 1 },
		"path, swapped": func(d *credential.Disclosure, _ *statement.Sealed) {
			d.Hashes[0], d.Hashes[1] = d.Hashes[1], d.Hashes[0]
		},
		"shorter path": func(d *credential.Disclosure, _ *statement.Sealed) { d.Hashes = d.Hashes[:9] },
		"longer path":  func(d *credential.Disclosure, _ *statement.Sealed) { d.Hashes = append(d.Hashes, d.Hashes[0]) },
		"short hash":   func(d *credential.Disclosure, _ *statement.Sealed) { d.Hashes[2] = d.Hashes[2][:31] },
		"other root":   func(_ *credential.Disclosure, s *statement.Sealed) { s.Root = other.Sealed.Root },
		"no root":      func(_ *credential.Disclosure, s *statement.Sealed) { s.Root = "" },
		"size":         func(_ *credential.Disclosure, s *statement.Sealed) { s.Size = 2048 },
		"size 0":       func(_ *credential.Disclosure, s *statement.Sealed) { s.Size = 0 },
		"odd size":     func(_ *credential.Disclosure, s *statement.Sealed) { s.Size = 1023 },
	} {
		d := open(t, tree, 7)
		d.Salt, d.Hashes = bytes.Clone(d.Salt), slices.Clone(d.Hashes)
		for i := range d.Hashes {
			d.Hashes[i] = bytes.Clone(d.Hashes[i])
		}
		s := tree.Sealed
		bend(d, &s)
		if err := d.Check(s); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	// An inner node cannot pass for a leaf, nor a leaf for an inner node: the path has one length, and leaves are hashed in another way.
	d := open(t, tree, 7)
	inner := *d
	inner.Hashes, inner.Index = inner.Hashes[1:], inner.Index/2
	if err := inner.Check(statement.Sealed{Root: tree.Sealed.Root, Size: 512}); err == nil {
		t.Error("a leaf as an inner node: accepted")
	}
}

// TestDisclosureTellsNothingElse: no salt serves twice, what is disclosed holds nothing of another item, and places are in no order (doc/adversarial-tests.md, 36).
func TestDisclosureTellsNothingElse(t *testing.T) {
	all := items(300)
	for i := range all {
		all[i].Text = fmt.Appendf(nil, `{"secret":"item-%d-of-many"}`, i)
	}
	tree := seal(t, 1, all)
	salts, places := map[string]bool{}, []int64{}
	for i := range all {
		d := open(t, tree, i)
		data, err := d.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if n := strings.Count(string(data), "-of-many"); n != 1 {
			t.Fatalf("disclosure %d tells %d items", i, n)
		}
		salts[string(d.Salt)] = true
		places = append(places, d.Index)
	}
	if len(salts) != len(all) {
		t.Errorf("%d salts for %d items", len(salts), len(all))
	}
	descents := 0
	for i := 1; i < len(places); i++ {
		if places[i] < places[i-1] {
			descents++
		}
	}
	if descents < 100 || descents > 200 {
		t.Errorf("of 299 items %d stand before the one that was given before them: not an order by chance", descents)
	}
	// With one item more or less, the size of what is disclosed is the same.
	for i, n := range []int{1, 2, 700, 1024} {
		a, _ := open(t, seal(t, 3, slices.Repeat(all[:1], n)), 0).Bytes()
		b, _ := open(t, seal(t, 3, all[:1]), 0).Bytes()
		if d := len(a) - len(b); d < -3 || d > 3 { // the digits of the place
			t.Errorf("%d: %d bytes, alone %d", i, len(a), len(b))
		}
	}
}

func TestSealRefused(t *testing.T) {
	secret := make([]byte, credential.SecretSize)
	for name, f := range map[string]func() error{
		"short secret": func() error { _, err := credential.Seal(secret[1:], items(3)); return err },
		"no text":      func() error { _, err := credential.Seal(secret, []credential.Item{{Kind: "x"}}); return err },
		"not UTF-8": func() error {
			_, err := credential.Seal(secret, []credential.Item{{Kind: "x", Text: []byte("\xff")}})
			return err
		},
		"too long": func() error {
			_, err := credential.Seal(secret, []credential.Item{{Kind: "x", Text: make([]byte, 1<<20)}})
			return err
		},
		"too many":     func() error { _, err := credential.Seal(secret, make([]credential.Item, 1<<20+1)); return err },
		"no such item": func() error { _, err := seal(t, 1, items(3)).Open(3, statement.ID{}); return err },
		"item -1":      func() error { _, err := seal(t, 1, items(3)).Open(-1, statement.ID{}); return err },
	} {
		if err := f(); err == nil || name == "too many" && !strings.Contains(err.Error(), "at most") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseDisclosureRefused(t *testing.T) {
	data, err := open(t, seal(t, 1, items(3)), 1).Bytes()
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, with string) []byte {
		if !bytes.Contains(data, []byte(old)) {
			t.Fatalf("%q is not in %s", old, data)
		}
		return bytes.Replace(data, []byte(old), []byte(with), 1)
	}
	short := base64.StdEncoding.EncodeToString(make([]byte, 31))
	for name, b := range map[string][]byte{
		"format":         replace("disclosure/1", "disclosure/2"),
		"newline":        append(bytes.Clone(data), '\n'),
		"space":          replace(`":`, `": `),
		"unknown field":  replace(`{"format"`, `{"a":1,"format"`),
		"twice":          replace(`{"format"`, `{"format":"probat-disclosure/1","format"`),
		"other case":     replace(`"salt"`, `"Salt"`),
		"no hashes":      replace(`"hashes":[`, `"hashes":null,"index":[`),
		"negative index": replace(`"index":`, `"index":-`),
		"short hash":     replace(`"hashes":["`, `"hashes":["`+short+`","`),
		"escaped":        replace(`\"n\"`, `\u0022n\"`),
		"id in capitals": replace(`"of":"09`, `"of":"0F`),
		"not UTF-8":      replace(`"item":"`, "\"item\":\"\xff"),
	} {
		if _, err := credential.ParseDisclosure(b); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	if _, err := credential.ParseDisclosure(make([]byte, 4<<20)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Errorf("too large: %v", err)
	}
}

func TestSealedProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		texts := rapid.SliceOfN(rapid.StringN(1, 20, -1), 1, 30).Draw(t, "texts")
		var all []credential.Item
		for _, x := range texts {
			all = append(all, credential.Item{Kind: rapid.SampledFrom([]string{"a", "a 1", ""}).Draw(t, "kind"), Text: []byte(x)})
		}
		tree, err := credential.Seal(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "secret"), all)
		if err != nil {
			t.Fatal(err)
		}
		i, j := rapid.IntRange(0, len(all)-1).Draw(t, "i"), rapid.IntRange(0, len(all)-1).Draw(t, "j")
		a, err := tree.Open(i, statement.ID{})
		if err != nil {
			t.Fatal(err)
		}
		b, err := tree.Open(j, statement.ID{})
		if err != nil {
			t.Fatal(err)
		}
		if err := a.Check(tree.Sealed); err != nil {
			t.Fatal(err)
		}
		if i != j {
			if bytes.Equal(a.Salt, b.Salt) || a.Index == b.Index {
				t.Fatal("two items share salt or place")
			}
			a.Item = b.Item + "x"
			if a.Check(tree.Sealed) == nil {
				t.Fatal("another item opens the commitment")
			}
		}
	})
}

func FuzzParseDisclosure(f *testing.F) {
	tree := seal(f, 1, items(5))
	for i := range 5 {
		data, err := open(f, tree, i).Bytes()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := credential.ParseDisclosure(data)
		if err != nil {
			return
		}
		_ = d.Check(tree.Sealed)
		again, err := d.Bytes()
		if err != nil || !bytes.Equal(again, data) {
			t.Errorf("encodes as %q, %v", again, err)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	all := items(1000)
	for b.Loop() {
		if _, err := credential.Seal(make([]byte, 32), all); err != nil {
			b.Fatal(err)
		}
	}
}

// TestDisclosuresOfACredential: in the container and beside it, opened items must be of what this credential sealed.
func TestDisclosuresOfACredential(t *testing.T) {
	l, c, zip := sealed(t)
	foreign, err := seal(t, 9, items(4)).Open(2, c.Of) // of another tree
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := c.Tree.Open(0, statement.ID{7}) // of verdicts that the credential does not rest on
	if err != nil {
		t.Fatal(err)
	}
	right, err := c.Tree.Open(0, c.Of)
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		d    *credential.Disclosure
		word credential.Word
		text string
	}{{right, credential.Valid, ""}, {foreign, credential.Invalid, "not the one that was sealed"}, {elsewhere, credential.Invalid, "does not rest on"}} {
		data, err := x.d.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		in := input(l)
		in.Disclosures = [][]byte{data}
		inside := *c
		inside.Parts.Disclosures = append(inside.Parts.Disclosures[:1:1], x.d)
		for where, r := range map[string]*credential.Result{"the disclosure": credential.Verify(zip, in), "the zip: disclosures/01.json": credential.Verify(inside.Zip(), input(l))} {
			if r.Word != x.word || x.word != credential.Valid && (r.Reasons[0].Where != where || !strings.Contains(r.Reasons[0].Text, x.text)) {
				t.Errorf("%s: %s, want %s: %v", where, r.Word, x.word, r.Reasons)
			}
			if x.word == credential.Valid && len(r.Facts.Disclosures) != 2 {
				t.Errorf("%s: %d disclosed items", where, len(r.Facts.Disclosures))
			}
		}
	}
}
