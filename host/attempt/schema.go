package attempt

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"payrouter/host/invalid"
	"payrouter/host/schema"
)

// schemas are those of a fleet's operations, compiled when they are first needed. The zero value is ready. Safe for
// concurrent use.
type schemas struct {
	mutex    sync.Mutex
	compiled map[schemaOf]*schema.Schema
}

type schemaOf struct {
	digest, operation string
	output            bool
}

func (s *schemas) of(at Plan, output bool) (*schema.Schema, error) {
	one := schemaOf{at.Connector.Digest(), at.Operation.GetName(), output}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if found := s.compiled[one]; found != nil {
		return found, nil
	}
	text := at.Operation.GetInputSchema()
	if output {
		text = at.Operation.GetOutputSchema()
	}
	compiled, err := schema.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("the schema of %s of plugin %s: %w", one.operation, at.Connector.Manifest().GetName(),
			err)
	}
	if s.compiled == nil {
		s.compiled = map[schemaOf]*schema.Schema{}
	}
	s.compiled[one] = compiled
	return compiled, nil
}

// CheckInput compares an input with the operation's schema. What is wrong joins *invalid.Errors.
func (f *Fleet) CheckInput(at Plan, input []byte) error {
	by, err := f.schemas.of(at, false)
	if err != nil {
		return err
	}
	var problems []error
	for _, violation := range by.Check(input) {
		problems = append(problems, &invalid.Error{Field: violation.Pointer, Reason: violation.Reason})
	}
	return errors.Join(problems...)
}

// Shown is an operation's output, without what its schema declares secret.
func (f *Fleet) Shown(at Plan, output []byte) ([]byte, error) {
	if len(output) == 0 {
		return nil, nil
	}
	by, err := f.schemas.of(at, true)
	if err != nil {
		return nil, err
	}
	return by.Mask(output), nil
}

// Secrets are the texts in an operation's output that its schema declares secret.
func (f *Fleet) Secrets(at Plan, output []byte) []string {
	by, err := f.schemas.of(at, true)
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(by.Hidden(output), func(text string) bool { return text == "" })
}
