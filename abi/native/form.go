package native

import (
	"slices"
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/jsontext"
)

// Form is what a member holds. A plugin declares further ones where its provider has values of its own.
type Form struct {
	// Shape describes the form in messages: "a text". Bound adds what an input is bounded by: " above 0".
	Shape, Bound string
	// Type is the JSON Schema type in an answer; empty is any.
	Type string
	// Schema is the JSON Schema of a member of an input, as JSON text; empty is {"type": Type}.
	Schema string
	// Has reports whether a member of an answer has the form. Nil accepts anything.
	Has func(value jsontext.Value) bool
	// Fits reports whether a member of an input has the form. Nil is Has.
	Fits func(value jsontext.Value) bool
	// Lenient reports that a member of an answer is checked only where it is required.
	Lenient bool
}

// The forms that most providers have. An amount is text on the router's side, and text or a number on the provider's.
//
//nolint:gochecknoglobals // a table
var (
	Text    = Form{Shape: "a text", Type: "string", Has: jsontext.Value.IsString}
	Integer = Form{Shape: "a whole number", Type: "integer", Has: isInteger}
	Count   = Form{
		Shape: "a whole number", Bound: " above 0", Type: "integer", Schema: `{"type":"integer","minimum":1}`,
		Has: isInteger, Fits: isCount,
	}
	Amount = Form{
		Shape: "an amount, as a text", Bound: " above 0", Type: "string",
		Schema: `{"type":"string","pattern":"^(0|[1-9][0-9]*)(\\.[0-9]+)?$"}`, Has: isDecimal, Fits: isPositive,
	}
	Boolean  = Form{Shape: "true or false", Type: "boolean", Has: isBoolean}
	Object   = Form{Shape: "an object", Type: "object", Has: jsontext.Value.IsObject}
	List     = Form{Shape: "a list", Type: "array", Has: jsontext.Value.IsArray}
	Integers = Form{
		Shape: "a list of whole numbers", Type: "array", Schema: `{"type":"array","items":{"type":"integer"}}`,
		Has: jsontext.Value.IsArray, Fits: areIntegers,
	}
	// Any is for a member of which the document shows several forms, or none.
	Any = Form{Shape: "a value"}
)

func isInteger(value jsontext.Value) bool {
	return value.IsNumber() && !strings.ContainsAny(value.Text(), ".eE")
}

func isCount(value jsontext.Value) bool {
	return isInteger(value) && value.Text()[0] != '-' && value.Text() != "0"
}

func areIntegers(list jsontext.Value) bool {
	return list.IsArray() && !slices.ContainsFunc(list.Items(), func(v jsontext.Value) bool { return !isInteger(v) })
}

func isDecimal(value jsontext.Value) bool {
	_, ok := value.Decimal()
	return ok
}

// isPositive reports a decimal above zero, in a string, without zeros before it: two readers could take "010" for two
// amounts.
func isPositive(value jsontext.Value) bool {
	text := value.Text()
	amount, err := decimal.Parse(text)
	padded := len(text) > 1 && text[0] == '0' && text[1] != '.'
	return value.IsString() && err == nil && amount.Sign() > 0 && !padded
}

func isBoolean(value jsontext.Value) bool {
	_, ok := value.Flag()
	return ok
}
