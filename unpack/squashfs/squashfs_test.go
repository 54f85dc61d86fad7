package squashfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// TestImages compares images made with every option that changes the format
// with the tree that they were made of.
func TestImages(t *testing.T) {
	root := makeTree(t)
	all := expect(t, root)
	for _, options := range []string{
		"-comp gzip", "-comp xz", "-comp lzo", "-comp lz4", "-comp zstd", "-comp lzma",
		"-comp xz -Xbcj x86,arm", "-comp xz -Xdict-size 8K", "-comp xz -b 1M",
		"-comp lzo -Xalgorithm lzo1x_1_15", "-comp lz4 -Xhc", "-comp zstd -Xcompression-level 1 -b 256K",
		"-b 4K", "-b 1M", "-Xwindow-size 8", "-Xstrategy huffman_only,fixed,run_length_encoded,filtered,default",
		"-no-fragments", "-tailends", "-nopad", "-noI -noId -noD -noF -noX", "-noI", "-noD", "-noF", "-noX",
		"-no-exports", "-no-duplicates", "-no-sparse", "-tailends -b 1M -comp zstd", "-no-fragments -b 4K -comp lz4",
	} {
		t.Run(options, func(t *testing.T) {
			raw := mksquashfs(t, root, strings.Fields(options)...)
			f := open(t, raw, Limits{})
			compare(t, f, all)
			checkRanges(t, f, f.Info().BytesUsed)
		})
	}
	t.Run("-no-xattrs", func(t *testing.T) {
		f := open(t, mksquashfs(t, root, "-no-xattrs"), Limits{})
		for p, w := range all {
			w.Xattrs = ""
			all[p] = w
		}
		compare(t, f, all)
		checkRanges(t, f, f.Info().BytesUsed)
	})
}

func TestInfo(t *testing.T) {
	root := t.TempDir()
	raw := mksquashfs(t, root, "-comp", "zstd", "-b", "64K", "-mkfs-time", "1700000000", "-no-xattrs")
	f := open(t, raw, Limits{})
	got := f.Info()
	if got.Compressor != "zstd" || got.BlockSize != 64<<10 || got.MkfsTime != 1700000000 || got.Inodes != 1 || !got.Exportable || got.Xattrs || got.IDs != 1 {
		t.Errorf("got %+v", got)
	}
}

