package plugin_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin"
	"payrouter/host/plugin/faults"
	"payrouter/host/wasm"
)

// poison has a generation fail calls about so many payments, and returns the last error.
func poison(t *testing.T, generation *plugin.Generation, payments ...string) error {
	t.Helper()
	var last error
	for _, id := range payments {
		flow := generation.Begin(&abi.Call{Operation: "panic", Payment: &abi.Payment{Id: id}}).For("eu", "shop")
		_, _, last = flow.Prepare(t.Context())
		require.Error(t, last)
	}
	return last
}

func generationOf(t *testing.T, registry *plugin.Registry, digest string) plugin.GenerationStatus {
	t.Helper()
	status, _ := registry.Plugin("hostile")
	for _, g := range status.Generations {
		if g.Digest == digest {
			return g
		}
	}
	return plugin.GenerationStatus{}
}

func steps(registry *plugin.Registry, of plugin.Step) (found []plugin.Event) {
	status, _ := registry.Plugin("hostile")
	for _, event := range status.Events {
		if event.Step == of {
			found = append(found, event)
		}
	}
	return found
}

// began waits until what follows from a quarantine has happened as far as the log of its plugin shows.
func began(t *testing.T, registry *plugin.Registry, of plugin.Step, count int) {
	t.Helper()
	require.Eventually(t, func() bool { return len(steps(registry, of)) >= count }, waiting, tick)
}

func TestQuarantineStopsNewRequestsOnly(t *testing.T) {
	t.Parallel()
	var mutex sync.Mutex
	var noted []plugin.Quarantine
	registry := newRegistry(t, plugin.Settings{Quarantined: func(q plugin.Quarantine) {
		mutex.Lock()
		defer mutex.Unlock()
		noted = append(noted, q)
	}})
	generation := install(t, registry, module(t, ""))
	before := generation.Begin(&abi.Call{Operation: "buy", Payment: &abi.Payment{Id: "pay_0"}})
	step, _, err := before.Prepare(t.Context())
	require.NoError(t, err)

	err = poison(t, generation, "pay_1", "pay_1", "pay_1", "pay_2", "pay_2")
	require.NotErrorIs(t, err, plugin.ErrQuarantine, "the same input counts once")
	require.NoError(t, generation.Sendable())
	require.Equal(t, faults.Count{Calls: 5, Inputs: 2}, generationOf(t, registry, generation.Digest()).Faults)
	require.NotErrorIs(t, poison(t, generation, "pay_3"), plugin.ErrQuarantine)

	require.ErrorIs(t, generation.Sendable(), plugin.ErrQuarantine)
	_, _, err = generation.Begin(operation("serve")).Prepare(t.Context())
	require.ErrorIs(t, err, plugin.ErrQuarantine)
	_, _, err = generation.Begin(operation("look")).Prepare(t.Context())
	require.NoError(t, err, "a look-up goes on")
	_, _, err = before.Interpret(t.Context(), step.GetSend().GetState(), &abi.HttpResponse{Status: 200})
	require.NoError(t, err, "what was sent is read")
	_, _, err = generation.Receive(t.Context(), "eu", &abi.Callback{Method: "POST"})
	require.NoError(t, err, "a callback is read")

	began(t, registry, plugin.StepRollback, 1)
	status := generationOf(t, registry, generation.Digest())
	require.Equal(t, faults.Count{Calls: 6, Inputs: 3}, status.Faults)
	require.True(t, status.Quarantine.Sends)
	require.False(t, status.Quarantine.Callbacks)
	require.Contains(t, status.Quarantine.Reason, "trapped")
	require.Equal(t, 1, registry.Quarantined())
	events := steps(registry, plugin.StepQuarantine)
	require.Len(t, events, 1)
	require.Equal(t, generation.Digest(), events[0].Digest)
	mutex.Lock()
	require.Len(t, noted, 1)
	mutex.Unlock()

	require.NoError(t, registry.EndQuarantine(t.Context(), "hostile", "", "ops"))
	require.Zero(t, registry.Quarantined())
	_, _, err = generation.Begin(operation("serve")).Prepare(t.Context())
	require.NoError(t, err)
	require.Equal(t, "release by ops", steps(registry, plugin.StepRelease)[0].Source)
	require.ErrorIs(t, registry.EndQuarantine(t.Context(), "hostile", "", "ops"), plugin.ErrNoQuarantine)
	require.ErrorIs(t, registry.EndQuarantine(t.Context(), "none", "", "ops"), plugin.ErrUnknown)
	require.NotErrorIs(t, poison(t, generation, "pay_4", "pay_5"), plugin.ErrQuarantine, "it begins anew")
	require.NoError(t, generation.Sendable())
}

