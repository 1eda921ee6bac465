package api

import (
	"encoding/json"
	"time"

	"payrouter/host/attempt"
	"payrouter/host/money"
	"payrouter/host/payment"
	"payrouter/host/routing"
)

// orderBody is a payment as a caller asks for it.
type orderBody struct {
	Kind string `json:"kind,omitempty" enum:"collect,payout,recharge,transfer" default:"collect" doc:"What the payment is"`

	Amount string `json:"amount" maxLength:"80" example:"49.90" doc:"Decimal text, never a number"`

	Currency string `json:"currency" maxLength:"16" example:"EUR" doc:"ISO 4217 code or crypto ticker"`

	Country string `json:"country,omitempty" maxLength:"2" example:"DE" doc:"The payer's, ISO 3166-1 alpha-2"`

	Method string `json:"method,omitempty" example:"crypto" doc:"Payment method, if the payer chose one"`

	Reference string `json:"reference,omitempty" example:"order-1001" doc:"Your reference, to find the payment"`

	Description string    `json:"description,omitempty" doc:"Shown to the payer where supported"`
	ReturnURL   string    `json:"return_url,omitempty" doc:"Where the payer comes back to"`
	ExpiresAt   time.Time `json:"expires_at,omitzero" doc:"Until when the payer can pay; see expire"`
	Payer       payerBody `json:"payer,omitzero" required:"false"`

	Destination destinationBody `json:"destination,omitzero" required:"false" doc:"Of a recharge or a payout"`

	Metadata map[string]string          `json:"metadata,omitempty" doc:"Yours; rules can match on it"`
	Provider string                     `json:"provider,omitempty" doc:"Pins the payment to one account"`
	Options  map[string]json.RawMessage `json:"provider_options,omitempty" doc:"JSON objects by plugin name"`
}

type payerBody struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
	Phone string `json:"phone,omitempty"`
	IP    string `json:"ip,omitempty"`
}

type destinationBody struct {
	Operator string `json:"operator,omitempty" doc:"Operator code of a recharge"`
	Number   string `json:"number,omitempty" doc:"Phone or customer number of a recharge"`
	Account  string `json:"account,omitempty" doc:"Account of a payout"`
	Address  string `json:"address,omitempty" doc:"Crypto address of a payout"`
	Network  string `json:"network,omitempty" doc:"Network of a payout's address"`
	Memo     string `json:"memo,omitempty"`
}

func (b orderBody) order() payment.Order {
	return payment.Order{
		Kind: payment.Kind(b.Kind), Amount: b.Amount, Currency: b.Currency, Country: b.Country, Method: b.Method,
		Reference:   b.Reference,
		Description: b.Description, ReturnURL: b.ReturnURL, ExpiresAt: b.ExpiresAt.UTC(), Payer: payment.Payer(b.Payer),
		Destination: payment.Destination(b.Destination), Metadata: b.Metadata, Pinned: b.Provider, Options: b.Options,
	}
}

