package payment

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"

	abi "payrouter/abi/v1"
)

// runPrefix begins the ids of runs.
const runPrefix = "op_"

// ErrClaimed tells that an object at a provider belongs to another payment or run already.
var ErrClaimed = errors.New("the provider's object belongs to another payment or run")

// Claim says that an object at a provider belongs to one payment or run, for good. Money that came in for the object
// came in once: two payments that count it would both have succeeded by it.
type Claim struct {
	Account string
	// Object is what kind of object it is, by the name of the operation that makes such objects: the numbers of an
	// account's invoices and of its withdrawals may be the same.
	Object string
	// Reference is the provider's own.
	Reference string
	// Owner is the id of the payment or the run.
	Owner string
}

// object is the claim without its owner.
func (c Claim) object() Claim {
	c.Owner = ""
	return c
}

// claims are those of turns under way, from the moment at which an answer is believed until it is journalled. The zero
// value is ready. It is safe for concurrent use.
type claims struct {
	mutex sync.Mutex
	held  map[Claim]string
	// of are an owner's.
	of map[string][]Claim
}

// hold takes an object for the claim's owner, and gives who has it: that owner, or the one that was first.
func (c *claims) hold(claim Claim) (owner string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if owner, taken := c.held[claim.object()]; taken {
		return owner
	}
	if c.held == nil {
		c.held, c.of = map[Claim]string{}, map[string][]Claim{}
	}
	c.held[claim.object()] = claim.Owner
	c.of[claim.Owner] = append(c.of[claim.Owner], claim.object())
	return claim.Owner
}

// release gives back what an owner holds: by now it stands in the journal, or nothing came of it.
func (c *claims) release(owner string) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	for _, object := range c.of[owner] {
		delete(c.held, object)
	}
	delete(c.of, owner)
}

// acquire waits for the turn of a payment or a run. What it has claimed is given back with it.
func (e *Engine) acquire(ctx context.Context, id string) (release func(), err error) {
	unlock, err := e.locks.acquire(ctx, id)
	if err != nil {
		return nil, err
	}
	return func() {
		e.claims.release(id)
		unlock()
	}, nil
}

// claim tells what speaks against an answer because of the object that it names: that object is another's. Empty where
// nothing does; then nobody else can have it before the owner's turn is over.
func (e *Engine) claim(claim Claim, money bool) (why, alert string) {
	owner, err := e.ownerOf(claim)
	switch {
	case err != nil:
		return "the journal cannot tell whose " + claim.Reference + " is: " + err.Error(), ""
	case owner == claim.Owner:
		return "", ""
	}
	e.log.ErrorContext(e.base, "an object at a provider is claimed twice", slog.String("provider", claim.Account),
		slog.String("object", claim.Object),
		slog.String("reference", claim.Reference), slog.String("owner", owner), slog.String("claimed_by", claim.Owner),
		slog.Bool("money", money))
	toOwner, toClaimant := e.idFor(claim.Owner, owner), e.idFor(owner, claim.Owner)
	e.showClaim(owner, alertClaimed(claim, toOwner), money)
	return fmt.Sprintf("the answer is about %q, which belongs to %s", claim.Reference, toClaimant),
		alertClaimed(claim, toClaimant)
}

// idFor is the id of a payment or a run, for whoever sees another one: merchants see their own alone, and the log has
// both.
func (e *Engine) idFor(id, to string) string {
	merchant, err := e.merchantOf(id)
	seen, unknown := e.merchantOf(to)
	if err != nil || unknown != nil || merchant != seen {
		return "another merchant's payment"
	}
	return id
}

func (e *Engine) merchantOf(id string) (string, error) {
	if strings.HasPrefix(id, runPrefix) {
		run, err := e.Run(e.base, id)
		return run.Merchant, err
	}
	p, err := e.journal.Payment(e.base, id)
	return p.Merchant, err
}

// ownerOf gives whose an object is: the claim's owner where it was nobody's, who has it from then on.
func (e *Engine) ownerOf(claim Claim) (owner string, err error) {
	if owner = e.claims.hold(claim); owner != claim.Owner {
		return owner, nil
	}
	journalled, err := e.journal.Owner(e.base, claim.Account, claim.Object, claim.Reference)
	return cmp.Or(journalled, owner), err
}

// alertClaimed is what each of two shows that were answered with one object.
func alertClaimed(claim Claim, other string) string {
	return fmt.Sprintf(
		"%s answered this and %s with the same object %q: money may have been taken twice and counted once, or the "+
			"other way round",
		claim.Account, other, claim.Reference)
}

