package main

import (
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/abi/decimal"
	abi "payrouter/abi/v1"
)

func TestStatusOfEverySituation(t *testing.T) {
	t.Parallel()
	const (
		action     = abi.Status_STATUS_REQUIRES_ACTION
		processing = abi.Status_STATUS_PROCESSING
		succeeded  = abi.Status_STATUS_SUCCEEDED
		canceled   = abi.Status_STATUS_CANCELED
		expired    = abi.Status_STATUS_EXPIRED
		unknown    = abi.Status_STATUS_UNKNOWN
	)
	for _, row := range []struct {
		name     string
		state    string
		received string
		price    string
		early    abi.Status
		late     abi.Status
		alert    bool
	}{
		{"no wallet chosen", "", "0", "0", action, expired, false},
		{"nothing came", "pending", "0", "0", action, processing, false},
		{"some came", "pending", "1.9", "9.5", processing, processing, false},
		{"all came, unconfirmed", "pending", "2", "10", processing, processing, false},
		{"too much came, unconfirmed", "pending", "3", "15", processing, processing, false},
		{"completed without money", "completed", "0", "0", processing, processing, true},
		{"completed one unit short", "completed", "1.99999999", "10", processing, processing, true},
		{"completed", "completed", "2.0", "10", succeeded, succeeded, false},
		{"completed, rounded up by the wallet", "completed", "2.00000001", "10", succeeded, succeeded, false},
		{"completed with too much", "completed", "2.2", "11", succeeded, succeeded, true},
		{"canceled", "canceled", "0", "0", canceled, canceled, false},
		{"canceled with some money", "canceled", "1", "5", canceled, canceled, false},
		{"canceled with the money", "canceled", "2", "10", canceled, canceled, false},
		{"canceled with too much money", "canceled", "3", "15", canceled, canceled, false},
		{"not in the document", "refunded", "2", "10", unknown, unknown, true},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			p := payment{expires: 1000, transaction: transaction{
				status: row.state, value: number(t, "2"), received: number(t, row.received),
				price: number(t, "10"), receivedPrice: number(t, row.price), currency: "USD", hasPrice: true,
			}}
			early, late := assess(p, 999, 0), assess(p, 1000, 0)
			require.Equal(t, row.early, early.status)
			require.Equal(t, row.late, late.status)
			require.Equal(t, row.alert, early.alert != "")
		})
	}
}

func TestWhatWasReceivedOnACanceledPaymentAndCannotBeNamedKeepsItOpen(t *testing.T) {
	t.Parallel()
	p := payment{transaction: transaction{status: "canceled", value: number(t, "2"), received: number(t, "1")}}
	found := assess(p, 0, 0)
	require.Equal(t, abi.Status_STATUS_PROCESSING, found.status)
	require.NotEmpty(t, found.alert)
	p.transaction.wallet = "btc"
	require.Equal(t, abi.Status_STATUS_CANCELED, assess(p, 0, 0).status)
	require.Equal(t, &abi.Money{Amount: "1", Currency: "BTC"}, p.transaction.money())
}

func TestOverpaymentWithoutPricesIsJudgedByCoins(t *testing.T) {
	t.Parallel()
	over := transaction{value: number(t, "2"), received: number(t, "2.01")}
	require.Equal(t, fundsOver, over.funds())
}

func TestUnderpaidNeverSucceeds(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.Int64Range(1, 1<<50).Draw(t, "value")
		received := rapid.Int64Range(0, value-1).Draw(t, "received")
		p := payment{transaction: transaction{
			status:   rapid.SampledFrom([]string{"", "pending", "completed", "canceled", "else"}).Draw(t, "status"),
			value:    units(t, value),
			received: units(t, received),
		}}
		now := rapid.Int64().Draw(t, "now")
		if assess(p, now, 0).status == abi.Status_STATUS_SUCCEEDED {
			t.Fatalf("%d of %d succeeded", received, value)
		}
	})
}

type failer interface {
	require.TestingT
	Helper()
}

func number(t failer, text string) decimal.Decimal {
	t.Helper()
	d, err := decimal.Parse(text)
	require.NoError(t, err)
	return d
}

// units reads a count of the smallest unit of a coin with 18 decimals.
func units(t failer, count int64) decimal.Decimal {
	t.Helper()
	return number(t, strconv.FormatInt(count, 10)+"e-18")
}
