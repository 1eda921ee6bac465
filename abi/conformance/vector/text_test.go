package vector

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

// A secret shows as its name, and a payer's text cannot be taken for one in a path or a query.
func TestRequestText(t *testing.T) {
	t.Parallel()
	step := guest.NewRequest("POST", guest.Literal("/"), guest.Secret("token"), guest.Literal("/a/b/"),
		guest.Text("{{secret:x}}/?")).
		Query("q", "a&b {{secret:x}}").
		Header("X-Two", guest.Literal("v="), guest.Secret("key"), guest.Text(" t")).
		JSON([]byte(`{"a":1}`)).SendAs("Other", nil)
	request := step.GetSend().GetRequest()
	request.Origin = "https://files.example.com"
	request.BasicAuth = &abi.BasicAuth{User: guest.Secret("user"), PasswordSecret: "password"}
	request.Signatures = []*abi.Signature{
		{
			Algorithm: abi.Signature_ALGORITHM_HMAC_SHA512, Encoding: abi.Signature_ENCODING_BASE64, Secret: "key",
			Header: "X-Sign", Prefix: "v1=",
			Parts: []*abi.SignedPart{
				{Part: &abi.SignedPart_Literal{Literal: "+"}},
				{Part: &abi.SignedPart_Secret{Secret: "salt"}},
				{Part: &abi.SignedPart_Method{Method: true}},
				{Part: &abi.SignedPart_Path{Path: true}},
				{Part: &abi.SignedPart_Body{Body: true}},
				{Part: &abi.SignedPart_Header{Header: "Date"}},
			},
		},
		{
			Algorithm: abi.Signature_ALGORITHM_MD5, Encoding: abi.Signature_ENCODING_HEX, Header: "X-Hash",
			Parts: []*abi.SignedPart{{Part: &abi.SignedPart_Body{Body: true}}},
		},
	}
	require.Equal(t, `POST https://files.example.com/{{secret:token}}/a/b/%7B%7Bsecret:x%7D%7D%2F%3F`+
		`?q=a%26b+%7B%7Bsecret%3Ax%7D%7D as Other
X-Two: v={{secret:key}} t
Content-Type: application/json
Authorization: Basic {{base64:{{secret:user}}:{{secret:password}}}}
X-Sign: v1={{hmac_sha512:base64:{{secret:key}}:"+"+{{secret:salt}}+method+path+body+header:Date}}
X-Hash: {{md5:hex:body}}

{"a":1}
`, requestText(step.GetSend()))
}

func TestOutcomeText(t *testing.T) {
	t.Parallel()
	outcome := guest.Accepted(abi.Status_STATUS_FAILED, "p")
	outcome.Amount, outcome.Received, outcome.Fee = guest.Money("1.50", "EUR"), guest.Money("1",
		"EUR"), guest.Money("0.1", "EUR")
	outcome.NextAction = guest.PayTo("addr", "net", guest.Money("2", "BTC"), "memo")
	outcome.Failure = &abi.Failure{ProviderCode: "7", Message: "<no>"}
	outcome.Output, outcome.Cursor, outcome.Alert = []byte(`{"n":1.50}`), "next", "look"
	outcome.EchoedReference, outcome.ExpiresMs = "ours", 1704067200000
	rule := func(code string) *abi.FailureRule {
		require.Equal(t, "7", code)
		return &abi.FailureRule{Meaning: abi.Meaning_MEANING_DECLINED_HARD, Code: "declined"}
	}
	text, err := jsonText(newOutcomeText(outcome, rule))
	require.NoError(t, err)
	require.Equal(t, `{
  "verdict": "accepted",
  "status": "failed",
  "provider_reference": "p",
  "amount": {
    "amount": "1.50",
    "currency": "EUR"
  },
  "received": {
    "amount": "1",
    "currency": "EUR"
  },
  "fee": {
    "amount": "0.1",
    "currency": "EUR"
  },
  "next_action": {
    "type": "pay_to",
    "address": "addr",
    "network": "net",
    "amount": {
      "amount": "2",
      "currency": "BTC"
    },
    "memo": "memo"
  },
  "failure": {
    "provider_code": "7",
    "message": "<no>",
    "meaning": "declined_hard",
    "code": "declined"
  },
  "echoed_reference": "ours",
  "expires_at": "2024-01-01T00:00:00Z",
  "cursor": "next",
  "alert": "look",
  "output": {
    "n": 1.50
  }
}
`, text)
	again, err := canonical("outcome.json", []byte(text))
	require.NoError(t, err)
	require.Equal(t, text, again)
}

