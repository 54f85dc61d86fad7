// Command bench measures whole evaluations: a Debian root file system as tar.gz, tar.zst and squashfs, cold and with a warm cache, against F,
// what it costs one core to read, decompress and hash every byte of the same file. It prints a table for doc/performance.md.
//
// It wants bin/probat (make build), debootstrap and mksquashfs, and builds its inputs once, in a folder of the user's cache.
package main

import (
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"
)

const (
	suite = "bookworm"
	runs  = 5
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	probat, err := filepath.Abs("bin/probat")
	if err != nil {
		return err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return err
	}
	dir := filepath.Join(cache, "probat-bench")
	inputs, unpacked, err := build(dir)
	if err != nil {
		return err
	}
	fmt.Printf("%d processors, %s; Debian %s root, %.1f MB unpacked; median of %d runs\n\n", runtime.NumCPU(), runtime.Version(), suite, mb(unpacked), runs)
	fmt.Println("| input | MB | F s | cold CPU s | CPU - F, s/GB | wall s | wall/CPU | peak MB | warm wall s | warm/cold |")
	fmt.Println("|---|---|---|---|---|---|---|---|---|---|")
	for _, in := range inputs {
		if err := measure(probat, in, unpacked); err != nil {
			return fmt.Errorf("measuring %s: %w", in, err)
		}
	}
	return startup(probat)
}

func mb(n int64) float64 { return float64(n) / 1e6 }

// build makes the inputs where they are not there yet.
func build(dir string) (inputs []string, unpacked int64, err error) {
	root := filepath.Join(dir, "root")
	if _, err := os.Stat(filepath.Join(root, "etc/debian_version")); err != nil {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return nil, 0, err
		}
		if err := command("debootstrap", "--variant=minbase", suite, root); err != nil {
			return nil, 0, err
		}
		if err := os.RemoveAll(filepath.Join(root, "var/cache/apt/archives")); err != nil {
			return nil, 0, err
		}
	}
	for _, step := range []struct {
		name string
		args []string
	}{
		{"root.tar.gz", []string{"tar", "-C", root, "-czf"}},
		{"root.tar.zst", []string{"tar", "-C", root, "--zstd", "-cf"}},
		{"root-gzip.squashfs", []string{"mksquashfs", root}},
		{"root-xz.squashfs", []string{"mksquashfs", root}},
		{"root-zstd.squashfs", []string{"mksquashfs", root}},
	} {
		path := filepath.Join(dir, step.name)
		inputs = append(inputs, path)
		if _, err := os.Stat(path); err == nil {
			continue
		}
		args := append(slices.Clone(step.args[1:]), path)
		if step.args[0] == "tar" {
			args = append(args, ".")
		} else {
			comp := step.name[len("root-") : len(step.name)-len(".squashfs")]
			args = append(args, "-comp", comp, "-noappend", "-quiet", "-no-progress")
		}
		if err := command(step.args[0], args...); err != nil {
			return nil, 0, err
		}
	}
	err = filepath.Walk(root, func(_ string, st os.FileInfo, err error) error {
		if err == nil && st.Mode().IsRegular() {
			unpacked += st.Size()
		}
		return err
	})
	return inputs, unpacked, err
}

func command(name string, args ...string) error {
	fmt.Fprintln(os.Stderr, "bench: making an input:", name, args)
	c := exec.Command(name, args...)
	c.Stderr = os.Stderr
	return c.Run()
}

// floor is F: reading, decompressing and hashing every byte on one core.
func floor(path string, unpacked int64) (time.Duration, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	prev := runtime.GOMAXPROCS(1)
	defer runtime.GOMAXPROCS(prev)
	start := cpu()
	outer, inner := sha256.New(), sha256.New()
	var r io.Reader = io.TeeReader(f, outer)
	switch filepath.Ext(path) {
	case ".gz":
		z, err := gzip.NewReader(r)
		if err != nil {
			return 0, err
		}
		r = z
	case ".zst":
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return 0, err
		}
		defer z.Close()
		r = z
	default:
		return floorSquashfs(path, unpacked)
	}
	if _, err := io.CopyBuffer(inner, struct{ io.Reader }{r}, make([]byte, 1<<20)); err != nil {
		return 0, err
	}
	return cpu() - start, nil
}

