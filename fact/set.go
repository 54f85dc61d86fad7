package fact

import (
	"fmt"
	"iter"
	"sync"
)

// Set holds the facts of one release, by kind, sorted. It is filled once, with Put, and then only read; reading is
// safe for concurrent use. Lines are parsed when they are first asked for.
type Set struct {
	kinds map[string]*lines
}

type lines struct {
	kind  *Kind
	lines []string

	loaded sync.Once
	facts  []Fact // as many as could be read before err
	err    error

	indexed sync.Once
	first   map[string]int32 // by key: the first fact
	next    []int32          // the next fact of the same key; 0 after the last
}

// NewSet returns an empty set.
func NewSet() *Set { return &Set{kinds: map[string]*lines{}} }

// Put sets the facts of a kind, as SortLines left them. The set owns the slice from then on.
func (s *Set) Put(kind *Kind, sorted []string) {
	s.kinds[kind.Name] = &lines{kind: kind, lines: sorted}
}

// Len returns the number of facts of a kind.
func (s *Set) Len(kind string) int {
	if l := s.kinds[kind]; l != nil {
		return len(l.lines)
	}
	return 0
}

// Lines returns the lines of a kind; they must not be changed.
func (s *Set) Lines(kind string) []string {
	if l := s.kinds[kind]; l != nil {
		return l.lines
	}
	return nil
}

// All gives the facts of a kind in order; an error, if any, comes last.
func (s *Set) All(kind string) iter.Seq2[*Fact, error] {
	return func(yield func(*Fact, error) bool) {
		l := s.kinds[kind]
		if l == nil {
			return
		}
		l.load()
		for i := range l.facts {
			if !yield(&l.facts[i], nil) {
				return
			}
		}
		if l.err != nil {
			yield(nil, l.err)
		}
	}
}

// Find returns the facts of a kind with that key (JoinKey), in order. An empty system means all systems and what lies in none.
func (s *Set) Find(kind, system, key string) ([]*Fact, error) {
	l := s.kinds[kind]
	if l == nil {
		return nil, nil
	}
	l.index()
	var found []*Fact
	for i, ok := l.first[key]; ok; ok = i != 0 {
		if f := &l.facts[i]; system == "" || f.System == system {
			found = append(found, f)
		}
		i = l.next[i]
	}
	return found, l.err
}

// load parses the lines into two blocks of memory: a fact by itself would be many small ones.
func (l *lines) load() {
	l.loaded.Do(func() {
		n := len(l.kind.Fields)
		facts, at := make([]Fact, len(l.lines)), make([]uint32, n*len(l.lines))
		for i, line := range l.lines {
			if err := facts[i].parse(l.kind, line, at[i*n:(i+1)*n:(i+1)*n]); err != nil {
				l.err = fmt.Errorf("line %d: %w", i+1, err)
				facts = facts[:i]
				break
			}
		}
		l.facts = facts
	})
}

// index makes chains of the facts of each key, from the last to the first, so that a chain begins with its first.
func (l *lines) index() {
	l.load()
	l.indexed.Do(func() {
		l.first = make(map[string]int32, len(l.facts))
		l.next = make([]int32, len(l.facts))
		for i := len(l.facts) - 1; i >= 0; i-- {
			key := l.facts[i].KeyString()
			l.next[i] = l.first[key]
			l.first[key] = int32(i)
		}
	})
}
