package statement

// Patterns are of what ECMA 262, RE2 and Python have in common. They leave out what cannot be shown in the basic plane.
const (
	unseenRest = "\x7f-\u00a0\u00ad\u0600-\u0605\u061c\u06dd\u070f\u1680\u180e\u2000-\u200f\u2028-\u202f\u205f-\u206f\u3000\ue000-\uf8ff\ufeff\ufff9-\ufffb"
	noLine     = "\x00-\x1f" + unseenRest
	noFile     = `/\\` + noLine
	noText     = "\x00-\x09\x0b-\x1f" + unseenRest
	noPolicy   = "\x00-\x08\x0b-\x1f" + unseenRest
	quad       = `[A-Za-z0-9+/]{4}`
	base64Any  = `^(` + quad + `)*(` + quad + `|[A-Za-z0-9+/]{2}` + base64Two + `=|[A-Za-z0-9+/][AQgw]==)$`
	dayFormat  = `[2-9][0-9]{3}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])`
	base64Two  = `[AEIMQUYcgkosw048]`

	keyIDFormat = `^SHA256:[A-Za-z0-9+/]{42}` + base64Two + `$`
)

// scalars are the sorts of text, in $defs of common.schema.json.
var scalars = map[string]object{
	"sha256":     {"description": "SHA-256 as hexadecimal digits in lower case.", "pattern": `^[0-9a-f]{64}$`},
	"hash":       {"description": "32 bytes in base64 with padding.", "pattern": `^[A-Za-z0-9+/]{42}` + base64Two + `=$`},
	"number":     {"description": "16 bytes as hexadecimal digits in lower case.", "pattern": `^[0-9a-f]{32}$`},
	"time":       {"description": "RFC 3339, UTC, whole seconds.", "pattern": `^` + dayFormat + `T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]Z$`},
	"date":       {"description": "YYYY-MM-DD.", "pattern": `^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$`},
	"line":       {"description": "One line that can be shown, of at most 512 bytes in UTF-8.", "pattern": `^[^` + noLine + `]+$`, "maxLength": maxLine},
	"text":       {"description": "Lines that can be shown, of at most 8192 bytes in UTF-8.", "pattern": `^[^` + noText + `]+$`, "maxLength": maxText},
	"tlogPolicy": {"description": "A policy of C2SP tlog-policy.", "pattern": `^[^` + noPolicy + `]+$`, "maxLength": 128 << 10},
	"key":        {"description": "SubjectPublicKeyInfo of a key on P-256, uncompressed, in base64 with padding.", "pattern": `^MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE[A-Za-z0-9+/]{85}[AQgw]==$`},
	"bits":       {"description": "u, then base64url without padding.", "pattern": `^u([A-Za-z0-9_-]{4})*([A-Za-z0-9_-]{4}|[A-Za-z0-9_-]{2}` + base64Two + `|[A-Za-z0-9_-][AQgw])$`},
	"short":      {"description": "One line that can be shown, of at most 200 bytes in UTF-8.", "pattern": `^[^` + noLine + `]+$`, "maxLength": 200},
	"keyid":      {"description": "The name of a key: the fingerprint that OpenSSH shows of it.", "pattern": keyIDFormat},
	"file":       {"description": "The name of a file without folders: a line without / and \\, and neither . nor .. itself.", "pattern": `^(\.*[^.` + noFile + `][^` + noFile + `]*|\.{3,})$`, "maxLength": maxLine},
	"predicate":  {"description": "A predicate type."},
}

