package paygram_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/paygram"
	"payrouter/host/sandbox/sandboxtest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

func TestInvoiceIsTheDocumentsByteForByte(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{PayGram: paygram.Options{NoPayURL: true, AsDocumented: true}})
	w.Clock.Set("2023-10-04T08:34:00.3087598Z")
	issued := w.PayGram("IssueInvoice", sandboxtest.PayGramInvoice)
	code := issued.At(t, "invoiceCode").(string)
	require.Equal(t, sandboxtest.Compact(t, `{
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
}`), issued.Text)

	info := w.PayGram("InvoiceInfo", `{"requestId":-73939339,"userCliId":"tmloader","invoiceCode":"`+code+`"}`)
	require.Equal(t, sandboxtest.Compact(t, `{
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
}`), info.Text)

	w.Clock.Set("2023-10-04T08:41:48.4840544Z")
	paid := w.PayGram("PayInvoice", `{"requestId":-7402949,"userCliId":"tmloader","invoiceCode":"`+code+`"}`)
	require.Contains(t, paid.Text, `"status":2,"lastEventUtc":"2023-10-04T08:41:48.4840544","createdUtc"`)
	require.Contains(t, paid.Text,
		`"fromUser":"tmloader","toUser":"tmloader","originatingUser":"tmloader","isPaid":true,"isRedeemed":true,`+
			`"invoiceType":3,"type":6,"success":true}`)
}

func TestOtherAnswersHaveTheDocumentsLength(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{PayGram: paygram.Options{AsDocumented: true}})
	w.Clock.Set("2023-10-04T08:29:46.8110235Z")
	callback := "https://shop12.example/api/DepositCallbackRequest/PayGramDepCallBackReqAs"
	require.Len(t,
		w.Do("POST", "/paygram/deadbeef-0000-4000-8000-000000000001/IssueInvoice", sandboxtest.JSONHeader(),
			sandboxtest.PayGramInvoice).Text,
		52)
	user := w.PayGram("SetUserInfo", `{"requestId":-93748383,"userCliId":"wakay","callbackUrl":"`+callback+`"}`)
	require.Len(t, user.Text, 292)
	require.Contains(t, user.Text,
		`{"balances":[],"joinedOn":"2023-10-04T08:29:46.8110235Z","userIdInClient":"wakay","uid":"`)
	require.Len(t, w.PayGram("GetUpdates", `{"requestId":-9756202837,"userCliId":"tmuser"}`).Text, 39)
	require.Len(t,
		w.PayGram("GetStatement",
			`{"requestId":-9475754,"userCliId":"tmloader","fromUtc":"2023-10-03T08:21:58.449Z",`+
				`"toExcludingUtc":"2023-10-04T08:21:58.449Z","startIdx":0,"resultsPerPage":25,"goForward":true}`).Text,
		86)
	w.PayGram("SetCallbackApi", `{"url":"`+callback+`"}`)
	require.Len(t, w.PayGram("ClientInfo", "").Text, 115)

	require.NoError(t, w.Fund("paygram", "paygram-eu/wakay", "PHPT", "100"))
	again := w.PayGram("UserInfo", `{"userCliId":"wakay"}`)
	require.Contains(t, again.Text,
		`{"balances":[{"balance":100,"currency":11}],"joinedOn":"2023-10-04T08:29:46.8110235","userIdInClient"`,
		"read again, a date has no Z")
}

func TestFailuresComeWithStatus200(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	code := w.PayGram("IssueInvoice", sandboxtest.PayGramInvoice).At(t, "invoiceCode").(string)
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
		got := w.PayGram(tt.method, tt.body)
		require.Equal(t, 200, got.Status, name)
		require.Equal(t, false, got.At(t, "success"), name)
		require.Equal(t, tt.code, got.At(t, "responseCode"), name)
		require.NotEmpty(t, got.At(t, "message"), name)
	}
	require.Equal(t, `{"message":"Invalid Token","type":0,"responseCode":552,"success":false}`,
		w.Do("POST", "/paygram/nonsense/InvoiceInfo", sandboxtest.JSONHeader(), "{}").Text)
	require.NoError(t, w.Configure("paygram", []byte(`{"as_documented":true}`)))
	require.Equal(t, `{"message":"Invalid Token","type":0,"success":false}`,
		w.Do("POST", "/paygram/nonsense/InvoiceInfo", sandboxtest.JSONHeader(), "{}").Text)
	require.Len(t, w.Ledger("paygram"), 1)
}

