package portal_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/lab/desk"
	"github.com/probat-lab/probat/store/records"
)

// may tells whether somebody may come to see something.
type may func(m *member) bool

func everyone(*member) bool { return true }

// canary is a word, or an id, of something, and who may see it.
type canary struct {
	what string
	may  []may // any of them
}

func (c *canary) allows(m *member) bool {
	return slices.ContainsFunc(c.may, func(f may) bool { return f(m) })
}

// aviary is a world in which each text holds a word of its own.
type aviary struct {
	*world
	words       map[string]*canary
	people      map[string]*member
	order       []string // names of people
	grants      []access.Grant
	assignments []access.Assignment
	releases    map[string]*nest

	mu    sync.Mutex
	known map[string][]records.Party // by person; mu
	done  bool                       // nothing is made any more
}

// nest is a release.
type nest struct {
	a      *aviary
	owner  *member
	id     string
	at     access.Release
	job    records.Job
	parcel desk.Submission
}

const wordForm = `cnry[a-z]{12}`

// word makes a word; who may see it can be widened afterwards.
func (a *aviary) word(what string, who ...may) string {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails
	for i := range b {
		b[i] = 'a' + b[i]%26
	}
	w := "cnry" + string(b[:])
	a.words[w] = &canary{what, who}
	return w
}

// id has an id that the program drew watched like a word.
func (a *aviary) id(id, what string, who ...may) string {
	if id == "" {
		a.t.Fatalf("%s has no id", what)
	}
	if a.words[id] == nil {
		a.words[id] = &canary{what: what}
	}
	a.words[id].may = append(a.words[id].may, who...)
	return id
}

func (a *aviary) widen(word string, who ...may) {
	for w, c := range a.words {
		if strings.Contains(word, w) {
			c.may = append(c.may, who...)
		}
	}
}

func (n *nest) level(m *member) access.Level {
	return access.Reach(m.now().Viewer, n.at, n.a.grants, n.a.assignments)
}

// from is for those who see a release at a level.
func (n *nest) from(l access.Level) may { return func(m *member) bool { return n.level(m) >= l } }

func of(party *member) may { return func(m *member) bool { return m.Party == party.Party } }

func (a *aviary) admins(m *member) bool { return m.Home && m.Role == access.Admin }

func (a *aviary) labPeople(m *member) bool { return m.Home }

// add makes somebody whose name holds a word, and which the own party sees.
func (a *aviary) add(key string, class access.Class, role access.Role, of string) *member {
	name := "Person " + a.word("name of "+key)
	var m *member
	switch {
	case class == access.Lab && of == "":
		m = a.colleague(nil, name, role)
	case of != "":
		m = a.colleague(a.people[of], name, role)
	default:
		party := "Party " + a.word("party of "+key)
		m = a.party(class, party, name)
		// View.Parties decides who learns that a party exists.
		known := func(x *member) bool { return a.knows(x, m.Party) }
		a.widen(party, known)
		a.id(m.Party, "id of the party of "+key, known)
	}
	same := func(x *member) bool { return x.Party == m.Party }
	a.widen(name, same)
	a.id(m.Person, "id of "+key, same)
	a.people[key], a.order = m, append(a.order, key)
	return m
}

// knows asks View.Parties, once for each.
func (a *aviary) knows(x *member, party string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	list, have := a.known[x.Person]
	if !have || !a.done {
		var err error
		if list, err = x.view().Parties(a.t.Context()); err != nil {
			a.t.Errorf("reading parties: %v", err)
		}
		a.known[x.Person] = list
	}
	return slices.ContainsFunc(list, func(p records.Party) bool { return p.ID == party })
}

