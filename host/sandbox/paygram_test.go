package sandbox_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/paygram"
)

func (w *world) paygram(method, body string) reply {
	w.t.Helper()
	return w.do("POST", "/paygram/"+sandbox.DefaultCredentials().PayGramEU+"/"+method, jsonHeader(), body)
}

const invoiceRequest = `{"requestId":-64829383,"userCliId":"tmloader","currencyCode":11,"amount":100,` +
	`"callbackData":"https://shop12.example/api/DepositCallbackRequest/PayGramDepCallBackReqAs","merchantType":3}`

func TestPayGramInvoiceIsTheDocumentsByteForByte(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{PayGram: paygram.Options{NoPayURL: true}})
	w.clock.Set("2023-10-04T08:34:00.3087598Z")
	issued := w.paygram("IssueInvoice", invoiceRequest)
	code := issued.at(t, "invoiceCode").(string)
	require.Equal(t, compact(t, `{
"payUrl": null,
"invoiceCode": "`+code+`",
"status": 4,
"lastEventUtc": "2023-10-04T08:34:00.3087599Z",
"createdUtc": "2023-10-04T08:34:00.3087598Z",
"amount": 100,
"expectedFee": 0,
"callbackData":
"https://shop12.example/api/DepositCallbackRequest/PayGramDepCallBackReqAs",
"currencyCode": 11,
"fromUser": null,
"toUser": "tmloader",
"originatingUser": null,
"isPaid": false,
"isRedeemed": false,
"invoiceType": 0,
"type": 14,
"success": true
}`), issued.text)

	info := w.paygram("InvoiceInfo", `{"requestId":-73939339,"userCliId":"tmloader","invoiceCode":"`+code+`"}`)
	require.Equal(t, compact(t, `{
"invoiceCode": "`+code+`",
"status": 4,
"lastEventUtc": "2023-10-04T08:34:00.3087599",
"createdUtc": "2023-10-04T08:34:00.3087598",
"amount": 100,
"expectedFee": 0,
"callbackData":
"https://shop12.example/api/DepositCallbackRequest/PayGramDepCallBackReqAs",
"currencyCode": 11,
"fromUser": null,
"toUser": "tmloader",
"originatingUser": "tmloader",
"isPaid": false,
"isRedeemed": false,
"invoiceType": 3,
"type": 6,
"success": true
}`), info.text)

	w.clock.Set("2023-10-04T08:41:48.4840544Z")
	paid := w.paygram("PayInvoice", `{"requestId":-7402949,"userCliId":"tmloader","invoiceCode":"`+code+`"}`)
	require.Contains(t, paid.text, `"status":2,"lastEventUtc":"2023-10-04T08:41:48.4840544","createdUtc"`)
	require.Contains(t, paid.text,
		`"fromUser":"tmloader","toUser":"tmloader","originatingUser":"tmloader","isPaid":true,"isRedeemed":true,`+
			`"invoiceType":3,"type":6,"success":true}`)
}

func TestPayGramOtherAnswersHaveTheDocumentsLength(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	w.clock.Set("2023-10-04T08:29:46.8110235Z")
	callback := "https://shop12.example/api/DepositCallbackRequest/PayGramDepCallBackReqAs"
	require.Len(t,
		w.do("POST", "/paygram/deadbeef-0000-4000-8000-000000000001/IssueInvoice", jsonHeader(), invoiceRequest).text,
		52)
	user := w.paygram("SetUserInfo", `{"requestId":-93748383,"userCliId":"wakay","callbackUrl":"`+callback+`"}`)
	require.Len(t, user.text, 292)
	require.Contains(t, user.text,
		`{"balances":[],"joinedOn":"2023-10-04T08:29:46.8110235Z","userIdInClient":"wakay","uid":"`)
	require.Len(t, w.paygram("GetUpdates", `{"requestId":-9756202837,"userCliId":"tmuser"}`).text, 39)
	require.Len(t,
		w.paygram("GetStatement",
			`{"requestId":-9475754,"userCliId":"tmloader","fromUtc":"2023-10-03T08:21:58.449Z",`+
				`"toExcludingUtc":"2023-10-04T08:21:58.449Z","startIdx":0,"resultsPerPage":25,"goForward":true}`).text,
		86)
	w.paygram("SetCallbackApi", `{"url":"`+callback+`"}`)
	require.Len(t, w.paygram("ClientInfo", "").text, 115)

	require.NoError(t, w.Fund("paygram", "paygram-eu/wakay", "PHPT", "100"))
	again := w.paygram("UserInfo", `{"userCliId":"wakay"}`)
	require.Contains(t, again.text,
		`{"balances":[{"balance":100,"currency":11}],"joinedOn":"2023-10-04T08:29:46.8110235","userIdInClient"`,
		"read again, a date has no Z")
}

