package api

import (
	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/operation"
	"payrouter/host/payment"
)

// documented sets the description of a member, and its values where they are given. It serves members whose texts are
// too long for a struct tag.
func documented(s *huma.Schema, member, text string, values []any) *huma.Schema {
	s.Properties[member].Description = text
	if values != nil {
		s.Properties[member].Enum = values
	}
	return s
}

// enumOf returns named strings as an enum's values.
func enumOf[T ~string](values []T) []any {
	enum := make([]any, len(values))
	for i, value := range values {
		enum[i] = string(value)
	}
	return enum
}

// TransformSchema completes the schema of the status.
func (Payment) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return documented(s, "status", "It only moves forward. unknown means that a request was sent and its result is "+
		"not known yet", enumOf(payment.Statuses()))
}

// TransformSchema completes the schema of the type.
func (Event) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return documented(s, "type", "What happened", enumOf(payment.EntryTypes()))
}

// TransformSchema completes the schema of the status.
func (Run) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return documented(s, "status", "unknown means that a request was sent and its result is not known: an operator "+
		"finds it out and resolves the run", enumOf(operation.Statuses()))
}

// TransformSchema completes the schema of the kind.
func (HeldAccount) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return documented(s, "kind",
		"paused: ends by itself. on_trial: the pause is over, and one payment at a time checks "+
			"whether the provider works again. suspended: waits for new secrets or for a resume. rate: the account is at "+
			"its limits.per_second", nil)
}
