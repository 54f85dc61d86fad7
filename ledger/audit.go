package ledger

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
	"golang.org/x/sync/errgroup"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store"
)

// AuditOptions say how deep an audit looks.
type AuditOptions struct {
	// Signatures has every statement parsed in its strict form and its signature verified, and the database's own check run. Without it, contents
	// and leaves are hashed, and tree, tiles, checkpoints, registers and status lists are checked.
	Signatures bool
	// Keys says what a public key (SPKI in DER) may be used for; nil leaves the keys unjudged.
	Keys func(spki []byte) (purpose statement.Purpose, known bool)
	// Known says which other objects belong into the tile store; nil: none do.
	Known func(object string) bool
	// MaxFindings bounds the list of findings; 0 stands for 1,000. All are counted.
	MaxFindings int
	// Progress is called now and then with the entries that are done; may be nil.
	Progress func(done, total int64)
}

// Finding is something that is not as it should be.
type Finding struct {
	Object  string // what: "entry 17", "object tile/0/000", "checkpoint of 12 acts", …
	Problem string
}

// String returns both parts.
func (f Finding) String() string { return f.Object + ": " + f.Problem }

// Report is what an audit found.
type Report struct {
	Leaves      int64 // in the tree
	Opened      int64 // whose content is there and has the leaf's identity
	Erased      int64 // whose content was erased by an act of the ledger
	Cases       int   // with contiguous acts
	Objects     int   // of the tile store that were compared
	Checkpoints int   // whose signature and root were checked
	Cosigned    int   // cosignatures that were verified
	Public      int64 // public statements
	Registered  int64 // of them, listed in a register
	Signatures  bool  // signatures and form of statements were checked
	KeysJudged  bool  // who may sign was checked

	Erasures []Erased  // the first of them, at most as many as findings
	Findings []Finding // at most AuditOptions.MaxFindings
	Total    int64     // findings
	most     int
}

// Erased says which act erased the content of which.
type Erased struct{ Index, By int64 }

// String says "erased by act N".
func (e Erased) String() string { return fmt.Sprintf("entry %d: erased by act %d", e.Index, e.By) }

// Unexplained is how many leaves have neither content nor an act that erased it.
func (r *Report) Unexplained() int64 { return r.Leaves - r.Opened - r.Erased }

// OK says that there are no findings.
func (r *Report) OK() bool { return r.Total == 0 }

// String is the report in a few lines: the counts, what was not checked, the findings.
func (r *Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d leaves, %d opened, %d erased, %d unexplained\n", r.Leaves, r.Opened, r.Erased, r.Unexplained())
	fmt.Fprintf(&b, "%d cases, %d public statements of which %d are in a register, %d checkpoints, %d cosignatures, %d objects compared\n",
		r.Cases, r.Public, r.Registered, r.Checkpoints, r.Cosigned, r.Objects)
	if !r.Signatures {
		b.WriteString("not checked: signatures and form of statements\n")
	}
	if !r.KeysJudged {
		b.WriteString("not checked: whether the signing keys are the lab's\n")
	}
	for _, f := range r.Findings {
		b.WriteString(f.String() + "\n")
	}
	if more := r.Total - int64(len(r.Findings)); more > 0 {
		fmt.Fprintf(&b, "and %d more findings\n", more)
	}
	return b.String()
}

func (r *Report) find(object, problem string, args ...any) {
	r.Total++
	if len(r.Findings) < r.most {
		r.Findings = append(r.Findings, Finding{object, fmt.Sprintf(problem, args...)})
	}
}

// auditor is one audit under way.
type auditor struct {
	*Ledger
	options AuditOptions
	report  *Report
	head    headRow
	served  *proof.SignedCheckpoint // nil if the tile store has none that can be read
	names   []string                // of the objects in the tile store
	partial map[string][]int        // widths of partial tiles in the tile store, by the path of the full tile
	keys    keyCache
	meaning meaning
	roots   map[int64][]rootClaim // by size
	tree    *frontier
	broken  bool // an entry could not be read: roots after it are unknown
}

// rootClaim is something that says what the root at a size is.
type rootClaim struct {
	object string
	root   tlog.Hash
}

