package chaos

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"payrouter/host/sandbox"
	"payrouter/test/process"
)

// operator resolves by hand what the router cannot know, as a person who calls the provider does. It leaves some out,
// to show that those stay unknown.
type operator struct {
	resolved atomic.Int64
}

// patient is how long a payment is unknown before the operator takes the telephone: whatever was sent has arrived by
// then.
const patient = 10 * time.Second

// operate settles what has been unknown for a while, until ctx ends.
func (r *run) operate(ctx context.Context) {
	since := map[string]time.Time{}
	for process.Wait(ctx, 3*time.Second) {
		unknown, err := r.journal(ctx, "unknown")
		if err != nil {
			continue // the router is down
		}
		now, seen := time.Now(), since
		since = map[string]time.Time{}
		for _, p := range unknown {
			since[p.ID] = now
			if first, known := seen[p.ID]; known {
				since[p.ID] = first
			}
		}
		unknown = slices.DeleteFunc(unknown, func(p shownPayment) bool {
			return hashOf([]byte(p.ID))%2 == 0 || now.Sub(since[p.ID]) < patient
		})
		r.tries(ctx, unknown)
		for _, p := range newAudit(r.ledgers(unknown, r.sandbox.Ledger(""), nil)).entries {
			if status, reference, known := r.asked(p); known {
				r.rule(ctx, p.ID, status, reference)
			}
		}
	}
}

// asked is the provider's information about a payment. A status that may still change is not known.
func (r *run) asked(p *audited) (status, reference string, known bool) {
	if p.gone || len(p.Tries) == 0 || len(p.bookings) > 1 {
		return "", "", false
	}
	if len(p.bookings) == 0 {
		return "failed", "", true
	}
	b := p.bookings[0]
	_, hasEffects := sideEffects[b.Provider+" "+b.Operation]
	if !hasEffects || b.Provider != SiteOf(p.Provider) || r.payers.drivenAt(b.Provider, b.ProviderReference).IsZero() {
		return "", "", false
	}
	return outcomeOf(b), b.ProviderReference, true
}

func outcomeOf(b sandbox.Booking) string {
	if b.MovedMoney {
		return "succeeded"
	}
	return "failed"
}

func (r *run) rule(ctx context.Context, id, status, reference string) {
	body := fmt.Sprintf(
		`{"status": %q, "reason": "confirmed by the provider on the telephone", "provider_reference": %q}`, status,
		reference)
	if reference == "" {
		body = fmt.Sprintf(`{"status": %q, "reason": "the provider's people know nothing of it"}`, status)
	}
	if answer := r.clients.send(ctx, http.MethodPost, "/v1/payments/"+id+"/resolve", "", body,
		10*time.Second); answer.status == http.StatusOK {
		r.operator.resolved.Add(1)
	}
}
