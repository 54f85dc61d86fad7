package report

import (
	"crypto/sha1" //nolint:gosec // RFC 9562 makes UUIDs of version 5 with it
	"encoding/json"
	"fmt"
	"io"
	"net/url"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/scheme"
)

// The parts of SARIF 2.1.0 (OASIS, 2020) that are written.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool              sarifTool       `json:"tool"`
		AutomationDetails sarifAutomation `json:"automationDetails"`
		Results           []sarifResult   `json:"results"`
		Properties        map[string]any  `json:"properties"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string         `json:"id"`
		ShortDescription sarifText      `json:"shortDescription"`
		FullDescription  sarifText      `json:"fullDescription"`
		HelpURI          string         `json:"helpUri"`
		Properties       map[string]any `json:"properties"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifAutomation struct {
		ID   string `json:"id"`
		GUID string `json:"guid"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		RuleIndex           int               `json:"ruleIndex"`
		Kind                string            `json:"kind"`
		Level               string            `json:"level"`
		Message             sarifText         `json:"message"`
		Locations           []sarifLocation   `json:"locations,omitempty"`
		Fingerprints        map[string]string `json:"fingerprints"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
		Properties          map[string]any    `json:"properties"`
	}
	sarifLocation struct {
		PhysicalLocation sarifPhysical  `json:"physicalLocation"`
		LogicalLocations []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine  int64      `json:"startLine,omitempty"`
		ByteOffset int64      `json:"byteOffset"`
		ByteLength int64      `json:"byteLength"`
		Snippet    *sarifText `json:"snippet,omitempty"`
	}
	sarifLogical struct {
		FullyQualifiedName string `json:"fullyQualifiedName"`
	}
)

// SARIF writes the findings as one run a scheme. Rules are SCHEME/REQUIREMENT, fingerprints ours, locations the addresses of nodes.
func SARIF(w io.Writer, c *dossier.Contents) error {
	log := sarifLog{Schema: "https://json.schemastore.org/sarif-2.1.0.json", Version: "2.1.0", Runs: []sarifRun{}}
	for _, o := range c.Outcomes {
		log.Runs = append(log.Runs, sarifOf(c, o))
	}
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", " ")
	return enc.Encode(log)
}

func sarifOf(c *dossier.Contents, o *judge.Outcome) sarifRun {
	run := sarifRun{
		Tool:              sarifTool{sarifDriver{Name: "Probat", InformationURI: "https://github.com/probat-lab/probat", Rules: []sarifRule{}}},
		AutomationDetails: sarifAutomation{ID: o.Scheme.ID + "/" + c.Digest, GUID: uuid5(c.Digest + "/" + o.Scheme.ID)},
		Results:           []sarifResult{},
		Properties: map[string]any{
			"dossier": c.Digest, "scheme": o.Scheme.ID, "edition": o.Scheme.Edition, "schemeDigest": o.Scheme.Digest, "asOf": c.Manifest.AsOf,
		},
	}
	index := map[string]int{}
	for i := range o.Requirements {
		r := &o.Requirements[i]
		index[r.Of.ID] = i
		properties := map[string]any{"verdict": r.Verdict, "clause": r.Of.Clause}
		if r.Reason != "" {
			properties["reason"] = r.Reason
		}
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: o.Scheme.ID + "/" + r.Of.ID, ShortDescription: sarifText{r.Of.Title}, FullDescription: sarifText{r.Of.Text},
			HelpURI: r.Of.Link, Properties: properties,
		})
	}
	for i := range o.Findings {
		f := &o.Findings[i]
		res := sarifResult{
			RuleID: o.Scheme.ID + "/" + f.Requirement, RuleIndex: index[f.Requirement], Kind: string(f.Kind), Level: level(f),
			Message:             sarifText{subjectOf(f) + " " + f.Title},
			Fingerprints:        map[string]string{"probat/1": f.Fingerprint},
			PartialFingerprints: map[string]string{"probat/1": f.Fingerprint},
			Properties:          map[string]any{"test": f.Test, "severity": f.Severity},
		}
		for _, p := range f.Places {
			res.Locations = append(res.Locations, sarifPlace(p))
		}
		run.Results = append(run.Results, res)
	}
	return run
}

// level is that of a finding; what does not fail has none (SARIF 2.1.0 3.27.10).
func level(f *judge.Finding) string {
	if f.Kind != judge.Failing {
		return "none"
	}
	switch f.Severity {
	case scheme.Critical, scheme.High:
		return "error"
	case scheme.Medium:
		return "warning"
	}
	return "note"
}

func sarifPlace(f *fact.Fact) sarifLocation {
	l := sarifLocation{
		PhysicalLocation: sarifPhysical{ArtifactLocation: sarifArtifact{URI: (&url.URL{Path: "./" + f.Node}).EscapedPath()}},
		LogicalLocations: []sarifLogical{{f.Node}},
	}
	if e := f.Excerpt; e != nil {
		l.PhysicalLocation.Region = &sarifRegion{StartLine: e.Line, ByteOffset: e.Offset, ByteLength: e.Length, Snippet: &sarifText{e.Text}}
	}
	return l
}

// namespace is that of our UUIDs: the UUID of version 5 of https://github.com/probat-lab/probat in RFC 9562's namespace for URLs.
var namespace = func() [16]byte {
	return sha1uuid([]byte{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8}, "https://github.com/probat-lab/probat")
}()

func sha1uuid(space []byte, name string) (id [16]byte) {
	sum := sha1.Sum(append(append([]byte{}, space...), name...))
	copy(id[:], sum[:])
	id[6] = id[6]&0x0f | 0x50
	id[8] = id[8]&0x3f | 0x80
	return id
}

// uuid5 names something by what it is (RFC 9562, 5.5).
func uuid5(name string) string {
	u := sha1uuid(namespace[:], name)
	return fmt.Sprintf("%x-%x-%x-%x-%x", u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}
