package payment_test

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
	"payrouter/host/account"
	"payrouter/host/attempt"
	"payrouter/host/egress"
	"payrouter/host/money"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

// quoter is a probe that quotes. Its provider answers {"pays","of","gets","in"} and more, or what every probe's
// provider may say.
type quoter struct {
	*probe
}

func (q quoter) Manifest() *abi.Manifest {
	m := q.probe.Manifest()
	m.Flows[0].Actions = append(m.Flows[0].Actions, &abi.Action{Role: abi.Role_ROLE_QUOTE, Operation: "quote"})
	return m
}

func (q quoter) Prepare(ctx context.Context, call *abi.Call) (*abi.Step, int64, error) {
	if call.GetOperation() != "quote" || q.prepare != nil {
		return q.probe.Prepare(ctx, call)
	}
	text, err := json.Marshal(call.GetPayment())
	return guest.NewRequest(http.MethodPost, guest.Literal("/quote")).Bearer("token").JSON(text).Send(nil), 7, err
}

func (q quoter) Interpret(ctx context.Context, in *abi.Interpretation) (*abi.Step, int64, error) {
	answer, err := jsontext.Parse(in.GetResponse().GetBody())
	if err != nil || in.GetResponse().GetStatus() != http.StatusOK || answer.Text("next") != "" ||
		answer.Text("error") != "" || answer.Text("trap") != "" {
		return q.probe.Interpret(ctx, in)
	}
	quote := &abi.Quote{
		Pays:   guest.Money(answer.Text("pays"), answer.Text("of")),
		Gets:   guest.Money(answer.Text("gets"), answer.Text("in")),
		Bounds: []*abi.Bound{{Currency: "EUR", Min: "1"}},
	}
	if answer.Get("rate").Exists() {
		quote.Rate = &abi.Rate{
			From: guest.Money(answer.Text("from"), answer.Text("of")),
			To:   guest.Money(answer.Text("rate"), cmp.Or(answer.Text("into"), answer.Text("in"))),
		}
	}
	if fee := answer.Text("fee"); fee != "" {
		quote.Fees = []*abi.Money{guest.Money(fee, "EUR")}
	}
	if answer.Text("until") != "" {
		until, _ := time.Parse(time.RFC3339, answer.Text("until"))
		quote.ExpiresMs = until.UnixMilli()
	}
	return guest.Quoted(quote), 3, nil
}

func quotes(t *testing.T, p *probe, provider *provider) *harness {
	t.Helper()
	p.name, p.idempotency = "quoter", none
	return newHarness(t, paymenttest.Settings{}, probed{
		name: "a", connector: quoter{p}, url: provider.url, tries: 3, timeout: 10 * time.Second,
		breaker: egress.BreakerSettings{Failures: 1},
	})
}

const offer = `{"pays":"10.00","of":"EUR","gets":"9.70","in":"EUR","fee":"0.30"}`

func TestAQuoteLeavesNothingBehindAndTellsNothingOfThePayer(t *testing.T) {
	t.Parallel()
	var got string
	first := newProvider(t,
		func(w http.ResponseWriter, r *http.Request) { got = "asked"; _, _ = io.WriteString(w, offer) })
	h := quotes(t, &probe{}, first)
	order := orderOf("10.00")
	order.Payer = payment.Payer{Name: "Jane Roe", Email: "jane@shop.example", Phone: "+49301234", IP: "192.0.2.1"}
	order.Reference, order.ReturnURL = "order-1001", "https://shop.example/"
	order.Destination = payment.Destination{
		Number: "0301234", Account: "DE00", Address: "T0", Operator: "AT",
		Network: "TRC20",
	}
	order.Metadata = map[string]string{"tier": "gold"}

	quote, err := h.engine.Quote(t.Context(), "a", order)

	require.NoError(t, err)
	require.Equal(t, "asked", got)
	require.Equal(t, account.Quote{
		Pays: money.Money{Amount: "10.00", Currency: "EUR"}, Gets: money.Money{Amount: "9.70", Currency: "EUR"},
		Fees: []money.Money{{Amount: "0.30", Currency: "EUR"}}, Bounds: []money.Bound{{Currency: "EUR", Min: "1"}},
	}, quote)
	payments, _, err := h.journal.Payments(t.Context(), payment.Filter{})
	require.NoError(t, err)
	require.Empty(t, payments)
}

