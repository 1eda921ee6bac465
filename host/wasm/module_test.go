package wasm_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/wasm"
)

func TestGoGuestAnswers(t *testing.T) {
	t.Parallel()
	m := compiled(t, guest(t), wasm.Limits{})
	for _, c := range []struct {
		export      wasm.Export
		input, want string
	}{
		{wasm.Describe, "", "a guest for tests"},
		{wasm.Prepare, "eHello", "Hello"},
		{wasm.Prepare, "", ""},
		{wasm.Interpret, `{"b":[1,2,"x"],"a":null}`, `{"a":null,"b":[1,2,"x"]}`},
		{wasm.Receive, "gnirts", "ginrst"},
	} {
		answer, usage, err := call(t, m, c.export, c.input, wasm.Env{})
		require.NoError(t, err)
		require.Equal(t, c.want, answer)
		require.Positive(t, usage.Fuel)
		require.Positive(t, usage.Memory)
	}
}

func TestBadCallEndsAloneAndTheNextSucceeds(t *testing.T) {
	t.Parallel()
	m := compiled(t, guest(t), wasm.Limits{Fuel: 100_000_000})
	fresh, _, err := pristine(t, m, wasm.Prepare, "c")
	require.NoError(t, err)
	for i, c := range []struct {
		name, input string
		want        error
		text        string
	}{
		{"loops for ever", "l", wasm.ErrOutOfFuel, "wasm guest: prepare: out of fuel"},
		{"recurses for ever", "r", wasm.ErrOutOfFuel, "wasm guest: prepare: out of fuel"},
		{"allocates without end", "m", wasm.ErrTrapped, "wasm guest: prepare: trapped: unreachable"},
		{"writes without end", "W", wasm.ErrOutOfFuel, "wasm guest: prepare: out of fuel"},
		{"panics", "p", wasm.ErrTrapped, "wasm guest: prepare: trapped: unreachable"},
		{"exits", "x", wasm.ErrExited, "wasm guest: prepare: exited: exit code 3"},
		{"answers outside its memory", "o", wasm.ErrBadAnswer, "wasm guest: prepare: bad answer: 0 bytes at"},
		{"answers too much", "h", wasm.ErrAnswerTooLarge, "answer too large: 9437184 bytes, at most 8388608"},
	} {
		var failed *wasm.CallError
		_, usage, err := call(t, m, wasm.Prepare, c.input, wasm.Env{})
		require.ErrorAs(t, err, &failed, c.name)
		require.ErrorIs(t, err, c.want, c.name)
		require.ErrorContains(t, err, c.text, c.name)
		require.NotContains(t, err.Error(), "\n", c.name)
		require.Equal(t, "prepare", failed.Call)
		require.Positive(t, usage.Fuel)

		answer, _, err := call(t, m, wasm.Prepare, "c", wasm.Env{})
		require.NoError(t, err, "after one that %s", c.name)
		require.Equal(t, fresh, answer, "an instance that failed is not used again")
		require.Equal(t, int64(i+1), m.Stats().Discarded)
	}
}

func TestTrapShowsWhereItHappened(t *testing.T) {
	t.Parallel()
	m := compiled(t, guest(t), wasm.Limits{})
	var said strings.Builder
	env := wasm.Env{Log: func(stream int, text []byte) { fmt.Fprintf(&said, "%d %s", stream, text) }}
	_, _, err := call(t, m, wasm.Prepare, "p", env)
	var failed *wasm.CallError
	require.ErrorAs(t, err, &failed)
	require.Contains(t, failed.Trace, "prepare")
	require.Contains(t, said.String(), "at the guest's wish")
}

