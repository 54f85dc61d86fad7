package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/tus/tusd/v2/pkg/handler"
	"golang.org/x/exp/slog"

	"github.com/probat-lab/probat/blob/vault"
)

// Config is what a Handler needs. All fields but Now and Failed are compulsory.
type Config struct {
	Base    string // where it is mounted: "/uploads/"
	Vault   *vault.Vault
	Uploads Uploads

	Most   int64         // bytes of one upload
	Quota  Quota         // of a party
	Idle   time.Duration // after which an upload expires to which nothing was added
	Silent time.Duration // how long a client may send nothing before the connection is closed
	// Longest is how long one request may take. What has come until then is kept, so an honest client goes on with the next request; a
	// dishonest one cannot hold a connection for ever by a byte now and then.
	Longest time.Duration

	Now    func() time.Time                     // the clock for expiry; time.Now if nil
	Failed func(ctx context.Context, err error) // told what clients are not: why a request could not be served; may be nil
}

// Handler serves uploads below its base.
type Handler struct {
	config Config
	tus    http.Handler
	locks  *locks
}

const (
	// mostMetadata bounds the header with the file's name, in bytes: base64 of the longest names that file systems have, and some more.
	mostMetadata = 4 << 10
	// grace is how long the vault and the database may still work after a connection broke, to keep what has come.
	grace = 10 * time.Second
	// patience is how long a request waits for another one that writes to the same upload to end.
	patience = 20 * time.Second
	// extensions are those of tus that we have.
	extensions = "creation,creation-with-upload,termination,expiration"
)

// New returns a handler.
func New(c Config) (*Handler, error) {
	if !strings.HasPrefix(c.Base, "/") || !strings.HasSuffix(c.Base, "/") {
		return nil, fmt.Errorf("serving uploads: the base %q does not begin and end with a slash", c.Base)
	}
	if c.Vault == nil || c.Uploads == nil || c.Most <= 0 || c.Idle <= 0 || c.Silent <= 0 || c.Longest <= 0 || c.Quota.Uploads <= 0 || c.Quota.Bytes <= 0 {
		return nil, errors.New("serving uploads: the configuration is not complete")
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.Failed == nil {
		c.Failed = func(context.Context, error) {}
	}
	h := &Handler{config: c, locks: &locks{held: map[string]*held{}}}
	composer := handler.NewStoreComposer()
	composer.UseCore(rows{h})
	composer.UseTerminater(rows{h})
	composer.UseLocker(h.locks)
	tus, err := handler.NewHandler(handler.Config{
		StoreComposer:                    composer,
		MaxSize:                          c.Most,
		BasePath:                         c.Base,
		DisableDownload:                  true,
		DisableConcatenation:             true,
		Cors:                             &handler.CorsConfig{Disable: true},
		Logger:                           slog.New(silence{}),
		GracefulRequestCompletionTimeout: grace,
		AcquireLockTimeout:               patience,
		NetworkTimeout:                   c.Silent,
	})
	if err != nil {
		return nil, fmt.Errorf("serving uploads: %w", err)
	}
	h.tus = http.StripPrefix(strings.TrimSuffix(c.Base, "/"), tus)
	return h, nil
}

// ServeHTTP implements http.Handler. What is nobody's business is refused before tus sees it: it would take the lock of an upload, and so
// interrupt whoever writes to it, before it asks whose the upload is.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	// The server reads what is left of the body of a request that is refused, for as long as the client likes.
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(h.config.Silent))
	who, ok := owner(r.Context())
	if !ok {
		refuse(w, http.StatusUnauthorized, "nobody is signed in")
		return
	}
	id, ok := strings.CutPrefix(r.URL.Path, h.config.Base)
	if !ok || id != "" && !validID(id) {
		refuse(w, http.StatusNotFound, "there is no such upload")
		return
	}
	allowed := "POST, OPTIONS"
	if id != "" {
		allowed = "HEAD, PATCH, DELETE, OPTIONS"
	}
	if !strings.Contains(", "+allowed+",", ", "+r.Method+",") {
		w.Header().Set("Allow", allowed)
		refuse(w, http.StatusMethodNotAllowed, "this method is not for here")
		return
	}
	if len(r.Header.Get("Upload-Metadata")) > mostMetadata {
		refuse(w, http.StatusRequestHeaderFieldsTooLarge, "the metadata is too long")
		return
	}
	if r.Header.Get("Upload-Concat") != "" {
		refuse(w, http.StatusNotImplemented, "uploads are not joined here")
		return
	}
	if id != "" && r.Method != http.MethodOptions {
		if _, err := h.get(r.Context(), who.Party, id); errors.Is(err, ErrNotFound) {
			refuse(w, http.StatusNotFound, "there is no such upload")
			return
		} else if err != nil {
			h.config.Failed(r.Context(), err)
			refuse(w, http.StatusInternalServerError, "something went wrong here")
			return
		}
	}
	h.serve(w, r)
}

