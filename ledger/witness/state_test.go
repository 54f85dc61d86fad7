package witness

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/probat-lab/probat/ledger/proof"
)

// A witness whose memory is gone or damaged does not start, and never begins from zero by itself.
func TestStateLost(t *testing.T) {
	l, other := newLog(t, origin, "", 9, 9), newLog(t, "log.other.example", "", 9, 9)
	logs := []proof.LogKey{l.public()}
	cosigned := func(t *testing.T) *bench {
		b := newBench(t, l.public())
		b.cosigned(t, b.add(l.request(t, 0, 9)), l.at(t, 9).Checkpoint)
		if err := b.state.Close(); err != nil {
			t.Fatal(err)
		}
		return b
	}
	refused := func(t *testing.T, dir string, logs []proof.LogKey, want error) {
		t.Helper()
		s, err := OpenState(dir, logs)
		if !errors.Is(err, want) {
			t.Errorf("error %v, want %v", err, want)
		}
		if s != nil {
			t.Fatal("and yet it is open")
		}
	}
	t.Run("never made", func(t *testing.T) { refused(t, filepath.Join(t.TempDir(), "none"), logs, ErrNoState) })
	t.Run("empty folder", func(t *testing.T) { refused(t, t.TempDir(), logs, ErrNoState) })
	t.Run("file lost", func(t *testing.T) {
		b := cosigned(t)
		if err := os.Remove(filepath.Join(b.dir, headFile(origin))); err != nil {
			t.Fatal(err)
		}
		refused(t, b.dir, logs, ErrNoState)
		// Told so, it begins anew; and cannot be told so always.
		s, err := CreateState(b.dir, logs)
		if err != nil {
			t.Fatal(err)
		}
		if s.slots[origin].head.Load().note != nil {
			t.Error("something was cosigned")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("told to create what is there", func(t *testing.T) {
		b := cosigned(t)
		if _, err := CreateState(b.dir, logs); !errors.Is(err, ErrHasState) {
			t.Errorf("error %v", err)
		}
		refused(t, b.dir, append(logs[:1:1], other.public()), ErrNoState)
		s, err := CreateState(b.dir, append(logs[:1:1], other.public()))
		if err != nil {
			t.Fatal(err)
		}
		if n := s.slots[origin].head.Load().note; n == nil || n.Size != 9 {
			t.Error("the old log's state is gone")
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("another log's file", func(t *testing.T) {
		b := cosigned(t)
		data, err := os.ReadFile(filepath.Join(b.dir, headFile(origin)))
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, filepath.Join(b.dir, headFile(other.origin)), data)
		refused(t, b.dir, []proof.LogKey{other.public()}, ErrBadState)
		writeFile(t, filepath.Join(b.dir, headFile(origin)), encodeHead(&head{origin: other.origin}))
		refused(t, b.dir, logs, ErrBadState)
	})
	t.Run("signed by somebody else", func(t *testing.T) {
		b := cosigned(t)
		refused(t, b.dir, []proof.LogKey{proof.NewLogKey(origin, other.public().PublicKey())}, ErrBadState)
	})
	t.Run("every byte", func(t *testing.T) {
		b := cosigned(t)
		name := filepath.Join(b.dir, headFile(origin))
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		try := func(what string, i int, damaged []byte) {
			writeFile(t, name, damaged)
			s, err := OpenState(b.dir, logs)
			if !errors.Is(err, ErrBadState) {
				t.Fatalf("%s at %d: error %v", what, i, err)
			}
			if s != nil {
				t.Fatalf("%s at %d: it is open", what, i)
			}
			if _, err := CreateState(b.dir, logs); !errors.Is(err, ErrHasState) {
				t.Fatalf("%s at %d: created anew: %v", what, i, err)
			}
		}
		for i := range data {
			flipped := bytes.Clone(data)
			flipped[i] ^= 1 << (i % 8)
			if _, err := decodeHead(flipped); err == nil {
				t.Fatalf("bit flipped at %d: no error", i)
			}
			if _, err := decodeHead(data[:i]); err == nil {
				t.Fatalf("cut at %d: no error", i)
			}
			if i%211 == 0 {
				try("bit flipped", i, flipped)
				try("cut", i, data[:i])
			}
		}
		try("longer", len(data), append(bytes.Clone(data), '\n'))
	})
}

// Each step of writing fails once before it is done and once afterwards, while what it did stays. Whatever happens, no cosignature leaves, and then the witness goes on:
// with the old checkpoint or the new one, and with no other.
func TestFaults(t *testing.T) {
	l, fork := newLog(t, origin, "", 20, 20), newLog(t, origin, "x", 3, 20)
	for _, step := range []string{"write", "sync", "rename", "flush"} {
		for _, when := range []string{"before ", "after "} {
			for _, restart := range []bool{false, true} {
				t.Run(when+step+" restart "+strconv.FormatBool(restart), func(t *testing.T) {
					b := newBench(t, l.public())
					b.cosigned(t, b.add(l.request(t, 0, 5)), l.at(t, 5).Checkpoint)
					b.state.fault = func(s string) error {
						if s == when+step {
							return errors.New("no more space")
						}
						return nil
					}
					if body := want(t, b.add(l.request(t, 5, 9)), 500); strings.Contains(body, "—") || strings.Contains(body, "space") {
						t.Errorf("answer %q", body)
					}
					if got := b.Latest(origin).Size; got != 5 {
						t.Errorf("%d leaves are shown as cosigned", got)
					}
					b.state.fault = nil
					if restart {
						b.restart(t)
					}
					kept := int64(5)
					if step == "flush" || when+step == "after rename" {
						kept = 9
					}
					// The log asks again as if nothing had happened.
					rec := b.add(l.request(t, 5, 9))
					if kept == 5 {
						b.cosigned(t, rec, l.at(t, 9).Checkpoint)
					} else {
						if body := want(t, rec, 409); body != "9\n" {
							t.Errorf("answer %q", body)
						}
						b.cosigned(t, b.add(l.request(t, 9, 9)), l.at(t, 9).Checkpoint)
					}
					want(t, b.add(fork.request(t, 9, 9)), 422)
					b.restart(t)
					if got := b.Latest(origin).Size; got != 9 {
						t.Errorf("after a restart %d", got)
					}
				})
			}
		}
	}
}

// A state that was put back while the witness runs is noticed when it must be read again.
func TestPutBack(t *testing.T) {
	l := newLog(t, origin, "", 20, 20)
	b := newBench(t, l.public())
	b.cosigned(t, b.add(l.request(t, 0, 5)), l.at(t, 5).Checkpoint)
	name := filepath.Join(b.dir, headFile(origin))
	old, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	b.cosigned(t, b.add(l.request(t, 5, 9)), l.at(t, 9).Checkpoint)
	writeFile(t, name, old)
	b.state.fault = func(string) error { return errors.New("no more space") }
	want(t, b.add(l.request(t, 9, 12)), 500)
	b.state.fault = nil
	want(t, b.add(l.request(t, 5, 12)), 500)
	want(t, b.add(l.request(t, 9, 12)), 500)
	if got := b.Latest(origin).Size; got != 9 {
		t.Errorf("%d leaves", got)
	}
}

// Whoever reads the file at any moment, or finds it after a crash, reads one head as a whole.
func TestReplacedAsAWhole(t *testing.T) {
	l := newLog(t, origin, "", 300, 300)
	b := newBench(t, l.public())
	b.state.volatile = true
	done := make(chan struct{})
	go func() {
		defer close(done)
		for size := int64(1); size <= 300; size++ {
			if rec := b.add(l.request(t, size-1, size)); rec.Code != 200 {
				t.Errorf("status %d", rec.Code)
			}
		}
	}()
	for {
		data, err := os.ReadFile(filepath.Join(b.dir, headFile(origin)))
		if err != nil {
			t.Error(err)
		}
		if _, err := decodeHead(data); err != nil {
			t.Errorf("%d bytes: %v", len(data), err)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

func TestLock(t *testing.T) {
	l := newLog(t, origin, "", 9, 9)
	b := newBench(t, l.public())
	for _, open := range []func(string, []proof.LogKey) (*State, error){OpenState, CreateState} {
		if s, err := open(b.dir, b.config.Logs); !errors.Is(err, ErrInUse) || s != nil {
			t.Errorf("state %v, error %v", s, err)
		}
	}
	// Another process, too.
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestOpenInChild$")
	cmd.Env = append(os.Environ(), "WITNESS_TEST_STATE="+b.dir)
	if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), ErrInUse.Error()) {
		t.Errorf("error %v, output %s", err, out)
	}
	b.restart(t)
}

// TestOpenInChild is what the child of TestLock does.
func TestOpenInChild(t *testing.T) {
	dir := os.Getenv("WITNESS_TEST_STATE")
	if dir == "" {
		t.Skip("serves TestLock only")
	}
	_, err := OpenState(dir, []proof.LogKey{newLog(t, origin, "", 0, 0).public()})
	_, _ = os.Stdout.WriteString("child: " + err.Error() + "\n")
}

// Killed between any two answers, the witness comes back with what it has answered or with what it was about to.
func TestKilled(t *testing.T) {
	const size = 4000
	l := newLog(t, origin, "", size, size)
	dir := filepath.Join(t.TempDir(), "state")
	s, err := CreateState(dir, []proof.LogKey{l.public()})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	answered := int64(0)
	for round := range 8 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestAdvanceInChild$")
		cmd.Env = append(os.Environ(), "WITNESS_TEST_STATE="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		// It dies while it works on some request after the last one whose answer we read.
		var last int64
		buf := make([]byte, 9)
		for i := 0; i < 3+round*2; i++ {
			if _, err := io.ReadFull(out, buf); err != nil {
				t.Fatalf("round %d: %v", round, err)
			}
			if last, err = strconv.ParseInt(strings.TrimSpace(string(buf)), 10, 64); err != nil {
				t.Fatal(err)
			}
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
		if last <= answered {
			t.Fatalf("round %d: it began at %d, after %d was answered", round, last, answered)
		}
		answered = last
		s, err := OpenState(dir, []proof.LogKey{l.public()})
		if err != nil {
			t.Fatal(err)
		}
		h := s.slots[origin].head.Load().note
		if h.Size < answered || h.Checkpoint != l.at(t, h.Size).Checkpoint {
			t.Errorf("round %d: %d leaves, %d were answered", round, h.Size, answered)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestAdvanceInChild is what the child of TestKilled does: it lets the witness cosign one leaf more each time and says so.
func TestAdvanceInChild(t *testing.T) {
	dir := os.Getenv("WITNESS_TEST_STATE")
	if dir == "" {
		t.Skip("serves TestKilled only")
	}
	l := newLog(t, origin, "", 4000, 4000)
	s, err := OpenState(dir, []proof.LogKey{l.public()})
	if err != nil {
		t.Fatal(err)
	}
	w, err := New(Config{Cosigners: cosigners(t, "w")[:1], Logs: []proof.LogKey{l.public()}, State: s})
	if err != nil {
		t.Fatal(err)
	}
	old := s.slots[origin].head.Load().checkpoint().Size
	for next := old + 1; next <= l.size; next++ {
		rec := post(w, "/add-checkpoint", l.request(t, next-1, next).bytes())
		want(t, rec, 200)
		line := strconv.FormatInt(next, 10)
		_, _ = os.Stdout.WriteString(strings.Repeat(" ", 8-len(line)) + line + "\n")
	}
}

func TestOrigins(t *testing.T) {
	var keys []proof.LogKey
	var logs []*testLog
	for _, o := range []string{"a.example", "b.example", "c.example"} {
		l := newLog(t, o, o, 0, 9)
		logs, keys = append(logs, l), append(keys, l.public())
	}
	b := newBench(t, keys...)
	for i, l := range logs {
		b.cosigned(t, b.add(l.request(t, 0, int64(i+1))), l.at(t, int64(i+1)).Checkpoint)
	}
	b.restart(t)
	for i, l := range logs {
		if got := b.Latest(l.origin).Size; got != int64(i+1) {
			t.Errorf("%s: %d leaves", l.origin, got)
		}
	}
}
