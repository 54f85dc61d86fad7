package ledger

import (
	"context"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// BenchmarkAppend measures acts of 64 writers, each signed with ECDSA, on SQLite with a flush before every answer.
func BenchmarkAppend(b *testing.B) {
	for _, writers := range []int{1, 64} {
		b.Run(map[int]string{1: "writers=1", 64: "writers=64"}[writers], func(b *testing.B) {
			l := newLab(b)
			l.onDisk()
			var left atomic.Int64
			left.Store(int64(b.N))
			times := make([][]time.Duration, writers)
			var g sync.WaitGroup
			before := cpu(b)
			b.ResetTimer()
			for w := range writers {
				g.Go(func() {
					id := newCase()
					for left.Add(-1) >= 0 {
						start := time.Now()
						if _, err := l.Append(context.Background(), l.act(id)); err != nil {
							b.Error(err)
							return
						}
						times[w] = append(times[w], time.Since(start))
					}
				})
			}
			g.Wait()
			b.StopTimer()
			b.ReportMetric((cpu(b)-before).Seconds()*1e6/float64(b.N), "cpu-us/act")
			all := slices.Sorted(slices.Values(slices.Concat(times...)))
			b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "acts/s")
			b.ReportMetric(all[len(all)/2].Seconds()*1e3, "p50-ms")
			b.ReportMetric(all[len(all)*99/100].Seconds()*1e3, "p99-ms")
		})
	}
}

// onDisk moves a new lab to a folder on the disk: to be measured with what flushing costs.
func (l *lab) onDisk() {
	l.t.Helper()
	if err := l.Ledger.Close(); err != nil {
		l.t.Fatal(err)
	}
	l.dir = l.t.TempDir()
	l.connect()
	var err error
	if l.Ledger, err = Create(context.Background(), l.config); err != nil {
		l.t.Fatal(err)
	}
	again := l.Ledger
	l.t.Cleanup(func() { again.Close() })
}

// BenchmarkAudit measures audits per act; PROBAT_ACTS says how many there are.
func BenchmarkAudit(b *testing.B) {
	acts := 5000
	if n, err := strconv.Atoi(os.Getenv("PROBAT_ACTS")); err == nil {
		acts = n
	}
	l := newLab(b)
	var left atomic.Int64
	left.Store(int64(acts))
	var g sync.WaitGroup
	for range 256 {
		g.Go(func() {
			id := newCase()
			for n := left.Add(-1); n >= 0; n = left.Add(-1) {
				if n%10 == 0 {
					id = newCase()
				}
				if _, err := l.Append(context.Background(), l.act(id)); err != nil {
					b.Error(err)
				}
				if n%1000 == 0 {
					if _, err := l.Publish(context.Background()); err != nil {
						b.Error(err)
					}
				}
			}
		})
	}
	g.Wait()
	var stored int64
	for name, err := range l.tiles.List(context.Background(), "") {
		if err != nil {
			b.Fatal(err)
		}
		data, err := l.tiles.Get(context.Background(), name, 1<<20)
		if err != nil {
			b.Fatal(err)
		}
		stored += int64(len(data))
	}
	for _, signatures := range []bool{false, true} {
		b.Run(map[bool]string{false: "hashes", true: "signatures"}[signatures], func(b *testing.B) {
			before := cpu(b)
			n := 0
			for b.Loop() {
				if r := l.audit(AuditOptions{Signatures: signatures}); !r.OK() || r.Leaves != int64(acts) {
					b.Fatal(r)
				}
				n++
			}
			b.ReportMetric(float64(acts*n)/b.Elapsed().Seconds(), "acts/s")
			b.ReportMetric((cpu(b)-before).Seconds()*1e6/float64(acts*n), "cpu-us/act")
			b.ReportMetric(float64(stored)/float64(acts), "tile-B/act")
		})
	}
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
