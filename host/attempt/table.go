package attempt

import abi "payrouter/abi/v1"

// Resolution is where a create goes when its tries at one provider are over.
type Resolution uint8

// The resolutions.
const (
	// Stay: the answer stands (accepted).
	Stay Resolution = iota
	// TryNext: the next provider may be asked.
	TryNext
	// HoldUnknown: it may have been taken here; no other is asked.
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
// a plugin reports: a payment that may have been taken at one provider is never sent to another.
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
