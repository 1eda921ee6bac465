package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

// documented is the document's sample of a payment, with room for what is added to its transaction.
const documented = `{"id":"7344515a-926b-411b-bf95-8064a2341dec","amount":10,"currency":"USD","title":"Lamp",` +
	`"description":"A lamp","redirect":"https://cryptogram.vip","message":"Thanks",` +
	`"expires_at":"2025-05-19T09:13:28.000000Z","created_at":"2025-02-21T13:38:45.000000Z",` +
	`"updated_at":"2025-02-21T13:38:45.000000Z","wallets":["bnb"],` +
	`"url":"https://cryptogram.vip/payments/7344515a-926b-411b-bf95-8064a2341dec","transaction":{"wallet":"bnb",` +
	`"currency":"USD","status":"completed","value":0.01499948,"price":10,"received":0.0149995,"received_price":10,` +
	`"address":"0x91e1fD3da33423Daf871126f9ef831B7f8FF3d4E","completed_at":"2025-02-21T13:43:04.000000Z",` +
	`"canceled_at":null,"created_at":"2025-02-21T13:38:57.000000Z","updated_at":"2025-02-21T13:43:04.000000Z"}}`

// pending is the same before anything has come.
var pending = strings.NewReplacer(`"completed",`, `"pending",`, `"received":0.0149995,"received_price":10,`, ``).
	Replace(documented)

// statusOf is what a look-up makes of an answer, before its expiry.
func statusOf(t *testing.T, body string) *abi.Outcome {
	t.Helper()
	call := &abi.Call{
		Operation: getPayment, ProviderReference: "7344515a-926b-411b-bf95-8064a2341dec",
		Payment: &abi.Payment{Kind: abi.Kind_KIND_COLLECT, Amount: "10", Currency: "USD"}, NowMs: 1740142872000,
	}
	step, err := connector{}.Interpret(call, nil, &abi.HttpResponse{Status: 200, Body: []byte(body)})
	require.NoError(t, err)
	return step.GetDone()
}

// A member that decides nothing may be null, missing, or of any other type.
func TestAMemberThatDecidesNothingMayBeAnything(t *testing.T) {
	t.Parallel()
	others := []string{"", "null", "7", `""`, `"seven"`, "true", "[]", "{}", `["a"]`, `{"a":1}`}
	for body, rows := range map[string]struct {
		status  abi.Status
		members []string
	}{
		documented: {abi.Status_STATUS_SUCCEEDED, []string{
			"title", "description", "redirect", "message", "expires_at", "created_at", "updated_at", "wallets", "url",
			"transaction wallet", "transaction price", "transaction received_price", "transaction address",
			"transaction completed_at", "transaction canceled_at", "transaction created_at", "transaction updated_at",
		}},
		pending: {abi.Status_STATUS_REQUIRES_ACTION, []string{
			"title", "description", "redirect", "message", "expires_at", "created_at", "updated_at", "wallets", "url",
			"transaction wallet", "transaction price", "transaction address", "transaction value",
			"transaction completed_at", "transaction canceled_at", "transaction created_at", "transaction updated_at",
		}},
	} {
		for _, member := range rows.members {
			for _, other := range others {
				outcome := statusOf(t, mutated(t, body, member, other))
				require.Equal(t, abi.Verdict_VERDICT_ACCEPTED, outcome.GetVerdict(), "%s: %s: %s", member, other,
					outcome.GetFailure().GetMessage())
				require.Equal(t, rows.status, outcome.GetStatus(), "%s: %s", member, other)
				native, err := connector{}.Interpret(&abi.Call{
					Operation: getPayment, Input: []byte(`{"id":"7344515a-926b-411b-bf95-8064a2341dec"}`),
				}, nil, &abi.HttpResponse{Status: 200, Body: []byte(mutated(t, body, member, other))})
				require.NoError(t, err)
				require.NotEmpty(t, native.GetDone().GetOutput(), "%s: %s: %s", member, other,
					native.GetDone().GetFailure().GetMessage())
			}
		}
	}
}

// mutated has another value in a member, or none.
func mutated(t *testing.T, body, member, other string) string {
	t.Helper()
	from := 0
	if inner, deep := strings.CutPrefix(member, "transaction "); deep {
		from, member = strings.Index(body, `"transaction":`), inner
	}
	start := from + strings.Index(body[from:], `"`+member+`":`)
	require.Greater(t, start, from, member)
	value := start + len(member) + 3
	end := value
	for depth := 0; depth > 0 || body[end] != ',' && body[end] != '}'; end++ {
		depth += strings.Count(body[end:end+1], "[") - strings.Count(body[end:end+1], "]")
	}
	if other != "" {
		return body[:value] + other + body[end:]
	}
	if body[end] == ',' {
		return body[:start] + body[end+1:]
	}
	return body[:start-1] + body[end:]
}

