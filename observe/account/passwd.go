package account

import (
	"errors"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/tree"
)

// user is one line of passwd(5).
type user struct {
	line           observe.Line
	name, password string // raw
	uid, gid       fact.Opt[int64]
	comment        fact.Opt[string]
	home, shell    fact.Opt[string] // raw
}

var (
	errElsewhere = errors.New("takes entries from a network directory (nsswitch.conf(5), compat)")
	errComment   = errors.New("a comment that a C library without comments in this file (musl) takes for an account")
	errNoName    = errors.New("has no name")
	errNumber    = errors.New("is no number of 32 bits") // the text is not shown: in a garbled line it may be a hash
	errDays      = errors.New("a number of days that is none")
)

// blank tells of lines that name nothing: empty ones and comments, which the GNU C library passes over.
func blank(text string) bool {
	text = strings.TrimLeft(text, " \t")
	return text == "" || text[0] == '#'
}

// entryInComment says whether a comment has the form of an entry: musl's getpwent(3) knows no comments, so there it is an account with an odd name.
func entryInComment(text string) error {
	parts := strings.Split(text, ":")
	if len(parts) < 7 {
		return nil
	}
	if _, err := strconv.ParseUint(parts[2], 10, 64); err != nil {
		return nil
	}
	return errComment
}

// compat tells of lines that take entries from, or strike out entries of, a network directory.
func compat(text string) bool { return text[0] == '+' || text[0] == '-' }

// parsePasswd reads one line of passwd(5). The GNU C library takes lines that end before the home directory or the shell, so they are entries, with an error.
func parsePasswd(l observe.Line) (*user, error) {
	if blank(l.Text) {
		return nil, entryInComment(l.Text)
	}
	if compat(l.Text) {
		return nil, errElsewhere
	}
	parts := strings.Split(l.Text, ":")
	u := &user{line: l, name: parts[0]}
	if u.name == "" {
		return nil, errNoName
	}
	if len(parts) < 4 {
		return nil, fmt.Errorf("has %d fields where 7 belong", len(parts))
	}
	u.password = parts[1]
	var err error
	if len(parts) != 7 {
		err = fmt.Errorf("has %d fields where 7 belong", len(parts))
	}
	var bad error
	if u.uid, bad = number(parts[2]); bad != nil {
		err = fmt.Errorf("user id %w", bad)
	}
	if u.gid, bad = number(parts[3]); bad != nil {
		err = fmt.Errorf("group id %w", bad)
	}
	if len(parts) > 4 {
		u.comment = fact.Known(fact.Escape(parts[4]))
	}
	if len(parts) > 5 {
		u.home = fact.Known(parts[5])
	}
	if len(parts) == 7 {
		u.shell = fact.Known(parts[6])
	}
	return u, err
}

// number reads a user or group id: 32 bits.
func number(s string) (fact.Opt[int64], error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return fact.Opt[int64]{}, errNumber
	}
	return fact.Known(int64(n)), nil
}

func (u *user) attributes() fact.Account {
	a := fact.Account{Name: fact.Escape(u.name), UID: u.uid, GID: u.gid, Comment: u.comment}
	if home, ok := u.home.Get(); ok {
		a.Home = fact.Known(fact.Escape(home))
	}
	if shell, ok := u.shell.Get(); ok {
		a.Shell = fact.Known(fact.Escape(shell))
	}
	return a
}

// homePath returns the home directory as a path of the tree, whose names are escaped.
func (u *user) homePath() (string, bool) {
	home, ok := u.home.Get()
	if !ok || home == "" || home[0] != '/' {
		return "", false
	}
	parts := strings.Split(strings.Trim(path.Clean(home), "/"), "/")
	for i := range parts {
		parts[i] = tree.EscapeName(parts[i])
	}
	return "/" + strings.Join(parts, "/"), true
}

// maxOwn is how much of the passwd line an excerpt holds where a shadow line follows it.
const maxOwn = 120

