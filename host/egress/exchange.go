package egress

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	abi "payrouter/abi/v1"
)

// Exchange is one request and the caller's say in its tries. Before and After are called one after the other, on the
// goroutine of Do.
type Exchange struct {
	Request *abi.HttpRequest
	// Lane is what the exchange is for.
	Lane Lane
	// Begun: an earlier request of the same flow may have been taken. Pauses do not hold it then: what was begun is
	// better brought to its end.
	Begun bool
	// Resendable is for requests that change nothing: net/http may resend them itself, within one try. All others are
	// written at most once per try.
	Resendable bool
	// Alone gives each try a connection that nothing went over before, and nothing will after: for requests that may
	// move money. A provider, or a proxy before it, that answers an earlier request once too often cannot be told from
	// one that answers this one. Slow starts count such requests.
	Alone bool
	// Before is called when a try (from 1) is about to be made. It makes the try durable, and returns the latest moment
	// at which the request may leave; the zero time sets none. With an error nothing is sent, and Do returns it.
	Before func(ctx context.Context, try int) (sendBefore time.Time, err error)
	// After is called when a try is over, with what it was, and judges it. It is called without a Before where the
	// breaker or the account's admission or rate let nothing through.
	After func(ctx context.Context, t Try) Judgement
}

// Try is what became of one try.
type Try struct {
	// Number counts from 1.
	Number int
	// Sent is whether a byte of the request was written to a connection. Where it is false, the provider has nothing.
	Sent bool
	// Writes is on how many connections the request was written. More than 1 is an incident unless it was Resendable.
	Writes int
	// Response is the whole answer, any status, redirects included (they are not followed), with secrets masked; header
	// fields are sorted by name. Nil where none could be read whole.
	Response *abi.HttpResponse
	// Err is why there is no response: errors.Is tells ErrBreakerOpen, ErrHeld, ErrLate, ErrDial, ErrTimeout,
	// ErrTooLarge, ErrBroken and context.Canceled. Its text holds no secret.
	Err error
	// RetryAfter is what the provider asked for, at most 24 h; 0 where it did not.
	RetryAfter time.Duration
	Started    time.Time
	Finished   time.Time
}

// Judgement is what the caller makes of a try.
type Judgement struct {
	// Retry asks for another try.
	Retry bool
	// Fault counts the try against the provider's breaker. Declines and our own troubles are none. A try with no fault
	// and a response counts in the provider's favour; one with neither does not count.
	Fault bool
	// Signal is what the answer shows of how the provider treats the account.
	Signal Signal
	// Party is whose request was answered.
	Party string
}

// Do makes tries until the caller wants no more, and returns nil then: the last try stands. Where the caller wanted
// another one that was not granted, it returns an *EndedError. A request that may not leave gives a *DeniedError, and
// an error of Before comes back as it is. The caller's context ends waiting, and a try under way; it bounds no Before
// or After.
func (c *Client) Do(ctx context.Context, x Exchange) error {
	request, err := c.render(x.Request)
	if err != nil {
		return err
	}
	c.budget.deposit()
	r := &run{client: c, exchange: x, request: request, mask: c.mask.and(request.derived)}
	defer r.report(errExcluded, Judgement{})
	return r.drive(ctx)
}

// run is one Do. It is the RoundTripper, the CheckRetry and the Backoff of a retryable client that lives as long, so
// that neither that client nor http.Client ever holds a URL, a header or an answer that could show up in an error of
// theirs. It has no CloseIdleConnections: retryablehttp would close everybody's after a failure.
type run struct {
	client   *Client
	exchange Exchange
	request  *rendered
	mask     mask

	try     Try
	pending func(error) // the breaker's, until reported
	pass    *pass       // the admission's, until reported
	wait    time.Duration
	stopped error
}

func (r *run) drive(ctx context.Context) error {
	shell, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://provider", http.NoBody)
	if err != nil {
		return err
	}
	request, err := retryablehttp.FromRequest(shell)
	if err != nil {
		return err
	}
	driver := retryablehttp.Client{
		HTTPClient: &http.Client{Transport: r},
		Logger:     nil, // it prints URLs
		RetryMax:   r.client.settings.Retry.MaxTries - 1,
		CheckRetry: r.check,
		Backoff:    func(_, _ time.Duration, _ int, _ *http.Response) time.Duration { return r.wait },
	}
	response, err := driver.Do(request)
	if response != nil {
		_ = response.Body.Close()
	}
	switch {
	case r.stopped != nil:
		return r.stopped
	case err != nil: // the context ended while waiting: nothing else fails here
		return &EndedError{Reason: endOf(ctx), Tries: r.try.Number}
	default:
		return nil
	}
}

