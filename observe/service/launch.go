package service

import (
	"regexp"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
)

// launch is a command that a script starts.
type launch struct {
	command
	user   string
	daemon bool // handed to a program that starts daemons, so that it is one whatever its name is
}

// launchOf takes a simple command of a script for what it starts. It says false where there is no program to be seen.
func launchOf(text string, vars assignments) (launch, bool) {
	words, open := split(text, vars)
	words = withoutRedirections(words)
	for len(words) > 0 && strings.Contains(words[0], "=") && isName(words[0][:strings.IndexByte(words[0], '=')]) {
		words = words[1:]
	}
	l := launch{user: "root", command: command{open: open}}
	if len(words) == 0 {
		return l, false
	}
	switch first := base(words[0]); first {
	case "start-stop-daemon":
		if !l.startStop(words[1:]) {
			return l, false
		}
	case "daemon":
		l.daemon = true
		if !l.redHat(words[1:]) {
			return l, false
		}
	case "procd_set_param":
		// What a later procd_append_param adds is not followed.
		l.daemon, l.open = true, true
		if len(words) < 3 || words[1] != "command" {
			return l, false
		}
		l.argv = words[2:]
	case "service_start":
		l.daemon = true
		l.argv = words[1:]
	default:
		l.argv = words
	}
	_, ok := newCommand(l.argv, open)
	return l, ok && l.argv[0][0] != '-'
}

func withoutRedirections(words []string) []string {
	var kept []string
	for i := 0; i < len(words); i++ {
		w := strings.TrimLeft(words[i], "0123456789&")
		if w != "" && (w[0] == '>' || w[0] == '<') {
			if strings.Trim(w, "<>|&") == "" {
				i++
			}
			continue
		}
		kept = append(kept, words[i])
	}
	return kept
}

// startStop reads start-stop-daemon(8): what it starts is --startas, else --exec, with what follows "--".
func (l *launch) startStop(args []string) bool {
	starts, startAs, exec := false, "", ""
	for i := 0; i < len(args); i++ {
		name, value, joined := strings.Cut(args[i], "=")
		next := func() string {
			if !joined && i+1 < len(args) {
				i++
				return args[i]
			}
			return value
		}
		switch name {
		case "--":
			l.argv = args[i+1:]
			i = len(args)
		case "--start", "-S":
			starts = true
		case "--stop", "-K", "--status", "-T", "--test", "-t":
			return false
		case "--exec", "-x":
			exec = next()
		case "--startas", "-a":
			startAs = next()
		case "--chuid", "-c":
			l.user, _, _ = strings.Cut(next(), ":")
		case "--pidfile", "-p", "--name", "-n", "--user", "-u", "--group", "-g", "--chdir", "-d", "--nicelevel", "-N", "--retry", "-R", "--signal", "-s",
			"--umask", "-k", "--iosched", "-I", "--procsched", "-P", "--chroot", "-r", "--output", "-O":
			next()
		default:
			// Short options together, as in "-S -b -m -x" or "-Sbmx".
			if short := strings.TrimPrefix(name, "-"); len(short) > 1 && short[0] != '-' && name != short {
				starts = starts || strings.Contains(short, "S")
				if strings.Contains(short, "K") || strings.Contains(short, "t") {
					return false
				}
				if strings.HasSuffix(short, "x") {
					exec = next()
				}
			}
		}
	}
	if startAs != "" {
		exec = startAs
	}
	l.daemon = true
	l.argv = append([]string{exec}, l.argv...)
	return starts && exec != ""
}

// redHat reads the function daemon of Red Hat's /etc/init.d/functions: options, then the command, in one word or several.
func (l *launch) redHat(args []string) bool {
	for len(args) > 0 && (strings.HasPrefix(args[0], "-") || strings.HasPrefix(args[0], "+")) {
		if user, ok := strings.CutPrefix(args[0], "--user="); ok {
			l.user = user
		}
		if args[0] == "--user" || args[0] == "--pidfile" || args[0] == "--check" {
			args = args[1:]
		}
		if len(args) > 0 {
			args = args[1:]
		}
	}
	l.argv = strings.Fields(strings.Join(args, " "))
	return len(l.argv) > 0
}

// hasFunction says whether a script has commands in a function of that name.
func (s *script) hasFunction(name string) bool {
	for _, inv := range s.invocations {
		if inv.function == name {
			return true
		}
	}
	return false
}

var secret = regexp.MustCompile(`(?i)((?:pass(?:word|wd|phrase)?|secret|token|psk|api[-_]?key)[a-z0-9_-]*\s*=\s*|--?(?:pass(?:word|wd|phrase)?|secret|token|psk|api[-_]?key)\s+)("[^"]*"|'[^']*'|[^\s"']+)`)

// mask takes secrets out of a command line: what is assigned to a name that says it is one.
func mask(s string) string { return secret.ReplaceAllString(s, "${1}***") }

// maxCommand is how many bytes of a command line are recorded.
const maxCommand = 4096

// commandText is a command line as facts have it: secrets masked, cut where it is very long.
func commandText(s string) fact.Opt[string] {
	if len(s) > maxCommand {
		s = s[:maxCommand] + " ..."
	}
	return fact.Known(fact.Escape(mask(s)))
}

// shown is a line as the decisive bytes of a fact, secrets masked.
func shown(l observe.Line) *fact.Excerpt {
	return l.Masked(mask(l.Text[:min(len(l.Text), maxCommand)]))
}
