package main

import (
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

func prepareRates(*abi.Call, settings) *abi.Step {
	return request("GET", guest.Literal("/rates")).Send(nil)
}

// longestRates bounds the answer, of which every member is read, in bytes. The document's has one rate.
const longestRates = 64 << 10

// interpretRates wants every rate to be one. They have a decimal comma, and are passed on as they came.
func interpretRates(_ *abi.Call, _ settings, _, body []byte) *abi.Step {
	if len(body) > longestRates {
		return guest.Unreadable("the answer is too long to be one of rates")
	}
	rates, err := jsontext.Parse(body)
	if err != nil || !rates.IsObject() {
		return guest.Unreadable("the answer is not an object of rates")
	}
	count, bad := 0, ""
	rates.Each(func(pair string, rate jsontext.Value) {
		count++
		if bad == "" && !isPositive(strings.Replace(rate.Text(), ",", ".", 1)) {
			bad = pair
		}
	})
	if bad != "" {
		return guest.Unreadable("the rate of " + bad + " is not a number above zero")
	}
	if count == 0 {
		return guest.Unreadable("the answer has no rate")
	}
	return answered(body)
}

func prepareExchangeRate(call *abi.Call, _ settings) *abi.Step {
	ticker := inputOf(call).Text("ticker")
	if !isCurrency(ticker) {
		return guest.Reject("invalid_request", "/ticker", "a currency's ticker in capitals is wanted, such as NGN")
	}
	return request("GET", guest.Literal("/private-api/exchange-rates/"), guest.Text(ticker)).Send(nil)
}

func interpretExchangeRate(call *abi.Call, _ settings, _, body []byte) *abi.Step {
	rate, err := jsontext.Parse(body)
	if err != nil || !isPositive(rate.Text("exchange_rate")) {
		return guest.Unreadable("the answer is not an exchange rate above zero")
	}
	if !strings.EqualFold(rate.Text("ticker"), inputOf(call).Text("ticker")) {
		return guest.Unreadable("the exchange rate is another currency's")
	}
	return answered(body)
}
