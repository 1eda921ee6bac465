package main

import (
	"payrouter/host/payment"
	"payrouter/host/plugin"
)

// sampleOf is the result that an attempt counts as for the generation that made it. A request that never left, or was
// rejected by the host, is no failure of a plugin that prepared it; a failed prepare or interpret is.
func sampleOf(a payment.Attempt) plugin.Sample {
	sample := plugin.Sample{Plugin: a.Plugin, Digest: a.Digest}
	switch a.Event {
	case payment.Unanswered, payment.Unable:
		sample.Failed = true
	case payment.DeclinedSoft, payment.DeclinedHard:
		sample.Declined = true
	case payment.Accepted, payment.NotSent, payment.Refused, payment.Duplicate, payment.NotFound:
	}
	return sample
}
