package health

import "payrouter/host/payment"

// verdict is what an attempt's event means for its provider.
type verdict uint8

const (
	// nothing: it was not caused by the provider.
	nothing verdict = iota
	// well: it worked. A decline that any provider would give counts like a payment.
	well
	// badly: it failed, or could not take this payment.
	badly
)

// verdicts by event.
//
//nolint:gochecknoglobals // a table
var verdicts = map[payment.Event]verdict{
	payment.Accepted:     well,
	payment.DeclinedHard: well,
	payment.NotFound:     well,
	payment.Duplicate:    nothing,
	payment.Unable:       nothing,
	payment.NotSent:      badly,
	payment.Refused:      badly,
	payment.Unanswered:   badly,
	payment.DeclinedSoft: badly,
}

// Observe counts a finished attempt of the engine's.
func (s *Statistics) Observe(a payment.Attempt) {
	judged := verdicts[a.Event]
	if judged == nothing {
		return
	}
	s.Add(Attempt{Provider: a.Provider, At: a.FinishedAt, Took: a.FinishedAt.Sub(a.StartedAt), Succeeded: judged == well})
}
