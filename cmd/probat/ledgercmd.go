package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/blob"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/ledger/witness"
	"github.com/probat-lab/probat/seal"
	"github.com/probat-lab/probat/statement"
)

func (p *program) ledgerCommand() *cobra.Command {
	c := &cobra.Command{Use: "ledger", Short: "Look at a lab's ledger: its head, its acts, proofs, and a recomputation of everything"}
	c.AddCommand(p.ledgerShowCommand(), p.ledgerProofCommand(), p.ledgerAuditCommand(), p.ledgerExportCommand(), p.ledgerServeCommand())
	return c
}

func (p *program) ledgerShowCommand() *cobra.Command {
	var f labFlags
	var inCase string
	c := &cobra.Command{
		Use:   "show [ENTRY]",
		Short: "The head and what it rests on, one act, or the acts of a case",
		Long: `show prints the head of the ledger, what is published and what witnesses have cosigned. ENTRY is the index of an act, or the 64 digits of
its statement's identity: then its statement is printed, as JSON. --case lists the acts of a case in their order.

Exit codes: 0 printed; 2 wrong usage, no such lab, or no such entry`,
		Example: `  probat ledger show --lab lab
  probat ledger show 12 --lab lab
  probat ledger show --case 0123456789abcdef0123456789abcdef --lab lab`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return p.lookAtLab(c.Context(), f, func(l *lab.Lab) error {
				switch {
				case len(args) == 1:
					return p.showEntry(c.Context(), l, args[0])
				case inCase != "":
					return p.showCase(c.Context(), l, inCase)
				}
				return p.showHead(c.Context(), l)
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&inCase, "case", "", "list the acts of this case")
	return c
}

func (p *program) showHead(ctx context.Context, l *lab.Lab) error {
	s := l.Ledger.Status()
	c, err := l.Ledger.Checkpoint(ctx)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "log        %s\nkey        %s\n", l.Config.Origin, l.Ledger.Key())
	fmt.Fprintf(p.out, "acts       %d\npublished  %d\n", s.Size, s.Published)
	fmt.Fprintf(p.out, "root       %s\n", c.Root)
	r, err := l.Trust.Policy.Check(c, l.Now().Unix(), l.Trust.Organisation)
	switch {
	case err != nil:
		return err
	case r.QuorumNone:
		fmt.Fprintln(p.out, "witnesses  none: UNWITNESSED")
	case !r.Quorum:
		fmt.Fprintf(p.out, "witnesses  %d cosigned, which is no quorum: UNWITNESSED; a quorum saw %d acts\n", len(r.Cosigned), s.Witnessed)
	default:
		fmt.Fprintf(p.out, "witnesses  %d cosigned, of %d organisations\n", len(r.Cosigned), r.Organisations)
	}
	return nil
}

// entry finds an entry by its index or identity.
func entry(ctx context.Context, l *lab.Lab, word string) (ledger.Entry, error) {
	e, err := ledger.Entry{}, error(nil)
	if id, bad := statement.ParseID(word); bad == nil {
		e, err = l.Ledger.Statement(ctx, id)
	} else if n, bad := strconv.ParseInt(word, 10, 64); bad == nil {
		e, err = l.Ledger.ByIndex(ctx, n)
	} else {
		return e, usage("ENTRY is an index, or the 64 digits of a statement's identity", "%q is no entry", word)
	}
	if errors.Is(err, ledger.ErrNotFound) {
		return e, usage("probat ledger show says how many there are", "the ledger has no entry %q", word)
	}
	return e, err
}

func (p *program) showEntry(ctx context.Context, l *lab.Lab, word string) error {
	e, err := entry(ctx, l, word)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "entry      %d\nidentity   %s\ntype       %s\n", e.Index, e.ID, e.Type)
	if e.Case != "" {
		fmt.Fprintf(p.out, "case       %s, act %d\n", e.Case, e.Seq)
	}
	if e.Envelope == nil {
		fmt.Fprintln(p.out, "content    erased")
		return nil
	}
	var indented map[string]any
	if err := json.Unmarshal(e.Envelope.Payload, &indented); err != nil {
		return err
	}
	enc := json.NewEncoder(p.out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(indented)
}

func (p *program) showCase(ctx context.Context, l *lab.Lab, id string) error {
	n := 0
	for e, err := range l.Ledger.InCase(ctx, id) {
		if err != nil {
			return err
		}
		n++
		when := "erased"
		if e.Envelope != nil {
			s, err := e.Envelope.Open()
			if err != nil {
				return err
			}
			if a := s.Predicate.Common(); a != nil {
				when = a.Time
			}
		}
		fmt.Fprintf(p.out, "%3d  %-20s  entry %d  %s\n", e.Seq, when, e.Index, e.Type)
	}
	if n == 0 {
		return usage("a credential names its case", "the ledger has no case %q", id)
	}
	return nil
}

func (p *program) ledgerProofCommand() *cobra.Command {
	var f labFlags
	c := &cobra.Command{
		Use:   "proof ENTRY",
		Short: "Prove that an act is in the ledger: a C2SP tlog-proof on standard output",
		Long: `proof prints that an entry is in the ledger, under the latest checkpoint with its cosignatures, in the format of C2SP tlog-proof. ENTRY is
an index, or the 64 digits of a statement's identity.

Exit codes: 0 printed; 2 wrong usage, no such lab or entry, or no checkpoint covers it yet`,
		Example: `  probat ledger proof 12 --lab lab > 12.tlog-proof`,
		Args:    exact("ENTRY"),
		RunE: func(c *cobra.Command, args []string) error {
			return p.lookAtLab(c.Context(), f, func(l *lab.Lab) error {
				e, err := entry(c.Context(), l, args[0])
				if err != nil {
					return err
				}
				note, err := l.Ledger.Checkpoint(c.Context())
				if err != nil {
					return err
				}
				hashes, err := l.Ledger.Proof(c.Context(), e.Index, note.Size)
				if err != nil {
					return err
				}
				_, err = p.out.Write((&proof.Proof{Index: e.Index, Hashes: hashes, Checkpoint: note}).Bytes())
				return err
			})
		},
	}
	f.add(c)
	return c
}

func (p *program) ledgerAuditCommand() *cobra.Command {
	var f labFlags
	var fast bool
	c := &cobra.Command{
		Use:   "audit",
		Short: "Recompute everything: every leaf, signature, tile, case and piece of evidence",
		Long: `audit opens every leaf of the ledger and checks statements, signatures, tree, tiles, checkpoints, the numbers of every case, the register,
status lists, and the files of sealed dossiers. It needs no keys and changes nothing. What it finds, it names.

Exit codes: 0 all is as it was written; 1 something is not; 2 wrong usage, or no such lab`,
		Example: `  probat ledger audit --lab lab`,
		Args:    exact(),
		RunE: func(c *cobra.Command, _ []string) error {
			return p.lookAtLab(c.Context(), f, func(l *lab.Lab) error {
				kept, err := keptByServer(c.Context(), l)
				if err != nil {
					return err
				}
				r, err := seal.Audit(c.Context(), l, !fast, nil, kept)
				if err != nil {
					return err
				}
				for _, line := range r.Lines() {
					fmt.Fprintln(p.out, line)
				}
				if n := r.Count(); n > 0 {
					return &exitError{exitFailOn, fmt.Errorf("the audit found %d things that are not as they were written", n), "put what is named back from a backup or a mirror; do not sign with this lab before"}
				}
				return nil
			})
		},
	}
	f.add(c)
	c.Flags().BoolVar(&fast, "without-signatures", false, "hashes only")
	return c
}

func (p *program) ledgerExportCommand() *cobra.Command {
	var f labFlags
	c := &cobra.Command{
		Use:   "export DIR",
		Short: "Copy the public log into a folder: checkpoint and tiles, as any tlog-tiles tool reads them",
		Long: `export copies the published log into DIR: what is there already stays, so that a mirror is brought up to date. The tiles tell how many
acts there were, and nothing of what they say.

Exit codes: 0 copied; 2 wrong usage, no such lab, or DIR holds another log`,
		Example: `  probat ledger export mirror --lab lab`,
		Args:    exact("DIR"),
		RunE: func(c *cobra.Command, args []string) error {
			return p.lookAtLab(c.Context(), f, func(l *lab.Lab) error { return p.export(c.Context(), l, args[0]) })
		},
	}
	f.add(c)
	return c
}

func (p *program) export(ctx context.Context, l *lab.Lab, dir string) error {
	to, err := blob.Open(ctx, dir, blob.Create)
	if err != nil {
		return err
	}
	if err := sameLog(ctx, l, to); err != nil {
		return usage("choose an empty folder, or the mirror of the same log", "exporting into %q: %w", dir, err)
	}
	n := 0
	for name, err := range l.Log.List(ctx, "") {
		if err != nil {
			return err
		}
		if name == "checkpoint" {
			continue // last, so that a mirror never shows a checkpoint without its tiles
		}
		data, err := l.Log.Get(ctx, name, 32<<20)
		if err != nil {
			return err
		}
		if err := to.Put(ctx, name, data); err != nil {
			if errors.Is(err, blob.ErrExists) && filepath.Ext(name) == ".json" {
				err = to.Replace(ctx, name, data) // a status list with more cosignatures
			}
			if err != nil {
				return usage("choose an empty folder, or the mirror of the same log", "copying %q: %w", name, err)
			}
		}
		n++
	}
	data, err := l.Log.Get(ctx, "checkpoint", proof.MaxNote)
	if err != nil {
		return err
	}
	if err := to.Replace(ctx, "checkpoint", data); err != nil {
		return err
	}
	p.say("%d objects and the checkpoint are in %s", n, dir)
	return nil
}

// sameLog wants that a folder is empty, or holds an older state of the log.
func sameLog(ctx context.Context, l *lab.Lab, to blob.Store) error {
	data, err := to.Get(ctx, "checkpoint", proof.MaxNote)
	if errors.Is(err, blob.ErrNotExist) {
		for name, err := range to.List(ctx, "") {
			if err != nil {
				return err
			}
			if !strings.HasPrefix(name, "tile/") && !strings.HasPrefix(name, "status/") { // what an export that was broken off leaves
				return fmt.Errorf("it holds something else, such as %q", name)
			}
		}
		return nil
	}
	if err != nil {
		return err
	}
	old, err := proof.ParseSigned(data)
	if err != nil {
		return err
	}
	if old.Origin != l.Config.Origin {
		return fmt.Errorf("it holds the log %q", old.Origin)
	}
	return l.Ledger.Compare(ctx, old)
}

func (p *program) ledgerServeCommand() *cobra.Command {
	var f labFlags
	var listen string
	c := &cobra.Command{
		Use:   "serve",
		Short: "Serve the public log, and take cosignatures from witnesses that pull it",
		Long: `serve answers with the lab's checkpoint, tiles and status lists, and takes cosignatures at /cosignatures, which the lab adds when it next
seals. It needs no keys. It runs until it is interrupted; behind it belongs whatever gives it TLS.

Exit codes: 0 ended; 2 wrong usage, or no such lab`,
		Example: `  probat ledger serve --lab lab --listen 127.0.0.1:8089`,
		Args:    exact(),
		RunE: func(c *cobra.Command, _ []string) error {
			return p.lookAtLab(c.Context(), f, func(l *lab.Lab) error {
				h, err := l.Handler()
				if err != nil {
					return err
				}
				listener, err := net.Listen("tcp", listen)
				if err != nil {
					return usage("choose another address with --listen", "listening: %w", err)
				}
				p.say("listening on http://%s", listener.Addr())
				return serveUntil(c.Context(), listener, h)
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&listen, "listen", "127.0.0.1:8089", "address to listen on")
	return c
}

// serveUntil answers until ctx ends, then lets requests finish.
func serveUntil(ctx context.Context, l net.Listener, h http.Handler) error {
	s := witness.NewServer(h)
	done := make(chan error, 1)
	go func() { done <- s.Serve(l) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return s.Shutdown(end)
}
