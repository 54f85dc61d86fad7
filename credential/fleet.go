package credential

import (
	"bytes"
	"cmp"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/probat-lab/probat/statement"
)

const (
	// MaxInventory bounds an inventory, in bytes.
	MaxInventory = 64 << 20
	maxHost      = 512
)

// State is what is known of a digest that runs somewhere: a word of [Verify] in small letters, with two more.
type State string

// The states, best first.
const (
	Covered     State = "covered"     // Valid
	Unwitnessed State = "unwitnessed" // ValidUnwitnessed
	Stale       State = "stale"       // ValidStale
	Outcome     State = "not-passed"  // NotPassed: only if a passed outcome is asked for
	IsReplaced  State = "superseded"
	IsExpired   State = "expired"
	IsSuspended State = "suspended"
	IsRevoked   State = "revoked"
	IsInvalid   State = "invalid" // every word before OtherFile: nothing shows that the credential about it is authentic
	Unknown     State = "unknown" // no credential is about it
)

var states = []State{Covered, Unwitnessed, Stale, Outcome, IsReplaced, IsExpired, IsSuspended, IsRevoked, IsInvalid, Unknown}

// States returns all states, best first.
func States() []State { return slices.Clone(states) }

// Held is a credential that the customer holds, verified.
type Held struct {
	Name   string // of the file
	Result *Result
}

// Host is a row of an inventory.
type Host struct {
	Name   string
	Digest string // SHA-256 of the image that it runs, 64 hexadecimal digits in lower case
}

// Row is what is known about a host.
type Row struct {
	Host   string `json:"host"`
	Digest string `json:"digest"`
	// State is the worst of the groups: what runs there is as good as the worst that its lab says of it.
	State State `json:"state"`
	// Outcome is PASSED, or FAILED if that of any group is; empty without one.
	Outcome string  `json:"outcome"`
	Groups  []Group `json:"groups"` // by scheme and profile
	// Withdrawn are the credentials about the digest that are revoked or suspended, as "NAME: WORD", also where a better one stands beside them.
	Withdrawn   []string `json:"withdrawn"`
	Credentials []string `json:"credentials"` // "NAME: WORD" of all that are about the digest
}

// Group is what is said of a digest under one scheme, or one profile of it: the best credential that there is, of equal ones the latest. A file that proves nothing
// names its scheme as well, and can make a group, which is then [IsInvalid]; so it can worsen a state, and never better it.
type Group struct {
	Scheme     string `json:"scheme"`
	Profile    string `json:"profile,omitempty"`
	State      State  `json:"state"`
	Credential string `json:"credential"` // its name
	Outcome    string `json:"outcome"`
	Counts     Tally  `json:"counts"` // of the profile where it is for one
}

// ParseInventory reads an inventory: CSV (RFC 4180) of two columns, host and digest, a digest being 64 hexadecimal digits with or without "sha256:" before them. A first row
// "host,digest" is a header. Errors name the row.
func ParseInventory(data []byte) ([]Host, error) {
	if len(data) > MaxInventory {
		return nil, fmt.Errorf("reading the inventory: %d bytes, at most %d are read", len(data), MaxInventory)
	}
	r := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\xef\xbb\xbf")))) // spreadsheets write a byte order mark
	r.FieldsPerRecord = 2
	r.ReuseRecord = true
	hosts := []Host{}
	for n := 1; ; n++ {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return hosts, nil
		}
		if err != nil {
			return nil, fmt.Errorf("reading the inventory: %w", err)
		}
		if n == 1 && strings.EqualFold(row[0], "host") && strings.EqualFold(row[1], "digest") {
			continue
		}
		digest := strings.ToLower(strings.TrimPrefix(strings.TrimSpace(row[1]), "sha256:"))
		if b, err := hex.DecodeString(digest); err != nil || len(b) != 32 || row[0] == "" || len(row[0]) > maxHost {
			return nil, fmt.Errorf("reading the inventory: row %d: %q and %.80q are no host and SHA-256", n, cut(row[0], maxHost), row[1])
		}
		hosts = append(hosts, Host{strings.Clone(row[0]), digest})
	}
}

// Fleet says of each host what the credentials are worth that are about what it runs, in the order of the inventory. policy limits it to the credentials
// for one scheme, as [IsFor] has it. The order of held does not matter, but for that of names in a row.
func Fleet(hosts []Host, held []Held, policy string) []Row {
	about := map[string][]Held{}
	for _, h := range held {
		if f := h.Result.Facts; f != nil && IsFor(f.Policy, policy) {
			for _, s := range f.Subjects {
				about[s.SHA256] = append(about[s.SHA256], h)
			}
		}
	}
	rows := make([]Row, 0, len(hosts))
	for _, h := range hosts {
		rows = append(rows, rowOf(h, about[h.Digest]))
	}
	return rows
}

func rowOf(h Host, held []Held) Row {
	row := Row{Host: h.Name, Digest: h.Digest, State: Unknown, Groups: groups(held), Withdrawn: []string{}, Credentials: []string{}}
	for i, g := range row.Groups {
		if i == 0 || row.State.betterThan(g.State) {
			row.State = g.State
		}
		if i == 0 || g.Outcome != statement.Passed {
			row.Outcome = g.Outcome
		}
	}
	for _, c := range held {
		said := c.Name + ": " + string(c.Result.Word)
		if slices.Contains(row.Credentials, said) { // about two subjects of one digest
			continue
		}
		row.Credentials = append(row.Credentials, said)
		if c.Result.Word == Revoked || c.Result.Word == Suspended {
			row.Withdrawn = append(row.Withdrawn, said)
		}
	}
	return row
}

// groups sorts credentials by scheme and profile, and takes the best of each.
func groups(held []Held) []Group {
	best := map[[2]string]Held{}
	for _, h := range held {
		p := h.Result.Facts.Policy
		key := [2]string{p.Scheme, p.Profile}
		if old, ok := best[key]; !ok || h.betterThan(old) {
			best[key] = h
		}
	}
	list := []Group{}
	for key, h := range best {
		f := h.Result.Facts
		g := Group{Scheme: key[0], Profile: key[1], State: stateOf(h.Result.Word), Credential: h.Name, Outcome: f.Outcome, Counts: f.Counts}
		if f.Profile != nil {
			g.Counts = *f.Profile
		}
		list = append(list, g)
	}
	slices.SortFunc(list, func(a, b Group) int {
		return cmp.Or(strings.Compare(a.Scheme, b.Scheme), strings.Compare(a.Profile, b.Profile))
	})
	return list
}

// betterThan orders credentials: by state, then the later one, then by identity, so that names decide nothing.
func (h Held) betterThan(o Held) bool {
	a, b := stateOf(h.Result.Word), stateOf(o.Result.Word)
	if a != b {
		return a.betterThan(b)
	}
	x, y := h.Result.Facts, o.Result.Facts
	return cmp.Or(strings.Compare(x.Issued, y.Issued), strings.Compare(x.ID, y.ID), strings.Compare(o.Name, h.Name)) > 0
}

func (s State) betterThan(o State) bool { return slices.Index(states, s) < slices.Index(states, o) }

func stateOf(w Word) State {
	switch w {
	case Valid:
		return Covered
	case ValidUnwitnessed:
		return Unwitnessed
	case ValidStale:
		return Stale
	case NotPassed:
		return Outcome
	case Superseded:
		return IsReplaced
	case Expired:
		return IsExpired
	case Suspended:
		return IsSuspended
	case Revoked:
		return IsRevoked
	}
	return IsInvalid
}

func cut(s string, most int) string {
	if len(s) > most {
		return s[:most]
	}
	return s
}
