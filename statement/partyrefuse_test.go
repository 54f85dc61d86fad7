package statement

import "strings"

// partySeen are payloads of what parties say, and of what the lab says of it, that a JSON Schema refuses too.
func partySeen() map[string][]change {
	keyID := `"keyid":"` + sampleKeyID + `",`
	return map[string][]change{
		TypeReceipt: {
			{"receipt-key-by-lab", "signed by the lab's word, with a keyid", `"signedBy":"key"`, `"signedBy":"lab"`, "proof"},
			{"receipt-key-missing", "signed by key, without a keyid", keyID, ``, "keyid"},
			{"receipt-key-attested", "signed by key, of a party that the lab attests", `"proof":"key"},"signedBy"`, `"proof":"attested"},"signedBy"`, "proof"},
			{"receipt-assertion", "signed by key, with an assertion of a passkey", keyID, `"assertion":"` + hexOf("assertion") + `",` + keyID, "assertion"},
			{"receipt-without-signer", "it does not say what stands behind it", `,"signedBy":"key"`, ``, differs},
		},
		TypeAccess: {
			{"access-without-reason", "access elevated without a reason", `"reason":"The evaluator is ill.",`, ``, "reason"},
			{"access-without-end", "access elevated for ever", `,"until":"` + laterTime + `"`, ``, "until"},
		},
		TypeIntent: {
			{"intent-no-scheme", "a release handed in for no scheme", `"schemes":["baseline","ts-33.117"]`, `"schemes":[]`, "schemes"},
		},
		TypeGrant: {
			{"grant-of", "a grant that is given names one that is withdrawn", `"reason":"Tender 12."`, `"of":"` + hexOf("grant") + `","reason":"Tender 12."`, "withdrawn"},
			{"grant-withdrawn-of-nothing", "a grant withdrawn that is not named", `"event":"given"`, `"event":"withdrawn"`, "withdrawn"},
			{"grant-product-version", "a grant on a product that names a version", `"scope":"release"`, `"scope":"product"`, "version"},
			{"grant-proof", "a member that a party in an audience does not have", `"to":{"class":"operator","name":"Example Operator"}`, `"to":{"class":"operator","name":"Example Operator","proof":"key"}`, differs},
		},
		TypeMessage: {
			{"message-to-nobody", "a message to nobody", `"audience":[{"class":"lab","name":"Example Lab"},{"class":"operator","name":"Example Operator"}]`, `"audience":[]`, "audience"},
			{"message-attachments-empty", "an optional list is there and empty", attachments(), `"attachments":[]`, differs},
			{"message-attachment-folder", "an attachment whose name leads into another folder", `"boot.log"`, `"../boot.log"`, "attachment"},
			{"message-attachment-above", "an attachment whose name is a folder", `"boot.log"`, `".."`, "attachment"},
			{"message-fix-of-question", "a question that names the release with the fix", `"position":"plans-fix"`, `"position":"asks"`, "fix"},
			{"message-fix-without-position", "a message that names the release with the fix and plans none", `"position":"plans-fix",`, ``, "fix"},
		},
		TypeAgreement: {
			{"agreement-vendor", "an agreement of another party than the lab", `"class":"lab"`, `"class":"vendor"`, "agreement"},
			{"agreement-nobody", "an agreement of no person", `"person":"Ada",`, ``, "agreement"},
		},
		TypePartyKey: {
			{"party-key-without-from", "a key registered from no time on", `"from":"` + sampleTime + `",`, ``, "from"},
			{"party-key-ended-from", "a key ended that has a beginning", `"registered"`, `"ended"`, "from"},
		},
		TypeKeyEvent: {
			{"key-of-vendor", "a vendor's key in the public register", `"owner":{"class":"lab"`, `"owner":{"class":"vendor"`, "public register"},
		},
	}
}

// partyUnseen are such whose members are as they should be one by one.
func partyUnseen() map[string][]change {
	return map[string][]change{
		TypeIntent: {
			{"intent-order", "schemes are not in their order", `"baseline","ts-33.117"`, `"ts-33.117","baseline"`, "order"},
			{"intent-twice", "a scheme stands twice", `"baseline","ts-33.117"`, `"baseline","baseline"`, "twice"},
		},
		TypeGrant: {
			{"grant-backwards", "a grant that ends before it begins", laterTime, "2026-11-24T12:59:59Z", "no later"},
		},
		TypeMessage: {
			{"message-order", "an audience that is not in the order of class and name", `{"class":"operator","name":"Example Operator"}`, `{"class":"lab","name":"A"}`, "order"},
			{"message-twice", "a party stands twice in an audience", `{"class":"operator","name":"Example Operator"}`, `{"class":"lab","name":"Example Lab"}`, "twice"},
			{"message-attachment-twice", "two attachments of one name", `"boot.log"`, `"Konsole für R1.jpg"`, "two attachments"},
			{"message-case", "a message in another case than its thread", `"release":"` + sampleCase, `"release":"` + sampleSeries, "another case"},
		},
		TypePartyKey: {
			{"party-key-backwards", "a key that ends when it begins", laterTime, sampleTime, "no later"},
		},
	}
}

// attachments is how the sample of a message has them.
func attachments() string {
	b, err := Encode(samplePredicate(TypeMessage))
	if err != nil {
		return err.Error() // which then stands in no sample
	}
	from, to := strings.Index(string(b), `"attachments"`), strings.Index(string(b), `,"audience"`)
	return string(b[from:to])
}
