package tree

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func root(at string, with ...string) []string {
	out := []string{at + "etc/", at + "bin/", at + "lib/"}
	for _, w := range with {
		out = append(out, at+w)
	}
	return out
}

// TestSystems holds the rule of the design: the outermost directory with etc and two of bin, sbin, lib, usr; inside of it etc/passwd
// too.
func TestSystems(t *testing.T) {
	for name, s := range map[string]struct{ lines, want []string }{
		"directory":            {root("p/"), []string{"p"}},
		"archive":              {root("p!/"), []string{"p"}},
		"below a folder":       {root("p!/rootfs/"), []string{"p!/rootfs"}},
		"etc alone":            {[]string{"p/etc/", "p/bin/", "p/var/"}, nil},
		"no etc":               {[]string{"p/bin/", "p/lib/", "p/usr/"}, nil},
		"etc is a file":        {[]string{"p/etc", "p/bin/", "p/lib/"}, nil},
		"etc is a link":        {[]string{"p/etc -> x", "p/bin/", "p/lib/"}, nil},
		"etc leads inside":     {[]string{"p/etc -> usr/etc", "p/bin/", "p/usr/etc/"}, []string{"p"}},
		"etc leads from top":   {[]string{"p!/etc -> /usr/./x/../etc", "p!/bin/", "p!/usr/etc/", "p!/usr/x/"}, []string{"p"}},
		"etc in two steps":     {[]string{"p/etc -> a", "p/a -> usr/etc", "p/bin/", "p/usr/etc/"}, []string{"p"}},
		"etc in three steps":   {[]string{"p/etc -> a", "p/a -> b", "p/b -> usr/etc", "p/bin/", "p/usr/etc/"}, nil},
		"etc leads out":        {[]string{"p/x/etc -> ../etc", "p/etc/", "p/x/bin/", "p/x/usr/"}, nil},
		"etc out and back":     {[]string{"p/x/etc -> ../x/usr", "p/x/bin/", "p/x/usr/"}, nil},
		"etc leads to itself":  {[]string{"p/etc -> /etc", "p/bin/", "p/usr/"}, nil},
		"etc is the root":      {[]string{"p/etc -> .", "p/bin/", "p/usr/"}, nil},
		"etc leads to a file":  {[]string{"p/etc -> usr/f", "p/bin/", "p/usr/f"}, nil},
		"etc behind a file":    {[]string{"p/etc -> usr/f/../e", "p/bin/", "p/usr/f", "p/usr/e/"}, nil},
		"etc in a container":   {[]string{"p/etc -> x/etc", "p/bin/", "p/usr/", "p/x!/etc/"}, nil},
		"slot with linked etc": {slices.Concat(root("p/"), []string{"p/b/etc -> usr/etc", "p/b/bin/", "p/b/usr/etc/passwd"}), []string{"p", "p/b"}},
		"bin is a file":        {[]string{"p/etc/", "p/bin", "p/lib/"}, nil},
		"merged usr":           {[]string{"p/etc/", "p/bin -> usr/bin", "p/lib -> usr/lib", "p/usr/"}, []string{"p"}},
		"sbin and usr":         {[]string{"p/etc/", "p/sbin/", "p/usr/"}, []string{"p"}},
		"slots":                {slices.Concat(root("d!/p1!/"), root("d!/p2!/"), []string{"d!/p3!/data"}), []string{"d!/p1", "d!/p2"}},
		"artifacts":            {slices.Concat(root("a!/"), root("b/")), []string{"a", "b"}},
		"recovery":             {slices.Concat(root("r!/rootfs.squashfs!/"), root("r!/recovery.cpio!/")), []string{"r!/recovery.cpio", "r!/rootfs.squashfs"}},
		"chroot":               {slices.Concat(root("p/"), root("p/srv/chroot/", "etc/passwd")), []string{"p", "p/srv/chroot"}},
		"chroot without":       {slices.Concat(root("p/"), root("p/usr/share/skeleton/")), []string{"p"}},
		"deep in a folder":     {slices.Concat(root("p/a/"), root("p/a/b/c/", "etc/passwd"), root("p/a/b/c/d/")), []string{"p/a", "p/a/b/c"}},
		"passwd of the outer":  {slices.Concat(root("p/", "etc/passwd"), root("p/x/")), []string{"p"}},
		"siblings":             {slices.Concat(root("p/a/"), root("p/b/")), []string{"p/a", "p/b"}},
		"image in a container": {slices.Concat(root("p!/r!/"), root("p!/r!/boot/initrd!/")), []string{"p!/r", "p!/r!/boot/initrd"}},
		"folder in that image": {slices.Concat(root("p!/r!/"), root("p!/r!/x.tar!/fs/")), []string{"p!/r", "p!/r!/x.tar!/fs"}},
		"chroot in that image": {slices.Concat(root("p!/r!/"), root("p!/r!/x.tar!/"), root("p!/r!/x.tar!/c/")), []string{"p!/r", "p!/r!/x.tar"}},
		"layers":               {slices.Concat(root("i!/layer0/", "etc/passwd"), root("i!/fs/"), []string{"i!/layer0/ *"}), []string{"i!/fs"}},
		"below a layer":        {slices.Concat(root("i!/layer0!/x/y/", "etc/passwd"), []string{"i!/layer0 *"}), nil},
		"repeated etc":         {[]string{"p!/etc", "p!/etc;2/", "p!/bin/", "p!/lib/"}, []string{"p"}},
		"etc taken back":       {[]string{"p!/etc/", "p!/etc;2", "p!/bin/", "p!/lib/"}, nil},
		"passwd of the latest": {slices.Concat(root("p/"), root("p/c/"), []string{"p/c/etc;2/", "p/c/etc;2/passwd"}), []string{"p", "p/c"}},
	} {
		t.Run(name, func(t *testing.T) {
			tr := plant(s.lines...)
			var got []string
			for _, s := range tr.Systems() {
				got = append(got, s.Address)
				if s.Tree() != tr || tr.Address(s.Root) != s.Address {
					t.Errorf("%+v", s)
				}
			}
			if diff := cmp.Diff(s.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s\n%s", diff, listing(tr))
			}
		})
	}
}

