package signin

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
)

// cheap hashes in a few milliseconds.
func cheap() *Passwords {
	p := NewPasswords()
	p.cost = cheapest
	return p
}

const horse = "correct horse battery"

func TestPassword(t *testing.T) {
	p := NewPasswords()
	stored, err := p.Hash(t.Context(), horse)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(stored, "$argon2id$v=19$m=65536,t=3,p=1$") {
		t.Errorf("stored as %q", stored)
	}
	if rehash, err := p.Check(t.Context(), stored, horse); err != nil || rehash {
		t.Errorf("the right password: %v, %v", rehash, err)
	}
	for _, wrong := range []string{"", horse + " ", strings.ToUpper(horse), strings.Repeat("x", MaxPassword+1)} {
		if _, err := p.Check(t.Context(), stored, wrong); !errors.Is(err, ErrRefused) {
			t.Errorf("%.20q: got %v, want ErrRefused", wrong, err)
		}
	}
	if again, _ := p.Hash(t.Context(), horse); again == stored {
		t.Error("two hashes share a salt")
	}
}

// TestKnownHash holds format and function to what the reference implementation tests itself with (phc-winner-argon2, test.c).
func TestKnownHash(t *testing.T) {
	const known = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	p := NewPasswords()
	if rehash, err := p.Check(t.Context(), known, "password"); err != nil || !rehash {
		t.Errorf("got %v, %v", rehash, err)
	}
	if _, err := p.Check(t.Context(), known, "Password"); !errors.Is(err, ErrRefused) {
		t.Errorf("another password: %v", err)
	}
}

func TestPasswordUnknownUser(t *testing.T) {
	p := cheap()
	if _, err := p.Check(t.Context(), "", horse); !errors.Is(err, ErrRefused) {
		t.Errorf("nobody's password: %v", err)
	}
	if len(p.nobody) != keySize {
		t.Errorf("the constant hash takes other work: a key of %d bytes", len(p.nobody))
	}
	// Even who finds a password for the constant hash gets nowhere.
	var err error
	if p.nobody, err = p.run(t.Context(), phc{cost: p.cost, salt: []byte("nobody's account"), key: p.nobody}, horse); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Check(t.Context(), "", horse); !errors.Is(err, ErrRefused) {
		t.Errorf("a password for the constant hash: %v", err)
	}
}

func TestRehash(t *testing.T) {
	p := cheap()
	old, err := p.Hash(t.Context(), horse)
	if err != nil {
		t.Fatal(err)
	}
	p.cost.passes++
	if rehash, err := p.Check(t.Context(), old, horse); err != nil || !rehash {
		t.Errorf("an old hash: %v, %v", rehash, err)
	}
	if rehash, err := p.Check(t.Context(), old, horse+"x"); rehash || !errors.Is(err, ErrRefused) {
		t.Errorf("a wrong password on an old hash: %v, %v", rehash, err)
	}
}

func TestCheckPassword(t *testing.T) {
	for password, ok := range map[string]bool{
		"elf letters":              false,
		"ölf lettersß":             true,
		strings.Repeat("x", 1024):  true,
		strings.Repeat("x", 1025):  false,
		strings.Repeat("ä", 513):   false,
		"\xff" + horse:             false,
		strings.Repeat("ä", 11):    false, // 22 bytes
		strings.Repeat("\x00", 12): true,  // bytes are bytes
	} {
		if err := CheckPassword(password); (err == nil) != ok || (err != nil && !errors.Is(err, ErrPassword)) {
			t.Errorf("%.20q: %v", password, err)
		}
	}
	if _, err := cheap().Hash(t.Context(), "short"); !errors.Is(err, ErrPassword) {
		t.Errorf("hashing a short one: %v", err)
	}
}

func TestPasswordQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := cheap()
		for range hashers {
			p.running <- struct{}{}
		}
		p.queued.Store(hashers)
		ctx, cancel := context.WithCancel(t.Context())
		results := make(chan error, waiting+1)
		for range waiting {
			go func() { _, err := p.Check(ctx, "", horse); results <- err }()
		}
		synctest.Wait()
		if _, err := p.Check(ctx, "", horse); !errors.Is(err, ErrBusy) {
			t.Errorf("one too many: %v, want ErrBusy", err)
		}
		if len(results) != 0 {
			t.Errorf("%d were hashed beyond the two that run", len(results))
		}
		cancel()
		for range waiting {
			if err := <-results; !errors.Is(err, context.Canceled) {
				t.Errorf("a cancelled one: %v", err)
			}
		}
		if n := p.queued.Load(); n != hashers {
			t.Errorf("%d still count as waiting, want %d", n, hashers)
		}
		<-p.running
		if _, err := p.Check(t.Context(), "", horse); !errors.Is(err, ErrRefused) {
			t.Errorf("with a free place: %v", err)
		}
	})
}

const knownHash = "$argon2id$v=19$m=8192,t=1,p=1$MDEyMzQ1Njc4OWFiY2RlZg$ZGVmZ2hpamtsbW5vcHFyc3R1dnd4eXp7fH1+f4CBgoM"

func TestPHCRefused(t *testing.T) {
	if _, err := parsePHC(knownHash); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"argon2id", "argon2i"},
		{"v=19", "v=16"},
		{"m=8192", "m=08192"},
		{"m=8192", "m=8191"},
		{"m=8192", "m=262145"},
		{"m=8192", "m=4294967296"},
		{"t=1", "t=0"},
		{"t=1", "t=11"},
		{"t=1", "t=+1"},
		{"p=1", "p=5"},
		{"p=1", "p=257"},
		{"p=1", "p=1,keyid=x"},
		{"m=8192,t=1", "t=1,m=8192"},
		{"MDEyMzQ1Njc4OWFiY2RlZg", "MDEyMzQ1"},
		{"Y2RlZg$", "Y2RlZg==$"},
		{"Y2RlZg$", "Y2RlZh$"},
		{"$v=19", ""},
		{"$argon2id", "argon2id"},
		{"$MDEy", "$\nMDEy"},
		{"$MDEy", "$" + strings.Repeat("MDEy", 30)},
	} {
		s := strings.Replace(knownHash, change[0], change[1], 1)
		if s == knownHash {
			t.Fatalf("%q changes nothing", change)
		}
		if _, err := parsePHC(s); !errors.Is(err, ErrHash) {
			t.Errorf("%s instead of %s: got %v, want ErrHash", change[1], change[0], err)
		}
		if _, err := cheap().Check(t.Context(), s, horse); !errors.Is(err, ErrHash) || errors.Is(err, ErrRefused) {
			t.Errorf("checking against %s: %v", s, err)
		}
	}
}

func FuzzPHC(f *testing.F) {
	f.Add(knownHash)
	f.Add("$argon2id$v=19$m=65536,t=3,p=1$c2FsdHNhbHQ$a2V5a2V5a2V5a2V5a2V5a2V5")
	f.Fuzz(func(t *testing.T, s string) {
		h, err := parsePHC(s)
		if err != nil {
			return
		}
		if h.String() != s {
			t.Errorf("%q is written as %q", s, h)
		}
		if h.memory > dearest.memory || h.passes > dearest.passes || h.lanes > dearest.lanes || h.lanes == 0 || h.memory < cheapest.memory {
			t.Errorf("%q is out of bounds", s)
		}
	})
}
