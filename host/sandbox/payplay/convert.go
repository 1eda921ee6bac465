package payplay

import (
	"encoding/json"
	"net/http"
	"slices"
	"time"

	"payrouter/host/sandbox/laravel"
	"payrouter/host/sandbox/simulator"
)

// conversion is a convert-withdrawal: an amount of one currency that goes out as another. Its members are those of
// public material. What its acts do is a guess: it is an estimate until it is confirmed, and an instant one is
// confirmed when it is made.
type conversion struct {
	ID             string       `json:"id"`
	Currency       currencyView `json:"currency"`
	Value          string       `json:"value"`
	TargetCurrency currencyView `json:"target_currency"`
	TargetValue    string       `json:"target_value"`
	Status         string       `json:"status"`
	Type           string       `json:"type"`
	Network        string       `json:"network"`
	Address        string       `json:"address"`
	Memo           *string      `json:"memo"`
	Fee            *string      `json:"fee"`
	ExchangeRate   string       `json:"exchange_rate"`
	EstimatedAt    timestamp    `json:"estimated_at"`
	CreatedAt      timestamp    `json:"created_at"`
	CompletedAt    *timestamp   `json:"completed_at"`
	ExternalID     *string      `json:"external_id"`

	entry *transaction // once the money is taken
}

// estimateHolds is how long the rate of an estimate is promised.
const estimateHolds = 2 * time.Minute

func (p *provider) serveConvertCurrencies(*simulator.Request) simulator.Answer {
	return currenciesAnswer(coins)
}

func (p *provider) serveConvert(r *simulator.Request) simulator.Answer {
	return p.makeConversion(r, "convert_withdrawal", p.options.ConvertsAtOnce)
}

func (p *provider) serveInstantConvert(r *simulator.Request) simulator.Answer {
	return p.makeConversion(r, "instant_convert_withdrawal", true)
}

// conversionRequest is what a convert-withdrawal is asked for with.
type conversionRequest struct {
	Currency       string          `json:"currency"`
	Amount         json.RawMessage `json:"amount"`
	TargetCurrency string          `json:"target_currency"`
	Address        string          `json:"address"`
	Network        string          `json:"network"`
	Memo           *string         `json:"memo"`
	ExternalID     *string         `json:"external_id"`
}

func (in conversionRequest) check(errs *laravel.Errors) simulator.Money {
	sum := readAmount(in.Amount, errs)
	if !slices.Contains(coins, in.Currency) {
		errs.Add("currency", "The selected currency is invalid.")
	}
	if !slices.Contains(coins, in.TargetCurrency) || in.TargetCurrency == in.Currency {
		errs.Add("target_currency", "The selected target currency is invalid.")
	}
	for _, field := range []struct{ name, text string }{{"address", in.Address}, {"network", in.Network}} {
		if field.text == "" {
			errs.Add(field.name, "The "+field.name+" field is required.")
		}
	}
	return sum
}

func (p *provider) makeConversion(r *simulator.Request, operation string, atOnce bool) simulator.Answer {
	var in conversionRequest
	errs := &laravel.Errors{}
	if json.Unmarshal(r.Body, &in) != nil {
		errs.Add("amount", "The given data was invalid.")
		return *errs.Answer()
	}
	sum := in.check(errs)
	if p.balances[in.Currency].Cmp(sum) < 0 {
		errs.Add("amount", "Insufficient balance.")
	}
	if refusal := errs.Answer(); refusal != nil {
		return *refusal
	}
	c := &conversion{
		ID: p.IDs.UUID(), Currency: currencyOf(in.Currency), Value: sum.Trim().String(),
		TargetCurrency: currencyOf(in.TargetCurrency), Status: orderInit, Type: conversionType, Network: in.Network,
		Address: in.Address, Memo: in.Memo, CreatedAt: timestamp{r.Now}, ExternalID: in.ExternalID,
	}
	p.estimate(c)
	p.conversions = append(p.conversions, c)
	if atOnce {
		p.takeConversion(c)
	}
	external := ""
	if in.ExternalID != nil {
		external = *in.ExternalID
	}
	p.Book(simulator.Booking{
		Operation: operation, Reference: external, ProviderReference: c.ID, Amount: c.Value,
		Currency: in.Currency, Status: c.Status, MovedMoney: atOnce,
	})
	return conversionAnswer(c)
}

// conversionType is the type of a convert-withdrawal's transaction.
const conversionType = "CONVERT_WITHDRAWAL"

func conversionAnswer(c *conversion) simulator.Answer {
	return simulator.JSON(http.StatusOK, map[string]any{"transaction": c})
}

// estimate prices a conversion anew. The rate is how much of the currency one of the target is.
func (p *provider) estimate(c *conversion) {
	rate := simulator.Amount(prices[c.TargetCurrency.Ticker]).Div(simulator.Amount(prices[c.Currency.Ticker]))
	c.ExchangeRate = rate.Round(20).Trim().String()
	c.TargetValue = simulator.Amount(c.Value).Div(rate).RoundDown(6).Trim().String()
	c.EstimatedAt = timestamp{p.Now().Add(estimateHolds)}
}

// takeConversion takes the money for a conversion, which is under way then. The transaction has the conversion's id.
func (p *provider) takeConversion(c *conversion) {
	ticker, sum := c.Currency.Ticker, simulator.Amount(c.Value)
	p.balances[ticker] = p.balances[ticker].Sub(sum)
	c.Status = payoutPending
	c.entry = p.addTransaction(conversionType, ticker, sum, payoutPending)
	c.entry.ID, c.entry.network = c.ID, c.Network
	p.withdrawals = append(p.withdrawals, &withdrawal{requestID: c.ID, entry: c.entry, conversion: c})
}

// onConversion lets only requests about a conversion through that waits for its confirmation.
func (p *provider) onConversion(act func(*conversion)) func(*simulator.Request) simulator.Answer {
	return func(r *simulator.Request) simulator.Answer {
		i := slices.IndexFunc(p.conversions, func(c *conversion) bool { return c.ID == r.Vars["id"] })
		if i < 0 {
			return laravel.Message(http.StatusNotFound, "Transaction not found")
		}
		c, errs := p.conversions[i], &laravel.Errors{}
		switch {
		case c.entry != nil:
			errs.Add("transaction", "The transaction has been confirmed already.")
		case p.balances[c.Currency.Ticker].Cmp(simulator.Amount(c.Value)) < 0:
			errs.Add("amount", "Insufficient balance.")
		}
		if refusal := errs.Answer(); refusal != nil {
			return *refusal
		}
		act(c)
		p.Settle(c.ID, c.Status, c.entry != nil)
		return conversionAnswer(c)
	}
}

// serveOrderCurrencies lists what an order may be priced in.
func (p *provider) serveOrderCurrencies(*simulator.Request) simulator.Answer {
	var tickers []string
	for ticker := range prices {
		tickers = append(tickers, ticker)
	}
	slices.Sort(tickers)
	return currenciesAnswer(tickers)
}

// serveTopupCurrencies lists what a top-up may be priced in.
func (p *provider) serveTopupCurrencies(*simulator.Request) simulator.Answer {
	return currenciesAnswer(coins)
}

func currenciesAnswer(tickers []string) simulator.Answer {
	list := []currencyView{}
	for _, ticker := range tickers {
		list = append(list, currencyOf(ticker))
	}
	return simulator.JSON(http.StatusOK, map[string]any{"currencies": list})
}