func TestFaultsOfCallbacksStopCallbacksOnly(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	generation := install(t, registry, variant(t, "receive=trap"))
	receive := func(body string) error {
		_, _, err := generation.Receive(t.Context(), "eu", &abi.Callback{Method: "POST", Body: []byte(body)})
		return err
	}
	for _, body := range []string{"1", "1", "2", "2", "3"} {
		require.ErrorIs(t, receive(body), wasm.ErrTrapped)
	}
	require.ErrorIs(t, receive("4"), plugin.ErrQuarantine)
	require.NoError(t, generation.Sendable())
	buy(t, generation, "pay_1")
	began(t, registry, plugin.StepQuarantine, 1)
	status := generationOf(t, registry, generation.Digest())
	require.Equal(t, faults.Count{Calls: 5, Inputs: 3}, status.CallbackFaults)
	require.Zero(t, status.Faults)
	require.Empty(t, steps(registry, plugin.StepRollback), "it stays active")
}

func TestQuarantineOutlastsARestart(t *testing.T) {
	t.Parallel()
	code := module(t, "")
	s := newSite(t, plugin.Settings{}, code)
	active, _ := s.registry.Current("hostile")
	require.Error(t, poison(t, active, "pay_1", "pay_2", "pay_3"))
	began(t, s.registry, plugin.StepRollback, 1)
	s.restart()
	s.serves(code)
	active, _ = s.registry.Current("hostile")
	require.ErrorIs(t, active.Sendable(), plugin.ErrQuarantine)
	require.Equal(t, 1, s.registry.Quarantined())

	// A file that cannot be read is no release.
	files, err := filepath.Glob(filepath.Join(s.settings.Dir, ".quarantine", "*"))
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.NoError(t, os.WriteFile(files[0], []byte("{"), 0o600))
	s.restart()
	active, _ = s.registry.Current("hostile")
	require.ErrorIs(t, active.Sendable(), plugin.ErrQuarantine)
	require.NoError(t, s.registry.EndQuarantine(t.Context(), "hostile", active.Digest(), "ops"))
	s.restart()
	active, _ = s.registry.Current("hostile")
	require.NoError(t, active.Sendable())
}

// swapped is a registry in which a module has replaced another one.
func swapped(t *testing.T, settings plugin.Settings, before, after string) (
	registry *plugin.Registry, former, now *plugin.Generation,
) {
	t.Helper()
	registry = newRegistry(t, settings)
	former = install(t, registry, variant(t, before))
	report, err := registry.Install(t.Context(), plugin.Candidate{
		Code: variant(t, after), Source: "test", Allow: plugin.Allowances(),
	})
	require.NoError(t, err)
	now, _ = registry.Current(report.Name)
	require.Equal(t, report.Digest, now.Digest())
	return registry, former, now
}

