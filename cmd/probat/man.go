package main

import (
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

func (p *program) manCommand(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:   "man DIR",
		Short: "Write man pages into a folder",
		Long: `man writes one man page a command into DIR, which it makes: look at them with man -l DIR/probat.1

Exit codes: 0 written; 2 wrong usage, or the folder cannot be written`,
		Args: exact("DIR"),
		RunE: func(_ *cobra.Command, args []string) error {
			if err := os.MkdirAll(args[0], 0o755); err != nil {
				return fmt.Errorf("making the folder of man pages: %w", err)
			}
			// A fixed date: the same program writes the same pages.
			date := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
			head := &doc.GenManHeader{Section: "1", Source: "Probat", Date: &date}
			if err := doc.GenManTree(root, head, args[0]); err != nil {
				return fmt.Errorf("writing man pages into %q: %w", args[0], err)
			}
			p.say("man pages in %s", args[0])
			return nil
		},
	}
}
