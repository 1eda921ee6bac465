package webhook

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/egress"
)

func noon() time.Time { return time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC) }

func TestOnlyTwoHundredsSucceed(t *testing.T) {
	t.Parallel()
	for status := 200; status < 600; status++ {
		d := judge(Delivery{State: Pending, Tries: 1}, answer{at: noon(), status: status}, 0)
		switch {
		case status < 300:
			require.Equal(t, Delivered, d.State, status)
			require.Empty(t, d.Error)
		case status == http.StatusGone:
			require.Equal(t, Failed, d.State, status)
		default:
			require.Equal(t, Pending, d.State, status)
			require.Contains(t, d.Error, fmt.Sprint(status))
		}
		require.Equal(t, status, d.Status)
		require.Equal(t, noon(), d.TriedAt)
	}
	d := judge(Delivery{State: Pending, Tries: 1}, answer{at: noon(), problem: "no connection"}, 0)
	require.Equal(t,
		Delivery{State: Pending, Tries: 1, Due: noon().Add(5 * time.Second), TriedAt: noon(), Error: "no connection"},
		d)
}

func TestTheScheduleIsTheSpecifications(t *testing.T) {
	t.Parallel()
	want := []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour,
		14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
	for i, pause := range want {
		failed := Delivery{State: Pending, Tries: i + 1}
		require.Equal(t, noon().Add(pause), judge(failed, answer{at: noon(), status: 500}, 0).Due)
		late := judge(failed, answer{at: noon(), status: 500}, 0.999).Due
		require.Greater(t, late, noon().Add(pause*119/100))
		require.Less(t, late, noon().Add(pause*120/100))
	}
	require.Equal(t, Failed,
		judge(Delivery{State: Pending, Tries: len(want) + 1}, answer{at: noon(), status: 500}, 0).State)
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, " 7 ": 7 * time.Second, "0": 0, "-5": 0, "soon": 0, "1e9": 0,
		"99999999999999999999":          24 * time.Hour,
		"2000000000":                    24 * time.Hour,
		"Sun, 01 Mar 2026 12:05:00 GMT": 5 * time.Minute,
		"Sun, 01 Mar 2026 11:05:00 GMT": 0,
		"Tue, 01 Mar 2033 11:05:00 GMT": 24 * time.Hour,
	} {
		require.Equal(t, want, egress.RetryAfter(value, noon()), value)
	}
}

func FuzzRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Sun, 01 Mar 2026 12:05:00 GMT")
	f.Fuzz(func(t *testing.T, value string) {
		got := egress.RetryAfter(value, noon())
		require.True(t, got >= 0 && got <= 24*time.Hour, got)
	})
}

func TestAnswersSlowAnEndpointDown(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		answer answer
		hold   time.Duration
	}{
		{answer{status: 200, retryAfter: time.Hour}, 0},
		{answer{status: 500}, 0},
		{answer{status: 404}, 0},
		{answer{problem: "no connection"}, 0},
		{answer{status: 503, retryAfter: time.Hour}, time.Hour},
		{answer{status: 429}, time.Minute},
		{answer{status: 502}, time.Minute},
		{answer{status: 504}, time.Minute},
		{answer{status: 429, retryAfter: time.Second}, time.Minute},
		{answer{status: 429, retryAfter: time.Hour}, time.Hour},
	} {
		row.answer.at = noon()
		d := judge(Delivery{State: Pending, Tries: 1}, row.answer, 0)
		var e Endpoint
		effect(d, row.answer)(&e)
		if row.hold == 0 {
			require.Zero(t, e.HeldUntil, row.answer)
			continue
		}
		require.Equal(t, noon().Add(row.hold), e.HeldUntil, row.answer)
		e.HeldUntil = noon().Add(100 * time.Hour)
		effect(d, row.answer)(&e)
		require.Equal(t, noon().Add(100*time.Hour), e.HeldUntil, "a longer hold stands")
	}
}

func TestEndpointIsDisabledForLongFailureOnly(t *testing.T) {
	t.Parallel()
	refusal := answer{at: noon(), status: 500}
	for _, row := range []struct {
		what     string
		since    time.Duration
		state    State
		disabled bool
	}{
		{"its first failure", 0, Pending, false},
		{"an event given up within five days", 4 * 24 * time.Hour, Failed, false},
		{"a try that is not the event's last", 30 * 24 * time.Hour, Pending, false},
		{"an event given up after five days without a success", 5 * 24 * time.Hour, Failed, true},
	} {
		e := Endpoint{FailingSince: noon().Add(-row.since)}
		effect(Delivery{State: row.state}, refusal)(&e)
		require.Equal(t, row.disabled, e.Disabled(), row.what)
		if row.disabled {
			require.Contains(t, e.DisabledReason, "2026-02-24T12:00:00Z")
			require.Contains(t, e.DisabledReason, "500")
		}
		effect(Delivery{State: Delivered}, answer{at: noon(), status: 200})(&e)
		require.Zero(t, e.FailingSince)
		require.Equal(t, noon(), e.DeliveredAt)
	}
	var e Endpoint
	effect(Delivery{State: Failed}, answer{at: noon(), status: 410})(&e)
	require.True(t, e.Disabled())
	require.Contains(t, e.DisabledReason, "410")
	e.DisabledReason = "by the merchant"
	effect(Delivery{State: Failed}, answer{at: noon(), status: 410})(&e)
	require.Equal(t, "by the merchant", e.DisabledReason, "a try that was under way changes no reason")
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	e := Endpoint{Secret: "whsec_c2VjcmV0", Previous: "whsec_c2VjcmV0"}
	var log strings.Builder
	slog.New(slog.NewJSONHandler(&log, nil)).Info("endpoint", slog.Any("secret", e.Secret))
	for _, text := range []string{fmt.Sprint(e), fmt.Sprintf("%+v %#v %s %q", e, e, e.Secret, e.Secret), log.String()} {
		require.NotContains(t, text, "c2VjcmV0")
	}
}
