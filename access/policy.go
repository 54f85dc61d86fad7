package access

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"

	"github.com/cedar-policy/cedar-go"
)

// Action is something that a person may want to do.
type Action string

// The actions.
const (
	Look        Action = "look"
	Submit      Action = "submit" // hand in a release
	Upload      Action = "upload"
	Withdraw    Action = "withdraw"
	GiveGrant   Action = "grant" // and take it back
	Publish     Action = "publish"
	Bring       Action = "bring" // the vendor's own dossier
	Evaluate    Action = "evaluate"
	Cancel      Action = "cancel"
	Judge       Action = "judge"
	Countersign Action = "countersign"
	Agree       Action = "agree" // to issue a credential
	AddEvidence Action = "evidence"
	Assign      Action = "assign"
	Elevate     Action = "elevate"
	Unmask      Action = "unmask"
	Post        Action = "post"
	AcceptRisk  Action = "accept"
	Invite      Action = "invite"
	EndPerson   Action = "end-person"
	RegisterKey Action = "register-key"
	BringIn     Action = "bring-in" // a party
)

// Object is what somebody wants to act on: a release as the viewer sees it, or a party.
type Object struct {
	Release  string // id; empty for a party
	Owner    string // party id of the release's owner, or the party itself
	Level    Level  // at which the viewer sees the release
	Assigned bool   // the viewer is of the lab and assigned to it, or elevated
	Judged   bool   // the viewer has judged what is to be countersigned, or anything of what is to be agreed to
}

//go:embed policy.cedar
var policyText []byte

//go:embed schema.cedarschema
var schemaText []byte

// Policies decide by Cedar. They may be used by several goroutines.
type Policies struct {
	set            *cedar.PolicySet
	Digest, Schema string // SHA-256 of the two files
}

// NewPolicies parses the policies of this program.
func NewPolicies() (*Policies, error) {
	set, err := cedar.NewPolicySetFromBytes("policy.cedar", policyText)
	if err != nil {
		return nil, fmt.Errorf("parsing the access policies: %w", err)
	}
	p, s := sha256.Sum256(policyText), sha256.Sum256(schemaText)
	return &Policies{set: set, Digest: hex.EncodeToString(p[:]), Schema: hex.EncodeToString(s[:])}, nil
}

// Text returns the policies and their schema, as published.
func Text() (policies, schema []byte) { return policyText, schemaText }

// May tells whether a viewer may do something to an object that it sees. Whatever a policy cannot decide is no.
func (p *Policies) May(v Viewer, a Action, o Object) bool {
	if !v.Known() {
		return false
	}
	who := cedar.NewEntityUID("Person", cedar.String(v.Person))
	what := cedar.NewEntityUID("Party", cedar.String(o.Owner))
	attrs := cedar.RecordMap{"party": cedar.String(o.Owner)}
	if o.Release != "" {
		what = cedar.NewEntityUID("Release", cedar.String(o.Release))
		attrs = cedar.RecordMap{"owner": cedar.String(o.Owner), "level": cedar.Long(o.Level), "assigned": cedar.Boolean(o.Assigned)}
	}
	entities := cedar.EntityMap{
		who: {UID: who, Attributes: cedar.NewRecord(cedar.RecordMap{
			"party": cedar.String(v.Party), "class": cedar.String(v.Class), "home": cedar.Boolean(v.Home), "role": cedar.String(v.Role), "scope": cedar.String(v.Scope),
		})},
		what: {UID: what, Attributes: cedar.NewRecord(attrs)},
	}
	decision, diagnostic := cedar.Authorize(p.set, entities, cedar.Request{
		Principal: who, Action: cedar.NewEntityUID("Action", cedar.String(a)), Resource: what,
		Context: cedar.NewRecord(cedar.RecordMap{"judged": cedar.Boolean(o.Judged)}),
	})
	return decision == cedar.Allow && len(diagnostic.Errors) == 0
}
