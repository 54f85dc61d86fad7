package signin

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"strings"
	"testing"
)

func TestSecret(t *testing.T) {
	for _, use := range []Use{Link, Session, Token} {
		text, digest := NewSecret(use)
		sum := sha256.Sum256([]byte(text))
		if !strings.HasPrefix(text, string(use)) || !bytes.Equal(digest, sum[:]) {
			t.Errorf("%s: got %q with digest %x", use, text, digest)
		}
		got, err := ParseSecret(use, text)
		if err != nil || !bytes.Equal(got, digest) {
			t.Errorf("%s: parsing gives %x, %v; want %x", use, got, err, digest)
		}
		for _, other := range []Use{Link, Session, Token} {
			if _, err := ParseSecret(other, text); (err == nil) != (other == use) {
				t.Errorf("a secret for %s as one for %s: %v", use, other, err)
			}
		}
		if again, _ := NewSecret(use); again == text {
			t.Errorf("%s: the same secret twice", use)
		}
	}
}

func TestSecretStrict(t *testing.T) {
	good := string(Token) + strings.Repeat("A", 43)
	if _, err := ParseSecret(Token, good); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{
		"", string(Token), good + "=", good + "A", good[:len(good)-1], " " + good, good + "\n", good[:30] + "\n" + good[31:],
		string(Token) + strings.Repeat("A", 42) + "B", // bits beyond the 32nd byte
		string(Token) + strings.Repeat("+", 43), strings.ToUpper(string(Token)) + strings.Repeat("A", 43),
		string(Token) + strings.Repeat("A", 40) + "\r\n\n",
	} {
		if _, err := ParseSecret(Token, bad); !errors.Is(err, ErrSecret) {
			t.Errorf("%q: got %v, want ErrSecret", bad, err)
		} else if len(bad) > len(Token) && strings.Contains(err.Error(), bad) {
			t.Errorf("the error repeats the secret: %v", err)
		}
	}
}

func FuzzSecret(f *testing.F) {
	text, _ := NewSecret(Link)
	f.Add(text)
	f.Add(text + "=")
	f.Add("probat_link_\n")
	f.Fuzz(func(t *testing.T, s string) {
		digest, err := ParseSecret(Link, s)
		if err != nil {
			return
		}
		if len(s) != len(Link)+43 || len(digest) != 32 || strings.ContainsAny(s, "\r\n =+/") {
			t.Errorf("%q was accepted", s)
		}
	})
}
