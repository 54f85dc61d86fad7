package witness

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// BenchmarkAddCheckpoint is one round trip over loopback: a checkpoint one leaf larger each time, stored with fsync.
func BenchmarkAddCheckpoint(b *testing.B) {
	for _, kind := range []string{"Ed25519", "ML-DSA-44", "both"} {
		b.Run(kind, func(b *testing.B) {
			const size = 1 << 14
			l := newLog(b, origin, "", size, size)
			w := newBench(b, l.public())
			switch kind {
			case "Ed25519":
				w.config.Cosigners = w.config.Cosigners[:1]
			case "ML-DSA-44":
				w.config.Cosigners = w.config.Cosigners[1:]
			}
			w.start(b)
			srv := httptest.NewServer(w)
			defer srv.Close()
			c, err := NewClient(ClientConfig{Name: "w", Origin: origin, URL: srv.URL, Keys: w.Keys(), Now: w.clock.Now})
			if err != nil {
				b.Fatal(err)
			}
			var took []time.Duration
			next := int64(0)
			for b.Loop() {
				next++
				hashes, note := l.prove(b, next-1, next), l.at(b, next)
				begin := time.Now()
				if _, _, err := c.Cosign(b.Context(), next-1, hashes, note); err != nil {
					b.Fatal(err)
				}
				took = append(took, time.Since(begin))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-p50")
			b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
		})
	}
}

// BenchmarkPull is one round over a log of 100,000 leaves over loopback, after the witness saw 50,000.
func BenchmarkPull(b *testing.B) {
	const size = 100_000
	l := newLog(b, origin, "", size, size)
	dir := b.TempDir()
	l.write(b, dir, size/2)
	half := l.at(b, size/2).Bytes()
	l.write(b, dir, size)
	whole := l.at(b, size).Bytes()
	w := newBench(b, l.public())
	srv := httptest.NewServer(http.FileServer(http.Dir(dir)))
	defer srv.Close()
	c := PullConfig{Origin: origin, Source: srv.URL}
	for b.Loop() {
		b.StopTimer()
		w.state.slots[origin].head.Store(&head{origin: origin})
		writeFile(b, filepath.Join(dir, "checkpoint"), half)
		if _, err := w.Pull(b.Context(), c); err != nil {
			b.Fatal(err)
		}
		writeFile(b, filepath.Join(dir, "checkpoint"), whole)
		b.StartTimer()
		if p, err := w.Pull(b.Context(), c); err != nil || p.Checkpoint.Size != size {
			b.Fatal(p, err)
		}
	}
}

func BenchmarkParseRequest(b *testing.B) {
	l := newLog(b, origin, "", 20000, 20000)
	body := l.request(b, 11111, 20000).bytes()
	for b.Loop() {
		if _, err := parseRequest(body); err != nil {
			b.Fatal(err)
		}
	}
}
