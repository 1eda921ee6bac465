package attempt

import "time"

// Answer is what a request was answered.
type Answer struct {
	Status int
	Body   []byte
}

// Key is an idempotency key: one per merchant and value.
type Key struct {
	Merchant string
	Value    string
	// Fingerprint is over the method, the path and the canonical body of the request.
	Fingerprint string
	// Owner is what the request made.
	Owner OwnerID
	// Status and Body are the answer, once there is one; Status 0 means that the request is still in flight.
	Status    int
	Body      []byte
	CreatedAt time.Time
}
