package elf

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe/observetest"
)

// content is a file's bytes, held in memory or, as large files are, read from elsewhere.
type content struct {
	*bytes.Reader
	b    []byte
	held bool
}

func contentOf(b []byte, held bool) content { return content{bytes.NewReader(b), b, held} }

func (c content) Size() int64  { return int64(len(c.b)) }
func (c content) Head() []byte { return c.b[:min(len(c.b), 4096)] }
func (c content) Bytes() []byte {
	if c.held {
		return c.b
	}
	return nil
}

// lookBoth looks at bytes in both ways and demands the same of them.
func lookBoth(t testing.TB, b []byte) ([]fact.Record, error) {
	t.Helper()
	held, err1 := look(t.Context(), contentOf(b, true))
	read, err2 := look(t.Context(), contentOf(b, false))
	if (err1 == nil) != (err2 == nil) || !cmp.Equal(attrsOf(held), attrsOf(read)) {
		t.Errorf("from memory %s, %v; from a file %s, %v", attrsOf(held), err1, attrsOf(read), err2)
	}
	return held, err1
}

func attrsOf(records []fact.Record) string {
	var s []string
	for _, r := range records {
		s = append(s, string(fact.AttrsJSON(r.Attrs)))
	}
	return strings.Join(s, "\n")
}

var (
	little = binary.ByteOrder(binary.LittleEndian)
	big    = binary.ByteOrder(binary.BigEndian)
)

// program is a well hardened one; each case of TestAttributes changes something.
func program(wide bool, order binary.ByteOrder, machine uint16) *builder {
	return &builder{
		wide: wide, order: order, typ: typeShared, machine: machine, interp: "/lib/ld-linux.so", needed: []string{"libc.so.6"},
		segments: [][2]uint32{{segmentStack, 6}, {segmentRELRO, 4}},
		tags:     [][2]uint64{{tagFlags, flagBindNow}, {tagFlags1, flag1Now | flag1PIE}},
		imports:  []string{"__stack_chk_fail", "__memcpy_chk", "memcpy", "exit"},
	}
}

