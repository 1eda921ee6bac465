package payment_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/health"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
	"payrouter/host/routing"
	"payrouter/host/store/sqlite"
)

// serveRules replaces the rules of a harness, with its accounts as they are.
func (h *harness) serveRules(t *testing.T, rules string) {
	t.Helper()
	h.hold(t, &health.Statistics{}, rules, "[]")
}

// observed is a journal that observes which rulesets are kept, and may refuse them.
type observed struct {
	*sqlite.DB

	mutex  sync.Mutex
	refuse error
	kept   []string
	// missing are payments that were created or saved while the journal did not have their rules.
	missing []string
}

func (k *observed) KeepRuleset(ctx context.Context, id string, written []byte) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.refuse != nil {
		return k.refuse
	}
	k.kept = append(k.kept, id)
	return k.DB.KeepRuleset(ctx, id, written)
}

func (k *observed) look(ctx context.Context, p payment.Payment) {
	if _, err := k.Ruleset(ctx, p.Decision.Ruleset); err != nil {
		k.mutex.Lock()
		defer k.mutex.Unlock()
		k.missing = append(k.missing, p.ID)
	}
}

func (k *observed) Create(ctx context.Context, change payment.Change, key attempt.Key) (*attempt.Key, error) {
	k.look(ctx, change.Payment)
	return k.DB.Create(ctx, change, key)
}

func (k *observed) Save(ctx context.Context, change payment.Change) error {
	k.look(ctx, change.Payment)
	return k.DB.Save(ctx, change)
}

func (k *observed) refuses(err error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	k.refuse = err
}

// observedHarness has a journal that observes, and two accounts.
func observedHarness(t *testing.T, connector *probe, at *provider) (*harness, *observed) {
	t.Helper()
	k := &observed{DB: openJournal(t, paymenttest.Settings{})}
	h := furnishWith(t, k.DB, k, paymenttest.Settings{},
		probed{name: "first", connector: connector, url: at.url},
		probed{name: "second", connector: &probe{name: "two"}, url: at.url})
	return h, k
}

func TestRulesAreKeptBeforeThePaymentsThatTheyDecideOn(t *testing.T) {
	t.Parallel()
	h, k := observedHarness(t, &probe{name: "one"}, newProvider(t, says(`{"id":"p-1*","status":"paid"}`)))
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			_, _ = h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: fmt.Sprint(i), Fingerprint: "f"},
				orderOf("10.00"), time.Minute)
		})
	}
	all.Wait()
	k.mutex.Lock()
	k.kept = nil
	k.mutex.Unlock()
	h.create(t, "after these")
	require.Empty(t, k.kept, "once is enough")
	h.serveRules(t, `- {name: other, to: second}`)
	h.create(t, "by other rules")
	require.Len(t, k.kept, 1)
	require.Empty(t, k.missing)
}

func TestPaymentWhoseRulesCannotBeKeptIsNotMade(t *testing.T) {
	t.Parallel()
	at := newProvider(t, says(`{"id":"p-1","status":"paid"}`))
	h, k := observedHarness(t, &probe{name: "one"}, at)
	book := &health.Statistics{}
	h.hold(t, book, `- {name: limited, limits: {per_day: 1}, to: first}`, "[]")
	k.refuses(fmt.Errorf("%w: disk full", attempt.ErrJournal))
	_, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k", Fingerprint: "f"}, orderOf("10.00"),
		time.Minute)
	require.ErrorIs(t, err, attempt.ErrJournal)
	require.Empty(t, at.requests())
	require.Zero(t, book.Used("limited", time.Now()).Day, "it is given back")
	all, _, err := h.engine.Payments(t.Context(), payment.Filter{})
	require.NoError(t, err)
	require.Empty(t, all)
	k.refuses(nil)
	require.Equal(t, "limited", h.create(t, "k").Decision.Rule)
}

func TestApprovedPaymentHasTheDecisionOfItsApproval(t *testing.T) {
	t.Parallel()
	at := newProvider(t, says(`{"id":"a-1","status":"working"}`))
	h, k := observedHarness(t, &probe{name: "one", kind: abi.Kind_KIND_PAYOUT}, at)
	h.hold(t, &health.Statistics{}, `[{name: before, to: first}]`, largePayouts)
	p := h.payout(t, "k")
	require.Equal(t, payment.AwaitingApproval, p.Status)
	require.Equal(t, "before", h.trace(t, p).Rule)
	h.serveRules(t, `[{name: past, when: {currency: PRB}, to: second}, {name: approved, to: first}]`)

	k.refuses(attempt.ErrJournal)
	_, err := h.engine.Approve(t.Context(), "", p.ID, "", jane)
	require.ErrorIs(t, err, attempt.ErrJournal)
	require.Empty(t, at.requests(), "nothing is sent by rules that are not kept")
	k.refuses(nil)
	sent, err := h.engine.Approve(t.Context(), "", p.ID, "", jane)
	require.NoError(t, err)
	require.Equal(t, "approved", h.trace(t, sent).Rule)
	h.serveRules(t, `[{name: later, to: first}]`)
	require.Equal(t, "approved", h.trace(t, sent).Rule)
	require.Empty(t, k.missing)
}