func TestQuarantineWithinTheProbationRollsBack(t *testing.T) {
	t.Parallel()
	registry, former, now := swapped(t, plugin.Settings{}, "version=1.0.0", "version=1.1.0")
	require.Error(t, poison(t, now, "pay_1", "pay_2", "pay_3"))
	began(t, registry, plugin.StepServe, 3)
	active, _ := registry.Current("hostile")
	require.Equal(t, former.Digest(), active.Digest())
	require.NoError(t, active.Sendable())
	status, _ := registry.Plugin("hostile")
	require.Equal(t, former.Digest(), status.Admitted.Digest, "a restart does not bring it back")

	// Nothing but a release makes it active again.
	require.ErrorIs(t, registry.Rollback(t.Context(), "hostile", "", "ops"), plugin.ErrQuarantine)
	_, err := registry.Install(t.Context(), plugin.Candidate{
		Code: variant(t, "version=1.1.0"), Source: "test", Allow: plugin.Allowances(),
	})
	require.ErrorIs(t, err, plugin.ErrQuarantine)
	require.NoError(t, registry.EndQuarantine(t.Context(), "hostile", now.Digest(), "ops"))
	require.NoError(t, registry.Rollback(t.Context(), "hostile", "", "ops"))

	// What a person went back to is not left by itself.
	require.Error(t, poison(t, now, "pay_4", "pay_5", "pay_6"))
	began(t, registry, plugin.StepQuarantine, 2)
	began(t, registry, plugin.StepRollback, 2)
	active, _ = registry.Current("hostile")
	require.Equal(t, now.Digest(), active.Digest())
}

func TestQuarantineIsNoRollbackToALooserManifestNorLater(t *testing.T) {
	t.Parallel()
	clock := struct {
		sync.Mutex
		now time.Time
	}{now: time.Now()}
	for claim, row := range map[string]struct {
		settings      plugin.Settings
		before, after string
		why           string
	}{
		"to a looser one": {
			before: "loosen=class version=1.0.0", after: "version=1.1.0", why: "the former generation's manifest is looser",
		},
		"after the probation": {
			settings: plugin.Settings{Quarantine: faults.Settings{Probation: time.Hour}, Now: func() time.Time {
				clock.Lock()
				defer clock.Unlock()
				clock.now = clock.now.Add(45 * time.Minute) // every look at the clock
				return clock.now
			}},
			before: "version=1.0.0", after: "version=1.1.0", why: "was not swapped in lately",
		},
		"where none is kept": {
			settings: plugin.Settings{Keep: -1}, before: "version=1.0.0", after: "version=1.1.0", why: "is not kept",
		},
	} {
		t.Run(claim, func(t *testing.T) {
			t.Parallel()
			row.settings.Quarantine.Merchants = -1
			registry, _, now := swapped(t, row.settings, row.before, row.after)
			require.Error(t, poison(t, now, "pay_1", "pay_2", "pay_3"))
			began(t, registry, plugin.StepRollback, 1)
			require.Contains(t, steps(registry, plugin.StepRollback)[0].Error, row.why)
			active, _ := registry.Current("hostile")
			require.Equal(t, now.Digest(), active.Digest())
			require.ErrorIs(t, active.Sendable(), plugin.ErrQuarantine)
		})
	}
}

func TestCanaryInQuarantineIsAborted(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	stable := install(t, registry, variant(t, "version=1.0.0"))
	_, err := registry.Install(t.Context(), plugin.Candidate{
		Code: variant(t, "version=1.1.0"), Source: "test", Canary: 50, Allow: plugin.Allowances(),
	})
	require.NoError(t, err)
	set := registry.ActiveSet()
	active, _ := set.Of("hostile")
	require.Error(t, poison(t, active.Canary, "pay_1", "pay_2", "pay_3"))
	require.Eventually(t, func() bool {
		now, _ := registry.ActiveSet().Of("hostile")
		return now.Canary == nil
	}, waiting, tick)
	now, _ := registry.ActiveSet().Of("hostile")
	require.Same(t, stable, now.Stable)
	require.NoError(t, stable.Sendable())
}

