package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/probat-lab/probat/dossier"
	"github.com/probat-lab/probat/evaluate"
	"github.com/probat-lab/probat/report"
	"github.com/probat-lab/probat/tree"
	"github.com/probat-lab/probat/unpack"
)

func (p *program) treeCommand() *cobra.Command {
	var look lookFlags
	var format, declaration string
	c := &cobra.Command{
		Use:   "tree PRODUCT",
		Short: "Unpack a product and list every node, with its address and digest",
		Long: `tree unpacks PRODUCT and lists what is in it, at its path through all containers.
  text       type, rights, owner, size, address, for people
  json       one canonical JSON object a line, as in a dossier's tree.jsonl
  sha256sum  digests and addresses of all files, as sha256sum(1) writes them

Exit codes: 0 listed (what could not be read is counted on standard error); 2 wrong usage; 3 PRODUCT cannot be read at all;
130 interrupted`,
		Example: `  probat tree router.img
  probat tree router.img --format sha256sum | grep etc/shadow`,
		Args: exact("PRODUCT"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := look.check(); err != nil {
				return err
			}
			return p.tree(c.Context(), args[0], declaration, format, &look)
		},
	}
	look.add(c)
	c.Flags().StringVar(&format, "format", "text", "text, json or sha256sum")
	c.Flags().StringVar(&declaration, "declaration", "", "the vendor's product.yaml, which names the artifacts")
	return c
}

func (p *program) tree(ctx context.Context, path, declaration, format string, look *lookFlags) error {
	list, ok := map[string]func(*program, *tree.Tree, *bufio.Writer) error{
		"text": (*program).treeText, "sha256sum": (*program).treeSums,
		"json": func(_ *program, t *tree.Tree, w *bufio.Writer) error { return t.WriteListing(w, tree.None) },
	}[format]
	if !ok {
		return usage("--format text, json or sha256sum", "--format %q is not known", format)
	}
	release, err := evaluate.OpenRelease(path, declaration)
	if err != nil {
		return err
	}
	var t *tree.Tree
	options := evaluate.Options{Budget: look.budget, Workers: look.workers}
	_, err = p.watched(ctx, &options, func() (*dossier.Contents, error) {
		var err error
		t, err = unpack.Walk(ctx, release.Artifacts, unpack.Config{Budget: options.Budget, Workers: options.Workers, Progress: options.Progress})
		return nil, err
	})
	if err != nil {
		return evaluate.Unreadable(err)
	}
	w := bufio.NewWriter(p.out)
	if err := errors.Join(list(p, t, w), w.Flush()); err != nil {
		return err
	}
	if n := len(t.Unobserved); n > 0 && !p.quiet {
		fmt.Fprintf(p.err, "%d things could not be looked at, or not wholly:\n", n)
		for i, u := range t.Unobserved {
			if i == 10 {
				fmt.Fprintf(p.err, "  and %d more\n", n-i)
				break
			}
			fmt.Fprintf(p.err, "  %s: %s (%s)\n", t.Address(u.Node), u.Detail, u.Reason)
		}
	}
	return nil
}

var typeLetters = map[tree.Type]byte{tree.File: '-', tree.Dir: 'd', tree.Symlink: 'l', tree.Char: 'c', tree.Block: 'b', tree.FIFO: 'p', tree.Socket: 's'}

func (p *program) treeText(t *tree.Tree, w *bufio.Writer) error {
	for i := range t.Nodes {
		n := &t.Nodes[i]
		mode, owner, size := "    ?", "?", "-"
		if n.Has&tree.HasMode != 0 {
			mode = fmt.Sprintf("%05o", n.Mode)
		}
		if n.Has&tree.HasOwner != 0 {
			owner = fmt.Sprintf("%d:%d", n.UID, n.GID)
		}
		if n.Type == tree.File && n.Size >= 0 {
			size = fmt.Sprint(n.Size)
		}
		format := n.Format
		for _, d := range n.Decoded {
			format += " " + d.Format
		}
		extra := ""
		if n.Link != "" {
			extra = " -> " + n.Link
		}
		if format != "" && format != "text" {
			extra += " [" + format + "]"
		}
		if _, err := fmt.Fprintf(w, "%c%s %9s %10s %s%s\n", typeLetters[n.Type], mode, owner, size, t.Address(tree.ID(i)), extra); err != nil {
			return err
		}
	}
	sum := t.Totals()
	if !p.quiet {
		fmt.Fprintf(p.err, "%d nodes, %d systems; %s\n", len(t.Nodes), len(t.Systems()),
			report.BytesLine(dossier.Bytes{Nodes: sum.Nodes, Structure: sum.Structure, Padding: sum.Padding, Unobserved: sum.Unobserved}))
	}
	return nil
}

func (p *program) treeSums(t *tree.Tree, w *bufio.Writer) error {
	for i := range t.Nodes {
		n := &t.Nodes[i]
		if n.Type != tree.File || !n.Known {
			continue
		}
		if _, err := fmt.Fprintf(w, "%s  %s\n", n.Digest, t.Address(tree.ID(i))); err != nil {
			return err
		}
	}
	return nil
}
