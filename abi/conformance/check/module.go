package check

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	abi "payrouter/abi/v1"
)

// Report is what a bare module was found to be worth.
type Report struct {
	// The module's digest, and its manifest where it could be asked for one.
	Digest   string
	Manifest *abi.Manifest
	// In the order in which they were made. A check that fails early ends the list.
	Results []Result
	// What the costliest call of an everyday size took, and the most memory that any call left behind, in bytes.
	Fuel   int64
	Memory int64
}

// everyday is the largest input of an everyday size, in bytes.
const everyday = 4 << 10

// Result is one check.
type Result struct {
	Name string
	// What is wrong; empty where the check held.
	Problems []string
}

// OK reports whether every check held.
func (r *Report) OK() bool {
	return !slices.ContainsFunc(r.Results, func(result Result) bool { return len(result.Problems) > 0 })
}

// Module checks what can be checked of a module without its vectors: that the host takes it, that its manifest is in
// order, that every operation and callbacks can be called with the least input and with garbage, and that none of it
// ends an instance. No request leaves, and no secret is needed. It blocks for a few seconds, most of them the
// compiler's, and gives up where ctx ends.
//
// The report holds what is wrong with the module; the error is for what kept the checks from being made.
func Module(ctx context.Context, sandbox Sandbox, code []byte) (_ *Report, err error) {
	digest, refused := sandbox.Inspect(code)
	report := &Report{Digest: digest}
	if report.add("contract", reasons(refused)); !report.OK() {
		return report, nil
	}
	guest, err := sandbox.Compile(ctx, code)
	if refusal, isRefusal := errors.AsType[*RefusedError](err); isRefusal {
		report.add("start", []string{refusal.Error()})
		return report, nil
	}
	if err != nil {
		return nil, fmt.Errorf("check module: %w", err)
	}
	defer func() { err = errors.Join(err, guest.Close(context.WithoutCancel(ctx))) }()

	c := &checker{guest: guest, report: report}
	c.run(ctx)
	return report, ctx.Err()
}

func (r *Report) add(name string, problems []string) {
	r.Results = append(r.Results, Result{Name: name, Problems: problems})
}

