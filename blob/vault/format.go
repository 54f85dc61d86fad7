package vault

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

const (
	saltSize    = 16
	chunkSize   = 64 << 10
	tagSize     = 16
	segmentSize = 8 << 20
	// mostRest is how much the head holds. It is little, because a reader keeps it in memory beside a segment.
	mostRest     = 1 << 20
	mostSegments = 1 << 16

	headStart    = 1 + 4
	indexStart   = 8 + sha256.Size + 4
	segmentEntry = saltSize + 4

	partFolder = "vault/part/"
	headFolder = "vault/head/"
)

// mostHead is the size of the largest head, in bytes.
var mostHead = headStart + indexStart + mostSegments*segmentEntry + tagSize + sealedSize(mostRest)

func partName(id, salt string) string {
	return partFolder + id[:2] + "/" + id + "." + salt
}

func headName(ref Ref) string {
	return headFolder + ref.Address[:2] + "/" + ref.Address + "." + ref.Object
}

// checkRef says whether ref can be one, and returns the object's ID.
func checkRef(ref Ref) (id string, err error) {
	id, salt, _ := strings.Cut(ref.Object, ".")
	if !isHex(ref.Address, 2*sha256.Size) || !isHex(id, 2*saltSize) || !isHex(salt, 2*saltSize) {
		return "", fmt.Errorf("%q, %q is no reference to an object", ref.Address, ref.Object)
	}
	return id, nil
}

func isHex(s string, length int) bool {
	return len(s) == length && strings.Trim(s, "0123456789abcdef") == ""
}

// segment is one stream of an object.
type segment struct {
	salt   [saltSize]byte
	length int // plain bytes, 1 to segmentSize
}

// index says what an object consists of.
type index struct {
	Info
	segments []segment
}

// rest is how many plain bytes the head holds.
func (x index) rest() int {
	rest := x.Size
	for _, s := range x.segments {
		rest -= int64(s.length)
	}
	return int(rest)
}

func (x index) marshal() []byte {
	b := make([]byte, 0, indexStart+len(x.segments)*segmentEntry)
	b = binary.BigEndian.AppendUint64(b, uint64(x.Size))
	b = append(b, x.SHA256[:]...)
	return appendSegments(b, x.segments)
}

var errIndex = errors.New("the index makes no sense")

// parseIndex reads what marshal has written, and nothing else.
func parseIndex(b []byte) (x index, err error) {
	if len(b) < indexStart {
		return x, errIndex
	}
	size := binary.BigEndian.Uint64(b)
	copy(x.SHA256[:], b[8:])
	if size > mostSegments*segmentSize+mostRest {
		return x, errIndex
	}
	x.Size = int64(size)
	var after []byte
	if x.segments, after, err = cutSegments(b[8+sha256.Size:]); err != nil || len(after) != 0 {
		return x, errIndex
	}
	if rest := x.rest(); rest < 0 || rest > mostRest {
		return x, errIndex
	}
	return x, nil
}

func appendSegments(b []byte, segments []segment) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(segments)))
	for _, s := range segments {
		b = append(b, s.salt[:]...)
		b = binary.BigEndian.AppendUint32(b, uint32(s.length))
	}
	return b
}

// cutSegments reads what appendSegments has written, and returns what comes after it.
func cutSegments(b []byte) (segments []segment, after []byte, err error) {
	if len(b) < 4 {
		return nil, nil, errIndex
	}
	n := binary.BigEndian.Uint32(b)
	b = b[4:]
	if n > mostSegments || int(n) > len(b)/segmentEntry {
		return nil, nil, errIndex
	}
	for range n {
		var s segment
		copy(s.salt[:], b)
		length := binary.BigEndian.Uint32(b[saltSize:])
		if length == 0 || length > segmentSize {
			return nil, nil, errIndex
		}
		s.length = int(length)
		segments = append(segments, s)
		b = b[segmentEntry:]
	}
	return segments, b, nil
}

// streamCipher is the cipher of the one stream, or the one index, that has this salt and label.
func streamCipher(dataKey, salt []byte, label string) (cipher.AEAD, error) {
	key, err := derive(dataKey, salt, label)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// sealedSize is how long the stream of n plain bytes is.
func sealedSize(n int) int {
	return n + (n+chunkSize-1)/chunkSize*tagSize
}

func chunkNonce(number int, last bool) []byte {
	nonce := make([]byte, 12)
	binary.BigEndian.PutUint64(nonce[3:], uint64(number))
	if last {
		nonce[11] = 1
	}
	return nonce
}

// sealStream appends the stream of the plain bytes to dst.
func sealStream(dst, plain []byte, a cipher.AEAD) []byte {
	for number := 0; len(plain) > 0; number++ {
		n := min(len(plain), chunkSize)
		dst = a.Seal(dst, chunkNonce(number, n == len(plain)), plain[:n], nil)
		plain = plain[n:]
	}
	return dst
}

// openChunk appends one chunk of a stream of length plain bytes to dst. The stream has the size that belongs to this length.
func openChunk(dst, sealed []byte, length, number int, a cipher.AEAD) ([]byte, error) {
	start := number * (chunkSize + tagSize)
	end := min(start+chunkSize+tagSize, len(sealed))
	plain, err := a.Open(dst, chunkNonce(number, (number+1)*chunkSize >= length), sealed[start:end], nil)
	if err != nil {
		return nil, ErrCorrupt
	}
	return plain, nil
}

// openStream returns all plain bytes of a stream that should have length of them.
func openStream(sealed []byte, length int, a cipher.AEAD) ([]byte, error) {
	if len(sealed) != sealedSize(length) {
		return nil, ErrCorrupt
	}
	plain := make([]byte, 0, length)
	for number := 0; len(plain) < length; number++ {
		var err error
		if plain, err = openChunk(plain, sealed, length, number, a); err != nil {
			return nil, err
		}
	}
	return plain, nil
}

func hexSalt(salt [saltSize]byte) string {
	return hex.EncodeToString(salt[:])
}

func decodeSalt(digits string) ([]byte, error) {
	salt, err := hex.DecodeString(digits)
	if err != nil {
		return nil, fmt.Errorf("reading a salt: %w", err)
	}
	return salt, nil
}