// TestLookup holds how paths are followed: as the running device would, and never out of the system.
func TestLookup(t *testing.T) {
	tr := plant(append(root("a!/r!/"),
		"a!/outside", "a!/r!/etc/passwd", "a!/r!/etc/absolute -> /etc/passwd", "a!/r!/etc/relative -> ../etc/passwd", "a!/r!/etc/beside -> passwd",
		"a!/r!/etc/up -> ../../../../etc/passwd", "a!/r!/etc/out -> ../../outside", "a!/r!/etc/loop -> loop", "a!/r!/etc/ping -> pong", "a!/r!/etc/pong -> ping",
		"a!/r!/etc/dir -> /usr/share", "a!/r!/usr/share/f", "a!/r!/etc/chain -> beside", "a!/r!/etc/broken -> nothing", "a!/r!/etc/root -> /", "a!/r!/etc/empty -> ",
		"a!/r!/etc/%2E%2E/x", "a!/r!/etc/a%21b", "a!/r!/etc/bang -> a!b", "a!/r!/etc/%40at", "a!/r!/etc/at -> @at", "a!/r!/etc/%FF", "a!/r!/etc/ff -> %FF",
		"a!/r!/etc/twice", "a!/r!/etc/twice;2 -> passwd", "a!/r!/etc/thrice -> nothing", "a!/r!/etc/thrice;2/", "a!/r!/etc/thrice;3 -> passwd", "a!/r!/img!/etc/inner", "a!/r!/lib64 -> lib",
		"a!/r!/etc/through -> passwd/../passwd", "a!/r!/etc/dots -> ./././passwd",
	)...)
	systems := tr.Systems()
	if len(systems) != 1 {
		t.Fatalf("got %v", systems)
	}
	s := &systems[0]
	for path, want := range map[string]string{
		"":                   "a!/r",
		"/":                  "a!/r",
		"/etc/passwd":        "a!/r!/etc/passwd",
		"etc/passwd":         "a!/r!/etc/passwd",
		"//etc/./passwd":     "a!/r!/etc/passwd",
		"/etc/absolute":      "a!/r!/etc/passwd",
		"/etc/relative":      "a!/r!/etc/passwd",
		"/etc/beside":        "a!/r!/etc/passwd",
		"/etc/chain":         "a!/r!/etc/passwd",
		"/etc/dots":          "a!/r!/etc/passwd",
		"/etc/up":            "a!/r!/etc/passwd",
		"/../../etc/passwd":  "a!/r!/etc/passwd",
		"/etc/../etc/passwd": "a!/r!/etc/passwd",
		"/etc/root/etc/root": "a!/r",
		"/etc/empty":         "a!/r!/etc",
		"/etc/dir/f":         "a!/r!/usr/share/f",
		"/etc/dir/../share":  "a!/r!/usr/share",
		"/lib64":             "a!/r!/lib",
		"/etc/bang":          "a!/r!/etc/a%21b",
		"/etc/at":            "a!/r!/etc/%40at",
		"/etc/ff":            "a!/r!/etc/%FF",
		"/etc/%2E%2E/x":      "a!/r!/etc/%2E%2E/x", // a name, which an archive can have, and no way up
		"/etc/twice":         "a!/r!/etc/passwd",   // the last of two entries
		"/etc/thrice":        "a!/r!/etc/passwd",
		"/img":               "a!/r!/img",
		"/etc/out":           "",
		"/etc/loop":          "",
		"/etc/ping":          "",
		"/etc/broken":        "",
		"/etc/nothing/x":     "",
		"/img/etc/inner":     "", // a container is a file to the device
		"/etc/passwd/x":      "",
		"/etc/passwd/..":     "",
		"/etc/through":       "",
	} {
		id, ok := s.Lookup(path)
		if got := tr.Address(id); ok != (want != "") || ok && got != want {
			t.Errorf("%q: got %q %v, want %q", path, got, ok, want)
		}
	}
	etc, _ := s.Lookup("/etc")
	for name, want := range map[string]string{"absolute": "a!/r!/etc/absolute", "twice": "a!/r!/etc/twice;2", "thrice": "a!/r!/etc/thrice;3", ".": "a!/r!/etc", "/": "a!/r!/etc", "no": ""} {
		if id, ok := s.Entry(etc, name); ok != (want != "") || ok && tr.Address(id) != want {
			t.Errorf("entry %q: got %q %v", name, tr.Address(id), ok)
		}
	}
	for address, want := range map[string]string{"a!/r!/etc/twice;2": "/etc/twice", "a!/r": "/", "a!/r!/img!/etc/inner": "/img/etc/inner"} {
		if got := s.Path(tr.find(address)); got != want {
			t.Errorf("path of %s: got %q, want %q", address, got, want)
		}
	}
}

