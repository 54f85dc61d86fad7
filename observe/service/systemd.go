package service

import (
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/tree"
)

// unitDirs are the places of unit files, the first that has a name wins (systemd.unit(5), without those of the running system).
var unitDirs = []string{"etc/systemd/system", "usr/local/lib/systemd/system", "usr/lib/systemd/system", "lib/systemd/system"}

// unitSuffixes are the types of units that are read: those that start or listen, and targets, which pull them in.
var unitSuffixes = []string{".service", ".socket", ".target", ".timer", ".path"}

// located is a setting, and the file that it stands in.
type located struct {
	setting
	node tree.ID
}

// unit is a unit as systemd would load it, drop-ins joined.
type unit struct {
	name     string // under which it is loaded, with the instance
	node     tree.ID
	masked   bool
	missing  bool // no file, or one that could not be read
	settings []located
	aliases  []string
}

// values returns what a list setting holds; an empty assignment clears what stands before it.
func (u *unit) values(section, key string) []located {
	var list []located
	for _, s := range u.settings {
		if s.section != section || s.key != key {
			continue
		}
		if s.value == "" {
			list = nil
			continue
		}
		list = append(list, s)
	}
	return list
}

// value returns a setting that holds one value.
func (u *unit) value(section, key string) string {
	if l := u.values(section, key); len(l) > 0 {
		return l[len(l)-1].value
	}
	return ""
}

func isYes(s string) bool {
	switch strings.ToLower(s) {
	case "1", "yes", "true", "on", "y", "t":
		return true
	}
	return false
}

// units are all units of one system.
type units struct {
	j       *joiner
	where   map[string]string   // path of each name's file or link
	dropins map[string][]string // paths by directory name (foo.service.d), in order of precedence
	pulls   map[string][]string // names in foo.target.wants and its kin, by foo.target
	loaded  map[string]*unit
	failed  map[tree.ID]bool // files whose failure is recorded
	bytes   int64            // of files that were taken, once for each instance
	over    bool             // and they were too many
}

func (j *joiner) systemd(ctx context.Context) error {
	s := &units{
		j: j, where: map[string]string{}, dropins: map[string][]string{}, pulls: map[string][]string{}, loaded: map[string]*unit{}, failed: map[tree.ID]bool{},
	}
	seen := map[tree.ID]bool{}
	for _, dir := range unitDirs {
		if id, ok := j.v.Lookup(dir); ok && !seen[id] {
			seen[id] = true
			s.list("/" + dir)
		}
	}
	names := slices.Sorted(maps.Keys(s.where))
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return err
		}
		s.load(name)
	}
	a := s.activate(ctx)
	for _, name := range slices.Sorted(maps.Keys(s.loaded)) {
		if err := ctx.Err(); err != nil {
			return err
		}
		u := s.loaded[name]
		switch {
		case u.missing || u.name != name: // an alias: recorded under its own name
		case strings.HasSuffix(name, ".service"):
			s.service(u, a)
		case strings.HasSuffix(name, ".socket"):
			s.socket(u, a)
		}
	}
	return nil
}

// list takes up the names in one directory of units.
func (s *units) list(dir string) {
	for _, name := range s.j.v.Names(dir) {
		p := dir + "/" + name
		switch {
		case strings.HasSuffix(name, ".d"):
			for _, file := range s.j.v.Names(p) {
				if strings.HasSuffix(file, ".conf") {
					s.dropins[name] = append(s.dropins[name], p+"/"+file)
				}
			}
			continue
		case isUnit(name):
			if s.where[name] == "" {
				s.where[name] = p
			}
			continue
		}
		for _, suffix := range []string{".wants", ".requires", ".upholds"} {
			if of, ok := strings.CutSuffix(name, suffix); ok {
				for _, wanted := range s.j.v.Names(p) {
					// A link to /dev/null in etc takes a default away.
					if target, _ := s.j.v.LinkTarget(p + "/" + wanted); target != "/dev/null" {
						s.pulls[of] = append(s.pulls[of], wanted)
					}
				}
			}
		}
	}
}

// isUnit says whether a name is that of a unit of a type that is read; systemd takes names of at most 255 bytes.
func isUnit(name string) bool {
	i := strings.LastIndexByte(name, '.')
	return i > 0 && len(name) < 256 && slices.Contains(unitSuffixes, name[i:])
}

// instance splits foo@bar.service into foo@.service and bar.
func instance(name string) (template, instance string, ok bool) {
	dot := strings.LastIndexByte(name, '.')
	at := strings.IndexByte(name, '@')
	if at < 0 || dot < at {
		return "", "", false
	}
	return name[:at+1] + name[dot:], name[at+1 : dot], true
}

// maxAliases is how many links a name may lead through.
const maxAliases = 8

// load loads a unit once. What it returns may have another name: that of the unit that the asked one is an alias of.
func (s *units) load(name string) *unit {
	asked := name
	var aliases []string
	for range maxAliases {
		if u := s.loaded[name]; u != nil {
			return s.alias(u, asked, aliases)
		}
		p, ok := s.where[name]
		if template, inst, is := instance(name); !ok && is && inst != "" {
			p, ok = s.where[template]
		}
		target, link := s.j.v.LinkTarget(p)
		next := withInstance(base(target), name)
		if next == name && p == s.where[name] {
			// A link to its own template: the template's file counts.
			if template, _, _ := instance(name); s.where[template] != "" && base(target) == template {
				p = s.where[template]
				target, link = "", false
			}
		}
		if !ok || !link || target == "/dev/null" || next == name || !isUnit(next) {
			return s.alias(s.read(name, p, ok), asked, aliases)
		}
		aliases = append(aliases, name)
		name = next
	}
	u := &unit{name: asked, missing: true}
	s.loaded[asked] = u
	return u
}

