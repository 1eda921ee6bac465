package main

import (
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/access"
	"payrouter/host/api"
)

// approvals holds every payout over 50 USDT, native withdrawals at PayGram, and confirms that may pay.
const approvals = `
approval:
  - {name: large-payouts, kind: [payout, confirm], currency: USDT, over: "50"}
  - {name: by-hand, provider: paygram-eu, operation: Withdraw, expires: 1h}
  - {name: euro-confirms, kind: confirm, currency: EUR}
`

// buildApproving is a router whose routing file has the approvals.
func buildApproving(t *testing.T, with plan) *harness {
	t.Helper()
	file, text := ownRouting(t)
	require.NoError(t, os.WriteFile(file, []byte(text+approvals), 0o600))
	with.command.Routing = file
	return build(t, with)
}

// takers are the providers of the payouts below, each with what it is asked for.
var takers = map[string]string{"payplay": payoutByPayPlay, "paygram": paidOut}

// sent is how much a provider was asked to book.
func (w *harness) sent(provider string) int { return len(w.bookings(provider)) }

// events are the types of a payment's timeline.
func (w *harness) events(id string) (types []string) {
	w.t.Helper()
	for _, e := range w.timelineOf(id) {
		types = append(types, strings.TrimPrefix(e.Type, "payment."))
	}
	return types
}

func (w *harness) timelineOf(id string) []api.Event {
	w.t.Helper()
	a := w.ask("GET", w.router+"/v1/payments/"+id+"/events", "")
	require.Equal(w.t, 200, a.status, string(a.body))
	return read[struct {
		Data []api.Event `json:"data"`
	}](w.t, a).Data
}

func TestAPayoutOverTheBoundIsSentOnceItIsApproved(t *testing.T) {
	t.Parallel()
	for provider, order := range takers {
		t.Run(provider, func(t *testing.T) {
			t.Parallel()
			w := buildApproving(t, plan{})
			first := w.post("held", order)
			require.Equal(t, 201, first.status, string(first.body))
			p := read[api.Payment](t, first)

			require.Equal(t, "awaiting_approval", p.Status)
			require.Equal(t, "large-payouts", p.Approval.RequiredBy)
			require.WithinDuration(t, p.CreatedAt.Add(72*time.Hour), p.Approval.ExpiresAt, 0)
			require.Equal(t, "awaiting", p.Approval.Status)
			require.Equal(t, "TBeneficiaryMadeUp0000000000000001", p.Approval.Destination.Address)
			require.Zero(t, w.sent(provider))
			require.Equal(t, p, w.act(p, "refresh", ""), "there is nobody to ask")
			require.Equal(t, "wrong-status", w.refused(p, "confirm", "").Type)
			require.Equal(t, "wrong-status",
				w.refused(p, "resolve", `{"status":"succeeded","reason":"so they say"}`).Type)
			edit := w.ask("PATCH", w.router+"/v1/payments/"+p.ID, `{"metadata":{"tier":"gold"}}`)
			require.Equal(t, "wrong-status", problem(t, edit).Type, "an approver approves what there is to read")
			require.Equal(t, first.body, w.post("held", order).body)
			listed := w.ask("GET", w.router+"/v1/payments?status=awaiting_approval", "")
			require.Contains(t, string(listed.body), p.ID)

			sent := w.act(p, "approve", "")

			require.Contains(t, []string{"processing", "succeeded"}, sent.Status)
			require.Equal(t, "approved", sent.Approval.Status)
			require.NotZero(t, sent.Approval.DecidedAt)
			require.Equal(t, 1, w.sent(provider))
			w.act(p, "approve", "")
			require.Equal(t, 1, w.sent(provider), "a repetition sends nothing")
			require.Equal(t, "wrong-status", w.refused(p, "reject", `{"reason":"too late"}`).Type)
			again := w.post("held", order)
			require.Equal(t, first.body, again.body, "a key has one answer")
			require.Equal(t, 1, w.sent(provider))
			require.Equal(t, []string{"awaiting_approval", "approved", "created"}, w.events(p.ID)[:3])
			approved := w.timelineOf(p.ID)[1]
			require.Equal(t, "operator", approved.Cause)
			require.Equal(t, "default", approved.Operator)
			require.Equal(t, "request", w.timelineOf(p.ID)[3].Cause, "what follows is the payment's own course")
		})
	}
}

