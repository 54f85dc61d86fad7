package statement

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"maps"
	"os"
	"slices"
	"testing"
)

// The names of the vectors and schemas, by predicate type.
var names = map[string]string{
	TypeSubmission: "submission", TypeDossier: "dossier", TypeVerdicts: "verdicts", TypeJudgement: "judgement", TypeRisk: "risk",
	TypeDisclosure: "disclosure", TypeAccess: "access", TypeNotice: "notice", TypeAnswer: "answer", TypeReceipt: "receipt",
	TypeIntent: "intent", TypeWithdrawal: "withdrawal", TypeGrant: "grant", TypeMessage: "message", TypeAgreement: "agreement",
	TypePartyKey: "party-key", TypeAccessPolicy: "policy", TypeErasure: "erasure", TypeCredential: "credential", TypeChange: "change", TypeStatus: "status", TypeKeyEvent: "key",
	TypeEdition: "edition", TypeRegister: "register", TypeTrust: "trust", TypeCycloneDX: "cyclonedx", TypeOpenVEX: "openvex",
}

// hexOf and rootOf are digests to look at: of a word.
func hexOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}

func rootOf(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// vectors are files for other implementations; its README says what each is.
const vectors = "../doc/vectors/statement"

const (
	sampleCase   = "00112233445566778899aabbccddeeff"
	sampleSeries = "ffeeddccbbaa99887766554433221100"
	sampleTime   = "2026-11-24T13:00:00Z"
	laterTime    = "2027-11-24T13:00:00Z"
)

// act is an act of the lab, the third of its case, with every field.
func act(name string) Act {
	return Act{
		Actor: Actor{Class: Lab, Name: "Example Lab", Person: "Ada", Proof: ByKey}, AsOf: &Head{Root: rootOf("head"), Size: 41, Time: "2026-11-24T12:59:00Z"},
		Case: sampleCase, CaseSeq: 3, IdempotencyKey: "seal 7 of 2026-11-24", Nonce: rootOf("nonce of " + name), PrevInCase: hexOf("act 2"), Time: sampleTime,
	}
}

func samplePolicy() Policy {
	return Policy{Digest: hexOf("scheme"), Edition: "V18.1.0", Profile: "radio", Scheme: "ts-33.117"}
}

func sampleRelease() Release {
	return Release{Kind: "firmware", Period: "2026", Product: "Router R1", Vendor: "Example Vendor", Version: "4.2.1"}
}

func sampleVendor() Actor {
	return Actor{Class: Vendor, Name: "Example Vendor", Person: "Grace", Proof: ByKey}
}

// sampleKeyID is the keyid of the published test key, and sampleKeyText its public half.
const sampleKeyID = "SHA256:pL9OqrAY6YIeXX9tRbP9KKRIDi31FQNWhoSOQ2lyHbE"

func sampleKeyText() string {
	return "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEXkFnzQ7X2MR1Oqx9/2fMug5QYD/+Bi6n5wnaI+GCH3OPizD3k24J6FbqBOqBjnzFZuhD1fNE9ku/pdt2pbAENg=="
}

// sample returns a statement of a predicate type with every field that can stand beside the others.
func sample(uri string) *Statement {
	subjects := []Subject{{Digest{hexOf("image")}, "router-4.2.1.img"}}
	if uri == TypeSubmission {
		subjects = append(subjects, Subject{Digest{hexOf("boot loader")}, "Ladeprogramm für R1 <v2> \u0022😀\u0022 C:\\u2028 \\ufffd"})
	}
	return &Statement{subjects, samplePredicate(uri)}
}

func samplePredicate(uri string) Predicate {
	a := act(names[uri])
	switch uri {
	case TypeSubmission:
		a.Actor = Actor{Class: Vendor, Name: "Example Vendor", Person: "Ada", Proof: Attested}
		return &Submission{Act: a, Attempt: 2, Declaration: hexOf("declaration"), Policy: samplePolicy(), Release: sampleRelease()}
	case TypeDossier:
		return &Dossier{
			Act: a, Build: Build{"go1.26.8", "linux/amd64", "v0.3.0"}, Dossier: hexOf("dossier"), JudgedAsOf: "2026-11-24", Observation: ObservedHere,
			Predecessor: hexOf("dossier before"),
		}
	case TypeVerdicts:
		return &Verdicts{
			Act: a, Counts: Counts{1, 2, 3, 4, 5}, Dossier: hexOf("dossier statement"), Policy: samplePolicy(), ProfileCounts: &Counts{Pass: 2, NotApplicable: 1},
			Sealed: Sealed{rootOf("sealed"), 1024},
		}
	case TypeJudgement:
		return &Judgement{
			Act: a, Cites: []string{hexOf("photo"), hexOf("protocol")}, Countersigns: hexOf("judgement"), Policy: samplePolicy(),
			Reason: "The console asks for a password.\nTried three times.", Requirement: "4.2.3.4.1.1", Verdict: "pass",
		}
	case TypeRisk:
		return &Risk{
			Act: a, Fingerprint: hexOf("finding"), Policy: samplePolicy(), Reason: "Behind a firewall until it is replaced.", Requirement: "4.3.2.1", Until: "2027-06-30",
		}
	case TypeDisclosure:
		return &Disclosure{
			Act: a, Index: 17, Leaf: rootOf("leaf"), Of: hexOf("verdicts"), PublicOn: "2027-02-01", Sealed: Sealed{rootOf("sealed"), 1024},
			To: "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p",
		}
	case TypeAccess:
		return &Access{Act: a, Event: "elevated", From: sampleTime, Level: "evidence", Reason: "The evaluator is ill.", To: Actor{Class: Lab, Name: "Example Lab", Person: "Alan", Proof: Attested}, Until: laterTime}
	case TypeNotice:
		return &Notice{Act: a, AnswerBy: laterTime, Credential: hexOf("credential"), Reason: "The image has a password that everybody knows."}
	case TypeAnswer:
		return &Answer{Act: a, Notice: hexOf("notice"), Position: "disputes", Text: "It is changed at first start."}
	case TypeErasure:
		return &Erasure{Act: a, Erased: []string{hexOf("verdicts"), hexOf("dossier statement")}, Reason: "The contract ended."}
	case TypeCredential:
		return sampleCredential(a)
	}
	return sampleParty(uri, a)
}

func sampleParty(uri string, a Act) Predicate {
	switch uri {
	case TypeReceipt:
		return &Receipt{Act: a, KeyID: sampleKeyID, Of: hexOf("answer"), Party: sampleVendor(), SignedBy: SignedByKey}
	case TypeIntent:
		a.Actor = sampleVendor()
		return &Intent{Act: a, Declaration: hexOf("declaration"), Embargo: "2027-02-01", Release: sampleRelease(), Schemes: []string{"baseline", "ts-33.117"}}
	case TypeWithdrawal:
		a.Actor = sampleVendor()
		return &Withdrawal{Act: a, Of: hexOf("submission"), Reason: "The wrong image."}
	case TypeGrant:
		a.Actor = sampleVendor()
		return &Grant{
			Act: a, Event: "given", From: sampleTime, Level: "verdict", Reason: "Tender 12.", Release: sampleRelease(), Scope: "release", To: Party{Operator, "Example Operator"},
			Until: laterTime,
		}
	case TypeMessage:
		a.Actor = sampleVendor()
		return &Message{
			Act: a, Attachments: []Attachment{{hexOf("trace"), "boot.log", 4096}, {hexOf("photo"), "Konsole für R1.jpg", 0}},
			Audience: []Party{{Lab, "Example Lab"}, {Operator, "Example Operator"}}, FixIn: "4.2.2", InReplyTo: hexOf("message"), Position: "plans-fix",
			Text:   "It is changed at first start.\nFrom 4.2.2 on there is none.",
			Thread: Thread{Fingerprint: hexOf("finding"), Release: sampleCase, Requirement: "4.2.3.4.1.1", Scheme: "ts-33.117"},
		}
	case TypeAgreement:
		return &Agreement{Act: a, Dossier: hexOf("dossier"), Event: "agreed", Policy: samplePolicy()}
	case TypePartyKey:
		return &PartyKey{Act: a, Event: "registered", From: sampleTime, Key: sampleKeyText(), Party: Party{Vendor, "Example Vendor"}, Until: laterTime}
	}
	return sampleRest(uri, a)
}

func sampleCredential(a Act) *Credential {
	return &Credential{
		Core: Core{
			Act: a, Attempts: 2, CaseLength: 3, Counts: Counts{1, 2, 3, 4, 5}, JudgedAsOf: "2026-11-24", Lab: LabIdentity{Contracted, "Example Lab", "Example Test House"},
			Observation: Received, Policy: samplePolicy(), ProfileCounts: &Counts{Pass: 2, NotApplicable: 1}, Release: sampleRelease(),
			Risks:  []AcceptedRisk{{Actor{Class: Operator, Name: "Example Operator", Proof: ByKey}, "4.3.2.1", "2027-06-30"}},
			Sealed: Sealed{rootOf("sealed"), 1024}, Status: StatusPlace{4711, sampleSeries}, Unobserved: 2, ValidFrom: sampleTime, ValidUntil: laterTime,
		},
		InputAttestations: []InputAttestation{{Digest{hexOf("dossier statement")}, TypeDossier}, {Digest{hexOf("verdicts")}, TypeVerdicts}},
		Policy:            VSAPolicy{Digest{hexOf("scheme")}, "probat:scheme/ts-33.117@V18.1.0"},
		ResourceURI:       "probat:release/Example%20Vendor/Router%20R1@4.2.1", SLSAVersion: "1.1", TimeVerified: sampleTime, VerificationResult: Passed,
		VerifiedLevels: []string{"PROBAT_TS_33_117_RADIO"}, Verifier: Verifier{"https://lab.example", map[string]string{"probat": "v0.3.0"}},
	}
}

func sampleRest(uri string, a Act) Predicate {
	switch uri {
	case TypeChange:
		return &Change{
			Act: a, Answer: hexOf("answer"), Credential: hexOf("credential"), Notice: hexOf("notice"), Reason: "A fixed release has a credential of its own.",
			Standing: Superseded, Successor: hexOf("later credential"),
		}
	case TypeStatus:
		zeros := "uH4sIAAAAAAAC_-zAMQEAAADCIPunNsYeGAAAAAAAAAAAAAAAAAAAAJB7AAAA__-G0lSrAEAAAA" // 16 KiB of zero bits
		return &Status{
			Act: a, Lists: []StatusList{{zeros, "revocation"}, {zeros, "suspension"}, {zeros, "refresh"}}, Sequence: 12, Series: sampleSeries, ValidUntil: laterTime,
		}
	case TypeKeyEvent:
		return &KeyEvent{
			Act: a, CutOff: sampleTime, Event: "compromised", From: "2026-01-01T00:00:00Z", Key: sampleKeyText(), Owner: Actor{Class: Lab, Name: "Example Lab", Proof: ByKey},
			Purpose: ForIssuing, Until: laterTime,
		}
	case TypeEdition:
		return &Edition{Act: a, Policy: samplePolicy(), Title: "Catalogue of general security assurance requirements"}
	case TypeAccessPolicy:
		return &AccessPolicy{Act: a, Digest: hexOf("policies"), Name: "access", Schema: hexOf("schema of policies")}
	case TypeRegister:
		return &Register{
			Act: a, Entries: []RegisterEntry{{hexOf("credential"), 10, TypeCredential}, {hexOf("status"), 12, TypeStatus}}, From: 10, Previous: hexOf("register"), To: 20,
		}
	case TypeTrust:
		return &Trust{
			Act: a, Keys: []TrustedKey{{sampleTime, "2026-01-01T00:00:00Z", sampleKeyText(), []string{TypeCredential, TypeStatus}, ForIssuing, laterTime}},
			Lab: LabIdentity{Contracted, "Example Lab", "Example Test House"}, Origin: "log.lab.example",
			Policy:   "log log.lab.example+7b1ab0d8+AQ8yZQFxWGKFDMFPDXZzJbzqBOC5Rr1r3VIYWcIcCwlj\nquorum none\n",
			Previous: hexOf("trust 1"), Version: 2, Window: 86400, Witnesses: []TrustedWitness{{"witness.operator.example", "Example Operator"}},
		}
	case TypeCycloneDX:
		return &Document{TypeCycloneDX, json.RawMessage(`{"bomFormat":"CycloneDX","components":[{"name":"busybox","type":"application","version":"1.36.1"}],"specVersion":"1.6","version":1}`)}
	case TypeOpenVEX:
		return &Document{TypeOpenVEX, json.RawMessage(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://lab.example/vex/1","author":"Example Vendor","statements":[{"products":[{"@id":"pkg:generic/router@4.2.1"}],"status":"not_affected","vulnerability":{"name":"CVE-2026-0001"}}],"timestamp":"2026-11-24T13:00:00Z","version":1}`)}
	}
	panic("no sample of " + uri)
}

// uris are the predicate types in the order of their names.
func uris() []string {
	return slices.SortedFunc(maps.Keys(names), func(a, b string) int {
		switch {
		case names[a] < names[b]:
			return -1
		case names[a] > names[b]:
			return 1
		}
		return 0
	})
}

// payloadOf returns the payload of the sample of a predicate type.
func payloadOf(t testing.TB, uri string) []byte {
	t.Helper()
	b, err := sample(uri).Bytes()
	if err != nil {
		t.Fatalf("%s: %v", uri, err)
	}
	return b
}

// signed returns the envelope of a payload by the published test key. RFC 6979 makes the same signature each time.
func signed(t testing.TB, payload []byte) *Envelope {
	t.Helper()
	key := testKey(t)
	e := &Envelope{Payload: payload}
	id := e.ID()
	sig, err := key.Sign(nil, id[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := MarshalKey(&key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	e.KeyID, e.Signature = KeyID(spki), sig
	return e
}

// testKey reads the key that signed the vectors. Everybody has it.
func testKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	data, err := os.ReadFile(vectors + "/test-key.pem")
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(data)
	if block == nil {
		t.Fatal("test-key.pem is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key.(*ecdsa.PrivateKey)
}

// randomKey makes a key that nobody has.
func randomKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func textOf(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

// padded returns an envelope whose payload and signature both end with padding in base64.
func padded(t testing.TB) *Envelope {
	t.Helper()
	for _, uri := range uris() {
		e := signed(t, payloadOf(t, uri))
		if len(e.Payload)%3 != 0 && len(e.Signature)%3 != 0 {
			return e
		}
	}
	t.Fatal("no sample has padding twice")
	return nil
}
