package lab

import (
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"filippo.io/age"

	"github.com/probat-lab/probat/statement"
	"github.com/probat-lab/probat/strictyaml"
)

// Config is lab.yaml.
type Config struct {
	Name         string
	Operator     string // who runs it
	Independence statement.Independence
	Origin       string // of the log: a host name
	Database     string // URL, or a path below the folder
	Log          string // URL or path of the public ledger
	Evidence     string // URL or path of sealed dossiers
	Validity     int    // days for which a credential is valid
	StatusDays   int    // days by which the next status list is due
	AnswerDays   int    // days that a vendor has to answer a notice
	Recipient    string // age recipient of what the lab seals for itself
}

const (
	configName = "lab.yaml"
	trustName  = "lab.trust"
)

const (
	defaultValidity   = 365
	defaultStatusDays = 7
	defaultAnswerDays = 14
)

// originPattern is a host name in lower case with at least two labels.
var originPattern = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)+$`)

// ErrOrigin is returned for an origin that is no host name.
var ErrOrigin = errors.New("is no host name such as log.lab.example")

func (c *Config) check() error {
	if !originPattern.MatchString(c.Origin) || len(c.Origin) > 200 {
		return fmt.Errorf("the origin %q %w", c.Origin, ErrOrigin)
	}
	switch c.Independence {
	case statement.Self, statement.Contracted, statement.Independent:
	default:
		return fmt.Errorf("independence is self, contracted or independent, not %q", c.Independence)
	}
	for what, s := range map[string]string{"name": c.Name, "operator": c.Operator} {
		if s == "" || len(s) > 200 || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fmt.Errorf("the lab's %s is one line of at most 200 bytes", what)
		}
	}
	if c.Validity < 1 || c.StatusDays < 1 || c.AnswerDays < 1 || max(c.Validity, c.StatusDays, c.AnswerDays) > 3660 {
		return errors.New("validity, status_days and answer_days are 1 to 3660 days")
	}
	return nil
}

// Bytes returns lab.yaml.
func (c *Config) Bytes() []byte {
	var b strings.Builder
	b.WriteString("# The lab: who it is, and where its database, its public log and its evidence lie (URLs, or paths in this folder).\n")
	for _, f := range []struct{ name, value string }{
		{"name", strictyaml.Quote(c.Name)},
		{"operator", strictyaml.Quote(c.Operator)},
		{"independence", string(c.Independence)},
		{"origin", c.Origin},
		{"database", strictyaml.Quote(c.Database)},
		{"log", strictyaml.Quote(c.Log)},
		{"evidence", strictyaml.Quote(c.Evidence)},
		{"validity", strconv.Itoa(c.Validity)},
		{"status_days", strconv.Itoa(c.StatusDays)},
		{"answer_days", strconv.Itoa(c.AnswerDays)},
		{"recipient", c.Recipient},
	} {
		fmt.Fprintf(&b, "%s: %s\n", f.name, f.value)
	}
	return []byte(b.String())
}

// readConfig reads lab.yaml; errors carry line and column.
func readConfig(dir string) (*Config, error) {
	path := filepath.Join(dir, configName)
	data, err := readFile(path, strictyaml.MaxSize)
	if err != nil {
		return nil, fmt.Errorf("reading the lab: %w", err)
	}
	errs := strictyaml.NewErrors(path, "a lab's configuration")
	r := strictyaml.NewRecord(strictyaml.Parse(data, errs), errs, "a lab's configuration")
	c := &Config{
		Name: r.Must("name"), Operator: r.Must("operator"), Origin: r.Must("origin"),
		Independence: strictyaml.Word(r, "independence", statement.Self, statement.Self, statement.Contracted, statement.Independent),
		Database:     r.Must("database"), Log: r.Must("log"), Evidence: r.Must("evidence"), Recipient: r.Must("recipient"),
		Validity: days(r, errs, "validity", defaultValidity), StatusDays: days(r, errs, "status_days", defaultStatusDays),
		AnswerDays: days(r, errs, "answer_days", defaultAnswerDays),
	}
	if _, err := age.ParseX25519Recipient(c.Recipient); err != nil && c.Recipient != "" {
		errs.Add(r.At("recipient"), "recipient is no age recipient")
	}
	r.Done()
	if err := errs.Err(); err != nil {
		return nil, err
	}
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return c, nil
}

func days(r *strictyaml.Record, errs *strictyaml.Errors, name string, fallback int) int {
	s := r.Text(name)
	if s == "" {
		return fallback
	}
	n, err := strconv.Atoi(s)
	if err != nil {
		errs.Add(r.At(name), "%s is a number of days", name)
		return fallback
	}
	return n
}

// below resolves a path of lab.yaml, which URLs are not.
func below(dir, s string) string {
	if strings.Contains(s, "://") {
		return s
	}
	if p, ok := strings.CutPrefix(s, "sqlite:"); ok {
		return "sqlite:" + below(dir, p)
	}
	if filepath.IsAbs(s) {
		return s
	}
	return filepath.Join(dir, filepath.FromSlash(s))
}
