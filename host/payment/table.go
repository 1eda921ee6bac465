package payment

import abi "payrouter/abi/v1"

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

// Resolution is where a create goes when its tries at one provider are over.
type Resolution uint8

// The resolutions.
const (
	// Stay: the answer stands (accepted).
	Stay Resolution = iota
	// TryNext: the next provider may be asked.
	TryNext
	// HoldUnknown: it may have been taken here; nobody else is asked.
	HoldUnknown
	// Fail: the payment has failed.
	Fail
)

// Rule is a cell of the table.
type Rule struct {
	// Retry: the same request may go to the same provider again, while tries and budget last.
	Retry bool
	// Abandon: what the try may have made is marked as left behind.
	Abandon bool
	// Then: when no more tries are made.
	Then Resolution
}

// RuleFor is what may happen after an event of an operation with the given idempotency. It is the host's word, whatever
// a plugin says: a payment that may have been taken at one provider is never sent to another.
func RuleFor(event Event, idempotency abi.Idempotency) Rule {
	if idempotency == abi.Idempotency_IDEMPOTENCY_UNSPECIFIED {
		idempotency = abi.Idempotency_IDEMPOTENCY_NONE
	}
	row, known := retryTable[event]
	if !known {
		row = retryTable[Unanswered]
	}
	return row[idempotency-1]
}

// The columns: SAFE, KEYED, ABANDONABLE, NONE, in the contract's order. Safe operations never hold a payment by
// themselves.
//
//nolint:gochecknoglobals // a lookup table
var retryTable = map[Event][4]Rule{
	Accepted: {{Then: Stay}, {Then: Stay}, {Then: Stay}, {Then: Stay}},
	NotSent: {
		{Retry: true, Then: TryNext},
		{Retry: true, Then: TryNext},
		{Retry: true, Then: TryNext},
		{Retry: true, Then: TryNext},
	},
	Unable: {{Then: TryNext}, {Then: TryNext}, {Then: TryNext}, {Then: TryNext}},
	Refused: {
		{Retry: true, Then: TryNext},
		{Retry: true, Then: TryNext},
		{Retry: true, Then: TryNext},
		{Retry: true, Then: TryNext},
	},
	Unanswered: {
		{Retry: true, Then: TryNext},
		{Retry: true, Then: HoldUnknown},
		{Retry: true, Abandon: true, Then: TryNext},
		{Then: HoldUnknown},
	},
	DeclinedSoft: {{Then: TryNext}, {Then: TryNext}, {Then: TryNext}, {Then: TryNext}},
	DeclinedHard: {{Then: Fail}, {Then: Fail}, {Then: Fail}, {Then: Fail}},
	Duplicate:    {{Then: TryNext}, {Then: HoldUnknown}, {Then: HoldUnknown}, {Then: HoldUnknown}},
	NotFound:     {{Then: TryNext}, {Then: HoldUnknown}, {Then: HoldUnknown}, {Then: HoldUnknown}},
}