// withInstance gives a template that an instance's link names that instance: getty@.service for autovt@tty1.service is getty@tty1.service.
func withInstance(next, name string) string {
	template, none, ok := instance(next)
	if _, inst, is := instance(name); ok && none == "" && is && inst != "" {
		at := strings.IndexByte(template, '@') + 1
		return template[:at] + inst + template[at:]
	}
	return next
}

func (s *units) alias(u *unit, asked string, names []string) *unit {
	for _, n := range names {
		if n != u.name && s.loaded[n] == nil {
			s.loaded[n] = u
			u.aliases = append(u.aliases, n)
		}
	}
	s.loaded[asked] = u
	return u
}

// read reads the file of a unit and its drop-ins.
func (s *units) read(name, p string, there bool) *unit {
	u := &unit{name: name, missing: !there}
	s.loaded[name] = u
	if !there {
		return u
	}
	u.node, _ = s.j.v.Entry(p)
	target, link := s.j.v.LinkTarget(p)
	if target == "/dev/null" {
		u.masked = true
		return u
	}
	if own := p; link {
		// Units of other unit directories were read where they lie; a link need not lead to them once more.
		if t := path.Join(path.Dir(p), target); path.IsAbs(target) && s.j.v.Exists(target) {
			p = path.Clean(target)
		} else if s.j.v.Exists(t) {
			p = t
		}
		if !slices.Contains(unitDirs, strings.TrimPrefix(path.Dir(p), "/")) {
			p = own
		}
	}
	file, ok := s.file(p)
	if !ok {
		u.missing = true
		return u
	}
	u.node = file.ID
	if _, size, _ := file.Node.Innermost(); size == 0 {
		u.masked = true
		return u
	}
	s.take(u, file)
	for _, d := range s.dropinsOf(name) {
		if target, _ := s.j.v.LinkTarget(d); target == "/dev/null" {
			continue
		}
		if f, ok := s.file(d); ok {
			s.take(u, f)
		}
	}
	return u
}

// file returns a file that was read; a failure is recorded once.
func (s *units) file(p string) (observe.File, bool) {
	f, ok := s.j.v.At(p)
	if ok && f.Err != nil {
		if !s.failed[f.ID] {
			s.failed[f.ID] = true
			s.j.v.Failed(f)
		}
		return f, false
	}
	return f, ok
}

// maxTaken bounds the bytes of unit files that are taken, a template's once for each instance.
const maxTaken = 32 << 20

// take joins a file's settings to those of a unit.
func (s *units) take(u *unit, f observe.File) {
	_, size, _ := f.Node.Innermost()
	if s.bytes += size; s.bytes > maxTaken {
		if !s.over {
			s.over = true
			s.j.v.Unobserved(f.ID, "budget", "more instances of units than can be followed")
		}
		return
	}
	file := f.Parsed.(*unitFile)
	for _, set := range file.settings {
		u.settings = append(u.settings, located{set, f.ID})
	}
	if len(file.faults) > 0 && !s.failed[f.ID] {
		s.failed[f.ID] = true
		for _, line := range file.faults {
			s.j.v.Unobserved(f.ID, "unparsed", fmt.Sprintf("line %d is neither a setting nor a section", line))
		}
	}
}

// dropinsOf returns the drop-ins of a unit in the order in which they apply: by their names; of equal names the one in the more
// specific directory, and of those the first in the order of directories.
func (s *units) dropinsOf(name string) []string {
	dirs := []string{name + ".d"}
	if template, inst, ok := instance(name); ok && inst != "" {
		dirs = append(dirs, template+".d")
	}
	dot := strings.LastIndexByte(name, '.')
	for i := dot - 1; i > 0; i-- {
		if name[i] == '-' {
			dirs = append(dirs, name[:i+1]+name[dot:]+".d")
		}
	}
	dirs = append(dirs, name[dot+1:]+".d")
	chosen := map[string]string{}
	for _, d := range dirs {
		for _, p := range s.dropins[d] {
			if b := base(p); chosen[b] == "" {
				chosen[b] = p
			}
		}
	}
	var list []string
	for _, b := range slices.Sorted(maps.Keys(chosen)) {
		list = append(list, chosen[b])
	}
	return list
}

// activation is what is started when the system starts.
type activation struct {
	known bool // there is a default target to begin with
	on    map[string]bool
	maybe map[string]bool // started where a path exists that the running system decides
}

// bootOf turns what is known of a unit into at_boot.
func (s *units) bootOf(u *unit, a *activation) fact.Opt[bool] {
	switch {
	case u.masked || s.j.init == "other":
		return fact.Known(false)
	case s.j.init == "" || !a.known || s.over || !a.on[u.name] && a.maybe[u.name]:
		return fact.Opt[bool]{}
	}
	return fact.Known(a.on[u.name])
}
