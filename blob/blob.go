// Package blob keeps objects by name in a folder or in an S3 bucket: tiles of the log, evidence, status lists.
//
// It knows bytes and names only, not what they mean. An object is immutable: Put never overwrites, whoever races with it, so that a published
// tile can be changed by nobody who goes through this package. The one exception, Replace, is for the checkpoint, whose name stays and whose
// content grows. What Put, Replace and Delete have acknowledged is on stable storage.
package blob

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"strings"
)

// Store is a folder or a bucket. Its methods may be called from several goroutines and several processes at once.
//
// A name is one or more segments joined by "/"; a segment has 1 to 255 of the characters a-z 0-9 . _ - and does not begin with a dot. So no
// name leads out of the folder, none is hidden, and two names never meet on a file system that ignores case. No name may be the folder of
// another: a folder refuses it, a bucket does not notice.
type Store interface {
	// Get returns the bytes of an object, at most most of them: ErrTooLarge if there are more, ErrNotExist if there is none.
	Get(ctx context.Context, name string, most int64) ([]byte, error)

	// Put stores an object for ever. If it is there already with the same bytes, nothing happens; with others, ErrExists. After an error the
	// object may be there all the same (the answer was lost); then a second Put settles it.
	Put(ctx context.Context, name string, data []byte) error

	// Replace stores an object over what was there, atomically: a reader sees the old bytes or the new ones. For the checkpoint only. Of two
	// that race the last one stays: who may write must be decided elsewhere (the head in the database decides it).
	Replace(ctx context.Context, name string, data []byte) error

	// List yields the names that begin with prefix, in the order of their bytes, and stops after the first error. What is no valid name
	// (temporary files, lost+found) is left out. The prefix need not end at a "/"; "" lists everything.
	List(ctx context.Context, prefix string) iter.Seq2[string, error]

	// Delete removes an object; that there is none is no error.
	Delete(ctx context.Context, name string) error
}

// Errors that can be asked for with errors.Is.
var (
	ErrNotExist = errors.New("no such object")
	ErrExists   = errors.New("an object of this name and other content exists")
	ErrTooLarge = errors.New("the object is larger than allowed")
	ErrName     = errors.New("not a name of an object")
	ErrFull     = errors.New("no space left")
	// ErrReadOnly: the folder, its file system or the bucket's policy lets nobody (or not us) write.
	ErrReadOnly = errors.New("not writable")
	// ErrCorrupt: the bytes of a content-addressed object are not those of its name.
	ErrCorrupt = errors.New("the content does not match its digest")
)

// Option changes how Open opens a folder; a bucket ignores both.
type Option int

// The options.
const (
	// Create makes the folder if there is none, with its parents. Without it a mistyped path is an error and not an empty store.
	Create Option = iota + 1
	// Private makes files readable by their owner only: 0600 and 0700 instead of 0644 and 0755.
	Private
)

// Open opens the store that u names: a path, file:///path, or
//
//	s3://bucket/prefix?endpoint=HOST[:PORT]&region=REGION&insecure=1
//
// The endpoint is Amazon's for the region if none is given; insecure=1 speaks HTTP without TLS. The credentials of S3 come from the environment
// (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN) and never from u; without them requests are anonymous.
func Open(ctx context.Context, u string, options ...Option) (Store, error) {
	switch {
	case strings.HasPrefix(u, "s3://"):
		return openS3(ctx, u)
	case strings.HasPrefix(u, "file://"):
		p, err := url.Parse(u)
		if err != nil || p.Host != "" || p.RawQuery != "" || p.Fragment != "" || p.User != nil || p.Path == "" {
			return nil, errors.New("opening a store: a file URL is file:///path and nothing else")
		}
		return openDir(p.Path, options)
	case strings.Contains(u, "://"):
		scheme, _, _ := strings.Cut(u, "://")
		return nil, fmt.Errorf("opening a store: unknown scheme %q: a path, file:// or s3:// is expected", scheme)
	case u == "":
		return nil, errors.New("opening a store: the path is empty")
	}
	return openDir(u, options)
}

// PutDigest stores data under a name made of its SHA-256, "sha256/ab/cdef…" (the other 62 digits), and returns the name.
func PutDigest(ctx context.Context, s Store, data []byte) (string, error) {
	name := DigestName(sha256.Sum256(data))
	return name, s.Put(ctx, name, data)
}

// GetDigest returns the bytes whose SHA-256 is sum, hashed again before they are returned: ErrCorrupt if they have changed.
func GetDigest(ctx context.Context, s Store, sum [sha256.Size]byte, most int64) ([]byte, error) {
	name := DigestName(sum)
	data, err := s.Get(ctx, name, most)
	if err != nil {
		return nil, err
	}
	if sha256.Sum256(data) != sum {
		return nil, fmt.Errorf("reading %q: %w", name, ErrCorrupt)
	}
	return data, nil
}

// DigestName is the name under which PutDigest stores the bytes with this SHA-256.
func DigestName(sum [sha256.Size]byte) string {
	h := hex.EncodeToString(sum[:])
	return "sha256/" + h[:2] + "/" + h[2:]
}

const (
	maxSegment = 255
	// maxName is less than S3's 1,024 bytes, to leave room for a prefix, and less than PATH_MAX.
	maxName = 900
)

// checkName says whether name may be used.
func checkName(name string) error {
	if len(name) > maxName {
		return fmt.Errorf("%w: %d bytes long, at most %d are allowed", ErrName, len(name), maxName)
	}
	for segment := range strings.SplitSeq(name, "/") {
		if !validSegment(segment) {
			return fmt.Errorf("%w: %q", ErrName, name)
		}
	}
	return nil
}

// checkPrefix says whether some name can begin with prefix.
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if checkName(strings.TrimSuffix(prefix, "/")) != nil {
		return fmt.Errorf("%w can begin with %q", ErrName, prefix)
	}
	return nil
}

func validSegment(s string) bool {
	if s == "" || len(s) > maxSegment || s[0] == '.' {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if !(c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-') {
			return false
		}
	}
	return true
}
