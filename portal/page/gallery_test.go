package page

import (
	"bytes"
	"fmt"
	"io/fs"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/a-h/templ"
	"golang.org/x/net/html"
)

func render(t *testing.T, c templ.Component) string {
	t.Helper()
	var b bytes.Buffer
	if err := c.Render(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func parse(t *testing.T, s string) *html.Node {
	t.Helper()
	doc, err := html.Parse(strings.NewReader(s))
	if err != nil {
		t.Fatal(err)
	}
	return doc
}

func TestPages(t *testing.T) {
	for _, s := range gallery() {
		t.Run(s.name, func(t *testing.T) {
			out := render(t, s.view.Page())
			doc := parse(t, out)
			for _, problem := range append(structure(doc), policy(doc)...) {
				t.Error(problem)
			}
			for _, problem := range balance(out) {
				t.Error(problem)
			}
		})
	}
}

// structure is what people and their screen readers need of a page.
func structure(doc *html.Node) (problems []string) {
	say := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	ids, labelled := map[string]bool{}, map[string]bool{}
	counts := map[string]int{}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		counts[n.Data]++
		if id, ok := get(n, "id"); ok {
			if ids[id] {
				say("the id %q occurs twice", id)
			}
			if id == "" || strings.ContainsAny(id, " \t\n") {
				say("the id %q is no id", id)
			}
			ids[id] = true
		}
		if to, ok := get(n, "for"); ok && n.Data == "label" {
			labelled[to] = true
		}
	}
	for _, one := range []string{"h1", "main", "header", "title"} {
		if counts[one] != 1 {
			say("%d elements %q, want 1", counts[one], one)
		}
	}
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		kind, _ := get(n, "type")
		id, _ := get(n, "id")
		switch n.Data {
		case "html":
			if lang, _ := get(n, "lang"); lang != "en" {
				say("lang is %q", lang)
			}
		case "input", "select", "textarea":
			if kind != "hidden" && (id == "" || !labelled[id]) {
				say("no label for %s", source(n))
			}
		case "button", "a", "summary", "h1", "h2", "h3", "legend", "label":
			if strings.TrimSpace(words(n)) == "" {
				say("no words in %s", source(n))
			}
		case "form":
			if method, _ := get(n, "method"); method == "post" && !strings.Contains(source(n), `name="once"`) {
				say("no field \"once\" in %s", source(n))
			}
		case "th":
			if _, ok := get(n, "scope"); !ok {
				say("no scope for %s", source(n))
			}
		}
		problems = append(problems, references(n, ids)...)
	}
	return problems
}

// references are the ids that an element names and nobody has.
func references(n *html.Node, ids map[string]bool) (problems []string) {
	for _, refer := range []string{"aria-labelledby", "aria-describedby", "for"} {
		value, _ := get(n, refer)
		for _, to := range strings.Fields(value) {
			if !ids[to] {
				problems = append(problems, fmt.Sprintf("%s leads nowhere in %s", refer, source(n)))
			}
		}
	}
	if href, _ := get(n, "href"); strings.HasPrefix(href, "#") && !ids[href[1:]] {
		problems = append(problems, fmt.Sprintf("the link %q leads nowhere", href))
	}
	return problems
}

// policy is what the content security policy would refuse, and what would load from elsewhere.
func policy(doc *html.Node) (problems []string) {
	for n := range doc.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		src, has := get(n, "src")
		if n.Data == "style" || n.Data == "iframe" || n.Data == "object" || n.Data == "embed" || n.Data == "base" || n.Data == "script" && (!has || n.FirstChild != nil) {
			problems = append(problems, "there is "+source(n))
		}
		for _, a := range n.Attr {
			local := strings.HasPrefix(a.Val, "/static/") || src == ""
			switch {
			case a.Key == "style" || strings.HasPrefix(a.Key, "on") || strings.HasPrefix(a.Key, "hx-on") || a.Key == "srcdoc" || a.Key == "ping" || a.Key == "formaction":
				problems = append(problems, "there is an attribute "+a.Key)
			case a.Key == "src" && !local, n.Data == "link" && a.Key == "href" && !strings.HasPrefix(a.Val, "/static/"):
				problems = append(problems, "it loads "+a.Val)
			case (a.Key == "href" || a.Key == "src" || a.Key == "action") && slices.ContainsFunc([]string{"javascript:", "data:", "vbscript:"}, func(p string) bool {
				return strings.HasPrefix(strings.ToLower(strings.TrimSpace(a.Val)), p)
			}):
				problems = append(problems, "it leads to "+a.Val)
			}
		}
	}
	return problems
}

