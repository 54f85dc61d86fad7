package proof_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"filippo.io/mldsa"

	"github.com/probat-lab/probat/ledger/proof"
)

var witnessNames = []string{"w.example/1", "w.example/mldsa"}

func TestCosign(t *testing.T) {
	for _, name := range witnessNames {
		t.Run(name, func(t *testing.T) {
			w := cosigner(t, name)
			s := sign(t, checkpoint(t, big(t), 5), seeded(1))
			for _, time := range []int64{1, now, math.MaxInt64} {
				// Once more through bytes, as others would get it.
				c, err := proof.ParseSigned(cosign(t, s, time, w).Bytes())
				if err != nil {
					t.Fatal(err)
				}
				if got, err := w.Key().Verify(c); err != nil || got != time {
					t.Errorf("got %d, %v, want %d", got, err, time)
				}
				if err := logKey(1).Verify(c); err != nil {
					t.Error(err)
				}
			}
			for _, time := range []int64{0, -1, math.MinInt64} {
				if _, err := w.Cosign(s, time); err == nil {
					t.Errorf("cosigned at %d", time)
				}
			}
			if _, err := w.Cosign(&proof.SignedCheckpoint{Checkpoint: proof.Checkpoint{Origin: strings.Repeat("o", 256), Size: 1}}, now); err == nil {
				t.Error("cosigned for an origin that is no name")
			}
			empty := sign(t, proof.Checkpoint{Origin: origin, Root: proof.EmptyRoot()}, seeded(1))
			if got, err := w.Key().Verify(cosign(t, empty, now, w)); err != nil || got != now {
				t.Errorf("empty tree: got %d, %v", got, err)
			}
		})
	}
}

// TestCosignRefused is adversarial test 14 for cosignatures, and 31: the replay of a cosignature for another origin.
func TestCosignRefused(t *testing.T) {
	for _, name := range witnessNames {
		w := cosigner(t, name)
		good := cosign(t, sign(t, checkpoint(t, big(t), 5), seeded(1)), now, w)
		for what, c := range map[string]struct {
			change func(s *proof.SignedCheckpoint, l *proof.SignatureLine)
			want   error
		}{
			"nothing":      {func(*proof.SignedCheckpoint, *proof.SignatureLine) {}, nil},
			"other size":   {func(s *proof.SignedCheckpoint, _ *proof.SignatureLine) { s.Size++ }, proof.ErrBadSignature},
			"other root":   {func(s *proof.SignedCheckpoint, _ *proof.SignatureLine) { s.Root[0] ^= 1 }, proof.ErrBadSignature},
			"other origin": {func(s *proof.SignedCheckpoint, _ *proof.SignatureLine) { s.Origin = "log.other.example" }, proof.ErrBadSignature},
			"stripped":     {func(s *proof.SignedCheckpoint, _ *proof.SignatureLine) { s.Lines = s.Lines[:1] }, proof.ErrNotCosigned},
			"other name":   {func(_ *proof.SignedCheckpoint, l *proof.SignatureLine) { l.Name = "w" }, proof.ErrNotCosigned},
			"other hash":   {func(_ *proof.SignedCheckpoint, l *proof.SignatureLine) { l.KeyHash ^= 1 }, proof.ErrNotCosigned},
			"other time":   {func(_ *proof.SignedCheckpoint, l *proof.SignatureLine) { l.Signature[7] ^= 1 }, proof.ErrBadSignature},
			"changed bit":  {func(_ *proof.SignedCheckpoint, l *proof.SignatureLine) { l.Signature[40] ^= 1 }, proof.ErrBadSignature},
			"cut": {func(_ *proof.SignedCheckpoint, l *proof.SignatureLine) {
				l.Signature = l.Signature[:len(l.Signature)-1]
			}, proof.ErrBadSignature},
			"longer":        {func(_ *proof.SignedCheckpoint, l *proof.SignatureLine) { l.Signature = append(l.Signature, 0) }, proof.ErrBadSignature},
			"time only":     {func(_ *proof.SignedCheckpoint, l *proof.SignatureLine) { l.Signature = l.Signature[:8] }, proof.ErrBadSignature},
			"part of time":  {func(_ *proof.SignedCheckpoint, l *proof.SignatureLine) { l.Signature = l.Signature[:7] }, proof.ErrBadSignature},
			"without time":  {func(_ *proof.SignedCheckpoint, l *proof.SignatureLine) { l.Signature = l.Signature[8:] }, proof.ErrBadSignature},
			"time 0":        {func(_ *proof.SignedCheckpoint, l *proof.SignatureLine) { copy(l.Signature, make([]byte, 8)) }, proof.ErrBadSignature},
			"time negative": {func(_ *proof.SignedCheckpoint, l *proof.SignatureLine) { l.Signature[0] = 0x80 }, proof.ErrBadSignature},
		} {
			s := good.With()
			s.Lines[1].Signature = bytes.Clone(s.Lines[1].Signature)
			c.change(s, &s.Lines[1])
			if time, err := w.Key().Verify(s); !errors.Is(err, c.want) || err == nil && c.want != nil || err != nil && time != 0 {
				t.Errorf("%s: %s: got %d, %v, want %v", name, what, time, err, c.want)
			}
		}
	}
	if _, err := (proof.WitnessKey{}).Verify(sign(t, checkpoint(t, big(t), 5), seeded(1))); !errors.Is(err, proof.ErrNotCosigned) {
		t.Errorf("zero key: %v", err)
	}
}

