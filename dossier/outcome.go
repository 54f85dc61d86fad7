package dossier

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/scheme"
)

// verdicts is verdicts.json.
type verdicts struct {
	Schemes []schemeVerdicts `json:"schemes"`
}

type schemeVerdicts struct {
	Scheme       string               `json:"scheme"`
	Edition      string               `json:"edition"`
	Digest       string               `json:"digest"`
	Counts       map[string]int       `json:"counts"`
	Profiles     []profileVerdicts    `json:"profiles"`
	Requirements []requirementVerdict `json:"requirements"`
}

type profileVerdicts struct {
	Profile string         `json:"profile"`
	Counts  map[string]int `json:"counts"`
}

type requirementVerdict struct {
	Requirement string        `json:"requirement"`
	Verdict     judge.Verdict `json:"verdict"`
	Reason      judge.Reason  `json:"reason,omitempty"`
	Examined    int           `json:"examined"`
	Unknown     int           `json:"unknown"`
	Unobserved  int           `json:"unobserved"`
	Findings    int           `json:"findings"`
	Tests       []testVerdict `json:"tests"`
}

type testVerdict struct {
	Test     string       `json:"test"`
	State    judge.State  `json:"state"`
	Reason   judge.Reason `json:"reason,omitempty"`
	Detail   string       `json:"detail,omitempty"`
	Examined int          `json:"examined"`
	Selected int          `json:"selected"`
	Unknown  int          `json:"unknown"`
	Hidden   int          `json:"unobserved"`
	Findings int          `json:"findings"`
	LeftOut  int          `json:"places_left_out,omitempty"`
	Open     int          `json:"open_left_out,omitempty"`
}

func encodeVerdicts(outcomes []*judge.Outcome) ([]byte, error) {
	v := verdicts{Schemes: []schemeVerdicts{}}
	for _, o := range outcomes {
		s := schemeVerdicts{
			Scheme: o.Scheme.ID, Edition: o.Scheme.Edition, Digest: o.Scheme.Digest,
			Counts: counts(o.Counts(nil)), Profiles: []profileVerdicts{}, Requirements: []requirementVerdict{},
		}
		for i := range o.Scheme.Profiles {
			p := &o.Scheme.Profiles[i]
			s.Profiles = append(s.Profiles, profileVerdicts{p.ID, counts(o.Counts(p))})
		}
		for _, r := range o.Requirements {
			q := requirementVerdict{
				Requirement: r.Of.ID, Verdict: r.Verdict, Reason: r.Reason, Examined: r.Examined,
				Unknown: r.Unknown, Unobserved: r.Unobserved, Findings: r.Findings, Tests: []testVerdict{},
			}
			for _, t := range r.Tests {
				q.Tests = append(q.Tests, testVerdict{
					t.Of.ID, t.State, t.Reason, fact.Escape(t.Detail), t.Examined, t.Selected, t.Unknown, t.Hidden, t.Findings, t.LeftOut, t.Open,
				})
			}
			s.Requirements = append(s.Requirements, q)
		}
		v.Schemes = append(v.Schemes, s)
	}
	return canonical(v)
}

func counts(c judge.Counts) map[string]int {
	m := map[string]int{}
	for _, v := range judge.Verdicts() {
		m[string(v)] = c.ByVerdict[v]
	}
	return m
}

func decodeVerdicts(data []byte, schemes []*scheme.Scheme) ([]*judge.Outcome, error) {
	var v verdicts
	if err := strict(data, &v); err != nil {
		return nil, err
	}
	if len(v.Schemes) != len(schemes) {
		return nil, fmt.Errorf("has %d schemes where the dossier has %d", len(v.Schemes), len(schemes))
	}
	var out []*judge.Outcome
	for i, sv := range v.Schemes {
		s := schemes[i]
		if sv.Scheme != s.ID || sv.Digest != s.Digest || len(sv.Requirements) != len(s.Requirements) {
			return nil, fmt.Errorf("the verdicts of %q are of another scheme", sv.Scheme)
		}
		o := &judge.Outcome{Scheme: s}
		for k, q := range sv.Requirements {
			r, err := decodeRequirement(q, &s.Requirements[k])
			if err != nil {
				return nil, err
			}
			o.Requirements = append(o.Requirements, r)
		}
		out = append(out, o)
	}
	return out, nil
}

func decodeRequirement(q requirementVerdict, of *scheme.Requirement) (judge.Requirement, error) {
	r := judge.Requirement{
		Of: of, Verdict: q.Verdict, Reason: q.Reason, Examined: q.Examined, Unknown: q.Unknown, Unobserved: q.Unobserved, Findings: q.Findings,
	}
	if q.Requirement != of.ID {
		return r, fmt.Errorf("requirement %q stands where %q should", q.Requirement, of.ID)
	}
	for _, t := range q.Tests {
		i := indexTest(of, t.Test)
		if i < 0 {
			return r, fmt.Errorf("requirement %q has no test %q", of.ID, t.Test)
		}
		r.Tests = append(r.Tests, judge.Test{
			Of: &of.Tests[i], State: t.State, Reason: t.Reason, Detail: t.Detail, Examined: t.Examined, Selected: t.Selected,
			Unknown: t.Unknown, Hidden: t.Hidden, Findings: t.Findings, LeftOut: t.LeftOut, Open: t.Open,
		})
	}
	return r, nil
}

