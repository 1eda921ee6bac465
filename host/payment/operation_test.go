package payment_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
	"payrouter/host/account"
	"payrouter/host/attempt"
	"payrouter/host/invalid"
	"payrouter/host/operation"
	"payrouter/host/payment/paymenttest"
)

// counter is an engine that keeps runs.
func counter(t *testing.T, settings paymenttest.Settings, c clerk, at *provider) *harness {
	t.Helper()
	c.name = "clerk"
	return runsHarness(t, settings, probed{name: "a", connector: c, url: at.url, tries: 3, timeout: 10 * time.Second})
}

func payOf(input string) operation.Request {
	return operation.Request{Provider: "a", Operation: "pay", Input: []byte(input)}
}

const ten = `{"amount":"10.00"}`

func (h *harness) perform(t *testing.T, key string, what operation.Request) operation.Run {
	t.Helper()
	receipt, err := h.engine.Perform(t.Context(), author("desk"),
		attempt.Key{Value: key, Fingerprint: "f"}, what, time.Minute)
	require.NoError(t, err)
	require.False(t, receipt.Waiting)
	return receipt.Value
}

func (h *harness) requireRun(t *testing.T, want operation.Run) {
	t.Helper()
	stands, err := h.engine.Run(t.Context(), want.ID)
	require.NoError(t, err)
	require.Equal(t, want, stands)
}

func eventsOf(t *testing.T, h *harness, id string) (events []attempt.Event) {
	t.Helper()
	attempts, err := h.engine.RunAttempts(t.Context(), id)
	require.NoError(t, err)
	for n, a := range attempts {
		require.Equal(t, n+1, a.Number)
		require.Equal(t, attempt.RoleOperation, a.Role)
		require.EqualValues(t, id, a.Owner)
		require.NotContains(t, string(a.Request), secretToken)
		events = append(events, a.Event)
	}
	return events
}

func TestOperationsOfAnAccount(t *testing.T) {
	t.Parallel()
	fleet := newFleet(t,
		probed{
			name: "a", connector: clerk{probe: &probe{name: "clerk", idempotency: none}, setting: "unique"},
			url: "http://127.0.0.1:1",
		})
	one, err := operation.Find(&fleet.Fleet, "a", "pay")
	require.NoError(t, err)
	require.Equal(t, none, one.Idempotency)
	require.False(t, one.Safe())
	fleet.Accounts["a"].Settings = []byte(`{"unique":true}`)
	one, err = operation.Find(&fleet.Fleet, "a", "pay")
	require.NoError(t, err)
	require.Equal(t, keyed, one.Idempotency, "the account's setting makes it so")
	require.Equal(t, none, one.Manifest.GetIdempotency())
	all, err := operation.List(&fleet.Fleet, "a")
	require.NoError(t, err)
	require.Len(t, all, len(fleet.Accounts["a"].Plugin("").Manifest().GetOperations()))
	require.Equal(t, one, all[len(all)-1])

	_, err = operation.List(&fleet.Fleet, "b")
	require.ErrorIs(t, err, attempt.ErrNoOperation)
	_, err = operation.Find(&fleet.Fleet, "a", "Pay")
	require.ErrorIs(t, err, attempt.ErrNoOperation)
}

