package wasm_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/wasm"
)

// program draws functions that end: statements over three i64 locals, in blocks, branches and counted loops. Local 2
// counts the statements that ran, 3 and 4 are worked on, 5 on count the loops.
type program struct {
	t      *rapid.T
	loops  int
	budget int
	labels []bool // of the blocks around, innermost last: may be branched to
}

// statementTicks is what one statement costs at the least: its three instructions with a cost, and those that count
// it.
const statementTicks = 28

const loopLocals = 8

func (p *program) statements() []byte {
	var out []byte
	for range rapid.IntRange(1, 4).Draw(p.t, "statements") {
		if p.budget--; p.budget < 0 {
			break
		}
		out = append(out, p.statement()...)
	}
	return out
}

func (p *program) within(branchable bool) []byte {
	p.labels = append(p.labels, branchable)
	defer func() { p.labels = p.labels[:len(p.labels)-1] }()
	return p.statements()
}

// condition is an i32 of either truth.
func (p *program) condition() []byte {
	local := rapid.IntRange(2, 4).Draw(p.t, "of")
	return code(0x20, local, i64c(1<<rapid.IntRange(0, 3).Draw(p.t, "bit")), 0x83, 0x50)
}

// label picks a block around that may be left.
func (p *program) label() (int, bool) {
	var fit []int
	for i, ok := range p.labels {
		if ok {
			fit = append(fit, len(p.labels)-1-i)
		}
	}
	if len(fit) == 0 {
		return 0, false
	}
	return rapid.SampledFrom(fit).Draw(p.t, "label"), true
}

func (p *program) statement() []byte {
	from, to := rapid.IntRange(3, 4).Draw(p.t, "from"), rapid.IntRange(3, 4).Draw(p.t, "to")
	counted := code(0x20, 2, i64c(1), 0x7c, 0x21, 2)
	plain := code(counted, 0x20, from, i64c(rapid.Int64().Draw(p.t, "constant")),
		rapid.SampledFrom([]int{0x7c, 0x7d, 0x7e, 0x83, 0x84, 0x85, 0x89}).Draw(p.t, "operator"), 0x21, to)
	switch rapid.IntRange(0, 9).Draw(p.t, "kind") {
	case 0:
		return code(plain, 0x02, 0x40, p.within(true), 0x0b)
	case 1:
		return code(plain, p.condition(), 0x04, 0x40, p.within(true), 0x0b)
	case 2:
		return code(plain, p.condition(), 0x04, 0x40, p.within(true), 0x05, p.within(true), 0x0b)
	case 3: // a loop, counted down in a local of its own
		if p.loops == loopLocals {
			return plain
		}
		counter := 5 + p.loops
		p.loops++
		return code(plain, i64c(int64(rapid.IntRange(1, 5).Draw(p.t, "turns"))), 0x21, counter,
			0x03, 0x40, p.within(false),
			0x20, counter, i64c(1), 0x7d, 0x22, counter, i64c(0), 0x55, 0x0d, 0, 0x0b) // while --counter > 0
	case 4:
		if label, ok := p.label(); ok {
			return code(plain, p.condition(), 0x0d, label)
		}
	case 5:
		first, ok := p.label()
		if !ok {
			return plain
		}
		second, _ := p.label()
		// The condition, 0 or 1, picks what follows or one of the blocks around; the default is never taken.
		return code(plain, 0x02, 0x40, p.condition(), 0x0e, 2, 0, first+1, second+1, 0x0b)
	case 6: // bulk
		return code(plain, i32c(2048), 0x20, from, 0xa7, i32c(int32(rapid.IntRange(0, 300).Draw(p.t, "length"))), 0xfc,
			11, 0,
			i32c(4096), i32c(2048), i32c(100), 0xfc, 10, 0, 0)
	case 7:
		return code(plain, i32c(3000), 0x20, from, 0x37, 3, 0, i32c(3004), 0x29, 3, 0, 0x21, to)
	}
	return plain
}

// Every statement that runs has been paid for, whatever way the program took to it, and metering changes no result.
func TestProgramsPayForWhatTheyDo(t *testing.T) {
	t.Parallel()
	metering, bare := compiler(t, wasm.Options{}), compiler(t, wasm.Options{Unmetered: true})
	rapid.Check(t, func(rt *rapid.T) {
		p := &program{t: rt, budget: 60}
		body := p.statements()
		store := func(at int32, local int) []byte { return code(i32c(at), 0x20, local, 0x37, 3, 0) }
		locals := make([]byte, 3+loopLocals)
		for i := range locals {
			locals[i] = i64Type
		}
		module := assembly{prepare: routine{
			locals: locals, code: code(body, store(1024, 2), store(1032, 3), store(1040, 4), i64c(1024<<32|24)),
		}}.bytes()

		run := func(c *wasm.Compiler) (string, int64) {
			m, err := c.Compile(t.Context(), module, wasm.Limits{})
			require.NoError(rt, err)
			answer, usage, err := call(t, m, wasm.Prepare, "", wasm.Env{})
			require.NoError(rt, err)
			require.NoError(rt, m.Close(t.Context()))
			return answer, usage.Fuel
		}
		answer, fuel := run(metering)
		want, _ := run(bare)
		require.Equal(rt, want, answer)
		ran := int64(binary.LittleEndian.Uint64([]byte(answer)))
		require.GreaterOrEqual(rt, fuel*16, ran*statementTicks, "%d statements", ran)
	})
}

