package manifesttest

import (
	"fmt"
	"reflect"

	abi "payrouter/abi/v1"
)

const schema = `{"type": "object", "properties": {"keyed": {"type": "boolean", "title": "Keyed"}}}`

// Whole is a manifest in which every field is set, and of which every list has elements. Where a field excludes
// another, two messages of the type have one each.
func Whole() *abi.Manifest {
	operation := func(name string, class abi.Idempotency) *abi.Operation {
		return &abi.Operation{
			Name: name, Summary: "Does it.", Idempotency: class, InputSchema: schema, OutputSchema: schema,
			Documented: abi.Documented_DOCUMENTED_FULL, SettleAfterMs: 60_000,
		}
	}
	first := operation("Make", abi.Idempotency_IDEMPOTENCY_NONE)
	first.KeyedBySetting, first.Reference = "keyed", &abi.ReferenceForm{Alphabet: "0123456789", Length: 18}
	first.Object = "voucher"
	read := operation("Read", abi.Idempotency_IDEMPOTENCY_SAFE)
	read.FindsByReference, read.Paged = true, true
	sign := operation("Sign", abi.Idempotency_IDEMPOTENCY_KEYED)
	sign.Reference, sign.DeclineIsFinal = &abi.ReferenceForm{Alphabet: "0123456789abcdef", Length: 20}, true
	withdraw := operation("Withdraw", abi.Idempotency_IDEMPOTENCY_ABANDONABLE)
	return &abi.Manifest{
		Name: "sound", Version: "1.0.0", Title: "Sound", BaseUrl: "https://api.example.com/v1",
		Hosts:          []string{"files.example.com", "cdn.example.com"},
		Secrets:        []*abi.Secret{{Name: "token", Summary: "It."}, {Name: "key", Summary: "It.", Optional: true}},
		SettingsSchema: schema,
		Flows: []*abi.Flow{
			{
				Kind: abi.Kind_KIND_COLLECT, Currencies: []string{"EUR", "USD"}, Countries: []string{"DE", "FR"},
				Methods: []string{"card", "wallet"}, Required: []string{"/payer/email", "/description"}, Expires: true,
				Bounds:     []*abi.Bound{{Currency: "EUR", Min: "0.01", Max: "10"}, {Currency: "USD", Min: "1", Max: "5"}},
				Precisions: []*abi.Precision{{Currency: "EUR", Decimals: 2}, {Currency: "USD", Decimals: 1}},
				Actions: []*abi.Action{
					{Role: abi.Role_ROLE_CREATE, Operation: "Make"},
					{Role: abi.Role_ROLE_LOOKUP, Operation: "Read"},
					{Role: abi.Role_ROLE_CONFIRM, Operation: "Sign", From: []abi.Status{
						abi.Status_STATUS_REQUIRES_ACTION, abi.Status_STATUS_PROCESSING,
					}},
					{Role: abi.Role_ROLE_CANCEL, Operation: "Withdraw"},
				},
			},
			{
				Kind: abi.Kind_KIND_PAYOUT, CurrenciesSetting: "tickers",
				Actions: []*abi.Action{
					{Role: abi.Role_ROLE_CREATE, Operation: "Withdraw"}, {Role: abi.Role_ROLE_LOOKUP, Operation: "Read"},
				},
			},
		},
		Actions: []*abi.Action{
			{Role: abi.Role_ROLE_BALANCES, Operation: "Read"},
			{Role: abi.Role_ROLE_CATALOG, Operation: "Read", Topic: "wallets"},
		},
		Operations: []*abi.Operation{first, read, sign, withdraw},
		Failures: []*abi.FailureRule{
			{
				Operation: "Make", HttpStatus: 400, ProviderCode: "1", Meaning: abi.Meaning_MEANING_DUPLICATE,
				Code: "duplicate", Source: "document",
			},
			{
				Operation: "Make", HttpStatus: 400, ProviderCode: "2", Meaning: abi.Meaning_MEANING_DECLINED_HARD,
				Code: "declined", Source: "document", Proofs: []*abi.Proof{{Pointer: "/error", Values: []string{"2", "3"}}},
			},
			{
				Operation: "Sign", HttpStatus: 400, ProviderCode: "3", Meaning: abi.Meaning_MEANING_DECLINED_SOFT,
				Code: "limit_exceeded", Source: "document", Final: true,
			},
			{
				Operation: "Read", HttpStatus: 404, ProviderCode: "4", Meaning: abi.Meaning_MEANING_NOT_FOUND,
				Code: "not_found", Source: "document",
			},
			{HttpStatus: 503, Meaning: abi.Meaning_MEANING_FAULT, Code: "provider_error", Source: "document"},
			{HttpStatus: 429, Meaning: abi.Meaning_MEANING_REFUSED, Code: "rate_limited", Source: "document"},
			{HttpStatus: 401, Meaning: abi.Meaning_MEANING_REFUSED, Code: "authentication_failed", Source: "document"},
		},
		MaxSteps: 2,
		Envelope: []*abi.Proof{{Pointer: "/error"}, {Pointer: "/data", Values: []string{"null", "0"}}},
		Callback: &abi.CallbackForm{Supported: true, PerPayment: true, Summary: "By hand."},
	}
}

// Fields are the fields of all messages that a manifest consists of, as "Message.Field". Each has a value that shows
// whether it is set anywhere in the manifest.
func Fields(of *abi.Manifest) map[string]bool {
	set := map[string]bool{}
	seen(set, reflect.TypeFor[abi.Manifest](), nil)
	var walk func(message reflect.Value)
	walk = func(message reflect.Value) {
		for i := range message.NumField() {
			field := message.Field(i)
			name := fieldName(message.Type(), i)
			if name == "" || field.IsZero() {
				continue
			}
			set[name] = true
			if field.Kind() == reflect.Pointer {
				walk(field.Elem())
			}
			if field.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Pointer {
				for j := range field.Len() {
					walk(field.Index(j).Elem())
				}
			}
		}
	}
	walk(reflect.ValueOf(of).Elem())
	return set
}

// seen notes the fields of a message's type, and of those below it.
func seen(fields map[string]bool, message reflect.Type, above []reflect.Type) {
	for i := range message.NumField() {
		name := fieldName(message, i)
		if name == "" {
			continue
		}
		fields[name] = false
		of := message.Field(i).Type
		if of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() != reflect.Pointer {
			continue
		}
		for _, outer := range above {
			if outer == of.Elem() {
				panic(fmt.Sprintf("manifesttest: %s holds itself", outer))
			}
		}
		seen(fields, of.Elem(), append(above, message))
	}
}

func fieldName(message reflect.Type, i int) string {
	if !message.Field(i).IsExported() {
		return ""
	}
	return message.Name() + "." + message.Field(i).Name
}
