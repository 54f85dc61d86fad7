package portal_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/access"
)

// act is something that changes things: an operation of the API, or what a form of a page does.
type act struct {
	method, path string // with places for ids
	api          bool
	body         map[string]any
}

func (x act) String() string { return x.method + " " + x.path }

// sample are values with which requests pass for honest ones.
var sample = map[string]any{
	"reason": "so it is", "hours": 1, "level": "verdict", "scope": "release", "scheme": theScheme, "requirement": boot, "text": "words", "to": []string{"Tidewater Lab"}, "audience": "Tidewater Lab",
	"test": "boot-tried", "verdict": "pass", "published": "public", "publish": "register", "class": "vendor", "name": "Somebody", "admin": "Somebody", "role": "member", "label": "a token",
	"days": 1, "password": "correct horse battery staple", "party": "Tidewater Lab", "agree": "yes", "position": "asks", "kind": "asks", "content": "eHg=",
	"declaration": "product: x\nkind: service\nperiod: 2026-Q4\nclasses: [network-product]\nschemes: [ts-33.117]\nartifacts: []\n",
}

// acts are all that there are: of the API by its description, of pages by the program's source.
func (w *world) acts() []act {
	w.t.Helper()
	sample["until"] = time.Now().AddDate(1, 0, 0).Format(time.DateOnly)
	var doc struct {
		Paths      map[string]map[string]map[string]any
		Components struct{ Schemas map[string]map[string]any }
	}
	if err := json.Unmarshal([]byte(w.do(nil, "GET", "/api/v1/openapi.json", nil).body), &doc); err != nil {
		w.t.Fatal(err)
	}
	var list []act
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(doc.Paths[path])) {
			if method == "get" {
				continue
			}
			x := act{method: strings.ToUpper(method), path: path, api: true}
			if b, ok := doc.Paths[path][method]["requestBody"].(map[string]any); ok {
				content, _ := b["content"].(map[string]any)
				kind, _ := content["application/json"].(map[string]any)
				schema, _ := kind["schema"].(map[string]any)
				x.body = filledBody(schema, doc.Components.Schemas)
			}
			list = append(list, x)
		}
	}
	return append(list, w.forms()...)
}

// filledBody makes a body with all fields that must be there.
func filledBody(schema map[string]any, all map[string]map[string]any) map[string]any {
	if ref, ok := schema["$ref"].(string); ok {
		schema = all[ref[strings.LastIndex(ref, "/")+1:]]
	}
	body := map[string]any{}
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for _, r := range required {
		name, _ := r.(string)
		p, _ := properties[name].(map[string]any)
		body[name] = sample[name]
		if body[name] != nil && p["format"] != "date-time" {
			continue
		}
		switch {
		case p["format"] == "date-time":
			body[name] = time.Now().AddDate(1, 0, 0).UTC().Format(time.RFC3339)
		case p["type"] == "array":
			body[name] = []any{}
		case p["type"] == "integer":
			body[name] = 1
		default:
			body[name] = "x"
		}
	}
	return body
}

var formForms = []*regexp.Regexp{
	regexp.MustCompile(`s\.act\(mux, (at\+)?"([^"]+)"`),
	regexp.MustCompile(`HandleFunc\(()"POST ([^"]+)"`),
}

// forms are what pages' forms do.
func (w *world) forms() []act {
	w.t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		w.t.Fatal(err)
	}
	body := maps.Clone(sample)
	body["fingerprint"] = ""
	var list []act
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			w.t.Fatal(err)
		}
		for _, form := range formForms {
			for _, m := range form.FindAllStringSubmatch(string(data), -1) {
				path := m[2]
				if m[1] != "" {
					path = "/releases/{release}/schemes/{scheme}/{requirement}" + path
				}
				list = append(list, act{method: "POST", path: path, body: body})
			}
		}
	}
	if len(list) < 20 {
		w.t.Fatalf("only %d forms were found", len(list))
	}
	return list
}

