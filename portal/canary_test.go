package portal_test

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probat-lab/probat/access"
)

// TestCanaries crawls a world in which everything holds a word of its own, as everybody and as nobody: who is served a word must be one who may see what it
// belongs to, at access.Reach's level or as its audience.
func TestCanaries(t *testing.T) {
	begun := time.Now()
	a := newAviary(t)
	t.Logf("%v: filled", time.Since(begun))
	c := &crawl{aviary: a, found: map[string]bool{}, hits: map[string]int{}, seen: map[string]map[string]bool{}, told: map[string]bool{}}
	c.routes()
	people := append(slices.Clone(a.order), "nobody")
	if racing {
		people = []string{"alder", "birch", "north", "west", "regulator", "emil", "ada", "nobody"}
	}
	a.people["nobody"] = a.nobody()
	// The ids that each learns of are those that everybody is asked about afterwards.
	c.gather()
	if r := a.do(nil, "GET", "/link/"+a.link(a.people["idle"].Person, time.Time{}), nil); r.code == http.StatusOK {
		c.hits["/link/{secret}"]++ // who has the link learns whose it is
	}
	c.each(people, c.links)
	t.Logf("%v: links", time.Since(begun))
	c.each(people, c.everything)
	t.Logf("%v: everything", time.Since(begun))
	c.each(people, c.searches)
	t.Logf("%v: searches", time.Since(begun))
	c.wants(t)
	c.foreign(t)
	c.fourEyes(t)
	c.scopes(t)
	t.Logf("%v: acts", time.Since(begun))
	for _, w := range slices.Sorted(maps.Keys(a.words)) {
		if strings.HasPrefix(w, "cnry") && strings.Contains(a.log.String(), w) {
			t.Errorf("the log has a word: %s", a.words[w].what)
		}
	}
	n := 0
	for _, m := range c.seen {
		n += len(m)
	}
	t.Logf("%d words and ids, %d answers, %d patterns", len(a.words), n, len(c.hits))
}

type crawl struct {
	*aviary
	mu       sync.Mutex
	patterns *http.ServeMux             // of GET, as the program's source has them
	hits     map[string]int             // answers with 200, by pattern; mu
	seen     map[string]map[string]bool // addresses, by person; mu
	found    map[string]bool            // words that somebody was served; mu
	told     map[string]bool            // complaints; mu
	ids      []map[string][]string      // of each release, by what they are of
	all      []string                   // ids of credentials
}

// each has a step done as everybody, several at a time.
func (c *crawl) each(people []string, step func(key string)) {
	var wait sync.WaitGroup
	free := make(chan struct{}, 4)
	for _, key := range people {
		free <- struct{}{}
		wait.Go(func() {
			step(key)
			<-free
		})
	}
	wait.Wait()
}

var patternForms = []*regexp.Regexp{
	regexp.MustCompile(`s\.(?:page|public)\(mux, "([^"]+)"`),
	regexp.MustCompile(`HandleFunc\("GET ([^"]+)"`),
	regexp.MustCompile(`HandleFunc\("GET "\+apiBase\+"([^"]+)"`),
	regexp.MustCompile(`const at = "(/[^"]+)"`),
}

// routes reads from the program's source which pages there are, so that none is left out.
func (c *crawl) routes() {
	files, err := filepath.Glob("*.go")
	if err != nil {
		c.t.Fatal(err)
	}
	c.patterns = http.NewServeMux()
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			c.t.Fatal(err)
		}
		for i, form := range patternForms {
			for _, m := range form.FindAllStringSubmatch(string(data), -1) {
				path := m[1]
				if i == 2 {
					path = "/api/v1" + path
				}
				if _, have := c.hits[path]; !have {
					c.hits[path] = 0
					c.patterns.Handle("GET "+path, http.NotFoundHandler())
				}
			}
		}
	}
	for _, path := range c.operations("get") {
		path = "/api/v1" + path
		c.hits[path] = 0
		c.patterns.Handle("GET "+path, http.NotFoundHandler())
	}
	if len(c.hits) < 50 {
		c.t.Fatalf("only %d patterns were found", len(c.hits))
	}
}

