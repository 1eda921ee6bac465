package payplay

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"payrouter/host/sandbox/laravel"
	"payrouter/host/sandbox/simulator"
)

// withdrawal is coins on their way out. Nothing documented looks one up by its external_id.
type withdrawal struct {
	requestID, externalID string
	entry                 *transaction
	conversion            *conversion // nil where nothing was converted
}

// withdrawalEntry is a withdrawal's transaction as its answer and its webhook show it.
type withdrawalEntry struct {
	*transaction
	Currency currencyView `json:"currency"`
	Network  *string      `json:"network"`
	Fee      string       `json:"fee"`
}

func (p *provider) showWithdrawal(w *withdrawal) any {
	if w.conversion != nil {
		return w.conversion
	}
	return withdrawalEntry{
		w.entry, currencyOf(w.entry.Currency), p.networkOf(w.entry), w.entry.fee.Trim().String(),
	}
}

// coinFees is what a withdrawal costs, and what is the least that is sent.
//
//nolint:gochecknoglobals // a table
var coinFees = map[string]struct{ fee, least string }{
	"USDT": {"1", "1"}, "USDC": {"1", "1"}, "ETH": {"0.001", "0.0001"}, "BTC": {"0.0001", "0.00001"},
}

// coinNetworks are those that a coin is sent on. A withdrawal may name others: which PayPlay takes is not
// documented.
//
//nolint:gochecknoglobals // a table
var coinNetworks = map[string][]string{
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
func (p *provider) serveFees(*simulator.Request) simulator.Answer {
	type currencyFees struct {
		Fees        *string               `json:"fees"`
		NetworkFees map[string]networkFee `json:"network_fees"`
		Ticker      string                `json:"ticker"`
		Title       string                `json:"title"`
	}
	list := []currencyFees{}
	for _, currency := range coins {
		costs, sent := coinFees[currency]
		if !sent {
			continue
		}
		networks := map[string]networkFee{}
		for _, network := range coinNetworks[currency] {
			networks[network] = networkFee{
				Fixed: costs.fee, MaxAmount: "0", MinAmount: costs.least, IsMemoRequired: network == "TON",
				Flex: map[string]string{"minFee": "0", "maxFee": "0", "percent": "0"},
			}
		}
		list = append(list, currencyFees{nil, networks, currency, coinTitles[currency]})
	}
	return simulator.JSON(http.StatusOK, map[string]any{"currencies": list})
}

// serveWithdraw takes the coins from the balance at once. A repeated external_id is a second withdrawal: that one is
// refused is not documented.
func (p *provider) serveWithdraw(r *simulator.Request) simulator.Answer {
	if p.options.Company != "" && r.Vars["company"] != p.options.Company {
		return p.Missing(r)
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
	errs := &laravel.Errors{}
	if json.Unmarshal(r.Body, &in) != nil {
		errs.Add("amount", "The given data was invalid.")
		return *errs.Answer()
	}
	sum := p.finer(readAmount(in.Amount, errs), in.Currency, errs)
	if len(in.Amount) > 0 && in.Amount[0] != '"' {
		errs.Add("amount", "The amount must be a string.")
	}
	costs, known := coinFees[in.Currency]
	switch {
	case !known:
		errs.Add("currency", "The selected currency is invalid.")
	case sum.Sign() > 0 && sum.Cmp(simulator.Amount(costs.least)) < 0:
		errs.Add("amount", fmt.Sprintf("The amount must be at least %s.", costs.least))
	}
	if strings.TrimSpace(in.Wallet) == "" {
		errs.Add("wallet", "The wallet field is required.")
	}
	if strings.TrimSpace(in.Network) == "" {
		errs.Add("network", "The network field is required.")
	}
	if in.ExternalID != "" && p.options.UniqueReferences && slices.ContainsFunc(p.withdrawals,
		func(w *withdrawal) bool { return w.externalID == in.ExternalID }) {
		errs.Add("external_id", "The external id has already been taken.")
	}
	if refusal := errs.Answer(); refusal != nil {
		return *refusal
	}
	if p.options.FeeInside {
		sum = sum.Sub(simulator.Amount(costs.fee))
	}
	total := sum.Add(simulator.Amount(costs.fee))
	if p.balances[in.Currency].Cmp(total) < 0 {
		errs.Add("amount", "Insufficient balance.")
		return *errs.Answer()
	}

	p.balances[in.Currency] = p.balances[in.Currency].Sub(total)
	w := &withdrawal{
		requestID: p.IDs.UUID(), externalID: in.ExternalID,
		entry: p.addTransaction("WITHDRAWAL_EXTERNAL", in.Currency, sum, payoutPending),
	}
	w.entry.fee, w.entry.network = simulator.Amount(costs.fee), in.Network
	p.withdrawals = append(p.withdrawals, w)
	p.Book(simulator.Booking{
		Operation: "withdraw", Reference: in.ExternalID, ProviderReference: w.entry.ID, Amount: w.entry.Value,
		Currency: in.Currency, Status: payoutPending, MovedMoney: true,
	})
	return simulator.JSON(http.StatusOK, struct {
		RequestID    string `json:"request_id"`
		Transactions []any  `json:"transactions"`
	}{w.requestID, []any{p.showWithdrawal(w)}})
}

// driveWithdrawal ends a withdrawal: what does not go out comes back, with its fee.
func (p *provider) driveWithdrawal(w *withdrawal, event string) error {
	ends := map[string]struct{ status, event string }{
		"pay":     {orderComplete, "withdrawal::completed"},
		"decline": {orderDeclined, "withdrawal::declined"},
		"cancel":  {payoutCanceled, "withdrawal::cancelled"},
	}
	end, ok := ends[event]
	if !ok || w.entry.Status != payoutPending {
		return fmt.Errorf("%w: the withdrawal is %s", simulator.ErrRefused, w.entry.Status)
	}
	w.entry.Status = end.status
	if w.conversion != nil {
		w.conversion.Status = end.status
	}
	if event == "pay" {
		hash := p.IDs.UUID()
		w.entry.Hash, w.entry.CompletedAt = &hash, &timestamp{p.Now()}
	} else {
		back := simulator.Amount(w.entry.Value).Add(w.entry.fee)
		p.balances[w.entry.Currency] = p.balances[w.entry.Currency].Add(back)
	}
	p.Settle(w.entry.ID, end.status, event == "pay")
	p.report(p.Callback("").Secret, end.event, "transaction", p.showWithdrawal(w))
	return nil
}
