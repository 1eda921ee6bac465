package main

import (
	"slices"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

// partnerMethods are about the API user as a partner of the site: whom it has sent there, and what it has earned by
// that.
//
//nolint:gochecknoglobals // a table
var partnerMethods = []native{
	{
		name: opGetPartnerInfo, summary: "Read the partner's balance, and how it can be paid out.",
		class: safe, documented: partial,
		members: []field{
			{name: "partner_id"},
			{name: "balance", form: sum, must: true},
			{name: "min_payout", form: sum},
			{
				name: "items",
				note: "The currencies for payout: id, title, comission (the sites' spelling) and amount, the balance " +
					"in that currency.",
			},
		},
	},
	{
		name: opGetPartnerLinks, summary: "List who came by the partner's links.",
		class: safe, documented: partial, gives: itemList,
		takes: []field{startField, endField, ipField, limitField, offsetField},
		members: []field{
			{name: "time", note: "Unix time in seconds."},
			{name: "date", note: "The same, in the site's local time."},
			{name: "browser"},
			{name: "ip"},
			{name: "referrer", note: "Where the visitor came from."},
			{name: "user_hash"},
			{name: "query_string"},
		},
	},
	{
		name: opGetPartnerExchanges, summary: "List the orders that the partner has a share of.",
		class: safe, documented: partial, gives: itemList,
		takes: []field{startField, endField, ipField, idField, historyField, limitField, offsetField},
		members: slices.Concat(exchangeMembers, []field{
			{name: "accrued", note: "1 where the reward is on the balance."},
			{name: "partner_reward", form: sum, note: "In the currency of the partner's balance."},
		}),
	},
	{
		name: opGetPartnerPayouts, summary: "List the partner's requests for a payout.",
		class: safe, documented: partial, gives: itemList,
		takes: []field{startField, endField, idField, limitField, offsetField},
		members: []field{
			{name: "id"},
			{name: "time", note: "Unix time in seconds."},
			{name: "date", note: "The same, in the site's local time."},
			{name: "method_id"},
			{name: "account"},
			{name: "pay_amount", form: sum, note: "What is paid, in pay_currency_code."},
			{name: "pay_currency_code"},
			{name: "original_amount", form: sum, note: "What left the balance, in original_currency_code."},
			{name: "original_currency_code"},
			{name: "status", note: "0 pending, 1 paid out, 2 cancelled."},
		},
	},
	{
		name: opAddPartnerPayout,
		summary: "Ask for the whole balance of the partner to be paid out: it takes no amount. No look-up finds " +
			"one whose answer was lost.",
		// It moves all there is, and nothing in it tells one request from another.
		class: risky, documented: partial,
		takes: []field{
			{name: "method_id", form: whole, must: true, note: "One of the items of get_partner_info."},
			{name: "account", must: true, note: "Where the money goes."},
		},
		members: []field{{name: "payout_id", must: true}},
	},
}

// prepareBalances asks for the partner's balance, the only one that an account at such a site has.
func prepareBalances(call *abi.Call, account settings) (*abi.Step, error) {
	if account.partnerCurrency == "" {
		return guest.Reject("unsupported", "",
			"partner_currency is not set, and the site does not say what its balance is in"), nil
	}
	return post(call, account, opGetPartnerInfo, new(guest.Form), stageBalances, ""), nil
}

func readBalances(t turn) (*abi.Step, error) {
	if t.answer.failed() {
		return refusal(t.answer), nil
	}
	if why := nativeOf(opGetPartnerInfo).unlike(t.answer.data); why != "" {
		return guest.Unreadable(why), nil
	}
	balance, ok := number(t.answer.data.Get("balance"))
	if !ok {
		return guest.Unreadable("the balance is no amount"), nil
	}
	return t.answered(&abi.Outcome{Balances: []*abi.Balance{{
		Available: guest.Money(balance.String(), t.account.partnerCurrency), Wallet: "partner",
	}}}), nil
}
