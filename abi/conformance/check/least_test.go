package check

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLeast(t *testing.T) {
	t.Parallel()
	for schema, want := range map[string]string{
		`{"type": "object", "required": ["a", "b"],
			"properties": {"a": {"type": "string", "minLength": 3}, "b": {"enum": ["x"]}, "c": {}}}`: `{"a": "12345", "b": "x"}`,

		`{"type": "object", "required": ["n", "s", "l"], "properties": {
			"n": {"type": "integer", "minimum": 5},
			"s": {"type": ["string", "null"], "pattern": "^[0-9]{4}-"},
			"l": {"type": "array", "minItems": 1, "items": {"type": "boolean"}}}}`: `{"n": 5, "s": "2025-01-01", "l": [false]}`,

		`{"type": "object", "properties": {"a": {"const": 1}},
			"required": ["b"], "anyOf": [{"required": ["a"]}]}`: `{"a": 1, "b": null}`,

		`{"properties": {"a": {}}}`:                        `{}`,
		`{"type": "number"}`:                               `1`,
		`{"type": "string", "default": "d"}`:               `"d"`,
		`{"type": "string", "examples": ["e"]}`:            `"e"`,
		`{"type": "string", "pattern": "^only this one$"}`: `""`,

		`{`:    `{}`,
		`true`: `{}`,
	} {
		t.Run(schema, func(t *testing.T) {
			t.Parallel()
			require.JSONEq(t, want, string(least(schema)))
		})
	}
}
