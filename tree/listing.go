package tree

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
)

// entry is one line of a listing; its members stand in the order of RFC 8785.
type entry struct {
	Account *entryAccount `json:"account,omitempty"`
	Address string        `json:"address"`
	Decoded []entryStream `json:"decoded,omitempty"`
	Digest  string        `json:"digest,omitempty"`
	Format  string        `json:"format,omitempty"`
	GID     *uint32       `json:"gid,omitempty"`
	Links   string        `json:"links,omitempty"`
	Major   *uint32       `json:"major,omitempty"`
	Minor   *uint32       `json:"minor,omitempty"`
	Mode    string        `json:"mode,omitempty"`
	MTime   string        `json:"mtime,omitempty"`
	Size    *int64        `json:"size,omitempty"`
	Target  string        `json:"target,omitempty"`
	Type    string        `json:"type"`
	UID     *uint32       `json:"uid,omitempty"`
	Xattrs  []entryXattr  `json:"xattrs,omitempty"`
}

type entryAccount struct {
	Nodes      int64 `json:"nodes"`
	Padding    int64 `json:"padding"`
	Structure  int64 `json:"structure"`
	Unobserved int64 `json:"unobserved"`
}

type entryStream struct {
	Digest string `json:"digest,omitempty"`
	Format string `json:"format,omitempty"`
	Size   int64  `json:"size"`
}

type entryXattr struct {
	Name  string `json:"name"`
	Value string `json:"value"` // base64
}

// WriteListing writes the canonical listing of a sorted tree, or of what lies below a node: one line of canonical JSON
// a node, in the tree's order. Addresses are full ones, or relative to that node.
func (t *Tree) WriteListing(w io.Writer, below ID) error {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	for i := range t.Nodes {
		id := ID(i)
		if below != None && (id == below || !t.descends(id, below)) {
			continue
		}
		buf.Reset()
		if err := enc.Encode(t.entry(id, below)); err != nil {
			return fmt.Errorf("listing %q: %w", t.Address(id), err)
		}
		if _, err := w.Write(buf.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tree) descends(id, ancestor ID) bool {
	for ; id != None; id = t.Nodes[id].Parent {
		if id == ancestor {
			return true
		}
	}
	return false
}

func (t *Tree) entry(id, below ID) *entry {
	n := &t.Nodes[id]
	e := &entry{Address: t.join(id, below), Type: n.Type.String(), Format: n.Format, Target: n.Link, Links: n.Hardlink}
	if n.Known {
		e.Digest = n.Digest.String()
	}
	if n.Type == File && n.Size >= 0 {
		e.Size = &n.Size
	}
	if n.Has&HasMode != 0 {
		e.Mode = fmt.Sprintf("%04o", n.Mode)
	}
	if n.Has&HasOwner != 0 {
		e.UID, e.GID = &n.UID, &n.GID
	}
	if n.Has&HasTime != 0 {
		e.MTime = FormatTime(n.Time, n.Nano)
	}
	if n.Has&HasDevice != 0 {
		e.Major, e.Minor = &n.Major, &n.Minor
	}
	for _, s := range n.Decoded {
		d := entryStream{Format: s.Format, Size: s.Size}
		if s.Known {
			d.Digest = s.Digest.String()
		}
		e.Decoded = append(e.Decoded, d)
	}
	for _, x := range n.Xattrs {
		e.Xattrs = append(e.Xattrs, entryXattr{x.Name, base64.StdEncoding.EncodeToString(x.Value)})
	}
	if a := n.Account; a != nil {
		e.Account = &entryAccount{a.Nodes, a.Padding, a.Structure, a.Unobserved}
	}
	return e
}

// FormatTime writes a time as seconds since 1970 UTC, with nine digits after a point where it has a fraction: any
// second that a file system can hold, years beyond 9999 too.
func FormatTime(seconds int64, nano int32) string {
	if nano == 0 {
		return strconv.FormatInt(seconds, 10)
	}
	return fmt.Sprintf("%d.%09d", seconds, nano)
}

// ListingDigest returns the SHA-256 of the canonical listing of what lies below a node: the digest of a directory.
func (t *Tree) ListingDigest(below ID) (Digest, error) {
	h := sha256.New()
	err := t.WriteListing(h, below)
	return Digest(h.Sum(nil)), err
}
