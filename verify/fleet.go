package verify

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/probat-lab/probat/credential"
)

// mostCredentials bounds the credentials of an inventory.
const mostCredentials = 100_000

type fleetJSON struct {
	Rows   []credential.Row         `json:"rows"`
	Counts map[credential.State]int `json:"counts"`
	Unread []string                 `json:"unread"` // "NAME: WHY" of what is called *.probat.zip and could not be read
}

// fleet holds an inventory against a folder of credentials.
func (c *command) fleet(in credential.Input) (int, error) {
	data, err := read("the inventory", c.inventory, credential.MaxInventory+1)
	if err != nil {
		return 0, err
	}
	hosts, err := credential.ParseInventory(data)
	if err != nil {
		return 0, err
	}
	before := in.Seen
	held, unread, err := c.held(&in)
	if err != nil {
		return 0, err
	}
	x := fleetJSON{credential.Fleet(hosts, held, c.policy), map[credential.State]int{}, unread}
	for _, r := range x.Rows {
		x.Counts[r.State]++
	}
	if c.json {
		err = c.out.json(x)
	} else {
		c.fleetLines(x, held)
	}
	if err == nil {
		err = c.remember(in.Seen, before)
	}
	if x.Counts[credential.Covered] < len(x.Rows) {
		return exitNotCovered, err
	}
	return 0, err
}

// held verifies the credentials of the folder, twice: first to learn what all of them show (a newer list, a larger checkpoint), then to judge each by it. So it does not matter
// how the files are called. in.Seen becomes all that was seen.
func (c *command) held(in *credential.Input) (held []credential.Held, unread []string, err error) {
	names, unread, err := c.names()
	if err != nil {
		return nil, nil, err
	}
	all := in.Seen
	for _, pass := range []string{"collect", "judge"} {
		for _, name := range names {
			zip, err := read("the credential", filepath.Join(c.credentials, name), credential.MaxContainer+1)
			if err != nil {
				if pass == "judge" {
					unread = append(unread, name+": "+err.Error())
				}
				continue
			}
			r := credential.Verify(zip, *in)
			if pass == "judge" {
				held = append(held, credential.Held{Name: name, Result: r})
				continue
			}
			if all, err = credential.Merge(all, r.Seen); err != nil {
				return nil, nil, err
			}
		}
		in.Seen = all
	}
	return held, unread, nil
}

// names lists the files of the folder. What is no file, to which a link may lead, is not opened: a pipe would wait for ever.
func (c *command) names() (names, unread []string, err error) {
	entries, err := os.ReadDir(c.credentials)
	if err != nil {
		return nil, nil, fmt.Errorf("reading the folder of credentials: %w", err)
	}
	unread = []string{}
	for _, e := range entries { // sorted by name
		if !strings.HasSuffix(e.Name(), ".probat.zip") {
			continue
		}
		switch info, err := os.Stat(filepath.Join(c.credentials, e.Name())); {
		case err != nil:
			unread = append(unread, e.Name()+": "+err.Error())
		case !info.Mode().IsRegular():
			unread = append(unread, e.Name()+": it is no file, but "+info.Mode().Type().String())
		default:
			names = append(names, e.Name())
		}
		if len(names) > mostCredentials {
			return nil, nil, fmt.Errorf("reading the folder of credentials: more than %d", mostCredentials)
		}
	}
	return names, unread, nil
}

func (c *command) fleetLines(x fleetJSON, held []credential.Held) {
	for _, r := range x.Rows {
		c.out.line("%-11s %-6s  %s  %.12s  %s", r.State, cmp.Or(r.Outcome, "-"), r.Host, r.Digest, strings.Join(r.Credentials, ", "))
		for _, g := range r.Groups {
			c.out.line("            %s: %s: %s, %s", strings.TrimSpace(g.Scheme+" "+g.Profile), g.State, g.Outcome, tally(g.Counts))
		}
		for _, w := range r.Withdrawn {
			c.out.line("            withdrawn: %s", w)
		}
	}
	for _, h := range held {
		if h.Result.Word.Authentic() {
			continue
		}
		c.out.line("%s: %s", h.Name, h.Result.Word)
		for _, reason := range h.Result.Reasons {
			c.out.line("  %s: %s: %s", reason.Word, reason.Where, reason.Text)
		}
	}
	for _, u := range x.Unread {
		c.out.line("not read: %s", u)
	}
	var counts []string
	for _, s := range credential.States() {
		if n := x.Counts[s]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, s))
		}
	}
	counts = append(counts, fmt.Sprintf("%d credentials", len(held)))
	if n := len(x.Unread); n > 0 {
		counts = append(counts, fmt.Sprintf("%d not read", n))
	}
	c.out.line("%d hosts: %s", len(x.Rows), strings.Join(counts, ", "))
}