func TestPayGramFailuresComeWithStatus200(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	code := w.paygram("IssueInvoice", invoiceRequest).at(t, "invoiceCode").(string)
	require.NoError(t, w.Fund("paygram", "paygram-eu/poor", "PHPT", "99.99999999"))
	tests := map[string]struct {
		method, body, code string
	}{
		"no such invoice":      {"InvoiceInfo", `{"invoiceCode":"deadbeef-0000-4000-8000-000000000002"}`, "553"},
		"paying nothing":       {"PayInvoice", `{"invoiceCode":"nothing"}`, "553"},
		"too little money":     {"PayInvoice", `{"userCliId":"poor","invoiceCode":"` + code + `"}`, "554"},
		"redeeming the unpaid": {"RedeemInvoice", `{"invoiceCode":"` + code + `"}`, "500"},
		"an unknown currency":  {"IssueInvoice", `{"currencyCode":6,"amount":1}`, "500"},
		"an amount of nothing": {"IssueInvoice", `{"currencyCode":5,"amount":0}`, "500"},
		"no amount":            {"IssueInvoice", `{"currencyCode":5}`, "500"},
		"nine decimals":        {"IssueInvoice", `{"currencyCode":5,"amount":0.000000001}`, "500"},
		"nobody to send to":    {"TransferCredit", `{"currencyCode":5,"amount":1,"toUserCliId":"nobody"}`, "553"},
		"more than there is":   {"TransferCredit", `{"currencyCode":5,"amount":99999999}`, "554"},
		"nowhere to pay out":   {"Withdraw", `{"amount":1,"withdrawMethod":{"currencyCode":5}}`, "500"},
	}
	for name, tt := range tests {
		got := w.paygram(tt.method, tt.body)
		require.Equal(t, 200, got.status, name)
		require.Equal(t, false, got.at(t, "success"), name)
		require.Equal(t, tt.code, got.at(t, "responseCode"), name)
		require.NotEmpty(t, got.at(t, "message"), name)
	}
	require.Equal(t, `{"message":"Invalid Token","type":0,"success":false}`,
		w.do("POST", "/paygram/nonsense/InvoiceInfo", jsonHeader(), "{}").text)
	require.Len(t, w.Ledger("paygram"), 1)
}

func TestPayGramReadsJSONAsASPDoes(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	path := "/paygram/" + sandbox.DefaultCredentials().PayGramEU + "/IssueInvoice"
	require.Equal(t, 400, w.do("POST", path, jsonHeader(), `{"currencyCode":5,"amount":"1"}`).status, "a quoted amount")
	require.Equal(t, 400, w.do("POST", path, jsonHeader(), `{"currencyCode":5,`).status)
	require.Equal(t, 415, w.do("POST", path, formHeader(), form("amount", "1")).status)
	require.Equal(t, true,
		w.do("POST", path, jsonHeader("Content-Type", "application/json-patch+json"),
			`{"CurrencyCode":5,"AMOUNT":1.50}`).at(t, "success"))
	require.Equal(t, 404, w.paygram("DoSomething", "{}").status)
	require.Equal(t, 404, w.do("GET", path, nil, "").status)
}

