package egress

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	abi "payrouter/abi/v1"
)

// Exchange is one request, and what it is for.
type Exchange struct {
	// Request comes from Render of the same client.
	Request *Request
	Lane    Lane
	// Begun: the provider may have taken an earlier request of the same flow. Pauses do not hold the exchange back
	// then: a flow that was begun is completed.
	Begun bool
	// Resendable is for requests that change nothing: net/http may resend them itself, within one try. Any other
	// request is written at most once in a try.
	Resendable bool
	// Alone gives each try a connection that carries nothing else, before or after: for requests that may move money.
	// On a shared connection, an answer that a provider or a proxy repeats for an earlier request looks like the answer
	// to this one. A slow start counts such requests.
	Alone bool
}

// Try is one try of an exchange. Tries yields it before anything is sent: the caller journals it, calls Send, reads
// the result from the fields, and calls Judge. A Try belongs to the goroutine that ranges over Tries.
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
	// Err is why there is no response. It is set before Send where the breaker, the account's admission or its rate
	// lets nothing through; Send sends nothing then. errors.Is finds ErrBreakerOpen, ErrHeld, ErrLate, ErrDial,
	// ErrTimeout, ErrTooLarge, ErrBroken and context.Canceled. Its text holds no secret.
	Err error
	// RetryAfter is what the provider asked for, at most 24 h; 0 where it did not.
	RetryAfter time.Duration
	Started    time.Time
	Finished   time.Time
	// Ended is why the judgement's retry was not granted; empty where there was one, or where none was asked for. It is
	// set when the range is over.
	Ended EndReason

	send      func(t *Try, sendBefore time.Time)
	judgement *Judgement
}

// NewTry makes a try whose Send calls send once. It is for other implementations of Tries.
func NewTry(number int, send func(t *Try, sendBefore time.Time)) *Try {
	return &Try{Number: number, send: send}
}

// Send makes the try, and fills in its result. Nothing leaves after sendBefore; the zero time sets no limit. A second
// call, and one on a try that has an Err, do nothing.
func (t *Try) Send(sendBefore time.Time) {
	send := t.send
	t.send = nil
	if send != nil && t.Err == nil {
		send(t, sendBefore)
	}
}

// Judge is the caller's last call on a try. Without it no other try is made, and the try counts neither for nor
// against the provider.
func (t *Try) Judge(j Judgement) { t.judgement = &j }

// Judged is what Judge was called with.
func (t *Try) Judged() Judgement {
	if t.judgement == nil {
		return Judgement{}
	}
	return *t.judgement
}

// Judgement is what the caller concludes from a try.
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

// Tries yields the tries of an exchange, one at a time, as long as each is judged with Retry and the next is granted:
// by the number of tries, the provider's retry budget, breaker, admission and rate, and ctx. It waits between them.
// ctx ends a wait, and a try under way; the caller's own work on a try is not bound by it. Where ctx ends before the
// first try, none is yielded. Ranging twice sends twice.
func (c *Client) Tries(ctx context.Context, x Exchange) iter.Seq[*Try] {
	if x.Request.client != c {
		panic("egress: an exchange's request was rendered by another client")
	}
	return func(yield func(*Try) bool) {
		c.budget.deposit()
		r := &run{client: c, exchange: x, yield: yield}
		defer r.settle(errExcluded, Judgement{})
		r.drive(ctx)
	}
}

// run is one range over Tries. It is the RoundTripper, the CheckRetry and the Backoff of a retryable client that lives
// as long: neither that client nor http.Client ever holds a URL, a header or an answer that could show up in one of
// their errors. It has no CloseIdleConnections: retryablehttp would close everybody's after a failure.
type run struct {
	client   *Client
	exchange Exchange
	yield    func(*Try) bool

	// try is the last one that was yielded.
	try     *Try
	pending func(error) // the breaker's claim, until settled
	pass    *pass       // the admission's, until settled
	wait    time.Duration
	stopped bool
}

// errStopped ends the retryable client's loop. No caller receives it.
var errStopped = errors.New("no further try")

