package sshd

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/tree"
)

// Limits of following Include. Depth is OpenSSH's own (servconf.c, SERVCONF_MAX_DEPTH); the others bound what files that include
// each other again and again can cost.
const (
	maxDepth   = 16
	maxFiles   = 1024
	maxOptions = 50_000
	maxBytes   = 32 << 20  // of options
	maxLooked  = 1_000_000 // names that patterns are held against
	maxFaults  = 100       // of one file that are recorded one by one
	maxMatch   = 1024      // bytes of a Match block's criteria, which each of its options repeats
)

// section is the global section (criteria empty) or all Match blocks of the same criteria.
type section struct {
	criteria string
	node     tree.ID // where it begins
	excerpt  *fact.Excerpt
	best     int // how decisive excerpt is
	values   values
}

// How decisive a line is as the excerpt of its section.
const (
	first = 1 + iota
	decisive
)

// sink is where a reader records; View is one.
type sink interface {
	Record(id tree.ID, attrs any, e *fact.Excerpt)
	Failed(f observe.File, hides ...string)
	Unobserved(id tree.ID, reason, detail string, hides ...string)
}

// reader follows one server's configuration through its files.
type reader struct {
	v        *observe.View
	out      sink
	sections map[string]*section
	order    []*section
	files    int
	options  int
	bytes    int
	looked   int
	full     bool
}

func (r *reader) section(criteria string, at tree.ID) *section {
	s := r.sections[criteria]
	if s == nil {
		s = &section{criteria: criteria, node: at}
		s.values.init(criteria == "")
		r.sections[criteria] = s
		r.order = append(r.order, s)
	}
	return s
}

// read reads a configuration from its main file on.
func (r *reader) read(ctx context.Context, f observe.File) error {
	r.section("", f.ID)
	return r.file(ctx, f, "", 0)
}

// file reads one file in place. outer is the criteria of the Match block that the Include stands in; they hold beside those of the file's own blocks.
func (r *reader) file(ctx context.Context, f observe.File, outer string, depth int) error {
	if r.files++; r.files > maxFiles || depth >= maxDepth {
		r.section(outer, f.ID).values.uncertain = true
		r.stop(f.ID, fmt.Sprintf("includes go deeper than %d or are more than %d", maxDepth, maxFiles))
		return nil
	}
	s := r.section(outer, f.ID)
	if f.Err != nil {
		s.values.uncertain = true
		r.out.Failed(f)
		return nil
	}
	options, _ := f.Parsed.([]option)
	faults := 0
	for i := range options {
		if err := ctx.Err(); err != nil {
			return err
		}
		r.bytes += len(options[i].line.Text)
		if r.options++; r.options > maxOptions || r.bytes > maxBytes {
			s.values.uncertain = true
			r.stop(f.ID, fmt.Sprintf("more than %d options, or %d bytes of them", maxOptions, maxBytes))
		}
		if r.full {
			return nil
		}
		o := &options[i]
		var err error
		switch {
		case o.err != nil:
			err = o.err
		case o.keyword == "match":
			s, err = r.match(f, o, outer)
		case o.keyword == "include":
			err = r.include(ctx, o, s.criteria, depth)
			s.note(f.ID, o, first)
		default:
			err = r.option(f, o, s)
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if faults++; faults > maxFaults {
				r.out.Unobserved(f.ID, "unparsed", fmt.Sprintf("line %d and those after it: too many lines that no server takes", o.line.Number))
				return nil
			}
			r.out.Unobserved(f.ID, "unparsed", fmt.Sprintf("line %d (%s): %v", o.line.Number, short(o.keyword), err))
		}
	}
	return nil
}

func short(s string) string {
	if len(s) > 40 {
		s = s[:40]
	}
	return s
}

func (r *reader) stop(at tree.ID, why string) {
	if !r.full {
		r.full = true
		r.out.Unobserved(at, "budget", why)
	}
}

// match begins a Match block. One that cannot be read swallows what follows it under its own words.
func (r *reader) match(f observe.File, o *option, outer string) (*section, error) {
	criteria := strings.TrimSpace(outer + " " + fact.Escape(strings.Trim(o.raw, blanks)))
	err := checkCriteria(o.args)
	if len(criteria) > maxMatch {
		criteria, err = strings.ToValidUTF8(criteria[:maxMatch], "")+" ...", fmt.Errorf("criteria of more than %d bytes", maxMatch)
	}
	s := r.section(criteria, f.ID)
	s.note(f.ID, o, decisive)
	return s, err
}

// checkCriteria refuses what no server takes after Match: all alone, invalid-user, or pairs of a criterion and a pattern.
func checkCriteria(args []string) error {
	if strings.EqualFold(args[0], "all") {
		if len(args) > 1 {
			return fmt.Errorf("all with other criteria")
		}
		return nil
	}
	for i := 0; i < len(args); i++ {
		name, _, joined := strings.Cut(strings.ToLower(args[i]), "=")
		switch name {
		case "invalid-user":
			continue
		case "user", "group", "host", "localaddress", "localport", "rdomain", "address", "version", "sessiontype", "command":
		default:
			return fmt.Errorf("an unknown criterion %q", short(args[i]))
		}
		if joined {
			continue
		}
		if i++; i == len(args) {
			return fmt.Errorf("a criterion %s without its pattern", name)
		}
	}
	return nil
}

