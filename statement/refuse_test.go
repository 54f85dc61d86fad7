package statement

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// refusal is one thing that must be refused. The list is also published, for other implementations.
type refusal struct {
	kind   string // envelope, payload, signature or key: what reads it
	name   string
	reason string
	data   []byte
	want   string // what the error says
	schema bool   // a JSON Schema can see it too
	big    bool   // too large to be published
}

// swap replaces one piece of text.
func swap(t testing.TB, data []byte, from, to string) []byte {
	t.Helper()
	if bytes.Count(data, []byte(from)) < 1 {
		t.Fatalf("%q does not stand in %s", from, data)
	}
	return bytes.Replace(data, []byte(from), []byte(to), 1)
}

// change is a replacement in a sample.
type change struct{ name, reason, from, to, want string }

// differs is what the comparison with the one encoding says.
const differs = "it differs from byte"

// unseen are payloads whose values are as they should be: only their bytes are not.
func unseen(t testing.TB) map[string][]change {
	t.Helper()
	return map[string][]change{
		TypeSubmission: {
			{"duplicate", "a member stands twice", `"attempt":2`, `"attempt":2,"attempt":2`, differs},
			{"duplicate-first-wins", "a member stands twice with two values", `"attempt":2`, `"attempt":3,"attempt":2`, differs},
			{"duplicate-escaped", "a member stands twice, once with an escape in its name", `"attempt":2`, `"attempt":2,"\u0061ttempt":2`, differs},
			{"duplicate-predicate-type", "predicateType stands twice", `"predicateType":`, `"predicateType":"` + TypeSubmission + `","predicateType":`, differs},
			{"duplicate-type", "_type stands twice", `{"_type":"` + Type + `"`, `{"_type":"` + Type + `","_type":"` + Type + `"`, "does not begin"},
			{"duplicate-subject", "subject stands twice", `"subject":`, `"subject":[],"subject":`, differs},
			{"order-inside", "members are not in the order of their names", `"attempt":2,"declaration":"` + hexOf("declaration") + `"`, `"declaration":"` + hexOf("declaration") + `","attempt":2`, differs},
			{"order-subject", "members of a subject are not in the order of their names", `{"digest":{"sha256":"` + hexOf("image") + `"},"name":"router-4.2.1.img"}`, `{"name":"router-4.2.1.img","digest":{"sha256":"` + hexOf("image") + `"}}`, differs},
			{"space-after-colon", "white space", `"attempt":2`, `"attempt": 2`, differs},
			{"space-in-subject", "white space", `"subject":[`, `"subject":[ `, differs},
			{"space-before-predicate", "white space", `"predicate":{`, `"predicate": {`, "not an object"},
			{"space-after-predicate", "white space", `,"predicateType"`, ` ,"predicateType"`, "nothing follows"},
			{"line-break", "white space", `"attempt":2,`, "\"attempt\":2,\n", differs},
			{"fraction", "an integer with a fraction of zero", `"attempt":2`, `"attempt":2.0`, ""},
			{"exponent", "an integer with an exponent", `"attempt":2`, `"attempt":2e0`, ""},
			{"exponent-large", "an integer with an exponent", `"attempt":2`, `"attempt":1e3`, ""},
			{"escape-letter", "an escape of what stands for itself", `"Ada"`, `"\u0041da"`, differs},
			{"escape-name", "an escape in a member's name", `"attempt"`, `"\u0061ttempt"`, differs},
			{"escape-slash", "an escape of what stands for itself", `"person":"Ada"`, `"person":"A\/a"`, differs},
			{"escape-html", "an escape of what stands for itself", `<v2>`, `\u003cv2>`, differs},
			{"escape-latin", "an escape of what stands for itself", `für`, `f\u00fcr`, differs},
			{"escape-surrogates", "an escape of what stands for itself", `😀`, `\ud83d\ude00`, differs},
			{"surrogate-alone", "an escaped half of a character", `"Ada"`, `"A\ud800a"`, differs},
			{"utf8-invalid", "bytes that are not UTF-8", `"Ada"`, "\"A\xffa\"", differs},
			{"utf8-overlong", "bytes that are not UTF-8", `"Ada"`, "\"A\xc1\xa1a\"", differs},
			{"utf8-surrogate", "bytes that are not UTF-8", `"Ada"`, "\"A\xed\xa0\x80a\"", differs},
			{"utf8-invalid-subject", "bytes that are not UTF-8", `für`, "f\xfcr", differs},
			{"time-number", "a day that does not exist", sampleTime, "2026-02-30T13:00:00Z", "no time"},
		},
		TypeVerdicts: {
			{"minus-zero", "minus zero", `"fail":1`, `"fail":-0`, differs},
		},
		TypeJudgement: {
			{"escape-upper-case", "a line break escaped in another way", `password.\n`, `password.\u000a`, differs},
		},
		TypeCredential: {
			{"order-credential", "members are not in the order of their names", `"slsaVersion":"1.1","timeVerified":"` + sampleTime + `"`, `"timeVerified":"` + sampleTime + `","slsaVersion":"1.1"`, differs},
			{"duplicate-map", "a part of the verifier stands twice", `{"probat":"v0.3.0"}`, `{"probat":"v0.3.0","probat":"v0.3.0"}`, differs},
			{"order-map", "parts of the verifier are not in the order of their names", `{"probat":"v0.3.0"}`, `{"probat":"v0.3.0","go":"go1.26.8"}`, differs},
		},
		TypeCycloneDX: {
			{"foreign-duplicate", "a member of a foreign document stands twice", `"version":1}`, `"version":1,"version":1}`, "Duplicate"},
			{"foreign-order", "members of a foreign document are not in order", `"specVersion":"1.6","version":1`, `"version":1,"specVersion":"1.6"`, differs},
			{"foreign-space", "white space in a foreign document", `"version":1}`, `"version":1 }`, differs},
			{"foreign-fraction", "another spelling of a number in a foreign document", `"version":1}`, `"version":1.0}`, differs},
			{"foreign-large", "a number in a foreign document that no reader holds exactly", `"version":1}`, `"version":9007199254740993}`, differs},
			{"foreign-utf8", "bytes in a foreign document that are not UTF-8", `busybox`, "busy\xffbox", "UTF-8"},
			{"foreign-surrogate", "an escaped half of a character in a foreign document", `busybox`, `busy\udc00box`, "surrogate"},
			{"foreign-escape", "an escape of what stands for itself in a foreign document", `busybox`, `busy\u2028box`, differs},
			{"foreign-deep", "a foreign document nested deeper than 64", `"version":1}`, `"version":` + strings.Repeat("[", 64) + strings.Repeat("]", 64) + `}`, "nested"},
		},
	}
}

