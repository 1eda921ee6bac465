package main

import (
	abi "payrouter/abi/v1"
)

// reading is what a status of PayPlay's means.
type reading struct {
	status abi.Status
	alert  string
}

// ended reports whether the order is over without success.
func (r reading) ended() bool {
	return r.status == abi.Status_STATUS_FAILED || r.status == abi.Status_STATUS_CANCELED
}

// situation is what of an order decides its status: PayPlay's, and whether anything was received.
type situation struct {
	status string
	money  bool
}

// orderReadings maps the statuses of the order-statuses list. What was received goes with an order that ended without
// success: the host decides what a payment is that was declined or canceled with money in it.
var orderReadings = map[situation]reading{ //nolint:gochecknoglobals // a table
	{"INIT", false}:                {status: abi.Status_STATUS_REQUIRES_ACTION},
	{"INIT", true}:                 {status: abi.Status_STATUS_PROCESSING},
	{"OPEN", false}:                {status: abi.Status_STATUS_REQUIRES_ACTION},
	{"OPEN", true}:                 {status: abi.Status_STATUS_PROCESSING},
	{"PARTIALLY_FULFILLED", false}: {status: abi.Status_STATUS_PROCESSING, alert: "paid in part"},
	{"PARTIALLY_FULFILLED", true}:  {status: abi.Status_STATUS_PROCESSING, alert: "paid in part"},
	{"COMPLETE", false}:            {status: abi.Status_STATUS_SUCCEEDED},
	{"COMPLETE", true}:             {status: abi.Status_STATUS_SUCCEEDED},
	{"DECLINED", false}:            {status: abi.Status_STATUS_FAILED},
	{"DECLINED", true}:             {status: abi.Status_STATUS_FAILED},
	{"CANCELED", false}:            {status: abi.Status_STATUS_CANCELED},
	{"CANCELED", true}:             {status: abi.Status_STATUS_CANCELED},
	// As transactions' spell it.
	{"CANCELLED", false}: {status: abi.Status_STATUS_CANCELED},
	{"CANCELLED", true}:  {status: abi.Status_STATUS_CANCELED},
}

// readOrderStatus reads a status in capitals.
func readOrderStatus(status string, money bool) reading {
	if found, known := orderReadings[situation{status, money}]; known {
		return found
	}
	return reading{
		status: abi.Status_STATUS_UNKNOWN,
		alert:  "PayPlay reports an order status that its document does not have",
	}
}

// transactionReadings maps transactions' statuses. The document has COMPLETE alone; the rest is from the software that
// PayPlay runs on, where one spelling has two letters L.
var transactionReadings = map[string]reading{ //nolint:gochecknoglobals // a table
	"COMPLETE":           {status: abi.Status_STATUS_SUCCEEDED},
	"PENDING_WITHDRAWAL": {status: abi.Status_STATUS_PROCESSING},
	"CANCELLED":          {status: abi.Status_STATUS_CANCELED},
	"CANCELED":           {status: abi.Status_STATUS_CANCELED},
	"DECLINED":           {status: abi.Status_STATUS_FAILED},
}

// readTransactionStatus reads a status in capitals.
func readTransactionStatus(status string) reading {
	if found, known := transactionReadings[status]; known {
		return found
	}
	return reading{status: abi.Status_STATUS_UNKNOWN, alert: "PayPlay reports a transaction status that is not known"}
}
