package draw

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"github.com/probat-lab/probat/outline"
	"github.com/probat-lab/probat/tree"
	"github.com/probat-lab/probat/unpack"
)

// around is how many bytes on either side of a range are looked at for secrets that reach into it.
const around = 64 << 10

// maxCounted is the size up to which lines before a range are counted, in bytes.
const maxCounted = 64 << 20

// Reasons why File returns nothing.
var (
	ErrNotFound = errors.New("the artifact holds no file of that digest")
	ErrNoDigest = errors.New("not all bytes of the file were read, so it has no digest by which it could be found")
)

// File opens an artifact again and returns a range of one file in it. It walks the artifact, as Walk does, up to where the file is found: the
// file's digest is that of the bytes that were read, so that what is shown is what was judged. A file that is not there any more is ErrNotFound.
func File(ctx context.Context, w outline.Wanted) (*outline.Range, error) {
	switch {
	case w.Content == "":
		return nil, ErrNoDigest
	case w.Offset < 0 || w.Length < 0 || w.Length > outline.MaxRange:
		return nil, fmt.Errorf("reading %q: the range of %d bytes from %d is none of at most %d bytes", w.Address, w.Length, w.Offset, outline.MaxRange)
	case w.Length == 0:
		w.Length = outline.MaxRange
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	f := &finder{want: &w, path: pathOf(w.Address), found: cancel}
	if err := f.artifact(ctx); err != nil {
		return nil, fmt.Errorf("reading %q: %w", w.Address, err)
	}
	if f.got == nil && f.err == nil {
		_, err := unpack.Walk(ctx, []unpack.Artifact{{ID: w.ID, Path: w.File}}, unpack.Config{
			Budget:  unpack.Budget{Bytes: w.Limits.Bytes, Entries: w.Limits.Entries, Depth: int(w.Limits.Depth)},
			Workers: w.Workers, TempDir: w.TempDir, Visitor: f, Formats: f.formats(),
		})
		if err != nil && !f.done() {
			return nil, fmt.Errorf("reading %q: %w", w.Address, err)
		}
	}
	switch {
	case f.err != nil:
		return nil, fmt.Errorf("reading %q: %w", w.Address, f.err)
	case f.got == nil:
		return nil, fmt.Errorf("reading %q: %w", w.Address, ErrNotFound)
	}
	return f.got, nil
}

// pathOf returns the path in the innermost container, as a Visitor is told it.
func pathOf(address string) string {
	if i := strings.LastIndex(address, "!/"); i >= 0 {
		return address[i+1:]
	}
	return "/" + address
}

// finder is a Visitor that waits for one digest.
type finder struct {
	want  *outline.Wanted
	path  string
	found func() // ends the walk

	mu  sync.Mutex // guards what follows
	got *outline.Range
	err error
}

func (f *finder) done() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.got != nil || f.err != nil
}

// Wants asks for large files that may be the one.
func (f *finder) Wants(path string, _ []byte, size int64) bool {
	return path == f.path || size >= 0 && size == f.want.Size
}

// Visit takes the file if it is the one.
func (f *finder) Visit(_ context.Context, _ string, digest [32]byte, _ string, c tree.Content) {
	if hex.EncodeToString(digest[:]) == f.want.Content {
		f.take(c, c.Size())
	}
}

func (f *finder) take(r io.ReaderAt, size int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.got == nil && f.err == nil {
		f.got, f.err = cut(f.want, r, size)
		f.found()
	}
}

// formats returns all formats, of which that of a wanted container is asked first whether it is the one.
func (f *finder) formats() []unpack.Format {
	list := unpack.Formats()
	for i := range list {
		format := &list[i]
		if format.Name != f.want.Format || format.Decode != nil {
			continue
		}
		confirm := format.Confirm
		format.Confirm = func(ctx context.Context, r io.ReaderAt, size int64) bool {
			if size == f.want.Size && f.is(ctx, r, size) {
				f.take(r, size)
				return false
			}
			return confirm == nil || confirm(ctx, r, size)
		}
	}
	return list
}

// is tells whether bytes have the wanted digest.
func (f *finder) is(ctx context.Context, r io.ReaderAt, size int64) bool {
	h := sha256.New()
	_, err := io.CopyBuffer(h, &stoppable{ctx, io.NewSectionReader(r, 0, size)}, make([]byte, 256<<10))
	return err == nil && hex.EncodeToString(h.Sum(nil)) == f.want.Content
}

// stoppable is a reader that ends with its context.
type stoppable struct {
	ctx context.Context // of one copy
	r   io.Reader
}

func (s *stoppable) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.r.Read(p)
}

// artifact takes the artifact itself where that is the file.
func (f *finder) artifact(ctx context.Context) error {
	if f.want.Address != tree.EscapeName(f.want.ID) {
		return nil
	}
	at, err := os.Open(f.want.File)
	if err != nil {
		return err
	}
	defer at.Close()
	st, err := at.Stat()
	if err != nil {
		return err
	}
	if st.Mode().IsRegular() && f.is(ctx, at, st.Size()) {
		f.take(at, st.Size())
		return nil
	}
	return ctx.Err()
}

// cut reads the range, and enough around it to know what is secret.
func cut(w *outline.Wanted, r io.ReaderAt, size int64) (*outline.Range, error) {
	out := &outline.Range{Content: w.Content, Offset: min(w.Offset, size), Size: size, Data: []byte{}}
	end := min(out.Offset+w.Length, size)
	first := max(0, out.Offset-around)
	window := make([]byte, min(end+around, size)-first)
	if n, err := r.ReadAt(window, first); n < len(window) {
		return nil, fmt.Errorf("reading %d bytes from %d: %w", len(window), first, err)
	}
	var err error
	if out.Line, err = lineAt(r, out.Offset, size); err != nil {
		return nil, err
	}
	out.Data = window[out.Offset-first : end-first]
	if w.Unmask {
		return out, nil
	}
	for _, s := range secrets(pathOf(w.Address), window, first, size) {
		from, to := max(s.Offset, out.Offset), min(s.Offset+s.Length, end)
		if from >= to {
			continue
		}
		for i := from; i < to; i++ {
			out.Data[i-out.Offset] = '*'
		}
		if len(out.Masked) < 10_000 {
			out.Masked = append(out.Masked, outline.Span{Length: to - from, Offset: from, Why: s.Why})
		}
	}
	return out, nil
}

// lineAt returns the number of the line in which a byte stands.
func lineAt(r io.ReaderAt, offset, size int64) (int64, error) {
	if size > maxCounted {
		return 0, nil
	}
	line := int64(1)
	buf := make([]byte, 64<<10)
	for at := int64(0); at < offset; {
		n, err := r.ReadAt(buf[:min(int64(len(buf)), offset-at)], at)
		if n == 0 {
			return 0, fmt.Errorf("counting lines: %w", err)
		}
		line += int64(strings.Count(string(buf[:n]), "\n"))
		at += int64(n)
	}
	return line, nil
}
