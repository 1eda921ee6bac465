package sandbox_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
)

func exchangerHeader() []string {
	c := sandbox.DefaultCredentials()
	return []string{"API-LOGIN", c.ExchangerLogin, "API-KEY", c.ExchangerKey}
}

func (w *world) exchanger(method string, pairs ...string) reply {
	w.t.Helper()
	return w.do("POST", "/exchanger/api/userapi/v1/"+method, formHeader(exchangerHeader()...), form(pairs...))
}

// bid makes an order of 100 USDT for euros on a card.
func (w *world) bid(more ...string) reply {
	w.t.Helper()
	return w.exchanger("create_bid", append([]string{
		"direction_id", "1", "calc_amount", "100", "calc_action", "1", "account2", "4111 1111 1111 1111",
		"cfget8", "JANE DOE", "cf6", "jane@example.com",
	}, more...)...)
}

func TestExchangerBidLives(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	in := receive(t)
	made := w.bid("api_id", "777", "callback_url", in.url+"?s=1")
	require.Equal(t, 200, made.status)
	hash := made.at(t, "data", "hash").(string)
	require.Len(t, hash, 35)
	address := made.at(t, "data", "api_actions", "address").(string)
	require.Equal(t,
		`{"error":"0","error_text":"","data":{"url":"`+w.url+`/exchanger/hst_`+hash+`/","id":"100001","hash":"`+hash+
			`","status":"new","status_title":"New order","psys_give":"Tether TRC20","psys_get":"Visa/MasterCard",`+
			`"currency_code_give":"USDT","currency_code_get":"EUR","amount_give":"100","amount_get":"92.07",`+
			`"course_give":"1","course_get":"0.93",`+
			`"api_actions":{"type":"mypaid","cancel":"api","pay":"api","instruction":"<p>Send exactly `+
			`<b>100 USDT</b> to `+address+`</p>","pay_amount":"100","address":"`+address+`"}}}`, made.text)
	require.Equal(t, made.text, w.exchanger("bid_info", "id", "100001").text)
	require.Equal(t, made.text, w.exchanger("bid_info", "hash", hash).text)

	paid := w.exchanger("pay_bid", "hash", hash)
	require.Equal(t, `{"error":"0","error_text":"","data":"payed"}`, paid.text, "a bare string")
	require.Equal(t, paid.text, w.exchanger("pay_bid", "hash", hash).text, "may be repeated")
	r, body := in.next(t)
	require.Equal(t, "s=1", r.URL.RawQuery)
	require.Equal(t, "application/x-www-form-urlencoded", r.Header.Get("Content-Type"))
	require.Equal(t, "bid_id=100001&status=payed", body)
	require.False(t, w.Ledger("exchanger")[0].MovedMoney, "the caller's word moves nothing")
	require.Equal(t, "disabled", w.exchanger("bid_info", "hash", hash).at(t, "data", "api_actions", "cancel"))

	require.NoError(t, w.Drive("exchanger", "777", "pay", ""))
	done := w.exchanger("bid_info", "hash", hash)
	require.Equal(t, "success", done.at(t, "data", "status"))
	require.Equal(t, "finished", done.at(t, "data", "api_actions", "type"))
	booked := w.Ledger("exchanger")[0]
	require.True(t, booked.MovedMoney)
	require.Equal(t, []string{"777", "100001", "100", "USDT"},
		[]string{booked.Reference, booked.ProviderReference, booked.Amount, booked.Currency})
}

func TestExchangerTakesEveryDocumentedStatus(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	w.bid()
	for status := range strings.FieldsSeq(`coldnew techpay merchwait payed coldpay partpay realpay verify amlwait
		coldsuccess partpayout payouterror scrpayerror amlerror mercherror error success cancel delete new`) {
		require.NoError(t, w.Drive("exchanger", "100001", status, ""))
		got := w.exchanger("bid_info", "id", "100001")
		require.Equal(t, status, got.at(t, "data", "status"))
		require.NotEmpty(t, got.at(t, "data", "status_title"))
	}
	for _, tt := range []struct{ event, status string }{{"decline", "error"}, {"expire", "delete"}} {
		require.NoError(t, w.Drive("exchanger", "100001", tt.event, ""))
		require.Equal(t, tt.status, w.Ledger("")[0].Status)
		require.ErrorIs(t, w.Drive("exchanger", "100001", tt.event, ""), sandbox.ErrRefused)
	}
}

