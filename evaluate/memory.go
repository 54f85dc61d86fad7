package evaluate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/gob"
	"encoding/json"
	"errors"
	"io/fs"
	"os"

	"github.com/klauspost/compress/zstd"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
)

// memory recalls what was seen of the very same artifacts by the very same unpackers and observers within the same budget. It knows
// artifacts by digest, so directories, which have none before they are walked, are always looked at anew.
type memory struct {
	release *Release
	options Options
	key     string
	given   []dossier.Artifact
}

// kept is what a cache keeps of an observation.
type kept struct {
	Artifacts []dossier.Artifact
	Observers []fact.Coverage
	Bytes     dossier.Bytes
	Tree      []byte
	Facts     map[string][]string
}

func newMemory(r *Release, o Options, observers []observe.Observer, m *dossier.Manifest) *memory {
	mem := &memory{release: r, options: o}
	if o.Cache == nil {
		return mem
	}
	h := sha256.New()
	enc := json.NewEncoder(h)
	parts := []any{dossier.Format, observe.Version, m.Unpackers, m.Budgets, m.LeftOut}
	for _, ob := range observers {
		parts = append(parts, ob.Name, ob.Version, ob.Attributes())
	}
	for _, a := range r.Artifacts {
		st, err := os.Stat(a.Path)
		if err != nil || !st.Mode().IsRegular() {
			return mem
		}
		d, err := digestFile(a.Path)
		if err != nil {
			return mem
		}
		parts = append(parts, a.ID, d, r.Roles[a.ID])
		mem.given = append(mem.given, dossier.Artifact{Digest: d, Size: st.Size()})
	}
	for _, p := range parts {
		if err := enc.Encode(p); err != nil {
			return mem
		}
	}
	mem.key = "release/" + dossier.Digest(h.Sum(nil))
	return mem
}

// recall fills c from the cache.
func (m *memory) recall(ctx context.Context, c *dossier.Contents) bool {
	if m.key == "" || ctx.Err() != nil {
		return false
	}
	data, ok := m.options.Cache.Get(m.key)
	if !ok {
		return false
	}
	z, err := zstd.NewReader(bytes.NewReader(data), zstd.WithDecoderMaxMemory(4<<30))
	if err != nil {
		return false
	}
	defer z.Close()
	var k kept
	if err := gob.NewDecoder(z).Decode(&k); err != nil {
		return false
	}
	if len(k.Artifacts) != len(m.given) {
		return false
	}
	for i, a := range k.Artifacts {
		if a.Digest != m.given[i].Digest || a.Size != m.given[i].Size {
			return false
		}
	}
	c.Manifest.Artifacts, c.Manifest.Observers, c.Manifest.Bytes, c.Tree = k.Artifacts, k.Observers, k.Bytes, k.Tree
	for name, lines := range k.Facts {
		if kind, ok := fact.ByName(name); ok {
			c.Facts.Put(kind, lines)
		}
	}
	return true
}

// keep puts what was seen into the cache.
func (m *memory) keep(c *dossier.Contents) {
	if m.key == "" {
		return
	}
	k := kept{Artifacts: c.Manifest.Artifacts, Observers: c.Manifest.Observers, Bytes: c.Manifest.Bytes, Tree: c.Tree, Facts: map[string][]string{}}
	for _, kind := range fact.Kinds() {
		if lines := c.Facts.Lines(kind.Name); len(lines) > 0 {
			k.Facts[kind.Name] = lines
		}
	}
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b, zstd.WithEncoderLevel(zstd.SpeedFastest))
	if err != nil {
		return
	}
	if errors.Join(gob.NewEncoder(z).Encode(k), z.Close()) == nil {
		m.options.Cache.Put(m.key, b.Bytes())
	}
}

// Unreadable tells faults of opening an artifact from those of this machine.
func Unreadable(err error) error {
	var pe *fs.PathError
	if errors.As(err, &pe) && pe.Op == "open" && !errors.Is(err, fs.ErrExist) {
		return &UnreadableError{err}
	}
	return err
}
