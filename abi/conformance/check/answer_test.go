package check

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

func stepAnswer(step *abi.Step) *abi.Answer {
	return &abi.Answer{Result: &abi.Answer_Step{Step: step}}
}

func receiptAnswer(receipt *abi.Receipt) *abi.Answer {
	return &abi.Answer{Result: &abi.Answer_Receipt{Receipt: receipt}}
}

func outcomeAnswer(change func(o *abi.Outcome)) *abi.Answer {
	outcome := guest.Accepted(abi.Status_STATUS_PROCESSING, "1")
	change(outcome)
	return stepAnswer(guest.Done(outcome))
}

func sendAnswer(change func(r *abi.HttpRequest)) *abi.Answer {
	step := guest.NewRequest("POST", guest.Literal("/"), guest.Secret("token")).Send(nil)
	change(step.GetSend().GetRequest())
	return stepAnswer(step)
}

func signed() *abi.Signature {
	return &abi.Signature{
		Algorithm: abi.Signature_ALGORITHM_HMAC_SHA256, Encoding: abi.Signature_ENCODING_HEX, Secret: "token",
		Header: "X-Sign",
		Parts:  []*abi.SignedPart{{Part: &abi.SignedPart_Body{Body: true}}},
	}
}

func quoteAnswer(change func(q *abi.Quote)) *abi.Answer {
	quote := &abi.Quote{
		Pays: guest.Money("101.5", "USDT"), Gets: guest.Money("92", "EUR"),
		Fees:      []*abi.Money{guest.Money("1.5", "USDT"), guest.Money("0", "EUR")},
		Rate:      &abi.Rate{From: guest.Money("100", "USDT"), To: guest.Money("92", "EUR")},
		Bounds:    []*abi.Bound{{Currency: "USDT", Min: "10", Max: "5000"}, {Currency: "EUR", Min: "1"}},
		ExpiresMs: 1704067200000,
	}
	change(quote)
	return stepAnswer(guest.Quoted(quote))
}

func TestQuote(t *testing.T) {
	t.Parallel()
	m := &abi.Manifest{}
	require.Empty(t, Answer(m, quoteAnswer(func(*abi.Quote) {})))
	require.Empty(t,
		Answer(m, quoteAnswer(func(q *abi.Quote) { q.Gets, q.Rate, q.Bounds = guest.Money("101", "USDT"), nil, nil })))
	for name, row := range map[string]struct {
		spoil func(q *abi.Quote)
		says  string
	}{
		"nothing is paid": {func(q *abi.Quote) { q.Pays = nil }, "pays: there is no amount"},
		"nothing is got": {
			func(q *abi.Quote) { q.Gets = guest.Money("0", "EUR") },
			"gets: \"0\" is not above zero",
		},
		"wrong sign": {func(q *abi.Quote) { q.Pays = guest.Money("-1", "USDT") }, "not above zero"},
		"an exponent": {
			func(q *abi.Quote) { q.Gets = guest.Money("9e1", "EUR") },
			"not plain decimal text",
		},
		"two currencies and no rate": {func(q *abi.Quote) { q.Rate = nil }, "at which rate"},
		"a rate of nothing":          {func(q *abi.Quote) { q.Rate.From = guest.Money("0", "USDT") }, "rate from"},
		"a rate the other way": {
			func(q *abi.Quote) { q.Rate.From, q.Rate.To = q.Rate.To, q.Rate.From },
			"not from what is paid",
		},
		"a fee below zero":       {func(q *abi.Quote) { q.Fees[0].Amount = "-1" }, "is no fee"},
		"a bound of a third":     {func(q *abi.Quote) { q.Bounds[0].Currency = "BTC" }, "nobody pays or gets"},
		"a bound that is a word": {func(q *abi.Quote) { q.Bounds[0].Min = "no" }, "not decimals"},
		"a bound of nothing": {
			func(q *abi.Quote) { q.Bounds[0].Min, q.Bounds[0].Max = "", "" },
			"bounds nothing",
		},
		"bounds upside down": {func(q *abi.Quote) { q.Bounds[0].Max = "9" }, "wrong way round"},
		"expiry before time": {func(q *abi.Quote) { q.ExpiresMs = -1 }, "before time began"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, strings.Join(Answer(m, quoteAnswer(row.spoil)), "\n"), row.says)
		})
	}
	both := quoteAnswer(func(*abi.Quote) {})
	both.GetStep().GetDone().Status = abi.Status_STATUS_SUCCEEDED
	require.Contains(t, strings.Join(Answer(m, both), "\n"), "a quote, and yet a status")
}

