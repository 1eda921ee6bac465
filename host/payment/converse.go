package payment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"time"
	"unicode/utf8"

	"payrouter/abi/proof"
	abi "payrouter/abi/v1"
	"payrouter/host/egress"
)

// conversation is one operation at one provider, over as many round trips as its flow takes. The caller holds the lock
// of what it is about.
type conversation struct {
	engine *Engine
	plan   plan
	call   *abi.Call
	// about is nil where nothing is journalled, and any answer is about what was asked.
	about subject
	// create is the class of the request whose effect a look-up asks about; unspecified where the conversation is no
	// look-up.
	create abi.Idempotency
	// closed attempts wait here for the next write.
	closed []Attempt
	// burned is what the plugin's calls came to so far.
	burned int64
	// doubt: something was sent whose effect is not known, or that was taken before the flow came to its end. No later
	// event takes it back.
	doubt bool
}

// subject is what a conversation is about, as it stands: a payment, or a run.
type subject interface {
	// name is its id.
	name() string
	// merchant is whose it is.
	merchant() string
	// count numbers one more attempt.
	count() int
	// contradiction tells what speaks against an answer's being about what was asked; empty where nothing does.
	contradiction(at plan, call *abi.Call, outcome *abi.Outcome) string
	// warn shows people something.
	warn(alert string)
	// journalled is what the journal shows of an answer; outcome is what the plugin made of it, and nil where it made
	// none.
	journalled(response *abi.HttpResponse, outcome *abi.Outcome) json.RawMessage
	// write saves it as it stands by now, with attempts that are closed, or about to leave.
	write(ctx context.Context, attempts []Attempt) error
}

// ending is what a conversation came to. Its closed attempts are not written yet: they go with the caller's next write.
type ending struct {
	event       Event
	idempotency abi.Idempotency
	// outcome is set where event is Accepted.
	outcome *abi.Outcome
	failure *Failure
	// final: the failure is final for the request that it answers, whatever the operation's manifest says of declines.
	final bool
	doubt bool
	// exhausted: this machine could not connect. Nothing was sent by the last try.
	exhausted bool
	closed    []Attempt
	// payment is the one that the conversation was about, where it was about one.
	payment Payment
	plan    plan
}

// resolution is where a create goes from here.
func (e ending) resolution(operation *abi.Operation) Resolution {
	if e.event == Accepted {
		return Stay
	}
	declined := e.event == DeclinedSoft || e.event == DeclinedHard
	// What declined a request that changes nothing, on the way to one that does, has left nothing to come back to.
	onTheWay := e.idempotency == abi.Idempotency_IDEMPOTENCY_SAFE &&
		operation.GetIdempotency() != abi.Idempotency_IDEMPOTENCY_SAFE
	final := e.final || onTheWay || operation.GetDeclineIsFinal()
	if e.doubt || (declined && !final) {
		return HoldUnknown
	}
	return RuleFor(e.event, e.idempotency).Then
}

// trial is what one try came to.
type trial struct {
	event   Event
	outcome *abi.Outcome
	failure *Failure
	// next is the flow's next step, where the try was not its last.
	next *abi.Step
	fuel int64
	// final is as an ending's. proven: the answer's body shows that the provider itself wrote it.
	final, proven bool
	// failing: the provider reports in a listed failure that it failed itself.
	failing bool
	// crashed: the plugin made nothing of the answer by a fault of its own.
	crashed bool
	// exhausted: this machine could not connect.
	exhausted bool
	why       string
}

// run holds the conversation. Its error wraps ErrJournal: what has to be written first could not be, and nothing was
// sent after it.
func (c *conversation) run(ctx context.Context) (ending, error) {
	defer func() { c.engine.fuels.burned(c.plan, c.burned) }()
	step, fuel, err := c.plan.connector.Prepare(ctx, c.call)
	c.burned += fuel
	if err != nil {
		return c.unable(c.plan.operation.GetName(),
			trial{fuel: fuel, why: err.Error(), failure: unavailable("the plugin could not prepare the request")}), nil
	}
	for range max(c.plan.connector.Manifest().GetMaxSteps(), 1) {
		send := step.GetSend()
		if send == nil {
			return c.unsent(step, fuel), nil
		}
		last, idempotency, err := c.exchange(ctx, send, fuel)
		if err != nil {
			return ending{}, err
		}
		if last.next == nil || last.next.GetSend() == nil {
			return c.end(last, idempotency), nil
		}
		step, fuel = last.next, 0
	}
	return c.end(trial{
		event:   Unanswered,
		failure: unavailable("the plugin's flow took more round trips than its manifest allows"),
	},
		c.plan.idempotency("")), nil
}

