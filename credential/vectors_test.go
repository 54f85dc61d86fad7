package credential_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/ledger/proof"
)

// The vectors are for other implementations: the README beside them says what each file is. They are kept, not made anew: a credential that was
// valid once must stay so, whatever becomes of the code that wrote it.
const vectors = "../doc/vectors/credential/"

// vectorCase is a line of cases.jsonl. Names are files or folders below the vectors.
type vectorCase struct {
	Name          string   `json:"name"`
	Why           string   `json:"why"`
	Credential    string   `json:"credential"`
	Trust         string   `json:"trust,omitempty"`
	Files         []string `json:"files,omitempty"`
	Status        []string `json:"status,omitempty"`
	Disclosures   []string `json:"disclosures,omitempty"`
	Known         []string `json:"known,omitempty"`
	Tiles         string   `json:"tiles,omitempty"`
	Seen          string   `json:"seen,omitempty"`
	Now           string   `json:"now"`
	MaxStatusAge  int64    `json:"maxStatusAge,omitempty"` // seconds
	RequirePassed bool     `json:"requirePassed,omitempty"`
	Policy        string   `json:"policy,omitempty"` // the scheme that is asked for
	Word          string   `json:"word"`
	ExitCode      int      `json:"exitCode"`
	Convicts      bool     `json:"convicts,omitempty"` // an equivocation file can be made
}

// vectorRefusal is a line of refuse.jsonl.
type vectorRefusal struct {
	File   string `json:"file"`
	Kind   string `json:"kind"`
	Reason string `json:"reason"`
}

// vector reads a file of the vectors.
func vector(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(vectors + name)
	if err != nil {
		t.Fatalf("%v; go test ./credential -run Vectors -update makes all of them", err)
	}
	return data
}

func vectorLines[T any](t testing.TB, name string) (list []T) {
	t.Helper()
	lines := bufio.NewScanner(bytes.NewReader(vector(t, name)))
	for lines.Scan() {
		var x T
		d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
		d.DisallowUnknownFields()
		if err := d.Decode(&x); err != nil {
			t.Fatal(err)
		}
		list = append(list, x)
	}
	return list
}

