package elf

import (
	"bytes"
	"context"

	"github.com/probat-lab/probat/fact"
)

// canaryOf tells whether the file refers to the stack protector. Whoever takes functions from libraries takes it from there too; what is
// whole in itself has it among its own symbols, or nobody can tell.
func (f *file) canaryOf(ctx context.Context, d *dynamic, im *imports, language fact.Opt[string]) fact.Opt[bool] {
	if im.canary {
		return fact.Known(true)
	}
	if im.defines {
		return fact.Opt[bool]{} // the C library itself: that it has it for others says nothing of its own code
	}
	if len(d.needed) == 0 && !im.others {
		found, known := f.hasSymbol(ctx, guardNames)
		if !known {
			return fact.Opt[bool]{}
		}
		if found {
			return fact.Known(true)
		}
	}
	if _, other := language.Get(); other {
		return fact.Opt[bool]{} // the compilers of Go and Rust have no stack protector
	}
	return fact.Known(false)
}

var (
	guardNames = [][]byte{[]byte("__stack_chk_fail\x00"), []byte("__stack_chk_fail_local\x00"), []byte("__stack_chk_guard\x00")}
	rustNames  = [][]byte{[]byte("rust_eh_personality\x00"), []byte("rust_begin_unwind\x00"), []byte("__rust_alloc\x00")}
)

// hasSymbol tells whether the symbol table (beside the dynamic one) has a symbol whose name ends in one of these; known is false where there is none
// to look at. It goes through the names only, which is fast, whatever they belong to.
func (f *file) hasSymbol(ctx context.Context, names [][]byte) (found, known bool) {
	if f.symtab == nil {
		return false, false
	}
	s, err := f.r.sectionAt(f.h, f.symtab.link)
	if err != nil || s.off > f.r.size || s.size > f.r.size-s.off {
		return false, false
	}
	const overlap = maxSymbol
	for at := uint64(0); at < s.size; at += chunk {
		if ctx.Err() != nil {
			return false, false
		}
		b, err := f.r.at(s.off+at, min(chunk+overlap, s.size-at))
		if err != nil {
			return false, false
		}
		for _, n := range names {
			if bytes.Contains(b, n) {
				return true, true
			}
		}
	}
	return false, true
}

const maxComment = 64 << 10

// language tells whether the file was made by the tool chain of Go or Rust: Go leaves a note and sections of its own; Rust its version among
// those of the compilers, or its run time among the symbols.
func (f *file) language(ctx context.Context) fact.Opt[string] {
	if f.golang || f.loose.golang || f.goSections {
		return fact.Known("go")
	}
	if s := f.comment; s != nil {
		if b, err := f.r.at(s.off, min(s.size, maxComment)); err == nil && bytes.Contains(b, []byte("rustc version ")) {
			return fact.Known("rust")
		}
	}
	if found, _ := f.hasSymbol(ctx, rustNames); found {
		return fact.Known("rust")
	}
	return fact.Opt[string]{}
}
