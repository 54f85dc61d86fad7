//go:build linux

package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// against is an attack and what stands against it.
type against struct {
	name, arg string
	layers    []Protection // each alone is enough
	gone      []Protection // taken away even when one layer is tried alone, for they would hide whether it works
	o         Options
}

var (
	allNamespaces = []Protection{UserNamespace, MountNamespace, PIDNamespace, NetNamespace, IPCNamespace, UTSNamespace}
	files         = []Protection{Landlock, MountNamespace}
)

// TestAttacks: every attack fails; it succeeds when all that stands against it is taken away, so the attack is a real one; and with any one
// layer alone it fails again, so each layer works. Nothing is skipped: a layer that this host does not offer must be one that the report misses.
func TestAttacks(t *testing.T) {
	host, err := Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Log("this host: ", host)
	root := os.Geteuid() == 0
	var trials []trial
	for _, a := range table(t, root) {
		trials = append(trials, trial{a, nil, false}, trial{a, slices.Concat(a.layers, a.gone), true})
		for _, alone := range a.layers {
			if !host.Held(alone) {
				t.Logf("%s %s: not tried alone: %s is not to be had here", a.name, a.arg, alone)
				continue
			}
			removed := slices.Concat(a.layers, a.gone)
			removed = slices.DeleteFunc(removed, func(p Protection) bool { return p == alone })
			if !root && slices.Contains(allNamespaces, alone) { // needs the first to exist at all
				removed = slices.DeleteFunc(removed, func(p Protection) bool { return p == UserNamespace })
			}
			trials = append(trials, trial{a, removed, false})
		}
	}
	// One child for all trials of the same sandbox; those that end or fill their child have one each.
	groups := map[string][]trial{}
	for i, a := range trials {
		slices.Sort(a.removed)
		key := fmt.Sprint(a.removed)
		if slices.Contains([]string{"exec", "memory", "files", "fork", "seize"}, a.name) {
			key = fmt.Sprint(i)
		}
		groups[key] = append(groups[key], a)
	}
	for _, key := range slices.Sorted(maps.Keys(groups)) {
		try(t, groups[key])
	}
	t.Logf("%d trials in %d children", len(trials), len(groups))
}

// trial is an attack on a sandbox from which something was removed, and whether it should succeed.
type trial struct {
	against
	removed []Protection
	open    bool
}

// try makes trials that are of one sandbox.
func try(t *testing.T, trials []trial) {
	t.Helper()
	o := trials[0].o
	o.without = trials[0].removed
	var lines []string
	for _, a := range trials {
		lines = append(lines, a.name+" "+a.arg)
	}
	var out bytes.Buffer
	r, err := Run(t.Context(), "attack", strings.NewReader(strings.Join(lines, "\n")), &out, o)
	for _, p := range o.without {
		if r.Held(p) {
			t.Errorf("the report says that %s holds, which was removed", p)
		}
	}
	a := trials[0]
	ends := a.name == "memory" || a.name == "exec"
	if err != nil && (!ends || !errors.As(err, new(*Error))) {
		t.Fatalf("%q without %v: %v", lines, o.without, err)
	}
	if a.name == "memory" && !a.open {
		if e := (*Error)(nil); !errors.As(err, &e) || e.Kind != Memory {
			t.Errorf("memory without %v: got %v, want an error of kind Memory", o.without, err)
		}
		return
	}
	got := strings.Split(out.String(), "\n")
	for i, a := range trials {
		if i >= len(got) || strings.HasPrefix(got[i], "OPEN ") != a.open || !a.open && !strings.HasPrefix(got[i], "SHUT ") {
			t.Errorf("%s %s without %v: got %q, want open %t; report: %s", a.name, a.arg, o.without, got[min(i, len(got)-1)], a.open, r)
		}
	}
}

