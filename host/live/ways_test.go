package live_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/egress"
	"payrouter/host/plugin"
)

// another is the same module with another digest.
func another(code []byte) []byte { return append(bytes.Clone(code), 0, 2, 1, 'x') }

// fault counts a fault in a breaker, by a request that never leaves.
func fault(t *testing.T, at attempt.Egress) {
	t.Helper()
	judge(t, at, egress.Judgement{Fault: true})
}

func judge(t *testing.T, at attempt.Egress, j egress.Judgement) {
	t.Helper()
	request, err := at.Render(&abi.HttpRequest{
		Method: "GET", Path: []*abi.Part{{Part: &abi.Part_Literal{Literal: "/"}}},
	})
	require.NoError(t, err)
	for try := range at.Tries(t.Context(), egress.Exchange{Request: request}) {
		try.Send(time.Unix(0, 0))
		if !j.Fault {
			try.Response = &abi.HttpResponse{Status: 200}
		}
		try.Judge(j)
	}
}

// canaryOf is a harness with a canary at half of the payments, and payments of its share and of the other.
func canaryOf(t *testing.T) (h *harness, ofCanary, ofStable []string) {
	t.Helper()
	h = newHarness(t, plan{unwatched: true})
	h.registry.Bind(h.manager)
	_, err := h.registry.Install(t.Context(), plugin.Candidate{
		Code: another(module(t, "paygram")), Canary: 50, Allow: []plugin.Allowance{plugin.AllowUnproven},
	})
	require.NoError(t, err)
	active, _ := h.registry.ActiveSet().Of("paygram")
	for i := 0; len(ofCanary) < 3 || len(ofStable) < 3; i++ {
		id := fmt.Sprint("pay_", i)
		if active.For(id) == active.Canary {
			ofCanary = append(ofCanary, id)
		} else {
			ofStable = append(ofStable, id)
		}
	}
	return h, ofCanary, ofStable
}

func (h *harness) account() *attempt.Account { return h.manager.Fleet().Accounts["paygram-eu"] }

func (h *harness) open(at attempt.Egress) {
	h.t.Helper()
	for at.Available() == nil {
		fault(h.t, at)
	}
}

// The open breaker of a canary sends its share to the stable generation. After a second one payment of the share tries
// it, and what is drawn meanwhile is not compared.
func TestAnOpenBreakerOfACanarySendsItsShareToTheStableGeneration(t *testing.T) {
	t.Parallel()
	h, ofCanary, ofStable := canaryOf(t)
	a := h.account()
	lot := func(id string) attempt.Lot { return a.Plugin(id).Lot() }
	require.Equal(t, attempt.Lot{Canary: true, Share: 50}, lot(ofCanary[0]))
	require.Equal(t, attempt.Lot{Share: 50}, lot(ofStable[0]))
	require.Equal(t, attempt.Lot{}, lot(""))

	h.open(a.Canary)
	require.Equal(t, attempt.Lot{}, lot(ofCanary[0]))
	require.Equal(t, a.Plugin("").Digest(), a.Plugin(ofCanary[0]).Digest())
	require.Equal(t, attempt.Lot{}, lot(ofStable[0]))
	require.NoError(t, a.Available(ofCanary[0]))
	require.NoError(t, a.Askable(ofCanary[0]))
	require.NoError(t, a.Available(ofStable[0]))

	require.Eventually(t, func() bool { return lot(ofStable[0]).Share == 50 }, time.Minute, 5*time.Millisecond)
	require.Equal(t, attempt.Lot{Canary: true, Share: 50}, lot(ofCanary[1]), "it probes")
	require.Equal(t, attempt.Lot{Canary: true, Share: 50}, lot(ofCanary[1]))
	require.Equal(t, attempt.Lot{}, lot(ofCanary[0]))
	require.Equal(t, attempt.Lot{}, lot(ofStable[0]))
	fault(t, a.Canary)
	require.Equal(t, attempt.Lot{}, lot(ofCanary[1]))

	require.Eventually(t, func() bool { return lot(ofCanary[2]).Canary }, time.Minute, 5*time.Millisecond)
	judge(t, a.Canary, egress.Judgement{})
	require.True(t, lot(ofCanary[0]).Canary)
	require.Equal(t, 50, lot(ofStable[0]).Share)
}

// While the stable generation's breaker is open the provider may be at fault: a canary goes on as long as its own is
// closed, is not compared, and does not probe.
func TestACanaryDoesNotProbeWhereTheStableGenerationsBreakerIsOpen(t *testing.T) {
	t.Parallel()
	h, ofCanary, ofStable := canaryOf(t)
	a := h.account()
	h.open(a.Egress)
	require.Equal(t, attempt.Lot{Canary: true}, a.Plugin(ofCanary[0]).Lot())
	require.NoError(t, a.Available(ofCanary[0]))
	require.Equal(t, attempt.Lot{}, a.Plugin(ofStable[0]).Lot())
	require.ErrorIs(t, a.Available(ofStable[0]), egress.ErrBreakerOpen)
	h.open(a.Canary)
	require.Eventually(t, func() bool { return a.Canary.(*egress.Client).Breaker() == egress.BreakerHalfOpen },
		time.Minute, 5*time.Millisecond)
	require.Equal(t, attempt.Lot{}, a.Plugin(ofCanary[0]).Lot())
	require.ErrorIs(t, a.Available(ofCanary[0]), egress.ErrBreakerOpen)
}

// A breaker belongs to an account and a generation: an edit elsewhere leaves it as it is, and a generation that becomes
// active begins with a closed one.
func TestABreakerIsOfAGeneration(t *testing.T) {
	t.Parallel()
	h, ofCanary, _ := canaryOf(t)
	h.open(h.account().Egress)
	h.open(h.account().Canary)
	_, err := h.manager.Put(h.routing("second"), "ops", h.tag())
	require.NoError(t, err)
	require.ErrorIs(t, h.account().Egress.Available(), egress.ErrBreakerOpen)
	require.ErrorIs(t, h.account().Canary.Available(), egress.ErrBreakerOpen)
	require.Equal(t, attempt.Lot{}, h.account().Plugin(ofCanary[0]).Lot())

	former := h.account().Egress
	require.NoError(t, h.registry.Promote(t.Context(), "paygram", "desk"))
	require.Nil(t, h.account().Canary)
	require.NoError(t, h.account().Egress.Available())
	fault(t, former)
	require.NoError(t, h.account().Egress.Available(), "late faults are the former generation's")
}