func TestPayGramPayerPays(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	issued := w.paygram("IssueInvoice", `{"userCliId":"shop","currencyCode":5,"amount":49.90,"callbackData":"ref-1"}`)
	code := issued.at(t, "invoiceCode").(string)
	require.Equal(t, w.url+"/paygram/pay/"+code, issued.at(t, "payUrl"))
	require.Contains(t, w.do("GET", "/paygram/pay/"+code, nil, "").text, "49.90 USDT", "the link opens")
	require.Equal(t, "49.90", issued.at(t, "amount"), "a decimal keeps its zeros")
	info := func() reply { return w.paygram("InvoiceInfo", `{"invoiceCode":"`+code+`"}`) }
	balance := func() string {
		for _, b := range w.paygram("UserInfo", `{"userCliId":"shop"}`).at(t, "balances").([]any) {
			if b := b.(map[string]any); b["currency"] == json.Number("5") {
				return b["balance"].(json.Number).String()
			}
		}
		return ""
	}

	require.NoError(t, w.Drive("paygram", "ref-1", "pay_unredeemed", ""))
	require.Equal(t, []any{true, false, "8"},
		[]any{info().at(t, "isPaid"), info().at(t, "isRedeemed"), info().at(t, "status")})
	require.Equal(t, "10000", balance())
	redeemed := w.paygram("RedeemInvoice", `{"userCliId":"shop","invoiceCode":"`+code+`"}`)
	require.Equal(t, "8", redeemed.at(t, "type"))
	require.Equal(t, "10049.90", redeemed.at(t, "newBalance"))
	require.Equal(t, "10049.90", balance())
	require.Equal(t, []any{true, true, "2"},
		[]any{info().at(t, "isPaid"), info().at(t, "isRedeemed"), info().at(t, "status")})
	require.Equal(t, "500",
		w.paygram("RedeemInvoice", `{"userCliId":"shop","invoiceCode":"`+code+`"}`).at(t, "responseCode"))
	require.Equal(t, "1", w.paygram("GetStatement", `{"userCliId":"shop"}`).at(t, "results"))
	require.True(t, w.Ledger("paygram")[0].MovedMoney)
}

func TestPayGramEnds(t *testing.T) {
	t.Parallel()
	for event, status := range map[string]string{"pay": "2", "cancel": "3", "error": "5", "decline": "7"} {
		t.Run(event, func(t *testing.T) {
			t.Parallel()
			w := serve(t, sandbox.Options{})
			code := w.paygram("IssueInvoice", invoiceRequest).at(t, "invoiceCode").(string)
			require.NoError(t, w.Drive("paygram", code, event, ""))
			got := w.paygram("InvoiceInfo", `{"invoiceCode":"`+code+`"}`)
			require.Equal(t, status, got.at(t, "status"))
			require.Equal(t, event == "pay", got.at(t, "isRedeemed"))
			require.Equal(t, event == "pay", w.Ledger("")[0].MovedMoney)
			if event != "pay" {
				require.Equal(t, "500", w.paygram("PayInvoice", `{"invoiceCode":"`+code+`"}`).at(t, "responseCode"))
			}
		})
	}
}

func TestPayGramFindsInvoicesByOurWords(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	code := w.paygram("IssueInvoice", `{"currencyCode":5,"amount":1,"callbackData":"a"}`).at(t, "invoiceCode")
	w.paygram("IssueInvoice", `{"currencyCode":5,"amount":1,"callbackData":"b"}`)
	got := w.paygram("GetInvoices", `{"callbackData":"a"}`)
	require.Len(t, got.at(t, "invoices"), 1)
	require.Equal(t, code, got.at(t, "invoices", 0, "guid"))
	require.Equal(t, "31", got.at(t, "type"))
	asia := w.do("POST", "/paygram/"+sandbox.DefaultCredentials().PayGramAsia+"/GetInvoices", jsonHeader(),
		`{"callbackData":"a"}`)
	require.Empty(t, asia.at(t, "invoices"), "accounts do not see each other's")
}

