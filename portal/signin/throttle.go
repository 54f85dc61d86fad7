package signin

import (
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"
)

// TooSoonError refuses an attempt or a request until After has passed. To be answered with 429, see RetryAfter.
type TooSoonError struct{ After time.Duration }

func (e *TooSoonError) Error() string {
	return fmt.Sprintf("too many attempts: try again in %s", e.After.Round(time.Second))
}

// RetryAfter writes the header of that name, in whole seconds, rounded up.
func (e *TooSoonError) RetryAfter(h http.Header) {
	h.Set("Retry-After", strconv.FormatInt(int64((e.After+time.Second-1)/time.Second), 10))
}

// Rule says how attempts of one account or one address are slowed down: a bucket of Burst attempts, of which one comes back each Refill; every attempt
// beyond has to wait First after the one before, then twice that, and so on to Most. An attempt that is refused costs nothing.
type Rule struct {
	Burst               int
	Refill, First, Most time.Duration
}

// The rules where none are given. An address may be a whole company behind one gateway.
var (
	DefaultAccountRule = Rule{Burst: 5, Refill: 2 * time.Minute, First: time.Second, Most: 5 * time.Minute}
	DefaultClientRule  = Rule{Burst: 30, Refill: 10 * time.Second, First: time.Second, Most: time.Minute}
)

// ThrottleConfig is what a Throttle works with. Zero values stand for the defaults: the two rules, 65,536 entries (some 30 MB if all are used), time.Now.
type ThrottleConfig struct {
	Account, Client Rule
	Entries         int
	Now             func() time.Time
}

// Throttle slows down who guesses passwords or links. It counts for each account and for each address (of IPv6, each /64), in memory: a restart forgets.
//
// Somebody who knows the name of an account can keep its bucket empty. So that this locks nobody out, an address from which the account's owner has
// signed in before has its own bucket for that account. And passkeys and links do not go through here by account.
//
// Its methods may be called from several goroutines.
type Throttle struct {
	config   ThrottleConfig
	mu       sync.Mutex
	accounts *table[bucket]   // mu
	clients  *table[bucket]   // mu
	known    *table[struct{}] // mu; account and address that belong together
}

// NewThrottle returns a throttle in which nobody has tried anything.
func NewThrottle(c ThrottleConfig) *Throttle {
	if c.Account == (Rule{}) {
		c.Account = DefaultAccountRule
	}
	if c.Client == (Rule{}) {
		c.Client = DefaultClientRule
	}
	if c.Entries <= 0 {
		c.Entries = 1 << 16
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	fresh := func() *bucket { return &bucket{} }
	return &Throttle{
		config:   c,
		accounts: newTable(c.Entries, fresh, func(b *bucket, now time.Time) bool { return b.idle(c.Account, now) }),
		clients:  newTable(c.Entries, fresh, func(b *bucket, now time.Time) bool { return b.idle(c.Client, now) }),
		known:    newTable(c.Entries, func() *struct{} { return &struct{}{} }, func(*struct{}, time.Time) bool { return true }),
	}
}

// Begin asks for an attempt, before the password is looked at: *TooSoonError if it is too soon for the account or the address. account is what was
// typed, whether there is such an account or not; upper and lower case and spaces around are the same. Attempts count when they begin, so that many at
// once are many.
func (t *Throttle) Begin(account string, client netip.Addr) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.config.Now()
	c := t.clients.get(clientKey(client), now)
	a := t.accounts.get(t.accountKey(account, client), now)
	if wait := max(c.wait(t.config.Client, now), a.wait(t.config.Account, now)); wait > 0 {
		return &TooSoonError{wait}
	}
	c.charge(t.config.Client, now)
	a.charge(t.config.Account, now)
	return nil
}

// Succeeded says that the attempt which Begin allowed was right: the account starts afresh for this address, and the address gets its attempt back
// and no more, since an attacker can sign in to an account of his own as often as he likes.
func (t *Throttle) Succeeded(account string, client netip.Addr) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.config.Now()
	t.clients.get(clientKey(client), now).refund(t.config.Client)
	t.accounts.drop(t.accountKey(account, client))
	t.known.get(pairKey(account, client), now)
}

// accountKey is the account, or the account at this address if its owner is known to come from there. mu is held.
func (t *Throttle) accountKey(account string, client netip.Addr) string {
	if pair := pairKey(account, client); t.known.has(pair) {
		return pair
	}
	return "account\x00" + normal(account)
}

func pairKey(account string, client netip.Addr) string {
	return "pair\x00" + clientKey(client) + "\x00" + normal(account)
}

func normal(account string) string { return strings.ToLower(strings.TrimSpace(account)) }

// clientKey is the address of an IPv4 client and the /64 of an IPv6 one: within it every host chooses its address freely.
func clientKey(client netip.Addr) string {
	client = client.Unmap().WithZone("")
	if client.Is6() {
		p, err := client.Prefix(64)
		if err == nil {
			return p.String()
		}
	}
	return client.String()
}

// bucket counts attempts that have not come back yet.
type bucket struct {
	used int
	last time.Time // when used was reckoned: the time of the last attempt, or of the last that came back since
	next time.Time // not before this
}

// settle gives back what is due. A clock that went back restarts the count of time and keeps the attempts.
func (b *bucket) settle(r Rule, now time.Time) {
	if now.Before(b.last) {
		b.last = now
		b.next = earlier(b.next, now.Add(r.Most))
		return
	}
	if r.Refill <= 0 || b.used == 0 {
		return
	}
	back := int64(now.Sub(b.last) / r.Refill)
	if back >= int64(b.used) {
		b.used, b.last = 0, now
		return
	}
	b.used -= int(back)
	b.last = b.last.Add(time.Duration(back) * r.Refill)
}

func (b *bucket) wait(r Rule, now time.Time) time.Duration {
	b.settle(r, now)
	return max(0, b.next.Sub(now))
}

func (b *bucket) charge(r Rule, now time.Time) {
	if b.used == 0 {
		b.last = now
	}
	b.used++
	beyond := b.used - r.Burst
	if beyond < 0 {
		return
	}
	delay := r.First
	for range beyond {
		if delay >= r.Most {
			break
		}
		delay *= 2
	}
	b.next = now.Add(min(delay, r.Most))
	// Enough to stay at the longest delay; more would take for ever to come back.
	b.used = min(b.used, r.Burst+maxBeyond)
}

// maxBeyond is how many attempts beyond the burst are remembered: a delay that doubles so often has reached its end.
const maxBeyond = 20

func (b *bucket) refund(r Rule) {
	b.used = max(0, b.used-1)
	if b.used < r.Burst {
		b.next = time.Time{}
	}
}

func (b *bucket) idle(r Rule, now time.Time) bool {
	return b.wait(r, now) == 0 && b.used == 0
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
