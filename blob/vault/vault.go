// Package vault keeps sealed objects in a blob.Store: artifacts, evidence, attachments, and uploads that are still under way.
//
// It knows keys and bytes; who may see what, and which object belongs to which release, is the database's business. What the store holds is
// ciphertext under random names, so whoever reads it learns sizes and times only, and whoever writes to it can destroy but not forge. It
// holds no digest of plain bytes but an HMAC, and no key: those are in the rows of the database, wrapped. When a row is forgotten its object
// is unreadable, also for the lab.
//
// # Keys
//
//	storage key     32 random bytes, kept by the caller. Only HKDF-SHA-256 (no salt) uses it; the info is a label of this package
//	  release key   32 random bytes for each release, wrapped under HKDF(storage key, "probat vault v1 release")
//	    data key    32 random bytes for each object, wrapped under its release's key
//	  upload key    HKDF(storage key, "probat vault v1 upload"): wraps the data keys of uploads that no release has claimed
//	  state key     HKDF(storage key, "probat vault v1 state"): seals how far an upload is
//	  address key   HKDF(storage key, bind("probat vault v1 address", party)), one for each party
//
// bind(a, b, …) is each string after its length in four bytes, big-endian like every number here. A wrapped key has 61 bytes: the version, 1;
// a random nonce of 12; the key under AES-256-GCM, 32 and 16. The associated data is bind("probat vault v1 release", release) for a release
// key and bind("probat vault v1 data", release or upload, address, object) for a data key, so no wrap can be moved to another row.
//
// # Streams
//
// Plain bytes are sealed in chunks of 64 KiB by AES-256-GCM, after STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015): the nonce is the number
// of the chunk in 11 bytes, then 1 for the last chunk of the stream and 0 for others. So one chunk can be read without the others, and none
// can be cut off, moved or repeated. A stream of no bytes has no chunks. Each stream has a key of its own, HKDF(data key, salt, label), with a
// random salt of 16 bytes: an upload that is resumed after a crash seals other bytes under other keys, never under the same nonce.
//
// # Objects
//
// The plain bytes are cut into segments of at most 8 MiB, each stored under
//
//	vault/part/II/ID.SALT
//
// ID being 16 random bytes of the object, II its first, SALT the salt of the stream, all in lower-case hex; its bytes are the stream under the
// label "probat vault v1 segment". What is left at the end, if it is at most 1 MiB, is in the head, so that a small object is one object of
// the store. The head is
//
//	vault/head/AA/ADDRESS.ID.SALT
//
// ADDRESS being HMAC-SHA-256(address key, SHA-256 of the plain bytes), AA its first byte. Its bytes:
//
//	0      1   version, 1
//	1      4   L, the length of the sealed index
//	5      L   the index under AES-256-GCM; key HKDF(data key, SALT, "probat vault v1 index"), nonce 12 zero bytes,
//	           associated data bind("probat vault v1 index", ADDRESS, ID.SALT)
//	5+L    …   the rest of the plain bytes, a stream under the label "probat vault v1 rest"
//
// and the index is, before it is sealed:
//
//	0      8   S, the number of plain bytes
//	8     32   their SHA-256
//	40     4   N, the number of segments, at most 65,536
//	44   20N   for each segment, in order: its salt (16), its number of plain bytes (4; 1 to 8 MiB)
//
// The head has S less the sum of the segments' lengths, 0 to 1 MiB.
//
// Equal bytes of one party have equal addresses; whether to keep one of two is for the caller to decide, who alone knows the keys: Adopt gives
// a second release the key of the first one's object. Equal bytes of two parties have unrelated names.
package vault

import (
	"context"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/probat-lab/probat/blob"
)

// KeySize is the size of every key, in bytes.
const KeySize = 32

// Errors that can be asked for with errors.Is. A head that is not there is blob.ErrNotExist.
var (
	// ErrKey: a wrapped key or a state was sealed by another vault, for another release, object or upload, or was changed.
	ErrKey = errors.New("the key does not open this")
	// ErrCorrupt: the bytes in the store are not those that were written.
	ErrCorrupt = errors.New("the stored bytes were changed")
	// ErrTooLarge: more plain bytes than allowed.
	ErrTooLarge = errors.New("the object is larger than allowed")
)

// Vault seals objects into a store. It may be used by several goroutines at once.
type Vault struct {
	store   blob.Store
	storage []byte
	release []byte // wraps release keys
	upload  []byte // wraps data keys of uploads
	state   []byte // seals states
}

