package attempt

import (
	"encoding/json"
	"time"
)

// Attempt is one request to a provider: a row of its own, written before the request leaves and closed when its answer
// is understood.
type Attempt struct {
	ID ID `json:"id"`
	// Owner is the payment or the run that it was made for.
	Owner OwnerID `json:"payment_id"`
	// Number counts its owner's attempts from 1.
	Number int `json:"number"`
	// Provider is the account; Plugin, Digest and Generation say whose code made and read the request.
	Provider   string `json:"provider"`
	Plugin     string `json:"plugin"`
	Digest     string `json:"digest"`
	Generation int64  `json:"generation"`
	// Role is what the call was for, Operation what this request performs.
	Role        Role        `json:"role"`
	Operation   string      `json:"operation"`
	Idempotency Idempotency `json:"idempotency"`
	// Reference is ours at this provider, the same on every resend.
	Reference string `json:"reference,omitempty"`
	// Call and State are what the plugin was given, encoded, so that the attempt can be replayed.
	Call  []byte `json:"call,omitempty"`
	State []byte `json:"state,omitempty"`
	// SendBefore is the latest moment at which the request may leave.
	SendBefore time.Time `json:"send_before,omitzero"`
	// Request and Response are JSON, masked.
	Request  json.RawMessage `json:"request,omitempty"`
	Response json.RawMessage `json:"response,omitempty"`
	// Sent reports whether a byte of the request may have left. Of an open attempt it is not known: it counts as sent.
	Sent bool `json:"sent"`
	// Writes counts how often the transport wrote the request. More than one is an incident.
	Writes int `json:"writes,omitempty"`
	// Event is empty while the attempt is open.
	Event Event `json:"event,omitempty"`
	// Concluded: its answer ended the call, and the plugin needed no further request.
	Concluded bool `json:"concluded,omitempty"`
	// Abandoned: it may have made an object that cannot be paid, and that was left behind.
	Abandoned bool     `json:"abandoned,omitempty"`
	Failure   *Failure `json:"failure,omitempty"`
	// Error is why there was no answer, masked.
	Error string `json:"error,omitempty"`
	// PluginFault: the plugin made nothing of the answer by a fault of its own, which shows nothing of the provider.
	PluginFault bool `json:"plugin_fault,omitempty"`
	// Fuel is what the plugin's calls for this attempt burned.
	Fuel      int64     `json:"fuel"`
	StartedAt time.Time `json:"started_at"`
	// StartedClock is when it began by the journal's own clock; 0 for attempts of earlier releases.
	StartedClock time.Duration `json:"started_clock,omitempty"`
	FinishedAt   time.Time     `json:"finished_at,omitzero"`
}

// Open reports whether the request may be on its way.
func (a Attempt) Open() bool {
	return a.Event == ""
}