func TestReadsJSONAsASPDoes(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	path := "/paygram/" + sandbox.DefaultCredentials().PayGramEU + "/IssueInvoice"
	require.Equal(t, 400, w.Do("POST", path, sandboxtest.JSONHeader(), `{"currencyCode":5,"amount":"1"}`).Status,
		"a quoted amount")
	require.Equal(t, 400, w.Do("POST", path, sandboxtest.JSONHeader(), `{"currencyCode":5,`).Status)
	require.Equal(t, 415, w.Do("POST", path, sandboxtest.FormHeader(), sandboxtest.Form("amount", "1")).Status)
	require.Equal(t, true,
		w.Do("POST", path, sandboxtest.JSONHeader("Content-Type", "application/json-patch+json"),
			`{"CurrencyCode":5,"AMOUNT":1.50}`).At(t, "success"))
	require.Equal(t, 404, w.PayGram("DoSomething", "{}").Status)
	require.Equal(t, 404, w.Do("GET", path, nil, "").Status)
}

func TestPayerPays(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	issued := w.PayGram("IssueInvoice", `{"userCliId":"shop","currencyCode":5,"amount":49.90,"callbackData":"ref-1"}`)
	code := issued.At(t, "invoiceCode").(string)
	require.Equal(t, w.URL+"/paygram/pay/"+code, issued.At(t, "payUrl"))
	require.Contains(t, w.Do("GET", "/paygram/pay/"+code, nil, "").Text, "49.90 USDT", "the link opens")
	require.Equal(t, "49.90", issued.At(t, "amount"), "a decimal keeps its zeros")
	info := func() sandboxtest.Reply { return w.PayGram("InvoiceInfo", `{"invoiceCode":"`+code+`"}`) }
	balance := func() string {
		for _, b := range w.PayGram("UserInfo", `{"userCliId":"shop"}`).At(t, "balances").([]any) {
			if b := b.(map[string]any); b["currency"] == json.Number("5") {
				return b["balance"].(json.Number).String()
			}
		}
		return ""
	}

	require.NoError(t, w.Drive("paygram", "ref-1", "pay_unredeemed", ""))
	require.Equal(t, []any{true, false, "8"},
		[]any{info().At(t, "isPaid"), info().At(t, "isRedeemed"), info().At(t, "status")})
	require.Equal(t, "10000", balance())
	redeemed := w.PayGram("RedeemInvoice", `{"userCliId":"shop","invoiceCode":"`+code+`"}`)
	require.Equal(t, "8", redeemed.At(t, "type"))
	require.Equal(t, "10049.90", redeemed.At(t, "newBalance"))
	require.Equal(t, "10049.90", balance())
	require.Equal(t, []any{true, true, "2"},
		[]any{info().At(t, "isPaid"), info().At(t, "isRedeemed"), info().At(t, "status")})
	require.Equal(t, "500",
		w.PayGram("RedeemInvoice", `{"userCliId":"shop","invoiceCode":"`+code+`"}`).At(t, "responseCode"))
	require.Equal(t, "1", w.PayGram("GetStatement", `{"userCliId":"shop"}`).At(t, "results"))
	require.True(t, w.Ledger("paygram")[0].MovedMoney)
}

func TestEnds(t *testing.T) {
	t.Parallel()
	for event, status := range map[string]string{"pay": "2", "cancel": "3", "error": "5", "decline": "7"} {
		t.Run(event, func(t *testing.T) {
			t.Parallel()
			w := sandboxtest.Serve(t, sandbox.Options{})
			code := w.PayGram("IssueInvoice", sandboxtest.PayGramInvoice).At(t, "invoiceCode").(string)
			require.NoError(t, w.Drive("paygram", code, event, ""))
			got := w.PayGram("InvoiceInfo", `{"invoiceCode":"`+code+`"}`)
			require.Equal(t, status, got.At(t, "status"))
			require.Equal(t, event == "pay", got.At(t, "isRedeemed"))
			require.Equal(t, event == "pay", w.Ledger("")[0].MovedMoney)
			if event != "pay" {
				require.Equal(t, "500", w.PayGram("PayInvoice", `{"invoiceCode":"`+code+`"}`).At(t, "responseCode"))
			}
		})
	}
}

