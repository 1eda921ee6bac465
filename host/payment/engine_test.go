package payment_test

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
	"payrouter/host/routing"
)

func TestMain(m *testing.M) {
	if setting := os.Getenv(tracedVariable); setting != "" {
		os.Exit(traced(setting))
	}
	goleak.VerifyTestMain(m)
}

func one(t *testing.T, p *probe, provider *provider, settings paymenttest.Settings) *harness {
	t.Helper()
	return newHarness(t, settings,
		probed{name: "a", connector: p, url: provider.url, tries: 2, timeout: 10 * time.Second})
}

func TestAPaymentIsDurableBeforeTheProviderHearsOfIt(t *testing.T) {
	t.Parallel()
	var h *harness
	var seen payment.Payment
	var rows []attempt.Attempt
	first := newProvider(t, func(w http.ResponseWriter, _ *http.Request) {
		payments, _, err := h.journal.Payments(context.Background(), payment.Filter{})
		if err != nil || len(payments) != 1 {
			return
		}
		seen = payments[0]
		rows, _ = h.journal.Attempts(context.Background(), seen.ID)
		_, _ = w.Write([]byte(`{"id":"a-1","status":"open"}`))
	})
	h = one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})

	p := h.create(t, "k")

	require.Equal(t, p.ID, seen.ID)
	require.Equal(t, payment.Processing, seen.Status)
	require.Len(t, rows, 1)
	require.True(t, rows[0].Open())
	require.Contains(t, string(rows[0].Request), "/create")
	require.Equal(t, "all", seen.Decision.Rule)
}

func TestConcurrentRepetitionsOfAKeyMakeOnePayment(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})

	const repetitions = 100
	receipts := make([]attempt.Receipt[payment.Payment], repetitions)
	var group sync.WaitGroup
	for i := range repetitions {
		group.Go(func() {
			receipt, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k", Fingerprint: "f"},
				orderOf("10.00"), time.Minute)
			if err == nil {
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

func TestAKeyBelongsToItsMerchant(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
	mine := h.create(t, "k")

	receipt, err := h.engine.Create(t.Context(), author("other"),
		attempt.Key{Value: "k", Fingerprint: "f"}, orderOf("10.00"),
		time.Minute)
	require.NoError(t, err)
	require.Nil(t, receipt.Earlier)
	require.NotEqual(t, mine.ID, receipt.Value.ID)

	_, err = h.engine.Payment(t.Context(), "other", mine.ID)
	require.ErrorIs(t, err, payment.ErrNotFound)
}

func TestAClientThatGoesAwayDoesNotStopItsPayment(t *testing.T) {
	t.Parallel()
	arrived, leave := make(chan struct{}), make(chan struct{})
	first := newProvider(t, func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-leave
		_, _ = w.Write([]byte(`{"id":"a-1","status":"open"}`))
	})
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
	ctx, hangUp := context.WithCancel(t.Context())
	go func() {
		<-arrived
		hangUp()
	}()

	receipt, err := h.engine.Create(ctx, author("shop"), attempt.Key{Value: "k"}, orderOf("10.00"), time.Minute)
	require.NoError(t, err)
	require.True(t, receipt.Waiting)
	close(leave)

	require.Eventually(t, func() bool {
		p, err := h.engine.Payment(t.Context(), "shop", receipt.Value.ID)
		return err == nil && p.Status == payment.RequiresAction
	}, 10*time.Second, time.Millisecond)
}

func TestImpatienceAnswersWithThePaymentAsItStands(t *testing.T) {
	t.Parallel()
	leave := make(chan struct{})
	first := newProvider(t, func(w http.ResponseWriter, _ *http.Request) {
		<-leave
		_, _ = w.Write([]byte(`{"id":"a-1","status":"open"}`))
	})
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})

	receipt, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k"}, orderOf("10.00"), 0)
	require.NoError(t, err)
	require.True(t, receipt.Waiting)
	require.NotEqual(t, payment.RequiresAction, receipt.Value.Status)

	again, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k"}, orderOf("10.00"), 0)
	require.NoError(t, err)
	require.NotNil(t, again.Earlier)
	require.True(t, again.Waiting, "in flight")
	close(leave)
}

