// Package elf observes ELF programs, libraries and objects: from their headers alone, how they were linked and hardened.
//
// It reads what the loader would read (program headers, the dynamic section and what that points at) and, for what the loader does not
// know, the table of sections; never code or data. A content observer: it does not know where the file lies or who runs it.
// It does not tell good from bad, and does not disassemble: that a program refers to the stack protector is not proof that all of it does.
package elf

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/tree"
)

const (
	kind  = "elf"
	magic = "\x7fELF"
)

// Observer returns the observer.
func Observer() observe.Observer {
	return observe.Observer{
		Name: kind, Version: 1, Doc: "ELF programs and libraries and how they were hardened when built",
		Records: []observe.Records{{Kind: kind}},
		Content: &observe.Content{Wants: wants, Observe: look},
	}
}

func wants(head []byte, _ int64) bool { return bytes.HasPrefix(head, []byte(magic)) }

// file is one file while it is looked at.
type file struct {
	r     *reader
	h     *header
	loads []segment

	interp, dyn, stack *segment
	relro, rwx         bool

	// From the table of sections, where there is one that can be read.
	sections   bool
	dynsym     *section
	symtab     *section
	comment    *section
	companion  bool // code was taken out: the file holds only what debuggers want
	goSections bool

	notes       // of segments
	loose notes // of sections: objects have no segments, and Go's linker leaves the build id outside of them
}

func look(ctx context.Context, c tree.Content) ([]fact.Record, error) {
	r, err := open(c)
	if err != nil {
		return nil, err
	}
	h, err := r.header()
	if err != nil {
		return nil, err
	}
	if h.typ < typeRelocatable || h.typ > typeCore {
		return []fact.Record{{Attrs: fact.Unobserved{
			Reason: "unsupported", Detail: fmt.Sprintf("the ELF header names the unknown type %d", h.typ), Hides: []string{kind}, By: fact.Known(kind),
		}}}, nil
	}
	f := &file{r: r, h: h}
	var segments []segment
	if h.typ != typeCore { // what a core's segments say is of the process that died
		if segments, err = r.segments(h); err != nil {
			return nil, err
		}
	}
	f.sort(segments)
	f.lookAtSections()
	a, err := f.describe(ctx, segments)
	if a == nil {
		return nil, err
	}
	return []fact.Record{{Attrs: *a, Excerpt: f.excerpt()}}, err
}

// excerpt is the ELF header, in hexadecimal: which machine and type it is, and where all else stands.
func (f *file) excerpt() *fact.Excerpt {
	n := f.r.headerSize()
	b, err := f.r.at(0, uint64(n))
	if err != nil {
		return nil
	}
	return &fact.Excerpt{Length: int64(n), Text: hex.EncodeToString(b)}
}

// sort finds the segments that say something.
func (f *file) sort(segments []segment) {
	for i := range segments {
		s := &segments[i]
		switch s.typ {
		case segmentLoad:
			f.loads = append(f.loads, *s)
			f.rwx = f.rwx || s.flags&(flagW|flagX) == flagW|flagX
		case segmentDynamic:
			f.dyn = s // ld.so(8) keeps the last one
		case segmentInterp:
			if f.interp == nil { // Linux takes the first one
				f.interp = s
			}
		case segmentStack:
			f.stack = s // Linux keeps the last one
		case segmentRELRO:
			f.relro = true
		}
	}
}

