package statement

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
)

// Party is a party by its name in the lab. Later members of a party are meant too.
type Party struct {
	Class Class  `json:"class"`
	Name  string `json:"name"`
}

func (p *Party) check() error {
	return errors.Join(checkLine("party", p.Name), oneOf("class", p.Class, Vendor, Lab, Operator, Regulator))
}

// Compare orders parties by class, then by name, as bytes.
func (p Party) Compare(q Party) int {
	return cmp.Or(cmp.Compare(p.Class, q.Class), cmp.Compare(p.Name, q.Name))
}

// Intent is who submits what: a party hands in a release for schemes. The lab answers with a receipt, and with a Submission for each scheme.
// Its subjects are the artifacts, or the declaration of a release that has none.
type Intent struct {
	Act         `json:"act"`
	Declaration string   `json:"declaration,omitempty"` // SHA-256 of its canonical form
	Embargo     string   `json:"embargo,omitempty"`     // YYYY-MM-DD: until 00:00 UTC of that day only owner, lab and regulators see the release
	Release     Release  `json:"release"`
	Schemes     []string `json:"schemes"` // ids without edition, sorted
}

// TypeURI is the predicateType.
func (*Intent) TypeURI() string { return TypeIntent }

func (i *Intent) check() error {
	if len(i.Schemes) == 0 || len(i.Schemes) > maxSchemes {
		return fmt.Errorf("%w: %d schemes, not 1 to %d", ErrForm, len(i.Schemes), maxSchemes)
	}
	for n, s := range i.Schemes {
		if err := checkLine("scheme", s); err != nil {
			return err
		}
		if n > 0 && i.Schemes[n-1] >= s {
			return fmt.Errorf("%w: scheme %q is not in its order, or stands twice", ErrForm, shorten(s))
		}
	}
	if i.Declaration != "" {
		if err := checkHex(i.Declaration); err != nil {
			return err
		}
	}
	if i.Embargo != "" {
		if err := checkDate("embargo", i.Embargo); err != nil {
			return err
		}
	}
	return i.Release.check()
}

// Withdrawal takes a submission back: what is under way ends, and the attempt still counts. Its subjects are those of what it takes back.
type Withdrawal struct {
	Act    `json:"act"`
	Of     string `json:"of"` // ID of the Submission, or of the Receipt of the Intent
	Reason string `json:"reason"`
}

// TypeURI is the predicateType.
func (*Withdrawal) TypeURI() string { return TypeWithdrawal }

func (w *Withdrawal) check() error { return errors.Join(checkHex(w.Of), checkText("reason", w.Reason)) }

// Receipt is the lab's word that a party's own statement arrived: the leaf carries a key of the lab, so that the log does not tell who
// acted. Its subjects are those of the party's statement.
type Receipt struct {
	Act       `json:"act"`
	Assertion string   `json:"assertion,omitempty"` // SHA-256 of the WebAuthn assertion over Of, which is kept with the receipt; with webauthn only
	KeyID     string   `json:"keyid,omitempty"`     // of the party's key that signed; with key only
	Of        string   `json:"of"`                  // ID of the party's statement
	Party     Actor    `json:"party"`               // whose statement it is; its proof is what signedBy says
	SignedBy  SignedBy `json:"signedBy"`
}

// SignedBy says what stands behind a party's statement.
type SignedBy string

// What stands behind a party's statement, best first.
const (
	SignedByKey      SignedBy = "key"      // an envelope under the party's own key
	SignedByWebAuthn SignedBy = "webauthn" // an assertion of the person's passkey, whose challenge is the statement's ID
	SignedByLab      SignedBy = "lab"      // nothing but the lab's word: ATTESTED-BY-LAB
)

// Proof returns the proof that an actor has whose statement is signed so; empty where it is none of the three.
func (s SignedBy) Proof() Proof {
	switch s {
	case SignedByKey:
		return ByKey
	case SignedByWebAuthn:
		return ByWebAuthn
	case SignedByLab:
		return Attested
	}
	return ""
}

// TypeURI is the predicateType.
func (*Receipt) TypeURI() string { return TypeReceipt }

