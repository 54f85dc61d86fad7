package portal_test

import (
	"encoding/json"
	"mime"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/store/records"
)

var onePage = records.Page{Most: 100}

// hostile is a text that does harm wherever it is not taken for a text.
const hostile = `"><script>alert(1)</script><img src=x onerror=alert(1)>'--${{7*7}}</title></textarea>`

// harm is what must not be in a page: the hostile text as markup.
var harm = regexp.MustCompile(`(?i)<script>|<script[^>]*>[^<]|<img src=x|</title></textarea>|<svg/onload`)

// TestStoredScript has hostile texts in all that somebody can write, and looks at all that is served of it.
func TestStoredScript(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	ctx := t.Context()
	vendor := w.party(access.Vendor, "Vendor "+hostile, "Rolf "+hostile)
	operator := w.party(access.Operator, "Operator "+hostile, "Nora "+hostile)
	admin, evaluator := w.colleague(nil, "Ada "+hostile, access.Admin), w.colleague(nil, "Bela "+hostile, access.Member)
	quoted, err := json.Marshal(hostile) // JSON is YAML
	if err != nil {
		t.Fatal(err)
	}
	q := string(quoted)
	image := pack(t, [][2]string{
		{"etc/passwd", "root:x:0:0:" + strings.ReplaceAll(hostile, ":", "") + ":/root:/bin/sh\n"},
		{"etc/" + strings.ReplaceAll(hostile, "/", "_") + ".html", "<!doctype html>" + hostile},
		{"etc/ssh/sshd_config", "PermitRootLogin yes\n# " + hostile + "\nMACs " + strings.ReplaceAll(hostile, " ", "") + "\n"},
		{"var/lib/dpkg/status", "Package: x\nStatus: install ok installed\nArchitecture: arm64\nVersion: 1" + strings.ReplaceAll(hostile, " ", "") + "\nDescription: " + hostile + "\n\n"},
	})
	declaration := "product: " + q + "\nkind: equipment\nversion: " + `"1<script>alert(1)</script>"` + "\nclasses: [network-product]\nschemes: [ts-33.117]\nartifacts:\n  - {id: image, path: image.tar.gz, role: image}\n" +
		"accounts:\n  - {name: " + q + ", interactive: true, purpose: " + q + "}\ndocuments:\n  - id: guide\n    path: guide.html\n    title: " + q + "\n    answers:\n      - {scheme: ts-33.117, requirement: 4.2.3.3.2, passage: " + q + "}\n"
	release, job := w.submit(vendor, desk.Submission{
		Declaration: declaration, Grants: []desk.Leave{{Party: operator.PartyName, Level: "source"}},
		Files: []desk.SubmittedFile{{Path: "image.tar.gz", Upload: w.put(vendor, hostile, image)}, {Path: "guide.html", Upload: w.put(vendor, hostile, []byte(hostile))}},
	})
	w.wait(vendor, job)
	if _, err := w.desk.Assign(ctx, admin.now(), release.ID, evaluator.Person); err != nil {
		t.Fatal(err)
	}
	if _, err := w.desk.Elevate(ctx, admin.now(), release.ID, hostile, 3600e9); err != nil {
		t.Fatal(err)
	}
	at := "/api/v1/releases/" + release.ID
	for _, x := range []struct {
		who        *member
		path, body string
	}{
		{vendor, at + "/messages", `{"scheme":"ts-33.117","requirement":"4.2.3.3.2","text":` + q + `,"position":"plans-fix","fix_in":` + q + `,"to":["Tidewater Lab"]}`},
		{operator, at + "/risks", `{"scheme":"ts-33.117","requirement":"4.2.3.3.2","reason":` + q + `,"until":"` + time.Now().AddDate(1, 0, 0).Format(time.DateOnly) + `"}`},
		{evaluator, at + "/judgements", `{"scheme":"ts-33.117","requirement":"4.2.3.3.2","test":"boot-tried","verdict":"fail","reason":` + q + `}`},
		{vendor, "/api/v1/tokens", `{"label":` + q + `,"scope":"read","days":1}`},
	} {
		if r := w.do(x.who, "POST", x.path, raw(x.body)); r.code != http.StatusCreated {
			t.Errorf("%s gives %d: %s", x.path, r.code, r.body)
		}
	}
	if _, err := w.desk.AddEvidence(ctx, evaluator.now(), release.ID, hostile, strings.NewReader(hostile)); err != nil {
		t.Fatal(err)
	}
	shown := 0
	for _, m := range []*member{vendor, operator, admin, evaluator} {
		shown += w.harmless(m, release.ID)
	}
	if shown < 20 {
		t.Errorf("the hostile text was shown %d times: the test looks at too little", shown)
	}
}

