package service

import (
	"context"
	"strings"

	"github.com/probat-lab/probat/observe"
)

// invocation is a command that a script runs, as written, and how sure it is to be run.
type invocation struct {
	text string
	line observe.Line
	sure bool // when the script is called to start; else a condition decides

	function string // that it stands in
}

// script is what is plainly visible in a shell script. Nothing is computed: what depends on more than assignments of constants stays open.
type script struct {
	vars        assignments
	lines       map[string]observe.Line // where each variable is set
	sources     []string                // files of assignments that it reads
	invocations []invocation
	piped       bool // the output of a program is run by a shell, other than to stop
}

// maxInvocations bounds how many commands of one script are kept.
const maxInvocations = 20_000

// startNames are the branches and functions of a start script that run when the system starts.
var startNames = map[string]bool{
	"start": true, "do_start": true, "start_service": true, "boot": true, "main": true, "service_start": true, "start_daemon": true, "load": true,
	"start_instance": true, "run": true, "start_it": true,
}

func parseScript(ctx context.Context, b []byte) (any, error) {
	if err := observe.CheckText(b); err != nil {
		return nil, err
	}
	p := &scriptParser{s: &script{vars: assignments{}, lines: map[string]observe.Line{}}}
	var text strings.Builder
	var begin observe.Line
	going := false
	for l := range observe.Lines(b) {
		if l.Number&0xfff == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if !going {
			begin = l
		}
		if more, ok := strings.CutSuffix(l.Text, `\`); ok && text.Len() < 1<<16 {
			text.WriteString(more + " ")
			going = true
			continue
		}
		text.WriteString(l.Text)
		p.line(text.String(), begin)
		text.Reset()
		going = false
	}
	if going {
		p.line(text.String(), begin)
	}
	return p.s, nil
}

// scriptParser keeps what surrounds a line: conditions, branches of case, functions, here-documents.
type scriptParser struct {
	s        *script
	depth    int    // of if, for, while, behind their conditions
	elif     bool   // the next then belongs to a condition that was counted
	inCase   int    // of case
	label    string // of the branch of the outermost case
	function string
	heredoc  string // the word that ends one
}

func (p *scriptParser) line(text string, at observe.Line) {
	trimmed := strings.TrimSpace(text)
	if p.heredoc != "" {
		if trimmed == p.heredoc {
			p.heredoc = ""
		}
		return
	}
	if trimmed == "" || trimmed[0] == '#' {
		return
	}
	if i := strings.Index(trimmed, "<<"); i >= 0 && !strings.HasPrefix(trimmed[i:], "<<<") {
		if words := strings.Fields(strings.TrimLeft(trimmed[i+2:], "- ")); len(words) > 0 {
			p.heredoc = strings.Trim(words[0], `'"\;`)
		}
	}
	if p.inCase > 0 {
		trimmed = p.branch(trimmed)
	}
	for _, part := range commands(trimmed) {
		p.part(part, at)
	}
	if !p.stopping() && pipedShell.MatchString(trimmed) {
		p.s.piped = true
	}
}

// branch takes the label of a branch of case before what stands in it, as in "start|boot) cmd".
func (p *scriptParser) branch(text string) string {
	label, rest, ok := strings.Cut(text, ")")
	label = strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(label, "(")), " | ", "|")
	if !ok || label == "" || strings.ContainsAny(label, "$`= ;&(") {
		return text
	}
	if p.inCase == 1 {
		p.label = label
	}
	return rest
}

