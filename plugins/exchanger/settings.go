package main

import (
	"cmp"
	"strconv"
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// settings are an account's own values.
type settings struct {
	lang            string
	partner         string
	errorFinalAfter int64 // milliseconds
	directions      jsontext.Value
	payerFields     jsontext.Value
	// partnerCurrency is what the partner's balance is in, payoutMethod how it is paid out; empty where they are not
	// set.
	partnerCurrency, payoutMethod string
	zone                          zone
}

const (
	// defaultLang makes the error texts those of the failure table.
	defaultLang       = "en_US"
	defaultErrorHours = 72
	hour              = 60 * 60 * 1000 // milliseconds
)

func readSettings(raw []byte) (settings, error) {
	parsed, err := jsontext.Parse(raw)
	if err != nil || !parsed.IsObject() {
		return settings{}, guest.BadSettings("settings are not a JSON object")
	}
	account := settings{
		lang: parsed.Text("lang"), partner: parsed.Text("partner_id"), errorFinalAfter: defaultErrorHours * hour,
		directions: parsed.Get("directions"), payerFields: parsed.Get("payer_fields"),
		partnerCurrency: parsed.Text("partner_currency"), payoutMethod: parsed.Text("payout_method"),
	}
	if account.lang == "" {
		account.lang = defaultLang
	}
	if text := parsed.Text("utc_offset"); text != "" {
		named, known := zones[text]
		offset, ok := readOffset(text)
		switch {
		case known:
			account.zone = named
		case ok:
			account.zone = zone{standard: offset}
		default:
			return settings{}, guest.BadSettings("utc_offset is neither like +03:00 nor a zone that is known")
		}
	}
	if hours := parsed.Text("error_final_after_hours"); hours != "" {
		number, err := strconv.ParseInt(hours, 10, 32)
		if err != nil || number < 0 {
			return settings{}, guest.BadSettings("error_final_after_hours is not a count of hours")
		}
		account.errorFinalAfter = number * hour
	}
	return account, nil
}

// readOffset reads how far a clock is ahead of UTC: "+03:00" is 10800 seconds.
func readOffset(text string) (seconds int64, ok bool) {
	if len(text) != len("+03:00") || text[3] != ':' || text[0] != '+' && text[0] != '-' {
		return 0, false
	}
	hours, hoursErr := strconv.ParseUint(text[1:3], 10, 8)
	minutes, minutesErr := strconv.ParseUint(text[4:], 10, 8)
	if hoursErr != nil || minutesErr != nil || hours > 14 || minutes > 59 {
		return 0, false
	}
	seconds = int64(hours*60+minutes) * 60
	if text[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// action is calc_action: which side's amount is given, and whether the commission is in it.
type action byte

const (
	giveNet   action = '1'
	getNet    action = '2'
	giveGross action = '3'
	getGross  action = '4'
)

// payerSide reports whether the amount is the payer's side's.
func (a action) payerSide() bool { return a == giveNet || a == giveGross }

// sum is the member of get_calc's answer that must be the amount asked for.
func (a action) sum() string { return sums[a][0] }

// counterpart is the same side's sum, with the commission counted the other way.
func (a action) counterpart() string { return sums[a][1] }

var sums = map[action][2]string{ //nolint:gochecknoglobals // a table
	giveNet:   {"sum_give", "sum_give_com"},
	getNet:    {"sum_get", "sum_get_com"},
	giveGross: {"sum_give_com", "sum_give"},
	getGross:  {"sum_get_com", "sum_get"},
}

// direction is what an order is made of: a pair of currencies at the site, the accounts at both its ends, its fields.
type direction struct {
	id, giveID, getID  string
	code               string // the site's code of the payment's currency
	action             action
	account1, account2 string
	fields             []entry
	cd                 []string // the names of the fields that get_calc wants too
}

// entry is a custom field with what goes into it.
type entry struct{ name, text string }

// terms are the parts of a direction that an order already made is read by.
func (s settings) terms(payment *abi.Payment) (code string, by action, err error) {
	configured := s.directions.Get(payment.GetCurrency())
	code, by = configured.Text("code"), giveNet
	if code == "" {
		code = payment.GetCurrency()
	}
	if text := configured.Text("calc_action"); text != "" {
		by = action(text[0])
		if _, known := sums[by]; !known || len(text) > 1 {
			return "", 0, guest.BadSettings("calc_action of %s is not 1, 2, 3 or 4", payment.GetCurrency())
		}
	}
	return code, by, nil
}

// direction puts a payment's direction together: settings first, its options over them. Where the site pays, and what
// it needs to know of that, are the account's word where its settings have them: whoever may create a payment does not
// choose who gets its money. The step, if any, has the reason that the payment has none.
func (s settings) direction(payment *abi.Payment) (direction, *abi.Step, error) {
	options, reject := readOptions(payment.GetOptions(), orderOption,
		"direction_id, account1, account2, cf…, cfgive…, cfget…, each a text")
	if reject != nil {
		return direction{}, reject, nil
	}
	code, by, err := s.terms(payment)
	if err != nil {
		return direction{}, nil, err
	}
	configured := s.directions.Get(payment.GetCurrency())
	if name := overridden(options, configured); name != "" {
		return direction{}, guest.Reject("invalid_request", optionsField+"/"+name,
			"the account's settings say what "+name+" is: leave it out"), nil
	}
	d := direction{
		id: cmp.Or(options.Text("direction_id"), configured.Text("direction_id")), code: code, action: by,
		giveID: configured.Text("currency_id_give"), getID: configured.Text("currency_id_get"),
		account1: cmp.Or(options.Text("account1"), configured.Text("account1")),
		account2: cmp.Or(options.Text("account2"), configured.Text("account2")),
	}
	if d.id == "" && (d.giveID == "" || d.getID == "") {
		return direction{}, guest.Reject("unsupported", "/currency", "no direction is set for this currency"), nil
	}
	d.fields = s.fields(payment.GetPayer(), configured.Get("fields"), options)
	for _, name := range configured.Items("cd_fields") {
		d.cd = append(d.cd, name.Text())
	}
	return d, nil, nil
}

// overridden is an option that would change what a direction's settings say of where the site pays; empty where there
// is none.
func overridden(options, configured jsontext.Value) (name string) {
	given, account := options.Text("account2"), configured.Text("account2")
	if given != "" && account != "" && given != account {
		return "account2"
	}
	fixed := configured.Get("fields")
	options.Each(func(option string, text jsontext.Value) {
		// A site's fields cfget… belong to the account that it pays.
		if value := fixed.Text(option); strings.HasPrefix(option, "cfget") && value != "" && value != text.Text() {
			name = option
		}
	})
	return name
}

// fields gathers the custom fields: the payer's, then the direction's own, then the payment's options over both.
func (s settings) fields(payer *abi.Payer, fixed, options jsontext.Value) []entry {
	var fields []entry
	set := func(name, text string) {
		for i := range fields {
			if fields[i].name == name {
				fields[i].text = text
				return
			}
		}
		fields = append(fields, entry{name, text})
	}
	if s.payerFields.Exists() {
		s.payerFields.Each(func(name string, member jsontext.Value) { set(name, payerMember(payer, member.Text())) })
	} else {
		set("cf6", payer.GetEmail())
	}
	fixed.Each(func(name string, text jsontext.Value) { set(name, text.Text()) })
	options.Each(func(name string, text jsontext.Value) {
		if isCustom(name) {
			set(name, text.Text())
		}
	})
	return fields
}

func payerMember(payer *abi.Payer, name string) string {
	switch name {
	case "name":
		return payer.GetName()
	case "email":
		return payer.GetEmail()
	case "phone":
		return payer.GetPhone()
	}
	return ""
}

// optionsField is where a payment has its options.
const optionsField = "/provider_options/exchanger"

// readOptions reads a payment's provider_options; a member that is not known is refused by name, lest a typo become
// another payment.
func readOptions(raw []byte, known func(name string) bool, those string) (jsontext.Value, *abi.Step) {
	if len(raw) == 0 {
		return jsontext.Value{}, nil
	}
	options, err := jsontext.Parse(raw)
	if err != nil || !options.IsObject() {
		return jsontext.Value{}, guest.Reject("invalid_request", optionsField, "the options are not a JSON object")
	}
	var reject *abi.Step
	options.Each(func(name string, value jsontext.Value) {
		if (!known(name) || value.IsObject() || value.IsArray()) && reject == nil {
			reject = guest.Reject("invalid_request", optionsField+"/"+name, "options are "+those)
		}
	})
	return options, reject
}

// orderOption reports whether a name is an option of an order.
func orderOption(name string) bool {
	return name == "direction_id" || name == "account1" || name == "account2" || isCustom(name)
}

// isCustom reports whether a text is a custom field's name: cf6, cfgive8, cfget12.
func isCustom(name string) bool {
	rest, found := strings.CutPrefix(name, "cf")
	if !found {
		return false
	}
	rest = strings.TrimPrefix(strings.TrimPrefix(rest, "give"), "get")
	return isDigits(rest) && len(rest) <= 6
}

func isDigits(text string) bool {
	return text != "" && strings.Trim(text, "0123456789") == ""
}
