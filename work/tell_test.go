package work

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"
)

func TestTell(t *testing.T) {
	u := listening(t)
	for name, at := range map[string]string{"in process": "", "by URL": u} {
		t.Run(name, func(t *testing.T) {
			teller := open(t, newTable(), func(c *Config) { c.URL = at })
			reader := teller
			if at != "" {
				reader = open(t, newTable(), func(c *Config) { c.URL = at })
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			a, err := reader.Listen(ctx, "a b/ü*.>")
			must(t, err)
			again, err := reader.Listen(ctx, "a b/ü*.>")
			must(t, err)
			other, err := reader.Listen(ctx, "other")
			must(t, err)
			event := []byte("0")
			for i := range 50 {
				copy(event, fmt.Sprint(i%10)) // ours again once Tell has returned
				teller.Tell("a b/ü*.>", event)
			}
			teller.Tell("other", []byte("x"))
			for i := range 50 {
				for _, c := range []<-chan []byte{a, again} {
					if got := string(<-c); got != fmt.Sprint(i%10) {
						t.Fatalf("event %d is %q", i, got)
					}
				}
			}
			if got := string(<-other); got != "x" {
				t.Errorf("the other job's event is %q", got)
			}
			cancel()
			for range a { // ends
			}
			last, err := reader.Listen(t.Context(), "a")
			must(t, err)
			closed(t, reader)
			for range last { // ends
			}
		})
	}
}

// TestSlowListener: one that does not read costs a run nothing, and has the newest events when it reads.
func TestSlowListener(t *testing.T) {
	q := open(t, newTable(), nil)
	slow, err := q.Listen(t.Context(), "a")
	must(t, err)
	quick, err := q.Listen(t.Context(), "a")
	must(t, err)
	q.Tell("a", make([]byte, MaxEvent+1)) // dropped
	const all = 5000
	for i := range all {
		q.Tell("a", []byte(fmt.Sprint(i)))
		if i%100 == 99 { // the quick one keeps up, so that the outbox does not overflow
			for want := i - 99; want <= i; want++ {
				if got := string(<-quick); got != fmt.Sprint(want) {
					t.Fatalf("the quick listener got %q, want %d", got, want)
				}
			}
		}
	}
	must(t, q.nc.Flush())
	q.Tell("a", []byte("end"))
	<-quick
	if cap(slow) != listenBuffer {
		t.Errorf("a listener holds %d events", cap(slow))
	}
	last, n := -1, 0
	for e := range slow {
		if string(e) == "end" {
			break
		}
		i, err := strconv.Atoi(string(e))
		if err != nil || i <= last {
			t.Fatalf("%q after %d", e, last)
		}
		last, n = i, n+1
	}
	if n >= all/2 || last != all-1 {
		t.Errorf("the slow listener got %d events, the last one %d; want few, and the newest", n, last)
	}
}

// TestOutboxIsBounded: without anybody who sends, the newest events stay.
func TestOutboxIsBounded(t *testing.T) {
	o := newOutbox()
	for i := range 3 * outBuffer {
		o.put("s", fmt.Append(nil, i))
	}
	if len(o.queue) != outBuffer || string(o.queue[0].Data) != fmt.Sprint(2*outBuffer) {
		t.Errorf("%d messages, the first %q", len(o.queue), o.queue[0].Data)
	}
	for range 500 {
		o.put("s", make([]byte, MaxEvent))
	}
	if o.bytes > outBytes || len(o.queue) != outBytes/MaxEvent {
		t.Errorf("%d messages of %d bytes", len(o.queue), o.bytes)
	}
	o.close()
	o.put("s", bytes.Repeat([]byte("x"), 10))
	if len(o.queue) != outBytes/MaxEvent {
		t.Error("a closed outbox takes messages")
	}
}

// TestListenersOutliveTheServer: events go on after JetStream and its server were built anew.
func TestListenersOutliveTheServer(t *testing.T) {
	q := open(t, newTable(), nil)
	events, err := q.Listen(t.Context(), "a")
	must(t, err)
	must(t, q.server.restart())
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(20 * time.Second)
	for {
		q.Tell("a", []byte("x"))
		select {
		case <-events:
			return
		case <-tick.C:
		case <-limit:
			t.Fatal("no event arrives")
		}
	}
}
