package witness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/probat-lab/probat/ledger/proof"
)

// Errors of opening a state.
var (
	// ErrNoState: the folder or a log's file in it is missing. Either it was never made, or it is lost.
	ErrNoState = errors.New("no state")
	// ErrHasState: there is nothing to create.
	ErrHasState = errors.New("there is a state already")
	// ErrBadState: a file is damaged, or of another log, or signed by none of the log's keys.
	ErrBadState = errors.New("damaged state")
	// ErrInUse: another process works with the folder.
	ErrInUse = errors.New("in use by another process")
)

const (
	lockFile    = "lock"
	headDir     = "heads"
	evidenceDir = "evidence"
)

// State is the memory of a witness, a folder:
//
//	lock                     locked as long as a process uses the folder
//	heads/HASH               what was last cosigned of one log; HASH is SHA-256 of its origin in hexadecimal
//	evidence/….equivocation  a proof that a log signed two histories, see [proof.Equivocation]
//	evidence/….conflict      two checkpoints that could not be reconciled, see [Conflict]
//
// Who can write to it can make the witness cosign another history, or none any more. Its methods may be called from several goroutines.
type State struct {
	dir   string
	root  *os.Root
	lock  *os.File
	slots map[string]*slot // by origin; not changed once open

	evidence sync.Mutex // held while files in evidence/ are counted, written or removed

	fault    func(step string) error // for tests: called before and after each step of writing
	volatile bool                    // for tests that write much: nothing is flushed
}

// slot is the place of one log.
type slot struct {
	origin string
	// turn holds one token while somebody checks and writes: a mutex that can be waited for with a context.
	turn chan struct{}
	head atomic.Pointer[head] // written by the holder of turn only
	// doubt is set when writing failed: the file may hold the old head or the new one. Only the holder of turn uses it.
	doubt bool
}

// CreateState makes the folder if it is missing (not its parents), and begins the memory of those logs that it does not know yet, as logs of which nothing was ever cosigned.
// It never touches what is there: damaged files must be moved away by hand. The error is [ErrHasState] if all logs are known,
// so that a service that is told each time to create its state fails at its second start, and not on the day on which the state is lost.
func CreateState(dir string, logs []proof.LogKey) (*State, error) {
	if err := makeDir(dir); err != nil {
		return nil, fmt.Errorf("creating state of witness: %w", err)
	}
	s, err := openDir(dir)
	if err != nil {
		return nil, fmt.Errorf("creating state of witness in %q: %w", dir, err)
	}
	if err := s.create(logs); err != nil {
		return nil, fmt.Errorf("creating state of witness in %q: %w", dir, errors.Join(err, s.Close()))
	}
	return s, nil
}

// OpenState opens the memory of these logs, all of which it must know ([ErrNoState], [ErrBadState]). Several keys may belong to one log; one of them must have signed
// what was cosigned last, so a log's old key stays until something was cosigned under its new one. The error is [ErrInUse] if the folder is open elsewhere.
func OpenState(dir string, logs []proof.LogKey) (*State, error) {
	s, err := openDir(dir)
	if err != nil {
		return nil, fmt.Errorf("opening state of witness in %q: %w", dir, err)
	}
	if err := s.load(logs); err != nil {
		return nil, fmt.Errorf("opening state of witness in %q: %w", dir, errors.Join(err, s.Close()))
	}
	return s, nil
}

// makeDir makes a folder, whose parent must be there, durably.
func makeDir(dir string) error {
	err := os.Mkdir(dir, 0o700)
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err != nil {
		return err
	}
	parent, err := os.Open(filepath.Dir(filepath.Clean(dir)))
	if err != nil {
		return err
	}
	return errors.Join(parent.Sync(), parent.Close())
}

