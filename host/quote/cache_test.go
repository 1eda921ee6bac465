package quote_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/account"
	"payrouter/host/attempt"
	"payrouter/host/money"
	"payrouter/host/payment"
	"payrouter/host/quote"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fixture is providers that quote after a while, by a bubble's clock.
type fixture struct {
	t     *testing.T // the bubble's
	mutex sync.Mutex
	asked []string
	// By provider: how long an answer takes, what it is.
	takes  map[string]time.Duration
	quotes map[string]account.Quote
	fails  map[string]error
}

func newTown(t *testing.T) *fixture {
	t.Helper()
	return &fixture{
		t: t, takes: map[string]time.Duration{}, quotes: map[string]account.Quote{},
		fails: map[string]error{},
	}
}

func (t *fixture) ask(ctx context.Context, provider string, o payment.Order) (account.Quote, error) {
	t.mutex.Lock()
	t.asked = append(t.asked, provider+" "+o.Amount)
	takes, said, err := t.takes[provider], t.quotes[provider], t.fails[provider]
	t.mutex.Unlock()
	select {
	case <-ctx.Done():
		return account.Quote{}, ctx.Err()
	case <-time.After(takes):
	}
	return said, err
}

func (t *fixture) set(provider string, takes time.Duration, fee string, err error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	t.takes[provider], t.fails[provider] = takes, err
	t.quotes[provider] = account.Quote{Pays: eur("100"), Gets: eur(fee)}
}

func (t *fixture) count() int {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return len(t.asked)
}

func eur(amount string) money.Money { return money.Money{Amount: amount, Currency: "EUR"} }

func order(amount string) payment.Order {
	return payment.Order{Kind: payment.Collect, Amount: amount, Currency: "EUR", Country: "DE"}
}

// inTown runs a test by a clock of its own, with a book over the fixture.
func inTown(t *testing.T, change func(s *quote.Settings), test func(b *quote.Cache, providers *fixture)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		providers := newTown(t)
		settings := quote.Settings{Ask: providers.ask}
		if change != nil {
			change(&settings)
		}
		b := quote.New(settings)
		defer b.Close()
		test(b, providers)
	})
}

// prices are what an order costs at providers now, and how long it took to know.
func prices(t *testing.T, b *quote.Cache, o payment.Order, providers ...string) (map[string]string, time.Duration) {
	t.Helper()
	began := time.Now()
	found := map[string]string{}
	for provider, offer := range b.Offers(t.Context(), o, providers) {
		found[provider] = offer.Price
	}
	return found, time.Since(began)
}

func TestAnAnswerServesForAWhile(t *testing.T) {
	t.Parallel()
	inTown(t, nil, func(b *quote.Cache, providers *fixture) {
		t := providers.t
		providers.set("a", 100*time.Millisecond, "98", nil)
		found, took := prices(t, b, order("100"), "a")
		require.Equal(t, map[string]string{"a": "2"}, found)
		require.Equal(t, 100*time.Millisecond, took)

		providers.set("a", 100*time.Millisecond, "97", nil)
		time.Sleep(29 * time.Second)
		found, took = prices(t, b, order("100.00"), "a")
		require.Equal(t, map[string]string{"a": "2"}, found)
		require.Zero(t, took)
		require.Equal(t, 1, providers.count())
	})
}

func TestAnOldQuoteServesWhileANewOneIsFetched(t *testing.T) {
	t.Parallel()
	inTown(t, nil, func(b *quote.Cache, providers *fixture) {
		t := providers.t
		providers.set("a", 100*time.Millisecond, "98", nil)
		prices(t, b, order("100"), "a")
		providers.set("a", 100*time.Millisecond, "97", nil)
		time.Sleep(31 * time.Second)

		found, took := prices(t, b, order("100"), "a")
		require.Equal(t, map[string]string{"a": "2"}, found)
		require.Zero(t, took)
		time.Sleep(time.Second)
		found, _ = prices(t, b, order("100"), "a")
		require.Equal(t, map[string]string{"a": "3"}, found)
		require.Equal(t, 2, providers.count())

		time.Sleep(91 * time.Second)
		providers.set("a", 100*time.Millisecond, "96", nil)
		found, took = prices(t, b, order("100"), "a")
		require.Equal(t, map[string]string{"a": "4"}, found, "too old to serve")
		require.Equal(t, 100*time.Millisecond, took)
	})
}

