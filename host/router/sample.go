package router

import (
	"payrouter/host/attempt"
	"payrouter/host/plugin"
)

// sampleOf is the result that an attempt counts as for the generation that made it. A request that never left, or was
// rejected by the host, is no failure of a plugin that prepared it; a failed prepare or interpret is.
func sampleOf(a attempt.Attempt) plugin.Sample {
	sample := plugin.Sample{Plugin: a.Plugin, Digest: a.Digest}
	switch a.Event {
	case attempt.Unanswered, attempt.Unable:
		sample.Failed = true
	case attempt.DeclinedSoft, attempt.DeclinedHard:
		sample.Declined = true
	case attempt.Accepted, attempt.NotSent, attempt.Refused, attempt.Duplicate, attempt.NotFound:
	}
	return sample
}
