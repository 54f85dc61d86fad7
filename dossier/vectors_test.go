package dossier

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/tree"
)

// The vectors are for other implementations: doc/format.md says what each file is. They grow with the kinds of facts and change with the
// format only.
const vectors = "../doc/vectors"

var update = flag.Bool("update", false, "write the vectors anew")

// vector compares a file of the vectors with what we make of it, or writes it.
func vector(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join(vectors, filepath.FromSlash(name))
	if *update {
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, got, 0o644))
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got)\n%s", name, diff)
	}
}

// jsonl writes values as lines of canonical JSON.
func jsonl[T any](t *testing.T, values []T) []byte {
	t.Helper()
	var b bytes.Buffer
	for _, v := range values {
		line, err := canonical(v)
		must(t, err)
		b.Write(append(line, '\n'))
	}
	return b.Bytes()
}

// TestVectorsEscape holds how a product's bytes are written.
func TestVectorsEscape(t *testing.T) {
	type escape struct {
		Hex  string `json:"hex"`
		Name string `json:"name"`
		Text string `json:"text"`
	}
	var list []escape
	for _, raw := range []string{
		"", "shadow", "a b", "100%", "a!b", "a;2", "@0x40000", "a@b", "..", "...", "a/b", "a\\b", "\"", "\x00\x1f\x7f", "\n\r\t", "\xff\xfe", "\xc3\xa9", "\xc3", "\xed\xa0\x80",
		"\xf0\x9f\x98\x80", "\u0085", "\u061c", "\u200b\u200f", "\u2028\u202e", "\u2060\u206f", "\ufeff", "\ufffd", "%2E%2E",
	} {
		list = append(list, escape{hex.EncodeToString([]byte(raw)), tree.EscapeName(raw), fact.Escape(raw)})
	}
	vector(t, "escape.jsonl", jsonl(t, list))
}

// TestVectorsFingerprint holds what a finding's fingerprint is the digest of.
func TestVectorsFingerprint(t *testing.T) {
	type fingerprint struct {
		Fingerprint string `json:"fingerprint"`
		Input       string `json:"input"`
	}
	var list []fingerprint
	for _, f := range []struct {
		requirement, test string
		same              []any
		path              string
	}{
		{"4.3.2.1", "undeclared-service", []any{"/usr/sbin/telnetd", "tcp", int64(23)}, "/etc/inetd.conf"},
		{"4.3.2.1", "undeclared-service", []any{nil, "tcp", int64(0)}, ""},
		{"R1", "t", []any{}, "/"},
		{"R1", "t", []any{true, false, "", "a\"\\\n%0Aé😀", []string{"x", "y"}}, "/a%21b"},
		{"R1", "t", []any{int64(9007199254740992), int64(9007199254740993), int64(-9007199254740993)}, "/x"},
	} {
		input := fact.AppendJSON(nil, []any{"ts-33.117", f.requirement, f.test, f.same, f.path})
		if Digest(input) != judge.Fingerprint("ts-33.117", f.requirement, f.test, f.same, f.path) {
			t.Errorf("the fingerprint of %s is another", input)
		}
		list = append(list, fingerprint{judge.Fingerprint("ts-33.117", f.requirement, f.test, f.same, f.path), string(input)})
	}
	vector(t, "fingerprints.jsonl", jsonl(t, list))
}

