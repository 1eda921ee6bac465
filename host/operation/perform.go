package operation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/attempt/recorded"
	"payrouter/host/identity"
	"payrouter/host/money"
	"payrouter/host/schema"
)

// alertUnsettled is the alert of a run whose outcome is not known.
const alertUnsettled = "it was sent, and nobody knows what became of it: look at the provider, and let an operator " +
	"resolve it"

// Request is what a caller asks an account to do.
type Request struct {
	Provider  string
	Operation string
	// Input is a JSON object; empty is one without members.
	Input []byte
	// Cursor is the page that is asked for, where the operation has pages.
	Cursor string
}

// Perform has an account do something under an idempotency key, and waits for its end until ctx ends or a timeout has
// passed. Run and key are journalled before anything leaves, and each try before it does; what may be tried again is
// what the table of package attempt allows, and a run never goes to another account. What cannot be begun leaves
// nothing behind: ErrNoOperation, *invalid.Errors joined, ErrShuttingDown, ErrJournal.
//
// A run that needs a person's approval is journalled, and not sent: see Approve.
func (s *Service) Perform(ctx context.Context, author approval.Author, key attempt.Key, what Request,
	timeout time.Duration,
) (attempt.Receipt[Run], error) {
	fleet, release := s.fleets.Hold()
	return attempt.Once(ctx, s.driver, attempt.Request[Run]{
		Kind: attempt.OfRun, ID: Run.OwnerID,
		Open: func(ctx context.Context) (Run, *attempt.Flight, *attempt.Key, error) {
			run, flight, earlier, err := s.open(ctx, fleet, author, key, what)
			if err != nil || earlier != nil {
				release()
			}
			return run, flight, earlier, err
		},
		Fly: func(run Run, flight *attempt.Flight) (Run, error) {
			defer release()
			return s.drive(flight, fleet, run)
		},
		Key:  func(ctx context.Context) (*attempt.Key, error) { return s.keys.Key(ctx, author.Merchant, key.Value) },
		Read: func(ctx context.Context, id attempt.OwnerID) (Run, error) { return s.runs.Run(ctx, string(id)) },
	}, timeout)
}

// open journals a new run with its key, and reserves its flight. Nothing is reserved where the key was used in the
// meantime.
func (s *Service) open(ctx context.Context, fleet *attempt.Fleet, author approval.Author, key attempt.Key,
	what Request,
) (run Run, flight *attempt.Flight, earlier *attempt.Key, err error) {
	if err := s.driver.Settings.Hold(); err != nil {
		return run, nil, nil, err
	}
	run, err = s.draft(fleet, author, what)
	if err != nil {
		return run, nil, nil, err
	}
	key.Merchant, key.Owner, key.CreatedAt = run.Merchant, run.OwnerID(), run.CreatedAt
	if run.Status == AwaitingApproval && s.settings.Answer != nil {
		answer := s.settings.Answer(run)
		key.Status, key.Body = answer.Status, answer.Body
	}
	if flight, err = s.driver.Reserve(run.OwnerID()); err != nil {
		return run, nil, nil, err
	}
	if earlier, err = s.runs.CreateRun(ctx, run, key); err != nil || earlier != nil {
		s.driver.Land(run.OwnerID(), flight)
	}
	return run, flight, earlier, err
}

func (s *Service) draft(fleet *attempt.Fleet, author approval.Author, what Request) (Run, error) {
	if s.driver.Settings.Exhausted() != nil {
		return Run{}, attempt.ErrExhausted
	}
	id, err := s.driver.NewID(string(attempt.OfRun))
	if err != nil {
		return Run{}, fmt.Errorf("make a run's id: %w", err)
	}
	at, err := fleet.Native(what.Provider, id, what.Operation)
	if err != nil {
		return Run{}, err
	}
	if len(what.Input) == 0 {
		what.Input = []byte("{}")
	}
	if err := at.CheckInput(what.Input); err != nil {
		return Run{}, err
	}
	now := s.driver.Now()
	run := Run{
		ID: id, Merchant: author.Merchant, Key: author.Key, Provider: what.Provider,
		Plugin:    at.Connector.Manifest().GetName(),
		Operation: what.Operation, Idempotency: attempt.IdempotencyOf(at.Idempotency("")), Status: Processing,
		Input: what.Input, From: what.Cursor,
		CreatedAt: now, UpdatedAt: now, Version: 1, MadeClock: s.driver.Settings.Clock(),
	}
	if run.Approval = s.settings.Approval(run.Merchant, at, now); run.Approval != nil {
		run.Status = AwaitingApproval
	}
	return run, nil
}

