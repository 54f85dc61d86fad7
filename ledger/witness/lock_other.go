//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly)

package witness

import (
	"errors"
	"os"
)

// tryLock refuses: two processes with one state could cosign two histories, and here nothing of ours would keep them apart.
func tryLock(*os.File) error {
	return errors.New("a witness does not run on this system: no file locks")
}