func TestARunIsDurableBeforeTheProviderHearsOfIt(t *testing.T) {
	t.Parallel()
	var h *harness
	var seen []operation.Run
	var rows []attempt.Attempt
	first := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		if seen, _ = h.journal.UnfinishedRuns(context.Background(), "", 0); len(seen) == 1 {
			rows, _ = h.journal.Attempts(context.Background(), seen[0].ID)
		}
		says(`{"output":{"balance":0.50,"seed":"never to be seen"},"cursor":"2"}`)(w, r)
	})
	h = counter(t, paymenttest.Settings{}, clerk{probe: &probe{idempotency: none}}, first)

	run := h.perform(t, "k",
		operation.Request{Provider: "a", Operation: "pay", Input: []byte(`{ "amount": "10.00" }`), Cursor: "1"})

	require.Len(t, seen, 1)
	require.Equal(t, run.ID, seen[0].ID)
	require.True(t, strings.HasPrefix(run.ID, "op_"))
	require.Len(t, rows, 1)
	require.True(t, rows[0].Open())
	require.Contains(t, string(rows[0].Request), "/pay")
	require.Equal(t, operation.Succeeded, run.Status)
	require.Equal(t, []string{`{ "amount": "10.00" }`, `{"balance":0.50,"seed":"{{masked}}"}`},
		[]string{string(run.Input), string(run.Output)}, "to the byte")
	require.Equal(t, []string{"1", "2", "none", "clerk", "desk"},
		[]string{run.From, run.Cursor, string(run.Idempotency), run.Plugin, run.Merchant})
	require.Len(t, first.requests()[0].reference, 24)
	require.Equal(t, "1", first.requests()[0].of)
	h.requireRun(t, run)
	require.Equal(t, []attempt.Event{attempt.Accepted}, eventsOf(t, h, run.ID))
	attempts, err := h.engine.RunAttempts(t.Context(), run.ID)
	require.NoError(t, err)
	require.NotContains(t, string(attempts[0].Response), "never to be seen")
	require.Contains(t, string(attempts[0].Response), "balance", "the rest is for replays")
	require.EqualValues(t, 10, attempts[0].Fuel)
}

