package statement

import (
	"reflect"
	"strings"
)

// flaw makes one field of a sample wrong.
type flaw struct {
	uri, name, want string
	make            func(Predicate)
}

func wrong[P Predicate](name, want string, change func(P)) flaw {
	uri := TypeOpenVEX
	if t := reflect.TypeFor[P](); t != reflect.TypeFor[*Document]() {
		uri = reflect.New(t.Elem()).Interface().(Predicate).TypeURI()
	}
	return flaw{uri, name, want, func(p Predicate) { change(p.(P)) }}
}

// actFlaws are what can be wrong with any act; they are tried on every predicate.
func actFlaws() map[string]func(*Act) {
	return map[string]func(*Act){
		"hexadecimal digits: case short":    func(a *Act) { a.Case = a.Case[1:] },
		"hexadecimal digits: case upper":    func(a *Act) { a.Case = strings.ToUpper(a.Case) },
		"hexadecimal digits: case with end": func(a *Act) { a.Case += "\n" },
		"sequence: no case":                 func(a *Act) { a.Case = "" },
		"sequence: no number":               func(a *Act) { a.CaseSeq = 0; a.PrevInCase = "" },
		"sequence: negative":                func(a *Act) { a.CaseSeq = -1; a.PrevInCase = "" },
		"sequence: negative, no case":       func(a *Act) { a.Case, a.CaseSeq, a.PrevInCase = "", -1, "" },
		"the one before: first":             func(a *Act) { a.CaseSeq = 1 },
		"the one before: missing":           func(a *Act) { a.PrevInCase = "" },
		"the one before: no case":           func(a *Act) { a.Case, a.CaseSeq = "", 0 },
		"hexadecimal digits: before":        func(a *Act) { a.PrevInCase = strings.ToUpper(a.PrevInCase) },
		"class: other":                      func(a *Act) { a.Actor.Class = "customer" },
		"class: none":                       func(a *Act) { a.Actor.Class = "" },
		"proof: other":                      func(a *Act) { a.Actor.Proof = "password" },
		"actor: long":                       func(a *Act) { a.Actor.Name = strings.Repeat("x", maxLine+1) },
		"actor: two lines":                  func(a *Act) { a.Actor.Name = "a\nb" },
		"person: two lines":                 func(a *Act) { a.Actor.Person = "a\nb" },
		"nonce: none":                       func(a *Act) { a.Nonce = "" },
		"nonce: 33 bytes":                   func(a *Act) { a.Nonce = textOf(make([]byte, 33)) },
		"nonce: url":                        func(a *Act) { a.Nonce = "_" + a.Nonce[1:] },
		"time: none":                        func(a *Act) { a.Time = "" },
		"time: date":                        func(a *Act) { a.Time = "2026-11-24" },
		"time: before 2000":                 func(a *Act) { a.Time = "1999-12-31T23:59:59Z" },
		"time: year of five digits":         func(a *Act) { a.Time = "20260-01-01T00:00:00Z" },
		"key has: long":                     func(a *Act) { a.IdempotencyKey = strings.Repeat("x", 201) },
		"idempotency: control":              func(a *Act) { a.IdempotencyKey = "a\x00" },
		"head: root short":                  func(a *Act) { a.AsOf.Root = textOf(make([]byte, 31)) },
		"head: root bits":                   func(a *Act) { a.AsOf.Root = lastBit(a.AsOf.Root) },
		"head: size":                        func(a *Act) { a.AsOf.Size = -1 },
		"head's time: no time":              func(a *Act) { a.AsOf.Time = "now" },
	}
}

