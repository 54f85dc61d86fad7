package credential

import (
	"bytes"
	"compress/gzip"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/probat-lab/probat/statement"
)

// StatusSize is how many credentials a series has room for: the bits of each list, 16 KiB, the least that W3C Bitstring Status List v1.0 allows so
// that a list does not tell which credential somebody asks about.
const StatusSize = 131072

// maxEncodedList bounds an encoded list, in bytes: incompressible bits, gzip's frame and base64 take less.
const maxEncodedList = 24 << 10

// Bits is a bit for each credential of a series, the first one highest in the first byte (W3C Bitstring Status List v1.0). The zero Bits has none set.
type Bits [StatusSize / 8]byte

// Get tells whether a bit is set; an index outside the list is not.
func (b *Bits) Get(i int64) bool {
	return i >= 0 && i < StatusSize && b[i/8]&(0x80>>(i%8)) != 0
}

// Set sets or clears a bit. It panics at an index outside the list: whoever draws indexes knows its size.
func (b *Bits) Set(i int64, on bool) {
	if i < 0 || i >= StatusSize {
		panic(fmt.Sprintf("credential: status index %d", i))
	}
	if on {
		b[i/8] |= 0x80 >> (i % 8)
	} else {
		b[i/8] &^= 0x80 >> (i % 8)
	}
}

// String returns the encoded list: "u", then base64url without padding of the gzip of the bits. The same bits give the same text.
func (b *Bits) String() string {
	var zipped bytes.Buffer
	w, err := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
	if err == nil {
		_, err = w.Write(b[:])
		err = errors.Join(err, w.Close())
	}
	if err != nil {
		panic("credential: " + err.Error()) // the level is right and a buffer takes everything
	}
	return "u" + base64.RawURLEncoding.EncodeToString(zipped.Bytes())
}

// ParseBits reads an encoded list of exactly [StatusSize] bits.
//
// Of all things that are read here this is the only one that is not encoded again and compared, since two programs may compress the same bits in two ways.
// Instead: the base64 is encoded again and compared; the gzip must be one member without name, comment or extra fields, its checksum right, nothing after
// it, and what it unpacks to, of which one byte too many is read at most, must be of exactly the right length.
func ParseBits(encoded string) (*Bits, error) {
	fail := func(why string) (*Bits, error) {
		return nil, fmt.Errorf("reading a status list: %w: %s", statement.ErrForm, why)
	}
	text, ok := strings.CutPrefix(encoded, "u")
	if !ok || len(encoded) > maxEncodedList {
		return fail("it does not begin with u, or is too long")
	}
	zipped, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || base64.RawURLEncoding.EncodeToString(zipped) != text {
		return fail("it is not base64url without padding")
	}
	if len(zipped) < 4 || zipped[3] != 0 {
		return fail("the gzip has fields beside the data")
	}
	rest := bytes.NewReader(zipped) // a ByteReader: gzip reads no further than its member
	r, err := gzip.NewReader(rest)
	if err != nil {
		return fail("it is not gzip")
	}
	r.Multistream(false)
	var b Bits
	if _, err := io.ReadFull(r, b[:]); err != nil {
		return fail(fmt.Sprintf("it has fewer than %d bits, or is damaged", StatusSize))
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		return fail(fmt.Sprintf("it has more than %d bits, or is damaged", StatusSize))
	}
	if rest.Len() != 0 {
		return fail("something follows the gzip")
	}
	return &b, nil
}

// Lists are the lists of one status statement, unpacked.
type Lists struct {
	Revoked, Suspended, Superseded Bits
}

// at returns the lists in the order of statement.StatusPurposes.
func (l *Lists) inOrder() []*Bits { return []*Bits{&l.Revoked, &l.Suspended, &l.Superseded} }

// Encode returns the lists as a status statement has them.
func (l *Lists) Encode() []statement.StatusList {
	lists := make([]statement.StatusList, 0, 3)
	for i, b := range l.inOrder() {
		lists = append(lists, statement.StatusList{EncodedList: b.String(), Purpose: statement.StatusPurposes()[i]})
	}
	return lists
}

// ParseLists unpacks the lists of a status statement.
func ParseLists(lists []statement.StatusList) (*Lists, error) {
	var l Lists
	into := l.inOrder()
	if len(lists) != len(into) {
		return nil, fmt.Errorf("reading a status list: %w: %d lists, not %d", statement.ErrForm, len(lists), len(into))
	}
	for i, x := range lists {
		if x.Purpose != statement.StatusPurposes()[i] {
			return nil, fmt.Errorf("reading a status list: %w: list %d is for %q", statement.ErrForm, i+1, x.Purpose)
		}
		b, err := ParseBits(x.EncodedList)
		if err != nil {
			return nil, err
		}
		*into[i] = *b
	}
	return &l, nil
}

// Standing returns what the credential with an index is by these lists; nothing if it is in force. What weighs most is said: revoked, suspended, superseded.
func (l *Lists) Standing(index int64) statement.Standing {
	words := []statement.Standing{statement.Revoked, statement.Suspended, statement.Superseded}
	i := slices.IndexFunc(l.inOrder(), func(b *Bits) bool { return b.Get(index) })
	if i < 0 {
		return ""
	}
	return words[i]
}

// Put sets what the credential with an index is from now on. Revoked and superseded are for ever; to be reinstated is from suspension only.
func (l *Lists) Put(index int64, s statement.Standing) {
	switch s {
	case statement.Revoked:
		l.Revoked.Set(index, true)
	case statement.Suspended:
		l.Suspended.Set(index, true)
	case statement.Reinstated:
		l.Suspended.Set(index, false)
	case statement.Superseded:
		l.Superseded.Set(index, true)
	}
}