// One write tells of the outcome and of what the caller will be got: a crash between them cannot make a repetition
// hear something else.
func TestWhatACallerIsToldIsWrittenWithThePayment(t *testing.T) {
	t.Parallel()
	asked, release := make(chan struct{}), make(chan struct{})
	slow := func(w http.ResponseWriter, r *http.Request) {
		close(asked)
		<-release
		says(`{"id":"a-1","status":"open"}`)(w, r)
	}
	first := newProvider(t, says(`{"id":"a-2","status":"open"}`), slow)
	got := func(p payment.Payment) attempt.Answer {
		return attempt.Answer{Status: 201, Body: []byte(p.ID + " " + string(p.Status))}
	}
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{Answer: got})

	left, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "left"}, orderOf("10.00"), 0)
	require.NoError(t, err)
	require.True(t, left.Waiting)
	<-asked
	close(release)
	settled := func() bool {
		p, err := h.journal.Payment(t.Context(), left.Value.ID)
		return err == nil && p.Status == payment.RequiresAction
	}
	require.Eventually(t, settled, time.Minute, time.Millisecond)
	key, err := h.journal.Key(t.Context(), "shop", "left")
	require.NoError(t, err)
	require.Zero(t, key.Status, "whoever asks again is got how it stands then")

	waited, err := h.engine.Create(t.Context(), author("shop"),
		attempt.Key{Value: "waited"}, orderOf("10.00"), time.Minute)
	require.NoError(t, err)
	require.Equal(t, &attempt.Answer{Status: 201, Body: []byte(waited.Value.ID + " requires_action")}, waited.Answer)
	key, err = h.journal.Key(t.Context(), "shop", "waited")
	require.NoError(t, err)
	kept := attempt.Answer{Status: key.Status, Body: key.Body}
	require.Equal(t, *waited.Answer, kept)
}

func TestAnOrderThatNobodyCanTakeLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
	order := orderOf("10")
	order.Currency = "JPY"

	_, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k"}, order, time.Minute)

	var refused *payment.NoRouteError
	require.ErrorAs(t, err, &refused)
	require.Contains(t, refused.Decision.Candidates[0].Reason, "JPY")
	payments, _, err := h.journal.Payments(t.Context(), payment.Filter{})
	require.NoError(t, err)
	require.Empty(t, payments)
	key, err := h.journal.Key(t.Context(), "shop", "k")
	require.NoError(t, err)
	require.Nil(t, key)
}

// Its payment exists: what has become of the rules since is no concern of whoever asks again.
func TestARepetitionIsAnsweredThoughNobodyCouldTakeTheOrderAnyMore(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
	made := h.create(t, "k")
	h.engine.Serve(newFleet(t,
		probed{
			name:      "a",
			connector: &probe{name: "first", idempotency: none, required: []string{"/destination/number"}},
			url:       first.url,
		}))

	again, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k"}, orderOf("10"), time.Minute)

	require.NoError(t, err)
	require.NotNil(t, again.Earlier)
	require.Equal(t, made.ID, again.Value.ID)
	_, err = h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "another"}, orderOf("10"), time.Minute)
	var refused *payment.NoRouteError
	require.ErrorAs(t, err, &refused)
}

func TestAnOrderThatSaysTooLittleIsToldWhatIsMissing(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
	h := one(t, &probe{name: "first", idempotency: none, required: []string{"/destination/number", "/country"}}, first,
		paymenttest.Settings{})

	_, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k"}, orderOf("10"), time.Minute)

	var refused *payment.NoRouteError
	require.ErrorAs(t, err, &refused)
	require.Equal(t, []string{"/destination/number"}, refused.Missing)
	require.Equal(t, routing.Unsupported, refused.Decision.Outcome, "waiting would not help")
	require.Empty(t, first.requests())
}

