package account

import (
	"context"
	"fmt"
	"strings"

	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/tree"
)

// starters are by what a root shows that it is run, and not one program's files in the folders of a root.
var starters = []string{"/bin/sh", "/sbin/init", "/init", "/bin/busybox"}

// madeElsewhere records that a system has no accounts of its own although it is one that is run.
func madeElsewhere(v *observe.View) {
	for _, p := range starters {
		if v.Exists(p) {
			v.Unobserved(v.RootID(), "link", "the system has no etc/passwd: its accounts are made elsewhere", kindAccount, kindKey)
			return
		}
	}
}

// unread are folders of a system whose files named etc/passwd are for people, or a package manager's records.
var unread = []string{"/usr/share/doc/", "/var/lib/dpkg/"}

const errOutside = "accounts outside etc: what puts them into the root is not known"

// misplaced records files of accounts that are not those of a system: in a lower or upper half of an overlay, a skeleton for a factory reset, a
// slot that is no whole system, an archive. On the device each may become etc/passwd. The layers of an image are left out, as its flattened
// file system is a system of its own.
func misplaced(v *observe.View) {
	own := map[tree.ID]bool{}
	for _, p := range []string{"/etc", "/" + passwdFile, "/" + shadowFile} {
		if id, ok := v.Lookup(p); ok {
			own[id] = true
		}
	}
	v.Walk(func(id tree.ID, p string, n *tree.Node) {
		if n.Type != tree.File || n.Inner || n.Parent == tree.None || own[id] || own[n.Parent] {
			return
		}
		if name := fileName(n); name != "passwd" && name != "shadow" || fileName(v.Node(n.Parent)) != "etc" {
			return
		}
		for _, dir := range unread {
			if strings.HasPrefix(p, dir) {
				return
			}
		}
		if !v.InSystem() && replaced(v, id) {
			return
		}
		v.Unobserved(id, unsupported, errOutside, kindAccount)
	})
}

// replaced tells whether a node outside any system is seen elsewhere in its final form: an entry that a later one replaces, or one of a layer.
func replaced(v *observe.View, id tree.ID) bool {
	for ; id != tree.None; id = v.Node(id).Parent {
		if n := v.Node(id); n.Shadowed || n.NoSystem {
			return true
		}
	}
	return false
}

// localSources are the services of nsswitch.conf(5) whose accounts are those of passwd; systemd's are of running services only
// (nss-systemd(8)).
var localSources = map[string]bool{"files": true, "compat": true, "systemd": true}

// parseNSS returns what is wrong with the sources of accounts that nsswitch.conf(5) names.
func parseNSS(ctx context.Context, b []byte) (any, error) {
	if err := observe.CheckText(b); err != nil {
		return nil, err
	}
	var faults []fault
	for l := range observe.Lines(b) {
		if l.Number%(1<<12) == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		text, _, _ := strings.Cut(l.Text, "#")
		database, sources, ok := strings.Cut(text, ":")
		if !ok || strings.TrimSpace(database) != "passwd" || len(faults) >= maxFaults {
			continue
		}
		if source := foreign(sources); source != "" {
			faults = append(faults, fault{unsupported, fmt.Sprintf("line %d: accounts come from %q too", l.Number, source)})
		}
	}
	return faults, nil
}

// maxSource is how many bytes of a source's name are shown.
const maxSource = 40

// foreign returns the first source that is none of localSources; what stands in brackets is an action.
func foreign(sources string) string {
	for sources != "" {
		before, after, _ := strings.Cut(sources, "[")
		for w := range strings.FieldsSeq(before) {
			if !localSources[w] {
				return w[:min(len(w), maxSource)]
			}
		}
		_, sources, _ = strings.Cut(after, "]")
	}
	return ""
}

func joinNSS(v *observe.View) {
	f, ok := v.File(nssFile)
	switch {
	case !ok:
	case f.Err != nil:
		v.Failed(f, kindAccount)
	default:
		for _, fault := range f.Parsed.([]fault) {
			v.Unobserved(f.ID, fault.reason, fault.detail, kindAccount)
		}
	}
}