func TestGuestLearnsOnlyWhatItIsGiven(t *testing.T) {
	t.Parallel()
	m := compiled(t, guest(t), wasm.Limits{})
	env := wasm.Env{Now: time.Date(2026, 11, 21, 10, 30, 0, 123_456_789, time.UTC), Seed: [32]byte{1, 2, 3}}
	first, _, err := call(t, m, wasm.Prepare, "t", env)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(first, "2026-11-21T10:30:00.123456789Z 1h0m0s "), first)
	require.True(t, strings.HasSuffix(first, " 0 0"), "no arguments, no environment: %s", first)

	again, _, err := call(t, m, wasm.Prepare, "t", env)
	require.NoError(t, err)
	require.Equal(t, first, again, "same time and seed")

	env.Seed[0]++
	other, _, err := call(t, m, wasm.Prepare, "t", env)
	require.NoError(t, err)
	require.NotEqual(t, first, other, "another seed")

	start, _, err := call(t, m, wasm.Prepare, "t", wasm.Env{})
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(start, "1970-01-01T00:00:00Z 1h0m0s "), start)
}

func TestLogIsBounded(t *testing.T) {
	t.Parallel()
	m := compiled(t, guest(t), wasm.Limits{Log: 20})
	said := make(map[int]string)
	env := wasm.Env{Log: func(stream int, text []byte) { said[stream] += string(text) }}
	_, _, err := call(t, m, wasm.Prepare, "wpayment", env)
	require.NoError(t, err)
	require.Equal(t, map[int]string{1: "out: payment\n", 2: "err: pa"}, said)

	said = make(map[int]string)
	_, _, err = call(t, m, wasm.Prepare, "wnext", env)
	require.NoError(t, err)
	require.Equal(t, "out: next\n", said[1], "each call has a limit of its own")

	_, _, err = call(t, m, wasm.Prepare, "wnobody listens", wasm.Env{})
	require.NoError(t, err)
}

// Shapes end at the limit, the next call is none the worse, and no bound but the fuel's was needed; the stack's aside.
func TestHostileShapesRunOutOfFuel(t *testing.T) {
	t.Parallel()
	all := shapes()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := compiled(t, all[name].bytes(), wasm.Limits{})
			_, usage, err := call(t, m, wasm.Prepare, "", wasm.Env{})
			require.Truef(t, errors.Is(err, wasm.ErrOutOfFuel) || errors.Is(err, wasm.ErrStackOverflow), "%v", err)
			require.LessOrEqual(t, usage.Fuel, int64(30_000_000))
			answer, _, err := call(t, m, wasm.Receive, "12345678", wasm.Env{})
			require.NoError(t, err)
			require.Equal(t, "12345678", answer)
		})
	}
}

func TestEndlessRecursionOverflowsItsOwnStack(t *testing.T) {
	t.Parallel()
	m := compiled(t, shapes()["recursion"].bytes(), wasm.Limits{Fuel: 1 << 40})
	_, _, err := call(t, m, wasm.Prepare, "", wasm.Env{})
	require.ErrorIs(t, err, wasm.ErrStackOverflow)
}

func TestTrapsAreTold(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code []byte
		want error
		text string
	}{
		"unreachable":        {code(0x00), wasm.ErrTrapped, "unreachable"},
		"division by zero":   {code(i64c(1), i64c(0), 0x7f), wasm.ErrTrapped, "integer divide by zero"},
		"load out of bounds": {code(i32c(-1), 0x29, 3, 0), wasm.ErrTrapped, "out of bounds memory access"},
		"fill out of bounds": {
			code(i32c(-1), i32c(0), i32c(9), 0xfc, 11, 0, i64c(0)), wasm.ErrTrapped,
			"out of bounds",
		},
		"answer beyond the memory": {i64c(65530<<32 | 7), wasm.ErrBadAnswer, "7 bytes at 65530, in a memory of 65536"},
		"answer of no sane length": {i64c(-1), wasm.ErrAnswerTooLarge, "4294967295 bytes, at most 8388608"},
		"fill of more than there is fuel for": {
			code(i32c(0), i32c(0), i32c(-1), 0xfc, 11, 0, i64c(0)), wasm.ErrOutOfFuel, "out of fuel",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := compiled(t, assembly{prepare: routine{code: c.code}}.bytes(), wasm.Limits{})
			_, _, err := call(t, m, wasm.Prepare, "x", wasm.Env{})
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, c.text)
		})
	}
}