// do does an act as somebody.
func (x act) do(w *world, m *member, path string, headers ...string) *response {
	if !x.api {
		f := form{}
		for k, v := range x.body {
			if list, ok := v.([]string); ok {
				v = strings.Join(list, "")
			}
			f[k] = fmt.Sprint(v)
		}
		return w.do(m, x.method, path, f, headers...)
	}
	if x.body == nil {
		return w.do(m, x.method, path, nil, headers...)
	}
	b, err := json.Marshal(x.body)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.do(m, x.method, path, raw(b), headers...)
}

// ofRelease says that an act is on a release, or on something that belongs to one.
func (x act) ofRelease() bool {
	return strings.Contains(x.path, "{release") || strings.Contains(x.path, "{job") || strings.Contains(x.path, "{credential") || strings.Contains(x.path, "{dossier")
}

// foreign tries every act on everybody's things as everybody who sees nothing of them: 404, and nothing changes. Then as who sees them and has no say.
func (c *crawl) foreign(t *testing.T) {
	acts, before, tried := c.acts(), c.dump(), 0
	for _, key := range []string{"idle", "west", "emil", "birch", "other lab", "alder"} {
		m := c.people[key]
		for _, ids := range c.ids {
			n := c.nest(ids["release"][0])
			if n.level(m) != access.Nothing {
				continue
			}
			for _, x := range acts {
				if !x.ofRelease() || strings.Contains(x.path, "{credential") && n == c.releases["C"] { // that one is public
					continue
				}
				for _, path := range c.filledWith(x.path, ids, 2) {
					tried++
					r := x.do(c.world, m, path)
					if strings.HasSuffix(path, "/bring") && r.code == http.StatusUnprocessableEntity {
						continue // without a file, which is looked for first
					}
					if r.code != http.StatusNotFound {
						c.complain(key, path, "%s gives %d: %.300s", x.method, r.code, r.body)
					}
				}
			}
		}
	}
	if tried < 200 {
		t.Errorf("only %d acts were tried", tried)
	}
	for _, s := range changed(before, c.dump()) {
		t.Errorf("after foreign acts: %s", s)
	}
	c.without(t, acts)
	c.mixed(t)
}

func (c *crawl) nest(id string) *nest {
	for _, n := range c.releases {
		if n.id == id {
			return n
		}
	}
	c.t.Fatalf("there is no release %q", id)
	return nil
}

// without tries what only an owner or the lab may do as parties that see the release.
func (c *crawl) without(t *testing.T, acts []act) {
	before, ids := c.dump(), map[string][]string{}
	for _, x := range c.ids {
		if x["release"][0] == c.releases["A"].id {
			ids = x
		}
	}
	for _, key := range []string{"north", "regulator", "alder's reader"} {
		for _, x := range acts {
			talk := strings.HasSuffix(x.path, "/messages") || strings.HasSuffix(x.path, "/risks") || strings.HasSuffix(x.path, "/accept")
			if !x.ofRelease() || talk && key != "alder's reader" || strings.Contains(x.path, "{credential") {
				continue
			}
			for _, path := range c.filledWith(x.path, ids, 1) {
				if r := x.do(c.world, c.people[key], path); r.code != 403 && r.code != 404 && r.code != 409 && r.code != 422 {
					c.complain(key, path, "%s gives %d: %.300s", x.method, r.code, r.body)
				}
			}
		}
	}
	for _, s := range changed(before, c.dump()) {
		t.Errorf("after acts of who has no say: %s", s)
	}
}