// vectorTree has a node of each sort.
func vectorTree() *tree.Tree {
	file := func(parent tree.ID, name string) tree.Node {
		return tree.Node{Parent: parent, Name: name, Size: 4, Known: true, Digest: tree.Digest{0x88, 0xd4}}
	}
	tr := &tree.Tree{}
	add := func(n tree.Node) tree.ID {
		tr.Nodes = append(tr.Nodes, n)
		return tree.ID(len(tr.Nodes) - 1)
	}
	router := add(tree.Node{
		Parent: tree.None, Name: "router", Size: 1000, Known: true, Digest: tree.Digest{1}, Format: "gzip",
		Decoded: []tree.Stream{{Format: "tar", Size: 1<<53 + 1, Known: true, Digest: tree.Digest{2}}}, Account: &tree.Account{Nodes: 12, Structure: 4096, Padding: 1 << 53},
		Top: &tree.Meta{Type: tree.Dir, Has: tree.HasMode | tree.HasOwner, Mode: 0o1777, GID: 7},
	})
	etc := add(tree.Node{Parent: router, Inner: true, Name: "etc", Size: -1, Meta: tree.Meta{Type: tree.Dir, Has: tree.HasMode | tree.HasOwner | tree.HasTime, Mode: 0o755, Time: -2, Nano: 500_000_000}})
	twice := file(etc, "twice")
	twice.Shadowed = true
	first := add(twice)
	tr.Nodes[first].Latest = add(file(etc, "twice;2"))
	odd := file(etc, tree.EscapeName("@a!b;%\n\"é\xff"))
	odd.Meta = tree.Meta{
		Has: tree.HasMode | tree.HasOwner | tree.HasTime | tree.HasXattrs, Mode: 0o4755, UID: 1000, GID: 4294967295, Time: 1_700_000_000,
		Xattrs: []tree.Xattr{{Name: "security.capability", Value: []byte{1, 0, 0, 2}}},
	}
	add(odd)
	add(tree.Node{Parent: etc, Name: "link", Size: 9, Meta: tree.Meta{Type: tree.Symlink, Link: "../usr/%FF"}})
	add(tree.Node{Parent: etc, Name: "null", Size: -1, Meta: tree.Meta{Type: tree.Char, Has: tree.HasDevice, Major: 1, Minor: 3}})
	hard := file(etc, "hard")
	hard.Hardlink = "etc/twice"
	add(hard)
	zip := file(etc, "x.zip")
	zip.Format, zip.Account = "zip", &tree.Account{Nodes: 2, Structure: 1, Unobserved: 1}
	add(file(add(zip), "inside"))
	tr.Nodes[len(tr.Nodes)-1].Inner = true
	add(tree.Node{Parent: etc, Name: "etc+", Size: -1, Meta: tree.Meta{Type: tree.Dir}})
	add(tree.Node{Parent: etc, Name: "unread", Size: -1})
	tr.Sort()
	return tr
}

// TestVectorsTree holds a listing and two digests: of all of it, and of what lies below router!/etc with relative addresses.
func TestVectorsTree(t *testing.T) {
	tr := vectorTree()
	var whole, below bytes.Buffer
	etc, _ := tr.Child(0, "etc")
	must(t, errors.Join(tr.WriteListing(&whole, tree.None), tr.WriteListing(&below, etc)))
	digest, err := tr.ListingDigest(etc)
	must(t, err)
	if digest.String() != Digest(below.Bytes()) {
		t.Error("a directory's digest is not that of its listing")
	}
	vector(t, "tree.jsonl", whole.Bytes())
	vector(t, "tree-below-etc.jsonl", below.Bytes())
	vector(t, "tree.sha256", []byte(Digest(whole.Bytes())+"  tree.jsonl\n"+digest.String()+"  tree-below-etc.jsonl\n"))
}

// vectorFacts returns lines of a kind: the least, and ones with every attribute.
func vectorFacts(t *testing.T, k *fact.Kind) []byte {
	t.Helper()
	line := func(full bool, n int64, text string, where fact.Location, e *fact.Excerpt) string {
		attrs := []byte("{")
		for _, f := range k.Fields {
			if !full && f.Optional {
				continue
			}
			if len(attrs) > 1 {
				attrs = append(attrs, ',')
			}
			attrs = append(fact.AppendString(attrs, f.Name), ':')
			attrs = fact.AppendJSON(attrs, map[fact.Type]any{fact.Bool: full, fact.Int: n, fact.String: text, fact.Strings: []string{text, "b"}[:n%3]}[f.Type])
		}
		return fact.EncodeAttrs("observer", where, append(attrs, '}'), e)
	}
	inside := fact.Location{Node: "router!/rootfs.squashfs!/etc/a%21b", System: "router!/rootfs.squashfs", Path: "/etc/a%21b"}
	lines, err := fact.SortLines([]string{
		line(false, 0, "", fact.Location{Node: "router"}, nil),
		line(true, 1, "é \"\\ %0A 😀", inside, &fact.Excerpt{Offset: 10, Length: 3, Line: 2, Text: "a%1B\"\\"}),
		line(true, 1<<53, "b", inside, &fact.Excerpt{Offset: 9, Length: 3, Text: "b"}),
		line(true, 1<<53+1, "c", inside, &fact.Excerpt{Offset: 1<<53 + 1, Length: 1 << 53, Text: ""}),
		line(true, -1<<53-1+3, "d", inside, nil),
	})
	must(t, err)
	return joinLines(lines)
}

