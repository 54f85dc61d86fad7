//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd || windows)

package verify

import (
	"errors"
	"io/fs"
	"os"
)

// tryLock takes the lock or returns errLocked: who makes the file has the lock. After a crash the file stays and must be removed by hand; the error names it.
func tryLock(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil, errLocked
	}
	if err != nil {
		return nil, err
	}
	return func() { _, _ = f.Close(), os.Remove(name) }, nil
}

// syncFolder does nothing: not every system here has such a call.
func syncFolder(string) error { return nil }