// What decides is read strictly, and what cannot be read says why.
func TestWhatDecidesIsReadStrictly(t *testing.T) {
	t.Parallel()
	for _, row := range []struct{ member, other, why string }{
		{"id", "", "the payment's id: no text"},
		{"id", "7", "the payment's id: no text"},
		{"id", `"a/b"`, "the payment's id: not of the form of Cryptogram's ids"},
		{"id", `"other"`, "the answer is about another payment"},
		{"amount", "null", "the payment's amount: no decimal above zero"},
		{"amount", "{}", "the payment's amount: no decimal above zero"},
		{"amount", "11", "the answer is for 11, not 10"},
		{"currency", "null", "the payment's currency: no code of three letters"},
		{"currency", `"EUR"`, "the answer is for EUR, not USD"},
		{"transaction", `"paid"`, "the transaction: no object"},
		{"transaction status", "1", "the transaction's status: no text"},
		{"transaction status", "null", "the transaction's status: no text"},
		{"transaction value", "null", "the transaction's value: no decimal above zero to compare received with"},
		{"transaction value", `"some"`, "the transaction's value: no decimal above zero to compare received with"},
		{"transaction received", `"all"`, "the transaction's received: no decimal of zero or more"},
		{"transaction received", "true", "the transaction's received: no decimal of zero or more"},
		{"transaction received", "-1", "the transaction's received: no decimal of zero or more"},
	} {
		body := documented
		if row.member == "transaction" {
			before, _, _ := strings.Cut(documented, `"transaction":`)
			body = before + `"transaction":` + row.other + `}`
		} else {
			body = mutated(t, body, row.member, row.other)
		}
		outcome := statusOf(t, body)
		require.Equal(t, abi.Verdict_VERDICT_UNREADABLE, outcome.GetVerdict(), row)
		require.Equal(t, row.why, outcome.GetFailure().GetMessage(), row)
	}
}

// Names stand in any case, and an amount may be a text.
func TestOtherSpellingsOfTheSame(t *testing.T) {
	t.Parallel()
	for from, to := range map[string]string{
		`"completed",`: `"Completed",`, `"status":"completed"`: `"status":"COMPLETED"`, `"USD"`: `"usd"`,
		`"wallet":"bnb"`: `"wallet":"BNB"`, `"amount":10`: `"amount":"10.00"`, `"value":0.01499948`: `"value":"0.01499948"`,
		`"received":0.0149995`: `"received":"0.01499950"`, `"received_price":10`: `"received_price":"10"`,
		`"amount":10,`: `"amount":1e1,`, `0.01499948`: `1.499948e-2`, `0.0149995`: `0.014999500000000000`,
	} {
		outcome := statusOf(t, strings.ReplaceAll(documented, from, to))
		require.Equal(t, abi.Status_STATUS_SUCCEEDED, outcome.GetStatus(), "%s: %v", to, outcome)
		require.Empty(t, outcome.GetAlert(), to)
		require.Equal(t, &abi.Money{Amount: "10", Currency: "USD"}, outcome.GetReceived(), to)
	}
}

// An answer that says neither the page nor an address takes back nothing: the host keeps what the payer was to do. A
// create without a page is of no use to anybody.
func TestAnAnswerWithoutAPage(t *testing.T) {
	t.Parallel()
	body := mutated(t, mutated(t, pending, "url", "null"), "transaction address", "null")
	outcome := statusOf(t, body)
	require.Equal(t, abi.Status_STATUS_REQUIRES_ACTION, outcome.GetStatus())
	require.Nil(t, outcome.GetNextAction())

	step, err := connector{}.Interpret(&abi.Call{
		Operation: createPayment, Payment: &abi.Payment{Amount: "10", Currency: "USD"},
	}, nil, &abi.HttpResponse{Status: 201, Body: []byte(body)})
	require.NoError(t, err)
	require.Equal(t, "the payment's url: no web address, and so nothing to send the payer to",
		step.GetDone().GetFailure().GetMessage())
}

// An answer without expires_at says nothing about the end: the date that was sent holds, if any.
func TestAnAnswerWithoutItsExpiry(t *testing.T) {
	t.Parallel()
	body, _, _ := strings.Cut(mutated(t, documented, "expires_at", "null"), `,"transaction":`)
	for expires, want := range map[int64]abi.Status{
		0: abi.Status_STATUS_REQUIRES_ACTION, 1000: abi.Status_STATUS_EXPIRED, 3000: abi.Status_STATUS_REQUIRES_ACTION,
	} {
		call := &abi.Call{
			Operation: getPayment, ProviderReference: "7344515a-926b-411b-bf95-8064a2341dec", NowMs: 2000,
			Payment: &abi.Payment{Amount: "10", Currency: "USD", ExpiresMs: expires},
		}
		step, err := connector{}.Interpret(call, nil, &abi.HttpResponse{Status: 200, Body: []byte(body + "}")})
		require.NoError(t, err)
		require.Equal(t, want, step.GetDone().GetStatus(), expires)
		require.Equal(t, expires, step.GetDone().GetExpiresMs())
	}
}

// PHP may write every number with the 17 digits of its double. Nobody can send 0.044923449999999997 BNB.
func TestADoublesTailIsWrittenByNobodyElse(t *testing.T) {
	t.Parallel()
	outcome := statusOf(t, strings.ReplaceAll(pending, "0.01499948", "0.044923449999999997"))
	require.Equal(t, "0.04492345", outcome.GetNextAction().GetPayTo().GetAmount().GetAmount())
	short := strings.NewReplacer(`"received":0.0149995`, `"received":0.0074999999999999997`, `"received_price":10`,
		`"received_price":4.9900000000000002`).Replace(documented)
	outcome = statusOf(t, short)
	require.Equal(t, abi.Status_STATUS_PROCESSING, outcome.GetStatus())
	require.Equal(t, &abi.Money{Amount: "4.99", Currency: "USD"}, outcome.GetReceived())
	exact := strings.NewReplacer("0.01499948", "0.044923449999999997", "0.0149995", "0.04492345").Replace(documented)
	require.Equal(t, abi.Status_STATUS_SUCCEEDED, statusOf(t, exact).GetStatus(), "both are one double")
}
