package witness

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"slices"
	"time"

	"github.com/probat-lab/probat/ledger/proof"
)

// ErrUnknownCheckpoint is what a collector's callback returns for a checkpoint that the log does not have, or no longer keeps; and what [Client.Latest] returns if there is none.
var ErrUnknownCheckpoint = errors.New("unknown checkpoint")

// CollectorConfig says what a log's collector takes.
type CollectorConfig struct {
	// Origin is the log's.
	Origin string
	// Keys are the witnesses' that are known, at least one.
	Keys []proof.WitnessKey
	// Accept is called, from several goroutines, with verified lines of known keys, at least one. The checkpoint is what the witnesses signed: that it is one of the log's own is for
	// Accept to see ([ErrUnknownCheckpoint]). The same lines may come again.
	Accept func(ctx context.Context, c proof.Checkpoint, lines []proof.SignatureLine) error
	// Now is the clock; time.Now if nil.
	Now func() time.Time
}

// Collector is the lab's end of pull: it takes cosignatures that witnesses bring, however late. It is an http.Handler for POST /cosignatures, whose body is a
// signed note: the checkpoint, an empty line, cosignatures. Who brings them does not matter, so nobody has to sign in.
type Collector struct {
	config CollectorConfig
	mux    *http.ServeMux
	busy   chan struct{}
}

// NewCollector makes a collector.
func NewCollector(c CollectorConfig) (*Collector, error) {
	if c.Origin == "" || len(c.Keys) == 0 || slices.ContainsFunc(c.Keys, proof.WitnessKey.IsZero) || c.Accept == nil {
		return nil, fmt.Errorf("making collector of %q: origin, keys or callback are missing", c.Origin)
	}
	c.Keys = slices.Clone(c.Keys)
	if c.Now == nil {
		c.Now = time.Now
	}
	k := &Collector{config: c, mux: http.NewServeMux(), busy: make(chan struct{}, maxBusy)}
	k.mux.HandleFunc("POST /cosignatures", k.post)
	return k, nil
}

// ServeHTTP answers 200 when lines were taken; 400 for what is not a signed note; 403 if a line of a known key is wrong or there is none; 404 for another log, or
// a checkpoint that the log does not know; 413 for more than 64 KiB; 500 if the lines could not be stored; 503 when too busy.
func (k *Collector) ServeHTTP(rw http.ResponseWriter, r *http.Request) { k.mux.ServeHTTP(rw, r) }

func (k *Collector) post(rw http.ResponseWriter, r *http.Request) {
	n, err := k.answer(rw, r)
	if err == nil {
		sendText(rw, http.StatusOK, fmt.Sprintf("%d\n", n))
		return
	}
	status := http.StatusInternalServerError
	var no *refusal
	if errors.As(err, &no) {
		status = no.status
	}
	if status == http.StatusInternalServerError {
		sendText(rw, status, "the cosignatures could not be stored\n")
		return
	}
	sendText(rw, status, err.Error()+"\n")
}

func (k *Collector) answer(rw http.ResponseWriter, r *http.Request) (int, error) {
	body, err := readBody(rw, r)
	if err != nil {
		return 0, err
	}
	if !enter(k.busy) {
		return 0, refuse(http.StatusServiceUnavailable, "too many requests at once")
	}
	defer leave(k.busy)
	return k.Collect(r.Context(), body)
}

// Collect takes one note, from wherever it came, and returns how many lines of it were handed on. Lines of unknown keys are ignored; one wrong line of a known key refuses them all.
func (k *Collector) Collect(ctx context.Context, note []byte) (int, error) {
	lines, err := k.collect(ctx, note)
	if err != nil {
		return 0, fmt.Errorf("collecting cosignatures of %q: %w", k.config.Origin, err)
	}
	return lines, nil
}

func (k *Collector) collect(ctx context.Context, note []byte) (int, error) {
	s, err := proof.ParseSigned(note)
	if err != nil {
		return 0, &refusal{status: http.StatusBadRequest, err: err}
	}
	if s.Origin != k.config.Origin {
		return 0, refuse(http.StatusNotFound, "the checkpoint is of %q: %w", s.Origin, ErrUnknownCheckpoint)
	}
	lines, err := verifiedLines(s, k.config.Keys, k.config.Now().Unix())
	if err != nil {
		return 0, &refusal{status: http.StatusForbidden, err: err}
	}
	err = k.config.Accept(ctx, s.Checkpoint, lines)
	if errors.Is(err, ErrUnknownCheckpoint) {
		return 0, &refusal{status: http.StatusNotFound, err: ErrUnknownCheckpoint}
	}
	return len(lines), err
}

// Folder takes what pulling witnesses have left in a folder, see [PullConfig.Post], and returns how many lines were handed on. A file that is not accepted is left out, and an error at the end says
// so. Only files of known witnesses are looked at.
func (k *Collector) Folder(ctx context.Context, dir string) (int, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return 0, fmt.Errorf("collecting cosignatures: %w", err)
	}
	defer root.Close()
	var total int
	var all error
	seen := map[string]bool{}
	for _, key := range k.config.Keys {
		name := cosignatureFile(key.Name())
		if seen[name] {
			continue
		}
		seen[name] = true
		note, err := readIn(root, name, maxBody)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		var n int
		if err == nil {
			n, err = k.Collect(ctx, note)
		}
		if err != nil {
			all = errors.Join(all, fmt.Errorf("file of witness %q: %w", key.Name(), err))
		}
		total += n
	}
	return total, all
}
