package payment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/money"
)

// ErrContradiction means that a report cannot be about the payment that it names. It changes nothing.
var ErrContradiction = errors.New("the report contradicts the payment")

// Report is what a provider reports of a payment without being asked.
type Report struct {
	// PaymentID is the payment that the report was brought to the address of; empty where the address is not a
	// payment's own.
	PaymentID string
	// Reference is ours, ProviderReference theirs, of the payment that the report is about. One of them has to be
	// there, or PaymentID.
	Reference         string
	ProviderReference string
	// Outcome is the report's content, where it is proved to be the provider's. Nil: it is not proved, and
	// the provider is asked.
	Outcome *abi.Outcome
	// CallbackID is the callback that brought it.
	CallbackID string
}

// Find is the payment that a report of an account's provider is about. ErrNotFound where there is none, ErrAmbiguous
// where there are several, ErrContradiction where its references, or the address that it was brought to, name two.
func (e *Engine) Find(ctx context.Context, provider string, report Report) (Payment, error) {
	p, err := e.named(ctx, provider, report)
	switch {
	case report.PaymentID == "" || (err != nil && !errors.Is(err, ErrNotFound)):
		return p, err
	case err != nil:
		return e.journal.Payment(ctx, report.PaymentID)
	case p.ID != report.PaymentID:
		return Payment{},
			fmt.Errorf("find the payment of a report by %s: it names %s and was brought to %s: %w", provider, p.ID,
				report.PaymentID, ErrContradiction)
	}
	return p, nil
}

// named is the payment that a report's references name.
func (e *Engine) named(ctx context.Context, provider string, report Report) (Payment, error) {
	byOurs, err := e.found(ctx, provider, report.Reference, e.journal.PaymentByReference)
	if err != nil {
		return Payment{}, err
	}
	byTheirs, err := e.found(ctx, provider, report.ProviderReference, e.journal.PaymentByProviderReference)
	if err != nil {
		return Payment{}, err
	}
	switch {
	case byOurs != nil && byTheirs != nil && byOurs.ID != byTheirs.ID:
		return Payment{},
			fmt.Errorf("find the payment of a report by %s: its references name %s and %s: %w", provider, byOurs.ID,
				byTheirs.ID, ErrContradiction)
	case byOurs != nil:
		return *byOurs, nil
	case byTheirs != nil:
		return *byTheirs, nil
	}
	return Payment{}, fmt.Errorf("find the payment of a report by %s: %w", provider, ErrNotFound)
}

// found is nil where a reference is empty or names nothing.
func (e *Engine) found(ctx context.Context, provider, reference string,
	find func(context.Context, string, string) (Payment, error),
) (*Payment, error) {
	if reference == "" {
		return nil, nil //nolint:nilnil // no reference names no payment
	}
	p, err := find(ctx, provider, reference)
	if errors.Is(err, ErrNotFound) {
		return nil, nil //nolint:nilnil // the other reference may
	}
	if err != nil {
		return nil, err
	}
	return &p, nil
}

// Report settles a provider's report on a payment, under the payment's lock: after the create that may still be under
// way, and after what came before. A repetition changes nothing. The error is one of Find's,
// ErrContradiction, or a look-up's.
func (e *Engine) Report(ctx context.Context, provider string, report Report) (Payment, error) {
	p, err := e.Find(ctx, provider, report)
	if errors.Is(err, ErrContradiction) && report.Outcome != nil {
		err = errors.Join(err, e.showContradiction(ctx, provider, report))
	}
	if err != nil {
		return Payment{}, err
	}
	return e.withLock(ctx, "", p.ID, ChangeCause{Cause: ByCallback, CallbackID: report.CallbackID},
		func(ctx context.Context, s *session, p Payment) (Payment, error) {
			return s.report(ctx, p, provider, report)
		})
}

func (s *session) report(ctx context.Context, p Payment, provider string, report Report) (Payment, error) {
	theirs := report.ProviderReference
	if theirs == "" {
		theirs = report.Outcome.GetProviderReference()
	}
	if p.Provider != provider || (theirs != "" && p.ProviderReference != "" && theirs != p.ProviderReference) {
		return s.onOrphanReport(ctx, p, provider, theirs, report.Outcome)
	}
	if report.Outcome == nil || statusUnknown(report.Outcome) {
		return s.follow(ctx, p, theirs)
	}
	if report.Outcome.GetVerdict() != abi.Verdict_VERDICT_ACCEPTED {
		return p, fmt.Errorf("report on %s: it has no status: %w", p.ID, ErrContradiction)
	}
	attempts, err := s.journal.Attempts(ctx, p.ID)
	if err != nil {
		return p, err
	}
	create, _ := lastCreate(attempts, provider)
	why := contradiction(p, create.Reference, report.Outcome)
	if why == "" && !madeUnder(attempts, provider, report.Reference) {
		why = fmt.Sprintf("it is about reference %q, not %q", report.Reference, create.Reference)
	}
	if why != "" {
		return s.contradicted(ctx, p, provider, why)
	}
	if p, why = s.claimed(p, report.Outcome); why != "" {
		if p, err = s.keep(ctx, p); err != nil {
			return p, err
		}
		return p, fmt.Errorf("report on %s: %s: %w", p.ID, why, ErrContradiction)
	}
	return s.keep(ctx, settle(p, report.Outcome, s.failureOf(p, report.Outcome), s.now()))
}

