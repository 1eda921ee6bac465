package callback_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/callback"
	"payrouter/host/payment"
)

func TestHowFarACallbackIsFollowed(t *testing.T) {
	t.Parallel()
	const body = "about=known&theirs=their-1"
	for _, row := range []struct {
		what           string
		body           string
		signature      []string
		secret         string
		words, lookups int
		state          callback.State
	}{
		{"a signature that holds is believed", body, []string{signatureOf(body)}, "", 1, 0, callback.Settled},
		{"a signature that does not hold is a hint", body, []string{signatureOf("other")}, "", 0, 1, callback.Settled},
		{
			"a signature that nobody can check is a hint", body,
			[]string{signatureOf(body)},
			"-missing", 0, 1,
			callback.Settled,
		},
		{"no signature is a hint", body, nil, "", 0, 1, callback.Settled},
		{"by their reference alone", "theirs=their-1", nil, "", 0, 1, callback.Settled},
		{"about nothing", "hello=1", nil, "", 0, 0, ""},
		{"about what nobody knows", "about=nobodys", nil, "", 0, 0, callback.Pending},
		{
			"about what nobody knows, signed", "about=nobodys",
			[]string{signatureOf("about=nobodys")},
			"", 0, 0,
			callback.Pending,
		},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, callback.Settings{})
			h.plugin.secret = row.secret
			h.post(t, row.body, row.signature...)
			h.later(t, time.Second)
			h.requireCounts(t, row.words, row.lookups)
			require.Equal(t, row.state, h.store.last().State)
			if row.words > 0 {
				require.Equal(t, abi.Status_STATUS_SUCCEEDED, h.engine.words[0].Outcome.GetStatus())
				require.Equal(t, h.store.kept[0].ID, h.engine.words[0].CallbackID)
			}
			requireNoToken(t, h)
		})
	}
}

func TestWhatComesOfACallback(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		err   error
		state callback.State
		// more: it is tried again in time.
		more bool
	}{
		{nil, callback.Settled, false},
		{payment.ErrContradiction, callback.Dismissed, false},
		{payment.ErrAmbiguous, callback.Dismissed, false},
		{attempt.ErrUnsupported, callback.Dismissed, false},
		{attempt.ErrUnanswered, callback.Pending, true},
		{&attempt.DeclinedError{Failure: &attempt.Failure{}}, callback.Pending, true},
		{attempt.ErrJournal, "", true},
		{attempt.ErrShuttingDown, "", true},
	} {
		t.Run(fmt.Sprint(row.err), func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, callback.Settings{})
			h.engine.say(row.err)
			h.post(t, "about=known")
			h.later(t, time.Second)
			h.requireCounts(t, 0, 1)
			require.Equal(t, row.state, h.store.last().State)
			h.engine.say(nil)
			h.later(t, time.Minute)
			if row.more {
				h.requireCounts(t, 0, 2)
				require.Equal(t, callback.Settled, h.store.last().State)
				require.Equal(t, "pay_1", h.store.last().PaymentID)
				return
			}
			h.requireCounts(t, 0, 1)
		})
	}
}

func TestACallbackThatNobodyEverAnswersIsGivenUp(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{})
	h.engine.say(attempt.ErrUnanswered)
	h.post(t, "about=known")
	for range 20 {
		h.later(t, 2*time.Hour)
	}
	h.requireCounts(t, 0, 6)
	require.Equal(t, callback.Dismissed, h.store.last().State)
	require.NotEmpty(t, h.store.last().Note)
	require.Len(t, h.engine.alerts, 1, "people see that something was reported, and that nobody found out what")
	require.Contains(t, h.engine.alerts[0], "pay_1 "+h.store.last().ID)
}

