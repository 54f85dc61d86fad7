package sandbox

import (
	"fmt"
	"slices"
	"strings"
)

// Level is how much of the sandbox holds, in one word.
type Level int

// The levels. A program that holds keys should demand Partial at least.
const (
	// None: hostile code in the child could get at what the parent has, or at the network.
	None Level = iota
	// Partial: files, the parent's memory and environment, other processes and the network are each out of reach, by one means at least.
	Partial
	// Full: everything that this package knows holds, so that one hole in one means opens nothing.
	Full
)

// String returns none, partial or full.
func (l Level) String() string { return [...]string{"none", "partial", "full"}[l] }

// MarshalText returns the word.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Protection names one means.
type Protection string

// The protections, in the order of a Report.
const (
	UserNamespace  Protection = "user namespace"
	MountNamespace Protection = "mount namespace" // with a root of its own, in which there is nothing but what Options list
	PIDNamespace   Protection = "pid namespace"
	NetNamespace   Protection = "net namespace"
	IPCNamespace   Protection = "ipc namespace"
	UTSNamespace   Protection = "uts namespace"
	Landlock       Protection = "landlock"
	Seccomp        Protection = "seccomp"
	NoNewPrivs     Protection = "no new privileges"
	NoCapabilities Protection = "no capabilities" // but, for root, to read the files of others
	ParentHidden   Protection = "parent not dumpable"
	EmptyEnv       Protection = "empty environment"
	NoDescriptors  Protection = "no inherited descriptors"
	MemoryBound    Protection = "memory limit"
	FilesBound     Protection = "descriptor limit"
	ProcessBound   Protection = "process limit" // of threads and processes, in the kernel's count; without it seccomp still forbids processes
)

var protections = []Protection{
	UserNamespace, MountNamespace, PIDNamespace, NetNamespace, IPCNamespace, UTSNamespace, Landlock, Seccomp, NoNewPrivs, NoCapabilities,
	ParentHidden, EmptyEnv, NoDescriptors, MemoryBound, FilesBound, ProcessBound,
}

// optional ones do not count for the level: they bound how much is used, not what is reached.
var optional = []Protection{ProcessBound}

// Item is one protection of a child. Note says why it does not hold, or more precisely what holds.
type Item struct {
	Protection Protection `json:"protection"`
	Held       bool       `json:"held"`
	Note       string     `json:"note,omitempty"`
}

// Report says which protections held in one child, as found inside it before any input was handed over.
type Report struct {
	Level       Level  `json:"level"`
	Items       []Item `json:"items"`                  // every protection, in a fixed order
	LandlockABI int    `json:"landlock_abi,omitempty"` // 0 where there is none
	Owners      bool   `json:"owners"`                 // the owners of files look in the child as they are
}

// Held says whether a protection holds.
func (r Report) Held(p Protection) bool {
	return slices.ContainsFunc(r.Items, func(i Item) bool { return i.Protection == p && i.Held })
}

// String returns one line for people: the level, and what is missing.
func (r Report) String() string {
	var missing []string
	for _, i := range r.Items {
		if !i.Held {
			m := string(i.Protection)
			if i.Note != "" {
				m += " (" + i.Note + ")"
			}
			missing = append(missing, m)
		}
	}
	if len(missing) == 0 {
		return r.Level.String()
	}
	return fmt.Sprintf("%s; without %s", r.Level, strings.Join(missing, ", "))
}

// newReport puts what was found into order and derives the level.
func newReport(held map[Protection]string, missing map[Protection]string) Report {
	var r Report
	for _, p := range protections {
		note, ok := held[p]
		if why, bad := missing[p]; bad || !ok {
			r.Items = append(r.Items, Item{p, false, why})
			continue
		}
		r.Items = append(r.Items, Item{p, true, note})
	}
	r.Level = r.level()
	return r
}

func (r Report) level() Level {
	files := r.Held(Landlock) || r.Held(MountNamespace)
	network := r.Held(Seccomp) || r.Held(NetNamespace)
	processes := r.Held(Seccomp) || r.Held(PIDNamespace)
	basis := r.Held(NoNewPrivs) && r.Held(NoCapabilities) && r.Held(ParentHidden) && r.Held(EmptyEnv) && r.Held(NoDescriptors)
	if !files || !network || !processes || !basis {
		return None
	}
	for _, i := range r.Items {
		if !i.Held && !slices.Contains(optional, i.Protection) {
			return Partial
		}
	}
	return Full
}
