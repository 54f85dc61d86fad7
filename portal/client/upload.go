package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// maxPart is the most that one request carries, in bytes.
const maxPart = 8 << 20

// Upload is a file to be uploaded.
type Upload struct {
	Name string // for people; the server does not take it for a path
	Size int64  // bytes, at least 1
	Data io.ReaderAt
	ID   string // of an upload that was begun before; empty begins one
	// Begun is told the id of an upload as soon as there is one, before any bytes go; may be nil.
	Begun func(id string)
	// Sent is told how many bytes have gone; less than before, if some did not arrive. It may be nil, and is called by several goroutines.
	Sent func(bytes int64)
}

// transfer is an upload under way.
type transfer struct {
	client *Client
	Upload
	offset int64
	most   int64 // the highest offset that there was
	known  bool  // whether the server has said what it has
	lost   int   // uploads that the server did not know any more
}

// mostLost is how often an upload is begun anew because the server has forgotten it.
const mostLost = 2

// Upload uploads a file by the tus protocol 1.0.0, from where the server has it, and returns the id of the finished upload. After an error the
// same call with the id that Begun was told goes on.
func (c *Client) Upload(ctx context.Context, u Upload) (id string, err error) {
	if u.Begun == nil {
		u.Begun = func(string) {}
	}
	if u.Sent == nil {
		u.Sent = func(int64) {}
	}
	t := &transfer{client: c, Upload: u}
	p := patience{client: c}
	for {
		if err := ctx.Err(); err != nil {
			return "", context.Cause(ctx)
		}
		done, err := t.step(ctx)
		if done {
			return t.ID, nil
		}
		if t.offset > t.most {
			t.most = t.offset
			p.reset()
		}
		if err == nil || t.gone(err) {
			continue
		}
		var refused *Problem
		if errors.As(err, &refused) && refused.Status == http.StatusConflict && refused.After == 0 {
			refused.After = firstWait // somebody, perhaps an earlier request of ours, has moved it: ask where it is
		}
		t.known = false
		if err := p.wait(ctx, err); err != nil {
			return "", fmt.Errorf("uploading %q: %w", u.Name, err)
		}
	}
}

// errOther: what has the id is the upload of another file.
var errOther = errors.New("the upload has another size")

// gone takes note of an upload that the server does not know any more, which is begun anew.
func (t *transfer) gone(err error) bool {
	var p *Problem
	forgotten := errors.As(err, &p) && (p.Status == http.StatusNotFound || p.Status == http.StatusGone)
	if t.ID == "" || t.lost >= mostLost || !forgotten && !errors.Is(err, errOther) {
		return false
	}
	t.ID, t.offset, t.known, t.lost = "", 0, false, t.lost+1
	return true
}

// step goes one step forward: it begins the upload, asks where it is, or sends a part.
func (t *transfer) step(ctx context.Context) (done bool, err error) {
	switch {
	case t.ID == "":
		return false, t.create(ctx)
	case !t.known:
		return false, t.where(ctx)
	case t.offset == t.Size:
		t.Sent(t.offset)
		return true, nil
	}
	return false, t.part(ctx)
}

// tus returns headers that every request has.
func tus() http.Header { return http.Header{"Tus-Resumable": {"1.0.0"}} }

func (t *transfer) create(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	h := tus()
	h.Set("Upload-Length", strconv.FormatInt(t.Size, 10))
	if name := label(t.Name); name != "" {
		h.Set("Upload-Metadata", "filename "+base64.StdEncoding.EncodeToString([]byte(name)))
	}
	resp, err := t.client.send(ctx, http.MethodPost, "/uploads/", h, http.NoBody, 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	location := resp.Header.Get("Location")
	id := location[strings.LastIndex(location, "/")+1:]
	if resp.StatusCode != http.StatusCreated || !isID(id) {
		return fmt.Errorf("beginning the upload: %w: status %d, location %q", ErrAnswer, resp.StatusCode, Clean(location))
	}
	t.ID, t.offset, t.known = id, 0, true
	t.Begun(id)
	return nil
}

// label is what a name becomes in a header.
func label(name string) string {
	const most = 200
	for len(name) > most {
		name = strings.ToValidUTF8(name[:most], "")
	}
	return name
}

func (t *transfer) where(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, callWait)
	defer cancel()
	resp, err := t.client.send(ctx, http.MethodHead, "/uploads/"+t.ID, tus(), nil, 0)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	size, err := strconv.ParseInt(resp.Header.Get("Upload-Length"), 10, 64)
	if err == nil && size != t.Size {
		return errOther
	}
	offset, err2 := strconv.ParseInt(resp.Header.Get("Upload-Offset"), 10, 64)
	if err := errors.Join(err, err2); err != nil || offset < 0 || offset > t.Size {
		return fmt.Errorf("asking where the upload is: %w: offset %q of %q", ErrAnswer, Clean(resp.Header.Get("Upload-Offset")), Clean(resp.Header.Get("Upload-Length")))
	}
	t.offset, t.known = offset, true
	t.Sent(offset)
	return nil
}

func (t *transfer) part(ctx context.Context) error {
	ctx, alive, end := watch(ctx)
	defer end()
	n := min(maxPart, t.Size-t.offset)
	body := &counted{Reader: io.NewSectionReader(t.Data, t.offset, n), at: t.offset, end: t.offset + n, sent: func(at int64) { alive(); t.Sent(at) }}
	h := tus()
	h.Set("Content-Type", "application/offset+octet-stream")
	h.Set("Upload-Offset", strconv.FormatInt(t.offset, 10))
	resp, err := t.client.send(ctx, http.MethodPatch, "/uploads/"+t.ID, h, body, n)
	if err == nil {
		defer resp.Body.Close()
	}
	if broken := body.broken.Load(); broken != nil {
		return *broken
	}
	if err != nil {
		return err
	}
	offset, err := strconv.ParseInt(resp.Header.Get("Upload-Offset"), 10, 64)
	if err != nil || offset <= t.offset || offset > t.offset+n {
		return fmt.Errorf("sending from byte %d: %w: it is now at %q", t.offset, ErrAnswer, Clean(resp.Header.Get("Upload-Offset")))
	}
	t.offset = offset
	return nil
}

// ErrFile: the file cannot be read, or not so much of it as there should be.
var ErrFile = errors.New("reading the file")

// counted tells how far it was read.
type counted struct {
	io.Reader
	at, end int64
	sent    func(int64)
	broken  atomic.Pointer[error] // why it cannot be read to its end
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.Reader.Read(b)
	c.at += int64(n)
	if err == io.EOF && c.at < c.end {
		err = io.ErrUnexpectedEOF
	}
	if err != nil && err != io.EOF {
		why := fmt.Errorf("%w: %w", ErrFile, err)
		c.broken.CompareAndSwap(nil, &why)
	}
	c.sent(c.at)
	return n, err
}

// errStalled: nothing has moved for stall.
var errStalled = errors.New("the connection stands still")

// watch ends its context when alive was not called for stall.
func watch(ctx context.Context) (_ context.Context, alive, end func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	t := time.AfterFunc(stall, func() { cancel(errStalled) })
	return ctx, func() { t.Reset(stall) }, func() {
		t.Stop()
		cancel(nil)
	}
}
