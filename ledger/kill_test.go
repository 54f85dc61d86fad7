package ledger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/store"
)

// child is set in the environment of a process that this test kills.
const child = "PROBAT_LEDGER_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(child) {
	case "append":
		if err := appendUntilKilled(); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		os.Exit(0)
	case "descriptors":
		if err := withoutDescriptors(); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// appendUntilKilled appends and publishes without end, and writes a line for each act after it was acknowledged.
func appendUntilKilled() error {
	ctx := context.Background()
	dir, round := os.Getenv("DIR"), os.Getenv("ROUND")
	at, err := strconv.Atoi(os.Getenv("AT"))
	if err != nil {
		return err
	}
	db, err := store.Open(ctx, filepath.Join(dir, "lab.sqlite"))
	if err != nil {
		return err
	}
	tiles, err := blob.Open(ctx, filepath.Join(dir, "log"), blob.Create)
	if err != nil {
		return err
	}
	l := &lab{dir: dir, config: Config{DB: db, Tiles: tiles, Origin: origin, LogKey: logKey()}}
	if l.key, l.public, err = fixedKey(dir); err != nil {
		return err
	}
	f := &faults{at: at, mode: os.Getenv("MODE")}
	f.into(&l.config)
	if l.Ledger, err = Open(ctx, l.config); errors.Is(err, ErrNone) {
		l.Ledger, err = Create(ctx, l.config)
	}
	if err != nil {
		return err
	}
	fmt.Println("open")
	var writers sync.WaitGroup
	errs := make(chan error, 9)
	for w := range 8 {
		writers.Go(func() {
			id := fmt.Sprintf("%016d%016d", w, 7)
			for i := 0; ; i++ {
				act := l.act(id)
				act.Key, act.Rows = fmt.Sprintf("%s/%d/%d", round, w, i), writeRow
				e, err := l.Append(ctx, act)
				if err != nil {
					errs <- err
					return
				}
				if _, err := fmt.Printf("act %s %s\n", act.Key, e.ID); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	writers.Go(func() {
		for {
			c, err := l.Publish(ctx)
			if err != nil {
				errs <- err
				return
			}
			fmt.Printf("published %d\n", c.Size)
		}
	})
	return <-errs
}

// TestKill kills a process that appends and publishes, at random moments and at steps of writing, again and again: no acknowledged act is lost,
// none is there twice, the published size never shrinks, and what is stored is sound after each. PROBAT_SOAK says how often (500).
func TestKill(t *testing.T) {
	kills := 20
	if n, err := strconv.Atoi(os.Getenv("PROBAT_SOAK")); err == nil {
		kills = n
	}
	acked := 0
	for done := 0; done < kills; done += 50 { // each ledger is audited whole after every kill
		acked += killed(t, min(kills-done, 50))
	}
	t.Logf("%d acts acknowledged in %d kills", acked, kills)
	if acked < kills {
		t.Errorf("only %d acts were acknowledged", acked)
	}
}

// killed kills so many times on one ledger and returns how many acts were acknowledged.
func killed(t *testing.T, kills int) int {
	t.Helper()
	dir := folder(t)
	l := &lab{t: t, dir: dir, log: logKey()}
	var err error
	if l.key, l.public, err = fixedKey(dir); err != nil {
		t.Fatal(err)
	}
	l.connect()
	l.table()
	acked := map[string]string{}
	published := int64(0)
	for round := range kills {
		env := []string{child + "=append", "DIR=" + dir, fmt.Sprintf("ROUND=%d", round/2), "AT=0", "MODE="}
		after := time.Duration(rand.IntN(120)) * time.Millisecond
		if round%3 > 0 {
			after += 2 * time.Second // if it does not come to that step
			env[3] = fmt.Sprintf("AT=%d", 1+rand.IntN(60))
			env[4] = "MODE=" + []string{killBefore, killedAfter}[rand.IntN(2)]
		}
		published = max(published, runAndKill(t, env, after, acked))
		l.afterKill(acked, published)
	}
	return len(acked)
}

// runAndKill runs the child, kills it a while after it opened the ledger if it does not kill itself, and notes what it acknowledged.
func runAndKill(t *testing.T, env []string, after time.Duration, acked map[string]string) (published int64) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var kill *time.Timer
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		switch {
		case words[0] == "open":
			kill = time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
		case words[0] == "error":
			t.Fatalf("the child: %s", lines.Text())
		case words[0] == "act" && len(words) == 3 && len(words[2]) == 64:
			if id, ok := acked[words[1]]; ok && id != words[2] {
				t.Fatalf("act %s was acknowledged as %s and as %s", words[1], id, words[2])
			}
			acked[words[1]] = words[2]
		case words[0] == "published" && len(words) == 2:
			if n, err := strconv.ParseInt(words[1], 10, 64); err == nil {
				published = max(published, n)
			}
		}
	}
	_ = cmd.Wait()
	if kill != nil {
		kill.Stop()
	}
	return published
}

func (l *lab) afterKill(acked map[string]string, published int64) {
	l.t.Helper()
	if c, err := l.tiles.Get(l.t.Context(), checkpointName, 1<<20); err == nil {
		note, err := proof.ParseSigned(c)
		if err != nil || note.Size < published {
			l.t.Fatalf("the published size shrank from %d: %q", published, c)
		}
	}
	var err error
	if l.Ledger, err = Open(l.t.Context(), l.config); errors.Is(err, ErrNone) {
		return
	}
	if err != nil {
		l.t.Fatal(err)
	}
	defer l.Ledger.Close()
	r := l.sound()
	found := map[string]string{}
	for row, err := range l.readRows(l.t.Context(), 0, r.Leaves) {
		if err != nil {
			l.t.Fatal(err)
		}
		found[row.key] = statement.ID(row.id).String()
	}
	if int64(len(found)) != r.Leaves {
		l.t.Fatalf("%d acts under %d keys", r.Leaves, len(found))
	}
	for key, id := range acked {
		if found[key] != id {
			l.t.Fatalf("act %s was acknowledged as %s and is there as %q", key, id, found[key])
		}
	}
	l.rowsAgree()
}
