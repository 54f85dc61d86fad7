package blob

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	// tempDir holds what is being written. No name begins with a dot, so it is never mistaken for an object.
	tempDir = ".tmp"
	// staleAfter is the age from which a temporary file is what a crash has left. Sweeping one that somebody still writes would only make that
	// write fail, so the clock need not be right.
	staleAfter = time.Hour
)

// dir is a folder. Every path goes through root, which no name and no symbolic link leads out of.
type dir struct {
	root     *os.Root
	file     fs.FileMode
	folder   fs.FileMode
	readable string   // for errors: the path as it was given
	flushed  sync.Map // folders, by name, that are known to survive a crash

	linked func(temp, name string) error // for tests: called when the temporary file is complete, before it gets its name
	synced func(folder string)           // for tests: called after a folder was flushed
}

func openDir(p string, options []Option) (Store, error) {
	d := &dir{file: 0o644, folder: 0o755, readable: p}
	if slices.Contains(options, Private) {
		d.file, d.folder = 0o600, 0o700
	}
	if slices.Contains(options, Create) {
		if err := makeAll(p, d.folder); err != nil {
			return nil, fmt.Errorf("creating the folder %q: %w", p, classifyWrite(err))
		}
	}
	root, err := os.OpenRoot(p)
	if err != nil {
		return nil, fmt.Errorf("opening the folder %q: %w", p, classify(err))
	}
	d.root = root
	d.sweep()
	return d, nil
}

// Get implements Store.
func (d *dir) Get(ctx context.Context, name string, most int64) ([]byte, error) {
	if err := errors.Join(checkName(name), ctx.Err()); err != nil {
		return nil, fmt.Errorf("reading an object: %w", err)
	}
	data, err := d.read(name, most)
	if err != nil {
		return nil, fmt.Errorf("reading %q in %q: %w", name, d.readable, classify(err))
	}
	return data, nil
}

func (d *dir) read(name string, most int64) ([]byte, error) {
	// Without O_NONBLOCK, a pipe put in an object's place would hold the reader for ever.
	f, err := d.root.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return nil, ErrNotExist
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("not a regular file")
	}
	if info.Size() > most {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, info.Size(), most)
	}
	// The file may grow while it is read if it is not ours: hence a limit, and hence no trust in its size but as a hint.
	var buf bytes.Buffer
	buf.Grow(int(info.Size()) + bytes.MinRead)
	if _, err := buf.ReadFrom(io.LimitReader(f, most+1)); err != nil {
		return nil, err
	}
	if int64(buf.Len()) > most {
		return nil, fmt.Errorf("%w: at most %d", ErrTooLarge, most)
	}
	return buf.Bytes(), nil
}

// Put implements Store. The object appears by a hard link to a complete, flushed temporary file: a link never overwrites.
func (d *dir) Put(ctx context.Context, name string, data []byte) error {
	return d.write(ctx, name, data, func(temp string) error {
		if err := d.root.Link(temp, name); err == nil {
			return nil
		} else if !errors.Is(err, fs.ErrExist) {
			return err
		}
		old, err := d.read(name, int64(len(data)))
		if errors.Is(err, ErrTooLarge) || err == nil && !bytes.Equal(old, data) {
			return ErrExists
		}
		if err != nil {
			return err
		}
		// Whoever wrote it may have died before flushing the folder, and we are about to say that it is safe.
		return d.flushFile(name)
	})
}

// Replace implements Store.
func (d *dir) Replace(ctx context.Context, name string, data []byte) error {
	return d.write(ctx, name, data, func(temp string) error { return d.root.Rename(temp, name) })
}

// write makes a flushed temporary file of data, lets place give it its name, and flushes the folder.
func (d *dir) write(ctx context.Context, name string, data []byte, place func(temp string) error) (err error) {
	if err := errors.Join(checkName(name), ctx.Err()); err != nil {
		return fmt.Errorf("writing an object: %w", err)
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("writing %q in %q: %w", name, d.readable, classifyWrite(err))
		}
	}()
	temp, err := d.writeTemp(data)
	if err != nil {
		return err
	}
	defer func() {
		// After a rename it is gone; otherwise a leftover that sweep would find too.
		_ = d.root.Remove(temp)
	}()
	if err := d.makeFolder(path.Dir(name)); err != nil {
		return err
	}
	if d.linked != nil {
		if err := d.linked(temp, name); err != nil {
			return err
		}
	}
	if err := place(temp); err != nil {
		return err
	}
	return d.flushFolder(path.Dir(name))
}

func (d *dir) writeTemp(data []byte) (temp string, err error) {
	temp = tempDir + "/" + rand.Text()
	f, err := d.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, d.file)
	if errors.Is(err, fs.ErrNotExist) {
		// Never readable by others: what is private must not become visible through a folder that an older, public run made.
		if err := d.root.Mkdir(tempDir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return "", err
		}
		f, err = d.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL, d.file)
	}
	if err != nil {
		return "", err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = d.root.Remove(temp)
		return "", err
	}
	return temp, nil
}