func TestExchangerRefusesInItsTwoWays(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	w.bid("api_id", "5")
	w.exchanger("cancel_bid", "id", "100001")
	w.bid("direction_id", "6", "account2", "TWallet") // 100 ETH, more than there is: refused
	six := w.bid("direction_id", "6", "account2", "TWallet", "calc_amount", "1").at(t, "data", "id").(string)
	seven := w.bid("direction_id", "7", "account1", "4111111111111111", "cfgive8", "J D", "account2", "0xabc").at(t,
		"data", "id").(string)
	path := "/exchanger/api/userapi/v1/"
	tests := map[string]struct {
		got  reply
		want string
	}{
		"a bad key": {
			w.do("POST", path+"test", formHeader("API-LOGIN", "x", "API-KEY", "y"), ""),
			`{"error":1,"error_text":"Api disabled","data":[]}`,
		},
		"no key": {
			w.do("POST", path+"create_bid", formHeader(), ""),
			`{"error":1,"error_text":"Api disabled","data":[]}`,
		},
		"an unknown method": {
			w.exchanger("steal_bid"),
			`{"error":3,"error_text":"Method not supported","data":[]}`,
		},
		"GET": {
			w.do("GET", path+"test", formHeader(exchangerHeader()...), ""),
			`{"error":3,"error_text":"Method not supported","data":[]}`,
		},
		"an unknown direction": {
			w.bid("direction_id", "99"),
			`{"error":"1","error_text":"direction not found","data":[]}`,
		},
		"JSON": {w.do("POST", path+"get_calc", jsonHeader(exchangerHeader()...),
			`{"direction_id":"1"}`), `{"error":"1","error_text":"direction not found","data":[]}`},
		"an unknown bid": {
			w.exchanger("bid_info", "hash", "nope"),
			`{"error":"1","error_text":"no bid exists","data":[]}`,
		},
		"a bid without a name": {w.exchanger("pay_bid"), `{"error":"1","error_text":"no bid exists","data":[]}`},
		"an api_id again":      {w.bid("api_id", "5"), `{"error":"3","error_text":"api id not unique","data":[]}`},
		"paying the cancelled": {
			w.exchanger("pay_bid", "id", "100001"),
			`{"error":2,"error_text":"action disabled","data":[]}`,
		},
		"cancelling where not": {
			w.exchanger("cancel_bid", "id", six),
			`{"error":2,"error_text":"action disabled","data":[]}`,
		},
		"paying where not": {
			w.exchanger("pay_bid", "id", seven),
			`{"error":2,"error_text":"action disabled","data":[]}`,
		},
		"an empty required field": {
			w.bid("cf6", ""),
			`{"error":"3","error_text":"<div>Error! Check the form.</div>","data":[],"error_fields":{"cf6":"<span>` +
				`field is not filled</span>"}}`,
		},
		"no e-mail": {
			w.bid("cf6", "jane"),
			`{"error":"3","error_text":"<div>Error! Check the form.</div>","data":[],"error_fields":{"cf6":"<span>` +
				`not an e-mail</span>"}}`,
		},
		"no card": {
			w.bid("account2", "41x"),
			`{"error":"3","error_text":"<div>Error! Check the form.</div>","data":[],` +
				`"error_fields":{"account2":"<span>invalid card number</span>"}}`,
		},
		"too little": {
			w.bid("calc_amount", "49.99"),
			`{"error":"3","error_text":"<div>Error! Check the form.</div>","data":[],"error_fields":{"sum1":"<span ` +
				`class=\"js_amount\" data-val=\"50\">min.: 50 USDT</span>"}}`,
		},
		"too much": {
			w.bid("calc_amount", "10000.01"),
			`{"error":"3","error_text":"<div>Error! Check the form.</div>","data":[],"error_fields":{"sum1":"<span ` +
				`class=\"js_amount\" data-val=\"10000\">max.: 10000 USDT</span>"}}`,
		},
		"no amount": {
			w.bid("calc_amount", "lots", "direction_id", "4"),
			`{"error":"3","error_text":"<div>Error! Check the form.</div>","data":[],"error_fields":{"sum1":"<span ` +
				`class=\"js_amount\" data-val=\"0\">min.: 0 USDT</span>"}}`,
		},
	}
	for name, tt := range tests {
		require.Equal(t, 200, tt.got.status, name)
		require.Equal(t, tt.want, tt.got.text, name)
	}
	require.Equal(t, 404, w.do("POST", "/exchanger/other", formHeader(exchangerHeader()...), "").status)
	require.Len(t, w.Ledger("exchanger"), 3)

	require.NoError(t, w.Order("exchanger", sandbox.Fault{Kind: sandbox.FaultMaintenance}))
	require.Equal(t, `{"error":2,"error_text":"maintenance","data":[]}`, w.bid().text)
}

