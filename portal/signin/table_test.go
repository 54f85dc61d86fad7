package signin

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// clock is a time that tests move.
type clock struct{ t time.Time }

func newClock() *clock { return &clock{time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)} }

func (c *clock) now() time.Time          { return c.t }
func (c *clock) advance(d time.Duration) { c.t = c.t.Add(d) }

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// stranger is an address of its own for each number.
func stranger(i int) netip.Addr {
	return netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, byte(i >> 24), byte(i >> 16), byte(i >> 8), byte(i)})
}

func waitOf(t *testing.T, err error) time.Duration {
	t.Helper()
	var soon *TooSoonError
	if err == nil {
		return 0
	}
	if !errors.As(err, &soon) || soon.After <= 0 {
		t.Fatalf("got %v, want a TooSoonError", err)
	}
	return soon.After
}

func TestThrottleGrows(t *testing.T) {
	c := newClock()
	th := NewThrottle(ThrottleConfig{Account: Rule{Burst: 3, Refill: time.Hour, First: time.Second, Most: 10 * time.Second}, Now: c.now})
	for i := range 3 {
		if w := waitOf(t, th.Begin("ann", stranger(i))); w != 0 {
			t.Fatalf("attempt %d has to wait %s", i, w)
		}
	}
	for i, want := range []time.Duration{1, 2, 4, 8, 10, 10} {
		want *= time.Second
		for range 3 { // asking does not make it longer
			if w := waitOf(t, th.Begin(" ANN ", stranger(100+i))); w != want {
				t.Fatalf("attempt %d beyond: has to wait %s, want %s", i, w, want)
			}
		}
		if w := waitOf(t, th.Begin("bob", stranger(200+i))); w != 0 {
			t.Fatalf("another account has to wait %s", w)
		}
		c.advance(want - time.Millisecond)
		if w := waitOf(t, th.Begin("ann", stranger(300+i))); w != time.Millisecond {
			t.Fatalf("a moment before: has to wait %s", w)
		}
		c.advance(time.Millisecond)
		if w := waitOf(t, th.Begin("ann", stranger(400+i))); w != 0 {
			t.Fatalf("when the time has come: has to wait %s", w)
		}
		if i >= 2 { // bob's own burst is over
			th.Succeeded("bob", stranger(200+i))
		}
	}
	c.advance(48 * time.Hour)
	for range 3 {
		if w := waitOf(t, th.Begin("ann", stranger(1))); w != 0 {
			t.Fatalf("two days later: has to wait %s", w)
		}
	}
}

func TestThrottleClient(t *testing.T) {
	c := newClock()
	th := NewThrottle(ThrottleConfig{Client: Rule{Burst: 4, Refill: time.Minute, First: time.Second, Most: time.Minute}, Now: c.now})
	for i := range 4 { // one /64, different hosts and accounts
		if w := waitOf(t, th.Begin(fmt.Sprint(i), addr(fmt.Sprintf("2001:db8:0:1::%x", i+1)))); w != 0 {
			t.Fatalf("attempt %d: %s", i, w)
		}
	}
	if w := waitOf(t, th.Begin("x", addr("2001:db8:0:1:ffff::1%eth0"))); w != time.Second {
		t.Errorf("the same /64: has to wait %s, want 1s", w)
	}
	if w := waitOf(t, th.Begin("x", addr("2001:db8:0:2::1"))); w != 0 {
		t.Errorf("the next /64: has to wait %s", w)
	}
	for i := range 4 {
		waitOf(t, th.Begin(fmt.Sprint("v4", i), addr("192.0.2.7")))
	}
	if w := waitOf(t, th.Begin("y", addr("::ffff:192.0.2.7"))); w != time.Second {
		t.Errorf("IPv4 written as IPv6: has to wait %s, want 1s", w)
	}
	if w := waitOf(t, th.Begin("y", addr("192.0.2.8"))); w != 0 {
		t.Errorf("the next IPv4 address: has to wait %s", w)
	}
}

func TestThrottleSuccess(t *testing.T) {
	c := newClock()
	th := NewThrottle(ThrottleConfig{
		Account: Rule{Burst: 2, Refill: time.Hour, First: time.Minute, Most: time.Hour},
		Client:  Rule{Burst: 6, Refill: time.Hour, First: time.Minute, Most: time.Hour}, Now: c.now,
	})
	home := addr("192.0.2.1")
	for range 2 {
		waitOf(t, th.Begin("ann", home))
	}
	th.Succeeded("ann", home)
	// Strangers empty the account's bucket; its owner still comes in from home, and only from there.
	for i := range 2 {
		if w := waitOf(t, th.Begin("ann", stranger(i))); w != 0 {
			t.Errorf("after a success, attempt %d from elsewhere has to wait %s", i, w)
		}
	}
	if w := waitOf(t, th.Begin("ann", stranger(9))); w == 0 {
		t.Error("strangers are not slowed down")
	}
	if w := waitOf(t, th.Begin("ann", home)); w != 0 {
		t.Errorf("the owner at home has to wait %s", w)
	}
	// An attacker with an account of his own cannot wash his address with it.
	bad := addr("198.51.100.1")
	for i := range 20 {
		if th.Begin(fmt.Sprint("victim", i), bad) != nil {
			if i != 6 {
				t.Errorf("the address was slowed down after %d guesses, want 6", i)
			}
			break
		}
		if th.Begin("mallory", bad) == nil {
			th.Succeeded("mallory", bad)
		}
		if i == 19 {
			t.Error("20 guesses from one address, each followed by a sign-in of the attacker's own, were not slowed down")
		}
	}
}