// excerpt returns the passwd line and, where shadow decides, that line behind it; without hashes.
func (u *user) excerpt(s *secret) *fact.Excerpt {
	text := mask(u.line.Text)
	if s.shadow != nil {
		if len(text) > maxOwn {
			text = text[:maxOwn] + "..."
		}
		text += fmt.Sprintf(" | %s line %d: %s", s.shadow.file, s.shadow.line.Number, mask(s.shadow.line.Text))
	}
	return u.line.Masked(text)
}

// shadowLine is one line of shadow(5).
type shadowLine struct {
	line             observe.Line
	file             string          // path of the file in the system
	name, password   string          // raw
	changed          fact.Opt[int64] // day of the last change since 1970; absent where the line does not say
	readable         bool            // changed was read or is empty
	minDays, maxDays fact.Opt[int64]
}

// parseShadow reads one line of shadow(5): nine fields, or five in its old form, which the GNU C library still reads.
func parseShadow(l observe.Line) (*shadowLine, error) {
	if blank(l.Text) {
		return nil, nil
	}
	if compat(l.Text) {
		return nil, errElsewhere
	}
	parts := strings.Split(l.Text, ":")
	s := &shadowLine{line: l, name: parts[0]}
	if s.name == "" {
		return nil, errNoName
	}
	if len(parts) < 2 {
		return nil, errors.New("has no password field")
	}
	s.password = parts[1]
	var err error
	if len(parts) != 9 && len(parts) != 5 {
		err = fmt.Errorf("has %d fields where 9 belong", len(parts))
	}
	for i, field := range []*fact.Opt[int64]{&s.changed, &s.minDays, &s.maxDays} {
		if len(parts) <= i+2 {
			break
		}
		text := strings.TrimSpace(parts[i+2])
		n, bad := strconv.ParseInt(text, 10, 32)
		switch {
		case text == "":
		case bad != nil:
			err = errDays
			continue
		case n >= 0: // a negative number switches the rule off, as an empty field does
			*field = fact.Known(n)
		}
		s.readable = s.readable || i == 0
	}
	return s, err
}

// readTCB returns the line of an account's own shadow file; nil where there is none.
func readTCB(v *observe.View, name string) *shadowLine {
	f, ok := v.At("/etc/tcb/" + tree.EscapeName(name) + "/shadow")
	if !ok {
		return nil
	}
	p := parsed[shadowLine](v, f, kindAccount)
	if p == nil {
		return nil
	}
	for i := range p.entries {
		if l := p.entries[i]; l.name == name {
			l.file = f.Path
			return &l
		}
	}
	return nil
}

// group is one line of group(5).
type group struct {
	attrs   fact.Group
	excerpt *fact.Excerpt
}

// maxMembers is more than any group has.
const maxMembers = 1 << 16

func parseGroup(l observe.Line) (*group, error) {
	if blank(l.Text) {
		return nil, nil
	}
	if compat(l.Text) {
		return nil, errElsewhere
	}
	parts := strings.Split(l.Text, ":")
	if parts[0] == "" {
		return nil, errNoName
	}
	if len(parts) < 3 {
		return nil, fmt.Errorf("has %d fields where 4 belong", len(parts))
	}
	g := &group{attrs: fact.Group{Name: fact.Escape(parts[0]), Members: []string{}}, excerpt: l.Masked(mask(l.Text))}
	var err error
	if len(parts) != 4 {
		err = fmt.Errorf("has %d fields where 4 belong", len(parts))
	}
	var bad error
	if g.attrs.GID, bad = number(parts[2]); bad != nil {
		err = fmt.Errorf("group id %w", bad)
	}
	if len(parts) > 3 {
		if strings.Count(parts[3], ",") > maxMembers {
			return nil, errors.New("has too many members")
		}
		for m := range strings.SplitSeq(parts[3], ",") {
			if m = strings.TrimSpace(m); m != "" {
				g.attrs.Members = append(g.attrs.Members, fact.Escape(m))
			}
		}
	}
	return g, err
}
