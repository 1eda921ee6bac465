// Package audit keeps the log of administrative acts: who changed what of the router, from where, and what stood before
// and after. An act is in the log before it begins.
package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"
)

// Outcome is what became of an act.
type Outcome string

// The outcomes.
const (
	// Begun: it is under way, or the router ended before it was over.
	Begun Outcome = "begun"
	// Done: it took effect.
	Done Outcome = "done"
	// Refused: it changed nothing.
	Refused Outcome = "refused"
)

// Actor is who acts, and from where.
type Actor struct {
	// Key is the API key's id, and Name and Merchant are its; Key is empty for the router itself, for the command line,
	// and for callers of a router without keys.
	Key, Name, Merchant string
	// Address is the caller's network address; empty for the router itself and the command line.
	Address string
}

// Entry is one act.
type Entry struct {
	// Sequence rises with every entry; the store sets it.
	Sequence int64
	At       time.Time
	Actor
	// Act is "object.verb": "key.revoke". Object is what it changes: an id or a name.
	Act, Object string
	// Before and After are JSON, without secrets; empty where there is nothing to show.
	Before, After json.RawMessage
	Outcome       Outcome
	// Problem is why it was refused.
	Problem string
}

// Filter chooses entries. Its zero value is all.
type Filter struct {
	// After is the last sequence seen; those after it follow.
	After int64
	// Act and Key choose by what was done and by whom.
	Act, Key string
	// Limit is the most that are given; 0 is a page.
	Limit int
}

// Store keeps entries durably. Entries are never changed but by EndAct, and never removed.
type Store interface {
	// BeginAct adds an entry, and gives its sequence.
	BeginAct(ctx context.Context, e Entry) (int64, error)
	// EndAct sets the outcome of an entry that is Begun.
	EndAct(ctx context.Context, sequence int64, outcome Outcome, after json.RawMessage, problem string) error
	// Acts lists entries, the oldest first.
	Acts(ctx context.Context, filter Filter) ([]Entry, error)
}

// Log records acts. It is safe for concurrent use.
type Log struct {
	store  Store
	now    func() time.Time
	logger *slog.Logger
}

// New makes a log that writes to a store.
func New(store Store, now func() time.Time, logger *slog.Logger) *Log {
	return &Log{store: store, now: now, logger: logger}
}

// Do records an act, performs it, and records what became of it. Where the act cannot be recorded, it is not performed.
// before and what act returns are shown as JSON. An act that took effect is done even if that cannot be recorded: its
// entry stays Begun.
func (l *Log) Do(ctx context.Context, by Actor, act, object string, before any,
	perform func() (after any, err error),
) error {
	sequence, err := l.store.BeginAct(ctx, Entry{
		At: l.now().UTC(), Actor: by, Act: act, Object: object, Before: shown(before), Outcome: Begun,
	})
	if err != nil {
		return fmt.Errorf("record the act %s of %s: %w", act, object, err)
	}
	after, failure := perform()
	outcome, problem := Done, ""
	if failure != nil {
		outcome, problem, after = Refused, failure.Error(), nil
	}
	if err := l.store.EndAct(context.WithoutCancel(ctx), sequence, outcome, shown(after), problem); err != nil {
		l.logger.ErrorContext(ctx, "record what became of an act", slog.String("act", act), slog.Any("error", err))
	}
	return failure
}

// Note records what happened without being asked for over the API: an edit of a watched file, a reload of secrets.
// failure is why it was refused; nil is a success.
func (l *Log) Note(ctx context.Context, act, object string, before, after any, failure error) {
	entry := Entry{
		At: l.now().UTC(), Actor: Actor{Name: "router"}, Act: act, Object: object, Before: shown(before),
		After: shown(after), Outcome: Done,
	}
	if failure != nil {
		entry.Outcome, entry.Problem = Refused, failure.Error()
	}
	if _, err := l.store.BeginAct(ctx, entry); err != nil {
		l.logger.ErrorContext(ctx, "record an act", slog.String("act", act), slog.Any("error", err))
	}
}

// List lists entries, the oldest first.
func (l *Log) List(ctx context.Context, filter Filter) ([]Entry, error) {
	return l.store.Acts(ctx, filter)
}

// shown is a value as JSON; nil is nothing.
func shown(value any) json.RawMessage {
	if value == nil {
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		text, _ = json.Marshal(err.Error()) //nolint:errchkjson // a string cannot fail
	}
	return text
}
