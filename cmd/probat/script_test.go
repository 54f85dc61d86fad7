package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/sys/unix"

	"github.com/probat-lab/probat/sandbox"
	"github.com/probat-lab/probat/verify"
)

var update = flag.Bool("update", false, "write what the program says into the stories")

func TestMain(m *testing.M) {
	// A child of the program is this test binary too, under another name.
	if sandbox.Main(tasks()) {
		return
	}
	workFactor = 10 // of the labs that the stories make; scrypt takes a second otherwise, and ten under the race detector
	lockWait = 50 * time.Millisecond
	testscript.Main(m, map[string]func(){
		"probat":        main,
		"probat-verify": func() { os.Exit(verify.Main(os.Args[1:], os.Stdin, os.Stdout, os.Stderr, time.Now())) },
	})
}

// TestScript runs the stories of testdata/script, one a file. Beside the commands of testscript they use those of scriptCommands.
func TestScript(t *testing.T) {
	example, err := filepath.Abs("../../examples/edge-router")
	if err != nil {
		t.Fatal(err)
	}
	tiny, err := filepath.Abs("testdata/tiny.yaml")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("EXAMPLE", example)
			e.Setenv("TINY", tiny)
			e.Setenv("ARCHIVE", filepath.Join(example, "edge-router-4.2.1.tar.gz"))
			e.Setenv("XDG_CACHE_HOME", filepath.Join(e.WorkDir, ".cache"))
			e.Setenv("PROBAT_SCHEMAS", os.Getenv("PROBAT_SCHEMAS"))
			return nil
		},
		Cmds: scriptCommands,
		Condition: func(cond string) (bool, error) {
			switch cond {
			case "schemas":
				return os.Getenv("PROBAT_SCHEMAS") != "", nil
			case "root":
				return os.Getuid() == 0, nil
			case "mount":
				return canMount(), nil
			case "netns":
				return exec.Command("unshare", "-rn", "true").Run() == nil, nil
			}
			return false, errors.New("unknown condition " + cond)
		},
		UpdateScripts:       *update,
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
	})
}

// scriptContext is that of commands of the stories, to which testscript hands none.
var scriptContext = context.Background()

// scriptCommands are what the stories may do beside the commands of testscript.
var scriptCommands = map[string]func(ts *testscript.TestScript, neg bool, args []string){
	"exits": exits,
	// replace FILE OLD NEW: OLD stands there once.
	"replace": func(ts *testscript.TestScript, _ bool, args []string) {
		text := ts.ReadFile(args[0])
		if n := strings.Count(text, args[1]); n != 1 {
			ts.Fatalf("%q stands in %s %d times", args[1], args[0], n)
		}
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(strings.Replace(text, args[1], args[2], 1)), 0o600))
	},
	// cut FILE BYTES: what is left of a file.
	"cut": func(ts *testscript.TestScript, _ bool, args []string) {
		n, err := strconv.ParseInt(args[1], 10, 64)
		ts.Check(err)
		ts.Check(os.Truncate(ts.MkAbs(args[0]), n))
	},
	// flip FILE: turns a bit in the middle of a file.
	"flip": func(ts *testscript.TestScript, _ bool, args []string) {
		b, err := os.ReadFile(ts.MkAbs(args[0]))
		ts.Check(err)
		b[len(b)/2] ^= 1
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), b, 0o600))
	},
	// large FILE: a sparse file of 64 GiB.
	"large": func(ts *testscript.TestScript, _ bool, args []string) {
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), nil, 0o600))
		ts.Check(os.Truncate(ts.MkAbs(args[0]), 64<<30))
	},
	// put NAME: a small file whose name is written as in Go.
	"put": func(ts *testscript.TestScript, _ bool, args []string) {
		name, err := strconv.Unquote(`"` + args[0] + `"`)
		ts.Check(err)
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte("text\n"), 0o600))
	},
	"mkfifo": func(ts *testscript.TestScript, _ bool, args []string) {
		ts.Check(unix.Mkfifo(ts.MkAbs(args[0]), 0o600))
	},
	// masked FILE: writes the last standard output, digests masked.
	"masked": func(ts *testscript.TestScript, _ bool, args []string) {
		text := regexp.MustCompile(`[0-9a-f]{64}`).ReplaceAllString(ts.ReadFile("stdout"), "DIGEST")
		ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
	},
	"interrupt":  interrupt,
	"validate":   validate,
	"digest":     compareDigests,
	"smalldisk":  smallDisk,
	"no-sockets": noSockets,
	"unlisted":   unlisted,

	"capture":   capture,
	"redigest":  redigest,
	"age":       useAge,
	"listening": listening,
	"locked":    locked,
}

// exits CODE PROGRAM ARG...: runs it and wants that exit code.
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec(args[1], args[2:]...)
	var exit *exec.ExitError
	switch got := 0; {
	case errors.As(err, &exit):
		if got = exit.ExitCode(); got != want {
			ts.Fatalf("exit code %d instead of %d", got, want)
		}
	case err != nil:
		ts.Fatalf("%v", err)
	case want != 0:
		ts.Fatalf("exit code 0 instead of %d", want)
	}
}

