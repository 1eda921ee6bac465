package plugin_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin"
	"payrouter/host/plugin/replay"
)

// states are those of a plugin's generations, the latest first.
func states(t *testing.T, registry *plugin.Registry) []plugin.State {
	t.Helper()
	status, found := registry.Plugin("hostile")
	require.True(t, found)
	var all []plugin.State
	for _, g := range status.Generations {
		all = append(all, g.State)
	}
	return all
}

func TestRollbackGoesToWhatIsKeptAndBack(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{Keep: 2})
	require.ErrorIs(t, registry.Rollback(t.Context(), "hostile", "", "desk"), plugin.ErrUnknown)
	first := install(t, registry, module(t, ""))
	require.ErrorIs(t, registry.Rollback(t.Context(), "hostile", "", "desk"), plugin.ErrNothingKept)
	second := install(t, registry, variant(t, "version=2.0.0"))
	third := install(t, registry, variant(t, "version=3.0.0"))
	require.Equal(t, []plugin.State{plugin.Stable, plugin.Warm, plugin.Warm}, states(t, registry))

	serves := func(g *plugin.Generation) {
		t.Helper()
		now, _ := registry.Current("hostile")
		require.Same(t, g, now)
		require.Equal(t, "prepared serve", reference(t, now, operation("serve")))
	}
	require.NoError(t, registry.Rollback(t.Context(), "hostile", "", "desk"))
	serves(second)
	require.NoError(t, registry.Rollback(t.Context(), "hostile", "", "desk"))
	serves(third)
	require.NoError(t, registry.Rollback(t.Context(), "hostile", first.Digest(), "desk"))
	serves(first)
	require.ErrorIs(t, registry.Rollback(t.Context(), "hostile", "another digest", "desk"), plugin.ErrNothingKept)

	install(t, registry, variant(t, "version=4.0.0"))
	require.Eventually(t, func() bool { open, _ := registry.Open(); return open == 3 }, waiting, tick,
		"what is beyond Keep is closed")
	require.Equal(t, []plugin.State{plugin.Stable, plugin.Warm, plugin.Warm}, states(t, registry))

	require.NoError(t, registry.Drain(t.Context(), "hostile", "", "desk"))
	require.Eventually(t, func() bool { open, _ := registry.Open(); return open == 1 }, waiting, tick)
	require.ErrorIs(t, registry.Rollback(t.Context(), "hostile", "", "desk"), plugin.ErrNothingKept)
	require.ErrorIs(t, registry.Drain(t.Context(), "hostile", "", "desk"), plugin.ErrNothingKept)
	status, _ := registry.Plugin("hostile")
	require.Contains(t, fmt.Sprint(status.Events), "rollback by desk")
}

// Bytes that served a while ago and are kept warm are not compiled again when they come back: their generation serves
// on.
func TestWhatIsKeptWarmComesBackAsItWas(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	first := install(t, registry, module(t, ""))
	second := install(t, registry, variant(t, "version=2.0.0"))
	report, err := registry.Install(t.Context(), plugin.Candidate{
		Code: module(t, ""), Source: "test", Allow: []plugin.Allowance{plugin.AllowUnproven, plugin.AllowOlder},
	})
	require.NoError(t, err)
	require.Equal(t, first.Number(), report.Generation)
	require.NotNil(t, report.Shadow, "it is held against what has been recorded since")
	now, _ := registry.Current("hostile")
	require.Same(t, first, now)
	require.Equal(t, []plugin.State{plugin.Warm, plugin.Stable}, states(t, registry))
	report, err = registry.Install(t.Context(),
		plugin.Candidate{
			Code: variant(t, "version=2.0.0"), Source: "test", Canary: 10, Allow: []plugin.Allowance{plugin.AllowUnproven},
		})
	require.NoError(t, err)
	require.Equal(t, second.Number(), report.Generation, "as a canary too")
	require.Equal(t, []plugin.State{plugin.Canary, plugin.Stable}, states(t, registry))
	require.NoError(t, registry.Drain(t.Context(), "hostile", second.Digest(), "desk"))
	require.Equal(t, []plugin.State{plugin.Warm, plugin.Stable}, states(t, registry))
	require.NoError(t, registry.Drain(t.Context(), "hostile", "", "desk"))
	require.Eventually(t, func() bool { open, _ := registry.Open(); return open == 1 }, waiting, tick)
	again := install(t, registry, variant(t, "version=2.0.0"))
	require.NotSame(t, second, again, "what was closed is compiled anew")
}

