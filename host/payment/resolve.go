package payment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"payrouter/host/attempt"
	"payrouter/host/invalid"
)

// ManualResolution is an operator's decision on the outcome of a payment that no provider reports.
type ManualResolution struct {
	// Operator is who decides; Reason is why, for readers of the timeline.
	Operator string
	Reason   string
	// Status is terminal.
	Status Status
	// ProviderReference is the provider's, where it was found out.
	ProviderReference string
}

func (r ManualResolution) check(p Payment) error {
	var problems []error
	refuse := func(field, reason string) { problems = append(problems, &invalid.Error{Field: field, Reason: reason}) }
	if !r.Status.Terminal() {
		refuse("/status",
			fmt.Sprintf("must be one of succeeded, failed, canceled, expired; got %q", invalid.Clip(string(r.Status))))
	}
	if r.Reason == "" {
		refuse("/reason", "is missing: say how you know")
	} else if reason := invalid.Text(r.Reason, maxDescription); reason != "" {
		refuse("/reason", reason)
	}
	if reason := invalid.Text(r.ProviderReference, maxReference); reason != "" {
		refuse("/provider_reference", reason)
	} else if r.ProviderReference != "" && p.ProviderReference != "" && r.ProviderReference != p.ProviderReference {
		refuse("/provider_reference", fmt.Sprintf("the payment has another: %q", p.ProviderReference))
	}
	return errors.Join(problems...)
}

// Resolve settles a payment by a person's word, whoever's payment it is. A terminal payment, and one that was never
// sent, is left as it is (ErrState); a resolution that does not serve joins *invalid.Error. A provider's
// later report to the contrary sets a conflict about money.
func (e *Engine) Resolve(ctx context.Context, id string, resolution ManualResolution) (Payment, error) {
	cause := ChangeCause{Cause: ByOperator, Operator: resolution.Operator, Reason: resolution.Reason}
	return e.withLock(ctx, "", id, cause, func(ctx context.Context, s *session, p Payment) (Payment, error) {
		if p.Status.Terminal() || p.Status == Created || p.Status == AwaitingApproval {
			return p, fmt.Errorf("resolve: it is %s: %w", p.Status, ErrState)
		}
		if err := errors.Join(resolution.check(p), s.unclaimed(p, resolution.ProviderReference)); err != nil {
			return p, err
		}
		s.log.WarnContext(ctx, "an operator settles a payment", slog.String("payment", id),
			slog.String("operator", resolution.Operator),
			slog.String("from", string(p.Status)), slog.String("to", string(resolution.Status)))
		p.Status, p.NextAction, p.Failure, p.Alert, p.AlertCode = resolution.Status, nil, nil, "", ""
		if p.Status == Failed {
			p.Failure = &attempt.Failure{Code: "declined", Class: attempt.Hard, Message: "settled by an operator"}
		}
		if p.ProviderReference == "" {
			p.ProviderReference = resolution.ProviderReference
		}
		return s.save(ctx, p)
	})
}

// unclaimed is why a payment that has no reference of its provider's may not be given one: another has it, or that
// cannot be known.
func (s *session) unclaimed(p Payment, theirs string) error {
	if theirs == "" || p.ProviderReference != "" || p.Provider == "" {
		return nil
	}
	claim, known := s.claimOf(p, theirs)
	if !known {
		return &invalid.Error{Field: "/provider_reference", Reason: fmt.Sprintf("cannot be compared with other payments' "+
			"while provider %s is not configured: leave it out, and name it in the reason", p.Provider)}
	}
	owner, err := s.driver.OwnerOf(claim)
	if err != nil || owner == p.OwnerID() {
		return err
	}
	return &invalid.Error{Field: "/provider_reference", Reason: "belongs to " + string(owner) + " already"}
}