// The table rules, as it does payments; and "next provider" is the end.
func TestWhatBecomesOfARun(t *testing.T) {
	t.Parallel()
	output := says(`{"output":{}}`)
	const (
		succeeded, failed, unknown = operation.Succeeded, operation.Failed, operation.Unknown
		accepted, unanswered       = attempt.Accepted, attempt.Unanswered
	)
	for name, row := range map[string]struct {
		probe   probe
		answers []http.HandlerFunc
		status  operation.Status
		code    string
		events  []attempt.Event
	}{
		"unanswered, none": {
			probe{idempotency: none},
			[]http.HandlerFunc{hangsUp},
			unknown,
			"provider_unavailable",
			[]attempt.Event{unanswered},
		},
		"500, none": {
			probe{idempotency: none},
			[]http.HandlerFunc{fails(500, "{}")},
			unknown,
			"provider_unavailable",
			[]attempt.Event{unanswered},
		},
		"unspecified is none": {
			probe{},
			[]http.HandlerFunc{hangsUp},
			unknown, "provider_unavailable",
			[]attempt.Event{unanswered},
		},
		"unanswered, keyed": {
			probe{idempotency: keyed},
			[]http.HandlerFunc{hangsUp, truncates},
			succeeded, "",
			[]attempt.Event{unanswered, unanswered, accepted},
		},
		"unanswered for good, keyed": {
			probe{idempotency: keyed},
			[]http.HandlerFunc{hangsUp, hangsUp, hangsUp},
			unknown, "provider_unavailable",
			[]attempt.Event{unanswered, unanswered, unanswered},
		},
		"unanswered, abandonable": {
			probe{idempotency: abandonable},
			[]http.HandlerFunc{hangsUp},
			succeeded, "",
			[]attempt.Event{unanswered, accepted},
		},
		"unanswered for good, left": {
			probe{idempotency: abandonable},
			[]http.HandlerFunc{hangsUp, hangsUp, hangsUp},
			failed, "provider_unavailable",
			[]attempt.Event{unanswered, unanswered, unanswered},
		},
		"refused, and then taken": {
			probe{idempotency: none},
			[]http.HandlerFunc{fails(429, `{"error":"slow"}`)},
			succeeded, "",
			[]attempt.Event{attempt.Refused, accepted},
		},
		"declined": {
			probe{idempotency: none},
			[]http.HandlerFunc{says(`{"error":"limit"}`)},
			failed, "limit_exceeded",
			[]attempt.Event{attempt.DeclinedSoft},
		},
		"declined by everybody": {
			probe{idempotency: none},
			[]http.HandlerFunc{says(`{"error":"fraud"}`)},
			failed, "fraud_suspected",
			[]attempt.Event{attempt.DeclinedHard},
		},
		"declined, and not for good": {
			probe{idempotency: none, revocable: true},
			[]http.HandlerFunc{says(`{"error":"limit"}`)},
			unknown, "limit_exceeded",
			[]attempt.Event{attempt.DeclinedSoft},
		},
		"what it names is not there": {
			probe{idempotency: none},
			[]http.HandlerFunc{says(`{"error":"absent"}`)},
			failed, "not_found",
			[]attempt.Event{attempt.NotFound},
		},
		"a duplicate": {
			probe{idempotency: keyed},
			[]http.HandlerFunc{says(`{"error":"duplicate"}`)},
			unknown, "duplicate",
			[]attempt.Event{attempt.Duplicate},
		},
		"an error that nobody listed": {
			probe{idempotency: none},
			[]http.HandlerFunc{says(`{"error":"odd"}`)},
			unknown, "provider_error",
			[]attempt.Event{unanswered},
		},
		"declined after doubt": {
			probe{idempotency: keyed},
			[]http.HandlerFunc{hangsUp, says(`{"error":"limit"}`)},
			unknown, "limit_exceeded",
			[]attempt.Event{unanswered, attempt.DeclinedSoft},
		},
		"a further step after it": {
			probe{idempotency: none},
			[]http.HandlerFunc{says(`{"next":"lookup"}`), says(`{"error":"limit"}`)},
			unknown, "limit_exceeded",
			[]attempt.Event{accepted, attempt.DeclinedSoft},
		},
		"about another reference": {
			probe{idempotency: none},
			[]http.HandlerFunc{says(`{"output":{},"reference":"another"}`)},
			unknown, "provider_unavailable",
			[]attempt.Event{unanswered},
		},
		"about an object's own": {
			probe{idempotency: none, prepare: anonymously},
			[]http.HandlerFunc{says(`{"output":{},"reference":"another"}`)},
			succeeded, "",
			[]attempt.Event{accepted},
		},
		"about the caller's own": {
			probe{idempotency: none},
			[]http.HandlerFunc{says(`{"output":{},"reference":"mine-1"}`)},
			succeeded, "",
			[]attempt.Event{accepted},
		},
		"taken, and failed there": {
			probe{idempotency: none},
			[]http.HandlerFunc{says(`{"id":"1","status":"failed"}`)},
			failed, "fraud_suspected",
			[]attempt.Event{accepted},
		},
		"taken, and nobody can say so": {
			probe{idempotency: none},
			[]http.HandlerFunc{says(`{"id":"1","status":"unclear"}`)},
			unknown, "",
			[]attempt.Event{accepted},
		},
		"taken, and under way": {
			probe{idempotency: none},
			[]http.HandlerFunc{says(`{"id":"1","status":"working"}`)},
			succeeded, "",
			[]attempt.Event{accepted},
		},
		"what it was to end is ended": {
			probe{idempotency: none},
			[]http.HandlerFunc{says(`{"id":"1","status":"canceled"}`)},
			succeeded, "",
			[]attempt.Event{accepted},
		},
		"the plugin traps on the answer": {
			probe{idempotency: none},
			[]http.HandlerFunc{says(`{"trap":"1"}`)},
			unknown,
			"provider_unavailable",
			[]attempt.Event{unanswered},
		},
		"the plugin cannot make it": {
			probe{idempotency: none, prepare: rejects},
			nil, failed, "invalid_request",
			[]attempt.Event{attempt.Unable},
		},
		"the plugin fails before it goes": {
			probe{idempotency: none, prepare: traps},
			nil, failed,
			"provider_unavailable",
			[]attempt.Event{attempt.Unable},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, output, row.answers...)
			h := counter(t, paymenttest.Settings{}, clerk{probe: &row.probe}, first)

			run := h.perform(t, "k", payOf(`{"amount":"10.00","reference":"mine-1"}`))

			require.Equal(t, row.status, run.Status)
			if row.code == "" {
				require.Nil(t, run.Failure)
			} else {
				require.Equal(t, row.code, run.Failure.Code)
			}
			require.Equal(t, row.status == unknown, run.Alert != "", "a person must look where nobody knows")
			require.Equal(t, row.events, eventsOf(t, h, run.ID))
			require.Equal(t, len(row.events), run.Attempts)
			for _, request := range first.requests() {
				if request.operation == "pay" && row.probe.prepare == nil {
					require.Equal(t, first.requests()[0].reference, request.reference,
						"a resend has the same reference")
				}
			}
			h.requireRun(t, run)
			attempts, err := h.engine.RunAttempts(t.Context(), run.ID)
			require.NoError(t, err)
			for _, a := range attempts {
				require.Equal(t, a.Idempotency == "abandonable" && a.Event == unanswered, a.Abandoned)
			}
		})
	}
}

