package evaluate_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/scheme"
)

// childVariable makes the test binary a child that evaluates one product as its JSON says, and prints the dossier's digest.
const childVariable = "PROBAT_TEST_CHILD"

type childTask struct {
	Product, Declaration, Cache, Out string
	Workers                          int
}

func TestMain(m *testing.M) {
	if task := os.Getenv(childVariable); task != "" {
		if err := child(task); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func child(text string) error {
	var task childTask
	if err := json.Unmarshal([]byte(text), &task); err != nil {
		return err
	}
	r, err := evaluate.OpenRelease(task.Product, task.Declaration)
	if err != nil {
		return err
	}
	s, err := scheme.Parse("ts-33.117.yaml", []byte(os.Getenv("PROBAT_TEST_SCHEME")))
	if err != nil {
		return err
	}
	o := evaluate.Options{Schemes: []*scheme.Scheme{s}, AsOf: asOf, Workers: task.Workers}
	if task.Cache != "" {
		if o.Cache, err = evaluate.OpenCache(task.Cache, 1<<30); err != nil {
			return err
		}
	}
	c, err := evaluate.Run(context.Background(), r, o)
	if err != nil {
		return err
	}
	if err := dossier.Write(task.Out, c); err != nil {
		return err
	}
	fmt.Println(c.Digest)
	return nil
}

// process prepares a child. Its output is the digest of the dossier.
func process(t *testing.T, task childTask, env ...string) *exec.Cmd {
	t.Helper()
	task.Out = filepath.Join(t.TempDir(), "d")
	text, err := json.Marshal(task)
	must(t, err)
	self, err := os.Executable()
	must(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), append(env, childVariable+"="+string(text), "PROBAT_TEST_SCHEME="+string(shipped(t).Source))...)
	cmd.Stderr = os.Stderr
	return cmd
}

func output(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.Output()
	must(t, err)
	return strings.TrimSpace(string(out))
}

// TestSameBytes: the dossier has the same bytes for any number of goroutines, in any time zone and locale, from any folder, under any
// name of the file.
func TestSameBytes(t *testing.T) {
	list := []*scheme.Scheme{shipped(t)}
	product := filepath.Join(example, "product.yaml")
	want := digest(t, run(t, product, "", evaluate.Options{Schemes: list}))
	procs := runtime.GOMAXPROCS(0)
	defer runtime.GOMAXPROCS(procs)
	for _, n := range []int{1, 2, 64} {
		runtime.GOMAXPROCS(n)
		for _, workers := range []int{0, 1, 2, 64} {
			if got := digest(t, run(t, product, "", evaluate.Options{Schemes: list, Workers: workers})); got != want {
				t.Errorf("GOMAXPROCS %d, %d workers: %s instead of %s", n, workers, got, want)
			}
		}
	}
	runtime.GOMAXPROCS(procs)
	abs, err := filepath.Abs(product)
	must(t, err)
	for _, env := range [][]string{
		{"TZ=Pacific/Kiritimati", "LANG=tr_TR.UTF-8", "LC_ALL=tr_TR.UTF-8"}, {"TZ=America/Los_Angeles", "LANG=C", "GOMAXPROCS=1"}, {"TZ=", "HOME=/nonexistent", "GOMAXPROCS=64"},
	} {
		cmd := process(t, childTask{Product: abs}, env...)
		cmd.Dir = t.TempDir()
		if got := output(t, cmd); got != want {
			t.Errorf("%v: %s instead of %s", env, got, want)
		}
	}
	other := filepath.Join(t.TempDir(), "an other place", "ö")
	must(t, os.CopyFS(other, os.DirFS(example)))
	if got := digest(t, run(t, filepath.Join(other, "product.yaml"), "", evaluate.Options{Schemes: list})); got != want {
		t.Errorf("in another folder: %s instead of %s", got, want)
	}
}

// TestSameBytesOtherName: without a declaration the name of the file is in no result; and what a directory is called, or was copied from, is
// not either.
func TestSameBytesOtherName(t *testing.T) {
	list := []*scheme.Scheme{shipped(t)}
	data, err := os.ReadFile(archive)
	must(t, err)
	digests := map[string]string{}
	for _, name := range []string{"router.img", "ROUTER (2).tar.gz", "x"} {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, name), data, 0o600))
		digests[digest(t, run(t, filepath.Join(dir, name), "", evaluate.Options{Schemes: list}))] = name
		must(t, os.Rename(filepath.Join(dir, name), filepath.Join(dir, "same")))
		then := time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)
		must(t, errors.Join(os.Chtimes(filepath.Join(dir, "same"), then, then), os.Chtimes(dir, then, then)))
		folder := filepath.Join(t.TempDir(), name)
		must(t, os.Rename(dir, folder))
		digests["directory "+digest(t, run(t, folder, "", evaluate.Options{Schemes: list}))] = name
		must(t, os.Rename(folder, dir))
	}
	if len(digests) != 2 {
		t.Errorf("the name of the product is in its dossier: %v", digests)
	}
}

