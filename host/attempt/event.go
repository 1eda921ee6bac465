package attempt

// Event is what one try at a provider came to, as far as repeating it goes.
type Event string

// The events: the rows of the table in retryTable. An open attempt has none.
const (
	// NotSent: no byte of the request left the host, and trying again may help (dial or TLS failure).
	NotSent Event = "not_sent"
	// Unable: no byte left the host, and trying again here cannot help (breaker open, no instance, plugin fault in
	// prepare, egress denied, the plugin cannot make a request of this payment).
	Unable Event = "unable"
	// Refused: explicitly turned away before processing.
	Refused Event = "refused"
	// Unanswered: sent, and no readable answer (timeout, reset, EOF, 5xx, unparsable body, plugin fault in interpret).
	Unanswered Event = "unanswered"
	// DeclinedSoft: a well-formed decline for a reason of this provider's.
	DeclinedSoft Event = "declined_soft"
	// DeclinedHard: a well-formed decline for a reason that every provider would give.
	DeclinedHard Event = "declined_hard"
	// Duplicate: the provider holds a request under our reference already.
	Duplicate Event = "duplicate"
	// NotFound: a look-up's word that the provider does not know the payment.
	NotFound Event = "not_found"
	// Accepted: taken; the outcome's status holds.
	Accepted Event = "accepted"
)
