package exchanger_test

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/exchanger"
	"payrouter/host/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestBidLives(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	in := sandboxtest.Receive(t)
	made := w.Bid("api_id", "777", "callback_url", in.URL+"?s=1")
	require.Equal(t, 200, made.Status)
	hash := made.At(t, "data", "hash").(string)
	require.Len(t, hash, 35)
	address := made.At(t, "data", "api_actions", "address").(string)
	require.Equal(t,
		`{"error":"0","error_text":"","data":{"url":"`+w.URL+`/exchanger/hst_`+hash+`/","id":"100001","hash":"`+hash+
			`","status":"new","status_title":"New order","psys_give":"Tether TRC20","psys_get":"Visa/MasterCard",`+
			`"currency_code_give":"USDT","currency_code_get":"EUR","amount_give":"100","amount_get":"92.07",`+
			`"course_give":"1","course_get":"0.93",`+
			`"api_actions":{"type":"mypaid","cancel":"api","pay":"api","instruction":"<p>Send exactly `+
			`<b>100 USDT</b> to `+address+`</p>","pay_amount":"100","address":"`+address+`"}}}`, made.Text)
	require.Equal(t, made.Text, w.Exchanger("bid_info", "id", "100001").Text)
	require.Equal(t, made.Text, w.Exchanger("bid_info", "hash", hash).Text)

	paid := w.Exchanger("pay_bid", "hash", hash)
	require.Equal(t, `{"error":"0","error_text":"","data":"payed"}`, paid.Text, "a bare string")
	require.Equal(t, paid.Text, w.Exchanger("pay_bid", "hash", hash).Text, "may be repeated")
	r, body := in.Next(t)
	require.Equal(t, "s=1", r.URL.RawQuery)
	require.Equal(t, "application/x-www-form-urlencoded", r.Header.Get("Content-Type"))
	require.Equal(t, "bid_id=100001&status=payed", body)
	require.False(t, w.Ledger("exchanger")[0].MovedMoney, "the caller's word moves nothing")
	require.Equal(t, "disabled", w.Exchanger("bid_info", "hash", hash).At(t, "data", "api_actions", "cancel"))

	require.NoError(t, w.Drive("exchanger", "777", "pay", ""))
	done := w.Exchanger("bid_info", "hash", hash)
	require.Equal(t, "success", done.At(t, "data", "status"))
	require.Equal(t, "finished", done.At(t, "data", "api_actions", "type"))
	booked := w.Ledger("exchanger")[0]
	require.True(t, booked.MovedMoney)
	require.Equal(t, []string{"777", "100001", "100", "USDT"},
		[]string{booked.Reference, booked.ProviderReference, booked.Amount, booked.Currency})
}

func TestTakesEveryDocumentedStatus(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	w.Bid()
	for status := range strings.FieldsSeq(`coldnew techpay merchwait payed coldpay partpay realpay verify amlwait
		coldsuccess partpayout payouterror scrpayerror amlerror mercherror error success cancel delete new`) {
		require.NoError(t, w.Drive("exchanger", "100001", status, ""))
		got := w.Exchanger("bid_info", "id", "100001")
		require.Equal(t, status, got.At(t, "data", "status"))
		require.NotEmpty(t, got.At(t, "data", "status_title"))
	}
	for _, tt := range []struct{ event, status string }{{"decline", "error"}, {"expire", "delete"}} {
		require.NoError(t, w.Drive("exchanger", "100001", tt.event, ""))
		require.Equal(t, tt.status, w.Ledger("")[0].Status)
		require.ErrorIs(t, w.Drive("exchanger", "100001", tt.event, ""), sandbox.ErrRefused)
	}
}

