package portal_test

import (
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/desk"
)

// areaOf is what a page's text area holds under a name.
func areaOf(t *testing.T, r *response, name string) string {
	t.Helper()
	m := regexp.MustCompile(`(?s)<textarea[^>]* name="` + regexp.QuoteMeta(name) + `"[^>]*>\n(.*?)</textarea>`).FindStringSubmatch(r.body)
	if m == nil {
		t.Fatalf("the page (%d) has no text area %q:\n%.2000s", r.code, name, r.body)
	}
	return html.UnescapeString(m[1])
}

// typed is a whole declaration as a form.
func typed() form {
	return form{
		"vendor": "", "product": "ER-1", "kind": "equipment", "version": "007", "services": "declared", "services.0.name": "ssh", "services.0.protocol": "tcp", "services.0.port": "22",
	}
}

func TestDeclarationIsWritten(t *testing.T) {
	w := newWorld(t, nil)
	vendor := w.party(access.Vendor, "Brindle & Moor", "Ada")

	r := w.do(vendor, "GET", "/declarations/new", nil)
	if r.code != http.StatusOK || !strings.Contains(r.body, `name="services.0.port"`) || !strings.Contains(r.body, `value="Brindle &amp; Moor"`) || strings.Contains(r.body, "to put right") {
		t.Fatalf("a new declaration: %d\n%.3000s", r.code, r.body)
	}

	if regexp.MustCompile(`<(?:input|select|textarea)[^>]* name="(?:product|kind|services[^"]*)"[^>]* required`).MatchString(r.body) || !strings.Contains(r.body, "Required. The name under which") {
		t.Error("the browser wants fields filled before it lets a check through, or nobody says which are required")
	}

	f := typed()
	f["services.0.port"] = "70000"
	r = w.do(vendor, "POST", "/declarations/check", f, "HX-Request", "true")
	if r.code != http.StatusOK || strings.Contains(r.body, "<html") || !strings.Contains(r.body, "declaration-services.0.port-slot") || !strings.Contains(r.body, "</code></a> is 70000, want 1 to 65535") {
		t.Fatalf("the check as one types: %d\n%s", r.code, r.body)
	}
	if strings.Contains(r.body, "declaration-accounts") {
		t.Errorf("the check answers beside fields that the page does not have:\n%s", r.body)
	}
	if r = w.do(vendor, "POST", "/declarations/check", f); r.code != http.StatusOK || !strings.Contains(r.body, "<html") || !strings.Contains(r.body, "70000, want 1 to 65535") || !strings.Contains(r.body, `value="70000"`) {
		t.Fatalf("the check without scripts: %d\n%.3000s", r.code, r.body)
	}
	if r = w.do(vendor, "POST", "/declarations/use", f); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "70000, want 1 to 65535") {
		t.Fatalf("using what is wrong: %d", r.code)
	}
	f["add"] = "services"
	if r = w.do(vendor, "POST", "/declarations/use", f); r.code != http.StatusOK || !strings.Contains(r.body, `name="services.1.port"`) {
		t.Fatalf("adding a service: %d", r.code)
	}
	delete(f, "add")
	f["remove"] = "services.0"
	if r = w.do(vendor, "POST", "/declarations/use", f); r.code != http.StatusOK || strings.Contains(r.body, `name="services.0.port"`) || !strings.Contains(r.body, "Declared to be none.") {
		t.Fatalf("removing a service: %d\n%.3000s", r.code, r.body)
	}

	f = typed()
	f["next"] = "text"
	r = w.do(vendor, "POST", "/declarations/use", f)
	text := areaOf(t, r, "yaml")
	if r.code != http.StatusOK || !strings.Contains(text, "version: \"007\"\n") || !strings.Contains(text, "    port: 22\n") {
		t.Fatalf("the form as a file: %d\n%s", r.code, text)
	}
	r = w.do(vendor, "POST", "/declarations/use", form{"yaml": strings.ReplaceAll(text, "\n", "\r\n"), "next": "form"})
	if r.code != http.StatusOK || !strings.Contains(r.body, `name="services.0.port"`) || !strings.Contains(r.body, `value="007"`) {
		t.Fatalf("the file as a form: %d\n%.3000s", r.code, r.body)
	}
	r = w.do(vendor, "POST", "/declarations/use", form{"yaml": text, "next": "use"})
	if got := areaOf(t, r, "declaration"); r.code != http.StatusOK || got != text || !strings.Contains(r.body, `action="/submit"`) {
		t.Fatalf("using the file: %d\n%s", r.code, got)
	}
	r = w.do(vendor, "POST", "/declarations/use", typed())
	if got := areaOf(t, r, "declaration"); r.code != http.StatusOK || got != text {
		t.Fatalf("using the form: %d\n%s\nwant\n%s", r.code, got, text)
	}
	if strings.Contains(r.body, `value="ER-1"`) {
		t.Error("fields of the declaration are in the submission's own")
	}
}

