// Package sandbox runs a task on hostile bytes in a child process that holds nothing worth stealing.
//
// The child is this same program, executed again with an empty environment, without descriptors but its pipes, in namespaces of its own, under
// Landlock and seccomp, with limits; the parent cannot be looked into. What a kernel does not offer is left out and named in the Report.
// The package knows nothing of products: bytes and paths go in, bytes come out, and whatever comes out is as hostile as what went in.
//
// A program calls Main first thing in its main, Run whenever it has something to parse. Packages that are linked into such a program must not
// read secrets while they are initialised: the child initialises them too.
package sandbox

import (
	"context"
	"fmt"
	"io"
)

// Task is one thing that the child can be asked to do.
type Task struct {
	Name string
	// Run reads in to its end or not, writes its result to out, and what a person may like to know meanwhile to progress. All three are pipes
	// to the parent; none survives the return. An error, or a panic, reaches the parent as text. There is no environment, no time zone but
	// UTC, no folder for temporary files: whatever a task needs is in its input.
	Run func(ctx context.Context, in io.Reader, out, progress io.Writer) error
}

// Options say what a child may do. The zero value: nothing but to read its input and to write its output.
type Options struct {
	// Read lists files and folders (with all below them) that may be read, Write folders in which files may also be made, changed and removed.
	// The child sees them under the very names given here, made absolute. Symbolic links in these names are followed before it starts;
	// those inside a folder lead nowhere unless their target is listed too. A missing path is an error.
	Read, Write []string

	// MemoryLimit, in bytes, is what the child may have in private writable memory, the Go runtime included. 0 means 1 GiB; less than
	// 128 MiB is an error. Files that the child maps do not count; nor do those in Write, which are as large as the file system lets them.
	MemoryLimit int64
	// Files is how many descriptors the child may have. 0 means 256; less than 32 is an error.
	Files int
	// Procs is GOMAXPROCS in the child. 0 means the runtime's own choice.
	Procs int
	// OutLimit, in bytes, is how much the child may write to out. 0 means 1 GiB.
	OutLimit int64

	// Owners: the task looks at who owns files. A user other than root cannot have that and namespaces, so these are left out then.
	// Without it such a child sees every owner but that user as 65534.
	Owners bool

	// Progress receives what the task writes there, unchecked: hostile bytes. May be nil.
	Progress io.Writer
	// Stderr receives what the child prints (at most 1 MiB of it), control bytes escaped. May be nil.
	Stderr io.Writer

	// Require is the least level at which input is handed over. Below it Run fails with an *Error of kind Refused, and the child has seen nothing.
	Require Level

	without []Protection // left out on purpose, so that a test can see what happens then
}

// Kind says in what way a run failed.
type Kind int

// The kinds.
const (
	Failed  Kind = iota // the task returned an error or panicked; Text is what it said
	Died                // by a signal, or with an exit status, before it said that it was done
	TooMuch             // it wrote more than OutLimit
	Memory              // it needed more than MemoryLimit
	Rubbish             // it did not keep to the protocol
	Refused             // less protection than was required: nothing was handed over
)

// String returns a word.
func (k Kind) String() string {
	return [...]string{"failed", "died", "wrote too much", "ran out of memory", "wrote rubbish", "was refused"}[k]
}

// Error is how a run failed that could be started. Text and Stderr come from the child: control bytes are escaped, nothing else is to be
// believed of them.
type Error struct {
	Task   string
	Kind   Kind
	Text   string
	Stderr string // its first KiB and its last three
}

// Error returns one line, and what the child printed on further ones.
func (e *Error) Error() string {
	s := fmt.Sprintf("task %q in the sandbox %s", e.Task, e.Kind)
	if e.Text != "" {
		s += ": " + e.Text
	}
	if e.Stderr != "" {
		s += "\nit printed:\n" + e.Stderr
	}
	return s
}
