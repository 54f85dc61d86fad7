// Package account observes who may log in to a system: the accounts of passwd(5) joined with shadow(5), the groups of group(5), and the public
// keys that sshd(8) and dropbear take without a password.
//
// It reads the local files only: where nsswitch.conf(5) names another source of accounts, where a system has none of these files, and where such
// files lie at places from which something else would have to bring them into a root, it says that it did not look there. Accounts made when the
// system starts it does not see, and keys only where servers look by default (AuthorizedKeysFile of sshd_config is not followed). It breaks no
// hash and records none.
//
// The fact of an account stands on passwd and its excerpt is that file's line. Where shadow decides about the password, the excerpt's text has
// that line too, behind the first and named as what it is. In both only the scheme is left of a hash.
package account

import (
	"context"
	"errors"
	"fmt"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
)

// The kinds that this observer records.
const (
	kindAccount = "account"
	kindGroup   = "group"
	kindKey     = "authorized_key"
)

const (
	passwdFile = "etc/passwd"
	shadowFile = "etc/shadow"
	groupFile  = "etc/group"
	nssFile    = "etc/nsswitch.conf"
	tcbFiles   = "etc/tcb/*/shadow" // of each account a file (tcb(5), Openwall and ALT Linux)
)

// Observer returns the observer.
func Observer() observe.Observer {
	reads := []observe.Read{
		{Glob: passwdFile, Parse: parser(parsePasswd, true)},
		{Glob: shadowFile, Parse: parser(parseShadow, true)},
		{Glob: tcbFiles, Parse: parser(parseShadow, true)},
		{Glob: groupFile, Parse: parser(parseGroup, true)},
		{Glob: nssFile, Parse: parseNSS},
	}
	for _, glob := range keyGlobs() {
		reads = append(reads, observe.Read{Glob: glob, Parse: parser(parseKey, false)})
	}
	return observe.Observer{
		Name: "account", Version: 2, Doc: "accounts and their passwords' states, groups, and keys that may log in",
		Records: []observe.Records{{Kind: kindAccount}, {Kind: kindGroup}, {Kind: kindKey}},
		Tree:    &observe.Tree{Reads: reads, Everywhere: true, Join: join},
	}
}

func join(ctx context.Context, v *observe.View) error {
	misplaced(v)
	if !v.InSystem() {
		return nil
	}
	joinNSS(v)
	users, err := joinPasswd(ctx, v)
	if err != nil {
		return err
	}
	if err := joinGroup(ctx, v); err != nil {
		return err
	}
	return joinKeys(ctx, v, users)
}

// file is what one file says: an entry for each line that could be read, and what is wrong with the others.
type file[T any] struct {
	entries []T
	faults  []fault
}

type fault struct {
	reason, detail string
}

const (
	maxFaults  = 100     // of one file; each hides the same kinds
	maxEntries = 1 << 17 // of one file

	unparsed    = "unparsed"
	unsupported = "unsupported"
	truncated   = "truncated"
	budget      = "budget"
)

var errEmpty = errors.New("has no entry in it")

// parser makes a parser of files of the parser of a line. A line that is no entry (a comment) gives nothing; an entry can come with an error
// about a part of it. ended is whether programs that write such files end the last line too: then one without an end was cut.
func parser[T any](line func(l observe.Line) (entry *T, err error), ended bool) func(context.Context, []byte) (any, error) {
	return func(ctx context.Context, b []byte) (any, error) {
		if err := observe.CheckText(b); err != nil {
			return nil, err
		}
		f := &file[T]{}
		for l := range observe.Lines(b) {
			if l.Number%(1<<12) == 0 && ctx.Err() != nil {
				return nil, ctx.Err()
			}
			entry, err := line(l)
			if entry != nil && len(f.entries) == maxEntries {
				f.faults = append(f.faults, fault{budget, fmt.Sprintf("line %d and those behind it", l.Number)})
				return f, nil
			}
			if entry != nil {
				f.entries = append(f.entries, *entry)
			}
			if err != nil {
				f.fault(l, err)
			}
		}
		if ended && len(b) > 0 && b[len(b)-1] != '\n' {
			f.faults = append(f.faults, fault{truncated, "the last line has no end"})
		}
		return f, nil
	}
}

