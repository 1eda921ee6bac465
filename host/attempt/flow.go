package attempt

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"payrouter/abi/proof"
	abi "payrouter/abi/v1"
	"payrouter/host/attempt/recorded"
	"payrouter/host/egress"
)

// Flow is one operation at one account, over as many exchanges as the plugin's flow takes. The caller holds the lock of
// the owner.
type Flow struct {
	Driver *Driver
	Plan   Plan
	Call   *abi.Call
	// Owner is what the flow's attempts are journalled for. It is nil for a question to an account: then nothing is
	// journalled, and only operations of class SAFE are performed.
	Owner Owner
	// Matches returns what speaks against an answer's being about what was asked; empty where nothing does. Nil takes
	// any answer.
	Matches func(outcome *abi.Outcome) string
	// Create is the class of the request whose effect a look-up asks about; unspecified where the flow is no look-up.
	Create abi.Idempotency
	// Once: a request is tried once, whatever the account's retries say.
	Once bool
	// Closed attempts wait here for the next write.
	Closed []Attempt

	steps Steps
	// prepared is its first step where that is made already; nil once it is used.
	prepared *Prepared
	// burned is the fuel that the plugin's calls took so far.
	burned int64
	// doubt: something was sent whose effect is not known, or that was taken before the flow came to its end. No later
	// event takes it back.
	doubt bool
}

// Owner is the payment or the run that a flow's attempts belong to, as it stands.
type Owner interface {
	// ID is its id, and Merchant whose it is.
	ID() OwnerID
	Merchant() string
	// Count numbers one more attempt.
	Count() int
	// Warn shows people something.
	Warn(alert string)
	// Recorded is what the journal shows of an answer; outcome is what the plugin made of it, and nil where it made
	// none.
	Recorded(response *abi.HttpResponse, outcome *abi.Outcome) json.RawMessage
	// Write saves it as it stands by now, with attempts that are closed, or about to leave.
	Write(ctx context.Context, attempts []Attempt) error
}

// Ending is what a flow came to. Its closed attempts are not written yet: they go with the caller's next write.
type Ending struct {
	Event       Event
	Idempotency abi.Idempotency
	// Outcome is set where Event is Accepted.
	Outcome *abi.Outcome
	Failure *Failure
	// Final: the failure is final for the request that it answers, whatever the operation's manifest declares of
	// declines.
	Final bool
	// Doubt: something was sent whose effect is not known.
	Doubt bool
	// Exhausted: this machine could not connect. Nothing was sent by the last try.
	Exhausted bool
	Closed    []Attempt
	Plan      Plan
	// PluginErr is why the plugin did not do its part; nil where it did.
	PluginErr error
	// unread is as Unread, and sendErr why the last try got no response.
	unread  bool
	sendErr error
	// Fuel is what the plugin's calls took.
	Fuel int64
	// Took is how long the flow took, and Merchant whose payment or run it is about, where its end is reported.
	Took     time.Duration
	Merchant string
	// Why is the reason of an ending without an outcome, for a log.
	Why string
}

// Resolution is where a create goes from here.
func (e Ending) Resolution(operation *abi.Operation) Resolution {
	if e.Event == Accepted {
		return Stay
	}
	declined := e.Event == DeclinedSoft || e.Event == DeclinedHard
	// What declined a request that changes nothing, on the way to one that does, has left nothing to come back to.
	onTheWay := e.Idempotency == abi.Idempotency_IDEMPOTENCY_SAFE &&
		operation.GetIdempotency() != abi.Idempotency_IDEMPOTENCY_SAFE
	final := e.Final || onTheWay || operation.GetDeclineIsFinal()
	if e.Doubt || (declined && !final) {
		return HoldUnknown
	}
	return RuleFor(e.Event, e.Idempotency).Then
}

