package unpack

import (
	"archive/tar"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"testing"

	"github.com/probat-lab/probat/tree"
)

// The kernel unpacks all the archives of an initramfs into one root.
func TestArchivesThatShareARoot(t *testing.T) {
	system := newc("etc", 0o40755) + newc("etc/passwd", 0o100644) + newc(cpioTrailer, 0)
	code := newc("kernel", 0o40755) + newc("kernel/x86", 0o40755) + newc("kernel/x86/microcode", 0o40755) + newc("kernel/x86/microcode/GenuineIntel.bin", 0o100644) + newc(cpioTrailer, 0)
	other := newc("kernel", 0o40755) + newc("kernel/etc", 0o40755) + newc(cpioTrailer, 0)
	packed := func(s string) string { return string(makeGzip(t, []byte(s), 6)) }
	shared := func(first string) string { return fmt.Sprintf("a unsupported %d+-1 *", len(first)) }
	for name, c := range map[string]struct {
		content string
		want    []string
	}{
		"one":                 {system, nil},
		"two":                 {system + system, []string{shared(system)}},
		"three":               {system + system + system, []string{shared(system)}},
		"compressed":          {system + packed(system), []string{shared(system)}},
		"microcode":           {code + system, nil},
		"microcode, packed":   {code + packed(system), nil},
		"microcode twice":     {code + code + packed(system), nil},
		"microcode, then two": {code + system + packed(system), []string{shared(code)}},
		"microcode behind":    {system + code, nil},
		"not microcode":       {other + system, []string{shared(other)}},
		"nor this":            {system + other, []string{shared(system)}},
		"both packed":         {code + packed(system+system), []string{fmt.Sprintf("a!/@%#x.gzip unsupported %d+-1 *", len(code), len(system))}},
	} {
		t.Run(name, func(t *testing.T) { wantOnly(t, walkBytes(t, []byte(c.content), Config{}), c.want...) })
	}
}

func TestPathsThatLeadUp(t *testing.T) {
	var z rawZip
	z.entry("etc/../x", []byte("abc"), z.local("etc/../x", []byte("abc")))
	for name, b := range map[string][]byte{
		"tar": makeTar(t, inTar{"etc/../x", []byte("abc")}, inTar{"..x", nil}), "zip": z.end(),
		"cpio": []byte(newc("etc/../x", 0o100644) + newc("a..", 0o100644) + newc(cpioTrailer, 0)),
	} {
		t.Run(name, func(t *testing.T) {
			tr := walkBytes(t, b, Config{})
			if len(tr.Unobserved) != 1 || tr.Unobserved[0].Reason != "damaged" || tr.Unobserved[0].Hides != tree.HidesAll || tr.Unobserved[0].Detail != "a path that leads up" || tr.Unobserved[0].Node == 0 {
				t.Errorf("unobserved are %q", unseen(tr))
			}
		})
	}
}

func TestZipUnicodePath(t *testing.T) {
	extra := func(name string) []byte {
		b := binary.LittleEndian.AppendUint16([]byte{0x75, 0x70}, uint16(5+len(name)))
		b = binary.LittleEndian.AppendUint32(append(b, 1), crc32.ChecksumIEEE([]byte("motd")))
		return append(b, name...)
	}
	for name, c := range map[string]struct {
		local, central []byte
		want           []string
	}{
		"the same":   {extra("motd"), extra("motd"), nil},
		"in central": {nil, extra("passwd"), []string{"a!/motd damaged 0+-1 *"}},
		"in local":   {extra("passwd"), nil, []string{"a!/motd damaged 0+-1 *"}},
	} {
		t.Run(name, func(t *testing.T) {
			var z rawZip
			at := z.Len()
			z.local("motd", nil)
			binary.LittleEndian.PutUint16(z.Bytes()[at+28:], uint16(len(c.local)))
			z.Write(c.local)
			z.entry("motd", nil, at)
			binary.LittleEndian.PutUint16(z.central.Bytes()[30:], uint16(len(c.central)))
			z.central.Write(c.central)
			wantOnly(t, walkBytes(t, z.end(), Config{}), c.want...)
		})
	}
}

// An owner that is no number of 32 bits is none.
func TestTarOwnerOutOfRange(t *testing.T) {
	for _, uid := range []int{-1 << 32, -1, 1 << 32} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&tar.Header{Name: "x", Typeflag: tar.TypeReg, Uid: uid, Format: tar.FormatGNU}); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		tr := walkBytes(t, b.Bytes(), Config{})
		wantOnly(t, tr, "a!/x damaged 0+-1 *")
		if n := tr.Nodes[nodeAt(t, tr, "a!/x")]; n.Has&tree.HasOwner != 0 {
			t.Errorf("%d: %+v", uid, n.Meta)
		}
	}
}

func TestTarAttributesOfOthers(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	if err := w.WriteHeader(&tar.Header{Name: "x", Typeflag: tar.TypeReg, PAXRecords: map[string]string{
		"SCHILY.acl.access": "user::rw-,user:1000:rw-", "SCHILY.acl.default": "user::r--", "SCHILY.acl.ace": "x",
		"LIBARCHIVE.xattr.user.a%20b": "AQID", "LIBARCHIVE.xattr.user.c": "ZZZZ", "LIBARCHIVE.xattr.user.%63": "YYYY", "SCHILY.xattr.user.c": "plain", "LIBARCHIVE.xattr.user.d": "AQ==",
	}}); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	tr := walkBytes(t, b.Bytes(), Config{})
	want := `["SCHILY.acl.access" "user::rw-,user:1000:rw-"] ["SCHILY.acl.default" "user::r--"] ["user.a b" "\x01\x02\x03"] ["user.c" "plain"] ["user.d" "\x01"] `
	got := ""
	for _, x := range tr.Nodes[nodeAt(t, tr, "a!/x")].Xattrs {
		got += fmt.Sprintf("[%q %q] ", x.Name, x.Value)
	}
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestMinix(t *testing.T) {
	for _, version := range []string{"-1", "-2", "-3"} {
		p := filepath.Join(t.TempDir(), "x")
		if err := os.WriteFile(p, make([]byte, 1<<20), 0o600); err != nil {
			t.Fatal(err)
		}
		command(t, "", nil, "/sbin/mkfs.minix", version, p)
		tr := walkPath(t, p, Config{})
		if tr.Nodes[0].Format != "minix" {
			t.Errorf("%s is %q", version, tr.Nodes[0].Format)
		}
		wantOnly(t, tr, "a unsupported 0+1048576 *")
	}
	weak := imageCode(1, 5000)
	copy(weak[1040:], "\x8f\x13")
	if got := known(weak); got != "" {
		t.Errorf("two bytes are %q", got)
	}
}
