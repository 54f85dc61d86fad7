package vault

import (
	"context"
	"crypto/sha256"
	"encoding"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
)

// An upload is an object that is written in several goes, with the end of the process between them. What is known of it is a state, sealed
// under the storage key for one upload of one party, which the caller keeps. Before it is sealed, a state is
//
//	0     1   version, 1
//	1    16   the object's ID
//	17   32   its data key
//	49    8   how many plain bytes were stored
//	57    4   H, the length of the next field
//	61    H   SHA-256 after these bytes, as crypto/sha256 marshals it
//	61+H  …   the segments, then the obsolete segments, each list as in the index, from its count on
//
// A state is good for any number of attempts: what an attempt stores has new names and new keys.

// mostHash is more than crypto/sha256 needs for its state, in bytes.
const mostHash = 1 << 10

// Begin returns the state of an upload of which nothing is there yet. It stores nothing.
func (v *Vault) Begin(party, uploadID string) ([]byte, error) {
	return v.Upload(uploadID).create(party).seal()
}

// Append goes on with an upload. The context is used until Finish or Discard. ErrKey: the state is another upload's, or was changed.
func (v *Vault) Append(ctx context.Context, party, uploadID string, state []byte) (*Writer, error) {
	w := v.Upload(uploadID).Create(ctx, party)
	plain, err := unwrapAny(v.state, state, bind(labelState, uploadID, party))
	if err == nil {
		err = w.parse(plain)
	}
	if err != nil {
		return nil, fmt.Errorf("resuming the upload %q: %w", uploadID, err)
	}
	return w, nil
}

// Forget removes what was stored of an upload that will not be finished. The state must not be used by anybody any more.
func (v *Vault) Forget(ctx context.Context, party, uploadID string, state []byte) error {
	w, err := v.Append(ctx, party, uploadID, state)
	if err != nil {
		return err
	}
	return v.DeleteParts(ctx, w.id)
}

// Save stores all that was written and returns the state after it, Size bytes being safe then. The caller keeps it by compare-and-set, and goes
// on writing only if that succeeded; if another was first, it calls Discard.
//
// Small goes do not make many segments: one that is at most twice as large as what is pending is stored again together with it.
func (w *Writer) Save() ([]byte, error) {
	if w.err != nil {
		return nil, w.err
	}
	w.confirm()
	state, err := w.save()
	if err != nil {
		w.err = err
		return nil, err
	}
	w.saved = true
	return state, nil
}

func (w *Writer) save() ([]byte, error) {
	if err := w.dropObsolete(); err != nil {
		return nil, err
	}
	for len(w.segments) > 0 && len(w.plain) > 0 {
		last := w.segments[len(w.segments)-1]
		if last.length > 2*len(w.plain) || last.length+len(w.plain) > segmentSize {
			break
		}
		before, err := w.ring.vault.readSegment(w.ctx, w.dataKey, w.id, last)
		if err != nil {
			return nil, err
		}
		w.plain = append(before, w.plain...)
		w.segments = w.segments[:len(w.segments)-1]
		w.obsolete = append(w.obsolete, last)
	}
	if err := w.flush(); err != nil {
		return nil, err
	}
	return w.seal()
}

// dropObsolete removes segments that were replaced. The state that names them as obsolete was kept, so nothing leads to them.
func (w *Writer) dropObsolete() error {
	for _, s := range w.obsolete {
		if err := w.ring.vault.store.Delete(w.ctx, partName(w.id, hexSalt(s.salt))); err != nil {
			return fmt.Errorf("removing a segment that was replaced: %w", err)
		}
	}
	w.obsolete = nil
	return nil
}

// confirm is called by what the caller does only after it has kept the last state.
func (w *Writer) confirm() {
	if w.saved {
		w.saved, w.fresh = false, nil
	}
}

// seal returns the state; nothing is pending.
func (w *Writer) seal() ([]byte, error) {
	m, ok := w.hash.(encoding.BinaryMarshaler)
	if !ok {
		return nil, errors.New("sealing a state: this SHA-256 cannot be interrupted")
	}
	sum, err := m.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("sealing a state: %w", err)
	}
	id, err := hex.DecodeString(w.id)
	if err != nil {
		return nil, fmt.Errorf("sealing a state: %w", err)
	}
	b := append([]byte{version}, id...)
	b = append(b, w.dataKey...)
	b = binary.BigEndian.AppendUint64(b, uint64(w.size))
	b = binary.BigEndian.AppendUint32(b, uint32(len(sum)))
	b = append(b, sum...)
	b = appendSegments(appendSegments(b, w.segments), w.obsolete)
	state, err := wrap(w.ring.vault.state, b, bind(labelState, w.ring.id, w.party))
	if err != nil {
		return nil, fmt.Errorf("sealing a state: %w", err)
	}
	return state, nil
}

var errState = errors.New("the state makes no sense")

// parse takes over a state.
func (w *Writer) parse(b []byte) (err error) {
	const start = 1 + saltSize + KeySize + 8 + 4
	if len(b) < start || b[0] != version {
		return errState
	}
	w.id = hexSalt([saltSize]byte(b[1:]))
	w.dataKey = append([]byte(nil), b[1+saltSize:1+saltSize+KeySize]...)
	size := binary.BigEndian.Uint64(b[start-12:])
	n := binary.BigEndian.Uint32(b[start-4:])
	b = b[start:]
	if size > mostSegments*segmentSize || n > mostHash || int(n) > len(b) {
		return errState
	}
	w.size = int64(size)
	if w.hash, err = resumeHash(b[:n]); err != nil {
		return err
	}
	if w.segments, b, err = cutSegments(b[n:]); err != nil {
		return errState
	}
	if w.obsolete, b, err = cutSegments(b); err != nil || len(b) > 0 {
		return errState
	}
	if x := (index{Info: Info{Size: w.size}, segments: w.segments}); x.rest() != 0 {
		return errState
	}
	return nil
}

func resumeHash(b []byte) (hash.Hash, error) {
	h := sha256.New()
	u, ok := h.(encoding.BinaryUnmarshaler)
	if !ok {
		return nil, errors.New("this SHA-256 cannot be resumed")
	}
	if err := u.UnmarshalBinary(b); err != nil {
		return nil, errState
	}
	return h, nil
}