// unsent ends a conversation in which the plugin sent nothing.
func (c *conversation) unsent(step *abi.Step, fuel int64) ending {
	if done := step.GetDone(); done.GetVerdict() == abi.Verdict_VERDICT_ACCEPTED {
		return c.end(trial{event: Accepted, outcome: done, fuel: fuel}, c.plan.idempotency(""))
	}
	reject := step.GetReject()
	return c.unable(c.plan.operation.GetName(), trial{fuel: fuel, why: reject.GetMessage(), failure: rejected(reject)})
}

func (c *conversation) unable(operation string, t trial) ending {
	t.event = Unable
	attempt, err := c.begin(operation, nil, nil)
	if err != nil {
		t.why = errors.Join(errors.New(t.why), err).Error()
	} else {
		attempt.SendBefore = time.Time{}
		c.close(attempt, t, egress.Try{})
	}
	return c.end(t, c.plan.idempotency(operation))
}

func (c *conversation) end(last trial, idempotency abi.Idempotency) ending {
	return ending{
		event: last.event, idempotency: idempotency, outcome: last.outcome, failure: last.failure, final: last.final,
		doubt: c.doubt, exhausted: last.exhausted, closed: c.closed, plan: c.plan,
	}
}

// exchange sends one request, as often as the table allows, and says what the last try came to. Each try is an attempt
// of its own, written before it leaves.
func (c *conversation) exchange(ctx context.Context, send *abi.Send,
	fuel int64,
) (last trial, idempotency abi.Idempotency, err error) {
	operation := c.plan.named(send.GetOperation()).GetName()
	if operation == "" {
		operation = send.GetOperation()
	}
	idempotency = c.plan.idempotency(send.GetOperation())
	request, err := c.plan.account.Egress.Render(send.GetRequest())
	if err != nil {
		denied := trial{event: Unable, fuel: fuel, why: err.Error(), failure: unavailable("the request may not leave")}
		c.unable(operation, denied)
		return denied, idempotency, nil
	}
	rendered := renderRequest(request)
	// Where not even the first try is granted, nothing was sent.
	last = trial{event: Unable, fuel: fuel, failure: unavailable("no try was made")}
	for try := range c.plan.account.Egress.Tries(ctx, egress.Exchange{
		Request:    request,
		Lane:       c.plan.lane(idempotency),
		Begun:      c.doubt,
		Resendable: idempotency == abi.Idempotency_IDEMPOTENCY_SAFE,
		Alone:      grave(idempotency),
	}) {
		var attempt *Attempt
		if try.Err == nil {
			begun, err := c.leave(ctx, operation, idempotency, send, rendered)
			if err != nil {
				return trial{}, idempotency, err
			}
			attempt = &begun
			try.Send(begun.SendBefore)
		}
		c.engine.settings.Moment(MomentSent)
		last = c.judge(ctx, send, operation, idempotency, *try)
		last.fuel += fuel
		fuel = 0
		if attempt == nil {
			begun, err := c.begin(operation, send, rendered)
			if err != nil {
				break
			}
			attempt = &begun
		}
		c.close(*attempt, last, *try)
		rule := RuleFor(last.event, idempotency)
		if rule.Retry {
			// The wait before the next try may be long: what is known by now should survive a crash in it.
			_ = c.write(ctx)
		}
		judgement := c.health(last, idempotency, *try)
		judgement.Retry = rule.Retry
		try.Judge(judgement)
	}
	return last, idempotency, nil
}

// leave journals an attempt that is about to be sent.
func (c *conversation) leave(ctx context.Context, operation string, idempotency abi.Idempotency, send *abi.Send,
	rendered json.RawMessage,
) (Attempt, error) {
	if err := c.engine.mayLeave(idempotency); err != nil {
		return Attempt{}, err
	}
	begun, err := c.begin(operation, send, rendered)
	if err != nil {
		return Attempt{}, err
	}
	if err := c.write(ctx, begun); err != nil {
		return Attempt{}, err
	}
	c.engine.settings.Moment(MomentJournalled)
	return begun, nil
}

