package dossier

import "golang.org/x/sys/unix"

// exchange swaps two folders in one step (renameat2(2), RENAME_EXCHANGE); an error where one is not there or the file system cannot.
func exchange(a, b string) error {
	return unix.Renameat2(unix.AT_FDCWD, a, unix.AT_FDCWD, b, unix.RENAME_EXCHANGE)
}
