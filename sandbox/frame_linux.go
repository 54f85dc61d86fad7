package sandbox

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// A frame is four bytes of length, little endian, then the payload. Frames travel on the control pipes: two from the parent (orders),
// three from the child (what stage one found, what stage two found, the outcome).
const (
	mostOrder   = 1 << 20 // bytes; the parent's paths
	mostOutcome = 8 << 10 // bytes; the child's words
)

func writeFrame(w io.Writer, payload []byte) error {
	b := binary.LittleEndian.AppendUint32(make([]byte, 0, 4+len(payload)), uint32(len(payload)))
	_, err := w.Write(append(b, payload...))
	return err
}

func readFrame(r io.Reader, most uint32) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.LittleEndian.Uint32(head[:])
	if n > most {
		return nil, fmt.Errorf("a frame of %d bytes, at most %d are allowed", n, most)
	}
	b := make([]byte, n)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, fmt.Errorf("reading a frame of %d bytes: %w", n, err)
	}
	return b, nil
}

func writeJSON(w io.Writer, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFrame(w, b)
}

func readJSON(r io.Reader, most uint32, v any) error {
	b, err := readFrame(r, most)
	if err != nil {
		return err
	}
	return json.Unmarshal(b, v)
}

// setup is the parent's order to stage one: how to restrict itself.
type setup struct {
	Read, Write []place
	Memory      uint64 // bytes
	Files       uint64
	MapSelf     bool // write the user namespace's maps: the parent, not being dumpable, cannot
	UID, GID    int
	OwnMounts   bool // it is in a mount namespace of its own
	Root        bool // keep what root needs to read files of others
	Without     []Protection
}

// place is a path as the task will name it, and without symbolic links as it is on the host.
type place struct {
	Name, Real string
	Folder     bool
}

// start is the parent's order to stage two, sent when the parent is content with the report.
type start struct {
	Task   string
	Procs  int
	Memory int64 // bytes, for the collector to stay below
}

// found is what a stage found: notes on what holds, and reasons for what does not.
type found struct {
	Held, Missing map[Protection]string
	Namespaces    map[string]string // by name in /proc/self/ns, in stage one only
	LandlockABI   int
}

func newFound() found {
	return found{Held: map[Protection]string{}, Missing: map[Protection]string{}}
}

// put records the outcome of one protection.
func (f *found) put(p Protection, err error) {
	if err != nil {
		f.Missing[p] = err.Error()
		return
	}
	f.Held[p] = ""
}
