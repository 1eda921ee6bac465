package payment_test

import (
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/egress"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

const (
	safe        = abi.Idempotency_IDEMPOTENCY_SAFE
	keyed       = abi.Idempotency_IDEMPOTENCY_KEYED
	abandonable = abi.Idempotency_IDEMPOTENCY_ABANDONABLE
	none        = abi.Idempotency_IDEMPOTENCY_NONE
)

// expectation is a cell of the table as the provider and the merchant see it: the first provider always misbehaves, the
// second would take anything.
type expectation struct {
	// tries are the requests that the first provider gets, where it can get any; attempts the rows that they leave.
	tries, attempts int
	// moves: the second provider was asked.
	moves     bool
	status    payment.Status
	abandoned bool
}

// A row's expectations stand in the order of the columns: SAFE, KEYED, ABANDONABLE, NONE. Two tries are allowed at each
// provider.
func TestTheTableOfRetriesAndFailoverOnARealSocket(t *testing.T) {
	t.Parallel()
	moved := func(tries, attempts int) expectation {
		return expectation{tries: tries, attempts: attempts, moves: true, status: payment.RequiresAction}
	}
	held := func(tries int) expectation {
		return expectation{tries: tries, attempts: tries, status: payment.Unknown}
	}
	left := func(tries int) expectation {
		return expectation{tries: tries, attempts: tries, moves: true, status: payment.RequiresAction, abandoned: true}
	}
	failed := expectation{tries: 1, attempts: 1, status: payment.Failed}
	unanswered := [4]expectation{moved(2, 2), held(2), left(2), held(1)}
	// What the plugin fails at by itself, it is not asked for again.
	crashed := [4]expectation{moved(1, 1), held(1), left(1), held(1)}

	rows := []struct {
		what  string
		event attempt.Event
		// answer is the first provider's; nil where it cannot be reached.
		answer http.HandlerFunc
		probe  probe
		cells  [4]expectation
		// bare: the status is in the failure rules, and the body proves nothing. Where money may have moved, it is
		// unanswered.
		bare bool
	}{
		{
			what: "nobody listens", event: attempt.NotSent,
			cells: [4]expectation{moved(0, 2), moved(0, 2), moved(0, 2), moved(0, 2)},
		},
		{
			what: "the plugin traps before anything is sent", event: attempt.Unable,
			answer: says(`{"id":"a-1","status":"open"}`),
			probe:  probe{prepare: func(*abi.Call) (*abi.Step, error) { return nil, errors.New("trapped") }},
			cells:  [4]expectation{moved(0, 1), moved(0, 1), moved(0, 1), moved(0, 1)},
		},
		{
			what: "the plugin cannot make a request of it", event: attempt.Unable,
			answer: says(`{"id":"a-1","status":"open"}`),
			probe: probe{prepare: func(*abi.Call) (*abi.Step,
				error,
			) {
				return guest.Reject("unsupported", "/amount", "too odd"), nil
			}},
			cells: [4]expectation{moved(0, 1), moved(0, 1), moved(0, 1), moved(0, 1)},
		},
		{
			what: "the request may not leave", event: attempt.Unable, answer: says(`{"id":"a-1","status":"open"}`),
			probe: probe{prepare: func(*abi.Call) (*abi.Step, error) {
				step := guest.NewRequest(http.MethodPost, guest.Literal("/create")).Send(nil)
				step.GetSend().GetRequest().Origin = "https://elsewhere.example"
				return step, nil
			}},
			cells: [4]expectation{moved(0, 1), moved(0, 1), moved(0, 1), moved(0, 1)},
		},
		{
			what: "429 in the provider's own words", event: attempt.Refused, answer: fails(429, `{"error":"slow"}`),
			cells: [4]expectation{moved(2, 2), moved(2, 2), moved(2, 2), moved(2, 2)},
		},
		{
			what: "refused by a listed code", event: attempt.Refused, answer: says(`{"error":"busy"}`),
			cells: [4]expectation{moved(2, 2), moved(2, 2), moved(2, 2), moved(2, 2)},
		},
		{
			what: "429 without a body", event: attempt.Refused, answer: fails(429, ""), bare: true,
			cells: [4]expectation{moved(2, 2), held(2), moved(2, 2), held(1)},
		},
		{
			what: "booked, and a firewall's page instead of the answer", event: attempt.DeclinedSoft, bare: true,
			answer: fails(403, "<!DOCTYPE html><html><title>403 Forbidden</title></html>"),
			cells:  [4]expectation{moved(1, 1), held(2), moved(1, 1), held(1)},
		},
		{
			what: "booked, and a gateway's message instead of the answer", event: attempt.DeclinedSoft, bare: true,
			answer: fails(403, `{"message":"Forbidden"}`),
			cells:  [4]expectation{moved(1, 1), held(2), moved(1, 1), held(1)},
		},
		{what: "booked, then reset", event: attempt.Unanswered, answer: resets, cells: unanswered},
		{what: "booked, then end of file", event: attempt.Unanswered, answer: hangsUp, cells: unanswered},
		{what: "booked, then silence", event: attempt.Unanswered, answer: silence, cells: unanswered},
		{what: "500", event: attempt.Unanswered, answer: fails(500, "oops"), cells: unanswered},
		{
			what: "503 with an answer that looks fine", event: attempt.Unanswered,
			answer: fails(503, `{"id":"a-1","status":"paid"}`), cells: unanswered,
		},
		{what: "not JSON", event: attempt.Unanswered, answer: says("<html>"), cells: unanswered},
		{what: "truncated", event: attempt.Unanswered, answer: truncates, cells: unanswered},
		{
			what: "the plugin traps on the answer", event: attempt.Unanswered, answer: says(`{"trap":true}`),
			cells: crashed,
		},
		{
			what: "a refusal that nobody listed", event: attempt.Unanswered, answer: says(`{"error":"whatever"}`),
			cells: unanswered,
		},
		{
			what: "another payment's reference", event: attempt.Unanswered,
			answer: says(`{"id":"a-1","status":"paid","reference":"another"}`), cells: unanswered,
		},
		{
			what: "another amount", event: attempt.Unanswered,
			answer: says(`{"id":"a-1","status":"paid","amount":100}`),
			cells:  unanswered,
		},
		{
			what: "declined softly", event: attempt.DeclinedSoft, answer: says(`{"error":"limit"}`),
			cells: [4]expectation{moved(1, 1), moved(1, 1), moved(1, 1), moved(1, 1)},
		},
		{
			what: "declined softly, and not finally", event: attempt.DeclinedSoft, answer: says(`{"error":"limit"}`),
			probe: probe{revocable: true},
			cells: [4]expectation{held(1), held(1), held(1), held(1)},
		},
		{
			what: "declined hard", event: attempt.DeclinedHard, answer: says(`{"error":"fraud"}`),
			cells: [4]expectation{failed, failed, failed, failed},
		},
		{
			what: "credentials refused, where declines are not final", event: attempt.DeclinedSoft,
			answer: says(`{"error":"token"}`),
			probe:  probe{revocable: true}, cells: [4]expectation{moved(1, 1), moved(1, 1), moved(1, 1), moved(1, 1)},
		},
		{
			what: "an answer with another status than 2xx that looks fine", event: attempt.Unanswered,
			answer: fails(404, `{"id":"a-1","status":"paid"}`), cells: unanswered,
		},
		{
			what: "duplicate", event: attempt.Duplicate, answer: says(`{"error":"duplicate"}`),
			cells: [4]expectation{moved(1, 1), held(1), held(1), held(1)},
		},
	}
	for _, row := range rows {
		for column, idempotency := range []abi.Idempotency{safe, keyed, abandonable, none} {
			want := row.cells[column]
			t.Run(row.what+"/"+idempotency.String(), func(t *testing.T) {
				t.Parallel()
				connector := row.probe
				connector.name, connector.idempotency = "first", idempotency
				url, requests := unreachable(t), func() []asked { return nil }
				if row.answer != nil {
					first := newProvider(t, row.answer)
					url, requests = first.url, first.requests
				}
				second := newProvider(t, says(`{"id":"b-1","status":"open"}`))
				h := newHarness(t, paymenttest.Settings{},
					probed{name: "a", connector: &connector, url: url, tries: 2},
					probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url, tries: 2})

				p := h.create(t, "k")

				require.Equal(t, want.status, p.Status)
				require.Len(t, requests(), want.tries)
				attempts := h.attempts(t, p.ID)
				if want.moves {
					require.Len(t, second.requests(), 1)
					require.Equal(t, "b", p.Provider)
					require.Equal(t, "b-1", p.ProviderReference)
					require.Equal(t, attempt.Accepted, attempts[len(attempts)-1].Event)
					attempts = attempts[:len(attempts)-1]
				} else {
					require.Empty(t, second.requests())
					require.Equal(t, "a", p.Provider)
				}
				require.Len(t, attempts, want.attempts)
				for i, made := range attempts {
					event := row.event
					if row.bare && (idempotency == keyed || idempotency == none) {
						event = attempt.Unanswered
					}
					require.Equal(t, event, made.Event, asJSON(t, made))
					require.Equal(t, want.abandoned, made.Abandoned)
					require.Equal(t, want.tries > 0, made.Sent)
					require.Equal(t, i+1, made.Number)
				}
				for _, request := range requests() {
					require.Equal(t, requests()[0].reference, request.reference, "a resend carries the same reference")
					require.Len(t, request.reference, 24)
				}
			})
		}
	}
}

