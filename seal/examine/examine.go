package examine

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/product"
	"github.com/probat-lab/probat/statement"
)

// Dossier reads the dossier in dir whole, judges it again and says what there is to seal. beside are the names of files that may lie in
// the folder outside the dossier's digest.
func Dossier(ctx context.Context, dir string, beside []string) (*Plan, error) {
	c, err := dossier.Check(dir, beside)
	if err != nil {
		return nil, err
	}
	if err := c.Sound(ctx); err != nil {
		return nil, fmt.Errorf("the dossier %q: %w", dir, err)
	}
	if c.Manifest.Interrupted {
		return nil, ErrInterrupted
	}
	p, err := plan(c)
	if err != nil {
		return nil, err
	}
	for _, s := range p.Schemes {
		if err := LookAlike(s.Policy); err != nil {
			return nil, fmt.Errorf("the dossier %q: %w", dir, err)
		}
	}
	return p, nil
}

func plan(c *dossier.Contents) (*Plan, error) {
	m := &c.Manifest
	p := &Plan{
		Artifacts: []Artifact{}, AsOf: m.AsOf, Dossier: c.Digest, Files: files(c), Predecessor: m.Predecessor, Schemes: []Judged{},
		Unobserved: len(c.Facts.Lines("unobserved")),
	}
	for _, a := range m.Artifacts {
		if a.Digest == "" {
			return nil, fmt.Errorf("artifact %q: %w", a.ID, ErrUnread)
		}
		p.Artifacts = append(p.Artifacts, Artifact{a.Digest, fact.Escape(a.ID), a.Size, a.Type})
	}
	if d := c.Declaration; d != nil {
		data, err := d.Canonical()
		if err != nil {
			return nil, fmt.Errorf("encoding the declaration: %w", err)
		}
		p.Declaration = dossier.Digest(data)
		p.Release = Release(d)
	}
	if len(p.Artifacts) == 0 && p.Declaration == "" {
		return nil, ErrNothing
	}
	p.Observed = observed(p.Files)
	items, err := items(c)
	if err != nil {
		return nil, err
	}
	for _, o := range c.Outcomes {
		p.Schemes = append(p.Schemes, judged(o, items[o.Scheme.ID]))
	}
	return p, nil
}

// Release says what a declaration is about, as statements do.
func Release(d *product.Declaration) statement.Release {
	return statement.Release{
		Kind: fact.Escape(string(d.Kind)), Period: fact.Escape(d.Period), Product: fact.Escape(d.Product), Vendor: fact.Escape(d.Vendor),
		Version: fact.Escape(d.Version),
	}
}

// files lists the dossier's files, with dossier.json itself, whose size stands nowhere and is not needed.
func files(c *dossier.Contents) []File {
	list := []File{{Digest: c.Digest, Name: dossier.ManifestName}}
	for _, name := range slices.Sorted(maps.Keys(c.Manifest.Files)) {
		f := c.Manifest.Files[name]
		list = append(list, File{f.Digest, name, f.Size})
	}
	return list
}

// observed is the digest over the files that hold what was seen and what was declared, not what it was judged to be.
func observed(files []File) string {
	var b strings.Builder
	for _, f := range files {
		if strings.HasPrefix(f.Name, "facts/") || f.Name == "tree.jsonl" || f.Name == "declaration.json" {
			fmt.Fprintf(&b, "%s %s\n", f.Digest, f.Name)
		}
	}
	return dossier.Digest([]byte(b.String()))
}

func judged(o *judge.Outcome, items []string) Judged {
	j := Judged{
		Counts: counts(o.Counts(nil)), Items: items, Profiles: []Profile{}, Title: fact.Escape(o.Scheme.Title), Verdicts: []Verdict{},
		Policy: statement.Policy{Digest: o.Scheme.Digest, Edition: fact.Escape(o.Scheme.Edition), Scheme: o.Scheme.ID},
	}
	for i := range o.Scheme.Profiles {
		f := &o.Scheme.Profiles[i]
		j.Profiles = append(j.Profiles, Profile{counts(o.Counts(f)), f.ID})
	}
	for _, r := range o.Requirements {
		j.Verdicts = append(j.Verdicts, Verdict{r.Of.ID, string(r.Verdict)})
	}
	return j
}

func counts(c judge.Counts) statement.Counts {
	return statement.Counts{
		Fail: c.ByVerdict[judge.Fail], Inconclusive: c.ByVerdict[judge.Inconclusive], NotApplicable: c.ByVerdict[judge.NotApplicable],
		NotAssessed: c.ByVerdict[judge.NotAssessed], Pass: c.ByVerdict[judge.Pass],
	}
}

// summary is what is read of dossier.Summary.
type summary struct {
	Manifest struct {
		Evidence []json.RawMessage `json:"evidence"`
	} `json:"manifest"`
	Verdicts struct {
		Schemes []struct {
			Scheme       string            `json:"scheme"`
			Requirements []json.RawMessage `json:"requirements"`
		} `json:"schemes"`
	} `json:"verdicts"`
	Findings []json.RawMessage `json:"findings"`
}

// items returns by scheme what is sealed: a text for each verdict, finding and piece of evidence.
func items(c *dossier.Contents) (map[string][]string, error) {
	data, err := dossier.Summary(c)
	if err != nil {
		return nil, fmt.Errorf("listing what is sealed: %w", err)
	}
	var s summary
	if err := json.Unmarshal(data, &s); err != nil {
		return nil, fmt.Errorf("listing what is sealed: %w", err)
	}
	out := map[string][]string{}
	add := func(schemeID, kind string, raw json.RawMessage) error {
		var names struct {
			Fingerprint string `json:"fingerprint"`
			Requirement string `json:"requirement"`
		}
		if err := json.Unmarshal(raw, &names); err != nil {
			return fmt.Errorf("listing what is sealed: %w", err)
		}
		text, err := itemText(Item{names.Fingerprint, kind, names.Requirement, schemeID, raw}, raw, maxItem)
		if err != nil {
			return fmt.Errorf("listing what is sealed: %w", err)
		}
		out[schemeID] = append(out[schemeID], text)
		return nil
	}
	for _, v := range s.Verdicts.Schemes {
		for _, r := range v.Requirements {
			if err := add(v.Scheme, "verdict", r); err != nil {
				return nil, err
			}
		}
		for _, e := range s.Manifest.Evidence {
			if err := add(v.Scheme, "evidence", e); err != nil {
				return nil, err
			}
		}
	}
	for _, f := range s.Findings {
		var of struct {
			Scheme string `json:"scheme"`
		}
		if err := json.Unmarshal(f, &of); err != nil {
			return nil, fmt.Errorf("listing what is sealed: %w", err)
		}
		if err := add(of.Scheme, "finding", f); err != nil {
			return nil, err
		}
	}
	return out, nil
}