// showClaim has people look at whoever has an object, beside its turn: the caller holds that of the one who claims it
// too.
func (e *Engine) showClaim(owner, alert string, money bool) {
	if e.enter() != nil {
		return // it is shown at the other one, and in the log
	}
	go func() {
		defer e.running.Done()
		err := e.showOwner(owner, alert, money)
		if err != nil && !errors.Is(err, ErrShuttingDown) && e.base.Err() == nil {
			e.log.Error("show an object that is claimed twice", slog.String("owner", owner), slog.Any("error", err))
		}
	}()
}

func (e *Engine) showOwner(owner, alert string, money bool) error {
	if !strings.HasPrefix(owner, runPrefix) {
		_, err := e.withLock(e.base, "", owner, ChangeCause{Cause: ByAnswer},
			func(ctx context.Context, t *turn, p Payment) (Payment, error) {
				if p.Alert == alert && (p.MoneyConflict || !money) {
					return p, nil
				}
				p.Alert, p.MoneyConflict = alert, p.MoneyConflict || money
				return t.save(ctx, p)
			})
		return err
	}
	unlock, err := e.acquire(e.base, owner)
	if err != nil {
		return err
	}
	defer unlock()
	run, err := e.Run(e.base, owner)
	if err != nil || run.Alert == alert {
		return err
	}
	run.Alert = alert
	return (&heldRun{engine: e, run: run}).save(e.base, nil, nil)
}

// hasMoney tells an outcome that says that money has moved.
func hasMoney(outcome *abi.Outcome) bool {
	return statusOf(outcome.GetStatus()) == Succeeded || outcome.GetReceived() != nil
}

// claimed claims the object that an answer or a report names, for a payment that has none yet: why is empty where it
// may.
func (t *turn) claimed(p Payment, outcome *abi.Outcome) (claimant Payment, why string) {
	theirs := outcome.GetProviderReference()
	if theirs == "" || p.ProviderReference != "" {
		return p, ""
	}
	money := hasMoney(outcome)
	why, alert := t.claim(Claim{Account: p.Provider, Object: t.objectOf(p), Reference: theirs, Owner: p.ID}, money)
	if alert != "" {
		p.Alert, p.MoneyConflict = alert, p.MoneyConflict || money
	}
	return p, why
}

// objectOf is what kind of object a payment is at its provider.
func (t *turn) objectOf(p Payment) string {
	if t.fleet != nil {
		if account, known := t.fleet.Accounts[p.Provider]; known {
			if create, able := account.plan(p.ID, p.Kind.ABI(), abi.Role_ROLE_CREATE, ""); able {
				return create.makes()
			}
		}
	}
	return string(p.Kind)
}

// newClaim is what a change of the payment claims; nil where it names no object that it did not name before.
func (t *turn) newClaim(p Payment) *Claim {
	same := p.Provider == t.standing.Provider && p.ProviderReference == t.standing.ProviderReference
	if p.ProviderReference == "" || same {
		return nil
	}
	return &Claim{Account: p.Provider, Object: t.objectOf(p), Reference: p.ProviderReference, Owner: p.ID}
}

// makes is the kind of object that an operation makes: what its answers name belongs to whoever performed it. It is
// empty where it makes none, and what it names may be somebody else's that it acts on.
func (p plan) makes() string {
	if object := p.operation.GetObject(); object != "" {
		return object
	}
	for _, flow := range p.connector.Manifest().GetFlows() {
		for _, action := range flow.GetActions() {
			if action.GetRole() == abi.Role_ROLE_CREATE && action.GetOperation() == p.operation.GetName() {
				return p.operation.GetName()
			}
		}
	}
	return ""
}

// claimOf is what a run claims by an answer that names an object; nil where the run does not make such objects, or
// where the answer names none.
func (h *heldRun) claimOf(at plan, reference string) *Claim {
	object := at.makes()
	if reference == "" || object == "" {
		return nil
	}
	return &Claim{Account: h.run.Provider, Object: object, Reference: reference, Owner: h.run.ID}
}

// claimed claims the object that an answer names; it tells what speaks against that.
func (h *heldRun) claimed(at plan, outcome *abi.Outcome) (why string) {
	claim := h.claimOf(at, outcome.GetProviderReference())
	if claim == nil {
		return ""
	}
	why, alert := h.engine.claim(*claim, hasMoney(outcome))
	if alert != "" {
		h.run.Alert = alert
	}
	return why
}