func indexTest(of *scheme.Requirement, id string) int {
	for i := range of.Tests {
		if of.Tests[i].ID == id {
			return i
		}
	}
	return -1
}

// finding is one line of findings.jsonl.
type finding struct {
	Scheme      string            `json:"scheme"`
	Requirement string            `json:"requirement"`
	Test        string            `json:"test"`
	Fingerprint string            `json:"fingerprint"`
	Kind        judge.FindingKind `json:"kind"`
	Severity    scheme.Severity   `json:"severity"`
	Title       string            `json:"title"`
	Subject     string            `json:"subject"`
	Same        json.RawMessage   `json:"same"`
	Detail      string            `json:"detail,omitempty"`
	Places      []place           `json:"places"`
}

type place struct {
	Kind string          `json:"kind"`
	Fact json.RawMessage `json:"fact"`
}

func encodeFindings(outcomes []*judge.Outcome) ([]byte, error) {
	var b bytes.Buffer
	for _, o := range outcomes {
		for _, f := range o.Findings {
			line := finding{
				o.Scheme.ID, f.Requirement, f.Test, f.Fingerprint, f.Kind, f.Severity, f.Title, f.Subject,
				fact.AppendJSON(nil, f.Values), fact.Escape(f.Detail),
				[]place{},
			}
			for _, p := range f.Places {
				line.Places = append(line.Places, place{p.Kind.Name, json.RawMessage(p.Line())})
			}
			data, err := canonical(line)
			if err != nil {
				return nil, fmt.Errorf("encoding a finding: %w", err)
			}
			b.Write(data)
			b.WriteByte('\n')
		}
	}
	return b.Bytes(), nil
}

func decodeFindings(data []byte, outcomes []*judge.Outcome) error {
	byScheme := map[string]*judge.Outcome{}
	for _, o := range outcomes {
		byScheme[o.Scheme.ID] = o
	}
	for n := 1; len(data) > 0; n++ {
		line, rest, ok := bytes.Cut(data, []byte("\n"))
		if !ok {
			return fmt.Errorf("line %d has no end", n)
		}
		data = rest
		var f finding
		if err := strict(line, &f); err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		o := byScheme[f.Scheme]
		if o == nil {
			return fmt.Errorf("line %d: the dossier has no scheme %q", n, f.Scheme)
		}
		g, err := f.decode()
		if err != nil {
			return fmt.Errorf("line %d: %w", n, err)
		}
		o.Findings = append(o.Findings, g)
	}
	return nil
}

func (f *finding) decode() (judge.Finding, error) {
	g := judge.Finding{
		Fingerprint: f.Fingerprint, Kind: f.Kind, Requirement: f.Requirement, Test: f.Test, Severity: f.Severity,
		Title: f.Title, Subject: f.Subject, Detail: f.Detail,
	}
	dec := json.NewDecoder(bytes.NewReader(f.Same))
	dec.UseNumber()
	if err := dec.Decode(&g.Values); err != nil {
		return g, err
	}
	for i, v := range g.Values {
		if n, ok := v.(json.Number); ok {
			g.Values[i], _ = n.Int64()
		}
	}
	for _, p := range f.Places {
		k, ok := fact.ByName(p.Kind)
		if !ok {
			return g, fmt.Errorf("there is no kind of facts %q", p.Kind)
		}
		x, err := fact.Parse(k, string(p.Fact))
		if err != nil {
			return g, err
		}
		g.Places = append(g.Places, x)
	}
	return g, nil
}

// SameOutcomes tells whether outcomes are the same to the byte, as a dossier keeps them.
func SameOutcomes(a, b []*judge.Outcome) (bool, error) {
	var out [2][]byte
	for i, o := range [][]*judge.Outcome{a, b} {
		v, err := encodeVerdicts(o)
		if err != nil {
			return false, err
		}
		f, err := encodeFindings(o)
		if err != nil {
			return false, err
		}
		out[i] = append(v, f...)
	}
	return bytes.Equal(out[0], out[1]), nil
}

// Summary returns digest, manifest, verdicts and findings of a dossier as one canonical JSON object.
func Summary(c *Contents) ([]byte, error) {
	v, err := encodeVerdicts(c.Outcomes)
	if err != nil {
		return nil, err
	}
	lines, err := encodeFindings(c.Outcomes)
	if err != nil {
		return nil, err
	}
	list := []json.RawMessage{}
	for line := range bytes.Lines(lines) {
		list = append(list, json.RawMessage(bytes.TrimSuffix(line, []byte("\n"))))
	}
	return canonical(map[string]any{"dossier": c.Digest, "manifest": c.Manifest, "verdicts": json.RawMessage(v), "findings": list})
}
