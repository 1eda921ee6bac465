package payment_test

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
	"payrouter/host/account"
	"payrouter/host/attempt"
	"payrouter/host/egress"
	"payrouter/host/money"
	"payrouter/host/payment/paymenttest"
)

// oracle is a probe whose account answers what a test fills in, once its provider has answered {"status": …}.
type oracle struct {
	*probe
	fill  func(outcome *abi.Outcome)
	asked func(call *abi.Call)
}

func (o oracle) Manifest() *abi.Manifest {
	m := o.probe.Manifest()
	m.Operations = append(m.Operations, &abi.Operation{
		Name: "tell", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE,
		InputSchema: `{"type": "object", "required": ["never"]}`, OutputSchema: `{}`,
	})
	m.Actions = []*abi.Action{
		{Role: abi.Role_ROLE_BALANCES, Operation: "tell"},
		{Role: abi.Role_ROLE_RATES, Operation: "tell"},
		{Role: abi.Role_ROLE_STATEMENT, Operation: "tell"},
		{Role: abi.Role_ROLE_CATALOG, Operation: "tell", Topic: "operators"},
	}
	return m
}

func (o oracle) Prepare(ctx context.Context, call *abi.Call) (*abi.Step, int64, error) {
	if o.asked != nil {
		o.asked(call)
	}
	return o.probe.Prepare(ctx, call)
}

func (o oracle) Interpret(ctx context.Context, in *abi.Interpretation) (*abi.Step, int64, error) {
	step, fuel, err := o.probe.Interpret(ctx, in)
	if done := step.GetDone(); err == nil && done.GetVerdict() == abi.Verdict_VERDICT_ACCEPTED {
		outcome := guest.Accepted(abi.Status_STATUS_UNSPECIFIED, "")
		outcome.Output = []byte(`{}`)
		o.fill(outcome)
		return guest.Done(outcome), fuel, nil
	}
	return step, fuel, err
}

func asking(t *testing.T, o oracle, provider *provider) *harness {
	t.Helper()
	if o.probe == nil {
		o.probe = &probe{}
	}
	o.name, o.idempotency = "oracle", none
	return newHarness(t, paymenttest.Settings{}, probed{
		name: "a", connector: o, url: provider.url, tries: 1, timeout: 10 * time.Second,
		breaker: egress.BreakerSettings{Failures: 1},
	})
}

const answered = `{"status":"paid"}`

func amount(value, currency string) money.Money {
	return money.Money{Amount: value, Currency: currency}
}

// midday is when everything happened.
var midday = time.Date(2024, 1, 1, 12, 0, 0, 0, time.UTC)

func entryAt(id string, at time.Time, amount, currency string) *abi.Transaction {
	return &abi.Transaction{Id: id, AtMs: at.UnixMilli(), Amount: guest.Money(amount, currency)}
}

func TestAnAccountTells(t *testing.T) {
	t.Parallel()
	fill := func(o *abi.Outcome) {
		o.Cursor, o.Alert = "2", "left out: one"
		o.Balances = []*abi.Balance{
			{Available: guest.Money("-1.50", "EUR"), Held: guest.Money("2", "EUR"), Wallet: "p"},
			{Held: guest.Money("7", "BTC")},
		}
		o.Rates = []*abi.Rate{
			{From: guest.Money("1", "EUR"), To: guest.Money("1.05", "USD")},
			{From: guest.Money("1", "USD"), To: guest.Money("0.95", "EUR")},
		}
		o.Transactions = []*abi.Transaction{
			entryAt("older", midday.Add(-time.Hour), "5", "EUR"),
			{
				Id: "newer", AtMs: midday.UnixMilli(), Amount: guest.Money("-0.00000001", "EUR"),
				Fee: guest.Money("0.1", "BTC"), FeeIncluded: true,
				Kind: "k", Status: "s", Reference: "ours", ProviderReference: "theirs",
			},
			entryAt("other", midday, "5", "BTC"),
			entryAt("early", midday.Add(-2*time.Hour), "5", "EUR"),
			entryAt("late", midday.Add(time.Hour), "5", "EUR"),
		}
		o.Items = []*abi.Item{
			{Code: "AT", Name: "Airtel", Category: "Mobile"},
			{Code: "1", Currency: "USDT", CurrencyOut: "EUR", Bounds: []*abi.Bound{{Currency: "USDT", Min: "10"}}},
			{Code: "2", Currency: "USDT", CurrencyOut: "BTC"},
		}
	}
	var call *abi.Call
	provider := newProvider(t, says(answered))
	h := asking(t, oracle{fill: fill, asked: func(c *abi.Call) { call = c }}, provider)
	question := account.Query{
		From: midday.Add(-time.Hour), Until: midday.Add(time.Hour), Country: "DE",
		Currency: "EUR", Limit: 25, Cursor: "1",
	}
	for subject, want := range map[account.QueryKind]account.Result{
		account.Balances: {Balances: []account.Balance{{
			Available: amount("-1.50", "EUR"), Held: amount("2", "EUR"),
			Wallet: "p",
		}}},
		account.Rates: {Rates: []money.Rate{{From: amount("1", "EUR"), To: amount("1.05", "USD")}}},
		account.Statement: {Transactions: []account.Transaction{
			{
				ID: "newer", At: midday, Amount: amount("-0.00000001", "EUR"), Fee: amount("0.1", "BTC"),
				FeeIncluded: true, Kind: "k", Status: "s",
				Reference: "ours", ProviderReference: "theirs",
			},
			{ID: "older", At: midday.Add(-time.Hour), Amount: amount("5", "EUR")},
		}},
		account.Operators: {Items: []account.Item{
			{Code: "AT", Name: "Airtel", Category: "Mobile"},
			{Code: "1", Currency: "USDT", CurrencyOut: "EUR", Bounds: []money.Bound{{Currency: "USDT", Min: "10"}}},
		}},
	} {
		got, err := h.engine.Fetch(t.Context(), "a", subject, question)
		require.NoError(t, err, subject)
		want.Cursor, want.Alert = "2", "left out: one"
		require.Equal(t, want, got, subject)
		require.Equal(t, &abi.Query{
			FromMs: midday.Add(-time.Hour).UnixMilli(), UntilMs: midday.Add(time.Hour).UnixMilli(), Country: "DE",
			Currency: "EUR", Limit: 25,
		}, call.GetQuery())
		require.Equal(t, "1", call.GetCursor())
		require.Nil(t, call.GetPayment())
	}
	got, err := h.engine.Fetch(t.Context(), "a", account.Statement, account.Query{})
	require.NoError(t, err)
	require.Len(t, got.Transactions, 5, "what is left open is not narrowed")
	require.Equal(t, &abi.Query{}, call.GetQuery())
}

