package signin

import (
	"errors"
	"net/http"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// RatesConfig says how many requests a second a person and a party may make, and how many at once after a pause. Zero values stand for 20 a second and
// 100 at once for a person, 100 and 500 for a party, 16,384 entries each, time.Now. A burst that is not given is five seconds' worth.
type RatesConfig struct {
	Person, Party           float64
	PersonBurst, PartyBurst int
	Entries                 int
	Now                     func() time.Time
}

// Rates limits requests by person and by party. Its methods may be called from several goroutines.
type Rates struct {
	now     func() time.Time
	mu      sync.Mutex
	persons *table[rate.Limiter] // mu
	parties *table[rate.Limiter] // mu
}

// NewRates returns rates of which nothing is used.
func NewRates(c RatesConfig) *Rates {
	if c.Person <= 0 {
		c.Person = 20
	}
	if c.Party <= 0 {
		c.Party = 100
	}
	if c.PersonBurst <= 0 {
		c.PersonBurst = max(1, int(5*c.Person))
	}
	if c.PartyBurst <= 0 {
		c.PartyBurst = max(1, int(5*c.Party))
	}
	if c.Entries <= 0 {
		c.Entries = 1 << 14
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	limiters := func(perSecond float64, burst int) *table[rate.Limiter] {
		return newTable(c.Entries,
			func() *rate.Limiter { return rate.NewLimiter(rate.Limit(perSecond), burst) },
			func(l *rate.Limiter, now time.Time) bool { return l.TokensAt(now) >= float64(burst) })
	}
	return &Rates{now: c.Now, persons: limiters(c.Person, c.PersonBurst), parties: limiters(c.Party, c.PartyBurst)}
}

// Allow counts a request: *TooSoonError if it is one too many for the person or the party. An empty name is not limited. For a request of nobody in
// particular, person is the client's address. What is refused does not count, for neither of the two.
func (r *Rates) Allow(person, party string) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.now()
	var taken []*rate.Reservation
	for _, l := range []struct {
		table *table[rate.Limiter]
		name  string
	}{{r.persons, person}, {r.parties, party}} {
		if l.name == "" {
			continue
		}
		res := l.table.get(l.name, now).ReserveN(now, 1)
		taken = append(taken, res)
		if wait := res.DelayFrom(now); wait > 0 {
			for _, t := range taken {
				t.CancelAt(now)
			}
			return &TooSoonError{wait}
		}
	}
	return nil
}

// Handler passes on what Allow allows and answers 429 with Retry-After otherwise. who names the person and the party of a request.
func (r *Rates) Handler(who func(*http.Request) (person, party string), next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var soon *TooSoonError
		if err := r.Allow(who(req)); errors.As(err, &soon) {
			soon.RetryAfter(w.Header())
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "too many requests", http.StatusTooManyRequests)
			return
		}
		next.ServeHTTP(w, req)
	})
}
