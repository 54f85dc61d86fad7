package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// self leads to this program, whatever became of its name.
const self = "/proc/self/exe"

// What stands in a child's argument vector: no path and no secret, since every user of the machine may read it.
const (
	childName = "probat"
	argument  = "__sandbox"
	stageOne  = "1" // restricts its one thread, then executes the program again: so every thread of stage two is born restricted, whatever the
	stageTwo  = "2" // C library and the Go runtime may have started by then. Stage two forbids what only stage one needed, and does the task.

	stageTwoOwnRoot   = stageTwo + "r" // the same in a root of its own
	stageTwoNoSeccomp = stageTwo + "-" // for tests; nobody but the parent chooses it
)

const outcomeDone = 0 // the first byte of an outcome; 1: failed, and the words follow

// Main is the first call of a program that uses Run. In a child it does what the child is for and exits; otherwise it returns false at once.
// It panics on a task without a name or on two of one name.
func Main(tasks []Task) bool {
	names := map[string]bool{probeTask: true}
	for _, t := range tasks {
		if names[t.Name] {
			panic(fmt.Sprintf("sandbox: task %q has no name, or a second one has the same", t.Name))
		}
		names[t.Name] = true
	}
	if len(os.Args) != 3 || os.Args[1] != argument {
		return false
	}
	var err error
	switch os.Args[2] {
	case stageOne:
		err = one()
	case stageTwo, stageTwoOwnRoot, stageTwoNoSeccomp:
		err = two(tasks, os.Args[2])
	default:
		err = fmt.Errorf("there is no stage %q", os.Args[2])
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "sandbox, stage %s: %v\n", os.Args[2], err)
		os.Exit(3)
	}
	syscall.Exit(0) // os.Exit would wait for a second in builds with the race detector
	return true
}

// one restricts this thread, tells the parent, and executes the program again.
func one() error {
	runtime.LockOSThread()
	order, control := os.NewFile(fdOrder, "order"), os.NewFile(fdControl, "control")
	var s setup
	if err := readJSON(order, mostOrder, &s); err != nil {
		return fmt.Errorf("reading the order (this stage is for the program itself): %w", err)
	}
	f := newFound()
	exe, err := restrict(s, &f)
	if err != nil {
		return err
	}
	// Changed credentials clear it: prctl(2). A parent that died before this line closed the order pipe, where stage two waits.
	if err := unix.Prctl(unix.PR_SET_PDEATHSIG, uintptr(unix.SIGKILL), 0, 0, 0); err != nil {
		return fmt.Errorf("asking to end with the parent: %w", err)
	}
	if err := writeJSON(control, f); err != nil {
		return fmt.Errorf("telling what could be restricted: %w", err)
	}
	env := []string{}
	if slices.Contains(s.Without, EmptyEnv) {
		env = os.Environ()
	}
	next := stageTwo
	if slices.Contains(s.Without, Seccomp) {
		next = stageTwoNoSeccomp
	} else if exe != self {
		next = stageTwoOwnRoot
	}
	err = syscall.Exec(exe, []string{childName, argument, next}, env)
	// Stage two goes on with both descriptors: the collector must not close them before.
	runtime.KeepAlive(order)
	runtime.KeepAlive(control)
	return fmt.Errorf("executing this program again: %w", err)
}