func flaws() []flaw {
	upper, no := strings.ToUpper(hexOf("a")), "none of"
	short := textOf(make([]byte, 31))
	return []flaw{
		wrong("attempt", "attempt", func(p *Submission) { p.Attempt = 0 }),
		wrong("declaration", "hexadecimal", func(p *Submission) { p.Declaration = upper }),
		wrong("policy digest", "hexadecimal", func(p *Submission) { p.Policy.Digest = "" }),
		wrong("scheme", "scheme", func(p *Submission) { p.Policy.Scheme = "" }),
		wrong("edition", "edition", func(p *Submission) { p.Policy.Edition = "" }),
		wrong("profile", "profile", func(p *Submission) { p.Policy.Profile = "a\nb" }),
		wrong("kind", "kind", func(p *Submission) { p.Release.Kind = "a\nb" }),
		wrong("period", "period", func(p *Submission) { p.Release.Period = "a\nb" }),
		wrong("product", "product", func(p *Submission) { p.Release.Product = "a\nb" }),
		wrong("vendor", "vendor", func(p *Submission) { p.Release.Vendor = strings.Repeat("v", maxLine+1) }),
		wrong("version", "version", func(p *Submission) { p.Release.Version = "\u2028" }),

		wrong("go", "go", func(p *Dossier) { p.Build.Go = "" }),
		wrong("platform", "platform", func(p *Dossier) { p.Build.Platform = "" }),
		wrong("version", "version", func(p *Dossier) { p.Build.Version = "" }),
		wrong("dossier", "hexadecimal", func(p *Dossier) { p.Dossier = upper }),
		wrong("date", "no date", func(p *Dossier) { p.JudgedAsOf = "2026-02-30" }),
		wrong("date with time", "no date", func(p *Dossier) { p.JudgedAsOf = sampleTime }),
		wrong("observation", no, func(p *Dossier) { p.Observation = "heard" }),
		wrong("predecessor", "hexadecimal", func(p *Dossier) { p.Predecessor = "x" }),

		wrong("fail", "counts", func(p *Verdicts) { p.Counts.Fail = -1 }),
		wrong("inconclusive", "counts", func(p *Verdicts) { p.Counts.Inconclusive = -1 }),
		wrong("not applicable", "counts", func(p *Verdicts) { p.Counts.NotApplicable = -1 }),
		wrong("not assessed", "counts", func(p *Verdicts) { p.Counts.NotAssessed = -1 }),
		wrong("pass", "counts", func(p *Verdicts) { p.Counts.Pass = 1<<20 + 1 }),
		wrong("dossier", "hexadecimal", func(p *Verdicts) { p.Dossier = "" }),
		wrong("policy", "edition", func(p *Verdicts) { p.Policy.Edition = "" }),
		wrong("profile without counts", "profile", func(p *Verdicts) { p.ProfileCounts = nil }),
		wrong("counts without profile", "profile", func(p *Verdicts) { p.Policy.Profile = "" }),
		wrong("profile's counts", "counts", func(p *Verdicts) { p.ProfileCounts.Fail = -1 }),
		wrong("root", "sealed", func(p *Verdicts) { p.Sealed.Root = short }),
		wrong("root's bits", "sealed", func(p *Verdicts) { p.Sealed.Root = lastBit(p.Sealed.Root) }),
		wrong("root's break", "sealed", func(p *Verdicts) { p.Sealed.Root = "\n" + p.Sealed.Root }),
		wrong("size", "sealed", func(p *Verdicts) { p.Sealed.Size = 1023 }),
		wrong("no size", "sealed", func(p *Verdicts) { p.Sealed.Size = 0 }),

		wrong("cites", "cites", func(p *Judgement) { p.Cites[1] = upper }),
		wrong("countersigns", "hexadecimal", func(p *Judgement) { p.Countersigns = "x" }),
		wrong("policy", "edition", func(p *Judgement) { p.Policy.Edition = "" }),
		wrong("reason", "reason", func(p *Judgement) { p.Reason = "" }),
		wrong("long reason", "reason", func(p *Judgement) { p.Reason = strings.Repeat("x", maxText+1) }),
		wrong("requirement", "requirement", func(p *Judgement) { p.Requirement = "" }),
		wrong("verdict", no, func(p *Judgement) { p.Verdict = "not-applicable" }),

		wrong("fingerprint", "hexadecimal", func(p *Risk) { p.Fingerprint = upper }),
		wrong("policy", "edition", func(p *Risk) { p.Policy.Edition = "" }),
		wrong("reason", "reason", func(p *Risk) { p.Reason = "a\tb" }),
		wrong("requirement", "requirement", func(p *Risk) { p.Requirement = "" }),
		wrong("until", "no date", func(p *Risk) { p.Until = "" }),

		wrong("index", "leaf", func(p *Disclosure) { p.Index = -1 }),
		wrong("index beyond", "leaf", func(p *Disclosure) { p.Index = p.Sealed.Size }),
		wrong("leaf", "sealed", func(p *Disclosure) { p.Leaf = short }),
		wrong("of", "hexadecimal", func(p *Disclosure) { p.Of = "" }),
		wrong("publicOn", "no date", func(p *Disclosure) { p.PublicOn = "soon" }),
		wrong("sealed", "sealed", func(p *Disclosure) { p.Sealed.Root = short }),
		wrong("to", "to", func(p *Disclosure) { p.To = "a\nb" }),

		wrong("event", no, func(p *Access) { p.Event = "looked" }),
		wrong("from", "from", func(p *Access) { p.From = "2026-11-24" }),
		wrong("level", no, func(p *Access) { p.Level = "" }),
		wrong("reason", "reason", func(p *Access) { p.Reason = "\x7f" }),
		wrong("to", "actor", func(p *Access) { p.To.Name = "" }),
		wrong("until", "until", func(p *Access) { p.Until = "2026-11-24" }),
		wrong("until before from", "no later", func(p *Access) { p.Until = p.From }),
		wrong("grant of before", no, func(p *Access) { p.Event = "granted" }),
		wrong("elevated without reason", "reason", func(p *Access) { p.Reason = "" }),
		wrong("unmasked without reason", "reason", func(p *Access) { p.Event, p.Reason = "unmasked", "" }),
		wrong("elevated for ever", "without until", func(p *Access) { p.Until = "" }),

		wrong("answerBy", "answerBy", func(p *Notice) { p.AnswerBy = "2026-11-24" }),
		wrong("credential", "hexadecimal", func(p *Notice) { p.Credential = "" }),
		wrong("reason", "reason", func(p *Notice) { p.Reason = "" }),

		wrong("notice", "hexadecimal", func(p *Answer) { p.Notice = "" }),
		wrong("position", no, func(p *Answer) { p.Position = "agree" }),
		wrong("text", "text", func(p *Answer) { p.Text = "" }),

		wrong("nothing", "nothing", func(p *Erasure) { p.Erased = []string{} }),
		wrong("erased", "erased", func(p *Erasure) { p.Erased[1] = upper }),
		wrong("reason", "reason", func(p *Erasure) { p.Reason = "" }),
	}
}

