package paygram_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/paygram"
	"payrouter/host/sandbox/sandboxtest"
)

// serve is a sandbox whose PayGram does what o chooses.
func serve(t *testing.T, o paygram.Options) *sandboxtest.World {
	t.Helper()
	return sandboxtest.Serve(t, sandbox.Options{PayGram: o})
}

// "an enum used as a dictionary key is its name, so rates is {"BTC":{"USDT":{quoteCurrency, updatedUTC, price,
// spreadBuy, spreadSell}}}; enum values are numbers unless a converter says otherwise"
func TestRatesAreKeyedByNames(t *testing.T) {
	t.Parallel()
	rate := serve(t, paygram.Options{}).PayGram("GetExchangeRates", "{}").At(t, "rates", "BTC", "USDT")
	require.Equal(t, json.Number("5"), rate.(map[string]any)["quoteCurrency"])
	for _, member := range []string{"updatedUTC", "price", "spreadBuy", "spreadSell"} {
		require.Contains(t, rate, member)
	}
	require.Equal(t, "5",
		serve(t, paygram.Options{NumberedRates: true}).PayGram("GetExchangeRates", "{}").At(t, "rates", "1", "5",
			"quoteCurrency"))
	require.Equal(t, "USDT",
		serve(t, paygram.Options{EnumNames: true}).PayGram("GetExchangeRates", "{}").At(t, "rates", "BTC", "USDT",
			"quoteCurrency"))
}

func TestEnumsAreNamesWhereAConverterSaysSo(t *testing.T) {
	t.Parallel()
	w := serve(t, paygram.Options{EnumNames: true})
	issued := w.PayGram("IssueInvoice", `{"userCliId":"a","currencyCode":"usdt","amount":1}`)
	require.Equal(t, []any{"OnGoing", "USDT"}, []any{issued.At(t, "status"), issued.At(t, "currencyCode")})
	out := w.PayGram("Withdraw", `{"userCliId":"a","amount":1,"withdrawMethod":{"currencyCode":"USDT",`+
		`"network":"TRC20","cryptoAddress":"T"}}`)
	require.Equal(t, "Requested",
		w.PayGram("InvoiceInfo", `{"invoiceCode":"`+out.At(t, "invoiceCode").(string)+`"}`).At(t, "status"))
	line := w.PayGram("GetStatement", `{"userCliId":"a","goForward":true}`).At(t, "statementEntries", 0)
	require.Equal(t, "Withdrawal", line.(map[string]any)["entryType"])
	require.Equal(t, "USDT", line.(map[string]any)["currency"])
	refused := w.PayGram("InvoiceInfo", `{}`)
	require.Equal(t, []any{"Unknown", "NotFound"}, []any{refused.At(t, "type"), refused.At(t, "responseCode")})
	require.Equal(t, []any{"ResponseIssueInvoice", "ResponseOK"},
		[]any{issued.At(t, "type"), issued.At(t, "responseCode")})
	require.Equal(t, 400,
		w.PayGram("IssueInvoice", `{"currencyCode":"DOUBLOON","amount":1}`).Status, "no enum's value at all")
}