func openDir(dir string) (*State, error) {
	root, err := os.OpenRoot(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoState
	}
	if err != nil {
		return nil, err
	}
	s := &State{dir: dir, root: root, slots: map[string]*slot{}}
	if s.lock, err = root.OpenFile(lockFile, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	if err := tryLock(s.lock); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

// Close gives the folder free. Nothing is written by it.
func (s *State) Close() error {
	return errors.Join(s.lock.Close(), s.root.Close())
}

func (s *State) create(logs []proof.LogKey) error {
	for _, folder := range []string{headDir, evidenceDir} {
		if err := s.root.Mkdir(folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	if err := s.flush("."); err != nil {
		return err
	}
	made := 0
	for origin := range byOrigin(logs) {
		_, err := s.root.Lstat(headFile(origin))
		if err == nil {
			continue
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := s.write(headFile(origin), encodeHead(&head{origin: origin})); err != nil {
			return fmt.Errorf("beginning with the log %q: %w", origin, err)
		}
		made++
	}
	if made == 0 {
		return ErrHasState
	}
	return s.load(logs)
}

func (s *State) load(logs []proof.LogKey) error {
	for origin, keys := range byOrigin(logs) {
		h, err := s.read(origin)
		if err != nil {
			return err
		}
		if h.note != nil && !slices.ContainsFunc(keys, func(k proof.LogKey) bool { return k.Verify(h.note) == nil }) {
			return fmt.Errorf("reading what was cosigned of the log %q: signed by none of the keys of this log: %w", origin, ErrBadState)
		}
		sl := &slot{origin: origin, turn: make(chan struct{}, 1)}
		sl.head.Store(h)
		s.slots[origin] = sl
	}
	return nil
}

// byOrigin sorts keys by the logs they belong to.
func byOrigin(logs []proof.LogKey) map[string][]proof.LogKey {
	m := map[string][]proof.LogKey{}
	for _, k := range logs {
		m[k.Name()] = append(m[k.Name()], k)
	}
	return m
}

// OriginHash returns how the protocol names a log in paths: SHA-256 of its origin in lower-case hexadecimal.
func OriginHash(origin string) string {
	h := sha256.Sum256([]byte(origin))
	return hex.EncodeToString(h[:])
}

func headFile(origin string) string { return headDir + "/" + OriginHash(origin) }

func (s *State) read(origin string) (*head, error) {
	b, err := s.readFile(headFile(origin), maxHead)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading what was cosigned of the log %q: %w", origin, ErrNoState)
	}
	if err != nil {
		return nil, fmt.Errorf("reading what was cosigned of the log %q: %w", origin, err)
	}
	h, err := decodeHead(b)
	if err != nil {
		return nil, fmt.Errorf("reading what was cosigned of the log %q: %w: %w", origin, err, ErrBadState)
	}
	if h.origin != origin {
		return nil, fmt.Errorf("reading what was cosigned of the log %q: the file is about %q: %w", origin, h.origin, ErrBadState)
	}
	return h, nil
}

func (s *State) readFile(name string, most int64) ([]byte, error) {
	f, err := s.root.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%q has more than %d bytes", name, most)
	}
	return b, err
}

// take waits for the turn of one log; give must be called afterwards.
func (sl *slot) take(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case sl.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (sl *slot) give() { <-sl.turn }

// current returns the head to check against. After a write that failed, the file says what is true. It may be the new head, of which no cosignature
// has left: that is harmless. It may not be behind what was cosigned. The caller has the turn.
func (s *State) current(sl *slot) (*head, error) {
	known := sl.head.Load()
	if !sl.doubt {
		return known, nil
	}
	h, err := s.read(sl.origin)
	if err != nil {
		return nil, err
	}
	if h.checkpoint().Size < known.checkpoint().Size {
		return nil, fmt.Errorf("reading what was cosigned of the log %q: %d leaves, but %d were cosigned: %w",
			sl.origin, h.checkpoint().Size, known.checkpoint().Size, ErrBadState)
	}
	sl.doubt = false
	sl.head.Store(h)
	return h, nil
}

// put makes h durable and then the head. The caller has the turn.
func (s *State) put(sl *slot, h *head) error {
	if err := s.write(headFile(sl.origin), encodeHead(h)); err != nil {
		sl.doubt = true
		return fmt.Errorf("storing what is cosigned of the log %q: %w", sl.origin, err)
	}
	sl.head.Store(h)
	return nil
}

// write replaces a file as a whole; afterwards it survives a loss of power. Callers see to it that nobody else writes the same name.
func (s *State) write(name string, data []byte) error {
	temp := name + ".new"
	f, err := s.root.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	err = s.step("write", func() error { _, err := f.Write(data); return err })
	if err == nil {
		err = s.step("sync", func() error { return s.sync(f) })
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := s.step("rename", func() error { return s.root.Rename(temp, name) }); err != nil {
		return err
	}
	return s.step("flush", func() error { return s.flush(path.Dir(name)) })
}

func (s *State) step(name string, do func() error) error {
	if s.fault == nil {
		return do()
	}
	if err := s.fault("before " + name); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return s.fault("after " + name)
}

// flush makes the names in a folder durable.
func (s *State) flush(folder string) error {
	f, err := s.root.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(s.sync(f), f.Close())
}

func (s *State) sync(f *os.File) error {
	if s.volatile {
		return nil
	}
	return f.Sync()
}
