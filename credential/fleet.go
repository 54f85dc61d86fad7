package credential

import (
	"bytes"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

const (
	// MaxInventory bounds an inventory, in bytes.
	MaxInventory = 64 << 20
	maxHost      = 512
)

// State is what is known of a digest that runs somewhere: a word of [Verify] in small letters, with two more.
type State string

// The states, best first. A digest that several credentials are about is as good as the best of them.
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
	Host        string   `json:"host"`
	Digest      string   `json:"digest"`
	State       State    `json:"state"`
	Credentials []string `json:"credentials"` // "NAME: WORD" of all that are about the digest
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

// Fleet says of each host what the credentials are worth that are about what it runs, in the order of the inventory.
func Fleet(hosts []Host, held []Held) []Row {
	about := map[string][]int{}
	for i, h := range held {
		if h.Result.Facts == nil {
			continue
		}
		for _, s := range h.Result.Facts.Subjects {
			if !slices.Contains(about[s.SHA256], i) {
				about[s.SHA256] = append(about[s.SHA256], i)
			}
		}
	}
	rows := make([]Row, 0, len(hosts))
	for _, h := range hosts {
		row := Row{h.Name, h.Digest, Unknown, []string{}}
		for _, i := range about[h.Digest] {
			s := stateOf(held[i].Result.Word)
			if slices.Index(states, s) < slices.Index(states, row.State) {
				row.State = s
			}
			row.Credentials = append(row.Credentials, held[i].Name+": "+string(held[i].Result.Word))
		}
		rows = append(rows, row)
	}
	return rows
}

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
