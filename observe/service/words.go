package service

import (
	"context"
	"strings"

	"github.com/probat-lab/probat/observe"
)

// assignments are variables that files of assignments set: the last one holds.
type assignments map[string]string

// parseAssignments reads files of NAME=VALUE, as etc/default/* and vsftpd.conf have. Whatever else stands in them is shell, and sets nothing
// that could be known.
func parseAssignments(ctx context.Context, b []byte) (any, error) {
	if err := observe.CheckText(b); err != nil {
		return nil, err
	}
	a := assignments{}
	for l := range observe.Lines(b) {
		if l.Number&0xfff == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		text := strings.TrimSpace(l.Text)
		if text == "" || text[0] == '#' {
			continue
		}
		if name, value, ok := assignment(strings.TrimPrefix(text, "export "), a); ok {
			a[name] = value
		}
	}
	return a, nil
}

// assignment reads a word NAME=VALUE at the begin of a line; variables in the value are taken from known.
func assignment(text string, known assignments) (name, value string, ok bool) {
	name, raw, ok := strings.Cut(text, "=")
	if !ok || !isName(name) {
		return "", "", false
	}
	words, open := split(raw, known)
	if open || len(words) > 1 {
		return "", "", false
	}
	if len(words) == 1 {
		value = words[0]
	}
	return name, value, true
}

func isName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '_' && (c|0x20 < 'a' || c|0x20 > 'z') && (i == 0 || c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// split takes a command line apart as a shell does: quotes, backslashes, variables, a comment that begins a word. open says that
// something in it is not known: a variable that known does not have, or a substitution.
func split(s string, known assignments) (words []string, open bool) {
	w := splitter{known: known}
	w.split(s)
	return w.words, w.open
}

// Limits of one command line: words, and bytes that variables bring in.
const (
	maxWords    = 4096
	maxExpanded = 4096
)

type splitter struct {
	known   assignments
	closed  bool // known has all variables: one that is not in it is empty
	words   []string
	current strings.Builder
	inWord  bool
	open    bool
	total   int // bytes that variables brought in
}

func (w *splitter) end() {
	if w.inWord && len(w.words) < maxWords {
		w.words = append(w.words, w.current.String())
	}
	w.current.Reset()
	w.inWord = false
}

func (w *splitter) split(s string) {
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == '\'' && c != '\'', quote == '"' && c != '"' && c != '$' && c != '\\' && c != '`':
			w.current.WriteByte(c)
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote, w.inWord = c, true
		case c == '\\' && i+1 < len(s):
			i++
			w.current.WriteByte(s[i])
			w.inWord = true
		case c == '$':
			i += w.variable(s[i+1:], quote != 0)
		case c == '`':
			w.unknown("`...`")
			if end := strings.IndexByte(s[i+1:], '`'); end >= 0 {
				i += end + 1
			}
		case c == ' ' || c == '\t' || c == '\r':
			w.end()
		case c == '#' && !w.inWord:
			w.end()
			return
		default:
			w.current.WriteByte(c)
			w.inWord = true
		}
	}
	w.open = w.open || quote != 0
	w.end()
}

// unknown leaves something whose value is not known as it is written.
func (w *splitter) unknown(text string) {
	w.open, w.inWord = true, true
	w.current.WriteString(text)
}

// variable writes the value of a variable whose name s begins with and returns how many bytes name it. Outside quotes the value is split into words.
func (w *splitter) variable(s string, quoted bool) (n int) {
	name, fallback := "", ""
	hasFallback := false
	switch {
	case strings.HasPrefix(s, "{"):
		end := strings.IndexByte(s, '}')
		if end < 0 {
			w.unknown("${")
			return len(s)
		}
		name, n = s[1:end], end+1
		if i := strings.Index(name, ":-"); i > 0 {
			name, fallback, hasFallback = name[:i], name[i+2:], true
		}
	case strings.HasPrefix(s, "("):
		w.unknown("$(...)")
		if end := strings.IndexByte(s, ')'); end >= 0 {
			return end + 1
		}
		return len(s)
	default:
		for n < len(s) && isName(s[:n+1]) {
			n++
		}
		name = s[:n]
	}
	value, ok := w.known[name]
	if ok && value == "" && hasFallback || !ok && hasFallback && !strings.ContainsAny(fallback, "$`") {
		value, ok = fallback, true
	}
	if w.total += len(value); !ok && !w.closed || w.total > maxExpanded {
		w.unknown("$" + s[:n])
		return n
	}
	if quoted {
		w.inWord = true
		w.current.WriteString(value)
		return n
	}
	for i, part := range strings.Fields(value) {
		if i > 0 {
			w.end()
		}
		w.inWord = true
		w.current.WriteString(part)
	}
	return n
}
