package signin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/probat-lab/probat/portal/signin/assertion"
)

// Person is somebody as passkeys know him.
type Person struct {
	Handle            []byte // 16 to 64 random bytes, which authenticators keep: not the id of a row, not a name
	Name, DisplayName string // shown by authenticators where there are several; Name tells people apart
	Passkeys          []Passkey
}

// Passkey is a credential of an authenticator, as stored.
type Passkey struct {
	ID             []byte // up to 1,023 bytes, chosen by the authenticator; unique among all people's
	Key            []byte // SubjectPublicKeyInfo in DER: ECDSA on P-256, or Ed25519
	Counter        uint32 // of signatures; 0 for ever where an authenticator does not count
	BackupEligible bool   // may be synchronised; never changes
	BackedUp       bool   // is, as of its last use
	Transports     []string
	Model          []byte // AAGUID, 16 bytes; not attested, so a hint for names only
}

// People finds people and keeps the state of their passkeys.
type People interface {
	// ByHandle returns a person with all passkeys, or ErrUnknown. Who may not sign in any more is unknown.
	ByHandle(ctx context.Context, handle []byte) (Person, error)
	// Used stores the new counter and backup state of a passkey, if the stored counter is still before: ErrCloned if not (of two sign-ins with the same
	// counter only one may hold).
	Used(ctx context.Context, id []byte, before, after uint32, backedUp bool) error
}

// Assertion is a signature by a passkey; see package assertion, which checks it offline.
type Assertion = assertion.Assertion

// VerifyAssertion is assertion.Verify.
func VerifyAssertion(a Assertion, pae []byte, rpID, origin string) error {
	return assertion.Verify(a, pae, rpID, origin)
}

const (
	maxResponse   = 64 << 10
	maxCredential = 1023
)

// Passkeys runs the ceremonies of WebAuthn: register, sign in, sign. Each has two halves, tied together by an id that is good for five minutes and for one
// try, right or wrong. The page passes options to navigator.credentials and posts the answer (PublicKeyCredential.toJSON) back. The id belongs into
// CeremonyCookie and not into the page: then an answer counts only in the browser that began.
//
// Passkeys are discoverable, the user is always verified, attestation is not asked for, and keys are ES256 or Ed25519: those that can be checked
// offline with a few lines. Embedding in other sites' frames is refused. Its methods may be called from several goroutines.
type Passkeys struct {
	wa      *webauthn.WebAuthn
	site    Site
	people  People
	pending Pending
	now     func() time.Time
}

// NewPasskeys returns the ceremonies for a site; name is shown by authenticators.
func NewPasskeys(site Site, name string, people People, pending Pending, now func() time.Time) (*Passkeys, error) {
	limit := webauthn.TimeoutConfig{Timeout: ceremonyTime, TimeoutUVD: ceremonyTime}
	resident := true
	wa, err := webauthn.New(&webauthn.Config{
		RPID: site.RPID, RPDisplayName: name, RPOrigins: []string{site.Origin},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			RequireResidentKey: &resident, ResidentKey: protocol.ResidentKeyRequirementRequired, UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: limit, Registration: limit},
	})
	if err != nil {
		return nil, fmt.Errorf("setting up passkeys for %q: %w", site.Origin, err)
	}
	return &Passkeys{wa: wa, site: site, people: people, pending: pending, now: now}, nil
}

// ceremony is what is kept between the halves.
type ceremony struct {
	Handle  []byte               `json:"handle,omitempty"` // whose; none for signing in
	Session webauthn.SessionData `json:"session"`
}

// begin keeps the state and writes the options.
func (p *Passkeys) begin(ctx context.Context, kind string, handle []byte, options any, s *webauthn.SessionData) ([]byte, string, error) {
	text, err := json.Marshal(options)
	if err != nil {
		return nil, "", fmt.Errorf("writing the options of a ceremony: %w", err)
	}
	id, err := putPending(ctx, p.pending, kind, ceremony{handle, *s}, p.now())
	return text, id, err
}

// take gets the state back: ErrNoCeremony if it is another person's.
func (p *Passkeys) take(ctx context.Context, kind, id string, handle []byte) (webauthn.SessionData, error) {
	var c ceremony
	if err := takePending(ctx, p.pending, kind, id, &c); err != nil {
		return webauthn.SessionData{}, err
	}
	if !bytes.Equal(c.Handle, handle) {
		return webauthn.SessionData{}, fmt.Errorf("%w: it was begun by somebody else", ErrNoCeremony)
	}
	return c.Session, nil
}

