package main

import (
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/decimal"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

const testSettings = `{"directions":{"USDT":{"direction_id":"12","account2":"U1234567"}}}`

func createCall() *abi.Call {
	return &abi.Call{
		Operation: opCreateBid, Reference: "123456789123456789", Settings: []byte(testSettings),
		Payment: &abi.Payment{Kind: abi.Kind_KIND_COLLECT, Amount: "100", Currency: "USDT"},
	}
}

func TestPrepareCreateRejects(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		change      func(call *abi.Call)
		code, field string
	}{
		"another kind": {
			func(c *abi.Call) { c.Payment.Kind = abi.Kind_KIND_PAYOUT }, "unsupported",
			"/kind",
		},
		"nothing to pay":            {func(c *abi.Call) { c.Payment.Amount = "0" }, "invalid_request", "/amount"},
		"less than nothing":         {func(c *abi.Call) { c.Payment.Amount = "-5" }, "invalid_request", "/amount"},
		"not an amount":             {func(c *abi.Call) { c.Payment.Amount = "1,5" }, "invalid_request", "/amount"},
		"a currency without a pair": {func(c *abi.Call) { c.Payment.Currency = "BTC" }, "unsupported", "/currency"},
		"no reference":              {func(c *abi.Call) { c.Reference = "" }, "invalid_request", ""},
		"a reference of letters":    {func(c *abi.Call) { c.Reference = "12a" }, "invalid_request", ""},
		"a reference that begins 0": {func(c *abi.Call) { c.Reference = "012" }, "invalid_request", ""},
		"an option that is not known": {
			func(c *abi.Call) {
				c.Payment.Options = []byte(`{"acount1":"x"}`)
			}, "invalid_request",
			"/provider_options/exchanger/acount1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			call := createCall()
			row.change(call)
			step, err := connector{}.Prepare(call)
			require.NoError(t, err)
			require.NotNil(t, step.GetReject(), "a step was made: %v", step)
			require.Equal(t, row.code, step.GetReject().GetCode())
			require.Equal(t, row.field, step.GetReject().GetField())
		})
	}
}