func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	// The guest grows by one page, and answers the length 0 at the address that memory.grow gave.
	grow := assembly{prepare: routine{code: code(i32c(1), 0x40, 0, 0xac, i64c(32), 0x86)}}
	var addresses []string
	m := compiled(t, grow.bytes(), wasm.Limits{MemoryPages: 3})
	for range 3 {
		_, usage, err := call(t, m, wasm.Prepare, "", wasm.Env{})
		addresses = append(addresses, fmt.Sprint(usage.Memory>>16, err))
	}
	require.Equal(t, "2 <nil>", addresses[0])
	require.Equal(t, "3 <nil>", addresses[1])
	require.Equal(t, "3 wasm guest: prepare: bad answer: 0 bytes at 4294967295, in a memory of 196608", addresses[2])

	declared := assembly{pages: 1, most: 9, prepare: routine{code: code(i32c(3), 0x40, 0, 0xac, i64c(32), 0x86)}}
	m = compiled(t, declared.bytes(), wasm.Limits{MemoryPages: 3})
	_, usage, err := call(t, m, wasm.Prepare, "", wasm.Env{})
	require.ErrorIs(t, err, wasm.ErrBadAnswer, "the module's own bound does not widen the host's")
	require.Equal(t, uint32(1<<16), usage.Memory)
}

func TestTablesAreBounded(t *testing.T) {
	t.Parallel()
	// prepare grows a table without a bound of its own by 99,999, then by one more, and answers what the second gave.
	grow := code(0xd0, 0x70, i32c(99_999), 0xfc, 15, 0, 0x1a, 0xd0, 0x70, i32c(1), 0xfc, 15, 0, 0xac, i64c(32), 0x86)
	table := []byte{1, 0x70, 0, 1}
	m := compiled(t, assembly{tables: table, prepare: routine{code: grow}}.bytes(), wasm.Limits{})
	_, _, err := call(t, m, wasm.Prepare, "", wasm.Env{})
	require.ErrorContains(t, err, "0 bytes at 4294967295", "100,000 is the most")
}

func TestErrorOfTheReaderMakesABadAnswer(t *testing.T) {
	t.Parallel()
	m := compiled(t, guest(t), wasm.Limits{})
	cause := errors.New("field 3: wrong type")
	_, err := m.Call(t.Context(), wasm.Describe, nil, wasm.Env{}, func([]byte) error { return cause })
	require.ErrorIs(t, err, wasm.ErrBadAnswer)
	require.ErrorIs(t, err, cause)
	require.Equal(t, "wasm guest: describe: bad answer: field 3: wrong type", err.Error())
	require.Equal(t, int64(1), m.Stats().Discarded)
}

func TestPanicOfTheReaderLeaksNoInstance(t *testing.T) {
	t.Parallel()
	m := compiled(t, guest(t), wasm.Limits{Instances: 1})
	require.Panics(t, func() {
		_, _ = m.Call(t.Context(), wasm.Describe, nil, wasm.Env{}, func([]byte) error { panic("reader") })
	})
	_, _, err := call(t, m, wasm.Describe, "", wasm.Env{})
	require.NoError(t, err)
}

func TestInputIsBounded(t *testing.T) {
	t.Parallel()
	m := compiled(t, guest(t), wasm.Limits{Input: 10})
	_, _, err := call(t, m, wasm.Prepare, "e123456789", wasm.Env{})
	require.NoError(t, err)
	_, _, err = call(t, m, wasm.Prepare, "e1234567890", wasm.Env{})
	require.ErrorIs(t, err, wasm.ErrInputTooLarge)
	require.Zero(t, m.Stats().Discarded)
}

func TestFuelGrowsWithTheInput(t *testing.T) {
	t.Parallel()
	m := compiled(t, shapes()["empty loop"].bytes(), wasm.Limits{Fuel: 1000, FuelPerByte: 10, FuelMost: 2500})
	for length, want := range map[int]int64{0: 1000, 100: 2000, 1000: 2500} {
		_, usage, err := call(t, m, wasm.Prepare, strings.Repeat("x", length), wasm.Env{})
		require.ErrorIs(t, err, wasm.ErrOutOfFuel)
		require.Equal(t, want, usage.Fuel)
	}
}

