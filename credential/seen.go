package credential

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/probat-lab/probat/ledger/proof"
	"github.com/probat-lab/probat/statement"
)

const (
	seenFormat = "probat-seen/1"
	// MaxSeen bounds what is remembered, in bytes.
	MaxSeen = 16 << 20
)

// Seen is what a verifier remembers so that nobody can lead it back: of each lab, by its root keys, the newest trust file, the largest checkpoint, and the highest status
// list of each series, with all revocations ever seen. As a file it is canonical JSON and a newline. It is the customer's own: who can write to it can
// make her forget, or make her refuse; not make her accept what the other checks refuse. A nil Seen remembers nothing.
type Seen struct {
	Format string    `json:"format"`
	Labs   []SeenLab `json:"labs"` // sorted by fingerprint
}

// SeenLab is what was seen of a lab.
type SeenLab struct {
	Checkpoint  string       `json:"checkpoint"`  // a signed note; empty if none
	Fingerprint string       `json:"fingerprint"` // 64 hexadecimal digits
	Series      []SeenSeries `json:"series"`      // sorted by series
	Trust       SeenTrust    `json:"trust"`
}

// SeenTrust is the newest trust statement.
type SeenTrust struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
}

// SeenSeries is the highest status list of a series.
type SeenSeries struct {
	ID       string                 `json:"id"`
	Lists    []statement.StatusList `json:"lists"`
	Sequence int64                  `json:"sequence"`
	Series   string                 `json:"series"`
	Time     string                 `json:"time"`
}

// Bytes returns the file.
func (s *Seen) Bytes() ([]byte, error) {
	b, err := statement.Encode(s)
	if err != nil {
		return nil, fmt.Errorf("writing what was seen: %w", err)
	}
	if len(b) >= MaxSeen {
		return nil, fmt.Errorf("writing what was seen: %d bytes, at most %d would be read again", len(b)+1, MaxSeen)
	}
	return append(b, '\n'), nil
}

// ParseSeen reads the file, and refuses whatever Bytes would not write.
func ParseSeen(data []byte) (*Seen, error) {
	s, err := parseSeen(data)
	if err != nil {
		return nil, fmt.Errorf("reading what was seen: %w", err)
	}
	return s, nil
}

func parseSeen(data []byte) (*Seen, error) {
	body, ok := strings.CutSuffix(string(data), "\n")
	if !ok || len(data) > MaxSeen {
		return nil, fmt.Errorf("%w: %d bytes, or no newline at the end", statement.ErrForm, len(data))
	}
	var s Seen
	if err := statement.Decode([]byte(body), &s); err != nil {
		return nil, err
	}
	if s.Format != seenFormat || s.Labs == nil {
		return nil, fmt.Errorf("%w: format %q, not %q", statement.ErrForm, s.Format, seenFormat)
	}
	for i, l := range s.Labs {
		if i > 0 && s.Labs[i-1].Fingerprint >= l.Fingerprint {
			return nil, fmt.Errorf("%w: the labs are not sorted", statement.ErrForm)
		}
		if err := l.check(); err != nil {
			return nil, err
		}
	}
	return &s, nil
}

func (l *SeenLab) check() error {
	if b, err := hex.DecodeString(l.Fingerprint); err != nil || len(b) != 32 || hex.EncodeToString(b) != l.Fingerprint || l.Series == nil || l.Trust.Version < 1 {
		return fmt.Errorf("%w: lab %q", statement.ErrForm, l.Fingerprint)
	}
	if _, err := statement.ParseID(l.Trust.ID); err != nil {
		return err
	}
	if l.Checkpoint != "" {
		if _, err := proof.ParseSigned([]byte(l.Checkpoint)); err != nil {
			return err
		}
	}
	for i, x := range l.Series {
		if i > 0 && l.Series[i-1].Series >= x.Series || x.Sequence < 1 {
			return fmt.Errorf("%w: the series are not sorted, or have no number", statement.ErrForm)
		}
		if _, err := statement.ParseID(x.ID); err != nil {
			return err
		}
		if _, err := statement.ParseTime(x.Time); err != nil {
			return err
		}
		if _, err := ParseLists(x.Lists); err != nil {
			return err
		}
	}
	return nil
}

