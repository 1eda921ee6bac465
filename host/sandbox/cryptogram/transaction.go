package cryptogram

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"payrouter/host/sandbox/simulator"
)

// transaction is a payment's transaction: value and received in crypto, the prices in fiat.
type transaction struct {
	wallet, currency, status, address     string
	value, price, received, receivedPrice simulator.Money
	completedAt, canceledAt               *timestamp
	createdAt, updatedAt                  timestamp
}

// shownTransaction is a transaction as the document shows it. A member without a value of its own type may be null or
// missing: nil leaves it out.
type shownTransaction struct {
	Wallet        string     `json:"wallet"`
	Currency      string     `json:"currency"`
	Status        string     `json:"status"`
	Value         phpNumber  `json:"value"`
	Price         phpNumber  `json:"price"`
	Received      any        `json:"received,omitzero"`
	ReceivedPrice any        `json:"received_price,omitzero"`
	Address       any        `json:"address,omitzero"`
	CompletedAt   *timestamp `json:"completed_at"`
	CanceledAt    any        `json:"canceled_at,omitzero"`
	CreatedAt     timestamp  `json:"created_at"`
	UpdatedAt     timestamp  `json:"updated_at"`
}

func (o Options) show(t *transaction) *shownTransaction {
	number := func(m simulator.Money) phpNumber { return phpNumber{m, o.Tails} }
	shown := &shownTransaction{
		Wallet: t.wallet, Currency: cmp.Or(o.TransactionCurrency, t.currency), Status: t.status,
		Value: number(t.value), Price: number(t.price),
		Received: number(t.received), ReceivedPrice: number(t.receivedPrice), Address: t.address,
		CompletedAt: t.completedAt, CanceledAt: t.canceledAt, CreatedAt: t.createdAt, UpdatedAt: t.updatedAt,
	}
	if o.NoCanceledAt {
		shown.CanceledAt = nil
	}
	if t.received.Sign() > 0 {
		return shown
	}
	switch null := json.RawMessage("null"); o.Unpaid {
	case UnpaidNull:
		shown.Received, shown.ReceivedPrice, shown.Address = null, null, null
	case UnpaidMissing:
		shown.Received, shown.ReceivedPrice, shown.Address = nil, nil, nil
	case UnpaidZero:
	}
	return shown
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
	return []string{"pay", "underpay", "overpay", simulator.PayLate, "expire", "decline", "pick", "cancel"}
}

func (c *provider) Drive(ref, event, sum string) error {
	found := c.find(ref)
	if found == nil {
		return fmt.Errorf("%w payment", simulator.ErrUnknown)
	}
	now := timestamp{c.Now()}
	if event == "expire" {
		found.ExpiresAt = timestamp{now.Add(-time.Second)}
		return nil // no notification: the payment's own date shows it
	}
	t := found.paying
	if t != nil && t.status == statusCompleted {
		return fmt.Errorf("%w: it is paid already", simulator.ErrRefused)
	}
	if t == nil {
		t = c.transaction(found, found.Wallets[0], now)
	}
	if err := c.receive(t, event, sum); err != nil {
		return err
	}
	t.updatedAt = now
	found.paying = t
	c.Settle(found.ID, t.status, t.received.Sign() > 0)
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
		wallet:    wallet,
		currency:  p.Currency,
		status:    statusPending,
		value:     usd.Div(simulator.Amount(coinPrices[wallet])).RoundUp(8),
		price:     p.Amount.Money,
		address:   simulator.CryptoAddress(wallet, c.IDs),
		createdAt: now,
	}
}

// receive lets coins arrive for sum, which is in the payment's currency: for its price, or, without sum, for half of it
// or a tenth more. What has arrived before is part of it. The document knows no decline: a canceled transaction is the
// nearest that it has.
func (c *provider) receive(t *transaction, event, sum string) error {
	paid := t.price
	switch event {
	case "pick":
		return nil
	case "cancel", "decline":
		t.status = statusCanceled
		t.canceledAt = &timestamp{c.Now()}
		return nil
	case "underpay":
		paid = paid.Mul(simulator.Amount("0.5"))
	case "overpay":
		paid = paid.Mul(simulator.Amount("1.1"))
	}
	paid, err := simulator.EventAmount(sum, paid)
	if err != nil {
		return err
	}
	t.receivedPrice = paid
	coins := t.value.Mul(paid).Div(t.price)
	if paid.Cmp(t.price) < 0 {
		t.received = coins.RoundDown(8)
	} else {
		t.received = coins.RoundUp(8)
	}
	if event == simulator.PayLate {
		return nil
	}
	t.status, t.completedAt, t.canceledAt = statusPending, nil, nil
	if t.received.Cmp(t.value) >= 0 {
		t.status = statusCompleted
		t.completedAt = &timestamp{c.Now()}
	}
	return nil
}

// A notification that fails is attempted 19 more times "over the period of several hours" [document, Instant Payments
// Notifications]: here, every quarter of an hour.
const (
	tries = 1 + 19
	every = 15 * time.Minute
)

// report sends the notification, which names the payment and has no other data: all of a payment's are the same bytes.
func (c *provider) report(p *checkout) {
	notice := struct {
		Resource string `json:"resource,omitempty"`
		ID       string `json:"id"`
	}{cmp.Or(c.options.Resource, "CommercePayment"), p.ID}
	if c.options.IDAlone {
		notice.Resource = ""
	}
	body, err := simulator.Marshal(notice)
	if err != nil {
		return
	}
	c.Post(simulator.Delivery{
		Method: http.MethodPost, URL: c.Callback("").URL, Body: string(body), Tries: tries, Every: every,
		Header: http.Header{"Content-Type": {"application/json"}},
	})
}