func TestActsOnAPayment(t *testing.T) {
	t.Parallel()
	open := `{"id":"a-1","status":"open"}`
	description := "another thing"
	type act func(h *harness, id string) (payment.Payment, error)
	cancel := func(h *harness, id string) (payment.Payment, error) {
		return h.engine.Cancel(context.Background(), "shop", id)
	}
	refresh := func(h *harness, id string) (payment.Payment, error) {
		return h.engine.Refresh(context.Background(), "shop", id)
	}
	confirm := func(h *harness, id string) (payment.Payment, error) {
		return h.engine.Confirm(context.Background(), "shop", id, author("shop"), "", nil)
	}
	update := func(h *harness, id string) (payment.Payment, error) {
		return h.engine.Update(context.Background(), "shop", id, payment.Edit{Description: &description})
	}
	for _, row := range []struct {
		what   string
		act    act
		answer http.HandlerFunc
		status payment.Status
		err    error
		// operation is what the provider was asked for last.
		operation string
	}{
		{
			"a cancel is the provider's word", cancel, says(`{"id":"a-1","status":"canceled"}`), payment.Canceled, nil,
			"cancel",
		},
		{
			"a cancel without an answer changes nothing", cancel, fails(500, ""), payment.RequiresAction,
			attempt.ErrUnanswered, "cancel",
		},
		{"a look-up finds it paid", refresh, says(`{"id":"a-1","status":"paid"}`), payment.Succeeded, nil, "lookup"},
		{
			"a look-up finds it expired", refresh, says(`{"id":"a-1","status":"expired"}`), payment.Expired, nil,
			"lookup",
		},
		{"a look-up finds it failed", refresh, says(`{"id":"a-1","status":"failed"}`), payment.Failed, nil, "lookup"},
		{
			"a look-up about another payment is not believed", refresh, says(`{"id":"a-2","status":"paid"}`),
			payment.RequiresAction, attempt.ErrUnanswered, "lookup",
		},
		{
			"paid with less than was asked for is not success", refresh,
			says(`{"id":"a-1","status":"paid","received":9.99}`), payment.Processing, nil, "lookup",
		},
		{
			"not found does not move what a provider has taken", refresh, says(`{"error":"absent"}`),
			payment.RequiresAction, nil, "lookup",
		},
		{
			"a look-up without an answer changes nothing", refresh, hangsUp, payment.RequiresAction,
			attempt.ErrUnanswered,
			"lookup",
		},
		{"a confirm moves it on", confirm, says(`{"id":"a-1","status":"working"}`), payment.Processing, nil, "confirm"},
		{"a confirm without an answer leaves it unknown", confirm, hangsUp, payment.Unknown, nil, "confirm"},
		{"an update goes to the provider", update, says(open), payment.RequiresAction, nil, "update"},
		{
			"an update without an answer changes nothing", update, fails(500, ""), payment.RequiresAction,
			attempt.ErrUnanswered, "update",
		},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, row.answer, says(open))
			h := one(t, &probe{name: "first", idempotency: abandonable}, first, paymenttest.Settings{})
			made := h.create(t, "k")

			p, err := row.act(h, made.ID)

			if row.err != nil {
				require.ErrorIs(t, err, row.err)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, row.status, p.Status)
			stored, err := h.engine.Payment(t.Context(), "shop", made.ID)
			require.NoError(t, err)
			require.Equal(t, row.status, stored.Status)
			requests := first.requests()
			last := requests[len(requests)-1]
			require.Equal(t, row.operation, last.operation)
			require.Equal(t, requests[0].reference, last.of,
				"an act names the reference under which the payment was made")
			if row.operation == "update" {
				require.Equal(t, description, last.description)
				require.Equal(t, row.err == nil, stored.Description == description)
			}
		})
	}
}

