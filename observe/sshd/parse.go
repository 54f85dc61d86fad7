package sshd

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/probat-lab/probat/observe"
)

// option is one line of a configuration that is neither empty nor a comment.
type option struct {
	line    observe.Line
	keyword string // lower case, an old name replaced
	raw     string // what follows the keyword, as written
	args    []string
	err     error // why a server would not take the line
}

var (
	errQuotes  = errors.New("quotes that do not close")
	errUnknown = errors.New("a keyword that no OpenSSH server knows")
)

// parse reads the lines of one file. It needs no other file: what Include and Match mean is for those who join.
func parse(ctx context.Context, b []byte) (any, error) {
	if err := observe.CheckText(b); err != nil {
		return nil, err
	}
	var options []option
	for l := range observe.Lines(b) {
		if l.Number&0xfff == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if o, ok := parseLine(l); ok {
			options = append(options, o)
		}
	}
	return options, nil
}

const blanks = " \t\r\f"

func parseLine(l observe.Line) (option, bool) {
	text := strings.Trim(l.Text, blanks)
	if text == "" || text[0] == '#' {
		return option{}, false
	}
	word, rest := cutKeyword(text)
	o := option{line: l, keyword: strings.ToLower(word), raw: rest}
	if name, ok := oldNames[o.keyword]; ok {
		o.keyword = name
	}
	s, known := keywords[o.keyword]
	if !known {
		o.err = errUnknown
		return o, true
	}
	if s.old {
		o.args = strings.Fields(rest)
		return o, true
	}
	var end int
	o.args, end, o.err = splitArgs(rest)
	o.raw = strings.TrimRight(rest[:end], blanks)
	switch {
	case o.err != nil:
	case len(o.args) == 0 || o.args[0] == "":
		o.err = errors.New("a keyword without its argument")
	case s.arity > 0 && len(o.args) > s.arity:
		o.err = fmt.Errorf("more than %d arguments", s.arity)
	}
	return o, true
}

// cutKeyword splits a line into its keyword and what follows; white space, one equals sign or both stand between them.
func cutKeyword(text string) (word, rest string) {
	i := strings.IndexAny(text, blanks+"=")
	if i < 0 {
		return text, ""
	}
	rest = strings.TrimLeft(text[i:], blanks)
	if strings.HasPrefix(rest, "=") {
		rest = strings.TrimLeft(rest[1:], blanks)
	}
	return text[:i], rest
}

// splitArgs splits arguments as OpenSSH 8.7 and later do: quotes of both kinds, a backslash before a quote, a backslash or a
// blank, and a comment that begins a word. end is where the comment begins.
func splitArgs(s string) (args []string, end int, err error) {
	for end < len(s) && s[end] != '#' {
		if strings.IndexByte(blanks, s[end]) >= 0 {
			end++
			continue
		}
		arg, n, err := oneArg(s[end:])
		if err != nil {
			return nil, len(s), err
		}
		args = append(args, arg)
		end += n
	}
	return args, end, nil
}

func oneArg(s string) (arg string, n int, err error) {
	var b strings.Builder
	quote := byte(0)
	for n = 0; n < len(s); n++ {
		c := s[n]
		switch {
		case c == '\\' && n+1 < len(s) && (strings.IndexByte(`'"\`, s[n+1]) >= 0 || quote == 0 && s[n+1] == ' '):
			n++
			b.WriteByte(s[n])
		case quote == 0 && strings.IndexByte(blanks, c) >= 0:
			return b.String(), n, nil
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote != 0 && c == quote:
			quote = 0
		default:
			b.WriteByte(c)
		}
	}
	if quote != 0 {
		return "", n, errQuotes
	}
	return b.String(), n, nil
}

// seconds reads a time in the format of sshd_config(5), section TIME FORMATS: 90, 1h30m, 2w.
func seconds(s string) (int64, error) {
	bad := fmt.Errorf("%q is no time", s)
	const limit = 1 << 31
	total, n, digits := int64(0), int64(0), false
	for i := 0; i < len(s); i++ {
		if c := s[i]; c >= '0' && c <= '9' {
			if n = n*10 + int64(c-'0'); n >= limit {
				return 0, bad
			}
			digits = true
			continue
		}
		unit := int64(0)
		switch s[i] | 0x20 {
		case 's':
			unit = 1
		case 'm':
			unit = 60
		case 'h':
			unit = 3600
		case 'd':
			unit = 86400
		case 'w':
			unit = 604800
		}
		if unit == 0 || !digits {
			return 0, bad
		}
		total, n, digits = total+n*unit, 0, false
	}
	if total += n; total >= limit || s == "" {
		return 0, bad
	}
	return total, nil
}
