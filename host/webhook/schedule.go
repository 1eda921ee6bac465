package webhook

import (
	"fmt"
	"net/http"
	"time"
)

// delays are the pauses after each failed try: the schedule of the Standard Webhooks specification, a good three days
// in all. The first try is at once, and there is none after the last pause's.
//
//nolint:gochecknoglobals // a lookup table
var delays = []time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
	20 * time.Hour, 24 * time.Hour,
}

const (
	// jitterShare is by how much a pause is longer at most, so that what failed together does not come again together.
	jitterShare = 0.2
	// breather is how long an overloaded endpoint gets nothing at all if it sends no Retry-After.
	breather = time.Minute
	// disableAfter is how long an endpoint may fail before it is disabled.
	disableAfter = 5 * 24 * time.Hour
)

// answer is what came of one try.
type answer struct {
	at time.Time
	// status is 0 if no answer came; problem has the reason then.
	status  int
	problem string
	// retryAfter is what the endpoint asked for; 0 for nothing.
	retryAfter time.Duration
}

// ok is any 2xx. A redirect is a failure: following it would send the event to a host of the endpoint's choice.
func (a answer) ok() bool { return a.status >= 200 && a.status <= 299 }

// hold is how long the endpoint shall get nothing, of no event.
func (a answer) hold() time.Duration {
	if a.ok() {
		return 0
	}
	switch a.status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusGatewayTimeout:
		return max(a.retryAfter, breather)
	}
	return a.retryAfter
}

// why is the failure in words.
func (a answer) why() string {
	switch {
	case a.ok():
		return ""
	case a.problem != "":
		return a.problem
	case a.status >= 300 && a.status <= 399:
		return fmt.Sprintf("redirected with %d: redirects are not followed", a.status)
	}
	return fmt.Sprintf("answered %d %s", a.status, http.StatusText(a.status))
}

// judge is the delivery after a try. chance is in [0, 1).
func judge(d Delivery, a answer, chance float64) Delivery {
	d.TriedAt, d.Status, d.Error = a.at, a.status, a.why()
	switch {
	case a.ok():
		d.State = Delivered
	case a.status == http.StatusGone, d.Tries > len(delays):
		d.State = Failed
	default:
		pause := delays[max(d.Tries, 1)-1]
		pause += time.Duration(float64(pause) * jitterShare * chance)
		d.Due = a.at.Add(max(pause, a.retryAfter))
	}
	return d
}

// effect is what a try means for its endpoint. d is as judge made it.
func effect(d Delivery, a answer) func(*Endpoint) {
	return func(e *Endpoint) {
		if a.ok() {
			e.FailingSince, e.DeliveredAt = time.Time{}, a.at
			return
		}
		if e.FailingSince.IsZero() {
			e.FailingSince = a.at
		}
		if hold := a.hold(); hold > 0 && e.HeldUntil.Before(a.at.Add(hold)) {
			e.HeldUntil = a.at.Add(hold)
		}
		switch {
		case e.Disabled():
		case a.status == http.StatusGone:
			e.DisabledAt, e.DisabledReason = a.at, "the endpoint answered 410 Gone"
		// An endpoint that gets little must not go for one bad moment after a quiet week: the event has had its whole
		// schedule, too.
		case d.State == Failed && a.at.Sub(e.FailingSince) >= disableAfter:
			e.DisabledAt = a.at
			e.DisabledReason = fmt.Sprintf("nothing has got through since %s; the last try: %s",
				e.FailingSince.UTC().Format(time.RFC3339), a.why())
		}
	}
}
