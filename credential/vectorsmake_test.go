package credential_test

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

var update = flag.Bool("update", false, "make the published vectors anew")

// vectorLab makes the vectors: a lab whose keys are known to everybody, so that everything comes out the same each time.
type vectorLab struct {
	*credentialtest.Lab
	t       testing.TB
	name    string // keys are made of it
	drawn   int    // nonces so far
	entries [][]byte
	tree    *credential.Tree
	of      statement.ID // of the verdicts
}

func seedOf(words ...string) []byte {
	sum := sha256.Sum256([]byte("probat published test key: " + strings.Join(words, " ")))
	return sum[:]
}

func (l *vectorLab) ok(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func newVectorLab(t testing.TB, name string) *vectorLab {
	t.Helper()
	l := &vectorLab{t: t, name: name, of: statement.ID{1, 2, 3}}
	l.Lab = &credentialtest.Lab{
		TB: t, Origin: origin, Root: l.key("root"), Issuing: l.key("issuing"), Ledger: l.key("ledger"), Log: ed25519.NewKeyFromSeed(seedOf(name, "log")),
		Series: "0123456789abcdef0123456789abcdef",
	}
	for i := range 3 {
		l.Witnesses = append(l.Witnesses, l.witness(fmt.Sprintf("witness%d.example/%s", i, origin)))
	}
	from, until := "2026-01-01T00:00:00Z", "2031-01-01T00:00:00Z"
	l.Trust = &statement.Trust{
		Act: l.act(noon.AddDate(0, -6, 0)),
		Keys: []statement.TrustedKey{
			{From: from, Key: l.public(l.Issuing).String(), Predicates: credential.Predicates(statement.ForIssuing), Purpose: statement.ForIssuing, Until: until},
			{From: from, Key: l.public(l.Ledger).String(), Predicates: credential.Predicates(statement.ForLedger), Purpose: statement.ForLedger, Until: until},
		},
		Lab:    statement.LabIdentity{Independence: statement.Contracted, Name: "Example Lab", Operator: "Example Testing GmbH"},
		Origin: origin, Policy: l.Policy(), Version: 1, Window: 7 * 86400, Witnesses: []statement.TrustedWitness{},
	}
	for i, w := range l.Witnesses {
		l.Trust.Witnesses = append(l.Trust.Witnesses, statement.TrustedWitness{Name: w.Key().Name(), Organisation: fmt.Sprintf("Organisation %d", i)})
	}
	var err error
	l.tree, err = credential.Seal(seedOf(name, "secret"), []credential.Item{
		{Text: []byte(`{"kind":"verdict","requirement":"4.2.3.4.2.1","scheme":"ts-33.117","value":{"verdict":"pass"}}`)},
		{Text: []byte(`{"fingerprint":"` + strings.Repeat("7e", 32) + `","kind":"finding","scheme":"ts-33.117","value":{"title":"weak password hash"}}`)},
	})
	l.ok(err)
	for range 5 {
		l.fill()
	}
	return l
}

func (l *vectorLab) key(purpose string) *ecdsa.PrivateKey {
	k, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), seedOf(l.name, purpose))
	l.ok(err)
	return k
}

func (l *vectorLab) public(k *ecdsa.PrivateKey) *statement.Key { return credentialtest.Public(l.t, k) }

// witness makes a witness's key, by the text form of a private key, whose hash is that of the public one.
func (l *vectorLab) witness(name string) *proof.Cosigner {
	seed := seedOf(l.name, name)
	pub, err := proof.NewEd25519Witness(name, ed25519.NewKeyFromSeed(seed).Public().(ed25519.PublicKey))
	l.ok(err)
	c, err := proof.ParseCosigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, pub.Hash(), base64.StdEncoding.EncodeToString(append([]byte{4}, seed...))))
	l.ok(err)
	return c
}

func (l *vectorLab) draw() string {
	l.drawn++
	return base64.StdEncoding.EncodeToString(seedOf(l.name, "nonce", fmt.Sprint(l.drawn)))
}

func (l *vectorLab) act(at time.Time) statement.Act {
	return statement.Act{
		Actor: statement.Actor{Class: statement.Lab, Name: "Example Lab", Proof: statement.ByKey}, Nonce: l.draw(), Time: statement.FormatTime(at),
	}
}

