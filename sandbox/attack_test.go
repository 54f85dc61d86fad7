//go:build linux

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// attack is the task of a child that an attacker has taken over. Each line of its input is the name of an attack and an argument; for each
// it writes OPEN and what it got hold of, or SHUT and the error, on a line.
func attack(_ context.Context, in io.Reader, out, _ io.Writer) error {
	b, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	for line := range strings.SplitSeq(string(b), "\n") {
		name, arg, _ := strings.Cut(line, " ")
		do, ok := attacks[name]
		if !ok {
			return fmt.Errorf("attack how? %q", name)
		}
		if got, err := do(arg); err != nil {
			fmt.Fprintf(out, "SHUT %q\n", err)
		} else {
			fmt.Fprintf(out, "OPEN %q\n", got)
		}
	}
	return nil
}

// attacks each return what they got hold of, or the error that kept them from it.
var attacks = map[string]func(arg string) (string, error){
	"read": func(path string) (string, error) {
		b, err := os.ReadFile(path)
		return string(b), err
	},
	"climb": func(path string) (string, error) { // to where an old root may still hang
		var errs []error
		for _, up := range []string{"/..", "..", "../../..", "/../.", "."} {
			b, err := os.ReadFile(up + path)
			if err == nil {
				return string(b), nil
			}
			errs = append(errs, err)
		}
		return "", errors.Join(errs...)
	},
	"write": func(path string) (string, error) {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return "", err
		}
		return path, f.Close()
	},
	"truncate": func(path string) (string, error) { return path, unix.Truncate(path, 0) },
	"chmod":    func(path string) (string, error) { return path, os.Chmod(path, 0o777) },
	"chmod-open": func(path string) (string, error) {
		f, err := os.Open(path)
		if err != nil {
			return "", err
		}
		return path, errors.Join(unix.Fchmod(int(f.Fd()), 0o4755), f.Close())
	},
	"leave-program": func(path string) (string, error) {
		fd, err := unix.Open(path, unix.O_CREAT|unix.O_WRONLY|unix.O_CLOEXEC, 0o4755)
		if err != nil {
			return "", err
		}
		return path, unix.Close(fd)
	},
	"chmod-program": func(path string) (string, error) { return path, unix.Chmod(path, 0o4755) },
	"list": func(path string) (string, error) {
		list, err := os.ReadDir(path)
		return fmt.Sprint(len(list)), err
	},
	"stat": func(path string) (string, error) { _, err := os.Stat(path); return path, err },
	"mem": func(pid string) (string, error) {
		f, err := os.Open("/proc/" + pid + "/mem")
		if err != nil {
			return "", err
		}
		return f.Name(), f.Close()
	},
	"descriptors": func(pid string) (string, error) { return os.Readlink("/proc/" + pid + "/fd/0") },
	"vm": func(pid string) (string, error) {
		n, _ := strconv.Atoi(pid)
		local := make([]byte, 1)
		_, err := unix.ProcessVMReadv(n, []unix.Iovec{{Base: &local[0], Len: 1}}, []unix.RemoteIovec{{Base: 1, Len: 1}}, 0)
		if errors.Is(err, syscall.EFAULT) { // allowed, and nothing there
			return "its memory", nil
		}
		return "", err
	},
	"seize": func(pid string) (string, error) {
		n, _ := strconv.Atoi(pid)
		return "the parent", unix.PtraceSeize(n)
	},
	"signal": func(pid string) (string, error) {
		n, _ := strconv.Atoi(pid)
		return "the parent", unix.Kill(n, 0)
	},
	"signal-thread": func(pid string) (string, error) {
		n, _ := strconv.Atoi(pid)
		return "the parent", unix.Tgkill(n, n, 0)
	},
	"socket": func(string) (string, error) {
		var errs []error
		for _, family := range []int{unix.AF_INET, unix.AF_INET6, unix.AF_UNIX, unix.AF_NETLINK} {
			_, err := unix.Socket(family, unix.SOCK_DGRAM, 0)
			if err == nil {
				return fmt.Sprint("family ", family), nil
			}
			errs = append(errs, err)
		}
		return "", errors.Join(errs...)
	},
	"tcp": func(port string) (string, error) {
		n, _ := strconv.Atoi(port)
		return connect(unix.AF_INET, unix.SOCK_STREAM, &unix.SockaddrInet4{Port: n, Addr: [4]byte{127, 0, 0, 1}})
	},
	"udp": func(port string) (string, error) {
		n, _ := strconv.Atoi(port)
		return connect(unix.AF_INET, unix.SOCK_DGRAM, &unix.SockaddrInet4{Port: n, Addr: [4]byte{127, 0, 0, 1}})
	},
	"unix": func(path string) (string, error) {
		return connect(unix.AF_UNIX, unix.SOCK_STREAM, &unix.SockaddrUnix{Name: path})
	},
	"exec":        execute,
	"environment": environment,
	"inherited":   inherited,
	"memory":      memoryBomb,
	"files":       filesBomb,
	"fork":        forkBomb,
	"mount":       func(dir string) (string, error) { return dir, unix.Mount("x", dir, "tmpfs", 0, "") },
	"privileges": func(string) (string, error) {
		n, err := unix.PrctlRetInt(unix.PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)
		if err == nil && n == 1 {
			err = errors.New("no new privileges")
		}
		return "the way to new privileges", err
	},
	"capabilities": capabilities,
	"raise-limit": func(string) (string, error) {
		return "core", syscall.Setrlimit(unix.RLIMIT_CORE, &syscall.Rlimit{Cur: 1 << 20, Max: 1 << 20})
	},
	"calls": calls,
	"code": func(string) (string, error) {
		_, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE|unix.PROT_EXEC, unix.MAP_ANON|unix.MAP_PRIVATE)
		return "memory for new code", err
	},
}