// anonymously makes a request without our reference: an answer that has one repeats what the object was given when it
// was made.
func anonymously(*abi.Call) (*abi.Step, error) {
	return guest.NewRequest(http.MethodPost,
		guest.Literal("/pay")).Bearer("token").JSON([]byte(`{"object":"o-1"}`)).Send(nil), nil
}

func rejects(*abi.Call) (*abi.Step, error) {
	return guest.Reject("invalid_request", "/amount", "no such amount"), nil
}

func traps(*abi.Call) (*abi.Step, error) { return nil, errors.New("trapped") }

func TestWhatCannotBeBegunLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"output":{}}`))
	h := counter(t, paymenttest.Settings{}, clerk{probe: &probe{idempotency: none}}, first)
	perform := func(what operation.Request) error {
		_, err := h.engine.Perform(t.Context(), author("desk"), attempt.Key{Value: "k"}, what, time.Minute)
		return err
	}
	require.ErrorIs(t, perform(operation.Request{Provider: "b", Operation: "pay"}), attempt.ErrNoOperation)
	require.ErrorIs(t, perform(operation.Request{Provider: "a", Operation: "prey"}), attempt.ErrNoOperation)
	var bad *invalid.Error
	require.ErrorAs(t, perform(payOf("")), &bad)
	require.Equal(t, &invalid.Error{Field: "/amount", Reason: "is required"}, bad)
	runs, err := h.engine.Runs(t.Context(), operation.Filter{})
	require.NoError(t, err)
	require.Empty(t, runs)
	key, err := h.journal.Key(t.Context(), "desk", "k")
	require.NoError(t, err)
	require.Nil(t, key)
	require.Empty(t, first.requests())
}

func TestConcurrentRepetitionsOfAKeyMakeOneRun(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"output":{}}`))
	h := counter(t, paymenttest.Settings{}, clerk{probe: &probe{idempotency: none}}, first)

	const repetitions = 100
	receipts := make([]attempt.Receipt[operation.Run], repetitions)
	var group sync.WaitGroup
	for i := range repetitions {
		group.Go(func() {
			receipt, err := h.engine.Perform(t.Context(), author("desk"), attempt.Key{Value: "k", Fingerprint: "f"}, payOf(ten),
				time.Minute)
			if assert.NoError(t, err) {
				receipts[i] = receipt
			}
		})
	}
	group.Wait()

	made := 0
	for _, receipt := range receipts {
		require.Equal(t, receipts[0].Value.ID, receipt.Value.ID)
		if receipt.Earlier == nil {
			made++
		}
	}
	require.Equal(t, 1, made)
	require.Len(t, first.requests(), 1)
}