func TestAQuoteDoesNotOutliveItsExpiry(t *testing.T) {
	t.Parallel()
	inTown(t, nil, func(b *quote.Cache, providers *fixture) {
		t := providers.t
		providers.set("a", 0, "98", nil)
		said := providers.quotes["a"]
		said.ExpiresAt = time.Now().Add(5 * time.Second)
		providers.quotes["a"] = said
		prices(t, b, order("100"), "a")
		time.Sleep(5 * time.Second)
		providers.set("a", 100*time.Millisecond, "97", nil)
		found, took := prices(t, b, order("100"), "a")
		require.Equal(t, map[string]string{"a": "3"}, found)
		require.Equal(t, 100*time.Millisecond, took)
	})
}

func TestWhatAQuoteDependsOn(t *testing.T) {
	t.Parallel()
	inTown(t, nil, func(b *quote.Cache, providers *fixture) {
		t := providers.t
		providers.set("a", 0, "98", nil)
		plain := order("100")
		plain.Options = map[string]json.RawMessage{"x": json.RawMessage(`{"direction_id":"1"}`)}
		prices(t, b, plain, "a")
		same := plain
		same.Amount, same.Reference, same.Payer.Email, same.Metadata = "100.0", "order-1", "jane@shop.example",
			map[string]string{"tier": "gold"}
		prices(t, b, same, "a")
		require.Equal(t, 1, providers.count(), "nothing that a provider is not told changes a quote")
		for i, change := range []func(o *payment.Order){
			func(o *payment.Order) { o.Kind = payment.Payout },
			func(o *payment.Order) { o.Amount = "1000" },
			func(o *payment.Order) { o.Currency = "USD" },
			func(o *payment.Order) { o.Country = "" },
			func(o *payment.Order) { o.Method = "crypto" },
			func(o *payment.Order) { o.Destination.Operator = "AT" },
			func(o *payment.Order) { o.Destination.Network = "TRC20" },
			func(o *payment.Order) { o.Options = nil },
			func(o *payment.Order) {
				o.Options = map[string]json.RawMessage{"x": json.RawMessage(`{"direction_id":"2"}`)}
			},
			func(o *payment.Order) {
				o.Options = map[string]json.RawMessage{"y": json.RawMessage(`{"direction_id":"1"}`)}
			},
		} {
			other := plain
			change(&other)
			prices(t, b, other, "a")
			require.Equal(t, i+2, providers.count(), "%+v", other)
		}
		prices(t, b, plain, "b")
		require.Equal(t, 12, providers.count())
	})
}

func TestManyDecisionsAskOnce(t *testing.T) {
	t.Parallel()
	inTown(t, nil, func(b *quote.Cache, providers *fixture) {
		t := providers.t
		providers.set("a", 100*time.Millisecond, "98", nil)
		var decisions sync.WaitGroup
		found := make([]map[string]string, 50)
		for i := range found {
			decisions.Go(func() { found[i], _ = prices(t, b, order("100"), "a") })
		}
		decisions.Wait()
		for _, one := range found {
			require.Equal(t, map[string]string{"a": "2"}, one)
		}
		require.Equal(t, 1, providers.count())
	})
}

func TestProvidersAreAskedTogether(t *testing.T) {
	t.Parallel()
	inTown(t, nil, func(b *quote.Cache, providers *fixture) {
		t := providers.t
		providers.set("a", 500*time.Millisecond, "98", nil)
		providers.set("b", 600*time.Millisecond, "97", nil)
		providers.set("c", time.Hour, "99", nil)
		found, took := prices(t, b, order("100"), "c", "a", "b")
		require.Equal(t, map[string]string{"a": "2", "b": "3"}, found)
		require.Equal(t, 800*time.Millisecond, took)
	})
}

