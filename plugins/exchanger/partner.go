package main

import (
	"slices"

	"payrouter/abi/guest"
	"payrouter/abi/native"
	abi "payrouter/abi/v1"
)

// partnerMethods are about the API user as a partner of the site: whom it has sent there, and what it has earned by
// that.
//
//nolint:gochecknoglobals // a table
var partnerMethods = []method{
	{
		Name: opGetPartnerInfo, Summary: "Read the partner's balance, and how it can be paid out.",
		Class: safe, Documented: partial,
		Output: native.Fields{
			{Name: "partner_id", Form: &word},
			{Name: "balance", Form: &amount},
			{Name: "min_payout", Form: &amount},
			{
				Name: "items", Form: &word,
				Note: "The currencies for payout: id, title, comission (the sites' spelling) and amount, the balance " +
					"in that currency.",
			},
		},
	},
	{
		Name: opGetPartnerLinks, Summary: "List who came by the partner's links.",
		Class: safe, Documented: partial,
		Paged: true, Extra: wire{data: itemList},
		Input: native.Fields{startField, endField, ipField, limitField, offsetField},
		Output: native.Fields{
			{Name: "time", Form: &word, Note: "Unix time in seconds."},
			{Name: "date", Form: &word, Note: "The same, in the site's local time."},
			{Name: "browser", Form: &word},
			{Name: "ip", Form: &word},
			{Name: "referrer", Form: &word, Note: "Where the visitor came from."},
			{Name: "user_hash", Form: &word},
			{Name: "query_string", Form: &word},
		},
	},
	{
		Name: opGetPartnerExchanges, Summary: "List the orders that the partner has a share of.",
		Class: safe, Documented: partial,
		Paged: true, Extra: wire{data: itemList},
		Input: native.Fields{startField, endField, ipField, idField, historyField, limitField, offsetField},
		Output: slices.Concat(exchangeMembers, native.Fields{
			{Name: "accrued", Form: &word, Note: "1 where the reward is on the balance."},
			{Name: "partner_reward", Form: &amount, Note: "In the currency of the partner's balance."},
		}),
	},
	{
		Name: opGetPartnerPayouts, Summary: "List the partner's requests for a payout.",
		Class: safe, Documented: partial,
		Paged: true, Extra: wire{data: itemList},
		Input: native.Fields{startField, endField, idField, limitField, offsetField},
		Output: native.Fields{
			{Name: "id", Form: &word},
			{Name: "time", Form: &word, Note: "Unix time in seconds."},
			{Name: "date", Form: &word, Note: "The same, in the site's local time."},
			{Name: "method_id", Form: &word},
			{Name: "account", Form: &word},
			{Name: "pay_amount", Form: &amount, Note: "What is paid, in pay_currency_code."},
			{Name: "pay_currency_code", Form: &word},
			{Name: "original_amount", Form: &amount, Note: "What left the balance, in original_currency_code."},
			{Name: "original_currency_code", Form: &word},
			{Name: "status", Form: &word, Note: "0 pending, 1 paid out, 2 cancelled."},
		},
	},
	{
		Name: opAddPartnerPayout,
		Summary: "Ask for the whole balance of the partner to be paid out: it takes no amount. No look-up finds " +
			"one whose answer was lost.",
		// It moves all there is, and nothing in it distinguishes one request from another.
		Class: risky, Documented: partial,
		Final: true,
		Input: native.Fields{
			{Name: "method_id", Form: &digits, Required: true, Note: "One of the items of get_partner_info."},
			{Name: "account", Required: true, Note: "Where the money goes."},
		},
		Output: native.Fields{{Name: "payout_id", Form: &word, Required: true}},
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

func readBalances(t reply) (*abi.Step, error) {
	if t.answer.noPartner() {
		return t.hasNone(), nil
	}
	if t.answer.failed() && t.answer.code == "1" && spelled(t.answer.text) == "" && empty(t.answer.data) {
		return post(t.call, t.account, opTest, new(guest.Form), stageNoPartner, ""), nil
	}
	if t.answer.failed() {
		return refusal(t.answer), nil
	}
	if why := unlike(methods.Find(opGetPartnerInfo), t.answer.data); why != "" {
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

// noPartner reports the answer of a partner's method that there is no partner program, or no user of the key in it: the
// key is no partner's, and has none of what was asked for.
func (e envelope) noPartner() bool {
	known := spelled(e.text)
	return e.failed() && empty(e.data) && (known == textNoProgram || known == textNoPartner)
}

// readNoPartner reads whether the site answers this key at all. get_partner_info failed with a text that is not known:
// maintenance, of which this method would report too, or "no partner" in the site's language.
func readNoPartner(t reply) (*abi.Step, error) {
	if t.answer.failed() {
		return refusal(t.answer), nil
	}
	return t.hasNone(), nil
}

// hasNone ends a call with nothing in the place of what a partner has.
func (t reply) hasNone() *abi.Step {
	return guest.Done(&abi.Outcome{Verdict: abi.Verdict_VERDICT_ACCEPTED, Output: nothing()})
}