// wants demands that each pattern answered somebody, and that the words were there at all.
func (c *crawl) wants(t *testing.T) {
	for _, p := range slices.Sorted(maps.Keys(c.hits)) {
		if c.hits[p] == 0 {
			t.Errorf("nobody was answered at %s", p)
		}
	}
	var unseen []string
	for w, x := range c.words {
		if !c.found[w] && len(x.may) > 0 {
			unseen = append(unseen, x.what)
		}
	}
	slices.Sort(unseen)
	t.Logf("seen by nobody: %s", strings.Join(unseen, ", "))
	if len(unseen) > len(c.words)/3 {
		t.Errorf("%d of %d words were shown to nobody: the test looks at too little", len(unseen), len(c.words))
	}
}

var (
	watched = regexp.MustCompile(wordForm + `|\b[a-z2-7]{26}\b|\b[0-9a-f]{64}\b`)
	coded   = regexp.MustCompile(`[A-Za-z0-9+/_-]{32,}={0,2}`)
)

// wordLength is that of a word: cnry and twelve letters.
const wordLength = 16

// gatherWords finds what watched finds, faster.
func gatherWords(text string, found map[string]bool) {
	for rest := text; ; {
		i := strings.Index(rest, "cnry")
		if i < 0 || len(rest) < i+wordLength {
			break
		}
		found[rest[i:i+wordLength]] = true
		rest = rest[i+4:]
	}
	begin := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && (text[i] >= 'a' && text[i] <= 'z' || text[i] >= '0' && text[i] <= '9') {
			continue
		}
		if n := i - begin; n == 26 || n == 64 {
			found[text[begin:i]] = true
		}
		begin = i + 1
	}
}

// wordsIn are those of a text, whatever they are packed into.
func wordsIn(text string, deep int, found map[string]bool) {
	gatherWords(text, found)
	if deep == 0 {
		return
	}
	for _, s := range coded.FindAllString(text, -1) {
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			if b, err := e.DecodeString(strings.TrimRight(s, "=")); err == nil {
				wordsIn(string(b), deep-1, found)
			}
		}
	}
	z, err := zip.NewReader(strings.NewReader(text), int64(len(text)))
	if err != nil {
		return
	}
	for _, f := range z.File {
		gatherWords(f.Name, found)
		if r, err := f.Open(); err == nil {
			b, _ := io.ReadAll(r) // of what the server made
			wordsIn(string(b), deep-1, found)
		}
	}
}

