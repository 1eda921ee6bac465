package storetest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/attempt"
	"payrouter/host/payment"
)

func testLists(t *testing.T, engine Engine) {
	t.Helper()
	t.Run("a filter gives what a look at every payment gives", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		all := variety()
		create(t, journal, all...)
		rapid.Check(t, func(t *rapid.T) {
			filter := anyFilter().Draw(t, "filter")
			want := ids(matching(all, filter))
			require.Equal(t, want, ids(listed(t, journal, filter)))
		})
	})

	t.Run("a range of time has its start and not its end", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		create(t, journal, p)
		for _, test := range []struct {
			from, until time.Duration // from the time of creation
			found       int
		}{{0, 1, 1}, {-1, 1, 1}, {-1, 0, 0}, {1, 2, 0}, {0, 0, 0}} {
			got := listed(t, journal, payment.Filter{From: p.CreatedAt.Add(test.from), Until: p.CreatedAt.Add(test.until)})
			require.Len(t, got, test.found, "from %s until %s", test.from, test.until)
		}
	})

	t.Run("pages go from the newest to the oldest, each payment once", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		all := variety()
		create(t, journal, all...)
		var seen []string
		filter := payment.Filter{Merchant: "shop", Limit: 7}
		for {
			page, next, err := journal.Payments(t.Context(), filter)
			require.NoError(t, err)
			seen = append(seen, ids(page)...)
			if next == "" {
				break
			}
			require.Len(t, page, filter.Limit)
			filter.Before = next
		}
		require.Equal(t, ids(matching(all, payment.Filter{Merchant: "shop", Limit: len(all)})), seen)
	})

	t.Run("a list has a hundred where nobody says how many", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		var all []payment.Payment
		for n := range 101 {
			all = append(all, sample(n))
		}
		create(t, journal, all...)
		newest, _, err := journal.Payments(t.Context(), payment.Filter{})
		require.NoError(t, err)
		require.Len(t, newest, 100)
		require.Equal(t, all[100], newest[0])
		oldest, err := journal.Unfinished(t.Context(), "", 0)
		require.NoError(t, err)
		require.Equal(t, all[:100], oldest)
	})

	t.Run("a changed payment is found under what it is now", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		p := sample(1)
		p.Provider = "payplay"
		create(t, journal, p)
		changed := next(p, payment.Processing)
		changed.Provider, changed.Reference, changed.Currency, changed.Kind = "exchanger", "renamed", "BTC",
			payment.Payout
		require.NoError(t, journal.Save(t.Context(), changeOf(changed)))
		for _, now := range []payment.Filter{
			{Provider: "exchanger"},
			{Reference: "renamed"},
			{Currency: "BTC"},
			{Kind: payment.Payout},
			{Status: []payment.Status{payment.Processing}},
		} {
			require.Equal(t, []payment.Payment{changed}, listed(t, journal, now))
		}
		for _, before := range []payment.Filter{
			{Provider: p.Provider},
			{Reference: p.Reference},
			{Currency: p.Currency},
			{Kind: p.Kind},
			{Status: []payment.Status{p.Status}},
		} {
			require.Empty(t, listed(t, journal, before))
		}
	})

	t.Run("unfinished payments come oldest first, page by page", func(t *testing.T) {
		t.Parallel()
		journal := engine.open(t)
		all := variety()
		create(t, journal, all...)
		// Of every status, some have an attempt that is open, and some one that is closed.
		for n, p := range all {
			changed := next(p, p.Status)
			changed.Attempts++
			switch n / 9 % 3 {
			case 0:
				continue
			case 1:
				require.NoError(t, journal.Save(t.Context(), changeOf(changed, attemptOf(changed, 1))))
			case 2:
				require.NoError(t,
					journal.Save(t.Context(), changeOf(changed, closed(attemptOf(changed, 1), attempt.Accepted))))
			}
			all[n] = changed
		}
		var want []payment.Payment
		for n, p := range all {
			open := n/9%3 == 1 && !p.Status.Terminal()
			if open || p.Status == payment.Created || p.Status == payment.Processing {
				want = append(want, p)
			}
		}
		var seen []payment.Payment
		after := ""
		for {
			page, err := journal.Unfinished(t.Context(), after, 5)
			require.NoError(t, err)
			seen = append(seen, page...)
			if len(page) < 5 {
				break
			}
			after = page[len(page)-1].ID
		}
		require.Equal(t, want, seen)
	})
}

