package outline

import (
	"cmp"
	"slices"
	"strings"
)

// joined are the files beside the one where a fact of a kind stands from which its attributes come too.
var joined = map[string][]string{
	"account": {"/etc/shadow"},
}

// subject is what a finding of a requirement is about: a file or, in a file that lists them, a package.
type subject struct {
	spot
	key string // of a package
}

// causes returns what differs of the files and packages at which findings of a requirement stand that are not the same on both sides.
func causes(a, b *side, requirement string) []Cause {
	seen := map[subject]bool{}
	differing(a, b, requirement, func(s *side, p *Place) {
		at := spot{s.names[p.System], p.Path}
		if p.Kind == "package" {
			seen[subject{at, p.Key}] = true
			return
		}
		seen[subject{at, ""}] = true
		for _, path := range joined[p.Kind] {
			seen[subject{spot{at.system, path}, ""}] = true
		}
	})
	list := []Cause{}
	for s := range seen {
		c := Cause{System: s.system, Path: s.path, OldMode: -1, NewMode: -1}
		if n := a.nodes[s.spot]; n != nil {
			c.Old, c.OldMode = n.Content, n.Mode
		}
		if n := b.nodes[s.spot]; n != nil {
			c.New, c.NewMode = n.Content, n.Mode
		}
		if s.key != "" {
			if p := a.packages[s.spot][s.key]; p != nil {
				c.Package, c.OldVersion = p.Name, p.Version
			}
			if p := b.packages[s.spot][s.key]; p != nil {
				c.Package, c.NewVersion = p.Name, p.Version
			}
		}
		if c.Old != c.New || c.OldMode != c.NewMode || c.OldVersion != c.NewVersion {
			list = append(list, c)
		}
	}
	slices.SortFunc(list, func(x, y Cause) int {
		return cmp.Or(strings.Compare(x.System, y.System), strings.Compare(x.Path, y.Path), strings.Compare(x.Package, y.Package),
			strings.Compare(x.OldVersion, y.OldVersion), strings.Compare(x.NewVersion, y.NewVersion))
	})
	return list
}

// differing calls fn for the places of findings that only one side has, or that are not the same on both.
func differing(a, b *side, requirement string, fn func(*side, *Place)) {
	type where struct {
		fingerprint, kind string // of the finding
		spot
		fact, key, attributes string
	}
	places := func(s *side) map[where]*Place {
		m := map[where]*Place{}
		for _, f := range s.findings[requirement] {
			for i := range f.Places {
				p := &f.Places[i]
				m[where{f.Fingerprint, f.Kind, spot{s.names[p.System], p.Path}, p.Kind, p.Key, p.Attributes}] = p
			}
		}
		return m
	}
	in, on := places(a), places(b)
	for w, p := range in {
		if on[w] == nil {
			fn(a, p)
		}
	}
	for w, p := range on {
		if in[w] == nil {
			fn(b, p)
		}
	}
}

// Difference is what two dossiers of one release, that of the lab and one that the vendor brought, say differently under one scheme.
type Difference struct {
	NotComparable string   // why not, in words: then only Artifacts is filled
	Artifacts     []string // ids of those that are not the same bytes, or only on one side, sorted: with any, it is no question of judgement
	Verdicts      []VerdictDifference
	Same          int // requirements with the same verdict and reason
	// OnlyLab and OnlyVendor are findings that the other does not have, or has as of another kind, by requirement and fingerprint.
	OnlyLab, OnlyVendor []Finding
	Partial             bool // a side has findings without rows
}

// VerdictDifference is a requirement that came out differently. A side that does not have it is empty.
type VerdictDifference struct {
	Requirement             string
	Title                   string
	Lab, Vendor             string
	LabReason, VendorReason string
	Inputs                  []string // which differ, as in Change; empty says that one side judged wrongly
}

// Differences compares what a lab and a vendor found of the same release under one scheme. It is pure.
func Differences(lab, vendor *Judged) *Difference {
	d := &Difference{Artifacts: differingArtifacts(lab.Artifacts, vendor.Artifacts)}
	if lab.Scheme.ID != vendor.Scheme.ID || lab.Scheme.Digest != vendor.Scheme.Digest {
		d.NotComparable = "judged by " + lab.Scheme.ID + " " + lab.Scheme.Edition + " and by " + vendor.Scheme.ID + " " + vendor.Scheme.Edition
		if lab.Scheme.ID == vendor.Scheme.ID && lab.Scheme.Edition == vendor.Scheme.Edition {
			d.NotComparable += ", two texts of one edition"
		}
		return d
	}
	a, b := indexSide(lab), indexSide(vendor)
	for _, q := range a.order {
		v := VerdictDifference{Requirement: q.ID, Title: q.Title, Lab: q.Verdict, LabReason: q.Reason}
		d.Partial = d.Partial || q.LeftOut > 0
		if o := b.requirements[q.ID]; o != nil {
			v.Vendor, v.VendorReason, v.Inputs = o.Verdict, o.Reason, differingInputs(&q.Inputs, &o.Inputs)
		}
		if v.Lab == v.Vendor && v.LabReason == v.VendorReason {
			d.Same++
			continue
		}
		d.Verdicts = append(d.Verdicts, v)
	}
	for _, o := range b.order {
		d.Partial = d.Partial || o.LeftOut > 0
		if a.requirements[o.ID] == nil {
			d.Verdicts = append(d.Verdicts, VerdictDifference{Requirement: o.ID, Title: o.Title, Vendor: o.Verdict, VendorReason: o.Reason})
		}
	}
	d.OnlyLab, d.OnlyVendor = onlyIn(a, b), onlyIn(b, a)
	return d
}

// onlyIn returns the findings of a that b does not have, in order.
func onlyIn(a, b *side) []Finding {
	var list []Finding
	for requirement, findings := range a.findings {
		has := map[string]bool{}
		for _, f := range b.findings[requirement] {
			has[f.Kind+f.Fingerprint] = true
		}
		for _, f := range findings {
			if !has[f.Kind+f.Fingerprint] {
				list = append(list, *f)
			}
		}
	}
	slices.SortFunc(list, func(x, y Finding) int {
		return cmp.Or(strings.Compare(x.Requirement, y.Requirement), strings.Compare(x.Fingerprint, y.Fingerprint), strings.Compare(x.Kind, y.Kind))
	})
	return list
}

func differingArtifacts(a, b []Artifact) []string {
	digests := [2]map[string]string{{}, {}}
	for i, list := range [][]Artifact{a, b} {
		for _, x := range list {
			digests[i][x.ID] = "sha256 " + x.Digest
		}
	}
	var ids []string
	for i := range digests {
		for id, digest := range digests[i] {
			if digests[1-i][id] != digest {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
