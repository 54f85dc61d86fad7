package work

import (
	"context"
	"runtime"
	"testing"
	"time"
)

// TestThousandJobs bounds what the queue adds to a job. On the disk of a laptop it takes about a second; the bound is wide for slow disks, since
// every message is flushed.
func TestThousandJobs(t *testing.T) {
	jobs := newTable()
	q := open(t, jobs, func(c *Config) { c.Every = 2 * time.Second })
	all := ids("j", 1000)
	start := time.Now()
	for _, id := range all {
		jobs.add(id)
		publish(t, q, id)
	}
	jobs.waitDone(t)
	took := time.Since(start)
	jobs.once(t, true)
	t.Logf("1,000 jobs took %v", took)
	if took > 20*time.Second {
		t.Errorf("1,000 jobs took %v", took)
	}
}

// TestThousandJobsPolling: without JetStream it is no slower than that.
func TestThousandJobsPolling(t *testing.T) {
	jobs := newTable()
	all := ids("j", 1000)
	jobs.add(all...)
	start := time.Now()
	open(t, jobs, func(c *Config) { c.URL = "nats://127.0.0.1:1" })
	jobs.waitDone(t)
	jobs.once(t, true)
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("1,000 jobs took %v", took)
	}
}

// TestStart bounds the time to open a queue with its server, the best of five: new, and with messages in the folder.
func TestStart(t *testing.T) {
	for name, n := range map[string]int{"new": 0, "with 500 messages": 500} {
		t.Run(name, func(t *testing.T) {
			best := time.Hour
			for range 5 {
				dir := t.TempDir()
				jobs := newTable()
				q := open(t, jobs, func(c *Config) { c.Dir, c.Every = dir, long })
				q.stopTaking()
				q.tasks.Wait()
				for _, id := range ids("j", n) {
					_, err := q.js.PublishAsync(q.subject("job", id), []byte(id))
					must(t, err)
				}
				<-q.js.PublishAsyncComplete()
				closed(t, q)
				start := time.Now()
				q = open(t, jobs, func(c *Config) { c.Dir, c.Every = dir, long })
				best = min(best, time.Since(start))
				if err := q.Err(); err != nil {
					t.Error(err)
				}
				closed(t, q)
			}
			t.Logf("opening took %v", best)
			if best > 150*time.Millisecond {
				t.Errorf("opening took %v at best", best)
			}
		})
	}
}

func BenchmarkJob(b *testing.B) {
	jobs := newTable()
	done := make(chan struct{})
	q := open(b, jobs, func(c *Config) {
		c.Every = long
		c.Run = func(_ context.Context, id, worker string) {
			jobs.finish(id, worker)
			done <- struct{}{}
		}
	})
	n := 0
	all := ids("j", 100_000)
	for b.Loop() {
		jobs.add(all[n])
		if err := q.Publish(b.Context(), all[n]); err != nil {
			b.Fatal(err)
		}
		<-done
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "jobs/s")
}

// BenchmarkOpen tells what an idle queue weighs: time to open, heap and goroutines.
func BenchmarkOpen(b *testing.B) {
	var before, after runtime.MemStats
	for b.Loop() {
		runtime.GC()
		runtime.ReadMemStats(&before)
		n := runtime.NumGoroutine()
		q := open(b, newTable(), nil)
		b.ReportMetric(float64(runtime.NumGoroutine()-n), "goroutines")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(int64(after.HeapAlloc)-int64(before.HeapAlloc))/1024, "heap-KiB")
		closed(b, q)
	}
}
