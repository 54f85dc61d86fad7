package statement

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// Trust is what the root says of the lab's keys: what a customer pins. Its subject is the log's origin.
type Trust struct {
	Act       `json:"act"`
	Keys      []TrustedKey     `json:"keys"`
	Lab       LabIdentity      `json:"lab"`
	Origin    string           `json:"origin"`             // of the log: a host name
	Policy    string           `json:"policy"`             // C2SP tlog-policy: log keys, witnesses, quorum
	Previous  string           `json:"previous,omitempty"` // ID of the version before
	Version   int64            `json:"version"`            // from 1; a lower one than was seen is a roll-back
	Window    int64            `json:"window"`             // seconds that a statement may wait for its checkpoint's cosignatures
	Witnesses []TrustedWitness `json:"witnesses"`
}

// TrustedKey is a key that signs statements.
type TrustedKey struct {
	CutOff     string   `json:"cutOff,omitempty"` // time of compromise: only what a witness saw before it counts
	From       string   `json:"from"`             // time
	Key        string   `json:"key"`              // base64 of a SubjectPublicKeyInfo
	Predicates []string `json:"predicates"`       // predicate types, with version, that it may sign; ours without TypePrefix
	Purpose    Purpose  `json:"purpose"`          // issuing or ledger
	Until      string   `json:"until"`            // time: nothing new after it
}

// TrustedWitness says who runs a witness of the policy.
type TrustedWitness struct {
	Name         string `json:"name"` // key name
	Organisation string `json:"organisation"`
}

// TypeURI is the predicateType.
func (*Trust) TypeURI() string { return TypeTrust }

func (t *Trust) check() error {
	if t.Version < 1 || (t.Version > 1) != (t.Previous != "") || t.Window < 1 || t.Window > 366*86400 {
		return fmt.Errorf("%w: trust version %d, window %d s", ErrForm, t.Version, t.Window)
	}
	if t.Previous != "" {
		if err := checkHex(t.Previous); err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	for _, k := range t.Keys {
		if err := k.check(); err != nil {
			return err
		}
		if seen[k.Key] {
			return fmt.Errorf("%w: a key stands twice in the trust statement", ErrForm)
		}
		seen[k.Key] = true
	}
	for _, w := range t.Witnesses {
		if err := errors.Join(checkLine("witness", w.Name), checkLine("organisation", w.Organisation)); err != nil {
			return err
		}
	}
	if t.Policy == "" || len(t.Policy) > 128<<10 || strings.ContainsFunc(t.Policy, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }) {
		return fmt.Errorf("%w: the policy is empty, too long, or has characters that cannot be shown", ErrForm)
	}
	return errors.Join(t.Lab.check(), checkLine("origin", t.Origin))
}

func (k *TrustedKey) check() error {
	if _, err := ParseKeyText(k.Key); err != nil { // one text only, so that no key stands twice
		return fmt.Errorf("a trusted key: %w", err)
	}
	if k.CutOff != "" {
		if err := checkTime("cutOff", k.CutOff); err != nil {
			return err
		}
	}
	for _, p := range k.Predicates {
		if predicates[p] == nil && predicates[TypePrefix+p] == nil {
			return fmt.Errorf("%w: predicate type %q is not known", ErrForm, p)
		}
	}
	return errors.Join(checkTime("from", k.From), checkTime("until", k.Until), oneOf("purpose", k.Purpose, ForIssuing, ForLedger))
}
