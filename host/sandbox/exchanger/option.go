package exchanger

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"time"

	"payrouter/host/sandbox/simulator"
)

// Options are what a site does where its document leaves a choice, or where sites differ. The zero value is a site in
// UTC, in English, with a partner program.
type Options struct {
	// UTCOffset is how far the site's clock is ahead of UTC, "+03:00", or its zone, "Europe/Riga". Empty is UTC.
	UTCOffset string `json:"utc_offset"`
	// Maintenance is the text of a site under maintenance, its own or "maintenance". Empty is no maintenance.
	Maintenance string `json:"maintenance"`
	// IPBlocked refuses the caller's address.
	IPBlocked bool `json:"ip_blocked"`
	// NoPartner is why the partner's methods have nothing: "no active partner program" or "no partner id". Empty is a
	// partner.
	NoPartner string `json:"no_partner"`
	// PayoutRefusal is what a plug-in of the site refuses payouts with, in the site's language. Empty lets them pass.
	PayoutRefusal string `json:"payout_refusal"`
	// DirectionsOff are the numbers of directions that are switched off. Their orders are not found any more.
	DirectionsOff []string `json:"directions_off"`
	// Errors is how error is written: "numbers", "texts", or as it comes, the site's refusals as numbers and a method's
	// as texts.
	Errors string `json:"errors"`
	// ActAnswer is what cancel_bid, pay_bid and success_bid answer: "success", or the order's status.
	ActAnswer string `json:"act_answer"`
	// SuccessBid lets the caller complete orders by success_bid.
	SuccessBid bool `json:"success_bid"`
	// SuccessIsOne has exchange_success 1 for an executed order; the document has it the other way round.
	SuccessIsOne bool `json:"success_is_one"`
	// APIIDFilter is what the api_id filter of get_exchanges compares with: "api_id", "none" for a filter that does
	// nothing, or the order's own id.
	APIIDFilter string `json:"api_id_filter"`
	// KeepsSums leaves an order's sums as they are where the payer sends another sum: less is partpay, and more is
	// executed as it was ordered. Otherwise the site calculates the order anew and executes it.
	KeepsSums bool `json:"keeps_sums"`
	// FieldsAsList has dir_fields as a list.
	FieldsAsList bool `json:"fields_as_list"`
	// DecimalComma writes amounts with a comma.
	DecimalComma bool `json:"decimal_comma"`
	// Loose has members that are only shown as numbers, null or objects, or leaves them out, and adds others.
	Loose bool `json:"loose"`
}

// siteTime is a time as the site has it: its local date read as if it were UTC.
func (o Options) siteTime(t time.Time) time.Time {
	zone, err := time.LoadLocation(o.UTCOffset)
	if at, wrong := time.Parse("-07:00", o.UTCOffset); wrong == nil {
		zone, err = at.Location(), nil
	}
	if err != nil {
		return t.UTC()
	}
	_, seconds := t.In(zone).Zone()
	return t.UTC().Add(time.Duration(seconds) * time.Second)
}

// unix is the time member of lists.
func (o Options) unix(t time.Time) string { return strconv.FormatInt(o.siteTime(t).Unix(), 10) }

// date is the date member of lists.
func (o Options) date(t time.Time) string { return o.siteTime(t).Format("02.01.2006 15:04") }

func (o Options) off(direction string) bool { return slices.Contains(o.DirectionsOff, direction) }

// envelope goes round every answer. Error is a number or a text: both are in the wild.
type envelope struct {
	Error  any               `json:"error"`
	Text   string            `json:"error_text"`
	Data   any               `json:"data"`
	Fields map[string]string `json:"error_fields,omitempty"`
}

func (o Options) answer(e envelope) simulator.Answer {
	switch code := e.Error.(type) {
	case int:
		if o.Errors == "texts" {
			e.Error = strconv.Itoa(code)
		}
	case string:
		if o.Errors == "numbers" {
			e.Error, _ = strconv.Atoi(code)
		}
	}
	if o.DecimalComma || o.Loose {
		e.Data = o.dressed(e.Data)
	}
	return simulator.JSON(200, e)
}

func (o Options) data(data any) simulator.Answer { return o.answer(envelope{"0", "", data, nil}) }

// refusal is the site's refusal of a caller or an action: a number.
func (o Options) refusal(code int, text string) simulator.Answer {
	return o.answer(envelope{code, text, []any{}, nil})
}

// failure is a method's refusal of what was asked: a text.
func (o Options) failure(code, text string) simulator.Answer {
	return o.answer(envelope{code, text, []any{}, nil})
}

// invalid blames fields, in HTML.
func (o Options) invalid(fields map[string]string) simulator.Answer {
	return o.answer(envelope{"3", "<div>Error! Check the form.</div>", []any{}, fields})
}

// items are a list's entries; where nothing matches, data is an empty list without them.
func (o Options) items(list any, empty bool) simulator.Answer {
	if empty {
		return o.data([]any{})
	}
	return o.data(map[string]any{"items": list})
}

// amounts are the members that DecimalComma spells another way.
//
//nolint:gochecknoglobals // a table
var amounts = []string{
	"reserve", "course_give", "course_get", "sum_give", "sum_give_com", "sum_get", "sum_get_com", "amount_give",
	"amount_get", "pay_amount", "balance", "min_payout", "amount", "partner_reward", "original_amount",
}

// shown are the members that Loose spells another way: nothing is decided by them.
//
//nolint:gochecknoglobals // a table
var shown = map[string]any{
	"status_title": nil, "psys_give": 7, "psys_get": map[string]any{"title": "Visa"}, "user_hash": 12,
	"user_ip": nil, "exchange_success": true, "com_give": nil, "com_get": false, "com_text": 0, "locale": nil,
	"ip": 2130706433, "logo": nil, "currency_give_logo": false, "currency_get_logo": nil, "info": []any{},
	"browser": nil, "referrer": 0, "query_string": []any{}, "comission": 0,
}

// dressed are data as another site spells them.
func (o Options) dressed(data any) any {
	text, err := json.Marshal(data)
	if err != nil {
		return data
	}
	var read any
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&read) != nil {
		return data
	}
	return o.dress(read)
}

func (o Options) dress(value any) any {
	switch value := value.(type) {
	case []any:
		for i := range value {
			value[i] = o.dress(value[i])
		}
	case map[string]any:
		for name, member := range value {
			text, isText := member.(string)
			other, loose := shown[name]
			switch {
			case o.DecimalComma && isText && slices.Contains(amounts, name):
				value[name] = strings.Replace(text, ".", ",", 1)
			case o.Loose && loose:
				value[name] = other
			default:
				value[name] = o.dress(member)
			}
		}
		if o.Loose && len(value) > 0 {
			delete(value, "date")
			value["site_version"] = map[string]any{"build": 2.5}
		}
	}
	return value
}
