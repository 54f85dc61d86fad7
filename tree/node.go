package tree

import (
	"encoding/hex"
	"time"
)

// ID is a node's place in its Tree.
type ID int32

// None is the parent of an artifact.
const None ID = -1

// Type is what a node is.
type Type uint8

// The types of nodes.
const (
	File Type = iota
	Dir
	Symlink
	Char
	Block
	FIFO
	Socket
)

var typeNames = [...]string{"file", "dir", "symlink", "char", "block", "fifo", "socket"}

// String returns the type's name as facts and listings write it.
func (t Type) String() string { return typeNames[t] }

// Digest is a SHA-256.
type Digest [32]byte

// String returns the digest in hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// ParseDigest reads 64 hexadecimal digits.
func ParseDigest(s string) (Digest, bool) {
	var d Digest
	if len(s) != 64 {
		return d, false
	}
	_, err := hex.Decode(d[:], []byte(s))
	return d, err == nil
}

// Meta is what a container says of an entry. What it does not say is absent: see Has.
type Meta struct {
	Type         Type
	Has          Has
	Mode         uint32 // the twelve permission bits
	UID, GID     uint32
	Time         int64  // modification, seconds since 1970 UTC
	Nano         int32  // and nanoseconds
	Major, Minor uint32 // of a Char or Block
	Link         string // target of a Symlink, escaped
	Hardlink     string // of a File in an archive that repeats an earlier entry: that entry's path, escaped
	Xattrs       []Xattr
}

// Has says which members of Meta the container states.
type Has uint8

// The members that a container may leave out.
const (
	HasMode Has = 1 << iota
	HasOwner
	HasTime
	HasDevice
	HasXattrs // the container can carry extended attributes: none listed means there are none
)

// ModTime returns the modification time, in UTC.
func (m *Meta) ModTime() (time.Time, bool) {
	return time.Unix(m.Time, int64(m.Nano)).UTC(), m.Has&HasTime != 0
}

// Xattr is an extended attribute. Name is full (security.capability) and escaped, Value is raw.
type Xattr struct {
	Name  string
	Value []byte
}

// Node is one file of a release, at a path through all containers.
type Node struct {
	Parent   ID
	Name     string // the last part of the address, escaped, with ";2" where the name is a repeated one
	Inner    bool   // Parent is a container and this is its content: "!/" stands between them
	NoSystem bool   // its content is no system (a layer: its flattened file system is); containers in it may hold some
	Shadowed bool   // a later entry of the same name replaces it on the device
	Latest   ID     // on the first entry of a name that has later ones: the last of them; else 0, which is an artifact
	Meta

	Size    int64    // bytes as stored in the parent; -1 when not known
	Known   bool     // Digest is set: all bytes were read
	Digest  Digest   // of the bytes as stored in the parent; of a directory artifact its canonical listing
	Format  string   // what the stored bytes were recognised as; empty when they were not
	Decoded []Stream // inner streams of single-stream compressors, outermost first
	Account *Account // of a container that was opened: where its bytes went
	Top     *Meta    // of a container that was opened: what it says of the root directory of its content; nil where it says nothing
}

// Stream is what a single-stream compressor held.
type Stream struct {
	Format string // what the stream's bytes were recognised as
	Size   int64
	Known  bool
	Digest Digest
}

// Innermost returns the digest and size of the bytes that observers see, and whether they were read whole.
func (n *Node) Innermost() (Digest, int64, bool) {
	if len(n.Decoded) > 0 {
		s := n.Decoded[len(n.Decoded)-1]
		return s.Digest, s.Size, s.Known
	}
	return n.Digest, n.Size, n.Known
}

// InnermostFormat returns what the bytes that observers see were recognised as.
func (n *Node) InnermostFormat() string {
	if len(n.Decoded) > 0 {
		return n.Decoded[len(n.Decoded)-1].Format
	}
	return n.Format
}

// Account says where the innermost bytes of an opened container went. The four add up to the container's size.
type Account struct {
	Nodes      int64 // in nodes
	Structure  int64 // headers, tables, indexes
	Padding    int64 // filler of one repeated byte, 00 or ff, outside any node
	Unobserved int64 // neither; each range is an Unobserved
}

// Hides says what may be hidden in what could not be looked at.
type Hides string

// What may be hidden.
const (
	HidesAll     Hides = "*"       // whole files: every kind
	HidesContent Hides = "content" // what is recognised by content alone
)

// SmallestVolume is from how many bytes on something of no known format may hide files: less, such as the boot code of a disk, holds no
// file system, and no archive of more than a file or two.
const SmallestVolume = 4096

// Unobserved is something that unpacking could not look at.
type Unobserved struct {
	Node   ID
	Offset int64  // in the node's innermost bytes
	Length int64  // -1 when not known
	Reason string // one word of those that fact.Unobserved lists
	Detail string // for people; a product's bytes in it are escaped
	Hides  Hides
}