// However a function is left, its results are those that it would have without the meter's blocks around it.
func TestMeteringKeepsTheWaysOut(t *testing.T) {
	t.Parallel()
	const answer = 1024<<32 | 8
	given := code(i32c(1024), i64c(7), 0x37, 3, 0, i64c(answer))
	for name, c := range map[string]assembly{
		"at the end": {prepare: routine{code: given}},
		"return":     {prepare: routine{code: code(given, 0x0f)}},
		"a branch":   {prepare: routine{code: code(given, 0x0c, 0)}},
		"a branch from blocks within": {prepare: routine{code: code(0x02, 0x40, 0x03, 0x40, given, 0x0c, 2, 0x0b, 0x0b,
			i64c(0))}},
		"a branch on a condition": {prepare: routine{code: code(given, i32c(1), 0x0d, 0, 0x1a, i64c(0))}},
		"a table's branch": {prepare: routine{code: code(0x02, 0x40, given, i32c(5), 0x0e, 1, 1, 1, 0x0b,
			i64c(0))}},
		"two results": {
			prepare: routine{code: code(0x10, firstExtra, 0x1a, 0x1a, given)},
			extra:   []routine{{kind: typePair, code: code(i64c(1), i64c(2), i32c(1), 0x0d, 0)}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _, err := call(t, compiled(t, c.bytes(), wasm.Limits{}), wasm.Prepare, "", wasm.Env{})
			require.NoError(t, err)
			require.Equal(t, "\x07\x00\x00\x00\x00\x00\x00\x00", got)
		})
	}
}

// One more of something costs what it should, and nothing is paid for that did not run, small branches aside.
func TestFuelIsPaidForWhatRuns(t *testing.T) {
	t.Parallel()
	const adding = 14 // ticks: local.get 2, i64.const 2, i64.add 8, local.set 2
	add := func(n int) []byte { return times(n, 0x20, 2, i64c(1), 0x7c, 0x21, 2) }
	turns := func(n int32, body []byte) []byte { // the loop's own: 24 ticks
		return code(i32c(n), 0x21, 3, 0x03, 0x40, body, 0x20, 3, i32c(1), 0x6b, 0x22, 3, 0x0d, 0, 0x0b)
	}
	handingOn := func(n int32) []byte { // a loop whose parameters are 100 values
		return code(times(100, i64c(1)), i32c(n), 0x21, 3, 0x03, typeHundred, i64c(1),
			0x20, 3, i32c(1), 0x6b, 0x22, 3, 0x0d, 0, 0x1a, 0x0b, times(100, 0x1a))
	}
	for name, c := range map[string]struct {
		less, more []byte
		fuel       int64
	}{
		"more instructions": {add(160), add(320), 160 * adding / 16},
		"an arm of an if": {
			code(i32c(0), 0x04, 0x40, add(300), 0x0b),
			code(i32c(1), 0x04, 0x40, add(300), 0x0b), 263,
		},
		"a large arm": {
			code(i32c(0), 0x04, 0x40, add(16000), 0x0b),
			code(i32c(1), 0x04, 0x40, add(16000), 0x0b), 16000*adding/16 + 1,
		},
		"an arm of an else": {
			code(i32c(1), 0x04, 0x40, 0x05, add(300), 0x0b),
			code(i32c(0), 0x04, 0x40, 0x05, add(300), 0x0b), 263,
		},
		"a small arm": {
			code(i32c(0), 0x04, 0x40, add(10), 0x0b), code(i32c(1), 0x04, 0x40, add(10), 0x0b),
			0,
		},
		"a small arm, beforehand": {code(i32c(0), 0x04, 0x40, 0x0b), code(i32c(0), 0x04, 0x40, add(10), 0x0b), 9},
		"what follows a block": {
			code(0x02, 0x40, 0x02, 0x40, i32c(1), 0x0d, 1, 0x0b, add(300), 0x0b),
			code(0x02, 0x40, 0x02, 0x40, i32c(0), 0x0d, 1, 0x0b, add(300), 0x0b), 263,
		},
		"a turn of a loop": {turns(5, add(160)), turns(6, add(160)), 1 + 160*adding/16 + 2},
		"bytes filled": {
			code(i32c(0), i32c(0), i32c(100), 0xfc, 11, 0),
			code(i32c(0), i32c(0), i32c(300), 0xfc, 11, 0), 100,
		},
		"bytes copied": {
			code(i32c(0), i32c(0), i32c(100), 0xfc, 10, 0, 0),
			code(i32c(0), i32c(0), i32c(300), 0xfc, 10, 0, 0), 100,
		},
		"pages grown": {code(i32c(1), 0x40, 0, 0x1a), code(i32c(3), 0x40, 0, 0x1a), 200_000},
		"values handed on to a loop": {
			handingOn(4), handingOn(5), 1 + (24+95*8+15)/16, // the turn's, its instructions', and of 95 values
		},
		"calls": {
			// the turn's, the function's
			turns(4, code(0x10, firstExtra)), turns(5, code(0x10, firstExtra)), 1 + 3 + 1 + 16,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fuel := func(body []byte) int64 {
				m := compiled(t, assembly{
					extra:   []routine{{kind: typeNothing}},
					prepare: routine{locals: []byte{i64Type, i32Type}, code: code(body, i64c(0))},
				}.bytes(), wasm.Limits{})
				_, usage, err := call(t, m, wasm.Prepare, "", wasm.Env{})
				require.NoError(t, err)
				return usage.Fuel
			}
			require.Equal(t, c.fuel, fuel(c.more)-fuel(c.less))
		})
	}
}
