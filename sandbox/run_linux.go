package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	defaultMemory = 1 << 30   // bytes
	leastMemory   = 128 << 20 // bytes; the runtime alone wants a part of it
	defaultFiles  = 256
	leastFiles    = 32
	defaultOut    = 1 << 30 // bytes
	mostWords     = 4 << 10 // bytes of a task's error
)

var errTooMuch = errors.New("more than was allowed")

// Run has a child do a task, and returns when the child is gone. The Report is what held, as far as the child came.
//
// An error is an *Error, or wraps ctx's error when that ended the child, or is one of in or out, or says why no child could be started. What
// was written to out before an error is worth nothing.
//
// The parent is made non-dumpable, for good: so a child of the same user cannot read its memory, but neither can a debugger, and a user other
// than root then finds its own files in /proc belonging to root. Run keeps its goroutine's thread for itself, since the kernel kills the child
// with the thread that started it. It waits for a Read of in and a Write to out, Progress or Stderr that is under way, so these must end when ctx does.
func Run(ctx context.Context, task string, in io.Reader, out io.Writer, o Options) (Report, error) {
	if err := ctx.Err(); err != nil {
		return Report{}, fmt.Errorf("starting the sandbox for task %q: %w", task, err)
	}
	s, err := o.setup()
	if err != nil {
		return Report{}, err
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c := &child{task: task, o: o, words: tail{to: o.Stderr}}
	if err := c.hideParent(); err != nil {
		c.missing[ParentHidden] = err.Error()
	}
	if err := c.start(s); err != nil {
		return newReport(nil, nil), fmt.Errorf("starting the sandbox for task %q: %w", task, err)
	}
	stop := context.AfterFunc(ctx, c.kill)
	defer stop()
	report, err := c.handshake(s)
	if err != nil {
		c.kill()
	} else {
		c.feed(in, out)
	}
	return report, c.finish(ctx, err)
}

// Probe starts a child that does nothing and reports what holds on this machine for this user. An error says why no child could be started;
// the level is none then.
func Probe(ctx context.Context) (Report, error) {
	return Run(ctx, probeTask, nil, io.Discard, Options{})
}

// probeTask is the one task that every program has: it does nothing.
const probeTask = ""

// setup checks the options and completes them.
func (o *Options) setup() (*setup, error) {
	if o.MemoryLimit == 0 {
		o.MemoryLimit = defaultMemory
	}
	if o.Files == 0 {
		o.Files = defaultFiles
	}
	if o.OutLimit == 0 {
		o.OutLimit = defaultOut
	}
	if o.MemoryLimit < leastMemory || o.Files < leastFiles || o.OutLimit < 0 || o.Procs < 0 {
		return nil, fmt.Errorf("sandbox limits: %d bytes of memory (at least %d), %d descriptors (at least %d), %d bytes of output, %d processors",
			o.MemoryLimit, leastMemory, o.Files, leastFiles, o.OutLimit, o.Procs)
	}
	s := &setup{
		Memory: uint64(o.MemoryLimit), Files: uint64(o.Files), UID: os.Geteuid(), GID: os.Getegid(), Root: os.Geteuid() == 0, Without: o.without,
	}
	var err error
	if s.Write, err = places(o.Write); err != nil {
		return nil, err
	}
	for _, p := range s.Write {
		if !p.Folder {
			return nil, fmt.Errorf("writing in the sandbox: %q is not a folder", p.Name)
		}
	}
	s.Read, err = places(o.Read)
	return s, err
}

// places makes paths absolute and finds where they really are. Sorted, so that a folder stands before what lies in it.
func places(paths []string) ([]place, error) {
	var list []place
	for _, p := range paths {
		if p == "" {
			return nil, errors.New("opening a path for the sandbox: it is empty")
		}
		name, err := filepath.Abs(p)
		if err != nil {
			return nil, fmt.Errorf("opening %q for the sandbox: %w", p, err)
		}
		real, err := filepath.EvalSymlinks(name)
		if err != nil {
			return nil, fmt.Errorf("opening %q for the sandbox: %w", p, err)
		}
		st, err := os.Stat(real)
		if err != nil {
			return nil, fmt.Errorf("opening %q for the sandbox: %w", p, err)
		}
		if !st.IsDir() && !st.Mode().IsRegular() && st.Mode()&os.ModeDevice == 0 {
			return nil, fmt.Errorf("opening %q for the sandbox: neither a file, a folder nor a device", p)
		}
		list = append(list, place{name, real, st.IsDir()})
	}
	slices.SortFunc(list, func(a, b place) int { return strings.Compare(a.Name, b.Name) })
	return slices.CompactFunc(list, func(a, b place) bool { return a.Name == b.Name }), nil
}

// child is a running child as the parent sees it.
type child struct {
	task    string
	o       Options
	missing map[Protection]string // what the parent could not do, and why

	process *os.Process
	flags   uintptr // the namespaces that it has
	owners  bool

	in, order, control, out, progress, stderr *os.File // our ends

	words tail
	wg    sync.WaitGroup

	mu     sync.Mutex
	reason error // guarded by mu: why we killed it, or the first error of in or out; the first one counts
	killed bool  // guarded by mu

	outcome []byte // of the task; nil when it never came. Written before wg is done.
	rubbish error
}

func (c *child) without(p Protection) bool { return slices.Contains(c.o.without, p) }

func (c *child) hideParent() error {
	c.missing = map[Protection]string{}
	hide := uintptr(0)
	if c.without(ParentHidden) {
		hide = 1
		c.missing[ParentHidden] = errLeftOut.Error()
	}
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, hide, 0, 0, 0); err != nil {
		return err
	}
	if d, err := unix.PrctlRetInt(unix.PR_GET_DUMPABLE, 0, 0, 0, 0); err != nil || d != 0 {
		return fmt.Errorf("the kernel says dumpable %d, %v", d, err)
	}
	return nil
}