func TestRefusesInItsTwoWays(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	w.Bid("api_id", "5")
	w.Exchanger("cancel_bid", "id", "100001")
	w.Bid("direction_id", "6", "account2", "TWallet") // 100 ETH, more than there is: refused
	six := w.Bid("direction_id", "6", "account2", "TWallet", "calc_amount", "1").At(t, "data", "id").(string)
	seven := w.Bid("direction_id", "7", "account1", "4111111111111111", "cfgive8", "J D", "account2", "0xabc").At(t,
		"data", "id").(string)
	path := "/exchanger/api/userapi/v1/"
	tests := map[string]struct {
		got  sandboxtest.Reply
		want string
	}{
		"a bad key": {
			w.Do("POST", path+"test", sandboxtest.FormHeader("API-LOGIN", "x", "API-KEY", "y"), ""),
			`{"error":1,"error_text":"Api disabled","data":[]}`,
		},
		"no key": {
			w.Do("POST", path+"create_bid", sandboxtest.FormHeader(), ""),
			`{"error":1,"error_text":"Api disabled","data":[]}`,
		},
		"an unknown method": {
			w.Exchanger("steal_bid"),
			`{"error":3,"error_text":"Method not supported","data":[]}`,
		},
		"GET": {
			w.Do("GET", path+"test", sandboxtest.FormHeader(sandboxtest.ExchangerHeader()...), ""),
			`{"error":3,"error_text":"Method not supported","data":[]}`,
		},
		"an unknown direction": {
			w.Bid("direction_id", "99"),
			`{"error":"1","error_text":"direction not found","data":[]}`,
		},
		"JSON": {w.Do("POST", path+"get_calc", sandboxtest.JSONHeader(sandboxtest.ExchangerHeader()...),
			`{"direction_id":"1"}`), `{"error":"1","error_text":"direction not found","data":[]}`},
		"an unknown bid": {
			w.Exchanger("bid_info", "hash", "nope"),
			`{"error":"1","error_text":"no bid exists","data":[]}`,
		},
		"a bid without a name": {w.Exchanger("pay_bid"), `{"error":"1","error_text":"no bid exists","data":[]}`},
		"an api_id again":      {w.Bid("api_id", "5"), `{"error":"3","error_text":"api id not unique","data":[]}`},
		"paying the cancelled": {
			w.Exchanger("pay_bid", "id", "100001"),
			`{"error":"1","error_text":"no bid exists","data":[]}`,
		},
		"cancelling where not": {
			w.Exchanger("cancel_bid", "id", six),
			`{"error":2,"error_text":"action disabled","data":[]}`,
		},
		"paying where not": {
			w.Exchanger("pay_bid", "id", seven),
			`{"error":2,"error_text":"action disabled","data":[]}`,
		},
		"an empty required field": {
			w.Bid("cf6", ""),
			`{"error":"3","error_text":"<div>Error! Check the form.</div>","data":[],"error_fields":{"cf6":"<span>` +
				`field is not filled</span>"}}`,
		},
		"no e-mail": {
			w.Bid("cf6", "jane"),
			`{"error":"3","error_text":"<div>Error! Check the form.</div>","data":[],"error_fields":{"cf6":"<span>` +
				`not an e-mail</span>"}}`,
		},
		"no card": {
			w.Bid("account2", "41x"),
			`{"error":"3","error_text":"<div>Error! Check the form.</div>","data":[],` +
				`"error_fields":{"account2":"<span>invalid card number</span>"}}`,
		},
		"too little": {
			w.Bid("calc_amount", "49.99"),
			`{"error":"3","error_text":"<div>Error! Check the form.</div>","data":[],"error_fields":{"sum1":"<span ` +
				`class=\"js_amount\" data-val=\"50\">min.: 50 USDT</span>"}}`,
		},
		"too much": {
			w.Bid("calc_amount", "10000.01"),
			`{"error":"3","error_text":"<div>Error! Check the form.</div>","data":[],"error_fields":{"sum1":"<span ` +
				`class=\"js_amount\" data-val=\"10000\">max.: 10000 USDT</span>"}}`,
		},
		"no amount": {
			w.Bid("calc_amount", "lots", "direction_id", "4"),
			`{"error":"3","error_text":"<div>Error! Check the form.</div>","data":[],"error_fields":{"sum1":"<span ` +
				`class=\"js_amount\" data-val=\"0\">min.: 0 USDT</span>"}}`,
		},
	}
	for name, tt := range tests {
		require.Equal(t, 200, tt.got.Status, name)
		require.Equal(t, tt.want, tt.got.Text, name)
	}
	elsewhere := w.Do("POST", "/exchanger/other", sandboxtest.FormHeader(sandboxtest.ExchangerHeader()...), "")
	require.Equal(t, 404, elsewhere.Status)
	require.Len(t, w.Ledger("exchanger"), 3)

	require.NoError(t, w.Order("exchanger", sandbox.Fault{Kind: sandbox.FaultMaintenance}))
	require.Equal(t, `{"error":2,"error_text":"maintenance","data":[]}`, w.Bid().Text)
}

