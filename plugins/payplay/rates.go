package main

import (
	"cmp"
	"slices"
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// rateMethods read rates.
//
//nolint:gochecknoglobals // a table
var rateMethods = []method{
	{
		Name:    getRates,
		Summary: "Reads the rate of USDT in USD, with a decimal comma.",
		Class:   safe, Documented: full,
	},
	{
		Name:    getExchangeRate,
		Summary: "Reads the rate of a currency to USDT.",
		Class:   safe, Documented: full,
		Input: native.Fields{
			{Name: "ticker", Required: true, Matches: isCurrency, Pattern: "^[A-Z0-9]{2,16}$", Example: "NGN"},
		},
		Output: native.Fields{
			{Name: "ticker", Form: &word, Required: true},
			{Name: "exchange_rate", Form: &native.Amount, Required: true, Note: "How much of it one USDT is."},
		},
	},
}

func prepareRates(*abi.Call, settings) *abi.Step {
	return request("GET", guest.Literal("/rates")).Send(nil)
}

// longestRates bounds the answer, of which every member is read, in bytes. The document's has one rate.
const longestRates = 64 << 10

// interpretRates wants a rate. Rates have a decimal comma, and are passed on as they came. Where the account is asked
// for its rates, those of external currencies are asked for, too.
func interpretRates(call *abi.Call, account settings, state, body []byte) *abi.Step {
	if len(state) > 0 {
		return interpretExternal(call, state, body)
	}
	if len(body) > longestRates {
		return guest.Unreadable("the answer is too long to be one of rates")
	}
	rates, err := jsontext.Parse(body)
	if err != nil || !rates.IsObject() {
		return guest.Unreadable("the answer is not an object of rates")
	}
	if why := faultOfRates(rates); why != "" {
		return guest.Unreadable(why)
	}
	output := spell(rates, func(string) bool { return true })
	if call.GetQuery() == nil {
		return answeredRates(output, nil)
	}
	return askNext(&walk{rates: output, left: externals(call.GetQuery(), account)})
}

// faultOfRates states what is wrong with an object of rates; empty where nothing is. A member that is no rate is not,
// beside one that is.
func faultOfRates(rates jsontext.Value) (why string) {
	seen := make(map[string]bool)
	twice, isRate := "", false
	rates.Each(func(pair string, rate jsontext.Value) {
		switch {
		case seen[pair]:
			twice = "the rate of " + pair + " stands twice"
		case isPositive(withPoint(rate.Text())):
			isRate = true
		case why == "":
			why = "the rate of " + pair + " is not a number above zero"
		}
		seen[pair] = true
	})
	switch {
	case twice != "":
		return twice
	case isRate:
		return ""
	}
	return cmp.Or(why, "the answer has no rate")
}

// withPoint is a number with a decimal comma, with a point in its place.
func withPoint(number string) string {
	return strings.Replace(number, ",", ".", 1)
}

// answeredRates ends a call for rates.
func answeredRates(output []byte, rates []*abi.Rate) *abi.Step {
	outcome := guest.Accepted(abi.Status_STATUS_UNSPECIFIED, "")
	outcome.Output, outcome.Rates = output, rates
	return guest.Done(outcome)
}

// mostExternal bounds the external currencies that an account may name: with one more that is asked about, and /rates,
// they are as many requests as a call may send.
const mostExternal = mostPages - 2

// usdt is what PayPlay's rates are of.
const usdt = "USDT"

// externals are the currencies whose rates are to be asked for: the one that the question is about, and the account's.
// PayPlay has rates of coins nowhere.
func externals(query *abi.Query, account settings) []string {
	var wanted []string
	for _, currency := range append([]string{query.GetCurrency()}, account.external...) {
		if isCurrency(currency) && !slices.Contains(strings.Fields(coins), currency) &&
			!slices.Contains(wanted, currency) {
			wanted = append(wanted, currency)
		}
	}
	return wanted
}

// walk is where the asking for rates stands: what /rates stated, the rates that are known, and whose are still to be
// asked for.
type walk struct {
	rates []byte
	known []externalRate
	left  []string
}

// externalRate is how much of a currency one USDT is.
type externalRate struct{ currency, rate string }

// askNext asks for the next currency's rate, or ends the walk.
func askNext(w *walk) *abi.Step {
	if len(w.left) == 0 {
		return answeredRates(w.rates, w.canonical())
	}
	return request("GET", guest.Literal(exchangeRatesPath), guest.Text(w.left[0])).SendAs(getExchangeRate, w.state())
}

func (w *walk) state() []byte {
	rates, _ := jsontext.Parse(w.rates) // they have been read before
	known := jsontext.NewObject()
	for _, one := range w.known {
		known.String(one.currency, one.rate)
	}
	return jsontext.NewObject().Value("rates", rates).Object("known", known).Strings("left", w.left).JSON()
}

func readWalk(state []byte) (*walk, bool) {
	from, err := jsontext.Parse(state)
	if err != nil || len(from.Items("left")) == 0 || !from.Get("rates").IsObject() {
		return nil, false
	}
	w := &walk{rates: from.Get("rates").JSON()}
	from.Get("known").Each(func(currency string, rate jsontext.Value) {
		w.known = append(w.known, externalRate{currency, rate.Text()})
	})
	for _, currency := range from.Items("left") {
		w.left = append(w.left, currency.Text())
	}
	return w, true
}

// canonical are the rates of /rates whose names are two currencies, and those of external currencies. Of one that is in
// both places, the former counts.
func (w *walk) canonical() []*abi.Rate {
	var rates []*abi.Rate
	add := func(from, to, amount string) {
		said := slices.ContainsFunc(rates,
			func(r *abi.Rate) bool { return r.GetFrom().GetCurrency() == from && r.GetTo().GetCurrency() == to })
		if isCurrency(from) && isCurrency(to) && from != to && !said && isPositive(amount) {
			rates = append(rates, &abi.Rate{From: guest.Money("1", from), To: guest.Money(amount, to)})
		}
	}
	shown, _ := jsontext.Parse(w.rates) // they have been read before
	shown.Each(func(pair string, rate jsontext.Value) {
		from, to, _ := strings.Cut(pair, "_")
		amount, _ := plain(withPoint(rate.Text()))
		add(from, to, amount)
	})
	for _, one := range w.known {
		add(usdt, one.currency, one.rate)
	}
	return rates
}

// interpretExternal reads the rate of the currency that was asked for.
func interpretExternal(call *abi.Call, state, body []byte) *abi.Step {
	w, ok := readWalk(state)
	if !ok || call.GetQuery() == nil {
		return guest.Unreadable("the state is none of this plugin's")
	}
	answer, rate, why := readExternal(body, w.left[0])
	// One that PayPlay lists without a rate is left out.
	unlisted := strings.EqualFold(answer.Text("ticker"), w.left[0]) && !answer.Get("exchange_rate").Exists()
	switch {
	case why == "":
		w.known = append(w.known, externalRate{w.left[0], rate})
	case !unlisted:
		return guest.Unreadable(why)
	}
	w.left = w.left[1:]
	return askNext(w)
}

// withoutRate goes on where PayPlay has no rate of the currency that was asked for; nil for any other answer.
func withoutRate(call *abi.Call, state []byte, response *abi.HttpResponse) *abi.Step {
	if call.GetOperation() != getRates || len(state) == 0 || response.GetStatus() != 404 {
		return nil
	}
	w, ok := readWalk(state)
	refusal := refused(getExchangeRate, response).GetDone()
	if !ok || refusal.GetFailure().GetProviderCode() != codeAbsent {
		return nil
	}
	w.left = w.left[1:]
	return askNext(w)
}

const exchangeRatesPath = "/private-api/exchange-rates/"

func prepareExchangeRate(call *abi.Call, _ settings) *abi.Step {
	ticker := inputOf(call).Text("ticker")
	if !isCurrency(ticker) {
		return guest.Reject("invalid_request", "/ticker", "a currency's ticker in capitals is wanted, such as NGN")
	}
	return request("GET", guest.Literal(exchangeRatesPath), guest.Text(ticker)).Send(nil)
}

func interpretExchangeRate(call *abi.Call, _ settings, _, body []byte) *abi.Step {
	answer, _, why := readExternal(body, inputOf(call).Text("ticker"))
	if why != "" {
		return guest.Unreadable(why)
	}
	return answered(call, answer)
}

// readExternal reads an answer about a currency's rate; why is empty where it is one.
func readExternal(body []byte, ticker string) (answer jsontext.Value, rate, why string) {
	answer, err := jsontext.Parse(body)
	if err != nil || !isPositive(answer.Text("exchange_rate")) {
		return answer, "", "the answer is not an exchange rate above zero"
	}
	if !strings.EqualFold(answer.Text("ticker"), ticker) {
		return answer, "", "the exchange rate is another currency's"
	}
	rate, _ = answer.Decimal("exchange_rate")
	return answer, rate, ""
}
