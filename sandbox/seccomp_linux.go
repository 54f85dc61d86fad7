package sandbox

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"

	"github.com/elastic/go-seccomp-bpf"
	"github.com/elastic/go-seccomp-bpf/arch"
	"golang.org/x/sys/unix"
)

// allowed are the system calls of a Go program (with or without a C library) that reads, writes, maps, waits and starts threads, found by
// running whole evaluations, the race detector and the tests of this package under strace. All others fail with EPERM: sockets, processes, programs, signals to
// others, mounts, namespaces, owners and attributes of files, keys, tracing, bpf, io_uring, and whatever a kernel invents next.
// Names that an architecture does not have are left out there.
var allowed = []string{
	"read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "lseek", "close", "fcntl", "dup", "dup3", "pipe2",
	"stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2", "getcwd",
	"readlink", "readlinkat", "getdents64", "fgetxattr", "flistxattr", "fsync", "fdatasync", "ftruncate", "fallocate", "copy_file_range", "flock",
	"mkdir", "mkdirat", "rmdir", "unlink", "unlinkat", "rename", "renameat", "renameat2", // Landlock and the own root say where
	"munmap", "madvise", "mremap", "brk", "mincore",
	"rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "restart_syscall",
	"futex", "futex_time64", "set_robust_list", "get_robust_list", "rseq", "membarrier", "sched_yield", "sched_getaffinity", "gettid", "getpid", "getppid",
	"nanosleep", "clock_nanosleep", "clock_gettime", "clock_getres", "gettimeofday", "time", "timer_create", "timer_settime", "timer_delete", "setitimer",
	"epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "eventfd2", "poll", "ppoll", "pselect6",
	"getuid", "geteuid", "getgid", "getegid", "getrlimit", "getrusage", "sysinfo", "uname", "getrandom", "times",
	"exit", "exit_group",
}

// absent answer that the kernel does not have them: libraries then use their older ways, which the filter can look into.
var absent = []string{"clone3", "openat2", "fchmodat2"}

const noSuchCall = seccomp.Action(unix.SECCOMP_RET_ERRNO | uint32(syscall.ENOSYS))

// tsyncESRCH makes a thread that could not be restricted an error: linux/seccomp.h, SECCOMP_FILTER_FLAG_TSYNC_ESRCH, from Linux 5.7.
const tsyncESRCH = 1 << 4

// noSpecial are the bits of a mode that would leave a program behind which gives its caller the rights of its owner.
const noSpecial = unix.S_ISUID | unix.S_ISGID

// looked are allowed if an argument is as it should be.
func looked(ownRoot bool) []seccomp.NameWithConditions {
	when := func(name string, argument uint32, op seccomp.Operation, value uint64) seccomp.NameWithConditions {
		return seccomp.NameWithConditions{Name: name, Conditions: seccomp.ArgumentConditions{{Argument: argument, Operation: op, Value: value}}}
	}
	list := []seccomp.NameWithConditions{
		when("clone", 0, seccomp.BitsSet, unix.CLONE_THREAD),    // threads, not processes
		when("tgkill", 0, seccomp.Equal, uint64(os.Getpid())),   // the scheduler's own signals
		when("prlimit64", 2, seccomp.Equal, 0),                  // to ask, not to set
		when("mmap", 2, seccomp.BitsNotSet, unix.PROT_EXEC),     // no new code
		when("mprotect", 2, seccomp.BitsNotSet, unix.PROT_EXEC), //
		when("open", 2, seccomp.BitsNotSet, noSpecial),          // the mode is zero unless a file is made
		when("openat", 3, seccomp.BitsNotSet, noSpecial),        //
		when("fchmod", 1, seccomp.BitsNotSet, noSpecial),        // only what could be opened
	}
	if ownRoot { // Landlock does not know of modes, so by name they can be changed only where there are no names but those listed
		list = append(list, when("chmod", 1, seccomp.BitsNotSet, noSpecial), when("fchmodat", 2, seccomp.BitsNotSet, noSpecial))
	}
	return list
}

// filter restricts all threads of this process to the allowed system calls, and tries two that are not.
func filter(ownRoot bool) error {
	info, err := arch.GetInfo("")
	if err != nil {
		return err
	}
	missing := func(name string) bool { _, ok := info.SyscallNames[name]; return !ok }
	policy := seccomp.Policy{
		DefaultAction: seccomp.ActionErrno,
		Syscalls: []seccomp.SyscallGroup{
			{Action: noSuchCall, Names: slices.DeleteFunc(slices.Clone(absent), missing)},
			{
				Action: seccomp.ActionAllow, Names: slices.DeleteFunc(slices.Clone(allowed), missing),
				NamesWithCondtions: slices.DeleteFunc(looked(ownRoot), func(n seccomp.NameWithConditions) bool { return missing(n.Name) }),
			},
		},
	}
	err = seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: false, Flag: seccomp.FilterFlagTSync | tsyncESRCH, Policy: policy})
	if errors.Is(err, syscall.EINVAL) { // before Linux 5.7
		err = seccomp.LoadFilter(seccomp.Filter{NoNewPrivs: false, Flag: seccomp.FilterFlagTSync, Policy: policy})
	}
	if err != nil {
		return err
	}
	if fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); !errors.Is(err, syscall.EPERM) {
		unix.Close(fd)
		return fmt.Errorf("a socket can still be made: %v", err)
	}
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, 19); !errors.Is(err, syscall.EPERM) {
		return fmt.Errorf("an unlisted call still works: %v", err)
	}
	return nil
}
