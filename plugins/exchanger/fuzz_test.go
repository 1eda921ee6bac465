package main

import (
	"bytes"
	"encoding/json"
	"math/big"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/check"
	"payrouter/abi/conformance/evidence"
	"payrouter/abi/conformance/exact"
	"payrouter/abi/decimal"
	abi "payrouter/abi/v1"
)

const fuzzSettings = `{"directions":{"USDT":{"direction_id":"12"},"EUR":{"direction_id":"13","calc_action":4,` +
	`"account2":"a"},"BTC":{"currency_id_give":"3","currency_id_get":"8"}},` +
	`"partner_currency":"USD","payout_method":"11","error_final_after_hours":0}`

// FuzzInterpret holds whatever a site may answer to the contract, for every operation, every question about the account
// and every stage of a payment: nothing traps, and each amount is the very one that was sent, or the exact difference
// of two that were.
func FuzzInterpret(f *testing.F) {
	for _, data := range []string{
		`{"ip":"192.0.2.1","user_id":0,"locale":"en_US","partner_id":0}`,
		`{"give":[{"id":"3","title":"Tether TRC20 USDT","logo":""}],"get":[{"id":8,"title":"Bank EUR"}]}`,
		`[{"direction_id":"11","currency_give_id":"3","currency_give_title":"Tether TRC20 USDT",` +
			`"currency_get_id":"8","currency_get_title":"Bank EUR"}]`,
		`{"id":"12","currency_code_give":"USDT","currency_code_get":"EUR","reserve":25000.50,"course_give":1,` +
			`"course_get":"0,92","min_give":"no","dir_fields":{}}`,
		`{"currency_code_give":"USDT","currency_code_get":"EUR","sum_give":100,"sum_give_com":101.5,"sum_get":"92",` +
			`"sum_get_com":"91.08","min_give":10,"max_give":"5 000","changed":0}`,
		`{"id":4711,"hash":"a","status":"new","currency_code_give":"USDT","currency_code_get":"EUR",` +
			`"amount_give":1.5e2,"amount_get":"138.00","psys_give":"Tether",` +
			`"api_actions":{"type":"address","address":"T1","pay":"api","pay_amount":"150"}}`,
		`{"id":"4711","status":"amlerror","currency_code_give":"USDT","amount_give":"99,99"}`,
		`{"items":[{"id":"4711","api_id":"9","time":1714557600,"status":"success","currency_code_give":"USDT",` +
			`"amount_give":"100","currency_code_get":"EUR","amount_get":92.10}]}`,
		`{"items":[{"id":"4711","time":"1714557600","accrued":1,"partner_reward":0.50}]}`,
		`{"items":[{"id":1,"time":1714557600,"pay_amount":"24,99","pay_currency_code":"USD","original_amount":25.50,` +
			`"original_currency_code":"USD","status":1}]}`,
		`{"partner_id":"7","balance":-25.50,"min_payout":"10","items":[{"id":"11","amount":25.50}]}`,
		`{"partner_id":"7","balance":"25.5","min_payout":10,"items":[{"id":11}]}`,
		`{"payout_id":1}`,
		`"success"`,
		`[]`,
	} {
		f.Add(uint32(200), []byte(`{"error":"0","error_text":"","data":`+data+`}`))
	}
	f.Add(uint32(200),
		[]byte(`{"error":"3","error_text":"<b>Error!</b>","data":[],"error_fields":{"sum1":"min.: 10","api_id":"api `+
			`id not unique"}}`))
	f.Add(uint32(200), []byte(`{"error":2,"error_text":"maintenance","data":[]}`))
	f.Add(uint32(502), []byte(`<html>`))
	for _, response := range evidence.Responses(f, ".") {
		f.Add(response.GetStatus(), response.GetBody())
	}
	described := manifest()
	promised := make(map[string]*jsonschema.Schema)
	for _, operation := range described.GetOperations() {
		schema, err := check.Schema(operation.GetOutputSchema())
		require.NoError(f, err)
		promised[operation.GetName()] = schema
	}
	f.Fuzz(func(t *testing.T, status uint32, body []byte) {
		sent := amountsOf(body)
		for _, q := range questions(described) {
			step, err := connector{}.Interpret(q.call, []byte(q.state), &abi.HttpResponse{Status: status, Body: body})
			require.NoError(t, err)
			require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}), "%s %s",
				q.call.GetOperation(), q.state)
			done := step.GetDone()
			requireExact(t, sent, done)
			if output := done.GetOutput(); output != nil {
				require.NoError(t, check.Satisfies(promised[q.call.GetOperation()], output), "%s %s",
					q.call.GetOperation(), q.state)
				if string(output) != string(nothing()) {
					exact.Spelt(t, body, output, isAmount)
				}
			}
		}
	})
}

// question is a place at which an answer is awaited.
type question struct {
	call  *abi.Call
	state string
}

