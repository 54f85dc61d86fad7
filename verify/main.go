package verify

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/probat-lab/probat/credential"
)

// The exit codes that are no words of package credential.
const (
	exitNotCovered = 1 // of an inventory
	exitUsage      = 2
	exitUnreadable = 3
)

// Main runs the command. args are the arguments without the program's name, in is read if the credential is named "-", now is the time by which everything
// is judged unless --now says another. It returns the exit code.
func Main(args []string, in io.Reader, out, errs io.Writer, now time.Time) int {
	c := &command{in: in, out: printer{out}, errs: printer{errs}, now: now}
	operands, err := c.parse(args)
	if errors.Is(err, flag.ErrHelp) {
		c.out.text(help)
		return 0
	}
	if err != nil {
		c.errs.line("verify: %v", err)
		c.errs.line("hint: probat-verify --help")
		return exitUsage
	}
	code, err := c.run(operands)
	if err != nil {
		c.errs.line("verify: %v", err)
		return exitUnreadable
	}
	return code
}

// command is one call.
type command struct {
	in        io.Reader
	out, errs printer
	now       time.Time

	files, status, disclosures, known list
	trust, tiles, seen, equivocation  string
	inventory, credentials, policy    string
	maxStatusAge                      time.Duration
	requirePassed, json               bool
}

// list is a flag that can be given several times.
type list []string

// String implements flag.Value.
func (l *list) String() string { return strings.Join(*l, ", ") }

// Set implements flag.Value.
func (l *list) Set(s string) error {
	*l = append(*l, s)
	return nil
}

func (c *command) parse(args []string) (operands []string, err error) {
	f := flag.NewFlagSet("probat-verify", flag.ContinueOnError)
	f.SetOutput(io.Discard)
	f.Usage = func() {}
	c.maxStatusAge = credential.DefaultStatusAge
	f.Var(&c.files, "file", "")
	f.Var(&c.status, "status", "")
	f.Var(&c.disclosures, "disclosure", "")
	f.Var(&c.known, "known", "")
	f.StringVar(&c.trust, "trust", "", "")
	f.StringVar(&c.tiles, "tiles", "", "")
	f.StringVar(&c.seen, "seen", "", "")
	f.StringVar(&c.equivocation, "equivocation", "", "")
	f.StringVar(&c.inventory, "inventory", "", "")
	f.StringVar(&c.credentials, "credentials", "", "")
	f.StringVar(&c.policy, "policy", "", "")
	f.BoolVar(&c.requirePassed, "require-passed", false, "")
	f.BoolVar(&c.json, "json", false, "")
	f.Func("max-status-age", "", func(s string) (err error) { c.maxStatusAge, err = duration(s); return err })
	f.Func("now", "", func(s string) (err error) { c.now, err = time.Parse(time.RFC3339, s); return err })
	// Package flag stops at the first operand; people write flags after it too.
	for rest := args; ; {
		if err := f.Parse(rest); err != nil {
			return nil, err
		}
		if rest = f.Args(); len(rest) == 0 {
			break
		}
		operands, rest = append(operands, rest[0]), rest[1:]
	}
	return operands, c.usable(operands)
}

func (c *command) usable(operands []string) error {
	inventory := c.inventory != "" || c.credentials != ""
	switch {
	case inventory && (c.inventory == "" || c.credentials == ""):
		return errors.New("--inventory and --credentials belong together")
	case inventory && (len(operands) > 0 || len(c.files)+len(c.status)+len(c.disclosures) > 0 || c.equivocation != ""):
		return errors.New("with --inventory no single credential, file, status list, disclosure or equivocation file is named")
	case !inventory && len(operands) != 1:
		return fmt.Errorf("one credential is verified at a time, %d are named", len(operands))
	}
	return nil
}

// mostDays is the longest duration there is, in days.
const mostDays = math.MaxInt64 / int64(24*time.Hour)