// grant gives leave, and those who see all of the release see who gave it.
func (a *aviary) grant(n *nest, by, to string, level access.Level, product bool) {
	x := access.Grant{Owner: n.at.Owner, Product: n.at.Product, Release: n.id, Party: a.people[to].Party, Level: level, From: time.Now().Add(-time.Minute)}
	if product {
		x.Release = ""
	}
	id, err := a.desk.Grant(a.t.Context(), a.people[by].now(), n.id, desk.Leave{Party: a.people[to].PartyName, Level: level.String(), Product: product})
	if err != nil {
		a.t.Fatal(err)
	}
	a.grants = append(a.grants, x)
	whole := n.from(access.Whole)
	if product { // it shows with all releases of the product
		whole = func(m *member) bool {
			for _, o := range a.releases {
				if o.at.Product == n.at.Product && o.level(m) >= access.Whole {
					return true
				}
			}
			return false
		}
	}
	a.id(id, "a grant of "+by+" to "+to, whole)
	a.signed(a.people[by], whole)
	a.id(a.people[to].Party, "id of the party of "+to, whole)
}

// signed says who learns that somebody acted.
func (a *aviary) signed(m *member, who may) {
	a.widen(m.PersonName, who)
	a.id(m.Person, "", who)
}

func (a *aviary) assign(n *nest, people ...string) {
	who := func(m *member) bool { return n.level(m) >= access.Whole || a.admins(m) }
	for _, key := range people {
		id, err := a.desk.Assign(a.t.Context(), a.people["ada"].now(), n.id, a.people[key].Person)
		if err != nil {
			a.t.Fatal(err)
		}
		a.assignments = append(a.assignments, access.Assignment{Release: n.id, Person: a.people[key].Person})
		a.id(id, "an assignment", who)
		a.signed(a.people[key], who)
	}
	a.signed(a.people["ada"], who)
}

// describe is a declaration in which every text holds a word, and files that go with it.
func (a *aviary) describe(n *nest, key, kind string) (s desk.Submission) {
	all, some := n.from(access.Evidence), n.from(access.Summary)
	w := func(what string) string { return a.word(key+": "+what, all) }
	// Statements are about artifacts, by id and digest: who reads one that it was written to (level verdict), or a credential, learns those.
	subject := a.word(key+": artifact", n.from(access.Verdict))
	product := "Product " + a.word(key+": product", some)
	text := "product: " + product + "\nkind: " + kind + "\nclasses: [network-product]\nschemes: [ts-33.117]\n"
	if kind == "service" {
		text += "period: 2026-Q4\nartifacts: []\n" // a period has no words of its own
	} else {
		text += "version: 1." + a.word(key+": version", some) + "\nartifacts:\n  - {id: " + subject + ", path: " + w("file") + ".tar.gz, role: image}\n"
	}
	text += "# " + w("comment") + "\n" +
		"services:\n  - {name: " + w("service") + ", program: /usr/sbin/" + w("program") + ", protocol: tcp, port: 22, reach: every, plane: management, transport_security: ssh, authenticated: true, purpose: " + w("purpose") + "}\n" +
		"accounts:\n  - {name: " + w("account") + ", interactive: true, remote: true, roles: [" + w("role") + "], authentication: [password], purpose: " + w("purpose") + "}\n" +
		"software:\n  - {name: " + w("software") + ", version: " + w("version") + ", supported_until: 2032-06-30}\n" +
		"logs:\n  - {path: /var/log/" + w("log") + ", purpose: " + w("purpose") + "}\n" +
		"support:\n  until: 2032-06-30\n  security_updates: true\n  contact: " + w("contact") + "@vendor.example\n  disclosure_policy: https://vendor.example/" + w("policy") + "\n" +
		"documents:\n  - id: " + w("document") + "\n    path: docs/" + w("document file") + ".md\n    title: " + w("title") + "\n    answers:\n      - {scheme: ts-33.117, requirement: 4.2.3.3.2, passage: " + w("passage") + "}\n"
	s = desk.Submission{Declaration: text, Schemes: []string{"ts-33.117"}}
	for line := range strings.Lines(text) {
		_, path, found := strings.Cut(line, "path: ")
		path, _, _ = strings.Cut(strings.TrimSpace(path), ",")
		switch {
		case !found || strings.HasPrefix(path, "/"):
		case strings.HasPrefix(path, "docs/"):
			s.Files = append(s.Files, desk.SubmittedFile{Path: path, Upload: a.put(n.owner, path, []byte("# Guide\n\n"+w("text of a document")+"\n"))})
		default:
			s.Files = append(s.Files, desk.SubmittedFile{Path: path, Upload: a.put(n.owner, path, a.image(w))})
		}
	}
	return s
}

