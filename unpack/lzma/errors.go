package lzma

import (
	"errors"
	"fmt"
	"io"
)

// ErrTooLong says that a [Decoder] found more bytes inside than there is room for.
var ErrTooLong = errors.New("more bytes inside than there is room for")

// ErrUnsupported is wrapped in errors about content that may be sound and needs what this package does not have.
var ErrUnsupported = errors.New("not supported")

// WindowError refuses a window above the limit that the caller gave. Nothing was allocated for it.
type WindowError struct {
	Asked, Most int64 // bytes
}

func (e *WindowError) Error() string {
	return fmt.Sprintf("a window of %d bytes is asked for, here at most %d are given", e.Asked, e.Most)
}

// errLZMA and errXZ are damage.
var (
	errLZMA = errors.New("damaged LZMA data")
	errXZ   = errors.New("damaged xz data")
)

func damagedXZ(what string) error { return fmt.Errorf("%w: %s", errXZ, what) }

// noEOF makes an end where more must come an error.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
