package unpack

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/probat-lab/probat/tree"
)

// hostSys takes owner and device from what Linux says of a file, and returns its identity where it has several names.
func hostSys(m *tree.Meta, st os.FileInfo) inode {
	sys, ok := st.Sys().(*syscall.Stat_t)
	if !ok {
		return inode{}
	}
	m.Has |= tree.HasOwner
	m.UID, m.GID = sys.Uid, sys.Gid
	if m.Type == tree.Char || m.Type == tree.Block {
		m.Has |= tree.HasDevice
		m.Major, m.Minor = unix.Major(sys.Rdev), unix.Minor(sys.Rdev)
	}
	if sys.Nlink > 1 && m.Type == tree.File {
		return inode{sys.Dev, sys.Ino}
	}
	return inode{}
}
