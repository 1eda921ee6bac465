package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/store"
)

const journalPath = "/v1/journal"

// Journal reports the standing of the journal, and releases it.
type Journal interface {
	// Hold is nil, or why no request may leave that may move money.
	Hold() error
	// Standing is the standing of the journal.
	Standing(ctx context.Context) (store.Standing, error)
	// Release ends a hold at an operator's word; store.ErrNotHeld where there is none.
	Release(ctx context.Context, operator, reason string) error
}

// JournalStanding is how far the journal may be relied on.
type JournalStanding struct {
	Identity      string          `json:"identity" doc:"The same for all copies of a journal"`
	Mode          string          `json:"mode,omitempty" enum:"sandbox,real"`
	Commits       int64           `json:"commits" doc:"Transactions that changed anything"`
	Held          *store.Hold     `json:"held,omitempty" doc:"Why no money-moving request is sent; omitted if not held"`
	DoubtedBefore *time.Time      `json:"doubted_before,omitempty" doc:"Older records may lack requests that were sent"`
	RunSeconds    int64           `json:"run_seconds" doc:"The journal clock: how long the journal was in use"`
	ClockJump     *ClockJump      `json:"clock_jump,omitempty" doc:"The last jump of the wall clock since the start"`
	Witness       JournalWitness  `json:"witness"`
	Events        []JournalChange `json:"events" doc:"What happened to the journal itself, the newest first"`
}

// ClockJump is a jump of the wall clock, measured with the monotonic clock.
type ClockJump struct {
	At      time.Time `json:"at" doc:"After the jump"`
	Seconds int64     `json:"seconds" doc:"Negative where the clock was set back"`
}

// JournalWitness is the file that holds the last commit's number.
type JournalWitness struct {
	Path    string     `json:"path"`
	Commit  int64      `json:"commit" doc:"The last that the file holds"`
	At      *time.Time `json:"at,omitempty"`
	Problem string     `json:"problem,omitempty" doc:"Why the file cannot be written now"`
}

// JournalChange is something that happened to the journal itself.
type JournalChange struct {
	Type   string    `json:"type" enum:"opened,held,released,clock_jumped"`
	At     time.Time `json:"at"`
	Commit int64     `json:"commit" doc:"The number of the transaction that wrote it"`
	By     string    `json:"by,omitempty" doc:"The operator who released it"`
	Reason string    `json:"reason,omitempty"`
}

func (a *api) registerJournal(described huma.API) {
	registry := described.OpenAPI().Components.Schemas
	get := a.endpoint("get-journal", http.MethodGet, journalPath, "Say how far the journal may be relied on",
		"Whether it is held because it is older than its witness, whether the wall clock has jumped, and what "+
			"happened to it.")
	refuses(&get, registry, http.StatusForbidden)
	huma.Register(described, get, a.journal)

	release := a.endpoint("release-journal", http.MethodPost, journalPath+"/release", "Release a held journal",
		"To be done by who has compared it with what the providers have. From then on payments are made and sent "+
			"again. "+
			"The operator and the reason stay in the journal.")
	refuses(&release, registry, http.StatusBadRequest, http.StatusForbidden, http.StatusConflict,
		http.StatusUnprocessableEntity)
	huma.Register(described, release, recorded(a, act[releaseInput, journalOutput]{
		"journal.release", nil, a.holdState, a.releaseJournal,
	}))
}

type journalOutput struct{ Body JournalStanding }

func (a *api) journal(ctx context.Context, _ *struct{}) (*journalOutput, error) {
	s, err := a.settings.Journal.Standing(ctx)
	if err != nil {
		return nil, problemOf(err, "")
	}
	return &journalOutput{standingOf(s)}, nil
}

type releaseInput struct {
	Body struct {
		Reason string `json:"reason" minLength:"1" maxLength:"1024" doc:"Why it is safe" example:"Compared with statements"`
	}
}

func (a *api) releaseJournal(ctx context.Context, in *releaseInput) (*journalOutput, error) {
	operator := callerOf(ctx).String()
	if err := a.settings.Journal.Release(ctx, operator, in.Body.Reason); err != nil {
		return nil, problemOf(err, "")
	}
	return a.journal(ctx, nil)
}

func standingOf(s store.Standing) JournalStanding {
	shown := JournalStanding{
		Identity: s.Identity, Mode: s.Mode, Commits: s.Commits, Held: s.Hold,
		DoubtedBefore: optionalTime(s.DoubtedBefore),
		RunSeconds:    int64(s.Clock / time.Second), Events: []JournalChange{},
		Witness: JournalWitness{
			Path: s.Witness.Path, Commit: s.Witness.Commit, At: optionalTime(s.Witness.At),
			Problem: s.Witness.Problem,
		},
	}
	if s.Jump != nil {
		shown.ClockJump = &ClockJump{At: s.Jump.At, Seconds: int64(s.Jump.By.Round(time.Second) / time.Second)}
	}
	for _, e := range s.Events {
		shown.Events = append(shown.Events,
			JournalChange{Type: string(e.Type), At: e.At, Commit: e.Commit, By: e.Actor, Reason: e.Reason})
	}
	return shown
}

// optionalTime is nil for no time.
func optionalTime(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// hold is why the journal is held; nil where it is not.
func (a *api) hold() error {
	if a.settings.Journal == nil {
		return nil
	}
	return a.settings.Journal.Hold()
}

// health is the answer of /healthz and /readyz.
type health struct {
	Status string `json:"status"`
	// Reason is why the journal is held.
	Reason string `json:"reason,omitempty"`
}

// readyz fails if the journal takes no writes. A held router still serves reads and callbacks, so it stays in rotation
// and reports that it is held.
func (a *api) readyz(w http.ResponseWriter, _ *http.Request) {
	if a.ready() != nil {
		writeHealth(w, http.StatusServiceUnavailable, health{Status: "unavailable"})
		return
	}
	if held := a.hold(); held != nil {
		writeHealth(w, http.StatusOK, health{Status: "held", Reason: held.Error()})
		return
	}
	writeHealth(w, http.StatusOK, health{Status: "ok"})
}

func writeHealth(w http.ResponseWriter, status int, body health) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
