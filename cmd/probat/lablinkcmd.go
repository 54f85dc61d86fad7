package main

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/access"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/lab"
	"github.com/probat-lab/probat/portal/signin"
	"github.com/probat-lab/probat/store"
	"github.com/probat-lab/probat/store/records"
	"github.com/probat-lab/probat/strictyaml"
)

// linkLife is how long a link from the host can be used.
const linkLife = time.Hour

func (p *program) labLinkCommand() *cobra.Command {
	var dir, base string
	c := &cobra.Command{
		Use:   "link PERSON",
		Short: "Make a one-time link for somebody who lost every passkey",
		Long: `link makes a link with which a person signs in once, within an hour, and then makes a new passkey. It is for whoever administers the host: it
writes one row into the lab's database and needs no passphrase, and the server may run meanwhile. PERSON is a name or an id; where several
people have the name, it shows their ids.

Whoever opens the link is that person to the lab. Hand it over so that nobody else reads it, and make sure by other means that it is them who ask.

Exit codes: 0 made; 2 wrong usage, no such person or several, or DIR is no lab`,
		Example: `  probat lab link "Ada Brindle" --data /srv/lab
  probat lab link xk5oq7h2yb3tdncj4wzrmva6pe --data /srv/lab`,
		Args: exact("PERSON"),
		RunE: func(c *cobra.Command, args []string) error { return p.labLink(c.Context(), args[0], dir, base) },
	}
	c.Flags().StringVar(&dir, "data", "", "the lab's folder (default $"+labVariable+", else lab)")
	c.Flags().StringVar(&base, "url", "", "where people find the server (default as DIR/"+serveName+" says, else http://localhost:8080)")
	return c
}

func (p *program) labLink(ctx context.Context, name, dir, base string) (err error) {
	dir = cmp.Or(dir, os.Getenv(labVariable), "lab")
	if base, err = publicURL(dir, base); err != nil {
		return err
	}
	db, err := openDatabase(ctx, dir)
	if err != nil {
		return labError(err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	r := records.New(db)
	person, party, err := findPerson(ctx, r, name)
	if err != nil {
		return err
	}
	text, digest := signin.NewSecret(signin.Link)
	until := time.Now().Add(linkLife)
	err = r.Tx(ctx, func(tx *sql.Tx) error {
		return r.AddLink(ctx, tx, digest, records.Link{Person: person.ID, Expires: until})
	})
	if store.IsBusy(err) {
		return &exitError{exitUsage, fmt.Errorf("writing the link: %w", err), "somebody else writes to the lab's database for long; try again"}
	}
	if err != nil {
		return fmt.Errorf("writing the link: %w", err)
	}
	p.say("for %s, %s: works once, until %s", shownName(person), fact.Escape(party.Name), until.UTC().Format(time.RFC3339))
	fmt.Fprintf(p.out, "%s/link/%s\n", base, text)
	return nil
}

func shownName(p records.Person) string { return fmt.Sprintf("%s (%s)", fact.Escape(p.Name), p.Role) }

// openDatabase opens the database of a lab for writing, without the lab's keys and beside a server that has it open.
func openDatabase(ctx context.Context, dir string) (*store.DB, error) {
	l, err := lab.Open(ctx, dir, lab.Options{})
	if err != nil {
		return nil, err
	}
	where := l.Config.Database
	if err := l.Close(); err != nil {
		return nil, err
	}
	if file, ok := strings.CutPrefix(where, "sqlite:"); ok || !strings.Contains(where, "://") {
		if where = filepath.FromSlash(file); !filepath.IsAbs(where) {
			where = filepath.Join(dir, where)
		}
	}
	db, err := store.Open(ctx, where, store.Existing)
	if err != nil {
		return nil, fmt.Errorf("opening the lab's database: %w", err)
	}
	return db, nil
}

// findPerson returns the one person who has an id, or a name.
func findPerson(ctx context.Context, r *records.Records, name string) (records.Person, records.Party, error) {
	person, err := r.Person(ctx, name)
	if err == nil {
		party, err := r.Party(ctx, person.PartyID)
		return person, party, err
	}
	if !errors.Is(err, records.ErrNotFound) {
		return person, records.Party{}, err
	}
	parties, err := allParties(ctx, r)
	if err != nil {
		return person, records.Party{}, err
	}
	var found, lines, names []string
	var whose records.Party
	for _, party := range parties {
		people, err := r.People(ctx, party.ID)
		if err != nil {
			return person, whose, err
		}
		for _, x := range people {
			names = append(names, x.Name)
			if strings.EqualFold(x.Name, strings.TrimSpace(name)) {
				found, lines = append(found, x.ID), append(lines, fmt.Sprintf("%s  %s, %s", x.ID, shownName(x), fact.Escape(party.Name)))
				person, whose = x, party
			}
		}
	}
	switch len(found) {
	case 1:
		return person, whose, nil
	case 0:
		hint := "PERSON is a name as the lab's pages show it, or an id"
		if near := strictyaml.Nearest(name, names); near != "" {
			hint = "did you mean " + quoteArg(fact.Escape(near)) + "?"
		}
		return person, whose, usage(hint, "there is nobody called %q in this lab", name)
	}
	slices.Sort(lines)
	return person, whose, usage("name one by id", "several people are called %q:\n%s", name, strings.Join(lines, "\n"))
}

// allParties returns the parties of the lab. Who can write its database sees them all: they are asked for as an admin of the lab would.
func allParties(ctx context.Context, r *records.Records) ([]records.Party, error) {
	home, err := r.Home(ctx)
	if errors.Is(err, records.ErrNotFound) {
		return nil, usage("probat serve --data DIR makes them", "there are no people in this lab yet")
	}
	if err != nil {
		return nil, err
	}
	host := access.Viewer{Party: home.ID, Person: "host", Class: home.Class, Home: true, Role: access.Admin, Scope: access.ScopeRead, At: time.Now()}
	return r.As(host).Parties(ctx)
}

// publicURL is where people find the server: as given, else as the server's configuration says, of which nothing else is read. No slash is at
// its end.
func publicURL(dir, given string) (string, error) {
	from, listen := "--url", defaultListen
	if given == "" {
		path := filepath.Join(dir, serveName)
		data, err := readBounded(path, strictyaml.MaxSize)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return "", usage("--url says where people find the server", "reading %q: %w", path, pathless(err))
		}
		errs := strictyaml.NewErrors(path, "the server's configuration")
		root := &strictyaml.Node{}
		if len(data) > 0 {
			root = strictyaml.Parse(data, errs)
		}
		if err := errs.Err(); err != nil {
			return "", err
		}
		if v := root.Value("listen"); v != nil && v.Text != "" {
			listen = v.Text
		}
		if v := root.Value("public_url"); v != nil {
			from, given = path+": public_url", v.Text
		}
	}
	if given == "" {
		_, port, err := net.SplitHostPort(listen)
		if err != nil {
			return "", usage("--url says where people find the server", "the server listens on %q, which is no address", listen)
		}
		given = "http://localhost:" + port
	}
	u, err := url.Parse(given)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return "", usage("--url https://lab.example", "%s is %q, which is no URL of a server", from, given)
	}
	return strings.TrimRight(u.String(), "/"), nil
}
