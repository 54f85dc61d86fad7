package statement

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// The vectors are for other implementations: the README beside them says what each file is.

var update = flag.Bool("update", false, "write the vectors and schemas anew")

// published are the files of a folder that a test says should be there.
type published struct {
	folder string
	files  map[string][]byte
}

// compare holds that the folder has these files and no others but those named, or writes it so.
func (p published) compare(t *testing.T, others ...string) {
	t.Helper()
	if *update {
		for name, data := range p.files {
			path := filepath.Join(p.folder, filepath.FromSlash(name))
			if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	there := folder(t, p.folder)
	for name, want := range p.files {
		got, ok := there[name]
		if !ok {
			t.Errorf("%s is missing; go test ./statement -run Published -update writes it", name)
		} else if !bytes.Equal(got, want) {
			t.Errorf("%s (-published +ours)\n%s", name, cmp.Diff(string(got), string(want)))
		}
	}
	for name := range there {
		if _, ours := p.files[name]; !ours && !slices.Contains(others, name) {
			t.Errorf("nothing makes %s", name)
		}
	}
}

// folder reads all files of a folder, by name with forward slashes.
func folder(t testing.TB, dir string) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	if err := filepath.WalkDir(dir, func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		files[filepath.ToSlash(name)], err = os.ReadFile(path)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return files
}

// refusalLine is a line of refuse.jsonl.
type refusalLine struct {
	File   string `json:"file"`
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
	Schema string `json:"schema"` // refuses, or cannot see it
}

// refusals are all, in the order in which they are published.
func refusals(t testing.TB) []refusal {
	t.Helper()
	list := slices.Concat(envelopeRefusals(t), payloadRefusals(t), signatureRefusals(t), keyRefusals(t))
	slices.SortFunc(list, func(a, b refusal) int { return strings.Compare(a.file(), b.file()) })
	return list
}

func (r refusal) file() string {
	ending := ".json"
	if r.kind == "key" {
		ending = ".der"
	}
	return "refuse/" + r.kind + "/" + r.name + ending
}

func (r refusal) line() refusalLine {
	schema := map[bool]string{true: "refuses", false: "cannot see it"}[r.schema]
	if r.kind == "key" || r.kind == "signature" {
		schema = "cannot see it"
	}
	return refusalLine{r.file(), r.kind, r.reason, schema}
}

// TestPublishedVectors holds that we write what is published, to the byte.
func TestPublishedVectors(t *testing.T) {
	p := published{vectors, map[string][]byte{"test-key.pub": []byte(testPublic(t).String() + "\n"), "test-key.id": []byte(testPublic(t).ID() + "\n")}}
	for _, uri := range uris() {
		payload := payloadOf(t, uri)
		e := signed(t, payload)
		p.files[names[uri]+".payload.json"] = payload
		p.files[names[uri]+".pae"] = PAE(PayloadType, payload)
		p.files[names[uri]+".id"] = []byte(e.ID().String() + "\n")
		p.files[names[uri]+".envelope.json"] = e.Bytes()
	}
	e := signed(t, payloadOf(t, TypeSubmission))
	p.files["submission.twin.envelope.json"] = (&Envelope{e.Payload, e.KeyID, twin(t, e.Signature)}).Bytes()
	var list []byte
	for _, r := range refusals(t) {
		if r.big {
			continue
		}
		if p.files[r.file()] != nil {
			t.Errorf("two refusals are called %s", r.file())
		}
		p.files[r.file()] = append([]byte{}, r.data...)
		list = append(append(list, must(t, r.line())...), '\n')
	}
	p.files["refuse.jsonl"] = list
	p.compare(t, "README.md", "test-key.pem", ".gitattributes")
}

// TestVectorsRead holds that the published files are what their README says, whatever our samples are today.
func TestVectorsRead(t *testing.T) {
	files := folder(t, vectors)
	key, err := ParseKeyText(strings.TrimSpace(string(files["test-key.pub"])))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		base, isPayload := strings.CutSuffix(name, ".payload.json")
		if !isPayload {
			continue
		}
		n++
		s, err := Parse(files[name])
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if names[s.Predicate.TypeURI()] != base {
			t.Errorf("%s is a %s", name, s.Predicate.TypeURI())
		}
		if want := fmt.Sprintf("DSSEv1 28 application/vnd.in-toto+json %d %s", len(files[name]), files[name]); string(files[base+".pae"]) != want {
			t.Errorf("%s: the pre-authentication encoding is not %q", base, want)
		}
		if id := hexOf(string(files[base+".pae"])); string(files[base+".id"]) != id+"\n" {
			t.Errorf("%s: the identity is %s", base, id)
		}
		e, err := ParseEnvelope(files[base+".envelope.json"])
		if err != nil {
			t.Errorf("%s: %v", base, err)
			continue
		}
		if err := e.Verify(key); err != nil || e.ID().String() != strings.TrimSpace(string(files[base+".id"])) || !bytes.Equal(e.Payload, files[name]) {
			t.Errorf("%s: the envelope: %v", base, err)
		}
	}
	if n != len(Types()) {
		t.Errorf("%d vectors for %d predicate types", n, len(Types()))
	}
	e, err := ParseEnvelope(files["submission.twin.envelope.json"])
	if err != nil || e.Verify(key) != nil || e.ID().String()+"\n" != string(files["submission.id"]) {
		t.Errorf("the twin is another statement: %v", err)
	}
	for line := range strings.Lines(string(files["refuse.jsonl"])) {
		var r refusalLine
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatal(err)
		}
		data, ok := files[r.File]
		if !ok {
			t.Errorf("%s is missing", r.File)
		}
		if err := takes(r.Kind, data, key); err == nil {
			t.Errorf("%s is taken, though %s", r.File, r.Reason)
		}
	}
}

// takes does with a file of a kind what its README says.
func takes(kind string, data []byte, key *Key) error {
	var err error
	switch kind {
	case "envelope":
		_, err = ParseEnvelope(data)
	case "payload":
		_, err = Parse(data)
	case "signature":
		var e *Envelope
		if e, err = ParseEnvelope(data); err == nil {
			err = e.Verify(key)
		}
	case "key":
		_, err = ParseKey(data)
	}
	return err
}
