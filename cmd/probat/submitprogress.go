package main

import (
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/portal/client"
	"github.com/probat-lab/probat/report"
)

// remote shows how far something is that tells so by itself, in the lines of progress. Its methods may be called from several goroutines.
type remote struct {
	w     io.Writer // nil: shows nothing
	width int       // 0: no terminal

	mu   sync.Mutex
	last time.Time
	on   bool // something stands on the moving line
}

func (p *program) startRemote() *remote {
	if p.quiet {
		return &remote{}
	}
	width, _ := isTerminal(p.err)
	return &remote{w: p.err, width: width, last: time.Now()}
}

// show shows an event, unless the one before is too fresh.
func (r *remote) show(e client.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	interval := plainInterval
	if r.width > 0 {
		interval = movingInterval
	}
	if r.w == nil || time.Since(r.last) < interval {
		return
	}
	r.last = time.Now()
	line := fmt.Sprintf("%s: %d files, %s, %ds", fact.Escape(e.Phase), e.Files, report.Size(e.Bytes), int(e.Seconds))
	if e.Container != "" {
		line += ", in " + fact.Escape(e.Container)
	}
	if e.Took > 0.1 {
		line += fmt.Sprintf("; slowest %s %.1fs", fact.Escape(e.Slowest), e.Took)
	}
	if r.width == 0 {
		fmt.Fprintln(r.w, line)
		return
	}
	if runes := []rune(line); len(runes) >= r.width {
		line = string(runes[:r.width-1])
	}
	fmt.Fprintf(r.w, "\r%s\x1b[K", line)
	r.on = true
}

// told says that something is tried again.
func (r *remote) told(why error, wait time.Duration) {
	r.warn(fmt.Errorf("%w; once more in %s", why, wait.Round(100*time.Millisecond)))
}

// warn says something that ends nothing.
func (r *remote) warn(err error) {
	r.clear()
	if r.w != nil {
		fmt.Fprintf(r.w, "probat: %s\n", client.Clean(err.Error()))
	}
}

// clear takes the moving line away.
func (r *remote) clear() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.on {
		fmt.Fprint(r.w, "\r\x1b[K")
		r.on = false
	}
}