func publicFlaws() []flaw {
	no := "none of"
	return []flaw{
		wrong("time", "timeVerified", func(p *Credential) { p.TimeVerified = laterTime }),
		wrong("policies", "policy", func(p *Credential) { p.Policy.Digest.SHA256 = hexOf("another scheme") }),
		wrong("result", "counts say", func(p *Credential) { p.VerificationResult = Failed }),
		wrong("result of the scheme", "counts say", func(p *Credential) { p.Core.ProfileCounts, p.Core.Policy.Profile = nil, "" }),
		wrong("result in words", "counts say", func(p *Credential) { p.VerificationResult = "passed" }),
		wrong("nothing passes", "counts say", func(p *Credential) { p.Core.ProfileCounts.Pass = 0 }),
		wrong("inconclusive passes", "counts say", func(p *Credential) { p.Core.ProfileCounts.Inconclusive = 1 }),
		wrong("not assessed passes", "counts say", func(p *Credential) { p.Core.ProfileCounts.NotAssessed = 1 }),
		wrong("attempts", "attempts", func(p *Credential) { p.Core.Attempts = 0 }),
		wrong("length", "attempts", func(p *Credential) { p.Core.CaseLength = 2 }),
		wrong("no case", "attempts", func(p *Credential) {
			p.Core.Act.Case, p.Core.Act.CaseSeq, p.Core.Act.PrevInCase, p.Core.CaseLength = "", 0, "", 0
		}),
		wrong("unobserved", "attempts", func(p *Credential) { p.Core.Unobserved = -1 }),
		wrong("index", "attempts", func(p *Credential) { p.Core.Status.Index = -1 }),
		wrong("series", "series", func(p *Credential) { p.Core.Status.Series = "1" }),
		wrong("inputs", "inputs", func(p *Credential) { p.InputAttestations = []InputAttestation{} }),
		wrong("input", "hexadecimal", func(p *Credential) { p.InputAttestations[1].Digest.SHA256 = "" }),
		wrong("input's type", "uri of an input", func(p *Credential) { p.InputAttestations[1].URI = "" }),
		wrong("policy's uri", "uri of the policy", func(p *Credential) { p.Policy.URI = "" }),
		wrong("resource", "resourceUri", func(p *Credential) { p.ResourceURI = "" }),
		wrong("version of SLSA", "slsaVersion", func(p *Credential) { p.SLSAVersion = "" }),
		wrong("level", "level", func(p *Credential) { p.VerifiedLevels[0] = "" }),
		wrong("verifier", "id of the verifier", func(p *Credential) { p.Verifier.ID = "" }),
		wrong("part", "part of the verifier", func(p *Credential) { p.Verifier.Version[""] = "1" }),
		wrong("part's version", "version of the verifier", func(p *Credential) { p.Verifier.Version["probat"] = "" }),
		wrong("part not ASCII", "ASCII", func(p *Credential) { p.Verifier.Version["\uff5e"], p.Verifier.Version["😀"] = "1", "2" }),
		wrong("counts", "counts", func(p *Credential) { p.Core.Counts.Pass = -1 }),
		wrong("profile's counts", "counts", func(p *Credential) { p.Core.ProfileCounts.NotApplicable = -1 }),
		wrong("profile", "profile", func(p *Credential) { p.Core.Policy.Profile = "" }),
		wrong("policy", "edition", func(p *Credential) { p.Core.Policy.Edition = "" }),
		wrong("release", "vendor", func(p *Credential) { p.Core.Release.Vendor = "a\nb" }),
		wrong("lab", "name", func(p *Credential) { p.Core.Lab.Name = "" }),
		wrong("operator", "operator", func(p *Credential) { p.Core.Lab.Operator = "" }),
		wrong("independence", no, func(p *Credential) { p.Core.Lab.Independence = "very" }),
		wrong("sealed", "sealed", func(p *Credential) { p.Core.Sealed.Size = 3 }),
		wrong("judged", "judgedAsOf", func(p *Credential) { p.Core.JudgedAsOf = "" }),
		wrong("from", "validFrom", func(p *Credential) { p.Core.ValidFrom = "" }),
		wrong("until", "validUntil", func(p *Credential) { p.Core.ValidUntil = "2027-11-24" }),
		wrong("observation", no, func(p *Credential) { p.Core.Observation = "" }),
		wrong("risk's party", "proof", func(p *Credential) { p.Core.Risks[0].By.Proof = "" }),
		wrong("risk's requirement", "requirement", func(p *Credential) { p.Core.Risks[0].Requirement = "" }),
		wrong("risk's end", "no date", func(p *Credential) { p.Core.Risks[0].Until = laterTime }),

		wrong("answer", "hexadecimal", func(p *Change) { p.Answer = "x" }),
		wrong("credential", "hexadecimal", func(p *Change) { p.Credential = "" }),
		wrong("notice", "hexadecimal", func(p *Change) { p.Notice = "x" }),
		wrong("revoked without notice", "without notice", func(p *Change) { p.Standing, p.Successor, p.Notice = Revoked, "", "" }),
		wrong("reason", "reason", func(p *Change) { p.Reason = "" }),
		wrong("standing", no, func(p *Change) { p.Standing, p.Successor = "valid", "" }),
		wrong("successor", "hexadecimal", func(p *Change) { p.Successor = "x" }),
		wrong("no successor", "successor", func(p *Change) { p.Successor = "" }),
		wrong("successor of what is suspended", "successor", func(p *Change) { p.Standing = Suspended }),

		wrong("one list", "purposes", func(p *Status) { p.Lists = p.Lists[:1] }),
		wrong("four lists", "purposes", func(p *Status) { p.Lists = append(p.Lists, p.Lists[0]) }),
		wrong("order", "is for", func(p *Status) { p.Lists[0], p.Lists[1] = p.Lists[1], p.Lists[0] }),
		wrong("alphabet", "base64url", func(p *Status) { p.Lists[2].EncodedList = "z" + p.Lists[2].EncodedList[1:] }),
		wrong("padding", "base64url", func(p *Status) { p.Lists[0].EncodedList = "uAA==" }),
		wrong("bits", "base64url", func(p *Status) { p.Lists[0].EncodedList = "uAB" }),
		wrong("break", "base64url", func(p *Status) { p.Lists[0].EncodedList += "\n" }),
		wrong("empty", "base64url", func(p *Status) { p.Lists[0].EncodedList = "u" }),
		wrong("sequence", "sequence", func(p *Status) { p.Sequence = 0 }),
		wrong("series", "series", func(p *Status) { p.Series = strings.ToUpper(p.Series) }),
		wrong("until", "validUntil", func(p *Status) { p.ValidUntil = "" }),

		wrong("cut-off", "cutOff", func(p *KeyEvent) { p.CutOff = "2026-11-24" }),
		wrong("no cut-off", "cut-off", func(p *KeyEvent) { p.CutOff = "" }),
		wrong("cut-off of a new key", "cut-off", func(p *KeyEvent) { p.Event = "added" }),
		wrong("event", no, func(p *KeyEvent) { p.Event, p.CutOff = "lost", "" }),
		wrong("from", "from", func(p *KeyEvent) { p.From = "2026-11-24" }),
		wrong("until", "until", func(p *KeyEvent) { p.Until = "2026-11-24" }),
		wrong("key", "base64", func(p *KeyEvent) { p.Key = lastBit(p.Key) }),
		wrong("log's key", "key", func(p *KeyEvent) { p.Purpose, p.Key = ForLog, "a\nb" }),
		wrong("owner", "actor", func(p *KeyEvent) { p.Owner.Name = "" }),
		wrong("vendor's key", "public register", func(p *KeyEvent) { p.Owner.Class = Vendor }),
		wrong("purpose", no, func(p *KeyEvent) { p.Purpose = "any" }),

		wrong("digest", "hexadecimal", func(p *AccessPolicy) { p.Digest = "" }),
		wrong("name", "name", func(p *AccessPolicy) { p.Name = "a\nb" }),
		wrong("schema", "hexadecimal", func(p *AccessPolicy) { p.Schema = strings.ToUpper(p.Schema) }),

		wrong("policy", "edition", func(p *Edition) { p.Policy.Edition = "" }),
		wrong("title", "title", func(p *Edition) { p.Title = "" }),

		wrong("entry", "hexadecimal", func(p *Register) { p.Entries[0].ID = "" }),
		wrong("before", "entry", func(p *Register) { p.Entries[0].Index = 9 }),
		wrong("twice", "entry", func(p *Register) { p.Entries[1].Index = 10 }),
		wrong("beyond", "entry", func(p *Register) { p.Entries[1].Index = 20 }),
		wrong("sealed type", "entry", func(p *Register) { p.Entries[0].Type = TypeRisk }),
		wrong("unknown type", "entry", func(p *Register) { p.Entries[0].Type = "x" }),
		wrong("from", "register from", func(p *Register) { p.From = -1 }),
		wrong("backwards", "register from", func(p *Register) { p.From, p.To, p.Entries = 21, 20, []RegisterEntry{} }),
		wrong("previous", "hexadecimal", func(p *Register) { p.Previous = "x" }),

		wrong("version", "version", func(p *Trust) { p.Version = 0 }),
		wrong("no version", "version", func(p *Trust) { p.Version, p.Previous = 0, "" }),
		wrong("first with previous", "version", func(p *Trust) { p.Version = 1 }),
		wrong("second without", "version", func(p *Trust) { p.Previous = "" }),
		wrong("previous", "hexadecimal", func(p *Trust) { p.Previous = "x" }),
		wrong("window", "window", func(p *Trust) { p.Window = 0 }),
		wrong("long window", "window", func(p *Trust) { p.Window = 366*86400 + 1 }),
		wrong("twice", "twice", func(p *Trust) { p.Keys = append(p.Keys, p.Keys[0]) }),
		wrong("key", "base64", func(p *Trust) { p.Keys[0].Key = lastBit(p.Keys[0].Key) }),
		wrong("key twice, with a break", "base64", func(p *Trust) { p.Keys = append(p.Keys, p.Keys[0]); p.Keys[1].Key += "\n" }),
		wrong("no key", "reading a key", func(p *Trust) { p.Keys[0].Key = "AAAA" }),
		wrong("cut-off", "cutOff", func(p *Trust) { p.Keys[0].CutOff = "x" }),
		wrong("from", "from", func(p *Trust) { p.Keys[0].From = "" }),
		wrong("until", "until", func(p *Trust) { p.Keys[0].Until = "" }),
		wrong("predicate", "not known", func(p *Trust) { p.Keys[0].Predicates[0] = TypePrefix + "credential/v2" }),
		wrong("root for daily use", no, func(p *Trust) { p.Keys[0].Purpose = ForRoot }),
		wrong("log", no, func(p *Trust) { p.Keys[0].Purpose = ForLog }),
		wrong("lab", "operator", func(p *Trust) { p.Lab.Operator = "" }),
		wrong("origin", "origin", func(p *Trust) { p.Origin = "" }),
		wrong("no policy", "policy", func(p *Trust) { p.Policy = "" }),
		wrong("long policy", "policy", func(p *Trust) { p.Policy = strings.Repeat("x", 128<<10+1) }),
		wrong("policy's lines", "policy", func(p *Trust) { p.Policy = "quorum none\r\n" }),
		wrong("witness", "witness", func(p *Trust) { p.Witnesses[0].Name = "" }),
		wrong("organisation", "organisation", func(p *Trust) { p.Witnesses[0].Organisation = "" }),

		wrong("spaces", differs, func(p *Document) { p.Content = []byte(`{ }`) }),
		wrong("list", "not an object", func(p *Document) { p.Content = []byte(`[]`) }),
		wrong("nothing", "not an object", func(p *Document) { p.Content = nil }),
		wrong("two", "nothing follows", func(p *Document) { p.Content = []byte(`{}{}`) }),
		wrong("the rest of a statement", "after the predicate", func(p *Document) {
			p.Content = []byte(`{},"predicateType":"` + TypeTrust + `","subject":[{"digest":{"sha256":"` + hexOf("x") + `"},"name":"x"}]}`)
		}),
	}
}
