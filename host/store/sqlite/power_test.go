package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/store/sqlite"
	"payrouter/host/store/sqlite/sqlitetest"
)

// Of what was written and not synced, a power cut leaves any part, in any order, and some of it torn. What was
// acknowledged is there, whole, and the journal goes on.
func TestAPowerCutLosesNothingThatWasAcknowledged(t *testing.T) {
	t.Parallel()
	lost := 0
	for seed := range uint64(5) {
		dir := t.TempDir()
		require.NoError(t, sqlitetest.Lay(dir))
		disk, err := sqlitetest.Watch(dir)
		require.NoError(t, err)
		db, err := sqlite.Open(t.Context(), dir, sqlite.CheckpointingAt(20))
		require.NoError(t, err)
		dice := rand.New(rand.NewPCG(seed, 1))
		var acknowledged sync.Map
		var all sync.WaitGroup
		stop := make(chan struct{})
		for w := range 4 {
			all.Go(func() {
				for n := 0; ; n++ {
					select {
					case <-stop:
						return
					default:
					}
					p := payment.Payment{
						ID: fmt.Sprintf("pay_%d_%d", w, n), Merchant: "shop", Status: payment.Created, Version: 1,
						Order: payment.Order{Kind: payment.Collect, Amount: "1.00", Currency: "EUR"},
					}
					key := attempt.Key{Merchant: "shop", Value: p.ID, Owner: p.OwnerID()}
					if _, err := db.Create(t.Context(), payment.Change{Payment: p}, key); err != nil {
						return
					}
					acknowledged.Store(p.ID, int64(1))
					p.Version, p.Status = 2, payment.Processing
					if err := db.Save(t.Context(), payment.Change{Payment: p}); err != nil {
						return
					}
					acknowledged.Store(p.ID, int64(2))
				}
			})
		}
		for range 12 {
			known := map[string]int64{}
			acknowledged.Range(func(id, version any) bool {
				known[id.(string)] = version.(int64)
				return true
			})
			after := filepath.Join(t.TempDir(), "after")
			some, err := disk.Lose(after, dice)
			require.NoError(t, err)
			lost += some
			requireKnown(t, after, known)
		}
		close(stop)
		all.Wait()
		require.NoError(t, db.Close())
		disk.Close()
	}
	require.Positive(t, lost, "no power cut took anything")
}

func requireKnown(t *testing.T, dir string, known map[string]int64) {
	t.Helper()
	db, err := sqlite.Open(t.Context(), dir)
	require.NoError(t, err)
	defer func() { require.NoError(t, db.Close()) }()
	require.NoError(t, db.Hold())
	for id, version := range known {
		p, err := db.Payment(t.Context(), id)
		require.NoError(t, err)
		require.GreaterOrEqual(t, p.Version, version)
	}
	found, err := sqlite.Check(t.Context(), sqlite.Journal(dir), "")
	require.NoError(t, err)
	require.GreaterOrEqual(t, found.Payments["created"]+found.Payments["processing"], len(known))
}
