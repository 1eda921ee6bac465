package payment

// AlertCode is why a person should look at a payment. The router decides by it; the text beside it is for people.
type AlertCode string

// The codes.
const (
	// codeOverdue: the payment has been unknown for long. It ends with the status.
	codeOverdue AlertCode = "overdue"
	// codeUnconfigured: the payment's provider is not in the routing file any more. It ends when the provider is back.
	codeUnconfigured AlertCode = "unconfigured"
	// codeReport: a provider's answer or report shows something that a person has to settle.
	codeReport AlertCode = "report"
	// codeContradiction: an answer or a signed report contradicts the payment, and was not believed.
	codeContradiction AlertCode = "contradiction"
	// codeClaimed: the provider's object belongs to another payment or run too.
	codeClaimed AlertCode = "claimed"
	// codeOrphan: a provider reports on what an earlier try had left behind.
	codeOrphan AlertCode = "orphan"
	// codeBehind: the journal may be older than what was sent.
	codeBehind AlertCode = "behind"
	// codeRetrieved: money was taken in after the payment had ended; codeInDoubt: that was asked for, and is not known.
	codeRetrieved AlertCode = "retrieved"
	codeInDoubt   AlertCode = "retrieve_in_doubt"
	// codeUnanswered: a callback could not be confirmed.
	codeUnanswered AlertCode = "callback_unanswered"
	// codeWrittenTwice: the transport wrote a request more than once.
	codeWrittenTwice AlertCode = "written_twice"
)

// alerted is the payment with an alert.
func (p Payment) alerted(code AlertCode, text string) Payment {
	p.AlertCode, p.Alert = code, text
	return p
}
