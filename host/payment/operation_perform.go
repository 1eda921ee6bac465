package payment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/schema"
)

// alertUnsettled is what a run says of which nobody knows what became of it.
const alertUnsettled = "it was sent, and nobody knows what became of it: look at the provider, and let an operator " +
	"resolve it"

// OperationRequest is what a caller asks an account to do.
type OperationRequest struct {
	Provider  string
	Operation string
	// Input is a JSON object; empty is one without members.
	Input []byte
	// Cursor is the page that is asked for, where the operation has pages.
	Cursor string
}

// RunReceipt is what became of a OperationRequest.
type RunReceipt struct {
	// Run is zero where Earlier was a payment's.
	Run Run
	// Earlier is set where the key had been used before: nothing was done.
	Earlier *Key
	// Waiting: the run is still on its way.
	Waiting bool
	// Answer is what the key is answered with from now on, where that is written already.
	Answer *Answer
}

// Perform has an account do something under an idempotency key, and waits for its end until ctx ends or patience runs
// out. Run and key are journalled before anything leaves, and each try before it does; what may be tried again is what
// the table says, and a run never goes to another account. What cannot be begun leaves nothing behind: ErrNoOperation,
// *InvalidErrors joined, ErrShuttingDown, ErrJournal.
func (e *Engine) Perform(ctx context.Context, merchant string, key Key, what OperationRequest,
	patience time.Duration,
) (RunReceipt, error) {
	if e.settings.Runs == nil {
		return RunReceipt{}, errNoRuns
	}
	fleet := e.hold()
	run, one, earlier, err := e.openRun(context.WithoutCancel(ctx), fleet, merchant, key, what)
	if err != nil || earlier != nil {
		fleet.release()
	}
	if err != nil {
		// A repetition is answered, whatever has become of the account and the journal's disk.
		if earlier, _ = e.journal.Key(ctx, merchant, key.Value); earlier == nil {
			return RunReceipt{}, err
		}
	}
	if earlier != nil {
		return e.repeatedRun(ctx, earlier)
	}
	go e.driveRun(one, fleet, run)
	return e.awaitRun(ctx, one, run, patience)
}

// openRun journals a new run with its key, and announces its drive. Nothing is announced where the key was used in the
// meantime.
func (e *Engine) openRun(ctx context.Context, fleet *Fleet, merchant string, key Key,
	what OperationRequest,
) (run Run, one *drive, earlier *Key, err error) {
	if err := e.settings.Hold(); err != nil {
		return run, nil, nil, err
	}
	run, err = e.draftRun(fleet, merchant, what)
	if err != nil {
		return run, nil, nil, err
	}
	key.Merchant, key.PaymentID, key.CreatedAt = merchant, run.ID, run.CreatedAt
	if one, err = e.reserve(run.ID); err != nil {
		return run, nil, nil, err
	}
	if earlier, err = e.settings.Runs.CreateRun(ctx, run, key); err != nil || earlier != nil {
		e.release(run.ID, one)
	}
	return run, one, earlier, err
}

func (e *Engine) draftRun(fleet *Fleet, merchant string, what OperationRequest) (Run, error) {
	if e.settings.Exhausted() != nil {
		return Run{}, ErrExhausted
	}
	now := e.now()
	id, err := e.ids.make(runPrefix, now)
	if err != nil {
		return Run{}, fmt.Errorf("make a run's id: %w", err)
	}
	at, err := fleet.native(what.Provider, id, what.Operation)
	if err != nil {
		return Run{}, err
	}
	if len(what.Input) == 0 {
		what.Input = []byte("{}")
	}
	if err := fleet.checkInput(at, what.Input); err != nil {
		return Run{}, err
	}
	return Run{
		ID: id, Merchant: merchant, Provider: what.Provider, Plugin: at.connector.Manifest().GetName(),
		Operation:   what.Operation,
		Idempotency: enumName(at.described().Idempotency.String(), "IDEMPOTENCY_"), Status: RunProcessing,
		Input: what.Input, From: what.Cursor,
		CreatedAt: now, UpdatedAt: now, Version: 1, MadeClock: e.settings.Clock(),
	}, nil
}

func (e *Engine) repeatedRun(ctx context.Context, earlier *Key) (RunReceipt, error) {
	run, err := e.settings.Runs.Run(ctx, earlier.PaymentID)
	if errors.Is(err, ErrNoRun) {
		return RunReceipt{Earlier: earlier}, nil // it is a payment's
	}
	if err != nil {
		return RunReceipt{}, err
	}
	return RunReceipt{Run: run, Earlier: earlier, Waiting: e.driving(run.ID)}, nil
}

