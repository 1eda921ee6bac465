package attempt

import (
	"errors"
	"fmt"
	"slices"

	"payrouter/host/invalid"
	"payrouter/host/schema"
)

// CheckInput compares an input with the operation's schema. What is wrong joins *invalid.Errors.
func (p Plan) CheckInput(input []byte) error {
	by, _, err := p.schemas()
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
func (p Plan) Shown(output []byte) ([]byte, error) {
	if len(output) == 0 {
		return nil, nil
	}
	_, by, err := p.schemas()
	if err != nil {
		return nil, err
	}
	return by.Mask(output), nil
}

// Secrets are the texts in an operation's output that its schema declares secret.
func (p Plan) Secrets(output []byte) []string {
	_, by, err := p.schemas()
	if err != nil {
		return nil
	}
	return slices.DeleteFunc(by.Hidden(output), func(text string) bool { return text == "" })
}

func (p Plan) schemas() (input, output *schema.Schema, err error) {
	input, output, err = p.Connector.Schemas(p.Operation.GetName())
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", p.Connector.Manifest().GetName(), err)
	}
	return input, output, nil
}
