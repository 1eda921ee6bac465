package main

import (
	"slices"
	"strings"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

// act is a way to move an order by the API.
type act struct {
	// The member of api_actions that states how it is done here, and the code of an order where it is not done by the
	// API.
	member, refused string
	// Statuses of an order that it still makes sense for.
	from []abi.Status
}

var acts = map[string]act{ //nolint:gochecknoglobals // a table
	opCancelBid: {
		"cancel", codeNoCancel,
		[]abi.Status{abi.Status_STATUS_REQUIRES_ACTION, abi.Status_STATUS_PROCESSING, abi.Status_STATUS_UNKNOWN},
	},
	opPayBid: {"pay", codeNoPay, []abi.Status{abi.Status_STATUS_REQUIRES_ACTION}},
}

// prepareAct starts with a look at the order: the methods work only where its api_actions list them, and answer of an
// order that is past them as if it did not exist.
func prepareAct(call *abi.Call, account settings) (*abi.Step, error) {
	id := call.GetProviderReference()
	if id == "" {
		return guest.Reject("invalid_request", "", "the order's id is not known"), nil
	}
	return post(call, account, opBidInfo, new(guest.Form).Set("id", id), stageCheck, id), nil
}

// readCheck moves the order if it can be moved, and is done if it need not be.
func readCheck(t reply) (*abi.Step, error) {
	if t.answer.failed() {
		return refusal(t.answer), nil
	}
	outcome, _, why, err := described(t, t.answer.data)
	switch {
	case err != nil:
		return nil, err
	case t.answer.data.Text("id") != t.note:
		return guest.Unreadable("the answer is about another order"), nil
	case why != "":
		return guest.Unreadable(why), nil
	}
	wanted := acts[t.call.GetOperation()]
	if !slices.Contains(wanted.from, outcome.GetStatus()) {
		return bidOf(t, t.answer.data)
	}
	if how := t.answer.data.Text("api_actions", wanted.member); how != "api" {
		return guest.Rejected(wanted.refused, "api_actions."+wanted.member+" is "+clip(plain(how), 40)), nil
	}
	form := new(guest.Form).Set("id", t.note).Set("hash", t.answer.data.Text("hash"))
	return post(t.call, t.account, t.call.GetOperation(), form, stageAct, t.note), nil
}

// readAct looks at the order again: the method answers a bare word, "success" on some sites and the status on others.
// "no bid exists" is also said of an order that has moved on since it was looked at.
func readAct(t reply) (*abi.Step, error) {
	if t.answer.failed() && strings.EqualFold(t.answer.text, textNoBid) {
		return post(t.call, t.account, opBidInfo, new(guest.Form).Set("id", t.note), stageActed, t.note), nil
	}
	if t.answer.failed() {
		return refusal(t.answer), nil
	}
	return askInfo(t.call, t.account, t.note), nil
}

// readActed reads an order that a method has called not there. One that it could still move is an order that it did not
// move: its direction is off, and nothing more can be said.
func readActed(t reply) (*abi.Step, error) {
	if t.answer.failed() {
		return refusal(t.answer), nil
	}
	step, err := ofID(t)
	if err == nil && slices.Contains(acts[t.call.GetOperation()].from, step.GetDone().GetStatus()) {
		return guest.Rejected(textNoBid, "the site says so of an order that is "+clip(t.answer.data.Text("status"), 40)), nil
	}
	return step, err
}
