package vault

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
)

// Writer takes the plain bytes of a new object. It holds a segment twice, plain and sealed, whatever the size of the object. One goroutine may use it.
type Writer struct {
	ring  *Keyring
	ctx   context.Context // io.Writer knows none; it is the caller's, for as long as the Writer lives
	party string
	id    string // 32 hex digits

	dataKey  []byte
	hash     hash.Hash
	size     int64
	segments []segment
	obsolete []segment // were replaced by others; removed when a state without them is known to be kept

	plain  []byte // not stored yet, less than segmentSize
	sealed []byte // kept to be used again
	fresh  []string
	saved  bool // a state with all of fresh was handed out
	err    error
}

var errFinished = errors.New("the object is finished")

// Create begins an object of a party. The context is used until Finish or Discard.
func (k *Keyring) Create(ctx context.Context, party string) *Writer {
	w := k.create(party)
	w.ctx = ctx
	return w
}

func (k *Keyring) create(party string) *Writer {
	return &Writer{ring: k, party: party, id: hexSalt([saltSize]byte(random(saltSize))), dataKey: random(KeySize), hash: sha256.New()}
}

// ID is the object's, known before anything is stored: a database may note it to find what a crash leaves.
func (w *Writer) ID() string { return w.id }

// Size is how many plain bytes the object has so far.
func (w *Writer) Size() int64 { return w.size }

// Write implements io.Writer. After an error the Writer is of no more use, but for Discard.
func (w *Writer) Write(p []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	w.confirm()
	n := 0
	for n < len(p) {
		m := min(len(p)-n, segmentSize-len(w.plain))
		w.room(m)
		w.plain = append(w.plain, p[n:n+m]...)
		w.hash.Write(p[n : n+m])
		w.size += int64(m)
		n += m
		if len(w.plain) == segmentSize {
			if err := w.flush(); err != nil {
				w.err = err
				return n, err
			}
		}
	}
	return n, nil
}

// room makes room for n more pending bytes, twice as much as before but never for more than a segment, as append would.
func (w *Writer) room(n int) {
	if need := len(w.plain) + n; need > cap(w.plain) {
		grown := make([]byte, len(w.plain), min(max(need, 2*cap(w.plain)), segmentSize))
		copy(grown, w.plain)
		w.plain = grown
	}
}

// flush stores what is pending as a segment.
func (w *Writer) flush() error {
	if len(w.plain) == 0 {
		return nil
	}
	if len(w.segments) == mostSegments {
		return fmt.Errorf("writing the object %s: %w: %d segments", w.id, ErrTooLarge, mostSegments)
	}
	s := segment{salt: [saltSize]byte(random(saltSize)), length: len(w.plain)}
	a, err := streamCipher(w.dataKey, s.salt[:], labelSegment)
	if err != nil {
		return err
	}
	w.sealed = sealStream(w.grown(sealedSize(len(w.plain))), w.plain, a)
	name := partName(w.id, hexSalt(s.salt))
	w.fresh = append(w.fresh, name)
	if err := w.ring.vault.store.Put(w.ctx, name, w.sealed); err != nil {
		return fmt.Errorf("writing a segment: %w", err)
	}
	w.segments = append(w.segments, s)
	w.plain = w.plain[:0]
	return nil
}

// grown is the buffer for ciphertext, empty, with room for n bytes.
func (w *Writer) grown(n int) []byte {
	if cap(w.sealed) < n {
		w.sealed = make([]byte, 0, n)
	}
	return w.sealed[:0]
}

// Finish stores what is left and the head, and says where the object is. Unless the caller keeps the reference, it should call Discard.
func (w *Writer) Finish() (Ref, Info, error) {
	if w.err != nil {
		return Ref{}, Info{}, w.err
	}
	w.confirm()
	w.err = errFinished
	if err := w.dropObsolete(); err != nil {
		return Ref{}, Info{}, err
	}
	if len(w.plain) > mostRest {
		if err := w.flush(); err != nil {
			return Ref{}, Info{}, err
		}
	}
	x := index{segments: w.segments}
	x.Size = w.size
	w.hash.Sum(x.SHA256[:0])
	salt := random(saltSize)
	address, err := w.ring.vault.Address(w.party, x.SHA256)
	if err != nil {
		return Ref{}, Info{}, err
	}
	ref := Ref{Address: address, Object: w.id + "." + hexSalt([saltSize]byte(salt))}
	if ref.Wrapped, err = w.ring.wrap(w.dataKey, ref); err != nil {
		return Ref{}, Info{}, err
	}
	head, err := sealHead(w.dataKey, salt, ref, x, w.plain)
	if err != nil {
		return Ref{}, Info{}, err
	}
	w.fresh = append(w.fresh, headName(ref))
	if err := w.ring.vault.store.Put(w.ctx, headName(ref), head); err != nil {
		return Ref{}, Info{}, fmt.Errorf("writing a head: %w", err)
	}
	w.plain, w.sealed = nil, nil
	return ref, x.Info, nil
}

// Discard removes what was stored since the Writer began, or since the last state that was kept: Write, Save and Finish take it that the
// caller has kept the state before. It must not be called when it is unknown whether the last state or the reference was kept.
func (w *Writer) Discard(ctx context.Context) error {
	w.err = errFinished
	w.plain, w.sealed = nil, nil
	var errs []error
	for _, name := range w.fresh {
		errs = append(errs, w.ring.vault.store.Delete(ctx, name))
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("discarding the object %s: %w", w.id, err)
	}
	w.fresh = nil
	return nil
}

// Put stores an object that is in memory already.
func (k *Keyring) Put(ctx context.Context, party string, plain []byte) (Ref, Info, error) {
	w := k.Create(ctx, party)
	_, err := w.Write(plain)
	if err == nil {
		var ref Ref
		var info Info
		if ref, info, err = w.Finish(); err == nil {
			return ref, info, nil
		}
	}
	// Also when the context has ended: what nobody can name should not stay.
	return Ref{}, Info{}, errors.Join(err, w.Discard(context.WithoutCancel(ctx)))
}

// Copy stores an object of at most most bytes that r gives; ErrTooLarge if it gives more.
func (k *Keyring) Copy(ctx context.Context, party string, r io.Reader, most int64) (Ref, Info, error) {
	w := k.Create(ctx, party)
	n, err := io.Copy(w, io.LimitReader(r, most))
	if err == nil && n == most {
		var one [1]byte
		if m, _ := io.ReadFull(r, one[:]); m > 0 {
			err = fmt.Errorf("%w: more than %d bytes", ErrTooLarge, most)
		}
	}
	if err == nil {
		var ref Ref
		var info Info
		if ref, info, err = w.Finish(); err == nil {
			return ref, info, nil
		}
	}
	return Ref{}, Info{}, errors.Join(fmt.Errorf("storing a stream: %w", err), w.Discard(context.WithoutCancel(ctx)))
}