// image is a small firmware with words in names, contents, accounts and packages.
func (a *aviary) image(w func(string) string) []byte {
	name := w("login")
	return pack(a.t, [][2]string{
		{"bin/sh", "#!/bin/sh\n# " + w("a file's text") + "\n"},
		{"etc/passwd", "root:x:0:0:root:/root:/bin/sh\n" + name + ":x:1000:1000:" + w("full name") + ":/home/" + name + ":/bin/sh\n"},
		{"etc/shadow", "root:$6$demoField00001$D3V4lKynKPD9dpHPCZG5kTb5ksicXzpGxWP85rqBGq3HRrInJsJj4zqrkijt3gsDGMmgv/zhiRu5SBlX98.IP0:20513:0:99999:7:::\n" + name + ":*:20513::::::\n"},
		{"etc/os-release", "ID=os\nVERSION_ID=" + w("version of a system") + "\nPRETTY_NAME=\"" + w("name of a system") + "\"\n"},
		{"etc/ssh/sshd_config", "Port 22\nPermitRootLogin yes\n# " + w("a comment") + "\nMACs hmac-md5\nBanner /etc/" + w("a value") + "\n"},
		{"etc/" + w("a file's name") + ".conf", "password = " + w("a password") + "\n"},
		{"var/lib/dpkg/status", "Package: " + w("package") + "\nStatus: install ok installed\nArchitecture: arm64\nVersion: 1.0-" + w("version of a package") + "\nMaintainer: " + w("maintainer") + " <x@vendor.example>\nDescription: " + w("description") + "\n\n"},
	})
}

