package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
	"payrouter/host/routing"
	"payrouter/host/sandbox"
)

// create is one provider's way to make a payment, and what the router may do about an unanswered one.
type create struct {
	provider string
	// operation is the sandbox's name of the request that makes it; ours is the manifest's.
	operation, ours string
	order           string
	// taken is the status of a payment that was taken.
	taken string
	// held: an unanswered create may have moved money, so it is never sent again. Otherwise what it made is left
	// behind.
	held bool
	// found: a look-up can settle it.
	found bool
}

var creates = []create{
	{"paygram", "IssueInvoice", "IssueInvoice", byPayGram, "requires_action", false, false},
	{"paygram", "Withdraw", "Withdraw", paidOut, "processing", true, true},
	{"cryptogram", "create", "CreatePayment", byCryptogram, "requires_action", false, false},
	{"payplay", "create_order", "CreateCryptoOrder", byPayPlay, "requires_action", false, false},
	{"exchanger", "create_bid", "create_bid", byExchanger, "requires_action", true, true},
	{"payplay", "withdraw", "Withdrawal", payout, "processing", true, false},
	{"paygrt", "recharge", "Recharge", recharge, "processing", true, true},
}

// trouble is a fault, and what the router makes of a single one of them.
type trouble struct {
	what  string
	fault string
	// made: the provider has done what it was asked before the fault struck.
	made bool
	// event is what the attempt comes to.
	event string
}

var troubles = []trouble{
	{"reset before processing", `"kind":"reset_before"`, false, "unanswered"},
	{"reset after processing", `"kind":"reset_after"`, true, "unanswered"},
	{"never answers", `"kind":"hang"`, false, "unanswered"},
	{"never answers, and has done it", `"kind":"hang","after":true`, true, "unanswered"},
	{"500", `"kind":"status","status":500`, false, "unanswered"},
	{"502, and has done it", `"kind":"status","status":502,"after":true`, true, "unanswered"},
	{"garbage", `"kind":"garbage"`, true, "unanswered"},
	{"garbage with 503", `"kind":"garbage","status":503`, true, "unanswered"},
	{"truncated", `"kind":"truncated"`, true, "unanswered"},
	{"empty", `"kind":"empty"`, true, "unanswered"},
}

// Without proof in the body that the provider itself wrote it, a 429 is believed only where nothing can have moved
// money. Elsewhere it pauses the account.
var rates = []trouble{
	{"429", `"kind":"status","status":429`, false, "refused"},
	{"429 that names a time", `"kind":"status","status":429,"retry_after":"0"`, false, "refused"},
}

// Every provider's create, with everything that may go wrong with it once. The table's row for the operation's class
// holds, and the provider's ledger shows nothing that could be paid twice.
func TestACreateThatGoesWrongOnce(t *testing.T) {
	t.Parallel()
	// A few faults for each router: a breaker opens on the share of them, too.
	for some := range slices.Chunk(troubles, 4) {
		w := build(t, plan{environ: patient})
		for _, create := range creates {
			t.Run(create.provider+" "+create.operation, func(t *testing.T) {
				t.Parallel()
				for _, trouble := range some {
					t.Run(trouble.what, func(t *testing.T) { w.seenBy(t).requireOneOf(create, trouble) })
				}
			})
		}
	}
}

func TestACreateThatMeetsARateOnce(t *testing.T) {
	t.Parallel()
	w := build(t, plan{environ: patient})
	for _, create := range creates {
		for _, rate := range rates {
			t.Run(create.provider+" "+create.operation+" "+rate.what, func(t *testing.T) {
				on := w.seenBy(t)
				on.requireOneOf(create, rate)
				name := on.list("limit=1").Data[0].Provider
				require.Equal(t, create.held, !on.provider(name).Available)
				resumed := on.ask("POST", w.router+"/v1/providers/"+name+"/resume", `{"reason":"the fault was made"}`)
				require.Equal(t, create.held, resumed.status == 200, string(resumed.body))
			})
		}
	}
}