// table sets targets up and lists the attacks on them.
func table(t *testing.T, root bool) []against {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	for _, name := range []string{"key", "in/product", "work/file"} {
		if err := errors.Join(os.MkdirAll(filepath.Dir(path(name)), 0o755), os.WriteFile(path(name), []byte("secret"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(path("key"), path("in/link")); err != nil {
		t.Fatal(err)
	}
	o := Options{Read: []string{path("in")}, Write: []string{path("work")}, MemoryLimit: 256 << 20}
	parent := strconv.Itoa(os.Getpid())
	tcp, udp, abstract, inode := listeners(t, path("socket"))
	t.Setenv("PROBAT_PASSPHRASE", "correct horse")

	// A child of another user's or root's is kept from the parent by different means.
	look := against{layers: []Protection{ParentHidden, UserNamespace, Landlock}, gone: files[1:]}
	if root {
		look = against{layers: []Protection{NoCapabilities, UserNamespace, Landlock}, gone: []Protection{ParentHidden, MountNamespace, PIDNamespace}}
	}
	proc := against{layers: append(slices.Clone(look.layers), MountNamespace), gone: slices.DeleteFunc(slices.Clone(look.gone), func(p Protection) bool { return p == MountNamespace })}
	touch := against{layers: append(slices.Clone(look.layers), Seccomp, PIDNamespace), gone: slices.DeleteFunc(slices.Clone(look.gone), func(p Protection) bool { return p == PIDNamespace })}
	return []against{
		{"read", path("key"), files, nil, o},
		{"read", path("in/link"), files, nil, o},
		{"climb", path("key"), files, nil, o},
		{"list", "/", []Protection{Landlock}, files[1:], o},
		{"stat", path("key"), []Protection{MountNamespace}, nil, o},
		{"write", path("new"), files, nil, o},
		{"write", path("in/new"), files, nil, o},
		{"write", path("in/product"), files, nil, o},
		{"truncate", path("in/product"), []Protection{Landlock, MountNamespace, Seccomp}, nil, o},
		{"chmod", path("in/product"), []Protection{Seccomp, MountNamespace}, nil, o},
		{"chmod-open", path("work/file"), []Protection{Seccomp}, nil, o},
		{"chmod-program", path("work/file"), []Protection{Seccomp}, nil, o},
		{"leave-program", path("work/program"), []Protection{Seccomp}, nil, o},
		{"mem", parent, proc.layers, proc.gone, o},
		{"read", "/proc/" + parent + "/environ", proc.layers, proc.gone, o},
		{"descriptors", parent, proc.layers, proc.gone, o},
		{"vm", parent, touch.layers, touch.gone, o},
		{"seize", parent, touch.layers, touch.gone, o},
		{"signal", parent, []Protection{Seccomp, PIDNamespace, Landlock}, nil, o},
		{"signal-thread", parent, []Protection{Seccomp, PIDNamespace, Landlock}, nil, o},
		{"socket", "", []Protection{Seccomp}, nil, o},
		{"tcp", tcp, []Protection{Seccomp, NetNamespace, Landlock}, nil, o},
		{"udp", udp, []Protection{Seccomp, NetNamespace}, nil, o},
		{"unix", path("socket"), []Protection{Seccomp, MountNamespace}, nil, o},
		{"unix", abstract, []Protection{Seccomp, NetNamespace, Landlock}, nil, o},
		{"exec", "", []Protection{Seccomp, Landlock, MountNamespace}, nil, o},
		{"environment", "", []Protection{EmptyEnv}, nil, o},
		{"inherited", inode, []Protection{NoDescriptors}, nil, o},
		{"memory", "", []Protection{MemoryBound}, nil, o},
		{"files", "", []Protection{FilesBound}, nil, o},
		{"fork", "3", []Protection{Seccomp}, nil, o},
		{"mount", path("work"), []Protection{Seccomp, Landlock, NoCapabilities}, nil, o},
		{"privileges", "", []Protection{NoNewPrivs}, []Protection{Seccomp}, o},
		{"capabilities", "", []Protection{NoCapabilities}, []Protection{Seccomp}, o},
		{"calls", "", []Protection{Seccomp}, nil, o},
		{"code", "", []Protection{Seccomp}, nil, o},
	}
}

// listeners opens what a child must not reach: two ports, a named and an abstract socket, and a descriptor that execve keeps.
func listeners(t *testing.T, name string) (tcp, udp, abstract, inode string) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	u, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	abstract = "@probat-test-" + strconv.Itoa(os.Getpid())
	a, err := net.Listen("unix", abstract)
	if err != nil {
		t.Fatal(err)
	}
	n, err := net.Listen("unix", name)
	if err != nil {
		t.Fatal(err)
	}
	f, err := os.CreateTemp(t.TempDir(), "inherited")
	if err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Dup(int(f.Fd())) // without close-on-exec
	if err != nil {
		t.Fatal(err)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		for _, c := range []io.Closer{l, u, a, n, f} {
			c.Close()
		}
		syscall.Close(fd)
	})
	_, tcp, _ = net.SplitHostPort(l.Addr().String())
	_, udp, _ = net.SplitHostPort(u.LocalAddr().String())
	return tcp, udp, abstract, fmt.Sprintf("%d:%d", st.Dev, st.Ino)
}