func TestExchangerLooksAtTheReserve(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	require.NoError(t, w.Fund("exchanger", "", "EUR", "92.99"))
	require.Contains(t, w.bid().text, `"sum2":"<span class=\"js_amount\" data-val=\"92.99\">max.: 92.99 EUR</span>"`)
	require.NoError(t, w.Fund("exchanger", "", "EUR", "93"))
	require.Equal(t, "0", w.bid().at(t, "error"))
	require.NoError(t, w.Drive("exchanger", "100001", "success", ""))
	reserve := func(id string) any { return w.exchanger("get_direction", "direction_id", id).at(t, "data", "reserve") }
	require.Equal(t, []any{"0", "250100"}, []any{reserve("1"), reserve("2")},
		"what was got is gone, what was given is there")
	require.NoError(t, w.Drive("exchanger", "100001", "cancel", ""))
	require.Equal(t, []any{"93", "250000"}, []any{reserve("1"), reserve("2")})
}

func TestExchangerCalculates(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	tests := map[string]struct {
		direction, amount, action         string
		give, giveCom, get, getCom, moved string
	}{
		"what is given":                      {"1", "100", "1", "100", "100", "93", "92.07", "0"},
		"what is got":                        {"1", "93", "2", "100", "100", "93", "92.07", "0"},
		"what is given, with commission":     {"5", "101.5", "3", "100", "101.5", "104", "104", "0"},
		"what is got, after commission":      {"1", "92.07", "4", "100", "100", "93", "92.07", "0"},
		"a decimal comma":                    {"1", "100,50", "1", "100.5", "100.5", "93.46", "92.53", "0"},
		"an action that is none counts as 1": {"1", "100", "9", "100", "100", "93", "92.07", "0"},
		"below the least":                    {"1", "1", "1", "50", "50", "46.5", "46.03", "1"},
		"above the most":                     {"1", "99999", "1", "10000", "10000", "9300", "9207", "1"},
		"a bound on what is got":             {"3", "20.5", "1", "20.5", "20.91", "0.00022138", "0.00022138", "0"},
		"the reserve is a bound too":         {"4", "9670000", "1", "1208750", "1208750", "12.5", "12.5", "1"},
		"the other bound on what is got":     {"6", "8", "1", "7.37871242", "7.37871242", "20000", "20000", "1"},
	}
	for name, tt := range tests {
		got := w.exchanger("get_calc", "direction_id", tt.direction, "calc_amount", tt.amount, "calc_action", tt.action)
		require.Equal(t, []any{tt.give, tt.giveCom, tt.get, tt.getCom, tt.moved}, []any{
			got.at(t, "data", "sum_give"), got.at(t, "data", "sum_give_com"), got.at(t, "data", "sum_get"),
			got.at(t, "data", "sum_get_com"),
			got.at(t, "data", "changed"),
		}, name)
	}
	got := w.exchanger("get_calc", "direction_id", "1", "calc_amount", "100", "calc_action", "1")
	require.Equal(t,
		`{"error":"0","error_text":"","data":{"currency_code_give":"USDT","currency_code_get":"EUR",`+
			`"reserve":"80000","course_give":"1",`+
			`"course_get":"0.93","sum_give":"100","sum_give_com":"100","sum_get":"93","sum_get_com":"92.07",`+
			`"com_give":"",`+
			`"com_get":"commission of the payment system 1%","min_give":"50","max_give":"10000","min_get":"no",`+
			`"max_get":"no","changed":0}}`, got.text)
}

func TestExchangerShowsWhatItOffers(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	require.Equal(t, "7", w.exchanger("test").at(t, "data", "user_id"))
	all := w.exchanger("get_directions")
	require.Len(t, all.at(t, "data"), 7)
	one := w.exchanger("get_directions", "currency_id_give", "11", "currency_id_get", "21")
	require.Len(t, one.at(t, "data"), 1)
	require.Equal(t, "1", one.at(t, "data", 0, "direction_id"))
	require.Equal(t, "Tether TRC20 USDT", one.at(t, "data", 0, "currency_give_title"))
	require.Equal(t, `{"error":"0","error_text":"","data":[]}`,
		w.exchanger("get_directions", "currency_id_give", "99").text)
	currencies := w.exchanger("get_direction_currencies", "currency_id_give", "12")
	require.Len(t, currencies.at(t, "data", "give"), 1)
	require.Equal(t, "11", currencies.at(t, "data", "get", 0, "id"))

	d := w.exchanger("get_direction", "direction_id", "1")
	require.Equal(t, "account2", d.at(t, "data", "get_fields", 0, "name"), "a list")
	require.Equal(t, "1", d.at(t, "data", "dir_fields", "cf6", "req"), "a map")
	require.Empty(t, d.at(t, "data", "give_fields"))
	require.Equal(t, "20,00", w.exchanger("get_direction", "direction_id", "7").at(t, "data", "min_give"),
		"a decimal comma")
}

