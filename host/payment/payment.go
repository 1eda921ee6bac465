// Package payment decides what becomes of a payment: which attempts are made, what their outcomes mean for its status,
// and what may be tried again. It owns Payment, Status, and the engine that drives them.
package payment

import (
	"encoding/json"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/money"
	"payrouter/host/routing"
)

// Kind is what a payment does.
type Kind string

// The kinds, as the contract's.
const (
	Collect  Kind = "collect"
	Payout   Kind = "payout"
	Recharge Kind = "recharge"
	Transfer Kind = "transfer"
)

// ABI is the kind in the contract's words; unspecified for what is none.
func (k Kind) ABI() abi.Kind {
	switch k {
	case Collect:
		return abi.Kind_KIND_COLLECT
	case Payout:
		return abi.Kind_KIND_PAYOUT
	case Recharge:
		return abi.Kind_KIND_RECHARGE
	case Transfer:
		return abi.Kind_KIND_TRANSFER
	}
	return abi.Kind_KIND_UNSPECIFIED
}

// Order is what a caller asks for: the part of a payment that the engine never changes by itself.
type Order struct {
	Kind Kind `json:"kind"`
	// Amount is decimal text, in Currency: ISO 4217, or a crypto ticker.
	Amount   string `json:"amount"`
	Currency string `json:"currency"`
	// Country is the payer's, ISO 3166-1 alpha-2.
	Country string `json:"country,omitempty"`
	Method  string `json:"method,omitempty"`
	// Reference is the merchant's own.
	Reference   string            `json:"reference,omitempty"`
	Description string            `json:"description,omitempty"`
	ReturnURL   string            `json:"return_url,omitempty"`
	ExpiresAt   time.Time         `json:"expires_at,omitzero"`
	Payer       Payer             `json:"payer,omitzero"`
	Destination Destination       `json:"destination,omitzero"`
	Metadata    map[string]string `json:"metadata,omitempty"`
	// Pinned is the provider that the caller insists on.
	Pinned string `json:"pinned,omitempty"`
	// Options are JSON objects by plugin name, for that plugin alone.
	Options map[string]json.RawMessage `json:"options,omitempty"`
}

// Payer is who pays. It never reaches a log.
type Payer struct {
	Name  string `json:"name,omitempty"`
	Email string `json:"email,omitempty"`
	Phone string `json:"phone,omitempty"`
	IP    string `json:"ip,omitempty"`
}

// Destination is where money goes, by kind: operator and number of a recharge; account, address, network, memo of a
// payout.
type Destination struct {
	Operator string `json:"operator,omitempty"`
	Number   string `json:"number,omitempty"`
	Account  string `json:"account,omitempty"`
	Address  string `json:"address,omitempty"`
	Network  string `json:"network,omitempty"`
	Memo     string `json:"memo,omitempty"`
}

// Action types: what the payer is to do.
const (
	actionRedirect     = "redirect"
	ActionPayTo        = "pay_to"
	actionInstructions = "instructions"
)

// NextAction is what the payer has to do.
type NextAction struct {
	// Type is one of the Action constants, and decides which members are set.
	Type    string `json:"type"`
	URL     string `json:"url,omitempty"`
	Address string `json:"address,omitempty"`
	Network string `json:"network,omitempty"`
	Memo    string `json:"memo,omitempty"`
	// Amount is exact: more or less may not be credited.
	Amount money.Money `json:"amount,omitzero"`
	Text   string      `json:"text,omitempty"`
}

// Payment is one payment, as it stands. It is a value: the journal and the engine hand copies around, whose maps and
// slices never change.
type Payment struct {
	// ID is "pay_" and a ULID: unique, and ordered by time of creation.
	ID string `json:"id"`
	// Merchant is the name of the API key that made it.
	Merchant string `json:"merchant"`
	// Key is the line of the API key that made it; empty where the router had no keys.
	Key string `json:"key,omitempty"`
	Order

	Status Status `json:"status"`
	// Approval is set where the payment needed one. Until it is there, nothing is sent.
	Approval *approval.Record `json:"approval,omitempty"`
	// Confirmation is the last confirm that needed an approval of its own.
	Confirmation *Confirmation `json:"confirmation,omitempty"`
	// Offered: the payer has been asked to act. Acted: and the payer's part is over.
	Offered bool `json:"offered,omitempty"`
	Acted   bool `json:"acted,omitempty"`
	// Provider is the account that holds it, once one does; Plugin is that account's.
	Provider          string           `json:"provider,omitempty"`
	Plugin            string           `json:"plugin,omitempty"`
	ProviderReference string           `json:"provider_reference,omitempty"`
	Received          money.Money      `json:"received,omitzero"`
	Fee               money.Money      `json:"fee,omitzero"`
	NextAction        *NextAction      `json:"next_action,omitempty"`
	Failure           *attempt.Failure `json:"failure,omitempty"`
	// Alert is something that a person should look at, in words; AlertCode is what it is. Both are empty, or neither.
	Alert     string    `json:"alert,omitempty"`
	AlertCode AlertCode `json:"alert_code,omitempty"`
	// MoneyConflict: a report contradicted the terminal status. Money is somewhere it should not be.
	MoneyConflict bool `json:"money_conflict,omitempty"`
	// AbandonedFound: a provider named what an earlier try had left behind.
	AbandonedFound bool           `json:"abandoned_found,omitempty"`
	Decision       routing.Stored `json:"decision"`
	// Attempts counts the attempts journalled so far.
	Attempts  int       `json:"attempts"`
	CreatedAt time.Time `json:"created_at"`
	// MadeClock is when it was made by the journal's own clock; 0 for payments of earlier releases.
	MadeClock time.Duration `json:"made_clock,omitempty"`
	UpdatedAt time.Time     `json:"updated_at"`
	// StatusAt is since when the status holds.
	StatusAt time.Time `json:"status_at,omitzero"`
	// StatusClock is StatusAt by the journal's own clock; 0 for payments of earlier releases.
	StatusClock time.Duration `json:"status_clock,omitempty"`
	// NextCheck is when the provider is asked next, by the router itself; zero where there is no need. Checks counts
	// such looks since StatusAt.
	NextCheck time.Time `json:"next_check,omitzero"`
	Checks    int       `json:"checks,omitempty"`
	// Version rises by one with every change.
	Version int64 `json:"version"`
}

// OwnerID is the id as that of what attempts, keys and claims belong to.
func (p Payment) OwnerID() attempt.OwnerID { return attempt.OwnerID(p.ID) }
