package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"path/filepath"
	"strings"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/ledger/witness"
)

// maxPublic bounds an object of the public log that is served, in bytes: a full bundle of entries.
const maxPublic = 32 << 20

// Handler serves the public log: GET of checkpoint, tile/… and status/…, and POST /cosignatures for witnesses that pull, whose lines wait in
// the lab's folder until it is opened with its keys. It never serves a tile beyond the published checkpoint, since none is in the store.
func (l *Lab) Handler() (http.Handler, error) {
	mux := http.NewServeMux()
	for _, pattern := range []string{"GET /checkpoint", "GET /tile/", "GET /status/"} {
		mux.HandleFunc(pattern, l.servePublic)
	}
	if keys := l.witnessKeys(); len(keys) > 0 {
		c, err := witness.NewCollector(witness.CollectorConfig{Origin: l.Config.Origin, Keys: keys, Now: l.now, Accept: witness.Inbox(l.Dir, l.known)})
		if err != nil {
			return nil, err
		}
		mux.Handle("POST /cosignatures", c)
	}
	return mux, nil
}

func (l *Lab) servePublic(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(r.URL.Path, "/")
	data, err := l.Log.Get(r.Context(), name, maxPublic)
	switch {
	case errors.Is(err, blob.ErrNotExist) || errors.Is(err, blob.ErrName):
		http.NotFound(w, r)
		return
	case err != nil:
		http.Error(w, "the object cannot be read", http.StatusInternalServerError)
		return
	}
	h := w.Header()
	switch {
	case strings.HasPrefix(name, "tile/"):
		// A partial tile's content never changes either; that it may be deleted once the full one is there is for the log to decide.
		h.Set("Content-Type", "application/octet-stream")
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		if strings.Contains(name, ".p/") {
			h.Set("Cache-Control", "public, max-age=3600")
		}
	case name == "checkpoint":
		h.Set("Content-Type", "text/plain; charset=utf-8")
		h.Set("Cache-Control", "no-cache")
	default:
		h.Set("Content-Type", "application/json")
		h.Set("Cache-Control", "no-cache")
	}
	_, _ = w.Write(data)
}

func (l *Lab) witnessKeys() (keys []proof.WitnessKey) {
	for _, w := range l.Trust.Policy.Witnesses() {
		keys = append(keys, w.Key)
	}
	return keys
}

// known refuses a checkpoint that the ledger does not keep.
func (l *Lab) known(ctx context.Context, c proof.Checkpoint) error {
	kept, err := l.Ledger.CheckpointAt(ctx, c.Size)
	if err != nil || kept.Root != c.Root {
		return witness.ErrUnknownCheckpoint
	}
	return nil
}

// Collect adds the cosignatures that witnesses have left: in the lab's folder, where Handler puts them, or in that of its log. It returns how
// many were new.
func (l *Lab) Collect(ctx context.Context) (added int, err error) {
	keys := l.witnessKeys()
	if len(keys) == 0 {
		return 0, nil
	}
	c, err := witness.NewCollector(witness.CollectorConfig{
		Origin: l.Config.Origin, Keys: keys, Now: l.now,
		Accept: func(ctx context.Context, c proof.Checkpoint, lines []proof.SignatureLine) error {
			n, err := l.Ledger.AddCosignatures(ctx, c, lines...)
			added += n
			return err
		},
	})
	if err != nil {
		return 0, err
	}
	folders := []string{l.Dir}
	if log := below(l.Dir, l.Config.Log); !strings.Contains(log, "://") && filepath.Clean(log) != filepath.Clean(l.Dir) {
		folders = append(folders, log)
	}
	var errs []error
	for _, dir := range folders {
		if _, err := c.Folder(ctx, dir); err != nil {
			errs = append(errs, fmt.Errorf("cosignatures in %q: %w", dir, err))
		}
	}
	return added, errors.Join(errs...)
}
