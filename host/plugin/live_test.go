package plugin_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/plugin"
	"payrouter/host/plugin/replay"
)

// shadowed installs a candidate to see live flows.
func shadowed(t *testing.T, registry *plugin.Registry, code []byte, extent plugin.Extent) *plugin.Generation {
	t.Helper()
	active, found := registry.Current("hostile")
	require.True(t, found)
	_, err := registry.Install(t.Context(), plugin.Candidate{Code: code, Source: "test", Extent: extent})
	require.NoError(t, err)
	now, _ := registry.Current("hostile")
	require.Same(t, active, now, "a shadow does not serve")
	return active
}

func statusOf(t *testing.T, registry *plugin.Registry) plugin.Status {
	t.Helper()
	status, found := registry.Plugin("hostile")
	require.True(t, found)
	return status
}

func eventually(t *testing.T, registry *plugin.Registry, holds func(status plugin.Status) bool) plugin.Status {
	t.Helper()
	require.Eventually(t, func() bool { return holds(statusOf(t, registry)) }, waiting, tick)
	return statusOf(t, registry)
}

func over(status plugin.Status) bool { return status.Live == nil }

func TestLiveShadowServesWhereItDoesTheSame(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	install(t, registry, module(t, ""))
	code := variant(t, "version=1.1.0")
	active := shadowed(t, registry, code, plugin.Extent{Flows: 3})
	status := statusOf(t, registry)
	require.Equal(t, digestOf(code), status.Live.Digest)
	require.Equal(t, plugin.Extent{Flows: 3}, status.Live.Extent)
	require.Equal(t, plugin.Shadowed, status.Generations[0].State)
	buy(t, active, "pay_1")
	buy(t, active, "pay_2")
	callBack(t, active)
	status = eventually(t, registry, func(s plugin.Status) bool {
		return s.Live.Result.Flows == 2 && s.Live.Result.Callbacks == 1
	})
	require.Equal(t, []plugin.Coverage{
		{Operation: "buy", Results: map[string]int{"succeeded": 2}},
		{Operation: "", Results: map[string]int{"look_up": 1}},
	}, status.Live.Result.Covered)
	require.Equal(t, []string{"serve", "look"}, status.Live.Result.NotCovered)
	require.Equal(t, digestOf(module(t, "")), status.Admitted.Digest)

	buy(t, active, "pay_3")
	status = eventually(t, registry, over)
	require.Equal(t, digestOf(code), status.Admitted.Digest)
	require.Empty(t, status.Admitted.Allowed)
	require.Contains(t, fmt.Sprint(status.Events), "live: 3 recorded flows, 1 callbacks, fuel ")
	now, _ := registry.Current("hostile")
	buy(t, now, "pay_4")
}

// What differs is listed while the shadow goes on, and refuses the module in the end.
func TestLiveShadowIsRefusedForWhatItWouldDo(t *testing.T) {
	t.Parallel()
	for words, row := range map[string]struct {
		kind replay.Kind
		run  func(t *testing.T, active *plugin.Generation)
	}{
		"place=/v2/buy":  {replay.Requests, func(*testing.T, *plugin.Generation) {}},
		"outcome=failed": {replay.Outcomes, func(*testing.T, *plugin.Generation) {}},
		"outcome=trap":   {replay.Failures, func(*testing.T, *plugin.Generation) {}},
		"receive=trap":   {replay.Failures, callBack},
		"receive=ignore": {replay.Callbacks, callBack},
	} {
		t.Run(words, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, plugin.Settings{}, module(t, ""))
			code := variant(t, words)
			active := shadowed(t, s.registry, code, plugin.Extent{Flows: 2})
			row.run(t, active)
			s.pay(1)
			status := eventually(t, s.registry, func(status plugin.Status) bool { return status.Live.Result.Flows == 1 })
			require.Equal(t, map[replay.Kind]int{row.kind: 1}, status.Live.Result.Differences)
			require.Len(t, status.Live.Result.Examples, 1)
			s.pay(1)
			status = eventually(t, s.registry, over)
			s.serves(module(t, ""))
			require.Len(t, status.Refusals, 1)
			require.Equal(t, digestOf(code), status.Refusals[0].Digest)
			require.Equal(t, []plugin.Allowance{plugin.Allowance(row.kind)}, status.Refusals[0].Needs)
			s.restart()
			_, err := s.registry.Install(t.Context(), plugin.Candidate{Code: code, Extent: plugin.Extent{Flows: 2}})
			require.ErrorIs(t, err, plugin.ErrRefused)
		})
	}
}

