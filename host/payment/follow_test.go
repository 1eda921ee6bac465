package payment_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
)

// byObject is a probe whose look-up asks for the provider's object where it knows one, and for our reference where it
// does not.
func byObject(idempotency abi.Idempotency) *probe {
	return &probe{name: "first", idempotency: idempotency, prepare: func(call *abi.Call) (*abi.Step, error) {
		path := "/" + call.GetOperation()
		if call.GetOperation() == "lookup" {
			path += "/" + call.GetProviderReference()
		}
		return guest.NewRequest(http.MethodPost, guest.Literal(path)).Bearer("token").JSON([]byte(`{}`)).Send(nil), nil
	}}
}

// objects answers look-ups by the object that is asked for; "" is a look-up by our reference.
func objects(answers map[string]string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		object := strings.TrimPrefix(r.URL.Path, "/lookup/")
		says(answers[object])(w, r)
	}
}

// A provider that cannot find what our reference names reports on its own object: that one is asked about, and believed
// where it repeats our reference.
func TestAHintThatNamesAnObjectHasThatObjectLookedUp(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		what    string
		answers map[string]string
		status  payment.Status
		asked   []string
		err     error
	}{
		{
			"our reference alone finds nothing that tells",
			map[string]string{"w-1": `{"id":"w-1","status":"paid","reference":"OURS"}`, "": `{"status":"unclear"}`},
			payment.Succeeded,
			[]string{"lookup/w-1"},
			nil,
		},
		{
			"the object is somebody else's",
			map[string]string{
				"w-1": `{"id":"w-1","status":"paid","reference":"other"}`,
				"":    `{"id":"w-2","status":"paid","reference":"OURS"}`,
			},
			payment.Succeeded,
			[]string{"lookup/w-1", "lookup/"},
			nil,
		},
		{
			"nothing shows whose the object is",
			map[string]string{"w-1": `{"id":"w-1","status":"paid"}`, "": `{"status":"unclear"}`},
			payment.Unknown,
			[]string{"lookup/w-1", "lookup/"},
			attempt.ErrUnanswered,
		},
		{
			"the object is not there",
			map[string]string{"w-1": `{"error":"absent"}`, "": `{"status":"unclear"}`},
			payment.Unknown,
			[]string{"lookup/w-1", "lookup/"},
			attempt.ErrUnanswered,
		},
		{
			"the provider has the object, and cannot tell",
			map[string]string{
				"w-1": `{"id":"w-1","status":"unclear","reference":"OURS"}`,
				"":    `{"id":"w-1","status":"unclear","reference":"OURS"}`,
			},
			payment.Unknown,
			[]string{"lookup/w-1"},
			attempt.ErrUnanswered,
		},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			answers := map[string]string{}
			first := newProvider(t, objects(answers), resets)
			h := one(t, byObject(none), first, paymenttest.Settings{})
			made := h.create(t, "k")
			require.Equal(t, payment.Unknown, made.Status)
			ours := h.attempts(t, made.ID)[0].Reference
			for object, answer := range row.answers {
				answers[object] = strings.ReplaceAll(answer, "OURS", ours)
			}

			p, err := h.engine.Report(t.Context(), "a", payment.Report{Reference: ours, ProviderReference: "w-1"})

			if row.err != nil {
				require.ErrorIs(t, err, row.err)
			} else {
				require.NoError(t, err)
			}
			require.Equal(t, row.status, p.Status)
			var asked []string
			for _, a := range first.requests()[1:] {
				asked = append(asked, a.operation)
			}
			require.Equal(t, row.asked, slices.Compact(asked), "apart from tries")
		})
	}
}