// drive lets the retryable client call RoundTrip, check and Backoff in turn, until there is no further try.
func (r *run) drive(ctx context.Context) {
	shell, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://provider", http.NoBody)
	if err != nil {
		return // not with these arguments
	}
	request, err := retryablehttp.FromRequest(shell)
	if err != nil {
		return // not without a body
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
	if err != nil && !r.stopped { // ctx ended while waiting: nothing else fails here
		_ = r.stop(endOf(ctx))
	}
}

// stop ends the range; reason is why a try that was wanted is not made.
func (r *run) stop(reason EndReason) error {
	r.stopped = true
	if r.try != nil {
		r.try.Ended = reason
	}
	return errStopped
}

// RoundTrip makes one try. What it returns only keeps the retryable client going: the result is in r.try.
func (r *run) RoundTrip(shell *http.Request) (*http.Response, error) {
	ctx := shell.Context()
	if ctx.Err() != nil {
		return nil, r.stop(endOf(ctx))
	}
	next := r.newTry(ctx)
	if next.Err = r.admit(ctx); next.Err != nil {
		if ctx.Err() != nil {
			return nil, r.stop(endOf(ctx))
		}
		next.Started = r.client.settings.Now()
		next.Finished = next.Started
	}
	r.try = next
	goOn := r.yield(next)
	if judgement := next.judgement; judgement != nil {
		r.settle(verdict(*judgement, next), *judgement)
	}
	if !goOn {
		r.stopped = true
		return nil, errStopped
	}
	return &http.Response{StatusCode: http.StatusNoContent, Body: http.NoBody, Request: shell}, nil
}

func (r *run) newTry(ctx context.Context) *Try {
	number := 1
	if r.try != nil {
		number = r.try.Number + 1
	}
	return NewTry(number, func(t *Try, sendBefore time.Time) {
		c := r.client
		t.Started = c.settings.Now()
		c.send(ctx, &r.exchange, t, newDeadline(sendBefore, t.Started))
		t.Finished = c.settings.Now()
		if t.Writes > 1 && !r.exchange.Resendable {
			c.settings.Logger.LogAttrs(ctx, slog.LevelError, "incident: request written more than once in one try",
				slog.String("provider", c.settings.Provider), slog.Int("writes", t.Writes))
		}
	})
}

// admit waits until a try may be made: for the account's admission, its rate, and a claim on its breaker.
func (r *run) admit(ctx context.Context) error {
	c := r.client
	breaker := c.breakerOf(r.exchange.Lane)
	if open := breaker.open(); open != nil {
		return open // it uses up none of the rate
	}
	granted, err := c.settings.Admission.enter(ctx, &r.exchange, c.settings.Timeout)
	if err != nil {
		return err
	}
	r.pass = granted
	if err := c.settings.Admission.rate.wait(ctx, &r.exchange, &c.settings, c.settings.Admission.slow()); err != nil {
		return err
	}
	r.pending, err = breaker.allow()
	return err
}

// check is the retryable client's CheckRetry.
func (r *run) check(ctx context.Context, _ *http.Response, _ error) (bool, error) {
	if r.stopped {
		return false, errStopped
	}
	if r.try.Sent && r.exchange.Alone {
		r.exchange.Begun = true // another try of it is no new payment
	}
	if !r.try.Judged().Retry {
		return false, nil
	}
	if reason := r.grant(ctx); reason != "" {
		return false, r.stop(reason)
	}
	return true, nil
}

// verdict is what a judged try means for the breaker.
func verdict(j Judgement, t *Try) error {
	switch {
	case j.Fault:
		return errFault
	case t.Response != nil:
		return nil
	default:
		return errExcluded
	}
}

// settle reports to breaker and admission once. A claim that is never reported would block a half-open breaker, or an
// account on trial, for good.
func (r *run) settle(verdict error, judgement Judgement) {
	if r.pending != nil {
		r.pending(verdict)
		r.pending = nil
	}
	if r.pass != nil {
		r.pass.report(judgement, r.try)
		r.pass = nil
	}
}

// grant sets when the next try is made, or returns the reason why there is none.
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