// requireOneOf has one create go wrong once.
func (w *harness) requireOneOf(create create, trouble trouble) {
	w.t.Helper()
	booked := len(w.booked(create))
	w.control("POST", create.provider+"/faults",
		fmt.Sprintf(`{"operation":%q,"count":1,%s}`, create.operation, trouble.fault))

	p := w.create(create.order)

	own := w.booked(create)[booked:]
	attempts := slices.DeleteFunc(w.attempts(p.ID), func(a api.Attempt) bool { return a.Idempotency == "safe" })
	first := attempts[0]
	require.Equal(w.t, create.ours, first.Operation)
	if create.held {
		trouble.event = "unanswered"
	}
	require.Equal(w.t, trouble.event, first.Event, first.Error)
	require.True(w.t, first.Sent)
	unanswered := trouble.event == "unanswered"
	require.Equal(w.t, unanswered && !create.held, first.Abandoned)
	if unanswered && create.held {
		w.requireHeld(p, create, trouble, attempts, own)
		return
	}
	require.Equal(w.t, create.taken, p.Status)
	require.Len(w.t, attempts, 2)
	require.Equal(w.t, "accepted", attempts[1].Event)
	require.Equal(w.t, first.Reference, attempts[1].Reference, "a resend carries the same reference")
	require.Len(w.t, own, 1+oneIf(trouble.made))
	require.Equal(w.t, own[len(own)-1].ProviderReference, p.ProviderReference, "the payer only ever learns of the last")
	for _, booking := range own {
		require.False(w.t, booking.MovedMoney && !create.held)
	}
}

// booked is what a provider has booked by one operation.
func (w *harness) booked(create create) []sandbox.Booking {
	return slices.DeleteFunc(w.bookings(create.provider),
		func(b sandbox.Booking) bool { return b.Operation != create.operation })
}

func oneIf(made bool) int {
	if made {
		return 1
	}
	return 0
}

// requireHeld: no other provider was used, nothing was sent again, and a look-up settles it if there is one.
func (w *harness) requireHeld(p api.Payment, create create, trouble trouble, attempts []api.Attempt,
	own []sandbox.Booking,
) {
	w.t.Helper()
	require.Equal(w.t, "unknown", p.Status)
	require.Len(w.t, attempts, 1)
	require.Len(w.t, own, oneIf(trouble.made))
	require.Nil(w.t, p.NextAction)
	switch {
	case !create.found:
		problem := w.refused(p, "refresh", "")
		require.Equal(w.t, "not-supported", problem.Type)
		require.Equal(w.t, "unknown", w.get(p.ID).Status, "only a callback or a person can settle it")
	case trouble.made:
		settled := w.act(p, "refresh", "")
		require.Equal(w.t, create.taken, settled.Status)
		require.Equal(w.t, own[0].ProviderReference, settled.ProviderReference)
	case create.provider == sandbox.Paygrt:
		// Its "not found" is a failed check: it may be about another day, or come too early.
		require.Equal(w.t, "provider-declined", w.refused(p, "refresh", "").Type)
		require.Equal(w.t, "unknown", w.get(p.ID).Status)
	default:
		require.Equal(w.t, "unknown", w.act(p, "refresh", "").Status,
			"\"not found\" never moves what may have moved money")
	}
}

// patient gives every account a short timeout, and a breaker that stays out of the way of a few faults.
var patient = []string{
	"ROUTER_PROVIDERS__PAYGRAM_EU__TIMEOUT=1s", "ROUTER_PROVIDERS__PAYGRAM_EU__BREAKER__FAILURES=1000",
	"ROUTER_PROVIDERS__CRYPTOGRAM__TIMEOUT=1s", "ROUTER_PROVIDERS__CRYPTOGRAM__BREAKER__FAILURES=1000",
	"ROUTER_PROVIDERS__PAYPLAY__TIMEOUT=1s", "ROUTER_PROVIDERS__PAYPLAY__BREAKER__FAILURES=1000",
	"ROUTER_PROVIDERS__EXCHANGER__TIMEOUT=1s", "ROUTER_PROVIDERS__EXCHANGER__BREAKER__FAILURES=1000",
	"ROUTER_PROVIDERS__PAYGRT__TIMEOUT=1s", "ROUTER_PROVIDERS__PAYGRT__BREAKER__FAILURES=1000",
}

