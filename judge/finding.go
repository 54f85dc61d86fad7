package judge

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/scheme"
)

// The most that is listed of one test. What is left out is counted.
const (
	maxPlaces = 10_000
	maxOpen   = 100
)

// findings collects those of one test by fingerprint.
type findings struct {
	j  *judging
	of *scheme.Requirement
	t  *scheme.Test

	by          map[string]*Finding
	facts       facts
	places      int
	leftOut     int
	opens       int
	openLeftOut int
}

func newFindings(j *judging, of *scheme.Requirement, t *scheme.Test) *findings {
	return &findings{j: j, of: of, t: t, by: map[string]*Finding{}, facts: facts{}}
}

// defaultSame returns the values of the kind's key. A key holds no secret.
func (s *findings) defaultSame(f *fact.Fact) []any {
	values := make([]any, len(f.Kind.Key))
	for i, name := range f.Kind.Key {
		values[i], _ = f.Get(name)
	}
	return values
}

// add records a finding about a fact, or about no single one.
func (s *findings) add(kind FindingKind, f *fact.Fact, same []any, detail string) {
	path := ""
	var places []*fact.Fact
	if f != nil {
		path, places = f.Path, []*fact.Fact{f}
	}
	s.put(kind, places, same, path, detail)
}

func (s *findings) addItem(kind FindingKind, it *scheme.Item, same []any) {
	if it.Fact != nil {
		s.add(kind, it.Fact, same, "")
		return
	}
	s.add(kind, nil, same, it.Plain())
}

// full tells that no more findings are listed; what is left out is counted.
func (s *findings) full(it *scheme.Item) bool {
	if s.places < maxPlaces {
		return false
	}
	s.leftOut++
	s.facts.add(it.Fact)
	return true
}

// addGroup records a finding about a group. Its members come and go, so its fingerprint has the path of none of them.
func (s *findings) addGroup(kind FindingKind, members []*scheme.Item, same []any) {
	s.put(kind, factsOf(members), same, "", fmt.Sprintf("%d together", len(members)))
}

func (s *findings) open(it *scheme.Item, err error) {
	if s.opens >= maxOpen {
		s.openLeftOut++
		return
	}
	s.opens++
	if it.Fact != nil {
		s.add(Open, it.Fact, s.defaultSame(it.Fact), err.Error())
		return
	}
	s.add(Open, nil, []any{it.Plain()}, err.Error())
}

func (s *findings) put(kind FindingKind, places []*fact.Fact, same []any, path, detail string) {
	if kind != Open {
		s.facts.add(places...)
	}
	fp := Fingerprint(s.j.scheme.ID, s.of.ID, s.t.ID, same, path)
	f := s.by[fp]
	if f == nil {
		f = &Finding{
			Fingerprint: fp, Kind: kind, Requirement: s.of.ID, Test: s.t.ID, Severity: s.t.Severity,
			Title: s.t.Title, Subject: subject(same), Values: same, Detail: detail,
		}
		s.by[fp] = f
	}
	if kind != Open && f.Kind == Open {
		f.Kind, f.Detail = kind, detail
	}
	for _, p := range places {
		if s.places >= maxPlaces {
			s.leftOut++
			continue
		}
		s.places++
		f.Places = append(f.Places, p)
	}
}

// failing counts the findings that are not open.
func (s *findings) failing() int {
	n := 0
	for _, f := range s.by {
		if f.Kind != Open {
			n++
		}
	}
	return n
}

// list returns the findings by place, so that they read in the order of the product.
func (s *findings) list() []Finding {
	out := make([]Finding, 0, len(s.by))
	for _, f := range s.by {
		out = append(out, *f)
	}
	where := func(f *Finding) string {
		if len(f.Places) == 0 {
			return ""
		}
		return f.Places[0].Node
	}
	slices.SortFunc(out, func(a, b Finding) int {
		if c := strings.Compare(where(&a), where(&b)); c != 0 {
			return c
		}
		return strings.Compare(a.Fingerprint, b.Fingerprint)
	})
	return out
}

// subject writes the values that identify a finding for people.
func subject(same []any) string {
	var parts []string
	for _, v := range same {
		if v != nil && v != "" {
			parts = append(parts, fmt.Sprint(v))
		}
	}
	return strings.Join(parts, " ")
}

// Fingerprint names a finding: SHA-256, hexadecimal, of the RFC 8785 array [scheme, requirement, test, same, path]. scheme is its
// id without the edition; same the values that make two findings the same; path the path in the system or, where there is
// none, in the innermost container. It does not depend on the name or version of any container.
func Fingerprint(schemeID, requirement, test string, same []any, path string) string {
	b := fact.AppendJSON(nil, []any{schemeID, requirement, test, same, path})
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