// judge says what a try came to. It believes what the host saw before what the plugin says.
func (c *conversation) judge(ctx context.Context, send *abi.Send, operation string, idempotency abi.Idempotency,
	try egress.Try,
) trial {
	t := c.read(ctx, send, operation, idempotency, try)
	if grave(idempotency) && (t.event == Unanswered || t.next != nil) {
		c.doubt = true
	}
	if grave(idempotency) && t.event == Accepted && t.next == nil {
		c.doubt = false
	}
	if try.Writes > 1 && idempotency != abi.Idempotency_IDEMPOTENCY_SAFE {
		c.engine.log.ErrorContext(ctx, "one attempt was written more than once",
			slog.String("about", c.about.name()), slog.String("provider", c.plan.account.Name),
			slog.Int("writes", try.Writes))
		c.about.warn("a request was written more than once: look for a second booking")
	}
	return t
}

// grave tells requests that may move money, or tell the payer.
func grave(idempotency abi.Idempotency) bool {
	return idempotency == abi.Idempotency_IDEMPOTENCY_KEYED || idempotency == abi.Idempotency_IDEMPOTENCY_NONE
}

func (c *conversation) read(ctx context.Context, send *abi.Send, operation string, idempotency abi.Idempotency,
	try egress.Try,
) trial {
	if try.Response == nil {
		return silent(try)
	}
	step, fuel, err := c.plan.connector.Interpret(ctx,
		&abi.Interpretation{Call: c.call, State: send.GetState(), Response: try.Response})
	c.burned += fuel
	if err != nil {
		return trial{
			event: Unanswered, fuel: fuel, crashed: true, why: err.Error(),
			failure: unavailable("the plugin could not read the answer"),
		}
	}
	t := c.understand(step, operation, idempotency, try.Response)
	t.fuel = fuel
	return t
}

// silent judges a try without an answer.
func silent(try egress.Try) trial {
	t := trial{event: Unanswered, failure: unavailable("the provider did not answer")}
	if try.Err != nil {
		t.why = try.Err.Error()
	}
	if try.Sent {
		return t
	}
	t.event, t.failure = NotSent, unavailable("the provider cannot be reached")
	t.exhausted = errors.Is(try.Err, egress.ErrExhausted)
	if errors.Is(try.Err, egress.ErrBreakerOpen) || errors.Is(try.Err, egress.ErrHeld) ||
		errors.Is(try.Err, egress.ErrAddressRefused) {
		t.event = Unable
	}
	if _, denied := errors.AsType[*egress.DeniedError](try.Err); denied {
		t.event = Unable
	}
	return t
}

// understand turns a plugin's reading of an answer into an event.
func (c *conversation) understand(step *abi.Step, operation string, idempotency abi.Idempotency,
	response *abi.HttpResponse,
) trial {
	httpStatus := response.GetStatus()
	serverFault := httpStatus >= 500
	switch next := step.GetNext().(type) {
	case *abi.Step_Send:
		if serverFault {
			return trial{
				event: Unanswered, failure: unavailable("the provider failed"),
				why: fmt.Sprintf("HTTP status %d", httpStatus),
			}
		}
		return trial{event: Accepted, next: step, proven: httpStatus < http.StatusBadRequest}
	case *abi.Step_Reject:
		if idempotency == abi.Idempotency_IDEMPOTENCY_SAFE {
			return trial{
				event: Unable, proven: httpStatus < http.StatusBadRequest, failure: rejected(next.Reject),
				why: next.Reject.GetMessage(),
			}
		}
	case *abi.Step_Done:
		return c.conclude(next.Done, operation, idempotency, response)
	}
	return trial{event: Unanswered, crashed: true, failure: unavailable("the plugin gave no outcome")}
}

