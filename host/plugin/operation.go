package plugin

import (
	"fmt"
	"sync"
	"sync/atomic"

	abi "payrouter/abi/v1"
	"payrouter/host/schema"
)

// operation is what a generation keeps of one operation of its manifest. It is safe for concurrent use.
type operation struct {
	// input and output compile the operation's JSON Schemas on the first call, and return the same result later.
	input, output func() (*schema.Schema, error)
	// maxFuel is the most fuel that one flow used.
	maxFuel atomic.Int64
}

func operationsOf(manifest *abi.Manifest) map[string]*operation {
	operations := make(map[string]*operation, len(manifest.GetOperations()))
	for _, declared := range manifest.GetOperations() {
		compile := func(text string) func() (*schema.Schema, error) {
			return sync.OnceValues(func() (*schema.Schema, error) {
				compiled, err := schema.Compile(text)
				if err != nil {
					return nil, fmt.Errorf("the schema of %s of plugin %s: %w", declared.GetName(), manifest.GetName(),
						err)
				}
				return compiled, nil
			})
		}
		operations[declared.GetName()] = &operation{
			input: compile(declared.GetInputSchema()), output: compile(declared.GetOutputSchema()),
		}
	}
	return operations
}

// InputSchema is the compiled JSON Schema of an operation's input. An operation without a schema, and one that the
// manifest does not list, accepts any JSON.
func (g *Generation) InputSchema(operation string) (*schema.Schema, error) {
	if known := g.operations[operation]; known != nil {
		return known.input()
	}
	return schema.Compile("")
}

// OutputSchema is that of an operation's output.
func (g *Generation) OutputSchema(operation string) (*schema.Schema, error) {
	if known := g.operations[operation]; known != nil {
		return known.output()
	}
	return schema.Compile("")
}

// MaxFuel is the most fuel that one flow of an operation used in this generation, all its steps together; false where
// the operation was not called.
func (g *Generation) MaxFuel(operation string) (fuel int64, called bool) {
	known := g.operations[operation]
	if known == nil {
		return 0, false
	}
	fuel = known.maxFuel.Load()
	return fuel, fuel > 0
}

// noteFuel raises an operation's maximum to what a flow has used so far.
func (g *Generation) noteFuel(operation string, fuel int64) {
	known := g.operations[operation]
	if known == nil {
		return
	}
	for most := known.maxFuel.Load(); fuel > most; most = known.maxFuel.Load() {
		if known.maxFuel.CompareAndSwap(most, fuel) {
			return
		}
	}
}
