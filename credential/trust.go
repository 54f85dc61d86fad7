package credential

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// maxTrust bounds the trust file, in bytes: sixteen envelopes of the largest statement would be more, and nobody needs them.
const maxTrust = 512 << 10

// maxRoots bounds the root keys.
const maxRoots = 16

const trustFormat = "probat-trust/1"

// trustJSON is the trust file: canonical JSON, then a newline.
type trustJSON struct {
	Format    string            `json:"format"`
	Roots     []string          `json:"roots"` // base64 of SubjectPublicKeyInfo, sorted
	Threshold int               `json:"threshold"`
	Trust     []json.RawMessage `json:"trust"` // envelopes of one payload, in the order of the roots that signed them
}

// anchorJSON is what the fingerprint covers: the roots, and how many must sign. It stays the same when the lab changes other keys.
type anchorJSON struct {
	Format    string   `json:"format"`
	Roots     []string `json:"roots"`
	Threshold int      `json:"threshold"`
}

// Pinned is a trust file that was read and verified: what a customer pins. It is not changed after [ParseTrust], so goroutines may share it.
type Pinned struct {
	Trust     *statement.Trust
	ID        statement.ID  // of the trust statement
	Policy    *proof.Policy // Trust.Policy, parsed
	Roots     []*statement.Key
	Threshold int

	anchor [sha256.Size]byte
	keys   map[string]pinnedKey // by DSSE keyid
	runs   map[string]string    // witness key name: organisation
}

// pinnedKey is a key of the trust statement with its times.
type pinnedKey struct {
	statement.TrustedKey
	key                 *statement.Key
	from, until, cutOff time.Time // cutOff is zero where there is none
}

// Predicates returns the predicate types that a new key of a purpose is trusted for, sorted, as the trust file has them: ours without
// statement.TypePrefix, which would be a kilobyte in every credential. Credentials, their changes and status lists are for issuing keys; trust statements for roots;
// everything else of ours for ledger keys, what parties say with it: the lab attests what no key or passkey of theirs signed. A log key signs no statement.
//
// Documents of foreign formats are not among them, though a trust file may allow them to ledger keys: nothing here signs any, and a permission
// that nobody uses is bytes in every credential.
func Predicates(p statement.Purpose) []string {
	var types []string
	for _, t := range statement.Types() {
		of := statement.ForLedger
		switch t {
		case statement.TypeCredential, statement.TypeChange, statement.TypeStatus:
			of = statement.ForIssuing
		case statement.TypeTrust:
			of = statement.ForRoot
		case statement.TypeCycloneDX, statement.TypeOpenVEX:
			continue
		}
		if of == p {
			types = append(types, strings.TrimPrefix(t, statement.TypePrefix))
		}
	}
	slices.Sort(types)
	return types
}

// allowed are the predicate types that a key of a purpose may sign at most, as the trust file has them.
func allowed(p statement.Purpose) []string {
	types := Predicates(p)
	if p == statement.ForLedger {
		types = append(types, statement.TypeCycloneDX, statement.TypeOpenVEX)
	}
	return types
}

// ParseTrust reads a trust file and verifies all of it: as many distinct roots as the threshold says have signed one trust statement, whose keys and
// policy fit together. There is no byte in it that can change without an error.
func ParseTrust(data []byte) (*Pinned, error) {
	p, err := parseTrust(data)
	if err != nil {
		return nil, fmt.Errorf("reading the trust file: %w", err)
	}
	return p, nil
}

func parseTrust(data []byte) (*Pinned, error) {
	if len(data) > maxTrust {
		return nil, fmt.Errorf("%w: %d bytes, at most %d are read", statement.ErrForm, len(data), maxTrust)
	}
	body, ok := bytes.CutSuffix(data, []byte("\n"))
	if !ok {
		return nil, fmt.Errorf("%w: it does not end in a newline", statement.ErrForm)
	}
	var x trustJSON
	if err := statement.Decode(body, &x); err != nil {
		return nil, err
	}
	if x.Format != trustFormat {
		return nil, fmt.Errorf("%w: format %q, not %q", statement.ErrForm, x.Format, trustFormat)
	}
	p := &Pinned{Threshold: x.Threshold, keys: map[string]pinnedKey{}, runs: map[string]string{}}
	if err := p.readRoots(x.Roots); err != nil {
		return nil, err
	}
	anchor, err := statement.Encode(anchorJSON{x.Format, x.Roots, x.Threshold})
	if err != nil {
		return nil, err
	}
	p.anchor = sha256.Sum256(anchor)
	payload, err := p.readEnvelopes(x.Trust)
	if err != nil {
		return nil, err
	}
	return p, p.readStatement(payload)
}

