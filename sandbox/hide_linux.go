package sandbox

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Hide keeps other processes of the same user out of this one's memory and environment, and its memory out of core dumps, from now on. It is
// what Run does to the parent first; a program that takes a passphrase calls it before that.
func Hide() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("hiding the process: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("hiding the process: %w", err)
	}
	return nil
}
