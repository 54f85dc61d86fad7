package sandbox

import (
	"errors"
	"fmt"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Rights on files by the Landlock ABI that brought them: linux/landlock.h, Documentation/userspace-api/landlock.rst. Whatever a kernel knows
// is forbidden, except by rule.
var landlockFS = []struct {
	abi    int
	rights uint64
}{
	{1, unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1}, // the first thirteen
	{2, unix.LANDLOCK_ACCESS_FS_REFER},
	{3, unix.LANDLOCK_ACCESS_FS_TRUNCATE},
	{5, unix.LANDLOCK_ACCESS_FS_IOCTL_DEV},
}

const (
	mayRead    = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	mayExecute = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE
	mayWrite   = mayRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR |
		unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_TRUNCATE

	onFiles = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_EXECUTE // what a rule on a file may name

	landlockNet   = unix.LANDLOCK_ACCESS_NET_BIND_TCP | unix.LANDLOCK_ACCESS_NET_CONNECT_TCP // from ABI 4
	landlockScope = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL    // from ABI 6
)

// landlock restricts this thread, and what it executes, to the listed places, and returns the kernel's ABI, 0 without Landlock.
//
// The system calls are made here and not by a module: one thread that executes the program again needs no means to reach all threads, which
// for programs with a C library is a library of its own.
func landlock(s setup, images []place) (abi int, err error) {
	v, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0, fmt.Errorf("asking for its version: %w", errno)
	}
	abi = int(v)
	var attr unix.LandlockRulesetAttr
	for _, l := range landlockFS {
		if abi >= l.abi {
			attr.Handled_access_fs |= l.rights
		}
	}
	if abi >= 4 {
		attr.Handled_access_net = landlockNet
	}
	if abi >= 6 {
		attr.Scoped = landlockScope
	}
	// The kernel takes a shorter structure from a longer one as long as the rest is zero; an older kernel wants it so.
	r, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), landlockSize(abi), 0)
	if errno != 0 {
		return abi, fmt.Errorf("making a rule set: %w", errno)
	}
	rules := int(r)
	defer unix.Close(rules)
	for _, group := range []struct {
		places []place
		rights uint64
	}{{images, mayExecute}, {s.Read, mayRead}, {s.Write, mayWrite}} {
		for _, p := range group.places {
			if err := allow(rules, p, group.rights&attr.Handled_access_fs); err != nil {
				return abi, err
			}
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(rules), 0, 0); errno != 0 {
		return abi, fmt.Errorf("restricting: %w", errno)
	}
	if fd, err := unix.Open("/", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0); !errors.Is(err, syscall.EACCES) && !listed(s, "/") {
		unix.Close(fd)
		return abi, fmt.Errorf("the root folder can still be read: %v", err)
	}
	return abi, nil
}

func landlockSize(abi int) uintptr {
	switch {
	case abi < 4:
		return 8
	case abi < 6:
		return 16
	}
	return 24
}

func listed(s setup, name string) bool {
	for _, p := range append(s.Read, s.Write...) {
		if p.Name == name {
			return true
		}
	}
	return false
}

func allow(rules int, p place, rights uint64) error {
	fd, err := unix.Open(p.Name, unix.O_PATH|unix.O_CLOEXEC, 0)
	if errors.Is(err, syscall.ENOENT) {
		fd, err = unix.Open(p.Real, unix.O_PATH|unix.O_CLOEXEC, 0) // the program itself, in the host's root
	}
	if err != nil {
		return fmt.Errorf("opening %q for a rule: %w", p.Name, err)
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return fmt.Errorf("opening %q for a rule: %w", p.Name, err)
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= onFiles
	}
	rule := unix.LandlockPathBeneathAttr{Allowed_access: rights, Parent_fd: int32(fd)}
	_, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(rules), unix.LANDLOCK_RULE_PATH_BENEATH, uintptr(unsafe.Pointer(&rule)), 0, 0, 0)
	if errno != 0 {
		return fmt.Errorf("making a rule for %q: %w", p.Name, errno)
	}
	return nil
}
