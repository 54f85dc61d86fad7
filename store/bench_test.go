package store

import (
	"database/sql"
	"fmt"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/probat-lab/probat/store/storetest"
)

// BenchmarkGroupCommit commits 1, 64 and 500 rows of 600 bytes at a time, as the sequencer does, and tells rows a second and how long a
// commit takes. PROBAT_BENCH_DIR names a folder on the disk to measure. PostgreSQL here does not flush (see storetest).
func BenchmarkGroupCommit(b *testing.B) {
	for _, rows := range []int64{1, 64, 500} {
		b.Run(fmt.Sprintf("sqlite/%d", rows), func(b *testing.B) {
			dir, err := os.MkdirTemp(os.Getenv("PROBAT_BENCH_DIR"), "probat-bench-")
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = os.RemoveAll(dir) })
			groupCommit(b, dir+"/lab.db", rows)
		})
		b.Run(fmt.Sprintf("postgres/%d", rows), func(b *testing.B) { groupCommit(b, storetest.Postgres(b), rows) })
	}
}

func groupCommit(b *testing.B, url string, rows int64) {
	ctx := b.Context()
	db := open(b, url)
	insert, err := db.PrepareContext(ctx, "INSERT INTO thing (id, name, data) VALUES ($1, $2, $3)")
	if err != nil {
		b.Fatal(err)
	}
	defer insert.Close()
	data := make([]byte, 600)
	var id int64
	var took []time.Duration
	for b.Loop() {
		start := time.Now()
		err := db.Tx(ctx, func(tx *sql.Tx) error {
			stmt := tx.StmtContext(ctx, insert)
			for range rows {
				id++
				if _, err := stmt.ExecContext(ctx, id, fmt.Sprintf("%032x", id), data); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	b.ReportMetric(float64(id)/b.Elapsed().Seconds(), "rows/s")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
}