// A rollback that the configuration will not have changes nothing.
func TestRefusedRollbackChangesNothing(t *testing.T) {
	t.Parallel()
	refuse := false
	registry := newBoundRegistry(t, plugin.Settings{},
		configuration{adopt: func(context.Context, plugin.ActiveSet) error {
			if refuse {
				return errors.New("no")
			}
			return nil
		}})
	install(t, registry, module(t, ""))
	second := install(t, registry, variant(t, "version=2.0.0"))
	refuse = true
	require.ErrorIs(t, registry.Rollback(t.Context(), "hostile", "", "desk"), plugin.ErrIncompatible)
	require.ErrorIs(t, registry.Drain(t.Context(), "hostile", second.Digest(), "desk"), plugin.ErrIncompatible)
	now, _ := registry.Current("hostile")
	require.Same(t, second, now)
	refuse = false
	require.NoError(t, registry.Rollback(t.Context(), "hostile", "", "desk"))
}

// Drained for good: the plugin is out of the active, and all of it is closed.
func TestDrainTakesThePluginOut(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	install(t, registry, module(t, ""))
	second := install(t, registry, variant(t, "version=2.0.0"))
	held := registry.ActiveSet()
	held.Hold()
	require.NoError(t, registry.Drain(t.Context(), "hostile", second.Digest(), "desk"))
	require.Empty(t, registry.ActiveSet().Names())
	require.Eventually(t, func() bool { open, _ := registry.Open(); return open == 1 }, waiting, tick)
	require.Equal(t, []plugin.State{plugin.Draining}, states(t, registry))
	require.Equal(t, "prepared serve", reference(t, second, operation("serve")), "what began with it ends with it")
	held.Release()
	require.Eventually(t, func() bool { open, _ := registry.Open(); return open == 0 }, waiting, tick)
}

// withCanary makes a canary of 2.0.0 beside 1.0.0 and returns both.
func withCanary(t *testing.T, settings plugin.Settings) (registry *plugin.Registry, stable, canary *plugin.Generation) {
	t.Helper()
	registry = newRegistry(t, settings)
	stable = install(t, registry, module(t, ""))
	_, err := registry.Install(t.Context(), plugin.Candidate{
		Code: variant(t, "version=2.0.0"), Canary: 50, Allow: []plugin.Allowance{plugin.AllowUnproven},
	})
	require.NoError(t, err)
	active, _ := registry.ActiveSet().Of("hostile")
	require.Same(t, stable, active.Stable)
	require.NotNil(t, active.Canary)
	require.Equal(t, 50, active.Share)
	require.Equal(t, []plugin.State{plugin.Canary, plugin.Stable}, states(t, registry))
	return registry, stable, active.Canary
}