// drive takes a run to its end.
func (s *Service) drive(flight *attempt.Flight, fleet *attempt.Fleet, run Run) (Run, error) {
	answer := func(run Run) *attempt.Answer {
		if s.settings.Answer == nil {
			return nil
		}
		return flight.Reply(func() attempt.Answer { return s.settings.Answer(run) })
	}
	if run.Status == AwaitingApproval {
		_ = answer(run)
		return run, nil
	}
	unlock, err := s.driver.Lock(s.driver.Base, run.OwnerID())
	if err != nil {
		return run, err
	}
	defer unlock()
	held := &heldRun{service: s, fleet: fleet, run: run, answer: answer}
	err = held.perform(s.driver.Base)
	s.driver.Settings.Moment(attempt.MomentSettled)
	if err != nil {
		flight.Answer = nil
		s.driver.Log.ErrorContext(s.driver.Base, "a run stays as the journal has it", slog.String("run", run.ID),
			slog.Any("error", err))
		return run, err
	}
	return held.run, nil
}

// heldRun is a run whose lock is held, as it stands, and as a flow about it finds it.
type heldRun struct {
	service *Service
	fleet   *attempt.Fleet
	run     Run
	// at is how it is performed, once it is.
	at attempt.Plan
	// claim is of the object that the next change names.
	claim *attempt.Claim
	// carried: a request of it had our reference in it, and so an answer may repeat it.
	carried bool
	// answer is what a caller who waits for the end gets; nil where none waits.
	answer func(run Run) *attempt.Answer
}

// perform runs the operation's flow, and writes its outcome. Its error wraps ErrJournal, or is the end of
// ctx.
func (h *heldRun) perform(ctx context.Context) error {
	at, err := h.fleet.Native(h.run.Provider, h.run.ID, h.run.Operation)
	if err != nil {
		h.run.Status, h.run.Failure = Failed, &attempt.Failure{
			Code: "unsupported", Class: attempt.Soft,
			Message: err.Error(),
		}
		return h.conclude(ctx, nil)
	}
	h.at = at
	end, err := h.service.driver.WhileExhausted(ctx, func(closed []attempt.Attempt) (attempt.Ending, error) {
		return (&attempt.Flow{
			Driver: h.service.driver, Owner: h, Plan: at, Call: h.call(), Closed: closed,
			Matches: func(outcome *abi.Outcome) string { return h.contradiction(at, outcome) },
		}).Run(ctx)
	}, nil)
	if errors.Is(err, attempt.ErrExhausted) {
		return errors.Join(err, h.save(ctx, end.Closed, nil))
	}
	if err != nil {
		return err
	}
	h.settle(end)
	return h.conclude(ctx, end.Closed)
}

// call is what the plugin is asked to do. It is the same on every resend but for the time.
func (h *heldRun) call() *abi.Call {
	at, name := h.at, h.at.Operation.GetName()
	return &abi.Call{
		Operation: name, Input: h.run.Input, Settings: at.Account.Settings, Cursor: h.run.From,
		NowMs:     h.service.driver.Now().UnixMilli(),
		Reference: identity.Reference(at.Operation.GetReference(), h.run.ID, at.Account.Name, name),
		Seed:      identity.Seed(h.run.ID, at.Account.Name, name),
	}
}

// settle applies a flow's outcome. There is no other provider to go on to.
func (h *heldRun) settle(end attempt.Ending) {
	h.run.Failure = end.Failure
	switch resolution := end.Resolution(h.at.Operation); {
	case end.Event == attempt.NotFound && !end.Doubt:
		// Of a payment's own object that would be odd. What a caller names may just not be there, and then nothing was
		// done with it.
		h.run.Status = Failed
	case resolution == attempt.Stay:
		h.accept(end)
	case resolution == attempt.HoldUnknown:
		h.run.Status = Unknown
	default:
		h.run.Status = Failed
		if h.run.Failure == nil {
			h.run.Failure = attempt.Unavailable("the provider could not be asked")
		}
	}
	if h.run.Status == Unknown {
		h.unknown(h.run.Failure, alertUnsettled)
	}
}