func TestATerminalStatusNeverChangesAndAContradictionShows(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"paid"}`), says(`{"id":"a-1","status":"open"}`),
		says(`{"id":"a-1","status":"failed"}`))
	h := one(t, &probe{name: "first", idempotency: abandonable}, first, paymenttest.Settings{})
	made := h.create(t, "k")
	failed, err := h.engine.Refresh(t.Context(), "shop", made.ID)
	require.NoError(t, err)
	require.Equal(t, payment.Failed, failed.Status)
	require.False(t, failed.MoneyConflict)

	paid, err := h.engine.Refresh(t.Context(), "shop", made.ID)

	require.NoError(t, err)
	require.Equal(t, payment.Failed, paid.Status)
	require.True(t, paid.MoneyConflict)
	require.Equal(t, failed.Failure, paid.Failure)
}

func TestAnUnknownPaymentIsSettledByLookingItUp(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"paid"}`), says(`{"error":"duplicate"}`))
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
	made := h.create(t, "k")
	require.Equal(t, payment.Unknown, made.Status)

	p, err := h.engine.Refresh(t.Context(), "shop", made.ID)

	require.NoError(t, err)
	require.Equal(t, payment.Succeeded, p.Status)
	require.Equal(t, "a-1", p.ProviderReference)
	require.Equal(t, first.requests()[0].reference, first.requests()[1].of)
}

// "Not found" is believed only once everything sent must have arrived and settled, and never of a request that may have
// moved money.
func TestWhenNotFoundIsBelieved(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what  string
		probe probe
		later time.Duration
		moves bool
	}{
		{"keyed, too early", probe{idempotency: keyed, settleAfter: time.Minute}, 2*time.Minute + 9*time.Second, false},
		{
			"keyed, late enough",
			probe{idempotency: keyed, settleAfter: time.Minute},
			2*time.Minute + 11*time.Second,
			true,
		},
		{"none, however late", probe{idempotency: none, settleAfter: time.Minute}, 1000 * time.Hour, false},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			clock := &clock{now: time.Now()}
			row.probe.name = "first"
			first := newProvider(t, says(`{"error":"absent"}`), resets)
			second := newProvider(t, says(`{"id":"b-1","status":"open"}`))
			h := newHarness(t, paymenttest.Settings{Now: clock.read},
				probed{name: "a", connector: &row.probe, url: first.url},
				probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url})
			made := h.create(t, "k")
			require.Equal(t, payment.Unknown, made.Status)
			clock.advance(row.later)

			p, err := h.engine.Refresh(t.Context(), "shop", made.ID)

			require.NoError(t, err)
			if row.moves {
				require.Equal(t, payment.RequiresAction, p.Status)
				require.Equal(t, "b", p.Provider)
			} else {
				require.Equal(t, payment.Unknown, p.Status)
				require.Empty(t, second.requests())
			}
		})
	}
}

