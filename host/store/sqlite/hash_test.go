package sqlite

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/attempt"
	"payrouter/host/payment"
)

// Names are found by hashes of 64 bits. Where another payment's name has the same hash, it is told apart.
func TestNamesOfOneHashAreToldApart(t *testing.T) {
	t.Parallel()
	db := openNew(t)
	p, key := sample(1)
	p.Provider, p.ProviderReference, p.Reference = "payplay", "theirs", "order-1"
	made := openAttempt(p)
	made.Reference = "ours"
	claim := attempt.Claim{Account: "payplay", Object: "Withdrawal", Reference: "theirs", Owner: p.OwnerID()}
	_, err := db.Create(t.Context(), payment.Change{Payment: p, Attempts: []attempt.Attempt{made}, Claim: &claim}, key)
	require.NoError(t, err)

	// As if these names had the hashes of the payment's.
	_, err = db.writer.db.ExecContext(t.Context(), `INSERT INTO name SELECT n.hash, o.number FROM owner o JOIN (
		SELECT ?1 AS hash UNION ALL SELECT ?2 UNION ALL SELECT ?3) n`,
		nameOf("key", p.Merchant, "another"), nameOf("ours", "payplay", "another"), nameOf("theirs", "payplay", "another"))
	require.NoError(t, err)
	_, err = db.writer.db.ExecContext(t.Context(), `UPDATE owner SET reference = ?`, nameOf("reference", "another"))
	require.NoError(t, err)

	found, err := db.Key(t.Context(), p.Merchant, "another")
	require.NoError(t, err)
	require.Nil(t, found)
	_, err = db.PaymentByReference(t.Context(), "payplay", "another")
	require.ErrorIs(t, err, payment.ErrNotFound)
	_, err = db.PaymentByProviderReference(t.Context(), "payplay", "another")
	require.ErrorIs(t, err, payment.ErrNotFound)
	whose, err := db.Owner(t.Context(), "payplay", "Withdrawal", "another")
	require.NoError(t, err)
	require.Empty(t, whose)
	listed, _, err := db.Payments(t.Context(), payment.Filter{Reference: "another"})
	require.NoError(t, err)
	require.Empty(t, listed)

	// And they can be another payment's.
	q, second := sample(2)
	q.Provider, q.ProviderReference = "payplay", "another"
	second.Value = "another"
	attempted := openAttempt(q)
	attempted.Reference = "another"
	own := attempt.Claim{Account: "payplay", Object: "Withdrawal", Reference: "another", Owner: q.OwnerID()}
	change := payment.Change{Payment: q, Attempts: []attempt.Attempt{attempted}, Claim: &own}
	earlier, err := db.Create(t.Context(), change, second)
	require.NoError(t, err)
	require.Nil(t, earlier)
	found, err = db.Key(t.Context(), q.Merchant, "another")
	require.NoError(t, err)
	require.Equal(t, q.OwnerID(), found.Owner)
	for _, find := range []func() (payment.Payment, error){
		func() (payment.Payment, error) { return db.PaymentByReference(t.Context(), "payplay", "another") },
		func() (payment.Payment, error) {
			return db.PaymentByProviderReference(t.Context(), "payplay", "another")
		},
	} {
		got, err := find()
		require.NoError(t, err)
		require.Equal(t, q, got)
	}
	whose, err = db.Owner(t.Context(), "payplay", "Withdrawal", "another")
	require.NoError(t, err)
	require.Equal(t, q.ID, whose)
}
