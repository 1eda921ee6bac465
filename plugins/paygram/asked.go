package main

import (
	"cmp"
	"strconv"
	"time"

	"payrouter/abi/decimal"
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// What the account itself is asked, by PayGram's names.
const (
	userInfo      = "UserInfo"
	exchangeRates = "GetExchangeRates"
	getStatement  = "GetStatement"
)

// actions are what the account can be asked. Its currencies are those that PayGram exchanges, its wallets the user's
// wallets.
func actions() []*abi.Action {
	return []*abi.Action{
		{Role: abi.Role_ROLE_BALANCES, Operation: userInfo},
		{Role: abi.Role_ROLE_RATES, Operation: exchangeRates},
		{Role: abi.Role_ROLE_STATEMENT, Operation: getStatement},
		{Role: abi.Role_ROLE_CATALOG, Operation: exchangeRates, Topic: "currencies"},
		{Role: abi.Role_ROLE_CATALOG, Operation: userInfo, Topic: "wallets"},
	}
}

// A statement's times, as the document writes them.
const utcMilliseconds = "2006-01-02T15:04:05.000Z"

// A statement of no end reaches a minute beyond now, and its page has what the document's example asks for.
const (
	ahead    = 60 * 1000
	pageSize = 25
)

// queryInput is the input that stands for a query: the newest entries first, of a statement those behind start.
func queryInput(t *task, start string) (jsontext.Value, error) {
	input := jsontext.NewObject()
	if t.GetOperation() == getStatement {
		q := t.GetQuery()
		input.String("fromUtc", utc(q.GetFromMs())).String("toExcludingUtc",
			utc(cmp.Or(q.GetUntilMs(), t.GetNowMs()+ahead))).Number(startIndex, start).
			Integer("resultsPerPage", uint64(cmp.Or(q.GetLimit(), pageSize))).Bool("goForward", false)
	}
	return jsontext.Parse(input.JSON())
}

func utc(ms int64) string {
	return time.UnixMilli(ms).UTC().Format(utcMilliseconds)
}

// report adds an answer's entries about the account to an outcome. An entry that cannot be read is left out; why is
// what is wrong with it where no other can be read.
func report(t *task, a answer, outcome *abi.Outcome) (why string) {
	switch t.GetOperation() {
	case userInfo:
		why = balancesOutcome(a, outcome)
	case exchangeRates:
		why = ratesOutcome(a, outcome)
	case getStatement:
		why = statementOutcome(t, a, outcome)
	}
	if why == "" || len(outcome.GetBalances())+len(outcome.GetRates())+len(outcome.GetTransactions()) == 0 {
		return why
	}
	leaveOut(outcome, why)
	return ""
}

// leaveOut states that an entry was left out: an odd one is no reason to show nothing of the others.
func leaveOut(outcome *abi.Outcome, why string) {
	if outcome.GetAlert() == "" {
		outcome.Alert = "left out: " + why
	}
}

// unnamed states that a currency was left out, for one that PayGram has added.
func unnamed(outcome *abi.Outcome, code string) {
	leaveOut(outcome, "PayGram's currency "+code+", which is not known")
}

func balancesOutcome(a answer, outcome *abi.Outcome) (why string) {
	for _, entry := range a.Items("balances") {
		number, known := entry.Get("currency"), currencyOf(entry.Get("currency"))
		sum, isSum := entry.Decimal("balance")
		switch {
		case !isSum:
			why = "a balance has no amount"
			continue
		case known == "":
			unnamed(outcome, number.Text())
			continue
		}
		outcome.Balances = append(outcome.Balances, &abi.Balance{Available: guest.Money(sum, known)})
		outcome.Items = append(outcome.Items, &abi.Item{Code: known, Category: "wallet", Currency: known})
	}
	return why
}

// ratesOutcome reads the price of one unit of each base in each quote. A price that PayGram has rounded to nothing is
// no rate.
func ratesOutcome(a answer, outcome *abi.Outcome) (why string) {
	listed := make(map[string]bool)
	list := func(name string) string {
		code := currencyNamed(name)
		if code == "" {
			unnamed(outcome, name)
		} else if !listed[code] {
			listed[code] = true
			outcome.Items = append(outcome.Items, &abi.Item{Code: code, Currency: code})
		}
		return code
	}
	a.Get("rates").Each(func(base string, quotes jsontext.Value) {
		from := list(base)
		quotes.Each(func(quote string, rate jsontext.Value) {
			to := list(quote)
			price, err := decimal.Parse(rate.Text("price"))
			switch {
			case err != nil || price.Sign() < 0:
				why = "the price of " + base + " in " + quote + " is none"
			case from != "" && to != "" && from != to && price.Sign() > 0:
				outcome.Rates = append(outcome.Rates,
					&abi.Rate{From: guest.Money("1", from), To: guest.Money(price.String(), to)})
			}
		})
	})
	return why
}

// statementOutcome lists the entries behind the cursor: a page may begin with the cursor's own.
func statementOutcome(t *task, a answer, outcome *abi.Outcome) (why string) {
	here, forward := startOf(t)
	for _, value := range a.Items("statementEntries") {
		entry, wrong := readEntry(value)
		switch {
		case wrong != "":
			why = "an entry: " + wrong
		case !isNew(entry.id, here, forward):
		case entry.currency == "":
			unnamed(outcome, value.Text("currency"))
		default:
			outcome.Transactions = append(outcome.Transactions, entry.transaction())
		}
	}
	return why
}

// entry is a line of a statement. It names no reference of ours.
type entry struct {
	id                                int64
	sort, amount, fee, currency, code string
	at                                time.Time
}

// readEntry reads a line; currency is empty where its number or name is not known.
func readEntry(value jsontext.Value) (e entry, why string) {
	var isID, isTime bool
	e.id, isID = entryID(value)
	e.currency = currencyOf(value.Get("currency"))
	amount, notAmount := value.Get("amount").Amount()
	e.amount = amount.String()
	e.fee, _ = value.Decimal("fees")
	for _, member := range [...]string{"createdUtc", "executedUtc"} {
		if at, ok := readUTC(value.Text(member)); ok {
			e.at, isTime = at, true
		}
	}
	if sort := value.Text("entryType"); sort != "" {
		e.sort = cmp.Or(entryTypes.words(sort), "entry type "+sort)
	}
	if code := value.Text("invoice", "guid"); isCode(code) {
		e.code = code
	}
	switch {
	case value.Twice("id", "currency", "amount", "executedUtc"):
		return e, "a member of it stands twice"
	case !isID:
		return e, "it has no id of 64 bits"
	case notAmount != nil:
		return e, "it has no amount"
	case !isTime:
		return e, "it has no time"
	}
	return e, ""
}

// transaction is the entry as the contract has it. That its fee is a part of its amount is inferred.
func (e entry) transaction() *abi.Transaction {
	return &abi.Transaction{
		Id: strconv.FormatInt(e.id, 10), AtMs: e.at.UnixMilli(), Amount: guest.Money(e.amount, e.currency),
		Fee: guest.Money(e.fee, e.currency), FeeIncluded: e.fee != "",
		Kind: e.sort, ProviderReference: e.code,
	}
}

// readUTC reads .NET's time: seven digits after the second, with a Z where the object was just made, and without one
// where it was read again.
func readUTC(text string) (at time.Time, ok bool) {
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.9999999"} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, true
		}
	}
	return time.Time{}, false
}