// occupied takes an instance, and gives what lets it go.
func occupied(tb testing.TB, m *wasm.Module) (free func()) {
	tb.Helper()
	taken, let := make(chan struct{}), make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		_, _ = m.Call(context.Background(), wasm.Describe, nil, wasm.Env{}, func([]byte) error {
			close(taken)
			<-let
			return nil
		})
	})
	<-taken
	return sync.OnceFunc(func() { close(let); done.Wait() })
}

func TestInstancesAreBoundedAndWaitedFor(t *testing.T) {
	t.Parallel()
	m := compiledWith(t, guest(t), wasm.Limits{Instances: 2}, wasm.Options{Running: 3})
	one, two := occupied(t, m), occupied(t, m)
	defer one()
	defer two()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("the caller went away"))
	_, err := m.Call(ctx, wasm.Describe, nil, wasm.Env{}, nil)
	require.ErrorIs(t, err, wasm.ErrBusy)
	require.ErrorContains(t, err, "call describe: no instance free: the caller went away")
	require.Equal(t, 2, m.Stats().Instances)

	var waited sync.WaitGroup
	waited.Go(func() {
		_, _, err := call(t, m, wasm.Describe, "", wasm.Env{})
		assert.NoError(t, err)
	})
	one()
	waited.Wait()
	require.Equal(t, int64(2), m.Stats().Made)
}

func TestLastInstanceInIsTheFirstOut(t *testing.T) {
	t.Parallel()
	m := compiledWith(t, guest(t), wasm.Limits{Instances: 2}, wasm.Options{Running: 3})
	one, two := occupied(t, m), occupied(t, m)
	one()
	two()
	first, _, err := call(t, m, wasm.Prepare, "c", wasm.Env{})
	require.NoError(t, err)
	for n := byte(1); n < 5; n++ {
		answer, _, err := call(t, m, wasm.Prepare, "c", wasm.Env{})
		require.NoError(t, err)
		require.Equal(t, first[0]+n, answer[0], "the same instance serves them all")
	}
	require.Equal(t, 2, m.Stats().Idle)
}

func TestWornInstancesAreReplaced(t *testing.T) {
	t.Parallel()
	m := compiled(t, guest(t), wasm.Limits{Calls: 3})
	var counts []byte
	for range 5 {
		answer, _, err := call(t, m, wasm.Prepare, "c", wasm.Env{})
		require.NoError(t, err)
		counts = append(counts, answer[0])
	}
	fresh := counts[0]
	require.Equal(t, []byte{fresh, fresh + 1, fresh + 2, fresh, fresh + 1}, counts)
	require.Equal(t, int64(1), m.Stats().Recycled)

	grown := compiled(t, guest(t), wasm.Limits{Fuel: 1 << 40, MemoryPages: 2048, MemoryMark: 200})
	_, usage, err := call(t, grown, wasm.Prepare, "g", wasm.Env{})
	require.NoError(t, err)
	require.Greater(t, usage.Memory, uint32(40<<20))
	_, usage, err = call(t, grown, wasm.Prepare, "c", wasm.Env{})
	require.NoError(t, err)
	require.Less(t, usage.Memory, uint32(10<<20))
	require.Equal(t, int64(1), grown.Stats().Recycled)
}

func TestCloseWaitsForCallsUnderWay(t *testing.T) {
	t.Parallel()
	c := compiler(t, wasm.Options{})
	m, err := c.Compile(t.Context(), guest(t), wasm.Limits{})
	require.NoError(t, err)
	free := occupied(t, m)

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, m.Close(ended), context.Canceled)
	_, _, err = call(t, m, wasm.Describe, "", wasm.Env{})
	require.ErrorIs(t, err, wasm.ErrClosed, "no call begins while closing")
	require.ErrorContains(t, c.Close(t.Context()), "1 modules still open")

	free()
	require.NoError(t, m.Close(t.Context()))
	require.NoError(t, m.Close(t.Context()), "closed twice")
	_, _, err = call(t, m, wasm.Describe, "", wasm.Env{})
	require.ErrorIs(t, err, wasm.ErrClosed)
}

func TestWaitersAreToldOfClosing(t *testing.T) {
	t.Parallel()
	m := compiled(t, guest(t), wasm.Limits{Instances: 1})
	free := occupied(t, m)
	var done sync.WaitGroup
	done.Go(func() {
		_, err := m.Call(context.Background(), wasm.Describe, nil, wasm.Env{}, func([]byte) error { return nil })
		assert.ErrorIs(t, err, wasm.ErrClosed)
	})
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	require.Error(t, m.Close(ended))
	done.Wait()
	free()
}