func TestAProviderThatStaysDown(t *testing.T) {
	t.Parallel()
	w := build(t, plan{environ: patient})
	for _, provider := range w.sandbox.Providers() {
		w.control("POST", provider+"/down", "")
	}
	for _, create := range creates {
		t.Run(create.provider+" "+create.operation, func(t *testing.T) {
			t.Parallel()
			w := w.seenBy(t)

			p := w.create(create.order)

			if create.held && create.provider != sandbox.Exchanger {
				require.Equal(t, "unknown", p.Status)
				require.Equal(t, 1, p.Attempts)
				return
			}
			// The exchanger is asked for a calculation first, which changes nothing.
			require.Equal(t, "failed", p.Status)
			require.Equal(t, "provider_unavailable", p.Failure.Code)
			require.Equal(t, 3, p.Attempts)
			require.Empty(t, w.bookings(create.provider))
		})
	}
}

func TestMaintenance(t *testing.T) {
	t.Parallel()
	w := build(t, plan{environ: patient})
	for _, create := range creates {
		t.Run(create.provider+" "+create.operation, func(t *testing.T) {
			t.Parallel()
			w := w.seenBy(t)
			w.control("POST", create.provider+"/faults",
				fmt.Sprintf(`{"operation":%q,"kind":"maintenance"}`, create.operation))

			p := w.create(create.order)

			require.Empty(t, w.bookings(create.provider))
			if create.held && create.provider != sandbox.Exchanger {
				require.Equal(t, "unknown", p.Status, "503 says nothing of what was done")
				return
			}
			require.Equal(t, "failed", p.Status)
			require.Equal(t, "provider_unavailable", p.Failure.Code)
		})
	}
}

// With one provider down its breaker opens, traffic goes to the next, and comes back when the provider does.
func TestTrafficGoesRoundAProviderThatIsDownAndComesBack(t *testing.T) {
	t.Parallel()
	const order = `{"amount":"2000","currency":"EUR","country":"DE"}`
	w := build(t, plan{environ: []string{
		"ROUTER_PROVIDERS__PAYGRAM_EU__BREAKER__FAILURES=3", "ROUTER_PROVIDERS__PAYGRAM_EU__BREAKER__OPEN_FOR=2s",
	}})
	before := w.create(order)
	require.Equal(t, "paygram-eu", before.Provider)
	w.control("POST", "paygram/down", "")

	first := w.create(order)
	require.Equal(t, "payplay", first.Provider)
	require.Equal(t, "requires_action", first.Status)
	require.Equal(t,
		[]string{"paygram-eu unanswered", "paygram-eu unanswered", "paygram-eu unanswered", "payplay accepted"},
		w.trail(first.ID))

	asked := w.requests(sandbox.PayGram, "IssueInvoice")
	second := w.create(order)
	require.Equal(t, "payplay", second.Provider)
	require.Equal(t, []string{"payplay accepted"}, w.trail(second.ID))
	require.Equal(t, asked, w.requests(sandbox.PayGram, "IssueInvoice"), "an open breaker lets nothing through")
	require.Equal(t, "paygram-eu", w.decision(second).Candidates[0].Provider)
	require.True(t, w.decision(second).Candidates[0].Skipped)
	require.Contains(t, w.decision(second).Candidates[0].Reason, "breaker of paygram-eu is open until")

	explained := w.explain(order)
	require.Equal(t, []string{"payplay"}, explained.Decision.Order())
	require.Contains(t, explained.Text, "1. paygram-eu, skipped: breaker of paygram-eu is open until")
	require.Contains(t, explained.Text, "ask payplay")
	require.False(t, w.provider("paygram-eu").Available)
	require.Contains(t, w.provider("paygram-eu").Reason, "open until")
	require.True(t, w.provider("payplay").Available)

	pinned := problem(t, w.ask("POST", w.router+"/v1/payments", byPayGram, "Idempotency-Key", w.key()))
	require.Equal(t, 503, pinned.Status)
	require.Equal(t, "no-route-now", pinned.Type)
	unasked := w.refused(before, "refresh", "")
	require.Equal(t, 503, unasked.Status)
	require.Equal(t, "provider-unavailable", unasked.Type)

	w.control("POST", "paygram/up", "")
	require.Eventually(t, func() bool { return w.provider("paygram-eu").Available }, time.Minute, 20*time.Millisecond)
	back := w.create(order)
	require.Equal(t, "paygram-eu", back.Provider)
	require.Equal(t, []string{"paygram-eu accepted"}, w.trail(back.ID))
	require.Equal(t, []string{"paygram-eu", "payplay"}, w.explain(order).Decision.Order())
}