// include reads the files that an Include names, each pattern's sorted. A pattern that no file matches means nothing to the server.
func (r *reader) include(ctx context.Context, o *option, criteria string, depth int) error {
	for _, pattern := range o.args {
		if strings.HasPrefix(pattern, "~") {
			return fmt.Errorf("a path in a home directory, which no server takes")
		}
		if !strings.HasPrefix(pattern, "/") {
			pattern = "/etc/ssh/" + pattern
		}
		paths, err := r.expand(pattern)
		if err != nil {
			return err
		}
		for _, p := range paths {
			f, ok := r.v.At(p)
			if !ok {
				continue
			}
			if err := r.file(ctx, f, criteria, depth+1); err != nil || r.full {
				return err
			}
		}
	}
	return nil
}

// expand returns the paths that a pattern of glob(7) names, sorted. Names are matched as they are written in the tree.
func (r *reader) expand(pattern string) ([]string, error) {
	if _, err := path.Match(pattern, ""); err != nil {
		return nil, fmt.Errorf("the pattern %q: %w", short(pattern), err)
	}
	paths := []string{""}
	for part := range strings.SplitSeq(path.Clean(pattern), "/") {
		if part == "" {
			continue
		}
		if !strings.ContainsAny(part, `*?[\`) {
			for i := range paths {
				paths[i] += "/" + tree.EscapeName(part)
			}
			continue
		}
		var next []string
		for _, dir := range paths {
			names := r.v.Names(dir)
			if r.looked += len(names); r.looked > maxLooked {
				return nil, fmt.Errorf("patterns that meet more than %d names", maxLooked)
			}
			for _, name := range names {
				hidden := strings.HasPrefix(name, ".") && !strings.HasPrefix(part, ".")
				if ok, _ := path.Match(part, tree.UnescapeName(name)); ok && !hidden {
					next = append(next, dir+"/"+name)
				}
			}
		}
		if len(next) > maxFiles {
			return nil, fmt.Errorf("a pattern of more than %d files", maxFiles)
		}
		paths = next
	}
	slices.Sort(paths)
	return paths, nil
}

// option takes a line into its section and records it.
func (r *reader) option(f observe.File, o *option, s *section) error {
	sp := keywords[o.keyword]
	if s.criteria != "" && !sp.match {
		return fmt.Errorf("a keyword that may not stand in a Match block")
	}
	effective, err := s.values.take(o, sp)
	if err != nil {
		return err
	}
	if counts, known := effective.Get(); known && counts && o.keyword == "permitrootlogin" && s.criteria == "" {
		s.note(f.ID, o, decisive)
	} else {
		s.note(f.ID, o, first)
	}
	value, text := masked(o)
	a := fact.SSHDOption{Keyword: o.keyword, Value: fact.Escape(value), Values: []string{}, Effective: effective}
	if s.criteria != "" {
		a.Match = fact.Known(s.criteria)
	}
	for _, arg := range o.args {
		switch {
		case o.keyword == "setenv":
			name, _, _ := strings.Cut(arg, "=")
			a.Values = append(a.Values, fact.Escape(name))
		case sp.list:
			for part := range strings.SplitSeq(arg, ",") {
				a.Values = append(a.Values, fact.Escape(part))
			}
		default:
			a.Values = append(a.Values, fact.Escape(arg))
		}
	}
	r.out.Record(f.ID, a, o.line.Masked(text))
	return nil
}

// masked returns the value and the line for people to see. SetEnv may carry a secret.
func masked(o *option) (value, line string) {
	if o.keyword != "setenv" {
		return o.raw, o.line.Text
	}
	var b strings.Builder
	for i, arg := range o.args {
		if i > 0 {
			b.WriteByte(' ')
		}
		name, _, _ := strings.Cut(arg, "=")
		b.WriteString(name + "=***")
	}
	return b.String(), "SetEnv " + b.String()
}

// note keeps the line as the section's excerpt if it is more decisive than the one before. An excerpt counts in the section's own node.
func (s *section) note(at tree.ID, o *option, how int) {
	if at == s.node && how > s.best {
		s.excerpt, s.best = o.line.Excerpt(), how
		if o.keyword == "setenv" {
			_, text := masked(o)
			s.excerpt = o.line.Masked(text)
		}
	}
}

// record records what each section makes effective.
func (r *reader) record() {
	for _, s := range r.order {
		a := s.values.finish()
		if s.criteria != "" {
			a.Match = fact.Known(s.criteria)
		}
		r.out.Record(s.node, a, s.excerpt)
	}
}
