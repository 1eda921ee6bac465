package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
	"payrouter/host/clocktest"
	"payrouter/host/sandbox"
	"payrouter/host/store/sqlite"
)

// While the wall clock was weeks ahead for some seconds, keys were forgotten, and a repetition a minute after its
// payment's end was booked again.
func TestAWallClockThatIsAheadForSecondsForgetsNoKey(t *testing.T) {
	t.Parallel()
	clock := &clocktest.Clock{}
	w := build(t, plan{now: clock.Now, command: serveCommand{ReconcileEvery: 10 * time.Millisecond}})
	made := read[api.Payment](t, w.post("k", order))
	w.drive(sandbox.PayGram, made.ProviderReference, "pay")
	require.Equal(t, "succeeded", w.act(made, "refresh", "").Status)
	waiting := w.create(byPayPlay)
	before := w.requests(sandbox.PayPlay, "get_order")

	clock.Jump(4 * 7 * 24 * time.Hour)
	// A payment that waits is due by the clock that is ahead: the router has looked for old keys in the same round, and
	// in many after.
	require.Eventually(t, func() bool { return w.requests(sandbox.PayPlay, "get_order") > before }, time.Minute,
		10*time.Millisecond)
	require.Eventually(t, func() bool { return w.journal().ClockJump != nil }, time.Minute, 10*time.Millisecond)
	clock.Jump(-4 * 7 * 24 * time.Hour)
	require.Eventually(t, func() bool { return w.journal().ClockJump.Seconds < 0 }, time.Minute, 10*time.Millisecond)

	again := w.post("k", order)
	require.Equal(t, 201, again.status)
	require.Equal(t, "true", again.header.Get("Idempotency-Replayed"))
	require.Len(t, w.bookings(sandbox.PayGram), 1)
	require.Contains(t, w.log.String(), "the wall clock was set ahead by 672h0m0s")
	require.Contains(t, w.log.String(), "the wall clock was set back by 672h0m0s")
	types := []string{}
	for _, e := range w.journal().Events {
		types = append(types, e.Type)
	}
	require.Equal(t, []string{"clock_jumped", "clock_jumped", "opened"}, types[:3])
	// What was planned by the clock that was ahead is not left for weeks.
	before = w.requests(sandbox.PayPlay, "get_order")
	require.Eventually(t, func() bool { return w.requests(sandbox.PayPlay, "get_order") > before }, time.Minute,
		10*time.Millisecond)
	require.Equal(t, "requires_action", w.get(waiting.ID).Status)
}

func TestAKeyThatIsForgottenIsRefused(t *testing.T) {
	t.Parallel()
	w := build(t, plan{command: serveCommand{KeyLifetime: time.Millisecond, ReconcileEvery: 10 * time.Millisecond}})
	made := read[api.Payment](t, w.post("k", order))
	w.drive(sandbox.PayGram, made.ProviderReference, "pay")
	require.Equal(t, "succeeded", w.act(made, "refresh", "").Status)

	var expired answer
	require.Eventually(t, func() bool {
		expired = w.post("k", order)
		return expired.status != 201
	}, time.Minute, 10*time.Millisecond)

	require.Equal(t, 422, expired.status)
	require.Equal(t, "idempotency-key-expired", problem(t, expired).Type)
	require.Equal(t, "idempotency-key-expired",
		problem(t, w.ask("POST", w.router+atPayGram+"Withdraw", withdraw, "Idempotency-Key", "k")).Type)
	require.Len(t, w.bookings(sandbox.PayGram), 1)
	require.Equal(t, "succeeded", w.get(made.ID).Status, "the payment stays")
}

func (w *harness) journal() api.JournalStanding {
	w.t.Helper()
	a := w.ask("GET", w.router+"/v1/journal", "")
	require.Equal(w.t, 200, a.status, string(a.body))
	return read[api.JournalStanding](w.t, a)
}

// rechargesWithCopies makes many recharges at once, copies the journal all the while, and gives the copy in which most
// are unfinished.
func (w *harness) rechargesWithCopies(many int) (copied string) {
	w.t.Helper()
	stop, copies := make(chan struct{}), make(chan string, 1)
	dir := w.t.TempDir()
	go func() {
		best, most := "", -1
		for n := 0; ; n++ {
			made, err := sqlite.Backup(context.Background(), w.data, filepath.Join(dir, fmt.Sprint(n)))
			if left := made.Payments["created"]*100 + made.Payments["processing"]; err == nil && left > most {
				best, most = made.Path, left
			}
			select {
			case <-stop:
				copies <- best
				return
			default:
			}
		}
	}()
	var group sync.WaitGroup
	for n := range many {
		group.Go(func() {
			_, _ = w.try(context.Background(), "POST", w.router+"/v1/payments", recharge, "Idempotency-Key",
				fmt.Sprint("recharge-", n))
		})
	}
	group.Wait()
	close(stop)
	return <-copies
}

