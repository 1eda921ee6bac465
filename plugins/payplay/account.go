package main

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// accountMethods list what the company has, and what came and went.
//
//nolint:gochecknoglobals // a table
var accountMethods = []method{
	{
		Name:    accountBalance,
		Summary: "Lists what the company has of each currency.",
		Class:   safe, Documented: elsewhere,
		Output: native.Fields{{Name: "balances", Form: &native.List, Required: true, Members: native.Fields{
			{Name: "id"},
			{Name: "currency", Form: &native.Any, Required: true, Note: "An object with a ticker and a precision."},
			{Name: "value", Form: &native.Amount, Required: true},
		}}},
	},
	{
		Name:    showBalance,
		Summary: "Reads a balance by PayPlay's id. Public material names the path, and shows the answer of the list.",
		Class:   safe, Documented: elsewhere, Open: true,
		Input: native.Fields{idField}, Output: balanceMembers,
	},
	{
		Name: postBalance,
		Summary: "Posts to a balance, by PayPlay's id. Public material names the path alone: what it does is not known, " +
			"and what is given beside the id is sent as it is.",
		Class: risky, Documented: elsewhere, Final: true, Open: true,
		Input: native.Fields{idField}, Output: balanceMembers,
	},
	{
		Name: orderCurrencies, Summary: "Lists the currencies that an order may be priced in.",
		Class: safe, Documented: elsewhere, Open: true, Output: currencyMembers,
	},
	{
		Name: topupCurrencies, Summary: "Lists the currencies that a top-up may be priced in.",
		Class: safe, Documented: elsewhere, Open: true, Output: currencyMembers,
	},
	{
		Name: showTransactions,
		Summary: "Lists the company's transactions. No document shows the list: it is taken for one like the list of " +
			"orders, with the same filters by date.",
		Class: safe, Documented: elsewhere, Paged: true, Open: true,
		Input: native.Fields{
			pageField, perPageField,
			{Name: "date_from", Note: "In PayPlay's zone, of the transaction's creation.", Example: "2022-06-01 00:00:00"},
			{Name: "date_to"},
		},
		Output: native.Fields{
			{Name: "transactions", Form: &native.List, Required: true, Members: native.Fields{
				{Name: "id", Form: &word, Required: true},
				{Name: "type"},
				{Name: "currency", Form: &native.Any, Note: "A ticker, or an object with one."},
				{Name: "value", Form: &native.Amount, Required: true},
				{Name: "status"},
				{Name: "network"},
				{Name: "fee", Form: &native.Amount},
				{Name: "external_id"},
				{Name: "created_at", Note: withoutZone},
			}},
			{Name: "meta", Form: &native.Object},
		},
	},
	{
		Name:    showTransaction,
		Summary: "Reads a transaction by PayPlay's id.",
		Class:   safe, Documented: full,
		Input:  native.Fields{idField},
		Output: native.Fields{{Name: "transaction", Form: &native.Object, Required: true, Members: transactionMembers}},
	},
}

// balanceMembers is the answer about one balance: a list of one, or the balance itself.
//
//nolint:gochecknoglobals // a table
var balanceMembers = native.Fields{
	{Name: "balances", Form: &native.List, Note: "As AccountBalance's, or balance."},
	{Name: "balance", Form: &native.Object},
}

// currencyMembers is a list of currencies.
//
//nolint:gochecknoglobals // a table
var currencyMembers = native.Fields{{
	Name: "currencies", Form: &listOfAny, Required: true,
	Note: "Objects with a ticker and a precision, which is how many digits are shown.",
}}

const balancesPath = "/private-api/balances/"

// Where the lists of currencies are.
const (
	orderCurrenciesPath = "/currencies/crypto-order-target-currencies"
	topupCurrenciesPath = "/private-api/currencies/crypto-topup-target-currencies"
)

func prepareShowBalance(call *abi.Call, _ settings) *abi.Step {
	id := idOf(call)
	if !isID(id) {
		return notAnID()
	}
	return inQuery(call, request("GET", guest.Literal(balancesPath), guest.Text(id)))
}

