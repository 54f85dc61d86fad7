package verify

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/probat-lab/probat/credential"
)

// mostCredentials bounds the credentials of an inventory.
const mostCredentials = 100_000

type fleetJSON struct {
	Rows   []credential.Row         `json:"rows"`
	Counts map[credential.State]int `json:"counts"`
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
	held, err := c.held(&in)
	if err != nil {
		return 0, err
	}
	x := fleetJSON{credential.Fleet(hosts, held), map[credential.State]int{}}
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

// held verifies the credentials of the folder, by name. in.Seen goes from one to the next.
func (c *command) held(in *credential.Input) ([]credential.Held, error) {
	entries, err := os.ReadDir(c.credentials)
	if err != nil {
		return nil, fmt.Errorf("reading the folder of credentials: %w", err)
	}
	var held []credential.Held
	for _, e := range entries { // sorted by name
		if !strings.HasSuffix(e.Name(), ".probat.zip") {
			continue
		}
		if len(held) == mostCredentials {
			return nil, fmt.Errorf("reading the folder of credentials: more than %d", mostCredentials)
		}
		zip, err := read("the credential", filepath.Join(c.credentials, e.Name()), credential.MaxContainer+1)
		if err != nil {
			return nil, err
		}
		r := credential.Verify(zip, *in)
		in.Seen = r.Seen
		held = append(held, credential.Held{Name: e.Name(), Result: r})
	}
	return held, nil
}

func (c *command) fleetLines(x fleetJSON, held []credential.Held) {
	for _, r := range x.Rows {
		c.out.line("%-11s %s  %.12s  %s", r.State, r.Host, r.Digest, strings.Join(r.Credentials, ", "))
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
	var counts []string
	for _, s := range credential.States() {
		if n := x.Counts[s]; n > 0 {
			counts = append(counts, fmt.Sprintf("%d %s", n, s))
		}
	}
	c.out.line("%d hosts: %s", len(x.Rows), strings.Join(slices.Concat(counts, []string{fmt.Sprintf("%d credentials", len(held))}), ", "))
}