func TestThrottleFlood(t *testing.T) {
	c := newClock()
	const entries = 500
	th := NewThrottle(ThrottleConfig{Account: Rule{Burst: 2, Refill: time.Hour, First: time.Hour, Most: 2 * time.Hour}, Entries: entries, Now: c.now})
	for i := range 2 {
		waitOf(t, th.Begin("ann", stranger(i)))
	}
	refused := 0
	for i := range 20_000 {
		c.advance(time.Millisecond)
		if th.Begin(fmt.Sprint("random", i), stranger(1000+i)) != nil {
			refused++
		}
		if i%1000 == 0 && th.Begin("ann", stranger(1_000_000+i)) == nil {
			t.Fatalf("after %d other accounts ann's throttle is forgotten", i)
		}
	}
	for name, n := range map[string]int{"accounts": len(th.accounts.own), "clients": len(th.clients.own), "lists": th.accounts.recent.Len()} {
		if n > entries {
			t.Errorf("%d %s are kept, want at most %d", n, name, entries)
		}
	}
	if refused < 15_000 {
		t.Errorf("only %d of the flood were refused", refused)
	}
	c.advance(100 * time.Hour)
	if w := waitOf(t, th.Begin("new", stranger(7))); w != 0 {
		t.Errorf("long after the flood a new account has to wait %s", w)
	}
}

func TestThrottleClockBack(t *testing.T) {
	c := newClock()
	th := NewThrottle(ThrottleConfig{Account: Rule{Burst: 1, Refill: time.Hour, First: time.Minute, Most: time.Minute}, Now: c.now})
	waitOf(t, th.Begin("ann", stranger(1)))
	c.advance(-1000 * time.Hour)
	if w := waitOf(t, th.Begin("ann", stranger(2))); w != time.Minute {
		t.Errorf("after the clock went back: has to wait %s, want the longest delay", w)
	}
	c.advance(time.Minute)
	if w := waitOf(t, th.Begin("ann", stranger(3))); w != 0 {
		t.Errorf("a minute later: has to wait %s", w)
	}
}

func TestRates(t *testing.T) {
	c := newClock()
	r := NewRates(RatesConfig{Person: 2, PersonBurst: 4, Party: 3, PartyBurst: 6, Now: c.now})
	count := func(person, party string) (n int) {
		for range 100 {
			if waitOf(t, r.Allow(person, party)) > 0 {
				return n
			}
			n++
		}
		return n
	}
	if n := count("ann", "acme"); n != 4 {
		t.Errorf("ann: %d at once, want 4", n)
	}
	if n := count("bob", "acme"); n != 2 {
		t.Errorf("bob of the same party: %d, want the 2 that are left", n)
	}
	if n := count("bob", ""); n != 2 {
		t.Errorf("bob without party: %d, want 2: what the party refused did not count", n)
	}
	if n := count("eve", "rival"); n != 4 {
		t.Errorf("a rival: %d, want 4", n)
	}
	if n := count("", ""); n != 100 {
		t.Errorf("nobody: %d, want no limit", n)
	}
	c.advance(time.Second)
	if n := count("ann", "acme"); n != 2 {
		t.Errorf("ann a second later: %d, want 2", n)
	}
}

func TestRatesDemo(t *testing.T) {
	c := newClock()
	r := NewRates(RatesConfig{Person: 500, PersonBurst: 500, Party: 5000, Now: c.now})
	n := 0
	for range 2000 {
		if r.Allow("ann", "acme") == nil {
			n++
		}
		c.advance(time.Millisecond)
	}
	if n < 1400 || n > 1500 {
		t.Errorf("%d requests in two seconds, want 500 at once and 500 a second", n)
	}
}

func TestRatesFlood(t *testing.T) {
	c := newClock()
	r := NewRates(RatesConfig{Person: 0.01, PersonBurst: 1, Entries: 100, Now: c.now})
	if r.Allow("ann", "") != nil {
		t.Fatal("the first is refused")
	}
	for i := range 5000 {
		_ = r.Allow(fmt.Sprint("x", i), "")
	}
	if r.Allow("ann", "") == nil {
		t.Error("a flood of other names gives ann a fresh start")
	}
	if n := len(r.persons.own); n > 100 {
		t.Errorf("%d are kept, want at most 100", n)
	}
}

func TestRatesHandler(t *testing.T) {
	c := newClock()
	r := NewRates(RatesConfig{Person: 0.4, PersonBurst: 1, Now: c.now})
	h := r.Handler(func(*http.Request) (string, string) { return "ann", "acme" }, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusTeapot)
	}))
	get := func() *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
		return w
	}
	if w := get(); w.Code != http.StatusTeapot {
		t.Errorf("the first: %d", w.Code)
	}
	if w := get(); w.Code != http.StatusTooManyRequests || w.Header().Get("Retry-After") != "3" || strings.Contains(w.Body.String(), "ann") {
		t.Errorf("the second: %d, Retry-After %q, want 429 and 2.5 s rounded up", w.Code, w.Header().Get("Retry-After"))
	}
	c.advance(2500 * time.Millisecond)
	if w := get(); w.Code != http.StatusTeapot {
		t.Errorf("in time: %d", w.Code)
	}
}