// TestLookupBound holds that 40 links are followed and 41 are not.
func TestLookupBound(t *testing.T) {
	lines := root("p/", "l0 -> etc")
	for i := 1; i <= 40; i++ {
		lines = append(lines, "p/l"+string(rune('0'+i/10))+string(rune('0'+i%10))+" -> l"+strings.TrimPrefix(string(rune('0'+(i-1)/10))+string(rune('0'+(i-1)%10)), "x"))
	}
	lines = append(lines, "p/l00 -> etc")
	s := plant(lines...).Systems()[0]
	if _, ok := s.Lookup("/l39"); !ok {
		t.Error("40 links are not followed")
	}
	if _, ok := s.Lookup("/l40"); ok {
		t.Error("41 links are followed")
	}
}

// TestCover holds that each node is either one system's root, or visited in exactly one system, or outside of all; that parents come
// first and paths are true; and that every node that Lookup finds lies in the system or below it.
func TestCover(t *testing.T) {
	sawNested, sawOutside := false, false
	rapid.Check(t, func(t *rapid.T) {
		tr := forest(t)
		tr.Sort()
		systems := tr.Systems()
		seen := make([]int, len(tr.Nodes))
		for i := range systems {
			s := &systems[i]
			if tr.Nodes[s.Root].Type == Dir { // a container is a file of where it lies, and its content's root no node
				seen[s.Root]++
			}
			last := ""
			walked := map[ID]bool{s.Root: true}
			s.Walk(func(id ID, path string) {
				seen[id]++
				if path != s.Path(id) {
					t.Fatalf("%s is walked as %s", s.Path(id), path)
				}
				if !walked[tr.Nodes[id].Parent] || tr.Nodes[id].Shadowed {
					t.Fatalf("%s is walked before its parent, or shadowed", path)
				}
				walked[id] = true
				if last == path {
					t.Fatalf("%s twice", path)
				}
				last = path
				if tr.Nodes[id].Type != Symlink && !strings.Contains(path, "!") {
					if found, ok := s.Lookup(path); ok && found != id && !throughLink(tr, s, id) {
						t.Fatalf("%s is %s", path, tr.Address(found))
					}
				}
			})
			sawNested = sawNested || i > 0
		}
		tr.Outside(systems, func(id ID, path string) {
			seen[id]++
			sawOutside = true
			if path != tr.Path(id) {
				t.Fatalf("%s is given as %s", tr.Path(id), path)
			}
		})
		for i, n := range seen {
			if n != 1 {
				t.Fatalf("%s is visited %d times", tr.Address(ID(i)), n)
			}
		}
	})
	if !sawNested || !sawOutside {
		t.Error("the generator made no system inside another, or nothing outside: the property says little")
	}
}

// throughLink tells whether a name on the way to a node is a symbolic link, as a later entry may have made it.
func throughLink(tr *Tree, s *System, id ID) bool {
	for ; id != s.Root; id = tr.Nodes[id].Parent {
		if e, _ := s.Entry(tr.Nodes[id].Parent, original(tr.Nodes[id].Name)); tr.Nodes[e].Type == Symlink {
			return true
		}
	}
	return false
}

// TestTop holds where the root directory of a system is described: by its node, or by the container whose content it is.
func TestTop(t *testing.T) {
	tr := plant(slices.Concat(root("a!/dir/"), root("b!/"), root("c!/"))...)
	tr.Nodes[tr.find("a!/dir")].Meta = Meta{Type: Dir, Has: HasMode, Mode: 0o1777}
	tr.Nodes[tr.find("b")].Meta = Meta{Has: HasMode, Mode: 0o600}
	tr.Nodes[tr.find("b")].Top = &Meta{Type: Dir, Has: HasMode, Mode: 0o755}
	want := map[string]uint32{"a!/dir": 0o1777, "b": 0o755}
	for _, s := range tr.Systems() {
		m, ok := s.Top()
		if mode, known := want[s.Address]; ok != known || m.Mode != mode {
			t.Errorf("%s: got %o %v, want %o %v", s.Address, m.Mode, ok, mode, known)
		}
	}
}