// "id is a sequential 64-bit row id […] startIdx is a long. […] nextPageAvailable is always true when paging backward
// […] invoice is only {guid, friendlyVoucherCode}: no callbackData"
func TestStatementGoesByIds(t *testing.T) {
	t.Parallel()
	w := serve(t, paygram.Options{})
	for range 3 {
		w.PayGram("TransferCredit", `{"userCliId":"a","currencyCode":5,"amount":1,"callbackData":"ours"}`)
		w.PayGram("TransferCredit", `{"userCliId":"b","currencyCode":5,"amount":1}`)
	}
	page := func(user string, from any, forward bool, size int) (ids []string, more bool) {
		got := w.PayGram("GetStatement", fmt.Sprintf(
			`{"userCliId":"%s","startIdx":%v,"resultsPerPage":%d,"goForward":%v}`, user, from, size, forward))
		for _, e := range got.At(t, "statementEntries").([]any) {
			e := e.(map[string]any)
			ids = append(ids, e["id"].(json.Number).String())
			require.Len(t, e["invoice"], 2)
			require.Contains(t, e["invoice"], "guid")
			require.Contains(t, e["invoice"], "friendlyVoucherCode")
		}
		return ids, got.At(t, "nextPageAvailable").(bool)
	}
	all, more := page("a", 0, true, 10)
	require.Len(t, all, 3)
	require.False(t, more)
	first, err := json.Number(all[0]).Int64()
	require.NoError(t, err)
	require.Equal(t, []string{fmt.Sprint(first), fmt.Sprint(first + 2), fmt.Sprint(first + 4)}, all,
		"the ids are those of one table for all users")
	require.Greater(t, first, int64(1)<<53, "a double cannot hold them")

	ids, more := page("a", all[0], true, 1)
	require.Equal(t, all[1:2], ids)
	require.True(t, more)
	ids, more = page("a", 0, false, 2)
	require.Equal(t, []string{all[2], all[1]}, ids)
	require.True(t, more)
	ids, more = page("a", all[1], false, 2)
	require.Equal(t, all[:1], ids)
	require.True(t, more, "always, going backward")
	ids, more = page("a", all[0], false, 2)
	require.Empty(t, ids)
	require.True(t, more)

	require.NoError(t, w.Configure("paygram", []byte(`{"inclusive_cursor":true,"nothing_before_zero":true}`)))
	ids, _ = page("a", all[1], false, 2)
	require.Equal(t, []string{all[1], all[0]}, ids)
	ids, _ = page("a", 0, false, 2)
	require.Empty(t, ids)
}

// "entryType: […] 1 deposit, 2 withdrawal, 3 withdrawal refund, 4 outgoing transfer, 5 outgoing direct transfer, 6
// incoming transfer, 7 incoming direct transfer, 8 change sell, 9 change buy" and "Amount: positive credit, negative
// debit"
func TestEntriesHaveTheirTypes(t *testing.T) {
	t.Parallel()
	w := serve(t, paygram.Options{})
	w.PayGram("UserInfo", `{"userCliId":"b"}`)
	w.PayGram("TopUp", `{"userCliId":"a","currencyCode":5,"amount":100,"callbackData":"d"}`)
	require.NoError(t, w.Drive("paygram", "d", "pay", ""))
	w.PayGram("Withdraw", usdtOut)
	require.NoError(t, w.Drive("paygram", "w1", "decline", ""))
	w.PayGram("TransferCredit", `{"userCliId":"a","currencyCode":5,"amount":1,"toUserCliId":"b"}`)
	w.PayGram("TransferCredit", `{"userCliId":"b","currencyCode":5,"amount":1,"toUserCliId":"a"}`)
	code := w.PayGram("TransferCredit", `{"userCliId":"a","currencyCode":5,"amount":2}`).At(t, "voucherCode").(string)
	w.PayGram("RedeemInvoice", `{"userCliId":"a","invoiceCode":"`+code+`"}`)
	w.PayGram("Swap", `{"userCliId":"a","fromCurrency":5,"toCurrency":4,"amountToSwap":10}`)
	var types []string
	for _, e := range w.PayGram("GetStatement", `{"userCliId":"a","goForward":true}`).At(t, "statementEntries").([]any) {
		e := e.(map[string]any)
		kind, negative := e["entryType"].(json.Number).String(), strings.HasPrefix(e["amount"].(json.Number).String(), "-")
		require.Equal(t, strings.Contains("2 4 5 8", kind), negative, kind)
		types = append(types, kind)
	}
	require.Equal(t, []string{"1", "2", "3", "5", "7", "4", "6", "8", "9"}, types)
}