// Some providers' notices are the same bytes whatever they report: one that comes while another waits for its next try
// may be the one about the money.
func TestARepetitionDoesNotWaitInAnothersBackOff(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		// first is what the first notice's look-up finds, after which it waits.
		first payment.Payment
		err   error
		waits time.Duration
	}{
		"an end without money, asked again in half an hour": {
			payment.Payment{Status: payment.Expired},
			nil,
			2 * time.Minute,
		},
		"no answer, asked again in an hour": {
			payment.Payment{Status: payment.Unknown},
			attempt.ErrUnanswered, 15 * time.Minute,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, callback.Settings{})
			h.engine.found = row.first
			h.engine.say(row.err)
			h.post(t, "about=known")
			for waited := time.Duration(0); waited < row.waits; waited += time.Minute {
				h.later(t, time.Minute)
			}
			_, before := h.engine.counts()
			h.later(t, time.Minute)
			h.requireCounts(t, 0, before)

			h.engine.found = payment.Payment{Status: payment.Succeeded}
			h.engine.say(nil)
			h.post(t, "about=known")
			h.later(t, time.Minute)

			h.requireCounts(t, 0, before+1)
			require.Equal(t, callback.Settled, h.store.settled[h.store.kept[0].ID].State)
			h.later(t, 2*time.Hour)
			h.requireCounts(t, 0, before+1)
		})
	}
}

// The wall clock was ahead when the look-up began, and is put right before its answer comes.
func TestAClockSetBackDuringALookUpDoesNotPutTheNextOneOff(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		first payment.Payment
		err   error
	}{
		"an end without money": {payment.Payment{Status: payment.Canceled}, nil},
		"no answer":            {payment.Payment{Status: payment.Unknown}, attempt.ErrUnanswered},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, callback.Settings{})
			h.engine.found = row.first
			h.engine.say(row.err)
			const ahead = 72 * time.Hour
			h.engine.during = func() { h.clock.advance(-ahead) }
			h.post(t, "about=known")
			h.later(t, ahead)
			h.requireCounts(t, 0, 1)
			h.engine.during = nil
			h.later(t, 2*time.Minute)
			h.requireCounts(t, 0, 2)
		})
	}
}

// A look-up that began after two notices may have been answered by a copy that lags behind both.
func TestANoticeThatALookUpCoversIsAskedAgainWhereNoMoneyWasThere(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{})
	h.engine.found = payment.Payment{Status: payment.Canceled}
	h.post(t, "about=known")
	h.post(t, "about=known&again=1")
	h.later(t, time.Second)
	h.later(t, time.Second)
	h.requireCounts(t, 0, 1)
	for _, kept := range h.store.kept {
		require.Equal(t, callback.Pending, h.store.settled[kept.ID].State)
	}
	h.engine.found = payment.Payment{Status: payment.Succeeded}
	h.later(t, 2*time.Minute)
	for range 3 {
		h.later(t, time.Minute)
	}
	for _, kept := range h.store.kept {
		require.Equal(t, callback.Settled, h.store.settled[kept.ID].State)
	}
}

// While a provider does not answer, repetitions of its notice must not use up the tries that are left to it.
func TestRepetitionsDoNotUseUpTheTriesOfANotice(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{})
	h.engine.say(attempt.ErrUnanswered)
	for range 20 {
		h.post(t, "about=known")
		h.later(t, 2*time.Minute)
	}
	require.Equal(t, callback.Pending, h.store.settled[h.store.kept[0].ID].State)
	h.engine.say(nil)
	h.later(t, 2*time.Hour)
	require.Equal(t, callback.Settled, h.store.settled[h.store.kept[0].ID].State)
}

// A word whose payment is not known yet is looked for again when it is repeated, and not when its turn comes.
func TestARepeatedWordDoesNotWaitForItsPayment(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{})
	const body = "theirs=late"
	h.post(t, body, signatureOf(body))
	for range 8 {
		h.later(t, time.Minute)
	}
	h.requireCounts(t, 0, 0)
	h.engine.know("late", "pay_3")
	h.later(t, time.Second)
	h.requireCounts(t, 0, 0)
	h.post(t, body, signatureOf(body))
	h.later(t, time.Second)
	h.requireCounts(t, 1, 0)
}

