package vault

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"encoding/binary"
	"fmt"
)

const (
	version     = 1
	wrappedSize = 1 + 12 + KeySize + 16
)

// NewReleaseKey returns a key for a new release.
func NewReleaseKey() []byte {
	return random(KeySize)
}

// WrapRelease seals the key of a release for its row.
func (v *Vault) WrapRelease(releaseID string, key []byte) ([]byte, error) {
	if len(key) != KeySize {
		return nil, fmt.Errorf("wrapping the key of release %q: it has %d bytes, not %d", releaseID, len(key), KeySize)
	}
	wrapped, err := wrap(v.release, key, bind(labelRelease, releaseID))
	if err != nil {
		return nil, fmt.Errorf("wrapping the key of release %q: %w", releaseID, err)
	}
	return wrapped, nil
}

// UnwrapRelease opens what WrapRelease has sealed for the same release: ErrKey if it is another's.
func (v *Vault) UnwrapRelease(releaseID string, wrapped []byte) ([]byte, error) {
	key, err := unwrap(v.release, wrapped, bind(labelRelease, releaseID))
	if err != nil {
		return nil, fmt.Errorf("opening the key of release %q: %w", releaseID, err)
	}
	return key, nil
}

// Keyring is what can open the objects of one release, or of one upload. It may be used by several goroutines at once.
type Keyring struct {
	vault *Vault
	id    string
	key   []byte
}

// Release returns the keyring of a release by its wrapped key.
func (v *Vault) Release(releaseID string, wrapped []byte) (*Keyring, error) {
	key, err := v.UnwrapRelease(releaseID, wrapped)
	if err != nil {
		return nil, err
	}
	return &Keyring{vault: v, id: releaseID, key: key}, nil
}

// Upload returns the keyring of an upload, whose object no release has claimed yet. To claim it, let the release's keyring Adopt the object.
func (v *Vault) Upload(uploadID string) *Keyring {
	return &Keyring{vault: v, id: uploadID, key: v.upload}
}

// Adopt returns a reference to the object that ref is, for the release (or upload) of k; from is the keyring that ref was made for. The stored
// bytes stay as they are and then have two references: whoever deletes the object must have counted them.
func (k *Keyring) Adopt(ctx context.Context, from *Keyring, ref Ref) (Ref, error) {
	// The index is opened too: nobody shall own a reference to what is no object.
	r, err := from.Open(ctx, ref)
	if err != nil {
		return Ref{}, fmt.Errorf("adopting from %q: %w", from.id, err)
	}
	if ref.Wrapped, err = k.wrap(r.key, ref); err != nil {
		return Ref{}, err
	}
	return ref, nil
}

func (k *Keyring) wrap(dataKey []byte, ref Ref) ([]byte, error) {
	wrapped, err := wrap(k.key, dataKey, bind(labelData, k.id, ref.Address, ref.Object))
	if err != nil {
		return nil, fmt.Errorf("wrapping the key of the object %s: %w", ref.Object, err)
	}
	return wrapped, nil
}

func (k *Keyring) unwrap(ref Ref) ([]byte, error) {
	return unwrap(k.key, ref.Wrapped, bind(labelData, k.id, ref.Address, ref.Object))
}

// wrap seals anything under a random nonce: a version, the nonce, the ciphertext.
func wrap(key, plain, bound []byte) ([]byte, error) {
	a, err := randomNonceGCM(key)
	if err != nil {
		return nil, err
	}
	return a.Seal([]byte{version}, nil, plain, bound), nil
}

// unwrap opens what wrap has sealed for a key.
func unwrap(key, wrapped, bound []byte) ([]byte, error) {
	if len(wrapped) != wrappedSize {
		return nil, fmt.Errorf("%w: it has %d bytes, not %d", ErrKey, len(wrapped), wrappedSize)
	}
	return unwrapAny(key, wrapped, bound)
}

func unwrapAny(key, wrapped, bound []byte) ([]byte, error) {
	if len(wrapped) < wrappedSize-KeySize || wrapped[0] != version {
		return nil, fmt.Errorf("%w: it is cut off or of another version", ErrKey)
	}
	a, err := randomNonceGCM(key)
	if err != nil {
		return nil, err
	}
	plain, err := a.Open(nil, nil, wrapped[1:], bound)
	if err != nil {
		return nil, ErrKey
	}
	return plain, nil
}

func randomNonceGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// bind joins strings so that no other list of strings gives the same bytes.
func bind(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	return b
}