func TestFindsInvoicesByOurWords(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	code := w.PayGram("IssueInvoice", `{"currencyCode":5,"amount":1,"callbackData":"a"}`).At(t, "invoiceCode")
	w.PayGram("IssueInvoice", `{"currencyCode":5,"amount":1,"callbackData":"b"}`)
	got := w.PayGram("GetInvoices", `{"callbackData":"a"}`)
	require.Len(t, got.At(t, "invoices"), 1)
	require.Equal(t, code, got.At(t, "invoices", 0, "guid"))
	require.Equal(t, "31", got.At(t, "type"))
	asia := w.Do("POST", "/paygram/"+sandbox.DefaultCredentials().PayGramAsia+"/GetInvoices", sandboxtest.JSONHeader(),
		`{"callbackData":"a"}`)
	require.Empty(t, asia.At(t, "invoices"), "accounts do not see each other's")
}

func TestDedupesSpendingByClientUniqueAndInvoicesNot(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	transfer := `{"userCliId":"a","clientUnique":"u1","currencyCode":5,"amount":4,"callbackData":"t1"}`
	require.Equal(t, true, w.PayGram("TransferCredit", transfer).At(t, "success"))
	require.Equal(t, "551", w.PayGram("TransferCredit", transfer).At(t, "responseCode"))
	issue := `{"clientUnique":"u2","currencyCode":5,"amount":4,"callbackData":"i1"}`
	require.Equal(t, true, w.PayGram("IssueInvoice", issue).At(t, "success"))
	require.Equal(t, true, w.PayGram("IssueInvoice", issue).At(t, "success"))
	times := map[string]int{}
	for _, b := range w.Ledger("paygram") {
		times[b.Reference] = b.Times
	}
	require.Equal(t, map[string]int{"t1": 1, "i1": 2}, times)
}

func TestMoneyIsNeitherMadeNorLost(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	w.PayGram("SetUserInfo", `{"userCliId":"b"}`)
	w.PayGram("UserInfo", `{"userCliId":"a"}`)
	coins := func() string { return w.PayGram("GetCirculatingCoins", `{"userCliId":"a"}`).Text }
	before := coins()
	sent := w.PayGram("TransferCredit", `{"userCliId":"a","currencyCode":5,"amount":2.5,"toUserCliId":"b"}`)
	require.Equal(t, "9997.5", sent.At(t, "fromCredit"))
	require.Equal(t, "2.5", sent.At(t, "toCredit"))
	envelope := w.PayGram("CreateRedEnvelope", `{"userCliId":"a","currencyCode":5,"amount":10,"maxNumOfRedeemers":3}`)
	share := w.PayGram("RedeemRedEnvelope",
		`{"userCliId":"b","invoiceId":"`+envelope.At(t, "invoiceCode").(string)+`"}`)
	require.Equal(t, "3.33333333", share.At(t, "received"))
	require.Equal(t, "1", share.At(t, "redeemersCount"))
	require.Equal(t, false,
		w.PayGram("RedeemRedEnvelope",
			`{"userCliId":"b","invoiceId":"`+envelope.At(t, "invoiceCode").(string)+`"}`).At(t, "success"), "once each")
	for _, user := range []string{"c", "d"} {
		w.PayGram("SetUserInfo", `{"userCliId":"`+user+`"}`)
		w.PayGram("RedeemRedEnvelope",
			`{"userCliId":"`+user+`","invoiceId":"`+envelope.At(t, "invoiceCode").(string)+`"}`)
	}
	voucher := w.PayGram("TransferCredit", `{"userCliId":"a","currencyCode":5,"amount":1}`)
	require.Equal(t, "8",
		w.PayGram("RedeemInvoice", `{"userCliId":"b","invoiceCode":"`+voucher.At(t, "voucherCode").(string)+`"}`).At(t,
			"type"))
	require.Equal(t,
		strings.ReplaceAll(before, `"balance":10000,"currency":5`, `"balance":10000.00000000,"currency":5`), coins())
}