// balance says which elements are not closed where they were opened: the parser would mend that silently.
func balance(s string) (problems []string) {
	void := []string{"meta", "link", "input", "br", "hr", "img"}
	var open []string
	z := html.NewTokenizer(strings.NewReader(s))
	for {
		switch z.Next() {
		case html.ErrorToken:
			if len(open) > 0 {
				problems = append(problems, fmt.Sprintf("never closed: %v", open))
			}
			return problems
		case html.StartTagToken:
			name, _ := z.TagName()
			tag := string(name)
			if slices.Contains(open, "p") && slices.Contains([]string{"p", "div", "ul", "ol", "dl", "pre", "table", "form", "section", "figure", "details", "article", "blockquote", "fieldset", "h2", "h3"}, tag) {
				problems = append(problems, fmt.Sprintf("%s inside p", tag))
			}
			if !slices.Contains(void, tag) {
				open = append(open, tag)
			}
		case html.EndTagToken:
			name, _ := z.TagName()
			if len(open) == 0 || open[len(open)-1] != string(name) {
				return append(problems, fmt.Sprintf("</%s> closes %v", name, open))
			}
			open = open[:len(open)-1]
		}
	}
}

// hostile is put into every string of every page. Elements, attributes, directions, controls, and a word that must stay text.
const hostile = "\"'></textarea></title><script>alert('canary')</script><img src=x onerror=canary()>{{canary}}\u202etxt\u2066.\x00\x1b[31m\u200b\xff\u0301\u0301\u0301\u0301\u0301\u0301"

// poison sets every string in v that is text to a hostile one, and every address to a script.
func poison(v reflect.Value, field string) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			fresh := reflect.New(v.Type().Elem())
			fresh.Elem().Set(v.Elem())
			poison(fresh.Elem(), field)
			v.Set(fresh)
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			return
		}
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				poison(v.Field(i), v.Type().Field(i).Name)
			}
		}
	case reflect.Slice:
		fresh := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
		reflect.Copy(fresh, v)
		for i := range v.Len() {
			poison(fresh.Index(i), field)
		}
		v.Set(fresh)
	case reflect.String:
		// These choose the shape of a page; left alone, so that all of it is still there. An unknown word in them is tested by TestUnknownWords.
		if slices.Contains([]string{"Kind", "State", "Verdict", "From", "To", "Result", "ID", "Path"}, field) || v.String() == "" {
			return
		}
		if v.String()[0] == '/' || v.String()[0] == '?' {
			v.SetString("javascript:canary()//" + hostile)
			return
		}
		v.SetString(hostile)
	}
}

func TestHostileTextIsInert(t *testing.T) {
	for _, s := range gallery() {
		t.Run(s.name, func(t *testing.T) {
			clean := shape(parse(t, render(t, s.view.Page())))
			v := reflect.New(reflect.TypeOf(s.view)).Elem()
			v.Set(reflect.ValueOf(s.view))
			poison(v, "")
			out := render(t, v.Interface().(interface{ Page() templ.Component }).Page())
			if !strings.Contains(out, "canary") {
				t.Fatal("no hostile text is on the page: the test shows nothing")
			}
			doc := parse(t, out)
			for _, problem := range policy(doc) {
				t.Error(problem)
			}
			for _, problem := range balance(out) {
				t.Error(problem)
			}
			if got := shape(doc); got != clean {
				t.Errorf("hostile text changed the elements:\n got %s\nwant %s", got, clean)
			}
			for n := range doc.Descendants() {
				if n.Type == html.TextNode && n.Parent.Data != "textarea" && strings.ContainsAny(n.Data, "\u202e\u2066\x00\x1b\u200b") && !isolated(n.Data) {
					t.Errorf("raw control or direction characters in %q", n.Data)
				}
			}
		})
	}
}

// isolated says that the only direction characters in s are the isolates that audience puts around names.
func isolated(s string) bool {
	return !strings.ContainsAny(strings.NewReplacer("\u2068", "", "\u2069", "").Replace(s), "\u202e\u2066\x00\x1b\u200b")
}

