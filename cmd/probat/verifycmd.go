package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/unpack"
	"github.com/probat-lab/probat/verify"
)

// redoFlags are what verify takes beyond what probat-verify does.
type redoFlags struct {
	redo, dossier, declaration, statement string
}

func (p *program) verifyCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "verify CREDENTIAL --trust lab.trust [--file IMAGE]",
		Short: "Verify a credential offline; and with --redo: evaluate again and compare with the sealed dossier",
		Long: `verify is probat-verify: probat verify --help prints its flags, words and exit codes.

With --redo PRODUCT --dossier DIR --statement FILE it also evaluates PRODUCT again and compares, byte for byte, with the dossier that was
sealed. FILE is NAME.dossier.json, which seal writes beside the credential: the statement that binds the dossier to it. Where another build
of the program sees something else, the differences are listed by observer. Exit code 1 then means: authentic, and not the same.`,
		Example: `  probat verify router.probat.zip --trust lab.trust --file router-4.2.1.img
  probat verify router.probat.zip --trust lab.trust --redo product.yaml --dossier router.dossier --statement router.dossier.json
  probat verify --inventory fleet.csv --credentials credentials --trust lab.trust`,
		DisableFlagParsing: true,
		RunE: func(c *cobra.Command, args []string) error {
			rest, r, err := redoArgs(args)
			if err != nil {
				return err
			}
			code := verify.Main(rest, p.in, p.out, p.err, time.Now())
			if slices.Contains(rest, "--help") || slices.Contains(rest, "-h") {
				fmt.Fprint(p.out, "\n", c.Long, "\n")
			}
			if r.redo == "" || code == exitUsage || code == exitUnreadable || (code != 0 && code < credential.OtherFile.ExitCode()) {
				return silent(code) // what is not authentic binds no dossier
			}
			same, err := p.redo(c.Context(), rest, r)
			counts := code == 0 || code >= credential.ValidStale.ExitCode()
			if err != nil && !counts {
				p.report(c.Context(), err)
				return silent(code)
			}
			if err != nil {
				return err
			}
			if !same && counts {
				code = exitFailOn
			}
			return silent(code)
		},
	}
}

// silent is an exit code without a message.
func silent(code int) error {
	if code == 0 {
		return nil
	}
	return &exitError{code: code, err: errors.New("")}
}

// redoArgs takes the flags of --redo out of the arguments.
func redoArgs(args []string) (rest []string, r redoFlags, err error) {
	known := map[string]*string{"redo": &r.redo, "dossier": &r.dossier, "declaration": &r.declaration, "statement": &r.statement}
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(strings.TrimLeft(args[i], "-"), "=")
		into := known[name]
		if into == nil || !strings.HasPrefix(args[i], "-") {
			rest = append(rest, args[i])
			continue
		}
		if !joined {
			if i++; i == len(args) {
				return nil, r, usage("probat verify --help", "--%s wants a value", name)
			}
			value = args[i]
		}
		*into = value
	}
	if r.redo == "" && (r.dossier != "" || r.declaration != "" || r.statement != "") {
		return nil, r, usage("--redo PRODUCT", "--dossier, --declaration and --statement go with --redo")
	}
	if r.redo != "" && (r.dossier == "" || r.statement == "") {
		return nil, r, usage("probat verify --help", "--redo needs --dossier DIR and --statement NAME.dossier.json")
	}
	return rest, r, nil
}

// redo evaluates a product again as a sealed dossier says, and tells whether the same came out.
func (p *program) redo(ctx context.Context, args []string, r redoFlags) (bool, error) {
	old, err := dossier.Read(r.dossier)
	if err != nil {
		return false, err
	}
	if err := boundTo(args, r.statement, old.Digest); err != nil {
		return false, err
	}
	release, err := evaluate.OpenRelease(r.redo, r.declaration)
	if err != nil {
		return false, err
	}
	m := &old.Manifest
	o := evaluate.Options{
		Schemes: old.Schemes(), References: old.References, AsOf: m.AsOf, LeaveOut: m.LeftOut,
		Budget: unpack.Budget{Bytes: m.Budgets.Bytes, Depth: m.Budgets.Depth, Entries: m.Budgets.Entries},
	}
	again, err := p.watched(ctx, &o, func() (*dossier.Contents, error) {
		c, err := evaluate.Run(ctx, release, o)
		if err != nil {
			return nil, err
		}
		// What persons judged is not observed anew.
		if c.Judgements = old.Judgements; len(c.Judgements) > 0 {
			err = c.Judge(ctx, o.Schemes)
		}
		c.Manifest.Predecessor = m.Predecessor
		return c, err
	})
	if err != nil {
		return false, err
	}
	tmp, err := os.MkdirTemp("", "probat-redo-")
	if err != nil {
		return false, err
	}
	defer os.RemoveAll(tmp)
	if err := dossier.Write(tmp, again); err != nil {
		return false, err
	}
	return p.compare(old, again), nil
}

