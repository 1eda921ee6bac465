package main

import (
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/access"
	"payrouter/host/api"
)

// payInvoice has the account pay an invoice from a customer's balance; its spaces are the caller's.
const payInvoice = `{"operation":"PayInvoice","input":{ "user_cli_id" : "customer-7" }}`

// hold posts a confirm, which has to await approval.
func (w *harness) hold(p api.Payment, body string) api.Payment {
	w.t.Helper()
	a := w.ask("POST", w.router+"/v1/payments/"+p.ID+"/confirm", body)
	require.Equal(w.t, 202, a.status, string(a.body))
	held := read[api.Payment](w.t, a)
	require.Equal(w.t, "awaiting", held.Approval.Status)
	return held
}

// paidInvoices are how often PayGram was asked to pay one.
func (w *harness) paidInvoices() int { return w.requests("paygram", "PayInvoice") }

func TestAConfirmThatMayPayOutIsSentOnceItIsApproved(t *testing.T) {
	t.Parallel()
	w := buildApproving(t, plan{})
	invoice := w.create(byPayGram)
	made := len(w.events(invoice.ID))

	p := w.hold(invoice, payInvoice)

	require.Equal(t, "requires_action", p.Status, "the payment goes on meanwhile")
	require.Equal(t, invoice.NextAction, p.NextAction)
	require.Equal(t, "confirm", p.Approval.Act)
	require.Equal(t, "PayInvoice", p.Approval.Operation)
	require.JSONEq(t, `{"user_cli_id":"customer-7"}`, string(p.Approval.Input))
	require.Equal(t, "large-payouts", p.Approval.RequiredBy, "with an input it may be over any bound")
	require.WithinDuration(t, p.Approval.AskedAt.Add(72*time.Hour), p.Approval.ExpiresAt, 0)
	require.Equal(t, "default", p.Approval.AskedBy)
	require.Nil(t, p.Approval.Destination)
	require.Equal(t, "euro-confirms", w.confirmedBy(byPayPlay), "without an input it is of the payment's amount")
	another := w.refused(p, "confirm", `{"operation":"PayInvoice","input":{"user_cli_id":"customer-8"}}`)
	require.Equal(t, 409, another.Status)
	require.Equal(t, "wrong-status", another.Type)
	require.Contains(t, another.Detail, "awaits approval")
	edit := w.ask("PATCH", w.router+"/v1/payments/"+p.ID, `{"metadata":{"tier":"gold"}}`)
	require.Equal(t, "wrong-status", problem(t, edit).Type, "an approver approves what there is to read")
	require.Equal(t, "requires_action", w.act(p, "refresh", "").Status)
	require.Zero(t, w.paidInvoices())
	listed := w.ask("GET", w.router+"/v1/payments?status=awaiting_approval", "")
	require.NotContains(t, string(listed.body), p.ID, "it has another status")
	require.Equal(t, "wrong-status", w.refused(p, "approve", `{"confirm":"cfm_another"}`).Type)
	require.Equal(t, 422, w.refused(p, "approve", `{"confirmed":"x"}`).Status)

	sent := w.act(p, "approve", `{"confirm":"`+p.Approval.Confirm+`"}`)

	require.Equal(t, "succeeded", sent.Status)
	require.Equal(t, "approved", sent.Approval.Status)
	require.Equal(t, "confirm", sent.Approval.Act)
	require.Empty(t, sent.Approval.Input, "the attempt has it")
	require.Equal(t, 1, w.paidInvoices())
	require.Equal(t, sent, w.act(p, "approve", ""), "a repetition sends nothing")
	require.Equal(t, 1, w.paidInvoices())
	require.Equal(t, "wrong-status", w.refused(p, "reject", `{"reason":"too late"}`).Type)
	require.Equal(t, []string{"approval_requested", "approved", "succeeded"}, w.events(p.ID)[made:])
	timeline := w.timelineOf(p.ID)[made:]
	require.Equal(t, "request", timeline[0].Cause)
	require.Equal(t, "operator", timeline[1].Cause)
	require.Equal(t, "default", timeline[1].Operator)
	require.Equal(t, "answer", timeline[2].Cause)
}

