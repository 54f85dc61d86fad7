package account

import (
	"path"
	"strings"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/tree"
)

// refusing are what stands in place of a shell and gives no session, by the last part of the path.
var refusing = map[string]bool{"nologin": true, "false": true, "true": true, "sync": true, "shutdown": true, "halt": true}

// refusers are programs that act as one of refusing by the name that they are called with.
var refusers = map[string]bool{"busybox": true, "toybox": true, "coreutils": true, "systemctl": true}

// programDirs are where programs of these names are what they are called.
var programDirs = map[string]bool{"/bin": true, "/sbin": true, "/usr/bin": true, "/usr/sbin": true}

const noShell = "/dev/null"

// canLogin says whether the account's shell gives a session. A refusing name at another place, or one that leads to another program, says nothing.
func (u *user) canLogin(v *observe.View) fact.Opt[bool] {
	shell, ok := u.shell.Get()
	switch {
	case !ok:
		return fact.Opt[bool]{}
	case shell == noShell:
		return fact.Known(false)
	case !refusing[path.Base(shell)]:
		return fact.Known(true)
	case !programDirs[path.Dir(shell)] || path.Clean(shell) != shell:
		return fact.Opt[bool]{}
	}
	if id, ok := v.Lookup(shell); ok {
		n := v.Node(id)
		if !refuses(fileName(n)) || n.Hardlink != "" && !refuses(path.Base(n.Hardlink)) {
			return fact.Opt[bool]{}
		}
	}
	return fact.Known(false)
}

func refuses(name string) bool { return refusing[name] || refusers[name] }

// fileName is a node's name without the mark of a repeated entry.
func fileName(n *tree.Node) string {
	name, _, _ := strings.Cut(n.Name, ";")
	return name
}
