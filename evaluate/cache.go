package evaluate

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"
)

// DiskCache is a Cache in a folder: one file an entry, named by the hash of its key, with the hash of its content in front, so that a damaged
// entry is a lost one. Several processes may use one folder: files appear by renaming.
//
// Who can write to the folder can make this machine tell lies about what it observed: it belongs to the user who runs the program, mode 0700.
type DiskCache struct {
	dir  string
	most int64 // bytes

	mu      sync.Mutex
	written int64 // since the last sweep
}

// DefaultCacheSize is how many bytes a cache keeps at most, about.
const DefaultCacheSize = 2 << 30

// OpenCache opens or makes a cache of at most about most bytes.
func OpenCache(dir string, most int64) (*DiskCache, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	c := &DiskCache{dir: dir, most: most}
	mark := filepath.Join(dir, "swept")
	if st, err := os.Stat(mark); err != nil || time.Since(st.ModTime()) > 24*time.Hour {
		c.sweep()
		if err := os.WriteFile(mark, nil, 0o600); err != nil {
			return nil, err
		}
	}
	return c, nil
}

func (c *DiskCache) path(key string) string {
	sum := sha256.Sum256([]byte(key))
	name := hex.EncodeToString(sum[:])
	return filepath.Join(c.dir, name[:2], name[2:])
}

// Get returns an entry. Reading it makes it young.
func (c *DiskCache) Get(key string) ([]byte, bool) {
	path := c.path(key)
	b, err := os.ReadFile(path)
	if err != nil || len(b) < sha256.Size {
		return nil, false
	}
	sum := sha256.Sum256(append([]byte(key), b[sha256.Size:]...))
	if !slices.Equal(sum[:], b[:sha256.Size]) {
		return nil, false
	}
	if st, err := os.Stat(path); err == nil && time.Since(st.ModTime()) > time.Hour {
		now := time.Now()
		if err := os.Chtimes(path, now, now); err != nil {
			return b[sha256.Size:], true // it only looks older than it is
		}
	}
	return b[sha256.Size:], true
}

// Put keeps an entry. What cannot be written (a full disk) is not kept.
func (c *DiskCache) Put(key string, value []byte) {
	path := c.path(key)
	if int64(len(value)) > c.most/4 || os.MkdirAll(filepath.Dir(path), 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(path), "new-")
	if err != nil {
		return
	}
	sum := sha256.Sum256(append([]byte(key), value...))
	_, err1 := f.Write(sum[:])
	_, err2 := f.Write(value)
	if errors.Join(err1, err2, f.Close()) != nil || os.Rename(f.Name(), path) != nil {
		if os.Remove(f.Name()) != nil {
			return
		}
		return
	}
	c.mu.Lock()
	c.written += int64(len(value))
	full := c.written > c.most/8
	if full {
		c.written = 0
	}
	c.mu.Unlock()
	if full {
		c.sweep()
	}
}

// sweep removes the entries that were read longest ago until what is left fits, and what a killed process left half-written.
func (c *DiskCache) sweep() {
	type entry struct {
		path string
		size int64
		age  time.Time
	}
	var entries []entry
	var total int64
	err := filepath.WalkDir(c.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil
		}
		st, err := d.Info()
		if err != nil {
			return nil
		}
		entries = append(entries, entry{path, st.Size(), st.ModTime()})
		total += st.Size()
		return nil
	})
	if err != nil {
		return
	}
	slices.SortFunc(entries, func(a, b entry) int { return a.age.Compare(b.age) })
	for _, e := range entries {
		stale := filepath.Base(e.path)[:min(4, len(filepath.Base(e.path)))] == "new-" && time.Since(e.age) > time.Hour
		if total <= c.most && !stale {
			continue
		}
		if os.Remove(e.path) == nil {
			total -= e.size
		}
	}
}
