package tree

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"strconv"

	"github.com/probat-lab/probat/fact"
)

// WriteListing writes the canonical listing of a sorted tree, or of what lies below a node: one line of canonical JSON
// (RFC 8785) a node, in the tree's order. Addresses are full ones, or relative to that node; integers beyond 2^53 are strings.
func (t *Tree) WriteListing(w io.Writer, below ID) error {
	first, end := ID(0), ID(len(t.Nodes))
	if below != None {
		first, end = below+1, t.end(below)
	}
	buf := bufio.NewWriterSize(w, 1<<16)
	var line []byte
	for id := first; id < end; id++ {
		line = t.appendEntry(line[:0], id, below)
		if _, err := buf.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return buf.Flush()
}

// end returns the first node behind those below id: in a sorted tree they stand together.
func (t *Tree) end(id ID) ID {
	end := id + 1
	for int(end) < len(t.Nodes) && t.Nodes[end].Parent >= id {
		end++
	}
	return end
}

// An object writes the members of a canonical JSON object, which must come in the order of their names.
type object struct{ b []byte }

func (o *object) name(name string) {
	if c := o.b[len(o.b)-1]; c != '{' {
		o.b = append(o.b, ',')
	}
	o.b = fact.AppendString(o.b, name)
	o.b = append(o.b, ':')
}

// text writes a member unless it is empty.
func (o *object) text(name, value string) {
	if value != "" {
		o.name(name)
		o.b = fact.AppendString(o.b, value)
	}
}

func (o *object) integer(name string, value int64) {
	o.name(name)
	o.b = fact.AppendInt(o.b, value)
}

// list writes a member of n objects unless there are none.
func (o *object) list(name string, n int, item func(i int)) {
	if n == 0 {
		return
	}
	o.name(name)
	o.b = append(o.b, '[')
	for i := range n {
		if i > 0 {
			o.b = append(o.b, ',')
		}
		o.object(func() { item(i) })
	}
	o.b = append(o.b, ']')
}

func (o *object) object(members func()) {
	o.b = append(o.b, '{')
	members()
	o.b = append(o.b, '}')
}

// appendEntry appends a node's line without the newline.
func (t *Tree) appendEntry(b []byte, id, below ID) []byte {
	n := &t.Nodes[id]
	o := &object{b}
	o.object(func() {
		if a := n.Account; a != nil {
			o.name("account")
			o.object(func() {
				o.integer("nodes", a.Nodes)
				o.integer("padding", a.Padding)
				o.integer("structure", a.Structure)
				o.integer("unobserved", a.Unobserved)
			})
		}
		o.name("address")
		o.b = fact.AppendString(o.b, t.join(id, below))
		o.list("decoded", len(n.Decoded), func(i int) {
			s := &n.Decoded[i]
			if s.Known {
				o.text("digest", s.Digest.String())
			}
			o.text("format", s.Format)
			o.integer("size", s.Size)
		})
		if n.Known {
			o.text("digest", n.Digest.String())
		}
		o.text("format", n.Format)
		n.appendMeta(o)
	})
	return o.b
}

// appendMeta writes what the container says of an entry, and its size.
func (n *Node) appendMeta(o *object) {
	if n.Has&HasOwner != 0 {
		o.integer("gid", int64(n.GID))
	}
	o.text("links", n.Hardlink)
	if n.Has&HasDevice != 0 {
		o.integer("major", int64(n.Major))
		o.integer("minor", int64(n.Minor))
	}
	if n.Has&HasMode != 0 {
		o.text("mode", fmt.Sprintf("%04o", n.Mode))
	}
	if n.Has&HasTime != 0 {
		o.text("mtime", FormatTime(n.Time, n.Nano))
	}
	if n.Type == File && n.Size >= 0 {
		o.integer("size", n.Size)
	}
	o.text("target", n.Link)
	if n.Top != nil {
		o.name("top")
		o.object(func() { (&Node{Meta: *n.Top, Size: -1}).appendMeta(o) })
	}
	o.text("type", n.Type.String())
	if n.Has&HasOwner != 0 {
		o.integer("uid", int64(n.UID))
	}
	o.list("xattrs", len(n.Xattrs), func(i int) {
		o.name("name")
		o.b = fact.AppendString(o.b, n.Xattrs[i].Name)
		o.name("value")
		o.b = fact.AppendString(o.b, base64.StdEncoding.EncodeToString(n.Xattrs[i].Value))
	})
}

// FormatTime writes a time as seconds since 1970 UTC, with nine digits after a point where it has a fraction: any
// second that a file system can hold, years beyond 9999 too. The digits count on from the seconds, before 1970 too.
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
