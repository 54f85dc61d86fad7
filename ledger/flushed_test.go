package ledger

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/store"
)

// TestAppendInChild is what the child of TestFlushed does: it appends and publishes, and says so after each.
func TestAppendInChild(t *testing.T) {
	dir := os.Getenv("LEDGER_TEST_FLUSHED")
	if dir == "" {
		t.Skip("serves TestFlushed only")
	}
	ctx := t.Context()
	db, err := store.Open(ctx, filepath.Join(dir, "lab.sqlite"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tiles, err := blob.Open(ctx, filepath.Join(dir, "log"), blob.Create)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{t: t, dir: dir, log: logKey(), config: Config{DB: db, Tiles: tiles, Origin: origin, LogKey: logKey()}}
	l.key, l.public = statementKey(t)
	if l.Ledger, err = Create(ctx, l.config); err != nil {
		t.Fatal(err)
	}
	defer l.Ledger.Close()
	say := func(what string, n int64) {
		if _, err := os.Stdout.WriteString(fmt.Sprintf("%s %d\n", what, n)); err != nil {
			t.Error(err)
		}
	}
	for i := range 12 {
		e, err := l.Append(context.Background(), l.act(""))
		if err != nil {
			t.Fatal(err)
		}
		say("ack", e.Index)
		if i%4 == 3 {
			c, err := l.Publish(ctx)
			if err != nil {
				t.Fatal(err)
			}
			say("published", c.Size)
		}
	}
}

// traced runs this binary's named test under strace and returns its calls that write, flush or give names, each on a line of its own where it ended.
func traced(t *testing.T, test, env string) []string {
	t.Helper()
	out := filepath.Join(t.TempDir(), "trace")
	cmd := exec.CommandContext(t.Context(), "strace", "-f", "-qq", "-y", "-s", "24", "-e", "signal=none", "-o", out,
		"-e", "trace=write,pwrite64,writev,pwritev,ftruncate,fsync,fdatasync,msync,rename,renameat,renameat2,link,linkat,mkdir,mkdirat", os.Args[0], "-test.run=^"+test+"$", "-test.count=1")
	cmd.Env = append(os.Environ(), env)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(data), "\n")
}

var (
	call       = regexp.MustCompile(`^(\d+) +(\w+)\((.*)$`)
	resumed    = regexp.MustCompile(`^(\d+) +<\.\.\. (\w+) resumed>(.*)$`)
	descriptor = regexp.MustCompile(`^\d+<([^>]*)>`)
	named      = regexp.MustCompile(`(?:AT_FDCWD|\d+)<([^>]*)>, "([^"]*)"`)
)

// flushes follows a trace, and calls ack at every line that the child wrote to its standard output, with what had been written and not flushed by then: files, and folders in
// which a name was made. A call that was under way counts as a write from when it began and as a flush from when it ended.
func flushes(t *testing.T, lines []string, ack func(line string, dirty map[string]bool, flushed int)) {
	t.Helper()
	dirty := map[string]bool{}
	under := map[string]string{} // arguments of the call that a thread is in
	flushed := 0
	for _, line := range lines {
		var name, args, result string
		if m := call.FindStringSubmatch(line); m != nil {
			name, args = m[2], m[3]
			if i := strings.Index(args, " <unfinished ...>"); i >= 0 {
				under[m[1]] = args[:i]
			} else {
				result = args
			}
			f := descriptor.FindStringSubmatch(args)
			switch {
			case f == nil:
			case name == "write" && strings.HasPrefix(args, "1<"):
				ack(args, dirty, flushed)
				flushed = 0
			case strings.HasPrefix(name, "write"), strings.HasPrefix(name, "pwrite"), name == "ftruncate":
				dirty[f[1]] = true
			}
		} else if m := resumed.FindStringSubmatch(line); m != nil {
			name, args, result = m[2], under[m[1]], m[3]
			delete(under, m[1])
		}
		if !strings.Contains(result, "= 0") {
			continue
		}
		switch {
		case name == "fsync", name == "fdatasync":
			if f := descriptor.FindStringSubmatch(args); f != nil {
				delete(dirty, f[1])
				flushed++
			}
		case strings.HasPrefix(name, "rename"), strings.HasPrefix(name, "link"), strings.HasPrefix(name, "mkdir"):
			if all := named.FindAllStringSubmatch(args+result, -1); len(all) > 0 { // the last is the new name
				to := all[len(all)-1]
				dirty[filepath.Dir(filepath.Join(to[1], to[2]))] = true
			}
		}
	}
}

// TestFlushed is doc/adversarial-tests.md, 6: by the operating system's own record, whatever was written for an act, or a checkpoint, has been flushed before either is acknowledged.
func TestFlushed(t *testing.T) {
	dir := t.TempDir()
	var acks, published int
	flushes(t, traced(t, "TestAppendInChild", "LEDGER_TEST_FLUSHED="+dir), func(line string, dirty map[string]bool, flushed int) {
		switch {
		case strings.Contains(line, `"ack `):
			acks++
		case strings.Contains(line, `"published `):
			published++
		default:
			return
		}
		if flushed == 0 {
			t.Errorf("nothing was flushed before %s", line)
		}
		for name := range dirty {
			// Shared memory of SQLite, and folders of temporary files, hold nothing that must outlive a crash.
			if inside := strings.HasPrefix(name, dir); inside && !strings.HasSuffix(name, "-shm") && filepath.Base(name) != ".tmp" {
				t.Errorf("%s was not flushed before %s", name, line)
			}
		}
	})
	if acks != 12 || published != 3 {
		t.Errorf("%d acts and %d checkpoints were acknowledged in the trace", acks, published)
	}
}
