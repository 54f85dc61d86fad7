package witness

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/ledger/proof"
)

// ErrRolledBack: a source shows fewer leaves than were cosigned, and nothing else that convicts the log.
var ErrRolledBack = errors.New("the log shows less than it did")

// ForkError says that a log signed two histories. It is convicted by Equivocation alone.
type ForkError struct {
	Equivocation *proof.Equivocation
	// File is where it is kept below the folder of the state; empty if it could not be, which was reported.
	File string
}

func (e *ForkError) Error() string {
	return fmt.Sprintf("the log %q signed two histories, of %d and %d leaves", e.Equivocation.A.Origin, e.Equivocation.A.Size, e.Equivocation.B.Size)
}

// PullConfig says from where a log is pulled, and where cosignatures go.
type PullConfig struct {
	// Origin is the log, one of the witness's.
	Origin string
	// Source is where the log's files "checkpoint" and "tile/…" are: an http or https address, or a folder.
	Source string
	// Post is where cosignatures go: an http or https address under which a [Collector] answers at /cosignatures, or a folder, in which they are left as a file
	// "cosignatures/HASH" for [Collector.Folder]; HASH is SHA-256 of the witness's name. Empty: nowhere.
	Post string
	// Publish is a folder in which ORIGINHASH/checkpoint is written for others to compare: what was last cosigned. Empty: none.
	Publish string
	// MaxAge is how long the source may show the same checkpoint; 0 means for ever.
	MaxAge time.Duration
	// Timeout is for one exchange; 0 means [DefaultTimeout].
	Timeout time.Duration
	// Transport is http.DefaultTransport's like if nil.
	Transport http.RoundTripper
}

// Pulled is what came of one round.
type Pulled struct {
	// Checkpoint is what was last cosigned, with the log's signature and the witness's own.
	Checkpoint *proof.SignedCheckpoint
	// Lines are the witness's own lines under it.
	Lines []proof.SignatureLine
	// Advanced says whether it is a new one.
	Advanced bool
	// Since is when this checkpoint was first cosigned.
	Since time.Time
	// Stale says whether the source has shown it for longer than MaxAge. It is cosigned all the same: that it is the largest that was seen is true.
	Stale bool
}

// Pull makes one round: it fetches the log's checkpoint, verifies the log's signature, proves to itself from the log's tiles that it extends what was cosigned before, cosigns, and
// gives the cosignatures back. If the source already shows them nothing is signed or sent. The error is a *[ForkError] if the log signed two histories, and [ErrRolledBack] if it shows
// fewer leaves than it did; then nothing is cosigned, except that a checkpoint which extends what was cosigned may by its tiles convict the log of what it signed elsewhere (see [Conflict]):
// that one is, and its cosignatures are given back in the next round. If only giving back or publishing fails, both results are set, and the next round does it again.
func (w *Witness) Pull(ctx context.Context, c PullConfig) (*Pulled, error) {
	p, err := w.pull(ctx, c)
	if err != nil {
		err = fmt.Errorf("pulling the log %q: %w", c.Origin, err)
	}
	return p, err
}

func (w *Witness) pull(ctx context.Context, c PullConfig) (*Pulled, error) {
	if w.logs[c.Origin] == nil {
		return nil, fmt.Errorf("it is not witnessed here")
	}
	get, done, err := openSource(c.Source, c.Transport, c.Timeout)
	if err != nil {
		return nil, fmt.Errorf("opening the source: %w", err)
	}
	defer done()
	shown, err := w.fetch(ctx, get, c.Origin)
	if err != nil {
		return nil, err
	}
	before := w.Latest(c.Origin)
	if err := w.follow(ctx, newTiles(ctx, get), shown); err != nil {
		return nil, err
	}
	h := w.state.slots[c.Origin].head.Load()
	p := &Pulled{Checkpoint: h.note, Since: time.Unix(h.since, 0).UTC()}
	p.Lines, _ = w.own(h.note)
	p.Advanced = before == nil || before.Checkpoint != h.note.Checkpoint
	if p.Stale = c.MaxAge > 0 && w.now().Sub(p.Since) > c.MaxAge; p.Stale {
		w.report(Event{Kind: EventStale, Origin: c.Origin, Size: h.note.Size, Err: fmt.Errorf("the same checkpoint since %s", p.Since.Format(time.RFC3339))})
	}
	return p, errors.Join(w.deliver(ctx, c, shown, p), w.publish(c, p))
}

// fetch reads the source's checkpoint and verifies the log's signature.
func (w *Witness) fetch(ctx context.Context, get getter, origin string) (*proof.SignedCheckpoint, error) {
	b, err := get(ctx, "checkpoint", proof.MaxNote)
	if err != nil {
		return nil, fmt.Errorf("fetching its checkpoint: %w", err)
	}
	shown, err := proof.ParseSigned(b)
	if err != nil {
		return nil, err
	}
	if shown.Origin != origin {
		return nil, fmt.Errorf("its checkpoint is of %q", shown.Origin)
	}
	if _, no := w.verify(shown); no != nil {
		return nil, no
	}
	return shown, nil
}

// follow cosigns what the source shows if it extends what was cosigned before. By push the log may advance at the same time, hence a few attempts.
func (w *Witness) follow(ctx context.Context, t *tiles, shown *proof.SignedCheckpoint) error {
	for round := 1; ; round++ {
		err := w.step(ctx, t, shown)
		var no *refusal
		if errors.As(err, &no) && no.status == http.StatusConflict && round < maxRounds {
			continue
		}
		if err != nil {
			return err
		}
		return w.reconcile(t, shown)
	}
}

