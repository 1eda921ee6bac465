package account_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"payrouter/host/account"
	"payrouter/host/attempt"
	"payrouter/host/money"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is accounts that tell, after a while, pages of what happened to them, the newest first.
type fixture struct {
	mutex   sync.Mutex
	entries map[string][]account.Transaction
	size    int
	takes   map[string]time.Duration
	fails   map[string]error
	alerts  map[string]string
	asked   []string
	// under way now, and the most that ever were.
	now, most int
}

func newTown() *fixture {
	return &fixture{
		entries: map[string][]account.Transaction{}, takes: map[string]time.Duration{},
		fails: map[string]error{}, alerts: map[string]string{},
	}
}

func (t *fixture) Fetch(ctx context.Context, provider string, s account.QueryKind,
	q account.Query,
) (account.Result, error) {
	t.mutex.Lock()
	t.asked = append(t.asked, fmt.Sprintf("%s %s %q", provider, s, q.Cursor))
	t.now++
	t.most = max(t.most, t.now)
	takes, err, size := t.takes[provider], t.fails[provider], t.size
	t.mutex.Unlock()
	defer func() {
		t.mutex.Lock()
		t.now--
		t.mutex.Unlock()
	}()
	if takes > 0 {
		select {
		case <-ctx.Done():
			return account.Result{}, attempt.ErrUnanswered
		case <-time.After(takes):
		}
	}
	if err != nil {
		return account.Result{}, err
	}
	results := account.Result{Alert: t.alerts[provider]}
	start := 0
	if q.Cursor != "" {
		if start, err = strconv.Atoi(q.Cursor); err != nil {
			return account.Result{},
				&attempt.DeclinedError{Failure: &attempt.Failure{Code: "invalid_request", Message: "that is no cursor"}}
		}
	}
	all := slices.DeleteFunc(slices.Clone(t.entries[provider]), func(e account.Transaction) bool {
		return e.At.Before(q.From) || !e.At.Before(q.Until)
	})
	if size == 0 {
		size = q.Limit
	}
	end := min(start+size, len(all))
	for _, e := range all[min(start, len(all)):end] {
		switch {
		case s == account.Balances:
			results.Balances = append(results.Balances, account.Balance{Wallet: e.ID})
		case q.Currency == "" || q.Currency == e.Amount.Currency:
			results.Transactions = append(results.Transactions, e)
		}
	}
	if end < len(all) {
		results.Cursor = strconv.Itoa(end)
	}
	return results, nil
}

var noon = time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC)

// happened adds entries, so many seconds before noon; they have to come the newest first.
func (t *fixture) happened(provider string, ago ...int) {
	for _, seconds := range ago {
		t.entries[provider] = append(t.entries[provider], account.Transaction{
			ID:     fmt.Sprintf("%s-%d-%d", provider, seconds, len(t.entries[provider])),
			At:     noon.Add(-time.Duration(seconds) * time.Second),
			Amount: money.Money{Amount: "1", Currency: []string{"EUR", "BTC"}[seconds%2]},
		})
	}
}

var today = account.Period{From: noon.Add(-time.Hour), Until: noon.Add(time.Second)}

func shown(entries []account.Entry) []string {
	ids := []string{}
	for _, e := range entries {
		ids = append(ids, e.ID)
	}
	return ids
}

func TestAPageHasTheNewestOfAll(t *testing.T) {
	t.Parallel()
	places := newTown()
	places.happened("a", 1, 4, 5, 9)
	places.happened("b", 2, 3, 8)
	places.happened("c")
	aggregator := account.Aggregator{Fetcher: places}
	all := []string{"a", "b", "c"}

	first := aggregator.Statement(t.Context(), all, today, 4)
	require.Equal(t, []string{"a-1-0", "b-2-0", "b-3-1", "a-4-1"}, shown(first.Entries))
	require.Empty(t, first.Missing)
	second, err := aggregator.Further(t.Context(), first.Cursor, 4)
	require.NoError(t, err)
	require.Equal(t, []string{"a-5-2", "b-8-2", "a-9-3"}, shown(second.Entries))
	require.Empty(t, second.Cursor)
}

// The period is the cursor's: what happens while somebody walks shifts no page.
func TestAWalkHoldsStill(t *testing.T) {
	t.Parallel()
	places := newTown()
	places.happened("a", 1, 2, 3, 4)
	aggregator := account.Aggregator{Fetcher: places}
	first := aggregator.Statement(t.Context(), []string{"a"}, today, 2)
	places.entries["a"] = append([]account.Transaction{{ID: "new", At: today.Until}}, places.entries["a"]...)
	second, err := aggregator.Further(t.Context(), first.Cursor, 2)
	require.NoError(t, err)
	require.Equal(t, []string{"a-3-2", "a-4-3"}, shown(second.Entries))
}

