//go:build unix

package ledger

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
)

// lockFile takes the lock beside a SQLite database. The kernel gives it up when the process ends, however it ends.
func lockFile(_ context.Context, path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path+"-ledger", os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		if errors.Is(err, syscall.EWOULDBLOCK) {
			err = ErrLocked
		}
		return nil, fmt.Errorf("locking: %w", errors.Join(err, f.Close()))
	}
	return f.Close, nil
}
