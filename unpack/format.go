package unpack

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/probat-lab/probat/tree"
)

// Format is something that unpack can open. Exactly one of Decode, Stream and Open is set.
type Format struct {
	Name    string // as in facts and listings: gzip, tar, squashfs
	Version int    // raised when the same bytes would give another tree
	// Sniff tells from the first bytes (at least sniffLen of them, fewer only where the content is shorter) whether the content is of this format.
	Sniff func(head []byte) bool
	// Confirm, where it is set, decides by more than the first bytes. Where it says no, the formats that follow in the table are tried.
	Confirm func(ctx context.Context, r io.ReaderAt, size int64) bool

	// Decode opens a single-stream compressor. What it returns ends, with io.EOF, behind the last stream of the format
	// and leaves what follows unread in r; a damaged or truncated stream ends with another error after all that could be decoded.
	Decode func(r *bufio.Reader) (io.Reader, error)
	// Stream opens an archive that is read from front to back. Returning leaves what follows the archive unread in r.
	Stream func(ctx context.Context, r *bufio.Reader, to *Container) error
	// Open opens a container that needs its bytes in any order. It claims the ranges that it understands; what no claim covers is padding or unobserved.
	Open func(ctx context.Context, r io.ReaderAt, size int64, to *Container) error
}

// sniffLen is how many bytes a Sniff may want: past the superblock of ext2 and the magic of ISO 9660.
const sniffLen = 36 << 10

// Formats returns what unpack opens, in the order in which contents are tried.
func Formats() []Format {
	return []Format{
		squashfsFormat, extFormat, gptFormat, mbrFormat, uimageFormat,
		gzipFormat, bzip2Format, xzFormat, zstdFormat, lz4Format, zipFormat, arFormat, ociFormat, tarFormat, cpioFormat,
		lzmaFormat,
	}
}

// Budget bounds what a hostile artifact can cost. It counts bytes, entries and levels, never time, so that what was
// left out is the same on every machine. The zero value of a member means its default.
type Budget struct {
	Bytes   int64 // decoded bytes of all nodes together; default 4 GiB + 20 times the artifact's size
	Entries int64 // nodes; one whose address is long counts as several, one for each 256 bytes; default 200,000
	Depth   int   // containers inside each other; default 32
}

// The defaults of a Budget.
const (
	DefaultEntries = 200_000
	DefaultDepth   = 32
	defaultBytes   = 4 << 30
	bytesFactor    = 20
)

func (b Budget) withDefaults(artifact int64) Budget {
	if b.Bytes == 0 {
		b.Bytes = defaultBytes + bytesFactor*artifact
	}
	if b.Entries == 0 {
		b.Entries = DefaultEntries
	}
	if b.Depth == 0 {
		b.Depth = DefaultDepth
	}
	return b
}

// Visitor is shown every file whose bytes could be read whole. Its methods are called from several goroutines.
type Visitor interface {
	// Wants tells whether the bytes of a large file would be looked at. Small files are shown without asking.
	Wants(path string, head []byte, size int64) bool
	// Visit looks at a file. What it finds belongs to the digest: the same digest may be visited any number of times.
	// path is the file's path in its innermost container, with a leading slash, as in addresses.
	Visit(ctx context.Context, path string, digest [32]byte, format string, c tree.Content)
}

// FullBudget returns the budget that Walk keeps to for these artifacts, with all defaults.
func FullBudget(artifacts []Artifact, b Budget) (Budget, error) {
	var total int64
	for _, a := range artifacts {
		st, err := os.Stat(a.Path)
		if err != nil {
			return b, fmt.Errorf("opening the artifact %q: %w", a.ID, err)
		}
		switch {
		case st.Mode().IsRegular():
			total += st.Size()
		case st.IsDir() && b.Bytes == 0:
			total += filesBelow(a.Path)
		}
	}
	return b.withDefaults(total), nil
}

// filesBelow adds up the sizes of the files of a directory. What cannot be read counts nothing.
func filesBelow(path string) (n int64) {
	_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil
		}
		if st, err := d.Info(); err == nil {
			n += st.Size()
		}
		return nil
	})
	return n
}
