package records

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/probat-lab/probat/access"
)

// keep adds everything to a release that the lab's work leaves there.
func (n *nest) keep() {
	n.dossier("before", "lab", n.from(access.Verdict), n.from(access.Verdict), n.from(access.Evidence), never)
	public := n.from(access.Verdict)
	if n.public {
		public = n.published
	}
	n.dossier("published", "lab", public, n.from(access.Verdict), n.from(access.Evidence), never)
	n.dossier("counts", "judged", n.from(access.Summary), n.from(access.Verdict), n.from(access.Evidence), n.from(access.Evidence))
	n.dossier("vendor's", "vendor", n.from(access.Whole), n.from(access.Whole), n.from(access.Whole), never)
	n.a.write(func(ctx context.Context, tx *sql.Tx) error {
		return n.a.r.SetReleaseDossier(ctx, tx, n.release.ID, n.dossiers["counts"].ID)
	})
	for l := access.Summary; l <= access.Whole; l++ {
		h := Held{Release: n.release.ID, Level: l, Size: 1}
		n.a.fill(&h, n.from(l), nil)
		n.held = append(n.held, h)
		n.a.write(func(ctx context.Context, tx *sql.Tx) error { return AddHeld(ctx, tx, h) })
		n.find("", l, n.from(l))
	}
	n.acts()
	n.issue()
}

// dossier adds a dossier: whose ID is for some, whose rows for others, and so on.
func (n *nest) dossier(name, origin string, id, verdict, evidence, tree may) {
	a, both := n.a, func(x, y may) may { return func(v access.Viewer) bool { return x(v) || y(v) } }
	d := &Dossier{Release: n.release.ID, Origin: origin}
	a.fill(d, verdict, map[string]may{"ID": both(id, verdict), "Head": evidence})
	result := Result{Dossier: d.ID, Release: d.Release}
	counts := verdict
	if name == "counts" {
		counts = id
	}
	a.fill(&result, counts, nil)
	q := Requirement{Dossier: d.ID, Release: d.Release, Scheme: result.Scheme, Waits: true}
	a.fill(&q, verdict, map[string]may{"Body": evidence})
	f := Finding{Dossier: d.ID, Release: d.Release, Scheme: result.Scheme, Requirement: q.ID}
	a.fill(&f, verdict, map[string]may{"Subject": evidence, "Body": evidence})
	n.dossiers[name], n.schemes[d.ID], n.require[d.ID] = d, result.Scheme, q.ID
	n.address[name], n.seenKind[name] = a.word("node.address", never), a.word("seen.kind", never)
	a.write(
		func(ctx context.Context, tx *sql.Tx) error { return a.r.AddDossier(ctx, tx, *d) },
		func(ctx context.Context, tx *sql.Tx) error { return AddResult(ctx, tx, result) },
		func(ctx context.Context, tx *sql.Tx) error { return AddRequirement(ctx, tx, q) },
		func(ctx context.Context, tx *sql.Tx) error { return AddFinding(ctx, tx, f) },
		func(ctx context.Context, tx *sql.Tx) error {
			return AddNode(ctx, tx, d.ID, d.Release, 0, -1, n.address[name], a.word("node.body", tree))
		},
		func(ctx context.Context, tx *sql.Tx) error {
			return AddSeen(ctx, tx, d.ID, d.Release, n.seenKind[name], 0, 0, a.word("seen.body", tree))
		},
	)
	for l := access.Summary; l <= access.Source; l++ {
		who := never
		if name == "counts" {
			who = n.from(l)
		}
		n.find(d.ID, l, who)
	}
}

// find makes a text findable.
func (n *nest) find(dossier string, l access.Level, who may) {
	x := Words{Release: n.release.ID, Dossier: dossier, Level: l}
	if dossier == "" {
		x.Dossier = "-" // filled otherwise
	}
	n.a.fill(&x, who, nil)
	x.Dossier = dossier
	n.texts = append(n.texts, x.Text)
	n.a.write(func(ctx context.Context, tx *sql.Tx) error { return AddWords(ctx, tx, x) })
}

// acts adds what people did, each a person of its own.
func (n *nest) acts() {
	a, whole, evidence := n.a, n.from(access.Whole), n.from(access.Evidence)
	receipt := Receipt{Release: n.release.ID, Person: a.person(n.hasOwn, whole, never).ID}
	a.fill(&receipt, whole, nil)
	judge := a.person("lab", evidence, evidence)
	judgement := Judgement{Release: n.release.ID, Person: judge.ID, PersonName: "-"}
	a.fill(&judgement, evidence, nil)
	agreement := Agreement{Release: n.release.ID, Dossier: n.dossiers["counts"].ID, Person: a.person("lab", whole, never).ID}
	a.fill(&agreement, whole, nil)
	n.job = Job{Release: n.release.ID, State: "done", Error: "-", Dossier: "-", Result: "-"}
	a.fill(&n.job, whole, nil)
	n.acted = append(n.acted, receipt.ID, judgement.ID, agreement.ID)
	looker := a.person("lab", never, never)
	worker := a.word("job.worker", never)
	a.write(
		func(ctx context.Context, tx *sql.Tx) error { return AddReceipt(ctx, tx, receipt) },
		func(ctx context.Context, tx *sql.Tx) error { return a.r.AddJudgement(ctx, tx, judgement) },
		func(ctx context.Context, tx *sql.Tx) error { return a.r.AddAgreement(ctx, tx, agreement) },
		func(ctx context.Context, tx *sql.Tx) error { return a.r.AddJob(ctx, tx, n.job) },
		func(ctx context.Context, tx *sql.Tx) error {
			return a.r.AddAlarm(ctx, tx, n.release.ID, a.word("alarm.job", never), a.word("Alarm.Text", whole), day)
		},
		func(ctx context.Context, tx *sql.Tx) error {
			w := func(s string) string { return a.word("look."+s, never) }
			return AddLook(ctx, tx, w("id"), n.release.ID, looker.ID, w("event"), w("what"), w("reason"), day)
		},
	)
	if !must(a.r.Take(a.t.Context(), n.job.ID, worker, time.Now().Add(time.Hour)))(a.t) {
		a.t.Fatal("the job was not there to take")
	}
	n.job.Error, n.job.Dossier, n.job.Result = a.word("Job.Error", whole), a.word("Job.Dossier", whole), a.word("Job.Result", whole)
	a.write(func(ctx context.Context, tx *sql.Tx) error { return a.r.EndJob(ctx, tx, n.job, worker, day) })
}

