package main

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// pairFields choose directions by their currencies.
//
//nolint:gochecknoglobals // a table
var pairFields = native.Fields{
	{Name: "currency_id_give", Form: &digits, Note: "The site's number of the currency that the payer gives."},
	{Name: "currency_id_get", Form: &digits, Note: "The site's number of the currency that the payer gets."},
}

// calcMembers are what the calculator states, in the document's order.
//
//nolint:gochecknoglobals // a table
var calcMembers = native.Fields{
	{Name: "currency_code_give", Form: &word},
	{Name: "currency_code_get", Form: &word},
	{Name: "reserve", Form: &amount, Note: "What the site has of the currency that the payer gets."},
	{Name: "course_give", Form: &amount},
	{Name: "course_get", Form: &amount},
	{Name: "sum_give", Form: &amount},
	{Name: "sum_give_com", Form: &amount, Note: "With the commission."},
	{Name: "sum_get", Form: &amount},
	{Name: "sum_get_com", Form: &amount, Note: "With the commission."},
	{Name: "com_give", Form: &word, Note: "The commission, for people."},
	{Name: "com_get", Form: &word},
	{Name: "min_give", Form: &amount, Note: `"no" where there is no bound.`},
	{Name: "max_give", Form: &amount},
	{Name: "min_get", Form: &amount},
	{Name: "max_get", Form: &amount},
}

// directionMethods are about the key, and what the site exchanges.
//
//nolint:gochecknoglobals // a table
var directionMethods = []method{
	{
		Name: opTest, Summary: "Check the key, and see how the site sees the caller.",
		Class: safe, Documented: full,
		Input: native.Fields{{Name: "partner_id", Form: &digits}},
		Output: native.Fields{
			{Name: "ip", Form: &word},
			{Name: "user_id", Form: &word, Note: "0 where the site itself asks."},
			{Name: "locale", Form: &word},
			{Name: "partner_id", Form: &word},
		},
	},
	{
		Name: opGetCurrencies, Summary: "List the currencies that can be exchanged.",
		Class: safe, Documented: partial, Open: true, Input: pairFields,
		Output: native.Fields{
			{Name: "give", Form: &native.List, Members: currencyMembers},
			{Name: "get", Form: &native.List, Members: currencyMembers},
		},
	},
	{
		Name: opGetDirections, Summary: "List the directions of exchange.",
		Class: safe, Documented: partial, Open: true, Input: pairFields,
		Extra: wire{data: aList},
		Output: native.Fields{
			{Name: "direction_id", Form: &word},
			{Name: "currency_give_id", Form: &word},
			{Name: "currency_give_title", Form: &word},
			{Name: "currency_give_logo", Form: &word},
			{Name: "currency_get_id", Form: &word},
			{Name: "currency_get_title", Form: &word},
			{Name: "currency_get_logo", Form: &word},
		},
	},
	{
		Name: opGetDirection, Summary: "Read a direction: its rates, limits and fields.",
		Class: safe, Documented: partial, Open: true,
		Input: slices.Concat(native.Fields{{Name: "direction_id", Form: &digits}}, pairFields),
		Extra: wire{oneOf: true},
		Output: slices.Concat(native.Fields{
			{Name: "id", Form: &word},
			{Name: "url", Form: &word},
		}, calcMembers, native.Fields{
			{Name: "info", Form: &word, Note: "Texts for people, in HTML."},
			{Name: "give_fields", Form: &word, Note: "What an order has to say; a list, or a map by name."},
			{Name: "get_fields", Form: &word},
			{Name: "dir_fields", Form: &word},
		}),
	},
	{
		Name: opGetCalc, Summary: "Calculate both sums of an exchange, or what a payment would come to.",
		Class: safe, Documented: full,
		Input: native.Fields{
			{Name: "direction_id", Form: &digits, Required: true},
			{Name: "calc_amount", Form: &sum, Required: true},
			{
				Name: "calc_action", Form: &side, Required: true,
				Note: "Whose amount it is: 1 what is given, 2 what is got; 3 and 4 the same with the commission.",
			},
			{Name: "cd", Note: "The fields marked cd = 1, as a query: cf1=a&cf2=b."},
		},
		Output: slices.Concat(calcMembers, native.Fields{
			{Name: "changed", Form: &word, Note: "1 where the amount had to be changed."},
		}),
	},
}

