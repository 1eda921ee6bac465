package chaos

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
)

func TestEveryBrokenPromiseAboutARunIsFound(t *testing.T) {
	t.Parallel()
	type ledgers struct {
		views    []RunView
		journal  []RunEntry
		bookings []sandbox.Booking
	}
	for name, test := range map[string]struct {
		do      func(*ledgers)
		want    []string
		unknown int
	}{
		"ledgers that agree": {func(*ledgers) {}, nil, 0},
		"a failure although it was booked": {func(l *ledgers) {
			l.journal[0].Status, l.views[0].Final = "failed",
				[]string{"failed"}
		}, []string{Lie}, 0},
		"a success for which nothing is booked": {func(l *ledgers) { l.bookings = nil }, []string{Lie}, 0},
		"two bookings for one run": {
			func(l *ledgers) { l.bookings = append(l.bookings, l.bookings[0]) },
			[]string{Double},
			0,
		},
		"a key that made two runs": {func(l *ledgers) {
			l.views[0].IDs = append(l.views[0].IDs, "op_2")
			second := l.journal[0]
			second.ID = "op_2"
			l.journal = append(l.journal, second)
		}, []string{Double, Double}, 0},
		"a run that the journal does not have": {func(l *ledgers) { l.journal = nil }, []string{Lost, Lost}, 0},
		"a run that a lost tail had": {
			func(l *ledgers) { l.journal, l.views[0].Excused = nil, true }, nil,
			0,
		},
		"a booking repeated after a lost tail": {func(l *ledgers) {
			l.bookings,
				l.views[0].Excused = append(l.bookings, l.bookings[0]), true
		}, []string{Double}, 0},
		"a service that was told otherwise": {
			func(l *ledgers) { l.views[0].Final = []string{"failed"} },
			[]string{Lie},
			0,
		},
		"an answer that was wrong by itself": {
			func(l *ledgers) { l.views[0].Complaints = []string{"answered 422"} },
			[]string{Lie},
			0,
		},
		"a run that is not over": {func(l *ledgers) {
			l.journal[0].Status, l.views[0].Final = "processing",
				nil
		}, []string{Unsettled}, 0},
		"a run that nobody can tell of": {func(l *ledgers) {
			l.journal[0].Status, l.views[0].Final = "unknown",
				nil
		}, nil, 1},
		"a payment's booking": {func(l *ledgers) {
			l.bookings = append(l.bookings, sandbox.Booking{Provider: "paygrt", Reference: "pay-1"})
		}, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entry := RunEntry{ID: "op_1", Provider: "paygrt", Operation: "Recharge", Status: "succeeded"}
			entry.Input.APIRefID = "run-1"
			l := &ledgers{
				views: []RunView{{
					Reference: "run-1", Site: "paygrt", IDs: []string{"op_1"},
					Final: []string{"succeeded"},
				}},
				journal: []RunEntry{entry},
				bookings: []sandbox.Booking{{
					Provider: "paygrt", Operation: "recharge", Reference: "run-1",
					ProviderReference: "5001234", MovedMoney: true,
				}},
			}
			test.do(l)
			violations, unknown := AuditRuns(l.views, l.journal, l.bookings)
			var kinds []string
			for _, v := range violations {
				kinds = append(kinds, v.Kind)
			}
			require.ElementsMatch(t, test.want, kinds, "%v", violations)
			sum := 0
			for _, n := range unknown {
				sum += n
			}
			require.Equal(t, test.unknown, sum)
		})
	}
}
