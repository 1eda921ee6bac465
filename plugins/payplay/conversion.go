package main

import (
	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// conversionMethods send an amount of one currency out as another. Public material shows their paths, what a
// convert-withdrawal takes and its transaction; what each act does to the money it does not tell.
//
//nolint:gochecknoglobals // a table
var conversionMethods = []method{
	{
		Name:    convertCurrencies,
		Summary: "Lists what a convert-withdrawal may convert. Members of the input go into the query.",
		Class:   safe, Documented: elsewhere, Open: true,
	},
	{
		Name: convertWithdrawal,
		Summary: "Makes a convert-withdrawal: coins of one currency that go to an address as another. As far as is known " +
			"it is an estimate until it is confirmed; whether money moves before that, no document tells.",
		Class: risky, Documented: elsewhere, Final: true, Reference: &referenceForm, Open: true,
		Input: conversionInput, Output: conversionOutput,
	},
	{
		Name:    instantConversion,
		Summary: "Makes a convert-withdrawal that needs no confirmation, as far as is known: it moves money.",
		Class:   risky, Documented: elsewhere, Final: true, Reference: &referenceForm, Open: true,
		Input: conversionInput, Output: conversionOutput,
	},
	{
		Name: refreshConvert,
		Summary: "Prices a convert-withdrawal anew, as far as is known. An unanswered one counts as one that may have " +
			"changed what is sent.",
		Class: risky, Documented: elsewhere, Final: true, Open: true,
		Input: native.Fields{idField}, Output: conversionOutput,
	},
	{
		Name:    confirmConvert,
		Summary: "Confirms a convert-withdrawal: it moves money.",
		Class:   risky, Documented: elsewhere, Final: true, Open: true,
		Input: native.Fields{idField}, Output: conversionOutput,
	},
}

//nolint:gochecknoglobals // tables
var (
	conversionInput = native.Fields{
		{Name: "currency", Required: true, Note: "What is converted.", Example: "EUR"},
		{Name: "amount", Form: &native.Amount, Required: true, Note: "In currency.", Example: "50"},
		{Name: "target_currency", Required: true, Note: "What is sent.", Example: "USDT"},
		{
			Name: "address", Required: true, Note: "Where to.",
			Example: "EQAigd8MjqsJejMuIB0UPhErOlGe22dezkpjvpWt9kOrtkG8",
		},
		{Name: "network", Required: true, Example: "TON"},
		{Name: "memo"},
		{
			Name: "external_id", OurReference: true,
			Note: "The caller's own; the router's reference where it is left out.",
		},
	}
	conversionOutput = native.Fields{{
		Name: "transaction", Form: &native.Object, Required: true, Members: native.Fields{
			{Name: "id", Form: &word, Required: true},
			{Name: "currency", Form: &native.Any, Required: true, Note: "An object with a ticker."},
			{Name: "value", Form: &native.Amount, Required: true},
			{Name: "status", Form: &word, Required: true},
			{Name: "target_currency", Form: &native.Any, Note: "An object with a ticker."},
			{Name: "target_value", Form: &native.Amount},
			{Name: "exchange_rate", Form: &native.Amount, Note: "How much of currency one of target_currency is."},
			{Name: "fee", Form: &native.Amount},
			{Name: "network"},
			{Name: "address"},
			{Name: "memo"},
			{Name: "external_id"},
			{Name: "estimated_at", Note: withoutZone},
			{Name: "created_at", Note: withoutZone},
			{Name: "completed_at", Note: withoutZone},
		},
	}}
)

const convertPath = "/private-api/convert-withdrawal"

// prepareConversion makes a convert-withdrawal of the input, at a path.
func prepareConversion(path string) func(*abi.Call, settings) *abi.Step {
	return func(call *abi.Call, _ settings) *abi.Step {
		input, body := inputOf(call), jsontext.NewObject()
		for _, name := range []string{"currency", "amount", "target_currency", "address", "network", "memo"} {
			if text := input.Text(name); text != "" {
				body.String(name, text)
			}
		}
		body.String("external_id", ourReference(call))
		return request("POST", guest.Literal(path)).JSON(further(call, body).JSON()).Send(nil)
	}
}

// prepareConversionAct does something to a convert-withdrawal.
func prepareConversionAct(act string) func(*abi.Call, settings) *abi.Step {
	return func(call *abi.Call, _ settings) *abi.Step {
		id := idOf(call)
		if !isID(id) {
			return notAnID()
		}
		asked := request("POST", guest.Literal(convertPath+"/"), guest.Text(id), guest.Literal(act))
		if body := furtherAlone(call); body != nil {
			asked.JSON(body)
		}
		return asked.Send(nil)
	}
}

// interpretConversion wants the transaction that was asked for: anything else leaves open what was sent.
func interpretConversion(call *abi.Call, _ settings, _, body []byte) *abi.Step {
	answer, err := jsontext.Parse(body)
	if err != nil {
		return guest.Unreadable("the answer is not JSON")
	}
	asked := expected(call)
	found, err := readTransaction(answer.Get("transaction"), asked.amount)
	if err != nil {
		return guest.Unreadable(err.Error())
	}
	if err := found.matches(asked); err != nil {
		return guest.Unreadable(err.Error())
	}
	outcome := guest.Accepted(abi.Status_STATUS_UNSPECIFIED, found.id)
	if differ(asked.amount, found.value) {
		warn(outcome, "the transaction's value is "+found.value.String())
	}
	target := tickerIn(answer.Get("transaction", "target_currency"))
	if contradicts(inputOf(call).Text("target_currency"), target) {
		warn(outcome, "the transaction's target currency is "+target)
	}
	found.warnOfNetwork(call, outcome)
	return completed(call, outcome, answer)
}