// seen are payloads that a JSON Schema refuses too.
func seen() map[string][]change {
	return map[string][]change{
		TypeSubmission: {
			{"duplicate-predicate", "predicate stands twice", `,"predicateType":`, `,"predicate":{},"predicateType":`, ""},
			{"base64-line-break", "base64 with a line break", rootOf("nonce of submission")[:8], rootOf("nonce of submission")[:8] + `\n`, "nonce"},
			{"case-variant", "a member's name in another case", `"attempt"`, `"Attempt"`, differs},
			{"case-variant-beside", "a member and its name in another case", `"attempt":2`, `"Attempt":3,"attempt":2`, differs},
			{"case-variant-long-s", "a letter that folds to s", `"case":`, `"ca` + "\u017f" + `e":`, differs},
			{"case-variant-kelvin", "a letter that folds to k", `"idempotencyKey"`, `"idempotency` + "\u212a" + `ey"`, differs},
			{"case-variant-subject", "a member's name in another case", `"subject":`, `"Subject":`, differs},
			{"unknown-member", "a member that is not known", `"attempt":2`, `"attempt":2,"bonus":1`, differs},
			{"unknown-member-act", "a member that is not known", `"class":"vendor"`, `"class":"vendor","grade":1`, differs},
			{"unknown-member-outside", "a member that is not known", `,"subject":`, `,"remark":"","subject":`, differs},
			{"unknown-digest", "a digest of another algorithm", `{"sha256":`, `{"sha1":"` + strings.Repeat("0", 40) + `","sha256":`, differs},
			{"digest-missing", "no SHA-256", `{"sha256":"` + hexOf("image") + `"}`, `{}`, differs},
			{"digest-upper-case", "hexadecimal digits in upper case", hexOf("image"), strings.ToUpper(hexOf("image")), "hexadecimal"},
			{"digest-short", "63 hexadecimal digits", hexOf("image"), hexOf("image")[1:], "hexadecimal"},
			{"missing-member", "a member is missing", `"attempt":2,`, ``, differs},
			{"missing-actor", "the actor's name is missing", `"name":"Example Vendor",`, ``, differs},
			{"empty-optional", "an optional member is there and empty", hexOf("declaration"), ``, differs},
			{"zero-optional", "an optional member is there and zero", `"caseSeq":3`, `"caseSeq":0`, differs},
			{"null-optional", "null for an optional member", `"declaration":"` + hexOf("declaration") + `"`, `"declaration":null`, "null"},
			{"null-object", "null for an object", `"policy":{"digest":"` + hexOf("scheme") + `","edition":"V18.1.0","profile":"radio","scheme":"ts-33.117"}`, `"policy":null`, "null"},
			{"list-for-object", "a list for an object", `"release":{`, `"release":[{`, ""},
			{"text-for-number", "a text for a number", `"attempt":2`, `"attempt":"2"`, ""},
			{"number-for-text", "a number for a text", `"Ada"`, `7`, ""},
			{"true-for-number", "true for a number", `"attempt":2`, `"attempt":true`, ""},
			{"number-zero-before", "a number that begins with zero: not JSON", `"attempt":2`, `"attempt":02`, ""},
			{"number-plus", "a number with a plus: not JSON", `"attempt":2`, `"attempt":+2`, ""},
			{"number-beyond", "an integer beyond 2^53-1", `"size":41`, `"size":9007199254740992`, "2^53"},
			{"number-long", "an integer of 400 digits", `"size":41`, `"size":1` + strings.Repeat("0", 399), "2^53"},
			{"number-infinite", "a number beyond all floating point", `"size":41`, `"size":1e999`, ""},
			{"number-half", "a number that is no integer", `"attempt":2`, `"attempt":2.5`, ""},
			{"number-negative", "a negative attempt", `"attempt":2`, `"attempt":-2`, "attempt"},
			{"deep", "nested deeper than 16", `"attempt":2`, `"attempt":` + strings.Repeat("[", 16) + strings.Repeat("]", 16), "nested"},
			{"comment", "a comment: not JSON", `"attempt":2`, `"attempt":2/**/`, ""},
			{"line-break-in-text", "a bare line break in a text: not JSON", `"Ada"`, "\"A\nda\"", ""},
			{"nul-in-text", "a bare zero byte in a text: not JSON", `"Ada"`, "\"A\x00da\"", ""},
			{"type-older", "the _type of another version", `Statement/v1`, `Statement/v0.1`, "_type"},
			{"type-missing", "no _type", `"_type":"` + Type + `",`, ``, "_type"},
			{"predicate-type-unknown", "a predicate type that is not known", TypeSubmission, TypePrefix + "submission/v2", "not known"},
			{"predicate-type-older", "a predicate type of another version", TypeSubmission, TypePrefix + "submission/v0", "not known"},
			{"predicate-type-slash", "a predicate type with something after it", TypeSubmission, TypeSubmission + "/", "not known"},
			{"predicate-type-other", "a predicate under another one's type", TypeSubmission, TypeDossier, differs},
			{"predicate-type-missing", "no predicate type", `"predicateType":"` + TypeSubmission + `",`, ``, differs},
			{"predicate-null", "null for the predicate", `"predicate":{`, `"predicate":null,"x":{`, "not an object"},
			{"predicate-list", "a list for the predicate", `"predicate":{`, `"predicate":[{`, "not an object"},
			{"subject-renamed", "the subjects under another name", `"subject":[`, `"subject":[],"x":[`, differs},
			{"subject-null", "null for the subjects", `"subject":[`, `"subject":null,"x":[`, "null"},
			{"subject-no-name", "a subject without name", `"name":"router-4.2.1.img"`, `"name":""`, "empty"},
			{"subject-control", "a subject whose name a terminal would obey", `router-4.2.1.img`, `\u001b[2Jrouter`, "cannot be shown"},
			{"subject-direction", "a subject whose name changes the direction of writing", `router-4.2.1.img`, "router\u202egmi.img", "cannot be shown"},
			{"subject-zero-width", "a subject whose name has characters without width", `router-4.2.1.img`, "router\u200b.img", "cannot be shown"},
			{"nonce-unpadded", "base64 without padding", rootOf("nonce of submission"), strings.TrimSuffix(rootOf("nonce of submission"), "="), "nonce"},
			{"nonce-bits", "base64 whose last bits are not zero", rootOf("nonce of submission"), lastBit(rootOf("nonce of submission")), "nonce"},
			{"nonce-short", "a nonce of 31 bytes", rootOf("nonce of submission"), strings.Repeat("A", 40) + "AA==", "nonce"},
			{"nonce-empty", "no nonce", rootOf("nonce of submission"), ``, "nonce"},
			{"time-zone", "a time that is not UTC", sampleTime, "2026-11-24T14:00:00+01:00", "no time"},
			{"time-fraction", "a time with a fraction", sampleTime, "2026-11-24T13:00:00.5Z", "no time"},
			{"time-lower-case", "a time in lower case", sampleTime, "2026-11-24t13:00:00z", "no time"},
			{"time-leap", "a leap second", sampleTime, "2026-12-31T23:59:60Z", "no time"},
		},
		TypeJudgement: {
			{"null-list", "null for the empty list", `"cites":["` + hexOf("photo") + `","` + hexOf("protocol") + `"]`, `"cites":null`, "null"},
			{"object-for-list", "an object for a list", `"cites":["` + hexOf("photo") + `","` + hexOf("protocol") + `"]`, `"cites":{}`, ""},
		},
		TypeCredential: {
			{"map-null", "null for the parts of the verifier", `{"probat":"v0.3.0"}`, `null`, "null"},
			{"map-not-ascii", "a part of the verifier that is not ASCII: two rules of sorting", `{"probat":"v0.3.0"}`, `{"pröbat":"v0.3.0"}`, "ASCII"},
			{"case-variant-uri", "our URI in another case", `"` + TypePrefix + `credential/v1":`, `"` + TypePrefix + `Credential/v1":`, differs},
		},
		TypeStatus: {
			{"base64url-padded", "base64url with padding", `A","purpose":"revocation"`, `A==","purpose":"revocation"`, "base64url"},
			{"base64url-plus", "base64url in the alphabet of base64", `"uH4sI`, `"uH4s+`, "base64url"},
		},
		TypeCycloneDX: {
			{"foreign-list", "a foreign document that is a list", `"predicate":{`, `"predicate":[{`, "not an object"},
			{"foreign-text", "a foreign document that is a text", `"predicate":{`, `"predicate":"{`, "not an object"},
		},
	}
}