// lookAtSections keeps the sections that say something. Without them, or where they are damaged, what they would say is unknown:
// they are not needed to run a program, so their absence is no damage to it.
func (f *file) lookAtSections() {
	if !f.h.sections {
		return
	}
	var noteSections []section
	err := f.r.eachSection(f.h, func(name []byte, s section) {
		switch {
		case s.typ == sectionSymbols && f.symtab == nil:
			f.symtab = &s
		case s.typ == sectionDynsym && f.dynsym == nil:
			f.dynsym = &s
		case s.typ == sectionNoBits && s.flags&sectionExec != 0 && s.size > 0:
			f.companion = true
		case s.typ == sectionNote && len(noteSections) < maxNoteSections:
			noteSections = append(noteSections, s)
		}
		switch string(name) {
		case ".comment":
			f.comment = &s
		case ".go.buildinfo", ".gopclntab", ".note.go.buildid":
			f.goSections = true
		}
	})
	f.sections = err == nil
	for _, s := range noteSections {
		if s.size <= maxNotes {
			if b, err := f.r.at(s.off, s.size); err == nil {
				f.loose.read(f.r, b, 4, f.h.machine)
			}
		}
	}
}

// maxNoteSections is how many sections, or segments, of notes are read; programs have four or five.
const maxNoteSections = 64

// describe returns the attributes; beside an error those that could be determined, or nil where there are none.
func (f *file) describe(ctx context.Context, segments []segment) (*fact.ELF, error) {
	a := &fact.ELF{
		Machine: machineName(f.h.machine), Bits: int64(f.r.pick(32, 64)), Dynamic: f.dyn != nil, RWX: f.rwx,
		Type: [...]string{typeRelocatable: "relocatable", typeExecutable: "executable", typeShared: "library", typeCore: "core"}[f.h.typ],
	}
	if f.sections || !f.h.sections {
		a.Stripped = fact.Known(f.symtab == nil)
	}
	if f.h.typ == typeCore {
		a.Needed = fact.Known([]string{})
		return a, nil
	}
	damage := []error{f.readNotes(segments)}
	a.BuildID = f.buildID
	if _, known := f.buildID.Get(); !known {
		a.BuildID = f.loose.buildID
	}
	a.Language = f.language(ctx)
	if f.h.typ == typeRelocatable {
		a.Needed = fact.Known([]string{})
		a.Canary = f.canaryOf(ctx, &dynamic{}, &imports{}, a.Language)
		return a, joined(damage)
	}
	if f.h.loaded {
		if damage[0] == nil {
			a.CET = f.cet(f.h.machine)
		}
		if !f.relro {
			a.RELRO = fact.Known("none")
		}
	}
	if f.companion {
		f.describeCompanion(a)
		return a, nil
	}
	damage = append(damage, f.complete(), f.readInterp(a))
	damage = append(damage, f.describeDynamic(ctx, a)...)
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return a, joined(damage)
}

// joined makes one error, of one line, of those in the list that are not nil; nil where there are none.
func joined(list []error) error {
	var all []string
	for _, err := range list {
		if err != nil {
			all = append(all, err.Error())
		}
	}
	if all == nil {
		return nil
	}
	return errors.New(strings.Join(all, "; "))
}

// describeCompanion fills in what a file of debug information still says of the program it was taken from.
func (f *file) describeCompanion(a *fact.ELF) {
	if f.h.typ == typeShared && f.interp != nil {
		a.Type = "pie"
	}
	a.NX = f.nx(false)
	if f.dyn == nil {
		a.Needed = fact.Known([]string{})
	}
}

// complete tells whether all that would be loaded is there.
func (f *file) complete() error {
	for i := range f.loads {
		if s := &f.loads[i]; s.off > f.r.size || s.filesz > f.r.size-s.off {
			return fmt.Errorf("a segment %w", errOutside)
		}
	}
	return nil
}

func (f *file) readInterp(a *fact.ELF) error {
	if f.interp == nil {
		return nil
	}
	if n := f.interp.filesz; n < 2 || n > maxName {
		return fmt.Errorf("the interpreter's name has %d bytes", n)
	}
	b, err := f.r.at(f.interp.off, f.interp.filesz)
	if err != nil {
		return fmt.Errorf("the interpreter's name %w", err)
	}
	end := bytes.IndexByte(b, 0)
	if end < 0 {
		return errors.New("the interpreter's name has no end")
	}
	a.Interp = fact.Known(fact.Escape(b[:end]))
	return nil
}