// Err is the error of an ending that brought no outcome: ErrUnavailable, ErrUnanswered, or a *DeclinedError.
func (e Ending) Err() error {
	provider := e.Plan.Account.Name
	switch e.Event {
	case Unable:
		// A plugin that cannot make a request gives a code of its own; anything else in the way passes.
		if e.Failure.Code == Unavailable("").Code {
			return fmt.Errorf("%s: %w", provider, ErrUnavailable)
		}
		return &DeclinedError{Failure: e.Failure}
	case DeclinedSoft, DeclinedHard, Duplicate, NotFound:
		return &DeclinedError{Failure: e.Failure}
	case NotSent, Refused, Unanswered, Accepted:
	}
	err := fmt.Errorf("%s at %s: %w", e.Plan.Operation.GetName(), provider, ErrUnanswered)
	if e.Why != "" {
		return fmt.Errorf("%w: %s", err, e.Why)
	}
	return err
}

// result is what one try came to.
type result struct {
	event   Event
	outcome *abi.Outcome
	failure *Failure
	// next is the flow's next step, where the try was not its last.
	next *abi.Step
	fuel int64
	// final is as an Ending's. proven: the answer's body shows that the provider itself wrote it.
	final, proven bool
	// failing: the provider reports in a listed failure that it failed itself.
	failing bool
	// crashed: the plugin made nothing of the answer by a fault of its own.
	crashed bool
	// pluginErr is why the plugin did not do its part, and sendErr why there is no response.
	pluginErr, sendErr error
	// unread: there is a response of which the router made nothing, below HTTP 500.
	unread bool
	// exhausted: this machine could not connect.
	exhausted bool
	// why is what is wrong with the try, and quoted the provider's own words in it.
	why, quoted string
}

// Run performs the operation. Its error wraps ErrJournal or ErrHeld: what has to be written first could not be, or may
// not leave, and nothing was sent after it.
func (f *Flow) Run(ctx context.Context) (end Ending, err error) {
	begun := f.Driver.Now()
	defer func() {
		end.Fuel = f.burned
		if err == nil {
			f.observe(end, begun)
		}
	}()
	step, fuel, err := f.prepare(ctx)
	f.burned += fuel
	if err != nil {
		return f.unable(f.Plan.Operation.GetName(), unprepared(fuel, err)), nil
	}
	for range max(f.Plan.Connector.Manifest().GetMaxSteps(), 1) {
		send := step.GetSend()
		if send == nil {
			return f.unsent(step, fuel), nil
		}
		last, idempotency, err := f.exchange(ctx, send, fuel)
		if err != nil {
			return Ending{}, err
		}
		if last.next == nil || last.next.GetSend() == nil {
			return f.end(last, idempotency), nil
		}
		step, fuel = last.next, 0
	}
	const why = "the plugin's flow took more round trips than its manifest allows"
	return f.end(result{event: Unanswered, failure: Unavailable(why), why: why, pluginErr: breach(why)},
		f.Plan.Idempotency("")), nil
}

// unprepared is a flow whose plugin made no first step.
func unprepared(fuel int64, err error) result {
	if withheld, is := errors.AsType[withheld](err); is {
		return result{fuel: fuel, why: err.Error(), pluginErr: err, failure: Unavailable(withheld.Withheld())}
	}
	return result{
		fuel: fuel, why: err.Error(), crashed: true, pluginErr: err,
		failure: Unavailable("the plugin could not prepare the request"),
	}
}

// unsent ends a flow in which the plugin sent nothing.
func (f *Flow) unsent(step *abi.Step, fuel int64) Ending {
	if done := step.GetDone(); done.GetVerdict() == abi.Verdict_VERDICT_ACCEPTED {
		return f.end(result{event: Accepted, outcome: done, fuel: fuel}, f.Plan.Idempotency(""))
	}
	reject := step.GetReject()
	return f.unable(f.Plan.Operation.GetName(),
		result{fuel: fuel, why: reject.GetMessage(), failure: rejected(reject)})
}

func (f *Flow) unable(operation string, r result) Ending {
	r.event = Unable
	if f.Owner == nil {
		return f.end(r, f.Plan.Idempotency(operation))
	}
	attempt, err := f.open(operation, nil, nil)
	if err != nil {
		r.why = errors.Join(errors.New(r.why), err).Error()
	} else {
		attempt.SendBefore = time.Time{}
		f.close(attempt, r, egress.Try{})
	}
	return f.end(r, f.Plan.Idempotency(operation))
}

