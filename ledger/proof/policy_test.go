package proof_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/probat-lab/probat/ledger/proof"
)

// crew is a log and some witnesses a, b, c... of organisations of their own, "a.example/w" and so on.
func crew(t testing.TB, names ...string) (log string, witness map[string]*proof.Cosigner, lines []string) {
	t.Helper()
	witness = map[string]*proof.Cosigner{}
	lines = []string{"log " + logKey(1).String()}
	for _, name := range names {
		witness[name] = cosigner(t, name+".example/w")
		lines = append(lines, "witness "+name+" "+witness[name].String())
	}
	return lines[0], witness, lines
}

// TestPublishedPolicy has the shape of the example in C2SP tlog-policy.
func TestPublishedPolicy(t *testing.T) {
	names := []string{"X1", "X2", "X3", "Y1", "Y2", "Y3"}
	_, w, lines := crew(t, names...)
	p := policy(t, append(lines, "group X-witnesses 2 X1 X2 X3", "group Y-witnesses any Y1 Y2 Y3", "group X-and-Y all X-witnesses Y-witnesses", "quorum X-and-Y")...)
	s := sign(t, checkpoint(t, big(t), 9), seeded(1))
	for set := range 1 << len(names) {
		c, x, y := s, 0, 0
		for i, name := range names {
			if set&(1<<i) == 0 {
				continue
			}
			c = cosign(t, c, now, w[name])
			if i < 3 {
				x++
			} else {
				y++
			}
		}
		r, err := p.Check(c, now, nil)
		if err != nil {
			t.Fatal(err)
		}
		if want := x >= 2 && y >= 1; r.Quorum != want || r.QuorumNone || r.Organisations != x+y || len(r.Cosigned) != x+y {
			t.Errorf("set %06b: got %+v, want quorum %v", set, r, want)
		}
	}
}

func TestPolicyText(t *testing.T) {
	_, w, lines := crew(t, "a", "b", "c")
	text := "# comment\xff\n\n \t \n\t" + strings.Replace(lines[0], " ", " \t ", 1) + "  https://log.lab.example/ \n" +
		lines[1] + "\n" + lines[2] + " https://witness.example/ # kept? no: the line has ended\n"
	if _, err := proof.ParsePolicy([]byte(text + "quorum a\n")); err == nil {
		t.Error("a comment behind a line was accepted")
	}
	text = strings.Replace(text, " # kept? no: the line has ended", "", 1) + lines[3] + "\ngroup g all a b\n  # another\ngroup größe 1 g c\nquorum größe"
	if _, err := proof.ParsePolicy([]byte(text)); err == nil {
		t.Error("a policy whose last line is cut off was accepted")
	}
	p, err := proof.ParsePolicy([]byte(text + "\n"))
	if err != nil {
		t.Fatal(err)
	}
	if l := p.Logs(); len(l) != 1 || l[0].Key != logKey(1) || l[0].URL != "https://log.lab.example/" {
		t.Errorf("got %v", l)
	}
	if l := p.Witnesses(); len(l) != 3 || l[1].Name != "b" || l[1].Key.String() != w["b"].String() || l[1].URL != "https://witness.example/" || l[2].URL != "" {
		t.Errorf("got %v", l)
	}
	want := fmt.Sprintf("log %s https://log.lab.example/\nwitness a %s\nwitness b %s https://witness.example/\nwitness c %s\ngroup g 2 a b\ngroup größe 1 g c\nquorum größe\n",
		logKey(1), w["a"], w["b"], w["c"])
	if p.String() != want || p.Quorum() != "größe" {
		t.Errorf("got  %s\nwant %s", p, want)
	}
	again, err := proof.ParsePolicy([]byte(want))
	if err != nil || again.String() != want {
		t.Errorf("got %v, %v", again, err)
	}
}