func TestManyGoroutinesCallAtOnce(t *testing.T) {
	t.Parallel()
	m := compiledWith(t, guest(t), wasm.Limits{Instances: 3}, wasm.Options{Running: 4})
	var done sync.WaitGroup
	wrong := make([]error, 12)
	for i := range wrong {
		done.Go(func() { wrong[i] = callAndEnd(t, m, i) })
	}
	done.Wait()
	require.NoError(t, errors.Join(wrong...))
	stats := m.Stats()
	require.LessOrEqual(t, stats.Instances, 3)
	require.Equal(t, stats.Idle, stats.Instances)
	require.Equal(t, int64(240), stats.Calls)
	require.Equal(t, int64(36), stats.Discarded)
	require.Equal(t, stats.Made, stats.Discarded+int64(stats.Instances))
}

func TestMeteringChangesNoAnswer(t *testing.T) {
	t.Parallel()
	metered := compiled(t, guest(t), wasm.Limits{})
	bare := compiledWith(t, guest(t), wasm.Limits{}, wasm.Options{Unmetered: true})
	rapid.Check(t, func(rt *rapid.T) {
		export := rapid.SampledFrom([]wasm.Export{wasm.Interpret, wasm.Receive}).Draw(rt, "export")
		input := rapid.OneOf(
			rapid.String(), rapid.StringMatching(`\{"[a-z]{1,9}":(-?[0-9]{1,30}|"[a-z]*"|\[(1|2),null\])\}`),
		).Draw(rt, "input")
		want, _, err := call(t, bare, export, input, wasm.Env{})
		require.NoError(rt, err)
		got, usage, err := call(t, metered, export, input, wasm.Env{})
		require.NoError(rt, err)
		require.Equal(rt, want, got)
		require.Positive(rt, usage.Fuel)
	})
}

func TestSameCallBurnsTheSameFuel(t *testing.T) {
	t.Parallel()
	limits := wasm.Limits{Calls: 1, Instances: 1} // a fresh instance for every call
	m := compiled(t, guest(t), limits)
	for _, input := range []string{"e", "t", "wx", "x", "p", "l"} {
		_, first, _ := call(t, m, wasm.Prepare, input, wasm.Env{Seed: [32]byte{7}})
		for range 3 {
			_, again, _ := call(t, m, wasm.Prepare, input, wasm.Env{Seed: [32]byte{7}})
			require.Equal(t, first.Fuel, again.Fuel, input)
			require.Equal(t, first.Memory, again.Memory, input)
		}
	}
}

func TestCallDoesNotAllocate(t *testing.T) {
	m := compiled(t, guest(t), wasm.Limits{Calls: 1 << 40})
	input := []byte("e0123456789")
	read := func([]byte) error { return nil }
	ctx := t.Context()
	env := wasm.Env{Now: time.Unix(1, 0), Log: func(int, []byte) {}}
	allocations := testing.AllocsPerRun(500, func() {
		if _, err := m.Call(ctx, wasm.Prepare, input, env, read); err != nil {
			t.Fatal(err)
		}
	})
	require.Zero(t, allocations)
}

// callAndEnd calls many times, on the way to which some end their instance. It runs beside the test's own goroutine.
func callAndEnd(t *testing.T, m *wasm.Module, caller int) error {
	t.Helper()
	for i := range 20 {
		if i%7 == 3 {
			if _, _, err := call(t, m, wasm.Prepare, "x", wasm.Env{}); !errors.Is(err, wasm.ErrExited) {
				return fmt.Errorf("caller %d, call %d ended with: %w", caller, i, err)
			}
			continue
		}
		want := fmt.Sprint(caller, " ", i)
		if answer, _, err := call(t, m, wasm.Prepare, "e"+want, wasm.Env{}); err != nil || answer != want {
			return fmt.Errorf("caller %d, call %d answered %q: %w", caller, i, answer, err)
		}
	}
	return nil
}