// RoundTrip makes one try. What it returns only keeps the driver going: the try itself is in r.try.
func (r *run) RoundTrip(shell *http.Request) (*http.Response, error) {
	ctx := shell.Context()
	if ctx.Err() != nil {
		r.stopped = &EndedError{Reason: endOf(ctx), Tries: r.try.Number}
		return nil, r.stopped
	}
	r.try = Try{Number: r.try.Number + 1}
	if err := r.attempt(ctx); err != nil {
		r.stopped = err
		return nil, err
	}
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: shell}, nil
}

func (r *run) attempt(ctx context.Context) error {
	c := r.client
	if err := r.admit(ctx); err != nil {
		if ctx.Err() != nil {
			return &EndedError{Reason: endOf(ctx), Tries: r.try.Number - 1}
		}
		now := c.settings.Now()
		r.try.Err, r.try.Started, r.try.Finished = err, now, now
		return nil
	}
	sendBefore, err := r.exchange.Before(ctx, r.try.Number)
	if err != nil {
		return err
	}
	r.try.Started = c.settings.Now()
	c.send(ctx, r, newDeadline(sendBefore, r.try.Started))
	r.try.Finished = c.settings.Now()
	if r.try.Writes > 1 && !r.exchange.Resendable {
		c.settings.Logger.LogAttrs(ctx, slog.LevelError, "incident: request written more than once in one try",
			slog.String("provider", c.settings.Provider), slog.Int("writes", r.try.Writes))
	}
	return nil
}

// admit waits until a try may be made: for the account's admission, for its rate, and for its breaker's leave.
func (r *run) admit(ctx context.Context) error {
	c := r.client
	breaker := c.breakerOf(r.exchange.Lane)
	if open := breaker.open(); open != nil {
		return open // no part of the rate is spent on it
	}
	granted, err := c.settings.Admission.enter(ctx, &r.exchange, c.settings.Timeout)
	if err != nil {
		return err
	}
	r.pass = granted
	if err := c.settings.Admission.pace.wait(ctx, &r.exchange, &c.settings, c.settings.Admission.slow()); err != nil {
		return err
	}
	r.pending, err = breaker.allow()
	return err
}

// check is the driver's CheckRetry.
func (r *run) check(ctx context.Context, _ *http.Response, _ error) (bool, error) {
	if r.stopped != nil {
		return false, r.stopped
	}
	judgement := r.exchange.After(ctx, r.try)
	r.report(verdict(judgement, r.try), judgement)
	if r.try.Sent && r.exchange.Alone {
		r.exchange.Begun = true // another try of it is no new payment
	}
	if !judgement.Retry {
		return false, nil
	}
	if reason := r.grant(ctx); reason != "" {
		r.stopped = &EndedError{Reason: reason, Tries: r.try.Number}
		return false, r.stopped
	}
	return true, nil
}

// verdict is what a judged try tells the breaker.
func verdict(j Judgement, t Try) error {
	switch {
	case j.Fault:
		return errFault
	case t.Response != nil:
		return nil
	default:
		return errExcluded
	}
}

// report tells breaker and admission once; a claim that is never reported would block a half-open breaker, or an
// account on trial, for good.
func (r *run) report(verdict error, judgement Judgement) {
	if r.pending != nil {
		r.pending(verdict)
		r.pending = nil
	}
	if r.pass != nil {
		r.pass.report(judgement, r.try)
		r.pass = nil
	}
}

// grant settles when the next try is made, or gives the reason why there is none.
func (r *run) grant(ctx context.Context) EndReason {
	c := r.client
	if r.try.Number >= c.settings.Retry.MaxTries {
		return EndTries
	}
	if ctx.Err() != nil {
		return endOf(ctx)
	}
	r.wait = c.settings.Retry.delay(r.try.Number, r.try.RetryAfter, c.settings.Random())
	due := c.settings.Now().Add(r.wait)
	if deadline, ok := ctx.Deadline(); ok && !due.Before(deadline) {
		return EndDeadline
	}
	if open := c.breakerOf(r.exchange.Lane).open(); open != nil && due.Before(open.Until) {
		return EndBreaker
	}
	if r.exchange.Lane == LaneSend && !r.exchange.Begun {
		if held := c.settings.Admission.held(); held != nil && (held.Until.IsZero() || due.Before(held.Until)) {
			return EndHeld
		}
	}
	if !c.budget.withdraw() {
		return EndBudget
	}
	return ""
}

func endOf(ctx context.Context) EndReason {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return EndDeadline
	}
	return EndCanceled
}