// mixed names a release of one's own, and something of another's below it.
func (c *crawl) mixed(t *testing.T) {
	before := c.dump()
	own := "/api/v1/releases/" + c.releases["B"].id
	for w, x := range c.words {
		if len(w) != 64 || x.allows(c.people["birch"]) {
			continue
		}
		for _, path := range []string{"/grants/" + w, "/assignments/" + w} {
			if r := c.do(c.people["birch"], "DELETE", own+path, nil); r.code != http.StatusNotFound {
				c.complain("birch", own+path, "gives %d: %s", r.code, r.body)
			}
		}
		if r := c.do(c.people["bela"], "POST", own+"/judgements/"+w+"/countersign", raw(`{"reason":"so it is"}`)); r.code != http.StatusNotFound {
			c.complain("bela", own+"/judgements/…/countersign", "gives %d: %s", r.code, r.body)
		}
	}
	for _, id := range []string{c.people["alder"].Person, c.people["ada"].Person} {
		if r := c.do(c.people["birch"], "DELETE", "/api/v1/people/"+id, nil); r.code != http.StatusNotFound {
			t.Errorf("ending somebody of another party gives %d: %s", r.code, r.body)
		}
		r := c.do(c.people["birch"], "POST", "/party/people/"+id+"/end", form{})
		if r.code != http.StatusNotFound {
			t.Errorf("ending somebody of another party on the page gives %d", r.code)
		}
	}
	for _, s := range changed(before, c.dump()) {
		t.Errorf("after acts on mixed things: %s", s)
	}
}

// fourEyes: who judged does not agree, nor countersigns himself.
func (c *crawl) fourEyes(t *testing.T) {
	before, at := c.dump(), "/api/v1/releases/"+c.releases["A"].id
	var judgement string
	for w, x := range c.words {
		if x.what == "a judgement" {
			judgement = w
		}
	}
	for path, body := range map[string]string{
		"/agreements": `{"scheme":"ts-33.117"}`, "/judgements/" + judgement + "/countersign": `{"reason":"I say so again"}`,
	} {
		for _, key := range []string{"bela", "dora"} { // one judged, one countersigned
			if r := c.do(c.people[key], "POST", at+path, raw(body)); r.code != http.StatusForbidden {
				t.Errorf("%s: %s gives %d: %s", key, path, r.code, r.body)
			}
		}
	}
	for _, s := range changed(before, c.dump()) {
		t.Errorf("after they tried: %s", s)
	}
}

// scopes tries every act with tokens that may not do it.
func (c *crawl) scopes(t *testing.T) {
	acts := c.acts()
	var ids map[string][]string
	for _, x := range c.ids {
		if x["release"][0] == c.releases["A"].id {
			ids = x
		}
	}
	for _, key := range []string{"alder", "bela", "ada"} {
		m := c.people[key]
		for _, scope := range []access.Scope{access.ScopeRead, access.ScopeSubmit} {
			token := "Bearer " + c.token(m, scope)
			before := c.dump()
			for _, x := range acts {
				switch x.path {
				case "/api/v1/releases", "/submit", "/api/v1/declarations/check", "/declarations/check", "/api/v1/jobs/{job_id}/cancel", "/api/v1/releases/{release_id}/jobs", "/releases/{release}/again", "/evaluations/{job}/cancel":
					if scope == access.ScopeSubmit { // what it is for
						continue
					}
				case "/signin", "/signout", "/link", "/signin/passkey/begin", "/signin/passkey/finish", "/cosignatures": // not by token
					continue
				}
				own := maps.Clone(ids)
				own["token"], own["session"], own["person"], own["id"] = c.mine(m, "tokens"), c.mine(m, "sessions"), []string{c.people["alder's reader"].Person}, append(c.mine(m, "sessions"), c.mine(m, "tokens")...)
				for _, path := range c.filledWith(x.path, own, 3) {
					if r := x.do(c.world, nil, path, "Authorization", token); r.code < 400 {
						c.complain(key+" with a token to "+string(scope), path, "%s gives %d: %.200s", x.method, r.code, r.body)
					}
				}
			}
			for _, s := range changed(before, c.dump()) {
				t.Errorf("after acts with a token to %s of %s: %s", scope, key, s)
			}
		}
	}
}

// mine are ids of a person's own tokens or sessions.
func (c *crawl) mine(m *member, what string) []string {
	var list struct{ Items []struct{ ID string } }
	if err := json.Unmarshal([]byte(c.do(m, "GET", "/api/v1/"+what, nil).body), &list); err != nil || len(list.Items) == 0 {
		c.t.Fatalf("somebody's %s: %v", what, err)
	}
	return []string{list.Items[len(list.Items)-1].ID}
}
