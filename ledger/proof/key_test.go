package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/probat-lab/probat/ledger/proof"
)

// publishedKey and publishedSignature are the example of C2SP signed-note.
const (
	publishedKey       = "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
	publishedText      = "This is an example message.\n"
	publishedSignature = "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM="
)

func TestPublishedKey(t *testing.T) {
	key, err := proof.ParseLogKey(publishedKey)
	if err != nil {
		t.Fatal(err)
	}
	if key.Name() != "example.com/foo" || key.Hash() != 0x530d903a || key.String() != publishedKey {
		t.Errorf("got %q, %08x, %s", key.Name(), key.Hash(), key)
	}
	b, err := base64.StdEncoding.DecodeString(publishedSignature)
	if err != nil {
		t.Fatal(err)
	}
	if !ed25519.Verify(key.PublicKey(), []byte(publishedText), b[4:]) {
		t.Error("the published signature does not verify under the key")
	}
	if proof.NewLogKey(key.Name(), key.PublicKey()) != key {
		t.Error("the same name and key make another LogKey")
	}
}

// vkey writes the text form of a key with any type and, unless hash is given, the hash that belongs to it.
func vkey(t testing.TB, name string, key []byte, hash string) string {
	t.Helper()
	if hash == "" {
		h, err := note.NewEd25519VerifierKey(name, ed25519.PublicKey(key[1:]))
		if err != nil {
			t.Fatal(err)
		}
		hash = strings.Split(h, "+")[1]
	}
	return name + "+" + hash + "+" + base64.StdEncoding.EncodeToString(key)
}

func TestLogKeyRefused(t *testing.T) {
	key := []byte(public(seeded(1)))
	good := logKey(1).String()
	parts := strings.SplitN(good, "+", 3)
	order8, err := hex.DecodeString("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05")
	if err != nil {
		t.Fatal(err)
	}
	typed := func(typ byte, key []byte) []byte { return append([]byte{typ}, key...) }
	for name, c := range map[string]struct{ vkey, says string }{
		"nothing":          {"", "not of the form"},
		"one plus":         {parts[0] + "+" + parts[1], "not of the form"},
		"no name":          {"+" + parts[1] + "+" + parts[2], "name is empty"},
		"other name":       {"x" + good, "its hash is not"},
		"other hash":       {parts[0] + "+00000000+" + parts[2], "its hash is not"},
		"upper case":       {parts[0] + "+" + strings.ToUpper(parts[1]) + "+" + parts[2], "its hash is not"},
		"short hash":       {parts[0] + "+" + parts[1][:7] + "+" + parts[2], "its hash is not"},
		"no key":           {parts[0] + "+" + parts[1] + "+", "canonical base64"},
		"newline":          {good + "\n", "canonical base64"},
		"space":            {" " + good, "holds ' '"},
		"short key":        {vkey(t, origin, typed(1, key[:31]), "00000000"), "has 32 bytes, not 31"},
		"witness's type":   {vkey(t, origin, typed(4, key), "00000000"), "type 0x04"},
		"unknown type":     {vkey(t, origin, typed(2, key), "00000000"), "type 0x02"},
		"key p+1":          {vkey(t, origin, typed(1, append(append([]byte{0xee}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f)), ""), "canonical form"},
		"key p":            {vkey(t, origin, typed(1, append(append([]byte{0xed}, bytes.Repeat([]byte{0xff}, 30)...), 0xff)), ""), "canonical form"},
		"neutral element":  {vkey(t, origin, typed(1, append([]byte{1}, make([]byte, 31)...)), ""), "small order"},
		"order 4":          {vkey(t, origin, typed(1, make([]byte, 32)), ""), "small order"},
		"order 4, signed":  {vkey(t, origin, typed(1, append(make([]byte, 31), 0x80)), ""), "small order"},
		"order 2":          {vkey(t, origin, typed(1, append(append([]byte{0xec}, bytes.Repeat([]byte{0xff}, 30)...), 0x7f)), ""), "small order"},
		"order 8":          {vkey(t, origin, typed(1, order8), ""), "small order"},
		"private by error": {"PRIVATE+KEY+" + good, "PRIVATE+KEY+…"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := proof.ParseLogKey(c.vkey)
			refused(t, err, c.says)
			if !k.IsZero() {
				t.Errorf("got %v with the error", k)
			}
		})
	}
	if _, err := proof.ParseLogKey("PRIVATE+KEY+" + good); strings.Contains(err.Error(), parts[2]) {
		t.Errorf("the error shows a private key: %v", err)
	}
}

// TestSmallOrder shows why such keys are refused: without the private key, which does not exist, a signature verifies.
func TestSmallOrder(t *testing.T) {
	neutral := append([]byte{1}, make([]byte, 31)...)
	forged := append(bytes.Clone(neutral), make([]byte, 32)...)
	if !ed25519.Verify(neutral, []byte("anything"), forged) {
		t.Fatal("the standard library refuses it by itself: the check in checkEd25519 has become superfluous")
	}
	if k := proof.NewLogKey(origin, neutral); !k.IsZero() {
		t.Errorf("got %v", k)
	}
	if _, err := proof.NewEd25519Witness("w", neutral); err == nil {
		t.Error("accepted as a witness")
	}
}

