package fact

import (
	"fmt"
	"testing"
)

// sampleFile is a fact of the kind that there are most of.
func sampleFile(i int) (Location, Record) {
	path := fmt.Sprintf("/usr/lib/x86_64-linux-gnu/dir%d/libsample-%06d.so.1.2.3", i%97, i)
	return Location{Node: "router!/rootfs.squashfs!" + path, System: "router!/rootfs.squashfs!", Path: path}, Record{Attrs: File{
		Type: "file", Mode: Known[int64](0o644), UID: Known[int64](1000), GID: Known[int64](1000), Setuid: Known(false), Setgid: Known(false),
		WorldReadable: Known(true), WorldWritable: Known(false), GroupWritable: Known(false), Executable: Known(false),
		Capabilities: Known([]string{}), Size: Known(int64(100_000 + i)), Digest: Known(fmt.Sprintf("%064x", i*7919)), Format: Known("elf"),
	}}
}

func BenchmarkEncode(b *testing.B) {
	at, r := sampleFile(1)
	b.ReportAllocs()
	for b.Loop() {
		Encode("file", at, r)
	}
}

func BenchmarkParse(b *testing.B) {
	k, _ := ByName("file")
	at, r := sampleFile(1)
	line := Encode("file", at, r)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Parse(k, line); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	k, _ := ByName("file")
	at, r := sampleFile(1)
	f, err := Parse(k, Encode("file", at, r))
	if err != nil {
		b.Fatal(err)
	}
	for _, name := range []string{"world_writable", "size", "type", "capabilities", "path"} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, ok := f.Get(name); !ok {
					b.Fatal("absent")
				}
			}
		})
	}
}

func sampleLines(n int) []string {
	lines := make([]string, n)
	for i := range lines {
		at, r := sampleFile(n - i)
		lines[i] = Encode("file", at, r)
	}
	return lines
}

// BenchmarkSet reads facts as the judge does: sort, all of them once, then one by its key.
func BenchmarkSet(b *testing.B) {
	k, _ := ByName("file")
	const n = 20_000
	lines := sampleLines(n)
	b.Run("SortLines", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := SortLines(append([]string{}, lines...)); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/fact")
	})
	b.Run("All", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s := NewSet()
			s.Put(k, lines)
			for _, err := range s.All("file") {
				if err != nil {
					b.Fatal(err)
				}
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/fact")
	})
	b.Run("Find", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s := NewSet()
			s.Put(k, lines)
			if found, err := s.Find("file", "", "/usr/lib/x86_64-linux-gnu/dir1/libsample-000001.so.1.2.3"); err != nil || len(found) != 1 {
				b.Fatal(found, err)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/fact")
	})
}