// "TransferCredit answers fromCredit, toCredit as decimals (balances after […]), voucherCode, friendlyVoucherCode,
// redeemUrl (null where it went directly to a user), amount, fees. There is no user in it. Find a lost one by
// GetInvoices{callbackData} → guids → InvoiceInfo(voucherCode)"
func TestTransferIsFoundByItsVoucher(t *testing.T) {
	t.Parallel()
	w := serve(t, paygram.Options{})
	w.PayGram("SetUserInfo", `{"userCliId":"b"}`)
	sent := w.PayGram("TransferCredit",
		`{"userCliId":"a","currencyCode":5,"amount":2.5,"toUserCliId":"b","callbackData":"ours"}`)
	require.Equal(t, []any{"9997.5", "2.5", nil},
		[]any{sent.At(t, "fromCredit"), sent.At(t, "toCredit"), sent.At(t, "redeemUrl")})
	require.NotContains(t, sent.Text, `"b"`)
	found := w.PayGram("GetInvoices", `{"callbackData":"ours"}`)
	require.Equal(t, sent.At(t, "voucherCode"), found.At(t, "invoices", 0, "guid"))
	info := w.PayGram("InvoiceInfo", `{"userCliId":"a","invoiceCode":"`+sent.At(t, "voucherCode").(string)+`"}`)
	require.Equal(t, []any{"6", "2", true, true, "2.5", "b", "ours"}, []any{
		info.At(t, "type"), info.At(t, "status"), info.At(t, "isPaid"), info.At(t, "isRedeemed"), info.At(t, "amount"),
		info.At(t, "toUser"), info.At(t, "callbackData"),
	})
	open := w.PayGram("TransferCredit", `{"userCliId":"a","currencyCode":5,"amount":1}`)
	require.Equal(t, "0", open.At(t, "toCredit"))
	require.Equal(t, w.URL+"/paygram/redeem/"+open.At(t, "voucherCode").(string), open.At(t, "redeemUrl"))
	require.NoError(t, w.Drive("paygram", open.At(t, "voucherCode").(string), "expire", ""))
	require.Equal(t, "9997.5", w.PayGramBalance("a", "5"), "an open voucher goes back")
	require.ErrorIs(t, w.Drive("paygram", open.At(t, "voucherCode").(string), "pay", ""), sandbox.ErrRefused)
}

func TestTransferFeeIsInItsInvoiceOrNot(t *testing.T) {
	t.Parallel()
	for amount, net := range map[string]bool{"2.75": false, "2.5": true} {
		w := serve(t, paygram.Options{NetTransferInvoices: net})
		require.NoError(t, w.Configure("paygram", []byte(`{"transfer_fee":0.25}`)))
		w.PayGram("UserInfo", `{"userCliId":"b"}`)
		sent := w.PayGram("TransferCredit", `{"userCliId":"a","currencyCode":5,"amount":2.5,"toUserCliId":"b"}`)
		require.Equal(t, []any{"9997.25", "10002.5", "0.25", "2.5"},
			[]any{sent.At(t, "fromCredit"), sent.At(t, "toCredit"), sent.At(t, "fees"), sent.At(t, "amount")})
		info := w.PayGram("InvoiceInfo", `{"invoiceCode":"`+sent.At(t, "voucherCode").(string)+`"}`)
		require.Equal(t, amount, info.At(t, "amount"))
		require.Equal(t, "0.25", info.At(t, "expectedFee"))
	}
}

