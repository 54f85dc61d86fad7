package ledger

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/mod/sumdb/tlog"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// block is what a worker made of the entries of one tile.
type block struct {
	hashes   []tlog.Hash
	items    []item
	findings []Finding
	opened   int64
	objects  int
	broken   bool
}

// item is what the order of entries is checked by.
type item struct {
	number    int64
	id        statement.ID
	typ       string
	caseID    string
	caseSeq   int64
	prev      string // what the statement says; only if parsed
	parsed    bool
	erased    bool
	predicate statement.Predicate // of the types that explain others
}

func (b *block) find(object, problem string, args ...any) {
	b.findings = append(b.findings, Finding{object, fmt.Sprintf(problem, args...)})
}

// keyCache parses each public key once.
type keyCache struct{ keys sync.Map } // SPKI to *statement.Key, or error

func (c *keyCache) get(spki []byte) (*statement.Key, error) {
	v, ok := c.keys.Load(string(spki))
	if !ok {
		key, err := statement.ParseKey(spki)
		if v = key; err != nil {
			v = err
		}
		c.keys.Store(string(spki), v)
	}
	if err, ok := v.(error); ok {
		return nil, err
	}
	return v.(*statement.Key), nil
}

// readBlock opens the entries of one tile and compares them with the tile and the entry bundle that are stored.
func (a *auditor) readBlock(ctx context.Context, from, to int64) (*block, error) {
	b := &block{}
	rows := map[int64]*row{}
	var readErr error
	for r, err := range a.readRows(ctx, from, to) {
		if err != nil {
			readErr = err
			break
		}
		rows[r.number] = r
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if readErr != nil {
		a.readSingly(ctx, from, to, rows)
	}
	n := from / tileWidth
	served := int64(0)
	if a.served != nil {
		served = a.served.Size
	}
	width := int(min(max(served-from, 0), tileWidth)) // of the tile that has to be there
	stored := a.storedHashes(ctx, n, width)
	for i := from; i < to; i++ {
		r := rows[i]
		if r == nil {
			b.find(entryName(i), "it is missing in the database")
			b.items = append(b.items, item{number: i, erased: true})
			if int(i-from) < len(stored) {
				b.hashes = append(b.hashes, stored[i-from])
			} else {
				b.hashes = append(b.hashes, tlog.Hash{})
				b.broken = true
			}
			continue
		}
		var tile *tlog.Hash
		if int(i-from) < len(stored) {
			tile = &stored[i-from]
		}
		b.hashes = append(b.hashes, a.open(b, r, tile))
	}
	if width > 0 {
		hashes := b.hashes[:min(width, len(b.hashes))]
		b.objects += a.checkTile(ctx, tlog.Tile{H: proof.TileHeight, L: 0, N: n, W: width}, hashes, b.find)
		b.objects += a.checkBundle(ctx, b, n, width, hashes)
	}
	return b, nil
}

func entryName(i int64) string { return fmt.Sprintf("entry %d", i) }

// readSingly reads what can be read of a block in which something cannot.
func (a *auditor) readSingly(ctx context.Context, from, to int64, rows map[int64]*row) {
	for i := from; i < to; i++ {
		for r, err := range a.readRows(ctx, i, i+1) {
			if err == nil {
				rows[i] = r
			}
		}
	}
}

// storedHashes returns the hashes in the stored tile of level 0, as far as there is one.
func (a *auditor) storedHashes(ctx context.Context, n int64, width int) []tlog.Hash {
	if width == 0 {
		return nil
	}
	b, err := readTile(ctx, a.tiles, tlog.Tile{H: proof.TileHeight, L: 0, N: n, W: width})
	if err != nil {
		return nil
	}
	hashes, err := parseTile(b, width)
	if err != nil {
		return nil
	}
	return hashes
}

// open checks one entry and returns its leaf's hash: the one that two of database content, database hash and tile agree on.
func (a *auditor) open(b *block, r *row, tile *tlog.Hash) tlog.Hash {
	name := entryName(r.number)
	leaf, bytesOf, err := r.leaf()
	if err == nil {
		_, err = proof.ParseLeaf(bytesOf)
	}
	if err != nil {
		b.find(name, "its leaf: %v", err)
	}
	hash := tlog.RecordHash(bytesOf)
	if len(r.hash) != tlog.HashSize || tlog.Hash(r.hash) != hash {
		b.find(name, "identity, signature or key is not what was hashed into the tree, or the stored hash has changed")
		if len(r.hash) == tlog.HashSize && tile != nil && *tile == tlog.Hash(r.hash) {
			hash = *tile
		}
	}
	it := item{number: r.number, id: leaf.Digest, typ: r.typ, caseID: r.caseID, caseSeq: r.caseSeq, erased: r.payload == nil}
	if r.payload != nil {
		if sha256.Sum256(statement.PAE(statement.PayloadType, r.payload)) != leaf.Digest {
			b.find(name, "its content is not the one that was signed")
		} else {
			b.opened++
			a.read(b, r, &it)
		}
	}
	a.judgeKey(b, r)
	b.items = append(b.items, it)
	return hash
}

// read parses the statement of an entry, if it has to be, and verifies its signature.
func (a *auditor) read(b *block, r *row, it *item) {
	if !a.options.Signatures && !explains(r.typ) {
		return
	}
	name := entryName(r.number)
	s, err := statement.Parse(r.payload)
	if err != nil {
		b.find(name, "%v", err)
		return
	}
	if explains(s.Predicate.TypeURI()) {
		it.predicate = s.Predicate
	}
	if s.Predicate.TypeURI() != r.typ {
		b.find(name, "the database has it as %q, the statement says %q", r.typ, s.Predicate.TypeURI())
	}
	if common := s.Predicate.Common(); common != nil {
		it.parsed, it.prev = true, common.PrevInCase
		if common.Case != r.caseID || common.CaseSeq != r.caseSeq {
			b.find(name, "the database has it as act %d of a case, the statement says otherwise", r.caseSeq)
		}
		if common.IdempotencyKey != "" && common.IdempotencyKey != r.key {
			b.find(name, "the database has it under another idempotency key than the statement says")
		}
	}
	if !a.options.Signatures {
		return
	}
	key, err := a.keys.get(r.spki)
	if err == nil {
		e := statement.Envelope{Payload: r.payload, KeyID: key.ID(), Signature: r.signature}
		err = e.Verify(key)
	}
	if err != nil {
		b.find(name, "%v", err)
	}
}

// judgeKey asks whether the key of an entry may sign what it signed.
func (a *auditor) judgeKey(b *block, r *row) {
	if a.options.Keys == nil {
		return
	}
	purpose, known := a.options.Keys(r.spki)
	switch {
	case !known:
		b.find(entryName(r.number), "it is signed with a key that is not the lab's: %s", statement.KeyID(r.spki))
	case !maySign(purpose, r.typ):
		b.find(entryName(r.number), "a key for %q signed a statement of type %q", purpose, r.typ)
	}
}

func maySign(p statement.Purpose, typ string) bool {
	switch typ {
	case statement.TypeTrust:
		return p == statement.ForRoot
	case statement.TypeCredential, statement.TypeChange, statement.TypeStatus:
		return p == statement.ForIssuing
	}
	return p == statement.ForIssuing || p == statement.ForLedger
}

// checkTile compares a stored tile, and shorter versions of it that are still kept, with the hashes that it must have. It returns how many
// objects it compared.
func (a *auditor) checkTile(ctx context.Context, t tlog.Tile, hashes []tlog.Hash, find func(string, string, ...any)) int {
	if a.served == nil || (t.N*tileWidth+int64(t.W))<<(proof.TileHeight*t.L) > a.served.Size {
		return 0 // not published yet
	}
	want, own := hashBytes(hashes), t.W
	n := 0
	for _, w := range a.widths(t) {
		t.W = w
		n++
		name := proof.TilePath(t)
		got, err := a.tiles.Get(ctx, name, tileWidth*tlog.HashSize)
		switch {
		case errors.Is(err, blob.ErrNotExist) && (w != own || a.grown(ctx, t)):
			// Deleted since, because the full one is there.
		case errors.Is(err, blob.ErrNotExist):
			find("object "+name, "it is missing")
		case err != nil:
			find("object "+name, "%v", err)
		case len(want) < w*tlog.HashSize || !bytes.Equal(got, want[:w*tlog.HashSize]):
			find("object "+name, "it is not the tile of the tree")
		}
	}
	return n
}

// grown says that the full version of a tile is there.
func (a *auditor) grown(ctx context.Context, t tlog.Tile) bool {
	if t.W == tileWidth {
		return false
	}
	t.W = tileWidth
	_, err := a.tiles.Get(ctx, proof.TilePath(t), tileWidth*(proof.MaxEntry+2))
	return err == nil
}

// widths are those in which a tile has to be there or is there: its own and those of partial ones that are still kept.
func (a *auditor) widths(t tlog.Tile) []int {
	full := t
	full.W = tileWidth
	widths := []int{t.W}
	for _, w := range a.partial[proof.TilePath(full)] {
		if w < t.W {
			widths = append(widths, w)
		}
	}
	slices.Sort(widths)
	return widths
}

// checkBundle compares the stored entry bundles, whose entries must have the leaves' hashes.
func (a *auditor) checkBundle(ctx context.Context, b *block, n int64, width int, hashes []tlog.Hash) int {
	objects := 0
	for _, w := range a.widths(tlog.Tile{H: proof.TileHeight, L: -1, N: n, W: width}) {
		objects++
		name := proof.EntriesPath(n, w)
		data, err := a.tiles.Get(ctx, name, tileWidth*(proof.MaxEntry+2))
		if errors.Is(err, blob.ErrNotExist) {
			if w == width && !a.grown(ctx, tlog.Tile{H: proof.TileHeight, L: -1, N: n, W: w}) {
				b.find("object "+name, "it is missing")
			}
			continue
		}
		var entries [][]byte
		if err == nil {
			entries, err = proof.ReadEntries(data, w)
		}
		if err == nil && len(entries) != w {
			err = fmt.Errorf("it holds %d entries, not %d", len(entries), w)
		}
		if err != nil {
			b.find("object "+name, "%v", err)
			continue
		}
		for i, e := range entries {
			if i < len(hashes) && tlog.RecordHash(e) != hashes[i] {
				b.find("object "+name, "its entry %d (%s) is not the leaf in the tree", i, entryName(n*tileWidth+int64(i)))
			}
		}
	}
	return objects
}