func TestOneCurrency(t *testing.T) {
	t.Parallel()
	places := newTown()
	places.size = 2
	places.happened("a", 1, 3, 5, 7, 9, 11, 13, 15, 17, 18)
	period := today
	period.Currency = "EUR"
	page := account.Aggregator{Fetcher: places}.Statement(t.Context(), []string{"a"}, period, 5)
	require.Empty(t, page.Entries, "what is asked of an account for one page is bounded")
	page, err := account.Aggregator{Fetcher: places}.Further(t.Context(), page.Cursor, 5)
	require.NoError(t, err)
	require.Equal(t, []string{"a-18-9"}, shown(page.Entries), "and the walk goes on with the same currency")
	require.Empty(t, page.Cursor)
}

// Whatever the pages: a walk brings everything once, and in order.
func TestAWalkBringsEverythingOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		places := newTown()
		places.size = rapid.IntRange(0, 4).Draw(t, "size of the providers' pages")
		limit := rapid.IntRange(1, 7).Draw(t, "limit")
		var all, want []string
		for i := range rapid.IntRange(0, 5).Draw(t, "accounts") {
			provider := string(rune('a' + i))
			ago := rapid.SliceOfN(rapid.IntRange(0, 40), 0, 12).Draw(t, provider)
			slices.Sort(ago)
			places.happened(provider, ago...)
			all = append(all, provider)
			want = append(want, shown(entriesOf(places, provider))...)
		}
		var got []account.Entry
		page := account.Aggregator{Fetcher: places}.Statement(context.Background(), all, today, limit)
		for range 1000 {
			require.LessOrEqual(t, len(page.Entries), limit)
			require.Empty(t, page.Missing)
			if got = append(got, page.Entries...); page.Cursor == "" {
				break
			}
			var err error
			page, err = account.Aggregator{Fetcher: places}.Further(context.Background(), page.Cursor, limit)
			require.NoError(t, err)
		}
		require.Empty(t, page.Cursor, "the walk ends")
		require.ElementsMatch(t, want, shown(got))
		require.True(t, slices.IsSortedFunc(got, func(a, b account.Entry) int { return b.At.Compare(a.At) }))
	})
}

func entriesOf(places *fixture, provider string) []account.Entry {
	var all []account.Entry
	for _, e := range places.entries[provider] {
		all = append(all, account.Entry{Provider: provider, Transaction: e})
	}
	return all
}

// One that is slow, or says no, hides nothing of the others; and the walk can be gone on with for it alone.
func TestOneThatDoesNotAnswerHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		places := newTown()
		places.happened("a", 1, 4, 9)
		places.happened("b", 2, 3)
		places.happened("c", 5)
		places.takes["a"] = time.Hour
		places.fails["c"] = attempt.ErrUnavailable
		aggregator := account.Aggregator{Fetcher: places}
		began := time.Now()

		page := aggregator.Statement(context.Background(), []string{"a", "b", "c"}, today, 10)
		require.Equal(t, 10*time.Second, time.Since(began))
		require.Equal(t, []string{"b-2-0", "b-3-1"}, shown(page.Entries))
		require.Empty(t, page.Cursor)
		require.Len(t, page.Missing, 2)
		late, refused := page.Missing[0], page.Missing[1]
		require.Equal(t, []string{"a", "c"}, []string{late.Provider, refused.Provider})
		require.ErrorIs(t, late.Err, attempt.ErrUnanswered)
		require.ErrorContains(t, late.Err, "within 10s")
		require.ErrorIs(t, refused.Err, attempt.ErrUnavailable)

		places.takes["a"], places.fails["c"] = 0, nil
		page, err := aggregator.Further(context.Background(), late.Cursor, 10)
		require.NoError(t, err)
		require.Equal(t, []string{"a-1-0", "a-4-1", "a-9-2"}, shown(page.Entries))
		page, err = aggregator.Further(context.Background(), refused.Cursor, 10)
		require.NoError(t, err)
		require.Equal(t, []string{"c-5-0"}, shown(page.Entries))
	})
}

// Where little of each page is wanted, time runs out before the pages do: what was found is given, and the walk goes on
// later.
func TestAPageTakesNotMuchLongerThanOneAccountMay(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		places := newTown()
		places.size = 1
		places.happened("a", 1, 3, 5, 7, 9, 10)
		places.takes["a"] = 6 * time.Second
		period := today
		period.Currency = "EUR"
		began := time.Now()
		page := account.Aggregator{Fetcher: places}.Statement(context.Background(), []string{"a"}, period, 5)
		require.Equal(t, 12*time.Second, time.Since(began))
		require.Empty(t, page.Entries)
		require.Empty(t, page.Missing)
		for range 2 {
			var err error
			page, err = account.Aggregator{Fetcher: places}.Further(context.Background(), page.Cursor, 5)
			require.NoError(t, err)
		}
		require.Equal(t, []string{"a-10-5"}, shown(page.Entries))
		require.Empty(t, page.Cursor)
	})
}