// TestPolicyRefused is adversarial test 24.
func TestPolicyRefused(t *testing.T) {
	log, w, lines := crew(t, "a", "b", "c")
	good := strings.Join(lines, "\n") + "\n"
	other, err := proof.NewEd25519Witness("other.example/w", ed25519.PublicKey(w["a"].Key().PublicKey()))
	if err != nil {
		t.Fatal(err)
	}
	logAsWitness, err := proof.NewEd25519Witness("honest.example/w", public(seeded(1)))
	if err != nil {
		t.Fatal(err)
	}
	// Found by trying 123,382 keys: their names and key hashes are the same.
	twin := func(n uint64) string {
		seed := binary.BigEndian.AppendUint64(nil, n)
		k, err := proof.NewEd25519Witness("w.example", public(ed25519.NewKeyFromSeed(append(seed, make([]byte, 24)...))))
		if err != nil {
			t.Fatal(err)
		}
		return k.String()
	}
	many := func(format string, n int, key func(i int) any) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format+"\n", i, key(i))
		}
		return b.String()
	}
	logs := many("log %[2]v #%[1]d", 33, func(i int) any { return proof.NewLogKey(origin, public(seeded(byte(i)))) })
	logs = strings.ReplaceAll(logs, " #", " url")
	witnesses := many("witness w%d %v", 33, func(i int) any { return cosigner(t, fmt.Sprintf("w%d.example", i)) })
	groups := good + "group g0 1 a\n" + many("group g%[2]d 1 g%[1]d", 32, func(i int) any { return i + 1 })
	for name, c := range map[string]struct{ text, says string }{
		"nothing":                {"", "no quorum line"},
		"no quorum":              {good, "no quorum line"},
		"two quorum lines":       {good + "quorum a\nquorum b\n", "line 6: a second quorum line"},
		"same quorum twice":      {good + "quorum none\nquorum none\n", "line 6: a second quorum line"},
		"quorum undefined":       {good + "quorum x\n", `line 5: the quorum "x" is not defined`},
		"quorum defined later":   {good + "quorum g\ngroup g 1 a\n", `line 5: the quorum "g" is not defined`},
		"quorum of a log":        {good + "quorum " + origin + "\n", "not defined"},
		"quorum without name":    {good + "quorum\n", "line 5: a quorum line is"},
		"quorum of two":          {good + "quorum a b\n", "line 5: a quorum line is"},
		"threshold 0":            {good + "group g 0 a b\nquorum g\n", "line 5: the threshold of group \"g\" is 0"},
		"threshold k > n":        {good + "group g 3 a b\nquorum g\n", "3 is more than 2"},
		"threshold negative":     {good + "group g -1 a b\nquorum g\n", "canonical decimal"},
		"threshold 01":           {good + "group g 01 a b\nquorum g\n", "canonical decimal"},
		"threshold +1":           {good + "group g +1 a b\nquorum g\n", "canonical decimal"},
		"threshold 1.0":          {good + "group g 1.0 a b\nquorum g\n", "canonical decimal"},
		"threshold 2^64+1":       {good + "group g 18446744073709551617 a b\nquorum g\n", "canonical decimal"},
		"threshold ALL":          {good + "group g ALL a b\nquorum g\n", "canonical decimal"},
		"threshold missing":      {good + "group g a b\nquorum g\n", "canonical decimal"},
		"empty group":            {good + "group g 1\nquorum g\n", "at least one member"},
		"empty group, all":       {good + "group g all\nquorum g\n", "at least one member"},
		"empty group, any":       {good + "group g any\nquorum g\n", "at least one member"},
		"duplicate member":       {good + "group g 2 a a\nquorum g\n", `"a" is a member of group "g" already`},
		"member of two groups":   {good + "group g 1 a b\ngroup h 1 a c\nquorum h\n", `line 6: "a" is a member of group "g" already`},
		"group in two groups":    {good + "group g 1 a\ngroup h 1 g\ngroup i 1 g\nquorum i\n", `line 7: "g" is a member of group "h" already`},
		"member undefined":       {good + "group g 1 x\nquorum g\n", `the member "x" of group "g" is not defined`},
		"member itself":          {good + "group g 1 g\nquorum g\n", `the member "g" of group "g" is not defined`},
		"member none":            {good + "group g 1 none\nquorum g\n", `the member "none" of group "g" is not defined`},
		"forward reference":      {good + "group g 1 h\ngroup h 1 a\nquorum g\n", `the member "h" of group "g" is not defined`},
		"witness none":           {replaced(t, good, "witness a", "witness none") + "quorum none\n", `line 2: "none" cannot be the name`},
		"group none":             {good + "group none 1 a\nquorum none\n", `"none" cannot be the name`},
		"two witnesses one name": {replaced(t, good, "witness b", "witness a") + "quorum a\n", `line 3: the name "a" is defined twice`},
		"group named as witness": {good + "group a 1 b\nquorum a\n", `the name "a" is defined twice`},
		"two groups one name":    {good + "group g 1 a\ngroup g 1 b\nquorum g\n", `the name "g" is defined twice`},
		"same key, two names":    {good + "witness d " + w["a"].String() + "\nquorum d\n", "is that of line 2"},
		"same key, other vkey":   {good + "witness d " + other.String() + "\nquorum d\n", `line 5: the key of "other.example/w" is that of line 2`},
		"same name and hash":     {good + "witness d " + twin(25725) + "\nwitness e " + twin(123382) + "\nquorum d\n", "line 6: the name and key hash w.example+"},
		"log key as witness":     {good + "witness d " + logAsWitness.String() + "\nquorum d\n", `line 5: the key of "honest.example/w" is that of line 1`},
		"witness key as log":     {replaced(t, good, log+"\n", "") + "log " + proof.NewLogKey("l", ed25519.PublicKey(w["a"].Key().PublicKey())).String() + "\nquorum a\n", "is that of line 1"},
		"same log twice":         {good + log + "\nquorum a\n", "is that of line 1"},
		"same log, other origin": {good + "log " + proof.NewLogKey("l", public(seeded(1))).String() + "\nquorum a\n", "is that of line 1"},
		"log as witness":         {good + "witness d " + proof.NewLogKey("l", public(seeded(2))).String() + "\nquorum a\n", "line 5: reading witness key"},
		"witness as log":         {good + "log " + cosigner(t, "d").String() + "\nquorum a\n", "line 5: reading log key"},
		"carriage returns":       {strings.ReplaceAll(good+"quorum a\n", "\n", "\r\n"), `line 1: the control character '\r'`},
		"vertical tab":           {good + "quorum\va\n", "the control character"},
		"zero byte":              {good + "quorum a\x00\n", "the control character"},
		"delete":                 {good + "quorum a\x7f\n", "the control character"},
		"control in comment":     {good + "# \x1b[2J\nquorum a\n", "the control character"},
		"unknown word":           {good + "threshold 2\nquorum a\n", `line 5: the unknown word "threshold"`},
		"upper case":             {good + "Quorum a\n", `unknown word "Quorum"`},
		"byte order mark":        {"\ufeff" + good + "quorum a\n", "not printable"},
		"no-break space":         {good + "quorum\u00a0a\n", "not printable"},
		"name not UTF-8":         {replaced(t, good, "witness a", "witness a\xff") + "quorum b\n", "not printable"},
		"C1 control":             {replaced(t, good, "witness a", "witness a\u009b") + "quorum b\n", "not printable"},
		"log without key":        {"log\nquorum none\n", "a log line is"},
		"log with four words":    {log + " a b\nquorum none\n", "a log line is"},
		"witness without key":    {"witness a\nquorum none\n", "a witness line is"},
		"witness with five":      {lines[1] + " u v\nquorum none\n", "a witness line is"},
		"private key":            {"witness a " + w["a"].Secret() + "\nquorum none\n", "PRIVATE+KEY+…"},
		"private key alone":      {w["a"].Secret() + "\nquorum none\n", "PRIVATE+KEY+…"},
		"33 logs":                {logs + "quorum none\n", "line 33: more than 32 logs"},
		"33 witnesses":           {witnesses + "quorum none\n", "line 33: more than 32 witnesses"},
		"33 groups":              {groups + "quorum none\n", "more than 32 groups"},
		"too large":              {strings.Repeat("#\n", proof.MaxPolicy/2) + "quorum none\n", "at most 1048576"},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := proof.ParsePolicy([]byte(c.text))
			refused(t, err, c.says)
			if p != nil {
				t.Error("a policy with the error")
			}
			if err != nil && strings.Contains(err.Error(), w["a"].Secret()[len(w["a"].Secret())-20:]) {
				t.Errorf("the error shows a private key: %v", err)
			}
		})
	}
	cut := func(text string, n int) string { return strings.Join(strings.SplitAfter(text, "\n")[:n], "") }
	full := cut(logs, 32) + cut(witnesses, 32) + "group g0 1 w0\n" + strings.Join(strings.SplitAfter(groups, "\n")[5:5+31], "") + "quorum g31\n"
	if _, err := proof.ParsePolicy([]byte(full)); err != nil {
		t.Errorf("32 of each: %v", err)
	}
}