// A callback may come before the answer to the create that makes its reference known.
func TestAReferenceThatIsNotKnownYetIsKept(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{})
	h.post(t, "theirs=late")
	h.inbox.Round(t.Context())
	h.later(t, time.Second)
	h.requireCounts(t, 0, 0)
	h.engine.know("late", "pay_3")
	h.later(t, 2*time.Second)
	h.requireCounts(t, 0, 1)
	require.Equal(t, callback.Settled, h.store.last().State)

	h.post(t, "theirs=never")
	for range 20 {
		h.later(t, 2*time.Hour)
	}
	require.Equal(t, callback.Dismissed, h.store.last().State)
	h.requireCounts(t, 0, 1)
}

func TestWhatACrashLeftIsTakenUp(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{})
	body := "about=known"
	h.post(t, body)
	h.post(t, body, signatureOf(body))
	h.restart(t)
	h.later(t, time.Second)
	h.requireCounts(t, 1, 1)
	h.restart(t)
	h.later(t, time.Hour)
	h.requireCounts(t, 1, 1)
}

// A forged hint that carries the key of a real one, or came before it, takes nothing away from it.
func TestARealCallbackIsNotTakenForAForgedOne(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{})
	body := "about=known&key=k"
	h.post(t, body)
	h.later(t, time.Second)
	h.requireCounts(t, 0, 1)
	h.post(t, body, signatureOf("other"))
	h.later(t, time.Minute)
	h.requireCounts(t, 0, 2)
	h.post(t, body, signatureOf(body))
	h.post(t, "about=second&key=k")
	h.later(t, time.Minute)
	h.requireCounts(t, 1, 3)
	require.Equal(t, "second", h.engine.lookups[2].Reference)
}

func TestAKeyIsNoReasonToLoseAnotherCallback(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{})
	for _, body := range []string{"about=known&key=k&received=1", "about=known&key=k&received=2"} {
		h.post(t, body, signatureOf(body))
	}
	for _, body := range []string{
		"about=known&key=k", "about=second&key=k", "theirs=their-2&key=k",
		"theirs=their-3&key=k", "about=known&key=k&more=1",
	} {
		h.post(t, body)
	}
	h.engine.know("their-2", "pay_3")
	h.engine.know("their-3", "pay_4")
	h.later(t, time.Second)
	h.requireCounts(t, 2, 4)
}

// A repetition is a new reason to ask: the answer to the first may have come too early.
func TestAHintThatIsRepeatedIsFollowedAgain(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{})
	for n := range 3 {
		h.post(t, "about=known&key=k")
		h.later(t, time.Minute)
		h.requireCounts(t, 0, n+1)
	}
	h.later(t, time.Hour)
	h.requireCounts(t, 0, 3)
}

// An abandoned object of a payment is not the payment's own: a look-up of one does not answer for the other.
func TestALookUpCoversHintsAboutItsOwnObjectAlone(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{})
	h.engine.found = payment.Payment{ProviderReference: "own"}
	h.engine.know("left-behind", "pay_1")
	h.engine.know("own", "pay_1")
	for _, body := range []string{
		"theirs=left-behind", "theirs=own", "theirs=left-behind&again=1",
		"theirs=own&again=1",
	} {
		h.post(t, body)
	}
	for range 3 {
		h.later(t, time.Minute)
	}
	h.requireCounts(t, 0, 2)
	require.ElementsMatch(t, []string{"left-behind", "own"},
		[]string{h.engine.lookups[0].ProviderReference, h.engine.lookups[1].ProviderReference})
}

