package unpack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// directory walks a directory of this machine as an artifact. It follows no symbolic link and opens regular files only.
func (w *walker) directory(ctx context.Context, id tree.ID, path string) error {
	root, err := os.OpenRoot(path)
	if err != nil {
		return fmt.Errorf("opening a directory: %w", err)
	}
	defer root.Close()
	c := w.container(id, 0)
	defer c.jobs.Wait()
	w.enter(id)
	src := hostMembers{root}
	if plan := planImages(ctx, src); len(plan.images) > 0 {
		if err := c.images(ctx, src, plan); err != nil {
			return err
		}
	}
	return w.hostDir(ctx, c, root, ".", Root, map[inode]string{})
}

type inode struct{ dev, ino uint64 }

// hostDir walks one directory. Links maps what has several names to the first of them.
func (w *walker) hostDir(ctx context.Context, c *Container, root *os.Root, rel string, parent tree.ID, links map[inode]string) error {
	d, err := root.Open(rel)
	if err != nil {
		w.unreadable(c, parent, err)
		return ctx.Err()
	}
	names, err := d.Readdirnames(-1)
	d.Close()
	if err != nil {
		w.unreadable(c, parent, err)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		if c.Full() {
			return errBytes
		}
		if err := w.hostEntry(ctx, c, root, filepath.Join(rel, name), parent, name, links); err != nil {
			return err
		}
	}
	return nil
}

func (w *walker) unreadable(c *Container, id tree.ID, err error) {
	if id == Root {
		id = c.node
	}
	reason := "unreadable"
	if errors.Is(err, os.ErrNotExist) {
		reason = "changed"
	}
	var pe *os.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	c.UnobservedEntry(id, -1, reason, fact.Escape(err.Error()), tree.HidesAll)
}

func (w *walker) hostEntry(ctx context.Context, c *Container, root *os.Root, rel string, parent tree.ID, name string, links map[inode]string) error {
	st, err := root.Lstat(rel)
	e := Entry{Parent: parent, Name: name, Size: -1}
	if err != nil {
		if id, ok := c.Add(e); ok {
			w.unreadable(c, id, err)
		}
		return nil
	}
	if c.skipped[member{path: rel, size: st.Size()}] {
		return nil
	}
	sys := hostMeta(&e.Meta, st)
	switch e.Type {
	case tree.Symlink:
		target, err := root.Readlink(rel)
		e.Link = fact.Escape(target)
		if id, ok := c.Add(e); ok && err != nil {
			w.unreadable(c, id, err)
		}
		return nil
	case tree.Dir:
		w.hostXattrs(root, rel, &e.Meta)
		id, ok := c.Add(e)
		if !ok {
			return errBytes
		}
		return w.hostDir(ctx, c, root, rel, id, links)
	case tree.File:
		return w.hostFile(ctx, c, root, rel, e, st, sys, links)
	default:
		c.Add(e)
		return nil
	}
}

func (w *walker) hostFile(ctx context.Context, c *Container, root *os.Root, rel string, e Entry, st os.FileInfo, sys inode, links map[inode]string) error {
	if sys != (inode{}) {
		if first, ok := links[sys]; ok {
			e.Hardlink = fact.Escape(first)
		} else {
			links[sys] = "/" + rel
		}
	}
	// Non-blocking, so that a file that became a FIFO in between cannot hold us.
	f, err := root.OpenFile(rel, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		if id, ok := c.Add(e); ok {
			w.unreadable(c, id, err)
		}
		return nil
	}
	defer f.Close()
	now, err := f.Stat()
	if err != nil || !os.SameFile(st, now) || !now.Mode().IsRegular() {
		if id, ok := c.Add(e); ok {
			c.UnobservedEntry(id, -1, "changed", "another file stands there now", tree.HidesAll)
		}
		return nil
	}
	fileXattrs(f, &e.Meta)
	e.Size = now.Size()
	id, ok := c.Add(e)
	if !ok {
		return errBytes
	}
	if e.Size <= memoryLimit {
		err = w.file(ctx, c, id, e.Size, io.LimitReader(f, memoryLimit+1))
	} else {
		err = w.content(ctx, id, source{at: f, size: e.Size}, 1)
	}
	after, serr := f.Stat()
	if serr != nil || after.Size() != now.Size() || !after.ModTime().Equal(now.ModTime()) {
		c.UnobservedEntry(id, -1, "changed", "the file changed while it was read", tree.HidesAll)
	}
	w.check(err)
	return w.stopped(ctx)
}

// hostMeta takes what the host says of a file and returns its identity where it has several names.
func hostMeta(m *tree.Meta, st os.FileInfo) inode {
	mode := st.Mode()
	switch {
	case mode&os.ModeSymlink != 0:
		m.Type = tree.Symlink
	case mode.IsDir():
		m.Type = tree.Dir
	case mode&os.ModeCharDevice != 0:
		m.Type = tree.Char
	case mode&os.ModeDevice != 0:
		m.Type = tree.Block
	case mode&os.ModeNamedPipe != 0:
		m.Type = tree.FIFO
	case mode&os.ModeSocket != 0:
		m.Type = tree.Socket
	}
	m.Has |= tree.HasMode | tree.HasTime
	m.Mode = uint32(mode.Perm())
	for bit, flag := range map[uint32]os.FileMode{0o4000: os.ModeSetuid, 0o2000: os.ModeSetgid, 0o1000: os.ModeSticky} {
		if mode&flag != 0 {
			m.Mode |= bit
		}
	}
	t := st.ModTime()
	m.Time, m.Nano = t.Unix(), int32(t.Nanosecond())
	return hostSys(m, st)
}

func (w *walker) hostXattrs(root *os.Root, rel string, m *tree.Meta) {
	f, err := root.OpenFile(rel, os.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW, 0)
	if err != nil {
		return
	}
	defer f.Close()
	fileXattrs(f, m)
}

// fileXattrs takes a file's extended attributes. Where the host cannot tell, they stay absent.
func fileXattrs(f *os.File, m *tree.Meta) {
	fd := int(f.Fd())
	n, err := unix.Flistxattr(fd, nil)
	if err != nil {
		return
	}
	list := make([]byte, n)
	if n > 0 {
		if n, err = unix.Flistxattr(fd, list); err != nil {
			return
		}
	}
	m.Has |= tree.HasXattrs
	for name := range strings.SplitSeq(string(list[:n]), "\x00") {
		if name == "" {
			continue
		}
		size, err := unix.Fgetxattr(fd, name, nil)
		value := make([]byte, max(size, 0))
		if err == nil && size > 0 {
			size, err = unix.Fgetxattr(fd, name, value)
		}
		if err != nil {
			m.Has &^= tree.HasXattrs
			continue
		}
		m.Xattrs = append(m.Xattrs, tree.Xattr{Name: fact.Escape(name), Value: value[:size]})
	}
	sortXattrs(m.Xattrs)
}