func TestNobodyWaitsTwiceForASlowProvider(t *testing.T) {
	t.Parallel()
	inTown(t, nil, func(b *quote.Cache, providers *fixture) {
		t := providers.t
		providers.set("a", 2*time.Second, "98", nil)
		found, took := prices(t, b, order("100"), "a")
		require.Empty(t, found)
		require.Equal(t, 800*time.Millisecond, took)
		found, took = prices(t, b, order("200"), "a")
		require.Empty(t, found)
		require.Zero(t, took)

		time.Sleep(2 * time.Second)
		found, took = prices(t, b, order("100"), "a")
		require.Equal(t, map[string]string{"a": "2"}, found, "an answer that came late serves the next one")
		require.Zero(t, took)

		providers.set("a", 100*time.Millisecond, "97", nil)
		_, took = prices(t, b, order("300"), "a")
		require.Zero(t, took, "it is asked, and not waited for")
		time.Sleep(time.Second)
		_, took = prices(t, b, order("400"), "a")
		require.Equal(t, 100*time.Millisecond, took, "it has been quick again")
	})
}

func TestAProviderWithoutAnAnswerRests(t *testing.T) {
	t.Parallel()
	inTown(t, nil, func(b *quote.Cache, providers *fixture) {
		t := providers.t
		providers.set("a", 0, "98", nil)
		prices(t, b, order("100"), "a")
		providers.set("a", 0, "97", fmt.Errorf("get_calc at a: %w", attempt.ErrUnanswered))
		time.Sleep(31 * time.Second)
		prices(t, b, order("100"), "a")
		synctest.Wait()
		found, _ := prices(t, b, order("100"), "a")
		require.Equal(t, map[string]string{"a": "2"}, found, "the old one serves on")
		prices(t, b, order("200"), "a")
		require.Equal(t, 2, providers.count(), "asked once, and left alone")

		time.Sleep(11 * time.Second)
		providers.set("a", 0, "97", nil)
		found, _ = prices(t, b, order("200"), "a")
		require.Equal(t, map[string]string{"a": "3"}, found)
	})
}

func TestARefusalIsAnAnswer(t *testing.T) {
	t.Parallel()
	for name, err := range map[string]error{
		"declined":    &attempt.DeclinedError{Failure: &attempt.Failure{Code: "limit_exceeded"}},
		"unsupported": fmt.Errorf("a has no quotes: %w", attempt.ErrUnsupported),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			inTown(t, nil, func(b *quote.Cache, providers *fixture) {
				t := providers.t
				providers.set("a", 0, "98", err)
				for range 3 {
					found, _ := prices(t, b, order("100"), "a")
					require.Empty(t, found)
				}
				require.Equal(t, 1, providers.count())
				providers.set("a", 0, "98", nil)
				found, _ := prices(t, b, order("200"), "a")
				require.Len(t, found, 1, "another payment may have a price")
				time.Sleep(31 * time.Second)
				found, _ = prices(t, b, order("100"), "a")
				require.Len(t, found, 1, "and this one, later")
			})
		})
	}
}

func TestARefusalReplacesAnOldQuote(t *testing.T) {
	t.Parallel()
	inTown(t, nil, func(b *quote.Cache, providers *fixture) {
		t := providers.t
		providers.set("a", 0, "98", nil)
		prices(t, b, order("100"), "a")
		providers.set("a", 0, "98", &attempt.DeclinedError{Failure: &attempt.Failure{}})
		time.Sleep(31 * time.Second)
		prices(t, b, order("100"), "a")
		synctest.Wait()
		found, _ := prices(t, b, order("100"), "a")
		require.Empty(t, found)
	})
}

func TestTheBookIsBounded(t *testing.T) {
	t.Parallel()
	inTown(t, func(s *quote.Settings) { s.Size = 2 }, func(b *quote.Cache, providers *fixture) {
		t := providers.t
		providers.set("a", 0, "98", nil)
		prices(t, b, order("1"), "a")
		prices(t, b, order("2"), "a")
		prices(t, b, order("1"), "a")
		prices(t, b, order("3"), "a")
		require.Equal(t, 3, providers.count())
		prices(t, b, order("1"), "a")
		require.Equal(t, 3, providers.count(), "used lately")
		prices(t, b, order("2"), "a")
		require.Equal(t, 4, providers.count(), "not used for longest")
	})
}

