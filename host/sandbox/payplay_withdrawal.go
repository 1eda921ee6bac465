package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
)

// withdrawal is coins on their way out. Nothing documented looks one up by its external_id.
type withdrawal struct {
	requestID, externalID string
	entry                 *transaction
}

// withdrawalEntry is a withdrawal's transaction as its answer and its webhook show it.
type withdrawalEntry struct {
	*transaction
	Currency payplayCurrency `json:"currency"`
	Network  *string         `json:"network"`
	Fee      string          `json:"fee"`
}

func (w *withdrawal) view() withdrawalEntry {
	return withdrawalEntry{w.entry, currencyOf(w.entry.Currency), nil, w.entry.fee.trim().String()}
}

// payplayFees is what a withdrawal costs, and what is the least that is sent.
//
//nolint:gochecknoglobals // a table
var payplayFees = map[string]struct{ fee, least string }{
	"USDT": {"1", "1"}, "USDC": {"1", "1"}, "ETH": {"0.001", "0.0001"}, "BTC": {"0.0001", "0.00001"},
}

// payplayNetworks are those that a coin is sent on. A withdrawal may name others: which PayPlay takes is not
// documented.
//
//nolint:gochecknoglobals // a table
var payplayNetworks = map[string][]string{
	"USDT": {"TRC20", "ERC20", "TON"}, "USDC": {"ERC20"}, "ETH": {"ERC20"}, "BTC": {"BTC"},
}

// networkFee is what a withdrawal on a network costs.
type networkFee struct {
	Fixed          string            `json:"fixed"`
	MaxAmount      string            `json:"max_amount"`
	MinAmount      string            `json:"min_amount"`
	IsMemoRequired bool              `json:"is_memo_required"`
	Flex           map[string]string `json:"flex"`
}

// serveFees lists fees and limits. How the vendor's list names the currency is not public.
func (p *payplay) serveFees(*request) answer {
	type currencyFees struct {
		Fees        *string               `json:"fees"`
		NetworkFees map[string]networkFee `json:"network_fees"`
		Ticker      string                `json:"ticker"`
		Title       string                `json:"title"`
	}
	list := []currencyFees{}
	for _, currency := range payplayCoins {
		costs, sent := payplayFees[currency]
		if !sent {
			continue
		}
		networks := map[string]networkFee{}
		for _, network := range payplayNetworks[currency] {
			networks[network] = networkFee{
				Fixed: costs.fee, MaxAmount: "0", MinAmount: costs.least, IsMemoRequired: network == "TON",
				Flex: map[string]string{"minFee": "0", "maxFee": "0", "percent": "0"},
			}
		}
		list = append(list, currencyFees{nil, networks, currency, payplayTitles[currency]})
	}
	return jsonAnswer(http.StatusOK, map[string]any{"currencies": list})
}

// serveWithdraw takes the coins from the balance at once. A repeated external_id is a second withdrawal: that one is
// refused is not documented.
func (p *payplay) serveWithdraw(r *request) answer {
	if p.company != "" && r.vars["company"] != p.company {
		return p.missing(r)
	}
	var in struct {
		Amount     json.RawMessage `json:"amount"`
		Currency   string          `json:"currency"`
		Wallet     string          `json:"wallet"`
		Network    string          `json:"network"`
		Memo       *string         `json:"memo"`
		ExternalID string          `json:"external_id"`
		Comment    *string         `json:"comment"`
	}
	errs := &fieldErrors{}
	if json.Unmarshal(r.body, &in) != nil {
		errs.add("amount", "The given data was invalid.")
		return *errs.answer()
	}
	sum := payplayAmount(in.Amount, errs)
	if len(in.Amount) > 0 && in.Amount[0] != '"' {
		errs.add("amount", "The amount must be a string.")
	}
	costs, known := payplayFees[in.Currency]
	switch {
	case !known:
		errs.add("currency", "The selected currency is invalid.")
	case sum.sign() > 0 && sum.cmp(amount(costs.least)) < 0:
		errs.add("amount", fmt.Sprintf("The amount must be at least %s.", costs.least))
	}
	if strings.TrimSpace(in.Wallet) == "" {
		errs.add("wallet", "The wallet field is required.")
	}
	if strings.TrimSpace(in.Network) == "" {
		errs.add("network", "The network field is required.")
	}
	if refusal := errs.answer(); refusal != nil {
		return *refusal
	}
	total := sum.add(amount(costs.fee))
	if p.balances[in.Currency].cmp(total) < 0 {
		errs.add("amount", "Insufficient balance.")
		return *errs.answer()
	}

	p.balances[in.Currency] = p.balances[in.Currency].sub(total)
	w := &withdrawal{
		requestID: p.ids.uuid(), externalID: in.ExternalID,
		entry: p.addTransaction("WITHDRAWAL_EXTERNAL", in.Currency, sum, payoutPending),
	}
	w.entry.fee = amount(costs.fee)
	p.withdrawals = append(p.withdrawals, w)
	p.book(Booking{
		Operation: "withdraw", Reference: in.ExternalID, ProviderReference: w.entry.ID, Amount: w.entry.Value,
		Currency: in.Currency, Status: payoutPending, MovedMoney: true,
	})
	return jsonAnswer(http.StatusOK, struct {
		RequestID    string            `json:"request_id"`
		Transactions []withdrawalEntry `json:"transactions"`
	}{w.requestID, []withdrawalEntry{w.view()}})
}

// driveWithdrawal ends a withdrawal: what does not go out comes back, with its fee.
func (p *payplay) driveWithdrawal(w *withdrawal, event string) error {
	ends := map[string]struct{ status, event string }{
		"pay":     {orderComplete, "withdrawal::completed"},
		"decline": {orderDeclined, "withdrawal::declined"},
		"cancel":  {payoutCanceled, "withdrawal::cancelled"},
	}
	end, ok := ends[event]
	if !ok || w.entry.Status != payoutPending {
		return fmt.Errorf("%w: the withdrawal is %s", ErrRefused, w.entry.Status)
	}
	w.entry.Status = end.status
	if event == "pay" {
		hash := p.ids.uuid()
		w.entry.Hash, w.entry.CompletedAt = &hash, &payplayTime{p.now()}
	} else {
		back := amount(w.entry.Value).add(w.entry.fee)
		p.balances[w.entry.Currency] = p.balances[w.entry.Currency].add(back)
	}
	p.settle(w.entry.ID, end.status, event == "pay")
	p.report(p.callback.Secret, end.event, "transaction", w.view())
	return nil
}
