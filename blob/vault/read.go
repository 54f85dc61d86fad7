package vault

import (
	"context"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"strings"
	"sync"

	"github.com/probat-lab/probat/blob"
)

// Reader gives the plain bytes of an object, from any offset. Each byte is verified before it is given: ErrCorrupt instead of a changed one.
// It holds at most two segments, about 17 MiB. Its methods may be called by several goroutines at once, which then wait for each other.
type Reader struct {
	vault  *Vault
	ctx    context.Context // io.Reader and io.ReaderAt know none; it is the caller's, for as long as the Reader is used
	id     string
	key    []byte
	index  index
	starts []int64 // of each segment, and of the rest

	mu     sync.Mutex
	rest   *stream
	loaded []*stream // at most two segments, the one used last at the end

	read    int64     // Read's offset
	hash    hash.Hash // of what Read has given, as long as it was in order; nil after a Seek
	failure error
}

// stream is a sealed stream in memory, with one open chunk.
type stream struct {
	number int // of the segment
	sealed []byte
	length int
	aead   cipher.AEAD
	open   int // the chunk that plain is of, -1 at first
	plain  []byte
}

// Open opens an object: ErrKey if the reference is of another release, ErrCorrupt if its head was changed, blob.ErrNotExist if it is gone. The
// context is used for as long as the Reader is.
func (k *Keyring) Open(ctx context.Context, ref Ref) (*Reader, error) {
	r, err := k.open(ctx, ref)
	if err != nil {
		return nil, fmt.Errorf("opening the object %q of %q: %w", ref.Object, k.id, err)
	}
	return r, nil
}

func (k *Keyring) open(ctx context.Context, ref Ref) (*Reader, error) {
	id, err := checkRef(ref)
	if err != nil {
		return nil, err
	}
	key, err := k.unwrap(ref)
	if err != nil {
		return nil, err
	}
	head, err := k.vault.store.Get(ctx, headName(ref), int64(mostHead))
	if err != nil {
		return nil, changed(err)
	}
	r := &Reader{vault: k.vault, ctx: ctx, id: id, key: key, hash: sha256.New()}
	if err := r.openHead(head, ref); err != nil {
		return nil, err
	}
	return r, nil
}

