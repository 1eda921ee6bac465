// Command payplay is the plugin for PayPlay, where a payer settles an order in a cryptocurrency on a hosted page, and a
// merchant withdraws coins. It hides PayPlay's private API: its orders and transactions, their statuses, its refusals.
package main

import (
	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

func init() { guest.Register(connector{}) }

// connector is the integration. It keeps no state.
type connector struct{}

// The operations. Those that PayPlay's document has, and those that the vendor shows elsewhere, are named after the
// headings.
const (
	createOrder       = "CreateCryptoOrder"
	createTopup       = "CreateCryptoTopup"
	completeOrder     = "CompleteCryptoOrder"
	showCryptoOrder   = "ShowCryptoOrderDetails"
	showOrder         = "ShowOrderDetails"
	showOrders        = "ShowOrdersList"
	showOrderStatuses = "OrderStatusesList"
	refundOrder       = "RefundOrder"
	showTransaction   = "ShowTransactionDetails"
	showTransactions  = "ShowTransactionsList"
	accountBalance    = "AccountBalance"
	getRates          = "Rates"
	getExchangeRate   = "ExchangeRates"
	withdraw          = "Withdrawal"
	showFees          = "ShowWithdrawalFees"

	showBalance       = "ShowBalance"
	postBalance       = "PostBalance"
	orderCurrencies   = "CryptoOrderTargetCurrencies"
	topupCurrencies   = "CryptoTopupTargetCurrencies"
	convertCurrencies = "ConvertWithdrawalCurrencies"
	convertWithdrawal = "CreateConvertWithdrawal"
	instantConversion = "InstantConvertWithdrawal"
	refreshConvert    = "RefreshConvertWithdrawal"
	confirmConvert    = "ConfirmConvertWithdrawal"
)

// operation is how a call becomes a request, and an answer of PayPlay's (HTTP 200 or 201) the next step.
type operation struct {
	prepare   func(call *abi.Call, account settings) *abi.Step
	interpret func(call *abi.Call, account settings, state []byte, body []byte) *abi.Step
}

var operations = map[string]operation{ //nolint:gochecknoglobals // the dispatch table
	createOrder:       {prepareCreate, interpretCreated},
	createTopup:       {prepareTopup, interpretTopup},
	completeOrder:     {prepareComplete, interpretOrder},
	showCryptoOrder:   {prepareShowCryptoOrder, interpretOrder},
	showOrder:         {prepareShowOrder, interpretShownOrder},
	showOrders:        {prepareShowOrders, interpretOrders},
	showOrderStatuses: {prepareOrderStatuses, interpretPlain},
	refundOrder:       {prepareRefund, interpretRefund},
	showTransaction:   {prepareShowTransaction, interpretShownTransaction},
	showTransactions:  {prepareTransactions, interpretTransactions},
	accountBalance:    {prepareBalance, interpretBalance},
	getRates:          {prepareRates, interpretRates},
	getExchangeRate:   {prepareExchangeRate, interpretExchangeRate},
	withdraw:          {prepareWithdraw, interpretWithdrawn},
	showFees:          {prepareFees, interpretFees},
	showBalance:       {prepareShowBalance, interpretShownBalance},
	postBalance:       {preparePostBalance, interpretShownBalance},
	orderCurrencies:   {prepareList(orderCurrenciesPath), interpretPlain},
	topupCurrencies:   {prepareList(topupCurrenciesPath), interpretPlain},
	convertCurrencies: {prepareList(convertPath + "/currencies"), interpretAnyList},
	convertWithdrawal: {prepareConversion(convertPath), interpretConversion},
	instantConversion: {prepareConversion(convertPath + "/instant"), interpretConversion},
	refreshConvert:    {prepareConversionAct("/refresh"), interpretConversion},
	confirmConvert:    {prepareConversionAct("/confirm"), interpretConversion},
}

func (connector) Describe() *abi.Manifest {
	return manifest()
}

func (connector) Prepare(call *abi.Call) (*abi.Step, error) {
	chosen, account, err := chosen(call)
	if err != nil {
		return nil, err
	}
	if isNative(call) {
		if refusal := methods.Find(call.GetOperation()).Reject(inputOf(call)); refusal != nil {
			return refusal, nil
		}
	}
	return chosen.prepare(call, account), nil
}

func (connector) Interpret(call *abi.Call, state []byte, response *abi.HttpResponse) (*abi.Step, error) {
	chosen, account, err := chosen(call)
	if err != nil {
		return nil, err
	}
	if skipped := withoutRate(call, state, response); skipped != nil {
		return skipped, nil
	}
	if response.GetStatus() != 200 && response.GetStatus() != 201 {
		return refused(call.GetOperation(), response), nil
	}
	return chosen.interpret(call, account, state, response.GetBody()), nil
}

func (connector) Receive(callback *abi.Callback) (*abi.Receipt, error) {
	account, err := readSettings(callback.GetSettings())
	if err != nil {
		return nil, err
	}
	return receive(callback, account), nil
}

func chosen(call *abi.Call) (operation, settings, error) {
	found, known := operations[call.GetOperation()]
	if !known {
		return operation{}, settings{}, guest.UnknownOperation(call.GetOperation())
	}
	account, err := readSettings(call.GetSettings())
	return found, account, err
}
