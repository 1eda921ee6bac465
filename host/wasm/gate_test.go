package wasm_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/wasm"
)

// queue is calls at a gate, in a bubble: each takes so many milliseconds.
type queue struct {
	*testing.T
	gate  *wasm.Gate
	calls sync.WaitGroup
	mutex sync.Mutex
	order []string
}

// call enters once the calls before it wait, and notes its name when it runs.
func (q *queue) call(name string, module int, urgent bool, milliseconds int) {
	q.calls.Go(func() {
		leave, err := q.gate.Enter(q.Context(), module, urgent)
		if err != nil {
			return
		}
		q.mutex.Lock()
		q.order = append(q.order, name)
		q.mutex.Unlock()
		took := time.Duration(milliseconds) * time.Millisecond
		time.Sleep(took)
		leave(took)
	})
	synctest.Wait()
}

// ran are the names of the calls that run or have run since the last forget.
func (q *queue) ran() []string {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	return slices.Clone(q.order)
}

func (q *queue) forget() {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.order = nil
}

func TestTheModuleThatUsedLeastGoesFirst(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &queue{T: t, gate: wasm.NewGate(1, 2, 8)}
		for range 6 {
			q.call("hog", 0, false, 600)
		}
		for range 4 {
			q.call("honest", 1, false, 1)
		}
		q.calls.Wait()
		require.Equal(t, []string{
			"hog", "honest", "honest", "honest", "honest", "hog", "hog", "hog", "hog", "hog",
		}, q.ran())
	})
}

func TestAnswersGoBeforeNewRequestsOfTheirModuleOnly(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &queue{T: t, gate: wasm.NewGate(1, 2, 8)}
		q.call("prepare", 0, false, 600)
		q.call("prepare", 0, false, 600)
		q.call("interpret", 0, true, 600)
		q.call("other module's prepare", 1, false, 1)
		q.calls.Wait()
		require.Equal(t, []string{"prepare", "other module's prepare", "interpret", "prepare"}, q.ran())
	})
}

// A module that was idle had a claim on all that the others used meanwhile.
func TestIdlenessEarnsNoCredit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &queue{T: t, gate: wasm.NewGate(1, 2, 8)}
		for range 10 {
			q.call("early", 0, false, 100)
		}
		q.calls.Wait()
		q.forget()
		for range 3 {
			q.call("early", 0, false, 100)
			q.call("late", 1, false, 100)
		}
		q.calls.Wait()
		require.Equal(t, []string{"early", "late", "early", "late", "early", "late"}, q.ran())
	})
}

func TestAModuleHasNoMoreCallsRunningThanInstances(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &queue{T: t, gate: wasm.NewGate(3, 2, 2)}
		for range 3 {
			q.call("hog", 0, false, 600)
		}
		q.call("honest", 1, false, 1)
		require.Equal(t, []string{"hog", "hog", "honest"}, q.ran(), "a call that may not run takes no room")
		q.calls.Wait()
	})
}

// Nothing interrupts a call: honest calls waited for each of a slow module's, at half of a CPU's time.
func TestABriefCallRunsBesideALongOne(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const hog, otherHog, honest, alsoHonest = 0, 1, 2, 3
		q := &queue{T: t, gate: wasm.NewGate(1, 4, 8)}
		for module, milliseconds := range []int{hog: 600, otherHog: 600, honest: 1, alsoHonest: 1} {
			q.call("before", module, false, milliseconds)
			q.calls.Wait()
		}
		q.forget()
		q.call("hog", hog, false, 600)
		q.call("other hog", otherHog, false, 600)
		q.call("honest", honest, false, 1)
		q.call("honest too", alsoHonest, false, 1)
		require.Equal(t, []string{"hog", "honest"}, q.ran(), "one runs beside")
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		require.Equal(t, []string{"hog", "honest", "honest too"}, q.ran(), "and the next once that has ended")
		q.calls.Wait()
		require.Equal(t, "other hog", q.ran()[3])
	})
}

func TestNothingRunsBesideABriefCall(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &queue{T: t, gate: wasm.NewGate(1, 2, 8)}
		for module := range 2 {
			q.call("before", module, false, 1)
			q.calls.Wait()
		}
		q.forget()
		q.call("brief", 0, false, 1)
		q.call("brief too", 1, false, 1)
		require.Equal(t, []string{"brief"}, q.ran())
		q.calls.Wait()
	})
}

// A module whose calls are long now and then is not one of brief calls right after.
func TestALongCallIsRememberedForAWhile(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		q := &queue{T: t, gate: wasm.NewGate(1, 2, 8)}
		const hog, changing = 0, 1
		q.call("before", hog, false, 600)
		besideAfter := func(calls int) bool {
			q.call("long", changing, false, 40)
			q.calls.Wait()
			for range calls {
				q.call("brief", changing, false, 1)
				q.calls.Wait()
			}
			q.forget()
			q.call("hog", hog, false, 600)
			q.call("changing", changing, false, 1)
			beside := len(q.ran()) == 2
			q.calls.Wait()
			return beside
		}
		require.False(t, besideAfter(20))
		require.True(t, besideAfter(60))
	})
}

