package check

import (
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	abi "payrouter/abi/v1"
)

// nowMS is the clock of the calls that are made up here: 2025-01-01.
const nowMS = 1735689600000

// leastCalls are the smallest calls of an operation that a manifest lets one think of: by itself, with nothing and with
// the least input; and for a payment of each kind that the operation serves, with and without a reference of theirs.
func leastCalls(m *abi.Manifest, operation *abi.Operation) []*abi.Call {
	base := abi.Call{
		Operation: operation.GetName(), Settings: leastSettings(m), Seed: make([]byte, 32), NowMs: nowMS,
		Reference: leastReference(operation),
	}
	bare, native := copyOf(&base), copyOf(&base)
	native.Input = least(operation.GetInputSchema())
	calls := []*abi.Call{bare, native}
	for _, flow := range m.GetFlows() {
		for _, action := range flow.GetActions() {
			if action.GetOperation() == operation.GetName() {
				calls = append(calls, flowCalls(m, flow, native)...)
			}
		}
	}
	for _, action := range m.GetActions() {
		if action.GetOperation() == operation.GetName() {
			calls = append(calls, accountCalls(bare)...)
		}
	}
	return calls
}

// copyOf is a call that shares what the given one points to.
func copyOf(call *abi.Call) *abi.Call {
	copied := *call
	return &copied
}

// accountCalls ask with nothing stated, and with everything.
func accountCalls(bare *abi.Call) []*abi.Call {
	open, narrow := copyOf(bare), copyOf(bare)
	open.Query = &abi.Query{}
	narrow.Query = &abi.Query{FromMs: nowMS - 86_400_000, UntilMs: nowMS, Country: "DE", Currency: "EUR", Limit: 10}
	return []*abi.Call{open, narrow}
}

func flowCalls(m *abi.Manifest, flow *abi.Flow, native *abi.Call) []*abi.Call {
	known := copyOf(native)
	known.Payment = leastPayment(flow)
	known.ProviderReference, known.SentMs = "1", nowMS
	ours := copyOf(known)
	ours.ProviderReference, ours.Input = "", nil
	for _, action := range flow.GetActions() {
		if create := find(m, action.GetOperation()); create != nil && action.GetRole() == abi.Role_ROLE_CREATE {
			ours.CreateReference = leastReference(create)
		}
	}
	empty := copyOf(native)
	empty.Payment, empty.Input = &abi.Payment{}, nil
	return []*abi.Call{known, ours, empty}
}

func leastPayment(flow *abi.Flow) *abi.Payment {
	first := func(values []string, standard string) string {
		if len(values) > 0 {
			return values[0]
		}
		return standard
	}
	payment := &abi.Payment{
		Id: "pay_1", Kind: flow.GetKind(), Amount: "10", Currency: first(flow.GetCurrencies(), "EUR"),
		Country: first(flow.GetCountries(), "DE"),
		Method:  first(flow.GetMethods(), ""), Reference: "order-1", ReturnUrl: "https://shop.example/",
	}
	for _, bound := range flow.GetBounds() {
		if bound.GetCurrency() == payment.GetCurrency() && bound.GetMin() != "" {
			payment.Amount = bound.GetMin()
		}
	}
	if flow.GetKind() != abi.Kind_KIND_COLLECT {
		payment.Destination = &abi.Destination{Operator: "1", Number: "1", Account: "1", Address: "1"}
	}
	return payment
}

func leastReference(operation *abi.Operation) string {
	form := operation.GetReference()
	if form == nil || form.GetAlphabet() == "" || form.GetLength() > 255 {
		return ""
	}
	return strings.Repeat(string([]rune(form.GetAlphabet())[:1]), int(form.GetLength()))
}

func leastSettings(m *abi.Manifest) []byte {
	return least(m.GetSettingsSchema())
}

// least makes a small JSON value up that is likely to satisfy a schema. It need not: a plugin has to refuse it calmly.
func least(schema string) []byte {
	var parsed map[string]any
	if err := json.Unmarshal([]byte(schema), &parsed); err != nil {
		return []byte("{}")
	}
	value, err := json.Marshal(leastOf(parsed))
	if err != nil {
		return []byte("{}")
	}
	return value
}

func leastOf(schema map[string]any) any {
	for _, word := range []string{"const", "default"} {
		if value, stands := schema[word]; stands {
			return value
		}
	}
	for _, word := range []string{"examples", "enum"} {
		if values, _ := schema[word].([]any); len(values) > 0 {
			return values[0]
		}
	}
	for _, word := range []string{"anyOf", "oneOf", "allOf"} {
		if choices, _ := schema[word].([]any); len(choices) > 0 {
			if choice, isObject := choices[0].(map[string]any); isObject {
				return leastOf(merge(schema, choice, word))
			}
		}
	}
	switch typeOf(schema) {
	case "object":
		return leastObject(schema)
	case "array":
		return leastArray(schema)
	case "string":
		return leastText(schema)
	case "integer", "number":
		if minimum, stands := schema["minimum"]; stands {
			return minimum
		}
		return 1
	case "boolean":
		return false
	}
	return nil
}

// merge adds a choice's demands to those of the schema that it stands in.
func merge(schema, choice map[string]any, word string) map[string]any {
	merged := maps.Clone(schema)
	delete(merged, word)
	for key, value := range choice {
		both, areLists := merged[key].([]any)
		added, isList := value.([]any)
		if key == "required" && areLists && isList {
			value = slices.Concat(both, added)
		}
		merged[key] = value
	}
	return merged
}

func typeOf(schema map[string]any) string {
	switch named := schema["type"].(type) {
	case string:
		return named
	case []any:
		if len(named) > 0 {
			first, _ := named[0].(string)
			return first
		}
	}
	if schema["properties"] != nil {
		return "object"
	}
	return ""
}

func leastObject(schema map[string]any) map[string]any {
	object := make(map[string]any)
	properties, _ := schema["properties"].(map[string]any)
	required, _ := schema["required"].([]any)
	for _, name := range required {
		name, _ := name.(string)
		property, _ := properties[name].(map[string]any)
		object[name] = leastOf(property)
	}
	return object
}

func leastArray(schema map[string]any) []any {
	count, _ := schema["minItems"].(float64)
	items, _ := schema["items"].(map[string]any)
	array := make([]any, 0, 1)
	for range min(int(count), 8) {
		array = append(array, leastOf(items))
	}
	return array
}

// guesses are texts that most patterns of identifiers, amounts, dates and addresses let pass.
//
//nolint:gochecknoglobals // a table
var guesses = []string{
	"1", "a", "12345", "10.00", "EUR", "2025-01-01", "2025-01-01T00:00:00Z", "https://shop.example/",
	"a@shop.example",
}

func leastText(schema map[string]any) string {
	least, _ := schema["minLength"].(float64)
	fits := func(text string) bool { return len(text) >= int(least) }
	if pattern, stands := schema["pattern"].(string); stands {
		if compiled, err := regexp.Compile(pattern); err == nil {
			fits = func(text string) bool { return len(text) >= int(least) && compiled.MatchString(text) }
		}
	}
	if at := slices.IndexFunc(guesses, fits); at >= 0 {
		return guesses[at]
	}
	return strings.Repeat("1", min(int(least), 4096))
}
