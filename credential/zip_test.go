package credential_test

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/probat-lab/probat/credential"
	"github.com/probat-lab/probat/credential/credentialtest"
)

// sealed returns a lab and a credential of it, with one disclosure.
func sealed(t testing.TB) (*credentialtest.Lab, *credentialtest.Credential, []byte) {
	t.Helper()
	l := credentialtest.New(t, origin, 3)
	c := l.NewCredential()
	c.Seal()
	d, err := c.Tree.Open(1, c.Of)
	if err != nil {
		t.Fatal(err)
	}
	c.Parts.Disclosures = []*credential.Disclosure{d}
	return l, c, c.Zip()
}

// TestUnzip: the container opens with tools that know nothing of us.
func TestUnzip(t *testing.T) {
	_, _, data := sealed(t)
	names := []string{
		"credential.sigstore.json", "credential.tlog-proof", "status.sigstore.json", "status.tlog-proof", "disclosures/00.json",
		"trust/lab.pub", "trust/lab.trust", "trust/trusted_root.json", "trust/policy.txt", "README.txt",
	}
	r, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range r.File {
		if f.Name != names[i] || f.Method != zip.Store || f.Mode() != 0o644 {
			t.Errorf("file %d: %s, method %d, %s", i, f.Name, f.Method, f.Mode())
		}
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(in); err != nil {
			t.Errorf("%s: %v", f.Name, err)
		}
	}
	if len(r.File) != len(names) {
		t.Errorf("%d files", len(r.File))
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "x.probat.zip")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "unzip", "-q", file, "-d", dir).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("unzip: %v\n%s", err, out)
	}
	for _, n := range names {
		if _, err := os.Stat(filepath.Join(dir, n)); err != nil {
			t.Error(err)
		}
	}
}

// TestZipEveryByte: a byte of the container that changes, whatever it means, is found, and never is the word a valid one.
func TestZipEveryByte(t *testing.T) {
	l, _, data := sealed(t)
	in := input(l)
	want(t, data, in, credential.Valid)
	for i := range data {
		bits := []byte{1 << (i % 8)}
		if i%64 < 8 && !slow { // all bits of some bytes; headers are longer than what lies between
			bits = []byte{1, 2, 4, 8, 16, 32, 64, 128}
		}
		for _, bit := range bits {
			b := bytes.Clone(data)
			b[i] ^= bit
			if r := credential.Verify(b, in); r.Word != credential.Invalid {
				t.Errorf("byte %d of %d, bit %#x: %s", i, len(data), bit, r.Word)
			}
		}
		if i%7 > 0 {
			continue
		}
		if r := credential.Verify(data[:i], in); r.Word != credential.Invalid {
			t.Errorf("cut at %d: %s", i, r.Word)
		}
	}
}

// TestMemberEveryByte does the same with checksums put right, so that what lies behind them is tried: every byte of every file, a bit that moves from byte to byte, and a byte
// that is missing.
func TestMemberEveryByte(t *testing.T) {
	l, _, data := sealed(t)
	in := input(l)
	files, err := credential.ReadZip(data)
	if err != nil {
		t.Fatal(err)
	}
	step := 1
	if slow {
		step = 41
	}
	words := map[credential.Word]int{}
	for m, f := range files {
		for i := 0; i < len(f.Data); i += step {
			bent := slices.Clone(files)
			bent[m].Data = bytes.Clone(f.Data)
			bent[m].Data[i] ^= 1 << (i % 8)
			r := credential.Verify(credential.WriteZip(bent), in)
			if words[r.Word]++; !r.Word.Authentic() {
				continue
			}
			// A line under the first checkpoint that is of no known witness any more: the same as a cosignature taken away, which leaves the credential what it was, with fewer witnesses.
			if r.Word == credential.ValidUnwitnessed && f.Name == "credential.tlog-proof" && i > bytes.Index(f.Data, []byte("\n\n— log")) {
				continue
			}
			t.Errorf("%s, byte %d of %d (%q): %s", f.Name, i, len(f.Data), f.Data[max(0, i-9):i+1], r.Word)
		}
		bent := slices.Clone(files)
		bent[m].Data = f.Data[:len(f.Data)-1]
		if r := credential.Verify(credential.WriteZip(bent), in); r.Word != credential.Invalid {
			t.Errorf("%s, cut: %s", f.Name, r.Word)
		}
	}
	t.Logf("%v", words)
}