// A KEYED operation is sent again under the same reference, and its duplicate is looked up.
func TestAnUnansweredSpendingRequestIsSentAgainWhereTheAccountHonoursItsKey(t *testing.T) {
	t.Parallel()
	w := build(t, plan{environ: append(patient, "ROUTER_PROVIDERS__PAYGRAM_EU__SETTINGS__CLIENT_UNIQUE=true")})
	p := w.create(byPayGram)
	w.control("POST", "paygram/faults", `{"operation":"PayInvoice","kind":"reset_after","count":1}`)

	p = w.act(p, "confirm", `{"operation":"PayInvoice","input":{"user_cli_id":"customer-7"}}`)

	require.Equal(t, "unknown", p.Status, "the second was refused as a duplicate: the first was taken")
	require.Equal(t,
		[]string{"paygram-eu accepted", "paygram-eu accepted", "paygram-eu unanswered", "paygram-eu duplicate"},
		w.trail(p.ID),
		"the create, the look before the act, and the act")
	require.Equal(t, "succeeded", w.act(p, "refresh", "").Status)
}

func (w *harness) trail(id string) []string {
	w.t.Helper()
	var trail []string
	for _, attempt := range w.attempts(id) {
		trail = append(trail, attempt.Provider+" "+attempt.Event)
	}
	return trail
}

// explanation is an answer of /v1/routes/explain.
type explanation struct {
	Decision struct {
		routing.Decision

		Provider string `json:"provider"`
	} `json:"decision"`
	Text string `json:"text"`
}

// decision is a payment's whole.
func (w *harness) decision(p api.Payment) routing.Decision {
	w.t.Helper()
	a := w.ask("GET", w.router+"/v1/payments/"+p.ID+"/decision", "")
	require.Equal(w.t, 200, a.status, string(a.body))
	decision := read[explanation](w.t, a).Decision.Decision
	require.Empty(w.t, decision.Incomplete)
	return decision
}

func (w *harness) explain(order string) explanation {
	w.t.Helper()
	a := w.ask("POST", w.router+"/v1/routes/explain", order)
	require.Equal(w.t, 200, a.status, string(a.body))
	return read[explanation](w.t, a)
}

func (w *harness) provider(name string) api.Provider {
	w.t.Helper()
	a := w.ask("GET", w.router+"/v1/providers", "")
	require.Equal(w.t, 200, a.status)
	var list struct{ Data []api.Provider }
	require.NoError(w.t, json.Unmarshal(a.body, &list))
	i := slices.IndexFunc(list.Data, func(p api.Provider) bool { return p.Name == name })
	require.GreaterOrEqual(w.t, i, 0)
	return list.Data[i]
}