// sorts say which sort of text a field is, where it is not a line.
var sorts = map[string]string{
	"Act.Case": "number", "Act.IdempotencyKey": "short", "Act.Nonce": "hash", "Act.PrevInCase": "sha256", "Act.Time": "time", "Head.Root": "hash", "Head.Time": "time", "Digest.SHA256": "sha256",
	"Policy.Digest": "sha256", "Submission.Declaration": "sha256", "Dossier.Dossier": "sha256", "Dossier.JudgedAsOf": "date", "Dossier.Predecessor": "sha256", "Sealed.Root": "hash",
	"Verdicts.Dossier": "sha256", "Judgement.Cites": "sha256", "Judgement.Countersigns": "sha256", "Judgement.Reason": "text", "Risk.Fingerprint": "sha256", "Risk.Reason": "text",
	"Risk.Until": "date", "Disclosure.Leaf": "hash", "Disclosure.Of": "sha256", "Disclosure.PublicOn": "date", "Access.From": "time", "Access.Reason": "text", "Access.Until": "time",
	"Notice.AnswerBy": "time", "Notice.Credential": "sha256", "Notice.Reason": "text", "Answer.Notice": "sha256", "Answer.Text": "text", "Erasure.Erased": "sha256",
	"Erasure.Reason": "text", "Credential.TimeVerified": "time", "Core.JudgedAsOf": "date", "Core.ValidFrom": "time", "Core.ValidUntil": "time", "AcceptedRisk.Until": "date",
	"StatusPlace.Series": "number", "Change.Answer": "sha256", "Change.Credential": "sha256", "Change.Notice": "sha256", "Change.Reason": "text", "Change.Successor": "sha256",
	"Status.Series": "number", "Status.ValidUntil": "time", "StatusList.EncodedList": "bits", "KeyEvent.CutOff": "time", "KeyEvent.From": "time", "KeyEvent.Until": "time",
	"RegisterEntry.ID": "sha256", "RegisterEntry.Type": "predicate", "Register.Previous": "sha256", "Trust.Policy": "tlogPolicy", "Trust.Previous": "sha256", "TrustedKey.CutOff": "time",
	"TrustedKey.From": "time", "TrustedKey.Key": "key", "TrustedKey.Predicates": "predicate", "TrustedKey.Until": "time",
	"Receipt.Assertion": "sha256", "Receipt.KeyID": "keyid", "Receipt.Of": "sha256", "Intent.Declaration": "sha256", "Intent.Embargo": "date", "Withdrawal.Of": "sha256",
	"Withdrawal.Reason": "text", "PartyKey.From": "time", "PartyKey.Key": "key", "PartyKey.Until": "time", "Grant.From": "time", "Grant.Of": "sha256", "Grant.Reason": "text",
	"Grant.Until": "time", "Message.InReplyTo": "sha256", "Message.Text": "text", "Attachment.Digest": "sha256", "Attachment.Name": "file", "Thread.Fingerprint": "sha256",
	"Thread.Release": "number", "Agreement.Dossier": "sha256", "AccessPolicy.Digest": "sha256", "AccessPolicy.Schema": "sha256",
}

// words are the values of what has few, by field or by type.
var words = map[string][]string{
	"Class": {"vendor", "lab", "operator", "regulator"}, "Proof": {"key", "webauthn", "attested"}, "Observation": {"this-lab", "received"}, "Independence": {"self", "contracted", "independent"},
	"Standing": {"suspended", "reinstated", "revoked", "superseded"}, "Purpose": {"root", "issuing", "ledger", "log"}, "TrustedKey.Purpose": {"issuing", "ledger"},
	"Judgement.Verdict": {"pass", "fail", "inconclusive"}, "Access.Event": {"assigned", "unassigned", "elevated", "ended", "used", "unmasked"}, "Access.Level": {"summary", "verdict", "evidence", "source"},
	"Answer.Position": {"agrees", "disputes"}, "Credential.VerificationResult": {"PASSED", "FAILED"}, "KeyEvent.Event": {"added", "retired", "compromised"},
	"StatusList.Purpose": {"revocation", "suspension", "refresh"}, "SignedBy": {"key", "webauthn", "lab"}, "PartyKey.Event": {"registered", "ended"},
	"Grant.Event": {"given", "withdrawn"}, "Grant.Level": {"summary", "verdict", "evidence", "source"}, "Grant.Scope": {"product", "release"},
	"Message.Position": {"asks", "accepts", "disputes", "plans-fix", "answers", "notes"}, "Agreement.Event": {"agreed", "withdrawn"},
}