// confirmedBy is the entry that a confirm without a body matches, of a payment that its payer has paid.
func (w *harness) confirmedBy(order string) string {
	w.t.Helper()
	p := w.create(order)
	w.drive("payplay", p.ProviderReference, "underpay")
	return w.hold(p, "").Approval.RequiredBy
}

func TestAConfirmThatCannotBeSentDoesNotAwaitApproval(t *testing.T) {
	t.Parallel()
	w := buildApproving(t, plan{})
	invoice := w.create(byPayGram)
	for what, row := range map[string]struct {
		body, problem string
		status        int
	}{
		"too early":                {`{"operation":"RedeemInvoice"}`, "provider-declined", 422},
		"an operation of nobody's": {`{"operation":"Mint"}`, "not-supported", 409},
		"an input that is short":   {`{"operation":"PayInvoice"}`, "provider-declined", 422},
	} {
		refused := w.refused(invoice, "confirm", row.body)
		require.Equal(t, row.problem, refused.Type, what)
		require.Equal(t, row.status, refused.Status, what)
	}
	require.Nil(t, w.get(invoice.ID).Approval)
	require.Zero(t, w.paidInvoices())
}

func TestAConfirmThatIsRejectedExpiredOrOvertakenIsNeverSent(t *testing.T) {
	t.Parallel()
	w := buildApproving(t, plan{})

	rejected := w.hold(w.create(byPayGram), payInvoice)
	require.Equal(t, 422, w.refused(rejected, "reject", `{}`).Status)
	rejected = w.act(rejected, "reject", `{"reason":"not our customer","confirm":"`+rejected.Approval.Confirm+`"}`)
	require.Equal(t, "requires_action", rejected.Status, "the payer can still pay")
	require.Equal(t, "rejected", rejected.Approval.Status)
	require.Equal(t, "not our customer", rejected.Approval.Reason)
	require.Nil(t, rejected.Failure)
	require.Equal(t, rejected, w.act(rejected, "reject", `{"reason":"not our customer"}`), "a repetition changes nothing")
	require.Equal(t, []string{"approval_requested", "rejected"}, w.events(rejected.ID)[len(w.events(rejected.ID))-2:])

	paid := w.hold(w.create(byPayGram), payInvoice)
	w.drive("paygram", paid.ProviderReference, "pay")
	overtaken := w.refused(paid, "approve", "")
	require.Equal(t, 409, overtaken.Status, "the look-up before it finds the payment paid")
	paid = w.get(paid.ID)

	resolved := w.hold(w.create(byPayGram), payInvoice)
	resolved = w.act(resolved, "resolve", `{"status":"failed","reason":"the shop gave up"}`)

	for _, p := range []api.Payment{paid, resolved} {
		require.Contains(t, []string{"succeeded", "processing", "failed"}, p.Status)
		require.Equal(t, "lapsed", p.Approval.Status, p.Status)
	}
	for _, p := range []api.Payment{rejected, paid, resolved} {
		require.Equal(t, "wrong-status", w.refused(p, "approve", "").Type, p.Status)
	}
	require.Zero(t, w.paidInvoices())

	again := w.hold(rejected, payInvoice)
	require.NotEqual(t, rejected.Approval.Confirm, again.Approval.Confirm)
	require.Equal(t, "wrong-status", w.refused(again, "approve", `{"confirm":"`+rejected.Approval.Confirm+`"}`).Type,
		"an approver who has read another confirm approves nothing")
	require.Equal(t, "succeeded", w.act(again, "approve", "").Status)
	require.Equal(t, 1, w.paidInvoices())
}