// sign signs as RFC 6979 says, which draws nothing at random.
func (l *vectorLab) sign(payload []byte, key *ecdsa.PrivateKey) *statement.Envelope {
	e := &statement.Envelope{Payload: payload, KeyID: l.public(key).ID()}
	id := e.ID()
	var err error
	e.Signature, err = key.Sign(nil, id[:], crypto.SHA256)
	l.ok(err)
	return e
}

func (l *vectorLab) signed(s *statement.Statement, key *ecdsa.PrivateKey) *statement.Envelope {
	payload, err := s.Bytes()
	l.ok(err)
	return l.sign(payload, key)
}

func (l *vectorLab) log(e *statement.Envelope, key *ecdsa.PrivateKey) int64 {
	leaf := credential.LeafOf(e, l.public(key))
	l.entries = append(l.entries, leaf.Bytes())
	return l.Append(leaf)
}

// fill logs an act that nobody needs to know.
func (l *vectorLab) fill() { l.log(l.sign([]byte("act "+l.draw()), l.Ledger), l.Ledger) }

// branch returns the lab with a history of its own after the first n leaves.
func (l *vectorLab) branch(n int64) *vectorLab {
	b := *l
	b.Lab, b.entries = l.Fork(n), slices.Clone(l.entries[:n])
	trust := *l.Trust
	trust.Keys, trust.Witnesses = slices.Clone(trust.Keys), slices.Clone(trust.Witnesses)
	b.Trust = &trust
	return &b
}

func (l *vectorLab) trustFile() []byte {
	s := &statement.Statement{Subjects: []statement.Subject{credential.StatusSubject(l.Trust.Origin)}, Predicate: l.Trust}
	data, err := credential.MarshalTrust([]*statement.Key{l.public(l.Root)}, 1, l.signed(s, l.Root))
	l.ok(err)
	return data
}

func (l *vectorLab) status(sequence int64, at time.Time, lists *credential.Lists) credential.Logged {
	if lists == nil {
		lists = &credential.Lists{}
	}
	st := &statement.Status{Act: l.act(at), Lists: lists.Encode(), Sequence: sequence, Series: l.Series, ValidUntil: statement.FormatTime(at.AddDate(0, 0, 7))}
	st.Act.AsOf = l.Head(at.Add(-time.Hour))
	e := l.signed(&statement.Statement{Subjects: []statement.Subject{credential.StatusSubject(l.Series)}, Predicate: st}, l.Issuing)
	return credential.Logged{Envelope: e, Signer: l.public(l.Issuing), Proof: &proof.Proof{Index: l.log(e, l.Issuing)}}
}

func (l *vectorLab) statusFile(s credential.Logged, at time.Time) []byte {
	p := l.Prove(s.Proof.Index, l.Checkpoint(at.Add(2*time.Second), l.Quorum()...))
	return credential.NewBundle(s.Envelope, s.Signer, l.LogKey(), p).Bytes()
}

// bending is what can be wrong with a credential; the zero value is a right one.
type bending struct {
	statement func(*statement.Credential, *statement.Statement)
	issuer    *ecdsa.PrivateKey
	parts     func(*credential.Parts)
	witnesses []*proof.Cosigner // nil: a quorum
	seen      time.Duration     // after it was issued; 0: two seconds
	place     int64
	failed    bool
}