// One that stops answering half-way is gone on with from there.
func TestOneThatBreaksOff(t *testing.T) {
	t.Parallel()
	places := newTown()
	places.happened("a", 1, 4, 9)
	places.happened("b", 2, 3, 10)
	aggregator := account.Aggregator{Fetcher: places}
	page := aggregator.Statement(t.Context(), []string{"a", "b"}, today, 2)
	require.Equal(t, []string{"a-1-0", "b-2-0"}, shown(page.Entries))
	places.fails["a"] = attempt.ErrUnanswered
	page, err := aggregator.Further(t.Context(), page.Cursor, 2)
	require.NoError(t, err)
	require.Equal(t, []string{"b-3-1", "b-10-2"}, shown(page.Entries))
	require.Len(t, page.Missing, 1)
	places.fails["a"] = nil
	page, err = aggregator.Further(t.Context(), page.Missing[0].Cursor, 5)
	require.NoError(t, err)
	require.Equal(t, []string{"a-4-1", "a-9-2"}, shown(page.Entries))
}

func TestWhatIsNoCursor(t *testing.T) {
	t.Parallel()
	aggregator := account.Aggregator{Fetcher: newTown()}
	encode := base64.RawURLEncoding.EncodeToString
	for name, cursor := range map[string]string{
		"a word":               "further",
		"empty":                "",
		"not JSON":             encode([]byte(`{`)),
		"of nobody":            encode([]byte(`{"f":1,"u":2,"p":{}}`)),
		"before the beginning": encode([]byte(`{"f":1,"u":2,"p":{"a":{"t":-1}}}`)),
		"of another form":      encode([]byte(`{"f":1,"u":2,"p":{"a":7}}`)),
		"too long":             strings.Repeat("A", 20_000),
	} {
		_, err := aggregator.Further(t.Context(), cursor, 10)
		require.ErrorIs(t, err, account.ErrCursor, name)
	}
}

// A cursor that somebody made up brings what the account says to it, or what there is: never a fault.
func FuzzFurther(f *testing.F) {
	f.Add([]byte(`{"f":1704106800000,"u":1704110401000,"p":{"a":{"c":"1","t":1},"b":{"t":99}}}`))
	f.Add([]byte(`{"f":-9223372036854775808,"u":9223372036854775807,"c":"EUR","p":{"x":{"c":"not ours"}}}`))
	places := newTown()
	places.happened("a", 1, 4, 9)
	places.happened("b", 2, 3, 10)
	f.Fuzz(func(t *testing.T, text []byte) {
		page, err := account.Aggregator{Fetcher: places}.Further(t.Context(),
			base64.RawURLEncoding.EncodeToString(text), 3)
		if err != nil {
			require.ErrorIs(t, err, account.ErrCursor)
			return
		}
		require.LessOrEqual(t, len(page.Entries), 3)
	})
}

func TestGather(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		places := newTown()
		var all []string
		for i := range 20 {
			provider := fmt.Sprintf("p%02d", i)
			places.happened(provider, 1, 2, 3)
			places.takes[provider] = time.Second
			all = append(all, provider)
		}
		places.size = 2
		places.takes["p03"] = 6 * time.Second
		places.fails["p04"] = attempt.ErrUnavailable
		places.alerts["p05"] = "left out: one"
		places.happened("p06", slices.Repeat([]int{7}, 100)...)
		places.takes["p06"] = time.Millisecond
		began := time.Now()
		question := account.Query{From: today.From, Until: today.Until}

		answers, missing := account.Aggregator{Fetcher: places}.Fetch(context.Background(), all, account.Balances,
			question)
		require.LessOrEqual(t, time.Since(began), 15*time.Second)
		require.Equal(t, 8, places.most, "so many at a time")
		why := map[string]error{}
		for _, a := range missing {
			why[a.Provider] = a.Err
			require.Empty(t, a.Cursor)
		}
		require.Len(t, why, 4)
		require.ErrorIs(t, why["p03"], attempt.ErrUnanswered, "its two pages take longer than one account may")
		require.ErrorIs(t, why["p04"], attempt.ErrUnavailable)
		require.ErrorIs(t, why["p05"], account.ErrIncomplete)
		require.ErrorContains(t, why["p05"], "left out: one")
		require.ErrorIs(t, why["p06"], account.ErrIncomplete)
		results := map[string]int{}
		for _, a := range answers {
			results[a.Provider] = len(a.Balances)
		}
		require.Len(t, results, 18, "what could not be results whole is results as far as it goes")
		require.Equal(t, []int{3, 3, 40}, []int{results["p00"], results["p05"], results["p06"]})
		require.True(t,
			slices.IsSortedFunc(answers,
				func(a, b account.Answer) int { return strings.Compare(a.Provider, b.Provider) }))
	})
}

// circle tells the same page again and again.
type circle struct{}

func (c *circle) Fetch(context.Context, string, account.QueryKind, account.Query) (account.Result, error) {
	return account.Result{Cursor: "1", Transactions: []account.Transaction{{ID: "1", At: noon}}}, nil
}

func TestPagesThatGoRoundInACircle(t *testing.T) {
	t.Parallel()
	_, missing := account.Aggregator{Fetcher: &circle{}}.Fetch(t.Context(), []string{"a"}, account.Rates,
		account.Query{})
	require.Len(t, missing, 1)
	require.ErrorContains(t, missing[0].Err, "circle")
	page := account.Aggregator{Fetcher: &circle{}}.Statement(t.Context(), []string{"a"}, today, 10)
	require.Len(t, page.Entries, 1)
	require.ErrorContains(t, page.Missing[0].Err, "circle")
}
