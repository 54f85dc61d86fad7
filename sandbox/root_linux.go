package sandbox

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// ownImages returns the files that this process is made of: the program first, then, where it is linked dynamically, the loader under the name that the
// program calls it by, and the libraries. The next stage must be able to read and execute exactly these.
func ownImages() ([]place, error) {
	exe, err := os.Readlink(self)
	if err != nil {
		return nil, fmt.Errorf("looking for this program: %w", err)
	}
	list := []place{{Name: "/.this-program", Real: exe}}
	// The link leads to the file as the parent's mount namespace has it, which cannot be shown in ours: the name has to be good.
	here, err1 := os.Stat(exe)
	running, err2 := os.Stat(self)
	if err1 != nil || err2 != nil || !os.SameFile(here, running) {
		list[0].Real = self
	}
	loader, err := interpreter()
	if err != nil || loader == "" {
		return list, err
	}
	add := func(name string) {
		if !slices.ContainsFunc(list, func(p place) bool { return p.Name == name }) {
			list = append(list, place{Name: name, Real: name})
		}
	}
	add(loader)
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return nil, fmt.Errorf("looking for this program's libraries: %w", err)
	}
	for line := range bytes.Lines(maps) { // address perms offset dev inode path: proc_pid_maps(5)
		f := bytes.Fields(line)
		if len(f) == 6 && f[5][0] == '/' && string(f[5]) != exe {
			add(string(f[5]))
		}
	}
	for _, name := range []string{"/etc/ld.so.cache"} {
		if _, err := os.Stat(name); err == nil {
			add(name)
		}
	}
	return list, nil
}

// interpreter returns the loader of this program, empty where it is linked statically.
func interpreter() (string, error) {
	f, err := elf.Open(self)
	if err != nil {
		return "", fmt.Errorf("reading this program: %w", err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			b := make([]byte, min(p.Filesz, unix.PathMax))
			if _, err := p.ReadAt(b, 0); err != nil {
				return "", fmt.Errorf("reading this program's loader: %w", err)
			}
			return string(bytes.TrimRight(b, "\x00")), nil
		}
	}
	return "", nil
}

// ownRoot makes a root folder of which nothing is on the host but what the options list and what this program is made of, and moves into it.
// On an error the process still has its old root, or none that it could use: the caller goes on with the other protections.
func ownRoot(s setup, images []place) error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("making mounts private: %w", err)
	}
	var binds []bind
	defer func() {
		for _, b := range binds {
			unix.Close(b.fd)
		}
	}()
	for _, group := range []struct {
		places []place
		attr   uint64
	}{
		{images, unix.MOUNT_ATTR_RDONLY},
		{s.Read, unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOEXEC},
		{s.Write, unix.MOUNT_ATTR_NOEXEC},
	} {
		for _, p := range group.places {
			// Opened before anything is mounted over it.
			fd, err := unix.Open(p.Real, unix.O_PATH|unix.O_CLOEXEC, 0)
			if err != nil {
				return fmt.Errorf("opening %q: %w", p.Real, err)
			}
			binds = append(binds, bind{p, fd, group.attr | unix.MOUNT_ATTR_NOSUID})
		}
	}
	slices.SortStableFunc(binds, func(a, b bind) int { return strings.Compare(a.Name, b.Name) })
	base, err := baseFolder()
	if err != nil {
		return err
	}
	if err := unix.Mount("sandbox", base, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "size=1m,mode=755"); err != nil {
		return fmt.Errorf("mounting an empty root: %w", err)
	}
	for _, b := range binds {
		if err := b.mount(base); err != nil {
			unix.Unmount(base, unix.MNT_DETACH)
			return fmt.Errorf("showing %q: %w", b.Name, err)
		}
	}
	return enter(base)
}

// baseFolder finds a folder to mount the new root on. What it hides, nobody in this namespace will miss.
func baseFolder() (string, error) {
	for _, name := range []string{"/tmp", "/var", "/usr", "/etc"} {
		if st, err := os.Stat(name); err == nil && st.IsDir() {
			return name, nil
		}
	}
	return "", errors.New("looking for a folder to mount a new root on: there is none")
}

func enter(base string) error {
	readOnly := &unix.MountAttr{Attr_set: unix.MOUNT_ATTR_RDONLY}
	if err := unix.MountSetattr(unix.AT_FDCWD, base, 0, readOnly); err != nil {
		unix.Unmount(base, unix.MNT_DETACH)
		return fmt.Errorf("making the new root read-only: %w", err)
	}
	if err := os.Chdir(base); err != nil {
		return fmt.Errorf("entering the new root: %w", err)
	}
	// The old root ends up on top of the new one and is taken away: pivot_root(2), "pivot_root(".", ".")".
	if err := unix.PivotRoot(".", "."); err != nil {
		unix.Unmount(base, unix.MNT_DETACH)
		return fmt.Errorf("changing the root: %w", err)
	}
	if err := unix.Unmount(".", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("taking the old root away: %w", err)
	}
	return os.Chdir("/")
}

// bind is a place to be shown in the new root.
type bind struct {
	place
	fd   int
	attr uint64 // MOUNT_ATTR_*, added to what the mount has
}

func (b bind) mount(base string) error {
	target := filepath.Join(base, b.Name)
	if b.Folder {
		if err := os.MkdirAll(target, 0o755); err != nil {
			return err
		}
	} else if _, err := os.Lstat(target); err != nil { // in a folder that was shown before it is there
		if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(target, nil, 0o644); err != nil {
			return err
		}
	}
	// Recursive, since a user namespace may not show a folder without what is mounted in it.
	if err := unix.Mount(fmt.Sprintf("/proc/self/fd/%d", b.fd), target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return err
	}
	return unix.MountSetattr(unix.AT_FDCWD, target, unix.AT_RECURSIVE, &unix.MountAttr{Attr_set: b.attr})
}
