package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

var errLeftOut = errors.New("left out on purpose")

// namespaces in the order of a report. A user other than root gets the others only with the first.
var namespaces = []struct {
	protection Protection
	flag       uintptr
	file       string // in /proc/self/ns
}{
	{UserNamespace, unix.CLONE_NEWUSER, "user"},
	{MountNamespace, unix.CLONE_NEWNS, "mnt"},
	{PIDNamespace, unix.CLONE_NEWPID, "pid"},
	{NetNamespace, unix.CLONE_NEWNET, "net"},
	{IPCNamespace, unix.CLONE_NEWIPC, "ipc"},
	{UTSNamespace, unix.CLONE_NEWUTS, "uts"},
}

// The child's descriptors.
const (
	fdIn       = 0
	fdStdout   = 1 // what prints by mistake must not end in the result
	fdStderr   = 2
	fdOrder    = 3
	fdControl  = 4
	fdOut      = 5
	fdProgress = 6
	fdFirst    = 7 // from here on there must be none
)

// start makes the pipes and the child.
func (c *child) start(s *setup) (err error) {
	var opened []*os.File
	pipe := func(toChild bool) (ours, theirs *os.File) {
		if err != nil {
			return nil, nil
		}
		var r, w *os.File
		if r, w, err = os.Pipe(); err != nil {
			return nil, nil
		}
		opened = append(opened, r, w)
		if toChild {
			return w, r
		}
		return r, w
	}
	var files [fdFirst]*os.File
	c.in, files[fdIn] = pipe(true)
	c.stderr, files[fdStderr] = pipe(false)
	c.order, files[fdOrder] = pipe(true)
	c.control, files[fdControl] = pipe(false)
	c.out, files[fdOut] = pipe(false)
	c.progress, files[fdProgress] = pipe(false)
	files[fdStdout] = files[fdStderr]
	if err == nil {
		err = c.clone(s, files[:])
	}
	if err != nil {
		for _, f := range opened {
			f.Close()
		}
		return err
	}
	for i, f := range files {
		if i != fdStdout {
			f.Close()
		}
	}
	return nil
}

// clone starts the child with all namespaces, or as many as the kernel gives.
func (c *child) clone(s *setup, files []*os.File) error {
	root := s.Root
	var flags uintptr
	for _, n := range namespaces {
		switch _, err := os.Stat("/proc/self/ns/" + n.file); {
		case c.without(n.protection):
			c.missing[n.protection] = errLeftOut.Error()
		case err != nil:
			c.missing[n.protection] = "this kernel has none"
		default:
			flags |= n.flag
		}
	}
	giveUp := func(flag uintptr, why string) {
		for _, n := range namespaces {
			if flags&flag&n.flag != 0 {
				c.missing[n.protection] = why
			}
		}
		flags &^= flag
	}
	if !root && c.o.Owners {
		giveUp(flags, "a user other than root cannot have it and see the owners of files")
	}
	if !root && flags&unix.CLONE_NEWUSER == 0 {
		giveUp(flags, "a user other than root gets it in a user namespace only")
	}
	err := c.try(s, files, flags)
	if err == nil {
		return nil
	}
	if !root {
		giveUp(flags, err.Error())
		return c.try(s, files, flags)
	}
	// Root gets the others without the user namespace too: each that the kernel gives alone.
	for _, n := range namespaces {
		if flags&n.flag == 0 {
			continue
		}
		if err := c.try(s, files, n.flag); err != nil {
			giveUp(n.flag, err.Error())
			continue
		}
		if err := c.process.Kill(); err != nil {
			return err
		}
		if _, err := c.process.Wait(); err != nil {
			return err
		}
	}
	return c.try(s, files, flags)
}

// try starts the child with these namespaces and no fewer.
func (c *child) try(s *setup, files []*os.File, flags uintptr) error {
	sys := &syscall.SysProcAttr{Cloneflags: flags, Setpgid: true, Pdeathsig: syscall.SIGKILL}
	s.MapSelf, c.owners, s.OwnMounts = false, true, flags&unix.CLONE_NEWNS != 0
	if flags&unix.CLONE_NEWUSER != 0 {
		if s.Root {
			var err1, err2 error
			sys.UidMappings, err1 = sameIDs("/proc/self/uid_map")
			sys.GidMappings, err2 = sameIDs("/proc/self/gid_map")
			if err := errors.Join(err1, err2); err != nil {
				return err
			}
		} else {
			// The maps of a process that is not dumpable belong to root, and until it executes, the child is a copy of such a one. So
			// it writes its maps itself afterwards, for which it must carry a capability, in its own namespace only, past execve.
			s.MapSelf, c.owners = true, false
			sys.AmbientCaps = []uintptr{unix.CAP_SYS_ADMIN, unix.CAP_SETPCAP}
		}
	}
	env := []string{}
	if c.without(EmptyEnv) {
		env = os.Environ()
	}
	p, err := os.StartProcess(self, []string{childName, argument, stageOne}, &os.ProcAttr{Dir: "/", Env: env, Files: files, Sys: sys})
	if err != nil {
		return fmt.Errorf("executing this program again: %w", err)
	}
	c.process, c.flags = p, flags
	return nil
}

// sameIDs maps every id that this process can name to itself, so that root in the child sees owners as they are. See user_namespaces(7).
func sameIDs(path string) ([]syscall.SysProcIDMap, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var list []syscall.SysProcIDMap
	for line := range bytes.Lines(b) {
		f := bytes.Fields(line)
		if len(f) != 3 {
			return nil, fmt.Errorf("reading %s: %q", path, line)
		}
		first, err1 := strconv.Atoi(string(f[0]))
		size, err2 := strconv.Atoi(string(f[2]))
		if err := errors.Join(err1, err2); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
		list = append(list, syscall.SysProcIDMap{ContainerID: first, HostID: first, Size: size})
	}
	return list, nil
}
