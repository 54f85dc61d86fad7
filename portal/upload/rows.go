package upload

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/tus/tusd/v2/pkg/handler"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/blob/vault"
)

const (
	// saveEvery is after how many bytes of one request a state is saved, so that a crash does not lose more. A multiple of the vault's segment.
	saveEvery = 32 << 20
	mostLabel = 200 // bytes
)

// rows is tus's view of the uploads.
type rows struct{ h *Handler }

// What clients are told. The errors of tus are answers too; what is no such error must not get there, because tus would send its text.
var (
	errInternal = handler.NewError("ERR_INTERNAL", "something went wrong here", http.StatusInternalServerError)
	errFull     = handler.NewError("ERR_FULL", "there is no space left here", http.StatusInsufficientStorage)
	errQuota    = handler.NewError("ERR_QUOTA", "your party has too many or too large uploads under way", http.StatusTooManyRequests)
	errEmpty    = handler.NewError("ERR_EMPTY", "an upload has at least one byte", http.StatusBadRequest)
)

// told turns an error into what the client is told, and tells Failed the rest.
func (h *Handler) told(ctx context.Context, err error) error {
	var known handler.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &known):
		return known
	case errors.Is(err, ErrNotFound):
		return handler.ErrNotFound
	case errors.Is(err, ErrConflict):
		return handler.ErrMismatchOffset
	case errors.Is(err, ErrQuota):
		return errQuota
	}
	h.config.Failed(ctx, err)
	if errors.Is(err, blob.ErrFull) {
		return errFull
	}
	return errInternal
}

// NewUpload implements handler.DataStore.
func (s rows) NewUpload(ctx context.Context, info handler.FileInfo) (handler.Upload, error) {
	who, ok := owner(ctx)
	if !ok {
		return nil, handler.ErrNotFound
	}
	if info.Size < 1 {
		return nil, errEmpty
	}
	u := Upload{
		ID: strings.ToLower(rand.Text()), Owner: who, Size: info.Size, Label: label(info.MetaData), Expires: s.h.config.Now().Add(s.h.config.Idle).UTC(),
	}
	var err error
	if u.State, err = s.h.config.Vault.Begin(who.Party, u.ID); err != nil {
		return nil, s.h.told(ctx, err)
	}
	if err := s.h.config.Uploads.Create(ctx, u, s.h.config.Quota); err != nil {
		return nil, s.h.told(ctx, fmt.Errorf("creating an upload: %w", err))
	}
	answerOf(ctx).expires = u.Expires
	return &row{s.h, u}, nil
}

// GetUpload implements handler.DataStore.
func (s rows) GetUpload(ctx context.Context, id string) (handler.Upload, error) {
	who, ok := owner(ctx)
	if !ok || !validID(id) {
		return nil, handler.ErrNotFound
	}
	u, err := s.h.get(ctx, who.Party, id)
	if err != nil {
		return nil, s.h.told(ctx, err)
	}
	answerOf(ctx).expires = u.Expires
	return &row{s.h, u}, nil
}

// AsTerminatableUpload implements handler.TerminaterDataStore.
func (s rows) AsTerminatableUpload(u handler.Upload) handler.TerminatableUpload {
	if r, ok := u.(*row); ok {
		return r
	}
	return foreign{}
}

// foreign is an upload that did not come from rows.
type foreign struct{}

// Terminate implements handler.TerminatableUpload.
func (foreign) Terminate(context.Context) error { return handler.ErrNotFound }

// row is one upload, as it was when the request took its lock.
type row struct {
	h *Handler
	u Upload
}

// GetInfo implements handler.Upload.
func (r *row) GetInfo(context.Context) (handler.FileInfo, error) {
	info := handler.FileInfo{ID: r.u.ID, Size: r.u.Size, Offset: r.u.Offset}
	if r.u.Label != "" {
		info.MetaData = handler.MetaData{"filename": r.u.Label}
	}
	return info, nil
}

// GetReader implements handler.Upload. Uploads are not given back.
func (r *row) GetReader(context.Context) (io.ReadCloser, error) {
	return nil, handler.ErrNotFound
}

