package file

import (
	"strings"
	"testing"

	"github.com/probat-lab/probat/fact"
	"github.com/probat-lab/probat/tree"
)

// TestACL has values laid out as linux/posix_acl_xattr.h and acl(5) say; the comments give the setfacl(1) options they stand for.
func TestACL(t *testing.T) {
	const plain = "0200000001000600ffffffff04000400ffffffff20000000ffffffff"
	for _, c := range []struct {
		name, value string
		want        string // true, false or what the error says
	}{
		{aclBinary, "02000000", "false"},
		{aclBinary, plain, "false"},
		{aclBinary, "0200000001000600ffffffff02000600e803000004000600ffffffff10000600ffffffff20000000ffffffff", "true"}, // -m u:1000:rw
		{aclBinary, "0200000001000600ffffffff04000600ffffffff080006006400000010000600ffffffff20000000ffffffff", "true"}, // -m g:100:rw
		{aclBinary, "", "0 bytes"},
		{aclBinary, "0200000001000600ffffff", "11 bytes"},
		{aclBinary, "0100000001000600ffffffff", "version 1"},
		{aclBinary, "0200000002000600e803000003000600ffffffff", "tag 0x3"},
		{aclText, "user::rw-,group::r--,other::---", "false"},
		{aclText, "user::rw-\nuser:ann:rw-:1000\ngroup::r--\nmask::rw-\nother::---\n", "true"},
		{aclText, "u::rw-,g::r--,g:users:rw-,m::rw-,o::---", "true"},
		{aclText, "user::rw- # the owner\n\nother:---", "false"},
		{aclText, "", "false"},
		{aclText, "user:ann", "cut entry 1"},
		{aclText, "user::rw-,everyone@:r:allow", "unknown entry 2"},
		{"user.acl", "x", "false"},
	} {
		value := []byte(c.value)
		if c.name == aclBinary {
			value = unhex(c.value)
		}
		n := &tree.Node{Meta: meta(tree.File, 0o640)}
		n.Xattrs = []tree.Xattr{{Name: c.name, Value: value}}
		a, err := describe(n)
		v, known := a.ACL.Get()
		switch {
		case err != nil:
			if known || c.want == "true" || c.want == "false" || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s %s: %v, want %s", c.name, c.value, err, c.want)
			}
		case !known || v != (c.want == "true") || c.want != "true" && c.want != "false":
			t.Errorf("%s %s: %v, %v, want %s", c.name, c.value, v, known, c.want)
		}
	}
	if a, _ := describe(&tree.Node{Meta: tree.Meta{Has: tree.HasMode}}); a.ACL != (fact.Opt[bool]{}) {
		t.Error("a container without extended attributes has a list")
	}
}

func TestBothDamaged(t *testing.T) {
	n := &tree.Node{Meta: meta(tree.File, 0o640)}
	n.Xattrs = []tree.Xattr{{Name: attribute}, {Name: aclBinary}}
	if _, err := describe(n); err == nil || !strings.Contains(err.Error(), attribute) || !strings.Contains(err.Error(), aclBinary) {
		t.Errorf("the error tells of one only: %v", err)
	}
}

func TestDevice(t *testing.T) {
	for _, typ := range []tree.Type{tree.Char, tree.Block, tree.File} {
		m := meta(typ, 0o666)
		m.Has |= tree.HasDevice
		m.Major, m.Minor = 1, 3
		a, err := describe(&tree.Node{Meta: m})
		if err != nil {
			t.Fatal(err)
		}
		major, known := a.Major.Get()
		minor, also := a.Minor.Get()
		if device := typ != tree.File; known != device || also != device || device && (major != 1 || minor != 3) {
			t.Errorf("%v: %d %v, %d %v", typ, major, known, minor, also)
		}
	}
	if a, _ := describe(&tree.Node{Meta: meta(tree.Char, 0o666)}); a.Major != (fact.Opt[int64]{}) {
		t.Error("a device without numbers has one")
	}
}

func FuzzACL(f *testing.F) {
	f.Add(unhex("0200000001000600ffffffff02000600e8030000"))
	f.Add([]byte("user::rw-,user:ann:rw-:1000\ngroup::r--#x\nmask::rw-"))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, name := range []string{aclBinary, aclText} {
			n := &tree.Node{Meta: tree.Meta{Has: tree.HasXattrs, Xattrs: []tree.Xattr{{Name: name, Value: b}}}}
			a, err := describe(n)
			if _, known := a.ACL.Get(); known != (err == nil) {
				t.Errorf("%s %x: known %v, %v", name, b, known, err)
			}
		}
	})
}

// TestTwoLists has a name in either of two lists: neither hides the other.
func TestTwoLists(t *testing.T) {
	for _, text := range []string{"user::rw-", "user::rw-,user:ann:rw-"} {
		n := &tree.Node{Meta: meta(tree.File, 0o640)}
		n.Xattrs = []tree.Xattr{{Name: aclBinary, Value: unhex("0200000002000600e8030000")}, {Name: aclText, Value: []byte(text)}}
		a, err := describe(n)
		if named, known := a.ACL.Get(); err != nil || !named || !known {
			t.Errorf("%s: %v, %v, %v", text, named, known, err)
		}
	}
}