func (f *Flow) end(last result, idempotency abi.Idempotency) Ending {
	return Ending{
		Event: last.event, Idempotency: idempotency, Outcome: last.outcome, Failure: last.failure, Final: last.final,
		Doubt: f.doubt, Exhausted: last.exhausted, Closed: f.Closed, Plan: f.Plan, Why: last.why,
		PluginErr: last.pluginErr, unread: last.unread, sendErr: last.sendErr,
	}
}

// exchange sends one request, as often as the table allows, and returns what the last try came to. Each try is an
// attempt of its own, written before it leaves, where the flow has an owner.
func (f *Flow) exchange(ctx context.Context, send *abi.Send, fuel int64) (last result, idempotency abi.Idempotency,
	err error,
) {
	operation := f.Plan.Named(send.GetOperation()).GetName()
	if operation == "" {
		operation = send.GetOperation()
	}
	idempotency = f.Plan.Idempotency(send.GetOperation())
	if f.Owner == nil && idempotency != abi.Idempotency_IDEMPOTENCY_SAFE {
		return result{
			event: Unable, fuel: fuel, why: "a question to an account may not perform " + operation,
			failure: Unavailable("the request may change something"),
		}, idempotency, nil
	}
	way := f.Plan.Account.egressOf(f.Plan.Connector)
	request, err := way.Render(send.GetRequest())
	if err != nil {
		denied := result{fuel: fuel, why: err.Error(), pluginErr: err, failure: Unavailable("the request may not leave")}
		f.unable(operation, denied)
		denied.event = Unable
		return denied, idempotency, nil
	}
	// Where not even the first try is granted, nothing was sent.
	last = result{event: Unable, fuel: fuel, failure: Unavailable("no try was made")}
	recorded := recorded.Request(request)
	for try := range way.Tries(ctx, egress.Exchange{
		Request:    request,
		Lane:       f.lane(idempotency),
		Begun:      f.doubt,
		Resendable: idempotency == abi.Idempotency_IDEMPOTENCY_SAFE,
		Alone:      hasSideEffects(idempotency),
	}) {
		if f.Owner == nil {
			last = f.ask(ctx, send, operation, idempotency, try)
			continue
		}
		attempt, err := f.send(ctx, send, operation, idempotency, recorded, try)
		if err != nil {
			return result{}, idempotency, err
		}
		last = f.judge(ctx, send, operation, idempotency, *try)
		last.fuel += fuel
		fuel = 0
		if attempt == nil {
			break
		}
		f.close(*attempt, last, *try)
		retry := f.mayRetry(last, idempotency)
		if retry {
			// The wait before the next try may be long: what is known by now should survive a crash in it.
			_ = f.write(ctx)
		}
		judgement := f.health(last, idempotency, *try)
		judgement.Retry = retry
		try.Judge(judgement)
	}
	return last, idempotency, nil
}

// send journals a try and lets it leave. A try that is refused before is journalled with the owner's next write.
// attempt is nil where that cannot be.
func (f *Flow) send(ctx context.Context, send *abi.Send, operation string, idempotency abi.Idempotency,
	recorded json.RawMessage, try *egress.Try,
) (attempt *Attempt, err error) {
	defer f.Driver.Settings.Moment(MomentSent)
	if try.Err != nil {
		opened, err := f.open(operation, send, recorded)
		if err != nil {
			return nil, nil //nolint:nilerr,nilnil // the try was refused, and there is nothing to journal
		}
		return &opened, nil
	}
	if err := f.Driver.mayLeave(idempotency); err != nil {
		return nil, err
	}
	opened, err := f.open(operation, send, recorded)
	if err != nil {
		return nil, err
	}
	if err := f.write(ctx, opened); err != nil {
		return nil, err
	}
	f.Driver.Settings.Moment(MomentJournalled)
	try.Send(opened.SendBefore)
	return &opened, nil
}

