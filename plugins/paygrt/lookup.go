package main

import (
	"time"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// india is where txn_date is probably reckoned: the document does not state it.
var india = time.FixedZone("IST", 5*3600+1800) //nolint:gochecknoglobals // a constant that Go cannot declare

// How near to midnight in India the day is in doubt. Before it, for clocks that differ and requests that wait; after
// it, so that a server that reckons in UTC, five and a half hours behind, is asked for its day too.
const (
	doubtBefore = 15 * time.Minute
	doubtAfter  = 6 * time.Hour
)

// query is a recharge to ask for, and the days that it may have been submitted on, likeliest first.
type query struct {
	reference string
	days      []string
}

func queryOf(call *abi.Call) (query, *abi.Step) {
	if call.GetPayment() == nil && len(call.GetInput()) > 0 {
		input, err := jsontext.Parse(call.GetInput())
		if err != nil || input.Text("api_ref_id") == "" || input.Text("txn_date") == "" {
			return query{}, guest.Reject("invalid_request", "", "the input needs api_ref_id and txn_date")
		}
		return query{reference: input.Text("api_ref_id"), days: []string{input.Text("txn_date")}}, nil
	}
	if call.GetCreateReference() == "" || call.GetSentMs() <= 0 {
		return query{},
			guest.Reject("invalid_request", "", "a status check needs the recharge's reference and when it was sent")
	}
	return query{reference: call.GetCreateReference(), days: daysOf(call.GetSentMs())}, nil
}

// daysOf gives the days in India, as yyyy-mm-dd, on which something sent at a time may have arrived.
func daysOf(sentMs int64) []string {
	sent := time.UnixMilli(sentMs).In(india)
	days := []string{sent.Format(time.DateOnly)}
	for _, other := range []time.Time{sent.Add(doubtBefore), sent.Add(-doubtAfter)} {
		if day := other.Format(time.DateOnly); day != days[0] {
			days = append(days, day)
		}
	}
	return days
}

func prepareStatus(call *abi.Call, account settings) (*abi.Step, error) {
	wanted, rejected := queryOf(call)
	if rejected != nil {
		return rejected, nil
	}
	return wanted.ask(account, wanted.days[0]), nil
}

// ask sends the check for one day; the day is the step's state.
func (q query) ask(account settings, day string) *abi.Step {
	form := new(guest.Form).Set("api_ref_id", q.reference).Set("txn_date", day)
	return post(account, "/v1/recharges/status/", form).Send([]byte(day))
}

// interpretStatus reads a status check. A failed check proves nothing about the recharge, "not found" included: the day
// may be wrong, or the recharge late. It is a healthy answer all the same: were it unreadable, asking about recharges
// that never arrived would open the provider's breaker for everyone.
func interpretStatus(call *abi.Call, account settings, state []byte, answer reply) *abi.Step {
	wanted, rejected := queryOf(call)
	if rejected != nil {
		return rejected
	}
	if answer.refusedKey() {
		return guest.Rejected(codeKey, answer.message)
	}
	if answer.status == envelopeFailed || answer.empty() {
		if len(wanted.days) > 1 && string(state) == wanted.days[0] {
			return wanted.ask(account, wanted.days[1])
		}
	}
	if answer.status == envelopeFailed {
		return guest.Rejected(codeNoWord,
			"the status check failed, which says nothing of the recharge: "+answer.message)
	}
	word, why := answer.wordOf()
	transactionID := answer.data.Text("txn_id")
	switch {
	case !answer.data.IsObject():
		return guest.Unreadable("the data: no object; the message: " + answer.message)
	case why != "":
		return guest.Unreadable(why)
	case word == "":
		return guest.Unreadable("the recharge_status: none")
	case answer.data.Text("api_ref_id") != wanted.reference:
		return guest.Unreadable("the answer is about another api_ref_id")
	case transactionID == "" && word != wordFail:
		return guest.Unreadable("the txn_id: none, and yet the recharge says " + word)
	case call.GetProviderReference() != "" && transactionID != "" && transactionID != call.GetProviderReference():
		return guest.Unreadable("the answer is about another txn_id")
	}
	outcome := transaction(answer, word)
	if outcome.GetProviderReference() == "" {
		outcome.ProviderReference = call.GetProviderReference()
	}
	return done(call, outcome, answer)
}