func TestAKeyIsAPaymentsOrARuns(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"output":{}}`), says(`{"id":"a-1","status":"open"}`))
	h := counter(t, paymenttest.Settings{}, clerk{probe: &probe{idempotency: none}}, first)
	made := h.create(t, "payment's")
	run, err := h.engine.Perform(t.Context(), author("shop"),
		attempt.Key{Value: "payment's", Fingerprint: "f"}, payOf(ten),
		time.Minute)
	require.NoError(t, err)
	require.Equal(t, made.OwnerID(), run.Earlier.Owner)
	require.Empty(t, run.Value.ID)

	run, err = h.engine.Perform(t.Context(), author("shop"), attempt.Key{Value: "run's", Fingerprint: "f"}, payOf(ten),
		time.Minute)
	require.NoError(t, err)
	again, err := h.engine.Create(t.Context(), author("shop"),
		attempt.Key{Value: "run's", Fingerprint: "f"}, orderOf("10.00"),
		time.Minute)
	require.NoError(t, err)
	require.Equal(t, run.Value.OwnerID(), again.Earlier.Owner)
	require.Empty(t, again.Value.ID)
	require.Len(t, first.requests(), 2)
}

func TestACallerWhoGoesAwayDoesNotStopItsRun(t *testing.T) {
	t.Parallel()
	arrived, leave := make(chan struct{}), make(chan struct{})
	first := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-leave
		says(`{"output":{}}`)(w, r)
	})
	answer := func(run operation.Run) attempt.Answer { return attempt.Answer{Status: 201, Body: []byte(run.Status)} }
	h := counter(t, paymenttest.Settings{RunAnswer: answer}, clerk{probe: &probe{idempotency: none}}, first)
	ctx, hangUp := context.WithCancel(t.Context())
	go func() {
		<-arrived
		hangUp()
	}()

	receipt, err := h.engine.Perform(ctx, author("desk"),
		attempt.Key{Value: "k", Fingerprint: "f"}, payOf(ten), time.Minute)
	require.NoError(t, err)
	require.True(t, receipt.Waiting)
	require.Equal(t, operation.Processing, receipt.Value.Status)
	again, err := h.engine.Perform(t.Context(), author("desk"), attempt.Key{Value: "k", Fingerprint: "f"}, payOf(ten),
		time.Minute)
	require.NoError(t, err)
	require.NotNil(t, again.Earlier)
	require.True(t, again.Waiting, "in flight")
	close(leave)

	require.Eventually(t, func() bool {
		run, err := h.engine.Run(t.Context(), receipt.Value.ID)
		return err == nil && run.Status == operation.Succeeded
	}, 10*time.Second, time.Millisecond)
	key, err := h.journal.Key(t.Context(), "desk", "k")
	require.NoError(t, err)
	require.Zero(t, key.Status, "nobody was told")
}

// One write tells of the end and of what the caller will be got.
func TestWhatACallerIsToldIsWrittenWithTheRun(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"output":{}}`))
	answer := func(run operation.Run) attempt.Answer { return attempt.Answer{Status: 201, Body: []byte(run.Status)} }
	h := counter(t, paymenttest.Settings{RunAnswer: answer}, clerk{probe: &probe{idempotency: none}}, first)
	receipt, err := h.engine.Perform(t.Context(), author("desk"), attempt.Key{Value: "k", Fingerprint: "f"}, payOf(ten),
		time.Minute)
	require.NoError(t, err)
	require.Equal(t, &attempt.Answer{Status: 201, Body: []byte("succeeded")}, receipt.Answer)
	key, err := h.journal.Key(t.Context(), "desk", "k")
	require.NoError(t, err)
	kept := attempt.Answer{Status: key.Status, Body: key.Body}
	require.Equal(t, *receipt.Answer, kept)
}

