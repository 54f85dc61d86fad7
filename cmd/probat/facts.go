package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/report"
	"github.com/probat-lab/probat/scheme"
	"github.com/probat-lab/probat/strictyaml"
)

func (p *program) factsCommand() *cobra.Command {
	var kinds bool
	var kind, where, format string
	c := &cobra.Command{
		Use:   "facts DOSSIER",
		Short: "What was seen: the facts of a dossier, by kind and condition",
		Long: `facts prints the facts of a dossier, one a line: where each was seen, and its attributes. --where is an expression as in a
scheme's tests, over it: facts that it cannot decide are left out and counted on standard error.

Exit codes: 0 printed; 2 wrong usage, or an expression that is wrong`,
		Example: `  probat facts --kinds
  probat facts router.dossier --kind service
  probat facts router.dossier --kind file --where 'it.setuid && it.uid == 0'`,
		RunE: func(c *cobra.Command, args []string) error {
			if kinds {
				return p.printKinds()
			}
			if err := exact("DOSSIER")(c, args); err != nil {
				return err
			}
			return p.facts(args[0], kind, where, format)
		},
	}
	c.Flags().BoolVar(&kinds, "kinds", false, "list all kinds of facts and their attributes")
	c.Flags().StringVar(&kind, "kind", "", "facts of this kind only")
	c.Flags().StringVar(&where, "where", "", "facts for which this expression is true; needs --kind")
	c.Flags().StringVar(&format, "format", "text", "text, or json: one canonical JSON object a line, as in the dossier")
	return c
}

func (p *program) printKinds() error {
	for _, k := range fact.Kinds() {
		fmt.Fprintf(p.out, "%s: %s\n  key: %s\n", k.Name, k.Doc, strings.Join(k.Key, ", "))
		for _, f := range append(fact.Place(), k.Fields...) {
			note := ""
			if f.Optional {
				note += ", may be absent"
			}
			if f.Identity {
				note += ", for readers only: no test can read it"
			}
			fmt.Fprintf(p.out, "  %-28s %s%s: %s\n", f.Name, f.Type, note, f.Doc)
		}
		fmt.Fprintln(p.out)
	}
	return nil
}

func (p *program) facts(dir, kind, where, format string) error {
	if where != "" && kind == "" {
		return usage("probat facts --kinds", "--where needs --kind: an expression is about facts of one kind")
	}
	if format != "text" && format != "json" {
		return usage("--format text or --format json", "--format %q is not known", format)
	}
	var list []*fact.Kind
	for _, k := range fact.Kinds() {
		if kind == "" || k.Name == kind {
			list = append(list, k)
		}
	}
	if len(list) == 0 {
		return usage(nearKind(kind), "there is no kind of facts %q", kind)
	}
	var expr *scheme.Expr
	if where != "" {
		var err error
		if expr, err = scheme.Where(kind, where); err != nil {
			return err
		}
	}
	c, err := dossier.Read(dir)
	if err != nil {
		return err
	}
	unknown := 0
	for _, k := range list {
		n, err := p.printFacts(c, k, expr, format)
		if err != nil {
			return err
		}
		unknown += n
	}
	if unknown > 0 && !p.quiet {
		fmt.Fprintf(p.err, "%d facts could not be decided: an attribute that the expression reads is absent\n", unknown)
	}
	return nil
}

func nearKind(kind string) string {
	var names []string
	for _, k := range fact.Kinds() {
		names = append(names, k.Name)
	}
	if near := strictyaml.Nearest(kind, slices.Clone(names)); near != "" {
		return "did you mean " + near + "?"
	}
	return "kinds are " + strings.Join(names, ", ")
}

// printFacts prints the facts of a kind for which the expression holds, and returns how many it could not decide.
func (p *program) printFacts(c *dossier.Contents, k *fact.Kind, expr *scheme.Expr, format string) (unknown int, err error) {
	view := map[string]any{}
	if c.Declaration != nil {
		view = c.Declaration.View()
	}
	declared := scheme.NewDeclared(view)
	for f, err := range c.Facts.All(k.Name) {
		if err != nil {
			return unknown, err
		}
		if expr != nil {
			yes, err := expr.Bool(&scheme.Inputs{It: scheme.FactItem(f), Declaration: declared, AsOf: c.Manifest.AsOf, Lookups: setLookups{c.Facts, f}})
			if errors.Is(err, scheme.ErrCost) {
				return unknown, err
			}
			if err != nil {
				unknown++
				continue
			}
			if !yes {
				continue
			}
		}
		if format == "json" {
			fmt.Fprintf(p.out, "%s\n", f.Line())
			continue
		}
		fmt.Fprintf(p.out, "%s %s %s\n", k.Name, f.Node, report.Attributes(f))
		if f.Excerpt != nil {
			fmt.Fprintf(p.out, "    %s: %s\n", report.ExcerptPlace(f.Excerpt), f.Excerpt.Text)
		}
	}
	return unknown, nil
}

// setLookups answers find in an expression of the command line, in the system of the fact.
type setLookups struct {
	set *fact.Set
	it  *fact.Fact
}

func (l setLookups) Find(kind, key string) ([]*fact.Fact, error) {
	return l.set.Find(kind, l.it.System, key)
}

func (l setLookups) Ref(string, string) (map[string]any, bool, error) {
	return nil, false, errors.New("no reference is at hand")
}
