package signin

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
)

// Use says what a secret is good for. It is part of the secret's text, and of what is hashed: a token is never taken for a session.
type Use string

// The uses.
const (
	Link    Use = "probat_link_" // in a one-time link: an invitation, or a way back in
	Session Use = "probat_sess_" // in the session cookie
	Token   Use = "probat_tok_"  // of a program, in the Authorization header
)

const (
	secretSize = 32
	secretText = 43 // characters of base64url without padding
)

// NewSecret draws a secret: its text, to be handed out once and kept nowhere, and the digest to store, 32 bytes of SHA-256 over the whole text. The
// prefix lets scanners of leaked secrets and their finders know what it is. A fast hash is enough for 256 random bits.
func NewSecret(use Use) (text string, digest []byte) {
	text = string(use) + random()
	sum := sha256.Sum256([]byte(text))
	return text, sum[:]
}

// ParseSecret returns the digest to look up for a text that somebody presents: ErrSecret if it was never a secret of this use, without saying the
// text. There is one text for each secret: other spellings of the same bytes are refused. Looking up the digest is the comparison; its timing says
// something about digests only, from which no text follows.
func ParseSecret(use Use, text string) (digest []byte, err error) {
	rest, ok := strings.CutPrefix(text, string(use))
	if !ok || !canonical(rest) {
		return nil, fmt.Errorf("%w of the form %s…", ErrSecret, use)
	}
	sum := sha256.Sum256([]byte(text))
	return sum[:], nil
}

// canonical says whether s is how random writes some 32 bytes. The decoder ignores line breaks, hence the comparison.
func canonical(s string) bool {
	if len(s) != secretText {
		return false
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(s)
	return err == nil && len(b) == secretSize && base64.RawURLEncoding.EncodeToString(b) == s
}