func (n *nest) issue() {
	for _, published := range []string{"private", "granted", "public"} {
		x := Issued{Release: n.release.ID, Dossier: n.dossiers["counts"].ID, Published: published}
		who := func(v access.Viewer) bool {
			return n.level(v) >= access.Whole || n.level(v) >= access.Summary && (published == "granted" || v.Class == "regulator")
		}
		if published == "public" {
			if !n.public {
				continue
			}
			x.Dossier, who = n.dossiers["published"].ID, n.published
		}
		n.a.fill(&x, who, nil)
		n.issued = append(n.issued, x)
		n.a.write(func(ctx context.Context, tx *sql.Tx) error { return n.a.r.AddIssued(ctx, tx, x) },
			func(ctx context.Context, tx *sql.Tx) error {
				return n.a.r.SetPublished(ctx, tx, n.release.ID, x.ID, published)
			})
	}
}

// talk adds messages of the owner and of two operators, and the risks that these accept.
func (n *nest) talk() {
	n.message(n.hasOwn, "verdict", "regulator")
	n.message("verdict", n.hasOwn)
	n.message("summary", n.hasOwn, "evidence")
	n.message("lab", n.hasOwn)
	n.message("over", "summary") // to somebody who does not see enough of the release, or not any more
	for _, party := range []string{"verdict", "evidence"} {
		a, y := n.a, n.a.parties[party]
		who := func(v access.Viewer) bool {
			l := n.level(v)
			return l >= access.Verdict && (v.Party == y.ID || l >= access.Whole || v.Class == access.Regulator)
		}
		x := Risk{Release: n.release.ID, Party: y.ID, PartyName: "-", Person: a.person(party, who, never).ID}
		a.fill(&x, who, nil)
		n.acted = append(n.acted, x.ID)
		a.write(func(ctx context.Context, tx *sql.Tx) error { return a.r.AddRisk(ctx, tx, x) })
		a.knows = append(a.knows, func(v access.Viewer, p string) bool { return p == y.ID && who(v) })
	}
}

func (n *nest) message(from string, to ...string) {
	a := n.a
	var audience []string
	for _, name := range to {
		audience = append(audience, a.parties[name].ID)
	}
	parties := append([]string{a.parties[from].ID}, audience...)
	who := func(v access.Viewer) bool {
		return n.level(v) >= access.Verdict && contains(parties, v.Party)
	}
	writer := a.person(from, never, who)
	m := Message{Release: n.release.ID, Party: parties[0], PartyName: "-", Thread: "-", Person: "-", Audience: []string{"-"}}
	a.fill(&m, who, nil)
	n.threads, n.acted = append(n.threads, m), append(n.acted, m.ID)
	a.write(func(ctx context.Context, tx *sql.Tx) error { return a.r.AddMessage(ctx, tx, m, writer.ID, audience) })
	a.knows = append(a.knows, func(v access.Viewer, p string) bool { return who(v) && contains(parties, p) })
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// private adds what no view shows: the means of signing in, uploads, answers, the lab's secrets.
func (a *aviary) private(p Person) {
	ctx, w := a.t.Context(), func(s string) string { return a.word(s, never) }
	link, session, token, passkey, key, upload := Link{Person: p.ID}, Session{Person: p.ID}, Token{Person: p.ID, Scope: access.ScopeAll}, Passkey{Person: p.ID}, PartyKey{Party: p.PartyID},
		Upload{Party: p.PartyID, Person: p.ID, Size: 1}
	for _, x := range []any{&link, &session, &token, &passkey, &key, &upload} {
		a.fill(x, never, nil)
	}
	ok(a.t, a.r.ReplaceSession(ctx, nil, []byte(w("session.digest")), session))
	ok(a.t, a.r.AddPasskey(ctx, passkey, day))
	ok(a.t, a.r.AddUpload(ctx, upload, 10, 10))
	must(a.r.Secret(ctx, w("secret.name"), []byte(w("secret"))))(a.t)
	must(a.r.Once(ctx, w("once.person"), w("once.word"), w("once.what"), func() (string, error) { return w("once.answer"), nil }))(a.t)
	a.write(
		func(ctx context.Context, tx *sql.Tx) error {
			return a.r.AddLink(ctx, tx, []byte(w("link.digest")), link)
		},
		func(ctx context.Context, tx *sql.Tx) error {
			return a.r.AddToken(ctx, tx, []byte(w("token.digest")), token)
		},
		func(ctx context.Context, tx *sql.Tx) error { return a.r.AddPartyKey(ctx, tx, key) },
	)
	if fmt.Sprint(key.SPKI) == "" {
		a.t.Fatal("no key")
	}
}