func TestTraceOutlivesTheRulesAndARestart(t *testing.T) {
	t.Parallel()
	at := newProvider(t, says(`{"id":"p-1*","status":"paid"}`))
	h, _ := observedHarness(t, &probe{name: "one"}, at)
	book := &health.Statistics{}
	h.hold(t, book, `
- {name: other-currency, when: {currency: PRB}, to: first}
- {name: limited, limits: {per_day: 1}, to: first}
- {name: gold, when: {metadata.tier: gold}, to: first}
- {name: rest, to: [{split: {first: 1, second: 1}}]}`, "[]")
	first, second := h.create(t, "1"), h.create(t, "2")
	before := h.trace(t, second)
	require.Equal(t, []routing.Tried{
		{Rule: "other-currency", Why: "currency EUR is not PRB"},
		{Rule: "limited", Why: "limit per_day is reached: 1 of 1 in the last day", Limit: "per_day"},
		{Rule: "gold", Why: "metadata.tier is not given"},
		{Rule: "rest", Matched: true},
	}, before.Tried)
	require.Equal(t, "limited", h.trace(t, first).Rule)

	h.serveRules(t, `- {name: other, to: second}`)
	require.Equal(t, before, h.trace(t, second), "by other rules")
	require.Equal(t, "other", h.trace(t, h.create(t, "3")).Rule)
	restarted := furnish(t, h.journal, paymenttest.Settings{},
		probed{name: "third", connector: &probe{name: "three"}, url: at.url})
	require.Equal(t, before, restarted.trace(t, second), "by another process")
	require.Equal(t, "limited", restarted.trace(t, first).Rule)
}

func TestTraceIsOfTheMetadataThatRulesRead(t *testing.T) {
	t.Parallel()
	h, _ := observedHarness(t, &probe{name: "one"}, newProvider(t, says(`{"id":"p-1","status":"paid"}`)))
	h.serveRules(t, `
- {name: gold, when: {metadata.tier: gold}, to: first}
- {name: rest, to: second}`)
	p := h.create(t, "k")
	require.Equal(t, "rest", p.Decision.Rule)
	for _, metadata := range []map[string]string{{"tier": "gold"}, {"tier": "silver"}} {
		edited, err := h.engine.Update(t.Context(), "shop", p.ID, payment.Edit{Metadata: metadata})
		require.NoError(t, err)
		require.Equal(t, metadata, edited.Metadata)
		require.Equal(t, "metadata.tier is not given", h.trace(t, edited).Tried[0].Why)
		require.Empty(t, edited.Facts().Metadata)
	}
}

func TestDecisionWithoutItsRulesIsShownWithoutATrace(t *testing.T) {
	t.Parallel()
	h, _ := observedHarness(t, &probe{name: "one"}, newProvider(t, says(`{"id":"p-1","status":"paid"}`)))
	unreadable, lost := h.decided("pay_1"), h.decided("pay_2")
	unreadable.Ruleset, lost.Ruleset = "unreadable", "lost"
	require.NoError(t, h.journal.KeepRuleset(t.Context(), "unreadable", []byte("?")))
	other := h.decided("pay_3")
	other.Rule = "of another release"
	for id, c := range map[string]struct {
		stored routing.Stored
		why    string
	}{
		"pay_1": {unreadable, "cannot read the rules"},
		"pay_2": {lost, "not in this journal"},
		"pay_3": {other, "decides otherwise"},
	} {
		p := payment.Payment{
			ID: id, Merchant: "shop", Order: orderOf("10.00"), Status: payment.Failed, Decision: c.stored,
			CreatedAt: time.Now().UTC(), Version: 1,
		}
		_, err := h.journal.Create(t.Context(), changeOf(p),
			attempt.Key{Merchant: "shop", Value: id, Owner: attempt.OwnerID(id)})
		require.NoError(t, err)
		_, err = h.engine.Payment(t.Context(), "shop", id)
		require.NoError(t, err)
		whole, err := h.engine.Decision(t.Context(), "shop", id)
		require.NoError(t, err)
		require.Contains(t, whole.Incomplete, c.why)
		require.Equal(t, c.stored.Rule, whole.Rule)
		require.Equal(t, []string{"first", "second"}, whole.Order())
		require.Empty(t, whole.Tried)
	}
	_, err := h.engine.Decision(t.Context(), "stall", "pay_1")
	require.ErrorIs(t, err, payment.ErrNotFound)
}