func TestAnswerSound(t *testing.T) {
	t.Parallel()
	ok := &abi.CallbackReply{Status: 200}
	for name, answer := range map[string]*abi.Answer{
		"an error":   {Result: &abi.Answer_Error{Error: &abi.Error{Code: abi.Error_CODE_BAD_SETTINGS, Message: "no"}}},
		"a manifest": {Result: &abi.Answer_Manifest{Manifest: whole()}},
		"a reject":   stepAnswer(guest.Reject("unsupported", "/currency", "no")),
		"a request": sendAnswer(func(r *abi.HttpRequest) {
			r.Origin = "https://files.example.com"
			r.Signatures = []*abi.Signature{signed()}
			r.BasicAuth = &abi.BasicAuth{User: guest.Secret("token"), PasswordSecret: "token"}
		}),
		"a failure": outcomeAnswer(func(o *abi.Outcome) {
			o.Status, o.Failure = abi.Status_STATUS_FAILED, &abi.Failure{ProviderCode: "1"}
		}),
		"an output alone": outcomeAnswer(func(o *abi.Outcome) { o.Status, o.Output = 0, []byte(`[1]`) }),
		"amounts": outcomeAnswer(func(o *abi.Outcome) {
			o.Amount, o.Fee = guest.Money("0.00000015", "BTC"), guest.Money("-1", "EUR")
			o.NextAction = guest.PayTo("a", "n", guest.Money("1", "BTC"), "")
		}),
		"a refusal":           stepAnswer(guest.Rejected("1", "no")),
		"an unreadable":       stepAnswer(guest.Unreadable("why")),
		"an ignored callback": receiptAnswer(&abi.Receipt{Trust: abi.Receipt_TRUST_IGNORE, Reply: ok}),
		"a signed callback": receiptAnswer(&abi.Receipt{
			Trust: abi.Receipt_TRUST_SIGNED, Reference: "1", Signature: signed(), SignatureValue: "00", Reply: ok,
			Outcome: guest.Accepted(abi.Status_STATUS_SUCCEEDED, "1"),
		}),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Empty(t, Answer(whole(), answer))
		})
	}
}

