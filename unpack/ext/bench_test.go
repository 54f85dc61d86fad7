package ext

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// BenchmarkRead walks an image in memory and reads every byte of every file: many small files, and a few big ones.
func BenchmarkRead(b *testing.B) {
	for _, c := range []struct {
		name        string
		files, size int
		args        []string
	}{
		{"small ext4", 20_000, 1000, []string{"-t", "ext4", "-b", "1024"}},
		{"small ext2", 20_000, 1000, []string{"-t", "ext2", "-b", "1024"}},
		{"big ext4", 4, 16 << 20, []string{"-t", "ext4", "-b", "4096"}},
		{"big ext2", 4, 16 << 20, []string{"-t", "ext2", "-b", "1024"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			src := b.TempDir()
			for i := range c.files {
				dir := filepath.Join(src, fmt.Sprint(i/100))
				if err := os.MkdirAll(dir, 0o755); err != nil {
					b.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("file%d", i)), noise(c.size), 0o644); err != nil {
					b.Fatal(err)
				}
			}
			raw := load(b, mkfs(b, src, 100<<10, append([]string{"-N", "24000"}, c.args...)...))
			b.ReportAllocs()
			var files, size int64
			for b.Loop() {
				files, size = 0, 0
				fs, err := Open(b.Context(), bytes.NewReader(raw), int64(len(raw)), Limits{})
				if err != nil {
					b.Fatal(err)
				}
				err = fs.Walk(b.Context(), func(e *Entry) error {
					if e.Type != File {
						return nil
					}
					n, err := fs.WriteContent(b.Context(), io.Discard, e)
					files, size = files+1, size+n
					return err
				})
				if err != nil || len(fs.Problems()) > 0 {
					b.Fatal(err, fs.Problems())
				}
			}
			b.SetBytes(size)
			b.ReportMetric(float64(files)*float64(b.N)/b.Elapsed().Seconds(), "files/s")
		})
	}
}
