package verify

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/probat-lab/probat/credential"
)

const (
	lockEvery = 20 * time.Millisecond
	lockTries = 500 // ten seconds: the lock is held while a small file is read and written
)

// errLocked says that another process has the lock.
var errLocked = errors.New("another verifier holds the lock")

// readSeen reads what was seen; nil if there is no file yet.
func readSeen(name string) (*credential.Seen, error) {
	data, err := read("what was seen", name, credential.MaxSeen+1)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return credential.ParseSeen(data)
}

// remember adds what was seen now to what the file says by now, which can be more than it said when this verifier began: another one may have
// written meanwhile. The file is written whole or not at all.
func (c *command) remember(now, before *credential.Seen) (err error) {
	if c.seen == "" || now == nil || now == before {
		return nil
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("remembering what was seen: %w", err)
		}
	}()
	unlock, err := lock(c.seen + ".lock")
	if err != nil {
		return err
	}
	defer unlock()
	old, err := readSeen(c.seen)
	if err != nil {
		return err
	}
	all, err := credential.Merge(old, now)
	if err != nil {
		return err
	}
	data, err := all.Bytes()
	if err != nil {
		return err
	}
	if old != nil {
		if was, err := old.Bytes(); err == nil && bytes.Equal(was, data) {
			return nil
		}
	}
	return replace(c.seen, data)
}

// replace puts a file in the place of another, so that after a loss of power there is one of the two.
func replace(name string, data []byte) error {
	dir := filepath.Dir(name)
	f, err := os.CreateTemp(dir, ".probat-seen-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // gone after the renaming
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if errClose := f.Close(); err == nil { // Windows renames no open file
		err = errClose
	}
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return err
	}
	return syncFolder(dir)
}

// lock takes the lock that is a file's, and waits for it. The file stays: to remove it would let two have the lock, one of the old file, one of the new.
func lock(name string) (unlock func(), err error) {
	for range lockTries {
		unlock, err = tryLock(name)
		if !errors.Is(err, errLocked) {
			return unlock, err
		}
		time.Sleep(lockEvery)
	}
	return nil, fmt.Errorf("%w: %q", err, name)
}