// TestTimeZeroSigned: a right signature over the time 0, which tlog-cosignature allows for ML-DSA-44, is no statement about time and is refused.
func TestTimeZeroSigned(t *testing.T) {
	key, err := mldsa.GenerateKey(mldsa.MLDSA44())
	if err != nil {
		t.Fatal(err)
	}
	w, err := proof.NewMLDSAWitness("w", key.PublicKey().Bytes())
	if err != nil {
		t.Fatal(err)
	}
	c := checkpoint(t, big(t), 5)
	for _, time := range []uint64{0, 1, 1 << 63} {
		signature, err := key.Sign(nil, message("w", time, c), nil)
		if err != nil {
			t.Fatal(err)
		}
		line := proof.SignatureLine{Name: "w", KeyHash: w.Hash(), Signature: append(binary.BigEndian.AppendUint64(nil, time), signature...)}
		if _, err := w.Verify(sign(t, c, seeded(1)).With(line)); (err == nil) != (time == 1) {
			t.Errorf("time %d: %v", time, err)
		}
	}
}

// message is cosigned_message of C2SP tlog-cosignature, written down here a second time, from its text.
func message(name string, time uint64, c proof.Checkpoint) []byte {
	var b bytes.Buffer
	for _, v := range []any{
		[]byte("subtree/v1\n\x00"), uint8(len(name)), []byte(name), time, uint8(len(c.Origin)), []byte(c.Origin), uint64(0), uint64(c.Size), c.Root[:],
	} {
		if err := binary.Write(&b, binary.BigEndian, v); err != nil {
			panic(err)
		}
	}
	return b.Bytes()
}

// TestEd25519Message: the text that an Ed25519 witness signs, as tlog-cosignature shows it.
func TestEd25519Message(t *testing.T) {
	s, err := proof.ParseSigned([]byte(published))
	if err != nil {
		t.Fatal(err)
	}
	text := "cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
	key := seeded(7)
	w, err := proof.NewEd25519Witness("witness.example.com/w2", public(key))
	if err != nil {
		t.Fatal(err)
	}
	signature := append(binary.BigEndian.AppendUint64(nil, 1679315147), ed25519.Sign(key, []byte(text))...)
	s = s.With(proof.SignatureLine{Name: w.Name(), KeyHash: w.Hash(), Signature: signature})
	if time, err := w.Verify(s); err != nil || time != 1679315147 {
		t.Errorf("got %d, %v", time, err)
	}
}

