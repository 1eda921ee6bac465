package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// withdrawal is coins on their way out. Nothing documented looks one up by its external_id.
type withdrawal struct {
	requestID, externalID string
	entry                 *transaction
	fee                   money
}

// payplayTicker is a currency in a withdrawal, where it is an object.
type payplayTicker struct {
	Ticker string `json:"ticker"`
	Name   string `json:"name"`
}

// withdrawalEntry is a withdrawal's transaction as its answer and its webhook show it.
type withdrawalEntry struct {
	*transaction
	Currency payplayTicker `json:"currency"`
}

func (w *withdrawal) view() withdrawalEntry {
	return withdrawalEntry{w.entry, payplayTicker{w.entry.Currency, w.entry.Currency}}
}

//nolint:gochecknoglobals // a table
var payplayFees = map[string]string{"USDT": "1", "USDC": "1", "ETH": "0.001", "BTC": "0.0001"}

func (p *payplay) serveFees(*request) answer {
	type fee struct {
		Currency string `json:"currency"`
		Fee      string `json:"fee"`
	}
	list := []fee{}
	for _, currency := range payplayCoins {
		if f, ok := payplayFees[currency]; ok {
			list = append(list, fee{currency, f})
		}
	}
	return jsonAnswer(http.StatusOK, map[string]any{"fees": list})
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
	fee, known := payplayFees[in.Currency]
	if !known {
		errs.add("currency", "The selected currency is invalid.")
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
	total := sum.add(amount(fee))
	if p.balances[in.Currency].cmp(total) < 0 {
		errs.add("amount", "Insufficient balance.")
		return *errs.answer()
	}

	p.balances[in.Currency] = p.balances[in.Currency].sub(total)
	w := &withdrawal{
		requestID: p.ids.uuid(), externalID: in.ExternalID, fee: amount(fee),
		entry: p.addTransaction("WITHDRAWAL_EXTERNAL", in.Currency, sum, payoutPending),
	}
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
		back := amount(w.entry.Value).add(w.fee)
		p.balances[w.entry.Currency] = p.balances[w.entry.Currency].add(back)
	}
	p.settle(w.entry.ID, end.status, event == "pay")
	p.report(p.callback.Secret, end.event, "transaction", w.view())
	return nil
}

func (p *payplay) serveTransaction(r *request) answer {
	i := slices.IndexFunc(p.transactions, func(t *transaction) bool { return t.ID == r.vars["id"] })
	if i < 0 {
		return laravelMessage(http.StatusNotFound, "Transaction not found")
	}
	return jsonAnswer(http.StatusOK, map[string]any{"transaction": p.transactions[i]})
}

func (p *payplay) serveTransactions(r *request) answer {
	errs := &fieldErrors{}
	page, size := listPage(r.query, errs)
	if refusal := errs.answer(); refusal != nil {
		return *refusal
	}
	newest := slices.Clone(p.transactions)
	slices.Reverse(newest)
	shown, meta := cut(newest, page, size)
	return jsonAnswer(http.StatusOK, struct {
		Transactions []*transaction `json:"transactions"`
		Meta         listMeta       `json:"meta"`
	}{append([]*transaction{}, shown...), meta})
}