// restore puts a copy in a journal's place, as documented.
func (w *harness) restore(copied, data string) {
	w.t.Helper()
	w.stop()
	require.NoError(w.t, w.end())
	text, err := os.ReadFile(copied)
	require.NoError(w.t, err)
	for _, beside := range []string{"-wal", "-shm"} {
		require.NoError(w.t, os.RemoveAll(sqlite.Journal(data)+beside))
	}
	require.NoError(w.t, os.MkdirAll(data, 0o700))
	require.NoError(w.t, os.WriteFile(sqlite.Journal(data), text, 0o600))
}

// settledDown waits until recovery has looked at everything: nothing is unfinished any more, in whatever way.
func (w *harness) settledDown() {
	w.t.Helper()
	require.Eventually(w.t, func() bool {
		for _, p := range w.list("limit=200&status=created,processing").Data {
			attempts := w.attempts(p.ID)
			if len(attempts) == 0 || attempts[len(attempts)-1].Event != "accepted" {
				return false
			}
		}
		return true
	}, time.Minute, 20*time.Millisecond)
}

// Within seconds of the restart with a journal from moments before, recovery sent recharges a second time.
func TestAnOlderJournalPutBackBooksNothingASecondTime(t *testing.T) {
	t.Parallel()
	const many = 60
	for name, elsewhere := range map[string]bool{
		"the witness stays in the data folder": false,
		"the witness is on another volume":     true,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := serveCommand{}
			if elsewhere {
				command.Witness = filepath.Join(t.TempDir(), "witness")
			}
			w := build(t, plan{command: command})
			copied := w.rechargesWithCopies(many)
			require.NotEmpty(t, copied)
			require.Len(t, w.bookings(sandbox.Paygrt), many)
			data := w.data
			if elsewhere {
				data = t.TempDir() // the whole folder is lost
			}
			w.restore(copied, data)

			held := build(t, plan{beside: w, data: data, command: command})
			held.settledDown()
			require.Len(t, held.bookings(sandbox.Paygrt), many)
			ready := held.ask("GET", held.router+"/readyz", "")
			require.Equal(t, 200, ready.status, "reads and callbacks go on")
			require.Contains(t, string(ready.body), `"status":"held"`)
			require.Contains(t, string(ready.body), "router journal release")
			require.Contains(t, held.log.String(), "the journal is held")
			require.NotNil(t, held.journal().Held)
			refused := problem(t, held.ask("POST", held.router+"/v1/payments", recharge, "Idempotency-Key", "new"))
			require.Equal(t, 503, refused.Status)
			require.Equal(t, "journal-held", refused.Type)
			require.Contains(t, refused.Detail, "router journal release")
			native := problem(t,
				held.ask("POST", held.router+atPayGram+"Withdraw", withdraw, "Idempotency-Key", "native"))
			require.Equal(t, "journal-held", native.Type)
			require.Equal(t, 200, held.ask("POST", held.router+atPayGram+"UserInfo", "").status,
				"what changes nothing goes on")

			var output strings.Builder
			release := journalReleaseCommand{Router: held.router, Reason: "compared with Paygrt's statement"}
			require.NoError(t,
				release.Run(&host{ctx: t.Context(), stdout: &output, log: slog.New(slog.DiscardHandler)}))
			require.Contains(t, output.String(), "compared with Paygrt's statement")
			require.ErrorContains(t, release.Run(&host{ctx: t.Context(), stdout: io.Discard}), "not held")
			require.JSONEq(t, `{"status":"ok"}`, string(held.ask("GET", held.router+"/readyz", "").body))
			require.Equal(t, 201,
				held.ask("POST", held.router+"/v1/payments", recharge, "Idempotency-Key", "new").status)
			require.Len(t, held.bookings(sandbox.Paygrt), many+1)
			held.stop()
			require.NoError(t, held.end())

			again := build(t, plan{beside: w, data: data, command: command})
			again.settledDown()
			require.Len(t, again.bookings(sandbox.Paygrt), many+1, "nor does a later start")
			require.Nil(t, again.journal().Held)
			for _, b := range again.bookings(sandbox.Paygrt) {
				require.Equal(t, 1, b.Times)
			}
		})
	}
}