func TestLooksAtTheReserve(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	require.NoError(t, w.Fund("exchanger", "", "EUR", "92.99"))
	require.Contains(t, w.Bid().Text, `"sum2":"<span class=\"js_amount\" data-val=\"92.99\">max.: 92.99 EUR</span>"`)
	require.NoError(t, w.Fund("exchanger", "", "EUR", "93"))
	require.Equal(t, "0", w.Bid().At(t, "error"))
	require.NoError(t, w.Drive("exchanger", "100001", "success", ""))
	reserve := func(id string) any { return w.Exchanger("get_direction", "direction_id", id).At(t, "data", "reserve") }
	require.Equal(t, []any{"0", "250100"}, []any{reserve("1"), reserve("2")},
		"what was got is gone, what was given is there")
	require.NoError(t, w.Drive("exchanger", "100001", "cancel", ""))
	require.Equal(t, []any{"93", "250000"}, []any{reserve("1"), reserve("2")})
}

func TestCalculates(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
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
		got := w.Exchanger("get_calc", "direction_id", tt.direction, "calc_amount", tt.amount, "calc_action", tt.action)
		require.Equal(t, []any{tt.give, tt.giveCom, tt.get, tt.getCom, tt.moved}, []any{
			got.At(t, "data", "sum_give"), got.At(t, "data", "sum_give_com"), got.At(t, "data", "sum_get"),
			got.At(t, "data", "sum_get_com"),
			got.At(t, "data", "changed"),
		}, name)
	}
	got := w.Exchanger("get_calc", "direction_id", "1", "calc_amount", "100", "calc_action", "1")
	require.Equal(t,
		`{"error":"0","error_text":"","data":{"currency_code_give":"USDT","currency_code_get":"EUR",`+
			`"reserve":"80000","course_give":"1",`+
			`"course_get":"0.93","sum_give":"100","sum_give_com":"100","sum_get":"93","sum_get_com":"92.07",`+
			`"com_give":"",`+
			`"com_get":"commission of the payment system 1%","min_give":"50","max_give":"10000","min_get":"no",`+
			`"max_get":"no","changed":0}}`, got.Text)
}

func TestShowsWhatItOffers(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	require.Equal(t, "7", w.Exchanger("test").At(t, "data", "user_id"))
	all := w.Exchanger("get_directions")
	require.Len(t, all.At(t, "data"), 8)
	one := w.Exchanger("get_directions", "currency_id_give", "11", "currency_id_get", "21")
	require.Len(t, one.At(t, "data"), 1)
	require.Equal(t, "1", one.At(t, "data", 0, "direction_id"))
	require.Equal(t, "Tether TRC20 USDT", one.At(t, "data", 0, "currency_give_title"))
	require.Equal(t, `{"error":"0","error_text":"","data":[]}`,
		w.Exchanger("get_directions", "currency_id_give", "99").Text)
	currencies := w.Exchanger("get_direction_currencies", "currency_id_give", "12")
	require.Len(t, currencies.At(t, "data", "give"), 1)
	require.Equal(t, "11", currencies.At(t, "data", "get", 0, "id"))

	d := w.Exchanger("get_direction", "direction_id", "1")
	require.Equal(t, "account2", d.At(t, "data", "get_fields", 0, "name"), "a list")
	require.Equal(t, "1", d.At(t, "data", "dir_fields", "cf6", "req"), "a map")
	require.Empty(t, d.At(t, "data", "give_fields"))
	require.Equal(t, d.Text, w.Exchanger("get_direction", "currency_id_give", "11", "currency_id_get", "21").Text,
		"by its currencies")
	require.NoError(t, w.Configure("exchanger", []byte(`{"fields_as_list": true}`)))
	require.Equal(t, "cf6", w.Exchanger("get_direction", "direction_id", "1").At(t, "data", "dir_fields", 0, "name"))
	require.Equal(t, "20,00", w.Exchanger("get_direction", "direction_id", "7").At(t, "data", "min_give"),
		"a decimal comma")
}