func connect(family, kind int, to unix.Sockaddr) (string, error) {
	fd, err := unix.Socket(family, kind, 0)
	if err != nil {
		return "", err
	}
	if err := unix.Connect(fd, to); err != nil {
		return "", err
	}
	_, err = unix.Write(fd, []byte("out"))
	return "the other side", err
}

// execute replaces the child by a shell that writes where the result goes.
func execute(string) (string, error) {
	if _, _, errno := unix.Syscall(unix.SYS_FCNTL, fdOut, unix.F_SETFD, 0); errno != 0 {
		return "", errno
	}
	return "", syscall.Exec("/bin/sh", []string{"sh", "-c", "echo OPEN a shell >&5"}, nil)
}

func environment(string) (string, error) {
	if e := os.Environ(); len(e) > 0 {
		return e[0], nil
	}
	return "", errors.New("it is empty")
}

// inherited looks for the descriptor of a file, given by device and inode.
func inherited(file string) (string, error) {
	for fd := range 1 << 12 {
		var st unix.Stat_t
		if unix.Fstat(fd, &st) == nil && fmt.Sprintf("%d:%d", st.Dev, st.Ino) == file {
			return fmt.Sprint("descriptor ", fd), nil
		}
	}
	return "", errors.New("it is not among the descriptors")
}

// memoryBomb takes half a GiB, and touches it.
func memoryBomb(string) (string, error) {
	var kept [][]byte
	for range 64 {
		b := make([]byte, 8<<20)
		for i := 0; i < len(b); i += 4096 {
			b[i] = 1
		}
		kept = append(kept, b)
	}
	return fmt.Sprint(len(kept)*8, " MiB"), nil
}

func filesBomb(string) (string, error) {
	for n := range 400 {
		if _, err := unix.FcntlInt(0, unix.F_DUPFD_CLOEXEC, 0); err != nil {
			return "", fmt.Errorf("after %d: %w", n, err)
		}
	}
	return "400 descriptors", nil
}

// forkBomb tries to have as many processes at once as it is told, and says how many it got.
func forkBomb(most string) (string, error) {
	want, _ := strconv.Atoi(most)
	var pids []int
	defer func() {
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
			_, _ = unix.Wait4(pid, nil, 0, nil)
		}
	}()
	for range want {
		pid, _, errno := syscall.RawSyscall6(unix.SYS_CLONE, uintptr(unix.SIGCHLD), 0, 0, 0, 0, 0)
		if errno != 0 {
			return "", fmt.Errorf("after %d: %w", len(pids), errno)
		}
		if pid == 0 {
			for {
				_, _, _ = syscall.RawSyscall(unix.SYS_PPOLL, 0, 0, 0)
			}
		}
		pids = append(pids, int(pid))
	}
	return fmt.Sprint(len(pids), " processes"), nil
}