// A run that was begun before a switch ends with the generation that began it.
func TestARunKeepsItsGeneration(t *testing.T) {
	t.Parallel()
	arrived, goOn := make(chan struct{}), make(chan struct{})
	first := newProvider(t, says(`{"output":{}}`), func(w http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-goOn
		fails(http.StatusTooManyRequests, `{"error":"slow"}`)(w, r)
	})
	h := counter(t, paymenttest.Settings{}, clerk{probe: &probe{idempotency: none, number: 1}}, first)
	done := make(chan attempt.Receipt[operation.Run])
	go func() {
		receipt, err := h.engine.Perform(t.Context(), author("desk"), attempt.Key{Value: "k", Fingerprint: "f"}, payOf(ten),
			time.Minute)
		assert.NoError(t, err)
		done <- receipt
	}()
	<-arrived
	h.engine.Serve(newFleet(t,
		probed{
			name: "a", connector: clerk{probe: &probe{name: "clerk", idempotency: none, number: 2}},
			url: first.url,
		}))
	close(goOn)
	run := (<-done).Value
	attempts, err := h.engine.RunAttempts(t.Context(), run.ID)
	require.NoError(t, err)
	require.Len(t, attempts, 2)
	for _, a := range attempts {
		require.EqualValues(t, 1, a.Generation)
	}
}

// What a crash left is taken up: nothing that may have been done is done again.
func TestRecoveryOfRuns(t *testing.T) {
	t.Parallel()
	open := func(a *attempt.Attempt) { a.Sent = true }
	event := func(event attempt.Event) func(*attempt.Attempt) {
		return func(a *attempt.Attempt) { a.Event, a.Sent = event, true }
	}
	quotes := func(a *attempt.Attempt) { a.Idempotency, a.Operation, a.Event = "safe", "quote", attempt.Accepted }
	for name, row := range map[string]struct {
		class    abi.Idempotency
		attempts []func(*attempt.Attempt)
		status   operation.Status
		asked    int
		events   []attempt.Event
	}{
		"nothing was sent": {
			none, nil, operation.Succeeded, 1,
			[]attempt.Event{attempt.Accepted},
		},
		"between journal and answer, none": {
			none,
			[]func(*attempt.Attempt){open},
			operation.Unknown, 0,
			[]attempt.Event{attempt.Unanswered},
		},
		"between journal and answer, keyed": {
			keyed,
			[]func(*attempt.Attempt){open},
			operation.Unknown, 0,
			[]attempt.Event{attempt.Unanswered},
		},
		"between journal and answer, left": {
			abandonable,
			[]func(*attempt.Attempt){open},
			operation.Failed, 0,
			[]attempt.Event{attempt.Unanswered},
		},
		"refused, while it waited to try again": {
			none,
			[]func(*attempt.Attempt){event(attempt.Refused)},
			operation.Succeeded, 1,
			[]attempt.Event{attempt.Refused, attempt.Accepted},
		},
		"never reached, and the same": {
			none,
			[]func(*attempt.Attempt){event(attempt.NotSent)},
			operation.Succeeded, 1,
			[]attempt.Event{attempt.NotSent, attempt.Accepted},
		},
		"unanswered, while it waited, keyed": {
			keyed,
			[]func(*attempt.Attempt){event(attempt.Unanswered)},
			operation.Unknown, 0,
			[]attempt.Event{attempt.Unanswered},
		},
		"a step of it was taken": {
			none,
			[]func(*attempt.Attempt){event(attempt.Accepted)},
			operation.Unknown, 0,
			[]attempt.Event{attempt.Accepted},
		},
		"on the way to it, safe": {
			none,
			[]func(*attempt.Attempt){quotes},
			operation.Succeeded, 1,
			[]attempt.Event{attempt.Accepted, attempt.Accepted},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, says(`{"output":{}}`))
			h := counter(t, paymenttest.Settings{}, clerk{probe: &probe{idempotency: row.class}}, first)
			run, attempts := interruptedRun(t, h, row.class, row.attempts)

			require.NoError(t, h.engine.Recover(t.Context()))

			stands, err := h.engine.Run(t.Context(), run.ID)
			require.NoError(t, err)
			require.Equal(t, row.status, stands.Status)
			require.Equal(t, row.status != operation.Succeeded, stands.Failure != nil, "it says why")
			require.Len(t, first.requests(), row.asked)
			found, err := h.engine.RunAttempts(t.Context(), run.ID)
			require.NoError(t, err)
			var events []attempt.Event
			for _, a := range found {
				events = append(events, a.Event)
			}
			require.Equal(t, row.events, events)
			if len(attempts) > 0 && row.class == abandonable {
				require.True(t, found[0].Abandoned)
			}
			require.NoError(t, h.engine.Recover(t.Context()), "once is enough")
			h.requireRun(t, stands)
			again, err := h.engine.Perform(t.Context(), author("desk"), attempt.Key{Value: "k", Fingerprint: "f"}, payOf(ten),
				time.Minute)
			require.NoError(t, err)
			require.Equal(t, stands, again.Value, "the key tells how it stands")
			require.NotNil(t, again.Earlier)
			require.Len(t, first.requests(), row.asked)
		})
	}
}

