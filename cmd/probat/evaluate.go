package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/judge"
	"github.com/probat-lab/probat/report"
	"github.com/probat-lab/probat/seal/examine"
	"github.com/probat-lab/probat/unpack"
)

// defaultScheme is judged by where neither the command line nor the declaration names one.
const defaultScheme = "ts-33.117"

// evaluateFlags are the flags of evaluate; declare and tree share those of looking.
type lookFlags struct {
	budget  unpack.Budget
	workers int
	skip    []string
	noCache bool
}

func (f *lookFlags) add(c *cobra.Command) {
	c.Flags().Int64Var(&f.budget.Bytes, "max-bytes", 0, "bytes that may be unpacked (default 4 GiB + 20 times the product)")
	c.Flags().Int64Var(&f.budget.Entries, "max-entries", unpack.DefaultEntries, "files and directories that may be unpacked")
	c.Flags().IntVar(&f.budget.Depth, "max-depth", unpack.DefaultDepth, "containers inside each other that are opened")
	c.Flags().IntVar(&f.workers, "workers", 0, "goroutines (default the number of processors); the outcome is the same for any number")
	c.Flags().BoolVar(&f.noCache, "no-cache", false, "look at everything anew and keep nothing for the next time")
}

func (f *lookFlags) check() error {
	if f.budget.Bytes < 0 || f.budget.Entries < 1 || f.budget.Depth < 1 || f.workers < 0 {
		return usage("leave the flag out for its default", "budgets and workers cannot be negative or none")
	}
	return nil
}