func (c *conversation) conclude(outcome *abi.Outcome, operation string, idempotency abi.Idempotency,
	response *abi.HttpResponse,
) trial {
	manifest, httpStatus := c.plan.connector.Manifest(), response.GetStatus()
	switch outcome.GetVerdict() {
	case abi.Verdict_VERDICT_ACCEPTED:
		if httpStatus < 200 || httpStatus > 299 {
			break
		}
		if why := c.contradiction(outcome); why != "" {
			return trial{event: Unanswered, why: why, failure: unavailable("the answer contradicts the request")}
		}
		t := trial{event: Accepted, outcome: outcome, proven: true}
		if outcome.GetFailure() != nil {
			_, t.failure = Meaning(c.plan.account.Failures, manifest.GetFailures(), operation, httpStatus,
				outcome.GetFailure())
		}
		return t
	case abi.Verdict_VERDICT_REJECTED:
		return c.rejected(outcome.GetFailure(), operation, idempotency, response)
	case abi.Verdict_VERDICT_UNREADABLE, abi.Verdict_VERDICT_UNSPECIFIED:
	}
	why := outcome.GetFailure().GetMessage()
	if why == "" {
		why = fmt.Sprintf("HTTP status %d", httpStatus)
	}
	return trial{event: Unanswered, why: why, failure: unavailable("the answer could not be read")}
}

// rejected looks up what a rejection amounts to. Where money may have moved, a rejection is believed only with the
// proof that its rule names in the body: a server in front of the provider may have replaced the answer to a request
// that was carried out.
func (c *conversation) rejected(failure *abi.Failure, operation string, idempotency abi.Idempotency,
	response *abi.HttpResponse,
) trial {
	manifest := c.plan.connector.Manifest()
	rule := ruleFor(c.plan.account.Failures, manifest.GetFailures(), operation, response.GetStatus(), failure)
	event, meaning := meant(rule, failure)
	proven := rule != nil && proof.Hold(proof.Of(manifest, rule), response.GetBody())
	if event != Unanswered && !proven && (grave(idempotency) || grave(c.create)) {
		return trial{
			event: Unanswered, failure: unavailable("the answer does not show that the provider itself wrote it"),
			why: fmt.Sprintf("HTTP status %d without proof in its body: %s", response.GetStatus(),
				failure.GetMessage()),
		}
	}
	return trial{
		event: event, failure: meaning, final: rule.GetFinal(), proven: proven, failing: rule != nil &&
			event == Unanswered,
		why: failure.GetMessage(),
	}
}

// contradiction tells what speaks against an answer's being about what was asked; empty where nothing does.
func (c *conversation) contradiction(outcome *abi.Outcome) string {
	if c.about == nil {
		return ""
	}
	return c.about.contradiction(c.plan, c.call, outcome)
}

// begin makes the row of a try that is about to leave. It counts on what it is about, and is written with that.
func (c *conversation) begin(operation string, send *abi.Send, rendered json.RawMessage) (Attempt, error) {
	now := c.engine.now()
	id, err := c.engine.ids.make("att_", now)
	if err != nil {
		return Attempt{}, fmt.Errorf("make an attempt's id: %w", err)
	}
	call, err := c.call.MarshalVT()
	if err != nil {
		return Attempt{}, fmt.Errorf("encode a call: %w", err)
	}
	return Attempt{
		ID: id, PaymentID: c.about.name(), Number: c.about.count(),
		Provider: c.plan.account.Name, Plugin: c.plan.connector.Manifest().GetName(), Digest: c.plan.connector.Digest(),
		Generation: c.plan.connector.Number(),
		Role:       c.plan.purpose(), Operation: operation,
		Idempotency: enumName(c.plan.idempotency(operation).String(), "IDEMPOTENCY_"), Reference: c.call.GetReference(),
		Call: call, State: send.GetState(), Request: rendered, SendBefore: now.Add(c.engine.settings.SendWithin),
		Sent: true, StartedAt: now,
		StartedClock: c.engine.settings.Clock(),
	}, nil
}

func (c *conversation) close(attempt Attempt, t trial, try egress.Try) {
	attempt.Event, attempt.Sent, attempt.Writes = t.event, try.Sent, try.Writes
	attempt.Failure, attempt.Error, attempt.Fuel = t.failure, t.why, t.fuel
	attempt.Abandoned = RuleFor(t.event, c.plan.idempotency(attempt.Operation)).Abandon
	attempt.FinishedAt = c.engine.now()
	if try.Response != nil {
		attempt.Response = c.about.journalled(try.Response, t.outcome)
	}
	c.closed = append(c.closed, attempt)
	c.engine.settings.Observe(attempt)
}

// write saves what the conversation is about with what is closed, and what is about to leave.
func (c *conversation) write(ctx context.Context, opened ...Attempt) error {
	if err := c.about.write(ctx, append(c.closed, opened...)); err != nil {
		return err
	}
	c.closed = nil
	return nil
}