// lastBit sets one of the bits that a padded base64 text does not use.
func lastBit(s string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	n := strings.IndexByte(s, '=') - 1
	return s[:n] + string(alphabet[strings.IndexByte(alphabet, s[n])+1]) + s[n+1:]
}

// payloadRefusals are payloads that Parse refuses.
func payloadRefusals(t testing.TB) []refusal {
	t.Helper()
	var list []refusal
	add := func(name, reason, want string, schema, big bool, data []byte) {
		list = append(list, refusal{"payload", name, reason, data, want, schema, big})
	}
	for _, all := range []struct {
		schema  bool
		changes map[string][]change
	}{{false, unseen(t)}, {false, partyUnseen()}, {true, seen()}, {true, partySeen()}} {
		for uri, cs := range all.changes {
			for _, c := range cs {
				add(c.name, c.reason, c.want, all.schema, false, swap(t, payloadOf(t, uri), c.from, c.to))
			}
		}
	}
	whole := payloadOf(t, TypeSubmission)
	name := sample(TypeSubmission).Subjects[0]
	many := string(must(t, name))
	add("nothing", "no bytes", "does not begin", true, false, nil)
	add("space-before", "white space before it", "does not begin", false, false, append([]byte(" "), whole...))
	add("byte-order-mark", "a byte order mark before it: not JSON", "does not begin", true, false, append([]byte("\ufeff"), whole...))
	add("space-after", "white space after it", differs, false, false, append(bytes.Clone(whole), ' '))
	add("line-break-after", "a line break after it", differs, false, false, append(bytes.Clone(whole), '\n'))
	add("trailing-object", "something after it", "after top-level", true, false, append(bytes.Clone(whole), "{}"...))
	add("trailing-nul", "a zero byte after it", "after top-level", true, false, append(bytes.Clone(whole), 0))
	add("cut-short", "its last byte is missing", "unexpected end", true, false, whole[:len(whole)-1])
	add("cut-in-predicate", "it ends in the predicate", "without end", true, false, whole[:len(whole)/3])
	add("cut-before-predicate", "it ends before the predicate", "not an object", true, false, []byte(beforePredicate))
	add("predicate-open", "the predicate's object is closed by a bracket", "", true, false, swap(t, whole, `},"predicateType"`, `],"predicateType"`))
	add("subjects-0", "no subject", "0 subjects", true, false, append(bytes.Clone(whole[:bytes.LastIndex(whole, []byte(`"subject":`))]), `"subject":[]}`...))
	add("subjects-257", "more than 256 subjects", "257 subjects", true, false, swap(t, whole, many, strings.TrimSuffix(strings.Repeat(many+",", 256), ",")))
	add("oversized", "more bytes than an envelope holds", "at most", false, true, swap(t, payloadOf(t, TypeCycloneDX), "busybox", strings.Repeat("b", maxPayload)))
	return list
}