// ask sends one try of a question to an account, and judges it.
func (f *Flow) ask(ctx context.Context, send *abi.Send, operation string, idempotency abi.Idempotency,
	try *egress.Try,
) result {
	try.Send(f.Driver.Now().Add(f.Driver.Settings.SendWithin))
	last := f.read(ctx, send, operation, idempotency, *try)
	// A caller that stops waiting shows nothing of the provider's health.
	given := ctx.Err() != nil
	try.Judge(egress.Judgement{
		Retry: !given && f.mayRetry(last, idempotency),
		Fault: healthOf(last, idempotency, "", *try).Fault && !given,
	})
	return last
}

// mayRetry reports whether a request may be sent again after what a try of it came to. Where the plugin could not read
// the answer by a fault of its own, it would not read the next one either: the provider is not asked again.
func (f *Flow) mayRetry(last result, idempotency abi.Idempotency) bool {
	return !f.Once && !last.crashed && RuleFor(last.event, idempotency).Retry
}

// lane is what an exchange of the flow is for.
func (f *Flow) lane(idempotency abi.Idempotency) egress.Lane {
	switch {
	case f.Owner == nil:
		return egress.LaneRead
	case f.Plan.Role == abi.Role_ROLE_CREATE, f.Plan.Role == abi.Role_ROLE_UNSPECIFIED, hasSideEffects(idempotency):
		return egress.LaneSend
	}
	return egress.LaneLookup
}

// judge returns what a try came to. It believes what the host saw before what the plugin reports.
func (f *Flow) judge(ctx context.Context, send *abi.Send, operation string, idempotency abi.Idempotency,
	try egress.Try,
) result {
	r := f.read(ctx, send, operation, idempotency, try)
	if hasSideEffects(idempotency) && (r.event == Unanswered || r.next != nil) {
		f.doubt = true
	}
	if hasSideEffects(idempotency) && r.event == Accepted && r.next == nil {
		f.doubt = false
	}
	if try.Writes > 1 && idempotency != abi.Idempotency_IDEMPOTENCY_SAFE {
		f.Driver.Log.ErrorContext(ctx, "one attempt was written more than once",
			slog.String("about", string(f.Owner.ID())), slog.String("provider", f.Plan.Account.Name),
			slog.Int("writes", try.Writes))
		f.Owner.Warn("a request was written more than once: look for a second booking")
	}
	return r
}

func (f *Flow) read(ctx context.Context, send *abi.Send, operation string, idempotency abi.Idempotency,
	try egress.Try,
) result {
	if try.Response == nil {
		return noResponse(try)
	}
	step, fuel, err := f.steps.Interpret(ctx, send.GetState(), try.Response)
	f.burned += fuel
	if err != nil {
		return result{
			event: Unanswered, fuel: fuel, crashed: true, pluginErr: err, why: err.Error(),
			failure: Unavailable("the plugin could not read the answer"),
		}
	}
	r := f.understand(step, operation, idempotency, try.Response)
	r.fuel = fuel
	if r.event == Unanswered {
		r.unread = !r.failing && try.Response.GetStatus() < http.StatusInternalServerError
		f.Driver.Log.WarnContext(ctx, "an answer could not be read", slog.String("provider", f.Plan.Account.Name),
			slog.String("operation", operation), slog.String("about", string(f.owner())),
			slog.Uint64("status", uint64(try.Response.GetStatus())), slog.String("why", redacted(r.why, f.Call, r.quoted)))
	}
	return r
}

// owner is the id of the payment or the run that the flow is about; empty for a question to an account.
func (f *Flow) owner() OwnerID {
	if f.Owner == nil {
		return ""
	}
	return f.Owner.ID()
}