// A provider sends a callback when something has happened. If the look-up finds that the payment has ended without
// money, that may be an answer from a replica that lags behind, and reconciliation skips payments that have ended.
func TestAHintAboutAPaymentThatEndedWithoutMoneyIsFollowedAgain(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		found   payment.Payment
		lookups int
	}{
		"expired":           {payment.Payment{Status: payment.Expired}, 3},
		"failed":            {payment.Payment{Status: payment.Failed}, 3},
		"money after all":   {payment.Payment{Status: payment.Expired, MoneyConflict: true}, 1},
		"succeeded":         {payment.Payment{Status: payment.Succeeded}, 1},
		"not ended so far":  {payment.Payment{Status: payment.RequiresAction}, 1},
		"nobody knows this": {payment.Payment{Status: payment.Unknown}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, callback.Settings{})
			h.engine.found = row.found
			h.post(t, "about=known")
			h.later(t, time.Second)
			h.requireCounts(t, 0, 1)
			for range 4 {
				h.later(t, 31*time.Minute)
			}
			h.requireCounts(t, 0, row.lookups)
			require.Equal(t, callback.Settled, h.store.last().State)
		})
	}
}

func TestAStormOfHintsIsNoStormOfLookUps(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what    string
		body    func(n int) string
		lookups int
	}{
		{"the same again and again", func(int) string { return "about=known" }, 2},
		{"the same payment in other words", func(n int) string { return fmt.Sprintf("about=known&n=%d", n) }, 2},
		{"references that nobody knows", func(n int) string { return fmt.Sprintf("about=no-%d", n) }, 0},
		{"many payments", func(n int) string { return fmt.Sprintf("about=p-%d", n) }, 5 + 3*5},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			h := newHarness(t, callback.Settings{})
			const storm = 300
			for n := range storm {
				h.engine.know(fmt.Sprintf("p-%d", n), fmt.Sprintf("pay_p%d", n))
				h.post(t, row.body(n))
				if n == storm/2 {
					h.inbox.Round(t.Context())
				}
			}
			for range 3 {
				h.later(t, time.Minute)
			}
			_, lookups := h.engine.counts()
			require.LessOrEqual(t, lookups, row.lookups)
		})
	}
}

// A thousand repetitions of one word among contradictory and forged ones: it is believed once, and nothing else is.
func TestAWordIsBelievedOnceAmongForgedOnes(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{})
	real := "about=known&say=paid"
	type shot struct{ body, signature string }
	var shots []shot
	for n := range 1000 {
		shots = append(shots, shot{real, signatureOf(real)})
		if n%4 == 0 {
			shots = append(shots,
				shot{"about=known&say=failed", signatureOf(real)}, shot{"about=known&say=failed", "0"},
				shot{fmt.Sprintf("about=no-%d", n), signatureOf(real)})
		}
	}
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shots), func(i, j int) { shots[i], shots[j] = shots[j], shots[i] })
	for n, s := range shots {
		h.post(t, s.body, s.signature)
		if n%100 == 0 {
			h.inbox.Round(t.Context())
		}
	}
	h.later(t, time.Second)
	words, lookups := h.engine.counts()
	require.Equal(t, 1, words)
	require.LessOrEqual(t, lookups, 2, "what is forged costs next to nothing")
}

func TestRunActsOnWhatComesUntilItIsEnded(t *testing.T) {
	t.Parallel()
	h := newHarness(t, callback.Settings{Every: time.Hour})
	acted := make(chan struct{})
	settings := h.settings
	h.inbox = callback.NewInbox(h.store, telling{h.engine, sync.OnceFunc(func() { close(acted) })}, settings)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h.inbox.Run(ctx)
	}()
	path := strings.TrimPrefix(h.addresses.Account("a"), "https://pay.example")
	h.inbox.ServeHTTP(&discard{header: http.Header{}}, newRequest(t, path, "about=known"))
	<-acted
	cancel()
	<-ended
}

type telling struct {
	*engine
	onAnswer func()
}

func (e telling) Report(ctx context.Context, provider string, r payment.Report) (payment.Payment, error) {
	defer e.onAnswer()
	return e.engine.Report(ctx, provider, r)
}

func newRequest(t *testing.T, path, body string) *http.Request {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(body))
	require.NoError(t, err)
	return r
}

type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(int)             {}