// What is allowed does not stop it, and what time there was without a flow proves nothing.
func TestLiveShadowEndsWithItsTime(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	install(t, registry, module(t, ""))
	code := variant(t, "place=/v2/buy")
	shadowed(t, registry, code, plugin.Extent{For: time.Millisecond})
	status := eventually(t, registry, over)
	require.Contains(t, fmt.Sprint(status.Events), "no evidence")
	require.Empty(t, status.Refusals)

	_, err := registry.Install(t.Context(), plugin.Candidate{
		Code: code, Extent: plugin.Extent{For: time.Second}, Allow: []plugin.Allowance{"requests"},
	})
	require.NoError(t, err)
	active, _ := registry.Current("hostile")
	buy(t, active, "pay_1")
	status = eventually(t, registry, over)
	require.Equal(t, digestOf(code), status.Admitted.Digest)
	require.Equal(t, []plugin.Allowance{"requests"}, status.Admitted.Allowed)
}

// A shadow ends by an abort, by another one, by a change of what serves, and with the router.
func TestLiveShadowEndsWithoutServing(t *testing.T) {
	t.Parallel()
	s := newSite(t, plugin.Settings{}, module(t, ""))
	code, another := variant(t, "version=1.1.0"), variant(t, "version=1.2.0")
	const endless = 1 << 20
	ended := func(why string) {
		t.Helper()
		require.Eventually(t, func() bool {
			open, _ := s.registry.Open()
			kept := len(statusOf(t, s.registry).Generations)
			return open == kept && statusOf(t, s.registry).Live == nil
		}, waiting, tick)
		require.Contains(t, fmt.Sprint(statusOf(t, s.registry).Events), "the live shadow ends, because of: "+why)
	}
	shadowed(t, s.registry, code, plugin.Extent{Flows: endless})
	require.NoError(t, s.registry.Abort(t.Context(), "hostile", "desk"))
	ended("abort by desk")
	require.ErrorIs(t, s.registry.Abort(t.Context(), "hostile", "desk"), plugin.ErrCanary)

	shadowed(t, s.registry, code, plugin.Extent{Flows: endless})
	shadowed(t, s.registry, another, plugin.Extent{Flows: endless})
	require.Eventually(t, func() bool { return !s.registry.IsOpen(digestOf(code)) }, waiting, tick)
	require.Equal(t, digestOf(another), statusOf(t, s.registry).Live.Digest)
	install(t, s.registry, code)
	ended("another generation serves")

	shadowed(t, s.registry, another, plugin.Extent{For: time.Hour})
	s.restart()
	s.serves(code)
	require.Contains(t, fmt.Sprint(statusOf(t, s.registry).Events), "the live shadow ended with the restart")
	require.False(t, s.registry.IsOpen(digestOf(another)))
	s.restart()
	require.NotContains(t, fmt.Sprint(statusOf(t, s.registry).Events), "the live shadow ended with the restart")
}

func TestLiveShadowNeedsWhatItIsComparedWith(t *testing.T) {
	t.Parallel()
	extent := plugin.Extent{Flows: 1}
	registry := newRegistry(t, plugin.Settings{})
	_, err := registry.Install(t.Context(), plugin.Candidate{Code: module(t, ""), Extent: extent})
	require.ErrorIs(t, err, plugin.ErrCanary)
	active := install(t, registry, module(t, ""))
	code := variant(t, "version=1.1.0")
	_, err = registry.Install(t.Context(), plugin.Candidate{Code: code, Extent: extent, Canary: 5})
	require.ErrorIs(t, err, plugin.ErrCanary)
	buy(t, active, "pay_1")
	_, err = registry.Install(t.Context(), plugin.Candidate{Code: code, Canary: 5})
	require.NoError(t, err)
	_, err = registry.Install(t.Context(), plugin.Candidate{Code: variant(t, "version=1.2.0"), Extent: extent})
	require.ErrorIs(t, err, plugin.ErrCanary)

	deaf := newRegistry(t, plugin.Settings{Record: -1})
	install(t, deaf, module(t, ""))
	_, err = deaf.Install(t.Context(), plugin.Candidate{Code: code, Extent: extent})
	require.ErrorIs(t, err, plugin.ErrUnproven)
}

// Payments do not wait for a shadow: what finds it busy is left out, and counted.
func TestBusyLiveShadowLeavesFlowsOut(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{Record: 2})
	install(t, registry, module(t, ""))
	active := shadowed(t, registry, variant(t, "version=1.1.0"), plugin.Extent{For: time.Hour})
	for i := range 300 {
		buy(t, active, fmt.Sprintf("pay_%d", i))
	}
	status := eventually(t, registry, func(s plugin.Status) bool { return s.Live.Result.Flows+s.Live.Dropped == 300 })
	require.Positive(t, status.Live.Result.Flows)
	require.Empty(t, status.Live.Result.Differences)
}
