package sandbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"payrouter/host/sandbox/simulator"
)

// A form is another way to write an answer that leaves what it decides: the kinds FaultMark, FaultNulls, FaultNames and
// FaultLists. Which members may change is in optional and named; it is not read from any plugin.

// optional are the members that an answer only shows, or may leave out, by provider and the provider's name of the
// call: none of them is the object's id, its status, its amount with the currency, or a reference. A * is each element
// of a list.
//
//nolint:gochecknoglobals // a table
var optional = map[string]map[string][]string{
	PayGram: {
		"IssueInvoice": paygramShown, "InvoiceInfo": paygramShown, "PayInvoice": paygramShown,
		"RedeemInvoice":  {"newBalance"},
		"Withdraw":       {"newBalance", "expectedFee", "amountWillReceive"},
		"TransferCredit": {"fromCredit", "friendlyVoucherCode", "redeemUrl"},
		"GetInvoices":    {"invoices.*.friendlyVoucherCode"},
		"GetStatement":   {"statementEntries.*.recallable", "statementEntries.*.invoice.friendlyVoucherCode", "results"},
	},
	Cryptogram: {"create": cryptogramShown, "get": cryptogramShown, "update": cryptogramShown},
	PayPlay: {
		"create_order": beneath("order", payplayShown), "get_order": beneath("order", payplayShown),
		"complete_order": beneath("order", payplayShown), "create_topup": beneath("order", payplayShown),
		"list_orders":     beneath("orders.*", payplayShown),
		"get_transaction": beneath("transaction", payplayTransactionShown),
		"withdraw":        append(beneath("transactions.*", payplayTransactionShown), "request_id"),
	},
	Exchanger: {
		"create_bid": beneath("data", exchangerShown), "bid_info": beneath("data", exchangerShown),
		"get_calc": beneath("data", []string{"reserve", "course_give", "course_get"}),
	},
	Paygrt: {
		"recharge": beneath("data", []string{"operator_id", "message", "remaining_balance"}),
		"status":   beneath("data", []string{"operator_id"}),
	},
}

//nolint:gochecknoglobals // parts of a table
var (
	paygramShown = []string{
		"lastEventUtc", "createdUtc", "fromUser", "toUser", "originatingUser", "invoiceType",
	}
	cryptogramShown = []string{
		"title", "description", "message", "created_at", "updated_at", "transaction.created_at", "transaction.updated_at",
		"transaction.completed_at", "transaction.canceled_at",
	}
	payplayShown = []string{
		"order_number", "expected_amount", "exchange_rate", "clean_exchange_rate", "is_internal", "deposited_currency",
		"created_at", "completed_at", "successful_link", "failure_link",
	}
	payplayTransactionShown = []string{"type", "hash", "is_internal", "created_at", "completed_at", "explorer_link"}
	exchangerShown          = []string{"status_title", "psys_give", "psys_get", "course_give", "course_get"}
)

func beneath(object string, members []string) []string {
	paths := make([]string, len(members))
	for i, member := range members {
		paths[i] = object + "." + member
	}
	return paths
}

// named are the members that are numbers of a list of PayGram's, which its server may write by their names. A number
// whose name no source gives stays.
//
//nolint:gochecknoglobals // a table
var named = map[string]map[string]string{
	"status": {
		"1": "Requested", "2": "Completed", "3": "Cancelled", "4": "Ongoing", "5": "Error", "7": "Denied",
	},
	"currencyCode": paygramCurrencies, "currency": paygramCurrencies,
	"entryType": {
		"1": "Deposit", "2": "Withdrawal", "3": "WithdrawalRefund", "4": "OutgoingTransfer",
		"5": "OutgoingDirectTransfer", "6": "IncomingTransfer", "7": "IncomingDirectTransfer",
	},
}

//nolint:gochecknoglobals // a part of a table
var paygramCurrencies = map[string]string{
	"1": "BTC", "2": "ETH", "3": "EUR", "4": "USD", "5": "USDT", "7": "AED", "8": "LTC", "9": "XMR", "10": "XRP",
	"11": "PHPT", "12": "CNY", "13": "PHP", "14": "VND", "15": "GBP", "16": "BNB", "17": "TRX", "18": "USDC", "19": "FTN",
}

// byteOrderMark is UTF-8's.
const byteOrderMark = "\xef\xbb\xbf"

// deliverMarked does not strike a body that is not JSON.
func deliverMarked(_ *site, w http.ResponseWriter, _ *http.Request, _ Fault, a simulator.Answer) bool {
	struck := json.Valid(a.Body)
	if struck {
		a.Body = append([]byte(byteOrderMark), a.Body...)
	}
	a.Write(w)
	return struck
}

// deliverNulls does not strike an answer that shows none of the optional members.
func deliverNulls(s *site, w http.ResponseWriter, _ *http.Request, f Fault, a simulator.Answer) bool {
	return deliverChanged(w, a, func(path string, value any) any {
		if slices.Contains(optional[s.name][f.struckAt], path) {
			return nil
		}
		return value
	})
}

// deliverLists does not strike an answer in which no optional member is an object, or has no value.
func deliverLists(s *site, w http.ResponseWriter, _ *http.Request, f Fault, a simulator.Answer) bool {
	return deliverChanged(w, a, func(path string, value any) any {
		if !slices.Contains(optional[s.name][f.struckAt], path) {
			return value
		}
		switch object := value.(type) {
		case nil:
			return []any{}
		case map[string]any:
			if len(object) == 0 {
				return []any{}
			}
			return []any{object}
		}
		return value
	})
}

// deliverNames does not strike an answer that has no number of a list with names.
func deliverNames(s *site, w http.ResponseWriter, _ *http.Request, _ Fault, a simulator.Answer) bool {
	return deliverChanged(w, a, func(path string, value any) any {
		number, isNumber := value.(json.Number)
		member := path[strings.LastIndexByte(path, '.')+1:]
		if name := named[member][number.String()]; s.name == PayGram && isNumber && name != "" {
			return name
		}
		return value
	})
}

// deliverChanged delivers an answer with other values, and reports whether there are any.
func deliverChanged(w http.ResponseWriter, a simulator.Answer, change func(path string, value any) any) bool {
	body, struck := changed(a.Body, change)
	if struck {
		a.Body = body
	}
	a.Write(w)
	return struck
}

// changed gives a JSON body in which change has replaced values, and whether it replaced any. Numbers keep their
// spelling; members come in the order of their names.
func changed(body []byte, change func(path string, value any) any) (instead []byte, differs bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	var root any
	if decoder.Decode(&root) != nil {
		return body, false
	}
	var visit func(path string, value any) any
	visit = func(path string, value any) any {
		if other := change(path, value); fmt.Sprintf("%T%v", other, other) != fmt.Sprintf("%T%v", value, value) {
			differs = true
			return other
		}
		switch value := value.(type) {
		case map[string]any:
			for name, member := range value {
				value[name] = visit(strings.TrimPrefix(path+"."+name, "."), member)
			}
		case []any:
			for i, element := range value {
				value[i] = visit(path+".*", element)
			}
		}
		return value
	}
	root = visit("", root)
	instead, err := simulator.Marshal(root)
	return instead, differs && err == nil
}