// What does not hold is its provider's error, and no part of it is shown.
func TestWhatDoesNotHoldIsNotShown(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 256)
	for name, row := range map[string]struct {
		kind account.QueryKind
		fill func(o *abi.Outcome)
		says string
	}{
		"a float": {
			account.Balances, func(o *abi.Outcome) { o.Balances[1].Available.Amount = "1e2" },
			"no amount of money",
		},
		"a comma": {
			account.Balances, func(o *abi.Outcome) { o.Balances[1].Available.Amount = "1,5" },
			"no amount of money",
		},
		"a zero in front": {
			account.Balances, func(o *abi.Outcome) { o.Balances[1].Available.Amount = "01" },
			"no amount of money",
		},
		"a small currency": {
			account.Balances, func(o *abi.Outcome) { o.Balances[1].Available.Currency = "eur" },
			"no amount of money",
		},
		"no currency": {
			account.Balances, func(o *abi.Outcome) { o.Balances[1].Available.Currency = "" },
			"no amount of money",
		},
		"a balance of nothing": {account.Balances, func(o *abi.Outcome) { o.Balances[1].Available = nil }, "no amount"},
		"two currencies": {
			account.Balances,
			func(o *abi.Outcome) { o.Balances[1].Held = guest.Money("1", "USD") }, "two currencies",
		},
		"one wallet twice": {account.Balances, func(o *abi.Outcome) { o.Balances[1].Wallet = "" }, "twice"},
		"a wallet of a novel": {
			account.Balances, func(o *abi.Outcome) { o.Balances[1].Wallet = long },
			"no text of at most",
		},
		"a rate of nothing":    {account.Rates, func(o *abi.Outcome) { o.Rates[0].To.Amount = "0" }, "a rate is none"},
		"a rate below nothing": {account.Rates, func(o *abi.Outcome) { o.Rates[0].To.Amount = "-1" }, "a rate is none"},
		"a rate to itself": {
			account.Rates, func(o *abi.Outcome) { o.Rates[0].To.Currency = "EUR" },
			"a rate is none",
		},
		"half a rate": {account.Rates, func(o *abi.Outcome) { o.Rates[0].From = nil }, "a rate is none"},
		"a rate twice": {
			account.Rates, func(o *abi.Outcome) { o.Rates = append(o.Rates, o.Rates[0]) },
			"twice",
		},
		"a rate of many words": {
			account.Rates, func(o *abi.Outcome) { o.Rates[0].To.Amount = "much" },
			"no amount of money",
		},
		"an id twice": {account.Statement, func(o *abi.Outcome) { o.Transactions[1].Id = "1" }, "twice"},
		"no id":       {account.Statement, func(o *abi.Outcome) { o.Transactions[0].Id = "" }, "no id"},
		"seconds": {
			account.Statement, func(o *abi.Outcome) { o.Transactions[0].AtMs /= 1000 },
			"no sane time",
		},
		"the future": {
			account.Statement, func(o *abi.Outcome) { o.Transactions[0].AtMs *= 2 },
			"no sane time",
		},
		"no amount": {
			account.Statement, func(o *abi.Outcome) { o.Transactions[0].Amount = nil },
			"no amount",
		},
		"an infinite amount": {
			account.Statement,
			func(o *abi.Outcome) { o.Transactions[0].Amount.Amount = "Infinity" }, "no amount of money",
		},
		"a fee of words": {
			account.Statement,
			func(o *abi.Outcome) { o.Transactions[0].Fee = guest.Money("little", "EUR") }, "no amount of money",
		},
		"a novel for a kind": {
			account.Statement, func(o *abi.Outcome) { o.Transactions[0].Kind = long },
			"no text of at most",
		},
		"no code": {account.Operators, func(o *abi.Outcome) { o.Items[0].Code = "" }, "no code"},
		"a code twice": {
			account.Operators, func(o *abi.Outcome) { o.Items = append(o.Items, o.Items[0]) },
			"twice",
		},
		"an item's currency": {account.Operators, func(o *abi.Outcome) { o.Items[0].Currency = "€" }, "no currency"},
		"an item's bounds": {
			account.Operators,
			func(o *abi.Outcome) { o.Items[0].Bounds = []*abi.Bound{{Currency: "EUR", Min: "2", Max: "1"}} }, "bounds",
		},
		"an item's bound": {
			account.Operators,
			func(o *abi.Outcome) { o.Items[0].Bounds = []*abi.Bound{{Currency: "EUR", Min: "1,5"}} }, "bounds",
		},
		"a novel for a name": {
			account.Operators, func(o *abi.Outcome) { o.Items[0].Name = long },
			"no text of at most",
		},
		"too much of it": {account.Operators, func(o *abi.Outcome) {
			o.Items = make([]*abi.Item, 20_001)
		}, "too many"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := asking(t, oracle{fill: func(o *abi.Outcome) {
				o.Balances = []*abi.Balance{
					{Available: guest.Money("1", "EUR")},
					{Available: guest.Money("2", "EUR"), Wallet: "p"},
				}
				o.Rates = []*abi.Rate{{From: guest.Money("1", "EUR"), To: guest.Money("1.05", "USD")}}
				o.Transactions = []*abi.Transaction{entryAt("1", midday, "5", "EUR"), entryAt("2", midday, "5", "EUR")}
				o.Items = []*abi.Item{{Code: "AT"}}
				row.fill(o)
			}}, newProvider(t, says(answered)))
			got, err := h.engine.Fetch(t.Context(), "a", row.kind, account.Query{})
			require.ErrorIs(t, err, attempt.ErrUnanswered)
			require.ErrorContains(t, err, row.says)
			require.Zero(t, got)
			require.NoError(t, readable(h), "an answer that does not hold is no fault of the connection")
		})
	}
}