// interrupt PROGRAM ARG...: starts it, sends SIGINT when it has read 32 MiB, and wants exit code 130.
func interrupt(ts *testscript.TestScript, _ bool, args []string) {
	program, err := exec.LookPath(args[0])
	if err != nil {
		program = filepath.Join(filepath.SplitList(ts.Getenv("PATH"))[0], args[0])
	}
	cmd := exec.Command(program, args[1:]...)
	var stderr bytes.Buffer
	cmd.Dir, cmd.Stderr = ts.MkAbs("."), &stderr
	cmd.Env = append(os.Environ(), "PATH="+ts.Getenv("PATH"), "XDG_CACHE_HOME="+ts.Getenv("XDG_CACHE_HOME"))
	ts.Check(cmd.Start())
	for deadline := time.Now().Add(time.Minute); bytesRead(cmd.Process.Pid) < 32<<20; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			break // not begun, or ended: the exit code will tell
		}
	}
	ts.Check(cmd.Process.Signal(syscall.SIGINT))
	err = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		ts.Fatalf("exit code %d (%v), standard error %q", code, err, stderr.String())
	}
	if !strings.Contains(stderr.String(), "interrupted") {
		ts.Fatalf("standard error %q", stderr.String())
	}
}

// bytesRead is how many bytes a process has read so far (proc(5), /proc/PID/io).
func bytesRead(pid int) int64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/io")
	if err != nil {
		return 0
	}
	line, _, _ := strings.Cut(string(b), "\n")
	n, err := strconv.ParseInt(strings.TrimPrefix(line, "rchar: "), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// validate FILE SCHEMA: the file is valid by a schema of $PROBAT_SCHEMAS.
func validate(ts *testscript.TestScript, _ bool, args []string) {
	c := jsonschema.NewCompiler()
	s, err := c.Compile(filepath.Join(os.Getenv("PROBAT_SCHEMAS"), args[1]))
	ts.Check(err)
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(ts.ReadFile(args[0])))
	ts.Check(err)
	if err := s.Validate(v); err != nil {
		ts.Fatalf("%s is not valid: %v", args[0], err)
	}
}

// compareDigests A B: two dossiers are the same; with ! they are not.
func compareDigests(ts *testscript.TestScript, neg bool, args []string) {
	var b [2]string
	for i := range b {
		b[i] = ts.ReadFile(filepath.Join(args[i], "dossier.json"))
	}
	if (b[0] == b[1]) == neg {
		ts.Fatalf("%s and %s: same is %v", args[0], args[1], !neg)
	}
}

// canMount tells whether a process may make a file system of its own: in a user namespace, or as root.
func canMount() bool {
	return exec.Command("unshare", "-rm", "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", "/mnt").Run() == nil
}

// smallDisk SIZE DIR PROGRAM ARG...: runs a program while DIR is a file system of that size, in a mount namespace of its own, and lists
// what is left in it afterwards.
func smallDisk(ts *testscript.TestScript, _ bool, args []string) {
	script := `mount -t tmpfs -o size="$1" tmpfs "$2" && dir=$2 && shift 2 && { "$@"; code=$?; ls -A "$dir"; echo "code $code"; }`
	ts.Check(ts.Exec("unshare", append([]string{"-rm", "sh", "-c", script, "sh"}, args...)...))
}

// noSockets PROGRAM ARG...: runs it and complains about any system call that has to do with the network; with ! it wants one.
func noSockets(ts *testscript.TestScript, neg bool, args []string) {
	err := ts.Exec("strace", append([]string{"-f", "-qq", "-o", ts.MkAbs("trace"), "-e", "trace=network,execve", "-e", "signal=none"}, args...)...)
	if !neg {
		ts.Check(err)
	}
	started, network := false, ""
	for line := range strings.SplitSeq(ts.ReadFile("trace"), "\n") {
		switch {
		case strings.Contains(line, "execve("):
			started = true
		case strings.Contains(line, "("):
			network = line
		}
	}
	ts.Check(os.Remove(ts.MkAbs("trace")))
	switch {
	case !started:
		ts.Fatalf("nothing was traced")
	case neg && network == "":
		ts.Fatalf("no system call of the network was seen")
	case !neg && network != "":
		ts.Fatalf("a system call of the network: %s", network)
	}
}

// unlisted DIR...: the files of the working directory, but for those named and dot files of the script itself.
func unlisted(ts *testscript.TestScript, _ bool, args []string) {
	entries, err := os.ReadDir(ts.MkAbs("."))
	ts.Check(err)
	known := map[string]bool{".cache": true, ".tmp": true}
	for _, a := range args {
		known[a] = true
	}
	for _, e := range entries {
		if !known[e.Name()] {
			ts.Fatalf("%s is left", e.Name())
		}
	}
}

// TestJSONReport reads what report writes: it is one JSON value, and canonical (no spaces, no line breaks but the last).
func TestJSONReport(t *testing.T) {
	var out, errs bytes.Buffer
	dir := filepath.Join(t.TempDir(), "d")
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	if code := Main([]string{"evaluate", "-q", "../../examples/edge-router/product.yaml", "--out", dir}, nil, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	if out.Len() > 0 || errs.Len() > 0 {
		t.Errorf("--quiet says %q, %q", out.String(), errs.String())
	}
	if code := Main([]string{"report", dir, "--format", "json"}, nil, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs.String())
	}
	var v any
	if err := json.Unmarshal(out.Bytes(), &v); err != nil {
		t.Error(err)
	}
}
