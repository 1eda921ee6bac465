package sqlite

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/payment"
)

// BenchmarkSave writes a change of a payment with an attempt, durably, for one caller and for many at a time, with a
// commit for each change and with one for all that wait.
func BenchmarkSave(b *testing.B) {
	for _, writers := range []int{1, 64} {
		for _, commit := range []struct {
			name  string
			batch int
		}{{"each", 1}, {"group", maxBatch}} {
			b.Run(fmt.Sprintf("writers=%d/commit=%s", writers, commit.name), func(b *testing.B) {
				benchmarkSave(b, writers, commit.batch)
			})
		}
	}
}

func benchmarkSave(b *testing.B, writers, batch int) {
	b.Helper()
	db, err := open(b.Context(), b.TempDir(), batch)
	require.NoError(b, err)
	defer db.Close()
	for n := range writers {
		require.NoError(b, create(b, db, n))
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	b.ResetTimer()
	var all sync.WaitGroup
	took := make([][]time.Duration, writers)
	for n := range writers {
		all.Go(func() {
			p, _ := sample(n)
			for number := 1; left.Add(-1) >= 0; number++ {
				p.Version, p.Status = p.Version+1, payment.Processing
				made := openAttempt(p)
				made.ID, made.Number = attempt.ID(fmt.Sprintf("att_%d_%d", n, number)), number
				began := time.Now()
				if err := db.Save(b.Context(), changeOf(p, made)); err != nil {
					b.Error(err)
					return
				}
				took[n] = append(took[n], time.Since(began))
			}
		})
	}
	all.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "saves/s")
	sorted := slices.Sorted(slices.Values(slices.Concat(took...)))
	b.ReportMetric(sorted[len(sorted)/2].Seconds()*1e3, "ms/p50")
	b.ReportMetric(sorted[len(sorted)-1-len(sorted)/1000].Seconds()*1e3, "ms/p99.9")
	b.ReportMetric(sorted[len(sorted)-1].Seconds()*1e3, "ms/max")
}