// New returns the vault over a store. The storage key has KeySize random bytes; it signs nothing and is kept by the caller.
func New(store blob.Store, storageKey []byte) (*Vault, error) {
	if len(storageKey) != KeySize {
		return nil, fmt.Errorf("opening a vault: the storage key has %d bytes, not %d", len(storageKey), KeySize)
	}
	v := &Vault{store: store, storage: append([]byte(nil), storageKey...)}
	for key, label := range map[*[]byte]string{&v.release: labelRelease, &v.upload: labelUpload, &v.state: labelState} {
		var err error
		if *key, err = derive(v.storage, nil, label); err != nil {
			return nil, fmt.Errorf("opening a vault: %w", err)
		}
	}
	return v, nil
}

// Ref is what a row keeps of an object. It tells nothing about the plain bytes, their digest least of all; without Wrapped they are lost.
type Ref struct {
	Address string // 64 hex digits: equal for equal bytes of one party
	Object  string // 32 hex digits, a dot, 32 hex digits: one for each object ever written
	Wrapped []byte // the data key, 61 bytes
}

// Info is what is known of the plain bytes. It may be kept only where the bytes themselves could be.
type Info struct {
	Size   int64
	SHA256 [sha256.Size]byte
}

// Address is where bytes of a party with this SHA-256 are: the key under which a database finds that it has them already.
func (v *Vault) Address(party string, sum [sha256.Size]byte) (string, error) {
	key, err := derive(v.storage, nil, string(bind(labelAddress, party)))
	if err != nil {
		return "", err
	}
	mac := hmac.New(sha256.New, key)
	mac.Write(sum[:])
	return hex.EncodeToString(mac.Sum(nil)), nil
}

// Delete removes an object, by Address and Object only; that it is gone is no error. After an error it must be called again: the object is
// then unreadable, but parts of it may still be there.
func (v *Vault) Delete(ctx context.Context, ref Ref) error {
	id, err := checkRef(ref)
	if err != nil {
		return fmt.Errorf("deleting an object: %w", err)
	}
	if err := v.store.Delete(ctx, headName(ref)); err != nil {
		return fmt.Errorf("deleting the object %s: %w", ref.Object, err)
	}
	return v.DeleteParts(ctx, id)
}

// DeleteParts removes all segments of the object with this ID, which is the part of Ref.Object before the dot.
func (v *Vault) DeleteParts(ctx context.Context, id string) error {
	if !isHex(id, 2*saltSize) {
		return fmt.Errorf("deleting the parts of an object: %q is no ID of one", id)
	}
	for name, err := range v.store.List(ctx, partName(id, "")) {
		if err == nil {
			err = v.store.Delete(ctx, name)
		}
		if err != nil {
			return fmt.Errorf("deleting the parts of the object %s: %w", id, err)
		}
	}
	return nil
}

// Heads yields Address and Object of all objects in the store, whoever's they are, for comparison with the rows: what no row names and nobody
// is writing was left by a crash.
func (v *Vault) Heads(ctx context.Context) iter.Seq2[Ref, error] {
	return func(yield func(Ref, error) bool) {
		for name, err := range v.store.List(ctx, headFolder) {
			if err != nil {
				yield(Ref{}, fmt.Errorf("listing objects: %w", err))
				return
			}
			_, file, _ := strings.Cut(strings.TrimPrefix(name, headFolder), "/")
			address, object, _ := strings.Cut(file, ".")
			ref := Ref{Address: address, Object: object}
			if _, err := checkRef(ref); err == nil && !yield(ref, nil) {
				return
			}
		}
	}
}

// Parts yields, once each, the IDs of all objects of which there are segments, also of those without a head.
func (v *Vault) Parts(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		before := ""
		for name, err := range v.store.List(ctx, partFolder) {
			if err != nil {
				yield("", fmt.Errorf("listing parts of objects: %w", err))
				return
			}
			_, file, _ := strings.Cut(strings.TrimPrefix(name, partFolder), "/")
			id, _, _ := strings.Cut(file, ".")
			if id == before || !isHex(id, 2*saltSize) {
				continue
			}
			if before = id; !yield(id, nil) {
				return
			}
		}
	}
}

// The labels keep what is derived or sealed for one purpose from being taken for another.
const (
	labelRelease = "probat vault v1 release"
	labelUpload  = "probat vault v1 upload"
	labelState   = "probat vault v1 state"
	labelAddress = "probat vault v1 address"
	labelData    = "probat vault v1 data"
	labelSegment = "probat vault v1 segment"
	labelIndex   = "probat vault v1 index"
	labelRest    = "probat vault v1 rest"
)

func derive(key, salt []byte, info string) ([]byte, error) {
	derived, err := hkdf.Key(sha256.New, key, salt, info, KeySize)
	if err != nil {
		return nil, fmt.Errorf("deriving a key: %w", err)
	}
	return derived, nil
}

// random returns n random bytes.
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails: it ends the program instead
	return b
}