func pack(t testing.TB, files [][2]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	x := tar.NewWriter(z)
	for _, f := range files {
		if err := x.WriteHeader(&tar.Header{Name: f[0], Mode: 0o666, Size: int64(len(f[1])), Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := x.Write([]byte(f[1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// hand hands a release in; prepare may change the parcel before.
func (a *aviary) hand(key, owner, kind string, prepare func(*desk.Submission)) *nest {
	n := &nest{a: a, owner: a.people[owner]}
	n.at = access.Release{ID: "?", Owner: n.owner.Party}
	s := a.describe(n, key, kind)
	if prepare != nil {
		prepare(&s)
	}
	n.parcel = s
	r, job := a.submit(n.owner, s)
	n.id, n.job, n.at = r.ID, job, access.Release{ID: r.ID, Product: r.Product.ID, Owner: r.Product.Owner, Embargo: r.Embargo}
	a.releases[key] = n
	a.id(n.id, key+": release id", n.from(access.Summary))
	a.id(n.at.Product, key+": product id", n.from(access.Summary))
	a.id(job.ID, key+": job id", n.from(access.Summary)) // dossiers name it; the job itself is for level whole
	a.id(r.Product.Owner, key+": owner's id", n.from(access.Summary), of(n.owner))
	a.signed(n.owner, n.from(access.Whole)) // the receipt
	return n
}

const (
	theScheme = "ts-33.117"
	boot      = "4.2.3.3.2"
)

func (a *aviary) post(n *nest, by, position, fix string, to ...string) {
	var names []string
	readers := []may{of(a.people[by])}
	for _, key := range to {
		names = append(names, a.people[key].PartyName)
		readers = append(readers, of(a.people[key]))
	}
	who := func(m *member) bool {
		return n.level(m) >= access.Verdict && slices.ContainsFunc(readers, func(f may) bool { return f(m) })
	}
	text := "Message " + a.word("a message of "+by, who)
	if fix != "" {
		fix += a.word("where "+by+" fixes", who)
	}
	id, err := a.desk.Post(a.t.Context(), a.people[by].now(), n.id, desk.Posting{Scheme: theScheme, Requirement: boot, Text: text, Position: position, FixIn: fix, To: names})
	if err != nil {
		a.t.Fatal(err)
	}
	a.id(id, "a message of "+by, who)
	a.widen(a.people[by].PersonName, who)
	a.widen(a.people[by].PartyName, who)
	a.id(a.people[by].Party, "id of the party of "+by, who)
	for _, name := range names { // the audience stands on it, by name
		a.widen(name, who)
	}
}

func (a *aviary) judge(n *nest, by string) string {
	all := n.from(access.Evidence)
	ctx, who := a.t.Context(), a.people[by].now()
	held, err := a.desk.AddEvidence(ctx, who, n.id, a.word("name of evidence", all)+".txt", strings.NewReader(a.word("text of evidence", all)))
	if err != nil {
		a.t.Fatal(err)
	}
	a.id(held.ID, "evidence", all)
	id, err := a.desk.Judge(ctx, who, n.id, desk.Judging{Scheme: theScheme, Requirement: boot, Test: "boot-tried", Verdict: "pass", Reason: "Judged " + a.word("reason of a judgement", all), Cites: []string{held.ID}})
	if err != nil {
		a.t.Fatal(err)
	}
	a.id(id, "a judgement", all)
	a.signed(a.people[by], all)
	return id
}

func (a *aviary) risk(n *nest, by string) {
	who := func(m *member) bool {
		return n.level(m) >= access.Verdict && (m.Party == a.people[by].Party || m.Class == access.Regulator || n.level(m) >= access.Whole)
	}
	id, err := a.desk.AcceptRisk(a.t.Context(), a.people[by].now(), n.id, desk.Risking{
		Scheme: theScheme, Requirement: boot, Reason: "Accepted " + a.word("reason of a risk", who), Until: time.Now().AddDate(1, 0, 0).Format(time.DateOnly),
	})
	if err != nil {
		a.t.Fatal(err)
	}
	a.id(id, "a risk", who)
	a.signed(a.people[by], who)
	a.widen(a.people[by].PartyName, who) // a risk says whose it is
	a.id(a.people[by].Party, "id of the party of "+by, who)
}

// newAviary fills a world.
func newAviary(t testing.TB) *aviary {
	a := &aviary{world: newWorld(t, nil), words: map[string]*canary{}, people: map[string]*member{}, releases: map[string]*nest{}, known: map[string][]records.Party{}}
	for _, p := range []struct {
		key   string
		class access.Class
		role  access.Role
		of    string
	}{
		{"alder", access.Vendor, access.Admin, ""},
		{"alder's reader", access.Vendor, access.Reader, "alder"},
		{"birch", access.Vendor, access.Admin, ""},
		{"cedar", access.Vendor, access.Admin, ""},
		{"idle", access.Vendor, access.Admin, ""},
		{"north", access.Operator, access.Admin, ""},
		{"south", access.Operator, access.Admin, ""},
		{"west", access.Operator, access.Member, ""},
		{"other lab", access.Lab, access.Admin, "-"},
		{"regulator", access.Regulator, access.Admin, ""},
		{"ada", access.Lab, access.Admin, ""},
		{"faye", access.Lab, access.Admin, ""},
		{"bela", access.Lab, access.Member, ""},
		{"dora", access.Lab, access.Member, ""},
		{"emil", access.Lab, access.Member, ""},
	} {
		if p.of == "-" { // another lab is a party of its own
			a.foreignLab(p.key)
			continue
		}
		a.add(p.key, p.class, p.role, p.of)
	}
	for _, key := range []string{"ada", "faye", "bela", "dora", "emil"} {
		a.widen(a.people[key].PersonName, a.labPeople)
		a.id(a.people[key].Person, "", a.labPeople)
	}
	a.id(a.desk.Home.ID, "the lab's id", everyone)
	a.handIn()
	a.live()
	a.rest()
	a.done = true
	return a
}

func (a *aviary) foreignLab(key string) {
	name, party := "Person "+a.word("name of "+key), "Party "+a.word("party of "+key)
	m := a.party(access.Lab, party, name)
	a.widen(name, of(m))
	a.widen(party, func(x *member) bool { return x.Party == m.Party || a.admins(x) })
	a.people[key], a.order = m, append(a.order, key)
}

func (a *aviary) handIn() {
	embargo := time.Now().AddDate(0, 2, 0).Format(time.DateOnly)
	a.hand("A", "alder", "equipment", nil)
	a.hand("secret", "alder", "service", func(s *desk.Submission) { s.Embargo = embargo })
	a.hand("B", "birch", "equipment", nil)
	a.hand("C", "cedar", "service", nil)
	a.hand("gone", "birch", "service", nil)
	for _, key := range []string{"A", "secret", "B", "C", "gone"} {
		n := a.releases[key]
		a.wait(n.owner, n.job)
	}
}

// live has done to the releases what can be done.
func (a *aviary) live() {
	ctx := a.t.Context()
	r := a.releases
	a.grant(r["A"], "alder", "north", access.Verdict, true)
	a.grant(r["A"], "alder", "south", access.Evidence, false)
	a.grant(r["secret"], "alder", "north", access.Source, true)
	a.grant(r["B"], "birch", "south", access.Summary, false)
	a.grant(r["B"], "birch", "west", access.Source, false)
	a.assign(r["A"], "bela", "dora")
	a.assign(r["B"], "bela")
	a.assign(r["C"], "bela", "dora")
	a.post(r["A"], "alder", "notes", "", "ada")
	a.post(r["A"], "south", "asks", "", "alder", "ada")
	a.post(r["A"], "alder", "plans-fix", "9.", "north", "south", "ada")
	a.post(r["A"], "north", "disputes", "", "alder")
	a.post(r["B"], "birch", "asks", "", "ada")
	a.risk(r["A"], "north")
	a.risk(r["A"], "south")
	judgement := a.judge(r["A"], "bela")
	all := r["A"].from(access.Evidence)
	second, err := a.desk.Countersign(ctx, a.people["dora"].now(), r["A"].id, judgement, "", "Signed "+a.word("reason of a countersignature", all))
	if err != nil {
		a.t.Fatal(err)
	}
	a.id(second, "a countersignature", all)
	a.signed(a.people["dora"], all)
	n, faye := r["secret"], a.people["faye"]
	told := func(m *member) bool { return n.level(m) >= access.Whole || a.admins(m) }
	id, err := a.desk.Elevate(ctx, faye.now(), n.id, "Elevated "+a.word("reason of an elevation", told), time.Hour)
	if err != nil {
		a.t.Fatal(err)
	}
	a.id(id, "an elevation", told)
	a.assignments = append(a.assignments, access.Assignment{Release: n.id, Person: faye.Person, Until: time.Now().Add(time.Hour)})
	a.signed(faye, told)
	gone := "Withdrawn " + a.word("reason of a withdrawal", r["gone"].from(access.Summary))
	if err := a.desk.Withdraw(ctx, a.people["birch"].now(), r["gone"].id, gone); err != nil {
		a.t.Fatal(err)
	}
}

// rest issues a credential for everybody to see, and makes what is a person's own.
func (a *aviary) rest() {
	ctx, n := a.t.Context(), a.releases["C"]
	var credential string
	for _, key := range []string{"bela", "dora"} {
		var err error
		if credential, err = a.desk.Agree(ctx, a.people[key].now(), n.id, theScheme, ""); err != nil {
			a.t.Fatal(err)
		}
		a.signed(a.people[key], n.from(access.Whole))
	}
	if err := a.desk.Publish(ctx, a.people["cedar"].now(), credential, "public"); err != nil {
		a.t.Fatal(err)
	}
	a.id(credential, "a public credential", everyone)
	a.id(n.id, "", everyone) // it says of which release it is
	a.widen(a.people["cedar"].PartyName, everyone)
	for w, c := range a.words {
		if c.what == "C: product" || c.what == "C: version" {
			a.widen(w, everyone)
		}
	}
	for _, key := range a.order {
		m := a.people[key]
		own := func(x *member) bool { return x.Person == m.Person }
		r := a.do(m, "POST", "/api/v1/tokens", raw(fmt.Sprintf(`{"label":%q,"scope":"read","days":1}`, a.word("label of a token", own))))
		if r.code != 201 {
			a.t.Fatalf("making a token: %d %s", r.code, r.body)
		}
	}
}
