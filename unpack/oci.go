package unpack

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// ociFormat is a tar with container images: an OCI image layout (OCI Image Format 1.1, image-layout.md) or what docker save writes,
// with layers in folders of their own (before Docker 25) or as blobs. Each layer is a node, layer0 the lowest, in which
// there are no systems; beside them stands fs, the file system that they make. With several images these stand in image0, image1 and so on.
// Everything else in the tar is an ordinary entry. A tar that only begins like one is read as any other.
var ociFormat = Format{Name: "oci", Version: 1, Sniff: isOCITar, Confirm: confirmOCI, Stream: readOCI}

// isOCITar looks at the name of the first entry: whatever writes such archives begins with one of a few.
func isOCITar(head []byte) bool {
	for len(head) >= tarBlock && isTar(head) {
		size, ok := tarOctal(head[124:136])
		if !ok {
			return false
		}
		name, _, _ := strings.Cut(string(head[:100]), "\x00")
		name = strings.Trim(strings.TrimPrefix(name, "./"), "/")
		switch kind := head[156]; {
		case kind == 'x', kind == 'g', name == "" || name == ".":
			skip := tarBlock + (size+tarBlock-1)/tarBlock*tarBlock
			if skip > int64(len(head)) {
				return false
			}
			head = head[skip:]
		default:
			return isOCIName(name)
		}
	}
	return false
}

func isOCIName(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	switch first {
	case "oci-layout", "index.json", "manifest.json", "repositories", "blobs":
		return true
	}
	first = strings.TrimPrefix(first, "sha256:")
	first, _, _ = strings.Cut(first, ".")
	return len(first) == 2*sha256.Size && isHex(first)
}

func isHex(s string) bool {
	_, err := hex.DecodeString(s)
	return err == nil
}

func confirmOCI(ctx context.Context, r io.ReaderAt, size int64) bool {
	return len(planImages(ctx, indexTar(ctx, r, size)).images) > 0
}

func readOCI(ctx context.Context, r *bufio.Reader, to *Container) error {
	members := indexTar(ctx, to.at, to.size)
	if err := to.images(ctx, members, planImages(ctx, members)); err != nil {
		return err
	}
	return readTar(ctx, r, to)
}

// layerNode is a layer that was walked.
type layerNode struct {
	id, end tree.ID // its entries are among the nodes between
	path    string  // in the container, with a leading slash
}

// images walks the layers of each image and puts the file system beside them that they make.
func (c *Container) images(ctx context.Context, src members, plan imagePlan) error {
	for _, f := range plan.faults {
		c.Unobserved(-1, -1, f.reason, f.detail, f.hides)
	}
	walked := map[member]layerNode{}
	var steps int64
	for i, img := range plan.images {
		parent, path := Root, "/"
		if len(plan.images) > 1 {
			path = fmt.Sprintf("/image%d/", i)
			id, ok := c.ownDir(Root, fmt.Sprintf("image%d", i))
			if !ok {
				return errBytes
			}
			parent = id
		}
		f := &flattener{c: c, root: &flatNode{kids: map[string]*flatNode{}}, steps: &steps}
		for j, l := range img.layers {
			e := Entry{Parent: parent, Name: fmt.Sprintf("layer%d", j), Size: l.size, NoSystem: true}
			node, err := c.layer(ctx, src, e, l, walked, path)
			if err != nil {
				return err
			}
			if err := f.add(ctx, node, j); err != nil {
				return err
			}
		}
		id, ok := c.ownDir(parent, "fs")
		if !ok {
			return errBytes
		}
		if f.top.Has != 0 {
			c.w.setMeta(id, f.top)
		}
		if err := f.emit(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// ownDir makes a directory that no entry of the archive can be put into: one of that name gets its own.
func (c *Container) ownDir(parent tree.ID, name string) (tree.ID, bool) {
	id, ok := c.Add(Entry{Parent: parent, Name: name, Meta: tree.Meta{Type: tree.Dir}})
	delete(c.dirs, dirName{parent, name})
	return id, ok
}

// layer makes the node of a layer and walks it, once: in further images it is another name of the first.
func (c *Container) layer(ctx context.Context, src members, e Entry, l imageLayer, walked map[member]layerNode, path string) (layerNode, error) {
	if !l.there {
		id, ok := c.Add(e)
		if !ok {
			return layerNode{}, errBytes
		}
		c.UnobservedEntry(id, l.size, "truncated", "the layer is not in the archive", tree.HidesAll)
		return layerNode{id: id, end: id + 1}, nil
	}
	if n, ok := walked[l.member]; ok {
		e.Hardlink = n.path
		c.Repeat(e, n.id)
		return n, c.w.stopped(ctx)
	}
	r, done, err := src.open(l.member)
	if err != nil {
		id, ok := c.Add(e)
		if !ok {
			return layerNode{}, errBytes
		}
		c.w.unreadable(c, id, err)
		return layerNode{id: id, end: id + 1}, nil
	}
	defer done()
	id, err := c.Part(ctx, e, r, 0, l.member.size)
	if err != nil {
		return layerNode{}, err
	}
	n := layerNode{id: id, end: c.w.nextID(), path: path + e.Name}
	walked[l.member] = n
	c.skip(l.member)
	c.checkLayer(id, l)
	return n, nil
}

// skip says that a member became a node elsewhere.
func (c *Container) skip(m member) {
	if c.skipped == nil {
		c.skipped = map[member]bool{}
	}
	c.skipped[m] = true
}

// checkLayer compares a layer with what the manifest and the configuration say of it.
func (c *Container) checkLayer(id tree.ID, l imageLayer) {
	n := c.w.nodeOf(id)
	if n.Known && l.size >= 0 && l.size != n.Size {
		c.UnobservedEntry(id, -1, "damaged", fmt.Sprintf("the manifest says that it has %d bytes", l.size), tree.HidesAll)
	}
	if want, ok := sha256Of(l.digest); ok && n.Known && want != n.Digest {
		c.UnobservedEntry(id, -1, "damaged", "its digest is not the one in the manifest, "+fact.Escape(l.digest), tree.HidesAll)
	}
	inner, _, known := n.Innermost()
	if want, ok := sha256Of(l.diffID); ok && known && want != inner {
		c.UnobservedEntry(id, -1, "damaged", "its digest is not the one in the image's configuration, "+fact.Escape(l.diffID), tree.HidesAll)
	}
}

// sha256Of reads a digest as OCI writes it, where it is a SHA-256.
func sha256Of(s string) (tree.Digest, bool) {
	s, ok := strings.CutPrefix(s, "sha256:")
	if !ok {
		return tree.Digest{}, false
	}
	return tree.ParseDigest(s)
}

// nextID returns the ID that the next node will have.
func (w *walker) nextID() tree.ID {
	w.mu.Lock()
	defer w.mu.Unlock()
	return tree.ID(len(w.t.Nodes))
}

// nodeOf returns a copy of what is known of a node by now.
func (w *walker) nodeOf(id tree.ID) tree.Node {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.t.Nodes[id]
}
