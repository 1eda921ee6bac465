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
		"everybody's":             {payment.Filter{}, "sqlite_autoindex_owner_1"},
		"a merchant's":            {payment.Filter{Merchant: "shop"}, "payment_of_merchant_by_id"},
		"a merchant's, next page": {payment.Filter{Merchant: "shop", Before: "pay_1"}, "payment_of_merchant_by_id"},
		"a merchant's, by time":   {payment.Filter{Merchant: "shop", From: at, Until: at}, "payment_of_merchant_by_id"},
		"by reference":            {payment.Filter{Merchant: "shop", Reference: "order-1"}, "owner_by_reference"},
		"by provider":             {payment.Filter{Provider: "payplay"}, "sqlite_autoindex_owner_1"},
		"by status":               {payment.Filter{Status: []payment.Status{payment.Unknown}}, "owner_unfinished"},
		"by statuses": {
			payment.Filter{Merchant: "shop", Status: []payment.Status{payment.Unknown, payment.Processing}}, "owner_unfinished",
		},
		"by a terminal status": {payment.Filter{Status: []payment.Status{payment.Failed}}, "sqlite_autoindex_owner_1"},
		"a merchant's, by a terminal status": {
			payment.Filter{Merchant: "shop", Status: []payment.Status{payment.Failed}}, "payment_of_merchant_by_id",
		},
	}
}