// shape is the names of all elements in their order.
func shape(doc *html.Node) string {
	var names []string
	for n := range doc.Descendants() {
		if n.Type == html.ElementNode {
			names = append(names, n.Data)
		}
	}
	return strings.Join(names, " ")
}

func TestUnknownWords(t *testing.T) {
	for _, v := range []interface{ Page() templ.Component }{
		Release{State: hostile, Artifacts: []Artifact{{ID: hostile}}, Credentials: []CredentialRow{{State: hostile}}, Disagree: []Disagreement{{Vendor: hostile}}},
		Failure{Status: -1},
		Credential{State: hostile},
		Evaluation{State: hostile, Phases: []Phase{{State: hostile}}},
		Threads{Rows: []ThreadRow{{State: hostile}}},
		Table{Rows: [][]Datum{{{State: hostile}}}, Actions: []Form{{ID: hostile, Fields: []Field{{Kind: hostile, Name: hostile, Label: "x"}}, Submit: "x"}}},
	} {
		doc := parse(t, render(t, v.Page()))
		for _, problem := range policy(doc) {
			t.Errorf("%T: %s", v, problem)
		}
		for n := range doc.Descendants() {
			if n.Data == "script" && n.FirstChild != nil || n.Data == "img" {
				t.Errorf("%T: there is %s", v, source(n))
			}
			if class, _ := get(n, "class"); strings.Contains(class, "canary") && strings.ContainsAny(class, "<>\"'") {
				t.Errorf("%T: the class %q", v, class)
			}
		}
	}
}

// TestEveryPage says that the gallery has every view that has a page, by the generated code.
func TestEveryPage(t *testing.T) {
	have := map[string]bool{}
	for _, s := range gallery() {
		have[reflect.TypeOf(s.view).Name()] = true
	}
	want := 0
	for _, source := range generated(t, ".") {
		for line := range strings.Lines(string(source)) {
			receiver, ok := strings.CutPrefix(line, "func (v ")
			if name, rest, _ := strings.Cut(receiver, ")"); ok && strings.HasPrefix(rest, " Page()") {
				want++
				if !have[name] {
					t.Errorf("no sample of the page %s", name)
				}
			}
		}
	}
	if want != len(have) {
		t.Errorf("%d kinds of pages in the code, %d in the gallery", want, len(have))
	}
}

// TestWeight holds each page with all that it loads under 200 KB, uncompressed; with 300 requirements or 40 releases too.
func TestWeight(t *testing.T) {
	work := workSamples()[0].view.(Work)
	work.Groups = nil
	for range 5 {
		work.Groups = append(work.Groups, WorkGroup{"Fails", slices.Repeat([]WorkItem{{ID: "4.2.3.4.2.3", Name: "System account identification", URL: "/releases/k3j5h2g4f6d7s8a9/schemes/ts-33.117/4.2.3.4.2.3", Verdict: Fail}}, 60)})
	}
	overview := overviewSamples()[0].view.(Overview)
	overview.Rows = slices.Repeat(rowsSample()[:2], 20)
	for _, s := range append(gallery(), shown{"requirement of 300", work}, shown{"overview of 40", overview}) {
		out := render(t, s.view.Page())
		total := len(out)
		for n := range parse(t, out).Descendants() {
			for _, key := range []string{"src", "href"} {
				if file, ok := get(n, key); ok && n.Data != "a" && strings.HasPrefix(file, AssetPrefix()) {
					content, err := fs.ReadFile(Static(), strings.TrimPrefix(file, AssetPrefix()))
					if err != nil {
						t.Fatalf("%s: %v", s.name, err)
					}
					total += len(content)
				}
			}
		}
		t.Logf("%s: %d bytes, %d of them the page", s.name, total, len(out))
		if total > 200_000 {
			t.Errorf("%s weighs %d bytes", s.name, total)
		}
	}
}

func get(n *html.Node, key string) (string, bool) {
	for _, a := range n.Attr {
		if a.Key == key {
			return a.Val, true
		}
	}
	return "", false
}

func words(n *html.Node) string {
	var b strings.Builder
	for d := range n.Descendants() {
		if d.Type == html.TextNode {
			b.WriteString(d.Data)
		}
		if label, ok := get(d, "aria-label"); ok {
			b.WriteString(label)
		}
	}
	return b.String()
}

func source(n *html.Node) string {
	var b bytes.Buffer
	_ = html.Render(&b, n) // a buffer takes everything
	s := b.String()
	return s[:min(len(s), 300)]
}
