package payment

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// The page on architecture has the schedule as it is.
func TestTheDocumentedScheduleIsTheEngines(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/architecture.md")
	require.NoError(t, err)
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for status := range schedules {
		row := "| `" + string(status) + "` |"
		for _, age := range []time.Duration{0, time.Minute, 10 * time.Minute, time.Hour, 24 * time.Hour} {
			next := nextCheck(Payment{Status: status}, age, now, 0.5).Sub(now)
			row += " " + inWords(next) + " |"
		}
		require.Contains(t, string(page), row)
	}
}

func TestAPaymentThatEndedIsLookedAtForAWeekIfItsPayerMayStillPay(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	ended := Payment{Order: Order{Kind: Collect}, Status: Expired, Offered: true, ProviderReference: "a-1"}
	for age, want := range map[time.Duration]time.Duration{
		0: 30 * time.Minute, time.Hour: 6 * time.Hour, 24 * time.Hour: 24 * time.Hour,
		7*24*time.Hour - 1: 24 * time.Hour,
	} {
		for _, status := range []Status{Failed, Canceled, Expired} {
			p := ended
			p.Status = status
			require.Equal(t, now.Add(want), nextCheck(p, age, now, 0.5), "%s for %s", status, age)
		}
	}
	require.Zero(t, nextCheck(ended, 7*24*time.Hour, now, 0.5), "a week has passed")
	for what, edit := range map[string]func(*Payment){
		"it succeeded":            func(p *Payment) { p.Status = Succeeded },
		"nobody was asked to pay": func(p *Payment) { p.Offered = false },
		"the money is known":      func(p *Payment) { p.MoneyConflict = true },
		"a payout has no payer":   func(p *Payment) { p.Kind = Payout },
		"nothing is there":        func(p *Payment) { p.ProviderReference = "" },
	} {
		p := ended
		edit(&p)
		require.Zero(t, nextCheck(p, 0, now, 0.5), what)
	}
	page, err := os.ReadFile("../../docs/architecture.md")
	require.NoError(t, err)
	require.Contains(t, strings.Join(strings.Fields(string(page)), " "),
		"every 30 min in the first hour, every 6 h in the first day and every 24 h in the first week")
}

func inWords(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%d h", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%d min", d/time.Minute)
	}
	return fmt.Sprintf("%d s", d/time.Second)
}

func TestWhenAPaymentIsLookedAtNext(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for _, row := range []struct {
		what    string
		status  Status
		age     time.Duration
		expires time.Duration
		// next is in the middle of the jitter.
		next time.Duration
	}{
		{"unknown, just now", Unknown, 0, 0, 5 * time.Second},
		{"unknown, for a minute", Unknown, time.Minute, 0, 30 * time.Second},
		{"unknown, for ten minutes", Unknown, 10 * time.Minute, 0, 2 * time.Minute},
		{"unknown, for an hour", Unknown, time.Hour, 0, 15 * time.Minute},
		{"unknown, for a day", Unknown, 24 * time.Hour, 0, time.Hour},
		{"unknown, for a year: it is not given up", Unknown, 365 * 24 * time.Hour, 0, time.Hour},
		{"processing, just now", Processing, 0, 0, 10 * time.Second},
		{"processing, for an hour", Processing, time.Hour, 0, 10 * time.Minute},
		{"the payer's turn, just now", RequiresAction, 0, 0, 30 * time.Second},
		{"the payer's turn, for a day", RequiresAction, 24 * time.Hour, 0, time.Hour},
		{"the payer's turn, over in ten seconds", RequiresAction, 0, 10 * time.Second, 15 * time.Second},
		{"the payer's turn, over just now", RequiresAction, time.Hour, -time.Second, 4 * time.Second},
		{"the payer's turn, over long ago", RequiresAction, time.Hour, -time.Hour, 15 * time.Minute},
	} {
		p := Payment{Status: row.status}
		if row.expires != 0 {
			p.ExpiresAt = now.Add(row.expires)
		}
		require.Equal(t, now.Add(row.next), nextCheck(p, row.age, now, 0.5), row.what)
	}
	for _, status := range []Status{Created, Succeeded, Failed, Canceled, Expired} {
		require.Zero(t, nextCheck(Payment{Status: status}, 0, now, 0.5), status)
	}
}

func TestChecksGrowRarerWithAgeAndKeepWithinTheirJitter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		status := rapid.SampledFrom([]Status{Unknown, Processing, RequiresAction}).Draw(t, "status")
		younger := time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "younger"))
		older := younger + time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "by"))
		draw := float64(rapid.IntRange(0, 255).Draw(t, "draw")) / 256
		wait := func(age time.Duration, draw float64) time.Duration {
			return nextCheck(Payment{Status: status}, age, now, draw).Sub(now)
		}
		require.LessOrEqual(t, wait(younger, 0.5), wait(older, 0.5))
		middle := wait(older, 0.5)
		require.InDelta(t, float64(middle), float64(wait(older, draw)), jitter*float64(middle)+1)
		require.Positive(t, wait(older, draw))
	})
}