func TestExchangerTakesMultipartForms(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	body := "--b\r\nContent-Disposition: form-data; name=\"direction_id\"\r\n\r\n1\r\n--b--\r\n"
	got := w.do("POST", "/exchanger/api/userapi/v1/get_direction/",
		formHeader(append(exchangerHeader(), "Content-Type", "multipart/form-data; boundary=b")...), body)
	require.Equal(t, "1", got.at(t, "data", "id"), "and a slash at the end")
}

func TestExchangerPaysByLinkWhereItTakesCards(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	got := w.bid("direction_id", "3", "account1", "4111111111111111", "cfgive8", "J D", "account2", "bc1q")
	require.Equal(t, "link", got.at(t, "data", "api_actions", "type"))
	link, err := url.Parse(got.at(t, "data", "api_actions", "pay").(string))
	require.NoError(t, err)
	page := w.do("GET", link.Path, nil, "")
	require.Contains(t, page.text, "102 EUR", "with commission")
}

func TestExchangerListsBids(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	require.Equal(t, `{"error":"0","error_text":"","data":{"items":[]}}`, w.exchanger("get_exchanges").text)
	for i := range 4 {
		w.clock.Set(fmt.Sprintf("2026-03-02T12:00:0%dZ", i))
		w.bid("api_id", fmt.Sprint(i+1))
	}
	w.bid("api_id", "order-9")
	require.NoError(t, w.Drive("exchanger", "2", "success", ""))
	ids := func(pairs ...string) []any {
		found := []any{}
		for _, item := range w.exchanger("get_exchanges", pairs...).at(t, "data", "items").([]any) {
			found = append(found, item.(map[string]any)["id"])
		}
		return found
	}
	require.Equal(t, []any{"100005", "100004", "100003", "100002", "100001"}, ids(), "newest first")
	require.Len(t, ids("api_id", "3"), 5, "this filter filters nothing")
	require.Equal(t, []any{"100004", "100003"}, ids("limit", "2", "offset", "1"))
	require.Equal(t, []any{"100003"}, ids("id", "100003"))
	require.Equal(t, []any{"100001"}, ids("end_time", "1772452800"))
	list := w.exchanger("get_exchanges", "status_history", "1")
	require.Equal(t, "0", list.at(t, "data", "items", 0, "api_id"), "what is no number is no api_id")
	require.Equal(t, "1", list.at(t, "data", "items", 0, "exchange_success"), "not executed")
	require.Equal(t, "0", list.at(t, "data", "items", 3, "exchange_success"), "executed")
	require.Equal(t, "02.03.2026 15:00", list.at(t, "data", "items", 3, "date"), "the site's own time")
	require.Equal(t, "success", list.at(t, "data", "items", 3, "statuses", 1, "status"))
}

// What the calculator says is what the order then is, whichever side's amount is given.
func TestExchangerOrdersCostWhatTheCalculatorSays(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	for direction, amounts := range map[string][4]string{
		"1": {"100", "93.01", "100.5", "92.99"}, "2": {"0.5", "4791", "0.33", "4790.5"},
		"3": {"1000", "0.01", "999.99", "0.0123"},
		"4": {"321.09", "0.002", "7", "0.0031"}, "5": {"100", "103.33", "101.5", "99.99"},
		"6": {"1.5", "1000", "0.7", "2711"}, "7": {"2760.5", "1", "33.33", "0.5"},
	} {
		for i, amount := range amounts {
			of := []string{"direction_id", direction, "calc_amount", amount, "calc_action", fmt.Sprint(i + 1)}
			calc := w.exchanger("get_calc", of...)
			require.Contains(t, calc.text, `"changed":0`, of)
			bid := w.exchanger("create_bid", append(of, "account1", "4111 1111 1111 1111", "cfgive8", "J D",
				"account2", "4111 1111 1111 1111", "cfget8", "J D", "cf6", "jane@example.com")...)
			for _, side := range []string{"give", "get"} {
				require.Equal(t, calc.at(t, "data", "sum_"+side+"_com"), bid.at(t, "data", "amount_"+side), "%v: %s",
					of, bid.text)
				require.Equal(t, calc.at(t, "data", "currency_code_"+side), bid.at(t, "data", "currency_code_"+side),
					of)
			}
		}
	}
}
