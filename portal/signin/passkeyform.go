package signin

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/protocol/webauthncose"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/probat-lab/probat/portal/signin/assertion"
)

// A COSE key (RFC 9053, 7) with its members in the order of CTAP2's canonical CBOR, up to the first coordinate.
var (
	coseP256    = []byte{0xa5, 0x01, 0x02, 0x03, 0x26, 0x20, 0x01, 0x21, 0x58, 0x20}
	coseP256Y   = []byte{0x22, 0x58, 0x20}
	coseEd25519 = []byte{0xa4, 0x01, 0x01, 0x03, 0x27, 0x20, 0x06, 0x21, 0x58, 0x20}
)

const coordinate = 32

// keyFromCOSE turns the key of a registration into SubjectPublicKeyInfo.
func keyFromCOSE(cose []byte) ([]byte, error) {
	parsed, err := webauthncose.ParsePublicKey(cose)
	if err != nil {
		return nil, fmt.Errorf("reading a passkey's key: %w", err)
	}
	switch k := parsed.(type) {
	case webauthncose.EC2PublicKeyData:
		if k.Algorithm != int64(webauthncose.AlgES256) || k.Curve != int64(webauthncose.P256) || len(k.XCoord) != coordinate || len(k.YCoord) != coordinate {
			break
		}
		point := append(append([]byte{4}, k.XCoord...), k.YCoord...)
		pub, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), point)
		if err != nil {
			return nil, fmt.Errorf("reading a passkey's key: %w", err)
		}
		return x509.MarshalPKIXPublicKey(pub)
	case webauthncose.OKPPublicKeyData:
		if k.Algorithm != int64(webauthncose.AlgEdDSA) || k.Curve != int64(webauthncose.Ed25519) || len(k.XCoord) != ed25519.PublicKeySize {
			break
		}
		return x509.MarshalPKIXPublicKey(ed25519.PublicKey(k.XCoord))
	}
	return nil, errors.New("reading a passkey's key: it is neither ES256 on P-256 nor Ed25519")
}

// coseFromKey is the way back, for the library.
func coseFromKey(der []byte) ([]byte, error) {
	key, err := assertion.ParseKey(der)
	if err != nil {
		return nil, err
	}
	if k, ok := key.(ed25519.PublicKey); ok {
		return append(append([]byte{}, coseEd25519...), k...), nil
	}
	point, err := key.(*ecdsa.PublicKey).Bytes()
	if err != nil {
		return nil, err
	}
	cose := append(append([]byte{}, coseP256...), point[1:1+coordinate]...)
	return append(append(cose, coseP256Y...), point[1+coordinate:]...), nil
}

// user is a person as the library sees one.
type user struct {
	person      Person
	credentials []webauthn.Credential
}

func newUser(p Person) (*user, error) {
	u := &user{person: p}
	for _, k := range p.Passkeys {
		cose, err := coseFromKey(k.Key)
		if err != nil {
			return nil, fmt.Errorf("reading the passkeys of %q: %w", p.Name, err)
		}
		c := webauthn.Credential{ID: k.ID, PublicKey: cose, AttestationFormat: "none"}
		for _, t := range k.Transports {
			c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
		}
		c.Flags.BackupEligible, c.Flags.BackupState = k.BackupEligible, k.BackedUp
		c.Authenticator.SignCount = k.Counter
		u.credentials = append(u.credentials, c)
	}
	return u, nil
}

func (u *user) WebAuthnID() []byte                         { return u.person.Handle }
func (u *user) WebAuthnName() string                       { return u.person.Name }
func (u *user) WebAuthnDisplayName() string                { return u.person.DisplayName }
func (u *user) WebAuthnCredentials() []webauthn.Credential { return u.credentials }

func (u *user) descriptors() []protocol.CredentialDescriptor {
	var all []protocol.CredentialDescriptor
	for _, c := range u.credentials {
		all = append(all, c.Descriptor())
	}
	return all
}
