package payment_test

import (
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/egress"
	"payrouter/host/health"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

// canaryProbe is a canary beside the connector of account a.
type canaryProbe struct{ *probe }

// Lot implements attempt.Connector.
func (canaryProbe) Lot() attempt.Lot { return attempt.Lot{Canary: true, Share: 50} }

// canaryHouse is an engine whose one account serves every payment with a canary, and what its flows ended with.
type canaryHouse struct {
	*harness
	account *attempt.Account

	mutex sync.Mutex
	flows []attempt.Ending
	seen  health.Statistics
}

func newCanaryHouse(t *testing.T, canary, stable *probe, at *provider, tries int) *canaryHouse {
	t.Helper()
	h := &canaryHouse{}
	canary.number, stable.number = 2, 1
	h.harness = newHarness(t, paymenttest.Settings{
		Observe: h.seen.Observe,
		Ended: func(_ attempt.OwnerID, e attempt.Ending) {
			h.mutex.Lock()
			defer h.mutex.Unlock()
			h.flows = append(h.flows, e)
		},
	}, probed{
		name: "a", connector: stable, url: at.url, tries: tries,
		breaker: egress.BreakerSettings{Failures: 2, Cooldown: time.Hour},
	})
	h.account = h.engine.Fleet().Accounts["a"]
	ofStable, ofCanary := h.account.Plugin(""), paymenttest.Connect(canaryProbe{canary})
	h.account.Canary = h.account.Egress.(*egress.Client).Beside("canary", 0)
	h.account.Plugin = func(id string) attempt.Connector {
		if id == "" {
			return ofStable
		}
		return ofCanary
	}
	return h
}

func (h *canaryHouse) ended() []attempt.Ending {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	return h.flows
}

func panics(*abi.Call) (*abi.Step, error) { return nil, errors.New("trapped") }

// Where nothing of a canary's can have been taken and the provider did not decline it, the stable generation makes the
// payment at the same account. Else the table holds.
func TestTheStableGenerationMakesWhatACanaryCouldNot(t *testing.T) {
	t.Parallel()
	const abandonable = abi.Idempotency_IDEMPOTENCY_ABANDONABLE
	opened, broken := says(`{"id":"a-1","status":"open"}`), fails(500, "")
	rejects := func(*abi.Call) (*abi.Step, error) { return guest.Reject("unsupported", "/amount", "is odd"), nil }
	for claim, row := range map[string]struct {
		class   abi.Idempotency
		prepare func(*abi.Call) (*abi.Step, error)
		answers []http.HandlerFunc
		status  payment.Status
		// made are the generations of its attempts.
		made []int64
	}{
		"it makes it well":                   {none, nil, nil, payment.RequiresAction, []int64{2}},
		"it traps before it sends":           {none, panics, nil, payment.RequiresAction, []int64{2, 1}},
		"it rejects what the other does not": {none, rejects, nil, payment.RequiresAction, []int64{2, 1}},
		"no answer, and it may be taken":     {none, nil, []http.HandlerFunc{broken}, payment.Unknown, []int64{2}},
		"no answer, and it is abandoned": {
			abandonable, nil, []http.HandlerFunc{broken}, payment.RequiresAction, []int64{2, 1},
		},
		"it is declined": {none, nil, []http.HandlerFunc{says(`{"error":"limit"}`)}, payment.Failed, []int64{2}},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			at := newProvider(t, opened, row.answers...)
			h := newCanaryHouse(t, &probe{name: "first", idempotency: row.class, prepare: row.prepare},
				&probe{name: "first", idempotency: row.class}, at, 1)
			p := h.create(t, "k")
			require.Equal(t, row.status, p.Status)
			attempts, err := h.journal.Attempts(t.Context(), p.ID)
			require.NoError(t, err)
			var made []int64
			for _, a := range attempts {
				made = append(made, a.Generation)
			}
			require.Equal(t, row.made, made)
			require.Len(t, h.ended(), len(row.made))
			require.True(t, h.ended()[0].Plan.Connector.Lot().Canary)
		})
	}
}

// An order that both generations reject is a mistake in the order.
func TestWhatBothGenerationsRejectIsNotMade(t *testing.T) {
	t.Parallel()
	rejects := func(*abi.Call) (*abi.Step, error) { return guest.Reject("unsupported", "/amount", "is odd"), nil }
	h := newCanaryHouse(t, &probe{name: "first", idempotency: none, prepare: rejects},
		&probe{name: "first", idempotency: none, prepare: rejects}, newProvider(t, says(`{}`)), 1)
	_, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k", Fingerprint: "f"}, orderOf("10.00"),
		time.Minute)
	require.ErrorContains(t, err, "is odd")
	require.Empty(t, h.ended())
}

// A canary's faults open its own breaker, and count neither in the stable generation's nor in the figures that rules go
// by.
func TestACanarysFaultsAreItsOwn(t *testing.T) {
	t.Parallel()
	broken := fails(500, "")
	h := newCanaryHouse(t, &probe{name: "first", idempotency: none}, &probe{name: "first", idempotency: none},
		newProvider(t, says(`{"id":"a-1","status":"open"}`), broken, broken), 1)
	require.Equal(t, payment.Unknown, h.create(t, "1").Status)
	require.Equal(t, payment.Unknown, h.create(t, "2").Status)
	require.ErrorIs(t, h.account.Canary.Available(), egress.ErrBreakerOpen)
	require.NoError(t, h.account.Egress.Available())
	require.Zero(t, h.seen.Record("a", time.Now()).Tries)
}

// A payment that was planned for a canary when its breaker opened is made by the stable generation.
func TestAPaymentPlannedBeforeTheBreakerOpened(t *testing.T) {
	t.Parallel()
	canary := &probe{name: "first", idempotency: none}
	h := newCanaryHouse(t, canary, &probe{name: "first", idempotency: none},
		newProvider(t, says(`{"id":"a-1","status":"open"}`)), 1)
	canary.prepare = func(call *abi.Call) (*abi.Step, error) {
		request, err := h.account.Canary.Render(&abi.HttpRequest{
			Method: "GET", Path: []*abi.Part{{Part: &abi.Part_Literal{Literal: "/"}}},
		})
		require.NoError(t, err)
		for h.account.Canary.Available() == nil {
			for try := range h.account.Canary.Tries(t.Context(), egress.Exchange{Request: request}) {
				try.Judge(egress.Judgement{Fault: true})
			}
		}
		step, _, err := (&probe{}).Prepare(t.Context(), call)
		return step, err
	}
	p := h.create(t, "k")
	require.Equal(t, payment.RequiresAction, p.Status)
	flows := h.ended()
	require.Len(t, flows, 2)
	require.True(t, flows[0].Withheld())
	require.Equal(t, attempt.Accepted, flows[1].Event)
	require.Equal(t, int64(1), flows[1].Plan.Connector.Number())
}
