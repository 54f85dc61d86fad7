// Package osrelease observes which operating system a root file system says it is: os-release(5), or what older and smaller
// distributions have in its place. It records one fact for each system, whether it says anything or not.
package osrelease

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/tree"
)

const kind = "system"

// places are the files that are asked, the first that exists decides.
var places = []struct {
	path  string
	parse func(ctx context.Context, b []byte) (any, error)
}{
	{"etc/os-release", parseRelease},
	{"usr/lib/os-release", parseRelease},
	{"etc/openwrt_release", parseOpenWrt},
	{"etc/alpine-release", versionOf("alpine")},
	{"etc/debian_version", versionOf("debian")},
}

// Observer returns the observer.
func Observer() observe.Observer {
	var reads []observe.Read
	for _, p := range places {
		reads = append(reads, observe.Read{Glob: p.path, Parse: p.parse})
	}
	return observe.Observer{
		Name: "osrelease", Version: 1, Doc: "the root file systems of the release and the operating systems that they say they are",
		Records: []observe.Records{{Kind: kind}},
		Tree:    &observe.Tree{Reads: reads, Join: join},
	}
}

// release is what one file says.
type release struct {
	id, version, name fact.Opt[string]
	decisive          *fact.Excerpt
	faults            []string // lines that could not be read
}

func join(_ context.Context, v *observe.View) error {
	a := fact.System{Root: v.Root()}
	v.Walk(func(tree.ID, string, *tree.Node) { a.Nodes++ })
	for _, p := range places {
		if id, linked := v.Lookup(p.path); linked && p.path == places[0].path {
			if there, ok := v.Lookup(places[1].path); ok && id == there {
				continue // the usual link from etc: the file is read where it lies, so that its bytes need not be asked for once more
			}
		}
		f, ok := v.File(p.path)
		if !ok {
			continue
		}
		if f.Err != nil {
			// The system is there all the same; what it is, is not known.
			v.Failed(f)
			break
		}
		r := f.Parsed.(release)
		a.ID, a.Version, a.Name = r.id, r.version, r.name
		for _, fault := range r.faults {
			v.Unobserved(f.ID, "unparsed", fault)
		}
		v.Record(f.ID, a, r.decisive)
		return nil
	}
	v.Record(v.RootID(), a, nil)
	return nil
}

func parseRelease(_ context.Context, b []byte) (any, error) {
	return parseShell(b, "ID", "VERSION_ID", "PRETTY_NAME")
}

func parseOpenWrt(_ context.Context, b []byte) (any, error) {
	r, err := parseShell(b, "DISTRIB_ID", "DISTRIB_RELEASE", "DISTRIB_DESCRIPTION")
	if id, ok := r.id.Get(); ok {
		r.id = fact.Known(strings.ToLower(id))
	}
	return r, err
}

// maxFaults is how many bad lines of a file are recorded; each hides the same kind.
const maxFaults = 20

// errNothing is said of a file in which no assignment stands, a truncated one for example.
var errNothing = errors.New("has no assignment in it")

// parseShell reads assignments as os-release(5) describes them; the last one of a name holds, as in a shell.
func parseShell(b []byte, id, version, name string) (release, error) {
	var r release
	if err := observe.CheckText(b); err != nil {
		return r, err
	}
	found := false
	for l := range observe.Lines(b) {
		text := strings.TrimSpace(l.Text)
		if text == "" || text[0] == '#' {
			continue
		}
		key, raw, ok := strings.Cut(text, "=")
		value, err := unquote(raw)
		if !ok {
			err = errors.New("is no assignment")
		}
		if err != nil {
			if len(r.faults) < maxFaults {
				r.faults = append(r.faults, fmt.Sprintf("line %d: %v", l.Number, err))
			}
			continue
		}
		found = true
		switch key {
		case id:
			r.id, r.decisive = fact.Known(fact.Escape(value)), l.Excerpt()
		case version:
			r.version = fact.Known(fact.Escape(value))
		case name:
			r.name = fact.Known(fact.Escape(value))
		}
	}
	if !found {
		return release{}, errNothing
	}
	return r, nil
}

var errQuote = errors.New("a value whose quotes do not close")

// unquote reads a value: bare, or in quotes of either kind; a backslash takes the next character as it is.
func unquote(s string) (string, error) {
	var b strings.Builder
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		case c == '\\' && quote != '\'' && i+1 < len(s):
			i++
			b.WriteByte(s[i])
		default:
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return "", errQuote
	}
	return b.String(), nil
}

// versionOf reads a file whose one line is a version.
func versionOf(id string) func(context.Context, []byte) (any, error) {
	return func(_ context.Context, b []byte) (any, error) {
		if err := observe.CheckText(b); err != nil {
			return nil, err
		}
		r := release{id: fact.Known(id)}
		for l := range observe.Lines(b) {
			if text := strings.TrimSpace(l.Text); text != "" {
				r.version, r.decisive = fact.Known(fact.Escape(text)), l.Excerpt()
				return r, nil
			}
		}
		return nil, errors.New("has no version in it")
	}
}
