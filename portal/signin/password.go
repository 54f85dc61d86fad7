package signin

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"fmt"
	"sync/atomic"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The bounds of a password: characters at least, bytes at most.
const (
	MinPassword = 12
	MaxPassword = 1024
)

const (
	hashers = 2  // that run at once: 128 MiB
	waiting = 32 // that wait for one of them: some three seconds
)

// Passwords hashes and checks passwords with argon2id. At most two are hashed at once, and 32 wait; more are refused with ErrBusy, so that sign-in
// cannot be used to exhaust memory. Its methods may be called from several goroutines.
//
// A password is the bytes that the browser sends, in UTF-8. It is not normalised (NFC): somebody who types "é" on two systems that compose it
// differently has two passwords. Browsers send what the keyboard gives, composed nearly everywhere.
type Passwords struct {
	cost    cost
	nobody  []byte // the key of the constant hash: zeros, which no known password gives
	running chan struct{}
	queued  atomic.Int64
}

// NewPasswords returns a checker with the cost of new hashes: 64 MiB, 3 passes, 1 lane.
func NewPasswords() *Passwords {
	return &Passwords{cost: ours, nobody: make([]byte, keySize), running: make(chan struct{}, hashers)}
}

// CheckPassword says whether somebody may choose this password: ErrPassword with the rule that it breaks.
func CheckPassword(password string) error {
	switch {
	case !utf8.ValidString(password):
		return fmt.Errorf("%w: it is not text in UTF-8", ErrPassword)
	case len(password) > MaxPassword:
		return fmt.Errorf("%w: it has %d bytes, at most %d are allowed", ErrPassword, len(password), MaxPassword)
	case utf8.RuneCountInString(password) < MinPassword:
		return fmt.Errorf("%w: it has fewer than %d characters", ErrPassword, MinPassword)
	}
	return nil
}

// Hash returns what to store for a new password, in the PHC string format. Errors: ErrPassword, ErrBusy, those of the context.
func (p *Passwords) Hash(ctx context.Context, password string) (stored string, err error) {
	if err := CheckPassword(password); err != nil {
		return "", err
	}
	h := phc{cost: p.cost, salt: make([]byte, saltSize), key: make([]byte, keySize)}
	_, _ = rand.Read(h.salt) // never fails
	if h.key, err = p.run(ctx, h, password); err != nil {
		return "", err
	}
	return h.String(), nil
}

// Check compares a password with what is stored: ErrRefused if it is another. For an account that does not exist or has no password, stored is "", and
// as much work is done for a constant hash, which no password opens: so the time taken does not tell who has an account. (It does tell an account
// whose hash is still of an older cost; rehash is how those go away.)
//
// rehash says that the password is right and that the hash was made with another cost than today's: store Hash(password) instead.
//
// Other errors: ErrBusy, ErrHash, those of the context.
func (p *Passwords) Check(ctx context.Context, stored, password string) (rehash bool, err error) {
	if len(password) > MaxPassword {
		return false, fmt.Errorf("checking a password of %d bytes: %w", len(password), ErrRefused)
	}
	known := stored != ""
	h := phc{cost: p.cost, salt: []byte("nobody's account"), key: p.nobody}
	if known {
		if h, err = parsePHC(stored); err != nil {
			return false, fmt.Errorf("checking a password: %w", err)
		}
	}
	key, err := p.run(ctx, h, password)
	if err != nil {
		return false, err
	}
	if subtle.ConstantTimeCompare(key, h.key) != 1 || !known {
		return false, fmt.Errorf("checking a password: %w", ErrRefused)
	}
	return h.cost != p.cost || len(h.salt) != saltSize || len(h.key) != keySize, nil
}

// run computes the key, when it is its turn.
func (p *Passwords) run(ctx context.Context, h phc, password string) ([]byte, error) {
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("hashing a password: %w", err)
	}
	if p.queued.Add(1) > hashers+waiting {
		p.queued.Add(-1)
		return nil, fmt.Errorf("hashing a password: %w", ErrBusy)
	}
	defer p.queued.Add(-1)
	select {
	case p.running <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("waiting to hash a password: %w", ctx.Err())
	}
	defer func() { <-p.running }()
	return argon2.IDKey([]byte(password), h.salt, h.passes, h.memory, h.lanes, uint32(len(h.key))), nil
}