// least and most of integers, and of elements of lists, where it is not zero and all.
var bounds = map[string][2]int64{
	"Act.CaseSeq": {1, maxInteger}, "Submission.Attempt": {1, maxInteger}, "Sealed.Size": {1, maxInteger}, "Core.Attempts": {1, maxInteger}, "Core.CaseLength": {1, maxInteger},
	"Status.Sequence": {1, maxInteger}, "Trust.Version": {1, maxInteger}, "Trust.Window": {1, 366 * 86400}, "Counts.Fail": {0, 1 << 20}, "Counts.Inconclusive": {0, 1 << 20},
	"Counts.NotApplicable": {0, 1 << 20}, "Counts.NotAssessed": {0, 1 << 20}, "Counts.Pass": {0, 1 << 20},
	"Erasure.Erased": {1, 0}, "Credential.InputAttestations": {1, 0}, "Status.Lists": {3, 3},
	"Intent.Schemes": {1, maxSchemes}, "Message.Audience": {1, maxAudience}, "Message.Attachments": {1, maxAttachments},
}

// rules are what binds fields of one object to each other. What binds fields of several is beyond these schemas: doc/format.md has it.
var rules = map[string]object{
	"Act":       {"dependentRequired": object{"case": []any{"caseSeq"}, "caseSeq": []any{"case"}, "prevInCase": []any{"caseSeq"}}},
	"Access":    {"allOf": []any{then("event", "elevated", object{"required": []any{"reason", "until"}}), then("event", "unmasked", object{"required": []any{"reason"}})}},
	"Agreement": {"allOf": []any{object{"properties": object{"act": object{"properties": object{"actor": object{"properties": object{"class": object{"const": "lab"}}, "required": []any{"person"}}}}}}}},
	"Grant": {"allOf": []any{
		onlyWith("event", "withdrawn", "of"), then("event", "withdrawn", object{"properties": object{"until": false}}),
		then("scope", "product", object{"properties": object{"release": object{"required": []any{"product"}, "properties": object{"version": false, "period": false}}}}),
	}},
	"Message":  {"dependentSchemas": object{"fixIn": object{"required": []any{"position"}, "properties": object{"position": object{"const": "plans-fix"}}}}},
	"PartyKey": {"allOf": []any{onlyWith("event", "registered", "from"), then("event", "ended", object{"required": []any{"until"}})}},
	"Receipt": {"allOf": []any{
		onlyWith("signedBy", "key", "keyid"), onlyWith("signedBy", "webauthn", "assertion"),
		then("signedBy", "key", proofOf("key")), then("signedBy", "webauthn", proofOf("webauthn")), then("signedBy", "lab", proofOf("attested")),
	}},
	"Change": {"allOf": []any{onlyWith("standing", "superseded", "successor"), then("standing", "revoked", object{"required": []any{"notice"}})}},
	"KeyEvent": {"allOf": []any{
		onlyWith("event", "compromised", "cutOff"),
		object{"if": is("purpose", "log"), "else": object{"properties": object{"key": ref("key")}}},
		object{"properties": object{"owner": is("class", "lab")}},
	}},
	"Verdicts": {"allOf": []any{object{
		"if":   object{"properties": object{"policy": object{"required": []any{"profile"}}}},
		"then": object{"required": []any{"profileCounts"}}, "else": object{"properties": object{"profileCounts": false}},
	}}},
}

func is(member, value string) object {
	return object{"properties": object{member: object{"const": value}}}
}

// then demands something where a member has a value.
func then(member, value string, demand object) object {
	return object{"if": is(member, value), "then": demand}
}

func proofOf(proof string) object { return object{"properties": object{"party": is("proof", proof)}} }

// onlyWith demands a member where another has a value, and forbids it elsewhere.
func onlyWith(member, value, other string) object {
	return object{"if": is(member, value), "then": object{"required": []any{other}}, "else": object{"properties": object{other: false}}}
}

func ref(name string) object { return object{"$ref": "common.schema.json#/$defs/" + name} }

// shared are the types that have their place in common.schema.json.
var shared = map[string]bool{
	"Act": true, "Actor": true, "Head": true, "Policy": true, "Release": true, "Counts": true, "Sealed": true, "LabIdentity": true, "Digest": true,
	"Party": true,
}