func TestAttributes(t *testing.T) {
	const hardened = `"needed":["libc.so.6"],"nx":true,"pie":true,"relro":"full","rwx":false,"stripped":true,"textrel":false,"type":"pie","unchecked":["memcpy"]}`
	for _, c := range []struct {
		name    string
		machine uint16
		change  func(b *builder)
		want    string // what stands in the attributes; a leading ! is what does not
	}{
		{"hardened", machineARM, nil, `{"bits":BITS,"canary":true,"dynamic":true,"fortify":true,"interpreter":"/lib/ld-linux.so","machine":"arm",` + hardened},
		{"executable stack", machineARM, func(b *builder) { b.segments[0][1] = 7 }, `"nx":false`},
		{"no word of the stack, i386", machine386, func(b *builder) { b.segments = nil }, `"nx":false`},
		{"no word of the stack, arm", machineARM, func(b *builder) { b.segments = nil }, `"nx":false`},
		{"no word of the stack, riscv", machineRISCV, func(b *builder) { b.segments = nil }, `"nx":true`},
		{"no word of the stack, aarch64", machineAArch64, func(b *builder) { b.segments = nil }, `!"nx"`},
		{"no word of the stack, x86_64 GNU", machineX86_64, func(b *builder) { b.segments = nil }, `"nx":false`},
		{"no word of the stack, x86_64", machineX86_64, func(b *builder) { b.segments, b.needed, b.interp = nil, []string{"libc.so"}, "/lib/ld-musl-x.so.1" }, `!"nx"`},
		{"no relocations read-only", machineARM, func(b *builder) { b.segments = b.segments[:1] }, `"relro":"none"`},
		{"lazy", machineARM, func(b *builder) { b.tags = [][2]uint64{{tagFlags1, flag1PIE}} }, `"relro":"partial"`},
		{"now by the old tag", machineARM, func(b *builder) { b.tags = [][2]uint64{{tagBindNow, 0}} }, `"relro":"full"`},
		{"now by the newer flag", machineARM, func(b *builder) { b.tags = [][2]uint64{{tagFlags1, flag1Now}} }, `"relro":"full"`},
		{"library", machineARM, func(b *builder) { b.interp, b.soname, b.tags = "", "libx.so.1", nil }, `"soname":"libx.so.1","stripped":true,"textrel":false,"type":"library"`},
		{"library is no program", machineARM, func(b *builder) { b.interp, b.tags = "", nil }, `!"pie"`},
		{"libc", machineARM, func(b *builder) { b.soname, b.tags = "libc.so.6", nil }, `"type":"library"`},
		{"old position independent program", machineARM, func(b *builder) { b.tags = nil }, `"pie":true`},
		{"fixed address", machineARM, func(b *builder) { b.typ = typeExecutable }, `"pie":false`},
		{"no canary", machineARM, func(b *builder) { b.imports = b.imports[1:] }, `"canary":false`},
		{"guard", machineARM, func(b *builder) { b.imports = []string{"__stack_chk_guard"} }, `"canary":true`},
		{"gives the canary to others", machineARM, func(b *builder) { b.imports, b.exports = nil, []string{"__stack_chk_fail"} }, `!"canary"`},
		{"unchecked", machineARM, func(b *builder) { b.imports = []string{"strcpy", "memcpy", "strcpy"} }, `"fortify":false`},
		{"unchecked, listed", machineARM, func(b *builder) { b.imports = []string{"strcpy", "memcpy", "strcpy"} }, `"unchecked":["memcpy","strcpy"]`},
		{"nothing to check", machineARM, func(b *builder) { b.imports = []string{"exit"} }, `!"fortify"`},
		{"nothing to check, listed", machineARM, func(b *builder) { b.imports = []string{"exit"} }, `"unchecked":[]`},
		{"not the GNU library", machineARM, func(b *builder) {
			b.imports, b.needed, b.interp = []string{"strcpy"}, []string{"libc.so"}, "/lib/ld-musl-arm.so.1"
		}, `!"fortify"`},
		{"not the GNU library, listed", machineARM, func(b *builder) {
			b.imports, b.needed, b.interp = []string{"strcpy"}, []string{"libc.so"}, "/lib/ld-musl-arm.so.1"
		}, `!"unchecked"`},
		{"somebody's own check", machineARM, func(b *builder) { b.imports = []string{"__own_chk", "strcpy"} }, `"fortify":false`},
		{"long double of POWER", machinePPC64, func(b *builder) { b.imports = []string{"__printf_chkieee128"} }, `"fortify":true`},
		{"search path", machineARM, func(b *builder) { b.tags = [][2]uint64{{tagRunPath, 0}, {tagRPath, 0}} }, `"rpath":"/run"`},
		{"old search path", machineARM, func(b *builder) { b.tags = [][2]uint64{{tagRPath, 0}} }, `"rpath":"/r"`},
		{"relocations in code", machineARM, func(b *builder) { b.tags = [][2]uint64{{tagTextRel, 0}} }, `"textrel":true`},
		{"relocations in code by flag", machineARM, func(b *builder) { b.tags = [][2]uint64{{tagFlags, flagTextRel}} }, `"textrel":true`},
		{"writable code", machineARM, func(b *builder) { b.segments = append(b.segments, [2]uint32{segmentLoad, 7}) }, `"rwx":true`},
		{"unknown machine", 999, nil, `"machine":"em-999"`},
		{"library's name is escaped", machineARM, func(b *builder) { b.needed = []string{"a\xff\nb"} }, `"needed":["a%FF%0Ab"]`},
		{"go", machineARM, func(b *builder) { b.imports, b.sections = b.imports[1:], []built{{name: ".go.buildinfo", typ: 1}} }, `"language":"go"`},
		{"no canary in go", machineARM, func(b *builder) { b.imports, b.sections = b.imports[1:], []built{{name: ".go.buildinfo", typ: 1}} }, `!"canary"`},
		{"rust", machineARM, func(b *builder) {
			b.sections = []built{{name: ".comment", typ: 1, data: "GCC: 1\x00rustc version 1.80.0\x00"}}
		}, `"language":"rust"`},
		{"rust by its symbols", machineARM, func(b *builder) {
			b.sections = []built{{name: ".symtab", typ: sectionSymbols, link: 2}, {name: ".strtab", typ: 3, data: "\x00rust_eh_personality\x00"}}
		}, `"language":"rust"`},
		{"not stripped", machineARM, func(b *builder) { b.sections = []built{{name: ".symtab", typ: sectionSymbols}} }, `"stripped":false`},
		{"static, stripped", machineARM, static, `!"canary"`},
		{"static", machineARM, func(b *builder) {
			static(b)
			b.sections = []built{{name: ".symtab", typ: sectionSymbols, link: 2}, {name: ".strtab", typ: 3, data: "\x00main\x00__stack_chk_fail\x00"}}
		}, `"canary":true,"dynamic":false,"machine":"arm","needed":[]`},
		{"static, none", machineARM, func(b *builder) {
			static(b)
			b.sections = []built{{name: ".symtab", typ: sectionSymbols, link: 2}, {name: ".strtab", typ: 3, data: "\x00main\x00__stack_chk_failed\x00"}}
		}, `"canary":false`},
		{"object", machineARM, func(b *builder) {
			*b = builder{wide: b.wide, order: b.order, typ: typeRelocatable, machine: machineARM}
			b.sections = []built{{name: ".symtab", typ: sectionSymbols, link: 2}, {name: ".strtab", typ: 3, data: "\x00__stack_chk_fail\x00"}}
		}, `"canary":true,"dynamic":false,"machine":"arm","needed":[],"rwx":false,"stripped":false,"type":"relocatable"}`},
		{"core", machineARM, func(b *builder) { b.typ = typeCore }, `"machine":"arm","needed":[],"rwx":false,"stripped":true,"type":"core"}`},
		{"debug information", machineARM, func(b *builder) {
			b.sections = []built{{name: ".text", typ: sectionNoBits, flags: sectionExec, data: "x"}}
		}, `!"needed"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, wide := range []bool{false, true} {
				for _, order := range []binary.ByteOrder{little, big} {
					for _, gnuHash := range []bool{false, true} {
						b := program(wide, order, c.machine)
						if c.change != nil {
							c.change(b)
						}
						b.gnuHash = gnuHash
						if gnuHash { // imports stand in no GNU table: an export bounds them
							if len(b.exports) == 0 && (b.needed != nil || b.tags != nil) {
								b.exports = []string{"own"}
							}
						}
						records, err := lookBoth(t, b.bytes())
						if err != nil {
							t.Fatal(err)
						}
						got := attrsOf(records)
						want := strings.Replace(c.want, "BITS", map[bool]string{false: "32", true: "64"}[wide], 1)
						unwanted, not := strings.CutPrefix(want, "!")
						if strings.Contains(got, unwanted) == not {
							t.Errorf("64 bit %v, %v, GNU hash %v: got %s, want %s", wide, order, gnuHash, got, want)
						}
					}
				}
			}
		})
	}
}

func static(b *builder) {
	b.typ, b.interp, b.needed, b.tags, b.imports, b.exports = typeExecutable, "", nil, nil, nil, nil
}

// note returns a note of 64 bit files.
func note(order binary.ByteOrder, name string, typ uint32, desc []byte) []byte {
	var w bytes.Buffer
	for _, v := range []uint32{uint32(len(name)), uint32(len(desc)), typ} {
		_ = binary.Write(&w, order, v)
	}
	w.WriteString(name)
	w.Write(desc)
	w.Write(make([]byte, (8-w.Len()%8)%8))
	return w.Bytes()
}

func property(order binary.ByteOrder, typ, bits uint32) []byte {
	var w bytes.Buffer
	for _, v := range []uint32{typ, 4, bits, 0} {
		_ = binary.Write(&w, order, v)
	}
	return w.Bytes()
}

func TestNotes(t *testing.T) {
	for _, c := range []struct {
		name    string
		machine uint16
		notes   []byte
		want    string
	}{
		{"both", machineX86_64, note(little, "GNU\x00", noteProperty, property(little, propertyX86, 3)), `"cet":true`},
		{"one of two", machineX86_64, note(little, "GNU\x00", noteProperty, property(little, propertyX86, 1)), `"cet":false`},
		{"behind another", machineX86_64, note(little, "GNU\x00", noteProperty, append(property(little, 0xc0000000, 9), property(little, propertyX86, 3)...)), `"cet":true`},
		{"of another architecture", machineX86_64, note(little, "GNU\x00", noteProperty, property(little, propertyAArch64, 3)), `"cet":false`},
		{"BTI", machineAArch64, note(little, "GNU\x00", noteProperty, property(little, propertyAArch64, 1)), `"cet":true`},
		{"unknown", machineMIPS, note(little, "GNU\x00", noteProperty, property(little, propertyX86, 3)), `!"cet"`},
		{"build id", machineMIPS, append(note(little, "GNU\x00", 1, []byte("xxxx")), note(little, "GNU\x00", noteBuildID, []byte{1, 0xfe})...), `"build_id":"01fe"`},
		{"absurd build id", machineMIPS, note(little, "GNU\x00", noteBuildID, make([]byte, 65)), `!"build_id"`},
		{"somebody's note", machineMIPS, note(little, "ABC\x00", noteBuildID, []byte{1, 2}), `!"build_id"`},
		{"go", machineMIPS, note(little, "Go\x00\x00", noteGo, []byte("id")), `"language":"go"`},
		{"endless", machineX86_64, []byte{4, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 5, 0, 0, 0, 'G', 'N', 'U', 0}, `"cet":false`},
	} {
		b := program(true, little, c.machine)
		b.notes = c.notes
		records, err := lookBoth(t, b.bytes())
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		}
		got := attrsOf(records)
		unwanted, not := strings.CutPrefix(c.want, "!")
		if strings.Contains(got, unwanted) == not {
			t.Errorf("%s: got %s, want %s", c.name, got, c.want)
		}
	}
}

// TestDamage has files that are cut or lie about themselves: an error, and no attribute that hangs on what is missing.
func TestDamage(t *testing.T) {
	whole := program(true, little, machineX86_64).bytes()
	change := func(at int, value ...byte) []byte {
		b := bytes.Clone(whole)
		copy(b[at:], value)
		return b
	}
	phdr := func(typ uint32) int { // offset of the first program header of a type
		for at := 64; ; at += 56 {
			if little.Uint32(whole[at:]) == typ {
				return at
			}
		}
	}
	dyn := int(little.Uint64(whole[phdr(segmentDynamic)+8:]))
	tag := func(want uint64) int { // offset of a tag's value
		for at := dyn; ; at += 16 {
			if little.Uint64(whole[at:]) == want {
				return at + 8
			}
		}
	}
	for _, c := range []struct {
		name    string
		b       []byte
		wrong   string // in the error
		absent  string // attributes that must not be there, or "*" where there is no fact at all
		present string
	}{
		{"magic only", []byte(magic), "ends inside", "*", ""},
		{"cut header", whole[:40], "ends inside", "*", ""},
		{"class", change(4, 3), "class 3", "*", ""},
		{"byte order", change(5, 0), "byte order 0", "*", ""},
		{"cut program headers", whole[:200], "table of program headers lies outside", "*", ""},
		{"size of program headers", change(54, 57), "have 57 bytes", "*", ""},
		{"place of program headers", change(32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), "outside", "*", ""},
		{"dynamic section outside", change(phdr(segmentDynamic)+8, 0, 0, 0, 0x7f, 0, 0, 0, 0, 0, 0, 0, 0x70), "dynamic section lies outside", "canary fortify needed pie relro textrel", "nx"},
		{"huge dynamic section", change(phdr(segmentDynamic)+32, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff), "is larger", "canary needed", "nx"},
		{"no names", change(tag(tagStrings), 0, 0, 0, 0x70), "lies in no segment", "canary needed", "nx"},
		{"huge names", change(tag(tagStringsSize), 0xff, 0xff, 0xff, 0x7f), "is larger", "canary needed", "nx"},
		{"library outside its table", change(tag(tagNeeded), 0, 0, 1), "lies outside its table", "canary needed", "nx"},
		{"symbols nowhere", change(tag(tagSymbols), 0, 0, 0, 0x70), "symbol table lies in no segment", "canary fortify unchecked", "needed relro"},
		{"interpreter outside", change(phdr(segmentInterp)+8, 0, 0, 0, 0x70), "interpreter's name lies outside", "interpreter", "needed relro"},
		{"interpreter's size", change(phdr(segmentInterp)+32, 0, 0), "interpreter's name has 0", "interpreter", "needed relro"},
		{"cut", whole[:len(whole)-40], "segment lies outside", "", "nx"},
	} {
		records, err := lookBoth(t, c.b)
		if err == nil || !strings.Contains(err.Error(), c.wrong) {
			t.Errorf("%s: got the error %v, want %q", c.name, err, c.wrong)
		}
		got := attrsOf(records)
		if (got == "") != (c.absent == "*") {
			t.Errorf("%s: facts: %s", c.name, got)
			continue
		}
		for name := range strings.FieldsSeq(c.absent) {
			if strings.Contains(got, `"`+name+`":`) {
				t.Errorf("%s: has %s: %s", c.name, name, got)
			}
		}
		for name := range strings.FieldsSeq(c.present) {
			if !strings.Contains(got, `"`+name+`":`) {
				t.Errorf("%s: lacks %s: %s", c.name, name, got)
			}
		}
	}
}

// TestHostile has files that make much of little: each ends soon, and says why.
func TestHostile(t *testing.T) {
	b := program(true, little, machineX86_64)
	b.needed = slices.Repeat([]string{strings.Repeat("a", 4000)}, 100)
	if records, err := lookBoth(t, b.bytes()); err == nil || strings.Contains(attrsOf(records), `"needed"`) {
		t.Errorf("long names: %v", err)
	}
	b = program(true, little, machineX86_64)
	for range 1000 {
		b.segments = append(b.segments, [2]uint32{segmentNote, 4})
	}
	if _, err := lookBoth(t, b.bytes()); err == nil || !strings.Contains(err.Error(), "too many segments of notes") {
		t.Errorf("notes: %v", err)
	}
	// A GNU hash table whose chain does not end, and counts that no file could have.
	for _, at := range [][2]uint64{{tagGNUHash, 0x40}, {tagMIPSSymbols, 1 << 60}, {tagMIPSSymbols, maxSymbols}} {
		b = program(true, little, machineX86_64)
		b.tags = append(b.tags, [2]uint64{at[0], base + at[1]})
		if _, err := lookBoth(t, b.bytes()); err == nil && at[0] != tagGNUHash {
			t.Errorf("tag %x: no error", at[0])
		}
	}
}

// TestSectionsDamaged has sections outside the file: the program would run all the same, and only what they would have told is unknown.
func TestSectionsDamaged(t *testing.T) {
	b := program(true, little, machineX86_64).bytes()
	little.PutUint64(b[40:], 1<<40)
	little.PutUint16(b[58:], 64)
	little.PutUint16(b[60:], 10)
	records, err := lookBoth(t, b)
	if got := attrsOf(records); err != nil || strings.Contains(got, `"stripped"`) || !strings.Contains(got, `"canary":true`) {
		t.Errorf("%s, %v", got, err)
	}
}

func TestUnknownType(t *testing.T) {
	b := program(true, little, machineX86_64).bytes()
	little.PutUint16(b[16:], 0xfe00)
	records, err := lookBoth(t, b)
	if got := attrsOf(records); err != nil || !strings.Contains(got, `"hides":["elf"],"reason":"unsupported"`) {
		t.Errorf("%s, %v", got, err)
	}
}

// TestGolden runs the observer over a system, twice the same bytes, noise behind the magic and a file that is none.
func TestGolden(t *testing.T) {
	whole := string(program(true, little, machineX86_64).bytes())
	observetest.Golden(t, "small", observetest.Facts(t, Observer(), observetest.Files{
		"bin/a": whole, "bin/b": whole, "bin/link": "-> a", "bin/cut": whole[:len(whole)-40], "bin/noise": magic + strings.Repeat("\x9c\x01\xf3", 50),
		"bin/text": "#!/bin/sh\n", "lib/old.so": string(program(false, big, machineMIPS).bytes()), "bin/empty": "",
	}))
}

// compiled are programs as the machine's own compiler makes them.
var compiled = []struct {
	flags string
	want  []string // what stands in the attributes; a leading ! is what does not
}{
	{
		"-O2 -fPIE -pie -Wl,-z,relro,-z,now -fstack-protector-all -D_FORTIFY_SOURCE=2 -Wl,--build-id",
		[]string{`"canary":true`, `"fortify":true`, `"nx":true`, `"pie":true`, `"relro":"full"`, `"type":"pie"`, `"stripped":false`, `"build_id":"`},
	},
	{
		"-O2 -no-pie -Wl,-z,norelro -fno-stack-protector -U_FORTIFY_SOURCE -z execstack -s",
		[]string{`"canary":false`, `"fortify":false`, `"nx":false`, `"pie":false`, `"relro":"none"`, `"type":"executable"`, `"stripped":true`, `"unchecked":["strcpy"]`},
	},
	{"-O0 -fPIE -pie -Wl,-z,relro,-z,lazy -Wl,-rpath,/opt/x -Wl,--disable-new-dtags", []string{`"relro":"partial"`, `"rpath":"/opt/x"`}},
	{"-static -fno-stack-protector", []string{`"dynamic":false`, `!"fortify"`, `"needed":[]`, `"pie":false`, `"type":"executable"`}},
	{"-static -s", []string{`!"canary"`, `"stripped":true`}},
	{"-static-pie", []string{`"pie":true`, `"type":"pie"`, `!"interpreter"`, `"canary":true`}},
	{"-static-pie -s", []string{`"pie":true`, `!"canary"`}},
	{"-shared -fPIC -fstack-protector-all -Wl,-soname,liba.so.1", []string{`"type":"library"`, `"soname":"liba.so.1"`, `!"pie"`, `"canary":true`}},
	{"-c -fstack-protector-all", []string{`"type":"relocatable"`, `"canary":true`, `!"nx"`, `!"relro"`, `!"pie"`}},
	{"-c -fno-stack-protector", []string{`"type":"relocatable"`, `"canary":false`}},
	{"-Wl,--hash-style=gnu -fno-stack-protector", []string{`"canary":false`}},
	{"-Wl,--hash-style=sysv -fstack-protector-all", []string{`"canary":true`}},
}

const source = `#include <string.h>
#include <stdio.h>
int main(int n, char **v) { char b[16]; strcpy(b, v[0]); puts(b); return n; }
`

func TestCompiled(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range compiled {
		args := append(strings.Fields(c.flags), "-w", "-o", "a.out", "a.c")
		run(t, dir, "gcc", args...)
		got := lookAt(t, filepath.Join(dir, "a.out"))
		for _, want := range c.want {
			unwanted, not := strings.CutPrefix(want, "!")
			if strings.Contains(got, unwanted) == not {
				t.Errorf("gcc %s: got %s, want %s", c.flags, got, want)
			}
		}
		compareReadelf(t, filepath.Join(dir, "a.out"), got)
	}
	// Without any section, as small systems strip programs: symbols are still found.
	run(t, dir, "gcc", "-O2", "-fstack-protector-all", "-D_FORTIFY_SOURCE=2", "-w", "-o", "a.out", "a.c")
	b, err := os.ReadFile(filepath.Join(dir, "a.out"))
	if err != nil {
		t.Fatal(err)
	}
	little.PutUint64(b[40:], 0)
	copy(b[58:], make([]byte, 6))
	records, err := lookBoth(t, b)
	got := attrsOf(records)
	if err != nil || !strings.Contains(got, `"canary":true`) || !strings.Contains(got, `"fortify":true`) || !strings.Contains(got, `"stripped":true`) {
		t.Errorf("without sections: %s, %v", got, err)
	}
	// Debug information apart.
	run(t, dir, "objcopy", "--only-keep-debug", "a.out", "a.debug")
	if got := lookAt(t, filepath.Join(dir, "a.debug")); strings.Contains(got, `"canary"`) || !strings.Contains(got, `"nx":true`) {
		t.Errorf("debug information: %s", got)
	}
}

func run(t testing.TB, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "LC_ALL=C")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

func lookAt(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	records, err := lookBoth(t, b)
	if err != nil {
		t.Errorf("%s: %v", name, err)
	}
	return attrsOf(records)
}

// compareReadelf compares what readelf(1) prints.
func compareReadelf(t *testing.T, name, attrs string) {
	t.Helper()
	out := run(t, "", "readelf", "-W", "-h", "-l", "-d", "-S", "-n", name)
	matches := func(expr string) bool { return regexp.MustCompile("(?m)" + expr).MatchString(out) }
	if !matches(`^\s+Type:\s+REL`) {
		if m := matches(`GNU_STACK .* RW `); m != strings.Contains(attrs, `"nx":true`) {
			t.Errorf("stack is not executable: readelf says %v: %s", m, attrs)
		}
		if m := matches(`GNU_RELRO`); m == strings.Contains(attrs, `"relro":"none"`) {
			t.Errorf("has a part that becomes read-only: readelf says %v: %s", m, attrs)
		}
		if m := matches(`x86 feature:.*IBT, SHSTK`); m != strings.Contains(attrs, `"cet":true`) {
			t.Errorf("indirect branch tracking and shadow stack: readelf says %v: %s", m, attrs)
		}
	}
	for _, id := range regexp.MustCompile(`Build ID: (\w+)`).FindAllStringSubmatch(out, -1) {
		if !strings.Contains(attrs, `"build_id":"`+id[1]+`"`) {
			t.Errorf("build id %s: %s", id[1], attrs)
		}
	}
	if m := matches(`\sSYMTAB\s`); m != strings.Contains(attrs, `"stripped":false`) {
		t.Errorf("has a symbol table: readelf says %v: %s", m, attrs)
	}
}

// TestGo has the test's own program: the tool chain of Go made it.
func TestGo(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if got := lookAt(t, self); !strings.Contains(got, `"language":"go"`) || strings.Contains(got, `"canary":false`) {
		t.Errorf("%s", got)
	}
}

func TestCancelled(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if records, err := look(ctx, contentOf(program(true, little, machineX86_64).bytes(), true)); err == nil || records != nil {
		t.Errorf("%v, %v", records, err)
	}
}

func FuzzLook(f *testing.F) {
	for _, wide := range []bool{false, true} {
		for _, order := range []binary.ByteOrder{little, big} {
			for _, gnu := range []bool{false, true} {
				b := program(wide, order, machineX86_64)
				b.gnuHash, b.exports = gnu, []string{"own", "other", "third"}
				b.notes = append(note(order, "GNU\x00", noteProperty, property(order, propertyX86, 3)), note(order, "GNU\x00", noteBuildID, []byte{1, 2})...)
				b.sections = []built{{name: ".symtab", typ: sectionSymbols, link: 2}, {name: ".strtab", typ: 3, data: "\x00main\x00"}, {name: ".comment", typ: 1, data: "x"}}
				f.Add(b.bytes())
			}
		}
	}
	f.Add([]byte(magic))
	f.Fuzz(func(t *testing.T, b []byte) {
		if !wants(b, int64(len(b))) {
			return
		}
		records, _ := lookBoth(t, b)
		for _, r := range records {
			line := fact.Encode(kind, fact.Location{Node: "x"}, r)
			if err := observetest.Check(fact.KindOf(r.Attrs), line); err != nil {
				t.Errorf("%v in %s", err, line)
			}
		}
	})
}

func BenchmarkLook(b *testing.B) {
	dir := b.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "a.c"), []byte(source), 0o600); err != nil {
		b.Fatal(err)
	}
	for _, flags := range []string{"-O2", "-static", "-static -s"} {
		run(b, dir, "gcc", append(strings.Fields(flags), "-w", "-o", "a.out", "a.c")...)
		bytes, err := os.ReadFile(filepath.Join(dir, "a.out"))
		if err != nil {
			b.Fatal(err)
		}
		b.Run(flags, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := look(b.Context(), contentOf(bytes, true)); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