// TestZipTricks is doc/adversarial-tests.md, 20.
func TestZipTricks(t *testing.T) {
	l, c, data := sealed(t)
	files, err := credential.ReadZip(data)
	if err != nil {
		t.Fatal(err)
	}
	name := func(i int, n string) []byte {
		bent := slices.Clone(files)
		bent[i].Name = n
		return credential.WriteZip(bent)
	}
	add := func(i int, f ...credential.ZipFile) []byte {
		return credential.WriteZip(slices.Insert(slices.Clone(files), i, f...))
	}
	patch := func(marker string, at int, to ...byte) []byte {
		b := bytes.Clone(data)
		copy(b[bytes.Index(b, []byte(marker))+at:], to)
		return b
	}
	deflated := func() []byte {
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, f := range files {
			part, err := w.Create(f.Name)
			if err != nil {
				t.Fatal(err)
			}
			_, _ = part.Write(f.Data)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	evil := credential.ZipFile{Name: "../../etc/passwd", Data: []byte("root::0:0::/:/bin/sh\n")}
	var thousands []credential.ZipFile
	for i := range 10000 {
		thousands = append(thousands, credential.ZipFile{Name: fmt.Sprintf("disclosures/%02d.json", i)})
	}
	local, central, end := "PK\x03\x04", "PK\x01\x02", "PK\x05\x06"
	for trick, b := range map[string][]byte{
		"nothing":                     {},
		"an empty zip":                credential.WriteZip(nil),
		"leads up":                    add(5, evil),
		"leads up at the end":         add(len(files), evil),
		"absolute":                    name(0, "/credential.sigstore.json"),
		"backslash":                   name(5, `trust\lab.pub`),
		"drive letter":                name(0, "C:credential.sigstore.json"),
		"dot":                         name(0, "./credential.sigstore.json"),
		"a name twice":                add(1, files[0]),
		"case fold":                   name(0, "Credential.sigstore.json"),
		"folder for a file":           name(0, "credential.sigstore.json/"),
		"a folder":                    add(5, credential.ZipFile{Name: "trust/"}),
		"another order":               credential.WriteZip(slices.Concat(files[1:2], files[:1], files[2:])),
		"a file is missing":           credential.WriteZip(slices.Delete(slices.Clone(files), 1, 2)),
		"the last is missing":         credential.WriteZip(files[:len(files)-1]),
		"disclosure 01 without 00":    name(4, "disclosures/01.json"),
		"disclosure 00 twice":         add(4, files[4]),
		"ten thousand files":          add(4, thousands...),
		"deflated":                    deflated(),
		"something before":            append([]byte("#!/bin/sh\n"), data...),
		"something after":             append(bytes.Clone(data), 0),
		"two zips":                    append(bytes.Clone(data), data...),
		"encrypted":                   patch(local, 6, 1),
		"encrypted in the directory":  patch(central, 8, 1),
		"descriptor after the data":   patch(local, 6, 8),
		"another method":              patch(local, 8, 8),
		"another time":                patch(local, 10, 1),
		"another checksum":            patch(local, 14, 0),
		"a size that is too large":    patch(local, 18, 0xff, 0xff, 0xff, 0x7f),
		"a size beyond any":           patch(local, 18, 0xff, 0xff, 0xff, 0xff),
		"unpacks to a gigabyte":       patch(local, 22, 0, 0, 0, 0x40),
		"a long name":                 patch(local, 26, 0xff, 0xff),
		"extra fields":                patch(local, 28, 1),
		"extra in the directory":      patch(central, 30, 1),
		"a comment on a file":         patch(central, 32, 1),
		"another disk":                patch(central, 34, 1),
		"a symbolic link":             patch(central, 40, 0xff, 0xa1),
		"a folder by its mode":        patch(central, 40, 0xff, 0x41),
		"offset of another file":      patch(central, 42, 1),
		"made by MS-DOS":              patch(central, 5, 0),
		"more files in the directory": patch(end, 10, 11),
		"a comment":                   append(patch(end, 20, 1), 'x'),
		"directory elsewhere":         patch(end, 16, 0),
	} {
		if bytes.Equal(b, data) {
			t.Errorf("%s: nothing was changed", trick)
		}
		if r := credential.Verify(b, input(l)); r.Word != credential.Invalid {
			t.Errorf("%s: %s", trick, r.Word)
		} else if len(r.Reasons) != 1 || !strings.Contains(r.Reasons[0].Text, "the zip") {
			t.Errorf("%s: %v", trick, r.Reasons)
		}
	}
	if _, err := credential.Open(data); err != nil {
		t.Error(err)
	}
	c.Parts.Disclosures = slices.Repeat(c.Parts.Disclosures, credential.MaxDisclosures+1)
	if _, err := credential.Assemble(c.Parts); err == nil {
		t.Error("101 disclosures: accepted")
	}
	c.Parts.Disclosures = c.Parts.Disclosures[:credential.MaxDisclosures]
	want(t, c.Zip(), input(l), credential.Valid)
}

// TestZipSizes: what is too large is refused before anybody looks into it (doc/adversarial-tests.md, 21).
func TestZipSizes(t *testing.T) {
	l, _, data := sealed(t)
	files, err := credential.ReadZip(data)
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range files {
		bent := slices.Clone(files)
		bent[i].Data = append(bytes.Clone(f.Data), bytes.Repeat([]byte(" "), 3<<20)...)
		if r := credential.Verify(credential.WriteZip(bent), input(l)); r.Word != credential.Invalid || !strings.Contains(r.Reasons[0].Text, "at most") {
			t.Errorf("%s: %v", f.Name, r.Reasons)
		}
	}
	// A container of the largest size that holds nothing useful costs no more than itself.
	big := make([]byte, credential.MaxContainer+1)
	copy(big, data)
	because(t, big, input(l), credential.Invalid, "at most")
}

// TestZipChecksum holds the writer to the format, since reader and writer could be wrong together.
func TestZipChecksum(t *testing.T) {
	data := credential.WriteZip([]credential.ZipFile{{Name: "a", Data: []byte("hello")}})
	if got := binary.LittleEndian.Uint32(data[14:]); got != crc32.ChecksumIEEE([]byte("hello")) || string(data[31:36]) != "hello" {
		t.Errorf("%q", data)
	}
}

func FuzzVerify(f *testing.F) {
	l, _, data := sealed(f)
	in := input(l)
	f.Add(data, 0, byte(0))
	files, err := credential.ReadZip(data)
	if err != nil {
		f.Fatal(err)
	}
	for i := range files {
		f.Add(files[i].Data, i, byte(1))
	}
	f.Fuzz(func(t *testing.T, b []byte, i int, forge byte) {
		if forge%2 == 1 { // one file changed, its checksum right
			bent := slices.Clone(files)
			bent[uint(i)%uint(len(files))].Data = b
			b = credential.WriteZip(bent)
		}
		r := credential.Verify(b, in)
		if r.Word.Authentic() && !bytes.Equal(b, data) {
			again, err := credential.ReadZip(b)
			if err != nil {
				t.Fatal(err)
			}
			// Only the disclosures may differ, and only in how many of the true ones there are.
			if !bytes.Equal(again[0].Data, files[0].Data) {
				t.Errorf("%s with another credential", r.Word)
			}
		}
	})
}
