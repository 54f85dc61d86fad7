package fact

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// SortLines sorts lines of one kind as a dossier keeps them and drops repeated ones: by node, then by the excerpt's offset (a fact
// without one comes first), then by the line itself, each as bytes. It reuses the slice.
func SortLines(lines []string) ([]string, error) {
	keyed := make([]keyedLine, len(lines))
	for i, l := range lines {
		k, err := keyOf(l)
		if err != nil {
			return nil, err
		}
		keyed[i] = k
	}
	slices.SortFunc(keyed, compareLines)
	out := lines[:0]
	for i, k := range keyed {
		if i == 0 || k.line != keyed[i-1].line {
			out = append(out, k.line)
		}
	}
	clear(lines[len(out):])
	return out, nil
}

type keyedLine struct {
	node   string
	offset int64
	line   string
}

func compareLines(a, b keyedLine) int {
	if c := strings.Compare(a.node, b.node); c != 0 {
		return c
	}
	if c := cmp.Compare(a.offset, b.offset); c != 0 {
		return c
	}
	return strings.Compare(a.line, b.line)
}

// keyOf reads what a line is sorted by.
func keyOf(line string) (keyedLine, error) {
	k := keyedLine{line: line, offset: -1}
	s := scanner{in: line}
	for m, name := s.first(); name != ""; name = s.next(&m) {
		switch name {
		case "node":
			k.node = s.text()
		case "excerpt":
			k.offset = s.offset()
		case "attrs":
			for m, name := s.first(); name != ""; name = s.next(&m) {
				s.skip("")
			}
		default:
			s.skip("")
		}
	}
	if s.err != nil {
		return k, fmt.Errorf("reading a fact at byte %d: %w", s.pos, s.err)
	}
	return k, nil
}
