package main

import (
	"slices"
	"strconv"
	"strings"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// pairFields choose directions by their currencies.
//
//nolint:gochecknoglobals // a table
var pairFields = []field{
	{name: "currency_id_give", form: whole, note: "The site's number of the currency that the payer gives."},
	{name: "currency_id_get", form: whole, note: "The site's number of the currency that the payer gets."},
}

// calcMembers are what the calculator says, in the document's order.
//
//nolint:gochecknoglobals // a table
var calcMembers = []field{
	{name: "currency_code_give"},
	{name: "currency_code_get"},
	{name: "reserve", form: sum, note: "What the site has of the currency that the payer gets."},
	{name: "course_give", form: sum},
	{name: "course_get", form: sum},
	{name: "sum_give", form: sum},
	{name: "sum_give_com", form: sum, note: "With the commission."},
	{name: "sum_get", form: sum},
	{name: "sum_get_com", form: sum, note: "With the commission."},
	{name: "com_give", note: "The commission, for people."},
	{name: "com_get"},
	{name: "min_give", form: sum, note: `"no" where there is no bound.`},
	{name: "max_give", form: sum},
	{name: "min_get", form: sum},
	{name: "max_get", form: sum},
}

// directionMethods are about the key, and what the site exchanges.
//
//nolint:gochecknoglobals // a table
var directionMethods = []native{
	{
		name: opTest, summary: "Check the key, and see how the site sees the caller.",
		class: safe, documented: full,
		takes: []field{{name: "partner_id", form: whole}},
		members: []field{
			{name: "ip"},
			{name: "user_id", note: "0 where the site itself asks."},
			{name: "locale"},
			{name: "partner_id"},
		},
	},
	{
		name: opGetCurrencies, summary: "List the currencies that can be exchanged.",
		class: safe, documented: partial, open: true, takes: pairFields,
		members: []field{
			{name: "give", form: list, members: currencyMembers},
			{name: "get", form: list, members: currencyMembers},
		},
	},
	{
		name: opGetDirections, summary: "List the directions of exchange.",
		class: safe, documented: partial, open: true, takes: pairFields, gives: aList,
		members: []field{
			{name: "direction_id"},
			{name: "currency_give_id"},
			{name: "currency_give_title"},
			{name: "currency_give_logo"},
			{name: "currency_get_id"},
			{name: "currency_get_title"},
			{name: "currency_get_logo"},
		},
	},
	{
		name: opGetDirection, summary: "Read a direction: its rates, limits and fields.",
		class: safe, documented: partial, open: true,
		takes: []field{{name: "direction_id", form: whole, must: true}},
		members: slices.Concat([]field{{name: "id"}, {name: "url"}}, calcMembers, []field{
			{name: "info", note: "Texts for people, in HTML."},
			{name: "give_fields", note: "What an order has to say; a list, or a map by name."},
			{name: "get_fields"},
			{name: "dir_fields"},
		}),
	},
	{
		name: opGetCalc, summary: "Calculate both sums of an exchange, or what a payment would come to.",
		class: safe, documented: full,
		takes: []field{
			{name: "direction_id", form: whole, must: true},
			{name: "calc_amount", form: sum, must: true},
			{
				name: "calc_action", form: side, must: true,
				note: "Whose amount it is: 1 what is given, 2 what is got; 3 and 4 the same with the commission.",
			},
			{name: "cd", note: "The fields marked cd = 1, as a query: cf1=a&cf2=b."},
		},
		members: slices.Concat(calcMembers, []field{{name: "changed", note: "1 where the amount had to be changed."}}),
	},
}

//nolint:gochecknoglobals // a table
var currencyMembers = []field{{name: "id"}, {name: "title"}, {name: "logo"}}

// catalogPage is how many directions are told of at once: some sites have thousands, and fuel for a whole list of them
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
func readCatalog(t turn) (*abi.Step, error) {
	if t.answer.failed() {
		return refusal(t.answer), nil
	}
	if why := nativeOf(t.call.GetOperation()).unlike(t.answer.data); why != "" {
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
	var told [len(directionNames)]jsontext.Value
	item.Members(directionNames[:], told[:])
	give, get := plain(told[1].Text()), plain(told[2].Text())
	made := &abi.Item{Code: told[0].Text(), Name: give + " → " + get, Currency: tickerOf(give)}
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
	made := &abi.Item{Code: either(code, item.Text("id")), Name: title, Category: way, Currency: code}
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