// openHead verifies a head and takes it over.
func (r *Reader) openHead(head []byte, ref Ref) error {
	if len(head) < headStart || head[0] != version {
		return ErrCorrupt
	}
	length := binary.BigEndian.Uint32(head[1:])
	if uint64(length) > uint64(len(head)-headStart) {
		return ErrCorrupt
	}
	sealed, rest := head[headStart:headStart+length], head[headStart+length:]
	salt, err := refSalt(ref)
	if err != nil {
		return err
	}
	a, err := streamCipher(r.key, salt, labelIndex)
	if err != nil {
		return err
	}
	plain, err := a.Open(nil, make([]byte, a.NonceSize()), sealed, bind(labelIndex, ref.Address, ref.Object))
	if err != nil {
		return ErrCorrupt
	}
	if r.index, err = parseIndex(plain); err != nil {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	if len(rest) != sealedSize(r.index.rest()) {
		return ErrCorrupt
	}
	if a, err = streamCipher(r.key, salt, labelRest); err != nil {
		return err
	}
	r.rest = &stream{number: len(r.index.segments), sealed: rest, length: r.index.rest(), aead: a, open: -1}
	start := int64(0)
	for _, s := range r.index.segments {
		r.starts = append(r.starts, start)
		start += int64(s.length)
	}
	r.starts = append(r.starts, start)
	return nil
}

// sealHead is what openHead opens.
func sealHead(key, salt []byte, ref Ref, x index, rest []byte) ([]byte, error) {
	a, err := streamCipher(key, salt, labelIndex)
	if err != nil {
		return nil, err
	}
	sealed := a.Seal(nil, make([]byte, a.NonceSize()), x.marshal(), bind(labelIndex, ref.Address, ref.Object))
	if a, err = streamCipher(key, salt, labelRest); err != nil {
		return nil, err
	}
	head := make([]byte, 0, headStart+len(sealed)+sealedSize(len(rest)))
	head = binary.BigEndian.AppendUint32(append(head, version), uint32(len(sealed)))
	return sealStream(append(head, sealed...), rest, a), nil
}

// refSalt is the salt of a head, from its name.
func refSalt(ref Ref) ([]byte, error) {
	_, digits, _ := strings.Cut(ref.Object, ".")
	return decodeSalt(digits)
}

// Info is what the head says, under authentication, of the plain bytes.
func (r *Reader) Info() Info { return r.index.Info }

// Size is the number of plain bytes.
func (r *Reader) Size() int64 { return r.index.Size }

// ReadAt implements io.ReaderAt.
func (r *Reader) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 {
		return 0, errors.New("reading an object: the offset is negative")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.readAt(p, offset)
}

func (r *Reader) readAt(p []byte, offset int64) (n int, err error) {
	for n < len(p) {
		if offset >= r.index.Size {
			return n, io.EOF
		}
		s, start, err := r.at(offset)
		if err != nil {
			return n, fmt.Errorf("reading the object %s at %d: %w", r.id, offset, err)
		}
		m, err := s.read(p[n:], int(offset-start))
		if err != nil {
			return n, fmt.Errorf("reading the object %s at %d: %w", r.id, offset, err)
		}
		n += m
		offset += int64(m)
	}
	return n, nil
}

// at returns the stream that holds the byte at offset, which is less than the size, and where the stream starts.
func (r *Reader) at(offset int64) (*stream, int64, error) {
	low, high := 0, len(r.starts) // the last start that is not beyond offset
	for high-low > 1 {
		if middle := (low + high) / 2; r.starts[middle] <= offset {
			low = middle
		} else {
			high = middle
		}
	}
	if low == len(r.index.segments) {
		return r.rest, r.starts[low], nil
	}
	for i, s := range r.loaded {
		if s.number == low {
			r.loaded[i], r.loaded[len(r.loaded)-1] = r.loaded[len(r.loaded)-1], s
			return s, r.starts[low], nil
		}
	}
	if len(r.loaded) == 2 {
		// Before the next one is loaded, so that there are never three.
		r.loaded[0], r.loaded[1] = r.loaded[1], nil
		r.loaded = r.loaded[:1]
	}
	s, err := r.vault.loadSegment(r.ctx, r.key, r.id, r.index.segments[low])
	if err != nil {
		return nil, 0, err
	}
	s.number = low
	r.loaded = append(r.loaded, s)
	return s, r.starts[low], nil
}

// read copies from one chunk: a whole one straight into p, part of one by way of s.plain.
func (s *stream) read(p []byte, offset int) (int, error) {
	number, from := offset/chunkSize, offset%chunkSize
	if length := min(chunkSize, s.length-number*chunkSize); from == 0 && len(p) >= length && s.open != number {
		// Of a chunk that was changed nothing stays in p.
		plain, err := openChunk(p[:0:length], s.sealed, s.length, number, s.aead)
		return len(plain), err
	}
	if s.open != number {
		s.open = -1
		plain, err := openChunk(s.plain[:0], s.sealed, s.length, number, s.aead)
		if err != nil {
			return 0, err
		}
		s.plain, s.open = plain, number
	}
	return copy(p, s.plain[from:]), nil
}

// Read implements io.Reader. At the end of a reading from the beginning the digest of all is compared too.
func (r *Reader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failure != nil {
		return 0, r.failure
	}
	if len(p) == 0 {
		return 0, nil
	}
	n, err := r.readAt(p, r.read)
	r.read += int64(n)
	if r.hash != nil {
		r.hash.Write(p[:n])
	}
	if errors.Is(err, io.EOF) {
		if n > 0 {
			return n, nil
		}
		if r.hash != nil && [sha256.Size]byte(r.hash.Sum(nil)) != r.index.SHA256 {
			err = fmt.Errorf("reading the object %s: %w: the digest is another", r.id, ErrCorrupt)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		r.failure = err
	}
	return n, err
}

// Seek implements io.Seeker, for Read.
func (r *Reader) Seek(offset int64, whence int) (int64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += r.read
	case io.SeekEnd:
		offset += r.index.Size
	default:
		return 0, fmt.Errorf("seeking in an object: unknown whence %d", whence)
	}
	if offset < 0 {
		return 0, errors.New("seeking in an object: the offset is negative")
	}
	if offset != r.read {
		r.hash = nil
		if offset == 0 {
			r.hash = sha256.New()
		}
	}
	r.read = offset
	return offset, nil
}

// Get returns the whole of an object of at most most bytes: ErrTooLarge if it has more.
func (k *Keyring) Get(ctx context.Context, ref Ref, most int64) ([]byte, error) {
	r, err := k.Open(ctx, ref)
	if err != nil {
		return nil, err
	}
	if r.Size() > most {
		return nil, fmt.Errorf("reading the object %s: %w: %d bytes, at most %d", r.id, ErrTooLarge, r.Size(), most)
	}
	plain := make([]byte, r.Size())
	if _, err := r.ReadAt(plain, 0); err != nil {
		return nil, err
	}
	if sha256.Sum256(plain) != r.index.SHA256 {
		return nil, fmt.Errorf("reading the object %s: %w: the digest is another", r.id, ErrCorrupt)
	}
	return plain, nil
}

// loadSegment gets a segment, whose chunks are verified when they are read.
func (v *Vault) loadSegment(ctx context.Context, key []byte, id string, s segment) (*stream, error) {
	a, err := streamCipher(key, s.salt[:], labelSegment)
	if err != nil {
		return nil, err
	}
	size := sealedSize(s.length)
	sealed, err := v.store.Get(ctx, partName(id, hexSalt(s.salt)), int64(size))
	if errors.Is(err, blob.ErrNotExist) {
		return nil, fmt.Errorf("%w: a segment is gone: %w", ErrCorrupt, err)
	}
	if err != nil {
		return nil, changed(err)
	}
	if len(sealed) != size {
		return nil, fmt.Errorf("%w: a segment has %d bytes, not %d", ErrCorrupt, len(sealed), size)
	}
	return &stream{sealed: sealed, length: s.length, aead: a, open: -1}, nil
}

// readSegment returns the plain bytes of a segment.
func (v *Vault) readSegment(ctx context.Context, key []byte, id string, s segment) ([]byte, error) {
	loaded, err := v.loadSegment(ctx, key, id, s)
	if err != nil {
		return nil, fmt.Errorf("reading a segment of the object %s: %w", id, err)
	}
	plain, err := openStream(loaded.sealed, s.length, loaded.aead)
	if err != nil {
		return nil, fmt.Errorf("reading a segment of the object %s: %w", id, err)
	}
	return plain, nil
}

// changed: what is larger than what was written was changed.
func changed(err error) error {
	if errors.Is(err, blob.ErrTooLarge) {
		return fmt.Errorf("%w: %w", ErrCorrupt, err)
	}
	return err
}
