package dossier

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/scheme"
)

// files returns the files of a folder with their contents.
func files(t testing.TB, dir string) map[string]string {
	t.Helper()
	out := map[string]string{}
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		out[filepath.ToSlash(rel)] = string(data)
		return err
	}))
	return out
}

// TestRoundTrip holds that what was written reads back, is what it says, and can be judged again to the same bytes.
func TestRoundTrip(t *testing.T) {
	c := sample(t)
	dir := written(t, c)
	for name, read := range map[string]func() (*Contents, error){
		"Read":  func() (*Contents, error) { return Read(dir) },
		"Check": func() (*Contents, error) { return Check(dir, nil) },
	} {
		got, err := read()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if got.Digest != c.Digest || got.Digest != Digest([]byte(files(t, dir)[ManifestName])) {
			t.Errorf("%s: digest %s, want %s", name, got.Digest, c.Digest)
		}
		if diff := cmp.Diff(c.Manifest, got.Manifest); diff != "" {
			t.Errorf("%s: manifest (-want +got)\n%s", name, diff)
		}
		if diff := cmp.Diff(c.Declaration, got.Declaration); diff != "" {
			t.Errorf("%s: declaration (-want +got)\n%s", name, diff)
		}
		if diff := cmp.Diff(c.Judgements, got.Judgements); diff != "" {
			t.Errorf("%s: judgements (-want +got)\n%s", name, diff)
		}
		if diff := cmp.Diff(c.Evidence, got.Evidence); diff != "" || string(got.Tree) != sampleTree || got.References[0].Digest != c.References[0].Digest {
			t.Errorf("%s: evidence, tree or references differ\n%s", name, diff)
		}
		if same, err := SameOutcomes(c.Outcomes, got.Outcomes); err != nil || !same {
			t.Errorf("%s: other outcomes: %v", name, err)
		}
		if again := written(t, got); !cmp.Equal(files(t, dir), files(t, again)) {
			t.Errorf("%s: written again it differs\n%s", name, cmp.Diff(files(t, dir), files(t, again)))
		}
		judgeSample(t, got, got.Outcomes[0].Scheme)
		if again := written(t, got); !cmp.Equal(files(t, dir), files(t, again)) {
			t.Errorf("%s: judged again it differs\n%s", name, cmp.Diff(files(t, dir), files(t, again)))
		}
	}
	var verdicts []string
	for _, r := range c.Outcomes[0].Requirements {
		verdicts = append(verdicts, r.Of.ID+" "+string(r.Verdict))
	}
	if got, want := strings.Join(verdicts, ", "), "R1 fail, R2 fail, R3 fail"; got != want {
		t.Errorf("the sample says %s, want %s", got, want)
	}
	if _, err := Summary(c); err != nil {
		t.Error(err)
	}
}