func TestTakesMultipartForms(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	body := "--b\r\nContent-Disposition: form-data; name=\"direction_id\"\r\n\r\n1\r\n--b--\r\n"
	got := w.Do("POST", "/exchanger/api/userapi/v1/get_direction/",
		sandboxtest.FormHeader(append(sandboxtest.ExchangerHeader(),
			"Content-Type", "multipart/form-data; boundary=b")...), body)
	require.Equal(t, "1", got.At(t, "data", "id"), "and a slash at the end")
}

func TestPaysByLinkWhereItTakesCards(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	got := w.Bid("direction_id", "3", "account1", "4111111111111111", "cfgive8", "J D", "account2", "bc1q")
	require.Equal(t, "link", got.At(t, "data", "api_actions", "type"))
	link, err := url.Parse(got.At(t, "data", "api_actions", "pay").(string))
	require.NoError(t, err)
	page := w.Do("GET", link.Path, nil, "")
	require.Contains(t, page.Text, "102 EUR", "with commission")
}

// "newest edit first; data is [] without items where nothing matches; id takes a list "1,2". The api_id filter compares
// with the order's own id: it can return another order"
func TestListsBids(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	require.Equal(t, `{"error":"0","error_text":"","data":[]}`, w.Exchanger("get_exchanges").Text)
	for i := range 4 {
		w.Clock.Set(fmt.Sprintf("2026-03-02T12:00:0%dZ", i))
		w.Bid("api_id", fmt.Sprint(100004-i))
	}
	w.Bid("api_id", "order-9")
	ids := func(pairs ...string) []any {
		found := []any{}
		data, _ := w.Exchanger("get_exchanges", pairs...).At(t, "data").(map[string]any)
		for _, item := range data["items"].([]any) {
			found = append(found, item.(map[string]any)["id"])
		}
		return found
	}
	require.Equal(t, []any{"100005", "100004", "100003", "100002", "100001"}, ids())
	w.Clock.Set("2026-03-02T12:00:05Z")
	w.Exchanger("cancel_bid", "id", "100002")
	require.NoError(t, w.Drive("exchanger", w.Exchanger("bid_info", "id", "100002").At(t, "data", "hash").(string),
		"success", ""))
	require.Equal(t, []any{"100002", "100005", "100004", "100003", "100001"}, ids(), "the newest edit first")
	require.Equal(t, []any{"100004"}, ids("api_id", "100004"), "the order of this number, not of this api_id")
	require.NoError(t, w.Configure("exchanger", []byte(`{"api_id_filter": "none"}`)))
	require.Len(t, ids("api_id", "100004"), 5, "a filter that filters nothing")
	require.NoError(t, w.Configure("exchanger", []byte(`{"api_id_filter": "api_id"}`)))
	require.Equal(t, []any{"100001"}, ids("api_id", "100004"))
	require.Equal(t, []any{"100004", "100003"}, ids("limit", "2", "offset", "2"))
	require.Equal(t, []any{"100003"}, ids("id", "100003"))
	require.Equal(t, []any{"100004", "100001"}, ids("id", "100001,100004"))
	require.Equal(t, []any{"100001"}, ids("end_time", "1772452800"))
	list := w.Exchanger("get_exchanges", "status_history", "1")
	require.Equal(t, "0", list.At(t, "data", "items", 1, "api_id"), "what is no number is no api_id")
	success := func(i int) any {
		return w.Exchanger("get_exchanges").At(t, "data", "items", i, "exchange_success")
	}
	require.Equal(t, []any{"0", "1"}, []any{success(0), success(1)}, "documented inverted")
	require.NoError(t, w.Configure("exchanger", []byte(`{"success_is_one": true}`)))
	require.Equal(t, []any{"1", "0"}, []any{success(0), success(1)}, "and code disagrees")
	require.Equal(t, "success", list.At(t, "data", "items", 0, "statuses", 2, "status"))
}