func (e *Engine) awaitRun(ctx context.Context, one *drive, run Run, patience time.Duration) (RunReceipt, error) {
	if one.wait(ctx, patience) && !errors.Is(one.err, ErrExhausted) {
		return RunReceipt{Run: one.run, Answer: one.answer}, one.err
	}
	current, err := e.settings.Runs.Run(context.WithoutCancel(ctx), run.ID)
	if err != nil {
		return RunReceipt{}, err
	}
	return RunReceipt{Run: current, Waiting: e.driving(current.ID) || errors.Is(one.failed(), ErrExhausted)}, nil
}

// driveRun takes a run to its end, and gives back the fleet that it began with.
func (e *Engine) driveRun(one *drive, fleet *Fleet, run Run) {
	defer e.release(run.ID, one)
	defer fleet.release()
	one.run = run
	unlock, err := e.acquire(e.base, run.ID)
	if err != nil {
		one.err = err
		return
	}
	defer unlock()
	held := &heldRun{engine: e, fleet: fleet, run: run, answer: func(run Run) *Answer {
		if e.settings.RunAnswer == nil {
			return nil
		}
		return one.tell(func() Answer { return e.settings.RunAnswer(run) })
	}}
	one.err = held.perform(e.base)
	e.settings.Moment(MomentSettled)
	if one.err != nil {
		one.answer = nil
		e.log.ErrorContext(e.base, "a run stays as the journal has it", slog.String("run", run.ID),
			slog.Any("error", one.err))
		return
	}
	one.run = held.run
}

// heldRun is a run whose lock is held, as it stands, and as a conversation about it finds it.
type heldRun struct {
	engine *Engine
	fleet  *Fleet
	run    Run
	// at is how it is performed, once it is.
	at plan
	// claim is of the object that the next change names.
	claim *Claim
	// carried: a request of it had our reference in it, and so an answer may repeat it.
	carried bool
	// answer is what a caller who waits for the end will be told; nil where nobody does.
	answer func(run Run) *Answer
}

// perform has the operation's conversation, and writes what it came to. Its error wraps ErrJournal, or is the end of
// ctx.
func (h *heldRun) perform(ctx context.Context) error {
	at, err := h.fleet.native(h.run.Provider, h.run.ID, h.run.Operation)
	if err != nil {
		h.run.Status, h.run.Failure = RunFailed, &Failure{Code: "unsupported", Class: Soft, Message: err.Error()}
		return h.conclude(ctx, nil)
	}
	h.at = at
	end, err := h.engine.whileExhausted(ctx, func(closed []Attempt) (ending, error) {
		return (&conversation{engine: h.engine, about: h, plan: at, call: h.call(), closed: closed}).run(ctx)
	}, nil)
	if errors.Is(err, ErrExhausted) {
		return errors.Join(err, h.save(ctx, end.closed, nil))
	}
	if err != nil {
		return err
	}
	h.settle(end)
	return h.conclude(ctx, end.closed)
}

// call is what the plugin is asked to do. It is the same on every resend but for the time.
func (h *heldRun) call() *abi.Call {
	at, name := h.at, h.at.operation.GetName()
	return &abi.Call{
		Operation: name, Input: h.run.Input, Settings: at.account.Settings, Cursor: h.run.From,
		NowMs:     h.engine.now().UnixMilli(),
		Reference: reference(at.operation.GetReference(), h.run.ID, at.account.Name, name),
		Seed:      seed(h.run.ID, at.account.Name, name),
	}
}

// settle applies what a conversation came to. There is no other provider to go on to.
func (h *heldRun) settle(end ending) {
	h.run.Failure = end.failure
	switch resolution := end.resolution(h.at.operation); {
	case end.event == NotFound && !end.doubt:
		// Of a payment's own object that would be odd. What a caller names may just not be there, and then nothing was
		// done with it.
		h.run.Status = RunFailed
	case resolution == Stay:
		h.accept(end)
	case resolution == HoldUnknown:
		h.run.Status = RunUnknown
	default:
		h.run.Status = RunFailed
		if h.run.Failure == nil {
			h.run.Failure = unavailable("the provider could not be asked")
		}
	}
	if h.run.Status == RunUnknown && h.run.Alert == "" {
		h.run.Alert = alertUnsettled
	}
}