// A stranger who names an object that nobody has made must not have the payment made a second time at the next
// provider.
func TestAnObjectThatAHintNamesAndThatIsNotThereSaysNothingOfThePayment(t *testing.T) {
	t.Parallel()
	answers := map[string]string{"nobodys": `{"error":"absent"}`, "": `{"status":"unclear"}`}
	first := newProvider(t, objects(answers), resets)
	second := newProvider(t, nil, says(`{"id":"b-1","status":"open"}`))
	at := time.Now()
	h := newHarness(t, paymenttest.Settings{Now: func() time.Time { return at }},
		probed{name: "a", connector: byObject(keyed), url: first.url},
		probed{name: "b", connector: &probe{name: "second", idempotency: none}, url: second.url})
	made := h.create(t, "k")
	require.Equal(t, payment.Unknown, made.Status)
	ours := h.attempts(t, made.ID)[0].Reference
	at = at.Add(time.Hour)

	p, err := h.engine.Report(t.Context(), "a", payment.Report{Reference: ours, ProviderReference: "nobodys"})

	require.ErrorIs(t, err, attempt.ErrUnanswered)
	require.Equal(t, payment.Unknown, p.Status)
	require.Equal(t, "a", p.Provider)
	require.Empty(t, second.requests())

	answers[""] = `{"error":"absent"}` // the payment itself is asked about: that is believed
	p, err = h.engine.Report(t.Context(), "a", payment.Report{Reference: ours, ProviderReference: "nobodys"})
	require.NoError(t, err)
	require.Equal(t, "b", p.Provider)
}

// A signed report that does not say what became of the payment is a reason to ask, and takes nothing back.
func TestASignedReportThatCannotTellIsAskedAfter(t *testing.T) {
	t.Parallel()
	first := newProvider(t, says(`{"id":"a-1","status":"paid"}`), says(`{"id":"a-1","status":"open"}`))
	h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
	made := h.create(t, "k")
	require.Equal(t, payment.RequiresAction, made.Status)
	p, err := h.engine.Report(t.Context(), "a",
		payment.Report{ProviderReference: "a-1", Outcome: outcomeOf(abi.Status_STATUS_UNKNOWN, "a-1")})
	require.NoError(t, err)
	require.Equal(t, payment.Succeeded, p.Status)
	require.Len(t, first.requests(), 2)
}

func TestASignedReportThatContradictsItsPaymentIsNotBelieved(t *testing.T) {
	t.Parallel()
	paid := outcomeOf(abi.Status_STATUS_SUCCEEDED, "a-1")
	for _, row := range []struct {
		what   string
		report func(made, other payment.Payment, ours, others string) payment.Report
		// also is shown besides.
		also bool
	}{
		{"our reference is none of the payment's", func(_, _ payment.Payment, _, _ string) payment.Report {
			return payment.Report{Reference: "nobodys", ProviderReference: "a-1", Outcome: paid}
		}, false},
		{"our reference is another payment's", func(_, _ payment.Payment, _, others string) payment.Report {
			return payment.Report{Reference: others, ProviderReference: "a-1", Outcome: paid}
		}, true},
		{"it was brought to another payment's address", func(_, other payment.Payment, ours, _ string) payment.Report {
			return payment.Report{PaymentID: other.ID, Reference: ours, ProviderReference: "a-1", Outcome: paid}
		}, true},
		{"the outcome repeats another reference", func(_, _ payment.Payment, _, _ string) payment.Report {
			outcome := outcomeOf(abi.Status_STATUS_SUCCEEDED, "a-1")
			outcome.EchoedReference = "nobodys"
			return payment.Report{ProviderReference: "a-1", Outcome: outcome}
		}, false},
	} {
		t.Run(row.what, func(t *testing.T) {
			t.Parallel()
			first := newProvider(t, nil, says(`{"id":"a-1","status":"open"}`), says(`{"id":"a-2","status":"open"}`))
			h := one(t, &probe{name: "first", idempotency: none}, first, paymenttest.Settings{})
			made, other := h.create(t, "k"), h.create(t, "l")
			report := row.report(made, other, h.attempts(t, made.ID)[0].Reference, h.attempts(t, other.ID)[0].Reference)

			for range 3 {
				_, err := h.engine.Report(t.Context(), "a", report)
				require.ErrorIs(t, err, payment.ErrContradiction)
			}

			for _, one := range []struct {
				id    string
				shown bool
			}{{made.ID, true}, {other.ID, row.also}} {
				p, err := h.engine.Payment(t.Context(), "shop", one.id)
				require.NoError(t, err)
				require.Equal(t, payment.RequiresAction, p.Status)
				require.Equal(t, one.shown, strings.Contains(p.Alert, "contradicts the payment"), p.Alert)
			}
			require.Contains(t, h.log.String(), "level=ERROR")
			require.Len(t, h.types(t, made.ID), 4, "it is shown once")
			require.Len(t, first.requests(), 2, "nobody was asked")
		})
	}
}
