// Package file observes every node of a release: its rights, owner, capabilities, access control list, device numbers and digest, as its container states them.
//
// It reads no bytes of any file: all it says stands in the tree. What a container does not state is absent. It does not know
// which rights are good ones, and not what a running system would change.
package file

import (
	"context"
	"fmt"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/tree"
)

const kind = "file"

// Observer returns the observer.
func Observer() observe.Observer {
	return observe.Observer{
		Name: "file", Version: 1, Doc: "rights, owners, capabilities and digests of all nodes",
		Records: []observe.Records{{Kind: kind}},
		Tree:    &observe.Tree{Everywhere: true, Join: join},
	}
}

// checkEvery is after how many nodes the context is asked.
const checkEvery = 1 << 12

func join(ctx context.Context, v *observe.View) error {
	if top, ok := v.Top(); ok { // a root directory that all may write to is nowhere worse
		record(v, v.RootID(), &tree.Node{Meta: top})
	}
	n, ended := 0, false
	v.Walk(func(id tree.ID, _ string, node *tree.Node) {
		if n++; n%checkEvery == 0 {
			ended = ctx.Err() != nil
		}
		if !ended {
			record(v, id, node)
		}
	})
	return ctx.Err()
}

func record(v *observe.View, id tree.ID, n *tree.Node) {
	a, err := describe(n)
	if err != nil {
		v.Unobserved(id, "damaged", err.Error())
	}
	v.Record(id, a, nil)
}

// The twelve permission bits, as inode(7) gives them.
const (
	bitSetuid = 0o4000
	bitSetgid = 0o2000
	bitSticky = 0o1000

	bitGroupWrite   = 0o020
	bitGroupExecute = 0o010
	bitOtherRead    = 0o004
	bitOtherWrite   = 0o002
	anyExecute      = 0o111
)

// describe returns the attributes of a node. The error tells of an attribute that is stated and cannot be read.
func describe(n *tree.Node) (fact.File, error) {
	a := fact.File{Type: n.Type.String()}
	regular, link := n.Type == tree.File, n.Type == tree.Symlink
	if n.Has&tree.HasMode != 0 {
		m := n.Mode
		a.Mode = fact.Known(int64(m))
		a.Setuid = fact.Known(regular && m&bitSetuid != 0 && m&anyExecute != 0)
		// Without group execute the bit once asked for mandatory locks (inode(7)) and gives nobody any rights.
		a.Setgid = fact.Known(regular && m&bitSetgid != 0 && m&bitGroupExecute != 0)
		a.Sticky = fact.Known(n.Type == tree.Dir && m&bitSticky != 0)
		a.Executable = fact.Known(regular && m&anyExecute != 0)
		a.WorldReadable = fact.Known(!link && m&bitOtherRead != 0)
		a.WorldWritable = fact.Known(!link && m&bitOtherWrite != 0)
		a.GroupWritable = fact.Known(!link && m&bitGroupWrite != 0)
	}
	if n.Has&tree.HasOwner != 0 {
		a.UID, a.GID = fact.Known(int64(n.UID)), fact.Known(int64(n.GID))
	}
	if n.Has&tree.HasDevice != 0 && (n.Type == tree.Char || n.Type == tree.Block) {
		a.Major, a.Minor = fact.Known(int64(n.Major)), fact.Known(int64(n.Minor))
	}
	if regular {
		if n.Size >= 0 {
			a.Size = fact.Known(n.Size)
		}
		if n.Known {
			a.Digest = fact.Known(n.Digest.String())
		}
	}
	a.Target, a.Links, a.Format = stated(n.Link), stated(n.Hardlink), stated(n.Format)
	// Both records would have the same key, so one sentence tells of both.
	switch damaged, list := capabilities(n, &a), acl(n, &a); {
	case damaged != nil && list != nil:
		return a, fmt.Errorf("%w; %w", damaged, list)
	case list != nil:
		return a, list
	default:
		return a, damaged
	}
}

// stated is an attribute that is empty where nothing was said. The tree's strings are escaped already.
func stated(s string) (o fact.Opt[string]) {
	if s != "" {
		o = fact.Known(s)
	}
	return o
}
