package store

import (
	"errors"
	"time"
)

// Standing is how far a journal may be relied on.
type Standing struct {
	// Identity is the same for all copies of a journal.
	Identity string
	// Mode is "sandbox" or "real"; empty for a journal that no router has opened in a mode.
	Mode string
	// Commits counts the transactions that changed anything.
	Commits int64
	// Hold is why nothing may be sent that may move money; nil while the journal is not held.
	Hold *Hold
	// DoubtedBefore: of what was made before, more may have been sent than the journal shows. Zero where nothing is in
	// doubt.
	DoubtedBefore time.Time
	// Clock is what the journal's own clock shows: its run time.
	Clock   time.Duration
	Witness Witness
	// Jump is the last jump of the wall clock since the router started; nil where there was none.
	Jump *ClockJump
	// Events are what happened to the journal itself, the newest first.
	Events []StandingEvent
}

// Hold is why a journal is held.
type Hold struct {
	Since time.Time `json:"since"`
	// Reason is what does not fit, with its numbers.
	Reason string `json:"reason"`
}

// Witness is the file outside the journal that holds its last commit's number.
type Witness struct {
	Path string
	// Commit is the last that the file holds, At when it was.
	Commit int64
	At     time.Time
	// Problem is why the file cannot be written now; empty where it can.
	Problem string
}

// ClockJump is a jump of the wall clock, measured with the monotonic clock.
type ClockJump struct {
	// At is after the jump. By is negative where the clock was set back.
	At time.Time
	By time.Duration
}

// StandingEventType is what happened to a journal.
type StandingEventType string

// The types.
const (
	// JournalOpened: a router started with it.
	JournalOpened StandingEventType = "opened"
	// JournalHeld: at that start it was behind its witness.
	JournalHeld StandingEventType = "held"
	// JournalReleased: a person took the responsibility.
	JournalReleased StandingEventType = "released"
	// ClockJumped: the wall clock jumped.
	ClockJumped StandingEventType = "clock_jumped"
)

// StandingEvent is something that happened to a journal.
type StandingEvent struct {
	Type StandingEventType
	At   time.Time
	// Commit is the number of the transaction that wrote it.
	Commit int64
	// Actor is the operator of a release; empty otherwise.
	Actor string
	// Reason is the operator's, or the router's.
	Reason string
}

// ErrNotHeld means that there is no hold to release.
var ErrNotHeld = errors.New("the journal is not held")