// look asks for an address as somebody, and looks at all that comes back.
func (c *crawl) look(key, address string) *response {
	r, err := c.try(c.t.Context(), c.people[key], "GET", address, nil)
	if err != nil {
		c.complain(key, address, "%v", err)
		return &response{}
	}
	m := c.people[key]
	var b bytes.Buffer
	_ = r.header.Write(&b) // into memory
	words, deep := map[string]bool{}, 2
	if strings.HasPrefix(r.header.Get("Content-Type"), "text/html") && r.header.Get("Content-Disposition") == "" {
		deep = 0 // pages pack nothing
	}
	wordsIn(b.String(), 0, words)
	wordsIn(r.body, deep, words)
	asked, _ := url.QueryUnescape(address)
	for w := range words {
		x := c.words[w]
		switch {
		case len(w) == 64 && strings.Contains(address, "/statements/"): // each statement names the one before in its case
		case x == nil || strings.Contains(asked, w): // what was asked for comes back with it; everything asks whether something else does
		case !x.allows(m):
			c.complain(key, address, "shows %s (%s)", x.what, w)
		default:
			c.mu.Lock()
			c.found[w] = true
			c.mu.Unlock()
		}
	}
	if r.code >= 500 {
		c.complain(key, address, "%d: %s", r.code, r.body)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if u, err := url.Parse(address); err == nil && r.code < 400 {
		_, p := c.patterns.Handler(&http.Request{Method: "GET", URL: u, Host: "localhost"})
		c.hits[strings.TrimPrefix(p, "GET ")]++
	}
	if c.seen[key] == nil {
		c.seen[key] = map[string]bool{}
	}
	c.seen[key][address] = true
	return r
}

var idForm = regexp.MustCompile(`[a-z2-7]{26}|[0-9a-f]{64}`)

// complain says something once for each kind of address.
func (c *crawl) complain(key, address, format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	path, _, _ := strings.Cut(address, "?")
	text := fmt.Sprintf(format, args...)
	short := watched.ReplaceAllString(text, "")
	if about := key + idForm.ReplaceAllString(path, "ID") + short; !c.told[about] {
		c.told[about] = true
		c.t.Errorf("%s at %s: %s", key, address, text)
	}
}

var linkForm = regexp.MustCompile(`(?:href|src|hx-get|data-events|data-refresh)="(/[^"]*)"`)

// mostAlike bounds how many requirements of a release are looked at, besides the one that people talk about, and how many files.
const mostAlike = 2

var requirementForm = regexp.MustCompile(`^(/releases/[^/]+/schemes/[^/]+/).+`)

// links follows all links from the home page.
func (c *crawl) links(key string) {
	todo, known, alike := []string{"/", "/products", "/register", "/signin", "/account", "/party", "/submit", "/inbox", "/queue", "/compare", "/search", "/lab.trust", "/checkpoint", "/healthz"}, map[string]bool{}, map[string]int{}
	for len(todo) > 0 {
		at := todo[0]
		todo = todo[1:]
		r := c.look(key, at)
		if !strings.HasPrefix(r.header.Get("Content-Type"), "text/html") || r.header.Get("Content-Disposition") != "" {
			continue
		}
		for _, m := range linkForm.FindAllStringSubmatch(r.body, -1) {
			to, _, _ := strings.Cut(html.UnescapeString(m[1]), "#")
			if known[to] || strings.HasPrefix(to, "/static/") || strings.HasPrefix(to, "/assets/") {
				continue
			}
			known[to] = true
			form := requirementForm.ReplaceAllString(to, "$1")
			if strings.Contains(to, "/evidence?") {
				form = "a file"
			}
			if alike[form]++; alike[form] > mostAlike && form != to && !strings.HasSuffix(to, boot) {
				continue
			}
			todo = append(todo, to)
		}
	}
}

// operations are the paths of the API that have a method.
func (c *crawl) operations(method string) []string {
	var doc struct {
		Paths map[string]map[string]json.RawMessage `json:"paths"`
	}
	r := c.do(nil, "GET", "/api/v1/openapi.json", nil)
	if err := json.Unmarshal([]byte(r.body), &doc); err != nil {
		c.t.Fatal(err)
	}
	var list []string
	for path, methods := range doc.Paths {
		if _, have := methods[method]; have {
			list = append(list, strings.TrimPrefix(path, "/api/v1"))
		}
	}
	slices.Sort(list)
	return list
}

// gather collects ids of everybody's things, by release and by the names of path parameters.
func (c *crawl) gather() {
	for w, x := range c.words {
		if strings.Contains(x.what, "credential") {
			c.all = append(c.all, w)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(c.releases)) {
		n := c.releases[key]
		ids := map[string][]string{"release": {n.id}, "product": {n.at.Product}, "job": {n.job.ID}, "scheme": {theScheme}, "requirement": {boot}, "format": {"json"}, "credential": c.all}
		view, ctx := n.owner.view(), c.t.Context()
		dossiers, err := view.Dossiers(ctx, n.id)
		if err != nil {
			c.t.Fatal(err)
		}
		from := n.from(access.Summary)
		if key == "C" { // its credential is public, and names it
			from = everyone
		}
		for _, d := range dossiers {
			ids["dossier"] = append(ids["dossier"], c.id(d.ID, "a dossier", from))
		}
		receipts, err := view.Receipts(ctx, n.id)
		if err != nil {
			c.t.Fatal(err)
		}
		for _, x := range receipts {
			ids["statement"] = append(ids["statement"], c.id(x.ID, "a receipt", n.from(access.Whole)))
		}
		for _, kind := range []string{"artifact", "declaration", "document", "dossier", "evidence", "envelope"} {
			held, err := view.Held(ctx, n.id, kind, "")
			if err != nil {
				c.t.Fatal(err)
			}
			for _, h := range held[:min(len(held), 2)] {
				ids["held"] = append(ids["held"], c.id(h.ID, "held "+kind, n.from(h.Level)))
			}
		}
		c.ids = append(c.ids, ids)
	}
	// Statements are asked for by their id alone, but for grants and the like, which go with a release.
	for w, x := range c.words {
		for _, mark := range []string{"a grant", "a message", "a judgement", "a countersignature", "a risk", "an assignment", "an elevation"} {
			if len(w) == 64 && strings.HasPrefix(x.what, mark) {
				c.ids[0]["statement"] = append(c.ids[0]["statement"], w)
			}
		}
	}
}

var parameter = regexp.MustCompile(`\{([a-z_]+)(?:\.\.\.)?\}`)

// filled are the addresses of a pattern with ids of everybody's in all places.
func (c *crawl) filled(pattern string) []string {
	var all []string
	for _, ids := range c.ids {
		all = append(all, c.filledWith(pattern, ids, 1000)...)
	}
	return all
}

// filledWith are those of one release, with at most most values in a place.
func (c *crawl) filledWith(pattern string, ids map[string][]string, most int) []string {
	list := []string{strings.TrimSuffix(pattern, "{$}")}
	for _, m := range parameter.FindAllStringSubmatch(pattern, -1) {
		values, known := ids[strings.TrimSuffix(m[1], "_id")]
		if !known {
			values = append(slices.Clone(ids["held"]), ids["statement"]...)
		}
		var next []string
		for _, l := range list {
			for _, v := range values[:min(len(values), most)] {
				next = append(next, strings.Replace(l, m[0], v, 1))
			}
		}
		list = next
	}
	return list
}

// everything asks for all that anybody could ask for, and compares what is not for the asker with what does not exist.
func (c *crawl) everything(key string) {
	var list []string
	for pattern := range c.hits {
		if strings.HasPrefix(pattern, "/link/") {
			continue
		}
		list = append(list, c.filled(pattern)...)
	}
	for _, n := range c.releases {
		list = append(list, "/api/v1/credentials?release_id="+n.id, "/compare?a="+n.id+"&b="+c.releases["A"].id, "/api/v1/releases?product_id="+n.at.Product)
		for _, kind := range []string{"package", "unobserved", "artifact", "declaration", "document", "observer"} {
			list = append(list, "/api/v1/releases/"+n.id+"/facts?kind="+kind)
		}
		for at := range 6 {
			list = append(list, fmt.Sprintf("/api/v1/releases/%s/nodes?at=%d", n.id, at))
		}
	}
	slices.Sort(list)
	for _, address := range slices.Compact(list) {
		c.mu.Lock()
		seen := c.seen[key][address]
		c.mu.Unlock()
		if !seen {
			c.against(key, address)
		}
	}
}

// against looks, and where the address names what is not for the asker, wants the same answer as for what does not exist.
func (c *crawl) against(key, address string) {
	r := c.look(key, address)
	foreign := false
	other := watched.ReplaceAllStringFunc(address, func(w string) string {
		if x := c.words[w]; x != nil && !x.allows(c.people[key]) {
			foreign = true
			return made(w)
		}
		return w
	})
	if !foreign {
		return
	}
	// What does not exist and what is not for one to see are told apart by nothing.
	want := c.look(key, other)
	names := strings.NewReplacer(pairs(address, other)...)
	got := once.ReplaceAllString(names.Replace(r.body), "")
	if r.code != want.code || got != once.ReplaceAllString(want.body, "") || names.Replace(r.header.Get("Location")) != want.header.Get("Location") {
		c.complain(key, address, "is answered otherwise (%d) than what does not exist (%d):\n%.600s\n%.600s", r.code, want.code, got, want.body)
	}
}

// once is what pages draw anew each time: the hidden field that makes a form happen once, and references of errors.
var once = regexp.MustCompile(`name="once" value="[^"]*"`)

// made is a word of the same shape that nobody has.
func made(w string) string {
	switch {
	case strings.HasPrefix(w, "cnry"):
		return "cnryq" + strings.Repeat("q", len(w)-5)
	case len(w) == 64:
		return strings.Repeat("0", 63) + "1"
	}
	return strings.Repeat("q", len(w))
}

// pairs are what differs between two addresses of one form.
func pairs(a, b string) []string {
	x, y := watched.FindAllString(a, -1), watched.FindAllString(b, -1)
	var list []string
	for i := range x {
		list = append(list, x[i], y[i])
	}
	return list
}

// searches looks for each word that is not for the asker, by page and by API.
func (c *crawl) searches(key string) {
	for i, w := range slices.Sorted(maps.Keys(c.words)) {
		if i%4 != slices.Index(c.order, key)&3 { // each word is looked for by a fourth of the people
			continue
		}
		if strings.HasPrefix(w, "cnry") && !c.words[w].allows(c.people[key]) {
			c.against(key, "/api/v1/search?q="+w)
		}
	}
	for w, x := range c.words {
		if strings.HasSuffix(x.what, "product") {
			c.against(key, "/search?q="+w)
		}
	}
}