// "bankAddress and .beneficiaryAddress are objects […] A bank account is valid with holder's name and (IBAN and BIC) or
// (account and sort code) or (account and routing number); a coin with an address."
func TestWithdrawalGoesSomewhereValid(t *testing.T) {
	t.Parallel()
	w := serve(t, paygram.Options{})
	for method, valid := range map[string]bool{
		`"currencyCode":5,"cryptoAddress":"T"`: true,
		`"currencyCode":5`:                     false,
		`"currencyCode":3,"cryptoAddress":"T"`: false,
		`"currencyCode":3,"beneficiaryAccountFullname":"Ann","bankIban":"DE0","bicSwift":"B"`:              true,
		`"currencyCode":3,"beneficiaryAccountFullname":"Ann","bankAccount":"1","bankSortCode":"2"`:         true,
		`"currencyCode":3,"beneficiaryAccountFullname":"Ann","bankAccount":"1","bankRoutingNumber":"2"`:    true,
		`"currencyCode":3,"beneficiaryAccountFullname":"Ann","bankIban":"DE0"`:                             false,
		`"currencyCode":3,"beneficiaryAccountFullname":"Ann","bankAccount":"1"`:                            false,
		`"currencyCode":3,"bankIban":"DE0","bicSwift":"B"`:                                                 false,
		`"currencyCode":5,"cryptoAddress":"T","bankAddress":{"city":"Berlin","zIP_Postal_Code":"1"}`:       true,
		`"currencyCode":5,"cryptoAddress":"T","beneficiaryAddress":{"buildingNumber":"1","street1":"Way"}`: true,
	} {
		got := w.PayGram("Withdraw", `{"userCliId":"a","amount":1,"withdrawMethod":{`+method+`}}`)
		require.Equal(t, valid, got.At(t, "success"), method)
	}
	got := w.PayGram("Withdraw", `{"userCliId":"a","amount":1,"withdrawMethod":{"currencyCode":5,"cryptoAddress":"T",`+
		`"bankAddress":"Berlin"}}`)
	require.Equal(t, 400, got.Status, "an address is an object")
	require.NotEmpty(t, got.At(t, "traceId"))
	require.Contains(t, got.JSON(t), "errors")
}

// "amountWillReceive is computed by an assignment that also overwrites withdrawnAmount with the fee: believe neither.
// Statuses: 1 requested, 2 completed, 3 cancelled, 5 error, 7 denied, 8 accepted and pending, 100 accepted (internal).
// InvoiceInfo of a withdrawal is type 13 with withdrawMethod and refunded"
func TestWithdrawalsEnds(t *testing.T) {
	t.Parallel()
	for events, want := range map[string]struct {
		status   string
		refunded bool
		balance  string
	}{
		"":                  {"1", false, "9900"},
		"accept":            {"8", false, "9900"},
		"accept, accept":    {"100", false, "9900"},
		"accept, pay":       {"2", false, "9900"},
		"pay":               {"2", false, "9900"},
		"cancel":            {"3", true, "10000"},
		"expire":            {"3", true, "10000"},
		"cancel_unrefunded": {"3", false, "9900"},
		"decline":           {"7", true, "10000"},
		"error":             {"5", false, "9900"},
	} {
		w := serve(t, paygram.Options{})
		out := w.PayGram("Withdraw", usdtOut)
		require.Equal(t, []any{"1", "1", "1"},
			[]any{out.At(t, "expectedFee"), out.At(t, "withdrawnAmount"), out.At(t, "amountWillReceive")})
		for event := range strings.SplitSeq(events, ", ") {
			if event == "" {
				continue
			}
			require.NoError(t, w.Drive("paygram", "w1", event, ""))
		}
		info := w.PayGram("InvoiceInfo", `{"invoiceCode":"`+out.At(t, "invoiceCode").(string)+`"}`)
		require.Equal(t, []any{"13", want.status, want.refunded, "TAddress"}, []any{
			info.At(t, "type"), info.At(t, "status"), info.At(t, "refunded"), info.At(t, "withdrawMethod", "cryptoAddress"),
		}, events)
		require.Equal(t, want.balance, w.PayGramBalance("a", "5"), events)
		require.Equal(t, !want.refunded, w.Ledger("paygram")[0].MovedMoney, events)
	}
	w := serve(t, paygram.Options{RightWithdrawnAmounts: true, UnpaidWithdrawals: true})
	out := w.PayGram("Withdraw", usdtOut)
	require.Equal(t, []any{"100", "99"}, []any{out.At(t, "withdrawnAmount"), out.At(t, "amountWillReceive")})
	require.ErrorIs(t, w.Drive("paygram", "w1", "underpay", ""), sandbox.ErrRefused)
	require.ErrorIs(t, w.Drive("paygram", "w1", "pay_late", ""), sandbox.ErrRefused)
	require.NoError(t, w.Drive("paygram", "w1", "pay", ""))
	info := w.PayGram("InvoiceInfo", `{"invoiceCode":"`+out.At(t, "invoiceCode").(string)+`"}`)
	require.Equal(t, []any{"2", false}, []any{info.At(t, "status"), info.At(t, "isPaid")})
}