func TestWithdrawalComesBackWhenDenied(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	body := `{"userCliId":"a","amount":100,"callbackData":"w1","withdrawMethod":{"currencyCode":5,"network":2,` +
		`"cryptoAddress":"TAddress"}}`
	out := w.PayGram("Withdraw", body)
	require.Equal(t, "9900", out.At(t, "newBalance"))
	require.True(t, w.Ledger("")[0].MovedMoney)
	require.NoError(t, w.Drive("paygram", "w1", "decline", ""))
	require.False(t, w.Ledger("")[0].MovedMoney)
	require.Equal(t, "9900", w.PayGram("Withdraw", body).At(t, "newBalance"), "it had come back")
	require.NoError(t, w.Drive("paygram", "w1", "pay", ""))
	require.ErrorIs(t, w.Drive("paygram", "w1", "pay", ""), sandbox.ErrRefused)
}

func TestSwapsAndSimulates(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	swap := func(simulate string) sandboxtest.Reply {
		return w.PayGram("Swap",
			`{"userCliId":"a","fromCurrency":3,"toCurrency":4,"amountToSwap":100,"isSimulation":`+simulate+`}`)
	}
	require.Equal(t, "104.22625", swap("true").At(t, "receivedAmount"))
	require.Empty(t, w.Ledger(""))
	require.Equal(t, "9900", swap("false").At(t, "balanceSourceAfter"))
	require.Equal(t, "9800", swap("true").At(t, "balanceSourceAfter"))
	require.Equal(t, "1.0475", w.PayGram("GetExchangeRates", "{}").At(t, "rates", "EUR", "USD", "price").(string)[:6])
	require.Equal(t, "1.01", w.PayGram("TopUp", `{"currencyCode":5,"amount":101}`).At(t, "coinTotalFees"))
}

func TestCallsBackInCapitals(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	in := sandboxtest.Receive(t)
	w.PayGram("SetUserInfo", `{"userCliId":"shop","callbackUrl":"`+in.URL+`"}`)
	code := w.PayGram("IssueInvoice", `{"userCliId":"shop","currencyCode":5,"amount":1,"callbackData":"ref"}`).At(t,
		"invoiceCode").(string)
	require.NoError(t, w.Drive("paygram", code, "pay", ""))
	_, body := in.Next(t)
	got := sandboxtest.Reply{Text: body}
	require.Equal(t, "ref", got.At(t, "CallbackData"))
	require.Equal(t, "2", got.At(t, "CallbackType"))
	require.Equal(t, code, got.At(t, "InvoiceInfo", "InvoiceCode"))

	updates := w.PayGram("GetUpdates", `{"userCliId":"shop"}`)
	require.Equal(t, code, updates.At(t, "updates", 0, "invoiceInfo", "invoiceCode"))
	require.Empty(t, w.PayGram("GetUpdates", `{"userCliId":"shop"}`).At(t, "updates"), "delivered once answered")
	w.PayGram("MarkUpdatesError", `{"updateIds":[1]}`)
	require.Len(t, w.PayGram("GetUpdates", `{"userCliId":"shop"}`).At(t, "updates"), 1)
}

func TestOffersComeBackAsTheyWereSent(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	for get, set := range map[string][2]string{
		"GetP2PGroups":  {"SetP2PGroup", "groupInfo"},
		"GetBusinesses": {"SetBusiness", "business"},
	} {
		require.Equal(t, "500", w.PayGram(set[0], `{"userCliId":"a"}`).At(t, "responseCode"))
		require.Equal(t, "Ann",
			w.PayGram(set[0], `{"userCliId":"a","`+set[1]+`":{"name":"Ann"}}`).At(t, set[1], "name"))
		require.Contains(t, w.PayGram(get, `{"userCliId":"b"}`).Text, `[{"name":"Ann"}]`)
		require.Contains(t, w.PayGram(get, `{"userCliId":"b","ownOnly":true}`).Text, `[]`)
	}
	quote := w.PayGram("SimplexGetQuote", `{"digitalCurrency":"BTC","fiatCurrency":"EUR","requestAmount":50}`)
	require.Equal(t, w.URL+"/paygram/simplex/"+quote.At(t, "paymentID").(string), quote.At(t, "paymentUrl"))
	require.Equal(t, "500", w.PayGram("SimplexGetQuote", `{"requestAmount":0}`).At(t, "responseCode"))
}
