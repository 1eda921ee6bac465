package payment

// AlertCode is why a person should look at a payment. The router decides by it; the text beside it is for people.
type AlertCode string

// The codes.
const (
	// AlertOverdue: the payment has been unknown for long. It ends with the status.
	AlertOverdue AlertCode = "overdue"
	// AlertUnconfigured: the payment's provider is not in the routing file any more. It ends when the provider is back.
	AlertUnconfigured AlertCode = "unconfigured"
	// AlertReport: a provider's answer or report shows something that a person has to settle.
	AlertReport AlertCode = "report"
	// AlertContradiction: an answer or a signed report contradicts the payment, and was not believed.
	AlertContradiction AlertCode = "contradiction"
	// AlertClaimed: the provider's object belongs to another payment or run too.
	AlertClaimed AlertCode = "claimed"
	// AlertOrphan: a provider reports on what an earlier try had left behind.
	AlertOrphan AlertCode = "orphan"
	// AlertBehind: the journal may be older than what was sent.
	AlertBehind AlertCode = "behind"
	// AlertRetrieved: money was taken in after the payment had ended; AlertInDoubt: that was asked for, and is not known.
	AlertRetrieved AlertCode = "retrieved"
	AlertInDoubt   AlertCode = "retrieve_in_doubt"
	// AlertUnanswered: a callback could not be confirmed.
	AlertUnanswered AlertCode = "callback_unanswered"
	// AlertWrittenTwice: the transport wrote a request more than once.
	AlertWrittenTwice AlertCode = "written_twice"
)

// alerted is the payment with an alert.
func (p Payment) alerted(code AlertCode, text string) Payment {
	p.AlertCode, p.Alert = code, text
	return p
}