func TestPolicyCheck(t *testing.T) {
	_, w, lines := crew(t, "a", "b")
	lines = append(lines, "log "+proof.NewLogKey("log.second.example", public(seeded(9))).String(), "log "+logKey(8).String())
	one, all, none := policy(t, append(lines, "quorum a")...), policy(t, append(lines, "group g all a b", "quorum g")...), policy(t, append(lines, "quorum none")...)
	c := checkpoint(t, big(t), 9)
	s := sign(t, c, seeded(1))
	stranger := cosigner(t, "stranger.example/w")

	r, err := none.Check(s, now, nil)
	if err != nil || !r.Quorum || !r.QuorumNone || r.Organisations != 0 || len(r.Cosigned) != 0 || r.LogKey != logKey(1) || r.Checkpoint != c || r.Ignored != 0 {
		t.Errorf("got %+v, %v", r, err)
	}
	r, err = one.Check(s, now, nil)
	if err != nil || r.Quorum || r.QuorumNone {
		t.Errorf("stripped cosignatures: got %+v, %v", r, err)
	}
	r, err = one.Check(cosign(t, s, now, stranger, w["a"]), now, nil)
	if err != nil || !r.Quorum || r.Ignored != 1 || r.Organisations != 1 || len(r.Cosigned) != 1 {
		t.Fatalf("got %+v, %v", r, err)
	}
	if want := (proof.Cosignature{Name: "a", KeyName: "a.example/w", Organisation: "a.example", Time: now}); r.Cosigned[0] != want {
		t.Errorf("got %v, want %v", r.Cosigned[0], want)
	}
	r, err = all.Check(cosign(t, s, now, w["a"]), now, nil)
	if err != nil || r.Quorum {
		t.Errorf("one of two: got %+v, %v", r, err)
	}

	// Times: five minutes are tolerated, not a second more.
	late := cosign(t, cosign(t, s, now+proof.FutureTolerance, w["a"]), now+proof.FutureTolerance+1, w["b"])
	r, err = all.Check(late, now, nil)
	if err != nil || r.Quorum || r.FutureTimes != 1 || len(r.Cosigned) != 1 || r.Organisations != 1 || r.Ignored != 0 {
		t.Errorf("a time in the future: got %+v, %v", r, err)
	}
	if r, err = all.Check(late, now+1, nil); err != nil || !r.Quorum || r.FutureTimes != 0 {
		t.Errorf("one second later: got %+v, %v", r, err)
	}

	// A second key of the log, as during a rotation, and a log that is known but is another one.
	both := s.With(sign(t, c, seeded(8)).Lines...)
	if r, err = none.Check(both, now, nil); err != nil || r.LogKey != logKey(1) || r.Ignored != 0 {
		t.Errorf("two keys of one log: got %+v, %v", r, err)
	}
	if r, err = none.Check(sign(t, c, seeded(8)), now, nil); err != nil || r.LogKey != logKey(8) {
		t.Errorf("the second key: got %+v, %v", r, err)
	}
	if _, err = none.Check(sign(t, c, seeded(3)), now, nil); !errors.Is(err, proof.ErrUnknownLog) {
		t.Errorf("unknown log: got %v", err)
	}
	second := proof.SignatureLine{Name: "log.second.example", KeyHash: proof.NewLogKey("log.second.example", public(seeded(9))).Hash(), Signature: ed25519.Sign(seeded(9), []byte(c.Body()))}
	foreign := sign(t, c, seeded(3)).With(second)
	if _, err = none.Check(foreign, now, nil); !errors.Is(err, proof.ErrUnknownLog) {
		t.Errorf("a log signing for another origin: got %v", err)
	}

	// A wrong signature of anybody in the policy spoils the note, even if nobody needs it.
	for name, line := range map[string]proof.SignatureLine{
		"log":        {Name: origin, KeyHash: logKey(8).Hash(), Signature: make([]byte, 64)},
		"other log":  {Name: "log.second.example", KeyHash: second.KeyHash, Signature: make([]byte, 64)},
		"witness":    {Name: "b.example/w", KeyHash: w["b"].Key().Hash(), Signature: append(make([]byte, 7), append([]byte{1}, make([]byte, 64)...)...)},
		"no time":    {Name: "b.example/w", KeyHash: w["b"].Key().Hash(), Signature: make([]byte, 72)},
		"nearly all": {Name: "b.example/w", KeyHash: w["b"].Key().Hash(), Signature: []byte("x")},
	} {
		for _, p := range []*proof.Policy{one, none} {
			if _, err := p.Check(cosign(t, s, now, w["a"]).With(line), now, nil); !errors.Is(err, proof.ErrBadSignature) {
				t.Errorf("%s: got %v", name, err)
			}
		}
	}
	if _, err := policy(t, "quorum none").Check(s, now, nil); !errors.Is(err, proof.ErrUnknownLog) {
		t.Errorf("a policy without logs: got %v", err)
	}
}

func FuzzParsePolicy(f *testing.F) {
	_, _, lines := crew(f, "a", "b", "c-mldsa")
	f.Add([]byte(strings.Join(append(lines, "group g 1 a b", "group h all g c-mldsa", "quorum h"), "\n") + "\n"))
	f.Add([]byte("# x\n\t log " + publishedKey + " \t https://x \nquorum none\n"))
	f.Add([]byte("witness w " + "w+00000000+" + base64.StdEncoding.EncodeToString(make([]byte, 33)) + "\nquorum w\n"))
	s := sign(f, checkpoint(f, big(f), 9), seeded(1))
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := proof.ParsePolicy(text)
		if err != nil {
			return
		}
		again, err := proof.ParsePolicy([]byte(p.String()))
		if err != nil || again.String() != p.String() {
			t.Errorf("%q is written as %q, which is read as %v, %v", text, p, again, err)
		}
		if r, err := p.Check(s, now, nil); err == nil && r.Quorum && !r.QuorumNone {
			t.Errorf("a quorum without cosignatures by %q", text)
		}
	})
}
