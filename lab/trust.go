package lab

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

// ErrNoRoot is returned where the root key is needed and was taken away.
var ErrNoRoot = errors.New("the root key is not in the lab's folder: bring keys/root.age back for this command")

// ErrWhoRuns is returned for a policy with a witness of whom nobody has said who runs it.
var ErrWhoRuns = errors.New("it is not said who runs the witness")

// NextTrust signs the next version of the trust file with another policy: witness, group and quorum lines of C2SP tlog-policy, to which the
// lab's log is added. runs says who runs a witness, by its key name; of whom it does not say so, that stays as it was said before. It must be
// known of all: two that one organisation runs would count as two otherwise.
func (l *Lab) NextTrust(ctx context.Context, policy string, runs map[string]string) (*credential.Pinned, error) {
	return l.change(ctx, func(t *statement.Trust) error {
		for line := range strings.Lines(policy) {
			if strings.HasPrefix(strings.TrimSpace(line), "log ") {
				return errors.New("the policy has a log line; the lab adds its own")
			}
		}
		t.Policy = "log " + l.Ledger.Key().String() + "\n" + strings.TrimRight(policy, "\n") + "\n"
		parsed, err := proof.ParsePolicy([]byte(t.Policy))
		if err != nil {
			return err
		}
		by := map[string]string{}
		for _, w := range parsed.Witnesses() {
			by[w.Key.Name()] = ""
		}
		for _, w := range l.Trust.Trust.Witnesses {
			if _, ok := by[w.Name]; ok {
				by[w.Name] = w.Organisation
			}
		}
		for name, organisation := range runs {
			if _, ok := by[name]; !ok {
				return fmt.Errorf("the policy has no witness whose key is named %q", name)
			}
			by[name] = organisation
		}
		t.Witnesses = []statement.TrustedWitness{}
		for name, organisation := range by {
			if organisation == "" {
				return fmt.Errorf("%w: %q", ErrWhoRuns, name)
			}
			t.Witnesses = append(t.Witnesses, statement.TrustedWitness{Name: name, Organisation: organisation})
		}
		slices.SortFunc(t.Witnesses, func(a, b statement.TrustedWitness) int { return strings.Compare(a.Name, b.Name) })
		return nil
	})
}

// change signs the next version of the trust statement. The lab goes on with the old one until it is opened again.
func (l *Lab) change(ctx context.Context, edit func(*statement.Trust) error) (*credential.Pinned, error) {
	if l.keys == nil {
		return nil, ErrReadOnly
	}
	if l.keys.Root == nil {
		return nil, ErrNoRoot
	}
	t := *l.Trust.Trust
	t.Keys, t.Witnesses = slices.Clone(t.Keys), slices.Clone(t.Witnesses)
	t.Version, t.Previous = t.Version+1, l.Trust.ID.String()
	t.Act.Nonce, t.Act.Time = Nonce(), statement.FormatTime(l.now())
	if err := edit(&t); err != nil {
		return nil, fmt.Errorf("changing the trust file: %w", err)
	}
	data, err := credential.NewTrust(&t, 1, []*ecdsa.PrivateKey{l.keys.Root})
	if err != nil {
		return nil, fmt.Errorf("changing the trust file: %w", err)
	}
	next, err := credential.ParseTrust(data)
	if err != nil {
		return nil, fmt.Errorf("changing the trust file: %w", err)
	}
	if err := next.Follows(l.Trust); err != nil {
		return nil, err
	}
	if err := l.logKeysOf(ctx, next); err != nil {
		return nil, err
	}
	return next, replaceFile(filepath.Join(l.Dir, trustName), data)
}

// replaceFile writes a file anew, whole or not at all.
func replaceFile(path string, data []byte) error {
	tmp := path + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := writeNew(tmp, data, 0o644); err != nil {
		return err
	}
	return os.Rename(tmp, path)
}
