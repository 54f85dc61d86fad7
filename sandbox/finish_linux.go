package sandbox

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// finish waits for the child, then for those who carry its bytes, and says how it went.
func (c *child) finish(ctx context.Context, before error) error {
	state, err := c.wait()
	c.order.Close()
	if before != nil {
		c.in.Close() // feed would have
	}
	c.wg.Wait()
	for _, f := range []*os.File{c.control, c.out, c.progress, c.stderr} {
		f.Close()
	}
	if err != nil {
		return fmt.Errorf("waiting for the sandbox of task %q: %w", c.task, err)
	}
	c.mu.Lock()
	reason := c.reason
	c.mu.Unlock()
	return c.verdict(ctx, state, before, reason)
}

// wait waits for the child, kills what may be left of its group while its number is still taken, and reaps it.
func (c *child) wait() (*os.ProcessState, error) {
	pid := c.process.Pid
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, syscall.EINTR) {
			break // an error shows again in Wait
		}
	}
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	c.mu.Lock()
	c.killed = true // from here on there is nobody to kill
	c.mu.Unlock()
	return c.process.Wait()
}

func (c *child) verdict(ctx context.Context, state *os.ProcessState, before, reason error) error {
	e := &Error{Task: c.task, Stderr: c.words.String()}
	if refused := (*Error)(nil); errors.As(before, &refused) {
		return refused
	}
	if err := ctx.Err(); err != nil && !state.Success() {
		return fmt.Errorf("task %q in the sandbox was ended: %w", c.task, err)
	}
	if ours := (*Error)(nil); errors.As(reason, &ours) {
		ours.Stderr = e.Stderr
		return ours
	}
	if reason != nil {
		return fmt.Errorf("task %q in the sandbox: %w", c.task, reason)
	}
	if c.rubbish != nil {
		e.Kind, e.Text = Rubbish, c.rubbish.Error()
		return e
	}
	if before != nil || !state.Success() || c.outcome == nil {
		e.Kind, e.Text = Died, state.String()
		if before != nil {
			e.Text += " while " + before.Error()
		}
		if state.ExitCode() == 2 && outOfMemory(c.words.first) {
			e.Kind, e.Text = Memory, fmt.Sprintf("more than %d bytes", c.o.MemoryLimit)
		}
		return e
	}
	if c.outcome[0] != outcomeDone {
		e.Kind, e.Text = Failed, escape(c.outcome[1:])
		return e
	}
	return nil
}

// outOfMemory recognises what the Go runtime says when the kernel refuses it memory. A hostile child can say so too: the word only helps people.
func outOfMemory(words []byte) bool {
	return bytes.Contains(words, []byte("out of memory")) || bytes.Contains(words, []byte("cannot allocate memory"))
}

// watched is the note of a memory limit that the kernel cannot hold for us.
const watched = "by the parent, who looks at it 50 times a second: this build of the program reserves more than the limit as it starts"

// watch ends a child that holds more memory than it may. It serves builds with the race detector, whose shadow memory no kernel limit can tell apart.
func (c *child) watch() {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	page := int64(os.Getpagesize())
	for range tick.C {
		c.mu.Lock()
		gone := c.killed
		c.mu.Unlock()
		b, err := os.ReadFile("/proc/" + strconv.Itoa(c.process.Pid) + "/statm")
		if gone || err != nil {
			return
		}
		fields := bytes.Fields(b) // total, resident, shared, ... in pages: proc_pid_statm(5)
		if len(fields) < 3 {
			return
		}
		resident, _ := strconv.ParseInt(string(fields[1]), 10, 64)
		shared, _ := strconv.ParseInt(string(fields[2]), 10, 64)
		if (resident-shared)*page > c.o.MemoryLimit {
			c.fail(&Error{Task: c.task, Kind: Memory, Text: fmt.Sprintf("more than %d bytes", c.o.MemoryLimit)})
			return
		}
	}
}