// restrict does all that this thread can do to itself, and returns what to execute then. The order matters: maps before mounts, for which
// they are needed; mounts before Landlock, which forbids them; capabilities last.
func restrict(s setup, f *found) (exe string, err error) {
	skip := func(p Protection) bool {
		if slices.Contains(s.Without, p) {
			f.put(p, errLeftOut)
			return true
		}
		return false
	}
	if !skip(NoDescriptors) { // stage two looks whether it worked
		_ = unix.CloseRange(fdFirst, ^uint(0), unix.CLOSE_RANGE_CLOEXEC)
	}
	if s.MapSelf {
		if err := mapSelf(s.UID, s.GID); err != nil {
			f.put(UserNamespace, fmt.Errorf("mapping ids: %w", err))
		}
	}
	f.Namespaces = map[string]string{}
	for _, n := range namespaces {
		f.Namespaces[n.file], _ = os.Readlink("/proc/self/ns/" + n.file)
	}
	images, err := ownImages()
	if err != nil {
		return "", err
	}
	bound := memory(s.Memory)
	exe = self
	if s.OwnMounts {
		if err := ownRoot(s, images); err != nil {
			f.put(MountNamespace, err)
		} else {
			exe = images[0].Name
		}
	}
	limit(s, f, bound, skip)
	if !skip(NoNewPrivs) {
		f.put(NoNewPrivs, unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
	}
	if !skip(Landlock) {
		abi, err := landlock(s, images)
		f.LandlockABI = abi
		f.put(Landlock, err)
	}
	if !skip(NoCapabilities) {
		f.put(NoCapabilities, dropCapabilities(s.Root))
	}
	return exe, nil
}

// two looks at what it has, forbids the rest, tells the parent, waits for leave, and does the task.
func two(tasks []Task, stage string) error {
	order, control := os.NewFile(fdOrder, "order"), os.NewFile(fdControl, "control")
	out, progress := os.NewFile(fdOut, "out"), os.NewFile(fdProgress, "progress")
	f := newFound()
	f.put(EmptyEnv, emptyEnv())
	f.put(NoDescriptors, noDescriptors())
	if stage == stageTwoNoSeccomp {
		f.put(Seccomp, errLeftOut)
	} else {
		f.put(Seccomp, filter(stage == stageTwoOwnRoot))
	}
	if err := writeJSON(control, f); err != nil {
		return fmt.Errorf("telling what holds: %w", err)
	}
	var s start
	if err := readJSON(order, mostOrder, &s); err != nil {
		if errors.Is(err, io.EOF) {
			return nil // the parent is not content, or gone
		}
		return fmt.Errorf("reading the name of the task: %w", err)
	}
	order.Close()
	if s.Procs > 0 {
		runtime.GOMAXPROCS(s.Procs)
	}
	debug.SetMemoryLimit(s.Memory)
	run := func(context.Context, io.Reader, io.Writer, io.Writer) error { return nil }
	if s.Task != probeTask {
		i := slices.IndexFunc(tasks, func(t Task) bool { return t.Name == s.Task })
		if i < 0 {
			return writeFrame(control, append([]byte{1}, "this program has no such task"...))
		}
		run = tasks[i].Run
	}
	// The context is the child's whole life: the parent ends it by a signal.
	err := guarded(func() error { return run(context.Background(), os.Stdin, out, progress) })
	out.Close()
	progress.Close()
	outcome := []byte{outcomeDone}
	if err != nil {
		words := err.Error()
		outcome = append([]byte{1}, words[:min(len(words), mostWords)]...)
	}
	return writeFrame(control, outcome)
}

// guarded makes an error of a panic, with the stack on stderr.
func guarded(f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
			fmt.Fprintf(os.Stderr, "%s", debug.Stack())
		}
	}()
	return f()
}

func emptyEnv() error {
	if n := len(os.Environ()); n > 0 {
		return fmt.Errorf("%d variables", n)
	}
	return nil
}

// noDescriptors looks for descriptors that came through execve: those that are open, not ours, and not marked to be closed there. The Go
// runtime marks all of its own.
func noDescriptors() error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	var inherited []string
	see := func(fd int) {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 && fd >= fdFirst {
			inherited = append(inherited, strconv.Itoa(fd))
		}
	}
	// Descriptors above the limit stay open when it is lowered, so more than the limit are tried.
	for fd := range int(max(min(limit.Cur, 1<<16), 1<<12)) {
		see(fd)
	}
	if inherited != nil {
		return fmt.Errorf("descriptors %s", strings.Join(inherited, ", "))
	}
	for fd := range fdFirst {
		unix.CloseOnExec(fd)
	}
	return nil
}

// mapSelf gives this process its own id in its user namespace. See user_namespaces(7): setgroups has to be given up first.
func mapSelf(uid, gid int) error {
	for _, w := range []struct{ path, text string }{
		{"/proc/self/setgroups", "deny"},
		{"/proc/self/uid_map", fmt.Sprintf("%d %d 1", uid, uid)},
		{"/proc/self/gid_map", fmt.Sprintf("%d %d 1", gid, gid)},
	} {
		if err := os.WriteFile(w.path, []byte(w.text), 0); err != nil {
			return err
		}
	}
	return nil
}