func (s *Seen) lab(p *Pinned) *SeenLab {
	if s == nil {
		return nil
	}
	i, ok := slices.BinarySearchFunc(s.Labs, hex.EncodeToString(p.anchor[:]), func(l SeenLab, f string) int { return strings.Compare(l.Fingerprint, f) })
	if !ok {
		return nil
	}
	return &s.Labs[i]
}

// rollback says why a trust file is not to be used any more; nothing if it is.
func (s *Seen) rollback(p *Pinned) string {
	l := s.lab(p)
	switch {
	case l == nil || p.Trust.Version > l.Trust.Version:
		return ""
	case p.Trust.Version < l.Trust.Version:
		return fmt.Sprintf("it is version %d, and version %d was seen already", p.Trust.Version, l.Trust.Version)
	case p.ID.String() != l.Trust.ID:
		return fmt.Sprintf("it is another version %d than the one that was seen", p.Trust.Version)
	}
	return ""
}

// checkpoint returns the largest checkpoint of the lab that was seen, nil if there is none.
func (s *Seen) checkpoint(p *Pinned) *proof.SignedCheckpoint {
	l := s.lab(p)
	if l == nil || l.Checkpoint == "" {
		return nil
	}
	c, err := proof.ParseSigned([]byte(l.Checkpoint))
	if err != nil {
		return nil // ParseSeen had accepted it
	}
	return c
}

func (s *Seen) status(p *Pinned, series string) *countedStatus {
	l := s.lab(p)
	if l == nil {
		return nil
	}
	for _, x := range l.Series {
		if x.Series != series {
			continue
		}
		lists, err := ParseLists(x.Lists)
		if err != nil {
			return nil // as above
		}
		return &countedStatus{"the remembered status list", x.ID, x.Sequence, x.Time, "", lists, x.Lists}
	}
	return nil
}

// remember returns what was seen before together with what was seen now. Only a pinned trust file and what it vouches for get here.
func (v *verifier) remember() *Seen {
	next := &Seen{Format: seenFormat, Labs: []SeenLab{}}
	me := SeenLab{Fingerprint: hex.EncodeToString(v.trust.anchor[:]), Series: []SeenSeries{}}
	if v.in.Seen != nil {
		next.Labs = slices.DeleteFunc(slices.Clone(v.in.Seen.Labs), func(l SeenLab) bool { return l.Fingerprint == me.Fingerprint })
		if old := v.in.Seen.lab(v.trust); old != nil {
			me.Series = slices.Clone(old.Series)
		}
	}
	me.Trust = SeenTrust{v.trust.ID.String(), v.trust.Trust.Version} // not lower than before: that is not authentic
	if len(v.heads) > 0 {
		me.Checkpoint = string(v.heads[len(v.heads)-1].c.Bytes())
	}
	if n := v.newest; n != nil {
		series := v.credential.Core.Status.Series
		all := *n.lists
		for _, s := range v.lists {
			all.keep(s.lists)
		}
		me.Series = slices.DeleteFunc(me.Series, func(x SeenSeries) bool { return x.Series == series })
		encoded := n.encoded // packing is the slowest step of all, and seldom needed
		if all != *n.lists {
			encoded = all.Encode()
		}
		me.Series = append(me.Series, SeenSeries{n.id, encoded, n.sequence, series, n.time})
		slices.SortFunc(me.Series, func(a, b SeenSeries) int { return strings.Compare(a.Series, b.Series) })
	}
	next.Labs = append(next.Labs, me)
	slices.SortFunc(next.Labs, func(a, b SeenLab) int { return strings.Compare(a.Fingerprint, b.Fingerprint) })
	return next
}