// noResponse judges a try without an answer.
func noResponse(try egress.Try) result {
	r := result{event: Unanswered, sendErr: try.Err, failure: Unavailable("the provider did not answer")}
	if try.Err != nil {
		r.why = try.Err.Error()
	}
	if try.Sent {
		return r
	}
	r.event, r.failure = NotSent, Unavailable("the provider cannot be reached")
	r.exhausted = errors.Is(try.Err, egress.ErrExhausted)
	if errors.Is(try.Err, egress.ErrBreakerOpen) || errors.Is(try.Err, egress.ErrHeld) ||
		errors.Is(try.Err, egress.ErrAddressRefused) {
		r.event = Unable
	}
	if _, denied := errors.AsType[*egress.DeniedError](try.Err); denied {
		r.event = Unable
	}
	return r
}

// understand turns a plugin's reading of an answer into an event.
func (f *Flow) understand(step *abi.Step, operation string, idempotency abi.Idempotency,
	response *abi.HttpResponse,
) result {
	httpStatus := response.GetStatus()
	switch next := step.GetNext().(type) {
	case *abi.Step_Send:
		if httpStatus >= http.StatusInternalServerError {
			return result{
				event: Unanswered, failure: Unavailable("the provider failed"),
				why: fmt.Sprintf("HTTP status %d", httpStatus),
			}
		}
		return result{event: Accepted, next: step, proven: httpStatus < http.StatusBadRequest}
	case *abi.Step_Reject:
		if idempotency == abi.Idempotency_IDEMPOTENCY_SAFE {
			return result{
				event: Unable, proven: httpStatus < http.StatusBadRequest, failure: rejected(next.Reject),
				why: next.Reject.GetMessage(),
			}
		}
	case *abi.Step_Done:
		return f.conclude(next.Done, operation, idempotency, response)
	}
	const why = "the plugin gave no outcome"
	return result{event: Unanswered, crashed: true, pluginErr: breach(why), failure: Unavailable(why)}
}

func (f *Flow) conclude(outcome *abi.Outcome, operation string, idempotency abi.Idempotency,
	response *abi.HttpResponse,
) result {
	manifest, httpStatus := f.Plan.Connector.Manifest(), response.GetStatus()
	switch outcome.GetVerdict() {
	case abi.Verdict_VERDICT_ACCEPTED:
		if httpStatus < 200 || httpStatus > 299 {
			break
		}
		if f.Matches != nil {
			if why := f.Matches(outcome); why != "" {
				return result{event: Unanswered, why: why, failure: Unavailable("the answer contradicts the request")}
			}
		}
		r := result{event: Accepted, outcome: outcome, proven: true}
		if outcome.GetFailure() != nil {
			_, r.failure = Meaning(f.Plan.Account.Failures, manifest.GetFailures(), operation, httpStatus,
				outcome.GetFailure())
		}
		return r
	case abi.Verdict_VERDICT_REJECTED:
		return f.rejected(outcome.GetFailure(), operation, idempotency, response)
	case abi.Verdict_VERDICT_UNREADABLE, abi.Verdict_VERDICT_UNSPECIFIED:
	}
	why := outcome.GetFailure().GetMessage()
	if why == "" {
		why = fmt.Sprintf("HTTP status %d", httpStatus)
	}
	return result{event: Unanswered, why: why, failure: Unavailable("the answer could not be read")}
}

// rejected looks up what a rejection amounts to. Where money may have moved, a rejection is believed only with the
// proof that its rule names in the body: a server in front of the provider may have replaced the answer to a request
// that was carried out.
func (f *Flow) rejected(failure *abi.Failure, operation string, idempotency abi.Idempotency,
	response *abi.HttpResponse,
) result {
	manifest := f.Plan.Connector.Manifest()
	rule := ruleFor(f.Plan.Account.Failures, manifest.GetFailures(), operation, response.GetStatus(), failure)
	event, meaning := meant(rule, failure)
	proven := rule != nil && proof.Hold(proof.Of(manifest, rule), response.GetBody())
	if event != Unanswered && !proven && (hasSideEffects(idempotency) || hasSideEffects(f.Create)) {
		return result{
			event: Unanswered, failure: Unavailable("the answer does not show that the provider itself wrote it"),
			why: fmt.Sprintf("HTTP status %d without proof in its body: %s", response.GetStatus(),
				failure.GetMessage()),
			quoted: failure.GetMessage(),
		}
	}
	return result{
		event: event, failure: meaning, final: rule.GetFinal(), proven: proven,
		failing: rule != nil && event == Unanswered, why: failure.GetMessage(), quoted: failure.GetMessage(),
	}
}

