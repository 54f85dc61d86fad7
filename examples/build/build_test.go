package main

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/schemes"
)

const committed = "../edge-router"

// asOf is the day as of which the example is judged here: what is declared to be out of support is, what is not is not.
const asOf = "2026-11-24"

type truth struct {
	Defects []struct {
		ID, What string
		Findings []expected
	}
	Decoys []struct {
		ID, What, Why string
		Fact          struct {
			Kind, Place string
			With        map[string]any
		}
		Requirements []string
	}
}

type expected struct {
	Requirement, Test, Place, Subject, Kind string
}

func (e expected) String() string {
	return strings.TrimSpace(e.Requirement + " " + e.Test + " " + e.Place + " " + e.Subject)
}

// is tells whether a finding is the one that is meant.
func (e expected) is(f *judge.Finding) bool {
	place := ""
	if len(f.Places) > 0 {
		place = f.Places[0].Path
	}
	kind := judge.FindingKind(e.Kind)
	if kind == "" {
		kind = judge.Failing
	}
	return f.Requirement == e.Requirement && f.Test == e.Test && f.Kind == kind && place == e.Place &&
		(e.Subject == "" || slices.Contains(strings.Fields(f.Subject+" "+f.Detail), e.Subject) || strings.Contains(f.Detail, `"`+e.Subject+`"`))
}

