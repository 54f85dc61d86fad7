package credential

import (
	"bytes"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math/bits"
	"slices"
	"strconv"
	"unicode/utf8"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/statement"
)

// SecretSize is the number of random bytes from which all salts of a sealed tree are derived.
const SecretSize = 32

const (
	saltSize = 32
	// leastLeaves is the smallest size class, and classes grow by four. The number of requirements is public, and findings and pieces of evidence come on top of it:
	// a class must be far above the former for its size to say nothing of the latter. Schemes have some hundred requirements, so a proof has ten hashes at least, 450 bytes.
	leastLeaves = 1024
	// mostLeaves bounds a tree: ten hashes more.
	mostLeaves = 1 << 20
	// maxItem bounds an item, in bytes.
	maxItem = 256 << 10
	// maxDisclosure bounds a disclosure file, in bytes. In JSON a byte of an item can take six.
	maxDisclosure = 6*maxItem + 8<<10
)

// Item is one thing that is committed to: a verdict, a finding, a piece of evidence.
type Item struct {
	Kind string
	Text []byte // canonical JSON; UTF-8
}

// Tree is the commitment to a list of items: a Merkle tree (RFC 6962) over leaves SHA-256(0x00, salt, item), sorted by their hashes and so in no order that tells
// anything, filled up to a size class with derived hashes that nobody can tell from leaves. Salts have a fixed length, so no leaf can be opened as two items.
//
// One thing a single opening cannot show: that the tree has no second, contradicting item. Whoever is given the secret and all items seals again and compares.
type Tree struct {
	Sealed statement.Sealed

	levels [][]tlog.Hash // the leaves first, the root last
	salts  [][]byte      // by item
	items  []Item
	index  []int64 // leaf, by item
}

// Seal commits to items. The secret has [SecretSize] random bytes, is used for one list of items only, and opens everything: the lab keeps it with them.
// The same secret and items give the same tree.
func Seal(secret []byte, items []Item) (*Tree, error) {
	if len(secret) != SecretSize {
		return nil, fmt.Errorf("sealing: the secret has %d bytes, not %d", len(secret), SecretSize)
	}
	size := leastLeaves
	for size < len(items) {
		size *= 4
	}
	if size > mostLeaves {
		return nil, fmt.Errorf("sealing: %d items, at most %d are sealed", len(items), mostLeaves)
	}
	prk, err := hkdf.Extract(sha256.New, secret, nil)
	if err != nil {
		return nil, fmt.Errorf("sealing: %w", err)
	}
	t := &Tree{items: items, salts: make([][]byte, len(items)), index: make([]int64, len(items))}
	leaves := make([]tlog.Hash, size)
	for i := range leaves {
		if i >= len(items) {
			h, err := hkdf.Expand(sha256.New, prk, "probat sealed padding "+strconv.Itoa(i), sha256.Size)
			if err != nil {
				return nil, fmt.Errorf("sealing: %w", err)
			}
			leaves[i] = tlog.Hash(h)
			continue
		}
		if err := items[i].check(); err != nil {
			return nil, fmt.Errorf("sealing item %d: %w", i, err)
		}
		if t.salts[i], err = hkdf.Expand(sha256.New, prk, "probat sealed salt "+items[i].Kind+" "+strconv.Itoa(i), saltSize); err != nil {
			return nil, fmt.Errorf("sealing: %w", err)
		}
		leaves[i] = sealedLeaf(t.salts[i], items[i].Text)
	}
	mine := slices.Clone(leaves[:len(items)])
	slices.SortFunc(leaves, compareHashes)
	for i, h := range mine {
		at, _ := slices.BinarySearchFunc(leaves, h, compareHashes)
		t.index[i] = int64(at)
	}
	t.levels = [][]tlog.Hash{leaves}
	for level := leaves; len(level) > 1; {
		up := make([]tlog.Hash, len(level)/2)
		for i := range up {
			up[i] = tlog.NodeHash(level[2*i], level[2*i+1])
		}
		level = up
		t.levels = append(t.levels, level)
	}
	root := t.levels[len(t.levels)-1][0]
	t.Sealed = statement.Sealed{Root: base64.StdEncoding.EncodeToString(root[:]), Size: int64(size)}
	return t, nil
}

func (i Item) check() error {
	if len(i.Text) == 0 || len(i.Text) > maxItem || !utf8.Valid(i.Text) {
		return fmt.Errorf("%w: an item has 1 to %d bytes of UTF-8", statement.ErrForm, maxItem)
	}
	return nil
}

func sealedLeaf(salt, text []byte) tlog.Hash {
	return tlog.RecordHash(slices.Concat(salt, text))
}

func compareHashes(a, b tlog.Hash) int { return bytes.Compare(a[:], b[:]) }

