package page

import (
	"strings"
	"time"
)

// Evaluation is "/evaluations/{id}". With scripts, live.mjs reads the event stream at Events; each event's data is a JSON object of which any
// field may be left out: {"state","phase","files","bytes","container","done","total","eta","slowest":[{"name","took"}],"log":["line"],
// "phases":[{"name","state","note"}],"ended":true}. Log lines are added, everything else is replaced; "ended" loads the page anew.
type Evaluation struct {
	Shell
	Product, Release, ReleaseURL string
	State                        string // queued, running, done, cancelled, error
	StateNote                    string
	Events                       string // address of the stream; empty when it has ended
	Refresh                      string
	Phases                       []Phase
	Files                        int
	Bytes                        int64
	Container                    string // what is open now
	Started, Ended               time.Time
	Left                         string // as "about 3 minutes, from past runs"
	Slowest                      []Slow
	Log                          []string // the tail
	Fixed                        []Pair   // what was fixed when it was queued: inputs, as-of, references, budgets, build
	Alarm                        string   // the same job gave another digest
	Actions                      []Form
}

// Phase is a part of the work.
type Phase struct {
	Name, State string // waits, runs, done, error
	Note        string // as "1,204 files"
}

// Slow is something that takes time.
type Slow struct{ Name, Took string }

func phaseMark(state string) string {
	switch state {
	case "done":
		return "✓"
	case "error":
		return "✗"
	case "runs":
		return "▸"
	}
	return "…"
}

func (v Evaluation) logText() string {
	lines := make([]string, len(v.Log))
	for i, l := range v.Log {
		lines[i] = Visible(l)
	}
	return strings.Join(lines, "\n")
}