// Whatever calls come, stop waiting and end, no room is lost, no more than one runs beyond the room, and every call
// that waits is let in.
func TestNoRoomOfTheGateIsLost(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		room, most := rapid.IntRange(1, 4).Draw(rt, "room"), rapid.IntRange(1, 4).Draw(rt, "most")
		type plan struct {
			module  int
			urgent  bool
			took    time.Duration
			at      time.Duration
			patient time.Duration
		}
		plans := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) plan {
			return plan{
				rapid.IntRange(0, 2).Draw(rt, "module"), rapid.Bool().Draw(rt, "urgent"),
				time.Duration(rapid.IntRange(0, 50).Draw(rt, "milliseconds")) * time.Millisecond,
				time.Duration(rapid.IntRange(0, 100).Draw(rt, "at")) * time.Millisecond,
				time.Duration(rapid.SampledFrom([]int{1, 20, 1_000_000}).Draw(rt, "patient")) * time.Millisecond,
			}
		}), 1, 40).Draw(rt, "plans")
		synctest.Test(t, func(t *testing.T) {
			gate := wasm.NewGate(room, 3, most)
			var calls sync.WaitGroup
			var mutex sync.Mutex
			running, entered, left := map[int]int{}, 0, 0
			brief := map[int]bool{} // modules that a brief call was seen of
			for _, p := range plans {
				calls.Go(func() {
					time.Sleep(p.at)
					ctx, cancel := context.WithTimeout(t.Context(), p.patient)
					defer cancel()
					leave, err := gate.Enter(ctx, p.module, p.urgent)
					mutex.Lock()
					defer mutex.Unlock()
					if err != nil {
						left++
						if p.patient > time.Hour/6 {
							rt.Errorf("a call waited for ever: %v", err)
						}
						return
					}
					entered++
					running[p.module]++
					if running[p.module] > most || running[0]+running[1]+running[2] > room+1 {
						rt.Errorf("%v run, of a room of %d and %d a module", running, room, most)
					}
					beside := false // somebody who may run beside others does
					for module, calls := range running {
						beside = beside || calls > 0 && brief[module]
					}
					if running[0]+running[1]+running[2] > room && !beside {
						rt.Errorf("%v run, of a room of %d, and brief ones are of %v", running, room, brief)
					}
					mutex.Unlock()
					time.Sleep(p.took)
					mutex.Lock()
					running[p.module]--
					brief[p.module] = brief[p.module] || 0 < p.took && p.took <= wasm.BriefCall
					leave(p.took)
				})
			}
			calls.Wait()
			if entered+left != len(plans) || !gate.Idle(room) {
				rt.Errorf("%d entered, %d left of %d; idle: %v", entered, left, len(plans), gate.Idle(room))
			}
		})
	})
}

// One module's calls kept another's waiting until all of them had run.
func TestAnotherModulesCallWaitsForOneCallOnly(t *testing.T) {
	t.Parallel()
	c := compiler(t, wasm.Options{Running: 1})
	modules := map[string]*wasm.Module{}
	for name, limits := range map[string]wasm.Limits{"hog": {Instances: 8}, "honest": {Instances: 7}} {
		m, err := c.Compile(t.Context(), guest(t), limits)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, m.Close(context.Background())) })
		modules[name] = m
	}
	var calls sync.WaitGroup
	var mutex sync.Mutex
	var order []string
	for range 64 { // until its start, which takes long, is forgotten
		_, _, err := call(t, modules["honest"], wasm.Interpret, "short", wasm.Env{})
		require.NoError(t, err)
	}
	for range 5 { // it uses more than either module's start does
		_, _, err := call(t, modules["hog"], wasm.Prepare, "l", wasm.Env{})
		require.ErrorIs(t, err, wasm.ErrOutOfFuel)
	}
	free := occupied(t, modules["hog"])
	begin := func(name string, input string) {
		calls.Go(func() {
			_, _ = modules[name].Call(context.Background(), wasm.Interpret, []byte(input), wasm.Env{},
				func([]byte) error {
					mutex.Lock()
					defer mutex.Unlock()
					order = append(order, name)
					return nil
				})
		})
	}
	for range 5 {
		begin("hog", "a long answer of the provider, to read which takes longer than to read a short one")
	}
	require.Eventually(t, func() bool { return c.Waiting() == 5 }, time.Minute, time.Millisecond)
	begin("honest", "short")
	require.Eventually(t, func() bool {
		mutex.Lock()
		defer mutex.Unlock()
		return c.Waiting() == 6 || len(order) == 1 // it may run beside a long one
	}, time.Minute, time.Millisecond)
	free()
	calls.Wait()
	require.Len(t, order, 6)
	require.Equal(t, "honest", order[0])
}

// A guest that can change more than its memory and globals starts anew for each pristine call; others start once.
func TestUsageNamesWhatAStartTook(t *testing.T) {
	t.Parallel()
	for kept, starts := range map[string]bool{"table": true, "global": false} {
		m := compiled(t, keeping()[kept].bytes(), wasm.Limits{Instances: 1})
		_, usage, err := pristine(t, m, wasm.Prepare, "")
		require.NoError(t, err)
		require.Zero(t, usage.Start, "the first instance was there")
		same := usage.Fuel
		_, usage, err = pristine(t, m, wasm.Prepare, "")
		require.NoError(t, err)
		require.Equal(t, starts, usage.Start > 0, kept)
		require.Equal(t, same, usage.Fuel, "a start is no part of a call's fuel")
	}
}