//nolint:gochecknoglobals // a table
var currencyMembers = native.Fields{
	{Name: "id", Form: &word},
	{Name: "title", Form: &word},
	{Name: "logo", Form: &word},
}

// catalogPage is how many directions are listed at once: some sites have thousands, and fuel for a whole list of them
// there is not.
const catalogPage = 1000

// prepareCatalog asks for a whole list: the sites can neither page it, nor choose by a currency's code.
func prepareCatalog(call *abi.Call, account settings) (*abi.Step, error) {
	if cursor := call.GetCursor(); cursor != "" && !isOffset(cursor) {
		return guest.Reject("invalid_request", "", "the cursor is none of this plugin's"), nil
	}
	return post(call, account, call.GetOperation(), new(guest.Form), stageCatalog, ""), nil
}

// readCatalog lists what the site exchanges.
func readCatalog(t reply) (*abi.Step, error) {
	if t.answer.failed() {
		return refusal(t.answer), nil
	}
	if why := unlike(methods.Find(t.call.GetOperation()), t.answer.data); why != "" {
		return guest.Unreadable(why), nil
	}
	outcome := new(abi.Outcome)
	if t.call.GetOperation() == opGetDirections {
		listDirections(outcome, t.answer.data.Items(), t.call.GetCursor())
	} else {
		listCurrencies(outcome, t.answer.data)
	}
	for _, item := range outcome.GetItems() {
		if item.GetCode() == "" {
			return guest.Unreadable("the list has what has no number"), nil
		}
	}
	return t.answered(outcome), nil
}

// listDirections adds a page of the directions; the next one begins where it ends.
func listDirections(outcome *abi.Outcome, directions []jsontext.Value, cursor string) {
	start, _ := strconv.Atoi(cursor) // prepareCatalog has read it; empty is the start
	start = min(start, len(directions))
	end := min(start+catalogPage, len(directions))
	for _, item := range directions[start:end] {
		outcome.Items = append(outcome.Items, directionItem(item))
	}
	if end < len(directions) {
		outcome.Cursor = strconv.Itoa(end)
	}
}

func listCurrencies(outcome *abi.Outcome, data jsontext.Value) {
	for _, way := range [...]string{"give", "get"} {
		for _, item := range data.Items(way) {
			outcome.Items = addCurrency(outcome.Items, item, way)
		}
	}
}

// directionItem is a direction as a payment names it: by its number, in its options. A site has thousands, so each is
// walked through once.
func directionItem(item jsontext.Value) *abi.Item {
	var found [len(directionNames)]jsontext.Value
	item.Members(directionNames[:], found[:])
	give, get := plain(found[1].Text()), plain(found[2].Text())
	made := &abi.Item{Code: found[0].Text(), Name: give + " → " + get, Currency: tickerOf(give)}
	if made.GetCurrency() != "" {
		made.CurrencyOut = tickerOf(get)
	}
	return made
}

//nolint:gochecknoglobals // a table
var directionNames = [...]string{"direction_id", "currency_give_title", "currency_get_title"}

// addCurrency adds a currency as a payment names it, with the ways in which it can be exchanged. Several of the site's
// may be one of the router's: Tether has one for each network.
func addCurrency(to []*abi.Item, item jsontext.Value, way string) []*abi.Item {
	title := plain(item.Text("title"))
	code := tickerOf(title)
	made := &abi.Item{Code: cmp.Or(code, item.Text("id")), Name: title, Category: way, Currency: code}
	for _, known := range to {
		if known.GetCode() != made.GetCode() {
			continue
		}
		if !strings.Contains(", "+known.GetName()+", ", ", "+title+", ") {
			known.Name += ", " + title
		}
		if !strings.HasSuffix(known.GetCategory(), way) {
			known.Category += ", " + way
		}
		return to
	}
	return append(to, made)
}

// tickerOf is the code at the end of a currency's title, "USDT" of "Tether TRC20 USDT"; empty where there is none. The
// lists of currencies and directions have no codes of their own.
func tickerOf(title string) string {
	last := title[strings.LastIndexByte(title, ' ')+1:]
	letters := false
	for i := range len(last) {
		c := last[i]
		if (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return ""
		}
		letters = letters || c >= 'A'
	}
	if !letters {
		return ""
	}
	if len(last) < shortestTicker || len(last) > longestTicker {
		return ""
	}
	return last
}