func questions(m *abi.Manifest) []question {
	all := make([]question, 0, 40)
	for _, operation := range m.GetOperations() {
		all = append(all,
			question{&abi.Call{Operation: operation.GetName(), Input: []byte(`{"limit":2}`)}, string(stageNative)})
	}
	asked := func(operation, state, cursor string) {
		all = append(all, question{&abi.Call{Operation: operation, Query: &abi.Query{Limit: 1}, Cursor: cursor}, state})
	}
	asked(opGetPartnerInfo, string(stageBalances), "")
	asked(opGetDirections, string(stageCatalog), "")
	asked(opGetCurrencies, string(stageCatalog), "")
	asked(opGetDirection, string(stageRate)+"0 1\n", "")
	asked(opGetDirection, string(stageRate)+"2 8\n1 USDT 0.92 EUR\n", "")
	asked(opGetPartnerInfo, string(stageNoPartner), "")
	before := stretch{entries: []*abi.Transaction{{
		Id: "payout-9", AtMs: 1714557600000,
		Amount: &abi.Money{Amount: "-0.92", Currency: "USD"}, Kind: "partner_payout",
	}}}
	for _, note := range []string{"0", "1" + before.pack(), "2" + before.pack() + stretch{}.pack()} {
		asked(opGetExchanges, string(stageStatement)+note, "1.0.2")
	}
	for _, currency := range []string{"USDT", "EUR"} {
		collect := func(operation, state string) {
			all = append(all, question{&abi.Call{
				Operation: operation, Reference: "12", CreateReference: "9",
				Payment: &abi.Payment{Kind: abi.Kind_KIND_COLLECT, Amount: "100", Currency: currency},
			}, state})
		}
		collect(opCreateBid, string(stageCalc)+"12")
		collect(opCreateBid, string(stageBid)+"101.5")
		collect(opGetCalc, string(stageQuote)+"12")
		collect(opBidInfo, string(stageInfo)+"4711")
		collect(opBidInfo, string(stageListed)+"4711")
		collect(opBidInfo, string(stagePage)+"1 1 0 0 500")
		collect(opBidInfo, string(stagePage)+"1 1 1714557570 1714557720 0")
		collect(opCancelBid, string(stageActed)+"4711")
		collect(opCancelBid, string(stageCheck)+"4711")
		collect(opPayBid, string(stageAct)+"4711")
		collect(opBidInfo, string(stageProof)+order("success", `"101.5"`, `"92"`, ""))
		collect(opBidInfo, string(stageProofPair)+order("success", `"101.5"`, `"92"`, ""))
	}
	out := &abi.Payment{
		Kind: abi.Kind_KIND_PAYOUT, Amount: "25.5", Currency: "USD",
		Destination: &abi.Destination{Account: "T1"},
	}
	all = append(all,
		question{&abi.Call{Operation: opAddPartnerPayout, Payment: out}, string(stageBalance)},
		question{&abi.Call{Operation: opAddPartnerPayout, Payment: out}, string(stagePaidOut)},
		question{&abi.Call{Operation: opGetPartnerPayouts, Payment: out}, string(stagePayout) + "1"},
	)
	for _, q := range all {
		q.call.Settings = []byte(fuzzSettings)
	}
	return all
}

// exactly reports a number that a rational takes without growing beyond measure.
var exactly = regexp.MustCompile(`^-?[0-9]{1,60}(\.[0-9]{1,60})?([eE][-+]?[0-9]{1,2})?$`)

// amountsOf are all the numbers in a body, in texts too, as the sites write them.
func amountsOf(body []byte) []*big.Rat {
	var found []*big.Rat
	add := func(text string) {
		text = strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "").Replace(text)
		if strings.Count(text, ",") == 1 {
			text = strings.Replace(text, ",", ".", 1)
		}
		if value, ok := new(big.Rat).SetString(text); ok && exactly.MatchString(text) {
			found = append(found, value)
		}
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	for {
		token, err := decoder.Token()
		if err != nil {
			return found
		}
		switch token := token.(type) {
		case json.Number:
			if exactly.MatchString(token.String()) {
				add(token.String())
			}
		case string:
			if len(token) < 200 &&
				exactly.MatchString(strings.NewReplacer(" ", "", "\u00a0", "", "\u202f", "", ",", ".").Replace(token)) {
				add(token)
			}
		}
	}
}

