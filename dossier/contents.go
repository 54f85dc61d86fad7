package dossier

import (
	"bytes"
	"fmt"
	"io/fs"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/product"
	"github.com/probat-lab/probat/reference"
)

// Contents is a dossier in memory.
type Contents struct {
	Manifest    Manifest // Files, Facts, References and Schemes are filled by Write
	Declaration *product.Declaration
	Tree        []byte // canonical listing
	Facts       *fact.Set
	Judgements  []judge.Judgement
	References  []*reference.Set
	Outcomes    []*judge.Outcome  // one a scheme
	Evidence    map[string][]byte // by digest

	// Digest names the dossier; Write and Read set it.
	Digest string

	newer []newerFacts // of kinds that only a newer program knows: kept as they are
}

// newerFacts is a file of facts of a kind that this program does not know.
type newerFacts struct {
	Facts
	data []byte
}

// Input returns what the judge takes of a dossier.
func (c *Contents) Input() judge.Input {
	in := judge.Input{
		Facts: c.Facts, Coverage: c.Manifest.Observers, Artifacts: len(c.Manifest.Artifacts),
		Judgements: c.Judgements, References: c.References, AsOf: c.Manifest.AsOf,
	}
	if c.Declaration != nil {
		in.Declaration = c.Declaration.View()
	}
	return in
}

// names of the files in the folder
const (
	declarationName = "declaration.json"
	treeName        = "tree.jsonl"
	judgementsName  = "judgements.jsonl"
	findingsName    = "findings.jsonl"
	verdictsName    = "verdicts.json"
	factsFolder     = "facts/"
	schemesFolder   = "schemes/"
	referenceFolder = "references/"
	evidenceFolder  = "evidence/"
)

// piece is one file of a dossier.
type piece struct {
	name string
	data []byte
}

// pieces encodes everything but the manifest, and fills the manifest with what was encoded.
func (c *Contents) pieces() ([]piece, error) {
	m := &c.Manifest
	m.Format = Format
	m.noNulls()
	out := c.observed()
	if c.Declaration != nil {
		data, err := c.Declaration.Canonical()
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", declarationName, err)
		}
		out = append(out, piece{declarationName, data})
	}
	m.Schemes = []Scheme{}
	for _, o := range c.Outcomes {
		m.Schemes = append(m.Schemes, Scheme{o.Scheme.ID, o.Scheme.Edition, o.Scheme.Digest})
		out = append(out, piece{schemeName(o.Scheme.ID), o.Scheme.Source})
	}
	m.References = []Reference{}
	for _, r := range c.References {
		m.References = append(m.References, Reference{r.Name, r.AsOf, r.Digest})
		out = append(out, piece{referenceName(r.Name), r.Bytes})
	}
	evidence, err := c.evidence()
	if err != nil {
		return nil, err
	}
	out = append(out, evidence...)
	for _, e := range []struct {
		name   string
		encode func() ([]byte, error)
	}{
		{judgementsName, func() ([]byte, error) { return encodeJudgements(c.Judgements) }},
		{findingsName, func() ([]byte, error) { return encodeFindings(c.Outcomes) }},
		{verdictsName, func() ([]byte, error) { return encodeVerdicts(c.Outcomes) }},
	} {
		data, err := e.encode()
		if err != nil {
			return nil, fmt.Errorf("encoding %s: %w", e.name, err)
		}
		out = append(out, piece{e.name, data})
	}
	m.Files = map[string]File{}
	for _, p := range out {
		if _, again := m.Files[p.name]; again {
			return nil, fmt.Errorf("the dossier would have two files named %q", p.name)
		}
		if !fs.ValidPath(p.name) {
			return nil, fmt.Errorf("%q is no name of a file in a dossier", p.name)
		}
		m.Files[p.name] = File{Digest(p.data), int64(len(p.data))}
	}
	return out, nil
}

// observed encodes the tree and the facts: a file for each kind, those without facts too.
func (c *Contents) observed() []piece {
	out := []piece{{treeName, c.Tree}}
	m := &c.Manifest
	m.Facts = []Facts{}
	for _, k := range fact.Kinds() {
		lines := c.Facts.Lines(k.Name)
		m.Facts = append(m.Facts, Facts{k.Name, len(lines)})
		out = append(out, piece{factsName(k.Name), joinLines(lines)})
	}
	for _, n := range c.newer {
		m.Facts = append(m.Facts, n.Facts)
		out = append(out, piece{factsName(n.Kind), n.data})
	}
	slices.SortFunc(m.Facts, func(a, b Facts) int { return strings.Compare(a.Kind, b.Kind) })
	return out
}

// evidence checks that the blobs are those that the manifest lists.
func (c *Contents) evidence() ([]piece, error) {
	var out []piece
	listed := map[string]bool{}
	for _, e := range c.Manifest.Evidence {
		data, ok := c.Evidence[e.Digest]
		if !ok || Digest(data) != e.Digest {
			return nil, fmt.Errorf("the evidence %q is not at hand", e.Digest)
		}
		if !listed[e.Digest] {
			listed[e.Digest] = true
			out = append(out, piece{evidenceFolder + e.Digest, data})
		}
	}
	if len(listed) != len(c.Evidence) {
		return nil, fmt.Errorf("of %d pieces of evidence %d are listed", len(c.Evidence), len(listed))
	}
	return out, nil
}

func factsName(kind string) string  { return factsFolder + kind + ".jsonl" }
func schemeName(id string) string   { return schemesFolder + id + ".yaml" }
func referenceName(n string) string { return referenceFolder + n + ".json" }

func joinLines(lines []string) []byte {
	n := 0
	for _, l := range lines {
		n += len(l) + 1
	}
	b := make([]byte, 0, n)
	for _, l := range lines {
		b = append(b, l...)
		b = append(b, '\n')
	}
	return b
}

func encodeJudgements(list []judge.Judgement) ([]byte, error) {
	var b bytes.Buffer
	for _, g := range list {
		if g.Evidence == nil {
			g.Evidence = []string{}
		}
		line, err := canonical(g)
		if err != nil {
			return nil, err
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}