// FinishUpload implements handler.Upload. There is nothing left to do: the last bytes and what makes the upload complete are one Save, else a
// crash between them would leave an upload that has all its bytes and never becomes complete.
func (r *row) FinishUpload(ctx context.Context) error {
	if !r.u.Complete() {
		return r.h.told(ctx, fmt.Errorf("finishing the upload %q: it is not complete", r.u.ID))
	}
	return nil
}

// Terminate implements handler.TerminatableUpload.
func (r *row) Terminate(ctx context.Context) error {
	if err := r.h.remove(ctx, r.u); err != nil {
		return r.h.told(ctx, fmt.Errorf("removing the upload %q: %w", r.u.ID, err))
	}
	answerOf(ctx).expires = time.Time{}
	return nil
}

// WriteChunk implements handler.Upload. It returns how many bytes are safe, also with an error.
func (r *row) WriteChunk(ctx context.Context, offset int64, src io.Reader) (int64, error) {
	n, err := r.write(ctx, offset, src)
	if err != nil {
		err = r.h.told(ctx, fmt.Errorf("adding to the upload %q at %d: %w", r.u.ID, offset, err))
	}
	answerOf(ctx).expires = r.u.Expires
	return n, err
}

func (r *row) write(ctx context.Context, offset int64, src io.Reader) (n int64, err error) {
	if offset != r.u.Offset || r.u.Complete() {
		return 0, handler.ErrMismatchOffset
	}
	w, err := r.h.config.Vault.Append(ctx, r.u.Owner.Party, r.u.ID, r.u.State)
	if err != nil {
		return 0, err
	}
	if w.Size() != r.u.Offset {
		return 0, fmt.Errorf("the state has %d bytes, the row %d", w.Size(), r.u.Offset)
	}
	room := r.u.Size - r.u.Offset
	for {
		most := r.u.Size - r.u.Offset + 1 // one byte more than there is room for, to see that the body ends
		if most > saveEvery+1 {
			most = saveEvery
		}
		m, readErr := io.Copy(w, io.LimitReader(src, most))
		if body := answerOf(ctx).body; w.Size() > r.u.Size || body != nil && body.taken.Load() > room {
			// Bytes that nobody announced: perhaps another file. Nothing of them may make the upload complete.
			r.discard(ctx, w)
			return n, handler.ErrSizeExceeded
		}
		if m == 0 && readErr == nil {
			return n, nil
		}
		if w.Size() == r.u.Offset {
			return n, readErr
		}
		saved := w.Size() - r.u.Offset
		if err := r.save(ctx, w); err != nil {
			return n, errors.Join(readErr, err)
		}
		n += saved
		if readErr != nil || r.u.Complete() {
			return n, readErr
		}
	}
}

// save makes safe what w has taken, in the store and then in the row.
func (r *row) save(ctx context.Context, w *vault.Writer) error {
	next := r.u
	next.Offset = w.Size()
	next.Expires = r.h.config.Now().Add(r.h.config.Idle).UTC()
	var err error
	if next.Offset == next.Size {
		var ref vault.Ref
		if ref, _, err = w.Finish(); err == nil {
			next.State, next.Ref = nil, &ref
		}
	} else {
		next.State, err = w.Save()
	}
	if err != nil {
		r.discard(ctx, w)
		return err
	}
	if err := r.h.config.Uploads.Save(ctx, r.u.Offset, next); err != nil {
		// After any other error the row may be stored all the same, and need what a Discard would remove.
		if errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) {
			r.discard(ctx, w)
		}
		return err
	}
	r.u = next
	return nil
}

// discard removes what w has stored in vain. If that fails it is no business of the client's.
func (r *row) discard(ctx context.Context, w *vault.Writer) {
	if err := w.Discard(context.WithoutCancel(ctx)); err != nil {
		r.h.config.Failed(ctx, fmt.Errorf("adding to the upload %q: %w", r.u.ID, err))
	}
}

// validID says whether rand.Text could have made id, in lower case.
func validID(id string) bool {
	return len(id) == 26 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz234567") == ""
}

// label makes what a client says a file is called into something that can be shown, and is no path.
func label(meta map[string]string) string {
	name := meta["filename"]
	if name == "" {
		name = meta["name"]
	}
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsGraphic(r) {
			return -1 // also what turns the direction of writing, or joins nothing visible
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	for len(name) > mostLabel {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	if name = strings.TrimSpace(name); strings.Trim(name, ".") == "" {
		return ""
	}
	return name
}
