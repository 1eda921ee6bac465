package sandbox

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// cryptoEntry is a payment's transaction: value and received in crypto, the prices in fiat.
type cryptoEntry struct {
	Wallet        string       `json:"wallet"`
	Currency      string       `json:"currency"`
	Status        string       `json:"status"`
	Value         phpNumber    `json:"value"`
	Price         phpNumber    `json:"price"`
	Received      phpNumber    `json:"received"`
	ReceivedPrice phpNumber    `json:"received_price"`
	Address       string       `json:"address"`
	CompletedAt   *laravelTime `json:"completed_at"`
	CanceledAt    *laravelTime `json:"canceled_at"`
	CreatedAt     laravelTime  `json:"created_at"`
	UpdatedAt     laravelTime  `json:"updated_at"`
}

// cryptogramPrices is what one coin costs in USD; cryptogramFiat what one unit of a currency is worth in USD.
//
//nolint:gochecknoglobals // tables
var (
	cryptogramPrices = map[string]money{"btc": amount("96250.5"), "eth": amount("2735.25"), "bnb": amount("666.68978")}
	cryptogramFiat   = map[string]money{
		"USD": amount("1"), "EUR": amount("1.0475"), "GBP": amount("1.2634"), "CHF": amount("1.1129"),
		"CAD": amount("0.7032"),
		"AUD": amount("0.6358"), "NGN": amount("0.000667"), "INR": amount("0.01155"), "AED": amount("0.27229"),
		"JPY": amount("0.0067"), "PLN": amount("0.2517"), "BRL": amount("0.1747"), "MXN": amount("0.0490"),
		"PHP": amount("0.01728"),
	}
)

// The transaction's statuses.
const (
	cryptogramPending   = "pending"
	cryptogramCompleted = "completed"
	cryptogramCanceled  = "canceled"
)

func (c *cryptogram) events() []string {
	return []string{"pick", "pay", "underpay", "overpay", payLate, "cancel", "expire"}
}

func (c *cryptogram) drive(ref, event, sum string) error {
	found := c.find(ref)
	if found == nil {
		return fmt.Errorf("%w payment", ErrUnknown)
	}
	now := laravelTime{c.now()}
	if event == "expire" {
		found.ExpiresAt = laravelTime{now.Add(-time.Second)}
		return nil // no callback: the payment's own date shows it
	}
	if found.Transaction != nil && found.Transaction.Status == cryptogramCompleted {
		return fmt.Errorf("%w: it is paid already", ErrRefused)
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
	c.settle(found.ID, found.Transaction.Status, found.Transaction.Received.sign() > 0)
	c.report(found)
	return nil
}

// find takes the payment's id, or a token of ours in its redirect URL.
func (c *cryptogram) find(ref string) *checkout {
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

func (c *cryptogram) transaction(p *checkout, wallet string, now laravelTime) *cryptoEntry {
	usd := p.Amount.mul(cryptogramFiat[p.Currency])
	return &cryptoEntry{
		Wallet:    wallet,
		Currency:  p.Currency,
		Status:    cryptogramPending,
		Value:     phpNumber{usd.div(cryptogramPrices[wallet]).roundUp(8)},
		Price:     p.Amount,
		Address:   cryptoAddress(wallet, c.ids),
		CreatedAt: now,
	}
}

// cryptoAddress has the form of an address, and has no owner.
func cryptoAddress(wallet string, draw *ids) string {
	if wallet == "btc" {
		return "bc1q" + draw.hex(19)
	}
	return "0x" + draw.hex(20)
}

// receive lets coins arrive: all, part, more than all, or, without sum, half or a tenth more.
func (c *cryptogram) receive(t *cryptoEntry, event, sum string) error {
	received := t.Value.money
	switch event {
	case "pick":
		return nil
	case "cancel":
		t.Status = cryptogramCanceled
		t.CanceledAt = &laravelTime{c.now()}
		return nil
	case "underpay":
		received = received.mul(amount("0.5")).roundDown(8)
	case "overpay":
		received = received.mul(amount("1.1")).roundUp(8)
	}
	received, err := controlAmount(sum, received)
	if err != nil {
		return err
	}
	t.Received = phpNumber{received}
	t.ReceivedPrice = phpNumber{received.div(t.Value.money).mul(t.Price.money).round(2)}
	if event == payLate {
		return nil
	}
	t.Status, t.CompletedAt, t.CanceledAt = cryptogramPending, nil, nil
	if received.cmp(t.Value.money) >= 0 {
		t.Status = cryptogramCompleted
		t.CompletedAt = &laravelTime{c.now()}
	}
	return nil
}

// report sends the notification, which names the payment and has no other data.
func (c *cryptogram) report(p *checkout) {
	body, err := marshal(struct {
		Resource string `json:"resource"`
		ID       string `json:"id"`
	}{"CommercePayment", p.ID})
	if err != nil {
		return
	}
	c.courier.post(delivery{
		provider: Cryptogram, method: http.MethodPost, url: c.callback.URL, body: string(body), tries: 2,
		header: http.Header{"Content-Type": {"application/json"}},
	})
}
