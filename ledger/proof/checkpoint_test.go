package proof_test

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"github.com/probat-lab/probat/ledger/proof"
)

// published is the checkpoint that stands as an example in C2SP tlog-cosignature.
const published = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=
— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA==
`

func TestPublishedCheckpoint(t *testing.T) {
	s, err := proof.ParseSigned([]byte(published))
	if err != nil {
		t.Fatal(err)
	}
	if s.Origin != "example.com/behind-the-sofa" || s.Size != 20852163 || s.Root.String() != "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=" {
		t.Errorf("got %v", s.Checkpoint)
	}
	if len(s.Lines) != 2 || s.Lines[1].Name != "witness.example.com/w1" || s.Lines[1].KeyHash != 0x8d66cf3f || len(s.Lines[1].Signature) != 8+64 {
		t.Errorf("got %v", s.Lines)
	}
	if string(s.Bytes()) != published {
		t.Errorf("got %q", s.Bytes())
	}
}

func TestEmptyRoot(t *testing.T) {
	if got := proof.EmptyRoot().String(); got != "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=" {
		t.Errorf("got %s", got)
	}
	c := proof.Checkpoint{Origin: origin, Root: proof.EmptyRoot()}
	if got, err := proof.ParseCheckpoint(c.Body()); err != nil || got != c {
		t.Errorf("got %v, %v", got, err)
	}
}

// TestCheckpointRefused is adversarial test 16, and 14 as far as names go.
func TestCheckpointRefused(t *testing.T) {
	root := "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="
	for name, c := range map[string]struct{ body, says string }{
		"nothing":            {"", "fewer than three"},
		"two lines":          {"o\n1\n", "fewer than three"},
		"no last newline":    {"o\n1\n" + root, "fewer than three"},
		"extension":          {"o\n1\n" + root + "\nextension\n", "more than three"},
		"empty line":         {"o\n1\n" + root + "\n\n", "more than three"},
		"no origin":          {"\n1\n" + root + "\n", "name is empty"},
		"space in origin":    {"go.sum database tree\n1\n" + root + "\n", "holds ' '"},
		"no-break space":     {"o\u00a0o\n1\n" + root + "\n", "holds"},
		"line separator":     {"o\u2028o\n1\n" + root + "\n", "holds"},
		"plus in origin":     {"o+o\n1\n" + root + "\n", "holds '+'"},
		"control in origin":  {"o\x1bo\n1\n" + root + "\n", "holds"},
		"right to left":      {"o\u202eo\n1\n" + root + "\n", "holds"},
		"not UTF-8":          {"o\xff\n1\n" + root + "\n", "not UTF-8"},
		"long origin":        {strings.Repeat("o", 256) + "\n1\n" + root + "\n", "at most 255"},
		"carriage returns":   {"o\r\n1\r\n" + root + "\r\n", "canonical decimal"},
		"CR after origin":    {"o\r\n1\n" + root + "\n", "holds '\\r'"},
		"CR after root":      {"o\n1\n" + root + "\r\n", "canonical base64"},
		"plus sign":          {"o\n+1\n" + root + "\n", "canonical decimal"},
		"leading zero":       {"o\n01\n" + root + "\n", "canonical decimal"},
		"negative":           {"o\n-1\n" + root + "\n", "canonical decimal"},
		"minus zero":         {"o\n-0\n" + root + "\n", "canonical decimal"},
		"space before size":  {"o\n 1\n" + root + "\n", "canonical decimal"},
		"underscore":         {"o\n1_0\n" + root + "\n", "canonical decimal"},
		"hexadecimal":        {"o\n0x1\n" + root + "\n", "canonical decimal"},
		"no size":            {"o\n\n" + root + "\n", "canonical decimal"},
		"too large":          {"o\n1152921504606846977\n" + root + "\n", "is more than"},
		"overflow":           {"o\n9223372036854775808\n" + root + "\n", "canonical decimal"},
		"no padding":         {"o\n1\n" + strings.TrimRight(root, "=") + "\n", "canonical base64"},
		"stray bits":         {"o\n1\n" + stray(root) + "\n", "canonical base64"},
		"URL alphabet":       {"o\n1\n" + strings.ReplaceAll(root, "/", "_") + "\n", "canonical base64"},
		"space after root":   {"o\n1\n" + root + " \n", "canonical base64"},
		"short root":         {"o\n1\nAAAA\n", "not a hash"},
		"long root":          {"o\n1\n" + base64.StdEncoding.EncodeToString(make([]byte, 33)) + "\n", "not a hash"},
		"empty without root": {"o\n0\n" + root + "\n", "not that of an empty tree"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := proof.ParseCheckpoint(c.body)
			refused(t, err, c.says)
		})
	}
	if _, err := proof.ParseCheckpoint("o\n" + strconv.Itoa(proof.MaxSize) + "\n" + root + "\n"); err != nil {
		t.Errorf("the largest size: %v", err)
	}
}

func TestSignedRefused(t *testing.T) {
	const name = "witness.example.com/w1"
	line := published[strings.Index(published, "— "+name):]
	body := published[:strings.Index(published, "\n\n")+2]
	many := body
	for i := range 101 {
		many += replaced(t, line, name, "w"+strconv.Itoa(i))
	}
	for what, c := range map[string]struct{ text, says string }{
		"nothing":          {"", "no empty line"},
		"body only":        {strings.TrimSuffix(body, "\n"), "no empty line"},
		"no signatures":    {body, "no signatures"},
		"second blank":     {replaced(t, published, "\n\n", "\n\n\n"), "not a signature line"},
		"trailing blank":   {published + "\n", "not a signature line"},
		"trailing text":    {published + "x", "cut off"},
		"no last newline":  {strings.TrimSuffix(published, "\n"), "cut off"},
		"CR":               {strings.ReplaceAll(published, "\n", "\r\n"), "no empty line"},
		"CR in line":       {replaced(t, published, "qnA==\n", "qnA==\r\n"), "canonical base64"},
		"hyphen":           {strings.ReplaceAll(published, "—", "-"), "not a signature line"},
		"two spaces":       {replaced(t, published, "— w", "—  w"), "canonical base64"},
		"tab":              {replaced(t, published, name+" ", name+"\t"), "not a signature line"},
		"space at end":     {replaced(t, published, "qnA==\n", "qnA== \n"), "canonical base64"},
		"no name":          {replaced(t, published, "— "+name, "— "), "name is empty"},
		"plus in name":     {replaced(t, published, name, "a+b"), "holds '+'"},
		"em space in name": {replaced(t, published, name, "a\u2003b"), "holds"},
		"escape in name":   {replaced(t, published, name, "a\x1b[2Jb"), "holds"},
		"no padding":       {replaced(t, published, "qnA==", "qnA"), "canonical base64"},
		"stray bits":       {replaced(t, published, "qnA==", "qnB=="), "canonical base64"},
		"no hash":          {body + "— w AAA=\n", "too short"},
		"no signature":     {body + "— w AAAAAA==\n", "signature is empty"},
		"twice":            {published + line, "two signatures of"},
		"twice, other":     {published + replaced(t, line, "AAAABk", "AAAACk"), "two signatures of"},
		"101 lines":        {many, "more than 100"},
		"too large":        {published + strings.Repeat("x", proof.MaxNote), "at most 1000000"},
		"extension":        {replaced(t, published, "\n\n", "\nextension\n\n"), "more than three"},
	} {
		t.Run(what, func(t *testing.T) {
			_, err := proof.ParseSigned([]byte(c.text))
			refused(t, err, c.says)
		})
	}
	hundred := many[:strings.LastIndex(many, "— ")]
	if s, err := proof.ParseSigned([]byte(hundred)); err != nil || len(s.Lines) != 100 {
		t.Errorf("100 lines: %v", err)
	}
}

// TestNoteOpen: golang.org/x/mod opens what we write, and we verify what it writes.
func TestNoteOpen(t *testing.T) {
	skey, vkey, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	c := checkpoint(t, big(t), 1234)
	theirs, err := note.Sign(&note.Note{Text: c.Body()}, signer)
	if err != nil {
		t.Fatal(err)
	}
	key, err := proof.ParseLogKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	s, err := proof.ParseSigned(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if err := key.Verify(s); err != nil {
		t.Error(err)
	}
	s = cosign(t, s, now, cosigner(t, "w.example/1"), cosigner(t, "w.example/mldsa"))
	n, err := note.Open(s.Bytes(), note.VerifierList(verifier))
	if err != nil {
		t.Fatal(err)
	}
	if n.Text != s.Body() || len(n.Sigs) != 1 || len(n.UnverifiedSigs) != 2 {
		t.Errorf("got %+v", n)
	}
	ours := sign(t, c, seeded(1))
	verifier, err = note.NewVerifier(logKey(1).String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := note.Open(ours.Bytes(), note.VerifierList(verifier)); err != nil {
		t.Error(err)
	}
}

func TestWith(t *testing.T) {
	s := sign(t, checkpoint(t, big(t), 5), seeded(1))
	a, b := proof.SignatureLine{Name: "a", KeyHash: 1, Signature: []byte("s")}, proof.SignatureLine{Name: "b", KeyHash: 1, Signature: []byte("s")}
	other := a
	other.Signature = []byte("other")
	got := s.With(b, a).With(a, other, b)
	if len(s.Lines) != 1 {
		t.Errorf("With changed its receiver: %v", s.Lines)
	}
	if len(got.Lines) != 3 || got.Lines[1].Name != "b" || got.Lines[2].Name != "a" || string(got.Lines[2].Signature) != "s" {
		t.Errorf("got %v", got.Lines)
	}
	bad := s.With(proof.SignatureLine{Name: "a\nb", Signature: []byte("s")}, proof.SignatureLine{Name: "a"}, proof.SignatureLine{Signature: []byte("s")})
	if len(bad.Lines) != 1 {
		t.Errorf("got %v", bad.Lines)
	}
	for i := range uint32(200) {
		got = got.With(proof.SignatureLine{Name: "w", KeyHash: i, Signature: []byte("s")})
	}
	big := got.With(proof.SignatureLine{Name: "w", KeyHash: 999, Signature: make([]byte, proof.MaxNote)})
	huge := s.With(proof.SignatureLine{Name: "w", KeyHash: 999, Signature: make([]byte, proof.MaxNote)})
	if len(got.Lines) != proof.MaxLines || len(big.Lines) != proof.MaxLines || len(huge.Lines) != 1 {
		t.Errorf("got %d, %d, %d lines", len(got.Lines), len(big.Lines), len(huge.Lines))
	}
	for _, s := range []*proof.SignedCheckpoint{s, got, bad, big, huge} {
		if _, err := proof.ParseSigned(s.Bytes()); err != nil {
			t.Error(err)
		}
	}
}

func TestSignedRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		c := proof.Checkpoint{
			Origin: rapid.StringMatching(`[a-zA-Z0-9./—é-]{1,40}`).Draw(t, "origin"),
			Size:   rapid.Int64Range(1, proof.MaxSize).Draw(t, "size"),
			Root:   tlog.Hash(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "root")),
		}
		s := (&proof.SignedCheckpoint{Checkpoint: c}).With(proof.SignatureLine{Name: "first", Signature: []byte("x")})
		for range rapid.IntRange(0, 5).Draw(t, "lines") {
			s = s.With(proof.SignatureLine{
				Name: rapid.StringMatching(`[a-z./]{1,3}`).Draw(t, "name"), KeyHash: rapid.Uint32().Draw(t, "hash"),
				Signature: rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "signature"),
			})
		}
		got, err := proof.ParseSigned(s.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		if got.Checkpoint != c || !bytes.Equal(got.Bytes(), s.Bytes()) || len(got.Lines) != len(s.Lines) {
			t.Fatalf("got %v, want %v", got, s)
		}
	})
}

func FuzzParseCheckpoint(f *testing.F) {
	f.Add(published[:strings.Index(published, "\n\n")+1])
	f.Add(proof.Checkpoint{Origin: origin, Root: proof.EmptyRoot()}.Body())
	f.Fuzz(func(t *testing.T, body string) {
		c, err := proof.ParseCheckpoint(body)
		if err == nil && c.Body() != body {
			t.Errorf("%q is written as %q", body, c.Body())
		}
	})
}

func FuzzParseSigned(f *testing.F) {
	f.Add([]byte(published))
	f.Add([]byte(strings.ReplaceAll(published, "w1", "w\u20031")))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := proof.ParseSigned(b)
		if err != nil {
			return
		}
		if !bytes.Equal(s.Bytes(), b) {
			t.Errorf("%q is written as %q", b, s.Bytes())
		}
		// What we read, golang.org/x/mod reads too: it complains about the keys only.
		_, err = note.Open(b, note.VerifierList())
		if _, ok := err.(*note.UnverifiedNoteError); !ok {
			t.Errorf("x/mod: %v", err)
		}
	})
}