func TestAnswerUnsound(t *testing.T) {
	t.Parallel()
	ok := &abi.CallbackReply{Status: 200}
	money := func(amount, currency string) *abi.Answer {
		return outcomeAnswer(func(o *abi.Outcome) { o.Received = &abi.Money{Amount: amount, Currency: currency} })
	}
	for name, row := range map[string]struct {
		answer *abi.Answer
		says   string
	}{
		"nothing":                    {&abi.Answer{}, "empty"},
		"no step":                    {stepAnswer(&abi.Step{}), "neither send"},
		"a reject of a made-up code": {stepAnswer(guest.Reject("oops", "", "no")), "not in the router's list"},
		"a reject without words":     {stepAnswer(guest.Reject("unsupported", "", "")), "says nothing"},
		"a reject of no pointer":     {stepAnswer(guest.Reject("unsupported", "currency", "no")), "no JSON pointer"},
		"a request as nothing known": {
			stepAnswer(guest.NewRequest("GET", guest.Literal("/")).SendAs("Nope", nil)),
			"not in the manifest",
		},
		"a method of its own": {sendAnswer(func(r *abi.HttpRequest) { r.Method = "BREW" }), "method"},
		"no path": {
			sendAnswer(func(r *abi.HttpRequest) { r.Path = nil }),
			"starts with a literal slash",
		},
		"a path out of a text": {
			sendAnswer(func(r *abi.HttpRequest) { r.Path[0] = guest.Text("/") }),
			"starts with a literal slash",
		},
		"a host of its own": {
			sendAnswer(func(r *abi.HttpRequest) { r.Origin = "https://evil.example" }),
			"not of the manifest's hosts",
		},
		"a host without TLS": {
			sendAnswer(func(r *abi.HttpRequest) { r.Origin = "http://files.example.com" }),
			"not of the manifest's hosts",
		},
		"an empty part": {
			sendAnswer(func(r *abi.HttpRequest) { r.Path = append(r.Path, &abi.Part{}) }),
			"empty part",
		},
		"a header that splits": {sendAnswer(func(r *abi.HttpRequest) {
			r.Headers = []*abi.Field{{Name: "A", Value: []*abi.Part{guest.Literal("a\r\nB: b")}}}
		}), "line break"},
		"a header without a name": {
			sendAnswer(func(r *abi.HttpRequest) { r.Headers = []*abi.Field{{}} }),
			"without a name",
		},
		"an unknown secret": {
			sendAnswer(func(r *abi.HttpRequest) { r.Path[1] = guest.Secret("other") }),
			`secret "other"`,
		},
		"an unknown secret signing": {sendAnswer(func(r *abi.HttpRequest) {
			r.Signatures = []*abi.Signature{signed()}
			r.Signatures[0].Secret = "other"
		}), `secret "other"`},
		"a signature of nothing": {
			sendAnswer(func(r *abi.HttpRequest) { r.Signatures = []*abi.Signature{{}} }),
			"algorithm",
		},
		"no verdict": {outcomeAnswer(func(o *abi.Outcome) { o.Verdict = 0 }), "no verdict"},
		"accepted, and no more": {
			outcomeAnswer(func(o *abi.Outcome) { o.Status = 0 }),
			"neither a status, nor a quote, nor an output",
		},
		"failed without a code": {
			outcomeAnswer(func(o *abi.Outcome) { o.Status = abi.Status_STATUS_FAILED }),
			"without a provider's code",
		},
		"refused without a code": {stepAnswer(guest.Rejected("", "no")), "without a provider's code"},
		"refused with a status": {
			outcomeAnswer(func(o *abi.Outcome) { o.Verdict = abi.Verdict_VERDICT_REJECTED }), "with a status",
		},
		"unreadable without a reason": {stepAnswer(guest.Unreadable("")), "but why"},
		"unreadable with a status": {
			outcomeAnswer(func(o *abi.Outcome) { o.Verdict = abi.Verdict_VERDICT_UNREADABLE }), "with a status",
		},
		"output that is not JSON": {outcomeAnswer(func(o *abi.Outcome) { o.Output = []byte("{") }), "not JSON"},
		"text that is not UTF-8":  {outcomeAnswer(func(o *abi.Outcome) { o.Alert = "\xff" }), "UTF-8"},
		"a float":                 {money("1.5e-7", "BTC"), "plain decimal"},
		"an amount with a comma":  {money("1,5", "EUR"), "plain decimal"},
		"no amount":               {money("", "EUR"), "plain decimal"},
		"leading plus":            {money("+1", "EUR"), "plain decimal"},
		"not a number":            {money("NaN", "EUR"), "plain decimal"},
		"no currency":             {money("1", ""), "currency"},
		"a script for a page": {
			outcomeAnswer(func(o *abi.Outcome) { o.NextAction = guest.RedirectTo("javascript:alert(1)") }),
			"no web address",
		},
		"pay to nobody": {outcomeAnswer(func(o *abi.Outcome) {
			o.NextAction = guest.PayTo("", "",
				guest.Money("1", "BTC"), "")
		}), "which address"},
		"pay nothing": {outcomeAnswer(func(o *abi.Outcome) {
			o.NextAction = guest.PayTo("a", "", nil,
				"")
		}), "how much"},
		"silent instructions": {outcomeAnswer(func(o *abi.Outcome) {
			o.NextAction = guest.Instruct("", nil,
				"")
		}), "without a text"},
		"a callback without trust": {receiptAnswer(&abi.Receipt{Reply: ok}), "whether to trust"},
		"a look-up of nothing": {
			receiptAnswer(&abi.Receipt{Trust: abi.Receipt_TRUST_LOOK_UP, Reply: ok}),
			"look up what",
		},
		"signed without a signature": {receiptAnswer(&abi.Receipt{
			Trust: abi.Receipt_TRUST_SIGNED, Reference: "1",
			Reply: ok,
		}), "no signature"},
		"signed, about nothing": {receiptAnswer(&abi.Receipt{
			Trust:     abi.Receipt_TRUST_SIGNED,
			Signature: signed(), Reply: ok,
		}), "no reference"},
		"a callback without a reply": {receiptAnswer(&abi.Receipt{Trust: abi.Receipt_TRUST_IGNORE}), "HTTP status"},
		"a callback's unsound outcome": {receiptAnswer(&abi.Receipt{
			Trust: abi.Receipt_TRUST_IGNORE, Reply: ok,
			Outcome: &abi.Outcome{},
		}), "no verdict"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			found := Answer(whole(), row.answer)
			require.NotEmpty(t, found)
			require.Contains(t, strings.Join(found, "\n"), row.says)
		})
	}
}

func TestAnswerCallbackNotSupported(t *testing.T) {
	t.Parallel()
	m := whole()
	m.Callback = nil
	answer := receiptAnswer(&abi.Receipt{
		Trust: abi.Receipt_TRUST_LOOK_UP, Reference: "1",
		Reply: &abi.CallbackReply{Status: 200},
	})
	require.NotEmpty(t, Answer(m, answer))
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	answer := sendAnswer(func(r *abi.HttpRequest) {
		r.Query = []*abi.Field{{Name: "q", Value: []*abi.Part{guest.Secret("in_query")}}}
		r.Headers = []*abi.Field{{Name: "h", Value: []*abi.Part{guest.Literal("Bearer "), guest.Secret("in_header")}}}
		r.BasicAuth = &abi.BasicAuth{User: guest.Secret("user"), PasswordSecret: "password"}
		r.Signatures = []*abi.Signature{{
			Secret: "key",
			Parts:  []*abi.SignedPart{{Part: &abi.SignedPart_Secret{Secret: "salt"}}},
		}}
	})
	require.Equal(t, []string{"token", "in_query", "in_header", "user", "password", "key", "salt"}, Secrets(answer))
	require.Equal(t, []string{"token"}, Secrets(receiptAnswer(&abi.Receipt{Signature: signed()})))
	require.Empty(t, Secrets(&abi.Answer{}))
}
