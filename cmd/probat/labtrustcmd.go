package main

import (
	"errors"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/statement"
)

func (p *program) labTrustCommand() *cobra.Command {
	var f labFlags
	var policy string
	var runs []string
	c := &cobra.Command{
		Use:   "trust",
		Short: "Sign the next version of the trust file: witnesses and quorum",
		Long: `trust signs the next version of lab.trust with the root key, with another policy: which witnesses there are and how many have to
cosign. The policy is in the format of C2SP tlog-policy, without log lines, which the lab adds. Customers replace the file that they pinned;
its fingerprint stays the same.

Exit codes: 0 signed; 2 wrong usage, a policy that is wrong, or the root key is not here`,
		Example: `  probat lab trust --lab lab --policy policy.txt --run witness.operator.example="Operator Ltd"`,
		Args:    exact(),
		RunE: func(c *cobra.Command, _ []string) error {
			if policy == "" {
				return usage("--policy FILE", "no policy is named")
			}
			text, err := readBounded(policy, 128<<10)
			if err != nil {
				return usage("--policy names a file in the format of C2SP tlog-policy", "reading the policy %q: %w", policy, pathless(err))
			}
			by := map[string]string{}
			for _, r := range runs {
				name, organisation, ok := strings.Cut(r, "=")
				if !ok {
					return usage("--run WITNESS=ORGANISATION", "--run %q", r)
				}
				by[name] = organisation
			}
			return p.withLab(c.Context(), f, func(l *lab.Lab) error {
				t, err := l.NextTrust(c.Context(), string(text), by)
				if errors.Is(err, lab.ErrWhoRuns) {
					return &exitError{exitUsage, err, "--run WITNESS=ORGANISATION; witnesses of one organisation count as one"}
				}
				if err != nil && !errors.Is(err, lab.ErrNoRoot) {
					return &exitError{exitUsage, err, "lines of the policy: witness NAME KEY [URL], group NAME any|all|NUMBER MEMBER…, quorum NAME"}
				}
				if err != nil {
					return err
				}
				p.say("%s is version %d; fingerprint %s", filepath.Join(f.dir, "lab.trust"), t.Trust.Version, t.Fingerprint())
				return nil
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&policy, "policy", "", "file with witness, group and quorum lines")
	c.Flags().StringArrayVar(&runs, "run", nil, "WITNESS=ORGANISATION: who runs a witness, by the name of its key; those of one organisation count as one; may be repeated")
	return c
}

func (p *program) labKeyCommand() *cobra.Command {
	var f labFlags
	var replace, compromised, since string
	c := &cobra.Command{
		Use:   "key",
		Short: "Replace a key, or say that somebody else has had it",
		Long: `key signs the next version of lab.trust with the root key. --replace makes a new issuing or ledger key; what the old one signed stays valid.
--compromised says that somebody else has had a key since a time: what it signed counts only if witnesses saw it before that time. Then
replace it too, and hand the new lab.trust to customers; its fingerprint stays the same.

Exit codes: 0 signed; 2 wrong usage, no such key, or the root key is not here`,
		Example: `  probat lab key --lab lab --replace issuing
  probat lab key --lab lab --compromised SHA256:fRAitBdjk6k1 --since 2026-11-20T00:00:00Z`,
		Args: exact(),
		RunE: func(c *cobra.Command, _ []string) error {
			when, err := statement.ParseTime(since)
			switch {
			case (replace == "") == (compromised == ""):
				return usage("--replace issuing, or --compromised KEYID --since TIME", "one thing is done at a time")
			case compromised != "" && err != nil:
				return usage("--since 2026-11-20T00:00:00Z", "--since %q is no time", since)
			}
			return p.withLab(c.Context(), f, func(l *lab.Lab) error {
				if replace != "" {
					t, err := l.Rotate(c.Context(), statement.Purpose(replace))
					if err != nil {
						return err
					}
					p.say("a new %s key signs from now on; lab.trust is version %d", replace, t.Trust.Version)
					return nil
				}
				t, err := l.Compromised(c.Context(), compromised, when)
				if err != nil {
					return err
				}
				p.say("what %s signed counts only if witnesses saw it before %s; lab.trust is version %d", compromised, since, t.Trust.Version)
				return nil
			})
		},
	}
	f.add(c)
	c.Flags().StringVar(&replace, "replace", "", "issuing or ledger")
	c.Flags().StringVar(&compromised, "compromised", "", "the key's name, SHA256:… as ssh-keygen shows it, at least nineteen characters")
	c.Flags().StringVar(&since, "since", "", "time from which on somebody else may have used it")
	return c
}