// harmless looks at all pages that somebody comes to, and counts how often the hostile text is in them as a text.
func (w *world) harmless(m *member, release string) int {
	w.t.Helper()
	n, files, work := 0, 0, 0
	todo, known := []string{"/", "/account", "/party", "/submit", "/search?q=" + "script", "/compare?a=" + release + "&b=" + release, "/search?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E", "/signin?next=%22%3E%3Cscript%3E", "/nothing/%3Cscript%3Ealert(1)%3C/script%3E"}, map[string]bool{}
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		r := w.do(m, "GET", at, nil)
		kind, _, _ := mime.ParseMediaType(r.header.Get("Content-Type"))
		n += strings.Count(r.body, "&lt;script")
		switch {
		case r.header.Get("Content-Disposition") != "":
			w.isDownload(at, r)
			continue
		case kind == "text/html":
			if bad := harm.FindString(r.body); bad != "" {
				w.t.Errorf("%s has %q as markup: …%s…", at, bad, near(r.body, bad))
			}
			w.isGuarded(at, r)
		case kind == "application/json" || kind == "application/problem+json":
			if !json.Valid([]byte(r.body)) {
				w.t.Errorf("%s is no JSON", at)
			}
			continue
		}
		for _, l := range linkForm.FindAllStringSubmatch(r.body, -1) {
			to := unescape(l[1])
			if strings.HasPrefix(to, "/static/") || strings.HasPrefix(to, "/assets/") || known[to] {
				continue
			}
			known[to] = true
			switch {
			case strings.Contains(to, "/evidence?"):
				if files++; files > 3 {
					continue
				}
			case strings.Contains(to, "/schemes/"):
				if work++; work > 12 && !strings.HasSuffix(to, boot) {
					continue
				}
			}
			todo = append(todo, to)
		}
	}
	for _, path := range []string{"", "/grants", "/assignments", "/messages", "/judgements", "/risks", "/dossiers", "/nodes?at=0", "/facts", "/facts?kind=package", "/facts?kind=declaration", "/schemes/ts-33.117/requirements", "/schemes/ts-33.117/findings"} {
		r := w.do(m, "GET", "/api/v1/releases/"+release+path, nil)
		if kind := r.header.Get("Content-Type"); r.code != http.StatusOK || !json.Valid([]byte(r.body)) || !strings.HasPrefix(kind, "application/json") || r.header.Get("X-Content-Type-Options") != "nosniff" {
			w.t.Errorf("%s: %d, %s, JSON: %v", path, r.code, kind, json.Valid([]byte(r.body)))
		}
	}
	return n
}

func near(body, bad string) string {
	i := strings.Index(body, bad)
	return body[max(0, i-80):min(len(body), i+80)]
}

func unescape(s string) string {
	return strings.NewReplacer("&amp;", "&", "&#34;", `"`, "&#39;", "'", "&lt;", "<", "&gt;", ">").Replace(s)
}

// isDownload wants that a browser keeps an answer and shows it to nobody.
func (w *world) isDownload(at string, r *response) {
	w.t.Helper()
	d := r.header.Get("Content-Disposition")
	if kind, _, err := mime.ParseMediaType(d); err != nil || kind != "attachment" || strings.Contains(d, "<") {
		w.t.Errorf("%s: Content-Disposition is %q", at, d)
	}
	if p := r.header.Get("Content-Security-Policy"); !strings.HasPrefix(p, "sandbox") || strings.Contains(p, "allow-") {
		w.t.Errorf("%s: a download's policy is %q", at, p)
	}
	if r.header.Get("X-Content-Type-Options") != "nosniff" {
		w.t.Errorf("%s: a download may be sniffed", at)
	}
}

var inline = regexp.MustCompile(`(?i)<script(?:[^>]*)>[^<]|<style|\sstyle="|\son[a-z]+="|href="javascript:|src="(?:https?:)?//|href="//`)

// isGuarded wants of a page the headers that browsers guard it by, and nothing in it that they would refuse.
func (w *world) isGuarded(at string, r *response) {
	w.t.Helper()
	p := r.header.Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'"} {
		if !strings.Contains(p, want) {
			w.t.Errorf("%s: the policy %q lacks %q", at, p, want)
		}
	}
	if strings.Contains(p, "unsafe") || strings.Contains(p, "*") || strings.Contains(p, "http") {
		w.t.Errorf("%s: the policy is %q", at, p)
	}
	for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "same-origin", "Cross-Origin-Opener-Policy": "same-origin"} {
		if got := r.header.Get(name); got != want {
			w.t.Errorf("%s: %s is %q", at, name, got)
		}
	}
	if c := r.header.Get("Cache-Control"); !strings.Contains(c, "no-store") {
		w.t.Errorf("%s: Cache-Control is %q", at, c)
	}
	if bad := inline.FindString(r.body); bad != "" {
		w.t.Errorf("%s has %q: …%s…", at, bad, near(r.body, bad))
	}
}

