package fact

import (
	"fmt"
	"iter"
	"sync"
)

// Set holds the facts of one release, by kind, sorted. It is filled once, with Put, and then only read; reading is
// safe for concurrent use.
type Set struct {
	kinds map[string]*lines
}

type lines struct {
	kind  *Kind
	lines []string

	once  sync.Once
	facts []*Fact
	index map[string][]int32 // by system and key
	err   error
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
		for _, f := range l.facts {
			if !yield(f, nil) {
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
	l.load()
	var found []*Fact
	for _, i := range l.index[key] {
		if f := l.facts[i]; system == "" || f.System == system {
			found = append(found, f)
		}
	}
	return found, l.err
}

func (l *lines) load() {
	l.once.Do(func() {
		l.facts = make([]*Fact, 0, len(l.lines))
		l.index = map[string][]int32{}
		for n, line := range l.lines {
			f, err := Parse(l.kind, line)
			if err != nil {
				l.err = fmt.Errorf("line %d: %w", n+1, err)
				return
			}
			key := f.KeyString()
			l.index[key] = append(l.index[key], int32(len(l.facts)))
			l.facts = append(l.facts, f)
		}
	})
}