// input reads what a case gives to the verifier.
func (c *vectorCase) input(t testing.TB) credential.Input {
	t.Helper()
	now, err := time.Parse(time.RFC3339, c.Now)
	if err != nil {
		t.Fatal(err)
	}
	in := credential.Input{Now: now, MaxStatusAge: time.Duration(c.MaxStatusAge) * time.Second, RequirePassed: c.RequirePassed, Policy: c.Policy}
	if c.Trust != "" {
		if in.Trust, err = credential.ParseTrust(vector(t, c.Trust)); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range c.Files {
		sum := sha256.Sum256(vector(t, f))
		in.Files = append(in.Files, credential.File{Name: f, SHA256: hex.EncodeToString(sum[:])})
	}
	for _, f := range c.Status {
		in.Status = append(in.Status, vector(t, f))
	}
	for _, f := range c.Disclosures {
		in.Disclosures = append(in.Disclosures, vector(t, f))
	}
	for _, f := range c.Known {
		k, err := proof.ParseSigned(vector(t, f))
		if err != nil {
			t.Fatal(err)
		}
		in.Known = append(in.Known, k)
	}
	if c.Tiles != "" {
		in.Tiles = vectorTiles(c.Tiles)
	}
	if c.Seen != "" {
		if in.Seen, err = credential.ParseSeen(vector(t, c.Seen)); err != nil {
			t.Fatal(err)
		}
	}
	return in
}

// vectorTiles reads the one tile of a small log.
type vectorTiles string

// ReadHashes implements tlog.HashReader.
func (d vectorTiles) ReadHashes(indexes []int64) ([]tlog.Hash, error) {
	names, err := filepath.Glob(vectors + string(d) + "/tile/0/000.p/*")
	if err != nil || len(names) != 1 {
		return nil, fmt.Errorf("%d tiles: %w", len(names), err)
	}
	data, err := os.ReadFile(names[0])
	if err != nil {
		return nil, err
	}
	var out []tlog.Hash
	for _, i := range indexes {
		tile := tlog.TileForIndex(proof.TileHeight, i)
		if tile.W = len(data) / tlog.HashSize; tile.L != 0 || tile.N != 0 {
			return nil, errors.New("there is one tile only")
		}
		h, err := tlog.HashFromTile(tile, data, i)
		if err != nil {
			return nil, err
		}
		out = append(out, h)
	}
	return out, nil
}

// TestVectors holds the verifier against what is published. With -update everything is made anew first.
func TestVectors(t *testing.T) {
	if *update {
		makeVectors(t)
	}
	words := map[string]bool{}
	for _, c := range vectorLines[vectorCase](t, "cases.jsonl") {
		t.Run(c.Name, func(t *testing.T) {
			r := credential.Verify(vector(t, c.Credential), c.input(t))
			if string(r.Word) != c.Word || r.ExitCode != c.ExitCode {
				t.Errorf("%s: got %s (%d), want %s (%d): %v", c.Why, r.Word, r.ExitCode, c.Word, c.ExitCode, r.Reasons)
			}
			if (r.Equivocation != nil) != c.Convicts {
				t.Errorf("an equivocation is there: %v, want %v", r.Equivocation != nil, c.Convicts)
			}
		})
		words[c.Word] = true
	}
	for _, w := range credential.Words() {
		if !words[string(w)] {
			t.Errorf("no case leads to %s", w)
		}
	}
}

// TestVectorsRefused holds that what must be refused is, and that the same kind of reader takes the good file of its kind.
func TestVectorsRefused(t *testing.T) {
	good := map[string]string{
		"trust": "lab.trust", "bundle": "status-3.sigstore.json", "disclosure": "disclosure.json", "equivocation": "prefix.equivocation", "checkpoint": "log/checkpoint",
		"proof": "router.tlog-proof", "leaf": "router.leaf.json", "policy": "policy.txt", "seen": "seen.json",
	}
	kinds := map[string]bool{}
	for _, r := range vectorLines[vectorRefusal](t, "refuse.jsonl") {
		if err := readVector(r.Kind, vector(t, r.File)); err == nil {
			t.Errorf("%s is taken for a good %s: %s", r.File, r.Kind, r.Reason)
		}
		kinds[r.Kind] = true
	}
	for kind, name := range good {
		if err := readVector(kind, vector(t, name)); err != nil || !kinds[kind] {
			t.Errorf("%s: %v; refused files of its kind: %v", name, err, kinds[kind])
		}
	}
}

// readVector reads a file as being of a kind, and checks what can be checked of it alone.
func readVector(kind string, data []byte) error {
	switch kind {
	case "trust":
		_, err := credential.ParseTrust(data)
		return err
	case "bundle":
		_, err := credential.ParseBundle(data)
		return err
	case "disclosure":
		_, err := credential.ParseDisclosure(data)
		return err
	case "equivocation":
		e, err := proof.ParseEquivocation(data)
		if err != nil {
			return err
		}
		return e.Check()
	case "checkpoint":
		_, err := proof.ParseSigned(data)
		return err
	case "proof":
		p, err := proof.ParseProof(data)
		if err != nil {
			return err
		}
		leaf, err := os.ReadFile(vectors + "router.leaf.json")
		return errors.Join(err, p.Verify(tlog.RecordHash(leaf)))
	case "leaf":
		_, err := proof.ParseLeaf(data)
		return err
	case "policy":
		_, err := proof.ParsePolicy(data)
		return err
	case "seen":
		_, err := credential.ParseSeen(data)
		return err
	}
	return fmt.Errorf("there is no kind %q", kind)
}

// TestVectorsWhole holds that nothing lies beside the vectors that no list names, and that the small files that describe others are right.
func TestVectorsWhole(t *testing.T) {
	trust, err := credential.ParseTrust(vector(t, "lab.trust"))
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(vector(t, "lab.trust.fingerprint"))); got != trust.Fingerprint() {
		t.Errorf("the fingerprint is %q, not %q", trust.Fingerprint(), got)
	}
	if string(vector(t, "policy.txt")) != trust.Trust.Policy {
		t.Error("policy.txt is not the policy of lab.trust")
	}
	leaf := vector(t, "router.leaf.json")
	if h := tlog.RecordHash(leaf); strings.TrimSpace(string(vector(t, "router.leaf.hash"))) != h.String() {
		t.Errorf("the hash of router.leaf.json is %s", h)
	}
	c, err := proof.ParseSigned(vector(t, "log/checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	root, err := tlog.TreeHash(c.Size, vectorTiles("log"))
	if err != nil || root != c.Root {
		t.Errorf("the tile gives the root %s, not %s: %v", root, c.Root, err)
	}
	entries, err := proof.ReadEntries(vector(t, fmt.Sprintf("log/tile/entries/000.p/%d", c.Size)), 256)
	if err != nil || int64(len(entries)) != c.Size || !slices.ContainsFunc(entries, func(e []byte) bool { return bytes.Equal(e, leaf) }) {
		t.Errorf("%d entries: %v", len(entries), err)
	}
	post, err := proof.ParsePolicy(vector(t, "ml-dsa.policy.txt"))
	if err != nil {
		t.Fatal(err)
	}
	signed, err := proof.ParseSigned(vector(t, "ml-dsa.checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	if r, err := post.Check(signed, noon.Unix()+60, nil); err != nil || !r.Quorum {
		t.Errorf("the cosignature with ML-DSA-44: %+v, %v", r, err)
	}
	named := string(vector(t, "README.md")) + string(vector(t, "cases.jsonl")) + string(vector(t, "refuse.jsonl"))
	if err := filepath.WalkDir(vectors, func(path string, e os.DirEntry, err error) error {
		if name := filepath.ToSlash(strings.TrimPrefix(path, vectors)); err == nil && !e.IsDir() && name != ".gitattributes" && name != "README.md" && !strings.Contains(named, name) {
			t.Errorf("nothing names %s", name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
}
