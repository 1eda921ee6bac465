package wasm

import (
	"context"
	"reflect"
	"time"
)

// Rewrite gives the module that would be compiled in place of another.
func Rewrite(code []byte, charge bool) ([]byte, error) {
	p, err := decode(code)
	if err != nil {
		return nil, err
	}
	metered, _, err := meter(p, charge)
	return metered, err
}

// BuildID identifies the program of the test.
func BuildID() string { return buildID() }

// SetBuild has a compiler keep, and find, rewritten modules as another program does.
func (c *Compiler) SetBuild(build string) { c.metered.build = build }

// Keep keeps a module as what becomes of another when it is rewritten.
func (c *Compiler) Keep(digest string, code []byte) error {
	p, err := decode(code)
	if err != nil {
		return err
	}
	made := rewritten{}
	if made.code, made.globals, err = meter(p, true); err != nil {
		return err
	}
	return c.metered.keep(digest, made)
}

// ReadSigned and ReadUnsigned read one LEB128 number, and tell how many bytes it took.
func ReadSigned(raw []byte, bits int) (value int64, used int, err error) {
	r := &reader{code: raw, end: len(raw)}
	value = r.signed(bits)
	return value, r.at, r.err
}

func ReadUnsigned(raw []byte) (value uint32, used int, err error) {
	r := &reader{code: raw, end: len(raw)}
	value = r.u32()
	return value, r.at, r.err
}

// Known tells whether an opcode is let pass; prefixed ones stand behind 0xfc.
func Known(code byte, prefixed bool) bool {
	if prefixed {
		return miscOpcodes[code].immediate != unknown
	}
	return code == opMisc || plainOpcodes[code].immediate != unknown
}

// Turn takes the turn to compile the module of a digest.
func (c *Compiler) Turn(ctx context.Context, digest string) (done func(), err error) {
	return c.turn(ctx, digest)
}

// Gate is a gate with modules that are numbers, for calls that use a time that is known before.
type Gate struct {
	gate   *gate
	shares []*share
	never  chan struct{}
}

// NewGate makes one with so many modules, each of which runs so many calls at once.
func NewGate(room, modules, most int) *Gate {
	g := &Gate{gate: newGate(room), never: make(chan struct{})}
	for range modules {
		g.shares = append(g.shares, &share{most: most})
	}
	return g
}

// Enter waits until a call of a module may run; leave ends it.
func (g *Gate) Enter(ctx context.Context, module int, urgent bool) (leave func(used time.Duration), err error) {
	of := g.shares[module]
	admitted, err := g.gate.enter(ctx, g.never, of, urgent)
	if err != nil {
		return nil, err
	}
	return func(used time.Duration) { g.gate.leave(of, admitted, used) }, nil
}

// Idle reports whether nothing runs or waits, of a gate with so much room.
func (g *Gate) Idle(room int) bool {
	g.gate.mu.Lock()
	defer g.gate.mu.Unlock()
	return g.gate.free == room && g.gate.long == 0 && !g.gate.beside && len(g.gate.waiting) == 0
}

// Waiting counts the calls that wait at a compiler's gate.
func (c *Compiler) Waiting() int {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	count := 0
	for of := range c.gate.waiting {
		count += of.urgent.Len() + of.other.Len()
	}
	return count
}

// CompareAll makes restoring look at all of the memory, as where the system does not list the pages that were written.
func (m *Module) CompareAll() {
	m.image.close()
	m.image.file = nil
}

// CallStack calls an export, and gives the bytes that its stack has afterwards, which the runtime does not export.
func (m *Module) CallStack(ctx context.Context, export Export) (int, error) {
	g, _, err := m.pool.acquire(ctx)
	if err != nil {
		return 0, err
	}
	g.begin(&Env{}, m.limits.Fuel)
	_, err = g.call(export, nil)
	size := reflect.ValueOf(g.exports[export]).Elem().FieldByName("stack").Len()
	m.pool.release(g, err == nil)
	return size, err
}
