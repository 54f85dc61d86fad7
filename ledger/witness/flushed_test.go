package witness

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/probat-lab/probat/ledger/proof"
)

// TestCosignInChild is what the child of TestFlushed does: it lets the witness cosign five times and says so each time.
func TestCosignInChild(t *testing.T) {
	dir := os.Getenv("WITNESS_TEST_FLUSHED")
	if dir == "" {
		t.Skip("serves TestFlushed only")
	}
	l := newLog(t, origin, "", 9, 9)
	s, err := CreateState(dir, []proof.LogKey{l.public()})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	w, err := New(Config{Cosigners: cosigners(t, "w")[:1], Logs: []proof.LogKey{l.public()}, State: s})
	if err != nil {
		t.Fatal(err)
	}
	for size := range int64(5) {
		want(t, post(w, "/add-checkpoint", l.request(t, size, size+1).bytes()), 200)
		_, _ = os.Stdout.WriteString("cosigned\n")
	}
}

// TestFlushed is doc/adversarial-tests.md, 6, for a witness: by the operating system's own record, before a cosignature leaves the new head is written and flushed, then has its name, and then
// the folder is flushed.
func TestFlushed(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	out := filepath.Join(t.TempDir(), "trace")
	cmd := exec.CommandContext(t.Context(), "strace", "-f", "-qq", "-y", "-e", "signal=none", "-o", out, "-e", "trace=write,pwrite64,fsync,fdatasync,rename,renameat,renameat2",
		os.Args[0], "-test.run=^TestCosignInChild$", "-test.count=1")
	cmd.Env = append(os.Environ(), "WITNESS_TEST_FLUSHED="+dir)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	data, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	// W writes in the folder, S flushes a file of it, R gives a name, F flushes the folder, A answers. What ended later than it began counts by its end.
	head := filepath.Join(dir, headFile(origin))
	folder := regexp.QuoteMeta(filepath.Dir(head))
	kinds := []struct {
		kind string
		line *regexp.Regexp
	}{
		{"A", regexp.MustCompile(`write\(1<.*"cosigned`)},
		{"W", regexp.MustCompile(`p?write(64)?\(\d+<` + folder + `/`)},
		{"F", regexp.MustCompile(`f(data)?sync\(\d+<` + folder + `>`)},
		{"S", regexp.MustCompile(`f(data)?sync\(\d+<` + folder + `/`)},
		{"R", regexp.MustCompile(`rename(at|at2)?\(.*` + regexp.QuoteMeta(filepath.Base(head)) + `"[,)]`)},
	}
	var order strings.Builder
	pending := map[string]string{} // by thread
	for line := range strings.SplitSeq(string(data), "\n") {
		thread, _, _ := strings.Cut(line, " ")
		if strings.Contains(line, " resumed>") {
			order.WriteString(pending[thread])
			delete(pending, thread)
			continue
		}
		for _, k := range kinds {
			if !k.line.MatchString(line) {
				continue
			}
			if strings.Contains(line, "<unfinished ...>") && k.kind != "A" {
				pending[thread] = k.kind
			} else {
				order.WriteString(k.kind)
			}
			break
		}
	}
	answers := strings.Split(order.String(), "A")
	if len(answers) != 6 {
		t.Fatalf("%d answers in the trace, want 5: %s", len(answers)-1, &order)
	}
	for i, before := range answers[:5] {
		if !regexp.MustCompile(`W+S+RF+$`).MatchString(before) {
			t.Errorf("before answer %d: %s", i, before)
		}
	}
}
