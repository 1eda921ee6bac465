package main

import (
	"strings"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

// funds is how much of what a payer was asked for has come in.
type funds uint8

const (
	fundsNone funds = iota
	fundsShort
	fundsFull
	fundsOver
)

// situation is what of a payment decides its status. state is the transaction's status, empty while the payer has not
// chosen a wallet.
type situation struct {
	state string
	funds funds
}

// reading is what a situation means.
type reading struct {
	status abi.Status
	// late is the status after the payment's expiry, where it differs.
	late  abi.Status
	alert string
}

// readings maps Cryptogram's statuses. That something was completed counts for nothing without the money.
var readings = map[situation]reading{ //nolint:gochecknoglobals // a table
	{"", fundsNone}: {status: abi.Status_STATUS_REQUIRES_ACTION, late: abi.Status_STATUS_EXPIRED},

	// Coins may still be on their way to the address of an expired payment, until Cryptogram cancels it.
	{"pending", fundsNone}:  {status: abi.Status_STATUS_REQUIRES_ACTION, late: abi.Status_STATUS_PROCESSING},
	{"pending", fundsShort}: {status: abi.Status_STATUS_PROCESSING},
	{"pending", fundsFull}:  {status: abi.Status_STATUS_PROCESSING},
	{"pending", fundsOver}:  {status: abi.Status_STATUS_PROCESSING},

	{"completed", fundsNone}: {status: abi.Status_STATUS_PROCESSING, alert: "completed, but nothing was received"},
	{"completed", fundsShort}: {
		status: abi.Status_STATUS_PROCESSING,
		alert:  "completed, but less was received than asked for",
	},
	{"completed", fundsFull}: {status: abi.Status_STATUS_SUCCEEDED},
	{"completed", fundsOver}: {status: abi.Status_STATUS_SUCCEEDED, alert: "more was received than asked for"},

	// What was received goes with it: the host decides what a payment is that was canceled with money in it.
	{"canceled", fundsNone}:  {status: abi.Status_STATUS_CANCELED},
	{"canceled", fundsShort}: {status: abi.Status_STATUS_CANCELED},
	{"canceled", fundsFull}:  {status: abi.Status_STATUS_CANCELED},
	{"canceled", fundsOver}:  {status: abi.Status_STATUS_CANCELED},
}

// assess is what a payment's state means at a time, in Unix milliseconds. Within the grace after its expiry it is
// waited for, but no one is sent to pay it.
func assess(p payment, now, grace int64) reading {
	found, known := readings[situation{p.transaction.status, p.transaction.funds()}]
	if !known {
		return reading{
			status: abi.Status_STATUS_UNKNOWN,
			alert:  "Cryptogram reports a status that its document does not have",
		}
	}
	if found.status == abi.Status_STATUS_CANCELED && p.transaction.received.Sign() > 0 && p.transaction.money() == nil {
		// What was received cannot be named, and so not be reported: the payment is kept open.
		return reading{status: abi.Status_STATUS_PROCESSING, alert: "canceled, but something was received"}
	}
	switch {
	case p.expires == 0 || now < p.expires || found.late == abi.Status_STATUS_UNSPECIFIED:
	case now < p.expires+grace:
		found.status = abi.Status_STATUS_PROCESSING
	default:
		found.status = found.late
	}
	return found
}

// nextAction is what the payer has to do about a payment that requires it: pay to the address once there is one, else
// go to the page. It is nil where the answer has neither: what the payer was to do before stands.
func nextAction(p payment) *abi.NextAction {
	t := p.transaction
	for _, one := range wallets {
		if strings.EqualFold(one.name, t.wallet) && one.owns(t.address) && t.value.Sign() > 0 {
			return guest.PayTo(t.address, one.network, guest.Money(t.value.String(), one.ticker), "")
		}
	}
	if p.url == "" {
		return nil
	}
	return guest.RedirectTo(p.url)
}