// requireExact holds every amount of an outcome to those that were sent.
func requireExact(t *testing.T, sent []*big.Rat, outcome *abi.Outcome) {
	t.Helper()
	asked := []*big.Rat{big.NewRat(100, 1), big.NewRat(51, 2), big.NewRat(203, 2), big.NewRat(92, 1)}
	known := append(asked, sent...)
	same := func(money *abi.Money) {
		if money != nil {
			require.True(t, contains(known, rat(t, money)), "%s was not sent", money.GetAmount())
		}
	}
	difference := func(money *abi.Money) {
		if money == nil {
			return
		}
		require.Positive(t, rat(t, money).Sign(), "a fee of %s", money.GetAmount())
		for _, a := range known {
			if contains(known, new(big.Rat).Sub(a, rat(t, money))) {
				return
			}
		}
		require.Fail(t, "a fee that is no difference", money.GetAmount())
	}
	same(outcome.GetAmount())
	same(outcome.GetReceived())
	difference(outcome.GetFee())
	same(outcome.GetNextAction().GetPayTo().GetAmount())
	same(outcome.GetNextAction().GetInstructions().GetAmount())
	quote := outcome.GetQuote()
	for _, money := range []*abi.Money{
		quote.GetPays(), quote.GetGets(), quote.GetRate().GetFrom(),
		quote.GetRate().GetTo(),
	} {
		same(money)
	}
	for _, fee := range quote.GetFees() {
		difference(fee)
	}
	for _, bound := range quote.GetBounds() {
		same(amountIn(bound.GetMin()))
		same(amountIn(bound.GetMax()))
	}
	for _, balance := range outcome.GetBalances() {
		same(balance.GetAvailable())
	}
	for _, entry := range outcome.GetTransactions() {
		amount := rat(t, entry.GetAmount())
		if entry.GetKind() == "partner_payout" {
			require.LessOrEqual(t, amount.Sign(), 0, "a payout leaves the balance")
			amount.Neg(amount)
		}
		require.GreaterOrEqual(t, amount.Sign(), 0)
		require.True(t, contains(sent, amount) || entry.GetId() == "payout-9", "%s was not sent",
			entry.GetAmount().GetAmount())
		difference(entry.GetFee())
	}
	known = append(known, rat(t, amountIn("1")), rat(t, amountIn("0.92"))) // of the walk's state
	for _, rate := range outcome.GetRates() {
		same(rate.GetFrom())
		same(rate.GetTo())
	}
}

func amountIn(text string) *abi.Money {
	if text == "" {
		return nil
	}
	return &abi.Money{Amount: text}
}

func rat(t *testing.T, money *abi.Money) *big.Rat {
	t.Helper()
	value, ok := new(big.Rat).SetString(money.GetAmount())
	require.True(t, ok, money.GetAmount())
	return value
}

func contains(values []*big.Rat, wanted *big.Rat) bool {
	for _, value := range values {
		if value.Cmp(wanted) == 0 {
			return true
		}
	}
	return false
}

// FuzzPrepare holds the requests to what was asked: whatever the input, the amount in a request is above zero, and in
// one of a native call it is one of the input's own; and no amount goes with a payout.
func FuzzPrepare(f *testing.F) {
	f.Add(opCreateBid, []byte(`{"direction_id":"12","calc_amount":"100.10","calc_action":1,"cf6":"a&b"}`), "")
	f.Add(opCreateBid, []byte(`{"direction_id":"12","calc_amount":"-1","calc_amount":"1","calc_action":9}`), "")
	f.Add(opGetCalc, []byte(`{"direction_id":12,"calc_amount":"0.1","calc_action":"4","cd":"cf1=é"}`), "")
	f.Add(opGetExchanges, []byte(`{"limit":500,"offset":"7"}`), "e7")
	f.Add(opAddPartnerPayout, []byte(`{"method_id":"11","account":"T1","amount":"5"}`), "")
	f.Add(opGetDirections, []byte(`{"city":true,"x":null}`), "100")
	described := manifest()
	f.Fuzz(func(t *testing.T, operation string, input []byte, cursor string) {
		for _, call := range []*abi.Call{
			{Operation: operation, Input: input, Cursor: cursor, Reference: "7"},
			{
				Operation: operation, Query: &abi.Query{FromMs: 1_714_557_600_000, Limit: uint32(len(input))},
				Cursor: cursor,
			},
			{
				Operation: operation,
				Payment: &abi.Payment{
					Amount: cursor, Currency: "USD", Options: input,
					Destination: &abi.Destination{Account: "T1"},
				},
			},
		} {
			call.Settings = []byte(fuzzSettings)
			step, err := connector{}.Prepare(call)
			if err != nil {
				return // no such operation
			}
			require.Empty(t, check.Answer(described, &abi.Answer{Result: &abi.Answer_Step{Step: step}}))
			for pair := range strings.SplitSeq(string(step.GetSend().GetRequest().GetBody()), "&") {
				name, value, _ := strings.Cut(pair, "=")
				if name == "calc_amount" {
					amount, err := decimal.Parse(value)
					require.NoError(t, err)
					require.Positive(t, amount.Sign())
					require.True(t, len(call.GetInput()) == 0 || exact.AmountsIn(input).Have(amount), pair)
				}
				require.False(t, operation == opAddPartnerPayout && strings.Contains(name, "amount"), pair)
			}
		}
	})
}