// variety is payments that differ in everything that a filter looks at, oldest first.
func variety() []payment.Payment {
	var all []payment.Payment
	for n := range 48 {
		p := sample(n)
		p.Status = payment.Statuses()[n%9]
		p.Merchant = []string{"shop", "stall"}[n/3%2]
		p.Currency = []string{"EUR", "USD", "BTC"}[n%3]
		p.Kind = []payment.Kind{payment.Collect, payment.Payout}[n/2%2]
		p.Provider = []string{"", "paygram-eu", "payplay"}[n/5%3]
		p.Reference = []string{"", "order-1", "order-2", "Order-1"}[n%4]
		// Several share a time, down to the nanosecond.
		p.CreatedAt = epoch().Add(time.Duration(n/4) * time.Nanosecond)
		all = append(all, p)
	}
	return all
}

func anyFilter() *rapid.Generator[payment.Filter] {
	return rapid.Custom(func(t *rapid.T) payment.Filter {
		at := rapid.OneOf(rapid.Just(time.Time{}), rapid.Custom(func(t *rapid.T) time.Time {
			return epoch().Add(time.Duration(rapid.IntRange(-1, 13).Draw(t, "ns")))
		}))
		return payment.Filter{
			Merchant:  rapid.SampledFrom([]string{"", "shop", "stall", "nobody"}).Draw(t, "merchant"),
			Status:    rapid.SliceOfN(rapid.SampledFrom(payment.Statuses()), 0, 3).Draw(t, "status"),
			Provider:  rapid.SampledFrom([]string{"", "", "paygram-eu", "payplay"}).Draw(t, "provider"),
			Kind:      rapid.SampledFrom([]payment.Kind{"", "", payment.Collect, payment.Payout}).Draw(t, "kind"),
			Currency:  rapid.SampledFrom([]string{"", "", "EUR", "BTC", "eur"}).Draw(t, "currency"),
			Reference: rapid.SampledFrom([]string{"", "", "order-1", "' OR 1=1 --"}).Draw(t, "reference"),
			From:      at.Draw(t, "from"), Until: at.Draw(t, "until"),
			Before: rapid.OneOf(rapid.Just(""),
				rapid.Map(rapid.IntRange(0, 48), func(n int) string { return fmt.Sprintf("pay_%026d", n) })).Draw(t,
				"before"),
			Limit: rapid.IntRange(0, 50).Draw(t, "limit"),
		}
	})
}

// matching is the model of a list: all are looked at, newest first.
// listed is what a filter gives, page by page where a page has fewer than the filter's limit.
func listed(t require.TestingT, journal Journal, filter payment.Filter) (all []payment.Payment) {
	limit := filter.Limit
	for {
		if limit > 0 {
			filter.Limit = limit - len(all)
		}
		page, next, err := journal.Payments(context.Background(), filter)
		require.NoError(t, err)
		require.NotEqual(t, filter.Before, cmp.Or(next, "none"), "it goes on")
		if all = append(all, page...); next == "" || len(all) == limit {
			return all
		}
		filter.Before = next
	}
}

func matching(all []payment.Payment, filter payment.Filter) []payment.Payment {
	var found []payment.Payment
	for _, p := range slices.Backward(all) {
		if matches(p, filter) && (filter.Limit == 0 || len(found) < filter.Limit) {
			found = append(found, p)
		}
	}
	return found
}

func matches(p payment.Payment, filter payment.Filter) bool {
	is := func(want, have string) bool { return want == "" || want == have }
	return is(filter.Merchant, p.Merchant) && is(filter.Provider, p.Provider) &&
		is(string(filter.Kind), string(p.Kind)) &&
		is(filter.Currency, p.Currency) && is(filter.Reference, p.Reference) &&
		(len(filter.Status) == 0 || slices.Contains(filter.Status, p.Status)) &&
		(filter.From.IsZero() || !p.CreatedAt.Before(filter.From)) &&
		(filter.Until.IsZero() || p.CreatedAt.Before(filter.Until)) &&
		(filter.Before == "" || p.ID < filter.Before)
}
