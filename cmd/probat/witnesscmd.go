package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/ledger/witness"
)

// names of the files in a witness's folder
const (
	witnessKeyName   = "witness.age"
	witnessPubName   = "witness.pub"
	witnessTrustName = "lab.trust"
	witnessStateName = "state"
)

func (p *program) witnessCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "witness", Short: "Run a witness of your own: it cosigns a lab's log as long as its history holds together",
		Long: `A witness remembers the largest checkpoint of a log that it saw, and cosigns only what extends it. A lab that shows one history to
its vendors and another one to you cannot have both cosigned. Operators and regulators run witnesses of their own.`,
	}
	c.AddCommand(p.witnessInitCommand(), p.witnessRunCommand())
	return c
}

func (p *program) witnessInitCommand() *cobra.Command {
	var name, trust string
	var postQuantum bool
	c := &cobra.Command{
		Use:   "init DIR",
		Short: "Make a witness: its key, and an empty memory of the lab's log",
		Long: `init makes a witness in DIR: a key (sealed by a passphrase, which is asked for, or read from PROBAT_PASSPHRASE), and an empty memory of
the log that the lab's trust file names. Give the line that it prints to the lab, which puts it into its policy.

Exit codes: 0 made; 2 wrong usage, or DIR is there already`,
		Example: `  probat witness init witness --name witness.operator.example --trust lab.trust`,
		Args:    exact("DIR"),
		RunE: func(c *cobra.Command, args []string) error {
			if name == "" || trust == "" {
				return usage("--name witness.operator.example --trust lab.trust", "a witness needs a name, and the trust file of the lab that it watches")
			}
			return p.witnessInit(c.Context(), args[0], name, trust, postQuantum)
		},
	}
	c.Flags().StringVar(&name, "name", "", "of its key: a host name, with a path where you run several")
	c.Flags().StringVar(&trust, "trust", "", "the lab's trust file: whose log is watched")
	c.Flags().BoolVar(&postQuantum, "ml-dsa", false, "an ML-DSA-44 key, safe against quantum computers; cosignatures then have 2.4 kB")
	return c
}

func (p *program) witnessInit(ctx context.Context, dir, name, trust string, postQuantum bool) (err error) {
	data, pinned, err := readTrust(trust)
	if err != nil {
		return err
	}
	make := proof.NewEd25519Cosigner
	if postQuantum {
		make = proof.NewMLDSACosigner
	}
	key, err := make(name)
	if err != nil {
		return usage("a name is a host name, without spaces and plus signs", "%w", err)
	}
	passphrase, err := p.newPassphrase(ctx)
	if err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return usage("choose another folder", "making the witness: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(dir))
		}
	}()
	sealed, err := sealWith(passphrase, []byte(key.Secret()+"\n"))
	if err != nil {
		return err
	}
	for file, b := range map[string][]byte{witnessKeyName: sealed, witnessPubName: []byte(key.Key().String() + "\n"), witnessTrustName: data} {
		if err := os.WriteFile(filepath.Join(dir, file), b, 0o600); err != nil {
			return fmt.Errorf("making the witness: %w", err)
		}
	}
	state, err := witness.CreateState(filepath.Join(dir, witnessStateName), logKeys(pinned))
	if err != nil {
		return err
	}
	if err := state.Close(); err != nil {
		return err
	}
	p.say("watches %s", pinned.Trust.Origin)
	p.say("give the lab this line for its policy:\nwitness %s %s", strings.ReplaceAll(name, "/", "-"), key.Key())
	p.say("next: %s witness run %s --pull https://%s", self(), quoteArg(dir), pinned.Trust.Origin)
	return nil
}

func logKeys(t *credential.Pinned) (keys []proof.LogKey) {
	for _, l := range t.Policy.Logs() {
		keys = append(keys, l.Key)
	}
	return keys
}

func readTrust(path string) ([]byte, *credential.Pinned, error) {
	data, err := readBounded(path, 1<<20)
	if err != nil {
		return nil, nil, usage("lab.trust comes from the lab; compare its fingerprint with the lab by telephone", "reading the trust file %q: %w", path, pathless(err))
	}
	t, err := credential.ParseTrust(data)
	return data, t, err
}

// sealWith encrypts by a passphrase.
func sealWith(passphrase string, data []byte) ([]byte, error) {
	to, err := age.NewScryptRecipient(passphrase)
	if err != nil {
		return nil, err
	}
	if workFactor > 0 {
		to.SetWorkFactor(workFactor)
	}
	return lab.Encrypt(data, to)
}

type witnessRun struct {
	listen, pull, post, publish string
	interval, maxAge            time.Duration
	once                        bool
}