func (f *file[T]) fault(l observe.Line, err error) {
	reason := unparsed
	if errors.Is(err, errElsewhere) {
		reason = unsupported
	}
	switch {
	case len(f.faults) < maxFaults:
		f.faults = append(f.faults, fault{reason, fmt.Sprintf("line %d: %v", l.Number, err)})
	case len(f.faults) == maxFaults:
		f.faults = append(f.faults, fault{reason, fmt.Sprintf("line %d and others: %v", l.Number, err)})
	}
}

// parsed returns what a file says and records what is wrong with it; nil where it could not be read. Without any entry it is no such file of a
// system: it was emptied, or is filled on the device.
func parsed[T any](v *observe.View, f observe.File, hides ...string) *file[T] {
	if f.Err != nil {
		v.Failed(f, hides...)
		return nil
	}
	p := f.Parsed.(*file[T])
	if len(p.entries) == 0 {
		f.Err = errEmpty
		v.Failed(f, hides...)
	}
	for _, fault := range p.faults {
		v.Unobserved(f.ID, fault.reason, fault.detail, hides...)
	}
	return p
}

func joinPasswd(ctx context.Context, v *observe.View) ([]user, error) {
	shadow := readShadow(v)
	f, ok := v.File(passwdFile)
	if !ok {
		madeElsewhere(v)
		return nil, nil
	}
	p := parsed[user](v, f, kindAccount, kindKey)
	if p == nil {
		return nil, nil
	}
	secrets := make([]secret, len(p.entries))
	hashes := map[string]string{} // hash to the account that has it
	shared := map[string]bool{}   // of more than one
	for i := range p.entries {
		u := &p.entries[i]
		secrets[i] = shadow.secretOf(v, u)
		if h := secrets[i].hash; h != "" {
			if other, ok := hashes[h]; ok && other != u.name {
				shared[h] = true
			}
			hashes[h] = u.name
		}
	}
	for i := range p.entries {
		if i%(1<<12) == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		u, s := &p.entries[i], &secrets[i]
		a := u.attributes()
		a.CanLogin = u.canLogin(v)
		s.describe(&a)
		if s.hash != "" {
			a.SamePW = fact.Known(shared[s.hash])
		}
		v.Record(f.ID, a, u.excerpt(s))
	}
	return p.entries, nil
}

// shadows are the lines of shadow by name; the first of a name counts, as for getspnam(3).
type shadows map[string]*shadowLine

func readShadow(v *observe.View) shadows {
	s := shadows{}
	f, ok := v.File(shadowFile)
	if !ok {
		return s
	}
	p := parsed[shadowLine](v, f, kindAccount)
	if p == nil {
		return s
	}
	for _, l := range p.entries {
		if _, ok := s[l.name]; !ok {
			l.file = f.Path // of this system: what was parsed is shared by all that have the same bytes
			s[l.name] = &l
		}
	}
	return s
}

// secretOf returns what is known of an account's password. Where passwd sends the reader to shadow, and there is no such line (or no such file),
// nothing is known: the device may make it when it starts.
func (s shadows) secretOf(v *observe.View, u *user) secret {
	if u.password != inShadow && u.password != oldInShadow {
		return classify(u.password)
	}
	l := s[u.name]
	if l == nil {
		l = readTCB(v, u.name)
	}
	switch {
	case l == nil && u.password == oldInShadow:
		return classify(u.password)
	case l == nil:
		return secret{}
	}
	sec := classify(l.password)
	if u.password == oldInShadow && sec.state != stateLocked {
		return secret{} // BusyBox would go by shadow, PAM says that no password matches
	}
	sec.shadow = l
	return sec
}

func joinGroup(ctx context.Context, v *observe.View) error {
	f, ok := v.File(groupFile)
	if !ok {
		return nil
	}
	p := parsed[group](v, f, kindGroup)
	if p == nil {
		return nil
	}
	for i := range p.entries {
		if i%(1<<12) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		g := &p.entries[i]
		v.Record(f.ID, g.attrs, g.excerpt)
	}
	return nil
}