// TestVendorBlind: two declarations that differ in the names of vendor and product only give the same verdicts.
func TestVendorBlind(t *testing.T) {
	list := []*scheme.Scheme{shipped(t), teeth(t, run(t, archive, declaration, evaluate.Options{}))}
	text, err := os.ReadFile(declaration)
	must(t, err)
	renamed := bytes.Replace(text, []byte("vendor: Brindlemoor Networks"), []byte("vendor: Somebody Else GmbH"), 1)
	renamed = bytes.Replace(renamed, []byte("product: ER-240 edge router"), []byte("product: Another Thing"), 1)
	file := filepath.Join(t.TempDir(), "product.yaml")
	must(t, os.WriteFile(file, renamed, 0o600))
	var was [2][]byte
	for i, d := range []string{declaration, file} {
		out := filepath.Join(t.TempDir(), "d")
		must(t, dossier.Write(out, run(t, archive, d, evaluate.Options{Schemes: list})))
		for j, name := range []string{"verdicts.json", "findings.jsonl"} {
			data, err := os.ReadFile(filepath.Join(out, name))
			must(t, err)
			if i == 1 && !bytes.Equal(was[j], data) {
				t.Errorf("%s depends on who the vendor is", name)
			}
			was[j] = data
		}
		declared, err := os.ReadFile(filepath.Join(out, "declaration.json"))
		must(t, err)
		if i == 1 && !bytes.Contains(declared, []byte("Somebody Else GmbH")) {
			t.Errorf("the other vendor is not declared: %s", declared)
		}
	}
}

// TestNoTestSeesVendor: a test that asks who the vendor is, or what could tell, is no test.
func TestNoTestSeesVendor(t *testing.T) {
	const frame = "scheme: own\nedition: \"1\"\ntitle: Own\npublisher: Us\nlink: https://example.org/\ntexts: ours\nrequirements:\n" +
		"  - id: O1\n    title: asks\n    text: asks\n    pass-by: [[artifact]]\n    tests:\n      - {id: t, title: asks, strength: decisive, over: %s, expect: '%s'}\n"
	for expression, refused := range map[string]bool{
		`declaration.kind != ""`:     false,
		`declaration.vendor != "x"`:  true,
		`declaration.product != "x"`: true,
		`declaration.version != "x"`: true,
		`it.name != "x"`:             false,
		`it.maintainer != "x"`:       true,
		`it.homepage != "x"`:         true,
	} {
		if _, err := scheme.Parse("own.yaml", fmt.Appendf(nil, frame, "package", expression)); (err != nil) != refused {
			t.Errorf("%s: %v", expression, err)
		}
	}
}

// TestNoNamesInVerdicts: who the vendor is stands in no verdict. Findings quote facts, which may have the maintainer of a package in them.
func TestNoNamesInVerdicts(t *testing.T) {
	out := filepath.Join(t.TempDir(), "d")
	must(t, dossier.Write(out, run(t, archive, declaration, evaluate.Options{Schemes: []*scheme.Scheme{shipped(t)}})))
	data, err := os.ReadFile(filepath.Join(out, "verdicts.json"))
	must(t, err)
	for _, word := range []string{"rindlemoor", "ER-240", "edge-router"} {
		if bytes.Contains(data, []byte(word)) {
			t.Errorf("verdicts.json has %q in it", word)
		}
	}
}
