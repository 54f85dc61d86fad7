package file

import (
	"encoding/hex"
	"fmt"
	"testing"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/observe"
	"github.com/probat-lab/probat/observe/observetest"
	"github.com/probat-lab/probat/tree"
)

// planted is a tree that a test writes by hand, so that rights and owners are the same on every machine.
type planted struct{ t *tree.Tree }

func (p planted) add(parent tree.ID, name string, m tree.Meta, change ...func(*tree.Node)) tree.ID {
	n := tree.Node{Parent: parent, Name: name, Meta: m}
	for _, c := range change {
		c(&n)
	}
	p.t.Nodes = append(p.t.Nodes, n)
	return tree.ID(len(p.t.Nodes) - 1)
}

const states = tree.HasMode | tree.HasOwner | tree.HasXattrs

func meta(typ tree.Type, mode uint32) tree.Meta {
	return tree.Meta{Type: typ, Has: states, Mode: mode, UID: 0, GID: 7}
}

func inner(n *tree.Node) { n.Inner = true }

func bytesOf(size int64, format string) func(*tree.Node) {
	return func(n *tree.Node) { n.Size, n.Known, n.Digest, n.Format = size, true, tree.Digest{0xab}, format }
}

func unhex(s string) []byte {
	b, err := hex.DecodeString(s)
	if err != nil {
		panic(err)
	}
	return b
}

func withXattr(value string) func(*tree.Node) {
	return func(n *tree.Node) { n.Xattrs = []tree.Xattr{{Name: "user.x"}, {Name: attribute, Value: unhex(value)}} }
}

// small is a product with one system, and a zip and a damaged file outside it.
func small() *tree.Tree {
	p := planted{&tree.Tree{}}
	product := p.add(tree.None, "product", tree.Meta{}, bytesOf(1000, "tar"))
	root := p.add(product, "root", meta(tree.Dir, 0o777), inner)
	for _, d := range []string{"etc", "lib", "usr"} {
		p.add(root, d, meta(tree.Dir, 0o755))
	}
	p.add(root, "tmp", meta(tree.Dir, 0o1777))
	bin := p.add(root, "bin", meta(tree.Dir, 0o2775))
	p.add(bin, "su", meta(tree.File, 0o4755), bytesOf(20, "elf"))
	p.add(bin, "su2", meta(tree.File, 0o4755), bytesOf(20, "elf"), func(n *tree.Node) { n.Hardlink = "bin/su" })
	p.add(bin, "ping", meta(tree.File, 0o755), bytesOf(30, "elf"), withXattr("0100000200200000000000000000000000000000"))
	p.add(bin, "odd", meta(tree.File, 0o6644), bytesOf(1, ""))
	p.add(bin, "damaged", meta(tree.File, 0o755), bytesOf(1, ""), withXattr("01000002002000"))
	p.add(bin, "sh", tree.Meta{Type: tree.Symlink, Has: states, Mode: 0o777, Link: "a%0Ab"})
	p.add(bin, "tty", meta(tree.Char, 0o666))
	p.add(bin, "sock", meta(tree.Socket, 0o777))
	p.add(bin, "unread", meta(tree.File, 0o666), func(n *tree.Node) { n.Size = -1 })
	first := p.add(bin, "twice", meta(tree.File, 0o777), bytesOf(5, ""), func(n *tree.Node) { n.Shadowed = true })
	last := p.add(bin, "twice;2", meta(tree.File, 0o700), bytesOf(6, ""))
	p.t.Nodes[first].Latest = last
	zip := p.add(bin, "a.zip", meta(tree.File, 0o644), bytesOf(99, "zip"))
	p.add(zip, "member", tree.Meta{Type: tree.File}, inner, bytesOf(3, "text"))
	p.t.Sort()
	return p.t
}

func TestGolden(t *testing.T) {
	res, _, err := observe.New([]observe.Observer{Observer()}, nil).Join(t.Context(), small())
	if err != nil {
		t.Fatal(err)
	}
	observetest.Golden(t, "small", observetest.Lines(t, res))
	if got, want := res.Facts.Len("file"), len(small().Nodes); got != want {
		t.Errorf("%d facts of %d nodes", got, want)
	}
}

// TestDirectory runs the observer as the program does.
func TestDirectory(t *testing.T) {
	res := observetest.Run(t, observetest.Write(t, observetest.Files{"etc/link": "-> nowhere", "bin/a": "abc"}), Observer())
	observetest.Lines(t, res)
	found, err := res.Facts.Find("file", "", "/bin/a")
	if err != nil || len(found) != 1 {
		t.Fatal(found, err)
	}
	if d, _ := found[0].Get("digest"); d != "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" {
		t.Errorf("digest %v", d)
	}
	if found, _ := res.Facts.Find("file", "", "/"); len(found) != 1 {
		t.Errorf("the root has %d facts", len(found))
	}
}

