//go:build !wasip1

package main

import (
	"fmt"
	"strconv"
	"strings"

	"payrouter/abi/jsontext"
	"payrouter/abi/native"
	"payrouter/abi/native/schema"
)

//go:generate go run .

// main writes the schemas of the table of methods. A guest has an empty main.
func main() { generated().Write("schema.go") }

func generated() *schema.Methods { return schema.Of(methods, input, output) }

// customFields are the schema of the fields that a site adds to an order.
const customFields = `{"^cf(give|get)?[0-9]{1,6}$":{"type":"string","description":"A field of the site's own: on ` +
	`most sites cf1 is the first name, cf4 the phone, cf6 the e-mail."}}`

func input(m *method) *jsontext.Object {
	made := schema.InputOf(m.Input)
	if m.Extra.oneOf {
		var others []string
		for _, field := range m.Input[1:] {
			others = append(others, strconv.Quote(field.Name))
		}
		made.Value("anyOf",
			parsed(fmt.Sprintf(`[{"required":[%q]},{"required":[%s]}]`, m.Input[0].Name, strings.Join(others, ","))))
	}
	if m.Extra.custom {
		made.Value("patternProperties", parsed(customFields))
	}
	if m.Open {
		return made.Value("additionalProperties", parsed(`{"type":["string","integer"]}`))
	}
	return made.Bool("additionalProperties", false)
}

// output is the schema of an answer: the envelope around the method's data.
func output(m *method) *jsontext.Object {
	var data *jsontext.Object
	switch m.Extra.data {
	case oneObject:
		if data = schema.OutputOf(m.Output, true); !requires(m) {
			data = orNothing(m.Output)
		}
	case aList:
		data = jsontext.NewObject().String("type", "array").Object("items", schema.OutputOf(m.Output, true))
	case itemList:
		data = orNothing(items(m, false)).Strings("required", []string{"items"})
	case statusWord:
		data = jsontext.NewObject().String("description", "A bare word as a rule: success, or the order's status.")
	}
	envelope := jsontext.NewObject().
		Object("error", jsontext.NewObject().String("description", "0, as a number or as a text.")).
		Object("error_text", jsontext.NewObject().String("description", "Empty.")).
		Object("data", data)
	return jsontext.NewObject().String("type", "object").Object("properties", envelope).
		Strings("required", []string{"error", "data"})
}

// orNothing is an object with these members, or the empty list that the site sends where there is nothing.
func orNothing(members native.Fields) *jsontext.Object {
	return jsontext.NewObject().Strings("type", []string{"object", "array"}).
		Object("properties", schema.Outputs(members, true)).Integer("maxItems", 0)
}

// parsed is this file's own JSON.
func parsed(text string) jsontext.Value {
	value, err := jsontext.Parse([]byte(text))
	if err != nil {
		panic(err)
	}
	return value
}