// "Invoice also has friendlyVoucherCode, invoiceBusinessType; callbackData, fromUser, toUser, originatingUser are
// filled only for whom they concern. PayInvoice answers the invoice's callbackData, which is not the run's own."
func TestInvoiceShowsEachWhatConcernsThem(t *testing.T) {
	t.Parallel()
	w := serve(t, paygram.Options{})
	code := w.PayGram("IssueInvoice", sandboxtest.PayGramInvoice).At(t, "invoiceCode").(string)
	own := w.PayGram("InvoiceInfo", `{"userCliId":"tmloader","invoiceCode":"`+code+`"}`)
	require.Equal(t, "3", own.At(t, "invoiceBusinessType"))
	require.NotEmpty(t, own.At(t, "friendlyVoucherCode"))
	asia := w.Do("POST", "/paygram/"+sandbox.DefaultCredentials().PayGramAsia+"/InvoiceInfo", sandboxtest.JSONHeader(),
		`{"invoiceCode":"`+code+`"}`)
	require.Equal(t, "4", asia.At(t, "status"))
	for _, member := range []string{"callbackData", "fromUser", "toUser", "originatingUser"} {
		require.Nil(t, asia.At(t, member), member)
	}
	paid := w.PayGram("PayInvoice", `{"userCliId":"tmloader","callbackData":"run","invoiceCode":"`+code+`"}`)
	require.Equal(t, own.At(t, "callbackData"), paid.At(t, "callbackData"))
}

// "Callbacks and GetUpdates carry the same object: Id (int) […] WithdrawInfo = that + {Info {[…], WithdrawId (guid),
// […]} […] Written with default values left out […] InvoiceInfo here has no status, amount or isPaid: ask InvoiceInfo."
func TestCallbacksAndUpdatesAreOneObject(t *testing.T) {
	t.Parallel()
	w := serve(t, paygram.Options{PascalCaseUpdates: true})
	in := sandboxtest.Receive(t)
	w.PayGram("UserInfo", `{"userCliId":"b"}`)
	w.PayGram("SetUserInfo", `{"userCliId":"a","callbackUrl":"`+in.URL+`"}`)
	require.NoError(t, w.Fund("paygram", "paygram-eu/a", "USDT", "10000"))
	var bodies []string
	next := func() sandboxtest.Reply {
		_, body := in.Next(t)
		bodies = append(bodies, body)
		return sandboxtest.Reply{Text: body}
	}

	code := w.PayGram("IssueInvoice", `{"userCliId":"a","currencyCode":5,"amount":1,"callbackData":"i"}`).At(t,
		"invoiceCode").(string)
	require.NoError(t, w.Drive("paygram", code, "pay", ""))
	paid := next()
	require.Equal(t, []any{"1", "2", code, "5", "1"}, []any{
		paid.At(t, "Id"), paid.At(t, "CallbackType"), paid.At(t, "InvoiceInfo", "InvoiceCode"),
		paid.At(t, "InvoiceInfo", "Currency"), paid.At(t, "InvoiceInfo", "TransactionAmount"),
	})
	for _, member := range []string{"Status", "Amount", "IsPaid"} {
		require.NotContains(t, paid.At(t, "InvoiceInfo"), member)
	}
	require.NotContains(t, paid.At(t, "InvoiceInfo"), "Fees", "a default value")

	out := w.PayGram("Withdraw", usdtOut).At(t, "invoiceCode")
	require.NoError(t, w.Drive("paygram", "w1", "pay", ""))
	left := next()
	require.Equal(t, []any{"1", "TAddress", out, "2", "99"}, []any{
		left.At(t, "CallbackType"), left.At(t, "WithdrawInfo", "Info", "WithdrawMethod", "CryptoAddress"),
		left.At(t, "WithdrawInfo", "Info", "WithdrawId"),
		left.At(t, "WithdrawInfo", "Info", "Status"), left.At(t, "WithdrawInfo", "AdminResponse", "AmountSent"),
	})

	sent := w.PayGram("TransferCredit",
		`{"userCliId":"a","currencyCode":5,"amount":1,"toUserCliId":"b","callbackData":"t"}`).At(t, "voucherCode")
	moved := next()
	require.Equal(t, []any{"4", sent, "b", "-1"}, []any{
		moved.At(t, "CallbackType"), moved.At(t, "MoneySentInfo", "VoucherCode"),
		moved.At(t, "MoneySentInfo", "UserCliToId"), moved.At(t, "MoneySentInfo", "TransactionAmount"),
	})
	require.NotContains(t, moved.At(t, "MoneySentInfo"), "RedeemUrl")

	w.PayGram("TopUp", `{"userCliId":"a","currencyCode":5,"amount":100,"callbackData":"d"}`)
	require.NoError(t, w.Drive("paygram", "d", "pay", "50"))
	arrived := next()
	require.NotContains(t, arrived.JSON(t), "CallbackType", "0 is a default value")
	require.Equal(t, "49.5", arrived.At(t, "BalanceInfo", "TransactionAmount"))

	updates := w.PayGram("GetUpdates", `{"userCliId":"a"}`)
	require.Contains(t, updates.Text, `"updates":[`+strings.Join(bodies, ",")+`]`)
	require.NoError(t, w.Configure("paygram", []byte(`{"pascal_case_updates":false,"camel_case_callbacks":true}`)))
	w.PayGram("MarkUpdatesError", `{"updateIds":[2]}`)
	again := w.PayGram("GetUpdates", `{"userCliId":"a"}`)
	require.Equal(t, out, again.At(t, "updates", 0, "withdrawInfo", "info", "withdrawId"))
	w.PayGram("UserCallback", `{"userCliId":"a"}`)
	require.Equal(t, sent, next().At(t, "moneySentInfo", "voucherCode"))
}

