package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	"github.com/probat-lab/probat/report"
	"github.com/probat-lab/probat/unpack"
)

// isTerminal tells whether something is read by a person at a terminal.
func isTerminal(w io.Writer) (width int, ok bool) {
	f, isFile := w.(*os.File)
	if !isFile || !term.IsTerminal(int(f.Fd())) {
		return 0, false
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		width = 80
	}
	return width, true
}

// progress shows how far a walk is: one moving line on a terminal, else a plain line every few seconds.
type progress struct {
	w     io.Writer
	width int // 0: no terminal
	count unpack.Progress
	start time.Time

	mu    sync.Mutex
	phase string
	stop  chan struct{}
	done  chan struct{}
}

const (
	movingInterval = 120 * time.Millisecond
	plainInterval  = 5 * time.Second
)

func startProgress(w io.Writer) *progress {
	width, _ := isTerminal(w)
	p := &progress{w: w, width: width, start: time.Now(), stop: make(chan struct{}), done: make(chan struct{})}
	go p.run()
	return p
}

func (p *progress) run() {
	defer close(p.done)
	interval := plainInterval
	if p.width > 0 {
		interval = movingInterval
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-p.stop:
			if p.width > 0 {
				fmt.Fprint(p.w, "\r\x1b[K")
			}
			return
		case <-tick.C:
			p.show()
		}
	}
}

func (p *progress) setPhase(name string) {
	p.mu.Lock()
	p.phase = name
	p.mu.Unlock()
}

func (p *progress) show() {
	p.mu.Lock()
	phase := p.phase
	p.mu.Unlock()
	line := fmt.Sprintf("%s: %d files, %s, %ds", phase, p.count.Files.Load(), report.Size(p.count.Bytes.Load()), int(time.Since(p.start).Seconds()))
	if c := p.count.Container(); c != "" {
		line += ", in " + c
	}
	if f, d := p.count.Slowest(); d > 100*time.Millisecond {
		line += fmt.Sprintf("; slowest %s %.1fs", f, d.Seconds())
	}
	if p.width == 0 {
		fmt.Fprintln(p.w, line)
		return
	}
	if r := []rune(line); len(r) >= p.width {
		line = string(r[:p.width-1])
	}
	fmt.Fprintf(p.w, "\r%s\x1b[K", line)
}

func (p *progress) end() {
	close(p.stop)
	<-p.done
}
