package main

import (
	"strings"

	abi "payrouter/abi/v1"
)

// Statuses of an order that the code speaks of.
const (
	statusAMLError   = "amlerror"
	statusMerchError = "mercherror"
	statusError      = "error"
)

// state is what an order's status means.
type state struct {
	status abi.Status
	alert  string
	// The order has failed, but an operator of the site may yet move it: it is failed for good once it is old enough.
	failsWithAge bool
}

// statuses are the router's words for an order's status.
var statuses = map[string]state{ //nolint:gochecknoglobals // a table
	"new":     {status: abi.Status_STATUS_REQUIRES_ACTION},
	"coldnew": {status: abi.Status_STATUS_REQUIRES_ACTION},
	"techpay": {status: abi.Status_STATUS_REQUIRES_ACTION},

	// The payer states so; the site has not seen the money.
	"payed":       {status: abi.Status_STATUS_PROCESSING},
	"merchwait":   {status: abi.Status_STATUS_PROCESSING},
	"coldpay":     {status: abi.Status_STATUS_PROCESSING},
	"partpay":     {status: abi.Status_STATUS_PROCESSING},
	"realpay":     {status: abi.Status_STATUS_PROCESSING},
	"verify":      {status: abi.Status_STATUS_PROCESSING},
	"amlwait":     {status: abi.Status_STATUS_PROCESSING},
	"coldsuccess": {status: abi.Status_STATUS_PROCESSING},
	"partpayout":  {status: abi.Status_STATUS_PROCESSING},

	// The payer has paid, and the merchant has not been.
	"payouterror": {
		status: abi.Status_STATUS_PROCESSING,
		alert:  "the site could not pay the merchant out (payouterror)",
	},
	"scrpayerror": {
		status: abi.Status_STATUS_PROCESSING,
		alert:  "the site could not pay the merchant out (scrpayerror)",
	},

	statusAMLError: {
		status: abi.Status_STATUS_PROCESSING,
		alert:  "the site holds the payer's money for a check (amlerror)", failsWithAge: true,
	},
	statusMerchError: {
		status: abi.Status_STATUS_PROCESSING,
		alert:  "the site could not take the payer's money (mercherror)", failsWithAge: true,
	},
	statusError: {
		status: abi.Status_STATUS_PROCESSING, alert: "the order went wrong at the site (error)",
		failsWithAge: true,
	},

	"success": {status: abi.Status_STATUS_SUCCEEDED},
	"cancel":  {status: abi.Status_STATUS_CANCELED},
	"delete":  {status: abi.Status_STATUS_CANCELED},
}

// stateOf reads a status, of an order so many milliseconds old.
func stateOf(status string, age, errorFinalAfter int64) state {
	known, found := statuses[strings.ToLower(status)]
	if !found {
		return state{status: abi.Status_STATUS_UNKNOWN, alert: "the site says a status that is not known: " +
			clip(status, 40)}
	}
	if known.failsWithAge && age >= errorFinalAfter {
		known.status = abi.Status_STATUS_FAILED
	}
	return known
}
