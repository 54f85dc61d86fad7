package signin

import (
	"container/list"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sync"
	"time"
)

// Pending keeps what is needed between the two halves of a ceremony: a challenge, a nonce. Memory is one; a database may be another.
type Pending interface {
	// Put keeps data under a key (64 hexadecimal digits, unguessable) until a time. There are few kinds; an implementation bounds how much it keeps of
	// each, so that strangers who begin sign-ins do not crowd out people who sign statements.
	Put(ctx context.Context, kind, key string, data []byte, until time.Time) error
	// Take returns data and removes them, in one step: of two that take the same, one gets ErrNoCeremony. The same if it is past the time.
	Take(ctx context.Context, kind, key string) ([]byte, error)
}

// ceremonyTime is how long somebody has between the halves.
const ceremonyTime = 5 * time.Minute

// The kinds of ceremony.
const (
	kindRegister = "register"
	kindLogin    = "login"
	kindSign     = "sign"
	kindOIDC     = "oidc"
)

// putPending keeps v under a new random id and returns that. What is stored is found by the id and does not tell it.
func putPending(ctx context.Context, p Pending, kind string, v any, now time.Time) (id string, err error) {
	data, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("keeping a ceremony: %w", err)
	}
	id = random()
	if err := p.Put(ctx, kind, pendingKey(id), data, now.Add(ceremonyTime)); err != nil {
		return "", fmt.Errorf("keeping a ceremony: %w", err)
	}
	return id, nil
}

func takePending(ctx context.Context, p Pending, kind, id string, v any) error {
	if !canonical(id) {
		return ErrNoCeremony
	}
	data, err := p.Take(ctx, kind, pendingKey(id))
	if err != nil {
		return fmt.Errorf("looking for a ceremony: %w", err)
	}
	if err := json.Unmarshal(data, v); err != nil {
		return fmt.Errorf("reading a ceremony: %w", err)
	}
	return nil
}

func pendingKey(id string) string {
	sum := sha256.Sum256([]byte(id))
	return hex.EncodeToString(sum[:])
}

// Memory is a Pending in this process: at most so many ceremonies of each kind, the oldest making room. A restart forgets them all, and people begin
// again. To push out somebody else's ceremony within its five minutes takes as many beginnings as fit; Rates on the routes that begin them sees to that.
type Memory struct {
	most  int
	now   func() time.Time
	mu    sync.Mutex
	kinds map[string]*pendingKind // mu
}

type pendingKind struct {
	byKey map[string]*list.Element // of kept
	age   *list.List               // front: oldest
}

type kept struct {
	key   string
	data  []byte
	until time.Time
}

// NewMemory returns an empty one. most is the number of ceremonies of each kind; 10,000 take some 20 MB.
func NewMemory(most int, now func() time.Time) *Memory {
	return &Memory{most: max(most, 1), now: now, kinds: map[string]*pendingKind{}}
}

// Put keeps data; see Pending.
func (m *Memory) Put(_ context.Context, kind, key string, data []byte, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.kinds[kind]
	if k == nil {
		k = &pendingKind{byKey: map[string]*list.Element{}, age: list.New()}
		m.kinds[kind] = k
	}
	if e, ok := k.byKey[key]; ok {
		k.remove(e)
	}
	now := m.now()
	for e := k.age.Front(); e != nil && (len(k.byKey) >= m.most || !now.Before(e.Value.(kept).until)); e = k.age.Front() {
		k.remove(e)
	}
	k.byKey[key] = k.age.PushBack(kept{key, data, until})
	return nil
}

// Take returns data once; see Pending.
func (m *Memory) Take(_ context.Context, kind, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k := m.kinds[kind]
	if k == nil {
		return nil, ErrNoCeremony
	}
	e, ok := k.byKey[key]
	if !ok {
		return nil, ErrNoCeremony
	}
	k.remove(e)
	v := e.Value.(kept)
	if !m.now().Before(v.until) {
		return nil, ErrNoCeremony
	}
	return v.data, nil
}

func (k *pendingKind) remove(e *list.Element) {
	delete(k.byKey, e.Value.(kept).key)
	k.age.Remove(e)
}