// duration reads a duration as Go writes it, or whole days: 720h, 30d.
func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if days, ok := strings.CutSuffix(s, "d"); ok {
		var n int64
		if n, err = strconv.ParseInt(days, 10, 64); n > mostDays {
			err = strconv.ErrRange // before it is multiplied
		}
		d = time.Duration(n) * 24 * time.Hour
	}
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("an age is like 720h or 30d, more than nothing and at most %dd", mostDays)
	}
	return d, nil
}

// Credential finds among the arguments of [Main] the one that names the credential; "-" is standard input. It returns false if the arguments
// cannot be used, or are about an inventory.
func Credential(args []string) (string, bool) {
	c := &command{}
	operands, err := c.parse(args)
	if err != nil || len(operands) != 1 {
		return "", false
	}
	return operands[0], true
}

func (c *command) run(operands []string) (int, error) {
	in, err := c.input()
	if err != nil {
		return 0, err
	}
	if c.inventory != "" {
		return c.fleet(in)
	}
	zip, err := c.credential(operands[0])
	if err != nil {
		return 0, err
	}
	r := credential.Verify(zip, in)
	if c.json {
		err = c.out.json(jsonResult(r))
	} else {
		c.out.result(r)
	}
	return r.ExitCode, errors.Join(err, c.remember(r.Seen, in.Seen), c.convict(r.Equivocation))
}

const help = `probat-verify: what is this credential worth?

  probat-verify CREDENTIAL --trust lab.trust --file IMAGE [more flags]
  probat-verify --inventory fleet.csv --credentials DIR --trust lab.trust

Checks NAME.probat.zip offline ("-": standard input). "probat verify" is the same.

  --trust FILE           lab.trust, which you had from the lab: without it nothing is valid
  --file FILE            what was delivered to you; may be repeated
  --status FILE          status.sigstore.json that you fetched yourself; may be repeated
  --max-status-age AGE   how old the status list may be: 720h or 30d, which is the default
  --require-passed       the outcome must be PASSED
  --policy DIGEST|SCHEME it must be for this scheme: its identifier, or 12 to 64 digits of the
                         digest that is printed beside it, which is for one edition
  --disclosure FILE      an opened item of this credential; may be repeated
  --known FILE           a checkpoint of the lab's log that you have; may be repeated
  --tiles DIR            a copy of the log's tiles, to compare checkpoints of different sizes
  --equivocation FILE    where to write the proof that the log told two histories, if it did
  --seen FILE            remembers the newest trust file, checkpoint and status lists, so that
                         nobody can lead you back; made if missing, by default nothing is kept.
                         FILE.lock lies beside it, so that several verifiers can share it
  --json                 everything, for programs
  --now TIME             judge by another time, like 2026-11-24T13:00:00Z; for tests
  --inventory FILE       CSV: host,digest (SHA-256 of the image that the host runs)
  --credentials DIR      the *.probat.zip that you hold; a host is as good as the worst of the
                         schemes and profiles that they are for, each by its best credential

The first word that applies is said, the others stand among the reasons. Exit codes:

  10 INVALID           a file was changed, a signature is wrong, a key was used beyond its leave
  11 NOT-PINNED        no trust file, or one that does not know the key
  12 DIVERGED          the lab's log told two histories
  13 NOT-LOGGED        the statement is not in the lab's log
  14 BACKDATED         the time it gives cannot be true
  15 OTHER-FILE        a file that you gave is not the evaluated one
  16 REVOKED
  17 SUSPENDED
  18 EXPIRED
  19 SUPERSEDED        a later credential for the same release and scheme exists
  20 VALID-STALE       authentic, but the status list is old
  21 VALID-UNWITNESSED authentic, but nobody except the lab vouches for one history
  22 NOT-PASSED        authentic, but the outcome is not PASSED (with --require-passed), or it
                       is for another scheme (with --policy)
   0 VALID             authentic and current. It does not mean good: read the counts
   1 (inventory)       some host is not covered
   2 (usage)   3 (a file cannot be read)
`