func TestObjection(t *testing.T) {
	t.Parallel()
	calc := func(give, giveCom, get, getCom, rest string) string {
		return `{"currency_code_give":"USDT","currency_code_get":"EUR","sum_give":` + give + `,"sum_give_com":` +
			giveCom + `,"sum_get":` + get +
			`,"sum_get_com":` + getCom + rest + `}`
	}
	const agreed = "" // no objection
	const unreadable = "unreadable"
	for name, row := range map[string]struct {
		by   action
		calc string
		want string
	}{
		"giving, before commission, is kept": {
			giveNet,
			calc(`"100"`, `"102"`, `"92"`, `"92"`, `,"changed":"0"`), agreed,
		},
		"getting, before commission, without one": {
			getNet,
			calc(`"108"`, `"110"`, `"100"`, `"100"`, `,"changed":0`), agreed,
		},
		"giving, commission included, without one": {
			giveGross, calc(`"100"`, `"100"`, `"92"`, `"92"`, ``),
			agreed,
		},
		"getting, after commission, is kept": {
			getGross,
			calc(`"108"`, `"108"`, `"103"`, `"100.00"`, `,"changed":false`), agreed,
		},
		"getting, before commission, with one": {
			getNet, calc(`"108"`, `"108"`, `"100"`, `"97"`, ``),
			codeCommission,
		},
		"giving, commission included, with one": {
			giveGross, calc(`"98"`, `"100"`, `"90"`, `"90"`, ``),
			codeCommission,
		},
		"another sum, giving": {
			giveNet,
			calc(`"99.99"`, `"102"`, `"92"`, `"92"`, `,"changed":"0"`), codeChanged,
		},
		"another sum, getting": {
			getGross, calc(`"108"`, `"108"`, `"103"`, `"100.01"`, ``),
			codeChanged,
		},
		"the flag alone": {
			giveNet,
			calc(`"100"`, `"100"`, `"92"`, `"92"`, `,"changed":"1"`), codeChanged,
		},
		"the flag as a number": {
			giveNet,
			calc(`"100"`, `"100"`, `"92"`, `"92"`, `,"changed":1`), codeChanged,
		},
		"the flag as something else": {
			giveNet,
			calc(`"100"`, `"100"`, `"92"`, `"92"`, `,"changed":"yes"`), codeChanged,
		},
		"below the least, giving": {
			giveNet,
			calc(`"110"`, `"110"`, `"101"`, `"101"`, `,"min_give":"110","changed":"1"`), codeBelow,
		},
		"above the most, giving": {
			giveNet,
			calc(`"90"`, `"90"`, `"80"`, `"80"`, `,"max_give":"90","changed":"1"`), codeAbove,
		},
		"below the least of the other side": {
			giveNet,
			calc(`"100"`, `"100"`, `"92"`, `"92"`, `,"min_get":"93"`), codeBelow,
		},
		"above the most of the other side": {
			giveNet,
			calc(`"100"`, `"100"`, `"92"`, `"92"`, `,"max_get":"91,5"`), codeAbove,
		},
		"at the least and the most": {
			giveNet,
			calc(`"100"`, `"100"`, `"92"`, `"92"`, `,"min_give":"100","max_give":"100","min_get":92,"max_get":92`),
			agreed,
		},
		"no limits": {
			giveNet,
			calc(`"100"`, `"100"`, `"92"`, `"92"`, `,"min_give":"no","max_give":"no","min_get":"no","max_get":"no"`),
			agreed,
		},
		"another currency, getting": {
			getGross,
			`{"currency_code_give":"USDT","currency_code_get":"USD","sum_get":"100","sum_get_com":"100",` +
				`"sum_give":"1","sum_give_com":"1"}`, codeOtherMoney,
		},
		"the currency in small letters": {
			giveNet,
			`{"currency_code_give":"usdt","sum_give":"100","sum_give_com":"100","sum_get":"92"}`, agreed,
		},
		"no currency": {
			giveNet,
			`{"sum_give":"100","sum_give_com":"100","sum_get":"92"}`, unreadable,
		},
		"no sums": {giveNet, `{"currency_code_give":"USDT"}`, unreadable},
		"one side alone": {
			giveNet,
			`{"currency_code_give":"USDT","sum_give":"100","sum_give_com":"100"}`, unreadable,
		},
		"an empty list, as the site sends nothing at all": {giveNet, `[]`, unreadable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			parsed, err := jsontext.Parse([]byte(row.calc))
			require.NoError(t, err)
			asked, err := decimal.Parse("100")
			require.NoError(t, err)
			code := "USDT"
			if !row.by.payerSide() {
				code = "EUR"
			}
			outcome := direction{code: code, action: row.by}.objection(parsed, asked).GetDone()
			switch row.want {
			case agreed:
				require.Nil(t, outcome)
			case unreadable:
				require.Equal(t, abi.Verdict_VERDICT_UNREADABLE, outcome.GetVerdict())
			default:
				require.Equal(t, row.want, outcome.GetFailure().GetProviderCode())
				require.Equal(t, abi.Meaning_MEANING_DECLINED_SOFT, meaning(200, row.want))
			}
		})
	}
}

func TestCalcFieldsDecodeAsTheSiteDecodesThem(t *testing.T) {
	t.Parallel()
	d := direction{
		fields: []entry{{"cf1", "a&b=c d+e%é"}, {"cf2", ""}, {"cf3", "not asked for"}},
		cd:     []string{"cf2", "cf1"},
	}
	// The form's own decoding is undone by the form; this is the field's.
	query, err := url.QueryUnescape(d.calcFields())
	require.NoError(t, err)
	values, err := url.ParseQuery(query)
	require.NoError(t, err)
	require.Equal(t, url.Values{"cf1": {"a&b=c d+e%é"}}, values)
	require.Empty(t, direction{}.calcFields())
}

func TestReadDirections(t *testing.T) {
	t.Parallel()
	call := createCall()
	call.Settings = []byte(`{"directions":{"USDT":{"currency_id_give":"3","currency_id_get":"8"}}}`)
	for name, row := range map[string]struct{ data, code string }{
		"none":         {`[]`, codeNoPair},
		"others alone": {`[{"direction_id":"1","currency_give_id":"8","currency_get_id":"3"}]`, codeNoPair},
		"two of the pair": {
			`[{"direction_id":"1","currency_give_id":3,"currency_get_id":8},{"direction_id":"2",` +
				`"currency_give_id":"3","currency_get_id":"8"}]`, codeManyPairs,
		},
		"one without number": {`[{"direction_id":"x","currency_give_id":"3","currency_get_id":"8"}]`, ""},
		"no list":            {`"success"`, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step, err := connector{}.Interpret(call, []byte{stageDirections},
				&abi.HttpResponse{Status: 200, Body: []byte(`{"error":"0","data":` + row.data + `}`)})
			require.NoError(t, err)
			require.Equal(t, row.code, step.GetDone().GetFailure().GetProviderCode())
			require.Equal(t, row.code == "", step.GetDone().GetVerdict() == abi.Verdict_VERDICT_UNREADABLE)
		})
	}
}
