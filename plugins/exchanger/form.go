package main

import (
	"strconv"
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/jsontext"
	"payrouter/abi/native"
)

// mostListed is how many entries a page of a list has at most, whatever is asked for.
const mostListed = 500

// The forms of the sites' fields. A site takes a number as text, too, and sends numbers as either.
//
//nolint:gochecknoglobals // a table
var (
	// word is any text or number of an answer.
	word = native.Form{Shape: "a text", Has: isScalar, Lenient: true}
	// digits are a number without a sign or a fraction.
	digits = native.Form{
		Shape: "a whole number", Has: isWhole,
		Schema: `{"type":["string","integer"],"pattern":"^[0-9]{1,20}$","minimum":0}`,
	}
	// serials are one number, or several with commas between.
	serials = native.Form{
		Shape: "whole numbers with commas between", Has: isWholes,
		Schema: `{"type":["string","integer"],"pattern":"^[0-9]{1,20}(,[0-9]{1,20})*$","minimum":0}`,
	}
	serial = native.Form{
		Shape: "digits, as a text, the first not 0", Has: isSerial,
		Schema: `{"type":"string","pattern":"^[1-9][0-9]{0,19}$"}`,
	}
	// sum is an amount or a rate: text on the router's side.
	sum = native.Form{
		Shape: "an amount above 0, as a text", Type: "string", Has: isPositive,
		Schema: `{"type":"string","pattern":"^(0|[1-9][0-9]*)(\\.[0-9]+)?$"}`,
	}
	// amount is an amount or a rate of an answer: a text on the router's side. It is only shown; what a payment or a
	// report needs of it is read strictly there.
	amount = native.Form{Shape: "an amount, as a text", Has: isScalar, Lenient: true}
	// side is calc_action.
	side      = native.Form{Shape: "1, 2, 3 or 4", Has: isSide, Schema: `{"enum":[1,2,3,4,"1","2","3","4"]}`}
	zeroOrOne = native.Form{Shape: "0 or 1", Has: isZeroOrOne, Schema: `{"enum":[0,1,"0","1"]}`}
	howMany   = native.Form{
		Shape: "a number from 1 to 500", Has: isHowMany, Schema: `{"type":"integer","minimum":1,"maximum":500}`,
	}
)

// isScalar reports a value that a form can carry.
func isScalar(value jsontext.Value) bool { return value.IsString() || value.Text() != "" }

// isWhole reports a number of digits alone, whether it came as a text or as a number.
func isWhole(value jsontext.Value) bool { return isDigits(value.Text()) && len(value.Text()) <= 20 }

func isWholes(value jsontext.Value) bool {
	for number := range strings.SplitSeq(value.Text(), ",") {
		if !isDigits(number) || len(number) > 20 {
			return false
		}
	}
	return true
}

func isSerial(value jsontext.Value) bool {
	return value.IsString() && isWhole(value) && value.Text()[0] != '0'
}

func isPositive(value jsontext.Value) bool {
	amount, err := decimal.Parse(value.Text())
	return value.IsString() && err == nil && amount.Sign() > 0 && !strings.ContainsAny(value.Text(), "eE")
}

func isSide(value jsontext.Value) bool {
	content := value.Text()
	if len(content) != 1 {
		return false
	}
	_, known := sums[action(content[0])]
	return known
}

func isZeroOrOne(value jsontext.Value) bool { return value.Text() == "0" || value.Text() == "1" }

func isHowMany(value jsontext.Value) bool {
	count, err := strconv.Atoi(value.Text())
	return !value.IsString() && isWhole(value) && err == nil && count > 0 && count <= mostListed
}

// isAmount reports the members that hold an amount or a rate, wherever in an answer they stand.
func isAmount(name string) bool {
	switch name {
	case "reserve", "course_give", "course_get", "sum_give", "sum_give_com", "sum_get", "sum_get_com", "min_give",
		"max_give", "min_get", "max_get",
		"calc_amount", "amount_give", "amount_get", "pay_amount", "balance", "min_payout", "amount", "partner_reward",
		"original_amount":
		return true
	}
	return false
}