func TestWhatAProviderIsToldForAQuote(t *testing.T) {
	t.Parallel()
	var called *abi.Payment
	first := newProvider(t, says(offer))
	h := quotes(t, &probe{prepare: func(call *abi.Call) (*abi.Step, error) {
		called = call.GetPayment()
		return guest.Reject("unsupported", "/currency", "no"), nil
	}}, first)
	order := orderOf("10.00")
	order.Method, order.Reference, order.ReturnURL, order.Payer.Email = "crypto", "order-1001", "https://shop.example/",
		"jane@shop.example"
	order.Destination = payment.Destination{
		Number: "0301234", Account: "DE00", Address: "T0", Memo: "m",
		Operator: "AT", Network: "TRC20",
	}
	order.Options = map[string]json.RawMessage{
		"quoter": json.RawMessage(`{"direction_id":"1"}`),
		"other":  json.RawMessage(`{}`),
	}

	_, err := h.engine.Quote(t.Context(), "a", order)

	var declined *attempt.DeclinedError
	require.ErrorAs(t, err, &declined)
	require.Equal(t, "unsupported", declined.Failure.Code)
	require.Equal(t, &abi.Payment{
		Kind: abi.Kind_KIND_COLLECT, Amount: "10.00", Currency: "EUR", Country: "DE", Method: "crypto",
		Options: []byte(`{"direction_id":"1"}`),
		Payer:   &abi.Payer{}, Destination: &abi.Destination{Operator: "AT", Network: "TRC20"},
	}, called)
	require.Empty(t, first.requests())
}

func TestAQuoteTakesAsManyRoundTripsAsItsFlow(t *testing.T) {
	t.Parallel()
	first := newProvider(t,
		says(`{"pays":"10","of":"EUR","gets":"11","in":"PRB","from":"10","rate":"11","until":"2999-01-01T00:00:00Z"}`),
		says(`{"next":"quote"}`))
	h := quotes(t, &probe{}, first)

	quote, err := h.engine.Quote(t.Context(), "a", orderOf("10.00"))

	require.NoError(t, err)
	require.Len(t, first.requests(), 2)
	require.Equal(t,
		money.Rate{
			From: money.Money{Amount: "10", Currency: "EUR"},
			To:   money.Money{Amount: "11", Currency: "PRB"},
		}, quote.Rate)
	require.Equal(t, time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC), quote.ExpiresAt)
}

