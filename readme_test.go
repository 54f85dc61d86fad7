package probat_test

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// TestReadme holds that the README's two commands stand alone on their lines near its top and name what exists, and that the commands that it
// lists are the program's.
func TestReadme(t *testing.T) {
	data, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for i, line := range strings.Split(string(data), "\n") {
		if cmd, ok := strings.CutPrefix(line, "    "); ok && i < 20 {
			commands = append(commands, cmd)
		}
	}
	if len(commands) != 2 || commands[1] != "make test" {
		t.Fatalf("the README's commands are %q", commands)
	}
	words := strings.Fields(commands[0])
	if product := words[len(words)-1]; !strings.HasPrefix(commands[0], "go run ./cmd/probat evaluate ") {
		t.Errorf("the first command is %q", commands[0])
	} else if _, err := os.Stat(product); err != nil {
		t.Error(err)
	}
	help, err := exec.CommandContext(t.Context(), "go", "run", "./cmd/probat", "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	_, list, _ := strings.Cut(string(help), "Available Commands:")
	list, _, _ = strings.Cut(list, "Flags:")
	for line := range strings.SplitSeq(strings.TrimSpace(list), "\n") {
		name := strings.Fields(line)[0]
		if name != "help" && !strings.Contains(string(data), "probat "+name) {
			t.Errorf("the README does not name probat %s", name)
		}
	}
}