func (p *program) witnessRunCommand() *cobra.Command {
	var o witnessRun
	c := &cobra.Command{
		Use:   "run DIR",
		Short: "Cosign checkpoints that are pushed here, or that are pulled from the lab",
		Long: `run cosigns until it is interrupted. --listen takes checkpoints that the lab pushes (C2SP tlog-witness); --pull fetches them from the lab's
public log, a URL or a folder, checks the tiles itself, and brings the cosignatures back to --post (default the same place): so nobody has to
reach you. What a lab cannot explain, it keeps in DIR/state as a file that convicts the lab by itself.

Exit codes: 0 ended, or with --once all is well; 1 with --once: the log forked, or shows less than it did; 2 wrong usage; 130 never`,
		Example: `  probat witness run witness --listen 127.0.0.1:8090
  probat witness run witness --pull https://log.lab.example --interval 1m
  probat witness run witness --pull /mnt/lab/log --once`,
		Args: exact("DIR"),
		RunE: func(c *cobra.Command, args []string) error { return p.witnessRun(c.Context(), args[0], o) },
	}
	c.Flags().StringVar(&o.listen, "listen", "", "address for checkpoints that are pushed")
	c.Flags().StringVar(&o.pull, "pull", "", "URL or folder of the lab's public log")
	c.Flags().StringVar(&o.post, "post", "", "where cosignatures go: a URL that takes /cosignatures, or a folder (default what --pull names)")
	c.Flags().StringVar(&o.publish, "publish", "", "folder in which the latest cosigned checkpoint is published for others to compare")
	c.Flags().DurationVar(&o.interval, "interval", witness.DefaultInterval, "time between two rounds of --pull")
	c.Flags().DurationVar(&o.maxAge, "max-age", 24*time.Hour, "a log that shows the same checkpoint for longer is reported as stale")
	c.Flags().BoolVar(&o.once, "once", false, "one round of --pull, then end")
	return c
}

func (p *program) witnessRun(ctx context.Context, dir string, o witnessRun) (err error) {
	if o.listen == "" && o.pull == "" || (o.once && o.pull == "") {
		return usage("--listen ADDRESS, --pull URL, or both", "there is nothing to do")
	}
	w, origin, done, err := p.openWitness(ctx, dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, done()) }()
	c := witness.RunConfig{Witness: w, Interval: o.interval}
	if o.pull != "" {
		if o.post == "" {
			o.post = o.pull
		}
		c.Pulls = []witness.PullConfig{{Origin: origin, Source: o.pull, Post: o.post, Publish: o.publish, MaxAge: o.maxAge}}
	}
	if o.once {
		return p.pullOnce(ctx, w, c.Pulls[0])
	}
	if o.listen != "" {
		if c.Listener, err = net.Listen("tcp", o.listen); err != nil {
			return usage("choose another address with --listen", "listening: %w", err)
		}
		p.say("listening on http://%s", c.Listener.Addr())
	}
	return witness.Run(ctx, c)
}

func (p *program) pullOnce(ctx context.Context, w *witness.Witness, c witness.PullConfig) error {
	r, err := w.Pull(ctx, c)
	var fork *witness.ForkError
	if errors.As(err, &fork) || errors.Is(err, witness.ErrRolledBack) {
		return &exitError{exitFailOn, err, "nothing was cosigned; the evidence is in the witness's folder"}
	}
	if err != nil {
		return err
	}
	p.say("cosigned %d leaves of %s", r.Checkpoint.Size, c.Origin)
	if r.Stale {
		p.say("STALE: the log shows the same checkpoint since %s", r.Since.Format(time.RFC3339))
	}
	return nil
}

// openWitness opens the witness in a folder; done closes it.
func (p *program) openWitness(ctx context.Context, dir string) (w *witness.Witness, origin string, done func() error, err error) {
	_, trust, err := readTrust(filepath.Join(dir, witnessTrustName))
	if err != nil {
		return nil, "", nil, err
	}
	sealed, err := readBounded(filepath.Join(dir, witnessKeyName), 64<<10)
	if err != nil {
		return nil, "", nil, usage("make one: probat witness init DIR", "%q is no witness: %w", dir, pathless(err))
	}
	passphrase, err := p.passphrase(ctx)
	if err != nil {
		return nil, "", nil, err
	}
	by, err := age.NewScryptIdentity(passphrase)
	if err != nil {
		return nil, "", nil, err
	}
	r, err := age.Decrypt(bytes.NewReader(sealed), by)
	if err != nil {
		return nil, "", nil, usage("set "+passphraseVariable+", or leave it unset to be asked", "opening the witness's key: %w", err)
	}
	secret, err := io.ReadAll(io.LimitReader(r, 64<<10))
	if err != nil {
		return nil, "", nil, err
	}
	key, err := proof.ParseCosigner(strings.TrimSpace(string(secret)))
	if err != nil {
		return nil, "", nil, err
	}
	state, err := witness.OpenState(filepath.Join(dir, witnessStateName), logKeys(trust))
	if err != nil {
		return nil, "", nil, err
	}
	w, err = witness.New(witness.Config{Cosigners: []*proof.Cosigner{key}, Logs: logKeys(trust), State: state, Report: p.witnessEvent})
	if err != nil {
		return nil, "", nil, errors.Join(err, state.Close())
	}
	return w, trust.Trust.Origin, state.Close, nil
}

// witnessEvent tells the operator what happened: one line an event.
func (p *program) witnessEvent(e witness.Event) {
	if p.quiet && e.Kind != witness.EventEquivocation && e.Kind != witness.EventConflict {
		return
	}
	line := fmt.Sprintf("%s %s %s", time.Now().UTC().Format(time.RFC3339), e.Kind, e.Origin)
	if e.Size > 0 {
		line += fmt.Sprintf(" %d", e.Size)
	}
	if e.File != "" {
		line += " " + e.File
	}
	if e.Err != nil {
		line += ": " + e.Err.Error()
	}
	_, _ = plainWriter{p.err}.Write([]byte(line + "\n"))
}
