package health

import "payrouter/host/attempt"

// verdict is what an attempt's event says of its provider.
type verdict uint8

const (
	// nothing: it was not the provider's doing.
	nothing verdict = iota
	// well: it did its part. A decline that any provider would give is an answer as good as a payment.
	well
	// badly: it failed, or could not serve this payment.
	badly
)

// verdicts by event.
//
//nolint:gochecknoglobals // a table
var verdicts = map[attempt.Event]verdict{
	attempt.Accepted:     well,
	attempt.DeclinedHard: well,
	attempt.NotFound:     well,
	attempt.Duplicate:    nothing,
	attempt.Unable:       nothing,
	attempt.NotSent:      badly,
	attempt.Refused:      badly,
	attempt.Unanswered:   badly,
	attempt.DeclinedSoft: badly,
}

// Observe remembers an attempt of the engine's that is over.
func (b *Book) Observe(a attempt.Attempt) {
	judged := verdicts[a.Event]
	if judged == nothing {
		return
	}
	b.Add(Attempt{Provider: a.Provider, At: a.FinishedAt, Took: a.FinishedAt.Sub(a.StartedAt), Well: judged == well})
}