// TestBigDirectory has more entries than 16 bits count, whose listing and index
// span many metadata blocks.
func TestBigDirectory(t *testing.T) {
	root := t.TempDir()
	const n = 70_000
	if err := os.Mkdir(filepath.Join(root, "d"), 0o755); err != nil {
		t.Fatal(err)
	}
	one := filepath.Join(root, "one")
	if err := os.WriteFile(one, []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		name := fmt.Sprintf("%s/d/%06d-%s", root, i, strings.Repeat("y", i%50))
		var err error
		if i%50 < 25 {
			err = os.Symlink("one", name)
		} else {
			err = os.Link(one, name)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, options := range []string{"-comp lz4", "-comp lz4 -noI"} {
		f := open(t, mksquashfs(t, root, strings.Fields(options)...), Limits{})
		list, _ := entries(t, f)
		if len(list) != n+3 || len(f.Problems()) > 0 {
			t.Errorf("%d entries, want %d; problems %v", len(list), n+3, f.Problems())
		}
		checkRanges(t, f, f.Info().BytesUsed)
	}
}

// TestConcurrent reads all contents from many goroutines, while walking, with
// few and many workers.
func TestConcurrent(t *testing.T) {
	root := makeTree(t)
	all := expect(t, root)
	raw := mksquashfs(t, root, "-comp", "zstd", "-tailends")
	for _, workers := range []int{1, 2, 64} {
		f := open(t, raw, Limits{Workers: workers})
		paths := []string{}
		var wg sync.WaitGroup
		todo := make(chan func(), 8)
		for range 8 {
			wg.Go(func() {
				for do := range todo {
					do()
				}
			})
		}
		err := f.Walk(t.Context(), func(e *Entry) error {
			p := e.Name
			if e.Parent > 0 {
				p = paths[e.Parent] + "/" + p
			}
			paths = append(paths, p)
			if e.Type == File {
				todo <- func() {
					data, err := contentOf(t, f, e)
					if err != nil || sum(data) != all[p].Sum {
						t.Errorf("%q: other content than the source, %v", p, err)
					}
				}
			}
			return nil
		})
		close(todo)
		wg.Wait()
		if err != nil {
			t.Fatal(err)
		}
	}
}

type failingWriter struct{ after int }

var errWriter = errors.New("no more room")

func (w *failingWriter) Write(p []byte) (int, error) {
	if w.after -= len(p); w.after < 0 {
		return 0, errWriter
	}
	return len(p), nil
}

func TestStops(t *testing.T) {
	root := t.TempDir()
	if err := os.WriteFile(filepath.Join(root, "f"), prose(1, 3_000_000), 0o644); err != nil {
		t.Fatal(err)
	}
	raw := mksquashfs(t, root)
	for _, workers := range []int{1, 4} {
		f := open(t, raw, Limits{Workers: workers})
		list, _ := entries(t, f)
		n, err := f.WriteContent(t.Context(), &failingWriter{after: 300_000}, list[1])
		if !errors.Is(err, errWriter) || n != 2*128<<10 {
			t.Errorf("%d workers: a writer that fails: %d bytes, %v", workers, n, err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := f.WriteContent(ctx, &bytes.Buffer{}, list[1]); !errors.Is(err, context.Canceled) {
			t.Errorf("%d workers: cancelled: %v", workers, err)
		}
		if err := f.Walk(ctx, func(*Entry) error { return nil }); !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled walk: %v", err)
		}
		if len(f.workers) != 0 {
			t.Errorf("%d workers are still lent", len(f.workers))
		}
		for range cap(f.workers) - 1 {
			f.workers <- struct{}{} // all but one are at work elsewhere
		}
		if n, err := f.WriteContent(t.Context(), &bytes.Buffer{}, list[1]); n != list[1].Size || err != nil || len(f.workers) != cap(f.workers)-1 {
			t.Errorf("with one worker: %d bytes, %v, %d of %d at work", n, err, len(f.workers), cap(f.workers))
		}
		f.giveBack(cap(f.workers) - 1)
		if _, err := f.WriteContent(t.Context(), &bytes.Buffer{}, list[0]); err == nil {
			t.Error("a directory has content")
		}
		if err := f.Walk(t.Context(), func(*Entry) error { return errWriter }); !errors.Is(err, errWriter) {
			t.Errorf("walk whose function fails: %v", err)
		}
	}
}

// TestVectors reads the images under testdata, which have what only root can
// make, and compares all that they have with what is known.
func TestVectors(t *testing.T) {
	note := fmt.Sprintf("user.note=%x", fmt.Sprintf("%0600d", 7))
	const cap = "security.capability=0100000200200000000000000000000000000000"
	want := strings.Join([]string{
		`"" dir 0755 0:0 6 0 `,
		`"bin" dir 0755 0:0 2 0 `,
		`"bin/ping" file 0755 0:0 1 2292 ` + cap + "\n" + note,
		`"bin/su" file 4755 0:0 2 20 ` + note,
		`"bin/sudo" file 4755 0:0 2 20 ` + note,
		`"dev" dir 0755 0:0 2 0 `,
		`"dev/fifo" fifo 0600 1000:1000 1 0 `,
		`"dev/null" char 0666 0:0 1 0 1,3 `,
		`"dev/sda" block 0660 0:6 1 0 8,300000 `,
		`"dev/sock" socket 0755 1000:1000 1 0 `,
		`"etc" dir 0755 0:0 2 0 trusted.overlay.opaque=79`,
		`"etc/sparse" file 0644 0:0 1 45061 holes 40960 `,
		`"lib" dir 0755 0:0 2 0 `,
		`"lib/link" symlink 0777 0:0 1 0 -> ../bin/su `,
	}, "\n")
	for name, raw := range vectors(t) {
		f := open(t, raw, Limits{})
		list, paths := entries(t, f)
		var got []string
		for i, e := range list {
			s := fmt.Sprintf("%q %s %04o %d:%d %d %d ", paths[i], e.Type, e.Mode, e.UID, e.GID, e.Nlink, e.Size)
			if e.Major != 0 {
				s += fmt.Sprintf("%d,%d ", e.Major, e.Minor)
			}
			if e.Sparse != 0 {
				s += fmt.Sprintf("holes %d ", e.Sparse)
			}
			if e.Link != "" {
				s += "-> " + e.Link + " "
			}
			got = append(got, s+xattrString(e.Xattrs))
			if e.MTime != 1700000000 || e.Lacks != 0 {
				t.Errorf("%s: %q: time %d, lacks %b", name, paths[i], e.MTime, e.Lacks)
			}
			if paths[i] == "bin/su" && list[i+1].Inode != e.Inode {
				t.Errorf("%s: bin/su and bin/sudo have inodes %d and %d", name, e.Inode, list[i+1].Inode)
			}
			if e.Type == File {
				data, err := contentOf(t, f, e)
				if err != nil || e.Name == "su" && string(data) != "#!/bin/sh\nexec true\n" {
					t.Errorf("%s: %q: %q, %v", name, paths[i], data, err)
				}
			}
		}
		if s := strings.Join(got, "\n"); s != want {
			t.Errorf("%s: got\n%s\nwant\n%s", name, s, want)
		}
		if len(f.Problems()) > 0 {
			t.Errorf("%s: %v", name, f.Problems())
		}
		checkRanges(t, f, int64(len(raw)))
	}
}

// BenchmarkRead walks an image and reads all contents, on one core.
func BenchmarkRead(b *testing.B) {
	root := b.TempDir()
	// The test's own program is the nearest to what is in firmware.
	exe, err := os.Executable()
	if err != nil {
		b.Fatal(err)
	}
	program, err := os.ReadFile(exe)
	if err != nil {
		b.Fatal(err)
	}
	for i, n := 0, 1000; len(program) > 0; i++ {
		n = min(n, len(program))
		if err := os.WriteFile(fmt.Sprintf("%s/%03d", root, i), program[:n], 0o644); err != nil {
			b.Fatal(err)
		}
		program, n = program[n:], n*5%700_000+1000
	}
	for _, comp := range []string{"gzip", "xz", "lzma", "lzo", "lz4", "zstd"} {
		raw := mksquashfs(b, root, "-comp", comp)
		b.Run(comp, func(b *testing.B) {
			var n int64
			for b.Loop() {
				f := open(b, raw, Limits{Workers: 1})
				n = 0
				err := f.Walk(b.Context(), func(e *Entry) error {
					if e.Type != File {
						return nil
					}
					k, err := f.WriteContent(b.Context(), io.Discard, e)
					n += k
					return err
				})
				if err != nil || len(f.Problems()) > 0 {
					b.Fatal(err, f.Problems())
				}
			}
			b.SetBytes(n)
		})
	}
}