// cache opens the cache of this user; without one everything works, slower.
func (f *lookFlags) cache() evaluate.Cache {
	if f.noCache {
		return nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	c, err := evaluate.OpenCache(filepath.Join(dir, "probat"), evaluate.DefaultCacheSize)
	if err != nil {
		return nil
	}
	return c
}

type evaluateOptions struct {
	lookFlags
	declaration, asOf, out string
	schemes, failOn, refs  []string
	sealing                bool
	seal                   sealFlags
}

func (p *program) evaluateCommand() *cobra.Command {
	var o evaluateOptions
	c := &cobra.Command{
		Use:   "evaluate PRODUCT",
		Short: "Observe a product release and judge it: a verdict for every requirement, and a dossier",
		Long: `evaluate unpacks PRODUCT to the last byte, inspects every file, judges the facts against security schemes and writes a
dossier with everything behind the verdicts. PRODUCT is a file, a directory, or a product.yaml that names artifacts
(paths below its own folder; declared digests are compared). It opens no network connection.

Without --scheme the declaration's schemes are judged, else ts-33.117. S is the id of a scheme or a path to one.

--seal does what "probat seal" does with the dossier, in the lab that --lab names: the product is copied into the lab's folder, hashed
on the way and parsed there, in a child process without keys, and the passphrase is asked for afterwards. A directory is not copied: it
stays where it is. The credential then says that this lab observed the product.

Exit codes: 0 evaluated (a damaged product too: what could not be read is in the dossier as unobserved)
            1 evaluated, and what --fail-on names is so
            2 wrong usage, or a scheme or declaration that is wrong (FILE:LINE:COL: …)
            3 PRODUCT cannot be read at all
          130 interrupted`,
		Example: `  probat evaluate router-4.2.1.img
  probat evaluate product.yaml --scheme ts-33.117 --out router.dossier
  probat evaluate router.img --declaration product.yaml --fail-on fail --fail-on 4.3.2.1
  probat evaluate product.yaml --seal --lab lab`,
		Args: exact("PRODUCT"),
		RunE: func(c *cobra.Command, args []string) error { return p.evaluate(c.Context(), args[0], &o) },
	}
	o.add(c)
	c.Flags().StringVar(&o.declaration, "declaration", "", "the vendor's product.yaml, where PRODUCT is a file or a directory")
	c.Flags().StringArrayVar(&o.schemes, "scheme", nil, "judge by this scheme, an id or a path; may be repeated")
	c.Flags().StringArrayVar(&o.refs, "reference", nil, "a reference file (JSON) for tests that look data up; may be repeated")
	c.Flags().StringVar(&o.asOf, "as-of", "", "the day as of which is judged, YYYY-MM-DD (default today, UTC)")
	c.Flags().StringVar(&o.out, "out", "", "the dossier's folder (default NAME.dossier here); an older dossier there is replaced")
	c.Flags().StringSliceVar(&o.failOn, "fail-on", nil, "exit 1 on: fail, inconclusive, not-assessed (each with what is worse), or a requirement that is not passed")
	c.Flags().StringSliceVar(&o.skip, "skip-observer", nil, "do not ask this observer; the dossier says so")
	c.Flags().BoolVar(&o.sealing, "seal", false, "seal the dossier in the lab that --lab names")
	o.seal.add(c)
	c.Flags().StringArrayVar(&o.seal.profiles, "profile", nil, "with --seal: a credential for this profile instead of the whole scheme; may be repeated")
	return c
}

var datePattern = regexp.MustCompile(`^\d{4}-\d{2}-\d{2}$`)

func checkDate(s string) (string, error) {
	if s == "" {
		return time.Now().UTC().Format(time.DateOnly), nil
	}
	if _, err := time.Parse(time.DateOnly, s); err != nil || !datePattern.MatchString(s) {
		return "", usage("write it as 2026-11-24", "--as-of %q is no date", s)
	}
	return s, nil
}

// checkSkip wants the names of observers.
func checkSkip(skip []string) error {
	var names []string
	for _, o := range evaluate.Observers() {
		names = append(names, o.Name)
	}
	for _, s := range skip {
		if !slices.Contains(names, s) {
			return usage("observers are "+strings.Join(names, ", "), "--skip-observer: there is no observer %q", s)
		}
	}
	return nil
}

func (p *program) evaluate(ctx context.Context, path string, o *evaluateOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if err := checkSkip(o.skip); err != nil {
		return err
	}
	asOf, err := checkDate(o.asOf)
	if err != nil {
		return err
	}
	out := o.out
	if out == "" {
		out = defaultOut(path)
	}
	if err := dossier.Replaceable(out); err != nil {
		return err
	}
	if o.sealing {
		return p.evaluateAndSeal(ctx, path, asOf, out, o)
	}
	release, err := evaluate.OpenRelease(path, o.declaration)
	if err != nil {
		return err
	}
	schemes, err := openSchemes(o.schemes, release)
	if err != nil {
		return err
	}
	refs, err := openReferences(o.refs)
	if err != nil {
		return err
	}
	if err := checkFailOn(o.failOn, schemes); err != nil {
		return err
	}
	options := evaluate.Options{
		Schemes: schemes, References: refs, AsOf: asOf, Budget: o.budget, Workers: o.workers, LeaveOut: o.skip, Cache: o.cache(),
	}
	contents, err := p.watched(ctx, &options, func() (*dossier.Contents, error) { return evaluate.Run(ctx, release, options) })
	if err != nil {
		return err
	}
	if err := dossier.Write(out, contents, besides()...); err != nil {
		return err
	}
	if !p.quiet {
		if err := report.Text(p.out, contents, p.style()); err != nil {
			return err
		}
		p.say("\ndossier %s  sha256 %s\nreport  %s", out, contents.Digest, filepath.Join(out, report.HTMLName))
		p.say("next: %s", nextCommand(out, contents))
	}
	return failOn(o.failOn, contents.Outcomes)
}

// watched shows progress while fn looks at a product.
func (p *program) watched(ctx context.Context, o *evaluate.Options, fn func() (*dossier.Contents, error)) (*dossier.Contents, error) {
	if p.quiet {
		return fn()
	}
	pr := startProgress(p.err)
	defer pr.end()
	o.Progress, o.Phase = &pr.count, pr.setPhase
	return fn()
}

// besides are the reports that lie in a dossier's folder, outside its digest.
func besides() []dossier.Beside {
	return []dossier.Beside{{Name: report.HTMLName, Write: report.HTML}}
}

// defaultOut is the folder of a dossier that was given no name: after the product's file, or the folder that a product.yaml stands in.
func defaultOut(path string) string {
	name := path
	if abs, err := filepath.Abs(path); err == nil {
		name = abs
	}
	if b := filepath.Base(name); b == "product.yaml" || b == "product.yml" {
		name = filepath.Dir(name)
	}
	base := filepath.Base(name)
	if base == string(filepath.Separator) || base == "." {
		base = "product"
	}
	return base + ".dossier"
}

func nextCommand(out string, c *dossier.Contents) string {
	for _, v := range []judge.Verdict{judge.Fail, judge.Inconclusive} {
		for _, o := range c.Outcomes {
			for _, r := range o.Requirements {
				if r.Verdict == v {
					return fmt.Sprintf("%s explain %s %s", self(), quoteArg(out), r.Of.ID)
				}
			}
		}
	}
	return fmt.Sprintf("%s report %s --format csv", self(), quoteArg(out))
}

// self is how to call this program again: go run builds it where nobody would look.
func self() string {
	if exe, err := os.Executable(); err == nil && strings.Contains(exe, "go-build") {
		return "go run ./cmd/probat"
	}
	return "probat"
}

// quoteArg writes an argument so that a shell takes it as one word.
func quoteArg(s string) string {
	if s != "" && strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._/-+@:") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// failing verdicts by the word of --fail-on: each with what is worse.
var failWords = map[string][]judge.Verdict{
	"fail":         {judge.Fail},
	"inconclusive": {judge.Fail, judge.Inconclusive},
	"not-assessed": {judge.Fail, judge.Inconclusive, judge.NotAssessed},
}

func failOn(words []string, outcomes []*judge.Outcome) error {
	var met []string
	for _, o := range outcomes {
		for _, r := range o.Requirements {
			met = append(met, failing(words, o.Scheme.ID, r.Of.ID, r.Verdict)...)
		}
	}
	return failedOn(met)
}

// checkFailOnPlan is checkFailOn for what is known of a dossier that a child made.
func checkFailOnPlan(words []string, p *examine.Plan) error {
	for _, w := range words {
		_, known := failWords[w]
		for _, s := range p.Schemes {
			for _, v := range s.Verdicts {
				known = known || names(w, s.Policy.Scheme, v.Requirement)
			}
		}
		if !known {
			return usage("--fail-on fail, inconclusive, not-assessed, or a requirement such as 4.3.2.1", "--fail-on %q is no verdict and no requirement of the schemes", w)
		}
	}
	return nil
}

// failOnPlan is failOn for what is known of a dossier that a child made.
func failOnPlan(words []string, p *examine.Plan) error {
	var met []string
	for _, s := range p.Schemes {
		for _, v := range s.Verdicts {
			met = append(met, failing(words, s.Policy.Scheme, v.Requirement, judge.Verdict(v.Verdict))...)
		}
	}
	return failedOn(met)
}

// failing says what the words of --fail-on find wrong with a verdict.
func failing(words []string, schemeID, requirement string, v judge.Verdict) (met []string) {
	for _, w := range words {
		bad, isWord := failWords[w]
		if !isWord {
			bad = failWords["not-assessed"]
		}
		if (isWord || names(w, schemeID, requirement)) && slices.Contains(bad, v) {
			met = append(met, fmt.Sprintf("%s/%s is %s", schemeID, requirement, v))
		}
	}
	return met
}

func failedOn(met []string) error {
	if len(met) == 0 {
		return nil
	}
	slices.Sort(met)
	met = slices.Compact(met)
	text := met[0]
	if len(met) > 1 {
		text += fmt.Sprintf(" and %d more", len(met)-1)
	}
	return &exitError{exitFailOn, errors.New("--fail-on: " + text), ""}
}

// names tells whether a word names a requirement: 4.3.2.1 or ts-33.117/4.3.2.1.
func names(word, schemeID, requirement string) bool {
	return word == requirement || word == schemeID+"/"+requirement
}