func TestRights(t *testing.T) {
	for _, c := range []struct {
		typ  tree.Type
		mode uint32
		want string // of those that are true
	}{
		{tree.File, 0o4644, "world_readable"},
		{tree.File, 0o4654, "setuid world_readable executable"},
		{tree.File, 0o4601, "setuid executable"},
		{tree.File, 0o2701, "executable"},
		{tree.File, 0o2710, "setgid executable"},
		{tree.File, 0o1622, "world_writable group_writable"},
		{tree.Dir, 0o7777, "sticky world_readable world_writable group_writable"},
		{tree.Symlink, 0o7777, ""},
		{tree.Block, 0o660, "group_writable"},
		{tree.FIFO, 0o777, "world_readable world_writable group_writable"},
	} {
		a, err := describe(&tree.Node{Meta: meta(c.typ, c.mode)})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, o := range []struct {
			name string
			bit  fact.Opt[bool]
		}{
			{"setuid", a.Setuid},
			{"setgid", a.Setgid},
			{"sticky", a.Sticky},
			{"world_readable", a.WorldReadable},
			{"world_writable", a.WorldWritable},
			{"group_writable", a.GroupWritable},
			{"executable", a.Executable},
		} {
			v, known := o.bit.Get()
			if !known {
				t.Errorf("%v %o: %s is absent", c.typ, c.mode, o.name)
			}
			if v && got != "" {
				got += " "
			}
			if v {
				got += o.name
			}
		}
		if got != c.want {
			t.Errorf("%v %o: got %q, want %q", c.typ, c.mode, got, c.want)
		}
	}
}

// TestDecode has values as setcap(8) of libcap 2.66 wrote them.
func TestDecode(t *testing.T) {
	all := make([]string, 0, len(names))
	all = append(all, names[:]...)
	for _, c := range []struct {
		value string
		want  []string // nil for an error
	}{
		{"0100000200200000000000000000000000000000", []string{"cap_net_raw"}},              // cap_net_raw+ep
		{"0100000200100000001000008000000080000000", []string{"cap_bpf", "cap_net_admin"}}, // cap_net_admin,cap_bpf=eip
		{"0000000200000000000020000000000000000000", []string{"cap_sys_admin"}},            // cap_sys_admin+i
		{"0000000200000000000000000001000000000000", []string{"cap_checkpoint_restore"}},   // cap_checkpoint_restore+p
		{"01000002ffffffff00000000ff01000000000000", all},                                  // =ep
		{"0100000300200000000000000000000000000000e8030000", []string{"cap_net_raw"}},      // -n 1000 cap_net_raw+ep
		{"010000010020000000000000", []string{"cap_net_raw"}},                              // revision 1
		{"0000000200000000000000000000000000000000", []string{}},                           // cap_net_raw-p
		{"0000000200000000000000000002000000000080", []string{"cap_41", "cap_63"}},         // of a later kernel
		{"", nil}, {"010000", nil}, {"01000002", nil}, {"0100000100200000000000000000000000", nil}, // cut, too long
		{"0100000400200000000000000000000000000000", nil}, // unknown revision
	} {
		got, err := decode(unhex(c.value))
		if (err != nil) != (c.want == nil) {
			t.Errorf("%s: %v", c.value, err)
			continue
		}
		want := map[string]bool{}
		for _, n := range c.want {
			want[n] = true
		}
		if len(got) != len(want) {
			t.Errorf("%s: got %v, want %v", c.value, got, c.want)
		}
		for i, n := range got {
			if !want[n] || i > 0 && got[i-1] >= n {
				t.Errorf("%s: got %v, want %v", c.value, got, c.want)
			}
		}
	}
}

func TestWithoutXattrs(t *testing.T) {
	a, err := describe(&tree.Node{Meta: tree.Meta{Has: tree.HasMode}})
	if err != nil {
		t.Fatal(err)
	}
	if got, known := a.Capabilities.Get(); known {
		t.Errorf("a container without extended attributes: %q", got)
	}
	if _, known := a.UID.Get(); known {
		t.Error("a container without owners has one")
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{"0100000200200000000000000000000000000000", "0100000300200000000000000000000000000000e8030000", "010000010020000000000000", ""} {
		f.Add(unhex(s))
	}
	k, _ := fact.ByName(kind)
	f.Fuzz(func(t *testing.T, b []byte) {
		n := &tree.Node{Meta: tree.Meta{Has: tree.HasXattrs, Xattrs: []tree.Xattr{{Name: attribute, Value: b}}}}
		a, err := describe(n)
		if list, known := a.Capabilities.Get(); known != (err == nil) || len(list) > 64 {
			t.Errorf("%x: %v, %v", b, list, err)
		}
		if err := observetest.Check(k, fact.Encode("x", fact.Location{Node: "x"}, fact.Record{Attrs: a})); err != nil {
			t.Error(err)
		}
	})
}

// BenchmarkJoin counts the observer's own work; the node's address and line are made behind it, for every observer alike.
func BenchmarkJoin(b *testing.B) {
	p := planted{&tree.Tree{}}
	root := p.add(tree.None, "product", meta(tree.Dir, 0o755))
	for _, d := range []string{"etc", "lib", "usr", "bin"} {
		id := p.add(root, d, meta(tree.Dir, 0o755))
		for i := range 5000 {
			p.add(id, fmt.Sprintf("file-%06d", i), meta(tree.File, 0o644), bytesOf(20, "elf"))
		}
	}
	p.t.Sort()
	b.Run("describe", func(b *testing.B) {
		b.ReportAllocs()
		n := &p.t.Nodes[len(p.t.Nodes)-1]
		for b.Loop() {
			if _, err := describe(n); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := observe.New([]observe.Observer{Observer()}, nil).Join(b.Context(), p.t); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(p.t.Nodes)), "ns/node")
	})
}