func (r *Receipt) check() error {
	if err := errors.Join(checkHex(r.Of), r.Party.check(), oneOf("signedBy", r.SignedBy, SignedByKey, SignedByWebAuthn, SignedByLab)); err != nil {
		return err
	}
	switch {
	case r.Party.Proof != r.SignedBy.Proof():
		return fmt.Errorf("%w: the party's proof is %q, the receipt says signed by %q", ErrForm, r.Party.Proof, r.SignedBy)
	case (r.SignedBy == SignedByKey) != (r.KeyID != ""):
		return fmt.Errorf("%w: signed by key without a keyid, or the other way round", ErrForm)
	case (r.SignedBy == SignedByWebAuthn) != (r.Assertion != ""):
		return fmt.Errorf("%w: signed by webauthn without an assertion, or the other way round", ErrForm)
	case r.KeyID != "":
		return checkKeyID(r.KeyID)
	case r.Assertion != "":
		return checkHex(r.Assertion)
	}
	return nil
}

// PartyKey says that a party's admin registered a key of the party, or that it ended. It is sealed, unlike a KeyEvent: else everybody could
// read whom the lab works for. Its subject is the key.
type PartyKey struct {
	Act   `json:"act"`
	Event string `json:"event"`          // registered or ended
	From  string `json:"from,omitempty"` // time; with registered only
	Key   string `json:"key"`            // base64 of a SubjectPublicKeyInfo
	Party Party  `json:"party"`
	Until string `json:"until,omitempty"` // time from which on it counts no more: always with ended, which may be earlier than it was registered for
}

// TypeURI is the predicateType.
func (*PartyKey) TypeURI() string { return TypePartyKey }

func (k *PartyKey) check() error {
	switch {
	case (k.Event == "registered") != (k.From != ""):
		return fmt.Errorf("%w: registered without from, or the other way round", ErrForm)
	case k.Event == "ended" && k.Until == "":
		return fmt.Errorf("%w: ended without until", ErrForm)
	}
	if _, err := ParseKeyText(k.Key); err != nil {
		return err
	}
	return errors.Join(oneOf("event", k.Event, "registered", "ended"), k.Party.check(), checkSpan(k.From, k.Until))
}

// Grant is an owner's leave for a party to see a product or a release, or its end. Its subjects are the release's artifacts, or its
// declaration where it has none; with scope product the one of Release.Subject.
type Grant struct {
	Act     `json:"act"`
	Event   string  `json:"event"`        // given or withdrawn
	From    string  `json:"from"`         // time from which on it is given, or withdrawn
	Level   string  `json:"level"`        // summary, verdict, evidence or source; of what is withdrawn, that which it had
	Of      string  `json:"of,omitempty"` // ID of the Grant that is withdrawn
	Reason  string  `json:"reason,omitempty"`
	Release Release `json:"release"` // what may be seen; with scope product all releases of that name, later ones too
	Scope   string  `json:"scope"`   // product or release
	To      Party   `json:"to"`
	Until   string  `json:"until,omitempty"` // time from which on it is given no more; with given only
}

// TypeURI is the predicateType.
func (*Grant) TypeURI() string { return TypeGrant }

func (g *Grant) check() error {
	switch {
	case (g.Event == "withdrawn") != (g.Of != ""):
		return fmt.Errorf("%w: withdrawn without the grant that it was, or the other way round", ErrForm)
	case g.Event == "withdrawn" && g.Until != "":
		return fmt.Errorf("%w: a grant withdrawn until a time", ErrForm)
	case g.Scope == "product" && (g.Release.Product == "" || g.Release.Version+g.Release.Period != ""):
		return fmt.Errorf("%w: a grant on a product without its name, or with a version or period", ErrForm)
	}
	if g.Of != "" {
		if err := checkHex(g.Of); err != nil {
			return err
		}
	}
	if g.Reason != "" {
		if err := checkText("reason", g.Reason); err != nil {
			return err
		}
	}
	return errors.Join(
		oneOf("event", g.Event, "given", "withdrawn"), checkTime("from", g.From), checkSpan(g.From, g.Until), checkLevel(g.Level), g.Release.check(),
		oneOf("scope", g.Scope, "product", "release"), g.To.check(),
	)
}

// Message is what a party says in a thread, to parties that are fixed when it is posted. Its text is gone with its content. Its subjects are
// the artifacts of the release.
type Message struct {
	Act         `json:"act"`
	Attachments []Attachment `json:"attachments,omitempty"` // no name twice
	Audience    []Party      `json:"audience"`              // beside the author's own party; in the order of class and name
	FixIn       string       `json:"fixIn,omitempty"`       // version or period of the release that will have the fix; with plans-fix only
	InReplyTo   string       `json:"inReplyTo,omitempty"`   // ID of a message of the thread
	Position    string       `json:"position,omitempty"`    // asks, accepts, disputes, plans-fix, answers or notes
	Text        string       `json:"text"`
	Thread      Thread       `json:"thread"`
}

