package child

import (
	"archive/zip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/probat-lab/probat/sandbox"
)

// What a zip of a dossier may have: entries, and bytes when unpacked.
const (
	mostEntries  = 100_000
	mostUnpacked = 2 << 30
)

type unzipping struct{ Zip, Out string }

// childUnzip unpacks a dossier that came as a zip into a new folder. A folder around everything is left away. Nothing leads out of it: names are
// checked, and the files are made below an opened root.
func childUnzip(ctx context.Context, in io.Reader, _, _ io.Writer) error {
	var u unzipping
	if err := json.NewDecoder(in).Decode(&u); err != nil {
		return fmt.Errorf("reading which zip: %w", err)
	}
	z, err := zip.OpenReader(u.Zip)
	if err != nil {
		return fmt.Errorf("opening the zip: %w", err)
	}
	defer z.Close()
	if len(z.File) > mostEntries {
		return fmt.Errorf("the zip has %d entries, at most %d", len(z.File), mostEntries)
	}
	around, found := "", false
	for _, f := range z.File {
		if dir, ok := strings.CutSuffix(f.Name, "dossier.json"); ok && strings.Count(dir, "/") <= 1 && (dir == "" || strings.HasSuffix(dir, "/")) {
			around, found = dir, true
		}
	}
	if !found {
		return errors.New("the zip holds no dossier.json")
	}
	if err := os.Mkdir(u.Out, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(u.Out)
	if err != nil {
		return err
	}
	defer root.Close()
	left := int64(mostUnpacked)
	for _, f := range z.File {
		name, ok := strings.CutPrefix(f.Name, around)
		if !ok || strings.HasSuffix(name, "/") {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		n, err := unzipFile(root, f, name, left)
		if err != nil {
			return fmt.Errorf("unpacking %q: %w", f.Name, err)
		}
		left -= n
	}
	return nil
}

func unzipFile(root *os.Root, f *zip.File, name string, left int64) (n int64, err error) {
	if !filepath.IsLocal(filepath.FromSlash(name)) || strings.ContainsAny(name, `\:`) || !f.Mode().IsRegular() {
		return 0, errors.New("it is no plain file below the folder")
	}
	in, err := f.Open()
	if err != nil {
		return 0, err
	}
	defer in.Close()
	if dir := filepath.Dir(filepath.FromSlash(name)); dir != "." {
		if err := root.MkdirAll(dir, 0o700); err != nil {
			return 0, err
		}
	}
	out, err := root.OpenFile(filepath.FromSlash(name), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return 0, err
	}
	n, err = io.Copy(out, io.LimitReader(in, left+1))
	if err == nil && n > left {
		err = fmt.Errorf("the zip unpacks to more than %d bytes", int64(mostUnpacked))
	}
	return n, errors.Join(err, out.Close())
}

// Unzip unpacks a dossier that came as a zip into a folder that is not there yet, in one that is.
func (s Sandbox) Unzip(ctx context.Context, file, out string) error {
	o := sandbox.Options{Read: []string{file}, Write: []string{filepath.Dir(out)}, OutLimit: 1 << 10}
	return s.run(ctx, taskUnzip, unzipping{file, out}, io.Discard, o)
}
