package payment

import (
	"encoding/json"
	"reflect"
	"time"

	"payrouter/host/approval"
	"payrouter/host/attempt"
)

// Entry is one line of a payment's timeline: something that a merchant is to learn of, which the API calls an event. It
// is written with the change that it describes, or not at all.
type Entry struct {
	// Sequence is the journal's: it rises by the order in which entries became durable, over all payments. 0 until it
	// is written.
	Sequence int64 `json:"-"`
	// ID is "evt_" and a ULID.
	ID        string    `json:"id"`
	PaymentID string    `json:"payment_id"`
	Merchant  string    `json:"merchant"`
	Type      EntryType `json:"type"`
	At        time.Time `json:"at"`
	ChangeCause
	// AttemptID is the attempt whose answer, or whose sending, brought the change; empty where none did.
	AttemptID attempt.ID `json:"attempt_id,omitempty"`
	// Snapshot is the payment after the change, as the API shows it.
	Snapshot json.RawMessage `json:"-"`
}

// EntryType is what happened.
type EntryType string

// The types: one for each status that a payment comes to, and some beside them.
const (
	PaymentAwaitingApproval EntryType = "payment.awaiting_approval"
	PaymentCreated          EntryType = "payment.created"
	PaymentProcessing       EntryType = "payment.processing"
	PaymentRequiresAction   EntryType = "payment.requires_action"
	PaymentSucceeded        EntryType = "payment.succeeded"
	PaymentFailed           EntryType = "payment.failed"
	paymentCanceled         EntryType = "payment.canceled"
	paymentExpired          EntryType = "payment.expired"
	PaymentUnknown          EntryType = "payment.unknown"
	// paymentApproved, paymentRejected: a person has decided on what awaited approval.
	paymentApproved EntryType = "payment.approved"
	paymentRejected EntryType = "payment.rejected"
	// paymentApprovalRequested: a confirm awaits approval. The payment's status stays.
	paymentApprovalRequested EntryType = "payment.approval_requested"
	// PaymentUpdated: something that the merchant sees changed, and the status did not.
	PaymentUpdated EntryType = "payment.updated"
	// PaymentMoneyConflict: a report contradicts what money has done. A person must look.
	PaymentMoneyConflict EntryType = "payment.money_conflict"
	// PaymentAbandonedFound: a provider named what an earlier try had left behind.
	PaymentAbandonedFound EntryType = "payment.abandoned_found"
)

// EntryTypes are all of them.
func EntryTypes() []EntryType {
	return []EntryType{
		PaymentAwaitingApproval, paymentApprovalRequested, paymentApproved, paymentRejected,
		PaymentCreated, PaymentProcessing, PaymentRequiresAction, PaymentSucceeded, PaymentFailed, paymentCanceled,
		paymentExpired, PaymentUnknown,
		PaymentUpdated, PaymentMoneyConflict, PaymentAbandonedFound,
	}
}

// Cause is by whose word a payment changed.
type Cause string

// The causes.
const (
	// ByRequest: the merchant's own.
	ByRequest Cause = "request"
	// ByAnswer: the provider's answer to such a request.
	ByAnswer Cause = "answer"
	// ByCallback: the provider's, by itself.
	ByCallback Cause = "callback"
	// ByPoll: the provider's answer to a look-up that the router made by itself.
	ByPoll Cause = "poll"
	// ByRecovery: what the journal shows after a crash.
	ByRecovery Cause = "recovery"
	// ByOperator: a person's, with a reason.
	ByOperator Cause = "operator"
)

// ChangeCause is where a change came from.
type ChangeCause struct {
	Cause Cause `json:"cause"`
	// CallbackID is set where the cause is a callback.
	CallbackID string `json:"callback_id,omitempty"`
	// Operator and Reason are set where a person decided.
	Operator string `json:"operator,omitempty"`
	Reason   string `json:"reason,omitempty"`
}

// entryTypes are what a merchant is to learn of a change, in the order of telling. before is the zero Payment of a new
// one.
func entryTypes(before, after Payment) []EntryType {
	var types []EntryType
	if after.Confirmation.Awaits() && !before.Confirmation.Awaits() {
		types = append(types, paymentApprovalRequested)
	}
	switch decidedOn(before, after) {
	case approval.Approved:
		types = append(types, paymentApproved)
	case approval.Rejected:
		types = append(types, paymentRejected)
	}
	if len(types) > 0 {
		before.Confirmation = after.Confirmation // which has its entry
	}
	switch {
	case before.Status != after.Status:
		types = append(types, EntryType("payment."+after.Status))
	case !sameToMerchant(before, after):
		types = append(types, PaymentUpdated)
	}
	if after.AbandonedFound && !before.AbandonedFound {
		types = append(types, PaymentAbandonedFound)
	}
	if after.MoneyConflict && !before.MoneyConflict {
		types = append(types, PaymentMoneyConflict)
	}
	return types
}

// decidedOn is the verdict that a change brings, on the payment or on a confirm of it; empty where it brings none.
func decidedOn(before, after Payment) approval.Verdict {
	for _, verdict := range []approval.Verdict{approval.Approved, approval.Rejected} {
		if after.Approval.Is(verdict) && !before.Approval.Is(verdict) ||
			after.Confirmation.is(verdict) && !before.Confirmation.is(verdict) {
			return verdict
		}
	}
	return ""
}

// sameToMerchant reports whether nothing changed that a merchant would act on: the router's own records of its work do
// not count.
func sameToMerchant(before, after Payment) bool {
	for _, p := range []*Payment{&before, &after} {
		p.Attempts, p.Version, p.UpdatedAt, p.Plugin = 0, 0, time.Time{}, ""
		p.StatusAt, p.StatusClock, p.NextCheck, p.Checks = time.Time{}, 0, time.Time{}, 0
		p.Offered, p.Acted = false, false
		// Each has an entry of its own, and both set the alert.
		if before.AbandonedFound != after.AbandonedFound || before.MoneyConflict != after.MoneyConflict {
			p.Alert, p.AlertCode = "", ""
		}
	}
	before.AbandonedFound, before.MoneyConflict = after.AbandonedFound, after.MoneyConflict
	return reflect.DeepEqual(before, after)
}

// causeOf is the cause of a change within a session: what a merchant's request set off is the provider's answer, once
// there is one.
func causeOf(of Cause, attempts []attempt.Attempt) Cause {
	if of != ByRequest {
		return of
	}
	for _, a := range attempts {
		if !a.Open() && a.Sent {
			return ByAnswer
		}
	}
	return of
}

// attemptOf is the attempt that a change is about: the last that is closed by it, or else the last that is opened.
func attemptOf(attempts []attempt.Attempt) (id attempt.ID) {
	for _, a := range attempts {
		if !a.Open() {
			id = a.ID
		}
	}
	if id == "" && len(attempts) > 0 {
		id = attempts[len(attempts)-1].ID
	}
	return id
}

// bareSnapshot is how a payment is kept where no Snapshot is set: without what is the payer's.
func bareSnapshot(p Payment) json.RawMessage {
	p.Payer, p.Destination, p.Options = Payer{}, Destination{}, nil
	if p.Confirmation != nil {
		shown := *p.Confirmation
		shown.Input = nil
		p.Confirmation = &shown
	}
	text, _ := json.Marshal(p) //nolint:errchkjson // strings, numbers and times
	return text
}