func TestWhatBringsNoQuote(t *testing.T) {
	t.Parallel()
	send := func(operation string) func(*abi.Call) (*abi.Step, error) {
		return func(*abi.Call) (*abi.Step, error) {
			return guest.NewRequest(http.MethodPost, guest.Literal("/quote")).SendAs(operation, nil), nil
		}
	}
	for name, row := range map[string]struct {
		answer http.HandlerFunc
		probe  probe
		change func(o *payment.Order)
		want   error
		// asked is how many requests the provider saw.
		asked int
		// trips: the provider is to blame, for its breaker.
		trips bool
	}{
		"another kind": {
			says(offer),
			probe{},
			func(o *payment.Order) { o.Kind = payment.Payout },
			attempt.ErrUnsupported, 0, false,
		},
		"a decline": {
			says(`{"error":"limit"}`),
			probe{},
			nil, &attempt.DeclinedError{}, 1,
			false,
		},
		"a fault, which is not tried again": {fails(500, ""), probe{}, nil, attempt.ErrUnanswered, 1, true},
		"a connection that breaks":          {resets, probe{}, nil, attempt.ErrUnanswered, 1, true},
		"a page":                            {says("<html>"), probe{}, nil, attempt.ErrUnanswered, 1, true},
		"busy":                              {says(`{"error":"busy"}`), probe{}, nil, attempt.ErrUnanswered, 1, false},
		"a code in no list":                 {says(`{"error":"odd"}`), probe{}, nil, attempt.ErrUnanswered, 1, false},
		"a trap":                            {says(`{"trap":"t"}`), probe{}, nil, attempt.ErrUnanswered, 1, false},
		"a status, and no quote": {
			says(`{"status":"paid","id":"1"}`),
			probe{},
			nil, attempt.ErrUnanswered,
			1, false,
		},
		"a flow without end": {says(`{"next":"quote"}`), probe{}, nil, attempt.ErrUnanswered, 3, false},
		"a request that may move money": {
			says(offer),
			probe{prepare: send("create")},
			nil, attempt.ErrUnavailable,
			0, false,
		},
		"an operation that is none": {
			says(offer),
			probe{prepare: send("odd")},
			nil, attempt.ErrUnavailable, 0,
			false,
		},
		"nothing paid": {
			says(`{"gets":"9.70","in":"EUR"}`),
			probe{},
			nil, attempt.ErrUnanswered,
			1, false,
		},
		"zero paid": {
			says(`{"pays":"0","of":"EUR","gets":"9.70","in":"EUR"}`),
			probe{},
			nil,
			attempt.ErrUnanswered, 1, false,
		},
		"a rate of other currencies": {
			says(`{"pays":"10.00","of":"EUR","gets":"9.70","in":"PRB","from":"1","rate":"1","into":"EUR"}`),
			probe{},
			nil, attempt.ErrUnanswered, 1, false,
		},
		"less than nothing got": {
			says(`{"pays":"10.00","of":"EUR","gets":"-9.70","in":"EUR"}`),
			probe{},
			nil, attempt.ErrUnanswered, 1, false,
		},
		"a number that is none": {
			says(`{"pays":"ten","of":"EUR","gets":"9.70","in":"EUR"}`),
			probe{},
			nil,
			attempt.ErrUnanswered, 1, false,
		},
		"no currency": {
			says(`{"pays":"10.00","gets":"9.70","in":"EUR"}`),
			probe{},
			nil,
			attempt.ErrUnanswered, 1, false,
		},
		"two currencies and no rate": {
			says(`{"pays":"10.00","of":"EUR","gets":"9.70","in":"PRB"}`),
			probe{},
			nil, attempt.ErrUnanswered, 1, false,
		},
		"a rate of nothing": {
			says(`{"pays":"10.00","of":"EUR","gets":"9.70","in":"PRB","from":"0","rate":"1"}`),
			probe{},
			nil,
			attempt.ErrUnanswered, 1, false,
		},
		"another currency": {
			says(`{"pays":"10.00","of":"USD","gets":"9.70","in":"USD"}`),
			probe{},
			nil, attempt.ErrUnanswered, 1, false,
		},
		"a smaller payment": {
			says(`{"pays":"9.99","of":"EUR","gets":"9.70","in":"PRB","from":"1","rate":"1"}`),
			probe{},
			nil,
			attempt.ErrUnanswered, 1, false,
		},
		"a larger payment": {
			says(`{"pays":"9.70","of":"PRB","gets":"10.01","in":"EUR","from":"1","rate":"1"}`),
			probe{},
			nil,
			attempt.ErrUnanswered, 1, false,
		},
		"out of date": {
			says(`{"pays":"10.00","of":"EUR","gets":"9.70","in":"EUR","until":"2001-01-01T00:00:00Z"}`),
			probe{},
			nil,
			attempt.ErrUnanswered, 1, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, row.answer)
			h := quotes(t, &row.probe, first)
			order := orderOf("10.00")
			if row.change != nil {
				row.change(&order)
			}
			_, err := h.engine.Quote(t.Context(), "a", order)
			if _, decline := row.want.(*attempt.DeclinedError); decline {
				require.ErrorAs(t, err, new(*attempt.DeclinedError))
			} else {
				require.ErrorIs(t, err, row.want)
			}
			require.Len(t, first.requests(), row.asked)
			require.Equal(t, row.trips, readable(h) != nil)
			require.NoError(t, h.engine.Fleet().Accounts["a"].Egress.Available(),
				"a quote never closes the account to payments")
		})
	}
}