func TestBackupAndCheckSayWhatIsInAJournal(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	w.create(byPayGram)
	to := filepath.Join(t.TempDir(), "journal.db")
	run := func(command interface{ Run(h *host) error }) (string, error) {
		var output strings.Builder
		err := command.Run(&host{ctx: t.Context(), stdout: &output, log: slog.New(slog.DiscardHandler)})
		return output.String(), err
	}

	output, err := run(&journalBackupCommand{To: to, Data: w.data})

	require.NoError(t, err)
	require.Contains(t, output, to+" is sound: journal ")
	require.Contains(t, output, ", real, commit ")
	require.Contains(t, output, "payments: requires_action 1\nnative operations: none\n")
	w.create(byPayGram)
	w.stop()
	require.NoError(t, w.end())
	_, err = run(&journalCheckCommand{Journal: to, Data: w.data})
	require.ErrorContains(t, err, "a router would hold it")
	output, err = run(&journalCheckCommand{Data: w.data})
	require.NoError(t, err)
	require.Contains(t, output, "its witness saw nothing later")
	output, err = run(&journalCheckCommand{Journal: to, Data: t.TempDir()})
	require.NoError(t, err)
	require.Contains(t, output, "no witness was found")
}

func TestARealJournalIsNoSandboxes(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	w.stop()
	require.NoError(t, w.end())
	dir, compiled := plugins(t)
	command := serveCommand{
		Sandbox: true, SandboxListen: "127.0.0.1:0", Listen: "127.0.0.1:0", Routing: "../../routing.yaml", Plugins: dir,
		Compiled: compiled, Data: w.data,
	}
	err := command.Run(&host{ctx: t.Context(), stdout: io.Discard, now: time.Now, log: slog.New(slog.DiscardHandler)})
	require.ErrorContains(t, err, "was made for real payments")
	require.ErrorContains(t, err, "without --sandbox")
}

// strangersWitness is a witness of another journal: a router that starts with it is held.
func strangersWitness(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "witness")
	require.NoError(t,
		os.WriteFile(path, []byte(`{"journal":"another","session":"s","commit":7,"at":"2026-03-01T12:00:00Z"}`), 0o600))
	return path
}

// reachJournal gets every documented status of the operations on the journal, asked by an operator, and releases it.
func (w *harness) reachJournal(call func(operation, method, path, body string, headers ...string) answer,
	operator string,
) {
	w.t.Helper()
	by := []string{"Authorization", "Bearer " + operator}
	for _, who := range [][]string{nil, by, {"Authorization", ""}} {
		call("get-journal", "GET", "/v1/journal", "", who...)
		call("release-journal", "POST", "/v1/journal/release", `{"reason":"it is a test's"}`, who...)
	}
	for _, body := range []string{`{`, `{"reason":""}`, `{"reason":"again"}`} {
		call("release-journal", "POST", "/v1/journal/release", body, by...)
	}
}

// A release goes back and comes again: what was answered is answered, to the byte, and payments go on.
func TestAJournalGoesBackToTheFormerReleaseAndComesAgain(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	first := w.post("k", order)
	require.Equal(t, 201, first.status)
	made := read[api.Payment](t, first)
	events := w.ask("GET", w.router+"/v1/payments/"+made.ID+"/events", "")
	attempts := w.ask("GET", w.router+"/v1/payments/"+made.ID+"/attempts", "")
	downgrade := journalDowngradeCommand{Data: w.data}
	h := &host{ctx: t.Context(), stdout: io.Discard, log: slog.New(slog.DiscardHandler)}
	require.ErrorContains(t, downgrade.Run(h), "is in use by process", "the router has it")
	w.stop()
	require.NoError(t, w.end())

	var output strings.Builder
	h.stdout = &output
	require.NoError(t, downgrade.Run(h))
	require.Contains(t, output.String(), sqlite.Journal(w.data))
	require.ErrorContains(t, downgrade.Run(h), "version 10")

	again := build(t, plan{beside: w})
	repeated := again.post("k", order)
	require.Equal(t, "true", repeated.header.Get("Idempotency-Replayed"))
	require.Equal(t, string(first.body), string(repeated.body))
	for path, before := range map[string]answer{"/events": events, "/attempts": attempts} {
		require.Equal(t, string(before.body), string(again.ask("GET", again.router+"/v1/payments/"+made.ID+path, "").body))
	}
	again.drive(sandbox.PayGram, made.ProviderReference, "pay")
	require.Equal(t, "succeeded", again.act(made, "refresh", "").Status)
	require.Len(t, again.bookings(sandbox.PayGram), 1)
}
