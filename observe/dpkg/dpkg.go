// Package dpkg observes installed packages as the databases of package managers list them: dpkg (also as images without a package
// manager keep it, a file for each package), opkg and apk. It does not compare the lists with the files that are there.
package dpkg

import (
	"context"
	"fmt"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
)

const kind = "package"

// database is a place where a package manager keeps its list.
type database struct {
	glob, manager string
	parse         func(ctx context.Context, b []byte) (any, error)
	whole         bool // its manager ends each entry with a newline: a file that ends without one was cut
}

var databases = []database{
	{"var/lib/dpkg/status", "dpkg", parseControl, true},
	{"var/lib/dpkg/status.d/*", "dpkg", parseControl, false},
	{"usr/lib/opkg/status", "opkg", parseControl, true},
	{"var/lib/opkg/status", "opkg", parseControl, true},
	{"lib/apk/db/installed", "apk", parseAPK, true},
}

// Observer returns the observer.
func Observer() observe.Observer {
	var reads []observe.Read
	for _, d := range databases {
		reads = append(reads, observe.Read{Glob: d.glob, Parse: d.parse})
	}
	return observe.Observer{
		Name: "dpkg", Version: 1, Doc: "installed packages of dpkg, opkg and apk",
		Records: []observe.Records{{Kind: kind}},
		Tree:    &observe.Tree{Reads: reads, Join: join},
	}
}

func join(ctx context.Context, v *observe.View) error {
	seen := map[string]bool{}
	for _, d := range databases {
		for _, f := range v.Files(d.glob) {
			if err := ctx.Err(); err != nil {
				return err
			}
			// Two places that are one file, by a link, are one list. Beside the files of status.d lie lists of checksums.
			key := fmt.Sprint(d.manager, f.ID)
			if seen[key] || strings.HasSuffix(f.Path, ".md5sums") {
				continue
			}
			seen[key] = true
			if f.Err != nil {
				v.Failed(f)
				continue
			}
			record(v, f, &d)
		}
	}
	return nil
}

func record(v *observe.View, f observe.File, d *database) {
	l := f.Parsed.(*list)
	entries := l.entries
	if d.whole && l.cutVersion {
		entries = entries[:len(entries)-1]
	}
	for i := range entries {
		e := entries[i]
		e.attrs.Manager = d.manager
		v.Record(f.ID, e.attrs, e.excerpt())
	}
	for _, fault := range l.faults {
		v.Unobserved(f.ID, "damaged", fault)
	}
	if d.whole && l.cut {
		v.Unobserved(f.ID, "truncated", "the last line has no end")
	}
}

// list is what one file says.
type list struct {
	entries []entry
	faults  []string
	cut     bool // the last line has no end

	cutVersion bool // and is the version of the last entry
}

// maxFaults is how many damaged entries of a file are recorded; each hides the same kind.
const maxFaults = 100

func (l *list) fault(line int64, what string) {
	switch {
	case len(l.faults) < maxFaults:
		l.faults = append(l.faults, fmt.Sprintf("entry at line %d: %s", line, what))
	case len(l.faults) == maxFaults:
		l.faults = append(l.faults, fmt.Sprintf("entry at line %d and others: damaged", line))
	}
}

// entry is one package, and where its version stands.
type entry struct {
	attrs        fact.Package
	line, offset int64
	text         string
}

func (e *entry) excerpt() *fact.Excerpt {
	return &fact.Excerpt{Offset: e.offset, Length: int64(len(e.text)), Line: e.line, Text: fact.Text([]byte(e.text))}
}