// TestLargeIntegers holds that sizes beyond 2^53 come back as they were, and stand in the file as strings.
func TestLargeIntegers(t *testing.T) {
	c := sample(t)
	c.Manifest.Artifacts[0].Size = 1<<62 + 1
	c.Manifest.Bytes = Bytes{1<<60 + 1, 1<<60 + 2, 1<<60 + 3, 1<<60 + 4}
	c.Manifest.Budgets = Budgets{1<<61 + 1, 7, 1<<61 + 3}
	dir := written(t, c)
	got, err := Check(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(c.Manifest, got.Manifest); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	text := files(t, dir)[ManifestName]
	for _, part := range []string{`"size":"4611686018427387905"`, `"structure":"1152921504606846978"`, `"entries":"2305843009213693955"`} {
		if !strings.Contains(text, part) {
			t.Errorf("%s is not in %s", part, text)
		}
	}
	for _, bad := range []string{`"7"`, `7.0`, `"9007199254740992"`, `9007199254740993`, `""`, `"x"`, `null`, `true`} {
		var n integer
		if err := json.Unmarshal([]byte(bad), &n); err == nil && bad != "null" {
			t.Errorf("%s reads as %d", bad, n)
		}
	}
}

// TestEveryByteCounts changes each file in turn, cuts it, takes it away: Read refuses and says which file it was.
func TestEveryByteCounts(t *testing.T) {
	c := sample(t)
	dir := written(t, c)
	for name, data := range files(t, dir) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		refused := func(what string) {
			t.Helper()
			got, err := Read(dir)
			if err == nil && name != ManifestName {
				t.Fatalf("%s: %s is read", name, what)
			}
			if err == nil && got.Digest == c.Digest {
				t.Fatalf("%s: %s has the same digest", name, what)
			}
			if err != nil && !strings.Contains(err.Error(), name) && name != ManifestName {
				t.Fatalf("%s: %s: the error does not name the file: %v", name, what, err)
			}
		}
		step := max(1, len(data)/50)
		for i := 0; i < len(data); i += step {
			changed := []byte(data)
			changed[i] ^= 1
			must(t, os.WriteFile(path, changed, 0o600))
			refused(fmt.Sprintf("byte %d changed", i))
		}
		if len(data) > 0 {
			must(t, os.WriteFile(path, []byte(data[:len(data)-1]), 0o600))
			refused("the last byte cut")
		}
		must(t, os.WriteFile(path, []byte(data+"\n"), 0o600))
		refused("a byte added")
		must(t, os.Remove(path))
		refused("nothing")
		must(t, os.Mkdir(path, 0o700))
		refused("a folder")
		must(t, os.Remove(path))
		must(t, os.WriteFile(path+"2", []byte(data), 0o600))
		must(t, os.Symlink(path+"2", path))
		refused("a link to the same bytes")
		must(t, errors.Join(os.Remove(path), os.Remove(path+"2"), os.WriteFile(path, []byte(data), 0o600)))
	}
	if _, err := Check(dir, nil); err != nil {
		t.Fatal("put back, but", err)
	}
}

// edited writes the sample with an edited manifest whose digests fit what lies there, and returns what Read and Check say.
func edited(t *testing.T, edit func(m map[string]any, dir string)) (read, check error) {
	t.Helper()
	dir := written(t, sample(t))
	var m map[string]any
	must(t, json.Unmarshal([]byte(files(t, dir)[ManifestName]), &m))
	edit(m, dir)
	data, err := canonical(m)
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, ManifestName), data, 0o600))
	_, read = Read(dir)
	_, check = Check(dir, nil)
	return read, check
}

// put writes a file into a dossier and lists it.
func put(t *testing.T, m map[string]any, dir, name, data string) {
	t.Helper()
	path := filepath.Join(dir, filepath.FromSlash(name))
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(data), 0o600))
	m["files"].(map[string]any)[name] = map[string]any{"digest": Digest([]byte(data)), "size": len(data)}
}