// "time is strtotime of a site-local date read as UTC, so it is off by the site's zone, as start_time/end_time are"
func TestTimesAreOffByTheSitesZone(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{Exchanger: exchanger.Options{UTCOffset: "+03:00"}})
	w.Clock.Set("2026-03-02T12:00:00Z")
	w.Bid()
	list := w.Exchanger("get_exchanges", "status_history", "1", "start_time", "1772463600", "end_time", "1772463600")
	for _, at := range []string{"time", "date"} {
		want := map[string]string{"time": "1772463600", "date": "02.03.2026 15:00"}[at]
		require.Equal(t, want, list.At(t, "data", "items", 0, at))
		require.Equal(t, want, list.At(t, "data", "items", 0, "statuses", 0, at))
	}
	require.Equal(t, `{"error":"0","error_text":"","data":[]}`,
		w.Exchanger("get_exchanges", "end_time", "1772452800").Text, "its real time is before it was made")
	for zone, want := range map[string]string{"Europe/Riga": "1772460000", "": "1772452800", "-02:00": "1772445600"} {
		require.NoError(t, w.Configure("exchanger", []byte(`{"utc_offset": "`+zone+`"}`)))
		require.Equal(t, want, w.Exchanger("get_exchanges").At(t, "data", "items", 0, "time"), zone)
	}
}

// "create_bid, bid_info, cancel_bid, pay_bid say error "2" with maintenance or the site's own text; the reading methods
// say error 1"
func TestMaintenanceIsInTheSitesWords(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	w.Bid()
	require.NoError(t, w.Configure("exchanger", []byte(`{"maintenance": "We will be back soon"}`)))
	for method, code := range map[string]string{
		"create_bid": `"2"`, "bid_info": `"2"`, "cancel_bid": `"2"`, "pay_bid": `"2"`, "get_exchanges": "1",
		"get_calc": "1", "get_directions": "1", "get_direction": "1", "test": "1",
	} {
		require.Equal(t, `{"error":`+code+`,"error_text":"We will be back soon","data":[]}`,
			w.Exchanger(method, "id", "100001", "direction_id", "1").Text, method)
	}
	require.Len(t, w.Ledger("exchanger"), 1)
	require.NoError(t, w.Configure("exchanger", []byte(`{"maintenance": "", "ip_blocked": true}`)))
	require.Equal(t, `{"error":2,"error_text":"IP blocked","data":[]}`, w.Exchanger("test").Text)
}

// ""no bid exists" (error 1) … also means: exists, and its status does not allow it, or its direction is off."
func TestNoBidExistsIsAlsoSaidOfBidsThatExist(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	w.Bid("api_id", "5")
	const none = `{"error":"1","error_text":"no bid exists","data":[]}`
	require.NoError(t, w.Configure("exchanger", []byte(`{"directions_off": ["1"]}`)))
	for _, method := range []string{"bid_info", "cancel_bid", "pay_bid"} {
		require.Equal(t, none, w.Exchanger(method, "id", "100001").Text, method)
	}
	require.Equal(t, "new", w.Exchanger("get_exchanges", "id", "100001").At(t, "data", "items", 0, "status"))
	require.Equal(t, `{"error":"1","error_text":"direction not found","data":[]}`, w.Bid().Text)
	require.NoError(t, w.Configure("exchanger", []byte(`{"directions_off": []}`)))
	require.NoError(t, w.Drive("exchanger", "5", "realpay", ""))
	require.Equal(t, none, w.Exchanger("cancel_bid", "id", "100001").Text, "its status does not allow it")
	require.Equal(t, none, w.Exchanger("pay_bid", "id", "100001").Text)
}