func TestAProviderThatIsNotThereHasNoQuotes(t *testing.T) {
	t.Parallel()
	h := quotes(t, &probe{}, newProvider(t, says(offer)))
	_, err := h.engine.Quote(t.Context(), "b", orderOf("10.00"))
	require.ErrorIs(t, err, attempt.ErrUnsupported)

	plain := one(t, &probe{name: "plain", idempotency: none}, newProvider(t, says(offer)), paymenttest.Settings{})
	_, err = plain.engine.Quote(t.Context(), "a", orderOf("10.00"))
	require.ErrorIs(t, err, attempt.ErrUnsupported)
}

func TestAnOpenBreakerIsNotAskedForQuotes(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(offer), fails(500, ""))
	h := quotes(t, &probe{}, first)
	_, err := h.engine.Quote(t.Context(), "a", orderOf("10.00"))
	require.ErrorIs(t, err, attempt.ErrUnanswered)
	_, err = h.engine.Quote(t.Context(), "a", orderOf("10.00"))
	require.ErrorIs(t, err, attempt.ErrUnavailable)
	require.Len(t, first.requests(), 1)
}

func TestACallersPatienceEndsAQuoteAndIsNoFaultOfTheProvider(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{})
	first := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		silence(w, r)
	})
	h := quotes(t, &probe{}, first)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-arrived
		cancel()
	}()
	_, err := h.engine.Quote(ctx, "a", orderOf("10.00"))
	require.ErrorIs(t, err, attempt.ErrUnanswered)
	require.NoError(t, readable(h))
}

// readable is nil, or why account a would not be read now.
func readable(h *harness) error {
	return h.engine.Fleet().Accounts["a"].Egress.(*egress.Client).Readable()
}

func TestAQuotesLogHoldsNoSecret(t *testing.T) {
	t.Parallel()
	first := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, `{"error":"limit `+r.Header.Get("Authorization")+`"}`)
	})
	var log strings.Builder
	h := newHarness(t,
		paymenttest.Settings{Logger: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))},
		probed{
			name: "a", connector: quoter{&probe{name: "quoter", idempotency: none}}, url: first.url,
			timeout: 10 * time.Second,
		})
	_, err := h.engine.Quote(t.Context(), "a", orderOf("10.00"))
	require.Error(t, err)
	require.Contains(t, log.String(), "asked for a quote")
	require.NotContains(t, log.String()+err.Error(), secretToken)
}

func TestNoQuotesDuringAShutdown(t *testing.T) {
	t.Parallel()
	h := quotes(t, &probe{}, newProvider(t, says(offer)))
	require.NoError(t, h.engine.Shutdown(t.Context()))
	_, err := h.engine.Quote(t.Context(), "a", orderOf("10.00"))
	require.ErrorIs(t, err, attempt.ErrShuttingDown)
}

func TestWhoQuotes(t *testing.T) {
	t.Parallel()
	provider := newProvider(t, says(offer))
	h := newHarness(t, paymenttest.Settings{},
		probed{name: "plain", connector: &probe{name: "plain", idempotency: none}, url: provider.url},
		probed{name: "second", connector: quoter{&probe{name: "quoter", idempotency: none}}, url: provider.url},
		probed{name: "first", connector: quoter{&probe{name: "quoter", idempotency: none}}, url: provider.url})
	require.Equal(t, []string{"first", "second"}, h.engine.Fleet().Quoters(orderOf("10")))
	other := orderOf("10")
	other.Currency = "USD"
	require.Empty(t, h.engine.Fleet().Quoters(other))
	other = orderOf("10")
	other.Kind = payment.Payout
	require.Empty(t, h.engine.Fleet().Quoters(other))
	require.Empty(t, provider.requests())
}