// TestVectorsFacts holds that the lines of every kind read, encode to the same bytes, and stand in order. A kind may have got attributes
// since its lines were written.
func TestVectorsFacts(t *testing.T) {
	for _, k := range fact.Kinds() {
		name := "facts/" + strings.ReplaceAll(k.Name, "/", "-") + ".jsonl"
		if *update {
			vector(t, name, vectorFacts(t, k))
		}
		data, err := os.ReadFile(filepath.Join(vectors, filepath.FromSlash(name)))
		if err != nil {
			t.Errorf("kind %s has no vectors; go test ./dossier -run Vectors -update writes them: %v", k.Name, err)
			continue
		}
		lines := strings.Split(strings.TrimSuffix(string(data), "\n"), "\n")
		if len(lines) < 3 {
			t.Errorf("%s has %d lines", name, len(lines))
		}
		for i, l := range lines {
			f, err := fact.Parse(k, l)
			if err != nil {
				t.Errorf("%s: line %d: %v; an attribute that is new has to be optional", name, i+1, err)
				continue
			}
			var raw struct {
				Attrs json.RawMessage `json:"attrs"`
			}
			must(t, json.Unmarshal([]byte(l), &raw))
			if again := fact.EncodeAttrs(f.Observer, f.Location, raw.Attrs, f.Excerpt); again != l {
				t.Errorf("%s: line %d becomes %s", name, i+1, again)
			}
		}
		if sorted, err := fact.SortLines(slices.Clone(lines)); err != nil || !slices.Equal(sorted, lines) {
			t.Errorf("%s is not sorted: %v", name, err)
		}
	}
}

// TestVectorsDossier holds that the published dossier is one, has the published digest, and is judged again to the same bytes; and that
// we would write the same files today, but for facts of kinds that are younger.
func TestVectorsDossier(t *testing.T) {
	dir := filepath.Join(vectors, "dossier")
	if *update {
		must(t, os.RemoveAll(dir))
		must(t, Write(dir, sample(t)))
		vector(t, "dossier.sha256", []byte(Digest([]byte(files(t, dir)[ManifestName]))+"  dossier/dossier.json\n"))
	}
	c, err := Check(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(vectors, "dossier.sha256"))
	must(t, err)
	if got := c.Digest + "  dossier/dossier.json\n"; got != string(want) {
		t.Errorf("got %s, want %s", got, want)
	}
	old := c.Outcomes
	judgeSample(t, c, old[0].Scheme)
	if same, err := SameOutcomes(old, c.Outcomes); err != nil || !same {
		t.Errorf("judged again the outcome differs: %v", err)
	}
	published, today := files(t, dir), files(t, written(t, sample(t)))
	for name, data := range today {
		if _, there := published[name]; (there || data != "") && name != ManifestName && published[name] != data {
			t.Errorf("%s (-published +today)\n%s", name, cmp.Diff(published[name], data))
		}
	}
	for name := range published {
		if _, there := today[name]; !there {
			t.Errorf("%s is not written today", name)
		}
	}
}

// TestFormatDescribed holds that doc/format.md names every file of the vectors and every member of the files, so that neither can grow
// behind its back.
func TestFormatDescribed(t *testing.T) {
	data, err := os.ReadFile("../doc/format.md")
	must(t, err)
	text := string(data)
	must(t, filepath.WalkDir(vectors, func(path string, e fs.DirEntry, err error) error {
		name, _ := filepath.Rel(vectors, path)
		top, _, inside := strings.Cut(filepath.ToSlash(name), "/")
		if err == nil && top != "." && !inside && !strings.Contains(text, "`"+top) {
			t.Errorf("doc/format.md does not mention the vectors %s", top)
		}
		return err
	}))
	members := map[string]bool{}
	for name, data := range files(t, filepath.Join(vectors, "dossier")) {
		if strings.HasPrefix(name, "facts/") || strings.HasPrefix(name, schemesFolder) || strings.HasPrefix(name, evidenceFolder) || name == declarationName || strings.HasPrefix(name, referenceFolder) {
			continue
		}
		for line := range strings.Lines(data) {
			var v any
			must(t, json.Unmarshal([]byte(line), &v))
			collect(v, name, members)
		}
	}
	for _, m := range []string{"interrupted", "predecessor", "places_left_out", "open_left_out", "as_of", "licence", "rows", "excerpt", "decoded", "links", "major", "minor", "xattrs", "target", "top"} {
		members[m] = true
	}
	for m := range members {
		if !strings.Contains(text, "`"+m+"`") {
			t.Errorf("doc/format.md does not describe the member %q", m)
		}
	}
}

// collect notes the names of members whose names are fixed.
func collect(v any, at string, into map[string]bool) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			collect(x, at, into)
		}
	case map[string]any:
		for name, x := range v {
			switch {
			case at == "files" || at == "kinds" || at == "counts" || at == "attrs": // names that are data
			default:
				into[name] = true
			}
			collect(x, name, into)
		}
	}
}