func TestCanaryIsPromoted(t *testing.T) {
	t.Parallel()
	registry, stable, canary := withCanary(t, plugin.Settings{})
	require.ErrorIs(t, registry.Rollback(t.Context(), "hostile", "", "desk"), plugin.ErrCanary)
	require.NoError(t, registry.Share(t.Context(), "hostile", 90, "desk"))
	active, _ := registry.ActiveSet().Of("hostile")
	require.Equal(t, 90, active.Share)
	require.NoError(t, registry.Promote(t.Context(), "hostile", "desk"))
	active, _ = registry.ActiveSet().Of("hostile")
	require.Equal(t, plugin.Active{Stable: canary}, active)
	require.Equal(t, []plugin.State{plugin.Stable, plugin.Warm}, states(t, registry))
	status, _ := registry.Plugin("hostile")
	require.Nil(t, status.Canary)
	require.NoError(t, registry.Rollback(t.Context(), "hostile", "", "desk"))
	now, _ := registry.Current("hostile")
	require.Same(t, stable, now)
	for _, err := range []error{
		registry.Promote(t.Context(), "hostile", "desk"), registry.Abort(t.Context(), "hostile", "desk"),
		registry.Share(t.Context(), "hostile", 5, "desk"),
	} {
		require.ErrorIs(t, err, plugin.ErrCanary)
	}
}

func TestCanaryIsAborted(t *testing.T) {
	t.Parallel()
	registry, stable, canary := withCanary(t, plugin.Settings{})
	require.NoError(t, registry.Abort(t.Context(), "hostile", "desk"))
	active, _ := registry.ActiveSet().Of("hostile")
	require.Equal(t, plugin.Active{Stable: stable}, active)
	require.Eventually(t, func() bool { open, _ := registry.Open(); return open == 1 }, waiting, tick)
	_, _, err := canary.Begin(operation("serve")).Prepare(t.Context())
	require.Error(t, err)
}

// A module that is installed for all payments ends the canary of another.
func TestInstallEndsACanary(t *testing.T) {
	t.Parallel()
	registry, _, _ := withCanary(t, plugin.Settings{})
	install(t, registry, variant(t, "version=3.0.0"))
	status, _ := registry.Plugin("hostile")
	require.Nil(t, status.Canary)
	require.Eventually(t,
		func() bool {
			return slices.Equal(states(t, registry),
				[]plugin.State{plugin.Stable, plugin.Warm})
		}, waiting, tick)
}

// Swaps leave nothing behind: a generation that is neither active nor kept is closed, its instances with it, also
// while payments run. The test is not parallel, since it measures the heap.
func TestHundredSwapsLeaveNothingBehind(t *testing.T) {
	var owner owner
	registry := newBoundRegistry(t, plugin.Settings{}, configuration{adopt: owner.adopt})
	modules := [][]byte{
		module(t, ""), variant(t, "version=1.0.1"), variant(t, "version=1.0.2"),
		variant(t, "version=1.0.3"),
	}
	install(t, registry, modules[0])
	ctx, stop := context.WithCancel(t.Context())
	var payers sync.WaitGroup
	wrong := make(chan error, 2)
	for range 2 {
		payers.Go(func() {
			pace := time.NewTicker(time.Millisecond)
			defer pace.Stop()
			for ctx.Err() == nil {
				<-pace.C
				held := owner.hold()
				active, _ := held.Of("hostile")
				err := runFlow(active.For("pay_1"))
				held.Release()
				if err != nil {
					wrong <- err
					return
				}
			}
		})
	}
	var before uint64
	swaps := 100
	if testing.Short() {
		swaps = 20 // the race detector sees what there is in as many
	}
	for i := range swaps {
		install(t, registry, modules[(i+1)%len(modules)])
		if i == 9 {
			before = alive()
		}
	}
	stop()
	payers.Wait()
	close(wrong)
	owner.active.Release()
	require.NoError(t, <-wrong)
	require.Eventually(t, func() bool { open, _ := registry.Open(); return open == 2 }, waiting, tick,
		"what serves, and one that is kept")
	_, instances := registry.Open()
	require.LessOrEqual(t, instances, 2*8)
	require.Less(t, alive(), before+32<<20, "no memory is lost by ninety swaps")
}

// owner serves with an active set as a fleet's owner does: it holds the one that it adopted last, and whoever pays
// holds it too.
type owner struct {
	mutex  sync.Mutex
	active plugin.ActiveSet
}