// BeginRegister begins to add a passkey to a person who is signed in or holds a one-time link. options is the JSON for navigator.credentials.create, in its
// "publicKey"; passkeys that the person has already are excluded.
func (p *Passkeys) BeginRegister(ctx context.Context, who Person) (options []byte, id string, err error) {
	if err := checkHandle(who); err != nil {
		return nil, "", err
	}
	u, err := newUser(who)
	if err != nil {
		return nil, "", err
	}
	creation, s, err := p.wa.BeginRegistration(u, webauthn.WithExclusions(u.descriptors()), webauthn.WithCredentialParameters([]protocol.CredentialParameter{
		{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgES256},
		{Type: protocol.PublicKeyCredentialType, Algorithm: webauthncose.AlgEdDSA},
	}))
	if err != nil {
		return nil, "", fmt.Errorf("beginning a registration: %w", err)
	}
	return p.begin(ctx, kindRegister, who.Handle, creation, s)
}

// FinishRegister checks the answer and returns the passkey, for the caller to store: a second one with the same ID, of anybody, must be refused there, by
// a unique index. Errors: ErrNoCeremony, ErrRefused.
func (p *Passkeys) FinishRegister(ctx context.Context, who Person, id string, response []byte) (Passkey, error) {
	s, err := p.take(ctx, kindRegister, id, who.Handle)
	if err != nil {
		return Passkey{}, err
	}
	u, err := newUser(who)
	if err != nil {
		return Passkey{}, err
	}
	if len(response) > maxResponse {
		return Passkey{}, refused("registering a passkey", errors.New("the answer is too long"))
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(response)
	if err != nil {
		return Passkey{}, refused("registering a passkey", err)
	}
	c, err := p.wa.CreateCredential(u, s, parsed)
	if err != nil {
		return Passkey{}, refused("registering a passkey", err)
	}
	key, err := keyFromCOSE(c.PublicKey)
	if err != nil {
		return Passkey{}, refused("registering a passkey", err)
	}
	if len(c.ID) > maxCredential {
		return Passkey{}, refused("registering a passkey", errors.New("its id is too long"))
	}
	k := Passkey{
		ID: c.ID, Key: key, Counter: c.Authenticator.SignCount, Model: c.Authenticator.AAGUID,
		BackupEligible: c.Flags.BackupEligible, BackedUp: c.Flags.BackupState, Transports: transports(c.Transport),
	}
	return k, nil
}

// BeginLogin begins a sign-in of somebody who need not say who he is. options is the JSON for navigator.credentials.get, in its "publicKey".
func (p *Passkeys) BeginLogin(ctx context.Context) (options []byte, id string, err error) {
	request, s, err := p.wa.BeginDiscoverableLogin()
	if err != nil {
		return nil, "", fmt.Errorf("beginning a sign-in: %w", err)
	}
	return p.begin(ctx, kindLogin, nil, request, s)
}

// FinishLogin checks the answer, has the new counter stored, and says who it was and by which passkey. Errors: ErrNoCeremony, ErrRefused, ErrCloned.
func (p *Passkeys) FinishLogin(ctx context.Context, id string, response []byte) (Person, Passkey, error) {
	s, err := p.take(ctx, kindLogin, id, nil)
	if err != nil {
		return Person{}, Passkey{}, err
	}
	parsed, err := parseResponse(response)
	if err != nil {
		return Person{}, Passkey{}, refused("signing in by passkey", err)
	}
	var (
		who    *user
		broken error // of the storage, as opposed to of the answer
	)
	find := func(_, handle []byte) (webauthn.User, error) {
		person, err := p.people.ByHandle(ctx, handle)
		if errors.Is(err, ErrUnknown) {
			return nil, err
		}
		if err == nil {
			who, err = newUser(person)
		}
		broken = err
		return who, err
	}
	_, c, err := p.wa.ValidatePasskeyLogin(find, s, parsed)
	if broken != nil {
		return Person{}, Passkey{}, fmt.Errorf("signing in by passkey: %w", broken)
	}
	if err != nil {
		return Person{}, Passkey{}, refused("signing in by passkey", err)
	}
	k, err := p.used(ctx, who, c)
	if err != nil {
		return Person{}, Passkey{}, fmt.Errorf("signing in by passkey: %w", err)
	}
	return who.person, k, nil
}

// BeginSign begins a signature by one of the person's passkeys over pae, the pre-authentication encoding of a statement. The page should show what
// the statement says: the authenticator does not.
func (p *Passkeys) BeginSign(ctx context.Context, who Person, pae []byte) (options []byte, id string, err error) {
	if err := checkHandle(who); err != nil {
		return nil, "", err
	}
	u, err := newUser(who)
	if err != nil {
		return nil, "", err
	}
	if len(u.credentials) == 0 {
		return nil, "", fmt.Errorf("beginning a signature: %q has no passkey: %w", who.Name, ErrUnknown)
	}
	request, s, err := p.wa.BeginLogin(u, webauthn.WithChallenge(assertion.Challenge(pae)))
	if err != nil {
		return nil, "", fmt.Errorf("beginning a signature: %w", err)
	}
	return p.begin(ctx, kindSign, who.Handle, request, s)
}

// FinishSign checks the answer against the same bytes, as the offline verifier will, has the new counter stored, and returns the assertion to keep
// with the statement. Errors: ErrNoCeremony (also if pae are other bytes than at the beginning: then the id is spent), ErrRefused, ErrCloned.
func (p *Passkeys) FinishSign(ctx context.Context, who Person, id string, pae, response []byte) (Assertion, error) {
	s, err := p.take(ctx, kindSign, id, who.Handle)
	if err != nil {
		return Assertion{}, err
	}
	if s.Challenge != protocol.URLEncodedBase64(assertion.Challenge(pae)).String() {
		return Assertion{}, fmt.Errorf("%w: it was begun for another statement", ErrNoCeremony)
	}
	u, err := newUser(who)
	if err != nil {
		return Assertion{}, err
	}
	parsed, err := parseResponse(response)
	if err != nil {
		return Assertion{}, refused("signing by passkey", err)
	}
	c, err := p.wa.ValidateLogin(u, s, parsed)
	if err != nil {
		return Assertion{}, refused("signing by passkey", err)
	}
	key, err := keyFromCOSE(c.PublicKey)
	if err != nil {
		return Assertion{}, refused("signing by passkey", err)
	}
	raw := parsed.Raw.AssertionResponse
	a := Assertion{AuthenticatorData: raw.AuthenticatorData, ClientDataJSON: raw.ClientDataJSON, Credential: c.ID, Key: key, Signature: raw.Signature}
	if err := assertion.Verify(a, pae, p.site.RPID, p.site.Origin); err != nil {
		return Assertion{}, refused("signing by passkey", err)
	}
	if _, err := p.used(ctx, u, c); err != nil {
		return Assertion{}, fmt.Errorf("signing by passkey: %w", err)
	}
	return a, nil
}

// used refuses a counter that did not grow, and has the new one stored.
func (p *Passkeys) used(ctx context.Context, u *user, c *webauthn.Credential) (Passkey, error) {
	if c.Authenticator.CloneWarning {
		return Passkey{}, ErrCloned
	}
	for _, k := range u.person.Passkeys {
		if bytes.Equal(k.ID, c.ID) {
			before := k.Counter
			k.Counter, k.BackedUp = c.Authenticator.SignCount, c.Flags.BackupState
			return k, p.people.Used(ctx, k.ID, before, k.Counter, k.BackedUp)
		}
	}
	return Passkey{}, ErrRefused
}

func parseResponse(response []byte) (*protocol.ParsedCredentialAssertionData, error) {
	if len(response) > maxResponse {
		return nil, errors.New("the answer is too long")
	}
	return protocol.ParseCredentialRequestResponseBytes(response)
}

func transports(all []protocol.AuthenticatorTransport) []string {
	var names []string
	for _, t := range all {
		switch t {
		case protocol.USB, protocol.NFC, protocol.BLE, protocol.Hybrid, protocol.Internal, protocol.SmartCard:
			names = append(names, string(t))
		}
	}
	return names
}

const minHandle, maxHandle = 16, 64

func checkHandle(who Person) error {
	if len(who.Handle) < minHandle || len(who.Handle) > maxHandle {
		return fmt.Errorf("the handle of %q has %d bytes, %d to %d are expected", who.Name, len(who.Handle), minHandle, maxHandle)
	}
	return nil
}

// refused makes an error of the library one of ours. Its text goes to the log.
func refused(doing string, err error) error {
	return fmt.Errorf("%s: %w: %w", doing, ErrRefused, short(err))
}

// short cuts errors of libraries that repeat what a server answered, which may be long and none of ours.
func short(err error) error {
	const most = 300
	if text := err.Error(); len(text) > most {
		return fmt.Errorf("%q…", text[:most])
	}
	return err
}