// TestForged holds what is refused although every digest is right: whoever made the folder can compute digests.
func TestForged(t *testing.T) {
	replaceIn := func(name, from, to string) func(t *testing.T, m map[string]any, dir string) {
		return func(t *testing.T, m map[string]any, dir string) {
			data := files(t, dir)[name]
			if !strings.Contains(data, from) {
				t.Fatalf("%s has no %s in\n%s", name, from, data)
			}
			put(t, m, dir, name, strings.Replace(data, from, to, 1))
		}
	}
	list := func(m map[string]any, name string) []any { return m[name].([]any) }
	first := func(m map[string]any, name string) map[string]any { return list(m, name)[0].(map[string]any) }
	for name, c := range map[string]struct {
		edit        func(t *testing.T, m map[string]any, dir string)
		read, check string // a part of the error; of Check only where Read accepts
	}{
		"other format":       {func(_ *testing.T, m map[string]any, _ string) { m["format"] = "probat-dossier/2" }, `its format is "probat-dossier/2"`, ""},
		"unknown member":     {func(_ *testing.T, m map[string]any, _ string) { m["vendor"] = "x" }, "dossier.json", ""},
		"member in artifact": {func(_ *testing.T, m map[string]any, _ string) { first(m, "artifacts")["vendor"] = "x" }, "canonical", ""},
		"null":               {func(_ *testing.T, m map[string]any, _ string) { m["left_out"] = nil }, "", "dossier.json is not as this program would write it"},
		"file not listed":    {func(_ *testing.T, m map[string]any, _ string) { delete(m["files"].(map[string]any), "tree.jsonl") }, "lists no tree.jsonl", ""},
		"path above":         {func(_ *testing.T, m map[string]any, _ string) { first(m, "schemes")["id"] = "../../demo" }, "lists no schemes/../../demo.yaml", ""},
		"path above, listed": {func(_ *testing.T, m map[string]any, _ string) {
			trick(m, "schemes/../../demo.yaml")
			first(m, "schemes")["id"] = "../../demo"
		}, "no name of a file in a dossier", ""},
		"absolute path": {func(_ *testing.T, m map[string]any, _ string) {
			trick(m, "evidence//etc/passwd")
			first(m, "evidence")["digest"] = "/etc/passwd"
		}, "no name of a file in a dossier", ""},
		"backslash": {func(_ *testing.T, m map[string]any, _ string) {
			trick(m, `references/a\b.json`)
			first(m, "references")["name"] = `a\b`
		}, "no name of a file in a dossier", ""},
		"dot": {func(_ *testing.T, m map[string]any, _ string) {
			trick(m, "facts/./x.jsonl")
			first(m, "facts")["kind"] = "./x"
		}, "no name of a file in a dossier", ""},
		"fact count":       {func(_ *testing.T, m map[string]any, _ string) { first(m, "facts")["count"] = 9 }, "lines where 9 are listed", ""},
		"scheme's edition": {func(_ *testing.T, m map[string]any, _ string) { first(m, "schemes")["edition"] = "2" }, "", "dossier.json is not as this program would write it"},
		"scheme's digest": {func(_ *testing.T, m map[string]any, _ string) {
			first(m, "schemes")["digest"] = strings.Repeat("0", 64)
		}, "is another scheme than the one that is listed", ""},
		"reference's date": {func(_ *testing.T, m map[string]any, _ string) { first(m, "references")["as_of"] = "2026-12-01" }, "", "dossier.json is not as this program would write it"},
		"no scheme":        {func(_ *testing.T, m map[string]any, _ string) { m["schemes"] = []any{} }, "verdicts.json: has 1 schemes where the dossier has 0", ""},
		"unused file":      {func(t *testing.T, m map[string]any, dir string) { put(t, m, dir, "notes.txt", "x") }, "", `dossier.json lists "notes.txt", which nothing refers to`},
		"unused evidence":  {func(t *testing.T, m map[string]any, dir string) { put(t, m, dir, "evidence/"+Digest([]byte("x")), "x") }, "", "which nothing refers to"},
		"other evidence": {func(t *testing.T, m map[string]any, dir string) {
			put(t, m, dir, "evidence/"+fmt.Sprint(first(m, "evidence")["digest"]), "x")
		}, "is not named by its digest", ""},
		"file that is not": {func(t *testing.T, _ map[string]any, dir string) {
			must(t, os.WriteFile(filepath.Join(dir, "x"), nil, 0o600))
		}, "", `"x" lies in the folder and is not part of the dossier`},
		"declaration":        {replaceIn(declarationName, `"kind":"equipment"`, `"kind":"equipmen"`), "declaration.json", ""},
		"spaces":             {replaceIn(declarationName, `":"`, `": "`), "declaration.json", ""},
		"facts out of order": {func(t *testing.T, m map[string]any, dir string) { swapLines(t, m, dir, "facts/file.jsonl") }, "", "facts/file.jsonl is not sorted"},
		"repeated fact":      {func(t *testing.T, m map[string]any, dir string) { repeatLine(t, m, dir, "facts/file.jsonl") }, "", "facts/file.jsonl is not sorted"},
		"no fact":            {replaceIn("facts/service.jsonl", `"attrs"`, `"Attrs"`), "", "facts/service.jsonl: line 1"},
		"fact with spaces":   {replaceIn("facts/service.jsonl", `":`, `": `), "", "facts/service.jsonl: line 1"},
		"integer as number":  {replaceIn("facts/file.jsonl", `"9007199254740993"`, `9007199254740993`), "", "facts/file.jsonl: line 2"},
		"verdict's spaces":   {replaceIn(verdictsName, `":`, `": `), "verdicts.json: is not in canonical form", ""},
		"count of verdicts":  {replaceIn(verdictsName, `"fail":3`, `"fail":2`), "", "verdicts.json is not as this program would write it"},
		"other requirement":  {replaceIn(verdictsName, `"requirement":"R1"`, `"requirement":"R9"`), `requirement "R9" stands where "R1" should`, ""},
		"other test":         {replaceIn(verdictsName, `"test":"asked"`, `"test":"told"`), `requirement "R1" has no test "told"`, ""},
		"finding's scheme":   {replaceIn(findingsName, `"scheme":"demo"`, `"scheme":"other"`), `findings.jsonl: line 1: the dossier has no scheme "other"`, ""},
		"finding's kind":     {replaceIn(findingsName, `"kind":"service"`, `"kind":"servants"`), `there is no kind of facts "servants"`, ""},
		"finding's number":   {replaceIn(findingsName, `"port":23`, `"port":23.0`), "findings.jsonl: line 1", ""},
		"open line": {func(t *testing.T, m map[string]any, dir string) {
			put(t, m, dir, findingsName, strings.TrimSuffix(files(t, dir)[findingsName], "\n"))
		}, "has no end", ""},
		"open judgement": {func(t *testing.T, m map[string]any, dir string) {
			put(t, m, dir, judgementsName, strings.TrimSuffix(files(t, dir)[judgementsName], "\n"))
		}, "has no end", ""},
		"judgement's spaces": {replaceIn(judgementsName, `":`, `": `), "judgements.jsonl: line 1: is not in canonical form", ""},
		"judgement's member": {replaceIn(judgementsName, `"evidence"`, `"Evidence"`), "judgements.jsonl: line 1", ""},
		"judgement's null":   {replaceIn(judgementsName, `["`+Digest([]byte("Passwords: see page 4.\n"))+`"]`, `null`), "", "judgements.jsonl is not as this program would write it"},
		"no reference":       {replaceIn("references/lifecycle.json", `"rows"`, `"Rows"`), "references/lifecycle.json", ""},
		"no scheme's file":   {replaceIn("schemes/demo.yaml", `edition: "1"`, `editon: "1"`), "schemes/demo.yaml", ""},
	} {
		t.Run(name, func(t *testing.T) {
			read, check := edited(t, func(m map[string]any, dir string) { c.edit(t, m, dir) })
			if (read != nil) != (c.read != "") || read != nil && !strings.Contains(read.Error(), c.read) {
				t.Errorf("Read: got %v, want %q", read, c.read)
			}
			if check == nil || read == nil && !strings.Contains(check.Error(), c.check) {
				t.Errorf("Check: got %v, want %q", check, c.check)
			}
		})
	}
}

