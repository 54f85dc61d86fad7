package child

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/lab/box"
	"github.com/probat-lab/probat/product"
	"github.com/probat-lab/probat/sandbox"
	"github.com/probat-lab/probat/seal/draft"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/unpack"
)

const (
	taskCheck = "serve/check"
	taskDraft = "serve/draft"
)

// maxChecked bounds what a check comes to, in bytes: the text, a form of at most mostFields fields, and twenty problems.
const maxChecked = 16 << 20

func childCheck(_ context.Context, in io.Reader, out, _ io.Writer) error {
	var w box.Writing
	if err := json.NewDecoder(in).Decode(&w); err != nil {
		return fmt.Errorf("reading what to check: %w", err)
	}
	x, err := check(w)
	if err != nil {
		return err
	}
	return encode(out, x)
}

// check reads a declaration in either shape. A form becomes text first, so that both are read alike.
func check(w box.Writing) (*box.Checked, error) {
	m, err := model()
	if err != nil {
		return nil, err
	}
	x := &box.Checked{Problems: []box.Problem{}, Sets: []box.Set{}, Text: w.Text}
	var f *record
	if w.Form != nil {
		f = fill(m, w.Form)
		if f.word("vendor") == "" && w.Vendor != "" {
			f.words["vendor"] = []string{w.Vendor}
		}
		f.change(m, w.Add, w.Remove)
		x.Text = f.yaml(m)
	}
	d, err := product.Parse("declaration", []byte(x.Text))
	if x.Problems, x.More, err = problems(err); err != nil {
		return nil, err
	}
	if d != nil {
		r := draft.Release(d)
		x.Release = &r
	}
	if !w.AsForm {
		return x, nil
	}
	if f == nil {
		if f, x.Reason, err = asForm(m, d); err != nil || x.Reason != "" {
			return x, err
		}
	}
	sets := f.sets(m)
	if n := count(sets); n > mostFields {
		x.Reason = fmt.Sprintf("It has %d fields: too many for a form. Edit it as a file.", n)
		return x, nil
	}
	x.Sets = sets
	place(x)
	return x, nil
}

// problems takes the errors of product.Parse apart; another error comes back.
func problems(err error) ([]box.Problem, int64, error) {
	list := []box.Problem{}
	var bad *product.Errors
	if err == nil {
		return list, 0, nil
	}
	if !errors.As(err, &bad) {
		return list, 0, err
	}
	for _, e := range bad.List {
		text := strings.ToValidUTF8(e.Message, "\u00bf")
		list = append(list, box.Problem{Column: int64(e.Column), Line: int64(e.Line), Path: pathOf(text), Text: text})
	}
	return list, int64(bad.More), nil
}

// leading is how messages of package product begin that are about a value: with its path, as in "services[0].port: …" and "kind is empty".
// missing is how they name a key that is not there.
var (
	leading = regexp.MustCompile(`^([a-z0-9_]+(?:\[[0-9]+\]|\.[a-z0-9_]+)*)(?::| is )`)
	missing = regexp.MustCompile(`^(?:([a-z0-9_.\[\]]+): )?missing key "([a-z0-9_]+)"`)
)

// pathOf finds the value that a message is about.
func pathOf(message string) string {
	if m := missing.FindStringSubmatch(message); m != nil {
		if m[1] == "" {
			return m[2]
		}
		return m[1] + "." + m[2]
	}
	if m := leading.FindStringSubmatch(message); m != nil {
		return m[1]
	}
	return ""
}

// place finds the fields that problems are about: the field of the path, or of what is around it.
func place(x *box.Checked) {
	names := map[string]bool{}
	var walk func([]box.Set)
	walk = func(sets []box.Set) {
		for _, s := range sets {
			for _, f := range s.Fields {
				names[f.Name] = true
			}
			walk(s.Entries)
		}
	}
	walk(x.Sets)
	for i := range x.Problems {
		p := &x.Problems[i]
		for name := strings.NewReplacer("[", ".", "]", "").Replace(p.Path); name != ""; {
			if names[name] {
				p.Field = name
				break
			}
			end := strings.LastIndex(name, ".")
			name = name[:max(end, 0)]
		}
	}
}

func childDraft(_ context.Context, in io.Reader, out, _ io.Writer) error {
	var x box.Drafting
	if err := json.NewDecoder(in).Decode(&x); err != nil {
		return fmt.Errorf("reading what to draft from: %w", err)
	}
	c, err := dossier.Read(x.Dossier)
	if err != nil {
		return err
	}
	r := &evaluate.Release{}
	for _, a := range c.Manifest.Artifacts {
		art := unpack.Artifact{ID: a.ID, Path: a.ID}
		for _, f := range x.Artifacts {
			if f.ID == a.ID {
				art.Path = f.Path
			}
		}
		r.Artifacts = append(r.Artifacts, art)
	}
	text, err := evaluate.Draft(r, c)
	if err != nil {
		return err
	}
	return encode(out, box.Drafted{Text: named(string(text), x)})
}

// named puts what the lab knows into a draft instead of its placeholders, if a declaration can say it.
func named(text string, x box.Drafting) string {
	lines := strings.Split(text, "\n")
	for key, value := range map[string]string{"vendor": x.Vendor, "product": x.Product, "version": x.Version} {
		for i, l := range lines {
			if value != "" && strings.HasPrefix(l, key+": unnamed "+key) {
				lines[i] = key + ": " + scalar(value)
				break
			}
		}
	}
	better := strings.Join(lines, "\n")
	if _, err := product.Parse("draft", []byte(better)); err != nil {
		return text
	}
	return better
}

// CheckDeclaration says what is wrong with a declaration, and how it looks as a form.
func (s Sandbox) CheckDeclaration(ctx context.Context, w box.Writing) (*box.Checked, error) {
	var x box.Checked
	if err := s.declaration(ctx, taskCheck, w, sandbox.Options{OutLimit: maxChecked}, &x); err != nil {
		return nil, err
	}
	return &x, nil
}

// DraftDeclaration writes a declaration to begin with.
func (s Sandbox) DraftDeclaration(ctx context.Context, d box.Drafting) (string, error) {
	var x box.Drafted
	err := s.declaration(ctx, taskDraft, d, sandbox.Options{Read: []string{d.Dossier}, MemoryLimit: 4 << 30, OutLimit: 4 << 20}, &x)
	return x.Text, err
}

func (s Sandbox) declaration(ctx context.Context, task string, input any, o sandbox.Options, answer any) error {
	var out bytes.Buffer
	if err := s.run(ctx, task, input, &out, o); err != nil {
		return err
	}
	if err := statement.Decode(out.Bytes(), answer); err != nil {
		return fmt.Errorf("reading what a child says of a declaration: %w", err)
	}
	return nil
}