func (w *Witness) step(ctx context.Context, t *tiles, shown *proof.SignedCheckpoint) error {
	h := w.state.slots[shown.Origin].head.Load()
	if own, _ := w.own(shown); h.is(shown.Checkpoint) && len(own) == len(w.cosigners) {
		return nil
	}
	if shown.Size < h.checkpoint().Size {
		return w.shorter(t, shown, h.note)
	}
	hashes, err := w.extend(t, h.note, shown)
	if err != nil {
		return err
	}
	_, err = w.advance(ctx, &request{old: h.checkpoint().Size, hashes: hashes, note: shown})
	return err
}

// extend returns the proof that what is shown extends what was cosigned. The tiles are checked against what is shown, so if it does not, they convict the log.
func (w *Witness) extend(t *tiles, cosigned, shown *proof.SignedCheckpoint) ([]tlog.Hash, error) {
	if cosigned == nil {
		return nil, nil
	}
	tree := t.tree(shown.Checkpoint)
	e, file, err := w.keepEquivocation(cosigned, shown, tree)
	if err == nil {
		return nil, &ForkError{Equivocation: e, File: file}
	}
	// Between an old key of the log and a new one nothing convicts; advance compares them.
	if !errors.Is(err, proof.ErrConsistent) && !errors.Is(err, errNoKey) {
		return nil, fmt.Errorf("comparing what it shows with what was cosigned: %w", err)
	}
	return proof.ProveConsistency(cosigned.Size, shown.Size, tree)
}

// shorter says what is wrong with a source that shows less than it did. Whether the shorter history is part of the longer one can be seen if the source still has the tiles of that.
func (w *Witness) shorter(t *tiles, shown, cosigned *proof.SignedCheckpoint) error {
	e, file, err := w.keepEquivocation(shown, cosigned, t.tree(cosigned.Checkpoint))
	if err == nil {
		return &ForkError{Equivocation: e, File: file}
	}
	rolled := fmt.Errorf("%d leaves, %d were cosigned: %w", shown.Size, cosigned.Size, ErrRolledBack)
	if errors.Is(err, proof.ErrConsistent) {
		return rolled
	}
	w.keepConflict(&Conflict{A: shown, B: cosigned})
	return fmt.Errorf("%w; whether it also shows another history is not known: %w", rolled, err)
}

// reconcile looks at the conflicts that wait for tiles: now there are those of a tree that was cosigned. A checkpoint that is not part of it convicts the log.
func (w *Witness) reconcile(t *tiles, cosigned *proof.SignedCheckpoint) error {
	var fork error
	for name, c := range w.state.conflicts(cosigned.Origin) {
		settled := true
		for _, s := range []*proof.SignedCheckpoint{c.A, c.B} {
			if s.Size > cosigned.Size {
				settled = false
				continue
			}
			e, file, err := w.keepEquivocation(s, cosigned, t.tree(cosigned.Checkpoint))
			switch {
			case err == nil:
				fork = &ForkError{Equivocation: e, File: file}
				settled = file != "" && settled
			case !errors.Is(err, proof.ErrConsistent):
				settled = false
			}
		}
		if settled {
			w.state.drop(name)
		}
	}
	return fork
}

// deliver gives cosignatures back, unless the source shows them already.
func (w *Witness) deliver(ctx context.Context, c PullConfig, shown *proof.SignedCheckpoint, p *Pulled) error {
	if own, _ := w.own(shown); c.Post == "" || shown.Checkpoint == p.Checkpoint.Checkpoint && len(own) == len(w.cosigners) {
		return nil
	}
	note := (&proof.SignedCheckpoint{Checkpoint: p.Checkpoint.Checkpoint, Lines: p.Lines}).Bytes()
	if !isURL(c.Post) {
		if err := replaceIn(c.Post, cosignatureFile(w.cosigners[0].Key().Name()), note); err != nil {
			return fmt.Errorf("leaving cosignatures: %w", err)
		}
		return nil
	}
	prefix, err := checkURL(c.Post)
	if err != nil {
		return fmt.Errorf("sending cosignatures: %w", err)
	}
	a, err := newWeb(c.Transport, c.Timeout).do(ctx, http.MethodPost, prefix+"/cosignatures", note, maxBody)
	if err == nil && a.status != http.StatusOK {
		err = a.refused()
	}
	if err != nil {
		return fmt.Errorf("sending cosignatures: %w", err)
	}
	return nil
}

func cosignatureFile(witness string) string { return "cosignatures/" + OriginHash(witness) }

// publish shows what was last cosigned.
func (w *Witness) publish(c PullConfig, p *Pulled) error {
	if c.Publish == "" {
		return nil
	}
	if err := replaceIn(c.Publish, OriginHash(c.Origin)+"/checkpoint", p.Checkpoint.Bytes()); err != nil {
		return fmt.Errorf("publishing what was cosigned: %w", err)
	}
	return nil
}

// replaceIn writes a file as a whole in a folder that is there, for others to read. It need not survive a loss of power: it is written again.
func replaceIn(dir, name string, data []byte) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	if old, err := readIn(root, name, proof.MaxNote); err == nil && slices.Equal(old, data) {
		return nil
	}
	if err := root.Mkdir(path.Dir(name), 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	temp := path.Dir(name) + "/.new-" + rand.Text()
	if err := root.WriteFile(temp, data, 0o644); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	if err := root.Rename(temp, name); err != nil {
		return errors.Join(err, root.Remove(temp))
	}
	return nil
}
