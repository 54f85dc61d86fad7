package dpkg

import (
	"bytes"
	"context"
	"strconv"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
)

// stanza is one paragraph while it is read: the fields that matter, as bytes of the file.
type stanza struct {
	line      int64 // of its first line; 0 while there is none
	name      []byte
	version   []byte
	arch      []byte
	source    []byte
	status    []byte
	essential []byte
	section   []byte
	owner     []byte
	homepage  []byte
	size      []byte

	versionLine, versionAt int64
	versionText            []byte
	bad                    string // what is wrong with it
}

// parseControl reads paragraphs of fields as deb822(5) describes them. The format of dpkg's status, opkg's and of control files is the same.
func parseControl(ctx context.Context, b []byte) (any, error) {
	return parseStanzas(ctx, b, (*stanza).controlField)
}

// parseStanzas reads paragraphs that empty lines part. field takes one line that neither is empty nor continues another.
func parseStanzas(ctx context.Context, b []byte, field func(s *stanza, line []byte) bool) (any, error) {
	if err := observe.CheckText(b); err != nil {
		return nil, err
	}
	l := &list{cut: len(b) > 0 && b[len(b)-1] != '\n'}
	var s stanza
	number := int64(0)
	for at := 0; at < len(b); {
		if number++; number&0xffff == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		start := at
		line := b[at:]
		if end := bytes.IndexByte(line, '\n'); end >= 0 {
			line = line[:end]
			at += end + 1
		} else {
			at = len(b)
		}
		line = bytes.TrimRight(line, " \t\r\f")
		switch {
		case len(line) == 0:
			l.take(&s)
			s = stanza{}
			continue
		case s.line == 0:
			s.line = number
			if line[0] == ' ' || line[0] == '\t' {
				s.bad = "begins with a line that continues another"
			}
		}
		if line[0] == ' ' || line[0] == '\t' {
			continue
		}
		had := s.version != nil
		if !field(&s, line) && s.bad == "" {
			s.bad = "line " + strconv.FormatInt(number, 10) + " is no field"
		}
		if !had && s.version != nil {
			s.versionLine, s.versionAt, s.versionText = number, int64(start), line
		}
	}
	l.take(&s)
	l.cutVersion = l.cut && len(l.entries) > 0 && l.entries[len(l.entries)-1].line == number
	return l, nil
}

// controlField takes one line "Name: value"; names are case-insensitive. It says false where the line is none.
func (s *stanza) controlField(line []byte) bool {
	i := bytes.IndexByte(line, ':')
	if i <= 0 || bytes.IndexByte(line[:i], ' ') >= 0 {
		return false
	}
	var p *[]byte
	switch name := line[:i]; len(name) {
	case 6:
		p = pick(name, "Source", &s.source, "Status", &s.status)
	case 7:
		p = pick(name, "Package", &s.name, "Version", &s.version, "Section", &s.section)
	case 8:
		p = pick(name, "Homepage", &s.homepage)
	case 9:
		p = pick(name, "Essential", &s.essential)
	case 10:
		p = pick(name, "Maintainer", &s.owner)
	case 12:
		p = pick(name, "Architecture", &s.arch)
	case 14:
		p = pick(name, "Installed-Size", &s.size)
	}
	if p != nil {
		if *p != nil {
			s.bad = "states a field twice"
		}
		*p = bytes.TrimLeft(line[i+1:], " \t")
	}
	return true
}

// pick returns the pointer that follows the name among pairs of a name and a pointer.
func pick(name []byte, pairs ...any) *[]byte {
	for i := 0; i < len(pairs); i += 2 {
		if want := pairs[i].(string); string(name) == want || bytes.EqualFold(name, []byte(want)) {
			return pairs[i+1].(*[]byte)
		}
	}
	return nil
}

// take turns a paragraph into an entry, or says what is wrong with it.
func (l *list) take(s *stanza) {
	if s.line == 0 {
		return
	}
	status, installed := statusOf(s.status)
	switch {
	case s.bad != "":
		l.fault(s.line, s.bad)
		return
	case !plainWord(s.name):
		l.fault(s.line, "has no name of a package")
		return
	case s.version == nil && status == "not-installed":
		return // what is left of a package that was removed, or was chosen and never came
	case !plainWord(s.version):
		l.fault(s.line, "has no version")
		return
	case s.status != nil && status == "":
		l.fault(s.line, "has a status that cannot be read")
		return
	}
	a := fact.Package{Name: fact.Escape(s.name), Version: fact.Escape(s.version), Installed: installed}
	if status != "" {
		a.Status = fact.Known(status)
	}
	if s.source != nil {
		name, version, _ := strings.Cut(string(s.source), " ")
		a.Source = fact.Known(fact.Escape(name))
		if v := strings.Trim(version, "() "); v != "" && v != string(s.version) {
			a.SourceVer = fact.Known(fact.Escape(v))
		}
	}
	if s.essential != nil {
		a.Essential = fact.Known(strings.EqualFold(string(s.essential), "yes"))
	}
	if n, err := strconv.ParseInt(string(s.size), 10, 64); err == nil && n >= 0 {
		a.InstalledKiB = fact.Known(n)
	}
	text(&a.Arch, s.arch)
	text(&a.Section, s.section)
	text(&a.Maintainer, s.owner)
	text(&a.Homepage, s.homepage)
	l.entries = append(l.entries, entry{attrs: a, line: s.versionLine, offset: s.versionAt, text: string(s.versionText)})
}

func text(p *fact.Opt[string], b []byte) {
	if b != nil {
		*p = fact.Known(fact.Escape(b))
	}
}

// plainWord tells whether a field is one word.
func plainWord(b []byte) bool { return len(b) > 0 && !bytes.ContainsAny(b, " \t") }

// statuses are dpkg's, of which opkg uses some, each with whether files of the package are in the system (dpkg(1), PACKAGE STATES).
var statuses = map[string]bool{
	"not-installed": false, "config-files": false, "half-installed": true, "unpacked": true, "half-configured": true,
	"triggers-awaited": true, "triggers-pending": true, "installed": true,
}

// statusOf returns the last of the three words of a Status field. Where there is no such field, the list has only what is installed.
func statusOf(b []byte) (status string, installed bool) {
	if b == nil {
		return "", true
	}
	words := bytes.Fields(b)
	if len(words) != 3 {
		return "", false
	}
	installed, known := statuses[string(words[2])]
	if !known {
		return "", false
	}
	return string(words[2]), installed
}