func (o *owner) adopt(_ context.Context, active plugin.ActiveSet) error {
	active.Hold()
	o.mutex.Lock()
	former := o.active
	o.active = active
	o.mutex.Unlock()
	former.Release()
	return nil
}

func (o *owner) hold() plugin.ActiveSet {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	o.active.Hold()
	return o.active
}

// alive is what the heap holds after a collection.
func alive() uint64 {
	runtime.GC()
	var figures runtime.MemStats
	runtime.ReadMemStats(&figures)
	return figures.HeapAlloc
}

// runFlow is a whole payment, in which no two generations may meet: their states are not each other's.
func runFlow(g *plugin.Generation) error {
	call := &abi.Call{Operation: "buy", Seed: make([]byte, 32), Payment: &abi.Payment{Id: "pay_1", Amount: "1.00"}}
	flow := g.Begin(call)
	step, _, err := flow.Prepare(context.Background())
	if err != nil {
		return err
	}
	_, _, err = flow.Interpret(context.Background(), step.GetSend().GetState(), &abi.HttpResponse{Status: 200})
	return err
}

// What a generation recorded, it answers again bit for bit.
func TestThousandRecordingsAreIdenticalWhenReplayed(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{Record: 1000, RecordBytes: 64 << 20})
	generation := install(t, registry, module(t, ""))
	for i := range 500 {
		buy(t, generation, fmt.Sprintf("pay_%d", i))
		call := &abi.Call{Operation: "random", Seed: []byte{31: byte(i)}, NowMs: int64(i)}
		_, _, err := generation.Begin(call).Prepare(t.Context())
		require.NoError(t, err)
	}
	recordings := registry.Recordings("hostile")
	require.Len(t, recordings, 1000)
	for _, recording := range recordings {
		again, err := replay.Run(t.Context(), generation, recording)
		require.NoError(t, err)
		require.True(t, replay.Identical(recording, again), "%v", replay.Compare(recording, again))
	}
}

// Recordings are bounded by number and by bytes, and can be had without.
func TestRecordingsAreBounded(t *testing.T) {
	t.Parallel()
	few := newRegistry(t, plugin.Settings{Record: 3})
	generation := install(t, few, module(t, ""))
	for i := range 10 {
		buy(t, generation, fmt.Sprintf("pay_%d", i))
		_, _, _ = generation.Begin(operation("panic")).Prepare(t.Context())
	}
	recordings := few.Recordings("hostile")
	require.Len(t, recordings, 6)
	require.Equal(t, "pay_7", recordings[0].PaymentID, "the last ones are kept")
	require.Len(t, recordings[0].Steps, 2)
	require.Contains(t, recordings[3].Steps[0].Failure, "trapped")
	status, _ := few.Plugin("hostile")
	require.Equal(t, 6, status.Recorded)

	small := newRegistry(t, plugin.Settings{RecordBytes: 2000})
	generation = install(t, small, module(t, ""))
	for i := range 50 {
		buy(t, generation, fmt.Sprintf("pay_%d", i))
	}
	status, _ = small.Plugin("hostile")
	require.LessOrEqual(t, status.RecordedBytes, 2000)
	require.Positive(t, status.Recorded)

	off := newRegistry(t, plugin.Settings{Record: -1})
	buy(t, install(t, off, module(t, "")), "pay_1")
	require.Empty(t, off.Recordings("hostile"))
	require.Empty(t, off.Recordings("nobody"))
}

// The tested cost of recording is a few allocations a call.
func BenchmarkRecording(b *testing.B) {
	for name, record := range map[string]int{"on": 100, "off": -1} {
		b.Run(name, func(b *testing.B) {
			registry := newRegistry(b, plugin.Settings{Record: record})
			generation := install(b, registry, module(b, ""))
			b.ReportAllocs()
			for b.Loop() {
				if err := runFlow(generation); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
