package cryptogram

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"payrouter/host/sandbox/simulator"
)

// transaction is a payment's transaction: value and received in crypto, the prices in fiat.
type transaction struct {
	Wallet        string     `json:"wallet"`
	Currency      string     `json:"currency"`
	Status        string     `json:"status"`
	Value         phpNumber  `json:"value"`
	Price         phpNumber  `json:"price"`
	Received      phpNumber  `json:"received"`
	ReceivedPrice phpNumber  `json:"received_price"`
	Address       string     `json:"address"`
	CompletedAt   *timestamp `json:"completed_at"`
	CanceledAt    *timestamp `json:"canceled_at"`
	CreatedAt     timestamp  `json:"created_at"`
	UpdatedAt     timestamp  `json:"updated_at"`
}

// coinPrices is what one coin costs in USD; fiatPrices what one unit of a currency is worth in USD.
//
//nolint:gochecknoglobals // tables
var (
	coinPrices = map[string]string{"btc": "96250.5", "eth": "2735.25", "bnb": "666.68978"}
	fiatPrices = map[string]string{
		"USD": "1", "EUR": "1.0475", "GBP": "1.2634", "CHF": "1.1129", "CAD": "0.7032", "AUD": "0.6358", "NGN": "0.000667",
		"INR": "0.01155", "AED": "0.27229", "JPY": "0.0067", "PLN": "0.2517", "BRL": "0.1747", "MXN": "0.0490",
		"PHP": "0.01728",
	}
)

// The transaction's statuses.
const (
	statusPending   = "pending"
	statusCompleted = "completed"
	statusCanceled  = "canceled"
)

func (c *provider) Events() []string {
	return []string{"pick", "pay", "underpay", "overpay", simulator.PayLate, "cancel", "expire"}
}

func (c *provider) Drive(ref, event, sum string) error {
	found := c.find(ref)
	if found == nil {
		return fmt.Errorf("%w payment", simulator.ErrUnknown)
	}
	now := timestamp{c.Now()}
	if event == "expire" {
		found.ExpiresAt = timestamp{now.Add(-time.Second)}
		return nil // no callback: the payment's own date shows it
	}
	if found.Transaction != nil && found.Transaction.Status == statusCompleted {
		return fmt.Errorf("%w: it is paid already", simulator.ErrRefused)
	}
	t := found.Transaction
	if t == nil {
		t = c.transaction(found, found.Wallets[0], now)
	}
	if err := c.receive(t, event, sum); err != nil {
		return err
	}
	t.UpdatedAt = now
	found.Transaction = t
	c.Settle(found.ID, found.Transaction.Status, found.Transaction.Received.Sign() > 0)
	c.report(found)
	return nil
}

// find takes the payment's id, or a token of ours in its redirect URL.
func (c *provider) find(ref string) *checkout {
	if found := c.byID[ref]; found != nil {
		return found
	}
	for _, p := range slices.Backward(c.payments) {
		if len(ref) > 5 && strings.Contains(p.Redirect, ref) {
			return p
		}
	}
	return nil
}

func (c *provider) transaction(p *checkout, wallet string, now timestamp) *transaction {
	usd := p.Amount.Mul(simulator.Amount(fiatPrices[p.Currency]))
	return &transaction{
		Wallet:    wallet,
		Currency:  p.Currency,
		Status:    statusPending,
		Value:     phpNumber{usd.Div(simulator.Amount(coinPrices[wallet])).RoundUp(8)},
		Price:     p.Amount,
		Address:   simulator.CryptoAddress(wallet, c.IDs),
		CreatedAt: now,
	}
}

// receive lets coins arrive: all, part, more than all, or, without sum, half or a tenth more.
func (c *provider) receive(t *transaction, event, sum string) error {
	received := t.Value.Money
	switch event {
	case "pick":
		return nil
	case "cancel":
		t.Status = statusCanceled
		t.CanceledAt = &timestamp{c.Now()}
		return nil
	case "underpay":
		received = received.Mul(simulator.Amount("0.5")).RoundDown(8)
	case "overpay":
		received = received.Mul(simulator.Amount("1.1")).RoundUp(8)
	}
	received, err := simulator.EventAmount(sum, received)
	if err != nil {
		return err
	}
	t.Received = phpNumber{received}
	t.ReceivedPrice = phpNumber{received.Div(t.Value.Money).Mul(t.Price.Money).Round(2)}
	if event == simulator.PayLate {
		return nil
	}
	t.Status, t.CompletedAt, t.CanceledAt = statusPending, nil, nil
	if received.Cmp(t.Value.Money) >= 0 {
		t.Status = statusCompleted
		t.CompletedAt = &timestamp{c.Now()}
	}
	return nil
}

// report sends the notification, which names the payment and has no other data.
func (c *provider) report(p *checkout) {
	body, err := simulator.Marshal(struct {
		Resource string `json:"resource"`
		ID       string `json:"id"`
	}{"CommercePayment", p.ID})
	if err != nil {
		return
	}
	c.Post(simulator.Delivery{
		Method: http.MethodPost, URL: c.Callback("").URL, Body: string(body), Tries: 2,
		Header: http.Header{"Content-Type": {"application/json"}},
	})
}