// "cancel_bid, pay_bid (and success_bid) → status string", "a bare string ("success")"; "success_bid(id | hash) exists
// where the owner allows it".
func TestActsAnswerABareWord(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	hash := w.Bid().At(t, "data", "hash").(string)
	require.Equal(t, `{"error":3,"error_text":"Method not supported","data":[]}`,
		w.Exchanger("success_bid", "hash", hash).Text)
	require.NoError(t, w.Configure("exchanger", []byte(`{"success_bid": true, "act_answer": "success"}`)))
	for _, method := range []string{"pay_bid", "pay_bid", "success_bid", "success_bid"} {
		require.Equal(t, `{"error":"0","error_text":"","data":"success"}`, w.Exchanger(method, "hash", hash).Text)
	}
	require.Equal(t, "success", w.Ledger("exchanger")[0].Status)
	require.NoError(t, w.Configure("exchanger", []byte(`{"errors": "numbers"}`)))
	require.Contains(t, w.Exchanger("test").Text, `{"error":0,`)
	require.Contains(t, w.Bid("cf6", "").Text, `{"error":3,`)
	require.NoError(t, w.Configure("exchanger", []byte(`{"errors": "texts"}`)))
	require.Contains(t, w.Exchanger("steal_bid").Text, `{"error":"3",`)
}

// The payer's acts are in the currency that the payer gives.
func TestThePayersActs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ event, amount, options, status, give, get string }{
		"all of it":                  {"pay", "", `{}`, "success", "100", "92.07"},
		"less, calculated anew":      {"underpay", "", `{}`, "success", "50", "46.03"},
		"less, of a sum":             {"underpay", "99.99", `{}`, "success", "99.99", "92.06"},
		"less, as it was ordered":    {"underpay", "", `{"keeps_sums": true}`, "partpay", "100", "92.07"},
		"more, calculated anew":      {"overpay", "", `{}`, "success", "110", "101.27"},
		"more, as it was ordered":    {"overpay", "120", `{"keeps_sums": true}`, "success", "100", "92.07"},
		"after the site has closed":  {"pay_late", "", `{}`, "success", "100", "92.07"},
		"never":                      {"expire", "", `{}`, "delete", "100", "92.07"},
		"refused":                    {"decline", "", `{}`, "error", "100", "92.07"},
		"with a decimal comma":       {"underpay", "99.99", `{"decimal_comma": true}`, "success", "99,99", "92,06"},
		"with members nobody awaits": {"pay", "", `{"loose": true}`, "success", "100", "92.07"},
	}
	for name, tt := range tests {
		w := sandboxtest.Serve(t, sandbox.Options{})
		w.Bid()
		require.NoError(t, w.Configure("exchanger", []byte(tt.options)))
		require.NoError(t, w.Drive("exchanger", "100001", tt.event, tt.amount), name)
		got := w.Exchanger("bid_info", "id", "100001")
		require.Equal(t, []any{tt.status, tt.give, tt.get}, []any{
			got.At(t, "data", "status"), got.At(t, "data", "amount_give"), got.At(t, "data", "amount_get"),
		}, name)
	}
}

// What the calculator says is what the order then is, whichever side's amount is given.
func TestOrdersCostWhatTheCalculatorSays(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	for direction, amounts := range map[string][4]string{
		"1": {"100", "93.01", "100.5", "92.99"}, "2": {"0.5", "4791", "0.33", "4790.5"},
		"3": {"1000", "0.01", "999.99", "0.0123"},
		"4": {"321.09", "0.002", "7", "0.0031"}, "5": {"100", "103.33", "101.5", "99.99"},
		"6": {"1.5", "1000", "0.7", "2711"}, "7": {"2760.5", "1", "33.33", "0.5"},
	} {
		for i, amount := range amounts {
			of := []string{"direction_id", direction, "calc_amount", amount, "calc_action", fmt.Sprint(i + 1)}
			calc := w.Exchanger("get_calc", of...)
			require.Contains(t, calc.Text, `"changed":0`, of)
			bid := w.Exchanger("create_bid", append(of, "account1", "4111 1111 1111 1111", "cfgive8", "J D",
				"account2", "4111 1111 1111 1111", "cfget8", "J D", "cf6", "jane@example.com")...)
			for _, side := range []string{"give", "get"} {
				require.Equal(t, calc.At(t, "data", "sum_"+side+"_com"), bid.At(t, "data", "amount_"+side), "%v: %s",
					of, bid.Text)
				require.Equal(t, calc.At(t, "data", "currency_code_"+side), bid.At(t, "data", "currency_code_"+side),
					of)
			}
		}
	}
}
