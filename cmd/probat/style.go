package main

import (
	"os"

	"github.com/probat-lab/probat/report"
)

// style paints for a terminal, unless NO_COLOR asks for none (no-color.org).
func (p *program) style() report.Style {
	if _, ok := isTerminal(p.out); !ok || os.Getenv("NO_COLOR") != "" || os.Getenv("TERM") == "dumb" {
		return report.Style{}
	}
	paint := func(code string) func(string) string {
		return func(s string) string { return "\x1b[" + code + "m" + s + "\x1b[0m" }
	}
	return report.Style{Good: paint("32"), Bad: paint("31"), Doubt: paint("33"), Faint: paint("2"), Strong: paint("1")}
}
