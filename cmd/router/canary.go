package main

import (
	"payrouter/host/payment"
	"payrouter/host/plugin"
)

// sampleOf says what an attempt tells of the generation that made it. What never left, or was turned away before it was
// looked at, says nothing against a plugin that prepared it; what a plugin could not prepare, and what it could not
// read, does.
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