// open makes the row of a try that is about to leave. The owner counts it, and it is written with the owner.
func (f *Flow) open(operation string, send *abi.Send, request json.RawMessage) (Attempt, error) {
	id, err := f.Driver.NewID("att_")
	if err != nil {
		return Attempt{}, fmt.Errorf("make an attempt's id: %w", err)
	}
	call, err := f.Call.MarshalVT()
	if err != nil {
		return Attempt{}, fmt.Errorf("encode a call: %w", err)
	}
	now, connector := f.Driver.Now(), f.Plan.Connector
	return Attempt{
		ID: ID(id), Owner: f.Owner.ID(), Number: f.Owner.Count(),
		Provider: f.Plan.Account.Name, Plugin: connector.Manifest().GetName(), Digest: connector.Digest(),
		Generation: connector.Number(), Role: RoleOf(f.Plan.Role), Operation: operation,
		Idempotency: IdempotencyOf(f.Plan.Idempotency(operation)), Reference: f.Call.GetReference(),
		Call: call, State: send.GetState(), Request: request,
		SendBefore: now.Add(f.Driver.Settings.SendWithin), Sent: true,
		StartedAt: now, StartedClock: f.Driver.Settings.Clock(),
	}, nil
}

// Presumed is the attempt that may have been made of a create, and that the journal does not show: it counts as sent
// and unanswered, whatever the operation's class. made and madeClock are when its owner was made, by both clocks.
func (f *Flow) Presumed(made time.Time, madeClock time.Duration, why string) (Attempt, error) {
	a, err := f.open(f.Plan.Operation.GetName(), nil, nil)
	if err != nil {
		return Attempt{}, err
	}
	a.Idempotency = IdempotencyOf(abi.Idempotency_IDEMPOTENCY_NONE)
	a.StartedAt, a.StartedClock, a.SendBefore = made, madeClock, made.Add(f.Driver.Settings.SendWithin)
	a.Event, a.Error, a.FinishedAt = Unanswered, why, f.Driver.Now()
	a.Failure = Unavailable("it is not known whether the provider was asked")
	return a, nil
}

func (f *Flow) close(a Attempt, r result, try egress.Try) {
	a.Event, a.Sent, a.Writes, a.Concluded = r.event, try.Sent, try.Writes, r.outcome != nil
	a.Failure, a.Error, a.Fuel, a.PluginFault = r.failure, r.why, r.fuel, r.crashed
	a.Abandoned = RuleFor(r.event, f.Plan.Idempotency(a.Operation)).Abandon
	a.FinishedAt = f.Driver.Now()
	if try.Response != nil {
		a.Response = f.Owner.Recorded(try.Response, r.outcome)
	}
	f.Closed = append(f.Closed, a)
	if !f.Plan.Connector.Lot().Canary {
		f.Driver.Settings.Observe(a)
	}
}

// write saves the owner with what is closed, and what is about to leave.
func (f *Flow) write(ctx context.Context, opened ...Attempt) error {
	if err := f.Owner.Write(ctx, append(f.Closed, opened...)); err != nil {
		return err
	}
	f.Closed = nil
	return nil
}

// LogQuestion logs a question to an account.
func (f *Flow) LogQuestion(ctx context.Context, what string, end Ending) {
	took := f.Driver.Now().Sub(time.UnixMilli(f.Call.GetNowMs()))
	f.Driver.Log.LogAttrs(ctx, slog.LevelDebug, what, slog.String("provider", f.Plan.Account.Name),
		slog.String("operation", f.Plan.Operation.GetName()), slog.String("event", string(end.Event)),
		slog.Duration("took", took), slog.String("why", redacted(end.Why, f.Call, "")))
}
