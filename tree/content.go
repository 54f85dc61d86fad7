package tree

import "io"

// Content is the bytes of one file while it is visited: the innermost ones, behind all single-stream compressors.
type Content interface {
	io.ReaderAt
	Size() int64
	// Head returns the first bytes, at least 4 KiB where there are so many. It must not be changed or kept.
	Head() []byte
	// Bytes returns all bytes, or nil where the file is too large to be held in memory. They must not be changed or kept.
	Bytes() []byte
}