// boundTo checks that a file holds the statement that binds a dossier to the credential among the arguments.
func boundTo(args []string, path, digest string) error {
	data, err := readBounded(path, statement.MaxEnvelope)
	if err != nil {
		return usage("--statement names NAME.dossier.json, which seal writes beside the credential", "reading the statement %q: %w", path, pathless(err))
	}
	e, err := statement.ParseEnvelope([]byte(strings.TrimSuffix(string(data), "\n")))
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	s, err := e.Open()
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	d, ok := statement.As[*statement.Dossier](s)
	if !ok {
		return usage("--statement NAME.dossier.json", "%s is no statement about a dossier", path)
	}
	if d.Dossier != digest {
		return &exitError{exitFailOn, fmt.Errorf("the dossier is not the sealed one: its digest is %s, the statement says %s", digest, d.Dossier), "take the dossier that was sealed"}
	}
	path, ok = verify.Credential(args)
	if !ok || path == "-" {
		return usage("probat verify NAME.probat.zip --redo …", "--redo needs a credential's file")
	}
	zip, err := readBounded(path, maxCredential)
	if err != nil {
		return fmt.Errorf("reading the credential: %w", err)
	}
	parts, err := credential.Open(zip)
	if err != nil {
		return err
	}
	c, err := parts.Credential.Envelope.Open()
	if err != nil {
		return err
	}
	if v, ok := statement.As[*statement.Credential](c); ok && slices.ContainsFunc(v.InputAttestations, func(i statement.InputAttestation) bool {
		return i.Digest.SHA256 == e.ID().String()
	}) {
		return nil
	}
	return &exitError{exitFailOn, errors.New("the credential does not rest on this statement"), "take the statement that came with the credential"}
}

// compare prints what differs between two dossiers, by observer.
func (p *program) compare(old, again *dossier.Contents) bool {
	if old.Digest == again.Digest {
		p.say("redo: the same, byte for byte: dossier %s, %d facts, %d files", again.Digest, again.Manifest.CountFacts(), len(again.Manifest.Files)+1)
		return true
	}
	p.say("redo: NOT THE SAME: evaluated again the dossier is %s, sealed was %s", again.Digest, old.Digest)
	was := map[string]fact.Coverage{}
	for _, o := range old.Manifest.Observers {
		was[o.Observer] = o
	}
	for _, o := range again.Manifest.Observers {
		before, ok := was[o.Observer]
		switch {
		case !ok:
			p.say("  observer %s: new in this build", o.Observer)
			continue
		case before.Version != o.Version:
			p.say("  observer %s: version %d then, %d now", o.Observer, before.Version, o.Version)
		}
		delete(was, o.Observer)
		for _, kind := range slices.Sorted(maps.Keys(o.Kinds)) {
			name := "facts/" + kind + ".jsonl"
			if a, b := old.Manifest.Files[name], again.Manifest.Files[name]; a != b {
				p.say("  observer %s: %s: %d facts then, %d now, or others", o.Observer, kind, old.Facts.Len(kind), again.Facts.Len(kind))
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(was)) {
		p.say("  observer %s: not in this build", name)
	}
	for _, name := range []string{"tree.jsonl", "declaration.json", "verdicts.json", "findings.jsonl", "facts/unobserved.jsonl"} {
		if old.Manifest.Files[name] != again.Manifest.Files[name] {
			p.say("  %s differs", name)
		}
	}
	return false
}