func preparePostBalance(call *abi.Call, _ settings) *abi.Step {
	id := idOf(call)
	if !isID(id) {
		return notAnID()
	}
	asked := request("POST", guest.Literal(balancesPath), guest.Text(id))
	if body := furtherAlone(call); body != nil {
		asked.JSON(body)
	}
	return asked.Send(nil)
}

// interpretShownBalance wants a balance, or a list of them.
func interpretShownBalance(call *abi.Call, account settings, state, body []byte) *abi.Step {
	answer, err := jsontext.Parse(body)
	if err != nil || !answer.Get("balances").IsArray() && !answer.Get("balance").IsObject() {
		return guest.Unreadable("the answer has no balance")
	}
	return interpretPlain(call, account, state, body)
}

// interpretAnyList wants an object with a list in it: more is not known of the answer.
func interpretAnyList(call *abi.Call, account settings, state, body []byte) *abi.Step {
	answer, err := jsontext.Parse(body)
	lists := false
	answer.Each(func(_ string, member jsontext.Value) { lists = lists || member.IsArray() })
	if err != nil || !lists {
		return guest.Unreadable("the answer has no list")
	}
	return interpretPlain(call, account, state, body)
}

// prepareList asks for a list at a path. What a native call's input holds goes into the query.
func prepareList(path string) func(*abi.Call, settings) *abi.Step {
	return func(call *abi.Call, _ settings) *abi.Step {
		return inQuery(call, request("GET", guest.Literal(path)))
	}
}

// inQuery sends a request with what a native call's input holds beyond the table in the query.
func inQuery(call *abi.Call, asked *guest.Request) *abi.Step {
	var refusal *abi.Step
	known := methods.Find(call.GetOperation()).Input
	inputOf(call).Each(func(name string, value jsontext.Value) {
		switch {
		case known.Find(name) != nil:
		case value.IsObject() || value.IsArray() || name == "":
			refusal = guest.Reject("invalid_request", native.Pointer(name),
				"a query has texts, numbers and flags alone")
		default:
			asked.Query(name, value.Text())
		}
	})
	if refusal != nil {
		return refusal
	}
	return asked.Send(nil)
}

func prepareBalance(*abi.Call, settings) *abi.Step {
	return request("GET", guest.Literal(balancesPath)).Send(nil)
}

// interpretBalance gives the balances, where the account is asked for them.
func interpretBalance(call *abi.Call, account settings, state, body []byte) *abi.Step {
	step := interpretPlain(call, account, state, body)
	outcome := step.GetDone()
	if call.GetQuery() == nil || outcome.GetVerdict() != abi.Verdict_VERDICT_ACCEPTED {
		return step
	}
	answer, _ := jsontext.Parse(body) // interpretPlain has read it
	several := make(map[string]int)
	for _, wallet := range answer.Items("balances") {
		ticker := tickerOf(wallet)
		amount, isSum := wallet.Decimal("value")
		switch {
		case !isCurrency(ticker):
			return guest.Unreadable("the balance " + quoted(wallet.Text("id")) + ": its currency is no ticker")
		case !isSum:
			return guest.Unreadable("the balance of " + ticker + ": its value is no amount")
		}
		several[ticker]++
		outcome.Balances = append(outcome.Balances,
			&abi.Balance{Available: guest.Money(amount, ticker), Wallet: wallet.Text("id")})
	}
	for _, balance := range outcome.GetBalances() {
		if several[balance.GetAvailable().GetCurrency()] == 1 {
			balance.Wallet = ""
		}
	}
	return step
}

// tickerOf is the currency of an order, a balance or a transaction, in capitals: a ticker in some answers, and an
// object with one in others.
func tickerOf(of jsontext.Value) string {
	return tickerIn(of.Get("currency"))
}

// tickerIn is a currency's ticker: itself, or its member.
func tickerIn(currency jsontext.Value) string {
	return strings.ToUpper(cmp.Or(currency.Text(), currency.Text("ticker")))
}

// prepareTransactions asks for a page of the list: by the input's filters, or by the times that the account is asked
// about.
func prepareTransactions(call *abi.Call, account settings) *abi.Step {
	number, refusal := pageOf(call)
	if refusal != nil {
		return refusal
	}
	asked := request("GET", guest.Literal("/private-api/transactions")).Query("page", number)
	if query := call.GetQuery(); query != nil {
		return account.within(asked, query).Send(nil)
	}
	input := inputOf(call)
	asked.Query("per_page", input.Text("per_page")).
		Query("date_from", unescaped(input.Text("date_from"))).
		Query("date_to", unescaped(input.Text("date_to")))
	return inQuery(call, asked)
}

