package main

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/portal/client"
	"github.com/probat-lab/probat/sandbox"
)

// tokenVariable is the environment variable from which scripts hand over a token.
const tokenVariable = "PROBAT_TOKEN"

type submitFlags struct {
	to, token, ca                string
	insecure                     bool
	declaration, product, number string
	schemes                      []string
	embargo, key                 string
	wait, json                   bool
}

func (p *program) submitCommand() *cobra.Command {
	var f submitFlags
	c := &cobra.Command{
		Use:   "submit PRODUCT",
		Short: "Hand a release in to a lab's server, which evaluates it",
		Long: `submit uploads a release to the lab at --to and hands it in for evaluation, as the person whose token it is. PRODUCT is a product.yaml, whose
artifacts and documents lie below its folder and are all uploaded; or a file, with the --declaration that names it as its one artifact; or a
file alone, with --product and --version. A directory is packed with tar first. A declaration without a vendor gets the name of your party.

The token comes from PROBAT_TOKEN, or from --token, which others on this machine can read in the list of processes. It is sent to the server
of --to only; over plain http to this machine only, unless --insecure-http.

Uploads go on where they broke: within one run by themselves, and when the same command is run again. So does the submission: if its answer
was lost, the same command asks for it and hands nothing in twice.

--key signs what is handed in with your party's own key (probat key new); its passphrase is asked for, or read from PROBAT_PASSPHRASE.
Without it the lab attests who submitted what. --embargo hides the release from everybody but you, the lab and regulators until that day.

--wait follows the evaluation and shows what it came to. With --json one line is written, {"release","url","dossier","receipt"}: the ids of
the release and of the lab's receipt, the page of the release, and the SHA-256 of the dossier, which is empty without --wait.

Exit codes: 0 handed in; with --wait: and evaluated, whatever the verdicts are
            2 wrong usage, a declaration that is wrong (FILE:LINE:COL: …), or the lab refuses it
            3 PRODUCT cannot be read, the server does not answer, or the evaluation failed or was cancelled
          130 interrupted; what was uploaded stays there, and an evaluation goes on`,
		Example: `  probat submit product.yaml --to https://lab.example --wait
  probat submit router.img --declaration product.yaml --to https://lab.example --embargo 2027-01-15 --key vendor.key
  probat submit router.img --product "ER-240 edge router" --version 4.2.1 --to http://localhost:8080 --wait --json`,
		Args: exact("PRODUCT"),
		RunE: func(c *cobra.Command, args []string) error { return p.submit(c.Context(), args[0], &f) },
	}
	c.Flags().StringVar(&f.to, "to", "", "URL of the lab's server")
	c.Flags().StringVar(&f.token, "token", "", "token of the API; better in $"+tokenVariable)
	c.Flags().StringVar(&f.ca, "ca", "", "PEM file of certificates that are trusted beside the system's")
	c.Flags().BoolVar(&f.insecure, "insecure-http", false, "plain http to another machine: whoever is on the way reads token and product")
	c.Flags().StringVar(&f.declaration, "declaration", "", "the product.yaml, where PRODUCT is its one artifact")
	c.Flags().StringVar(&f.product, "product", "", "the product's name, where there is no declaration")
	c.Flags().StringVar(&f.number, "version", "", "the release's version, where there is no declaration")
	c.Flags().StringArrayVar(&f.schemes, "scheme", nil, "judge by this scheme, an id; may be repeated (default the declaration's, else "+defaultScheme+")")
	c.Flags().StringVar(&f.embargo, "embargo", "", "YYYY-MM-DD: the first day on which others may see it")
	c.Flags().StringVar(&f.key, "key", "", "sign with your party's own key, a file of probat key new")
	c.Flags().BoolVar(&f.wait, "wait", false, "follow the evaluation to its end")
	c.Flags().BoolVar(&f.json, "json", false, "write one line of JSON instead of a summary")
	return c
}

