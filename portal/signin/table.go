package signin

import (
	"container/list"
	"hash/maphash"
	"time"
)

// table keeps a small state for each of many keys, which strangers may choose, in bounded memory.
//
// Where it is full, the least recently used state makes room, but only if it is idle, that is, if a fresh one would be the same. States that still mean
// something (somebody is being slowed down) are never thrown out by newcomers. If nothing idle is found, the new key shares one of a few
// states with others. So who floods the table frees nobody, and slows down only keys that are new while it lasts.
//
// Not safe for concurrent use: its owner locks.
type table[V any] struct {
	most   int
	fresh  func() *V
	idle   func(*V, time.Time) bool
	seed   maphash.Seed
	own    map[uint64]*list.Element // of entry[V]
	recent *list.List               // front: used last
	shared [shards]*V
}

const (
	shards = 256
	// looks is how many states are looked at in search of an idle one.
	looks = 8
)

type entry[V any] struct {
	key   uint64
	value *V
}

func newTable[V any](most int, fresh func() *V, idle func(*V, time.Time) bool) *table[V] {
	return &table[V]{most: max(most, 1), fresh: fresh, idle: idle, seed: maphash.MakeSeed(), own: map[uint64]*list.Element{}, recent: list.New()}
}

// get returns the state for a key, for use until the next call. Keys are kept as 64 bits of a hash with a secret seed: nobody can choose two that meet.
func (t *table[V]) get(key string, now time.Time) *V {
	h := maphash.String(t.seed, key)
	if e, ok := t.own[h]; ok {
		t.recent.MoveToFront(e)
		return e.Value.(*entry[V]).value
	}
	if len(t.own) >= t.most && !t.forget(now) {
		i := h % shards
		if t.shared[i] == nil {
			t.shared[i] = t.fresh()
		}
		return t.shared[i]
	}
	v := t.fresh()
	t.own[h] = t.recent.PushFront(&entry[V]{h, v})
	return v
}

// has says whether the key has a state of its own.
func (t *table[V]) has(key string) bool {
	_, ok := t.own[maphash.String(t.seed, key)]
	return ok
}

// drop forgets the key's own state. What it shares with others stays.
func (t *table[V]) drop(key string) {
	h := maphash.String(t.seed, key)
	if e, ok := t.own[h]; ok {
		t.recent.Remove(e)
		delete(t.own, h)
	}
}

// forget throws out one idle state of the longest unused few. The others get another round, so that the next call looks elsewhere.
func (t *table[V]) forget(now time.Time) bool {
	for range min(looks, len(t.own)) {
		last := t.recent.Back()
		e := last.Value.(*entry[V])
		if t.idle(e.value, now) {
			t.recent.Remove(last)
			delete(t.own, e.key)
			return true
		}
		t.recent.MoveToFront(last)
	}
	return false
}
