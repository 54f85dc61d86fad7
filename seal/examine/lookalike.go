package examine

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/probat-lab/probat/schemes"
	"github.com/probat-lab/probat/statement"
)

// ErrLookAlike is returned for a scheme that people would take for another one.
var ErrLookAlike = errors.New("the scheme looks like one that comes with this program, and is another: give it an id of its own, or judge the dossier anew")

// LookAlike refuses a scheme whose id differs from that of a shipped one in case and punctuation only, or not at all while its file does, and
// an id or edition that is not plain ASCII. Dossier asks it; who seals asks again, since what a child says is not to be believed.
func LookAlike(p statement.Policy) error {
	for _, text := range []string{p.Scheme, p.Edition} {
		if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' || r > '~' }) {
			return fmt.Errorf("%w: %q", ErrLookAlike, text)
		}
	}
	for _, id := range schemes.IDs() {
		if Fold(id) != Fold(p.Scheme) {
			continue
		}
		if source, _ := schemes.Source(id); id != p.Scheme || digest(source) != p.Digest {
			return fmt.Errorf("%w: %s %s of the digest %.12s, ours has %.12s", ErrLookAlike, p.Scheme, p.Edition, p.Digest, digest(source))
		}
	}
	return nil
}

// Fold leaves the letters and digits of a name, in lower case.
func Fold(s string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
			return -1
		}
		return unicode.ToLower(r)
	}, s)
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