// serve passes a request on to tus.
func (h *Handler) serve(w http.ResponseWriter, r *http.Request) {
	connection := http.NewResponseController(w)
	body := &limited{ReadCloser: r.Body, end: time.Now().Add(h.config.Longest), deadline: connection.SetReadDeadline}
	seen := &answer{body: body}
	r = r.Clone(context.WithValue(r.Context(), answerKey{}, seen))
	r.Header.Del("X-HTTP-Method-Override") // the method is what was authorised and logged, and nothing else
	r.Body = body
	h.tus.ServeHTTP(&writer{ResponseWriter: w, base: h.config.Base, options: r.Method == http.MethodOptions, seen: seen}, r)
	// tus's deadline would also end what comes later on this connection, such as a long stream of events.
	_ = connection.SetWriteDeadline(time.Time{})
}

// Interrupt ends, soon, all requests that are being read; what has come is kept. For (http.Server).RegisterOnShutdown.
func (h *Handler) Interrupt() { h.locks.interrupt() }

func refuse(w http.ResponseWriter, status int, why string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Tus-Resumable", "1.0.0")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(why + "\n")) // the client has gone
}

// get returns a row that has not expired.
func (h *Handler) get(ctx context.Context, party, id string) (Upload, error) {
	u, err := h.config.Uploads.Get(ctx, party, id)
	if err == nil && (u.Owner.Party != party || u.ID != id || !h.config.Now().Before(u.Expires)) {
		err = ErrNotFound
	}
	if err != nil {
		return Upload{}, fmt.Errorf("looking for the upload %q: %w", id, err)
	}
	return u, nil
}

// Purge removes at most most uploads that have expired, and says how many it removed; it goes on after an error with the next. If the
// program ends in the middle, parts of an object may stay that no row names: vault.Parts and vault.Heads find them.
func (h *Handler) Purge(ctx context.Context, most int) (int, error) {
	expired, err := h.config.Uploads.Expired(ctx, h.config.Now(), most)
	if err != nil {
		return 0, fmt.Errorf("looking for uploads that have expired: %w", err)
	}
	n := 0
	var errs []error
	for _, u := range expired {
		if err := ctx.Err(); err != nil {
			errs = append(errs, err)
			break
		}
		removed, err := h.purge(ctx, u)
		if removed {
			n++
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("removing the upload %q, which has expired: %w", u.ID, err))
		}
	}
	return n, errors.Join(errs...)
}

func (h *Handler) purge(ctx context.Context, u Upload) (removed bool, err error) {
	lock, err := h.locks.NewLock(u.ID)
	if err != nil {
		return false, err
	}
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := lock.Lock(waiting, func() {}); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	// Somebody who was writing has perhaps gone on meanwhile, or a release has claimed it.
	u, err = h.config.Uploads.Get(ctx, u.Owner.Party, u.ID)
	if errors.Is(err, ErrNotFound) || err == nil && h.config.Now().Before(u.Expires) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if err = h.remove(ctx, u); errors.Is(err, ErrConflict) || errors.Is(err, ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// remove deletes the row first, so that nothing can name what is deleted then.
func (h *Handler) remove(ctx context.Context, u Upload) error {
	if err := h.config.Uploads.Delete(ctx, u.Owner.Party, u.ID, u.Offset); err != nil {
		return err
	}
	if u.Complete() {
		return h.config.Vault.Delete(ctx, *u.Ref)
	}
	return h.config.Vault.Forget(ctx, u.Owner.Party, u.ID, u.State)
}
