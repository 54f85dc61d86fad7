package signin

import (
	"errors"
	"testing"
	"time"
)

func TestMemory(t *testing.T) {
	c := newClock()
	m := NewMemory(3, c.now)
	put := func(kind, key string) {
		if err := m.Put(t.Context(), kind, key, []byte(key), c.now().Add(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	put(kindSign, "mine")
	for range 100 {
		put(kindLogin, random())
	}
	if n := len(m.kinds[kindLogin].byKey); n != 3 || m.kinds[kindLogin].age.Len() != 3 {
		t.Errorf("%d are kept, want 3", n)
	}
	if _, err := m.Take(t.Context(), kindLogin, "mine"); !errors.Is(err, ErrNoCeremony) {
		t.Errorf("of another kind: %v", err)
	}
	if data, err := m.Take(t.Context(), kindSign, "mine"); err != nil || string(data) != "mine" {
		t.Errorf("strangers' sign-ins pushed out a signature: %v", err)
	}
	c.advance(time.Minute)
	put(kindLogin, "new")
	if n := len(m.kinds[kindLogin].byKey); n != 1 {
		t.Errorf("%d are kept after all but one have expired", n)
	}
	c.advance(time.Minute)
	if _, err := m.Take(t.Context(), kindLogin, "new"); !errors.Is(err, ErrNoCeremony) {
		t.Errorf("expired: %v", err)
	}
}
