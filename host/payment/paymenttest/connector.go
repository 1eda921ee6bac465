package paymenttest

import (
	"context"
	"sync"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/schema"
)

// Plugin is a plugin of a test's own, in Go: pure functions of their arguments.
type Plugin interface {
	Manifest() *abi.Manifest
	Digest() string
	Number() int64
	Prepare(ctx context.Context, call *abi.Call) (*abi.Step, int64, error)
	Interpret(ctx context.Context, in *abi.Interpretation) (*abi.Step, int64, error)
}

// Connect makes a connector of a plugin, which counts the fuel of its flows.
func Connect(p Plugin) attempt.Connector { return &connector{Plugin: p, most: map[string]int64{}} }

type connector struct {
	Plugin

	mutex sync.Mutex
	most  map[string]int64
}

// Begin implements attempt.Connector.
func (c *connector) Begin(call *abi.Call, _ string) attempt.Steps {
	return &steps{connector: c, call: call}
}

// Lot implements attempt.Connector.
func (c *connector) Lot() attempt.Lot {
	if drawn, is := c.Plugin.(interface{ Lot() attempt.Lot }); is {
		return drawn.Lot()
	}
	return attempt.Lot{}
}

// Schemas implements attempt.Connector.
func (c *connector) Schemas(operation string) (input, output *schema.Schema, err error) {
	declared := abi.OperationOf(c.Manifest(), operation)
	if input, err = schema.Compile(declared.GetInputSchema()); err != nil {
		return nil, nil, err
	}
	output, err = schema.Compile(declared.GetOutputSchema())
	return input, output, err
}

// MaxFuel implements attempt.Connector.
func (c *connector) MaxFuel(operation string) (int64, bool) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	most, called := c.most[operation]
	return most, called
}

type steps struct {
	connector *connector
	call      *abi.Call
	used      int64
}

func (s *steps) Prepare(ctx context.Context) (*abi.Step, int64, error) {
	step, fuel, err := s.connector.Prepare(ctx, s.call)
	s.note(fuel)
	return step, fuel, err
}

func (s *steps) Interpret(ctx context.Context, state []byte, response *abi.HttpResponse) (*abi.Step, int64, error) {
	step, fuel, err := s.connector.Interpret(ctx,
		&abi.Interpretation{Call: s.call, State: state, Response: response})
	s.note(fuel)
	return step, fuel, err
}

func (s *steps) note(fuel int64) {
	s.used += fuel
	s.connector.mutex.Lock()
	defer s.connector.mutex.Unlock()
	operation := s.call.GetOperation()
	s.connector.most[operation] = max(s.connector.most[operation], s.used)
}