// floorSquashfs lets unsquashfs read everything with one processor, and adds what hashing as many bytes costs.
func floorSquashfs(path string, unpacked int64) (time.Duration, error) {
	c := exec.Command("unsquashfs", "-processors", "1", "-no-progress", "-pf", "/dev/null", path)
	if err := c.Run(); err != nil {
		return 0, err
	}
	used := c.ProcessState.UserTime() + c.ProcessState.SystemTime()
	start := cpu()
	h := sha256.New()
	block := make([]byte, 1<<20)
	for n := int64(0); n < unpacked; n += int64(len(block)) {
		h.Write(block)
	}
	return used + cpu() - start, nil
}

func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

type figures struct {
	cpu, wall time.Duration
	peak      int64 // bytes
}

func evaluate(probat, input, cacheDir string) (figures, error) {
	tmp, err := os.MkdirTemp("", "probat-bench-")
	if err != nil {
		return figures{}, err
	}
	defer os.RemoveAll(tmp)
	c := exec.Command(probat, "evaluate", input, "--quiet", "--out", filepath.Join(tmp, "out.dossier"))
	c.Env = append(os.Environ(), "XDG_CACHE_HOME="+cacheDir)
	c.Stderr = os.Stderr
	start := time.Now()
	err = c.Run()
	wall := time.Since(start)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return figures{}, err
	}
	if err != nil {
		return figures{}, err
	}
	u := c.ProcessState.SysUsage().(*syscall.Rusage)
	return figures{c.ProcessState.UserTime() + c.ProcessState.SystemTime(), wall, u.Maxrss * 1024}, nil
}

func measure(probat, input string, unpacked int64) error {
	var f []time.Duration
	var cold, warm []figures
	for range runs {
		d, err := floor(input, unpacked)
		if err != nil {
			return err
		}
		f = append(f, d)
		cacheDir, err := os.MkdirTemp("", "probat-bench-cache-")
		if err != nil {
			return err
		}
		a, err := evaluate(probat, input, cacheDir)
		if err != nil {
			return err
		}
		b, err := evaluate(probat, input, cacheDir)
		if err != nil {
			return err
		}
		cold, warm = append(cold, a), append(warm, b)
		if err := os.RemoveAll(cacheDir); err != nil {
			return err
		}
	}
	st, err := os.Stat(input)
	if err != nil {
		return err
	}
	F := median(f)
	c := median(pick(cold, func(x figures) time.Duration { return x.cpu }))
	w := median(pick(cold, func(x figures) time.Duration { return x.wall }))
	ww := median(pick(warm, func(x figures) time.Duration { return x.wall }))
	peak := median(pick(cold, func(x figures) int64 { return x.peak }))
	fmt.Printf("| %s | %.1f | %.2f | %.2f | %.2f | %.2f | %.2f | %.0f | %.2f | %.0f %% |\n", filepath.Base(input), mb(st.Size()), F.Seconds(), c.Seconds(),
		(c-F).Seconds()/(float64(unpacked)/1e9), w.Seconds(), w.Seconds()/c.Seconds(), mb(peak), ww.Seconds(), 100*ww.Seconds()/w.Seconds())
	return nil
}

func pick[T any](list []figures, f func(figures) T) []T {
	out := make([]T, len(list))
	for i, x := range list {
		out[i] = f(x)
	}
	return out
}

func median[T cmp.Ordered](list []T) T {
	s := slices.Clone(list)
	slices.Sort(s)
	return s[len(s)/2]
}

// startup measures how long the program takes to say its version, and how large it is.
func startup(probat string) error {
	var walls []time.Duration
	for range 21 {
		start := time.Now()
		if err := exec.Command(probat, "--version").Run(); err != nil {
			return err
		}
		walls = append(walls, time.Since(start))
	}
	st, err := os.Stat(probat)
	if err != nil {
		return err
	}
	fmt.Printf("\nstart-up %.1f ms (median of 21), binary %.1f MB\n", float64(median(walls).Microseconds())/1000, mb(st.Size()))
	return nil
}