// What a crash interrupts is got by the journal alone: an engine that never knew of the payment takes it up.
func TestRecoveryAfterACrash(t *testing.T) {
	t.Parallel()
	open := func(idempotency attempt.Idempotency) attempt.Attempt {
		return attempt.Attempt{
			ID: "att_1", Number: 1, Provider: "a", Plugin: "first", Role: "create",
			Operation: "create", Idempotency: idempotency, Sent: true,
		}
	}
	closed := func(idempotency attempt.Idempotency, event attempt.Event) attempt.Attempt {
		a := open(idempotency)
		a.Event = event
		return a
	}
	lookup := func(event attempt.Event) attempt.Attempt {
		a := closed("safe", event)
		a.ID, a.Number, a.Role, a.Operation = "att_2", 2, "lookup", "lookup"
		a.Concluded = event == attempt.Accepted
		return a
	}
	page := func(a attempt.Attempt) attempt.Attempt {
		a.Concluded = false
		return a
	}
	for _, row := range []struct {
		what     string
		attempts []attempt.Attempt
		status   payment.Status
		provider string
		// before is the status that the crash left; empty means processing.
		before payment.Status
	}{
		{"created, and nothing sent", nil, payment.RequiresAction, "a", ""},
		{
			"held after a decline that is not final, and being looked up",
			[]attempt.Attempt{closed("keyed", attempt.DeclinedSoft), lookup("")},
			payment.Unknown, "a", payment.Unknown,
		},
		{
			"waiting for its payer, and being looked up",
			[]attempt.Attempt{closed("keyed", attempt.DeclinedSoft), lookup("")},
			payment.RequiresAction, "a", payment.RequiresAction,
		},
		{
			"unanswered, and found by a look-up that names no reference",
			[]attempt.Attempt{closed("keyed", attempt.Unanswered), lookup(attempt.Accepted)},
			payment.Processing, "a", "",
		},
		{
			"a SAFE step about to be sent, and a look-up broke off after its first page",
			[]attempt.Attempt{open("safe"), page(lookup(attempt.Accepted))},
			payment.RequiresAction, "a", "",
		},
		{
			"an answer about to come, and a look-up broke off after its first page",
			[]attempt.Attempt{open("none"), page(lookup(attempt.Accepted))},
			payment.Unknown, "a", "",
		},
		{
			"held after a decline that is not final, and found by a look-up",
			[]attempt.Attempt{closed("keyed", attempt.DeclinedSoft), lookup(attempt.Accepted)},
			payment.Processing, "a", "",
		},
		{"NONE about to be sent", []attempt.Attempt{open("none")}, payment.Unknown, "a", ""},
		{"KEYED about to be sent", []attempt.Attempt{open("keyed")}, payment.Unknown, "a", ""},
		{"ABANDONABLE about to be sent", []attempt.Attempt{open("abandonable")}, payment.RequiresAction, "b", ""},
		{"a SAFE step about to be sent", []attempt.Attempt{open("safe")}, payment.RequiresAction, "a", ""},
		{
			"declined softly, and nobody asked yet after that",
			[]attempt.Attempt{closed("none", attempt.DeclinedSoft)},
			payment.RequiresAction, "b", "",
		},
		{
			"unanswered, and not yet written as unknown",
			[]attempt.Attempt{closed("none", attempt.Unanswered)},
			payment.Unknown, "a", "",
		},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, says(`{"id":"a-1","status":"open"}`))
			second := newProvider(t, says(`{"id":"b-1","status":"open"}`))
			h := newHarness(t, paymenttest.Settings{},
				probed{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url},
				probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url})
			p := payment.Payment{
				ID: "pay_1", Merchant: "shop", Order: orderOf("10.00"), Status: payment.Created,
				Decision: h.decided("pay_1"), Version: 1,
				CreatedAt: time.Now().UTC(),
			}
			earlier, err := h.journal.Create(t.Context(), changeOf(p),
				attempt.Key{Merchant: "shop", Value: "k", Owner: p.OwnerID()})
			require.NoError(t, err)
			require.Nil(t, earlier)
			if len(row.attempts) > 0 {
				p.Version, p.Attempts, p.Status, p.Provider = 2, len(row.attempts), cmp.Or(row.before, payment.Processing), "a"
				for i := range row.attempts {
					row.attempts[i].Owner = p.OwnerID()
				}
				require.NoError(t, h.journal.Save(t.Context(), changeOf(p, row.attempts...)))
			}

			require.NoError(t, h.engine.Recover(t.Context()))

			p, err = h.engine.Payment(t.Context(), "shop", p.ID)
			require.NoError(t, err)
			require.Equal(t, row.status, p.Status)
			require.Equal(t, row.provider, p.Provider)
			require.LessOrEqual(t, len(first.requests())+len(second.requests()), 1)
			for _, attempt := range h.attempts(t, p.ID) {
				require.False(t, attempt.Open())
			}
			version := p.Version
			require.NoError(t, h.engine.Recover(t.Context()))
			p, err = h.engine.Payment(t.Context(), "shop", p.ID)
			require.NoError(t, err)
			require.Equal(t, version, p.Version, "a second recovery finds nothing to do")
		})
	}
}

// Recovery passes over what it has nothing to do for without a trace: a repetition in that moment was answered "in
// flight".
func TestRecoveryDoesNotMakeAPaymentLookInFlight(t *testing.T) {
	t.Parallel()
	first := newProvider(t, hangsUp)
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
	require.Equal(t, payment.Unknown, h.create(t, "k").Status)
	ctx, stop := context.WithCancel(t.Context())
	var recovering sync.WaitGroup
	recovering.Go(func() {
		for ctx.Err() == nil {
			_ = h.engine.Recover(ctx)
		}
	})
	defer recovering.Wait()
	defer stop()
	for range 300 {
		again, err := h.engine.Create(t.Context(), author("shop"),
			attempt.Key{Value: "k", Fingerprint: "f"}, orderOf("10.00"),
			time.Minute)
		require.NoError(t, err)
		require.False(t, again.Waiting)
	}
}