func must(t testing.TB, v any) []byte {
	t.Helper()
	b, err := Encode(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestParseRefuses(t *testing.T) {
	for _, r := range payloadRefusals(t) {
		s, err := Parse(r.data)
		if err == nil {
			t.Errorf("%s is taken for %+v", r.name, s)
		} else if !strings.Contains(err.Error(), r.want) || !errors.Is(err, ErrForm) && r.want != "not known" {
			t.Errorf("%s: %v, which does not say %q", r.name, err, r.want)
		}
	}
}

// envelopeRefusals are envelopes that ParseEnvelope refuses.
func envelopeRefusals(t testing.TB) []refusal {
	t.Helper()
	e := padded(t)
	whole := e.Bytes()
	var x struct{ Payload, Keyid, Sig string }
	x.Keyid = e.KeyID
	x.Payload, x.Sig = textOf(e.Payload), textOf(e.Signature)
	one := `{"keyid":"` + x.Keyid + `","sig":"` + x.Sig + `"}`
	var list []refusal
	for _, c := range []struct {
		change
		schema bool
	}{
		{change{"two-signatures", "two signatures", one, one + "," + one, "one signature"}, true},
		{change{"two-signatures-key", "a second signature by another key", one, one + "," + strings.Replace(one, x.Keyid, KeyID([]byte("another key")), 1), "one signature"}, true},
		{change{"no-signature", "no signature", one, "", "no signature"}, true},
		{change{"signatures-null", "null for the signatures", "[" + one + "]", "null", "no signature"}, true},
		{change{"signatures-missing", "no signatures", `,"signatures":[` + one + "]", "", "no signature"}, true},
		{change{"signature-null", "null for the signature", `"` + x.Sig + `"`, "null", ""}, true},
		{change{"signature-empty", "an empty signature", x.Sig, "", "empty"}, true},
		{change{"signature-unpadded", "base64 without padding", x.Sig, strings.TrimRight(x.Sig, "="), "signature"}, true},
		{change{"signature-bits", "base64 whose last bits are not zero", x.Sig, lastBit(x.Sig), differs}, true},
		{change{"signature-line-break", "base64 with an escaped line break", x.Sig, x.Sig[:4] + `\n` + x.Sig[4:], "signature"}, true},
		{change{"signature-bare-break", "base64 with a bare line break: not JSON", x.Sig, x.Sig[:4] + "\n" + x.Sig[4:], differs}, true},
		{change{"signature-return", "base64 with a bare carriage return: not JSON", x.Sig, x.Sig[:4] + "\r" + x.Sig[4:], differs}, true},
		{change{"signature-escape", "an escape in the signature", x.Sig, fmt.Sprintf(`\u%04x`, x.Sig[0]) + x.Sig[1:], "signature"}, false},
		{change{"signature-certificate", "a member that is not known", `"sig":`, `"cert":"","sig":`, "keyid"}, true},
		{change{"keyid-empty", "an empty keyid", x.Keyid, "", "keyid"}, true},
		{change{"keyid-missing", "no keyid", `"keyid":"` + x.Keyid + `",`, "", "no signature"}, true},
		{change{"keyid-lower-case", "a keyid whose prefix is in lower case", x.Keyid, "sha256" + x.Keyid[6:], "keyid"}, true},
		{change{"keyid-hex", "a keyid in hexadecimal digits", x.Keyid, strings.Repeat("0123456789abcdef", 4), "keyid"}, true},
		{change{"keyid-padded", "a keyid with padding", x.Keyid, x.Keyid + "=", "keyid"}, true},
		{change{"keyid-bits", "a keyid with stray bits at the end", x.Keyid, x.Keyid[:len(x.Keyid)-1] + "9", "keyid"}, true},
		{change{"keyid-url", "a keyid in the alphabet of base64url", x.Keyid, x.Keyid[:7] + "_" + x.Keyid[8:], "keyid"}, true},
		{change{"keyid-space", "a keyid with a space", x.Keyid, x.Keyid[:7] + " " + x.Keyid[7:], "keyid"}, true},
		{change{"keyid-line-break", "a keyid with a bare line break: not JSON", x.Keyid, x.Keyid[:20] + "\n" + x.Keyid[20:], "keyid"}, true},
		{change{"keyid-escaped-break", "a keyid with an escaped line break", x.Keyid, x.Keyid[:20] + `\n` + x.Keyid[20:], "keyid"}, true},
		{change{"keyid-long", "a keyid of 33 bytes", x.Keyid, "SHA256:" + textOf(make([]byte, 33)), "keyid"}, true},
		{change{"keyid-bare", "a keyid without a prefix", x.Keyid, x.Keyid[7:], "keyid"}, true},
		{change{"keyid-md5", "an MD5 fingerprint, as older OpenSSH shows it", x.Keyid, "MD5:" + strings.TrimSuffix(strings.Repeat("0a:", 16), ":"), "keyid"}, true},
		{change{"keyid-prefix-hex", "hexadecimal digits after the prefix", x.Keyid, "SHA256:" + strings.Repeat("0123456789abcdef", 4), "keyid"}, true},
		{change{"keyid-escape", "an escape in the keyid", x.Keyid, `\u0053` + x.Keyid[1:], "keyid"}, false},
		{change{"keyid-short", "a keyid that is cut short", x.Keyid, x.Keyid[:19], "keyid"}, true},
		{change{"keyid-prefix", "a keyid that begins with the prefix twice", x.Keyid, "SHA256:" + x.Keyid, "keyid"}, true},
		{change{"keyid-duplicate", "keyid stands twice", `{"keyid":"` + x.Keyid + `"`, `{"keyid":"` + x.Keyid + `","keyid":"` + x.Keyid + `"`, "keyid"}, false},
		{change{"payload-empty", "an empty payload", x.Payload, "", "empty"}, true},
		{change{"payload-null", "null for the payload", `"` + x.Payload + `"`, "null", "payload"}, true},
		{change{"payload-bare", "the payload without base64", x.Payload, strings.ReplaceAll(string(e.Payload), `"`, `\"`), "payload"}, true},
		{change{"payload-unpadded", "base64 without padding", x.Payload, strings.TrimRight(x.Payload, "="), "payload"}, true},
		{change{"payload-padding", "base64 with too much padding", x.Payload, x.Payload + "=", "payload"}, true},
		{change{"payload-bits", "base64 whose last bits are not zero", x.Payload, lastBit(x.Payload), differs}, true},
		{change{"payload-url", "base64 in the alphabet of base64url", x.Payload, "_" + x.Payload[1:], "payload"}, true},
		{change{"payload-line-break", "base64 with an escaped line break", x.Payload, x.Payload[:64] + `\n` + x.Payload[64:], "payload"}, true},
		{change{"payload-bare-break", "base64 with a bare line break: not JSON", x.Payload, x.Payload[:64] + "\n" + x.Payload[64:], differs}, true},
		{change{"payload-space", "base64 with a space", x.Payload, x.Payload[:64] + " " + x.Payload[64:], "payload"}, true},
		{change{"payload-duplicate", "payload stands twice", `{"payload":`, `{"payload":"e30=","payload":`, "payload"}, false},
		{change{"payload-case", "a member's name in another case", `{"payload":`, `{"Payload":`, "does not begin"}, true},
		{change{"payload-type-other", "another payload type", PayloadType, "application/json", "payload type"}, true},
		{change{"payload-type-case", "the payload type in another case", PayloadType, "application/vnd.in-toto+JSON", "payload type"}, true},
		{change{"payload-type-parameter", "the payload type with a parameter", PayloadType, PayloadType + "; charset=utf-8", "payload type"}, true},
		{change{"payload-type-empty", "no payload type", PayloadType, "", "payload type"}, true},
		{change{"payload-type-missing", "no payload type", `,"payloadType":"` + PayloadType + `"`, "", "payload type"}, true},
		{change{"payload-type-slash", "an escape of what stands for itself", "application/vnd", `application\/vnd`, "payload type"}, false},
		{change{"payload-type-escape", "an escape of what stands for itself", "in-toto+json", `in-toto\u002bjson`, "payload type"}, false},
		{change{"payload-type-duplicate", "payloadType stands twice", `,"signatures"`, `,"payloadType":"` + PayloadType + `","signatures"`, "no signature"}, false},
		{change{"order", "members are not in the order of their names", `"keyid":"` + x.Keyid + `","sig":"` + x.Sig + `"`, `"sig":"` + x.Sig + `","keyid":"` + x.Keyid + `"`, "no signature"}, false},
		{change{"space-in", "white space", `"payload":`, `"payload": `, "does not begin"}, false},
		{change{"space-in-list", "white space", `[{`, `[ {`, "no signature"}, false},
		{change{"list", "a list", `{"payload":`, `[{"payload":`, "does not begin"}, true},
		{change{"unknown-member", "a member that is not known", `]}`, `],"verificationMaterial":{}}`, "one signature"}, true},
	} {
		list = append(list, refusal{"envelope", c.name, c.reason, swap(t, whole, c.from, c.to), c.want, c.schema, false})
	}
	add := func(name, reason, want string, schema, big bool, data []byte) {
		list = append(list, refusal{"envelope", name, reason, data, want, schema, big})
	}
	add("nothing", "no bytes", "does not begin", true, false, nil)
	add("space-before", "white space before it", "does not begin", false, false, append([]byte("\t"), whole...))
	add("line-break-after", "a line break after it", "one signature", false, false, append(bytes.Clone(whole), '\n'))
	add("trailing-object", "something after it", "one signature", true, false, append(bytes.Clone(whole), "{}"...))
	add("cut-short", "its last byte is missing", "one signature", true, false, whole[:len(whole)-1])
	add("utf16", "UTF-16: not JSON", "does not begin", true, false, []byte("{\x00\"\x00p\x00"))
	add("oversized", "more than 262144 bytes", "at most", true, true, (&Envelope{bytes.Repeat([]byte("x"), MaxEnvelope), e.KeyID, e.Signature}).Bytes())
	return list
}

func TestParseEnvelopeRefuses(t *testing.T) {
	for _, r := range envelopeRefusals(t) {
		e, err := ParseEnvelope(r.data)
		if err == nil {
			t.Errorf("%s is taken for %+v", r.name, e)
		} else if e != nil || !strings.Contains(err.Error(), r.want) || !errors.Is(err, ErrForm) {
			t.Errorf("%s: %v, which does not say %q", r.name, err, r.want)
		}
	}
}

// TestBounds holds that what is as large as it may be is taken, in both layers at once.
func TestBounds(t *testing.T) {
	s := sample(TypeCycloneDX)
	d := s.Predicate.(*Document)
	room := maxPayload - len(payloadOf(t, TypeCycloneDX))
	d.Content = swap(t, d.Content, "busybox", "busybox"+strings.Repeat("x", room))
	payload, err := s.Bytes()
	if err != nil || len(payload) != maxPayload {
		t.Fatalf("%d bytes of %d: %v", len(payload), maxPayload, err)
	}
	e, err := Sign(testKey(t), payload)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ParseEnvelope(e.Bytes()); err != nil {
		t.Errorf("the largest statement: %v", err)
	}
	d.Content = swap(t, d.Content, "busybox", "busyboxx")
	if _, err := s.Bytes(); err == nil {
		t.Error("a statement that no envelope holds")
	}
	s = sample(TypeRisk)
	for len(s.Subjects) < 256 {
		s.Subjects = append(s.Subjects, s.Subjects[0])
	}
	if _, err := s.Bytes(); err != nil {
		t.Errorf("256 subjects: %v", err)
	}
	deep := sample(TypeOpenVEX)
	deep.Predicate.(*Document).Content = []byte(`{"a":` + strings.Repeat("[", 63) + "null" + strings.Repeat("]", 63) + `}`)
	if _, err := deep.Bytes(); err != nil {
		t.Errorf("64 levels of a foreign document: %v", err)
	}
}

// TestNames holds that two spellings of one name, composed and decomposed, stay as they are: two statements, never one.
func TestNames(t *testing.T) {
	var ids []ID
	for _, name := range []string{"r\u00e9seau.img", "re\u0301seau.img"} {
		s := sample(TypeRisk)
		s.Subjects[0].Name = name
		payload, err := s.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse(payload)
		if err != nil || again.Subjects[0].Name != name {
			t.Errorf("%q is read as %q, %v", name, again.Subjects[0].Name, err)
		}
		ids = append(ids, (&Envelope{Payload: payload}).ID())
	}
	if ids[0] == ids[1] {
		t.Error("two spellings have one identity")
	}
}