func TestAPayoutAtTheBoundNeedsNoApproval(t *testing.T) {
	t.Parallel()
	w := buildApproving(t, plan{})
	p := w.create(strings.Replace(payoutByPayPlay, `"100"`, `"50"`, 1))
	require.NotEqual(t, "awaiting_approval", p.Status)
	require.Nil(t, p.Approval)
	require.Equal(t, 1, w.sent("payplay"))
}

func TestWhatIsRejectedCanceledOrExpiredIsNeverSent(t *testing.T) {
	t.Parallel()
	w := buildApproving(t, plan{command: serveCommand{ReconcileEvery: 10 * time.Millisecond}})

	rejected := w.create(payoutByPayPlay)
	require.Equal(t, 422, w.ask("POST", w.router+"/v1/payments/"+rejected.ID+"/reject", `{}`).status)
	rejected = w.act(rejected, "reject", `{"reason":"not our payee"}`)
	require.Equal(t, "failed", rejected.Status)
	require.Equal(t, "rejected", rejected.Failure.Code)
	require.Equal(t, "rejected", rejected.Approval.Status)
	require.Equal(t, "not our payee", rejected.Approval.Reason)
	require.Equal(t, []string{"awaiting_approval", "rejected", "failed"}, w.events(rejected.ID))
	require.Equal(t, rejected, w.act(rejected, "reject", `{"reason":"not our payee"}`), "a repetition changes nothing")

	canceled := w.act(w.create(payoutByPayPlay), "cancel", "")
	require.Equal(t, "canceled", canceled.Status)

	soon := time.Now().Add(1500 * time.Millisecond).UTC().Format(time.RFC3339Nano)
	expired := w.create(strings.Replace(payoutByPayPlay, "{", `{"expires_at":"`+soon+`",`, 1))
	require.Equal(t, "awaiting_approval", expired.Status)
	require.Equal(t, expired.ExpiresAt, expired.Approval.ExpiresAt, "it waits no longer than the order holds")
	require.Eventually(t, func() bool { return w.get(expired.ID).Status == "expired" }, time.Minute, 20*time.Millisecond)

	for _, p := range []api.Payment{rejected, canceled, expired} {
		require.Equal(t, "wrong-status", w.refused(p, "approve", "").Type, p.Status)
	}
	require.Zero(t, w.sent("payplay"))
}

func TestARestartSendsNothingThatAwaitsApproval(t *testing.T) {
	t.Parallel()
	w := buildApproving(t, plan{})
	p := w.create(payoutByPayPlay)
	run := w.run("Withdraw", "held", withdraw)
	w.stop()
	require.NoError(t, w.end())

	again := buildApproving(t, plan{beside: w})

	require.Equal(t, "awaiting_approval", again.get(p.ID).Status)
	require.Zero(t, again.sent("payplay"))
	require.Zero(t, again.requests("paygram", "Withdraw"))
	require.NotEqual(t, "awaiting_approval", again.act(p, "approve", "").Status)
	require.Equal(t, 1, again.sent("payplay"))
	require.Equal(t, "succeeded", again.decide(run.ID, "approve", "").Status)
	require.Equal(t, 1, again.requests("paygram", "Withdraw"))
}

// decide posts a decision on a run; it has to be taken.
func (w *harness) decide(id, act, body string) api.Run {
	w.t.Helper()
	a := w.ask("POST", w.router+"/v1/operations/"+id+"/"+act, body)
	require.Equal(w.t, 200, a.status, string(a.body))
	return read[api.Run](w.t, a)
}