func (l *vectorLab) issue(at time.Time, b bending) *credential.Parts {
	counts := statement.Counts{NotApplicable: 2, Pass: 40}
	if b.failed {
		counts = statement.Counts{Fail: 3, NotApplicable: 2, Pass: 37}
	}
	if b.place == 0 {
		b.place = 4711
	}
	act := l.act(at)
	act.AsOf, act.Case, act.CaseSeq, act.PrevInCase = l.Head(at.Add(-time.Hour)), strings.Repeat("ca", 16), 4, strings.Repeat("1b", 32)
	s, err := credential.NewCredential(credential.Issue{
		Origin: l.Origin, For: 365 * 24 * time.Hour, VerifierBuild: map[string]string{"probat": "v0.6.0"},
		Core: statement.Core{
			Act: act, Attempts: 2, CaseLength: 4, Counts: counts, JudgedAsOf: "2026-11-24", Lab: l.Trust.Lab,
			Observation: statement.ObservedHere, Policy: statement.Policy{Digest: strings.Repeat("5c", 32), Edition: "V18.1.0", Scheme: "ts-33.117"},
			Release: statement.Release{Kind: "equipment", Product: "router", Vendor: "Example Vendor", Version: "4.2.1"}, Sealed: l.tree.Sealed,
			Status: statement.StatusPlace{Index: b.place, Series: l.Series}, Unobserved: 3, Risks: []statement.AcceptedRisk{},
		},
		Inputs: []statement.InputAttestation{
			{Digest: statement.Digest{SHA256: strings.Repeat("d0", 32)}, URI: statement.TypeDossier},
			{Digest: statement.Digest{SHA256: l.of.String()}, URI: statement.TypeVerdicts},
		},
		Subjects: []statement.Subject{{Digest: statement.Digest{SHA256: fmt.Sprintf("%x", sha256.Sum256([]byte(vectorImage)))}, Name: "router"}},
	})
	l.ok(err)
	if b.statement != nil {
		b.statement(s.Predicate.(*statement.Credential), s)
	}
	if b.issuer == nil {
		b.issuer = l.Issuing
	}
	e := l.signed(s, b.issuer)
	index := l.log(e, b.issuer)
	l.fill()
	l.fill()
	p := &credential.Parts{Credential: credential.Logged{Envelope: e, Signer: l.public(b.issuer)}, Trust: l.trustFile(), Status: l.status(1, at, nil)}
	if b.seen == 0 {
		b.seen = 2 * time.Second
	}
	if b.witnesses == nil {
		b.witnesses = l.Quorum()
	}
	shared := l.Checkpoint(at.Add(b.seen), b.witnesses...)
	p.Credential.Proof, p.Status.Proof = l.Prove(index, shared), l.Prove(p.Status.Proof.Index, shared)
	p.First = p.Credential.Proof
	if b.parts != nil {
		b.parts(p)
	}
	return p
}

func (l *vectorLab) zip(p *credential.Parts) []byte {
	l.t.Helper()
	data, err := credential.Assemble(*p)
	l.ok(err)
	return data
}

const (
	vectorImage = "This stands for the image of a router, version 4.2.1.\n"
	otherImage  = "This stands for another image.\n"
)

// vectorSet collects what is written.
type vectorSet struct {
	t      testing.TB
	files  map[string][]byte
	cases  []vectorCase
	refuse []vectorRefusal
}

func (v *vectorSet) put(name string, data []byte) string {
	v.t.Helper()
	if _, twice := v.files[name]; twice {
		v.t.Fatalf("%s is made twice", name)
	}
	v.files[name] = data
	return name
}

// say adds a case. Without other words it is judged by lab.trust on the day after, with the image at hand.
func (v *vectorSet) say(name, file string, word credential.Word, why string, bend ...func(*vectorCase)) {
	c := vectorCase{Name: name, Why: why, Credential: file, Trust: "lab.trust", Files: []string{"router.img"}, Now: "2026-11-25T12:00:00Z", Word: string(word), ExitCode: word.ExitCode()}
	for _, b := range bend {
		b(&c)
	}
	v.cases = append(v.cases, c)
}

// bad adds a file that must be refused.
func (v *vectorSet) bad(kind, name, reason string, data []byte) {
	v.refuse = append(v.refuse, vectorRefusal{v.put("refuse/"+name, data), kind, reason})
}

func (v *vectorSet) write() {
	for _, name := range []string{"refuse", "log", "forked", "zip"} {
		if err := os.RemoveAll(vectors + name); err != nil {
			v.t.Fatal(err)
		}
	}
	v.files["cases.jsonl"], v.files["refuse.jsonl"] = jsonLines(v.t, v.cases), jsonLines(v.t, v.refuse)
	for name, data := range v.files {
		path := vectors + name
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			v.t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			v.t.Fatal(err)
		}
	}
}

func jsonLines[T any](t testing.TB, list []T) []byte {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	for _, x := range list {
		if err := enc.Encode(x); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}

func pemOf(t testing.TB, key any) []byte {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// logFolder puts a log of up to 256 leaves as C2SP tlog-tiles has it.
func (v *vectorSet) logFolder(folder string, l *vectorLab, c *proof.SignedCheckpoint) {
	var hashes, bundle []byte
	for _, e := range l.entries {
		h := tlog.RecordHash(e)
		hashes = append(hashes, h[:]...)
		var err error
		bundle, err = proof.AppendEntry(bundle, e)
		l.ok(err)
	}
	v.put(folder+"/checkpoint", c.Bytes())
	v.put(folder+"/"+proof.TilePath(tlog.Tile{H: proof.TileHeight, W: len(l.entries)}), hashes)
	v.put(folder+"/"+proof.EntriesPath(0, len(l.entries)), bundle)
}
