package ext

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
)

// at returns the offset of the inode of a path.
func (o *outcome) at(t testing.TB, path string) int64 {
	t.Helper()
	for i, p := range o.paths {
		if p == path {
			off, err := o.fs.inodeAt(o.entries[i].Inode)
			if err != nil {
				t.Fatal(err)
			}
			return off
		}
	}
	t.Fatalf("no %q in %q", path, o.paths)
	return 0
}

// block returns the first block of a path, by its extents or pointers.
func (o *outcome) block(t testing.TB, path string) int64 {
	t.Helper()
	in, err := o.fs.readInode(o.inode(path), func(error) {})
	if err != nil {
		t.Fatal(err)
	}
	runs, _ := o.fs.mapBlocks(t.Context(), in, &claims{meta: &blockSet{}, log: func(Problem) {}})
	return int64(runs[0].physical) * o.fs.bs
}

func (o *outcome) inode(path string) uint32 {
	for i, p := range o.paths {
		if p == path {
			return o.entries[i].Inode
		}
	}
	return 0
}

// TestHostile changes single places of an image, and demands that it is said.
func TestHostile(t *testing.T) {
	le := binary.LittleEndian
	// entry returns the place of the directory entry of a name.
	entry := func(raw []byte, name string) int64 {
		i := bytes.Index(raw, append([]byte{byte(len(name))}, append([]byte{1}, name...)...))
		if i < 0 {
			i = bytes.Index(raw, append([]byte{byte(len(name))}, append([]byte{2}, name...)...))
		}
		return int64(i - 6)
	}
	for _, c := range []struct {
		name  string
		image func(testing.TB) []byte
		poke  func(t *testing.T, raw []byte, o *outcome)
		want  string // in a problem
		err   string // of Open
	}{
		{name: "unknown feature", poke: func(_ *testing.T, raw []byte, _ *outcome) { raw[1024+0x60] |= 0x21 }, err: "unsupported ext variant: incompatible features compression, incompat bit 5"},
		{name: "journal alone", poke: func(_ *testing.T, raw []byte, _ *outcome) { raw[1024+0x60] |= 8 }, err: "journal_dev"},
		{name: "recover", poke: func(_ *testing.T, raw []byte, _ *outcome) { raw[1024+0x60] |= 4 }, want: "journal was not replayed"},
		{name: "no magic", poke: func(_ *testing.T, raw []byte, _ *outcome) { raw[1024+0x38] = 0 }, err: "not an ext"},
		{name: "block size", poke: func(_ *testing.T, raw []byte, _ *outcome) { raw[1024+0x18] = 40 }, err: "block size"},
		{name: "groups", poke: func(_ *testing.T, raw []byte, _ *outcome) {
			le.PutUint32(raw[1024+4:], 0xFFFFFFFF)
			le.PutUint32(raw[1024+0x20:], 1)
		}, want: "image is truncated"},
		{name: "directory loop", poke: func(t *testing.T, raw []byte, o *outcome) {
			le.PutUint32(raw[entry(raw, "bin"):], o.inode("/etc"))
		}, want: "walked already"},
		{name: "loop to the root", poke: func(_ *testing.T, raw []byte, _ *outcome) { le.PutUint32(raw[entry(raw, "bin"):], 2) }, want: "walked already"},
		{name: "reserved inode", poke: func(_ *testing.T, raw []byte, _ *outcome) { le.PutUint32(raw[entry(raw, "passwd"):], 8) }, want: "reserved inode"},
		{name: "inode too big", poke: func(_ *testing.T, raw []byte, _ *outcome) { le.PutUint32(raw[entry(raw, "passwd"):], 1<<30) }, want: "outside the"},
		{name: "lost inode", poke: func(_ *testing.T, raw []byte, _ *outcome) { le.PutUint32(raw[entry(raw, "passwd"):], 0) }, want: "in no directory"},
		{name: "record length 0", poke: func(_ *testing.T, raw []byte, _ *outcome) { le.PutUint16(raw[entry(raw, "shadow")+4:], 0) }, want: "directory entry of 0 bytes"},
		{name: "record too long", poke: func(_ *testing.T, raw []byte, _ *outcome) { le.PutUint16(raw[entry(raw, "shadow")+4:], 2000) }, want: "directory entry of 2000 bytes"},
		{name: "name too long", poke: func(_ *testing.T, raw []byte, _ *outcome) { raw[entry(raw, "passwd")+6] = 250 }, want: "a name of 250 bytes"},
		{name: "slash", poke: func(_ *testing.T, raw []byte, _ *outcome) { copy(raw[entry(raw, "passwd")+8:], "../../") }, want: "no program can open"},
		{name: "dots", poke: func(_ *testing.T, raw []byte, _ *outcome) {
			e := entry(raw, "passwd")
			raw[e+6] = 2
			copy(raw[e+8:], "..")
		}, want: "not at the beginning"},
		{name: "encrypted file", poke: func(t *testing.T, raw []byte, o *outcome) { raw[o.at(t, "/bin/tool")+0x21] |= 0x08 }, want: "encrypted"},
		{name: "encrypted directory", poke: func(t *testing.T, raw []byte, o *outcome) { raw[o.at(t, "/bin")+0x21] |= 0x08 }, want: "names in it: encrypted"},
		{name: "type", poke: func(t *testing.T, raw []byte, o *outcome) { le.PutUint16(raw[o.at(t, "/dev"):], 0o100644) }, want: "the directory says char"},
		{name: "no type", poke: func(t *testing.T, raw []byte, o *outcome) { le.PutUint16(raw[o.at(t, "/dev"):], 0o644) }, want: "no type"},
		{name: "extent outside", poke: func(t *testing.T, raw []byte, o *outcome) {
			le.PutUint32(raw[o.at(t, "/bin/tool")+inodeBlockAt+20:], 1<<20)
		}, want: "outside the file system"},
		{name: "extent on the inodes", poke: func(t *testing.T, raw []byte, o *outcome) {
			le.PutUint32(raw[o.at(t, "/bin/tool")+inodeBlockAt+20:], uint32(o.fs.groups[0].inodeTable))
		}, want: "own structures"},
		{name: "extent depth", poke: func(t *testing.T, raw []byte, o *outcome) { raw[o.at(t, "/bin/tool")+inodeBlockAt+6] = 6 }, want: "depth 6"},
		{name: "extent tree loop", poke: func(t *testing.T, raw []byte, o *outcome) {
			// The root and a block of the file point to the block again and again, at a different depth.
			at, b := o.at(t, "/bin/tool")+inodeBlockAt, o.block(t, "/bin/tool")
			node := func(p []byte, depth uint16) {
				for i, v := range []uint16{extentMagic, 2, 4, depth, 0, 0} {
					le.PutUint16(p[2*i:], v)
				}
				for i := range 2 {
					le.PutUint32(p[12+12*i:], uint32(i*8))
					le.PutUint32(p[16+12*i:], uint32(b/1024))
					le.PutUint32(p[20+12*i:], 0)
				}
			}
			node(raw[at:], 5)
			node(raw[b:], 4)
		}, want: "used twice"},
		{name: "extents overlap", poke: func(t *testing.T, raw []byte, o *outcome) {
			at := o.at(t, "/bin/tool") + inodeBlockAt
			raw[at+2] = 2
			copy(raw[at+24:at+36], raw[at+12:at+24])
		}, want: "come after"},
		{name: "shared blocks", poke: func(t *testing.T, raw []byte, o *outcome) {
			a, b := o.at(t, "/etc/passwd")+inodeBlockAt, o.at(t, "/etc/shadow")+inodeBlockAt
			copy(raw[a:a+60], raw[b:b+60])
		}, want: "more than one file"},
		{name: "directory in a directory's block", poke: func(t *testing.T, raw []byte, o *outcome) {
			a, b := o.at(t, "/bin")+inodeBlockAt, o.at(t, "/etc")+inodeBlockAt
			copy(raw[a:a+60], raw[b:b+60])
		}, want: "used twice"},
		{name: "indirect outside", image: smallExt2, poke: func(t *testing.T, raw []byte, o *outcome) {
			le.PutUint32(raw[o.at(t, "/bin/tool")+inodeBlockAt+4*12:], 1<<30)
		}, want: "outside the file system"},
		{name: "triple indirect to itself", image: smallExt2, poke: func(t *testing.T, raw []byte, o *outcome) {
			b := le.Uint32(raw[o.at(t, "/bin/tool")+inodeBlockAt+4*12:])
			for i := range 256 {
				le.PutUint32(raw[int(b)*1024+4*i:], b)
			}
			le.PutUint32(raw[o.at(t, "/bin/tool")+inodeBlockAt+4*12:], 0)
			le.PutUint32(raw[o.at(t, "/bin/tool")+inodeBlockAt+4*14:], b)
		}, want: "used twice"},
		{name: "link too long", poke: func(t *testing.T, raw []byte, o *outcome) { le.PutUint32(raw[o.at(t, "/bin/long")+4:], 1<<20) }, want: "a target of 1048576 bytes"},
		{name: "inline data too short", image: smallInline, poke: func(t *testing.T, raw []byte, o *outcome) { le.PutUint32(raw[o.at(t, "/etc/passwd")+4:], 5000) }, want: "inline data of"},
		{name: "attribute outside", poke: func(t *testing.T, raw []byte, o *outcome) {
			i := bytes.Index(raw, []byte("\x04\x01"))
			for ; !bytes.HasPrefix(raw[i+16:], []byte("long")); i++ {
				i += bytes.Index(raw[i+1:], []byte("\x04\x01"))
			}
			le.PutUint32(raw[i+8:], 1<<31)
		}, want: "extended attributes"},
		{name: "inode table on the superblock", poke: func(_ *testing.T, raw []byte, _ *outcome) { le.PutUint32(raw[2048+8:], 1) }, want: "something else already"},
		{name: "bitmap outside", poke: func(_ *testing.T, raw []byte, _ *outcome) { le.PutUint32(raw[2048:], 1<<20) }, want: "outside the file system"},
		{name: "free inode", poke: func(_ *testing.T, raw []byte, o *outcome) {
			clear(raw[o.fs.groups[0].inodeBitmap*1024:][:4])
		}, want: "but not in use"},
	} {
		t.Run(c.name, func(t *testing.T) {
			image := c.image
			if image == nil {
				image = smallNoSums
			}
			raw := image(t)
			o := read(t, raw)
			if len(o.problems) > 0 {
				t.Fatalf("problems before: %q", o.problems)
			}
			c.poke(t, raw, o)
			o, err := tryRead(t.Context(), raw, Limits{})
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("got error %v, want %q", err, c.err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(o.problems, "\n"); !strings.Contains(all, c.want) {
				t.Errorf("no problem has %q:\n%s", c.want, all)
			}
			if rs := o.fs.Ranges(); rs[0].Off != 0 || rs[len(rs)-1].end() != int64(len(raw)) {
				t.Errorf("ranges %v", rs)
			}
		})
	}
}

// TestHuge reads a file of terabytes without a block: its holes cost nothing, and the writer can stop.
func TestHuge(t *testing.T) {
	raw := smallNoSums(t)
	o := read(t, raw)
	at := o.at(t, "/holes")
	binary.LittleEndian.PutUint32(raw[at+4:], 0)
	binary.LittleEndian.PutUint32(raw[at+0x6C:], 1<<9) // 2 TiB
	fs, err := Open(t.Context(), bytes.NewReader(raw), int64(len(raw)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	found := false
	err = fs.Walk(t.Context(), func(e *Entry) error {
		if e.Name != "holes" {
			return nil
		}
		found = true
		if e.Size != 2<<40 || e.Allocated > 1024 {
			t.Errorf("size %d, allocated %d", e.Size, e.Allocated)
		}
		w := &stopper{left: 1 << 20}
		n, err := fs.WriteContent(t.Context(), w, e)
		if !errors.Is(err, errStopped) || n != 1<<20 {
			t.Errorf("wrote %d bytes: %v", n, err)
		}
		return nil
	})
	if err != nil || !found {
		t.Errorf("walk: %v, found %v", err, found)
	}
}

var errStopped = errors.New("stopped")

// stopper takes so many bytes and no more.
type stopper struct{ left int64 }

func (w *stopper) Write(p []byte) (int, error) {
	if int64(len(p)) > w.left {
		n := w.left
		w.left = 0
		return int(n), errStopped
	}
	w.left -= int64(len(p))
	return len(p), nil
}

// TestTruncated cuts images at many places: what is still there has the same content, what is not is a problem.
func TestTruncated(t *testing.T) {
	for name, image := range map[string]func(testing.TB) []byte{"extents": smallSums, "pointers": smallExt2, "inline": smallInline} {
		t.Run(name, func(t *testing.T) {
			raw := image(t)
			whole := read(t, raw)
			for size := len(raw) - 1; size >= 0; size -= 509 {
				o, err := tryRead(t.Context(), raw[:size], Limits{})
				if size < 2048 {
					if !errors.Is(err, ErrFormat) {
						t.Fatalf("%d bytes: %v", size, err)
					}
					continue
				}
				if err != nil {
					t.Fatalf("%d bytes: %v", size, err)
				}
				if len(o.problems) == 0 {
					t.Fatalf("%d bytes: no problem", size)
				}
				checkLess(t, whole, o, size)
			}
		})
	}
}

// checkLess demands that a damaged image gives nothing that the whole one does not.
func checkLess(t *testing.T, whole, o *outcome, size int) {
	t.Helper()
	for path, n := range o.nodes {
		w, ok := whole.nodes[path]
		if !ok {
			t.Fatalf("%d bytes: new path %q", size, path)
		}
		if n.Digest != w.Digest && n.Digest != "" && !strings.HasPrefix(n.Digest, "content after") {
			t.Fatalf("%d bytes: %q has content %s, not %s", size, path, n.Digest, w.Digest)
		}
	}
	if rs := o.fs.Ranges(); rs[len(rs)-1].end() != int64(size) {
		t.Fatalf("%d bytes: ranges end at %d", size, rs[len(rs)-1].end())
	}
}

// TestCorrupted flips bytes all over an image. With checksums every flip in what is read as structure is noticed.
func TestCorrupted(t *testing.T) {
	raw := smallSums(t)
	o := read(t, raw)
	if len(o.problems) > 0 {
		t.Fatalf("problems before: %q", o.problems)
	}
	noticed := 0
	for _, r := range o.fs.Ranges() {
		if r.Kind.Unread() || r.Kind == KindData || r.Kind == KindLink {
			continue
		}
		for off := r.Off; off < r.end(); off += 3 {
			raw[off] ^= 0x5A
			bad, err := tryRead(t.Context(), raw, Limits{})
			if err == nil && len(bad.problems) == 0 {
				t.Errorf("%s at %d: a flipped byte is no problem", r.Kind, off)
			}
			raw[off] ^= 0x5A
			noticed++
		}
	}
	if noticed < 1000 {
		t.Errorf("only %d flips", noticed)
	}
}

// TestLimits demands that each limit ends in a problem, not in an error.
func TestLimits(t *testing.T) {
	raw := smallNoSums(t)
	for name, l := range map[string]Limits{"entries": {Entries: 3}, "deep": {Depth: 1}, "runs": {Extents: 4}, "attributes": {XattrBytes: 1}} {
		o, err := tryRead(t.Context(), raw, l)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, p := range o.fs.Problems() {
			if errors.Is(p.Err, ErrLimit) && strings.Contains(p.Err.Error(), name) {
				n++
			}
		}
		if n == 0 {
			t.Errorf("%s: %q", name, o.problems)
		}
	}
	o, err := tryRead(t.Context(), raw[:len(raw)/4], Limits{Problems: 1})
	if err != nil {
		t.Fatal(err)
	}
	if last := o.problems[len(o.problems)-1]; !strings.Contains(last, "more problems are not listed") {
		t.Errorf("%q", o.problems)
	}
}

// TestLinks damages a file with two names: both say so, and say the same. One that has more names than it says has all its content under each.
func TestLinks(t *testing.T) {
	le := binary.LittleEndian
	for _, c := range []struct {
		name  string
		image func(testing.TB) []byte
		lacks Lacks
		poke  func(raw []byte, at int64)
	}{
		{"outside", smallNoSums, LacksLayout, func(raw []byte, at int64) { le.PutUint32(raw[at+inodeBlockAt+20:], 1<<20) }},
		{"more names", smallExt2, 0, func(raw []byte, at int64) { le.PutUint16(raw[at+0x1A:], 1) }},
	} {
		raw := c.image(t)
		whole := read(t, raw)
		c.poke(raw, whole.at(t, "/bin/tool"))
		o := read(t, raw)
		var digests []string
		for i, path := range o.paths {
			if path != "/bin/tool" && path != "/bin/again" {
				continue
			}
			if got := o.entries[i].Lacks; got != c.lacks {
				t.Errorf("%s: %q lacks %d, not %d", c.name, path, got, c.lacks)
			}
			digests = append(digests, o.nodes[path].Digest)
		}
		if len(o.problems) == 0 || len(digests) != 2 || digests[0] != digests[1] || (digests[0] == whole.nodes["/bin/tool"].Digest) != (c.lacks == 0) {
			t.Errorf("%s: %q %q", c.name, digests, o.problems)
		}
	}
}

// TestUnwritten marks an extent as not written: it reads as zeros, whatever its blocks have, and they are not observed.
func TestUnwritten(t *testing.T) {
	raw := smallNoSums(t)
	o := read(t, raw)
	at, block := o.at(t, "/bin/tool"), o.block(t, "/bin/tool")
	for i := range int64(raw[at+inodeBlockAt+2]) {
		raw[at+inodeBlockAt+12*(i+1)+5] |= 0x80
	}
	o = read(t, raw)
	for i, path := range o.paths {
		if e := o.entries[i]; path == "/bin/tool" && (e.Allocated != 0 || e.Size != 14_000) {
			t.Errorf("size %d, allocated %d", e.Size, e.Allocated)
		}
	}
	if want := sha256.Sum256(make([]byte, 14_000)); o.nodes["/bin/tool"].Digest != hex.EncodeToString(want[:]) {
		t.Error("the content is not zeros")
	}
	for _, r := range o.fs.Ranges() {
		if r.Off <= block && block < r.end() && r.Kind != KindUnwritten {
			t.Errorf("range %v", r)
		}
	}
}

// TestResolve gives every byte to the strongest kind.
func TestResolve(t *testing.T) {
	var a account
	a.init(100)
	for _, r := range []Range{{0, 100, KindUnclaimed}, {10, 50, KindData}, {12, 4, KindData}, {20, 10, KindDirectory}, {55, 20, KindFree}, {70, 5, KindSlack}} {
		a.add(r.Kind, r.Off, r.Len)
	}
	a.resolve()
	want := []Range{{0, 10, KindUnclaimed}, {10, 10, KindData}, {20, 10, KindDirectory}, {30, 30, KindData}, {60, 10, KindFree}, {70, 5, KindSlack}, {75, 25, KindUnclaimed}}
	if !slices.Equal(a.list, want) {
		t.Errorf("got %v, want %v", a.list, want)
	}
	if a.shared != 4 || a.sharedA != 12 {
		t.Errorf("%d bytes shared at %d", a.shared, a.sharedA)
	}
}

// TestConcurrent reads all contents at once while another walk is under way.
func TestConcurrent(t *testing.T) {
	o := read(t, smallNoSums(t))
	var wg sync.WaitGroup
	for range 8 {
		for i, e := range o.entries {
			if e.Type != File {
				continue
			}
			wg.Go(func() {
				h := sha256.New()
				if _, err := o.fs.WriteContent(t.Context(), h, e); err != nil || hex.EncodeToString(h.Sum(nil)) != o.nodes[o.paths[i]].Digest {
					t.Errorf("%q: %v, digest differs", o.paths[i], err)
				}
			})
		}
	}
	if err := o.fs.Walk(t.Context(), func(*Entry) error { return nil }); err != nil {
		t.Error(err)
	}
	wg.Wait()
}

// TestCancelled demands that a walk and a content end with the error of their context, or of the function.
func TestCancelled(t *testing.T) {
	o := read(t, smallNoSums(t))
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	err := o.fs.Walk(ctx, func(*Entry) error {
		if n++; n == 3 {
			cancel()
		}
		return nil
	})
	if !errors.Is(err, context.Canceled) || n > 3 {
		t.Errorf("after %d entries: %v", n, err)
	}
	for _, e := range o.entries {
		if e.Type == File && e.Size > 0 {
			if _, err := o.fs.WriteContent(ctx, io.Discard, e); !errors.Is(err, context.Canceled) {
				t.Errorf("content: %v", err)
			}
		}
	}
	if err := o.fs.Walk(t.Context(), func(*Entry) error { return errStopped }); !errors.Is(err, errStopped) {
		t.Errorf("walk: %v", err)
	}
	if _, err := Open(ctx, bytes.NewReader(load(t, mkfs(t, "", 1024))), 1<<20, Limits{}); !errors.Is(err, context.Canceled) {
		t.Errorf("open: %v", err)
	}
}