// trick lists a name with a digest, so that only the name can be what is refused.
func trick(m map[string]any, name string) {
	m["files"].(map[string]any)[name] = map[string]any{"digest": Digest(nil), "size": 0}
}

func swapLines(t *testing.T, m map[string]any, dir, name string) {
	lines := strings.SplitAfter(files(t, dir)[name], "\n")
	lines[0], lines[1] = lines[1], lines[0]
	put(t, m, dir, name, strings.Join(lines, ""))
}

// repeatLine puts the first line in the place of the second, so that the count stays.
func repeatLine(t *testing.T, m map[string]any, dir, name string) {
	lines := strings.SplitAfter(files(t, dir)[name], "\n")
	lines[1] = lines[0]
	put(t, m, dir, name, strings.Join(lines, ""))
}

// TestNewerFacts holds that facts of a kind that only a newer program knows survive reading and writing, and that a dossier that is
// older than a kind is whole.
func TestNewerFacts(t *testing.T) {
	const line = `{"attrs":{},"node":"n","observer":"o"}` + "\n"
	var dir string
	read, check := edited(t, func(m map[string]any, d string) {
		dir = d
		put(t, m, d, "facts/warp.jsonl", line)
		put(t, m, d, "facts/elf/9.jsonl", line)
		m["facts"] = append(m["facts"].([]any), map[string]any{"kind": "elf/9", "count": 1}, map[string]any{"kind": "warp", "count": 1})
		slices.SortFunc(m["facts"].([]any), func(a, b any) int {
			return strings.Compare(a.(map[string]any)["kind"].(string), b.(map[string]any)["kind"].(string))
		})
		delete(m["files"].(map[string]any), "facts/group.jsonl")
		must(t, os.Remove(filepath.Join(d, "facts", "group.jsonl")))
		m["facts"] = slices.DeleteFunc(m["facts"].([]any), func(x any) bool { return x.(map[string]any)["kind"] == "group" })
	})
	if read != nil || check != nil {
		t.Fatal(read, check)
	}
	c, err := Read(dir)
	if err != nil {
		t.Fatal(err)
	}
	again := written(t, c)
	for _, name := range []string{"facts/warp.jsonl", "facts/elf/9.jsonl"} {
		if got := files(t, again)[name]; got != line {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if _, err := Check(again, nil); err != nil {
		t.Error(err)
	}
}

// TestDeterminism holds that two writings are the same to the byte, wherever they lie and whatever lies beside.
func TestDeterminism(t *testing.T) {
	a := written(t, sample(t))
	b := written(t, sample(t), Beside{"report.html", func(w io.Writer, c *Contents) error {
		_, err := io.WriteString(w, c.Digest)
		return err
	}})
	x, y := files(t, a), files(t, b)
	if y["report.html"] != Digest([]byte(y[ManifestName])) {
		t.Errorf("the report says %q", y["report.html"])
	}
	delete(y, "report.html")
	if diff := cmp.Diff(x, y); diff != "" {
		t.Errorf("(-first +second)\n%s", diff)
	}
	if _, err := Check(b, []string{"report.html"}); err != nil {
		t.Error(err)
	}
	if _, err := Check(b, nil); err == nil {
		t.Error("a file that nobody named is accepted")
	}
}

// TestNoDossier holds which folders are none.
func TestNoDossier(t *testing.T) {
	dir := t.TempDir()
	check := func(what string) {
		t.Helper()
		if _, err := Read(dir); !errors.Is(err, ErrNoDossier) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	check("empty")
	must(t, os.Symlink("/dev/zero", filepath.Join(dir, ManifestName)))
	check("endless")
	name := filepath.Join(dir, ManifestName)
	must(t, os.Remove(name))
	must(t, os.WriteFile(name, nil, 0o600))
	must(t, os.Truncate(name, maxManifest+1))
	check("huge")
	dir = filepath.Join(dir, "missing")
	check("missing")
}

// TestPieces holds what cannot be written.
func TestPieces(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(c *Contents)
		want string
	}{
		"two schemes":        {func(c *Contents) { c.Outcomes = append(c.Outcomes, c.Outcomes[0]) }, `two files named "schemes/demo.yaml"`},
		"unlisted evidence":  {func(c *Contents) { c.Evidence["x"] = nil }, "of 2 pieces of evidence 1 are listed"},
		"evidence not there": {func(c *Contents) { c.Evidence = nil }, "is not at hand"},
		"false evidence":     {func(c *Contents) { c.Evidence[c.Manifest.Evidence[0].Digest] = []byte("x") }, "is not at hand"},
		"declaration":        {func(c *Contents) { c.Declaration.Vendor = "" }, "encoding declaration.json"},
		"scheme's id":        {func(c *Contents) { c.Outcomes = []*judge.Outcome{{Scheme: &scheme.Scheme{ID: "../x"}}} }, "no name of a file in a dossier"},
	} {
		contents := sample(t)
		c.edit(contents)
		dir := filepath.Join(t.TempDir(), "d")
		if err := Write(dir, contents); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
		left, _ := os.ReadDir(filepath.Dir(dir))
		if len(left) > 0 {
			t.Errorf("%s: %v was left behind", name, left)
		}
	}
}