// Payment is a payment as the API shows it.
type Payment struct {
	ID string `json:"id" example:"pay_01jd3x6v7q8r9s0t1v2w3x4y5z"`

	Merchant string `json:"merchant"`

	Status string `json:"status"`

	Kind              string            `json:"kind"`
	Amount            string            `json:"amount"`
	Currency          string            `json:"currency"`
	AmountReceived    *Money            `json:"amount_received,omitempty"`
	Fee               *Money            `json:"fee,omitempty"`
	Country           string            `json:"country,omitempty"`
	Method            string            `json:"method,omitempty"`
	Reference         string            `json:"reference,omitempty"`
	Description       string            `json:"description,omitempty"`
	ReturnURL         string            `json:"return_url,omitempty"`
	ExpiresAt         time.Time         `json:"expires_at,omitzero"`
	Metadata          map[string]string `json:"metadata,omitempty"`
	Provider          string            `json:"provider,omitempty" doc:"The account of the last attempt"`
	ProviderReference string            `json:"provider_reference,omitempty"`
	NextAction        *nextAction       `json:"next_action,omitempty"`
	Failure           *attempt.Failure  `json:"failure,omitempty"`
	Approval          *Approval         `json:"approval,omitempty" doc:"Set if it, or a confirm of it, needed one"`
	Alert             string            `json:"alert,omitempty" doc:"Something that a person should look at"`
	AlertCode         string            `json:"alert_code,omitempty" doc:"What the alert is" example:"overdue"`

	MoneyConflict bool `json:"money_conflict" doc:"A provider's report about money contradicts the status"`

	Decision  Decision  `json:"decision"`
	Attempts  int       `json:"attempts"`
	CreatedAt time.Time `json:"created_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Version   int64     `json:"version"`
}

// Decision is where a payment goes, and by which rule. What else there is of it shows rules, limits and prices, which
// may be other merchants': it takes the right decisions.
type Decision struct {
	Outcome  string `json:"outcome" enum:"routed,no_rule,not_allowed,unknown_provider,unsupported,unavailable"`
	Rule     string `json:"rule,omitempty"`
	Provider string `json:"provider,omitempty" doc:"The account that is asked first"`

	ConfigVersion string              `json:"config_version,omitempty" doc:"With the right decisions"`
	Pinned        string              `json:"pinned,omitempty" doc:"With the right decisions"`
	Reason        string              `json:"reason,omitempty" doc:"With the right decisions"`
	Tried         []routing.Tried     `json:"tried,omitempty" doc:"With the right decisions"`
	Candidates    []routing.Candidate `json:"candidates,omitempty" doc:"With the right decisions"`

	Incomplete string `json:"incomplete,omitempty" doc:"Why tried and candidates are not as they were made. With the right decisions"` //nolint:lll // a tag is one line
}

// decisionOf is what every caller may see of a decision on its own payment.
func decisionOf(outcome routing.Outcome, rule string, order []string) Decision {
	shown := Decision{Outcome: string(outcome), Rule: rule}
	if len(order) > 0 {
		shown.Provider = order[0]
	}
	return shown
}

func wholeDecision(d routing.Decision) Decision {
	shown := decisionOf(d.Outcome, d.Rule, d.Order())
	shown.ConfigVersion, shown.Pinned, shown.Reason = d.ConfigVersion, d.Pinned, d.Reason
	shown.Tried, shown.Candidates, shown.Incomplete = d.Tried, d.Candidates, d.Incomplete
	return shown
}

// Money is an amount in a currency.
type Money struct {
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
}

type nextAction struct {
	Type    string `json:"type" enum:"redirect,pay_to,instructions"`
	URL     string `json:"url,omitempty"`
	Address string `json:"address,omitempty"`
	Network string `json:"network,omitempty"`
	Memo    string `json:"memo,omitempty"`
	Amount  *Money `json:"amount,omitempty" doc:"Exact: more or less may not be credited"`
	Text    string `json:"text,omitempty"`
}

func viewOf(p payment.Payment) Payment {
	return Payment{
		ID: p.ID, Merchant: p.Merchant, Status: string(p.Status), Kind: string(p.Kind), Amount: p.Amount,
		Currency:       p.Currency,
		AmountReceived: moneyOf(p.Received), Fee: moneyOf(p.Fee),
		Country: p.Country, Method: p.Method, Reference: p.Reference, Description: p.Description,
		ReturnURL: p.ReturnURL, ExpiresAt: p.ExpiresAt, Metadata: p.Metadata,
		Provider: p.Provider, ProviderReference: p.ProviderReference, NextAction: actionOf(p.NextAction),
		Failure: p.Failure, Approval: paymentApproval(p), Alert: p.Alert, AlertCode: string(p.AlertCode),
		MoneyConflict: p.MoneyConflict, Decision: decisionOf(p.Decision.Outcome, p.Decision.Rule, p.Decision.Order()),
		Attempts: p.Attempts, CreatedAt: p.CreatedAt,
		UpdatedAt: p.UpdatedAt, Version: p.Version,
	}
}

func moneyOf(m money.Money) *Money {
	if m == (money.Money{}) {
		return nil
	}
	return &Money{Amount: m.Amount, Currency: m.Currency}
}

func actionOf(a *payment.NextAction) *nextAction {
	if a == nil {
		return nil
	}
	return &nextAction{
		Type: a.Type, URL: a.URL, Address: a.Address, Network: a.Network, Memo: a.Memo,
		Amount: moneyOf(a.Amount), Text: a.Text,
	}
}

// Attempt is one request to a provider, as the API shows it; secrets are masked.
type Attempt struct {
	ID          string           `json:"id"`
	Number      int              `json:"number"`
	Provider    string           `json:"provider"`
	Plugin      string           `json:"plugin"`
	Digest      string           `json:"digest" doc:"SHA-256 of the module that made the request"`
	Generation  int64            `json:"generation"`
	Role        string           `json:"role"`
	Operation   string           `json:"operation"`
	Idempotency string           `json:"idempotency" enum:"safe,keyed,abandonable,none"`
	Reference   string           `json:"reference,omitempty"`
	Event       string           `json:"event" doc:"What it came to; open while its answer is awaited"`
	Sent        bool             `json:"sent" doc:"Whether a byte of the request left, or may have left"`
	Abandoned   bool             `json:"abandoned,omitempty"`
	Failure     *attempt.Failure `json:"failure,omitempty"`
	Error       string           `json:"error,omitempty"`
	Request     json.RawMessage  `json:"request,omitempty"`
	Response    json.RawMessage  `json:"response,omitempty"`
	Fuel        int64            `json:"fuel"`
	StartedAt   time.Time        `json:"started_at"`
	FinishedAt  time.Time        `json:"finished_at,omitzero"`
}

func attemptOf(a attempt.Attempt) Attempt {
	event := string(a.Event)
	if a.Open() {
		event = "open"
	}
	return Attempt{
		ID: string(a.ID), Number: a.Number, Provider: a.Provider, Plugin: a.Plugin, Digest: a.Digest,
		Generation: a.Generation,
		Role:       string(a.Role), Operation: a.Operation,
		Idempotency: string(a.Idempotency), Reference: a.Reference, Event: event, Sent: a.Sent, Abandoned: a.Abandoned,
		Failure: a.Failure, Error: a.Error,
		Request: a.Request, Response: a.Response, Fuel: a.Fuel, StartedAt: a.StartedAt, FinishedAt: a.FinishedAt,
	}
}
