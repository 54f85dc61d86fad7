package ledger

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
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