// unreachable is the URL of a port that nobody listens on.
func unreachable(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return "http://" + listener.Addr().String()
}

// A KEYED request that was once unanswered may have been taken: what a retry of it meets cannot take that back.
func TestAnUnansweredKeyedRequestIsNeverMovedWhateverItsRetryMeets(t *testing.T) {
	t.Parallel()
	for what, retry := range map[string]http.HandlerFunc{
		"429": fails(429, ""), "soft decline": says(`{"error":"limit"}`), "hard decline": says(`{"error":"fraud"}`),
		"duplicate": says(`{"error":"duplicate"}`),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, retry, resets)
			second := newProvider(t, says(`{"id":"b-1","status":"open"}`))
			h := newHarness(t, paymenttest.Settings{},
				probed{name: "a", connector: &probe{name: "first", idempotency: keyed}, url: first.url, tries: 2},
				probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url})

			p := h.create(t, "k")

			require.Equal(t, payment.Unknown, p.Status)
			require.Empty(t, second.requests())
		})
	}
}

func TestARetryThatIsTakenSettlesAKeyedPayment(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`), resets)
	h := newHarness(t, paymenttest.Settings{},
		probed{name: "a", connector: &probe{name: "first", idempotency: keyed}, url: first.url, tries: 2})

	p := h.create(t, "k")

	require.Equal(t, payment.RequiresAction, p.Status)
	require.Len(t, first.requests(), 2)
	require.Equal(t, "https://pay.example/a-1", p.NextAction.URL)
}

func TestAMultiStepFlowIsHeldOnceAStepThatCountsWasTaken(t *testing.T) {
	t.Parallel()
	first := newProvider(t, fails(500, ""), says(`{"next":"quote"}`))
	second := newProvider(t, says(`{"id":"b-1","status":"open"}`))
	h := newHarness(t, paymenttest.Settings{},
		probed{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url},
		probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url})

	p := h.create(t, "k")

	require.Equal(t, payment.Unknown, p.Status)
	require.Empty(t, second.requests())
}

// With one provider down its breaker opens, traffic goes to the next, and comes back once it has recovered.
func TestABreakerSendsTrafficElsewhereAndBack(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-*","status":"open"}`), fails(500, ""), fails(500, ""))
	second := newProvider(t, says(`{"id":"b-*","status":"open"}`))
	h := newHarness(t, paymenttest.Settings{},
		probed{
			name: "a", connector: &probe{name: "first", idempotency: abandonable}, url: first.url,
			breaker: egress.BreakerSettings{Failures: 2, Cooldown: 2 * time.Second},
		},
		probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url})

	require.Equal(t, "b", h.create(t, "k1").Provider)
	require.Equal(t, "b", h.create(t, "k2").Provider)
	require.Len(t, first.requests(), 2)

	explained := h.engine.Explain("shop", "pay_x", orderOf("10.00"))
	require.Equal(t, []string{"b"}, explained.Order())
	require.Contains(t, explained.Candidates[0].Reason, "breaker")
	skipped := h.create(t, "k3")
	require.Equal(t, "b", skipped.Provider)
	require.True(t, h.trace(t, skipped).Candidates[0].Skipped, "the decision says why the first was not asked")
	require.Len(t, first.requests(), 2, "an open breaker lets nothing through")

	require.Eventually(t, func() bool { return h.engine.Fleet().Accounts["a"].Egress.Available() == nil }, time.Minute,
		time.Millisecond)
	require.Equal(t, "a", h.create(t, "k4").Provider)
	require.Equal(t, "a", h.create(t, "k5").Provider)
}

func TestWithNobodyLeftThePaymentFailsAndSaysWhy(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"error":"limit"}`))
	h := newHarness(t, paymenttest.Settings{},
		probed{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url})

	p := h.create(t, "k")

	require.Equal(t, payment.Failed, p.Status)
	require.Equal(t,
		&attempt.Failure{Code: "limit_exceeded", Class: attempt.Soft, Message: "said limit", ProviderCode: "limit"},
		p.Failure)
}
