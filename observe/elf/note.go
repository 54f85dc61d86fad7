package elf

import (
	"bytes"
	"encoding/hex"

	"github.com/probat-lab/probat/fact"
)

// Notes of the GNU and Go tool chains (elf.h of glibc; Go's cmd/internal/buildid).
const (
	noteBuildID  = 3
	noteProperty = 5
	noteGo       = 4

	maxNotes   = 64 << 10 // bytes of one segment
	maxBuildID = 64       // bytes; a SHA-1 has 20
)

// notes is what the notes of a file say.
type notes struct {
	buildID  fact.Opt[string]
	golang   bool
	features uint32 // of the property that all parts of the program have, by architecture
}

// read reads one run of notes: three words (size of the name, size of the description, type), the name, the description, each padded.
func (n *notes) read(r *reader, b []byte, align uint64, machine uint16) {
	if align != 8 {
		align = 4
	}
	for len(b) >= 12 {
		nameSize, descSize, typ := uint64(r.order.Uint32(b)), uint64(r.order.Uint32(b[4:])), r.order.Uint32(b[8:])
		descAt := pad(12+nameSize, align)
		if descAt > uint64(len(b)) || descSize > uint64(len(b))-descAt {
			return
		}
		name, desc := b[12:12+nameSize], b[descAt:descAt+descSize]
		switch {
		case bytes.Equal(name, []byte("GNU\x00")) && typ == noteBuildID && descSize > 0 && descSize <= maxBuildID:
			n.buildID = fact.Known(hex.EncodeToString(desc))
		case bytes.Equal(name, []byte("GNU\x00")) && typ == noteProperty:
			n.properties(r, desc, machine)
		case bytes.Equal(name, []byte("Go\x00\x00")) && typ == noteGo:
			n.golang = true
		}
		next := pad(descAt+descSize, align)
		if next >= uint64(len(b)) {
			return
		}
		b = b[next:]
	}
}

func pad(n, align uint64) uint64 { return (n + align - 1) &^ (align - 1) }

// Properties that the Linux gABI extension and the processor supplements define: bits that the linker sets where all
// objects have them.
const (
	propertyX86     = 0xc0000002 // GNU_PROPERTY_X86_FEATURE_1_AND
	propertyAArch64 = 0xc0000000 // GNU_PROPERTY_AARCH64_FEATURE_1_AND

	featureIBT   = 1
	featureSHSTK = 2
	featureBTI   = 1
)

func (n *notes) properties(r *reader, b []byte, machine uint16) {
	want := uint32(propertyX86)
	if machine == machineAArch64 {
		want = propertyAArch64
	}
	for len(b) >= 8 {
		typ, size := r.order.Uint32(b), uint64(r.order.Uint32(b[4:]))
		if size > uint64(len(b))-8 {
			return
		}
		if typ == want && size == 4 {
			n.features |= r.order.Uint32(b[8:])
		}
		next := pad(8+size, uint64(r.pick(4, 8)))
		if next >= uint64(len(b)) {
			return
		}
		b = b[next:]
	}
}

// cet returns whether the program asks for all of what its architecture offers against bent control flow.
func (n *notes) cet(machine uint16) fact.Opt[bool] {
	const both = featureIBT | featureSHSTK
	switch machine {
	case machine386, machineX86_64:
		return fact.Known(n.features&both == both)
	case machineAArch64:
		return fact.Known(n.features&featureBTI != 0)
	}
	return fact.Opt[bool]{}
}
