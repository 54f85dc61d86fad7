package child

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"github.com/probat-lab/probat/lab/box"
	"github.com/probat-lab/probat/product"
)

const router = "../../examples/edge-router/product.yaml"

func read(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func checked(t *testing.T, w box.Writing) *box.Checked {
	t.Helper()
	x, err := check(w)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := encoded(x); err != nil {
		t.Fatalf("what a check says has no encoding: %v", err)
	}
	return x
}

func encoded(x *box.Checked) (string, error) {
	var b strings.Builder
	err := encode(&b, x)
	return b.String(), err
}

func canonical(t *testing.T, text string) string {
	t.Helper()
	d, err := product.Parse("declaration", []byte(text))
	if err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	b, err := d.Canonical()
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestFormSaysTheSame: a declaration that becomes a form and is posted untouched says what it said, word for word.
func TestFormSaysTheSame(t *testing.T) {
	odd := `vendor: "O'Brien: #1 \"net\""
product: "true"
kind: service
period: 2026-Q4
classes: []
services: []
accounts:
  - {name: "null", interactive: false, roles: [], authentication: [password, token]}
  - {name: "007", purpose: "first line\nsecond: line # not a comment", remote: true}
software:
  - {name: "- a", version: "1.10"}
web: {}
support: {until: 2031-12-31}
`
	for name, text := range map[string]string{"the example": read(t, router), "odd texts": odd} {
		x := checked(t, box.Writing{Text: text, AsForm: true})
		if len(x.Problems) > 0 || x.Reason != "" || len(x.Sets) == 0 || x.Text != text {
			t.Fatalf("%s: %v %q", name, x.Problems, x.Reason)
		}
		y := checked(t, box.Writing{Form: posted(x.Sets), AsForm: true})
		if got, want := canonical(t, y.Text), canonical(t, text); got != want {
			t.Errorf("%s: the form says\n%s\nwant\n%s", name, got, want)
		}
		a, _ := encoded(&box.Checked{Sets: x.Sets, Problems: []box.Problem{}})
		if b, _ := encoded(&box.Checked{Sets: y.Sets, Problems: []box.Problem{}}); a != b {
			t.Errorf("%s: the form changed when it was posted untouched", name)
		}
	}
}

func TestWhatAFormCannotHold(t *testing.T) {
	head := "vendor: V\nproduct: P\nkind: software\nversion: v1\n"
	long := head + "software:\n"
	for i := range 500 {
		long += fmt.Sprintf("  - {name: p%d}\n", i)
	}
	for text, want := range map[string]string{
		head + "roles: [{name: r, operations: [\"a\\nb\"]}]\n": "cannot hold",
		head + "documents: [{id: d, path: p, answers: []}]\n":  "cannot hold",
		head + "kid: 3\n": "put right",
		long:              "too many",
	} {
		x := checked(t, box.Writing{Text: text, AsForm: true})
		if !strings.Contains(x.Reason, want) || len(x.Sets) > 0 || x.Text != text {
			t.Errorf("%.80q: the reason is %q with %d sets", text, x.Reason, len(x.Sets))
		}
	}
}

func TestProblemsFindTheirFields(t *testing.T) {
	m, err := model()
	if err != nil {
		t.Fatal(err)
	}
	form := []box.Pair{
		{Name: "product", Value: "P"},
		{Name: "kind", Value: "equipment"},
		{Name: "services.3.plane", Value: "managment"},
		{Name: "services", Value: ""},
		{Name: "services.3.name", Value: "ssh"},
		{Name: "services.3.protocol", Value: "tcp"},
		{Name: "services.3.port", Value: "many"},
		{Name: "services.7.name", Value: ""},
		{Name: "accounts.0.name", Value: "root"},
		{Name: "accounts.0.roles", Value: "a\r\na"},
		{Name: "documents.0.id", Value: "d"},
		{Name: "nonsense.0.x", Value: "y"},
		{Name: "services.-1.name", Value: "y"},
	}
	x := checked(t, box.Writing{Form: form, Vendor: "V", AsForm: true})
	got := map[string]bool{}
	for _, p := range x.Problems {
		got[p.Field] = true
	}
	for _, want := range []string{"services.0.plane", "version", "services.0.port", "services.1.name", "accounts.0.roles"} {
		if !got[want] {
			t.Errorf("nothing is said beside %q: %+v", want, x.Problems)
		}
	}
	if got["vendor"] || !strings.Contains(x.Text, "vendor: V\n") {
		t.Errorf("the vendor was not filled in:\n%s", x.Text)
	}
	again := fill(m, posted(x.Sets)).yaml(m)
	if again != x.Text {
		t.Errorf("what is wrong got lost in the form:\n%s\nwant\n%s", again, x.Text)
	}
}

func TestEntriesComeAndGo(t *testing.T) {
	x := checked(t, box.Writing{Form: []box.Pair{}, AsForm: true})
	if strings.Contains(x.Text, "services") {
		t.Fatalf("an empty form declares:\n%s", x.Text)
	}
	form := posted(x.Sets)
	for i := range form {
		if form[i].Name == "services.0.name" {
			form[i].Value = "ssh"
		}
	}
	x = checked(t, box.Writing{Form: form, Add: "services", AsForm: true})
	if !strings.Contains(x.Text, "services:\n  - name: ssh\n  - {}\n") {
		t.Fatalf("a service was added:\n%s", x.Text)
	}
	x = checked(t, box.Writing{Form: posted(x.Sets), Remove: "services.0", AsForm: true})
	if !strings.Contains(x.Text, "services:\n  - {}\n") {
		t.Fatalf("the first was removed:\n%s", x.Text)
	}
	x = checked(t, box.Writing{Form: posted(x.Sets), Remove: "services.0", AsForm: true})
	if !strings.Contains(x.Text, "services: []\n") {
		t.Fatalf("the last was removed:\n%s", x.Text)
	}
	form = posted(x.Sets)
	for i := range form {
		if form[i].Name == "services" {
			form[i].Value = ""
		}
	}
	if x = checked(t, box.Writing{Form: form}); strings.Contains(x.Text, "services") {
		t.Fatalf("they are not declared:\n%s", x.Text)
	}
}

// TestEveryText: what people type is read back as it was typed, or refused by the check, and never as something else.
func TestEveryText(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	letters := []rune("ab0-:#'\"\\{}[],&*!|>%@` \n\t\u00e9\u4e16\U0001f600?~.=/yesno\u0085\u2028\x01")
	read := 0
	for range 3000 {
		s := make([]rune, 1+r.IntN(12))
		for i := range s {
			s[i] = letters[r.IntN(len(letters))]
		}
		x := checked(t, box.Writing{Form: []box.Pair{
			{Name: "vendor", Value: "V"},
			{Name: "product", Value: "P"},
			{Name: "kind", Value: "software"},
			{Name: "version", Value: "1"},
			{Name: "roles.0.name", Value: "r"},
			{Name: "roles.0.purpose", Value: string(s)},
		}})
		if len(x.Problems) > 0 {
			if p := x.Problems[0]; p.Path != "roles[0].purpose" {
				t.Fatalf("%q breaks the file: %+v\n%s", string(s), p, x.Text)
			}
			continue
		}
		d, err := product.Parse("declaration", []byte(x.Text))
		if err != nil {
			t.Fatal(err)
		}
		if got := d.Roles[0].Purpose; got != string(s) && strings.TrimSpace(string(s)) != "" {
			t.Fatalf("%q is read as %q\n%s", string(s), got, x.Text)
		}
		read++
	}
	if read < 1000 {
		t.Errorf("only %d texts were read", read)
	}
}

func TestPathOf(t *testing.T) {
	for message, want := range map[string]string{
		`services[0].port is 0, want 1 to 65535`:         "services[0].port",
		`services[2]: missing key "protocol"`:            "services[2].protocol",
		`missing key "kind"`:                             "kind",
		`accounts[0].roles[1]: "x" is not declared`:      "accounts[0].roles[1]",
		`unknown key "kid": did you mean "kind"?`:        "",
		`documents[0]: missing key "path" or "artifact"`: "documents[0].path",
	} {
		if got := pathOf(message); got != want {
			t.Errorf("%q is about %q, want %q", message, got, want)
		}
	}
}

func TestDraftIsNamed(t *testing.T) {
	text := string(product.Draft{}.YAML())
	d, err := product.Parse("draft", []byte(named(text, box.Drafting{Vendor: "Über: #1", Product: "yes", Version: "4.2"})))
	if err != nil {
		t.Fatal(err)
	}
	if d.Vendor != "Über: #1" || d.Product != "yes" || d.Version != "4.2" {
		t.Errorf("the draft is of %q %q %q", d.Vendor, d.Product, d.Version)
	}
	if got := named(text, box.Drafting{Vendor: " not a name "}); got != text {
		t.Errorf("a draft that cannot be read:\n%s", got)
	}
}
