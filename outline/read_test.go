package outline

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/probat-lab/probat/statement"
)

func golden(t testing.TB) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("draw", "testdata", "edge-router.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func readAll(ctx context.Context, data []byte) (list []Row, err error) {
	err = Read(ctx, bytes.NewReader(data), func(r Row) error { list = append(list, r); return nil })
	return list, err
}

// encode writes rows again.
func encode(t testing.TB, list []Row) []byte {
	t.Helper()
	var b bytes.Buffer
	e := NewEncoder(&b)
	for _, r := range list {
		if err := e.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func TestReadGolden(t *testing.T) {
	data := golden(t)
	list, err := readAll(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(encode(t, list), data) {
		t.Error("the rows that were read are written otherwise")
	}
	stop := errors.New("enough")
	n := 0
	if err := Read(t.Context(), bytes.NewReader(data), func(Row) error { n++; return stop }); !errors.Is(err, stop) || n != 1 {
		t.Errorf("the caller's error after %d rows: %v", n, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := readAll(ctx, data); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// TestReadLines: an outline without one of its lines, with one of them twice, or with two of them the other way round, is none.
func TestReadLines(t *testing.T) {
	lines := strings.SplitAfter(strings.TrimSuffix(string(golden(t)), "\n"), "\n")
	lines[len(lines)-1] += "\n"
	try := func(what string, list []string) {
		t.Helper()
		_, err := readAll(t.Context(), []byte(strings.Join(list, "")))
		if !errors.Is(err, ErrRow) {
			t.Errorf("%s: %v", what, err)
		}
	}
	last := ""
	for i := range lines {
		kind, _, _ := strings.Cut(lines[i], ":")
		if kind == last && i%16 != 0 { // the first of each kind, and some of the others
			continue
		}
		last = kind
		try("without "+lines[i][:40], slices.Delete(slices.Clone(lines), i, i+1))
		try("twice "+lines[i][:40], slices.Insert(slices.Clone(lines), i, lines[i]))
		if i > 0 {
			swapped := slices.Clone(lines)
			swapped[i-1], swapped[i] = lines[i], lines[i-1]
			try("before its time "+lines[i][:40], swapped)
		}
		try("cut off before "+lines[i][:40], lines[:i])
	}
	try("nothing", nil)
	try("only the end", lines[len(lines)-1:])
	try("cut in the middle of the last line", []string{strings.TrimSuffix(strings.Join(lines, ""), "}\n")})
	try("without the last newline", []string{strings.TrimSuffix(strings.Join(lines, ""), "\n")})
	try("a line that never ends", []string{lines[0], `{"node":{"address":"` + strings.Repeat("a", MaxLine)})
}

func TestReadRefuses(t *testing.T) {
	data := string(golden(t))
	for what, change := range map[string][2]string{
		"white space":                {`{"head":{`, `{"head": {`},
		"carriage return":            {"}}\n", "}}\r\n"},
		"unknown kind":               {`{"head":`, `{"heads":`},
		"kind in capitals":           {`{"head":`, `{"Head":`},
		"unknown member":             {`{"head":{"as_of"`, `{"head":{"a":1,"as_of"`},
		"member in capitals":         {`{"head":{"as_of"`, `{"head":{"As_of"`},
		"member twice":               {`{"head":{"as_of"`, `{"head":{"as_of":"2026-11-24","as_of"`},
		"two kinds":                  {`{"artifact":`, `{"a":1,"artifact":`},
		"null":                       {`"facts":179`, `"facts":null`},
		"other format":               {`probat-outline/1`, `probat-outline/2`},
		"date":                       {`"as_of":"2026-11-24"`, `"as_of":"24.11.2026"`},
		"digest":                     {`"dossier":"`, `"dossier":"0`},
		"negative":                   {`"facts":`, `"facts":-`},
		"fraction":                   {`"position":1,`, `"position":1.0,`},
		"beyond 2^53":                {`"size":50964`, `"size":9007199254740992`},
		"a text for a number":        {`"size":50964`, `"size":"50964"`},
		"control character":          {`"product":"ER-240`, `"product":"\u0007ER-240`},
		"delete":                     {`"product":"ER-240`, "\"product\":\"\x7fER-240"},
		"line feed":                  {`"product":"ER-240`, `"product":"\nER-240`},
		"right to left":              {`"product":"ER-240`, "\"product\":\"\u202eER-240"},
		"no UTF-8":                   {`"product":"ER-240`, "\"product\":\"\xffER-240"},
		"escape without need":        {`"product":"ER-240`, `"product":"\u0045R-240`},
		"surrogate":                  {`"product":"ER-240`, `"product":"\ud800ER-240`},
		"long text":                  {`"product":"ER-240`, `"product":"` + strings.Repeat("E", 600)},
		"unknown verdict":            {`"verdict":"pass"`, `"verdict":"passed"`},
		"verdict in another group":   {`"verdict":"pass"`, `"verdict":"fail"`},
		"empty kind of a finding":    {`"kind":"fail"`, `"kind":""`},
		"JSON in attributes":         {`{"fact":{"attributes":"{`, `{"fact":{"attributes":"[`},
		"JSON of the declaration":    {`"json":"{\"acc`, `"json":"{ \"acc`},
		"position":                   {`"position":2,`, `"position":3,`},
		"node below another":         {`"depth":3,`, `"depth":4,`},
		"parent":                     {`"parent":3,`, `"parent":2,`},
		"nodes below":                {`"below":93,`, `"below":92,`},
		"listed findings":            {`"listed":1,`, `"listed":2,`},
		"requirements of the scheme": {`"requirements":73`, `"requirements":72`},
		"more of them":               {`"requirements":73`, `"requirements":74`},
		"decisive":                   {`"decisive":0`, `"decisive":1`},
		"count":                      {`{"kind":"head","left_out":0,"rows":1}`, `{"kind":"head","left_out":0,"rows":2}`},
		"counted kind":               {`{"kind":"head","left_out":0,"rows":1}`, `{"kind":"tail","left_out":0,"rows":1}`},
		"scheme of a requirement":    {`"scheme":"ts-33.117","severity"`, `"scheme":"other","severity"`},
		"empty list":                 {`"answers":["cra/I.2.e"]`, `"answers":[]`},
	} {
		text := strings.Replace(data, change[0], change[1], 1)
		if text == data {
			t.Errorf("%s: nothing was changed", what)
			continue
		}
		_, err := readAll(t.Context(), []byte(text))
		if !errors.Is(err, ErrRow) && !errors.Is(err, statement.ErrForm) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := readAll(t.Context(), []byte(data+"\n")); !errors.Is(err, ErrRow) {
		t.Errorf("an empty line behind the end: %v", err)
	}
}

// small is a whole outline with a row of each kind.
func small(t testing.TB) []byte {
	t.Helper()
	text := counted(t, smallRows())
	if _, err := readAll(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	return text
}

// counted writes rows and an end that counts them.
func counted(t testing.TB, list []Row) []byte {
	t.Helper()
	var b bytes.Buffer
	e := NewEncoder(&b)
	for _, r := range list {
		if err := e.Encode(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.End(nil); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func smallRows() []Row {
	digest := strings.Repeat("ab", 32)
	inputs := Inputs{digest, digest, digest, digest, digest, digest}
	return []Row{
		&Head{AsOf: "2026-11-24", Dossier: digest, Format: Format},
		&Artifact{Digest: digest, ID: "a", Type: "file", Size: 9},
		&Declaration{Digest: digest, JSON: `{"vendor":"x"}`, Size: 14},
		&Document{Digest: digest, Title: "guide"},
		&Observer{Name: "account", Kinds: []string{"account"}, Version: 2},
		&Reference{AsOf: "2026-11-01", Digest: digest, Name: "lifecycle"},
		&Scheme{Digest: digest, Edition: "1", ID: "demo", Requirements: 1, Counts: Counts{Fail: 1, Total: 1}},
		&Requirement{
			ID: "R1", Scheme: "demo", Verdict: "fail", Group: "fails", Listed: 1, Inputs: inputs, Title: "t",
			Tests: []Test{{ID: "x", Means: "artifact", Strength: "decisive", State: "fails"}}, Needs: []Need{{Means: "artifact"}},
			Judgements: []Judgement{{Test: "x", Verdict: "pass", Reason: "a\nb"}},
		},
		&Finding{
			Fingerprint: digest, Kind: "fail", Requirement: "R1", Scheme: "demo", Severity: "low", Test: "x",
			Places: []Place{{Kind: "account", Node: "a!/b", NodeAt: 1, Observer: "account", Excerpt: &Excerpt{Length: 3, Text: "abc"}}},
		},
		&Node{Address: "a", Name: "a", Parent: -1, Type: "file", Size: 9, Mode: -1, UID: -1, GID: -1, Below: 1, Children: 1},
		&Node{Address: "a!/b", Name: "b", Inner: true, Depth: 1, Position: 1, Type: "file", Size: -1, Mode: 0o644, UID: -1, GID: -1},
		&Fact{Attributes: `{"name":"x"}`, Kind: "account", Node: "a!/b", NodeAt: 1, Observer: "account"},
		&Package{Name: "p", Node: "a!/b", NodeAt: 1},
		&Unobserved{Node: "a", Length: -1, Offset: -1, Reason: "damaged"},
	}
}

// TestReadTwice: one thing stands once, even where positions and counts say twice.
func TestReadTwice(t *testing.T) {
	rows := smallRows()
	at := func(kind string) int { return slices.IndexFunc(rows, func(r Row) bool { return r.kind() == kind }) }
	scheme, requirement, finding := at("scheme"), at("requirement"), at("finding")
	for what, change := range map[string]func([]Row) []Row{
		"nothing": func(l []Row) []Row { return l },
		"!a fingerprint": func(l []Row) []Row {
			l[requirement].(*Requirement).Listed = 2
			again := *l[finding].(*Finding)
			again.Position = 1
			return slices.Insert(l, finding+1, Row(&again))
		},
		"another fingerprint": func(l []Row) []Row {
			l[requirement].(*Requirement).Listed = 2
			again := *l[finding].(*Finding)
			again.Position, again.Fingerprint = 1, strings.Repeat("cd", 32)
			return slices.Insert(l, finding+1, Row(&again))
		},
		"!a requirement": func(l []Row) []Row {
			l[scheme].(*Scheme).Requirements = 2
			again := *l[requirement].(*Requirement)
			again.Position, again.Listed = 1, 0
			return slices.Insert(l, finding+1, Row(&again))
		},
		"another requirement": func(l []Row) []Row {
			l[scheme].(*Scheme).Requirements = 2
			again := *l[requirement].(*Requirement)
			again.Position, again.Listed, again.ID = 1, 0, "R2"
			return slices.Insert(l, finding+1, Row(&again))
		},
		"!a scheme": func(l []Row) []Row {
			again := *l[scheme].(*Scheme)
			again.Position, again.Requirements = 1, 0
			return slices.Insert(l, finding+1, Row(&again))
		},
		"another scheme": func(l []Row) []Row {
			again := *l[scheme].(*Scheme)
			again.Position, again.Requirements, again.ID = 1, 0, "other"
			return slices.Insert(l, finding+1, Row(&again))
		},
		"!a test": func(l []Row) []Row {
			q := l[requirement].(*Requirement)
			q.Tests = append(q.Tests, q.Tests[0])
			return l
		},
		"!the declaration": func(l []Row) []Row { return slices.Insert(l, at("declaration"), l[at("declaration")]) },
		"!the head":        func(l []Row) []Row { return slices.Insert(l, 1, l[0]) },
	} {
		_, err := readAll(t.Context(), counted(t, change(smallRows())))
		if refused := strings.HasPrefix(what, "!"); (err != nil) != refused || refused && !errors.Is(err, ErrRow) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// accepted complains about what is accepted and is not what an Encoder would write.
func accepted(t testing.TB, data []byte) bool {
	t.Helper()
	list, err := readAll(t.Context(), data)
	if err != nil {
		return false
	}
	if again := encode(t, list); !bytes.Equal(again, data) {
		t.Fatalf("accepted was\n%q\nwhich is written as\n%q", data, again)
	}
	return true
}

// TestReadChanged: of many small changes to an outline some are accepted, each of them in its one encoding.
func TestReadChanged(t *testing.T) {
	data := small(t)
	yes, no := 0, 0
	const bytes = "0z\"\\}]\n\x00\xff "
	for at := range data {
		c := bytes[at%len(bytes)]
		changed := slices.Clone(data)
		changed[at] = c
		for _, d := range [][]byte{changed, slices.Insert(slices.Clone(data), at, c), slices.Delete(slices.Clone(data), at, at+1)} {
			if accepted(t, d) {
				yes++
			} else {
				no++
			}
		}
	}
	if yes < 100 || no < 10*yes {
		t.Errorf("%d accepted, %d refused", yes, no)
	}
}

// FuzzRead: whatever is accepted is what an Encoder would write.
func FuzzRead(f *testing.F) {
	f.Add(small(f))
	f.Fuzz(func(t *testing.T, data []byte) { accepted(t, data) })
}