// TestPaths tries paths that lead elsewhere in all places where a request can have one.
func TestPaths(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	vendor := w.party(access.Vendor, "Tarnwick Radio", "Rolf")
	release, job := w.submit(vendor, desk.Submission{Declaration: service})
	w.wait(vendor, job)
	tricks := []string{
		"..%2f..%2fetc%2fpasswd", "%2e%2e", "%2e%2e%2f%2e%2e%2flab.yaml", "..%5c..%5clab.yaml", "%00", "x%00.json", "%ff%fe", "%252e%252e%252f", "C:%5cwindows", "'%20OR%201=1--", "%25s%25n", strings.Repeat("a", 4000), "%e2%80%ae", "~root", "*",
	}
	for _, path := range routes(t) {
		for i := range parameter.FindAllString(path, -1) {
			for _, trick := range tricks {
				n := -1
				address := parameter.ReplaceAllStringFunc(path, func(p string) string {
					if n++; n == i {
						return trick
					}
					return map[string]string{"{release}": release.ID, "{release_id}": release.ID, "{scheme}": theScheme, "{requirement}": boot, "{job}": job.ID, "{job_id}": job.ID}[p]
				})
				if strings.Contains(strings.TrimPrefix(address, "/"), "//") || strings.HasSuffix(address, "/") {
					continue
				}
				r := w.do(vendor, "GET", address, nil)
				if r.code >= 500 || strings.Contains(r.body, "root:x:0") || strings.Contains(r.body, "origin:") {
					t.Errorf("%s gives %d: %.200s", address, r.code, r.body)
				}
				if r.code == http.StatusOK && !strings.Contains(r.body, `"items":[]`) {
					t.Errorf("%s gives %d: %.200s", address, r.code, r.body)
				}
			}
		}
	}
	for _, at := range []string{"../../etc/passwd", "/etc/passwd", "x!/../../../etc/passwd", "\x00", "%2e%2e"} {
		for _, path := range []string{"/tree?at=", "/evidence?at="} {
			if r := w.do(vendor, "GET", "/releases/"+release.ID+path+strings.ReplaceAll(strings.ReplaceAll(at, "%", "%25"), "\x00", "%00"), nil); r.code != http.StatusNotFound {
				t.Errorf("%s%s gives %d", path, at, r.code)
			}
		}
	}
	for _, path := range []string{"/static/../server.go", "/static/%2e%2e/%2e%2e/go.mod", "/tile/../../keys", "/tile/%2e%2e/%2e%2e/lab.yaml", "/status/..%2f..%2flab.yaml", "/uploads/..%2f..%2flab.yaml", "/uploads/../lab.yaml", "/checkpoint/../lab.yaml"} {
		if r := w.do(vendor, "GET", path, nil); r.code == http.StatusOK && !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") {
			t.Errorf("%s gives %d: %.100s", path, r.code, r.body)
		}
	}
	declaredPaths(t, w, vendor)
}

// routes are all patterns of GET, pages and API.
func routes(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		for _, form := range append(slices.Clone(patternForms), regexp.MustCompile(`op\(s, api, "GET", "([^"]+)"`)) {
			for _, m := range form.FindAllStringSubmatch(string(data), -1) {
				if strings.HasPrefix(m[0], "op(") {
					m[1] = "/api/v1" + m[1]
				}
				list = append(list, m[1])
			}
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// declaredPaths has declarations and submissions name files outside of the release.
func declaredPaths(t *testing.T, w *world, vendor *member) {
	t.Helper()
	image := pack(t, [][2]string{{"etc/passwd", "root:x:0:0::/root:/bin/sh\n"}})
	for _, path := range []string{"../../../etc/cron.d/x", "/etc/cron.d/x", "a/../../x", "..", ".", "a\x00b", "C:\\x", "..\\..\\x"} {
		q, err := json.Marshal(path)
		if err != nil {
			t.Fatal(err)
		}
		declaration := "product: Paths\nkind: equipment\nversion: \"1\"\nclasses: [network-product]\nschemes: [ts-33.117]\nartifacts:\n  - {id: image, path: " + string(q) + ", role: image}\n"
		body, err := json.Marshal(map[string]any{"declaration": declaration, "files": []map[string]string{{"upload_id": w.put(vendor, path, image), "path": path}}})
		if err != nil {
			t.Fatal(err)
		}
		r := w.do(vendor, "POST", "/api/v1/releases", raw(body))
		if r.code != http.StatusUnprocessableEntity && path != `..\..\x` && path != `C:\x` { // those are odd names, and no paths here
			t.Errorf("the declared path %q gives %d: %.300s", path, r.code, r.body)
		}
		// Without a declaration a file is called what is left of its name.
		body, err = json.Marshal(map[string]any{"product": "Paths " + strings.Trim(string(q), `"`), "version": "1", "files": []map[string]string{{"upload_id": w.put(vendor, path, image), "path": path}}})
		if err != nil {
			t.Fatal(err)
		}
		r = w.do(vendor, "POST", "/api/v1/releases", raw(body))
		var x struct{ Release struct{ ID string } }
		if r.code != http.StatusCreated || json.Unmarshal([]byte(r.body), &x) != nil {
			if r.code != http.StatusUnprocessableEntity {
				t.Errorf("a file %q gives %d: %.300s", path, r.code, r.body)
			}
			continue
		}
		held, err := vendor.view().Held(t.Context(), x.Release.ID, records.HeldArtifact, "")
		if err != nil || len(held) != 1 || strings.Contains(held[0].Name, "/") || held[0].Name == ".." {
			t.Errorf("a file %q is held as %+v (%v)", path, held, err)
		}
	}
}