func TestAProviderIsNotFlooded(t *testing.T) {
	t.Parallel()
	inTown(t, func(s *quote.Settings) { s.AtOnce = 2 }, func(b *quote.Cache, providers *fixture) {
		t := providers.t
		providers.set("a", time.Minute, "98", nil)
		for i := range 10 {
			prices(t, b, order(fmt.Sprint(i+1)), "a")
		}
		synctest.Wait()
		require.Equal(t, 2, providers.count())
	})
}

func TestForgettingForgetsWhatIsOnItsWayToo(t *testing.T) {
	t.Parallel()
	inTown(t, nil, func(b *quote.Cache, providers *fixture) {
		t := providers.t
		providers.set("a", time.Second, "98", nil)
		prices(t, b, order("100"), "a")
		b.Forget()
		providers.set("a", 100*time.Millisecond, "97", nil)
		found, took := prices(t, b, order("100"), "a")
		require.Equal(t, map[string]string{"a": "3"}, found)
		require.Equal(t, 100*time.Millisecond, took)
		time.Sleep(2 * time.Second)
		found, _ = prices(t, b, order("100"), "a")
		require.Equal(t, map[string]string{"a": "3"}, found)
		b.Forget()
		prices(t, b, order("100"), "a")
		require.Equal(t, 3, providers.count())
	})
}

func TestAForgottenAnswerDoesNotMakeWayForAnotherQuestion(t *testing.T) {
	t.Parallel()
	inTown(t, nil, func(b *quote.Cache, providers *fixture) {
		t := providers.t
		providers.set("a", time.Second, "98", nil)
		prices(t, b, order("100"), "a")
		b.Forget()
		providers.set("a", 5*time.Second, "97", nil)
		prices(t, b, order("100"), "a")
		require.Equal(t, 2, providers.count())
		prices(t, b, order("100"), "a")
		synctest.Wait()
		require.Equal(t, 2, providers.count(), "the first answer has come, the second question still is under way")
	})
}

func TestACallerWhoLeavesWaitsNoLonger(t *testing.T) {
	t.Parallel()
	inTown(t, nil, func(b *quote.Cache, providers *fixture) {
		t := providers.t
		providers.set("a", 500*time.Millisecond, "98", nil)
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		began := time.Now()
		require.Empty(t, b.Offers(ctx, order("100"), []string{"a"}))
		require.Equal(t, 100*time.Millisecond, time.Since(began))
		time.Sleep(time.Second)
		found, took := prices(t, b, order("100"), "a")
		require.Len(t, found, 1, "the question went on without its caller")
		require.Zero(t, took)
	})
}

func TestAClosedBookAsksNobody(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		providers := newTown(t)
		b := quote.New(quote.Settings{Ask: providers.ask})
		providers.set("a", time.Hour, "98", nil)
		prices(t, b, order("100"), "a")
		b.Close()
		found, took := prices(t, b, order("200"), "a")
		require.Empty(t, found)
		require.Zero(t, took)
		synctest.Wait()
		require.Equal(t, 1, providers.count())
	})
}

func TestPricesAreAskedForWhenOneIsWanted(t *testing.T) {
	t.Parallel()
	inTown(t, nil, func(b *quote.Cache, providers *fixture) {
		t := providers.t
		providers.set("a", 300*time.Millisecond, "98", nil)
		providers.set("b", 300*time.Millisecond, "97", errors.New("no answer"))
		began := time.Now()
		price := b.Prices(order("100"), []string{"a", "b"})
		require.Zero(t, providers.count())
		_, ok := price("b")
		require.False(t, ok)
		costs, ok := price("a")
		require.True(t, ok)
		require.Equal(t, "2", costs)
		_, ok = price("c")
		require.False(t, ok)
		require.Equal(t, 300*time.Millisecond, time.Since(began), "one wait for all")
		b.Forget()
		costs, _ = price("a")
		require.Equal(t, "2", costs, "a decision goes by one state of things")
		require.Equal(t, 2, providers.count())
	})
}
