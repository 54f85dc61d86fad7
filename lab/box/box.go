// Package box is what the lab's server asks of processes that hold no keys, in which hostile bytes are parsed: package child answers, package desk asks.
package box

import (
	"context"
	"io"

	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/statement"
)

// Box has hostile bytes parsed. What comes back may be lies: whoever asked compares it with what it gave.
type Box interface {
	// Evaluate evaluates into e.Out, a folder that is not there yet in one that is. read are the files of the product; progress gets lines of Event.
	Evaluate(ctx context.Context, e Evaluation, read []string, progress io.Writer) error
	// Judge judges a dossier anew.
	Judge(ctx context.Context, j Judging) error
	Declarations
	// Declare reads a declaration.
	Declare(ctx context.Context, text []byte) (*Declared, error)
	// Examine checks a dossier whole and returns the plan for sealing it.
	Examine(ctx context.Context, dir string) (*examine.Plan, error)
	// Outline writes a dossier's outline to out.
	Outline(ctx context.Context, dir string, out io.Writer) error
	// File returns a range of one file of an artifact, with secrets masked unless w says otherwise. w.File may be read, w.TempDir written.
	File(ctx context.Context, w outline.Wanted) (*outline.Range, error)
	// Unzip unpacks a dossier that came as a zip into a folder that is not there yet, in one that is.
	Unzip(ctx context.Context, file, out string) error
	// Report writes a dossier as html, json, csv or sarif.
	Report(ctx context.Context, dir, format string, out io.Writer) error
}

// Evaluation says what to evaluate. Paths are absolute.
type Evaluation struct {
	Product, Declaration string   // as probat evaluate takes them; a product.yaml names its files
	Schemes              []string // ids of schemes that come with the program
	AsOf, Out, Temp      string
	MaxBytes, MaxEntries int64
	MaxDepth             int
}

// Event is one line of how far an evaluation is.
type Event struct {
	Phase     string  `json:"phase"`
	Files     int64   `json:"files"`
	Bytes     int64   `json:"bytes"`
	Container string  `json:"container,omitempty"`
	Slowest   string  `json:"slowest,omitempty"`
	Took      float64 `json:"took,omitempty"` // seconds, of the slowest
	Seconds   float64 `json:"seconds"`        // since it began
}

// Judging says how a dossier is to be judged anew: with persons' judgements, and the evidence that they cite.
type Judging struct {
	Dossier, Out string
	Judgements   []judge.Judgement
	Evidence     []Cited
}

// Cited is a piece of evidence that judgements name by digest.
type Cited struct {
	Path, Digest, Title string
	Answers             []string // SCHEME/REQUIREMENT
}

// Declared is what a declaration says of its release.
type Declared struct {
	Artifacts []DeclaredFile    `json:"artifacts"`
	Digest    string            `json:"digest"` // SHA-256 of the canonical form
	Documents []string          `json:"documents"`
	Release   statement.Release `json:"release"`
	Schemes   []string          `json:"schemes"`
}

// DeclaredFile is an artifact of a declaration.
type DeclaredFile struct {
	ID   string `json:"id"`
	Path string `json:"path"`
}
