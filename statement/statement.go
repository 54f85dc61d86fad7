package statement

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
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

// The outside of a statement is few fixed words, around the predicate and before what outside holds.
const (
	beforePredicate = `{"_type":"` + Type + `","predicate":`
	maxPayload      = 3 * (MaxEnvelope - 1024) / 4 // what an envelope of MaxEnvelope holds in base64 beside its signature
)

type outside struct {
	PredicateType string    `json:"predicateType"`
	Subject       []Subject `json:"subject"`
}

// Bytes returns the payload of the statement's envelope, and refuses what Parse would.
func (s *Statement) Bytes() ([]byte, error) {
	var predicate []byte
	var err error
	if d, ok := s.Predicate.(*Document); ok {
		predicate = d.Content // may hold what none of our types does
	} else if predicate, err = Encode(s.Predicate); err != nil {
		return nil, fmt.Errorf("encoding a statement: %w", err)
	}
	rest, err := Encode(outside{s.Predicate.TypeURI(), s.Subjects})
	if err != nil {
		return nil, fmt.Errorf("encoding a statement: %w", err)
	}
	rest[0] = ','
	b := slices.Concat([]byte(beforePredicate), predicate, rest)
	if _, err := Parse(b); err != nil {
		return nil, fmt.Errorf("encoding a statement: %w", err)
	}
	return b, nil
}

// Parse reads a payload whose predicate type this package knows, and refuses whatever Bytes would not write.
func Parse(payload []byte) (*Statement, error) {
	predicate, x, err := split(payload)
	if err != nil {
		return nil, fmt.Errorf("reading a statement: %w", err)
	}
	empty := predicates[x.PredicateType]
	if empty == nil {
		return nil, fmt.Errorf("reading a statement: predicate type %q is not known", shorten(x.PredicateType))
	}
	p := empty()
	if d, ok := p.(*Document); ok {
		d.Content = slices.Clone(predicate)
	} else if err := Decode(predicate, p); err != nil {
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

// split parts a payload into its predicate, which it does not look into, and all that stands outside of it.
func split(payload []byte) ([]byte, *outside, error) {
	if len(payload) > maxPayload {
		return nil, nil, fmt.Errorf("%w: %d bytes, at most %d are read", ErrForm, len(payload), maxPayload)
	}
	rest, ok := bytes.CutPrefix(payload, []byte(beforePredicate))
	if !ok {
		return nil, nil, fmt.Errorf("%w: it does not begin with _type %q and a predicate", ErrForm, Type)
	}
	n, err := objectLength(rest)
	if err != nil {
		return nil, nil, fmt.Errorf("predicate: %w", err)
	}
	predicate, rest := rest[:n], rest[n:]
	if !bytes.HasPrefix(rest, []byte(",")) {
		return nil, nil, fmt.Errorf("%w: nothing follows the predicate", ErrForm)
	}
	x := new(outside)
	if err := Decode(slices.Concat([]byte("{"), rest[1:]), x); err != nil {
		return nil, nil, fmt.Errorf("after the predicate: %w", err)
	}
	if len(x.Subject) == 0 || len(x.Subject) > maxSubjects {
		return nil, nil, fmt.Errorf("%w: %d subjects, not 1 to %d", ErrForm, len(x.Subject), maxSubjects)
	}
	for _, s := range x.Subject {
		if err := errors.Join(checkHex(s.Digest.SHA256), checkLine("name", s.Name)); err != nil {
			return nil, nil, fmt.Errorf("subject %q: %w", shorten(s.Name), err)
		}
	}
	return predicate, x, nil
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
