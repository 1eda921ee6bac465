package paygram

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// The names of PayGram's enums, by their numbers. A number without a name here has none at PayGram.
//
//nolint:gochecknoglobals // tables
var (
	currencies = map[int]string{
		1: "BTC", 2: "ETH", 3: "EUR", 4: "USD", 5: "USDT", 7: "AED", 8: "LTC", 9: "XMR", 10: "XRP", 11: "PHPT",
		12: "CNY", 13: "PHP", 14: "VND", 15: "GBP", 16: "BNB", 17: "TRX", 18: "USDC", 19: "FTN",
	}
	networks = map[int]string{0: "Standard", 1: "ERC20", 2: "TRC20", 3: "BEP20", 4: "FNT20"}
	statuses = map[int]string{
		invoiceRequested: "Requested", invoiceCompleted: "Completed", invoiceCancelled: "Cancelled",
		invoiceOngoing: "OnGoing", invoiceError: "Error", invoiceDenied: "Denied",
		invoiceAccepted: "AcceptedPendingTransfer",
	}
	entryTypes = map[int]string{
		0: "None", entryDeposit: "Deposit", entryWithdrawal: "Withdrawal", entryRefund: "WithdrawalRefund",
		entrySent: "OutgoingTransfer", entrySentDirectly: "OutgoingDirectTransfer",
		entryReceived: "IncomingTransfer", entryReceivedDirectly: "IncomingDirectTransfer",
		entrySold: "ChangeSell", entryBought: "ChangeBuy", 10: "Fee", 11: "Other",
	}
	callbackTypes = map[int]string{
		balanceChanged: "BalanceInfo", withdrawChanged: "WithdrawInfo", invoiceCredited: "InvoiceInfo",
		3: "CallbackInfo", moneySent: "MoneySent", invoiceDebited: "InvoiceDebited",
	}
	codeNames = map[int]string{
		codeOK: "ResponseOK", codeFailed: "ResponseGenericError", codeUpdating: "ResponseServerUpdating",
		codeDuplicate: "ResponseUniqueRequestViolation", codeAuth: "AuthError", codeNotFound: "NotFound",
		codeNoFunds: "NotEnoughFunds",
	}
	typeNames = map[int]string{
		typeUnnamed: "Unknown", typeClientInfo: "ResponseClientInfo", typeSetCallbackAPI: "ResponseSetCallbackApi",
		typeCreateClient: "ResponseCreateClient", typeInvoiceInfo: "ResponseInvoiceInfo",
		typeReceived: "ResponseTopUpReceived", typeTransfer: "ResponseTransferCredit",
		typeWithdrawUpdated: "ResponseWithdrawUpdated", typeUserInfo: "ResponseUserInfo",
		typeWithdraw: "ResponseWithdrawAccepted", typeWithdrawInfo: "ResponseInvoiceWithdrawInfo",
		typeIssueInvoice: "ResponseIssueInvoice", typeTopUpAddress: "ResponseTopUpCryptapi",
		typeCirculating: "ResponseCirculatingCoins", typeRates: "ResponseGetExchangeRates",
		typeSwap: "ResponseSwap", typeStatement: "ResponseStatement", typeEnvelope: "ResponseCreateRedEnvelope",
		typeSimplex: "ResponseSimplex", typeEnvelopeRedeem: "ResponseRedeemRedEnvelope",
		typeEnvelopeInfo: "ResponseRedEnvelopeInvoiceInfo", typeP2PGroups: "ResponseP2PGroupList",
		typeSetP2PGroup: "ResponseSetP2PGroup", typeSetBusiness: "ResponseSetBusiness",
		typeBusinesses: "ResponseGetBusiness", typeInvoices: "ResponseGetInvoices",
	}
)

// enum is an enum's value, in a number or by its name.
type enum struct {
	number int
	name   string // empty for a number
}

// enum is a value as the options have it written.
func (p *provider) enum(names map[int]string, number int) enum {
	if p.options.EnumNames {
		return enum{number, names[number]}
	}
	return enum{number: number}
}

// IsZero reports an enum's default value.
func (e enum) IsZero() bool { return e.number == 0 }

// MarshalJSON writes 5 or "USDT".
func (e enum) MarshalJSON() ([]byte, error) {
	if e.name != "" {
		return []byte(strconv.Quote(e.name)), nil
	}
	return strconv.AppendInt(nil, int64(e.number), 10), nil
}

// coin is a currency in a request, network a chain, and status an invoice's: numbers or names, in any case.
type (
	coin    int
	network int
	status  int
)

func (c *coin) UnmarshalJSON(text []byte) error    { return readEnum(text, currencies, (*int)(c)) }
func (n *network) UnmarshalJSON(text []byte) error { return readEnum(text, networks, (*int)(n)) }
func (s *status) UnmarshalJSON(text []byte) error  { return readEnum(text, statuses, (*int)(s)) }

func readEnum(text []byte, names map[int]string, into *int) error {
	if string(text) == "null" {
		return nil
	}
	var name string
	if json.Unmarshal(text, &name) != nil {
		return json.Unmarshal(text, into)
	}
	for number, known := range names {
		if strings.EqualFold(known, name) {
			*into = number
			return nil
		}
	}
	return fmt.Errorf("no such value of an enum: %q", name)
}