// interruptedRun journals a run as a crash would leave it.
func interruptedRun(t *testing.T, h *harness, class abi.Idempotency,
	changes []func(*attempt.Attempt),
) (operation.Run, []attempt.Attempt) {
	t.Helper()
	now := time.Now().UTC()
	run := operation.Run{
		ID: "op_01jd3x6v7q8r9s0t1v2w3x4y5z", Merchant: "desk", Provider: "a", Plugin: "clerk", Operation: "pay",
		Status: operation.Processing,
		Input:  []byte(ten), CreatedAt: now, UpdatedAt: now, Version: 1,
	}
	_, err := h.journal.CreateRun(t.Context(), run,
		attempt.Key{Merchant: "desk", Value: "k", Fingerprint: "f", Owner: run.OwnerID(), CreatedAt: now})
	require.NoError(t, err)
	var attempts []attempt.Attempt
	for n, change := range changes {
		a := attempt.Attempt{
			ID: attempt.ID("att_" + string(rune('1'+n))), Owner: run.OwnerID(), Number: n + 1, Provider: "a", Operation: "pay",
			Role: "operation", StartedAt: now,
			Idempotency: map[abi.Idempotency]attempt.Idempotency{
				none: "none", keyed: "keyed",
				abandonable: "abandonable",
			}[class],
		}
		change(&a)
		attempts = append(attempts, a)
	}
	run.Version, run.Attempts = 2, len(attempts)
	require.NoError(t, h.journal.SaveRun(t.Context(), operation.Change{Run: run, Attempts: attempts}))
	return run, attempts
}