func TestShutdownFinishesWhatIsInFlight(t *testing.T) {
	t.Parallel()
	arrived, leave := make(chan struct{}), make(chan struct{})
	first := newProvider(t, says(`{"id":"a-2","status":"open"}`), func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-leave
		_, _ = w.Write([]byte(`{"id":"a-1","status":"open"}`))
	})
	h := newHarness(t, paymenttest.Settings{},
		probed{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url, timeout: time.Minute})
	receipt, err := h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: "k"}, orderOf("10.00"), 0)
	require.NoError(t, err)
	<-arrived
	ended := make(chan error, 1)
	go func() { ended <- h.engine.Shutdown(context.Background()) }()
	for tries := 0; err == nil; tries++ {
		_, err = h.engine.Create(t.Context(), author("shop"), attempt.Key{Value: fmt.Sprint(tries)}, orderOf("10.00"),
			time.Minute)
	}
	require.ErrorIs(t, err, attempt.ErrShuttingDown)
	close(leave)

	require.NoError(t, <-ended)
	p, err := h.engine.Payment(t.Context(), "shop", receipt.Value.ID)
	require.NoError(t, err)
	require.Equal(t, payment.RequiresAction, p.Status)
}

func TestNoSecretReachesJournalOrLog(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"open","echo":"`+secretToken+`"}`),
		says(`{"error":"Bearer `+secretToken+`"}`))
	h := one(t, &probe{name: "first", idempotency: abandonable}, first, paymenttest.Settings{})

	p := h.create(t, "k")

	require.Equal(t, "Bearer "+secretToken, first.requests()[0].authorization, "the provider did get it")
	require.NotContains(t, asJSON(t, p)+asJSON(t, h.attempts(t, p.ID))+h.log.String(), secretToken)
}

type clock struct {
	mutex sync.Mutex
	now   time.Time
}

func (c *clock) read() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.now
}

func (c *clock) advance(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now = c.now.Add(by)
}

// After a crash in the midst of many payments, one at a provider that does not answer must not keep the others waiting.
func TestRecoveryGoesOnBesideAProviderThatIsSlow(t *testing.T) {
	t.Parallel()
	leave := make(chan struct{})
	first := newProvider(t, says(`{"id":"a-2*","status":"paid"}`), func(w http.ResponseWriter, _ *http.Request) {
		<-leave
		_, _ = w.Write([]byte(`{"id":"a-1","status":"paid"}`))
	})
	h := newHarness(t, paymenttest.Settings{},
		probed{name: "a", connector: &probe{name: "first", idempotency: none}, url: first.url, timeout: time.Minute})
	decided := h.decided("pay_1")
	ids := []string{"pay_1", "pay_2", "pay_3"}
	for _, id := range ids {
		p := payment.Payment{
			ID: id, Merchant: "shop", Order: orderOf("10.00"), Status: payment.Created,
			Decision: decided, CreatedAt: time.Now().UTC(), Version: 1,
		}
		_, err := h.journal.Create(t.Context(), changeOf(p),
			attempt.Key{Merchant: "shop", Value: id, Owner: attempt.OwnerID(id)})
		require.NoError(t, err)
	}
	recovered := make(chan error, 1)
	go func() { recovered <- h.engine.Recover(context.Background()) }()
	paid := func() (n int) {
		for _, id := range ids {
			if h.payment(t, id).Status == payment.Succeeded {
				n++
			}
		}
		return n
	}
	require.Eventually(t, func() bool { return paid() == len(ids)-1 }, time.Minute, time.Millisecond)
	close(leave)
	require.NoError(t, <-recovered)
	require.Equal(t, len(ids), paid())
}
