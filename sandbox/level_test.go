//go:build linux

package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

func TestLevel(t *testing.T) {
	for _, test := range []struct {
		missing []Protection
		want    Level
	}{
		{nil, Full},
		{[]Protection{ProcessBound}, Full},
		{[]Protection{UTSNamespace}, Partial},
		{[]Protection{MemoryBound}, Partial},
		{allNamespaces, Partial},
		{[]Protection{Landlock}, Partial},
		{[]Protection{Seccomp}, Partial},
		{[]Protection{Landlock, MountNamespace}, None},
		{[]Protection{Seccomp, NetNamespace}, None},
		{[]Protection{Seccomp, PIDNamespace}, None},
		{[]Protection{ParentHidden}, None},
		{[]Protection{EmptyEnv}, None},
		{[]Protection{NoDescriptors}, None},
		{[]Protection{NoNewPrivs}, None},
		{[]Protection{NoCapabilities}, None},
		{protections, None},
	} {
		held, missing := map[Protection]string{}, map[Protection]string{}
		for _, p := range protections {
			held[p] = ""
		}
		for _, p := range test.missing {
			missing[p] = "for a reason"
		}
		r := newReport(held, missing)
		if r.Level != test.want {
			t.Errorf("without %v: got %s, want %s", test.missing, r.Level, test.want)
		}
		for _, p := range test.missing {
			if r.Held(p) || !strings.Contains(r.String(), string(p)+" (for a reason)") {
				t.Errorf("without %s: %s", p, r)
			}
		}
		if len(r.Items) != len(protections) {
			t.Errorf("%d items, want %d", len(r.Items), len(protections))
		}
	}
	if r := newReport(nil, nil); r.Level != None {
		t.Errorf("nothing known: got %s", r.Level)
	}
}

// TestMissing: whatever is left out is missing in the report, the level falls, and what requires more is not handed its input.
func TestMissing(t *testing.T) {
	host, err := Probe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if host.Level == None {
		t.Errorf("this host gives no sandbox: %s", host)
	}
	for _, p := range protections {
		var out bytes.Buffer
		r, err := Run(t.Context(), "echo", strings.NewReader("secret input"), &out, Options{Require: Full, without: []Protection{p}})
		if r.Held(p) {
			t.Errorf("without %s: the report says that it holds", p)
		}
		if r.Level < Full {
			if e := (*Error)(nil); !errors.As(err, &e) || e.Kind != Refused || out.Len() > 0 {
				t.Errorf("without %s: %q, %v", p, out.String(), err)
			}
		} else if err != nil || !slices.Contains(optional, p) {
			t.Errorf("without %s: level %s, %v", p, r.Level, err)
		}
	}
}

// limits of namespaces are those of a user namespace, so a test can have its own: /proc/sys/user, namespaces(7).
var sysctls = map[Protection]string{
	UserNamespace: "max_user_namespaces", MountNamespace: "max_mnt_namespaces", PIDNamespace: "max_pid_namespaces", NetNamespace: "max_net_namespaces",
	IPCNamespace: "max_ipc_namespaces", UTSNamespace: "max_uts_namespaces",
}

// refuse is a process in a user namespace in which there may be no further namespaces of some kinds.
func refuse(kinds []string) {
	for _, p := range kinds {
		if err := os.WriteFile("/proc/sys/user/"+sysctls[Protection(p)], []byte("0"), 0); err != nil {
			fmt.Println(err)
			return
		}
	}
	r, err := Probe(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	b, _ := json.Marshal(r.Items)
	fmt.Printf("%s\n", b)
}

// TestRefused: where the kernel refuses namespaces, the others are used, and the report says why not all.
func TestRefused(t *testing.T) {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 1, 0, 0, 0); err != nil { // so that the maps can be written
		t.Fatal(err)
	}
	all := slices.Sorted(maps.Keys(sysctls))
	for _, kinds := range [][]Protection{{UserNamespace}, {NetNamespace}, {UserNamespace, NetNamespace, IPCNamespace}, all} {
		args := []string{"refuse"}
		for _, k := range kinds {
			args = append(args, string(k))
		}
		cmd := exec.CommandContext(t.Context(), "/proc/self/exe", args...)
		cmd.Dir = "/"
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Cloneflags: unix.CLONE_NEWUSER, UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}},
			GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}},
		}
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		var r Report
		if err := json.Unmarshal(out, &r.Items); err != nil {
			t.Fatalf("%v: %s", kinds, out)
		}
		r.Level = r.level()
		if r.Level != Partial {
			t.Errorf("without %v: level %s", kinds, r)
		}
		for _, p := range all {
			if r.Held(p) == slices.Contains(kinds, p) {
				t.Errorf("without %v: %s: held is %t", kinds, p, r.Held(p))
			}
		}
		if note := r.note(kinds[0]); !strings.Contains(note, "no space left") {
			t.Errorf("without %v: the report says %q", kinds, note)
		}
	}
}

// TestForkBomb: without seccomp, too, there is an end to it, where the kernel counts.
func TestForkBomb(t *testing.T) {
	var out bytes.Buffer
	o := Options{without: []Protection{Seccomp}}
	r, err := Run(t.Context(), "attack", strings.NewReader("fork 600"), &out, o)
	if err != nil || strings.HasPrefix(out.String(), `SHUT "after `) != r.Held(ProcessBound) {
		t.Errorf("got %q, %v; report: %s", out.String(), err, r)
	}
	if !r.Held(ProcessBound) {
		return
	}
	out.Reset()
	o.without = append(o.without, ProcessBound)
	if _, err := Run(t.Context(), "attack", strings.NewReader("fork 600"), &out, o); err != nil || !strings.HasPrefix(out.String(), "OPEN") {
		t.Errorf("without a limit: got %q, %v", out.String(), err)
	}
}