// heldPayment is a payment in its turn, as a conversation about it finds it.
type heldPayment struct {
	turn    *turn
	payment Payment
	// unproven: nothing but an answer that repeats our reference says that it is about this payment.
	unproven bool
	// create is as a conversation's.
	create abi.Idempotency
}

// converse holds one conversation about a payment. closed attempts are written along with its own.
func (h *heldPayment) converse(ctx context.Context, at plan, call *abi.Call, closed []Attempt) (ending, error) {
	c := &conversation{engine: h.turn.Engine, about: h, create: h.create, plan: at, call: call, closed: closed}
	end, err := c.run(ctx)
	end.payment = h.payment
	return end, err
}

func (h *heldPayment) name() string { return h.payment.ID }

func (h *heldPayment) merchant() string { return h.payment.Merchant }

func (h *heldPayment) count() int {
	h.payment.Attempts++
	return h.payment.Attempts
}

func (h *heldPayment) warn(alert string) { h.payment.Alert = alert }

func (h *heldPayment) journalled(response *abi.HttpResponse, _ *abi.Outcome) json.RawMessage {
	return renderResponse(response)
}

func (h *heldPayment) write(ctx context.Context, attempts []Attempt) error {
	saved, err := h.turn.save(ctx, h.payment, attempts...)
	if err == nil {
		h.payment = saved
	}
	return err
}

func (h *heldPayment) contradiction(at plan, call *abi.Call, outcome *abi.Outcome) string {
	// The reference of ours that an answer would repeat: the operation's own, or the create's for operations on what it
	// made.
	expected := call.GetCreateReference()
	if at.role == abi.Role_ROLE_CREATE {
		expected = call.GetReference()
	}
	if h.unproven && (outcome.GetEchoedReference() == "" || outcome.GetEchoedReference() != expected) {
		return "nothing in the answer shows that it is about this payment"
	}
	subject := h.payment
	subject.ProviderReference = call.GetProviderReference()
	why := contradiction(subject, expected, outcome)
	if why != "" {
		h.warn(alertOtherAnswer(at.account.Name, why))
		return why
	}
	if at.account.Name == h.payment.Provider {
		h.payment, why = h.turn.claimed(h.payment, outcome)
	}
	return why
}

func unavailable(message string) *Failure {
	return &Failure{Code: "provider_unavailable", Class: Soft, Message: message}
}

func rejected(reject *abi.Reject) *Failure {
	code := reject.GetCode()
	class, known := ClassOf(code)
	if !known {
		code, class = "unsupported", Soft
	}
	message := reject.GetMessage()
	if reject.GetField() != "" {
		message = reject.GetField() + ": " + message
	}
	return &Failure{Code: code, Class: class, Message: message}
}

// journalRequest and journalResponse are what the journal shows of an exchange, masked.
type journalRequest struct {
	Method  string          `json:"method"`
	URL     string          `json:"url"`
	Headers []journalHeader `json:"headers,omitempty"`
	Body    string          `json:"body,omitempty"`
}

type journalResponse struct {
	Status  uint32          `json:"status"`
	Headers []journalHeader `json:"headers,omitempty"`
	Body    string          `json:"body"`
	// Exact is the body where it is no UTF-8, and Body shows it with holes: a replay needs every byte.
	Exact []byte `json:"body_base64,omitempty"`
}

type journalHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

func renderRequest(request *egress.Request) json.RawMessage {
	shown := journalRequest{Method: request.Method, URL: request.URL, Body: string(request.Body)}
	for _, name := range slices.Sorted(maps.Keys(request.Header)) {
		for _, value := range request.Header[name] {
			shown.Headers = append(shown.Headers, journalHeader{Name: name, Value: value})
		}
	}
	return asJSON(shown)
}

func renderResponse(response *abi.HttpResponse) json.RawMessage {
	shown := journalResponse{Status: response.GetStatus(), Body: string(response.GetBody())}
	if !utf8.Valid(response.GetBody()) {
		shown.Exact = response.GetBody()
	}
	for _, header := range response.GetHeaders() {
		shown.Headers = append(shown.Headers, journalHeader{Name: header.GetName(), Value: header.GetValue()})
	}
	return asJSON(shown)
}

// asJSON encodes strings and numbers, which cannot fail.
func asJSON(shown any) json.RawMessage {
	text, _ := json.Marshal(shown) //nolint:errchkjson // see above
	return text
}