func TestDeclarationFileIsChecked(t *testing.T) {
	w := newWorld(t, nil)
	vendor := w.party(access.Vendor, "Brindlemoor", "Ada")
	for text, want := range map[string]string{
		"product: P\nkind: equipment\nversion: v1\nservices: 3\n":      "line 4, column 11",
		"product: P\nkid: equipment\n":                                 "line 2, column 1",
		"product: <b>\n\tkind: [\n":                                    "line ",
		"product: P\nkind: '<script>alert(1)</script>'\nversion: v1\n": "line 2, column 7",
	} {
		r := w.do(vendor, "POST", "/declarations/check", form{"yaml": text, "next": "form"}, "HX-Request", "true")
		if r.code != http.StatusOK || !strings.Contains(r.body, want) || strings.Contains(r.body, "<script>alert") {
			t.Errorf("%q: %d, want %q in\n%s", text, r.code, want, r.body)
		}
		page := w.do(vendor, "POST", "/declarations/use", form{"yaml": text, "next": "form"})
		if got := areaOf(t, page, "yaml"); page.code != http.StatusOK || got != text {
			t.Errorf("%q as a form: %d %q", text, page.code, got)
		}
	}
	other := "vendor: Other\nproduct: P\nkind: software\nversion: v1\n"
	for _, next := range []string{"text", "form"} {
		r := w.do(vendor, "POST", "/declarations/use", form{"yaml": other, "next": next})
		if r.code != http.StatusOK || !strings.Contains(html.UnescapeString(r.body), `it is "Other", and you are "Brindlemoor"`) {
			t.Errorf("another's name as a %s: %d", next, r.code)
		}
	}
	if r := w.do(vendor, "POST", "/declarations/use", form{"yaml": other}); r.code != http.StatusUnprocessableEntity || !strings.Contains(r.body, "line 1, column 1") {
		t.Errorf("using another's name: %d", r.code)
	}
	r := w.do(vendor, "POST", "/declarations/check", form{"yaml": "product: P\nkind: software\nversion: v1\n"}, "HX-Request", "true")
	if !strings.Contains(r.body, "Complete and well formed") {
		t.Errorf("what is right:\n%s", r.body)
	}
}

func TestDeclarationIsNotForEverybody(t *testing.T) {
	w := newWorld(t, nil)
	vendor := w.party(access.Vendor, "Brindlemoor", "Ada")
	reader := w.colleague(vendor, "Rose", access.Reader)
	operator := w.party(access.Operator, "Harbour Telecom", "Ola")
	for _, m := range []*member{reader, operator} {
		for _, r := range []*response{
			w.do(m, "GET", "/declarations/new", nil), w.do(m, "POST", "/declarations/check", typed()), w.do(m, "POST", "/declarations/use", typed()),
			w.do(m, "POST", "/api/v1/declarations/check", raw(`{"text": "product: P"}`)),
		} {
			if r.code != http.StatusForbidden {
				t.Errorf("%s: %d", m.PersonName, r.code)
			}
		}
	}
	if r := w.do(nil, "GET", "/declarations/new", nil); r.code != http.StatusSeeOther {
		t.Errorf("nobody: %d", r.code)
	}
	if r := w.do(nil, "POST", "/declarations/check", typed()); r.code != http.StatusSeeOther {
		t.Errorf("nobody posts: %d", r.code)
	}
}