func (p *Pinned) readRoots(roots []string) error {
	if len(roots) == 0 || len(roots) > maxRoots || p.Threshold < 1 || p.Threshold > len(roots) {
		return fmt.Errorf("%w: %d of %d root keys must sign; at least 1 must, at most as many as there are, at most %d", statement.ErrForm, p.Threshold, len(roots), maxRoots)
	}
	for i, text := range roots {
		if i > 0 && roots[i-1] >= text {
			return fmt.Errorf("%w: the root keys are not sorted, or one stands twice", statement.ErrForm)
		}
		k, err := statement.ParseKeyText(text)
		if err != nil {
			return fmt.Errorf("root key %d: %w", i+1, err)
		}
		p.Roots = append(p.Roots, k)
	}
	return nil
}

// readEnvelopes verifies every envelope, and returns the payload that all of them have.
func (p *Pinned) readEnvelopes(envelopes []json.RawMessage) ([]byte, error) {
	if len(envelopes) < p.Threshold || len(envelopes) > len(p.Roots) {
		return nil, fmt.Errorf("%w: %d signed statements, %d of %d root keys must have signed", statement.ErrSignature, len(envelopes), p.Threshold, len(p.Roots))
	}
	var payload []byte
	last := -1
	for i, raw := range envelopes {
		e, err := statement.ParseEnvelope(raw)
		if err != nil {
			return nil, fmt.Errorf("signed statement %d: %w", i+1, err)
		}
		root := slices.IndexFunc(p.Roots, func(k *statement.Key) bool { return k.ID() == e.KeyID })
		if root <= last {
			return nil, fmt.Errorf("signed statement %d: %w: it is of no root key, or not in the order of the root keys", i+1, statement.ErrSignature)
		}
		last = root
		if err := e.Verify(p.Roots[root]); err != nil {
			return nil, fmt.Errorf("signed statement %d: %w", i+1, err)
		}
		if i > 0 && !bytes.Equal(payload, e.Payload) {
			return nil, fmt.Errorf("signed statement %d: %w: the root keys have signed different statements", i+1, statement.ErrForm)
		}
		payload, p.ID = e.Payload, e.ID()
	}
	return payload, nil
}

func (p *Pinned) readStatement(payload []byte) error {
	s, err := statement.Parse(payload)
	if err != nil {
		return err
	}
	t, ok := statement.As[*statement.Trust](s)
	if !ok {
		return fmt.Errorf("%w: the root keys have signed a statement of type %q, not a trust statement", statement.ErrForm, s.Predicate.TypeURI())
	}
	p.Trust = t
	if want := textSubject(t.Origin); len(s.Subjects) != 1 || s.Subjects[0] != want {
		return fmt.Errorf("%w: the trust statement's subject is not the origin %q", statement.ErrForm, t.Origin)
	}
	if !hostName.MatchString(t.Origin) || len(t.Origin) > 253 {
		return fmt.Errorf("%w: origin %q is no host name in lower case", statement.ErrForm, t.Origin)
	}
	return errors.Join(p.readPolicy(), p.readKeys())
}

