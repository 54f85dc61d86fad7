package statement

import (
	"encoding/json"
	"maps"
	"slices"
)

// The predicate types.
const (
	TypeSubmission   = TypePrefix + "submission/v1"
	TypeDossier      = TypePrefix + "dossier/v1"
	TypeVerdicts     = TypePrefix + "verdicts/v1"
	TypeJudgement    = TypePrefix + "judgement/v1"
	TypeRisk         = TypePrefix + "risk/v1"
	TypeDisclosure   = TypePrefix + "disclosure/v1"
	TypeAccess       = TypePrefix + "access/v1"
	TypeNotice       = TypePrefix + "notice/v1"
	TypeAnswer       = TypePrefix + "answer/v1"
	TypeReceipt      = TypePrefix + "receipt/v1"
	TypeIntent       = TypePrefix + "intent/v1"
	TypeWithdrawal   = TypePrefix + "withdrawal/v1"
	TypeGrant        = TypePrefix + "grant/v1"
	TypeMessage      = TypePrefix + "message/v1"
	TypeAgreement    = TypePrefix + "agreement/v1"
	TypePartyKey     = TypePrefix + "party-key/v1"
	TypeErasure      = TypePrefix + "erasure/v1"
	TypeCredential   = "https://slsa.dev/verification_summary/v1" // SLSA v1.1
	TypeChange       = TypePrefix + "change/v1"
	TypeStatus       = TypePrefix + "status/v1"
	TypeKeyEvent     = TypePrefix + "key/v1"
	TypeEdition      = TypePrefix + "edition/v1"
	TypeAccessPolicy = TypePrefix + "policy/v1"
	TypeRegister     = TypePrefix + "register/v1"
	TypeTrust        = TypePrefix + "trust/v1"
	TypeCycloneDX    = "https://cyclonedx.org/bom" // a bill of materials
	TypeOpenVEX      = "https://openvex.dev/ns"    // exploitability
)

// predicates makes an empty predicate of each type. The set is closed: a verifier that guesses can be led astray.
var predicates = map[string]func() Predicate{
	TypeSubmission:   func() Predicate { return new(Submission) },
	TypeDossier:      func() Predicate { return new(Dossier) },
	TypeVerdicts:     func() Predicate { return new(Verdicts) },
	TypeJudgement:    func() Predicate { return new(Judgement) },
	TypeRisk:         func() Predicate { return new(Risk) },
	TypeDisclosure:   func() Predicate { return new(Disclosure) },
	TypeAccess:       func() Predicate { return new(Access) },
	TypeNotice:       func() Predicate { return new(Notice) },
	TypeAnswer:       func() Predicate { return new(Answer) },
	TypeReceipt:      func() Predicate { return new(Receipt) },
	TypeIntent:       func() Predicate { return new(Intent) },
	TypeWithdrawal:   func() Predicate { return new(Withdrawal) },
	TypeGrant:        func() Predicate { return new(Grant) },
	TypeMessage:      func() Predicate { return new(Message) },
	TypeAgreement:    func() Predicate { return new(Agreement) },
	TypePartyKey:     func() Predicate { return new(PartyKey) },
	TypeErasure:      func() Predicate { return new(Erasure) },
	TypeCredential:   func() Predicate { return new(Credential) },
	TypeChange:       func() Predicate { return new(Change) },
	TypeStatus:       func() Predicate { return new(Status) },
	TypeKeyEvent:     func() Predicate { return new(KeyEvent) },
	TypeEdition:      func() Predicate { return new(Edition) },
	TypeAccessPolicy: func() Predicate { return new(AccessPolicy) },
	TypeRegister:     func() Predicate { return new(Register) },
	TypeTrust:        func() Predicate { return new(Trust) },
	TypeCycloneDX:    func() Predicate { return &Document{Type: TypeCycloneDX} },
	TypeOpenVEX:      func() Predicate { return &Document{Type: TypeOpenVEX} },
}

// Types returns the predicate types that are known, sorted.
func Types() []string { return slices.Sorted(maps.Keys(predicates)) }

// Public tells whether statements of a type belong in the public register: everybody may read them.
func Public(uri string) bool {
	switch uri {
	case TypeCredential, TypeChange, TypeStatus, TypeKeyEvent, TypeEdition, TypeAccessPolicy, TypeRegister, TypeTrust:
		return true
	}
	return false
}

// OfParty tells whether parties sign statements of a type with keys or passkeys of their own. The log holds the lab's receipt of them. A party
// that has neither has the lab's ledger key sign its statement, with the party attested.
func OfParty(uri string) bool {
	switch uri {
	case TypeIntent, TypeWithdrawal, TypeGrant, TypeMessage, TypeRisk, TypeAnswer:
		return true
	}
	return false
}

// Document is a document of a foreign format, signed as it is.
type Document struct {
	Type    string
	Content json.RawMessage // canonical JSON
}

// TypeURI is the predicateType.
func (d *Document) TypeURI() string { return d.Type }

// Common returns nil: a foreign document has no such fields.
func (d *Document) Common() *Act { return nil }

// MarshalJSON returns the document.
func (d *Document) MarshalJSON() ([]byte, error) { return d.Content, nil }

func (d *Document) check() error { return canonicalRaw(d.Content) }