// "Newer answers also carry responseCode […]; for a short time 200/500/550/551 were values of type"
func TestEveryAnswerHasAResponseCode(t *testing.T) {
	t.Parallel()
	w := serve(t, paygram.Options{})
	require.Equal(t, "200", w.PayGram("UserInfo", `{}`).At(t, "responseCode"))
	require.Equal(t, "553", w.PayGram("InvoiceInfo", `{}`).At(t, "responseCode"))
	require.NoError(t, w.Configure("paygram", []byte(`{"codes_in_type":true}`)))
	require.Equal(t, `{"message":"Invalid amount","type":500,"success":false}`,
		w.PayGram("IssueInvoice", `{"currencyCode":5,"amount":0}`).Text)
}

// The payer's acts, with an amount in the invoice's own currency. An invoice has no expired status.
func TestPayersActs(t *testing.T) {
	t.Parallel()
	for act, want := range map[string][]any{
		"pay": {"2", "49.90", true}, "underpay": {"2", "24.95", true}, "overpay": {"2", "99.8", true},
		"pay 40": {"2", "40", true}, "underpay 1.5": {"2", "1.5", true}, "overpay 50": {"2", "50", true},
		"expire": {"3", "49.90", false}, "decline": {"7", "49.90", false}, "pay_late 7": {"4", "7", true},
	} {
		w := serve(t, paygram.Options{})
		code := w.PayGram("IssueInvoice", `{"currencyCode":3,"amount":49.90}`).At(t, "invoiceCode").(string)
		event, amount, _ := strings.Cut(act, " ")
		require.NoError(t, w.Drive("paygram", code, event, amount))
		info := w.PayGram("InvoiceInfo", `{"invoiceCode":"`+code+`"}`)
		require.Equal(t, want, []any{info.At(t, "status"), info.At(t, "amount"), info.At(t, "isPaid")}, act)
	}
}