func TestAccountText(t *testing.T) {
	t.Parallel()
	outcome := guest.Accepted(abi.Status_STATUS_UNSPECIFIED, "")
	outcome.Output = []byte(`1`)
	outcome.Balances = []*abi.Balance{{Available: guest.Money("1", "EUR"), Held: guest.Money("2", "EUR"), Wallet: "p"}}
	outcome.Rates = []*abi.Rate{{From: guest.Money("1", "BTC"), To: guest.Money("2", "EUR")}}
	outcome.Transactions = []*abi.Transaction{{
		Id: "i", AtMs: 1704067200000, Amount: guest.Money("-1", "EUR"), Fee: guest.Money("0.1", "EUR"),
		FeeIncluded: true, Kind: "k", Status: "s",
		Reference: "ours", ProviderReference: "theirs",
	}}
	outcome.Items = []*abi.Item{{
		Code: "c", Name: "n", Category: "s", Currency: "EUR", CurrencyOut: "BTC",
		Bounds: []*abi.Bound{{Currency: "EUR", Min: "1", Max: "2"}},
	}}
	text, err := jsonText(newOutcomeText(outcome, nil))
	require.NoError(t, err)
	require.JSONEq(t, `{"verdict": "accepted",
		"balances": [{"available": {"amount": "1", "currency": "EUR"}, "held": {"amount": "2", "currency": "EUR"},
		  "wallet": "p"}],
		"rates": [{"from": {"amount": "1", "currency": "BTC"}, "to": {"amount": "2", "currency": "EUR"}}],
		"transactions": [{"id": "i", "at": "2024-01-01T00:00:00Z", "amount": {"amount": "-1", "currency": "EUR"},
			"fee": {"amount": "0.1", "currency": "EUR"}, "fee_included": true, "kind": "k", "status": "s", "reference": "ours",
			  "provider_reference": "theirs"}],
		"items": [{"code": "c", "name": "n", "category": "s", "currency": "EUR", "currency_out": "BTC",
		  "bounds": [{"currency": "EUR", "min": "1", "max": "2"}]}],
		"output": 1}`, text)
	again, err := canonical("outcome.json", []byte(text))
	require.NoError(t, err)
	require.Equal(t, text, again)
}

// What a vector's question asks for reaches the plugin, and how it is answered is held to what the host makes of it.
func TestQuestions(t *testing.T) {
	t.Parallel()
	v, err := parse("v.txtar", []byte(`-- call.json --
{"operation": "Read", "query": {"from": "2024-01-01T00:00:00Z", "until": "2024-01-02T00:00:00Z", "country": "DE",
  "currency": "EUR", "limit": 25}}
`))
	require.NoError(t, err)
	require.Equal(t, &abi.Query{
		FromMs: 1704067200000, UntilMs: 1704153600000, Country: "DE",
		Currency: "EUR", Limit: 25,
	}, v.call.GetQuery())
	manifest := &abi.Manifest{
		Actions: []*abi.Action{{Role: abi.Role_ROLE_BALANCES, Operation: "Read"}},
		Operations: []*abi.Operation{
			{Name: "Read", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE},
			{Name: "Pay", Idempotency: abi.Idempotency_IDEMPOTENCY_KEYED},
		},
	}
	step := func(steps ...*abi.Step) (moves []move) {
		for _, s := range steps {
			moves = append(moves, move{answer: &abi.Answer{Result: &abi.Answer_Step{Step: s}}})
		}
		return moves
	}
	request := func() *guest.Request { return guest.NewRequest("GET", guest.Literal("/")) }
	outcome := func(change func(*abi.Outcome)) *abi.Step {
		outcome := guest.Accepted(abi.Status_STATUS_UNSPECIFIED, "")
		change(outcome)
		return guest.Done(outcome)
	}
	balance := outcome(func(o *abi.Outcome) { o.Balances = []*abi.Balance{{}} })
	require.Empty(t, faultsOfQuestion(manifest, v.call, step(request().Send(nil), balance)))
	for says, row := range map[string]struct {
		call  *abi.Call
		moves []move
	}{
		"performs Pay":               {v.call, step(request().SendAs("Pay", nil), balance)},
		"performs Nothing":           {v.call, step(request().SendAs("Nothing", nil), balance)},
		"tells of rates":             {v.call, step(outcome(func(o *abi.Outcome) { o.Rates = []*abi.Rate{{}} }))},
		"not of a payment":           {&abi.Call{Operation: "Read", Payment: &abi.Payment{}}, step(balance)},
		"has no role of the account": {&abi.Call{Operation: "Pay"}, step(outcome(func(*abi.Outcome) {}))},
	} {
		require.Contains(t, strings.Join(faultsOfQuestion(manifest, row.call, row.moves), "\n"), says)
	}
}

func TestNextActionText(t *testing.T) {
	t.Parallel()
	require.Nil(t, newNextActionText(nil))
	require.Equal(t, &nextActionText{Type: "redirect", URL: "https://a.example"},
		newNextActionText(guest.RedirectTo("https://a.example")))
	require.Equal(t, &nextActionText{Type: "instructions", Text: "t", URL: "u", Amount: &moneyText{"1", "EUR"}},
		newNextActionText(guest.Instruct("t", guest.Money("1", "EUR"), "u")))
}

// How a person lays the expected JSON out does not matter; a member that does not exist does.
func TestCanonical(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct{ file, held, want string }{
		"outcome": {
			"outcome.json", `{"status":"succeeded", "verdict":"accepted"}`,
			"{\n  \"verdict\": \"accepted\",\n  \"status\": \"succeeded\"\n}\n",
		},
		"reject":  {"reject.json", `{"message":"m","code":"c"}`, "{\n  \"code\": \"c\",\n  \"message\": \"m\"\n}\n"},
		"error":   {"error.json", `{"message":"m","code":"c"}`, "{\n  \"code\": \"c\",\n  \"message\": \"m\"\n}\n"},
		"receipt": {"receipt.json", `{"trust":"ignore"}`, "{\n  \"trust\": \"ignore\"\n}\n"},
		"request": {"request-1", "GET /\n", "GET /\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := canonical(row.file, []byte(row.held))
			require.NoError(t, err)
			require.Equal(t, row.want, text)
			if row.file != "request-1" {
				_, err = canonical(row.file, []byte(`{"nonsense": 1}`))
				require.ErrorContains(t, err, "nonsense")
			}
		})
	}
}