func readTruth(t *testing.T) truth {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(committed, "truth.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var tr truth
	if err := yaml.UnmarshalWithOptions(data, &tr, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	return tr
}

// evaluated judges a release by ts-33.117.
func evaluated(t *testing.T, dir string) (*dossier.Contents, *judge.Outcome) {
	t.Helper()
	r, err := evaluate.OpenRelease(filepath.Join(dir, "product.yaml"), "")
	if err != nil {
		t.Fatal(err)
	}
	source, ok := schemes.Source("ts-33.117")
	if !ok {
		t.Fatal("there is no scheme ts-33.117")
	}
	s, err := scheme.Parse("ts-33.117.yaml", source)
	if err != nil {
		t.Fatal(err)
	}
	c, err := evaluate.Run(t.Context(), r, evaluate.Options{Schemes: []*scheme.Scheme{s}, AsOf: asOf})
	if err != nil {
		t.Fatal(err)
	}
	return c, c.Outcomes[0]
}

// byFingerprint returns the findings but the open ones, which say that something is not known.
func byFingerprint(o *judge.Outcome) map[string]*judge.Finding {
	m := map[string]*judge.Finding{}
	for i := range o.Findings {
		if f := &o.Findings[i]; f.Kind != judge.Open {
			m[f.Fingerprint] = f
		}
	}
	return m
}

func describe(f *judge.Finding) string {
	place := ""
	if len(f.Places) > 0 {
		place = f.Places[0].Path
	}
	return fmt.Sprintf("%s %s %s (%s) %s %s", f.Requirement, f.Test, place, f.Kind, f.Subject, f.Detail)
}

// TestSameBytes demands that what is committed is what the parts make.
func TestSameBytes(t *testing.T) {
	var size int64
	for _, v := range versions() {
		made := t.TempDir()
		if err := Build(t.Context(), v, made, ""); err != nil {
			t.Fatal(err)
		}
		want := files(t, made)
		for rel, data := range files(t, filepath.Join("..", v.dir)) {
			size += int64(len(data))
			if made, ok := want[rel]; rel != "truth.yaml" && (!ok || !bytes.Equal(data, made)) {
				t.Errorf("%s of %s is not what the parts make (made: %v, %d bytes; committed: %d bytes): go run ./examples/build", rel, v.name, ok, len(made), len(data))
			}
			delete(want, rel)
		}
		for rel := range want {
			t.Errorf("%s of %s is not committed", rel, v.name)
		}
	}
	if size > 2<<20 {
		t.Errorf("the examples have %d bytes", size)
	}
}

// files returns what lies in a folder, by its path there.
func files(t *testing.T, root string) map[string][]byte {
	t.Helper()
	m := map[string][]byte{}
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(root, p)
		if err != nil {
			return err
		}
		m[rel], err = os.ReadFile(p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// TestVersions demands that from one release to the next something is newly met and something newly failed, so that comparing them shows both.
func TestVersions(t *testing.T) {
	var before *judge.Outcome
	for _, v := range versions() {
		_, o := evaluated(t, filepath.Join("..", v.dir))
		if before != nil {
			var met, failed []string
			for i := range o.Requirements {
				was, is := &before.Requirements[i], &o.Requirements[i]
				switch {
				case was.Verdict == judge.Fail && is.Verdict != judge.Fail:
					met = append(met, is.Of.ID)
				case was.Verdict != judge.Fail && is.Verdict == judge.Fail:
					failed = append(failed, is.Of.ID)
				}
			}
			if len(met) == 0 || len(failed) == 0 {
				t.Errorf("%s: no longer failed %v, newly failed %v", v.name, met, failed)
			}
		}
		before = o
	}
}

// TestTruth demands that the findings are those of truth.yaml and no others, and that no decoy is among them.
func TestTruth(t *testing.T) {
	tr := readTruth(t)
	if len(tr.Defects) != 20 || len(tr.Decoys) != 10 {
		t.Errorf("%d defects and %d decoys", len(tr.Defects), len(tr.Decoys))
	}
	var listed, planted []string
	for _, d := range tr.Defects {
		listed = append(listed, d.ID)
	}
	for _, d := range defects() {
		planted = append(planted, d.id)
	}
	if diff := cmp.Diff(planted, listed); diff != "" {
		t.Errorf("truth.yaml lists other defects than those that are planted (-planted +listed):\n%s", diff)
	}
	c, o := evaluated(t, committed)
	found := byFingerprint(o)
	for _, d := range tr.Defects {
		for _, e := range d.Findings {
			n := 0
			for fp, f := range found {
				if e.is(f) {
					n++
					delete(found, fp)
				}
			}
			if n != 1 {
				t.Errorf("%s: %d findings are %s", d.ID, n, e)
			}
		}
	}
	for _, f := range found {
		t.Errorf("found and not planted: %s", describe(f))
	}
	for _, d := range tr.Decoys {
		it := decoyFact(t, c, d.Fact.Kind, d.Fact.Place, d.Fact.With)
		if it == nil {
			t.Errorf("%s: no such fact: %+v", d.ID, d.Fact)
			continue
		}
		for i := range o.Findings {
			f := &o.Findings[i]
			if f.Kind == judge.Failing && slices.Contains(d.Requirements, f.Requirement) && slices.Contains(f.Places, it) {
				t.Errorf("%s: the decoy is found: %s", d.ID, describe(f))
			}
		}
		for _, q := range d.Requirements {
			if _, ok := o.Requirement(q); !ok {
				t.Errorf("%s: there is no requirement %s", d.ID, q)
			}
		}
	}
}

// decoyFact returns the one fact of a kind at a place with these attributes.
func decoyFact(t *testing.T, c *dossier.Contents, kind, place string, with map[string]any) *fact.Fact {
	t.Helper()
	var found *fact.Fact
	for f, err := range c.Facts.All(kind) {
		if err != nil {
			t.Fatal(err)
		}
		same := f.Path == place
		for name, want := range with {
			got, ok := f.Get(name)
			same = same && ok && fmt.Sprint(got) == fmt.Sprint(want)
		}
		if same {
			if found != nil {
				t.Errorf("two facts of kind %s at %s are %v", kind, place, with)
			}
			found = f
		}
	}
	return found
}

// TestVerdicts demands that the example shows every verdict.
func TestVerdicts(t *testing.T) {
	_, o := evaluated(t, committed)
	counts := o.Counts(nil)
	if counts.Total != 73 {
		t.Errorf("%d requirements", counts.Total)
	}
	for _, v := range judge.Verdicts() {
		if counts.ByVerdict[v] == 0 {
			t.Errorf("nothing is %s: %v", v, counts.ByVerdict)
		}
	}
}

// TestWithout demands that leaving a defect out takes exactly its findings away.
func TestWithout(t *testing.T) {
	_, o := evaluated(t, committed)
	before := byFingerprint(o)
	for _, d := range readTruth(t).Defects {
		t.Run(d.ID, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			if err := Build(t.Context(), example(t), dir, d.ID); err != nil {
				t.Fatal(err)
			}
			_, o := evaluated(t, dir)
			after := byFingerprint(o)
			for fp, f := range after {
				if before[fp] == nil {
					t.Errorf("new: %s", describe(f))
				}
			}
			left := slices.Clone(d.Findings)
			for fp, f := range before {
				if after[fp] != nil {
					continue
				}
				i := slices.IndexFunc(left, func(e expected) bool { return e.is(f) })
				if i < 0 {
					t.Errorf("gone and not of the defect: %s", describe(f))
					continue
				}
				left = slices.Delete(left, i, i+1)
			}
			for _, e := range left {
				t.Errorf("still there: %s", e)
			}
		})
	}
}

func TestUnknown(t *testing.T) {
	if err := Build(t.Context(), example(t), t.TempDir(), "nonsense"); err == nil {
		t.Error("a defect that does not exist can be left out")
	}
	if _, err := versionByName("4.2"); err == nil {
		t.Error("a release that does not exist can be built")
	}
}

// example is the release that truth.yaml describes.
func example(t *testing.T) version {
	t.Helper()
	v, err := versionByName(ownVersion)
	if err != nil {
		t.Fatal(err)
	}
	return v
}
