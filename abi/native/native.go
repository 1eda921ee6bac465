// Package native is the table of a provider's own operations: one row per method, with the members of its input and of
// its answer. A plugin checks calls and answers by the table, and package schema generates the manifest's JSON Schemas
// from it.
//
// A guest has no code at start for a table whose rows are constants: declare it as a package variable, and name forms
// by their addresses.
package native

import (
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// Method is an operation of the provider, as its API has it. Extra is what the plugin itself records about a method,
// such as how its request is made.
type Method[Extra any] struct {
	Name, Summary string
	Class         abi.Idempotency
	Documented    abi.Documented
	Input         Fields
	// Open reports that the method takes further members, which are sent as they are.
	Open   bool
	Output Fields
	Paged  bool
	// Final reports that a decline is final. It is for a method of class SAFE in any case.
	Final bool
	// SettleAfterMs is how long a look-up may miss what the method has made, in milliseconds.
	SettleAfterMs int64
	// FindsByReference marks a look-up that needs no more than the router's reference.
	FindsByReference bool
	// Reference is the form of the router's reference; nil where the method takes none.
	Reference *abi.ReferenceForm
	// KeyedBySetting is the setting by which an account honours the reference as an idempotency key.
	KeyedBySetting string
	// Object is what kind of object the provider's reference names, where no payment's create makes such objects.
	Object string
	Extra  Extra
}

// Operation is the method's entry in the manifest, with the schemas that package schema generated.
func (m *Method[Extra]) Operation(input, output string) *abi.Operation {
	return &abi.Operation{
		Name: m.Name, Summary: m.Summary, Idempotency: m.Class, Documented: m.Documented, Paged: m.Paged,
		InputSchema: input, OutputSchema: output,
		DeclineIsFinal: m.Final || m.Class == abi.Idempotency_IDEMPOTENCY_SAFE,
		SettleAfterMs:  m.SettleAfterMs, FindsByReference: m.FindsByReference, Reference: m.Reference,
		KeyedBySetting: m.KeyedBySetting, Object: m.Object,
	}
}

// Reject returns the step for an input that the method cannot take; nil where it can.
func (m *Method[Extra]) Reject(input jsontext.Value) *abi.Step {
	return m.Input.Reject(input, m.Further)
}

// Further returns why the method does not take a member that its table lacks; empty where it does.
func (m *Method[Extra]) Further(string, jsontext.Value) string {
	if m.Open {
		return ""
	}
	return m.Name + " takes no such member"
}

// Mismatch returns how an answer differs from the method's output; empty where it does not. Where the provider's
// document shows the answer, all members are checked.
func (m *Method[Extra]) Mismatch(answer jsontext.Value, check Check) string {
	if m.Documented == abi.Documented_DOCUMENTED_FULL {
		check |= All
	}
	return m.Output.Mismatch(answer, check)
}

// Table is a provider's methods, by topic.
type Table[Extra any] [][]Method[Extra]

// Find returns the method of that name; nil where there is none.
func (t Table[Extra]) Find(name string) *Method[Extra] {
	for _, topic := range t {
		for i := range topic {
			if topic[i].Name == name {
				return &topic[i]
			}
		}
	}
	return nil
}

// Operations are the manifest's entries of all methods. schemas returns a method's two schemas.
func (t Table[Extra]) Operations(schemas func(name string) (input, output string)) []*abi.Operation {
	var operations []*abi.Operation
	for _, topic := range t {
		for i := range topic {
			operations = append(operations, topic[i].Operation(schemas(topic[i].Name)))
		}
	}
	return operations
}

// Answered is the step that ends a native call: the answer under the provider's own names is the output, with the
// numbers of the members that isAmount names as text.
func Answered(outcome *abi.Outcome, answer jsontext.Value, isAmount func(name string) bool) *abi.Step {
	output, wrong := answer.Spell(isAmount)
	if wrong != "" {
		return guest.Unreadable("the answer: " + wrong + " is not an amount")
	}
	outcome.Verdict, outcome.Output = abi.Verdict_VERDICT_ACCEPTED, output
	return guest.Done(outcome)
}