// A plugin whose calls burn what they may had the CPU for as long as calls came.
func TestBudgetRefusesNewRequestsOnly(t *testing.T) {
	t.Parallel()
	at := time.Now()
	registry := newRegistry(t, plugin.Settings{
		CPU: 0.001, AccountCPU: -1, Quarantine: faults.Settings{Faults: -1},
		Now: func() time.Time { return at }, Limits: wasm.Limits{Fuel: 30_000_000},
	})
	generation := install(t, registry, module(t, ""))
	begin := func(operation string) *plugin.Flow {
		return generation.Begin(&abi.Call{Operation: operation, Payment: &abi.Payment{}}).For("eu", "shop")
	}
	before := begin("buy")
	step, _, err := before.Prepare(t.Context())
	require.NoError(t, err)
	_, _, err = begin("loop").Prepare(t.Context())
	require.ErrorIs(t, err, wasm.ErrOutOfFuel)
	_, fuel, err := begin("serve").Prepare(t.Context())
	require.ErrorIs(t, err, plugin.ErrOverBudget)
	require.Zero(t, fuel)
	status := generationOf(t, registry, generation.Digest())
	require.True(t, status.OverBudget)
	require.Equal(t, int64(1), status.Refused)
	require.Equal(t, int64(1), status.Faults.Calls, "a call that is not made is no fault")

	_, _, err = before.Interpret(t.Context(), step.GetSend().GetState(), &abi.HttpResponse{Status: 200})
	require.NoError(t, err)
	_, _, err = begin("look").Prepare(t.Context())
	require.NoError(t, err)
	_, _, err = generation.Receive(t.Context(), "eu", &abi.Callback{Method: "POST"})
	require.NoError(t, err)
}

func TestAccountsHaveBudgetsOfTheirOwn(t *testing.T) {
	t.Parallel()
	at := time.Now()
	registry := newRegistry(t, plugin.Settings{
		CPU: -1, AccountCPU: 0.001, Quarantine: faults.Settings{Faults: -1},
		Now: func() time.Time { return at },
	})
	generation := install(t, registry, module(t, ""))
	prepare := func(account, operation string) error {
		_, _, err := generation.Begin(&abi.Call{Operation: operation}).For(account, "shop").Prepare(t.Context())
		return err
	}
	require.ErrorIs(t, prepare("eu", "loop"), wasm.ErrOutOfFuel)
	require.ErrorIs(t, prepare("eu", "serve"), plugin.ErrOverBudget)
	require.NoError(t, prepare("us", "serve"))
}

// What the contract does not have is no answer, and a fault of the plugin.
func TestAnswersOutsideTheContractAreFaults(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	generation := install(t, registry, module(t, ""))
	for i, operation := range []string{"odd verdict", "odd status"} {
		_, _, err := generation.Begin(&abi.Call{Operation: operation}).Prepare(t.Context())
		require.ErrorContains(t, err, "not of the call's kind", operation)
		require.Equal(t, int64(i+1), generationOf(t, registry, generation.Digest()).Faults.Inputs)
	}
}

// A start after a trap took as much CPU as it liked, and was in no account.
func TestASlowStartIsPaidOnce(t *testing.T) {
	t.Parallel()
	at := time.Now()
	registry := newRegistry(t, plugin.Settings{
		CPU: 0.5, Quarantine: faults.Settings{Faults: -1}, Now: func() time.Time { return at },
	})
	generation := install(t, registry, variant(t, "start=slow"))
	for i := range 20 {
		_, _, err := generation.Begin(&abi.Call{
			Operation: "reach out", Payment: &abi.Payment{Id: strconv.Itoa(i)},
		}).Prepare(context.Background())
		require.ErrorIs(t, err, wasm.ErrTrapped)
	}
	require.Zero(t, generationOf(t, registry, generation.Digest()).Refused, "the calls themselves are in the budget")
}

// What only the host sees of a plugin's answers counts, too.
func TestFaultsThatNoCallShowsCount(t *testing.T) {
	t.Parallel()
	registry := newRegistry(t, plugin.Settings{})
	generation := install(t, registry, module(t, ""))
	registry.Fault("another's", "pay_1", "shop", errors.New("it rejects what it sent"))
	for i := range 3 {
		require.NoError(t, generation.Sendable())
		registry.Fault(generation.Digest(), fmt.Sprint("pay_", i), "shop", errors.New("it rejects what it sent"))
	}
	require.ErrorIs(t, generation.Sendable(), plugin.ErrQuarantine)
	require.Equal(t, "it rejects what it sent", generationOf(t, registry, generation.Digest()).Quarantine.Reason)
}