func TestWitnessKeys(t *testing.T) {
	for _, name := range witnessNames {
		w := cosigner(t, name)
		k, err := proof.ParseWitnessKey(w.Key().String())
		if err != nil {
			t.Fatal(err)
		}
		if k.Name() != name || k.Hash() != w.Key().Hash() || !bytes.Equal(k.PublicKey(), w.Key().PublicKey()) || k.Algorithm() != w.Key().Algorithm() {
			t.Errorf("got %v, want %v", k, w.Key())
		}
		again, err := proof.ParseCosigner(w.Secret())
		if err != nil {
			t.Fatal(err)
		}
		if again.Key().String() != w.Key().String() {
			t.Errorf("got %v, want %v", again.Key(), w.Key())
		}
		seed := secretTail(w.Secret())
		if shown := fmt.Sprintf("%v %+v %#v %s", w, w, w, w); strings.Contains(shown, seed) || strings.Contains(shown, "ed:") {
			t.Errorf("printing shows the private key: %s", shown)
		}
	}
	// Two witnesses whose names differ do not share a key hash, nor do the two types of key.
	pub := public(seeded(1))
	a, errA := proof.NewEd25519Witness("a", pub)
	b, errB := proof.NewEd25519Witness("b", pub)
	if errA != nil || errB != nil || a.Hash() == b.Hash() || a.Hash() == proof.NewLogKey("a", pub).Hash() {
		t.Errorf("got %v, %v, %v, %v", a, b, errA, errB)
	}
}

func TestWitnessKeyRefused(t *testing.T) {
	ed, ml := cosigner(t, witnessNames[0]), cosigner(t, witnessNames[1])
	b64 := base64.StdEncoding.EncodeToString
	for name, c := range map[string]struct{ vkey, says string }{
		"log key":       {logKey(1).String(), "type 0x01"},
		"type 5":        {"w+00000000+" + b64(append([]byte{5}, make([]byte, 32)...)), "type 0x05"},
		"short Ed25519": {"w+00000000+" + b64(append([]byte{4}, make([]byte, 31)...)), "has 32 bytes"},
		"short ML-DSA":  {"w+00000000+" + b64(append([]byte{6}, make([]byte, 1311)...)), "making witness key"},
		"long ML-DSA":   {"w+00000000+" + b64(append([]byte{6}, make([]byte, 1313)...)), "making witness key"},
		"other hash":    {"x" + ed.Key().String(), "its hash is not"},
		"other hash ml": {"x" + ml.Key().String(), "its hash is not"},
		"private":       {ed.Secret(), "PRIVATE+KEY+…"},
		"newline":       {ed.Key().String() + "\n", "canonical base64"},
		"long name":     {strings.Repeat("n", 256) + ed.Key().String(), "at most 255"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := proof.ParseWitnessKey(c.vkey)
			refused(t, err, c.says)
			if !k.IsZero() || k.String() != "" || k.Algorithm() != "" {
				t.Errorf("got %v with the error", k)
			}
			if err != nil && strings.Contains(err.Error(), ed.Secret()[len(ed.Secret())-10:]) {
				t.Errorf("the error shows the private key: %v", err)
			}
		})
	}
}

// secretTail is the base64 of a private key's text, in which there may be plus signs again.
func secretTail(secret string) string { return strings.SplitN(secret, "+", 5)[4] }

func TestCosignerRefused(t *testing.T) {
	for _, name := range witnessNames {
		secret := cosigner(t, name).Secret()
		tail := secretTail(secret)
		seed, err := base64.StdEncoding.DecodeString(tail)
		if err != nil {
			t.Fatal(err)
		}
		form := func(b []byte) string { return strings.TrimSuffix(secret, tail) + base64.StdEncoding.EncodeToString(b) }
		for what, c := range map[string]struct{ secret, says string }{
			"no prefix":   {strings.TrimPrefix(secret, "PRIVATE+"), "does not begin"},
			"newline":     {secret + "\n", "canonical base64"},
			"other name":  {replaced(t, secret, name, "x"+name), "its hash is not"},
			"other seed":  {form(append(bytes.Clone(seed[:32]), seed[32]^1)), "its hash is not"},
			"short seed":  {form(seed[:32]), "the seed has 31 bytes"},
			"log's type":  {form(append([]byte{1}, seed[1:]...)), "type 0x01"},
			"name missed": {"PRIVATE+KEY++00000000+" + tail, "name is empty"},
		} {
			k, err := proof.ParseCosigner(c.secret)
			refused(t, err, c.says)
			if k != nil {
				t.Errorf("%s: a key with the error", what)
			}
			if err != nil && strings.Contains(err.Error(), tail[4:24]) {
				t.Errorf("%s: the error shows the private key: %v", what, err)
			}
		}
	}
}
