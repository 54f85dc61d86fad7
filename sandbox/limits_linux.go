package sandbox

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

const mostThreads = 512

// memory tells whether the kernel can bound this program's private writable memory. The race detector's shadow is such memory, terabytes of
// it, reserved and never used: then the parent has to look.
func memory(limit uint64) (bound bool) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return true
	}
	for line := range bytes.Lines(status) {
		if f := bytes.Fields(line); len(f) == 3 && string(f[0]) == "VmData:" { // in kB: proc_pid_status(5)
			kb, err := strconv.ParseUint(string(f[1]), 10, 64)
			return err != nil || kb < limit>>10
		}
	}
	return true
}

// limit sets what setrlimit(2) knows. RLIMIT_DATA and not RLIMIT_AS: address space is reserved freely by the Go runtime.
func limit(s setup, f *found, bound bool, skip func(Protection) bool) {
	set := func(what int, n uint64) error {
		return syscall.Setrlimit(what, &syscall.Rlimit{Cur: n, Max: n})
	}
	_ = set(unix.RLIMIT_CORE, 0)
	if !skip(MemoryBound) {
		if bound {
			f.put(MemoryBound, set(unix.RLIMIT_DATA, s.Memory))
		} else {
			f.Held[MemoryBound] = watched
		}
	}
	if !skip(FilesBound) {
		f.put(FilesBound, set(unix.RLIMIT_NOFILE, s.Files))
	}
	switch {
	case skip(ProcessBound):
	case s.Root:
		f.put(ProcessBound, fmt.Errorf("the kernel does not bound root's"))
	case !s.MapSelf:
		f.put(ProcessBound, fmt.Errorf("without a user namespace it would count all of the user's"))
	default:
		f.put(ProcessBound, set(unix.RLIMIT_NPROC, mostThreads))
	}
}

// dropCapabilities takes all capabilities from this thread, and from what it executes although it be root. For root one is kept, to read the
// files of others: what may be read at all, Landlock and the own root decide. See capabilities(7).
func dropCapabilities(root bool) error {
	const noRoot = 1<<0 | 1<<1 | 1<<2 | 1<<3 | 1<<5 // SECBIT_NOROOT, NO_SETUID_FIXUP with their locks, KEEP_CAPS_LOCKED: linux/securebits.h
	header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var had [2]unix.CapUserData
	if err := unix.Capget(&header, &had[0]); err != nil {
		return fmt.Errorf("reading capabilities: %w", err)
	}
	kept := uint32(0)
	if root {
		kept = had[0].Permitted & (1 << unix.CAP_DAC_READ_SEARCH)
	}
	if had[0].Permitted|had[1].Permitted != 0 {
		if err := unix.Prctl(unix.PR_SET_SECUREBITS, noRoot, 0, 0, 0); err != nil {
			return fmt.Errorf("making root nobody special: %w", err)
		}
		for c := uintptr(0); c <= 63; c++ {
			if kept != 0 && c == unix.CAP_DAC_READ_SEARCH {
				continue
			}
			if err := unix.Prctl(unix.PR_CAPBSET_DROP, c, 0, 0, 0); err != nil && err != syscall.EINVAL { // EINVAL: beyond the last one
				return fmt.Errorf("dropping capability %d: %w", c, err)
			}
		}
	}
	if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0); err != nil {
		return fmt.Errorf("clearing ambient capabilities: %w", err)
	}
	now := [2]unix.CapUserData{{Effective: kept, Permitted: kept, Inheritable: kept}}
	if err := unix.Capset(&header, &now[0]); err != nil {
		return fmt.Errorf("dropping capabilities: %w", err)
	}
	if kept != 0 {
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, unix.CAP_DAC_READ_SEARCH, 0, 0); err != nil {
			return fmt.Errorf("keeping the capability to read: %w", err)
		}
	}
	return nil
}
