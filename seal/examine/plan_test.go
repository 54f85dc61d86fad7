package examine

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	digest := strings.Repeat("ab", 32)
	p := &Plan{
		Artifacts: []Artifact{{Digest: digest, ID: "a", Type: "file"}}, Dossier: digest, Observed: digest, Files: []File{{Digest: digest, Name: "dossier.json"}},
		Schemes: []Judged{},
	}
	good, err := p.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Parse(good); err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string][2]string{
		"white space": {`{`, `{ `}, "unknown key": {`{"artifacts"`, `{"a":1,"artifacts"`}, "twice": {`{"artifacts"`, `{"artifacts":[],"artifacts"`},
		"no digest": {`"dossier":"abab`, `"dossier":"ab`}, "digest of an artifact": {`{"digest":"ab`, `{"digest":"xy`}, "capitals": {`"dossier":"ab`, `"dossier":"AB`},
		"nothing in it": {`[{"digest":"` + digest + `","id":"a","size":0,"type":"file"}]`, `[]`},
	} {
		text := strings.Replace(string(good), change[0], change[1], 1)
		if text == string(good) {
			t.Fatalf("%s: nothing was changed in %s", what, good)
		}
		if _, err := Parse([]byte(text)); err == nil {
			t.Errorf("%s: accepted", what)
		}
	}
	if _, err := Parse(append(good, '\n')); err == nil {
		t.Error("trailing data accepted")
	}
}
