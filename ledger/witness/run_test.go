package witness

import (
	"context"
	"errors"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/probat-lab/probat/ledger/proof"
)

func TestRunListens(t *testing.T) {
	l := newLog(t, origin, "", 9, 9)
	b := newBench(t, l.public())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, RunConfig{Witness: b.Witness, Listener: listener}) }()
	c, err := NewClient(ClientConfig{Name: "w", Origin: origin, URL: "http://" + listener.Addr().String(), Keys: b.Keys(), Now: b.clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	if lines, _, err := c.Cosign(ctx, 0, nil, l.at(t, 9)); err != nil || len(lines) != 2 {
		t.Fatalf("%d lines, error %v", len(lines), err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := net.Dial("tcp", listener.Addr().String()); err == nil {
		t.Error("it still listens")
	}
	if err := Run(t.Context(), RunConfig{Witness: b.Witness}); err == nil {
		t.Error("no error although there is nothing to do")
	}
	if err := Run(t.Context(), RunConfig{Witness: b.Witness, Listener: listener}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("error %v", err)
	}
}

// A request that is being answered when the end comes is answered.
func TestRunEndsCleanly(t *testing.T) {
	b := newBench(t, newLog(t, origin, "", 9, 9).public())
	synctest.Test(t, func(t *testing.T) {
		p := newPipes()
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		begun := make(chan struct{})
		h := http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
			close(begun)
			time.Sleep(3 * time.Second) // of the bubble
			sendText(rw, 200, "done\n")
		})
		go func() { ended <- Run(ctx, RunConfig{Witness: b.Witness, Listener: p, Handler: h}) }()
		tr := p.transport()
		got := make(chan *reply, 1)
		go func() {
			a, err := newWeb(tr, 0).do(t.Context(), http.MethodGet, "http://w.example/", nil, maxBody)
			if err != nil {
				t.Error(err)
			}
			got <- a
		}()
		<-begun
		cancel()
		if a := <-got; a == nil || string(a.body) != "done\n" {
			t.Errorf("answer %+v", a)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		tr.CloseIdleConnections()
	})
}

// Pulling goes on whatever happens: a source away for a day, then back.
func TestRunPulls(t *testing.T) {
	l := newLog(t, origin, "", 3000, 3000)
	b := newBench(t, l.public())
	dir, exchange := t.TempDir(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		config := b.config
		config.Now = time.Now // the bubble's
		w, err := New(config)
		if err != nil {
			t.Fatal(err)
		}
		for _, sl := range w.state.slots {
			sl.turn = make(chan struct{}, 1)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			ended <- Run(ctx, RunConfig{Witness: w, Interval: time.Hour, Pulls: []PullConfig{{Origin: origin, Source: filepath.Join(dir, "log"), Post: exchange, MaxAge: 100 * time.Hour}}})
		}()
		time.Sleep(24*time.Hour + time.Minute)
		synctest.Wait()
		if n := len(b.events.of(EventFailed)); n != 25 {
			t.Errorf("%d failures in a day", n)
		}
		for i, size := range []int64{500, 2000, 3000} {
			l.write(t, filepath.Join(dir, "log"), size)
			time.Sleep(time.Hour)
			synctest.Wait()
			if n := len(b.events.of(EventPulled)); n != i+1 {
				t.Errorf("%d rounds", n)
			}
			if got := w.Latest(origin); got == nil || got.Size != size {
				t.Errorf("cosigned %+v", got)
			}
		}
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	k, err := NewCollector(CollectorConfig{
		Origin: origin, Keys: b.Keys(), Now: b.clock.Now,
		Accept: func(_ context.Context, c proof.Checkpoint, lines []proof.SignatureLine) error {
			if c.Size != 3000 || len(lines) != 2 {
				t.Errorf("%d lines for %d leaves", len(lines), c.Size)
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if n, err := k.Folder(t.Context(), exchange); n != 2 || err != nil {
		t.Errorf("%d lines, error %v", n, err)
	}
}
