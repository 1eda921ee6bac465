package payplay

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"payrouter/host/sandbox/simulator"
)

// Options are what PayPlay does where its document leaves a choice. The zero value answers as the document's examples
// do.
type Options struct {
	// Slug is the payment page that exists, and Company the company; empty means any.
	Slug    string `json:"slug"`
	Company string `json:"company"`
	// WrongKeyNotFound answers a wrong key with 404 "Page not found", and not with 401.
	WrongKeyNotFound bool `json:"wrong_key_not_found"`
	// Fieldless leaves the fields out of a 422: it has a message alone.
	Fieldless bool `json:"fieldless"`
	// Numbers writes amounts and rates as JSON numbers, and not as texts.
	Numbers bool `json:"numbers"`
	// Shown is what becomes of the members that decide nothing: ShownNull, ShownMissing or ShownOther.
	Shown string `json:"shown"`
	// Currencies is how every currency is written: CurrencyText or CurrencyObject. Empty is a text in orders and
	// transactions, and an object elsewhere.
	Currencies string `json:"currencies"`
	// Networks tells the network of a withdrawal, which is null otherwise, and that of its transaction.
	Networks bool `json:"networks"`
	// Finer is what becomes of an amount with more digits than its currency's precision: FinerRounded or FinerRefused.
	// Empty keeps it: a precision is how many digits are shown.
	Finer string `json:"finer"`
	// UniqueReferences refuses a second order, or a second withdrawal, of one external id.
	UniqueReferences bool `json:"unique_references"`
	// IgnoresReferenceFilter lists all orders, whatever external_order_id is asked for.
	IgnoresReferenceFilter bool `json:"ignores_reference_filter"`
	// ListsTopups has top-ups among the orders of the list.
	ListsTopups bool `json:"lists_topups"`
	// LateCurrencies leaves deposited_currency and received_currency null until the payer has picked a coin.
	LateCurrencies bool `json:"late_currencies"`
	// ExpiresCanceled ends an order whose time ran out as CANCELED, and not as DECLINED.
	ExpiresCanceled bool `json:"expires_canceled"`
	// FeeInside takes the fee of a withdrawal out of its amount, and not out of the balance beside it: the transaction's
	// value is what arrives.
	FeeInside bool `json:"fee_inside"`
	// ShortEvents names events order::complete, and not order::completed; withdrawal::canceled, and not
	// withdrawal::cancelled.
	ShortEvents bool `json:"short_events"`
	// GeneralToken signs the webhooks about orders with the general token, and not with the payment page's.
	GeneralToken bool `json:"general_token"`
	// SingleBalance answers for one balance with the object balance, and not with a list of one.
	SingleBalance bool `json:"single_balance"`
	// MinutesAhead is how far dates are ahead of UTC: they state no zone.
	MinutesAhead int `json:"minutes_ahead"`
	// ConvertsAtOnce has a convert-withdrawal take the money when it is made, and not when it is confirmed.
	ConvertsAtOnce bool `json:"converts_at_once"`
}

// The readings of Options that have more than two.
const (
	ShownNull      = "null"
	ShownMissing   = "missing"
	ShownOther     = "other"
	CurrencyText   = "text"
	CurrencyObject = "object"
	FinerRounded   = "rounded"
	FinerRefused   = "refused"
)

// decorations are the members that decide nothing, by the name of the object, or of the list, that they stand in.
//
//nolint:gochecknoglobals // a table
var decorations = map[string][]string{
	"": {"request_id"},
	"order": {
		"order_number", "expected_amount", "exchange_rate", "clean_exchange_rate", "is_internal", "deposited_currency",
		"created_at", "completed_at", "successful_link", "failure_link", "transactions", "is_refund_available",
		"is_refunded",
	},
	"transaction": {
		"hash", "is_internal", "created_at", "completed_at", "explorer_link", "memo", "exchange_rate", "estimated_at",
		"target_value", "address", "type",
	},
	"transactions": {"hash", "is_internal", "completed_at", "explorer_link"},
	"currency": {
		"id", "is_fiat", "is_stable", "is_used_for_order_exchange", "icon", "crm_icon", "precision", "title",
	},
	"balances":   {"id"},
	"currencies": {"fees", "title", "icon", "precision", "id"},
	"TRC20":      {"fixed", "flex", "is_memo_required"},
	"meta":       {"total"},
}

// sums are the members that hold an amount or a rate.
//
//nolint:gochecknoglobals // a table
var sums = []string{
	"value", "target_value", "expected_amount", "received_total", "exchange_rate", "clean_exchange_rate", "fee", "fixed",
	"min_amount", "max_amount", "minFee", "maxFee", "percent", "USDT_USD",
}

// varied serves as before, and writes the answer as the options have it.
func (p *provider) varied(serve func(*simulator.Request) simulator.Answer) func(*simulator.Request) simulator.Answer {
	return func(r *simulator.Request) simulator.Answer {
		answer := serve(r)
		answer.Body = p.options.write(answer.Body)
		return answer
	}
}

// write is a body as the options have it.
func (o Options) write(body []byte) []byte {
	if !o.Numbers && !o.Fieldless && o.Shown == "" && o.Currencies == "" && o.MinutesAhead == 0 {
		return body
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return body
	}
	if refusal, isObject := value.(map[string]any); isObject && o.Fieldless {
		delete(refusal, "errors")
	}
	written, err := simulator.Marshal(o.vary("", value))
	if err != nil {
		return body
	}
	return written
}

// vary is a value of an answer; in is the name of the member that it is, or that the list is in which it stands.
func (o Options) vary(in string, value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = o.vary(in, value[i])
		}
	case map[string]any:
		for name, member := range value {
			value[name] = o.member(name, o.vary(name, member))
		}
		o.decorate(decorations[singular(in)], value)
	}
	return value
}

// singular is the name of a list's object in decorations.
func singular(name string) string {
	switch name {
	case "orders":
		return "order"
	case "target_currency":
		return "currency"
	}
	return name
}

// member is a member as the options have it.
func (o Options) member(name string, value any) any {
	text, isText := value.(string)
	if o.Numbers && isText && slices.Contains(sums, name) {
		number := strings.Replace(text, ",", ".", 1)
		if _, err := simulator.ParseMoney(number); err == nil {
			return json.Number(number)
		}
	}
	if at, err := time.Parse(time.DateTime, text); err == nil && strings.HasSuffix(name, "_at") {
		return at.Add(o.ahead()).Format(time.DateTime)
	}
	if name != "currency" && name != "target_currency" {
		return value
	}
	if o.Currencies == CurrencyObject && isText {
		return currencyOf(text)
	}
	if object, isObject := value.(map[string]any); isObject && o.Currencies == CurrencyText {
		return object["ticker"]
	}
	return value
}

// ahead is how far dates are ahead of UTC.
func (o Options) ahead() time.Duration { return time.Duration(o.MinutesAhead) * time.Minute }

// decorate has the members that decide nothing be what Shown names.
func (o Options) decorate(names []string, object map[string]any) {
	for _, name := range names {
		value, has := object[name]
		switch {
		case !has:
		case o.Shown == ShownNull:
			object[name] = nil
		case o.Shown == ShownMissing:
			delete(object, name)
		case o.Shown == ShownOther:
			object[name] = another(value)
		}
	}
}

// another is a value of another type.
func another(value any) any {
	switch value.(type) {
	case string:
		return json.Number("7")
	case json.Number, bool:
		return "something"
	case nil:
		return []any{}
	default:
		return false
	}
}
