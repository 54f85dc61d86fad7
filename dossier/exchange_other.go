//go:build !linux

package dossier

import "errors"

func exchange(_, _ string) error { return errors.ErrUnsupported }