func TestDeclarationIsDrafted(t *testing.T) {
	const dir = "../examples/edge-router"
	w := newWorld(t, nil)
	vendor := w.party(access.Vendor, "Brindlemoor Networks", "Ada")
	data, err := os.ReadFile(filepath.Join(dir, "edge-router-4.2.1.tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	x, job := w.submit(vendor, desk.Submission{
		Product: "ER-240: edge", Version: "4.2.1", Schemes: []string{"ts-33.117"}, Files: []desk.SubmittedFile{{Upload: w.put(vendor, "router.tar.gz", data)}},
	})
	if r := w.do(vendor, "GET", "/api/v1/releases/"+x.ID+"/declaration/draft", nil); r.code != http.StatusConflict && r.code != http.StatusOK {
		t.Errorf("a draft before anything was observed: %d", r.code)
	}
	w.wait(vendor, job)

	var draft struct{ Text string }
	r := w.do(vendor, "GET", "/api/v1/releases/"+x.ID+"/declaration/draft", nil)
	if err := json.Unmarshal([]byte(r.body), &draft); err != nil || r.code != http.StatusOK {
		t.Fatalf("the draft: %d %s", r.code, r.body)
	}
	for _, want := range []string{"vendor: Brindlemoor Networks\n", "product: \"ER-240: edge\"\n", "version: \"4.2.1\"\n", "router.tar.gz\n", "services:\n", "accounts:\n", "sshd"} {
		if !strings.Contains(draft.Text, want) {
			t.Errorf("the draft lacks %q:\n%s", want, draft.Text)
		}
	}
	body, err := json.Marshal(map[string]string{"text": draft.Text})
	if err != nil {
		t.Fatal(err)
	}
	r = w.do(vendor, "POST", "/api/v1/declarations/check", raw(body))
	if want := `"version":"4.2.1"`; r.code != http.StatusOK || !strings.Contains(r.body, `"problems":[]`) || !strings.Contains(r.body, want) {
		t.Errorf("the draft is checked: %d %s", r.code, r.body)
	}
	page := w.do(vendor, "GET", "/declarations/new?as=text&from="+x.ID, nil)
	if got := areaOf(t, page, "yaml"); got != draft.Text {
		t.Errorf("the page has another draft:\n%s", got)
	}
	page = w.do(vendor, "GET", "/declarations/new?from="+x.ID, nil)
	if page.code != http.StatusOK || !strings.Contains(page.body, `name="accounts.0.name"`) || !strings.Contains(page.body, "Drafted from what was observed") || !strings.Contains(page.body, fmt.Sprintf(`href="/releases/%s"`, x.ID)) {
		t.Errorf("the draft as a form: %d\n%.3000s", page.code, page.body)
	}

	other := w.party(access.Vendor, "Other", "Otto")
	if r := w.do(other, "GET", "/api/v1/releases/"+x.ID+"/declaration/draft", nil); r.code != http.StatusNotFound {
		t.Errorf("another vendor drafts: %d", r.code)
	}
	lab := w.colleague(nil, "Lena", access.Admin)
	if r := w.do(lab, "GET", "/declarations/new?from="+x.ID, nil); r.code != http.StatusForbidden && r.code != http.StatusNotFound {
		t.Errorf("the lab drafts for the vendor: %d", r.code)
	}
	r = w.do(vendor, "POST", "/api/v1/declarations/check", raw(`{"text": "product: P\nkind: equipment\nversion: v1\nservices: 3\n"}`))
	if want := `{"line":4,"column":11,"path":"services","text":`; r.code != http.StatusOK || !strings.Contains(r.body, want) || strings.Contains(r.body, `"release"`) {
		t.Errorf("what is wrong: %d %s", r.code, r.body)
	}
}