// follow asks the provider after a report that is not proved. A provider that does not know what it has just
// reported on, or cannot say where it stands, has answered nothing: it is an error, so that the report is not taken for
// settled.
//
// Where the payment's own reference at the provider is not known, the object that the report names is looked up; the
// payment itself is too, where that object is not shown to be the payment's and the provider finds payments by our
// reference.
func (s *session) follow(ctx context.Context, p Payment, theirs string) (Payment, error) {
	if theirs != "" && p.ProviderReference == "" {
		asked, err := s.followOne(ctx, p, theirs)
		at, unable := s.planFor(p, abi.Role_ROLE_LOOKUP, "")
		over := err == nil || errors.Is(err, attempt.ErrJournal) || asked.ProviderReference != ""
		if over || unable != nil || !at.Operation.GetFindsByReference() {
			return asked, err
		}
		p = asked
	}
	return s.followOne(ctx, p, "")
}

func (s *session) followOne(ctx context.Context, p Payment, named string) (Payment, error) {
	asked, end, err := s.ask(ctx, p, named)
	if err == nil && asked.Provider == p.Provider {
		err = lookupError(p.Provider, end)
	}
	return asked, err
}

// statusUnknown reports an outcome that is no answer: the provider has the object, and does not say what became of it.
func statusUnknown(outcome *abi.Outcome) bool {
	return outcome.GetVerdict() == abi.Verdict_VERDICT_ACCEPTED && statusOf(outcome.GetStatus()) == Unknown
}

// lookupError is an error where a look-up after a report answered nothing. It is nil where nothing was asked.
func lookupError(provider string, end ending) error {
	switch end.Event {
	case "":
		return nil
	case attempt.Accepted:
		if statusUnknown(end.Outcome) {
			return fmt.Errorf("%s cannot tell what became of what it has reported on: %w", provider,
				attempt.ErrUnanswered)
		}
		return nil
	case attempt.NotFound:
		return fmt.Errorf("%s does not know what it has reported on: %w", provider, attempt.ErrUnanswered)
	case attempt.NotSent, attempt.Unable, attempt.Refused, attempt.Unanswered, attempt.DeclinedSoft,
		attempt.DeclinedHard, attempt.Duplicate:
	}
	return end.Err()
}

// failureOf is a reported failure in the router's words.
func (s *session) failureOf(p Payment, outcome *abi.Outcome) *attempt.Failure {
	if outcome.GetFailure() == nil {
		return nil
	}
	const ok = 200
	account, known := s.fleet.Accounts[p.Provider]
	if !known {
		_, failure := attempt.Meaning(nil, nil, "", ok, outcome.GetFailure())
		return failure
	}
	operation := ""
	if at, able := account.Plan(p.ID, p.Kind.ABI(), abi.Role_ROLE_LOOKUP, ""); able {
		operation = at.Operation.GetName()
	}
	_, failure := attempt.Meaning(account.Failures, account.Plugin(p.ID).Manifest().GetFailures(), operation, ok,
		outcome.GetFailure())
	return failure
}

// onOrphanReport handles a provider's word on what is not the payment as it stands: an object that an earlier try left
// behind, here or at another provider. Nobody was to be able to pay it; if somebody did, money is somewhere it should
// not be. One that is not proved is asked after.
func (s *session) onOrphanReport(ctx context.Context, p Payment, provider, theirs string,
	outcome *abi.Outcome,
) (Payment, error) {
	if outcome == nil {
		end, _, err := s.inquire(ctx, p, provider, theirs)
		if err != nil {
			return p, err
		}
		p = end.payment
		if len(end.Closed) > 0 {
			if p, err = s.save(ctx, p, end.Closed...); err != nil {
				return p, err
			}
		}
		if err := lookupError(provider, end); err != nil {
			return p, err
		}
		outcome = end.Outcome
	}
	if outcome.GetVerdict() != abi.Verdict_VERDICT_ACCEPTED {
		return p, nil
	}
	status := statusOf(outcome.GetStatus())
	moved := money.Moved(outcome)
	if status.ended() && !moved {
		return p, nil
	}
	if p.AbandonedFound && (p.MoneyConflict || !moved) {
		return p, nil
	}
	p.AbandonedFound, p.MoneyConflict = true, p.MoneyConflict || moved
	p = p.alerted(codeOrphan, fmt.Sprintf(
		"%s reports on what an earlier try had left behind there: look for a second payment", provider))
	s.log.ErrorContext(ctx, "a provider reports on what was left behind", slog.String("payment", p.ID),
		slog.String("provider", provider),
		slog.Bool("moved", moved))
	return s.save(ctx, p)
}
