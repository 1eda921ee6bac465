// Package main is the Exchanger plugin: it decides how an exchange order at a Premium Exchanger site takes a payment.
//
// The payer gives one currency to the site, and the site sends another one to the merchant's account. The files are
// chapters: manifest.go declares what the plugin can do, failure.go what refusals mean, settings.go reads an account,
// envelope.go the form that every answer comes in, create.go makes an order in steps, bid.go and status.go read one,
// quote.go prices one, surplus.go what an order has beyond its amount, lookup.go finds one, act.go cancels and
// confirms, callback.go reads what the site reports. payout.go pays the partner's balance out. form.go and native.go
// pass the API's own methods through, which direction.go, bid.go and partner.go have tables of; rate.go and
// statement.go read what the account itself is asked for. plain.go turns the site's numbers and HTML into text.
package main

import (
	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

func init() { guest.Register(connector{}) }

// connector is the integration. It keeps no state.
type connector struct{}

// reply is one answer of the site, with the call that it is for.
type reply struct {
	call    *abi.Call
	account settings
	// What the stage left for itself: a bid's or direction's id, an offset.
	note   string
	answer envelope
}

// Stages of a call. A step's state is its stage's letter and the stage's note.
const (
	stageNative     = 'n'
	stageDirections = 'd'
	stageCalc       = 'c' // note: the direction's id
	stageQuote      = 'q' // note: the direction's id
	stageBid        = 'b' // note: what the calculator stated that the payer gives, commission included
	stageInfo       = 'i' // note: the bid's id
	stageListed     = 'l' // note: the bid's id
	stagePage       = 'p' // note: the page's offset
	stageCheck      = 'k' // note: the bid's id
	stageAct        = 'a' // note: the bid's id
	stageActed      = 'A' // note: the bid's id
	stageProofPair  = 'P' // note: the order's description
	stageProof      = 'Q' // note: the order's description
	stageBalance    = 'w'
	stagePaidOut    = 'o'
	stagePayout     = 'y' // note: the payout's id
	stageBalances   = 'B'
	stageNoPartner  = 'N'
	stageCatalog    = 'C'
	stageRate       = 'R' // note: the walk
	stageStatement  = 'S'
)

// preparers are the operations of a payment's life.
//
//nolint:gochecknoglobals // the dispatch table
var preparers = map[string]func(call *abi.Call, account settings) (*abi.Step, error){
	opCreateBid: prepareCreate,
	opGetCalc:   prepareQuote,
	opBidInfo:   prepareLookup,
	opCancelBid: prepareAct,
	opPayBid:    prepareAct,

	opAddPartnerPayout:  preparePayout,
	opGetPartnerPayouts: preparePayoutLookup,
}

// answerers are the operations that the account itself is asked by.
//
//nolint:gochecknoglobals // the dispatch table
var answerers = map[string]func(call *abi.Call, account settings) (*abi.Step, error){
	opGetPartnerInfo: prepareBalances,
	opGetDirection:   prepareRates,
	opGetExchanges:   prepareStatement,
	opGetDirections:  prepareCatalog,
	opGetCurrencies:  prepareCatalog,
}

// stages are what reads the answer to each stage's request.
var stages = map[byte]func(t reply) (*abi.Step, error){ //nolint:gochecknoglobals // the dispatch table
	stageNative:     readNative,
	stageDirections: readDirections,
	stageCalc:       readCalc,
	stageQuote:      readQuote,
	stageBid:        readBid,
	stageInfo:       readInfo,
	stageListed:     readListed,
	stagePage:       readPage,
	stageCheck:      readCheck,
	stageAct:        readAct,
	stageActed:      readActed,
	stageProofPair:  readProofPair,
	stageProof:      readProof,
	stageBalance:    readBalance,
	stagePaidOut:    readPaidOut,
	stagePayout:     readPayout,
	stageBalances:   readBalances,
	stageNoPartner:  readNoPartner,
	stageCatalog:    readCatalog,
	stageRate:       readRate,
	stageStatement:  readStatement,
}

func (connector) Describe() *abi.Manifest { return manifest() }

func (connector) Prepare(call *abi.Call) (*abi.Step, error) {
	method := methods.Find(call.GetOperation())
	if method == nil {
		return nil, guest.UnknownOperation(call.GetOperation())
	}
	account, err := readSettings(call.GetSettings())
	if err != nil {
		return nil, err
	}
	if prepare := preparers[call.GetOperation()]; prepare != nil && call.GetPayment() != nil {
		return prepare(call, account)
	}
	if prepare := answerers[call.GetOperation()]; prepare != nil && call.GetQuery() != nil {
		return prepare(call, account)
	}
	return prepareNative(call, account, method), nil
}

func (connector) Interpret(call *abi.Call, state []byte, response *abi.HttpResponse) (*abi.Step, error) {
	if methods.Find(call.GetOperation()) == nil {
		return nil, guest.UnknownOperation(call.GetOperation())
	}
	if len(state) == 0 || stages[state[0]] == nil {
		return nil, brokenState()
	}
	account, err := readSettings(call.GetSettings())
	if err != nil {
		return nil, err
	}
	answer, end := readEnvelope(response)
	if end != nil {
		return end, nil
	}
	return stages[state[0]](reply{call: call, account: account, note: string(state[1:]), answer: answer})
}

func (connector) Receive(callback *abi.Callback) (*abi.Receipt, error) { return receive(callback), nil }