func TestPayGramDedupesSpendingByClientUniqueAndInvoicesNot(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	transfer := `{"userCliId":"a","clientUnique":"u1","currencyCode":5,"amount":4,"callbackData":"t1"}`
	require.Equal(t, true, w.paygram("TransferCredit", transfer).at(t, "success"))
	require.Equal(t, "551", w.paygram("TransferCredit", transfer).at(t, "responseCode"))
	issue := `{"clientUnique":"u2","currencyCode":5,"amount":4,"callbackData":"i1"}`
	require.Equal(t, true, w.paygram("IssueInvoice", issue).at(t, "success"))
	require.Equal(t, true, w.paygram("IssueInvoice", issue).at(t, "success"))
	times := map[string]int{}
	for _, b := range w.Ledger("paygram") {
		times[b.Reference] = b.Times
	}
	require.Equal(t, map[string]int{"t1": 1, "i1": 2}, times)
}

func TestPayGramMoneyIsNeitherMadeNorLost(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	w.paygram("SetUserInfo", `{"userCliId":"b"}`)
	w.paygram("UserInfo", `{"userCliId":"a"}`)
	coins := func() string { return w.paygram("GetCirculatingCoins", `{"userCliId":"a"}`).text }
	before := coins()
	sent := w.paygram("TransferCredit", `{"userCliId":"a","currencyCode":5,"amount":2.5,"toUserCliId":"b"}`)
	require.Equal(t, "9997.5", sent.at(t, "fromCredit", "newBalance"))
	require.Equal(t, "2.5", sent.at(t, "toCredit", "newBalance"))
	envelope := w.paygram("CreateRedEnvelope", `{"userCliId":"a","currencyCode":5,"amount":10,"maxNumOfRedeemers":3}`)
	share := w.paygram("RedeemRedEnvelope",
		`{"userCliId":"b","invoiceId":"`+envelope.at(t, "invoiceCode").(string)+`"}`)
	require.Equal(t, "3.33333333", share.at(t, "received"))
	require.Equal(t, "1", share.at(t, "redeemersCount"))
	require.Equal(t, false,
		w.paygram("RedeemRedEnvelope",
			`{"userCliId":"b","invoiceId":"`+envelope.at(t, "invoiceCode").(string)+`"}`).at(t, "success"), "once each")
	for _, user := range []string{"c", "d"} {
		w.paygram("SetUserInfo", `{"userCliId":"`+user+`"}`)
		w.paygram("RedeemRedEnvelope",
			`{"userCliId":"`+user+`","invoiceId":"`+envelope.at(t, "invoiceCode").(string)+`"}`)
	}
	voucher := w.paygram("TransferCredit", `{"userCliId":"a","currencyCode":5,"amount":1}`)
	require.Equal(t, "8",
		w.paygram("RedeemInvoice", `{"userCliId":"b","invoiceCode":"`+voucher.at(t, "voucherCode").(string)+`"}`).at(t,
			"type"))
	require.Equal(t,
		strings.ReplaceAll(before, `"balance":10000,"currency":5`, `"balance":10000.00000000,"currency":5`), coins())
}

func TestPayGramWithdrawalComesBackWhenDenied(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	body := `{"userCliId":"a","amount":100,"callbackData":"w1","withdrawMethod":{"currencyCode":5,"network":2,` +
		`"cryptoAddress":"TAddress"}}`
	out := w.paygram("Withdraw", body)
	require.Equal(t, "9900", out.at(t, "newBalance"))
	require.Equal(t, "99", out.at(t, "amountWillReceive"))
	require.True(t, w.Ledger("")[0].MovedMoney)
	require.NoError(t, w.Drive("paygram", "w1", "decline", ""))
	require.False(t, w.Ledger("")[0].MovedMoney)
	require.Equal(t, "9900", w.paygram("Withdraw", body).at(t, "newBalance"), "it had come back")
	require.NoError(t, w.Drive("paygram", "w1", "pay", ""))
	require.ErrorIs(t, w.Drive("paygram", "w1", "pay", ""), sandbox.ErrRefused)
}