func TestANativeOperationWaitsForItsApproval(t *testing.T) {
	t.Parallel()
	w := buildApproving(t, plan{})
	before := w.tethers()
	held := w.run("Withdraw", "held", withdraw)

	require.Equal(t, "awaiting_approval", held.Status)
	require.Equal(t, "large-payouts", held.Approval.RequiredBy, "nobody reads the amount: it may be over the bound")
	require.Zero(t, w.requests("paygram", "Withdraw"))
	require.Equal(t, held, w.run("Withdraw", "held", withdraw))
	refused := w.ask("POST", w.router+"/v1/operations/"+held.ID+"/resolve", `{"status":"failed","reason":"never sent"}`)
	require.Equal(t, "run-wrong-status", problem(t, refused).Type)
	listed := w.ask("GET", w.router+"/v1/operations?status=awaiting_approval", "")
	require.Contains(t, string(listed.body), held.ID)

	done := w.decide(held.ID, "approve", "")

	require.Equal(t, "succeeded", done.Status)
	require.Equal(t, "approved", done.Approval.Status)
	require.Equal(t, done, w.decide(held.ID, "approve", ""))
	require.Equal(t, 1, w.requests("paygram", "Withdraw"))
	require.Negative(t, w.tethers().Cmp(before))
	late := w.ask("POST", w.router+"/v1/operations/"+held.ID+"/reject", `{"reason":"too late"}`)
	require.Equal(t, "run-wrong-status", problem(t, late).Type)

	rejected := w.decide(w.run("Withdraw", "another", withdraw).ID, "reject", `{"reason":"not our payee"}`)
	require.Equal(t, "failed", rejected.Status)
	require.Equal(t, "rejected", rejected.Failure.Code)
	require.Equal(t, "not our payee", rejected.Approval.Reason)
	require.Equal(t, 1, w.requests("paygram", "Withdraw"))
	require.NotEqual(t, "awaiting_approval", w.run("IssueInvoice", "in",
		`{"amount":"5","currencyCode":5,"userCliId":"shop"}`).Status, "money that comes in waits for nobody")
}