// Audit opens every leaf and compares all that is stored with each other: contents with identities, leaves, tree, head, checkpoints, tiles, cases,
// registers, status lists. It changes nothing and reads while acts are appended; it looks at those up to the head when it begins. Memory
// grows with the number of cases, about 150 bytes each, and not with that of acts. The error says that it could not be carried through;
// what it found is in the report.
func (l *Ledger) Audit(ctx context.Context, o AuditOptions) (*Report, error) {
	if o.MaxFindings == 0 {
		o.MaxFindings = 1000
	}
	a := &auditor{
		Ledger: l, options: o, partial: map[string][]int{}, roots: map[int64][]rootClaim{}, tree: &frontier{},
		report: &Report{Signatures: o.Signatures, KeysJudged: o.Keys != nil, most: o.MaxFindings},
	}
	a.meaning = newMeaning(a.report)
	// In this order, so that what is published meanwhile is not taken for a stray: names, then the checkpoint, then the head.
	for _, step := range []func(context.Context) error{a.listObjects, a.readServed, a.readClaims, a.judgeObjects, a.entries, a.finish} {
		if err := step(ctx); err != nil {
			return a.report, fmt.Errorf("auditing: %w", err)
		}
	}
	return a.report, nil
}

// entries opens all entries, blocks of a tile's width side by side, and joins them in their order.
func (a *auditor) entries(ctx context.Context) error {
	a.report.Leaves = a.head.edge.size
	workers := runtime.GOMAXPROCS(0)
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(workers + 1)
	results := make(chan chan *block, 2*workers)
	g.Go(func() error {
		for out := range results {
			select {
			case b := <-out:
				if err := a.join(ctx, b); err != nil {
					return err
				}
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		return nil
	})
	var stopped error
	for at := int64(0); at < a.head.edge.size && stopped == nil; at += tileWidth {
		out := make(chan *block, 1)
		select {
		case results <- out:
		case <-ctx.Done():
			stopped = ctx.Err()
			continue
		}
		g.Go(func() error {
			b, err := a.readBlock(ctx, at, min(at+tileWidth, a.head.edge.size))
			if err == nil {
				out <- b
			}
			return err
		})
	}
	close(results)
	return errors.Join(g.Wait(), stopped)
}

// join takes the next block: tree, roots, meaning.
func (a *auditor) join(ctx context.Context, b *block) error {
	for _, f := range b.findings {
		a.report.find(f.Object, "%s", f.Problem)
	}
	a.report.Opened += b.opened
	a.report.Objects += b.objects
	a.broken = a.broken || b.broken
	for i := range b.hashes {
		err := a.tree.add(b.hashes[i], func(t tlog.Tile, hashes []tlog.Hash) error {
			if t.L > 0 {
				a.report.Objects += a.checkTile(ctx, t, hashes, a.report.find)
			}
			return nil
		})
		if err != nil {
			return err
		}
		a.checkRoots()
		if a.served != nil && a.tree.size == a.served.Size {
			if err := a.tree.partial(func(t tlog.Tile, hashes []tlog.Hash) error {
				if t.L > 0 {
					a.report.Objects += a.checkTile(ctx, t, hashes, a.report.find)
				}
				return nil
			}); err != nil {
				return err
			}
		}
	}
	for i := range b.items {
		a.meaning.take(&b.items[i])
	}
	if a.options.Progress != nil {
		a.options.Progress(a.tree.size, a.head.edge.size)
	}
	return ctx.Err()
}

// checkRoots compares the root at the size that the tree has now with all who say what it is.
func (a *auditor) checkRoots() {
	claims := a.roots[a.tree.size]
	if len(claims) == 0 || a.broken {
		return
	}
	root := a.tree.root()
	for _, c := range claims {
		if c.root != root {
			a.report.find(c.object, "its root is not that of the first %d entries in the database", a.tree.size)
		}
	}
}

// finish looks at what can be said only when all entries are known.
func (a *auditor) finish(ctx context.Context) error {
	for _, size := range slices.Sorted(maps.Keys(a.roots)) {
		if size > a.tree.size {
			for _, c := range a.roots[size] {
				a.report.find(c.object, "it covers %d acts, %d are in the database", size, a.tree.size)
			}
		}
	}
	a.meaning.finish()
	var beyond int64
	err := a.db.QueryRowContext(ctx, "SELECT count(*) FROM ledger_entries WHERE number >= (SELECT size FROM ledger_head)").Scan(&beyond)
	if err != nil {
		return fmt.Errorf("counting entries beyond the head: %w", err)
	}
	if beyond > 0 {
		a.report.find("head", "%d entries lie beyond it", beyond)
	}
	if !a.options.Signatures || a.db.Dialect() != store.SQLite {
		return nil
	}
	rows, err := a.db.QueryContext(ctx, "PRAGMA integrity_check(20)")
	if err != nil {
		return fmt.Errorf("having the database check itself: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			return fmt.Errorf("having the database check itself: %w", err)
		}
		if text != "ok" {
			a.report.find("database file", "%s", text)
		}
	}
	return rows.Err()
}