func TestPayGramSwapsAndSimulates(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	swap := func(simulate string) reply {
		return w.paygram("Swap",
			`{"userCliId":"a","fromCurrency":3,"toCurrency":4,"amountToSwap":100,"isSimulation":`+simulate+`}`)
	}
	require.Equal(t, "104.22625", swap("true").at(t, "receivedAmount"))
	require.Empty(t, w.Ledger(""))
	require.Equal(t, "9900", swap("false").at(t, "balanceSourceAfter"))
	require.Equal(t, "9800", swap("true").at(t, "balanceSourceAfter"))
	require.Equal(t, "1.0475", w.paygram("GetExchangeRates", "{}").at(t, "rates", "3", "4", "price").(string)[:6])
	require.Equal(t, "1.01", w.paygram("TopUp", `{"currencyCode":5,"amount":101}`).at(t, "coinTotalFees"))
}

func TestPayGramCallsBackInCapitals(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	in := receive(t)
	w.paygram("SetUserInfo", `{"userCliId":"shop","callbackUrl":"`+in.url+`"}`)
	code := w.paygram("IssueInvoice", `{"userCliId":"shop","currencyCode":5,"amount":1,"callbackData":"ref"}`).at(t,
		"invoiceCode").(string)
	require.NoError(t, w.Drive("paygram", code, "pay", ""))
	_, body := in.next(t)
	got := reply{text: body}
	require.Equal(t, "ref", got.at(t, "CallbackData"))
	require.Equal(t, "2", got.at(t, "CallbackType"))
	require.Equal(t, code, got.at(t, "InvoiceInfo", "InvoiceCode"))

	updates := w.paygram("GetUpdates", `{"userCliId":"shop"}`)
	require.Equal(t, code, updates.at(t, "updates", 0, "invoiceInfo", "invoiceCode"))
	require.Empty(t, w.paygram("GetUpdates", `{"userCliId":"shop"}`).at(t, "updates"), "delivered once answered")
	w.paygram("MarkUpdatesError", `{"updateIds":[1]}`)
	require.Len(t, w.paygram("GetUpdates", `{"userCliId":"shop"}`).at(t, "updates"), 1)
}

func TestPayGramOffersComeBackAsTheyWereSent(t *testing.T) {
	t.Parallel()
	w := serve(t, sandbox.Options{})
	for get, set := range map[string][2]string{
		"GetP2PGroups":  {"SetP2PGroup", "groupInfo"},
		"GetBusinesses": {"SetBusiness", "business"},
	} {
		require.Equal(t, "500", w.paygram(set[0], `{"userCliId":"a"}`).at(t, "responseCode"))
		require.Equal(t, "Ann",
			w.paygram(set[0], `{"userCliId":"a","`+set[1]+`":{"name":"Ann"}}`).at(t, set[1], "name"))
		require.Contains(t, w.paygram(get, `{"userCliId":"b"}`).text, `[{"name":"Ann"}]`)
		require.Contains(t, w.paygram(get, `{"userCliId":"b","ownOnly":true}`).text, `[]`)
	}
	quote := w.paygram("SimplexGetQuote", `{"digitalCurrency":"BTC","fiatCurrency":"EUR","requestAmount":50}`)
	require.Equal(t, w.url+"/paygram/simplex/"+quote.at(t, "paymentID").(string), quote.at(t, "paymentUrl"))
	require.Equal(t, "500", w.paygram("SimplexGetQuote", `{"requestAmount":0}`).at(t, "responseCode"))
}