func (f *submitFlags) check() error {
	if f.embargo != "" {
		if _, err := time.Parse(time.DateOnly, f.embargo); err != nil || !datePattern.MatchString(f.embargo) {
			return usage("write it as 2027-01-15", "--embargo %q is no date", f.embargo)
		}
	}
	for _, s := range f.schemes {
		if isPath(s) {
			return usage("name a scheme by its id, such as "+defaultScheme, "--scheme: the lab judges by schemes that it knows, not by the file %q", s)
		}
	}
	switch {
	case f.to == "":
		return usage("--to https://lab.example", "no server is named")
	case f.token == "" && os.Getenv(tokenVariable) == "":
		return usage("make a token on the lab's page about yourself, and set "+tokenVariable, "there is no token")
	}
	return nil
}

// names wants that one thing says what the release is called.
func (f *submitFlags) names(h *handout) error {
	switch {
	case h.declared != nil && f.product+f.number != "":
		return usage("leave --product and --version out", "the declaration says what the release is called")
	case h.declared == nil && (strings.TrimSpace(f.product) == "" || strings.TrimSpace(f.number) == ""):
		return usage("--declaration product.yaml, or --product NAME --version VERSION; probat declare PRODUCT drafts a declaration",
			"nothing says what the release is called")
	}
	return nil
}

func (f *submitFlags) client(told func(error, time.Duration)) (*client.Client, error) {
	config := client.Config{URL: f.to, Token: f.token, Insecure: f.insecure, Agent: "probat/" + version(), Told: told}
	if config.Token == "" {
		config.Token = os.Getenv(tokenVariable)
	}
	if f.ca != "" {
		data, err := readBounded(f.ca, 1<<20)
		if err != nil {
			return nil, usage("--ca names a PEM file", "reading the certificates in %q: %w", f.ca, pathless(err))
		}
		config.CA = data
	}
	c, err := client.New(config)
	switch {
	case errors.Is(err, client.ErrPlain):
		return nil, &exitError{exitUsage, err, "use https, or --insecure-http in a network that is yours alone"}
	case errors.Is(err, client.ErrToken):
		return nil, &exitError{exitUsage, err, "set " + tokenVariable + " to the token as the lab showed it"}
	case errors.Is(err, client.ErrCA):
		return nil, usage("--ca names a PEM file", "reading the certificates in %q: %w", f.ca, err)
	case err != nil:
		return nil, &exitError{exitUsage, err, "--to https://lab.example"}
	}
	return c, nil
}

// submission is a run of submit.
type submission struct {
	*program
	flags  *submitFlags
	client *client.Client
	memory *client.Memory
	show   *remote
	me     client.Me
	hand   *handout
	signer *signer // nil: the lab attests
}

func (p *program) submit(ctx context.Context, path string, f *submitFlags) (err error) {
	if err := f.check(); err != nil {
		return err
	}
	if err := sandbox.Hide(); err != nil {
		return err
	}
	hand, err := openHandout(path, f.declaration)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, hand.close()) }()
	if err := f.names(hand); err != nil {
		return err
	}
	s := &submission{program: p, flags: f, hand: hand, show: p.startRemote(), memory: submitMemory()}
	if s.client, err = f.client(s.show.told); err != nil {
		return err
	}
	defer s.client.Close()
	defer s.show.clear()
	return serverError(s.run(ctx))
}

// submitMemory is where runs of submit leave word for the next; without a place for it everything begins anew.
func submitMemory() *client.Memory {
	dir, err := os.UserCacheDir()
	if err != nil {
		return nil
	}
	return client.NewMemory(filepath.Join(dir, "probat", "submit"))
}

func (s *submission) run(ctx context.Context) (err error) {
	s.kept = "nothing was handed in"
	if s.me, err = s.client.Me(ctx); err != nil {
		return err
	}
	if err := s.hand.fill(s.me.Party.Name); err != nil {
		return err
	}
	if s.flags.key != "" {
		if s.signer, err = s.newSigner(ctx); err != nil {
			return err
		}
	}
	if err := s.hash(ctx); err != nil {
		return err
	}
	done, err := s.handIn(ctx)
	if err != nil {
		return err
	}
	s.show.clear()
	s.kept = "the release was handed in, and the lab goes on evaluating it: " + done.URL
	if !s.flags.json {
		s.say("release  %s\nreceipt  %s", done.URL, done.Receipt)
	}
	if !s.flags.wait {
		return s.line(done, "")
	}
	return s.follow(ctx, done)
}

