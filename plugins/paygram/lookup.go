package main

import (
	"strings"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

// mostInvoices is how many invoices under one reference of ours are looked at. There is one as a rule, and another for
// each create whose answer was lost.
const mostInvoices = 6

// The first byte of a look-up's state: nothing where the invoice's code was known.
const (
	listing = 'l' // GetInvoices was asked
	walking = 'w' // InvoiceInfo was asked, of the first of the codes that follow
)

// prepareInfo asks for the invoice by its code; where that is not known, for the invoices with our reference first.
func prepareInfo(t *task) *abi.Step {
	switch {
	case invoiceCode(t) != "":
		return askInfo(t, invoiceCode(t)).Send(nil)
	case t.native():
		return missing("invoiceCode")
	case t.GetCreateReference() == "":
		return guest.Reject("invalid_request", "", "neither PayGram's reference nor ours is known")
	}
	return askList(t, t.GetCreateReference()).SendAs(getInvoices, []byte{listing})
}

func askInfo(t *task, code string) *guest.Request {
	return post(infoPath, t.body().String("invoiceCode", code))
}

func askList(t *task, reference string) *guest.Request {
	return post(listPath, t.body().String("callbackData", reference))
}

func interpretInfo(t *task, state []byte, a answer) *abi.Step {
	if len(state) == 0 {
		return finish(t, a, t.GetCreateReference(), false)
	}
	if state[0] == listing {
		return found(t, a)
	}
	return walked(t, string(state[1:]), a)
}

// found starts the walk over the invoices that carry our reference.
func found(t *task, a answer) *abi.Step {
	codes, why := readCodes(a)
	switch {
	case why != "":
		return guest.Unreadable("the invoices: " + why)
	case len(codes) == 0 && t.GetPayment().GetKind() != abi.Kind_KIND_COLLECT:
		return unproven() // no document states how soon a transfer is listed, and that a withdrawal is
	case len(codes) == 0:
		return guest.Rejected(noInvoice, "PayGram has no invoice with our callbackData")
	case len(codes) > mostInvoices:
		return guest.Unreadable("the invoices: too many carry our callbackData")
	}
	return walk(t, codes, nil)
}

func readCodes(a answer) (codes []string, why string) {
	if !a.Get("invoices").IsArray() {
		return nil, "the list is missing"
	}
	for _, item := range a.Items("invoices") {
		code := item.Text("guid")
		if !isCode(code) {
			return nil, "guid is missing"
		}
		codes = append(codes, code)
	}
	return codes, ""
}

// walk asks for the first of the codes. best is the outcome that counts so far.
func walk(t *task, codes []string, best *abi.Outcome) *abi.Step {
	state := append([]byte{walking}, strings.Join(codes, ",")+"\n"...)
	if best != nil {
		encoded, _ := best.MarshalVT() // only a string that is not UTF-8 fails, and none was let in
		state = append(state, encoded...)
	}
	return askInfo(t, codes[0]).Send(state)
}

func walked(t *task, state string, a answer) *abi.Step {
	list, encoded, _ := strings.Cut(state, "\n")
	codes := strings.Split(list, ",")
	best := new(abi.Outcome)
	if err := best.UnmarshalVTUnsafe([]byte(encoded)); err != nil {
		return guest.Unreadable("the look-up's own state is broken")
	}
	i, why := readInvoice(a.Value, t.asked())
	if why == "" && !strings.EqualFold(i.code, codes[0]) {
		why = "it is about another invoice"
	}
	var outcome *abi.Outcome
	if why == "" {
		outcome, why = i.outcome(t, t.GetCreateReference())
	}
	if why != "" {
		return guest.Unreadable("the invoice: " + why)
	}
	if outcome.GetStatus() == abi.Status_STATUS_REQUIRES_ACTION {
		outcome.NextAction = i.action(outcome.GetAmount())
	}
	best = better(best, outcome)
	if len(codes) > 1 {
		return walk(t, codes[1:], best)
	}
	return guest.Done(best)
}

// better is the outcome that counts for the payment: the invoice that was paid, else one that can still be.
func better(best, next *abi.Outcome) *abi.Outcome {
	if moved(best) && moved(next) {
		best.Alert = "two invoices of this payment are paid: " + best.GetProviderReference() + " and " +
			next.GetProviderReference()
		return best
	}
	if rank(next) > rank(best) {
		return next
	}
	return best
}

// moved reports whether money came in, or, of a payout, arrived.
func moved(outcome *abi.Outcome) bool {
	return outcome.GetReceived() != nil || outcome.GetStatus() == abi.Status_STATUS_SUCCEEDED
}

func rank(outcome *abi.Outcome) int {
	switch {
	case moved(outcome):
		return 4
	case outcome.GetStatus() == abi.Status_STATUS_UNKNOWN:
		return 3
	case outcome.GetStatus() == abi.Status_STATUS_REQUIRES_ACTION, outcome.GetStatus() == abi.Status_STATUS_PROCESSING:
		return 2
	case outcome.GetVerdict() == abi.Verdict_VERDICT_ACCEPTED:
		return 1
	}
	return 0
}

// prepareList lists invoices by callbackData, for whoever wants the list itself.
func prepareList(t *task) *abi.Step {
	reference := t.input.Text("callbackData")
	if !t.native() {
		reference = t.GetCreateReference()
	}
	if reference == "" {
		return missing("callbackData")
	}
	return askList(t, reference).Send(nil)
}

func interpretList(a answer) *abi.Step {
	if _, why := readCodes(a); why != "" {
		return guest.Unreadable("the invoices: " + why)
	}
	outcome := guest.Accepted(abi.Status_STATUS_UNSPECIFIED, "")
	outcome.Output = a.JSON() // it has no amounts
	return guest.Done(outcome)
}