// within adds the times and the page's length of a query. PayPlay's dates are whole seconds, and the last one counts.
func (s *settings) within(asked *guest.Request, query *abi.Query) *guest.Request {
	if limit := query.GetLimit(); limit > 0 {
		asked.Query("per_page", fmt.Sprint(limit))
	}
	if from := query.GetFromMs(); from > 0 {
		asked.Query("date_from", time.UnixMilli(from).In(s.zone).Format(dateForm))
	}
	if until := query.GetUntilMs(); until > 0 {
		asked.Query("date_to", time.UnixMilli(until-1).In(s.zone).Format(dateForm))
	}
	return asked
}

// dateForm is how PayPlay writes dates, without a zone.
const dateForm = "2006-01-02 15:04:05"

// interpretTransactions gives the statement, where the account is asked for it.
func interpretTransactions(call *abi.Call, account settings, _, body []byte) *abi.Step {
	listed, why := readPage(body, "transactions")
	if why != "" {
		return guest.Unreadable(why)
	}
	step := answered(call, listed.answer)
	outcome := step.GetDone()
	if outcome.GetVerdict() != abi.Verdict_VERDICT_ACCEPTED {
		return step
	}
	switch {
	case listed.ends:
		outcome.Cursor = listed.next()
	case call.GetQuery() != nil || listed.answer.Get("meta").Exists():
		return guest.Unreadable(endless)
	}
	if call.GetQuery() == nil {
		return step
	}
	for _, item := range listed.items {
		entry, err := account.entry(item)
		if err != nil {
			return guest.Unreadable(err.Error())
		}
		outcome.Transactions = append(outcome.Transactions, entry)
	}
	return step
}

// takesOut reports, of each type of transaction that is known, whether it takes money from the account. The document
// has CRYPTO_INVOICE and WITHDRAWAL_EXTERNAL; the others are from the vendor's and WhitePay's documentation.
//
//nolint:gochecknoglobals // a table
var takesOut = map[string]bool{
	"CRYPTO_INVOICE":      false,
	"FIAT_INVOICE":        false,
	"WITHDRAWAL_EXTERNAL": true,
	"CRYPTO_WALLET":       true,
	"CONVERT_WITHDRAWAL":  true,
}

// entry is a transaction as a statement has it. One whose direction is not known has no sign to give it: no statement
// then.
func (s *settings) entry(from jsontext.Value) (*abi.Transaction, error) {
	t, err := readTransaction(from, "")
	if err != nil {
		return nil, err
	}
	kind := from.Text("type")
	out, known := s.outgoing[kind]
	if !known {
		out, known = takesOut[kind]
	}
	at, err := s.readDate(from.Text("created_at"))
	switch {
	case !known:
		return nil, errors.New("whether a transaction of type " + quoted(kind) +
			" brings money in is not known: say so in the setting transaction_types")
	case err != nil:
		return nil, fmt.Errorf("the transaction's created_at: %w", err)
	case t.value.Sign() < 0:
		return nil, errors.New("the transaction's value is below zero")
	}
	entry := &abi.Transaction{
		Id: t.id, AtMs: at.UnixMilli(), Amount: guest.Money(t.value.String(), t.currency),
		Fee: guest.Money(t.fee, t.currency), Kind: kind,
		Status: t.status, Reference: t.reference,
	}
	if out {
		entry.Amount.Amount = decimal.Decimal{}.Sub(t.value).String()
		entry.ProviderReference = t.id
	}
	return entry, nil
}

// readDate reads a date as PayPlay writes it, or as ISO 8601 does. One without a zone is in the account's.
func (s *settings) readDate(text string) (at time.Time, err error) {
	for _, form := range []string{time.RFC3339, "2006-01-02T15:04:05", dateForm} {
		if at, err = time.ParseInLocation(form, text, s.zone); err == nil {
			return at, nil
		}
	}
	return at, err
}

// quoted shortens a text of PayPlay's for a message.
func quoted(text string) string {
	const longest = 40
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	return `"` + text + `"`
}
