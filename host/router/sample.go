package router

import (
	"payrouter/host/attempt"
	"payrouter/host/plugin"
)

// sampleOf says what an attempt tells of the generation that made it. What never left, or was turned away before it was
// looked at, says nothing against a plugin that prepared it; what a plugin could not prepare, and what it could not
// read, does.
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