func TestNobodyApprovesTheirOwnPayment(t *testing.T) {
	t.Parallel()
	data, tokens := keysIn(t, map[string][]access.Right{
		"shop":  append(access.Payouts.Rights(), access.Approve, access.ManageKeys),
		"desk":  append(access.Operator.Rights(), access.CreatePayout),
		"lead":  access.Rights(),
		"chief": access.Operator.Rights(),
		"clerk": access.Payouts.Rights(),
		"stall": {access.ReadPayments, access.Approve},
	})
	w := buildApproving(t, plan{data: data})
	as := func(who, method, path, body string) answer {
		return w.ask(method, w.router+path, body, append(bearer(tokens[who]), "Idempotency-Key", w.key())...)
	}
	create := func(who string) api.Payment {
		a := as(who, "POST", "/v1/payments", payout)
		require.Equal(t, 201, a.status, string(a.body))
		return read[api.Payment](t, a)
	}
	decide := func(who string, p api.Payment, act string) answer {
		return as(who, "POST", "/v1/payments/"+p.ID+"/"+act, map[string]string{"reject": `{"reason":"no"}`}[act])
	}
	tokenOf := func(a answer) string {
		require.Equal(t, 201, a.status, string(a.body))
		return read[api.Key](t, a).Token
	}
	own, shops := create("desk"), create("shop")
	tokens["spare"] = tokenOf(as("shop", "POST", "/v1/keys", `{"name":"spare","rights":["payments:approve","keys"]}`))
	tokens["next"] = tokenOf(as("spare", "POST", "/v1/keys", `{"name":"next","rights":["payments:approve"]}`))
	shop := read[api.Key](t, as("shop", "GET", "/v1/key", ""))
	tokens["rotated"] = tokenOf(as("shop", "POST", "/v1/keys/"+shop.ID+"/rotate", `{"overlap_seconds":60}`))

	for _, act := range []string{"approve", "reject"} {
		require.Equal(t, "own-payment", problem(t, decide("desk", own, act)).Type)
		for _, who := range []string{"shop", "spare", "next", "rotated"} {
			require.Equal(t, "own-payment", problem(t, decide(who, shops, act)).Type, who)
		}
		require.Equal(t, "forbidden", problem(t, decide("clerk", shops, act)).Type)
		require.Equal(t, "not-found", problem(t, decide("stall", shops, act)).Type, "another merchant's")
		require.Equal(t, "unauthorized", problem(t, decide("stranger", shops, act)).Type)
	}
	// Who made or rotated a key saw its token, and could have asked with it.
	made := read[api.Key](t, as("shop", "POST", "/v1/keys", `{"name":"made","preset":"payouts"}`))
	tokens["made"] = made.Token
	tokens["turned"] = tokenOf(as("lead", "POST", "/v1/keys/"+made.ID+"/rotate", `{"overlap_seconds":60}`))
	for _, creator := range []string{"made", "turned"} {
		child := create(creator)
		for _, who := range []string{"shop", "rotated", "lead"} {
			require.Equal(t, "own-payment", problem(t, decide(who, child, "approve")).Type, "%s of %s", who, creator)
		}
	}
	require.Zero(t, w.sent("payplay"))
	require.Equal(t, 200, decide("chief", own, "approve").status)
	require.Equal(t, 200, decide("desk", shops, "approve").status)
	require.Equal(t, "wrong-status", problem(t, decide("chief", shops, "approve")).Type, "another has approved it")
	require.Equal(t, 2, w.sent("payplay"))
	acts := string(as("chief", "GET", "/v1/audit", "").body)
	require.Contains(t, acts, "payment.approve")
	require.Contains(t, acts, own.ID)

	a := as("desk", "POST", atPayGram+"Withdraw", withdraw)
	require.Equal(t, 201, a.status, string(a.body))
	runs := "/v1/operations/" + read[api.Run](t, a).ID
	require.Equal(t, "own-payment", problem(t, as("desk", "POST", runs+"/approve", "")).Type)
	require.Equal(t, "forbidden", problem(t, as("clerk", "POST", runs+"/approve", "")).Type)
	require.Equal(t, "run-not-found", problem(t, as("stall", "POST", runs+"/approve", "")).Type)
	require.Equal(t, 200, as("chief", "POST", runs+"/approve", "").status)
	require.Equal(t, 1, w.requests("paygram", "Withdraw"))
}

// Approvals, rejections and cancels at the same time: one of them takes effect, and at most one payout leaves.
func TestDecisionsAtTheSameTimeSendOnceAtMost(t *testing.T) {
	t.Parallel()
	w := buildApproving(t, plan{})
	for range 5 {
		before := w.sent("payplay")
		p := w.create(payoutByPayPlay)
		var all sync.WaitGroup
		for n := range 8 {
			act, body := [...]string{"approve", "reject", "approve", "cancel"}[n%4], ""
			if act == "reject" {
				body = `{"reason":"not our payee"}`
			}
			all.Go(func() {
				a, err := w.try(t.Context(), "POST", w.router+"/v1/payments/"+p.ID+"/"+act, body)
				if err != nil || !slices.Contains([]int{http.StatusOK, http.StatusConflict}, a.status) {
					t.Errorf("%s: %d %s %v", act, a.status, a.body, err)
				}
			})
		}
		all.Wait()
		p = w.get(p.ID)
		sent := w.sent("payplay") - before
		if p.Approval.Status == "approved" {
			require.Equal(t, 1, sent)
		} else {
			require.Contains(t, []string{"failed", "canceled"}, p.Status)
			require.Zero(t, sent)
		}
	}
}