// line writes the line of JSON, if it is wanted.
func (s *submission) line(done client.Submitted, digest string) error {
	if !s.flags.json {
		return nil
	}
	e := json.NewEncoder(s.out)
	e.SetEscapeHTML(false)
	return e.Encode(struct {
		Release string `json:"release"`
		URL     string `json:"url"`
		Dossier string `json:"dossier"`
		Receipt string `json:"receipt"`
	}{done.Release, done.URL, digest, done.Receipt})
}

// follow waits for the evaluation, and shows what it came to.
func (s *submission) follow(ctx context.Context, done client.Submitted) error {
	job, err := s.client.Wait(ctx, done.Job, s.show.show)
	s.show.clear()
	if err != nil {
		return s.unfinished(ctx, done, err)
	}
	if job.State != "done" {
		why := job.State
		if job.Error != "" {
			why += ": " + client.Clean(job.Error)
		}
		return s.unfinished(ctx, done, &exitError{exitUnreadable, fmt.Errorf("the evaluation was not finished: %s", why), "look at " + done.URL})
	}
	release, err := s.client.Release(ctx, done.Release)
	if err != nil {
		return s.unfinished(ctx, done, err)
	}
	digest, err := s.client.Dossier(ctx, job.Dossier)
	if err != nil {
		return s.unfinished(ctx, done, err)
	}
	if s.flags.json {
		return s.line(done, digest)
	}
	for _, r := range release.Results {
		n := r.Counts
		s.say("%s", fact.Escape(fmt.Sprintf("%s %s: %d pass, %d fail, %d inconclusive, %d not assessed, %d not applicable, of %d requirements",
			r.Scheme, r.Edition, n.Pass, n.Fail, n.Inconclusive, n.NotAssessed, n.NotApplicable, n.Total)))
	}
	s.say("dossier  sha256 %s", digest)
	return nil
}

// unfinished says which release it is that could not be followed to its end; who is interrupted is told so elsewhere.
func (s *submission) unfinished(ctx context.Context, done client.Submitted, err error) error {
	if ctx.Err() != nil {
		return err
	}
	return errors.Join(s.line(done, ""), err)
}

// serverError gives an error of the client its exit code, and says what to type.
func serverError(err error) error {
	var e *exitError
	var problem *client.Problem
	var moved *client.MovedError
	var lost *client.LostError
	var cert *tls.CertificateVerificationError
	switch {
	case err == nil || errors.As(err, &e):
		return err
	case errors.As(err, &moved):
		hint := "ask the lab for the URL of its server"
		if moved.To != "" {
			hint = "--to " + quoteArg(moved.To)
		}
		return &exitError{exitUsage, err, hint}
	case errors.As(err, &problem) && client.Refused(err):
		return &exitError{exitUsage, err, refusedHint(problem.Status)}
	case errors.As(err, &cert):
		return &exitError{exitUnreadable, err, "--ca FILE trusts the certificate of a lab's own authority"}
	case errors.As(err, &problem), errors.As(err, &lost):
		return &exitError{exitUnreadable, err, "try again: the same command goes on where this one stopped"}
	case errors.Is(err, client.ErrFile):
		return unread(err)
	case errors.Is(err, client.ErrAnswer):
		return &exitError{exitUnreadable, err, "--to names the server of a lab, of the version of this program"}
	}
	return err
}

func refusedHint(status int) string {
	switch status {
	case 401:
		return "the token is wrong, ended or expired: make one on the lab's page about yourself, and set " + tokenVariable
	case 403:
		return "the token's scope must be submit or all, and its person a member or admin of a vendor"
	case 404, 405:
		return "--to names the server of a lab, without the path of a page"
	case 409:
		return "the lab's pages show what it has of the release already"
	case 413:
		return "the lab bounds what a party uploads; ask it"
	}
	return "mend what the lab names, and run the same command again"
}
