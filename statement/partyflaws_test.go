package statement

import (
	"strconv"
	"strings"
)

// partyFlaws are what can be wrong with what parties say, and with what the lab says of it.
func partyFlaws() []flaw {
	upper, no := strings.ToUpper(hexOf("a")), "none of"
	return []flaw{
		wrong("of", "hexadecimal", func(p *Receipt) { p.Of = "" }),
		wrong("party", "class", func(p *Receipt) { p.Party.Class = "" }),
		wrong("signed by", no, func(p *Receipt) { p.SignedBy = "vendor" }),
		wrong("signed by nobody", no, func(p *Receipt) { p.SignedBy = "" }),
		wrong("attested, with a key", "proof", func(p *Receipt) { p.Party.Proof = Attested }),
		wrong("by key, but the lab's word", "proof", func(p *Receipt) { p.SignedBy, p.KeyID = SignedByLab, "" }),
		wrong("no keyid", "keyid", func(p *Receipt) { p.KeyID = "" }),
		wrong("keyid", "keyid", func(p *Receipt) { p.KeyID = lastBit(p.KeyID + "=")[:50] }),
		wrong("keyid in hexadecimal digits", "keyid", func(p *Receipt) { p.KeyID = hexOf("key") }),
		wrong("keyid of the lab's word", "keyid", func(p *Receipt) { p.SignedBy, p.Party.Proof = SignedByLab, Attested }),
		wrong("keyid of a passkey", "keyid", func(p *Receipt) { p.SignedBy, p.Party.Proof, p.Assertion = SignedByWebAuthn, ByWebAuthn, hexOf("a") }),
		wrong("assertion of a key", "assertion", func(p *Receipt) { p.Assertion = hexOf("a") }),
		wrong("no assertion", "assertion", func(p *Receipt) { p.SignedBy, p.Party.Proof, p.KeyID = SignedByWebAuthn, ByWebAuthn, "" }),
		wrong("assertion", "hexadecimal", func(p *Receipt) {
			p.SignedBy, p.Party.Proof, p.KeyID, p.Assertion = SignedByWebAuthn, ByWebAuthn, "", upper
		}),

		wrong("declaration", "hexadecimal", func(p *Intent) { p.Declaration = upper }),
		wrong("embargo", "no date", func(p *Intent) { p.Embargo = sampleTime }),
		wrong("release", "vendor", func(p *Intent) { p.Release.Vendor = "a\nb" }),
		wrong("no scheme", "0 schemes", func(p *Intent) { p.Schemes = []string{} }),
		wrong("too many", "65 schemes", func(p *Intent) {
			p.Schemes = nil
			for i := range maxSchemes + 1 {
				p.Schemes = append(p.Schemes, "scheme "+strconv.Itoa(100+i))
			}
		}),
		wrong("scheme", "scheme", func(p *Intent) { p.Schemes[0] = "" }),
		wrong("scheme twice", "stands twice", func(p *Intent) { p.Schemes[1] = p.Schemes[0] }),
		wrong("schemes not sorted", "order", func(p *Intent) { p.Schemes[0] = "z" }),

		wrong("of", "hexadecimal", func(p *Withdrawal) { p.Of = "" }),
		wrong("reason", "reason", func(p *Withdrawal) { p.Reason = "" }),

		wrong("event", no, func(p *PartyKey) { p.Event, p.From = "compromised", "" }),
		wrong("from", "from", func(p *PartyKey) { p.From = "2026-11-24" }),
		wrong("no from", "from", func(p *PartyKey) { p.From = "" }),
		wrong("from of what ended", "from", func(p *PartyKey) { p.Event = "ended" }),
		wrong("until", "until", func(p *PartyKey) { p.Until = "2027-11-24" }),
		wrong("until before from", "no later", func(p *PartyKey) { p.Until = p.From }),
		wrong("ended without until", "without until", func(p *PartyKey) { p.Event, p.From, p.Until = "ended", "", "" }),
		wrong("key", "base64", func(p *PartyKey) { p.Key = lastBit(p.Key) }),
		wrong("party", "party", func(p *PartyKey) { p.Party.Name = "" }),
		wrong("class", "class", func(p *PartyKey) { p.Party.Class = "customer" }),

		wrong("event", no, func(p *Grant) { p.Event = "granted" }),
		wrong("from", "from", func(p *Grant) { p.From = "" }),
		wrong("level", no, func(p *Grant) { p.Level = "all" }),
		wrong("of what is given", "withdrawn", func(p *Grant) { p.Of = hexOf("grant") }),
		wrong("of", "hexadecimal", func(p *Grant) { p.Event, p.Of, p.Until = "withdrawn", upper, "" }),
		wrong("withdrawn from nothing", "withdrawn", func(p *Grant) { p.Event, p.Until = "withdrawn", "" }),
		wrong("withdrawn for a time", "withdrawn until", func(p *Grant) { p.Event, p.Of = "withdrawn", hexOf("grant") }),
		wrong("reason", "reason", func(p *Grant) { p.Reason = "\t" }),
		wrong("release", "product", func(p *Grant) { p.Release.Product = "a\nb" }),
		wrong("scope", no, func(p *Grant) { p.Scope = "case" }),
		wrong("product with a version", "version", func(p *Grant) { p.Scope, p.Release.Period = "product", "" }),
		wrong("product with a period", "period", func(p *Grant) { p.Scope, p.Release.Version = "product", "" }),
		wrong("product without a name", "product", func(p *Grant) { p.Scope, p.Release = "product", Release{Vendor: "Example Vendor"} }),
		wrong("to", "party", func(p *Grant) { p.To.Name = "" }),
		wrong("to a class", "class", func(p *Grant) { p.To.Class = "" }),
		wrong("until", "until", func(p *Grant) { p.Until = "2027-11-24" }),
		wrong("until before from", "no later", func(p *Grant) { p.Until = p.From }),

		wrong("no audience", "audience of 0", func(p *Message) { p.Audience = []Party{} }),
		wrong("large audience", "audience of 257", func(p *Message) {
			p.Audience = nil
			for i := range maxAudience + 1 {
				p.Audience = append(p.Audience, Party{Vendor, "V" + strconv.Itoa(1000+i)})
			}
		}),
		wrong("audience not sorted", "order", func(p *Message) { p.Audience[0], p.Audience[1] = p.Audience[1], p.Audience[0] }),
		wrong("audience not sorted by name", "order", func(p *Message) { p.Audience = []Party{{Operator, "B"}, {Operator, "A"}} }),
		wrong("party twice", "twice", func(p *Message) { p.Audience[1] = p.Audience[0] }),
		wrong("party", "party", func(p *Message) { p.Audience[1].Name = "" }),
		wrong("class", "class", func(p *Message) { p.Audience[1].Class = "x" }),
		wrong("attachment's digest", "hexadecimal", func(p *Message) { p.Attachments[1].Digest = upper }),
		wrong("attachment's name", "name of an attachment", func(p *Message) { p.Attachments[0].Name = "" }),
		wrong("attachment in a folder", "attachment", func(p *Message) { p.Attachments[0].Name = "../x" }),
		wrong("attachment in a folder of Windows", "attachment", func(p *Message) { p.Attachments[0].Name = `a\x` }),
		wrong("attachment here", "attachment", func(p *Message) { p.Attachments[0].Name = "." }),
		wrong("attachment above", "attachment", func(p *Message) { p.Attachments[0].Name = ".." }),
		wrong("attachment's size", "attachment", func(p *Message) { p.Attachments[0].Size = -1 }),
		wrong("attachment twice", "two attachments", func(p *Message) { p.Attachments[1].Name = p.Attachments[0].Name }),
		wrong("many attachments", "65 attachments", func(p *Message) {
			p.Attachments = nil
			for i := range maxAttachments + 1 {
				p.Attachments = append(p.Attachments, Attachment{hexOf("x"), strconv.Itoa(i), 1})
			}
		}),
		wrong("fix", "fixIn", func(p *Message) { p.FixIn = "a\nb" }),
		wrong("fix in a question", "fix", func(p *Message) { p.Position = "asks" }),
		wrong("reply", "hexadecimal", func(p *Message) { p.InReplyTo = upper }),
		wrong("position", no, func(p *Message) { p.Position, p.FixIn = "agrees", "" }),
		wrong("text", "text", func(p *Message) { p.Text = "" }),
		wrong("long text", "text", func(p *Message) { p.Text = strings.Repeat("x", maxText+1) }),
		wrong("fingerprint", "hexadecimal", func(p *Message) { p.Thread.Fingerprint = upper }),
		wrong("release", "hexadecimal", func(p *Message) { p.Thread.Release = hexOf("x") }),
		wrong("another case", "another case", func(p *Message) { p.Thread.Release = sampleSeries }),
		wrong("requirement", "requirement", func(p *Message) { p.Thread.Requirement = "" }),
		wrong("scheme", "scheme", func(p *Message) { p.Thread.Scheme = "" }),

		wrong("vendor agrees", "agreement", func(p *Agreement) { p.Actor.Class = Vendor }),
		wrong("nobody agrees", "agreement", func(p *Agreement) { p.Actor.Person = "" }),
		wrong("dossier", "hexadecimal", func(p *Agreement) { p.Dossier = upper }),
		wrong("event", no, func(p *Agreement) { p.Event = "agrees" }),
		wrong("policy", "edition", func(p *Agreement) { p.Policy.Edition = "" }),
	}
}