func capabilities(string) (string, error) {
	var had [2]unix.CapUserData
	if err := unix.Capget(&unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}, &had[0]); err != nil {
		return "", err
	}
	if had[0].Permitted&^(1<<unix.CAP_DAC_READ_SEARCH)|had[1].Permitted == 0 {
		return "", errors.New("there are none")
	}
	return fmt.Sprintf("%#x", had[0].Permitted), nil
}

// calls tries system calls that nothing in the child needs, with arguments that would do nothing.
func calls(string) (string, error) {
	for name, n := range map[string]uintptr{
		"ptrace": unix.SYS_PTRACE, "process_vm_readv": unix.SYS_PROCESS_VM_READV, "process_vm_writev": unix.SYS_PROCESS_VM_WRITEV, "kexec_load": unix.SYS_KEXEC_LOAD,
		"init_module": unix.SYS_INIT_MODULE, "finit_module": unix.SYS_FINIT_MODULE, "delete_module": unix.SYS_DELETE_MODULE, "bpf": unix.SYS_BPF,
		"perf_event_open": unix.SYS_PERF_EVENT_OPEN, "keyctl": unix.SYS_KEYCTL, "add_key": unix.SYS_ADD_KEY, "request_key": unix.SYS_REQUEST_KEY,
		"mount": unix.SYS_MOUNT, "umount2": unix.SYS_UMOUNT2, "pivot_root": unix.SYS_PIVOT_ROOT, "open_tree": unix.SYS_OPEN_TREE, "fsopen": unix.SYS_FSOPEN,
		"move_mount": unix.SYS_MOVE_MOUNT, "mount_setattr": unix.SYS_MOUNT_SETATTR, "unshare": unix.SYS_UNSHARE, "setns": unix.SYS_SETNS, "userfaultfd": unix.SYS_USERFAULTFD,
		"io_uring_setup": unix.SYS_IO_URING_SETUP, "io_uring_enter": unix.SYS_IO_URING_ENTER, "execve": unix.SYS_EXECVE, "execveat": unix.SYS_EXECVEAT,
		"open_by_handle_at": unix.SYS_OPEN_BY_HANDLE_AT, "name_to_handle_at": unix.SYS_NAME_TO_HANDLE_AT, "memfd_create": unix.SYS_MEMFD_CREATE, "socketpair": unix.SYS_SOCKETPAIR,
		"pidfd_open": unix.SYS_PIDFD_OPEN, "pidfd_getfd": unix.SYS_PIDFD_GETFD, "chroot": unix.SYS_CHROOT, "setuid": unix.SYS_SETUID, "capset": unix.SYS_CAPSET,
		"prctl": unix.SYS_PRCTL, "personality": unix.SYS_PERSONALITY, "shmget": unix.SYS_SHMGET, "mq_open": unix.SYS_MQ_OPEN, "fanotify_init": unix.SYS_FANOTIFY_INIT,
		"ioctl": unix.SYS_IOCTL, "setxattr": unix.SYS_SETXATTR, "fchmodat": unix.SYS_FCHMODAT, "fchownat": unix.SYS_FCHOWNAT, "utimensat": unix.SYS_UTIMENSAT,
		"symlinkat": unix.SYS_SYMLINKAT, "linkat": unix.SYS_LINKAT, "mknodat": unix.SYS_MKNODAT, "rt_sigqueueinfo": unix.SYS_RT_SIGQUEUEINFO,
		"process_madvise": unix.SYS_PROCESS_MADVISE, "landlock_create_ruleset": unix.SYS_LANDLOCK_CREATE_RULESET, "invented later": 4000,
	} {
		const wrong = ^uintptr(0)
		if _, _, errno := unix.Syscall6(n, wrong, wrong, wrong, wrong, wrong, wrong); errno != syscall.EPERM {
			return fmt.Sprint(name, ": ", errno), nil
		}
	}
	if _, _, errno := unix.Syscall(unix.SYS_CLONE3, 0, 0, 0); errno != syscall.ENOSYS {
		return fmt.Sprint("clone3: ", errno), nil
	}
	return "", syscall.EPERM
}