// accept takes the provider's word. A native operation has no status as a rule: what the provider took has succeeded.
func (h *heldRun) accept(end attempt.Ending) {
	output, err := h.at.Shown(end.Outcome.GetOutput())
	if err != nil {
		h.service.driver.Log.Error("a run's output is not shown", slog.String("run", h.run.ID), slog.Any("error", err))
	}
	h.run.Output, h.run.Cursor = output, end.Outcome.GetCursor()
	h.run.ProviderReference = end.Outcome.GetProviderReference()
	h.claim = h.claimOf(h.at, h.run.ProviderReference)
	if alert := end.Outcome.GetAlert(); alert != "" {
		h.run.Alert = alert
	}
	switch end.Outcome.GetStatus() {
	case abi.Status_STATUS_FAILED:
		h.run.Status = Failed
	case abi.Status_STATUS_UNKNOWN:
		h.run.Status = Unknown
	default:
		h.run.Status, h.run.Failure = Succeeded, nil
	}
}

// conclude writes the run's end, with its caller's answer.
func (h *heldRun) conclude(ctx context.Context, attempts []attempt.Attempt) error {
	return h.save(ctx, attempts, h.answer)
}

func (h *heldRun) save(ctx context.Context, attempts []attempt.Attempt, answer func(Run) *attempt.Answer) error {
	next := h.run
	next.Version++
	next.UpdatedAt = h.service.driver.Now()
	change := Change{Run: next, Attempts: attempts, Claim: h.claim}
	if answer != nil {
		change.Answer = answer(next)
	}
	if err := h.service.runs.SaveRun(ctx, change); err != nil {
		return err
	}
	h.run, h.claim = next, nil
	return nil
}

// The methods of attempt.Owner.

func (h *heldRun) ID() attempt.OwnerID { return h.run.OwnerID() }

func (h *heldRun) Merchant() string { return h.run.Merchant }

func (h *heldRun) Count() int {
	h.run.Attempts++
	return h.run.Attempts
}

func (h *heldRun) Warn(alert string) { h.run.Alert = alert }

// Recorded lacks what the operation's schema marks as secret in its output.
func (h *heldRun) Recorded(response *abi.HttpResponse, outcome *abi.Outcome) json.RawMessage {
	shown := &abi.HttpResponse{Status: response.GetStatus(), Headers: response.GetHeaders(), Body: response.GetBody()}
	const telling = 8 // what is shorter stands for itself between quotes alone: it may be part of anything
	for _, hidden := range h.at.Secrets(outcome.GetOutput()) {
		shown.Body = bytes.ReplaceAll(shown.Body, []byte(`"`+hidden+`"`), []byte(`"`+schema.Masked+`"`))
		if len(hidden) >= telling {
			shown.Body = bytes.ReplaceAll(shown.Body, []byte(hidden), []byte(schema.Masked))
		}
	}
	return recorded.Response(shown)
}

func (h *heldRun) Write(ctx context.Context, attempts []attempt.Attempt) error {
	for _, a := range attempts {
		h.carried = h.carried || a.Open() && recorded.Carries(a.Request, a.Reference)
	}
	return h.save(ctx, attempts, nil)
}

// contradiction looks at the references alone. Ours is compared where a request carried it: the reference in any other
// answer is of the object that the input names, and was given to it by whoever made it. The caller may have named one
// of his own in the input: then the answer repeats that.
func (h *heldRun) contradiction(at attempt.Plan, outcome *abi.Outcome) string {
	echoed := outcome.GetEchoedReference()
	if echoed == "" || !h.carried || echoed == h.call().GetReference() ||
		strings.Contains(string(h.run.Input), echoed) {
		return h.claimed(at, outcome)
	}
	return fmt.Sprintf("the answer is about reference %q, not %q", echoed, h.call().GetReference())
}

// claimOf is what a run claims by an answer that names an object; nil where the run does not make such objects, or
// where the answer names none.
func (h *heldRun) claimOf(at attempt.Plan, reference string) *attempt.Claim {
	object := at.Makes()
	if reference == "" || object == "" {
		return nil
	}
	return &attempt.Claim{Account: h.run.Provider, Object: object, Reference: reference, Owner: h.run.OwnerID()}
}

// claimed claims the object that an answer names; it returns what contradicts that.
func (h *heldRun) claimed(at attempt.Plan, outcome *abi.Outcome) (why string) {
	claim := h.claimOf(at, outcome.GetProviderReference())
	if claim == nil {
		return ""
	}
	why, alert := h.service.driver.Claim(*claim, money.Moved(outcome))
	if alert != "" {
		h.run.Alert = alert
	}
	return why
}