// The rules of the approval's moment decide: a payment for which there is no provider then goes on waiting.
func TestRoutesAreDecidedAtTheApproval(t *testing.T) {
	t.Parallel()
	file, text := ownRouting(t)
	require.NoError(t, os.WriteFile(file, []byte(text+approvals), 0o600))
	w := build(t, plan{command: serveCommand{Routing: file, Watch: true}})
	p := w.create(payout)
	require.Equal(t, "payout", p.Decision.Rule)
	edit := func(to string) {
		edited := strings.Replace(text, "currency: [USDT, USDC, BTC, ETH]}\n    to: [payplay]", to, 1)
		require.NotEqual(t, text, edited)
		version := w.version()
		require.NoError(t, os.WriteFile(file, []byte(edited+approvals), 0o600))
		require.Eventually(t, func() bool { return w.version() != version }, time.Minute, 10*time.Millisecond)
	}

	edit("currency: [USDC, BTC, ETH]}\n    to: [payplay]\n" +
		"  - name: moved\n    when: {kind: payout, currency: USDT}\n    to: [paygram-eu]")
	sent := w.act(p, "approve", "")

	require.Equal(t, "moved", sent.Decision.Rule)
	require.Equal(t, "paygram-eu", sent.Provider)
	require.Zero(t, w.sent("payplay"))
	require.Equal(t, 1, w.sent("paygram"))
}

// version is that of the configuration in effect.
func (w *harness) version() string {
	w.t.Helper()
	a := w.ask("GET", w.router+"/v1/config", "")
	require.Equal(w.t, 200, a.status, string(a.body))
	return read[api.ConfigStatus](w.t, a).Active.Version
}

// coinApprovals hold the shop's payouts in BTC, withdrawals at an account, and confirms with an input.
const coinApprovals = `
approval:
  - {name: coins, merchant: shop, kind: payout, currency: BTC}
  - {name: by-hand, provider: paygram-asia, operation: Withdraw}
  - {name: large-confirms, kind: confirm, currency: USDT, over: "400"}
`

func (w *harness) reachApprovals(call func(operation, method, path, body string, headers ...string) answer,
	create func(key, body string, headers ...string) api.Payment, clerk, chief string,
) {
	w.t.Helper()
	coins := strings.NewReplacer("USDT", "BTC", `"100"`, `"0.01"`).Replace(payout)
	for n, what := range []string{"payment", "run"} {
		path, ids := "/v1/payments/", []string{}
		for _, key := range []string{"held-1", "held-2"} {
			if what == "payment" {
				ids = append(ids, create(key, coins).ID)
				continue
			}
			path = "/v1/operations/"
			a := call("perform-operation", "POST", "/v1/providers/paygram-asia/operations/Withdraw", withdraw,
				append(bearer(clerk), "Idempotency-Key", key)...)
			ids = append(ids, read[api.Run](w.t, a).ID)
		}
		by := bearer([]string{clerk, chief}[n])
		decide := func(act, id, body string) { call(act+"-"+what, "POST", path+id+"/"+act, body, by...) }
		reason := `{"reason":"not our payee"}`
		decide("approve", ids[0], "")
		decide("approve", ids[0]+"x", "")
		if what == "payment" {
			decide("approve", ids[0], `{`)
			decide("approve", ids[0], `{"confirmed":""}`)
			invoice := create("held-invoice", byPayGram)
			call("confirm-payment", "POST", path+invoice.ID+"/confirm", payInvoice, bearer(clerk)...)
			decide("approve", invoice.ID, "")
		}
		decide("reject", ids[0], reason)
		decide("reject", ids[0]+"x", reason)
		decide("reject", ids[1], `{`)
		decide("reject", ids[1], `{}`)
		decide("reject", ids[1], reason)
		decide("approve", ids[1], "")
	}
}
