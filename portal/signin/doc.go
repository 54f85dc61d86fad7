// Package signin is how people prove to the portal who they are: one-time links, passwords, passkeys, and the identity provider of their party;
// and how programs do, by tokens. It also holds what surrounds that: throttling, cookies, local redirects, and the check of the Host header.
//
// It stores nothing itself and renders nothing: who mounts it gives storage through People, Pending, Sessions and Configs, each a few methods.
// What is secret reaches storage as a SHA-256 digest only (secrets, session cookies, ids of ceremonies) or as argon2id (passwords). What somebody
// may do once he is known is not decided here.
//
// Every error that a stranger can bring about wraps one of the errors below, so that pages can say the same for all of them and logs the rest.
package signin

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
)

// Errors that can be asked for with errors.Is.
var (
	// ErrRefused: the proof does not hold: a wrong password, a bad signature, a foreign origin, an identity token that is not for us.
	ErrRefused = errors.New("sign-in refused")
	// ErrSecret: the text is no secret of this use.
	ErrSecret = errors.New("not a valid secret")
	// ErrPassword: the new password breaks a rule; the text says which and may be shown.
	ErrPassword = errors.New("the password cannot be used")
	// ErrBusy: too many passwords wait to be hashed; to be answered with 503.
	ErrBusy = errors.New("too many sign-ins at once")
	// ErrHash: a stored hash of a password cannot be read.
	ErrHash = errors.New("not a stored password hash")
	// ErrNoCeremony: it was never begun, is finished, has expired, or was another person's or browser's.
	ErrNoCeremony = errors.New("no such ceremony: begin again")
	// ErrCloned: the passkey's counter did not grow, so that there may be two of it. The owner should be told. Wraps ErrRefused.
	ErrCloned error = &refusal{"the passkey's signature counter went back: it may have been copied"}
	// ErrDenied: the identity provider did not sign the person in, and said so. Wraps ErrRefused.
	ErrDenied error = &refusal{"the identity provider refused"}
	// ErrProvider: the identity provider cannot be reached, or does not keep to the protocol.
	ErrProvider = errors.New("the identity provider is not usable")
	// ErrUnknown: what implementations of People and Configs return where there is no such person, passkey or provider.
	ErrUnknown = errors.New("unknown")
)

// refusal is a kind of ErrRefused.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

func (r *refusal) Is(target error) bool { return target == ErrRefused }

// random returns 32 bytes from the operating system as 43 characters of base64url.
func random() string {
	var b [secretSize]byte
	_, _ = rand.Read(b[:]) // never fails: crypto/rand ends the program instead
	return base64.RawURLEncoding.EncodeToString(b[:])
}