// makeFolder makes a folder and its parents and flushes each one's parent, else a crash could lose the folder with the object. One that is
// there already is treated alike the first time: whoever made it may have died before flushing.
func (d *dir) makeFolder(name string) error {
	if name == "." {
		return nil
	}
	err := d.root.Mkdir(name, d.folder)
	if errors.Is(err, fs.ErrNotExist) {
		if err := d.makeFolder(path.Dir(name)); err != nil {
			return err
		}
		err = d.root.Mkdir(name, d.folder)
	}
	if errors.Is(err, fs.ErrExist) {
		if _, known := d.flushed.Load(name); known {
			return nil
		}
		if info, err := d.root.Stat(name); err != nil {
			return err
		} else if !info.IsDir() {
			return fmt.Errorf("%q: %w", name, syscall.ENOTDIR)
		}
		err = d.makeFolder(path.Dir(name))
	}
	if err != nil {
		return err
	}
	if err := d.flushFolder(path.Dir(name)); err != nil {
		return err
	}
	d.flushed.Store(name, true)
	return nil
}

func (d *dir) flushFolder(name string) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if d.synced != nil {
		d.synced(name)
	}
	return nil
}

func (d *dir) flushFile(name string) error {
	f, err := d.root.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Delete implements Store. Emptied folders stay: removing one would race with a Put into it.
func (d *dir) Delete(ctx context.Context, name string) error {
	if err := errors.Join(checkName(name), ctx.Err()); err != nil {
		return fmt.Errorf("deleting an object: %w", err)
	}
	err := d.remove(name)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("deleting %q in %q: %w", name, d.readable, classifyWrite(err))
	}
	return nil
}

func (d *dir) remove(name string) error {
	info, err := d.root.Lstat(name)
	if err != nil {
		return err
	}
	if info.IsDir() {
		return nil // no object has this name
	}
	if err := d.root.Remove(name); err != nil {
		return err
	}
	return d.flushFolder(path.Dir(name))
}

// List implements Store.
func (d *dir) List(ctx context.Context, prefix string) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := checkPrefix(prefix); err != nil {
			yield("", fmt.Errorf("listing objects: %w", err))
			return
		}
		folder, _ := path.Split(prefix)
		folder = path.Clean(folder)
		if folder == "" {
			folder = "."
		}
		d.walk(ctx, folder, prefix, yield)
	}
}

// walk yields the objects below folder whose names begin with prefix; false when it should not go on.
func (d *dir) walk(ctx context.Context, folder, prefix string, yield func(string, error) bool) bool {
	fail := func(err error) bool {
		yield("", fmt.Errorf("listing %q in %q: %w", prefix, d.readable, classify(err)))
		return false
	}
	entries, err := fs.ReadDir(d.root.FS(), folder)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return true
	}
	if err != nil {
		return fail(err)
	}
	for _, name := range sortedNames(folder, entries) {
		if err := ctx.Err(); err != nil {
			return fail(err)
		}
		if below, isFolder := strings.CutSuffix(name, "/"); isFolder {
			if (strings.HasPrefix(name, prefix) || strings.HasPrefix(prefix, name)) && !d.walk(ctx, below, prefix, yield) {
				return false
			}
		} else if strings.HasPrefix(name, prefix) && !yield(name, nil) {
			return false
		}
	}
	return true
}

// sortedNames returns the full names of the files and folders among entries in the order in which the names below them sort: a folder "a"
// stands for "a/…", which sorts after "a-b" although "a" sorts before. The names of folders end in "/".
func sortedNames(folder string, entries []fs.DirEntry) []string {
	var names []string
	for _, e := range entries {
		if !validSegment(e.Name()) {
			continue
		}
		name := path.Join(folder, e.Name())
		switch {
		case e.IsDir():
			names = append(names, name+"/")
		case e.Type().IsRegular():
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// sweep removes what crashes have left. A folder that cannot be written is opened for reading all the same, so errors do not matter.
func (d *dir) sweep() {
	entries, err := fs.ReadDir(d.root.FS(), tempDir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && time.Since(info.ModTime()) > staleAfter {
			_ = d.root.Remove(tempDir + "/" + e.Name())
		}
	}
}

// makeAll is os.MkdirAll that flushes the parent of every folder it made.
func makeAll(p string, mode fs.FileMode) error {
	p = path.Clean(p)
	if info, err := os.Stat(p); err == nil && info.IsDir() {
		return nil
	}
	parent := path.Dir(p)
	if parent != p {
		if err := makeAll(parent, mode); err != nil {
			return err
		}
	}
	if err := os.Mkdir(p, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	f, err := os.Open(parent)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// classifyWrite is classify for what wanted to write: a missing permission then means that the store is not writable.
func classifyWrite(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w: %w", ErrReadOnly, err)
	}
	if errors.Is(err, syscall.ENOTDIR) {
		return fmt.Errorf("a part of the name is an object and no folder: %w", err)
	}
	return classify(err)
}

// classify adds to an error of the system the error of this package that it stands for.
func classify(err error) error {
	for _, c := range []struct{ system, ours error }{
		{fs.ErrNotExist, ErrNotExist},
		{syscall.ENOTDIR, ErrNotExist},
		{syscall.ENOSPC, ErrFull},
		{syscall.EDQUOT, ErrFull},
		{syscall.EFBIG, ErrFull},
		{syscall.EROFS, ErrReadOnly},
	} {
		if errors.Is(err, c.system) && !errors.Is(err, c.ours) {
			return fmt.Errorf("%w: %w", c.ours, err)
		}
	}
	return err
}
