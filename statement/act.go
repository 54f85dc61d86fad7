package statement

import (
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// TypePrefix begins the predicate types that are ours; a name and a version follow: …/statement/submission/v1.
const TypePrefix = "https://github.com/probat-lab/probat/statement/"

// NonceSize is the number of random bytes in every act, which keep its digest from telling what it says.
const NonceSize = 32

// Act is what every act of ours says of itself. Only Actor, Nonce and Time are always there.
type Act struct {
	Actor          Actor  `json:"actor"`
	AsOf           *Head  `json:"asOf,omitempty"`    // the last head that the actor knew: the act is no older
	Case           string `json:"case,omitempty"`    // 32 hexadecimal digits drawn at random; all acts on one release in one lab
	CaseSeq        int64  `json:"caseSeq,omitempty"` // from 1, without gaps
	IdempotencyKey string `json:"idempotencyKey,omitempty"`
	Nonce          string `json:"nonce"`                // base64 of NonceSize bytes
	PrevInCase     string `json:"prevInCase,omitempty"` // ID of the act before in the case; none at 1
	Time           string `json:"time"`                 // RFC 3339, UTC, whole seconds: what the actor says
}

// Actor is who did it, and how that is known.
type Actor struct {
	Class  Class  `json:"class"`
	Name   string `json:"name"`
	Person string `json:"person,omitempty"`
	Proof  Proof  `json:"proof"`
}

// Class is a class of parties.
type Class string

// The classes.
const (
	Vendor    Class = "vendor"
	Lab       Class = "lab"
	Operator  Class = "operator"
	Regulator Class = "regulator"
)

// Proof says how it is known that the actor acted.
type Proof string

// The proofs, best first.
const (
	ByKey      Proof = "key"      // the actor's key signed: this envelope, or the one that a receipt names
	ByWebAuthn Proof = "webauthn" // the person's passkey signed the digest; the assertion is kept with the receipt
	Attested   Proof = "attested" // the lab says so: ATTESTED-BY-LAB
)

// Head is a tree head: the number of leaves and the Merkle root over them.
type Head struct {
	Root string `json:"root"`           // base64 of 32 bytes, as in checkpoints
	Size int64  `json:"size"`           // leaves
	Time string `json:"time,omitempty"` // when the latest witness cosigned it; absent where none did
}

// Common returns the act itself, so that predicates which embed nothing else can share it.
func (a *Act) Common() *Act { return a }

func (a *Act) check() error {
	if err := errors.Join(a.Actor.check(), checkNonce(a.Nonce), checkTime("time", a.Time)); err != nil {
		return err
	}
	if a.AsOf != nil {
		if err := a.AsOf.check(); err != nil {
			return err
		}
	}
	if len(a.IdempotencyKey) > 200 {
		return fmt.Errorf("%w: the idempotency key has %d bytes, at most 200", ErrForm, len(a.IdempotencyKey))
	}
	if a.IdempotencyKey != "" {
		if err := checkLine("idempotency key", a.IdempotencyKey); err != nil {
			return err
		}
	}
	inCase := a.Case != ""
	switch {
	case inCase && !casePattern.MatchString(a.Case):
		return fmt.Errorf("%w: case %q is not 32 hexadecimal digits", ErrForm, a.Case)
	case inCase != (a.CaseSeq > 0) || a.CaseSeq < 0:
		return fmt.Errorf("%w: case %q with sequence number %d", ErrForm, a.Case, a.CaseSeq)
	case (a.CaseSeq > 1) != (a.PrevInCase != ""):
		return fmt.Errorf("%w: act %d of its case names %q as the one before", ErrForm, a.CaseSeq, a.PrevInCase)
	case a.PrevInCase != "":
		return checkHex(a.PrevInCase)
	}
	return nil
}

var casePattern = regexp.MustCompile(`^[0-9a-f]{32}$`)

func (a *Actor) check() error {
	if err := checkLine("actor", a.Name); err != nil {
		return err
	}
	if a.Person != "" {
		if err := checkLine("person", a.Person); err != nil {
			return err
		}
	}
	return errors.Join(oneOf("class", a.Class, Vendor, Lab, Operator, Regulator), oneOf("proof", a.Proof, ByKey, ByWebAuthn, Attested))
}

func (h *Head) check() error {
	b, err := base64.StdEncoding.DecodeString(h.Root)
	if err != nil || len(b) != 32 || base64.StdEncoding.EncodeToString(b) != h.Root || h.Size < 0 {
		return fmt.Errorf("%w: a head of size %d and root %q", ErrForm, h.Size, h.Root)
	}
	if h.Time == "" {
		return nil
	}
	return checkTime("the head's time", h.Time)
}

func checkNonce(s string) error {
	b, err := base64.StdEncoding.DecodeString(s)
	if err != nil || len(b) != NonceSize || base64.StdEncoding.EncodeToString(b) != s {
		return fmt.Errorf("%w: the nonce is not base64 of %d bytes", ErrForm, NonceSize)
	}
	return nil
}

// TimeFormat is how times are written in statements: RFC 3339, UTC, whole seconds.
const TimeFormat = "2006-01-02T15:04:05Z"

// ParseTime reads a time of a statement.
func ParseTime(s string) (time.Time, error) {
	t, err := time.Parse(TimeFormat, s)
	if err != nil || t.Format(TimeFormat) != s || t.Year() < 2000 {
		return time.Time{}, fmt.Errorf("%w: %q is no time like 2026-11-24T13:00:00Z", ErrForm, s)
	}
	return t, nil
}

// FormatTime writes a time as statements have it.
func FormatTime(t time.Time) string { return t.UTC().Format(TimeFormat) }

func checkTime(what, s string) error {
	if _, err := ParseTime(s); err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	return nil
}

func checkDate(what, s string) error {
	if t, err := time.Parse(time.DateOnly, s); err != nil || t.Format(time.DateOnly) != s {
		return fmt.Errorf("%w: %s: %q is no date like 2026-11-24", ErrForm, what, s)
	}
	return nil
}

// maxLine and maxText bound names and reasons, in bytes.
const (
	maxLine = 512
	maxText = 8 << 10
)

// checkLine wants a name: one line, something in it, nothing that a terminal would obey.
func checkLine(what, s string) error {
	if s == "" || len(s) > maxLine || strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return fmt.Errorf("%w: %s %q is empty, longer than %d bytes, or has characters that cannot be shown", ErrForm, what, shorten(s), maxLine)
	}
	return nil
}

// checkText wants a reason in words: lines are allowed, control characters are not.
func checkText(what, s string) error {
	if s == "" || len(s) > maxText || strings.ContainsFunc(s, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
		return fmt.Errorf("%w: %s is empty, longer than %d bytes, or has characters that cannot be shown", ErrForm, what, maxText)
	}
	return nil
}

func shorten(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

func oneOf[T ~string](what string, v T, allowed ...T) error {
	for _, a := range allowed {
		if v == a {
			return nil
		}
	}
	return fmt.Errorf("%w: %s %q is none of %q", ErrForm, what, string(v), allowed)
}

func checkIDs(what string, ids ...string) error {
	for _, s := range ids {
		if err := checkHex(s); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
	}
	return nil
}
