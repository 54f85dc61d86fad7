package upload

import (
	"context"
	"io"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/exp/slog"
)

// answer is what the rooms of this package know of one request beside tus.
type answer struct {
	expires time.Time // of the upload; zero if there is none
	body    *limited  // nil outside of requests
}

type answerKey struct{}

// answerOf is never nil.
func answerOf(ctx context.Context) *answer {
	if a, ok := ctx.Value(answerKey{}).(*answer); ok {
		return a
	}
	return &answer{}
}

// interruptOf is how to make the request of ctx read no more; nil outside of requests.
func interruptOf(ctx context.Context) func() {
	if body := answerOf(ctx).body; body != nil {
		return body.interrupt
	}
	return nil
}

// writer mends the headers of tus's answers.
type writer struct {
	http.ResponseWriter
	base    string
	options bool
	seen    *answer
}

// WriteHeader implements http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	header := w.Header()
	// The host in it is what the client said it is, and we may sit behind a proxy: the path is enough.
	if location := header.Get("Location"); location != "" {
		if i := strings.LastIndex(location, w.base); i >= 0 {
			header.Set("Location", location[i:])
		}
	}
	if w.options {
		header.Set("Tus-Extension", extensions)
	}
	if !w.seen.expires.IsZero() && status < 300 {
		header.Set("Upload-Expires", w.seen.expires.UTC().Format(http.TimeFormat))
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach the deadlines of the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// limited is a body that ends, as if by a timeout, when its time is over or when it is interrupted.
type limited struct {
	io.ReadCloser
	end         time.Time
	interrupted atomic.Bool
	taken       atomic.Int64          // bytes that came
	deadline    func(time.Time) error // of the connection, for reading
}

// Read implements io.Reader. Before each Read tus sets a new deadline for the connection, and only then interrupted is looked at: so a Read
// that does not see it is ended by the deadline that interrupt sets.
func (l *limited) Read(p []byte) (int, error) {
	if l.interrupted.Load() || !time.Now().Before(l.end) {
		l.interrupt() // also what the server would read to have the connection for the next request
		return 0, os.ErrDeadlineExceeded
	}
	n, err := l.ReadCloser.Read(p)
	l.taken.Add(int64(n))
	return n, err
}

func (l *limited) interrupt() {
	l.interrupted.Store(true)
	// Where the connection knows no deadlines, the next Read still ends.
	_ = l.deadline(time.Now())
}

// silence is a log that nobody reads: tus would write paths and names there.
type silence struct{}

// Enabled implements slog.Handler.
func (silence) Enabled(context.Context, slog.Level) bool { return false }

// Handle implements slog.Handler.
func (silence) Handle(context.Context, slog.Record) error { return nil }

// WithAttrs implements slog.Handler.
func (s silence) WithAttrs([]slog.Attr) slog.Handler { return s }

// WithGroup implements slog.Handler.
func (s silence) WithGroup(string) slog.Handler { return s }
