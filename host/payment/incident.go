package payment

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"payrouter/host/attempt"
)

// alertContradiction is what a payment shows that a provider's signed report contradicts.
func alertContradiction(provider, why string) string {
	return "a signed report by " + provider + " contradicts the payment, and was not believed: " + why
}

// madeUnder reports whether a request of the payment to a provider carried a reference of ours. An empty reference
// contradicts nothing, and neither does any where no request carried one.
func madeUnder(attempts []attempt.Attempt, provider, reference string) bool {
	carried := false
	for _, a := range attempts {
		if a.Provider != provider || a.Reference == "" {
			continue
		}
		if a.Reference == reference {
			return true
		}
		carried = true
	}
	return reference == "" || !carried
}

// contradicted shows people a signed report that cannot be about the payment. Nothing else changes.
func (s *session) contradicted(ctx context.Context, p Payment, provider, why string) (Payment, error) {
	contradiction := fmt.Errorf("report on %s: %s: %w", p.ID, why, ErrContradiction)
	s.log.ErrorContext(ctx, "a provider's signed report contradicts its payment", slog.String("payment", p.ID),
		slog.String("provider", provider),
		slog.String("why", why))
	saved, err := s.alert(ctx, p, codeContradiction, alertContradiction(provider, why))
	if err != nil {
		return p, err
	}
	return saved, contradiction
}

// alert writes an alert, once.
func (s *session) alert(ctx context.Context, p Payment, code AlertCode, alert string) (Payment, error) {
	if p.Alert == alert {
		return p, nil
	}
	return s.save(ctx, p.alerted(code, alert))
}

// showContradiction shows people a signed report that names several payments: each of them shows which.
func (e *Engine) showContradiction(ctx context.Context, provider string, report Report) error {
	ids := []string{}
	add := func(p *Payment) {
		if p != nil && !slices.Contains(ids, p.ID) {
			ids = append(ids, p.ID)
		}
	}
	byOurs, err := e.found(ctx, provider, report.Reference, e.journal.PaymentByReference)
	if err != nil {
		return err
	}
	byTheirs, err := e.found(ctx, provider, report.ProviderReference, e.journal.PaymentByProviderReference)
	if err != nil {
		return err
	}
	add(byOurs)
	add(byTheirs)
	if report.PaymentID != "" {
		add(&Payment{ID: report.PaymentID})
	}
	slices.Sort(ids)
	const why = "it names several payments"
	e.log.ErrorContext(ctx, "a provider's signed report names several payments", slog.String("provider", provider),
		slog.Any("payments", ids))
	var problems []error
	for _, id := range ids {
		_, err := e.withLock(ctx, "", id, ChangeCause{Cause: ByCallback, CallbackID: report.CallbackID},
			func(ctx context.Context, s *session, p Payment) (Payment, error) {
				return s.alert(ctx, p, codeContradiction, alertContradiction(provider, why))
			})
		if !errors.Is(err, ErrNotFound) {
			problems = append(problems, err)
		}
	}
	return errors.Join(problems...)
}

// Alert shows people something about a payment, whoever's, unless it shows something already.
func (e *Engine) Alert(ctx context.Context, id, callbackID, alert string) error {
	_, err := e.withLock(ctx, "", id, ChangeCause{Cause: ByCallback, CallbackID: callbackID},
		func(ctx context.Context, s *session, p Payment) (Payment, error) {
			if p.Alert != "" {
				return p, nil
			}
			return s.alert(ctx, p, codeUnanswered, alert)
		})
	return err
}