// Attachment is a file that goes with a message.
type Attachment struct {
	Digest string `json:"digest"` // SHA-256
	Name   string `json:"name"`   // of a file, without folders
	Size   int64  `json:"size"`   // bytes
}

// Thread is what is talked about: a requirement on a release, or one finding on it.
type Thread struct {
	Fingerprint string `json:"fingerprint,omitempty"` // of one finding; absent: the requirement
	Release     string `json:"release"`               // the case: 32 hexadecimal digits
	Requirement string `json:"requirement"`
	Scheme      string `json:"scheme"` // id without edition
}

// TypeURI is the predicateType.
func (*Message) TypeURI() string { return TypeMessage }

// The most that one message goes to, one message carries, and one intent asks for.
const (
	maxAudience    = 256
	maxAttachments = 64
	maxSchemes     = 64
)

func (m *Message) check() error {
	if len(m.Audience) == 0 || len(m.Audience) > maxAudience || len(m.Attachments) > maxAttachments {
		return fmt.Errorf("%w: an audience of %d parties, %d attachments", ErrForm, len(m.Audience), len(m.Attachments))
	}
	for i, p := range m.Audience {
		if err := p.check(); err != nil {
			return err
		}
		if i > 0 && m.Audience[i-1].Compare(p) >= 0 {
			return fmt.Errorf("%w: the audience is not in its order, or has %q twice", ErrForm, p.Name)
		}
	}
	if err := m.Thread.check(); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, a := range m.Attachments {
		if err := a.check(); err != nil {
			return err
		}
		if seen[a.Name] {
			return fmt.Errorf("%w: two attachments are called %q", ErrForm, a.Name)
		}
		seen[a.Name] = true
	}
	switch {
	case m.FixIn != "" && m.Position != "plans-fix":
		return fmt.Errorf("%w: a release with the fix in a message that plans none", ErrForm)
	case m.Case != "" && m.Case != m.Thread.Release:
		return fmt.Errorf("%w: a message in another case than its thread", ErrForm)
	}
	if m.FixIn != "" {
		if err := checkLine("fixIn", m.FixIn); err != nil {
			return err
		}
	}
	if m.InReplyTo != "" {
		if err := checkHex(m.InReplyTo); err != nil {
			return err
		}
	}
	return errors.Join(
		oneOf("position", m.Position, "", "asks", "accepts", "disputes", "plans-fix", "answers", "notes"), checkText("text", m.Text),
	)
}

func (a *Attachment) check() error {
	if strings.ContainsAny(a.Name, `/\`) || a.Name == "." || a.Name == ".." || a.Size < 0 {
		return fmt.Errorf("%w: an attachment %q of %d bytes", ErrForm, shorten(a.Name), a.Size)
	}
	return errors.Join(checkHex(a.Digest), checkLine("name of an attachment", a.Name))
}

func (t *Thread) check() error {
	if !casePattern.MatchString(t.Release) {
		return fmt.Errorf("%w: the release %q of a thread is not 32 hexadecimal digits", ErrForm, shorten(t.Release))
	}
	if t.Fingerprint != "" {
		if err := checkHex(t.Fingerprint); err != nil {
			return err
		}
	}
	return errors.Join(checkLine("requirement", t.Requirement), checkLine("scheme", t.Scheme))
}

// Agreement is a person's of the lab, that a credential be issued for what a dossier came to under a scheme, or that it be not after all. Its
// subjects are the artifacts.
type Agreement struct {
	Act     `json:"act"` // of the lab, with the person
	Dossier string       `json:"dossier"` // SHA-256 of dossier.json
	Event   string       `json:"event"`   // agreed or withdrawn
	Policy  Policy       `json:"policy"`
}

// TypeURI is the predicateType.
func (*Agreement) TypeURI() string { return TypeAgreement }

func (a *Agreement) check() error {
	if a.Actor.Class != Lab || a.Actor.Person == "" {
		return fmt.Errorf("%w: an agreement of nobody in the lab", ErrForm)
	}
	return errors.Join(checkHex(a.Dossier), oneOf("event", a.Event, "agreed", "withdrawn"), a.Policy.check())
}

func checkLevel(s string) error {
	return oneOf("level", s, "summary", "verdict", "evidence", "source")
}

// checkSpan wants times, where there are any, and the second one later.
func checkSpan(from, until string) error {
	for what, s := range map[string]string{"from": from, "until": until} {
		if s != "" {
			if err := checkTime(what, s); err != nil {
				return err
			}
		}
	}
	if from != "" && until != "" && from >= until { // the form is fixed, so text sorts as time does
		return fmt.Errorf("%w: from %s until %s, which is no later", ErrForm, from, until)
	}
	return nil
}