func TestWhoCannotTell(t *testing.T) {
	t.Parallel()
	provider := newProvider(t, says(answered), fails(http.StatusInternalServerError, ""))
	h := asking(t, oracle{fill: func(*abi.Outcome) {}}, provider)
	require.Equal(t, []string{"a"}, account.Able(&h.engine.Fleet().Fleet, account.Balances))
	require.Empty(t, account.Able(&h.engine.Fleet().Fleet, account.Wallets))
	require.Empty(t, account.Able(&h.engine.Fleet().Fleet, "moods"))
	for provider, subject := range map[string]account.QueryKind{"a": account.Wallets, "b": account.Balances} {
		_, err := h.engine.Fetch(t.Context(), provider, subject, account.Query{})
		require.ErrorIs(t, err, attempt.ErrUnsupported)
	}
	require.Empty(t, provider.requests())
	_, err := h.engine.Fetch(t.Context(), "a", account.Balances, account.Query{})
	require.ErrorIs(t, err, attempt.ErrUnanswered)
	_, err = h.engine.Fetch(t.Context(), "a", account.Balances, account.Query{})
	require.ErrorIs(t, err, attempt.ErrUnavailable, "its breaker is open")
	require.Len(t, provider.requests(), 1)
}

// A plugin that does more than ask, on the way to telling, is stopped.
func TestAQuestionChangesNothing(t *testing.T) {
	t.Parallel()
	provider := newProvider(t, says(answered))
	h := asking(t, oracle{fill: func(*abi.Outcome) {}, probe: &probe{prepare: func(*abi.Call) (*abi.Step, error) {
		return guest.NewRequest(http.MethodPost, guest.Literal("/create")).SendAs("create", nil), nil
	}}}, provider)
	_, err := h.engine.Fetch(t.Context(), "a", account.Balances, account.Query{})
	require.ErrorIs(t, err, attempt.ErrUnavailable)
	require.Empty(t, provider.requests())
}