func TestARunWhoseAccountIsGoneAndThatWasNeverSentFails(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"output":{}}`))
	h := runsHarness(t, paymenttest.Settings{},
		probed{name: "b", connector: clerk{probe: &probe{name: "clerk"}}, url: first.url})
	run, _ := interruptedRun(t, h, none, nil)
	require.NoError(t, h.engine.Recover(t.Context()))
	stands, err := h.engine.Run(t.Context(), run.ID)
	require.NoError(t, err)
	require.Equal(t, operation.Failed, stands.Status)
	require.Contains(t, stands.Failure.Message, "not configured")
	require.Empty(t, first.requests())
}

func TestOnlyAPersonSettlesAnUnknownRun(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		status operation.Status
		code   string
	}{
		"it was done":     {operation.Succeeded, ""},
		"it was not done": {operation.Failed, "declined"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, hangsUp)
			h := counter(t, paymenttest.Settings{}, clerk{probe: &probe{idempotency: none}}, first)
			run := h.perform(t, "k", payOf(ten))
			require.Equal(t, operation.Unknown, run.Status)
			require.NoError(t, h.engine.Recover(t.Context()))
			h.requireRun(t, run)

			settled, err := h.engine.ResolveRun(t.Context(), run.ID,
				operation.ManualResolution{Operator: "ann", Reason: "the statement has it", Status: row.status})

			require.NoError(t, err)
			require.Equal(t, row.status, settled.Status)
			require.Empty(t, settled.Alert)
			require.Equal(t, "ann", settled.Settled.Operator)
			require.Equal(t, "the statement has it", settled.Settled.Reason)
			require.False(t, settled.Settled.At.IsZero())
			if row.code != "" {
				require.Equal(t, row.code, settled.Failure.Code)
			} else {
				require.Nil(t, settled.Failure)
			}
			h.requireRun(t, settled)
			_, err = h.engine.ResolveRun(t.Context(), run.ID,
				operation.ManualResolution{Operator: "ann", Reason: "again", Status: operation.Failed})
			require.ErrorIs(t, err, operation.ErrState)
			require.Len(t, first.requests(), 1, "it was never sent again")
		})
	}
}

func TestRulingsOnRunsThatDoNotServe(t *testing.T) {
	t.Parallel()
	first := newProvider(t, hangsUp)
	h := counter(t, paymenttest.Settings{}, clerk{probe: &probe{idempotency: none}}, first)
	run := h.perform(t, "k", payOf(ten))
	for field, resolution := range map[string]operation.ManualResolution{
		"/status": {Reason: "r", Status: operation.Unknown},
		"/reason": {Status: operation.Failed},
	} {
		_, err := h.engine.ResolveRun(t.Context(), run.ID, resolution)
		var bad *invalid.Error
		require.ErrorAs(t, err, &bad)
		require.Equal(t, field, bad.Field)
	}
	_, err := h.engine.ResolveRun(t.Context(), "op_none",
		operation.ManualResolution{Reason: "r", Status: operation.Failed})
	require.ErrorIs(t, err, operation.ErrNotFound)
	h.requireRun(t, run)
}

func TestARunNeedsAnEngineThatServes(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"output":{}}`))
	h := counter(t, paymenttest.Settings{}, clerk{probe: &probe{idempotency: none}}, first)
	require.NoError(t, h.engine.Shutdown(t.Context()))
	_, err := h.engine.Perform(t.Context(), author("desk"), attempt.Key{Value: "k"}, payOf(ten), time.Minute)
	require.ErrorIs(t, err, attempt.ErrShuttingDown)
	_, _, err = h.engine.Read(t.Context(), "a", account.Operation{Operation: "balance"})
	require.ErrorIs(t, err, attempt.ErrShuttingDown)
	_, err = h.engine.ResolveRun(t.Context(), "op_1", operation.ManualResolution{})
	require.ErrorIs(t, err, attempt.ErrShuttingDown)
}

// What crashes are tested with strikes runs where it strikes payments.
func TestMomentsOfARunAreThoseOfAPayment(t *testing.T) {
	t.Parallel()
	var h *harness
	var first *provider
	var mutex sync.Mutex
	type seen struct {
		moment   attempt.Moment
		requests int
		open     bool
	}
	var moments []seen
	got := func(m attempt.Moment) {
		open, err := h.journal.OpenAttempts(context.Background(), "", 0)
		if err != nil {
			return
		}
		mutex.Lock()
		defer mutex.Unlock()
		moments = append(moments, seen{m, len(first.requests()), len(open) == 1})
	}
	first = newProvider(t, says(`{"output":{}}`))
	h = counter(t, paymenttest.Settings{Moment: got}, clerk{probe: &probe{idempotency: none}}, first)

	h.perform(t, "k", payOf(ten))

	mutex.Lock()
	defer mutex.Unlock()
	require.Equal(t,
		[]seen{{attempt.MomentJournalled, 0, true}, {attempt.MomentSent, 1, true}, {attempt.MomentSettled, 1, false}},
		moments)
}

func TestTheMostThatAnOperationBurned(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"output":{}}`), says(`{"output":{}}`), fails(429, `{"error":"slow"}`),
		fails(429, `{"error":"slow"}`))
	h := counter(t, paymenttest.Settings{}, clerk{probe: &probe{idempotency: none}}, first)
	one, err := operation.Find(&h.engine.Fleet().Fleet, "a", "pay")
	require.NoError(t, err)
	_, called := one.MaxFuel()
	require.False(t, called)
	h.perform(t, "1", payOf(ten))
	most, called := one.MaxFuel()
	require.True(t, called)
	require.EqualValues(t, 10, most)
	h.perform(t, "2", payOf(ten))
	h.perform(t, "3", payOf(ten))
	most, _ = one.MaxFuel()
	require.EqualValues(t, 16, most)
}