func TestARestartSendsNoConfirmThatAwaitsApproval(t *testing.T) {
	t.Parallel()
	w := buildApproving(t, plan{})
	p := w.hold(w.create(byPayGram), payInvoice)
	w.stop()
	require.NoError(t, w.end())

	again := buildApproving(t, plan{beside: w})

	require.Equal(t, p.Approval, again.get(p.ID).Approval)
	require.Zero(t, again.paidInvoices())
	require.Equal(t, "succeeded", again.act(p, "approve", "").Status)
	require.Equal(t, 1, again.paidInvoices())
}

func TestNobodyApprovesTheirOwnConfirm(t *testing.T) {
	t.Parallel()
	operator := append(access.Operator.Rights(), access.ActConfirm, access.AllMerchants, access.ManageKeys)
	data, tokens := keysIn(t, map[string][]access.Right{
		"shop": append(access.Shop.Rights(), access.Pin), "desk": operator, "chief": operator,
		"clerk": access.Support.Rights(),
	})
	w := buildApproving(t, plan{data: data})
	as := func(who, method, path, body string) answer {
		return w.ask(method, w.router+path, body, append(bearer(tokens[who]), "Idempotency-Key", w.key())...)
	}
	made := as("shop", "POST", "/v1/payments", byPayGram)
	require.Equal(t, 201, made.status, string(made.body))
	p := read[api.Payment](t, made)
	path := "/v1/payments/" + p.ID
	spare := as("desk", "POST", "/v1/keys", `{"name":"spare","rights":["payments:approve","all-merchants"]}`)
	require.Equal(t, 201, spare.status, string(spare.body))
	tokens["spare"] = read[api.Key](t, spare).Token

	held := as("desk", "POST", path+"/confirm", payInvoice)

	require.Equal(t, 202, held.status, string(held.body))
	require.Equal(t, "desk", read[api.Payment](t, held).Approval.AskedBy)
	for _, act := range []string{"/approve", "/reject"} {
		body := map[string]string{"/reject": `{"reason":"no"}`}[act]
		for _, who := range []string{"desk", "spare"} {
			require.Equal(t, "own-payment", problem(t, as(who, "POST", path+act, body)).Type, who)
		}
		require.Equal(t, "forbidden", problem(t, as("clerk", "POST", path+act, body)).Type)
	}
	require.Zero(t, w.paidInvoices())
	require.Equal(t, 200, as("chief", "POST", path+"/approve", "").status)
	require.Equal(t, 1, w.paidInvoices())
	acts := string(as("chief", "GET", "/v1/audit?act=payment.approve", "").body)
	require.Contains(t, acts, `"before":{"status":"requires_action","confirm":"awaiting","operation":"PayInvoice"}`)
	require.Contains(t, acts, `"after":{"status":"succeeded","confirm":"approved","operation":"PayInvoice"}`)
}

// Approvals, rejections, cancels and confirms at the same time: one of them takes effect, and at most one is paid.
func TestDecisionsOnAConfirmAtTheSameTimeSendOnceAtMost(t *testing.T) {
	t.Parallel()
	w := buildApproving(t, plan{})
	for range 5 {
		before := w.paidInvoices()
		p := w.hold(w.create(byPayGram), payInvoice)
		var all sync.WaitGroup
		for n := range 8 {
			act, body := [...]string{"approve", "reject", "approve", "confirm"}[n%4], ""
			switch act {
			case "reject":
				body = `{"reason":"not our customer"}`
			case "confirm":
				body = payInvoice
			}
			all.Go(func() {
				a, err := w.try(t.Context(), "POST", w.router+"/v1/payments/"+p.ID+"/"+act, body)
				if err != nil || !slices.Contains([]int{http.StatusOK, http.StatusAccepted, http.StatusConflict}, a.status) {
					t.Errorf("%s: %d %s %v", act, a.status, a.body, err)
				}
			})
		}
		all.Wait()
		p = w.get(p.ID)
		approved := 0
		for _, event := range w.events(p.ID) {
			if event == "approved" {
				approved++
			}
		}
		require.Equal(t, approved, w.paidInvoices()-before, "what is approved is sent, once")
		require.LessOrEqual(t, approved, 1)
		require.Equal(t, approved == 1, p.Status == "succeeded")
	}
}
