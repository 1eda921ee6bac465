package health

import "payrouter/host/attempt"

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

// Observe counts a finished attempt of the engine's. One that a plugin's fault ended shows nothing of the provider.
func (s *Statistics) Observe(a attempt.Attempt) {
	judged := verdicts[a.Event]
	if judged == nothing || a.PluginFault {
		return
	}
	s.Add(Attempt{
		Provider: a.Provider, At: a.FinishedAt, Took: a.FinishedAt.Sub(a.StartedAt),
		Succeeded: judged == well,
	})
}
