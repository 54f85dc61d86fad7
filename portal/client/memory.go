package client

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Memory is a folder in which a program keeps what it has begun, so that it goes on there when it is started again: ids of uploads, and
// submissions whose answer did not arrive. Losing it costs time and no more. The nil Memory remembers nothing.
type Memory struct{ dir string }

// remembered is how long something is kept that nobody asks for.
const remembered = 30 * 24 * time.Hour

// NewMemory returns the memory in a folder, which is made when there is something to remember.
func NewMemory(dir string) *Memory { return &Memory{dir} }

// MemoryKey returns the name under which something is remembered that these words identify.
func MemoryKey(words ...string) string {
	data, _ := json.Marshal(words) // strings always can
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// Path returns the file in which something is remembered.
func (m *Memory) Path(key string) string { return filepath.Join(m.dir, key) }

// Get reads what was remembered into v, and says whether there was something that fits.
func (m *Memory) Get(key string, v any) bool {
	if m == nil {
		return false
	}
	data, err := os.ReadFile(filepath.Join(m.dir, key))
	return err == nil && json.Unmarshal(data, v) == nil
}

// Put remembers something, readable for this user only. What is much older goes.
func (m *Memory) Put(key string, v any) (err error) {
	if m == nil {
		return nil
	}
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("remembering what was begun: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("remembering what was begun: %w", err)
		}
	}()
	if err := os.MkdirAll(m.dir, 0o700); err != nil {
		return err
	}
	m.tidy()
	f, err := os.CreateTemp(m.dir, "new-")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(m.dir, key))
	}
	if err != nil {
		err = errors.Join(err, os.Remove(f.Name()))
	}
	return err
}

// Drop forgets something.
func (m *Memory) Drop(key string) error {
	if m == nil {
		return nil
	}
	if err := os.Remove(filepath.Join(m.dir, key)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("forgetting what was begun: %w", err)
	}
	return nil
}

func (m *Memory) tidy() {
	entries, err := os.ReadDir(m.dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && time.Since(info.ModTime()) > remembered {
			_ = os.Remove(filepath.Join(m.dir, e.Name())) // the next time, then
		}
	}
}
