package payment

import (
	"context"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/egress"
)

// Ask is what a provider's account is asked: one operation, which changes nothing there.
type Ask struct {
	// Operation is its name in the manifest of the account's plugin.
	Operation string
	// Input is a JSON object; empty is one without members, and stands where there is a Query.
	Input []byte
	// Query is set where the operation is performed for a role of the account.
	Query *abi.Query
	// Cursor is where a walk through pages goes on: a former page's Outcome.Cursor. Empty is the first page.
	Cursor string
}

// Read asks a provider's account something that changes nothing there. Nothing is journalled. Where no answer comes it
// is tried again, as often as the account's retries say, until ctx ends. The outcome is accepted; its output lacks what
// its schema says that nobody is to see. fuel is what the plugin burned, also where there is an error: ErrNoOperation
// where the account has no such operation, ErrUnsupported where a call of it may change something, *InvalidErrors
// joined where the input does not satisfy its schema; a *DeclinedError where the provider would not answer, or knows
// nothing of what was asked about; ErrUnavailable or ErrUnanswered where it could not be asked or made no sense.
func (e *Engine) Read(ctx context.Context, provider string, ask Ask) (outcome *abi.Outcome, fuel int64, err error) {
	if err := e.enter(); err != nil {
		return nil, 0, err
	}
	defer e.running.Done()
	fleet, release := e.Hold()
	defer release()
	at, err := fleet.native(provider, "", ask.Operation)
	if err != nil {
		return nil, 0, err
	}
	if !at.described().Safe() {
		return nil, 0, fmt.Errorf("%s of %s may change something: %w", ask.Operation, provider, ErrUnsupported)
	}
	if ask.Query == nil {
		if err := fleet.checkInput(at, ask.input()); err != nil {
			return nil, 0, err
		}
	}
	q := &inquiry{talk: conversation{engine: e, plan: at, call: e.askCall(ask, at)}}
	outcome, err = q.run(ctx)
	q.log(ctx, "asked an account")
	if err == nil {
		outcome.Output, err = fleet.shown(at, outcome.GetOutput())
	}
	return outcome, q.talk.burned, err
}

// input is what the plugin is given: always an object.
func (a Ask) input() []byte {
	if len(a.Input) == 0 {
		return []byte("{}")
	}
	return a.Input
}

// askCall is a call that nobody remembers: its reference and its seed are its own.
func (e *Engine) askCall(ask Ask, at plan) *abi.Call {
	now, name := e.now(), at.operation.GetName()
	about := "ask_" + strconv.FormatInt(now.UnixNano(), 10)
	return &abi.Call{
		Operation: name, Input: ask.input(), Query: ask.Query, Cursor: ask.Cursor, Settings: at.account.Settings,
		NowMs:     now.UnixMilli(),
		Reference: reference(at.operation.GetReference(), about, at.account.Name, name),
		Seed:      seed(about, at.account.Name, name),
	}
}

// inquiry is a conversation that changes nothing at the provider. It reads answers as a payment's conversation does,
// and writes nothing.
type inquiry struct {
	talk conversation
	// once: a request is tried once, whatever the account's retries say.
	once bool
	// What it came to, for the log.
	event Event
	why   string
}

func (q *inquiry) log(ctx context.Context, what string) {
	at := q.talk.plan
	took := q.talk.engine.now().Sub(time.UnixMilli(q.talk.call.GetNowMs()))
	q.talk.engine.log.LogAttrs(ctx, slog.LevelDebug, what, slog.String("provider", at.account.Name),
		slog.String("operation", at.operation.GetName()),
		slog.String("event", string(q.event)), slog.Duration("took", took), slog.String("why", q.why))
}

// run holds the conversation to its accepted outcome.
func (q *inquiry) run(ctx context.Context) (*abi.Outcome, error) {
	defer func() { q.talk.engine.fuels.burned(q.talk.plan, q.talk.burned) }()
	connector := q.talk.plan.connector
	step, fuel, err := connector.Prepare(ctx, q.talk.call)
	q.talk.burned += fuel
	if err != nil {
		return nil, q.ended(trial{
			event: Unable, why: err.Error(),
			failure: unavailable("the plugin could not prepare the request"),
		})
	}
	for range max(connector.Manifest().GetMaxSteps(), 1) {
		send := step.GetSend()
		if send == nil {
			return q.unsent(step)
		}
		last := q.exchange(ctx, send)
		if last.event != Accepted {
			return nil, q.ended(last)
		}
		if last.outcome != nil {
			q.event = Accepted
			return last.outcome, nil
		}
		step = last.next
	}
	return nil, q.ended(trial{
		event: Unanswered,
		why:   "the plugin's flow took more round trips than its manifest allows",
	})
}

// unsent ends an inquiry whose plugin knows without asking.
func (q *inquiry) unsent(step *abi.Step) (*abi.Outcome, error) {
	if done := step.GetDone(); done.GetVerdict() == abi.Verdict_VERDICT_ACCEPTED {
		q.event = Accepted
		return done, nil
	}
	return nil, q.ended(trial{event: Unable, why: step.GetReject().GetMessage(), failure: rejected(step.GetReject())})
}

// ended is the error of an inquiry that brought nothing.
func (q *inquiry) ended(last trial) error {
	q.event, q.why = last.event, last.why
	return verdictOf(q.talk.plan.account.Name, ending{event: last.event, failure: last.failure, plan: q.talk.plan})
}

// exchange sends one request, as often as it may be.
func (q *inquiry) exchange(ctx context.Context, send *abi.Send) trial {
	name := q.talk.plan.named(send.GetOperation()).GetName()
	idempotency := q.talk.plan.idempotency(send.GetOperation())
	if idempotency != abi.Idempotency_IDEMPOTENCY_SAFE {
		return trial{
			event: Unable, why: "an inquiry may not perform " + send.GetOperation(),
			failure: unavailable("the inquiry would not be safe"),
		}
	}
	last := trial{event: Unable, failure: unavailable("no try was made")}
	at := q.talk.plan.account.Egress
	request, err := at.Render(send.GetRequest())
	if err != nil {
		last.why = err.Error()
		return last
	}
	for try := range at.Tries(ctx, egress.Exchange{Request: request, Lane: egress.LaneRead, Resendable: true}) {
		try.Send(q.talk.engine.now().Add(q.talk.engine.settings.SendWithin))
		last = q.talk.read(ctx, send, name, idempotency, *try)
		// Who runs out of patience with an answer says nothing of the provider's health.
		given := ctx.Err() != nil
		try.Judge(egress.Judgement{
			Retry: !q.once && !given && RuleFor(last.event, idempotency).Retry,
			Fault: healthOf(last, idempotency, "", *try).Fault && !given,
		})
	}
	return last
}
