package draft

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/product"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
)

// Reasons why a dossier is not sealed.
var (
	ErrInterrupted = errors.New("the dossier was interrupted by an emergency stop: another run would come to other facts")
	ErrUnread      = errors.New("not all bytes of an artifact were read, so it has no digest that a credential could bind")
)

// Dossier reads the dossier in dir whole, judges it again and says what there is to seal. beside are the names of files that may lie in
// the folder outside the dossier's digest.
func Dossier(ctx context.Context, dir string, beside []string) (*examine.Plan, error) {
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
		if err := examine.LookAlike(s.Policy); err != nil {
			return nil, fmt.Errorf("the dossier %q: %w", dir, err)
		}
	}
	return p, nil
}

func plan(c *dossier.Contents) (*examine.Plan, error) {
	m := &c.Manifest
	p := &examine.Plan{
		Artifacts: []examine.Artifact{}, AsOf: m.AsOf, Dossier: c.Digest, Files: files(c), Predecessor: m.Predecessor, Schemes: []examine.Judged{},
		Unobserved: len(c.Facts.Lines("unobserved")),
	}
	for _, a := range m.Artifacts {
		if a.Digest == "" {
			return nil, fmt.Errorf("artifact %q: %w", a.ID, ErrUnread)
		}
		p.Artifacts = append(p.Artifacts, examine.Artifact{Digest: a.Digest, ID: fact.Escape(a.ID), Size: a.Size, Type: a.Type})
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
		return nil, examine.ErrNothing
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
func files(c *dossier.Contents) []examine.File {
	list := []examine.File{{Digest: c.Digest, Name: dossier.ManifestName}}
	for _, name := range slices.Sorted(maps.Keys(c.Manifest.Files)) {
		f := c.Manifest.Files[name]
		list = append(list, examine.File{Digest: f.Digest, Name: name, Size: f.Size})
	}
	return list
}

// observed is the digest over the files that hold what was seen and what was declared, not what it was judged to be.
func observed(files []examine.File) string {
	var b strings.Builder
	for _, f := range files {
		if strings.HasPrefix(f.Name, "facts/") || f.Name == "tree.jsonl" || f.Name == "declaration.json" {
			fmt.Fprintf(&b, "%s %s\n", f.Digest, f.Name)
		}
	}
	return dossier.Digest([]byte(b.String()))
}

func judged(o *judge.Outcome, items []string) examine.Judged {
	j := examine.Judged{
		Counts: counts(o.Counts(nil)), Items: items, Profiles: []examine.Profile{}, Title: fact.Escape(o.Scheme.Title), Verdicts: []examine.Verdict{},
		Policy: statement.Policy{Digest: o.Scheme.Digest, Edition: fact.Escape(o.Scheme.Edition), Scheme: o.Scheme.ID},
	}
	for i := range o.Scheme.Profiles {
		f := &o.Scheme.Profiles[i]
		j.Profiles = append(j.Profiles, examine.Profile{Counts: counts(o.Counts(f)), ID: f.ID})
	}
	for _, r := range o.Requirements {
		j.Verdicts = append(j.Verdicts, examine.Verdict{Requirement: r.Of.ID, Verdict: string(r.Verdict)})
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
		text, err := itemText(examine.Item{Fingerprint: names.Fingerprint, Kind: kind, Requirement: names.Requirement, Scheme: schemeID, Value: raw}, raw, maxItem)
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
