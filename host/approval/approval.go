// Package approval decides who may release money that waits for a person's word, and what is kept of that word. It
// hides the rule of four eyes: payments and runs ask it alike.
package approval

import (
	"errors"
	"slices"
	"time"

	"payrouter/host/invalid"
)

// ErrOwn means that the approver is whoever asked for what awaits approval, or has a key of theirs.
var ErrOwn = errors.New("whoever asks for a payment does not decide on its approval")

// Author is who asks for a payment, a run or a confirm.
type Author struct {
	Merchant string
	// Name is for readers: the name of the API key.
	Name string
	// Key is the line of the API key: the id of the first of the keys that rotation put in each other's place. It is
	// empty on a router without keys.
	Key string
}

// Approver is who decides on what waits.
type Approver struct {
	// Name is for readers: the name of the API key.
	Name string
	// Key is the line of the API key, as an Author's; IssuedBy are the lines of the keys that issued it, and those that
	// issued these.
	Key      string
	IssuedBy []string
	// Issued are the lines of the keys that it issued or rotated, and those that these did.
	Issued []string
}

// Check is ErrOwn where the approver's key is the author's, was issued by it, or issued it: whoever makes or rotates a
// key sees its token, so that one person would have both.
func (a Approver) Check(author string) error {
	if author != "" && (a.Key == author || slices.Contains(a.IssuedBy, author) || slices.Contains(a.Issued, author)) {
		return ErrOwn
	}
	return nil
}

// Verdict is what was decided.
type Verdict string

// The verdicts.
const (
	Approved Verdict = "approved"
	Rejected Verdict = "rejected"
)

// Record is what a payment or a run keeps of its approval. It is a value that never changes: a decision makes another.
type Record struct {
	// RequiredBy is the entry of the configuration that requires it.
	RequiredBy string `json:"required_by"`
	// ExpiresAt is until when it can be approved.
	ExpiresAt time.Time `json:"expires_at"`
	// Verdict is empty until somebody has decided, and stays so where nobody did in time.
	Verdict Verdict `json:"verdict,omitempty"`
	// DecidedBy and Key are the approver's. DecidedClock is DecidedAt by the journal's own clock.
	DecidedBy    string        `json:"decided_by,omitempty"`
	Key          string        `json:"key,omitempty"`
	DecidedAt    time.Time     `json:"decided_at,omitzero"`
	DecidedClock time.Duration `json:"decided_clock,omitempty"`
	// Reason is the approver's, where there is one.
	Reason string `json:"reason,omitempty"`
}

// Decide is the record with a decision.
func (r *Record) Decide(verdict Verdict, by Approver, reason string, at time.Time, clock time.Duration) *Record {
	decided := *r
	decided.Verdict, decided.DecidedBy, decided.Key, decided.Reason = verdict, by.Name, by.Key, reason
	decided.DecidedAt, decided.DecidedClock = at, clock
	return &decided
}

// Is reports whether a verdict stands. A nil record has none.
func (r *Record) Is(verdict Verdict) bool { return r != nil && r.Verdict == verdict }

// Repeats reports whether the approver has decided so before: a repeated request then changes nothing.
func (r *Record) Repeats(verdict Verdict, by Approver) bool {
	return r.Is(verdict) && r.Key == by.Key && r.DecidedBy == by.Name
}

// SendableSince is from when on what was made at a time may be sent: from its approval, where it needed one.
func (r *Record) SendableSince(made time.Time, clock time.Duration) (time.Time, time.Duration) {
	if r.Is(Approved) {
		return r.DecidedAt, r.DecidedClock
	}
	return made, clock
}

// longestReason bounds what a person gives as a reason, in bytes.
const longestReason = 1024

// CheckReason is nil, or an *invalid.Error: a rejection needs a reason.
func CheckReason(reason string) error {
	if reason == "" {
		return &invalid.Error{Field: "/reason", Reason: "is missing: say why it is rejected"}
	}
	if why := invalid.Text(reason, longestReason); why != "" {
		return &invalid.Error{Field: "/reason", Reason: why}
	}
	return nil
}