// Open returns what proves to somebody that item i, counted as they were given to [Seal], is in the tree, and nothing of any other item.
// of is the identity of the Verdicts statement that has the tree.
func (t *Tree) Open(i int, of statement.ID) (*Disclosure, error) {
	if i < 0 || i >= len(t.items) {
		return nil, fmt.Errorf("opening a sealed item: there is no item %d", i)
	}
	d := &Disclosure{Format: disclosureFormat, Index: t.index[i], Item: string(t.items[i].Text), Of: of.String(), Salt: t.salts[i], Hashes: [][]byte{}}
	at := d.Index
	for _, level := range t.levels[:len(t.levels)-1] {
		h := level[at^1]
		d.Hashes = append(d.Hashes, h[:])
		at /= 2
	}
	return d, nil
}

const disclosureFormat = "probat-disclosure/1"

// Disclosure opens one item of a sealed tree. As a file it is canonical JSON.
type Disclosure struct {
	Format string   `json:"format"`
	Hashes [][]byte `json:"hashes"` // the path, from the leaf's sibling to the root's child
	Index  int64    `json:"index"`  // of the leaf
	Item   string   `json:"item"`   // canonical JSON as a text
	Of     string   `json:"of"`     // ID of the Verdicts statement
	Salt   []byte   `json:"salt"`
}

// Bytes returns the file.
func (d *Disclosure) Bytes() ([]byte, error) {
	b, err := statement.Encode(d)
	if err != nil {
		return nil, fmt.Errorf("writing a disclosure: %w", err)
	}
	if _, err := ParseDisclosure(b); err != nil {
		return nil, err
	}
	return b, nil
}

// ParseDisclosure reads a disclosure file, and refuses whatever Bytes would not write. What it proves, [Disclosure.Check] says.
func ParseDisclosure(data []byte) (*Disclosure, error) {
	fail := func(err error) (*Disclosure, error) { return nil, fmt.Errorf("reading a disclosure: %w", err) }
	if len(data) > maxDisclosure {
		return fail(fmt.Errorf("%w: %d bytes, at most %d are read", statement.ErrForm, len(data), maxDisclosure))
	}
	var d Disclosure
	if err := statement.Decode(data, &d); err != nil {
		return fail(err)
	}
	if d.Format != disclosureFormat || len(d.Salt) != saltSize || d.Index < 0 || d.Hashes == nil || len(d.Hashes) > bits.Len(mostLeaves) {
		return fail(fmt.Errorf("%w: format %q, salt of %d bytes, leaf %d, %d hashes", statement.ErrForm, d.Format, len(d.Salt), d.Index, len(d.Hashes)))
	}
	for _, h := range d.Hashes {
		if len(h) != tlog.HashSize {
			return fail(fmt.Errorf("%w: a hash of %d bytes", statement.ErrForm, len(h)))
		}
	}
	_, err := statement.ParseID(d.Of)
	return &d, errors.Join(err, Item{Text: []byte(d.Item)}.check())
}

// Leaf returns the hash that the item is committed to by, as a Disclosure statement has it: base64.
func (d *Disclosure) Leaf() string {
	h := sealedLeaf(d.Salt, []byte(d.Item))
	return base64.StdEncoding.EncodeToString(h[:])
}

// Check returns nil if the item is at the leaf of this tree: the path has exactly the length of the tree and leads to its root.
func (d *Disclosure) Check(s statement.Sealed) error {
	root, err := base64.StdEncoding.DecodeString(s.Root)
	if err != nil || len(root) != tlog.HashSize || s.Size < 1 || s.Size&(s.Size-1) != 0 || s.Size > mostLeaves {
		return fmt.Errorf("checking a disclosure: %w: root or size of the sealed tree", statement.ErrForm)
	}
	if len(d.Salt) != saltSize {
		return fmt.Errorf("checking a disclosure: %w: a salt of %d bytes", statement.ErrForm, len(d.Salt)) // else salt and item could change their boundary
	}
	if d.Index < 0 || d.Index >= s.Size || len(d.Hashes) != bits.TrailingZeros64(uint64(s.Size)) {
		return fmt.Errorf("checking a disclosure: leaf %d with %d hashes is not of a tree of %d leaves", d.Index, len(d.Hashes), s.Size)
	}
	h, at := sealedLeaf(d.Salt, []byte(d.Item)), d.Index
	for _, sibling := range d.Hashes {
		if len(sibling) != tlog.HashSize {
			return fmt.Errorf("checking a disclosure: %w: a hash of %d bytes", statement.ErrForm, len(sibling))
		}
		if at&1 == 0 {
			h = tlog.NodeHash(h, tlog.Hash(sibling))
		} else {
			h = tlog.NodeHash(tlog.Hash(sibling), h)
		}
		at /= 2
	}
	if !bytes.Equal(h[:], root) {
		return errors.New("checking a disclosure: the item is not the one that was sealed")
	}
	return nil
}