func reasons(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

// checker runs a module through its paces.
type checker struct {
	guest  Guest
	report *Report
}

func (c *checker) run(ctx context.Context) {
	m, problems := c.describe(ctx)
	c.report.Manifest = m
	if c.report.add("describe", problems); m == nil {
		return
	}
	c.report.add("manifest", Manifest(m))
	for _, operation := range m.GetOperations() {
		c.report.add("operation "+operation.GetName(), c.operation(ctx, m, operation))
	}
	c.report.add("operation that is not there", c.unknown(ctx))
	c.report.add("callbacks", c.callbacks(ctx, m))
	c.report.add("payments kept apart", c.apart(ctx, m))
	c.report.add("input that is not the contract's", c.badInput(ctx))
	c.report.add("fuel", c.fuel())
}

type message interface {
	MarshalVT() ([]byte, error)
}

// Same reports whether two messages of the contract have the same encoding. The encoding is canonical: the contract has
// no maps, and fields are written in the order of their numbers.
func Same(a, b message) bool {
	first, err := a.MarshalVT()
	if err != nil {
		return false
	}
	second, err := b.MarshalVT()
	return err == nil && bytes.Equal(first, second)
}

// ask makes one call; what is wrong comes back in words.
func (c *checker) ask(ctx context.Context, export Export, in message) (*abi.Answer, []string) {
	encoded, err := in.MarshalVT()
	if err != nil {
		return nil, []string{fmt.Sprintf("encode: %v", err)}
	}
	return c.askBytes(ctx, export, encoded)
}

func (c *checker) askBytes(ctx context.Context, export Export, in []byte) (*abi.Answer, []string) {
	encoded, used, err := c.guest.Call(ctx, export, in)
	c.report.Memory = max(c.report.Memory, used.Memory)
	if len(in) <= everyday {
		c.report.Fuel = max(c.report.Fuel, used.Fuel)
	}
	answer := new(abi.Answer)
	if err == nil {
		err = answer.UnmarshalVTUnsafe(encoded)
	}
	if err != nil {
		return nil, []string{err.Error()}
	}
	if answer.GetError().GetCode() == abi.Error_CODE_PANIC {
		return nil, []string{fmt.Sprintf("%s: panic: %s", export, answer.GetError().GetMessage())}
	}
	return answer, nil
}

// describe asks twice: a manifest that changes cannot be relied on.
func (c *checker) describe(ctx context.Context) (*abi.Manifest, []string) {
	first, problems := c.askBytes(ctx, Describe, nil)
	if problems != nil {
		return nil, problems
	}
	second, problems := c.askBytes(ctx, Describe, nil)
	if problems != nil {
		return nil, problems
	}
	if first.GetManifest() == nil {
		return nil, []string{"describe: the answer holds no manifest"}
	}
	if !Same(first, second) {
		return first.GetManifest(), []string{"describe: the second answer differs from the first"}
	}
	return first.GetManifest(), nil
}

// operation prepares the least calls of an operation, and answers the requests that they make with garbage.
func (c *checker) operation(ctx context.Context, m *abi.Manifest, operation *abi.Operation) []string {
	var problems []string
	for _, call := range leastCalls(m, operation) {
		answer, wrong := c.ask(ctx, Prepare, call)
		if wrong != nil {
			problems = append(problems, wrong...)
			continue
		}
		problems = append(problems, Answer(m, answer)...)
		if send := answer.GetStep().GetSend(); send != nil {
			problems = append(problems, c.interpret(ctx, m, call, send.GetState())...)
		}
		// A state that the plugin never made: the host hands back what it was given, but a journal may be damaged.
		problems = append(problems, c.interpret(ctx, m, call, []byte("\x00\xffnot a state"))...)
	}
	return compact(problems)
}

func (c *checker) interpret(ctx context.Context, m *abi.Manifest, call *abi.Call, state []byte) []string {
	var problems []string
	for _, hostile := range Garbage() {
		answer, wrong := c.ask(ctx, Interpret,
			&abi.Interpretation{Call: call, State: state, Response: hostile.Response})
		if wrong == nil && answer.GetError() == nil {
			wrong = hostile.Judge(m, answer)
		}
		for _, problem := range wrong {
			problems = append(problems, "answered with "+hostile.Name+": "+problem)
		}
	}
	return problems
}

// compact leaves each problem once, in order.
func compact(problems []string) []string {
	var once []string
	for _, problem := range problems {
		if !slices.Contains(once, problem) {
			once = append(once, problem)
		}
	}
	return once
}

func (c *checker) unknown(ctx context.Context) []string {
	answer, problems := c.ask(ctx, Prepare,
		&abi.Call{Operation: "NoSuchOperation", Settings: []byte("{}"), Seed: make([]byte, 32)})
	if problems == nil && answer.GetError().GetCode() != abi.Error_CODE_UNKNOWN_OPERATION {
		problems = []string{"prepare: an operation that is not in the manifest is not refused as such"}
	}
	return problems
}

func (c *checker) callbacks(ctx context.Context, m *abi.Manifest) []string {
	var problems []string
	settings := leastSettings(m)
	for _, method := range []string{"GET", "POST"} {
		for _, garbage := range Garbage() {
			callback := &abi.Callback{
				Method: method, Path: "/", Query: "a=%zz&=&b", Body: garbage.Response.GetBody(),
				Settings: settings,
			}
			answer, wrong := c.ask(ctx, Receive, callback)
			if wrong == nil && answer.GetError() == nil {
				wrong = Answer(m, answer)
			}
			for _, problem := range wrong {
				problems = append(problems, "given "+garbage.Name+": "+problem)
			}
		}
	}
	return compact(problems)
}

// badInput hands over bytes that are no message: an Error has to come back.
func (c *checker) badInput(ctx context.Context) []string {
	var problems []string
	for _, export := range []Export{Prepare, Interpret, Receive} {
		for _, garbage := range [][]byte{{0xff}, {0x0a, 0x7f, 0x00}, bytes.Repeat([]byte{0x0a}, 4096)} {
			answer, wrong := c.askBytes(ctx, export, garbage)
			if wrong == nil && answer.GetError().GetCode() != abi.Error_CODE_BAD_INPUT {
				wrong = []string{string(export) + ": bytes that are no message are not refused as such"}
			}
			problems = append(problems, wrong...)
		}
	}
	return compact(problems)
}

// fuel asks for room above what small calls cost: a provider's real answers cost more.
func (c *checker) fuel() []string {
	if limit := c.guest.Limits().Fuel; c.report.Fuel > limit/2 {
		return []string{fmt.Sprintf("the costliest call took %d of %d fuel", c.report.Fuel, limit)}
	}
	return nil
}