func TestNewLogKeyRefused(t *testing.T) {
	for _, k := range []proof.LogKey{
		{}, proof.NewLogKey("", public(seeded(1))), proof.NewLogKey("a b", public(seeded(1))), proof.NewLogKey(origin, nil), proof.NewLogKey(origin, make([]byte, 33)),
	} {
		if !k.IsZero() || k.String() != "" {
			t.Errorf("got %v", k)
		}
		if err := k.Verify(sign(t, checkpoint(t, big(t), 5), seeded(1))); !errors.Is(err, proof.ErrUnknownLog) {
			t.Errorf("got %v", err)
		}
	}
}

func TestLogKeyVerify(t *testing.T) {
	c := checkpoint(t, big(t), 5)
	s := sign(t, c, seeded(1))
	if err := logKey(1).Verify(s); err != nil {
		t.Fatal(err)
	}
	if err := logKey(2).Verify(s); !errors.Is(err, proof.ErrUnknownLog) {
		t.Errorf("another key: %v", err)
	}
	change := func(change func(c *proof.SignedCheckpoint)) *proof.SignedCheckpoint {
		n := s.With()
		change(n)
		return n
	}
	for name, c := range map[string]struct {
		s    *proof.SignedCheckpoint
		want error
	}{
		"other size":       {change(func(s *proof.SignedCheckpoint) { s.Size++ }), proof.ErrBadSignature},
		"other root":       {change(func(s *proof.SignedCheckpoint) { s.Root[31] ^= 1 }), proof.ErrBadSignature},
		"other origin":     {change(func(s *proof.SignedCheckpoint) { s.Origin = "log.other.example" }), proof.ErrUnknownLog},
		"other name":       {change(func(s *proof.SignedCheckpoint) { s.Lines[0].Name = "log.other.example" }), proof.ErrUnknownLog},
		"other hash":       {change(func(s *proof.SignedCheckpoint) { s.Lines[0].KeyHash++ }), proof.ErrUnknownLog},
		"no line":          {change(func(s *proof.SignedCheckpoint) { s.Lines = nil }), proof.ErrUnknownLog},
		"cut signature":    {change(func(s *proof.SignedCheckpoint) { s.Lines[0].Signature = s.Lines[0].Signature[:63] }), proof.ErrBadSignature},
		"longer signature": {change(func(s *proof.SignedCheckpoint) { s.Lines[0].Signature = append(bytes.Clone(s.Lines[0].Signature), 0) }), proof.ErrBadSignature},
		"changed bit": {change(func(s *proof.SignedCheckpoint) {
			s.Lines[0].Signature = bytes.Clone(s.Lines[0].Signature)
			s.Lines[0].Signature[10] ^= 1
		}), proof.ErrBadSignature},
	} {
		if err := logKey(1).Verify(c.s); !errors.Is(err, c.want) {
			t.Errorf("%s: got %v, want %v", name, err, c.want)
		}
	}
	// A right signature by the log's key on another origin's checkpoint is no word of this log.
	foreign := proof.Checkpoint{Origin: "log.other.example", Size: c.Size, Root: c.Root}
	theirs := sign(t, foreign, seeded(1))
	theirs.Lines[0].Name, theirs.Lines[0].KeyHash = logKey(1).Name(), logKey(1).Hash()
	if err := logKey(1).Verify(theirs); !errors.Is(err, proof.ErrUnknownLog) {
		t.Errorf("other origin: %v", err)
	}
}

func TestSignCheckpointRefused(t *testing.T) {
	good := checkpoint(t, big(t), 5)
	for name, change := range map[string]func(c *proof.Checkpoint){
		"no origin":       func(c *proof.Checkpoint) { c.Origin = "" },
		"line in origin":  func(c *proof.Checkpoint) { c.Origin = "a\nb" },
		"negative":        func(c *proof.Checkpoint) { c.Size = -1 },
		"too large":       func(c *proof.Checkpoint) { c.Size = proof.MaxSize + 1 },
		"empty with root": func(c *proof.Checkpoint) { c.Size = 0 },
	} {
		c := good
		change(&c)
		if _, err := proof.SignCheckpoint(c, seeded(1)); err == nil {
			t.Errorf("%s: signed", name)
		}
	}
	if _, err := proof.SignCheckpoint(good, seeded(1)[:32]); err == nil {
		t.Error("signed with half a key")
	}
}

func FuzzParseKey(f *testing.F) {
	f.Add(publishedKey)
	f.Add(logKey(1).String())
	for _, name := range []string{"w.example/1", "w.example/mldsa"} {
		c := cosigner(f, name)
		f.Add(c.String())
		f.Add(c.Secret())
	}
	f.Fuzz(func(t *testing.T, text string) {
		if k, err := proof.ParseLogKey(text); err == nil && k.String() != text {
			t.Errorf("log key %q is written as %q", text, k)
		}
		if k, err := proof.ParseWitnessKey(text); err == nil && k.String() != text {
			t.Errorf("witness key %q is written as %q", text, k)
		}
		if k, err := proof.ParseCosigner(text); err == nil && k.Secret() != text {
			t.Errorf("private key %q is written as %q", text, k.Secret())
		} else if err == nil && strings.Contains(fmt.Sprintf("%v %+v %#v", k, k, k), text[len(text)-20:]) {
			t.Errorf("printing shows the private key")
		}
	})
}