// readNotes reads the segments of notes and properties.
func (f *file) readNotes(segments []segment) error {
	count := 0
	for i := range segments {
		s := &segments[i]
		if s.typ != segmentNote && s.typ != segmentProperty {
			continue
		}
		if count++; count > maxNoteSections {
			return errors.New("there are too many segments of notes")
		}
		if s.filesz > maxNotes {
			return fmt.Errorf("a segment of notes %w", errBudget)
		}
		b, err := f.r.at(s.off, s.filesz)
		if err != nil && f.companion {
			continue // its bytes were taken out
		}
		if err != nil {
			return fmt.Errorf("a segment of notes %w", err)
		}
		f.notes.read(f.r, b, s.memalgn, f.h.machine)
	}
	return nil
}

// describeDynamic fills in what the dynamic section decides, for programs and libraries.
func (f *file) describeDynamic(ctx context.Context, a *fact.ELF) (damage []error) {
	shared := f.h.typ == typeShared
	if f.h.typ == typeExecutable {
		a.PIE = fact.Known(false)
	}
	d := &dynamic{}
	if f.dyn != nil {
		var err error
		if d, err = f.dynamic(*f.dyn); err != nil {
			if shared && f.interp != nil {
				a.Type = "pie"
			}
			a.NX = f.nx(false)
			return []error{err}
		}
	}
	a.Needed, a.SOName, a.RPath, a.TextRel = fact.Known(append([]string{}, d.needed...)), d.soname, d.rpath, fact.Known(d.textrel)
	// A library can have an interpreter as well (libc.so.6, to be run for its version): its own name tells it from a program that
	// was linked before there was a flag for programs (binutils 2.26).
	_, named := d.soname.Get()
	if shared && (d.pie || f.interp != nil && !named) {
		a.Type, a.PIE = "pie", fact.Known(true)
	}
	switch {
	case !f.relro:
	case d.now:
		a.RELRO = fact.Known("full")
	default:
		a.RELRO = fact.Known("partial")
	}
	gnu := f.linksGNU(a, d)
	a.NX = f.nx(gnu)
	im, err := f.symbols(ctx, d)
	if err != nil {
		return []error{err}
	}
	a.Canary = f.canaryOf(ctx, d, im, a.Language)
	if f.dyn != nil {
		im.describe(a, gnu)
	}
	return nil
}

// describe fills in what is known of checked variants. They are the GNU C library's (and Android's): where another library is linked, that
// none is called says nothing.
func (im *imports) describe(a *fact.ELF, gnu bool) {
	slices.Sort(im.unchecked)
	switch {
	case im.checked:
		a.Fortify = fact.Known(true)
	case gnu && len(im.unchecked) > 0:
		a.Fortify = fact.Known(false)
	}
	if gnu || im.checked {
		a.Unchecked = fact.Known(append([]string{}, im.unchecked...))
	}
}

// linksGNU tells whether the C library that the file is linked with is the GNU one.
func (f *file) linksGNU(a *fact.ELF, d *dynamic) bool {
	if slices.Contains(d.needed, "libc.so.6") || slices.Contains(d.needed, "libc.so.6.1") {
		return true
	}
	interp, _ := a.Interp.Get()
	base := interp[strings.LastIndexByte(interp, '/')+1:]
	return strings.HasPrefix(base, "ld-linux") || base == "ld64.so.1" || base == "ld64.so.2"
}

// nx tells whether the stack is not executable.
func (f *file) nx(gnu bool) fact.Opt[bool] {
	switch {
	case f.stack != nil:
		return fact.Known(f.stack.flags&flagX == 0)
	case !f.h.loaded:
		return fact.Opt[bool]{}
	}
	if executable, known := stackWithout(f.h.machine, gnu); known {
		return fact.Known(!executable)
	}
	return fact.Opt[bool]{}
}

func (f *file) wideHash() bool {
	return f.r.wide && (f.h.machine == machineS390 || f.h.machine == machineAlpha)
}
