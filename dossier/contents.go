package dossier

import (
	"bytes"
	"fmt"

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
	var out []piece
	add := func(name string, data []byte, err error) error {
		if err != nil {
			return fmt.Errorf("encoding %s: %w", name, err)
		}
		out = append(out, piece{name, data})
		return nil
	}
	if c.Declaration != nil {
		data, err := c.Declaration.Canonical()
		if err := add(declarationName, data, err); err != nil {
			return nil, err
		}
	}
	if err := add(treeName, c.Tree, nil); err != nil {
		return nil, err
	}
	m.Facts = []Facts{}
	for _, k := range fact.Kinds() {
		lines := c.Facts.Lines(k.Name)
		m.Facts = append(m.Facts, Facts{k.Name, len(lines)})
		out = append(out, piece{factsFolder + k.Name + ".jsonl", joinLines(lines)})
	}
	data, err := encodeJudgements(c.Judgements)
	if err := add(judgementsName, data, err); err != nil {
		return nil, err
	}
	m.Schemes = []Scheme{}
	for _, o := range c.Outcomes {
		m.Schemes = append(m.Schemes, Scheme{o.Scheme.ID, o.Scheme.Edition, o.Scheme.Digest})
		out = append(out, piece{schemesFolder + o.Scheme.ID + ".yaml", o.Scheme.Source})
	}
	m.References = []Reference{}
	for _, r := range c.References {
		m.References = append(m.References, Reference{r.Name, r.AsOf, r.Digest})
		out = append(out, piece{referenceFolder + r.Name + ".json", r.Bytes})
	}
	for digest, data := range c.Evidence {
		out = append(out, piece{evidenceFolder + digest, data})
	}
	data, err = encodeFindings(c.Outcomes)
	if err := add(findingsName, data, err); err != nil {
		return nil, err
	}
	data, err = encodeVerdicts(c.Outcomes)
	if err := add(verdictsName, data, err); err != nil {
		return nil, err
	}
	m.Files = map[string]File{}
	for _, p := range out {
		m.Files[p.name] = File{Digest(p.data), int64(len(p.data))}
	}
	return out, nil
}

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
		line, err := canonical(g)
		if err != nil {
			return nil, err
		}
		b.Write(line)
		b.WriteByte('\n')
	}
	return b.Bytes(), nil
}
