package main

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/term"

	"github.com/probat-lab/probat/sandbox"
)

// passphraseVariable is the environment variable from which scripts hand over a passphrase.
const passphraseVariable = "PROBAT_PASSPHRASE"

// workFactor is that of scrypt, 2^n, for passphrases of new keys; 0 is age's own choice. No flag and no variable sets it: only tests do.
var workFactor int

// newPassphrase asks for a passphrase twice, or takes PROBAT_PASSPHRASE.
func (p *program) newPassphrase(ctx context.Context) (string, error) {
	if err := sandbox.Hide(); err != nil {
		return "", err
	}
	if s := os.Getenv(passphraseVariable); s != "" {
		return s, nil
	}
	a, err := p.ask(ctx, "passphrase for the new keys: ")
	if err != nil {
		return "", err
	}
	if a == "" {
		return "", usage("start again, or set "+passphraseVariable, "the passphrase is empty")
	}
	b, err := p.ask(ctx, "once more: ")
	if err != nil {
		return "", err
	}
	if a != b {
		return "", usage("start again", "the two passphrases differ")
	}
	return a, nil
}

// passphrase asks for the passphrase of keys that are there, or takes PROBAT_PASSPHRASE.
func (p *program) passphrase(ctx context.Context) (string, error) {
	if err := sandbox.Hide(); err != nil {
		return "", err
	}
	if s := os.Getenv(passphraseVariable); s != "" {
		return s, nil
	}
	return p.ask(ctx, "passphrase of the keys: ")
}

// canAsk tells whether there is a person to ask.
func (p *program) canAsk() bool {
	f, ok := p.in.(*os.File)
	return ok && os.Getenv(passphraseVariable) == "" && term.IsTerminal(int(f.Fd()))
}

func nobodyToAsk() error {
	return usage("set "+passphraseVariable+", or run it in a terminal", "there is nobody to ask for the passphrase")
}

func (p *program) ask(ctx context.Context, prompt string) (string, error) {
	f, ok := p.in.(*os.File)
	if !ok || !p.canAsk() {
		return "", nobodyToAsk()
	}
	before, err := term.GetState(int(f.Fd()))
	if err != nil {
		return "", fmt.Errorf("reading the passphrase: %w", err)
	}
	type answer struct {
		text []byte
		err  error
	}
	got := make(chan answer, 1)
	fmt.Fprint(p.err, prompt)
	go func() { // not waited for if the person gives up: nothing ends a read from a terminal
		b, err := term.ReadPassword(int(f.Fd()))
		got <- answer{b, err}
	}()
	select {
	case a := <-got:
		fmt.Fprintln(p.err)
		if a.err != nil {
			return "", fmt.Errorf("reading the passphrase: %w", a.err)
		}
		return string(a.text), nil
	case <-ctx.Done():
		fmt.Fprintln(p.err)
		_ = term.Restore(int(f.Fd()), before) // the read has switched the echo off
		return "", ctx.Err()
	}
}