// kill ends the child and whatever it started. It may be called at any time, by anyone.
func (c *child) kill() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.killed {
		c.killed = true
		_ = c.process.Kill() // gone already is as good
	}
}

// fail keeps the first reason and ends the child.
func (c *child) fail(err error) {
	c.mu.Lock()
	if c.reason == nil {
		c.reason = err
	}
	c.mu.Unlock()
	c.kill()
}

// handshake restricts the child and asks it what holds. No hostile byte is in the child yet, so what it says can be believed.
func (c *child) handshake(s *setup) (Report, error) {
	c.wg.Go(func() { _, _ = io.Copy(&c.words, c.stderr) })
	if err := writeJSON(c.order, s); err != nil {
		return newReport(nil, nil), fmt.Errorf("telling it how to restrict itself: %w", err)
	}
	var one, two found
	if err := readJSON(c.control, mostOrder, &one); err != nil {
		return newReport(nil, nil), fmt.Errorf("reading what it could restrict: %w", err)
	}
	if err := readJSON(c.control, mostOrder, &two); err != nil {
		return newReport(nil, nil), fmt.Errorf("reading what holds: %w", err)
	}
	report := c.report(one, two)
	if report.Level < c.o.Require {
		return report, &Error{Task: c.task, Kind: Refused, Text: fmt.Sprintf("level %s is required, this host gives %s", c.o.Require, report)}
	}
	if note := report.note(MemoryBound); note == watched {
		c.wg.Go(c.watch)
	}
	err := writeJSON(c.order, start{Task: c.task, Procs: c.o.Procs, Memory: c.o.MemoryLimit / 4 * 3})
	if err != nil {
		return report, fmt.Errorf("naming the task: %w", err)
	}
	return report, nil
}

func (r Report) note(p Protection) string {
	for _, i := range r.Items {
		if i.Protection == p {
			return i.Note
		}
	}
	return ""
}

// report joins what the parent knows and what the stages found.
func (c *child) report(one, two found) Report {
	held, missing := map[Protection]string{ParentHidden: ""}, map[Protection]string{}
	for _, f := range []found{one, two} {
		for p, note := range f.Held {
			held[p] = note
		}
		for p, why := range f.Missing {
			missing[p] = why
		}
	}
	for p, why := range c.missing {
		missing[p] = why
	}
	for _, n := range namespaces {
		ours, err := os.Readlink("/proc/self/ns/" + n.file)
		if theirs := one.Namespaces[n.file]; c.flags&n.flag != 0 && err == nil && theirs != "" && theirs != ours {
			if _, ok := held[n.protection]; !ok {
				held[n.protection] = ""
			}
		} else if missing[n.protection] == "" {
			missing[n.protection] = "it is the parent's"
		}
	}
	r := newReport(held, missing)
	r.LandlockABI = one.LandlockABI
	r.Owners = c.owners
	return r
}

// feed starts what carries bytes to and from the child.
func (c *child) feed(in io.Reader, out io.Writer) {
	c.wg.Go(func() {
		defer c.in.Close()
		if in == nil {
			return
		}
		// A child that wants no more input is its own affair: the outcome decides.
		if _, err := io.Copy(pipeEnd{c.in}, in); err != nil && !errors.Is(err, syscall.EPIPE) && !errors.Is(err, os.ErrClosed) {
			c.fail(fmt.Errorf("reading the input: %w", err))
		}
	})
	c.wg.Go(func() {
		over := func() {
			c.fail(&Error{Task: c.task, Kind: TooMuch, Text: fmt.Sprintf("more than %d bytes", c.o.OutLimit)})
		}
		if _, err := io.Copy(&limited{out, c.o.OutLimit, over}, c.out); err != nil && !errors.Is(err, errTooMuch) {
			c.fail(fmt.Errorf("passing the output on: %w", err))
		}
	})
	c.wg.Go(func() {
		to := c.o.Progress
		if to == nil {
			to = io.Discard
		}
		if _, err := io.Copy(to, c.progress); err != nil {
			c.fail(fmt.Errorf("passing the progress on: %w", err))
		}
	})
	c.wg.Go(func() {
		outcome, err := readFrame(c.control, mostOutcome)
		if err == nil && len(outcome) == 0 {
			err = errors.New("an empty outcome")
		}
		if err != nil && !errors.Is(err, io.EOF) {
			c.rubbish = err
			c.kill()
			return
		}
		if n, _ := c.control.Read(make([]byte, 1)); n > 0 { // and then nothing more
			c.rubbish = errors.New("words after the outcome")
			c.kill()
			return
		}
		c.outcome = outcome
	})
}

// pipeEnd hides ReadFrom, so that bytes of a file are not spliced past the poller.
type pipeEnd struct{ io.Writer }
