// Package webhook sends events about payments to merchants' endpoints: it decides when each event is sent to which of
// their endpoints, and when to stop trying. Package callback receives providers' requests.
//
// Messages follow the Standard Webhooks specification (https://www.standardwebhooks.com). Every event of a payment is
// delivered at least once to each endpoint that wants its type, in no promised order: events have a sequence number and
// the whole payment, so that an event that is stuck holds back no other.
package webhook

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"payrouter/host/payment"
)

// Errors that a caller decides on, for errors.Is.
var (
	// ErrNotFound: no such endpoint or event, or not this merchant's.
	ErrNotFound = errors.New("no such webhook endpoint or event")
	// ErrDisabled: nothing is sent to the endpoint until it is enabled again.
	ErrDisabled = errors.New("the webhook endpoint is disabled")
	// ErrTooMany: the merchant has as many endpoints as it may.
	ErrTooMany = errors.New("too many webhook endpoints")
	// ErrLost: another sender has claimed the delivery since, so this try's result no longer counts.
	ErrLost = errors.New("the delivery was claimed anew meanwhile")
)

// Endpoint is an address of a merchant that events are sent to.
type Endpoint struct {
	// ID is "we_" and a ULID.
	ID          string
	Merchant    string
	URL         string
	Description string
	// Types are the events it wants; none means all.
	Types []payment.EntryType
	// Secret signs. Previous is the one before the last rotation; it signs too, until PreviousUntil.
	Secret        Secret
	Previous      Secret
	PreviousUntil time.Time
	CreatedAt     time.Time
	// DisabledAt is set while nothing is sent, with the reason. Events wait.
	DisabledAt     time.Time
	DisabledReason string
	// HeldUntil is when the next try may leave, where the endpoint asked for less.
	HeldUntil time.Time
	// FailingSince is the first failure after the last success; zero where there is none.
	FailingSince time.Time
	// DeliveredAt is the last success.
	DeliveredAt time.Time
}

// Disabled reports whether nothing is sent.
func (e Endpoint) Disabled() bool { return !e.DisabledAt.IsZero() }

// secrets are those that sign at a time, the newest first.
func (e Endpoint) secrets(now time.Time) []Secret {
	if e.Previous != "" && now.Before(e.PreviousUntil) {
		return []Secret{e.Secret, e.Previous}
	}
	return []Secret{e.Secret}
}

// Secret is an endpoint's signing key as "whsec_" and base64. It prints and logs masked.
type Secret string

// String is masked.
func (Secret) String() string { return "whsec_***" }

// GoString is masked.
func (Secret) GoString() string { return "whsec_***" }

// LogValue is masked.
func (s Secret) LogValue() slog.Value { return slog.StringValue(s.String()) }

// State is where a delivery stands.
type State string

// The states.
const (
	// Pending: a try is due, or under way.
	Pending State = "pending"
	// Delivered: the endpoint has answered one with 2xx.
	Delivered State = "delivered"
	// Failed: given up. Only a redelivery by hand tries again.
	Failed State = "failed"
)

// States are all of them.
func States() []State { return []State{Pending, Delivered, Failed} }

// Delivery is one event on its way to one endpoint.
type Delivery struct {
	EndpointID string
	Sequence   int64
	EventID    string
	Type       payment.EntryType
	State      State
	// Due is when the next try is. While one is under way, it is when the claim on it ends.
	Due time.Time
	// Claim rises whenever a try is claimed: the result of an earlier claim no longer counts.
	Claim int64
	// Tries counts those made since the last redelivery by hand, the one under way included.
	Tries int
	// TriedAt, Status and Error are the last try's: the HTTP status, 0 where there was none, and why it failed.
	TriedAt time.Time
	Status  int
	Error   string
}

// Register keeps endpoints durably. Safe for concurrent use.
type Register interface {
	// Create adds an endpoint, which gets the events after this moment. ErrTooMany where the merchant has that many
	// already.
	Create(ctx context.Context, endpoint Endpoint, most int) error
	// List gives a merchant's endpoints, oldest first.
	List(ctx context.Context, merchant string) ([]Endpoint, error)
	// Change reads a merchant's endpoint, applies a change and writes it, atomically. If the change returns an error,
	// nothing is written.
	Change(ctx context.Context, merchant, id string, change func(*Endpoint) error) (Endpoint, error)
	// Delete forgets a merchant's endpoint and its deliveries.
	Delete(ctx context.Context, merchant, id string) error
}

// Records are the deliveries that people look at. Safe for concurrent use.
type Records interface {
	// Deliveries lists an endpoint's, the newest event first.
	Deliveries(ctx context.Context, endpointID string, filter Filter) ([]Delivery, error)
	// Redeliver makes an event of the endpoint's merchant due now, as if it had never been tried; also one that was
	// before the endpoint, or that it does not want.
	Redeliver(ctx context.Context, endpoint Endpoint, eventID string, now time.Time) (Delivery, error)
}

// Filter narrows a list of deliveries. Zero fields do not narrow.
type Filter struct {
	State State
	// Before is the sequence number to go on from: older ones follow.
	Before int64
	// Limit is how many at most; 0 means 100.
	Limit int
}

// Queue gives work out. Safe for concurrent use.
type Queue interface {
	// Spread creates deliveries of the events that each enabled endpoint has not got yet. An endpoint's cursor and its
	// deliveries are written together. It reports whether there is more.
	Spread(ctx context.Context, now time.Time) (more bool, err error)
	// Claim takes tries that are due, those longest due first: no other sender gets them before the claim ends.
	Claim(ctx context.Context, wish Wish) ([]Job, error)
	// Finish writes what became of a try, and what it means for its endpoint, together. ErrLost where the claim is no
	// longer the last.
	Finish(ctx context.Context, delivery Delivery, effect func(*Endpoint)) error
	// Purge deletes deliveries that were answered longer ago than a lifetime, some at a time, and returns how many. The
	// lifetime counts by the journal clock. The events themselves stay.
	Purge(ctx context.Context, lifetime time.Duration, limit int) (int, error)
}

// Wish is what a claimer can take.
type Wish struct {
	Now time.Time
	// Until is when the claims end.
	Until time.Time
	// Limit is for all endpoints together, PerEndpoint for each, of which Busy are taken already, by the endpoint's id.
	Limit       int
	PerEndpoint int
	Busy        map[string]int
}

// Job is one try to be made.
type Job struct {
	Endpoint Endpoint
	Delivery Delivery
	Entry    payment.Entry
}
