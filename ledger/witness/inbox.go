package witness

import (
	"context"
	"fmt"

	"github.com/probat-lab/probat/ledger/proof"
)

// Inbox returns what a [Collector] can do with cosignatures where the log itself is not at hand: it keeps the latest of each witness as a file for
// [Collector.Folder] in the folder dir. known refuses checkpoints that are not the log's, normally with [ErrUnknownCheckpoint].
func Inbox(dir string, known func(context.Context, proof.Checkpoint) error) func(context.Context, proof.Checkpoint, []proof.SignatureLine) error {
	return func(ctx context.Context, c proof.Checkpoint, lines []proof.SignatureLine) error {
		if err := known(ctx, c); err != nil {
			return err
		}
		notes := map[string]*proof.SignedCheckpoint{}
		for _, line := range lines {
			if notes[line.Name] == nil {
				notes[line.Name] = &proof.SignedCheckpoint{Checkpoint: c}
			}
			notes[line.Name] = notes[line.Name].With(line)
		}
		for name, note := range notes {
			if err := replaceIn(dir, cosignatureFile(name), note.Bytes()); err != nil {
				return fmt.Errorf("keeping a cosignature of %q: %w", name, err)
			}
		}
		return nil
	}
}