// accept takes the provider's word. A native operation has no status as a rule: what the provider took has succeeded.
func (h *heldRun) accept(end ending) {
	output, err := h.fleet.shown(h.at, end.outcome.GetOutput())
	if err != nil {
		h.engine.log.Error("a run's output is not shown", slog.String("run", h.run.ID), slog.Any("error", err))
	}
	h.run.Output, h.run.Cursor, h.run.ProviderReference = output, end.outcome.GetCursor(), end.outcome.GetProviderReference()
	h.claim = h.claimOf(h.at, h.run.ProviderReference)
	if alert := end.outcome.GetAlert(); alert != "" {
		h.run.Alert = alert
	}
	switch end.outcome.GetStatus() {
	case abi.Status_STATUS_FAILED:
		h.run.Status = RunFailed
	case abi.Status_STATUS_UNKNOWN:
		h.run.Status = RunUnknown
	default:
		h.run.Status, h.run.Failure = RunSucceeded, nil
	}
}

// conclude writes the run's end, with what its caller will be told.
func (h *heldRun) conclude(ctx context.Context, attempts []Attempt) error {
	return h.save(ctx, attempts, h.answer)
}

func (h *heldRun) save(ctx context.Context, attempts []Attempt, answer func(Run) *Answer) error {
	next := h.run
	next.Version++
	next.UpdatedAt = h.engine.now()
	change := RunChange{Run: next, Attempts: attempts, Claim: h.claim}
	if answer != nil {
		change.Answer = answer(next)
	}
	if err := h.engine.settings.Runs.SaveRun(ctx, change); err != nil {
		return err
	}
	h.run, h.claim = next, nil
	return nil
}

func (h *heldRun) name() string { return h.run.ID }

func (h *heldRun) merchant() string { return h.run.Merchant }

func (h *heldRun) count() int {
	h.run.Attempts++
	return h.run.Attempts
}

func (h *heldRun) warn(alert string) { h.run.Alert = alert }

// journalled lacks what the operation's schema says that nobody is to see of its output.
func (h *heldRun) journalled(response *abi.HttpResponse, outcome *abi.Outcome) json.RawMessage {
	shown := &abi.HttpResponse{Status: response.GetStatus(), Headers: response.GetHeaders(), Body: response.GetBody()}
	const telling = 8 // what is shorter stands for itself between quotes alone: it may be part of anything
	for _, hidden := range h.fleet.hidden(h.at, outcome.GetOutput()) {
		shown.Body = bytes.ReplaceAll(shown.Body, []byte(`"`+hidden+`"`), []byte(`"`+schema.Masked+`"`))
		if len(hidden) >= telling {
			shown.Body = bytes.ReplaceAll(shown.Body, []byte(hidden), []byte(schema.Masked))
		}
	}
	return renderResponse(shown)
}

func (h *heldRun) write(ctx context.Context, attempts []Attempt) error {
	for _, a := range attempts {
		h.carried = h.carried || a.Open() && carries(a.Request, a.Reference)
	}
	return h.save(ctx, attempts, nil)
}

// carries reports whether a rendered request has a reference of ours in its URL, a header or its body, as it is or
// escaped for its place.
func carries(request json.RawMessage, reference string) bool {
	if reference == "" {
		return false
	}
	var shown journalRequest
	if json.Unmarshal(request, &shown) != nil {
		return false
	}
	places := []string{shown.URL, shown.Body}
	for _, header := range shown.Headers {
		places = append(places, header.Value)
	}
	inJSON := strings.Trim(string(asJSON(reference)), `"`)
	return slices.ContainsFunc(places, func(place string) bool {
		return strings.Contains(place, reference) || strings.Contains(place, url.QueryEscape(reference)) ||
			strings.Contains(place, inJSON)
	})
}

// contradiction looks at the references alone. Ours is compared where a request carried it: the reference in any other
// answer is of the object that the input names, and was given to it by whoever made it. The caller may have named one
// of his own in the input: then the answer repeats that.
func (h *heldRun) contradiction(at plan, call *abi.Call, outcome *abi.Outcome) string {
	echoed := outcome.GetEchoedReference()
	if echoed == "" || !h.carried || echoed == call.GetReference() ||
		strings.Contains(string(call.GetInput()), echoed) {
		return h.claimed(at, outcome)
	}
	return fmt.Sprintf("the answer is about reference %q, not %q", echoed, call.GetReference())
}
