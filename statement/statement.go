package statement

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
)

// Type is the _type of every statement.
const Type = "https://in-toto.io/Statement/v1"

// Subject is what a statement is about, by digest.
type Subject struct {
	Digest Digest `json:"digest"`
	Name   string `json:"name"`
}

// Digest is a DigestSet of in-toto with the one algorithm that is used here.
type Digest struct {
	SHA256 string `json:"sha256"` // 64 hexadecimal digits in lower case
}

// Predicate is what a statement says: one of the types in this package.
type Predicate interface {
	// TypeURI is the predicateType.
	TypeURI() string
	// Common returns the fields that every act of ours has; nil for a foreign document.
	Common() *Act
	check() error
}

// Statement is an in-toto Statement v1.
type Statement struct {
	Subjects  []Subject // at least one
	Predicate Predicate
}

type statementJSON struct {
	Type          string          `json:"_type"`
	Predicate     json.RawMessage `json:"predicate"`
	PredicateType string          `json:"predicateType"`
	Subject       []Subject       `json:"subject"`
}

// Bytes returns the payload of the statement's envelope, and refuses what Parse would.
func (s *Statement) Bytes() ([]byte, error) {
	p, err := Encode(s.Predicate)
	if err != nil {
		return nil, fmt.Errorf("encoding a statement: %w", err)
	}
	// RawMessage would be compacted and checked once more for every statement; the outside is few fields.
	b, err := Encode(statementJSON{Type, p, s.Predicate.TypeURI(), s.Subjects})
	if err != nil {
		return nil, fmt.Errorf("encoding a statement: %w", err)
	}
	if _, err := Parse(b); err != nil {
		return nil, fmt.Errorf("encoding a statement: %w", err)
	}
	return b, nil
}

// Parse reads a payload whose predicate type this package knows, and refuses whatever Bytes would not write.
func Parse(payload []byte) (*Statement, error) {
	if len(payload) > MaxEnvelope {
		return nil, fmt.Errorf("reading a statement: %w: %d bytes, at most %d are read", ErrForm, len(payload), MaxEnvelope)
	}
	var x statementJSON
	if err := Decode(payload, &x); err != nil {
		return nil, fmt.Errorf("reading a statement: %w", err)
	}
	if x.Type != Type {
		return nil, fmt.Errorf("reading a statement: %w: its _type is %q, not %q", ErrForm, x.Type, Type)
	}
	if len(x.Subject) == 0 || len(x.Subject) > maxSubjects {
		return nil, fmt.Errorf("reading a statement: %w: %d subjects, not 1 to %d", ErrForm, len(x.Subject), maxSubjects)
	}
	for _, s := range x.Subject {
		if err := checkHex(s.Digest.SHA256); err != nil || s.Name == "" {
			return nil, fmt.Errorf("reading a statement: %w: subject %q has no name or no SHA-256", ErrForm, s.Name)
		}
	}
	empty := predicates[x.PredicateType]
	if empty == nil {
		return nil, fmt.Errorf("reading a statement: predicate type %q is not known", x.PredicateType)
	}
	p := empty()
	if d, ok := p.(*Document); ok {
		d.Content = x.Predicate
	} else if err := Decode(x.Predicate, p); err != nil {
		return nil, fmt.Errorf("reading a statement of type %q: %w", x.PredicateType, err)
	}
	if a := p.Common(); a != nil {
		if err := a.check(); err != nil {
			return nil, fmt.Errorf("reading a statement of type %q: %w", x.PredicateType, err)
		}
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("reading a statement of type %q: %w", x.PredicateType, err)
	}
	return &Statement{x.Subject, p}, nil
}

// Open parses the statement in an envelope; it verifies no signature.
func (e *Envelope) Open() (*Statement, error) { return Parse(e.Payload) }

// maxSubjects bounds the artifacts of a release.
const maxSubjects = 256

// As returns the predicate of a statement if it is of type P.
func As[P Predicate](s *Statement) (P, bool) {
	p, ok := s.Predicate.(P)
	return p, ok
}

func checkHex(s string) error {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 32 || hex.EncodeToString(b) != s {
		return fmt.Errorf("%w: %q is not 64 hexadecimal digits in lower case", ErrForm, s)
	}
	return nil
}
