//go:build !linux

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
)

// Main returns false: there are no children on this system.
func Main([]Task) bool { return false }

// Run fails: this system has no sandbox that we know how to use. The error wraps errors.ErrUnsupported.
func Run(context.Context, string, io.Reader, io.Writer, Options) (Report, error) {
	return unsupported(), fmt.Errorf("starting a sandbox on %s: %w", runtime.GOOS, errors.ErrUnsupported)
}

// Hide does nothing: this system is not asked to.
func Hide() error { return nil }

// Probe reports level none.
func Probe(context.Context) (Report, error) { return unsupported(), nil }

func unsupported() Report {
	missing := map[Protection]string{}
	for _, p := range protections {
		missing[p] = "not on " + runtime.GOOS
	}
	return newReport(nil, missing)
}