var hostName = regexp.MustCompile(`^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// readPolicy wants every log of the policy to be the one with the origin, and every witness to be named once with who runs it.
func (p *Pinned) readPolicy() error {
	var err error
	if p.Policy, err = proof.ParsePolicy([]byte(p.Trust.Policy)); err != nil {
		return err
	}
	logs := p.Policy.Logs()
	if len(logs) == 0 {
		return fmt.Errorf("%w: the policy names no log", statement.ErrForm)
	}
	for _, l := range logs {
		if l.Key.Name() != p.Trust.Origin {
			return fmt.Errorf("%w: the policy's log %q is not the origin %q", statement.ErrForm, l.Key.Name(), p.Trust.Origin)
		}
	}
	wanted := map[string]bool{}
	for _, w := range p.Policy.Witnesses() {
		wanted[w.Key.Name()] = true
	}
	for i, w := range p.Trust.Witnesses {
		if i > 0 && p.Trust.Witnesses[i-1].Name >= w.Name {
			return fmt.Errorf("%w: the witnesses are not sorted by name, or one stands twice", statement.ErrForm)
		}
		if !wanted[w.Name] {
			return fmt.Errorf("%w: the witness %q stands in no line of the policy", statement.ErrForm, w.Name)
		}
		p.runs[w.Name] = w.Organisation
	}
	if len(p.runs) != len(wanted) {
		return fmt.Errorf("%w: the policy has %d witnesses by name, of %d it is said who runs them", statement.ErrForm, len(wanted), len(p.runs))
	}
	return nil
}

// readKeys refuses a key with two uses. A log's key, being Ed25519, cannot even be written down as a key that signs statements.
func (p *Pinned) readKeys() error {
	for i, t := range p.Trust.Keys {
		k := pinnedKey{TrustedKey: t}
		var err error
		if k.key, err = statement.ParseKeyText(t.Key); err != nil {
			return fmt.Errorf("key %d of the trust statement: %w", i+1, err)
		}
		id := k.key.ID()
		if _, twice := p.keys[id]; twice || slices.ContainsFunc(p.Roots, func(r *statement.Key) bool { return r.ID() == id }) {
			return fmt.Errorf("%w: key %d of the trust statement has another use already", statement.ErrForm, i+1)
		}
		most := allowed(t.Purpose)
		for j, uri := range t.Predicates {
			if !slices.Contains(most, uri) || j > 0 && t.Predicates[j-1] >= uri {
				return fmt.Errorf("%w: key %d of the trust statement: %q is not for %s keys, or its predicate types are not sorted", statement.ErrForm, i+1, uri, t.Purpose)
			}
		}
		k.from, _ = statement.ParseTime(t.From) // both were checked with the statement
		k.until, _ = statement.ParseTime(t.Until)
		if t.CutOff != "" {
			k.cutOff, _ = statement.ParseTime(t.CutOff)
		}
		if len(t.Predicates) == 0 || !k.from.Before(k.until) {
			return fmt.Errorf("%w: key %d of the trust statement may sign nothing, or ends before it begins", statement.ErrForm, i+1)
		}
		p.keys[id] = k
	}
	return nil
}

// Fingerprint names the root keys and how many of them must sign, for two people who compare them by telephone: sixteen groups of four
// hexadecimal digits, SHA-256 over canonical JSON of format, roots and threshold. Other keys can change without changing it.
func (p *Pinned) Fingerprint() string {
	digits := hex.EncodeToString(p.anchor[:])
	var groups []string
	for g := range slices.Chunk([]byte(digits), 4) {
		groups = append(groups, string(g))
	}
	return strings.Join(groups, " ")
}

// Organisation says who runs the witness with a key name; it is what [proof.Policy.Check] asks.
func (p *Pinned) Organisation(keyName string) string {
	if o, ok := p.runs[keyName]; ok {
		return o
	}
	return proof.DefaultOrganisation(keyName)
}

// Key returns the key with a DSSE keyid, and what may be done with it; nil if the trust statement does not have it.
func (p *Pinned) Key(id string) (*statement.Key, statement.TrustedKey) {
	k := p.keys[id]
	return k.key, k.TrustedKey
}

// May returns nil if the key with a keyid may sign statements of a predicate type at the time that the statement gives. It knows no cut-off:
// that asks for a witness's time, which the statement does not have.
func (p *Pinned) May(id, predicateType string, at time.Time) error {
	k, ok := p.keys[id]
	switch {
	case !ok:
		return fmt.Errorf("the trust file has no key %.19s", id)
	case !slices.Contains(k.Predicates, strings.TrimPrefix(predicateType, statement.TypePrefix)):
		return fmt.Errorf("the key %.19s is for %s and may not sign %q", id, k.Purpose, predicateType)
	case at.Before(k.from) || !at.Before(k.until):
		return fmt.Errorf("the key %.19s is for %s to %s, the statement is of %s", id, k.From, k.Until, statement.FormatTime(at))
	}
	return nil
}

// Before returns nil if what the key with a keyid signed counts when witnesses first saw it at a time, which is zero if none did: a compromised
// key counts only for what witnesses saw before the cut-off.
func (p *Pinned) Before(id string, seen time.Time) error {
	k, ok := p.keys[id]
	switch {
	case !ok:
		return fmt.Errorf("the trust file has no key %.19s", id)
	case k.CutOff == "":
		return nil
	case seen.IsZero():
		return fmt.Errorf("the key %.19s counts only for what witnesses saw before %s, and no quorum of witnesses saw this", id, k.CutOff)
	case !seen.Before(k.cutOff):
		return fmt.Errorf("the key %.19s counts only for what witnesses saw before %s, and they saw this at %s", id, k.CutOff, statement.FormatTime(seen))
	}
	return nil
}

// Follows returns nil if p can take the place of an older trust file without anybody comparing fingerprints: the same roots have signed the next version, it
// names the one before, and no cut-off was taken back.
func (p *Pinned) Follows(old *Pinned) error {
	switch {
	case p.anchor != old.anchor:
		return fmt.Errorf("replacing the trust file: other root keys: compare the fingerprint %s with what the lab says", p.Fingerprint())
	case p.Trust.Origin != old.Trust.Origin:
		return fmt.Errorf("replacing the trust file: the origin was %q, it is %q", old.Trust.Origin, p.Trust.Origin)
	case p.Trust.Version != old.Trust.Version+1 || p.Trust.Previous != old.ID.String():
		return fmt.Errorf("replacing the trust file: version %d does not follow version %d", p.Trust.Version, old.Trust.Version)
	case p.Trust.Act.Time < old.Trust.Act.Time: // one format of one length: text compares as time
		return fmt.Errorf("replacing the trust file: version %d is of %s, before version %d", p.Trust.Version, p.Trust.Act.Time, old.Trust.Version)
	}
	for id, was := range old.keys {
		is, ok := p.keys[id]
		switch {
		case !ok:
			continue // nothing that it signed counts any more
		case is.Purpose != was.Purpose:
			return fmt.Errorf("replacing the trust file: the key %.19s was for %s, it is for %s", id, was.Purpose, is.Purpose)
		case was.CutOff != "" && (is.CutOff == "" || is.CutOff > was.CutOff):
			return fmt.Errorf("replacing the trust file: the cut-off of the key %.19s was taken back", id)
		}
	}
	return nil
}

// MarshalTrust writes a trust file from all root keys, in any order, and the envelopes that some of them signed. It refuses what [ParseTrust] would.
func MarshalTrust(roots []*statement.Key, threshold int, envelopes ...*statement.Envelope) ([]byte, error) {
	roots = slices.SortedFunc(slices.Values(roots), func(a, b *statement.Key) int { return strings.Compare(a.String(), b.String()) })
	x := trustJSON{Format: trustFormat, Roots: []string{}, Threshold: threshold, Trust: []json.RawMessage{}}
	for _, r := range roots {
		x.Roots = append(x.Roots, r.String())
		for _, e := range envelopes {
			if e.KeyID == r.ID() {
				x.Trust = append(x.Trust, e.Bytes())
			}
		}
	}
	if len(x.Trust) != len(envelopes) {
		return nil, fmt.Errorf("writing the trust file: a statement is signed by no root key")
	}
	data, err := statement.Encode(x)
	if err != nil {
		return nil, fmt.Errorf("writing the trust file: %w", err)
	}
	data = append(data, '\n')
	if _, err := parseTrust(data); err != nil {
		return nil, fmt.Errorf("writing the trust file: %w", err)
	}
	return data, nil
}

// NewTrust signs a trust statement with root keys and writes the trust file. others are the root keys that do not sign; threshold is how many must.
func NewTrust(t *statement.Trust, threshold int, signers []*ecdsa.PrivateKey, others ...*statement.Key) ([]byte, error) {
	s := &statement.Statement{Subjects: []statement.Subject{textSubject(t.Origin)}, Predicate: t}
	payload, err := s.Bytes()
	if err != nil {
		return nil, fmt.Errorf("writing the trust file: %w", err)
	}
	roots := slices.Clone(others)
	var envelopes []*statement.Envelope
	for _, signer := range signers {
		k, err := statement.NewKey(&signer.PublicKey)
		if err != nil {
			return nil, fmt.Errorf("writing the trust file: %w", err)
		}
		e, err := statement.Sign(signer, payload)
		if err != nil {
			return nil, fmt.Errorf("writing the trust file: %w", err)
		}
		roots, envelopes = append(roots, k), append(envelopes, e)
	}
	return MarshalTrust(roots, threshold, envelopes...)
}
