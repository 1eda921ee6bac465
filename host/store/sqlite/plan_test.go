package sqlite

import (
	"time"

	"payrouter/host/payment"
)

type listPlan struct {
	filter payment.Filter
	index  string
}

func listPlans() map[string]listPlan {
	at := time.UnixMilli(1_772_366_400_000)
	return map[string]listPlan{
		"everybody's":             {payment.Filter{}, "sqlite_autoindex_payment_1"},
		"a merchant's":            {payment.Filter{Merchant: "shop"}, "payment_of_merchant"},
		"a merchant's, next page": {payment.Filter{Merchant: "shop", Before: "pay_1"}, "payment_of_merchant"},
		"a merchant's, by time":   {payment.Filter{Merchant: "shop", From: at, Until: at}, "payment_of_merchant"},
		"by reference":            {payment.Filter{Merchant: "shop", Reference: "order-1"}, "payment_by_reference"},
		"by provider":             {payment.Filter{Provider: "payplay"}, "payment_at_provider"},
		"by status":               {payment.Filter{Status: []payment.Status{payment.Unknown}}, "payment_by_status"},
	}
}