// part takes one simple command or a word of the shell's grammar.
func (p *scriptParser) part(text string, at observe.Line) {
	for range 16 {
		text = strings.TrimSpace(text)
		word, rest, _ := strings.Cut(text, " ")
		switch word {
		case "for", "select":
			return
		case "then", "do":
			if !p.elif {
				p.depth++
			}
			p.elif = false
		case "elif":
			p.elif = true
		case "if", "while", "until", "else", "!", "{":
		case "fi", "done":
			p.depth = max(p.depth-1, 0)
			return
		case "case":
			p.inCase++
			if i := strings.Index(rest, " in "); i >= 0 {
				rest = rest[i+4:]
			} else {
				return
			}
		case "esac":
			if p.inCase = max(p.inCase-1, 0); p.inCase == 0 {
				p.label = ""
			}
			return
		case "}":
			p.function = ""
			return
		case "":
			return
		default:
			next, done := p.other(text, at)
			if done {
				return
			}
			rest = next
		}
		text = rest
	}
}

// other takes a label of case, the head of a function, an assignment or a command. It returns what is left of the text.
func (p *scriptParser) other(text string, at observe.Line) (rest string, done bool) {
	if p.inCase > 0 {
		if after := p.branch(text); after != text {
			return after, false
		}
	}
	if name, after, ok := strings.Cut(text, "()"); ok && isName(strings.TrimSpace(name)) {
		p.function = strings.TrimSpace(name)
		return after, false
	}
	if name, after, ok := strings.Cut(text, " "); ok && name == "function" {
		p.function, rest, _ = strings.Cut(strings.TrimSpace(after), " ")
		return rest, false
	}
	text = strings.TrimPrefix(text, "export ")
	if name, value, ok := assignment(text, p.s.vars); ok {
		if p.depth == 0 && p.starting() {
			p.s.vars[name], p.s.lines[name] = value, at
		}
		return "", true
	}
	if file, ok := strings.CutPrefix(text, ". "); ok {
		p.s.sources = append(p.s.sources, strings.Fields(file + " -")[0])
	}
	if p.stopping() || len(p.s.invocations) >= maxInvocations {
		return "", true
	}
	p.s.invocations = append(p.s.invocations, invocation{text: text, line: at, sure: p.depth == 0 && p.starting(), function: p.function})
	return "", true
}

// starting says whether what stands here is run when the script is called to start.
func (p *scriptParser) starting() bool {
	if p.function != "" && !startNames[p.function] {
		return false
	}
	if p.inCase == 0 {
		return true
	}
	return p.inCase == 1 && p.labelled(startNames)
}

func (p *scriptParser) labelled(names map[string]bool) bool {
	for l := range strings.SplitSeq(p.label, "|") {
		if names[strings.Trim(l, `'" `)] {
			return true
		}
	}
	return false
}

var stopNames = map[string]bool{
	"stop": true, "do_stop": true, "stop_service": true, "restart": true, "reload": true, "status": true, "force-reload": true, "condrestart": true,
	"shutdown": true, "stop_daemon": true, "reload_service": true, "do_reload": true, "try-restart": true, "*": true, "usage": true, "help": true,
	"do_status": true, "service_triggers": true, "service_stopped": true, "disable": true, "enable": true,
}

// stopping says whether what stands here is run at other times only.
func (p *scriptParser) stopping() bool {
	if stopNames[p.function] {
		return true
	}
	return p.inCase > 0 && p.label != "" && !p.labelled(startNames) && p.labelled(stopNames)
}

// commands splits a line of a script into simple commands: at ; & | and newlines outside quotes. Comments are dropped.
func commands(s string) []string {
	var parts []string
	quote := byte(0)
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'' || c == '`':
			quote = c
		case c == '#' && i > 0 && strings.IndexByte(" \t;", s[i-1]) >= 0:
			return append(parts, s[from:i])
		case c == '&' && i > 0 && (s[i-1] == '>' || s[i-1] == '<') || c == '&' && i+1 < len(s) && s[i+1] == '>':
			// part of a redirection
		case c == ';' || c == '&' || c == '|':
			if c == '|' && i > 0 && s[i-1] == '>' {
				continue
			}
			if len(parts) < maxInvocations {
				parts = append(parts, s[from:i])
			}
			from = i + 1
		}
	}
	return append(parts, s[from:])
}
