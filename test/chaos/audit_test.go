package chaos

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
)

// ledgers is a payment that a payer paid, as all three ledgers have it.
func ledgers() *Ledgers {
	return &Ledgers{
		Clients: []ClientView{{
			Order: "order-1", IDs: []string{"pay_1"}, Final: []string{"succeeded"},
			Offers: []string{"payplay o-1"},
		}},
		Journal: []Entry{{
			ID: "pay_1", Order: "order-1", Kind: "collect", Status: "succeeded", Provider: "payplay",
			ProviderReference: "o-1",
			Tries: []Tried{{
				Provider: "payplay", Role: "create", Operation: "CreateOrder", Idempotency: "abandonable",
				Reference: "ref", Event: "accepted", Sent: true,
			}},
		}},
		Bookings: []sandbox.Booking{{
			Provider: "payplay", Operation: "create_order", Reference: "ref",
			ProviderReference: "o-1", Status: "COMPLETE", MovedMoney: true,
		}},
		OrderOf: OrderOf, SiteOf: SiteOf,
	}
}

// recharge is the same for a recharge, which moves money as soon as it is booked.
func recharge() *Ledgers {
	l := ledgers()
	l.Clients[0].Offers = nil
	l.Journal[0].Kind, l.Journal[0].Provider = "recharge", "paygrt"
	l.Journal[0].Tries[0] = Tried{
		Provider: "paygrt", Role: "create", Operation: "Recharge", Idempotency: "none",
		Reference: "ref", Event: "accepted", Sent: true,
	}
	l.Bookings[0] = sandbox.Booking{
		Provider: "paygrt", Operation: "recharge", Reference: "ref",
		ProviderReference: "o-1", Status: "Success", MovedMoney: true,
	}
	return l
}

func TestLedgersThatAgreeViolateNothing(t *testing.T) {
	t.Parallel()
	for name, l := range map[string]*Ledgers{"an order": ledgers(), "a recharge": recharge()} {
		violations, unknown := Audit(*l)
		require.Empty(t, violations, name)
		require.Empty(t, unknown, name)
	}
}

// Only a wall clock that was behind at a payment's creation excuses that it is open.
func TestAnExpiryCountsFromThePaymentsCreation(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for created, excused := range map[time.Time]bool{began.Add(-time.Hour): true, began.Add(time.Hour): false} {
		l := ledgers()
		l.Began, l.Journal[0].CreatedAt = began, created
		l.Journal[0].Status, l.Journal[0].Provider = "requires_action", "cryptogram"
		l.Journal[0].Tries[0].Provider = "cryptogram"
		l.Clients[0].Offers, l.Clients[0].Final = []string{"cryptogram o-1"}, nil
		l.Bookings[0] = sandbox.Booking{
			Provider: "cryptogram", Operation: "create", Reference: "https://shop/thanks/order-1/", ProviderReference: "o-1",
			Status: "created",
		}
		violations, unknown := Audit(*l)
		require.Equal(t, excused, len(violations) == 0, violations)
		require.Equal(t, excused, unknown[expiresLater] == 1)
	}
}

func TestEveryBrokenPromiseIsFound(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		of   func() *Ledgers
		do   func(*Ledgers)
		want []string
	}{
		"a key that made two payments": {ledgers, func(l *Ledgers) {
			l.Clients[0].IDs = append(l.Clients[0].IDs, "pay_2")
			second := l.Journal[0]
			second.ID, second.Tries = "pay_2", nil
			l.Journal = append(l.Journal, second)
		}, []string{Double, Double, Lie}},
		"two bookings that moved money": {recharge, func(l *Ledgers) {
			second := l.Bookings[0]
			second.ProviderReference = "o-2"
			l.Bookings = append(l.Bookings, second)
			l.Journal[0].Tries = append(l.Journal[0].Tries, l.Journal[0].Tries[0])
			l.Journal[0].Tries[1].Event = "unanswered"
		}, []string{Double}},
		"a booking with side effects beside what the payer was offered": {ledgers, func(l *Ledgers) {
			l.Bookings = append(l.Bookings,
				sandbox.Booking{
					Provider: "exchanger", Operation: "create_bid", Reference: "bid",
					ProviderReference: "7", Status: "new",
				})
			l.Journal[0].Tries = append(l.Journal[0].Tries,
				Tried{
					Provider: "exchanger", Role: "create", Idempotency: "none", Reference: "bid", Event: "unanswered",
					Sent: true,
				})
		}, []string{Double}},
		"two offers to one payer": {
			ledgers,
			func(l *Ledgers) { l.Clients[0].Offers = append(l.Clients[0].Offers, "paygram i-1") },
			[]string{Double},
		},
		"a request that the transport sent again": {ledgers, func(l *Ledgers) {
			second := l.Bookings[0]
			second.ProviderReference, second.MovedMoney = "o-2", false
			l.Bookings = append(l.Bookings, second)
		}, []string{Double, Lost}},
		"a booking left behind that the journal does not show as such": {ledgers, func(l *Ledgers) {
			second := l.Bookings[0]
			second.ProviderReference, second.MovedMoney = "o-2", false
			l.Bookings = append(l.Bookings, second)
			l.Journal[0].Tries = append(l.Journal[0].Tries, l.Journal[0].Tries[0])
		}, []string{Lost}},
		"a client's payment that the journal does not have": {
			ledgers,
			func(l *Ledgers) { l.Journal, l.Bookings = nil, nil },
			[]string{Lost},
		},
		"a booking that no attempt stands for": {
			ledgers,
			func(l *Ledgers) {
				l.Bookings = append(l.Bookings,
					sandbox.Booking{Provider: "paygrt", Reference: "x"})
			},
			[]string{Lost},
		},
		"a client that was told otherwise": {
			ledgers,
			func(l *Ledgers) { l.Clients[0].Final = []string{"failed", "succeeded"} },
			[]string{Lie},
		},
		"an answer that was wrong by itself": {
			ledgers,
			func(l *Ledgers) { l.Clients[0].Complaints = []string{"a repetition was answered otherwise"} },
			[]string{Lie},
		},
		"a webhook that told otherwise": {
			ledgers,
			func(l *Ledgers) { l.Announced = map[string][]string{"pay_1": {"expired"}} },
			[]string{Lie},
		},
		"success for which no money moved": {
			ledgers,
			func(l *Ledgers) { l.Bookings[0].MovedMoney = false },
			[]string{Lie},
		},
		"failure for which money moved": {recharge, func(l *Ledgers) {
			l.Journal[0].Status, l.Clients[0].Final = "failed", []string{"failed"}
		}, []string{Lie}},
		"a payment that is not settled": {
			ledgers,
			func(l *Ledgers) { l.Journal[0].Status, l.Clients[0].Final = "processing", nil },
			[]string{Unsettled},
		},
		"an unknown payment that a provider can tell of": {
			recharge,
			func(l *Ledgers) { l.Journal[0].Status, l.Clients[0].Final = "unknown", nil },
			[]string{Unsettled},
		},
		"an exchange order that a web server's page hid": {ledgers, func(l *Ledgers) {
			l.Bookings = append(l.Bookings,
				sandbox.Booking{
					Provider: "exchanger", Operation: "create_bid", Reference: "bid",
					ProviderReference: "7", Status: "cancel",
				})
			l.Journal[0].Tries = append(l.Journal[0].Tries,
				Tried{
					Provider: "exchanger", Role: "create", Idempotency: "none", Reference: "bid", Event: "refused",
					Sent: true,
				})
		}, []string{Lost}},
		"an order that is booked again after a lost tail": {recharge, func(l *Ledgers) {
			lost := l.Journal[0]
			l.Rewound = []Entry{lost}
			again := l.Bookings[0]
			again.Reference, again.ProviderReference = "ref-2", "o-2"
			l.Bookings = append(l.Bookings, again)
			l.Journal[0].Tries = []Tried{{
				Provider: "paygrt", Role: "create", Operation: "Recharge",
				Idempotency: "none", Reference: "ref-2", Event: "accepted", Sent: true,
			}}
		}, []string{Double}},
		"a payment failed after a lost tail had booked it": {recharge, func(l *Ledgers) {
			l.Rewound = []Entry{l.Journal[0]}
			l.Journal[0].Status, l.Journal[0].Tries = "failed", nil
		}, []string{Lie}},
		"an order that is placed again although a lost tail had it": {recharge, func(l *Ledgers) {
			lost := l.Journal[0]
			lost.ID, lost.Tries = "pay_0", nil
			l.Gone = []Entry{lost}
		}, []string{Double}},
		"money for what its provider has closed, and no alert": {ledgers, func(l *Ledgers) {
			l.Journal[0].Status, l.Clients[0].Final, l.Bookings[0].Status = "processing", nil, "CANCELED"
		}, []string{Unsettled}},
		"an alert about something else": {ledgers, func(l *Ledgers) {
			l.Journal[0].Status, l.Clients[0].Final, l.Journal[0].Alert = "processing", nil, "unknown for an hour"
		}, []string{Unsettled}},
		"an unknown payment of which nothing was sent": {recharge, func(l *Ledgers) {
			l.Journal[0].Status, l.Clients[0].Final = "unknown", nil
			l.Journal[0].Tries[0].Sent, l.Bookings = false, nil
		}, []string{Unsettled}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := test.of()
			test.do(l)
			violations, _ := Audit(*l)
			var kinds []string
			for _, v := range violations {
				kinds = append(kinds, v.Kind)
			}
			require.ElementsMatch(t, test.want, kinds, "%v", violations)
		})
	}
}

func TestWhatMayBeIsNoViolation(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		of      func() *Ledgers
		do      func(*Ledgers)
		unknown int
	}{
		"an object left behind that nobody was told of": {ledgers, func(l *Ledgers) {
			l.Bookings = append(l.Bookings,
				sandbox.Booking{
					Provider: "paygram", Operation: "IssueInvoice", Reference: "inv",
					ProviderReference: "i-1", Status: "4",
				})
			l.Journal[0].Tries = append(l.Journal[0].Tries,
				Tried{
					Provider: "paygram-eu", Role: "create", Idempotency: "abandonable", Reference: "inv",
					Event: "unanswered", Sent: true, Abandoned: true,
				})
		}, 0},
		"an object that a web server's page hid, and nobody can pay": {ledgers, func(l *Ledgers) {
			l.Bookings = append(l.Bookings,
				sandbox.Booking{
					Provider: "paygram", Operation: "IssueInvoice", Reference: "inv",
					ProviderReference: "i-1", Status: "4",
				})
			l.Journal[0].Tries = append(l.Journal[0].Tries,
				Tried{
					Provider: "paygram-eu", Role: "create", Idempotency: "abandonable", Reference: "inv",
					Event: "refused", Sent: true,
				})
		}, 0},
		"money that came after the end, and shows": {ledgers, func(l *Ledgers) {
			l.Journal[0].Status, l.Clients[0].Final, l.Journal[0].MoneyConflict = "expired", []string{"expired"}, true
		}, 0},
		"money for what its provider has closed, and an alert that shows it": {ledgers, func(l *Ledgers) {
			l.Journal[0].Status, l.Clients[0].Final, l.Journal[0].Alert = "processing", nil,
				"reported as canceled, and 9.9 USDT was received"
			l.Bookings[0].Status = "CANCELED"
		}, 1},
		"a recharge that only a lost tail of the journal knew": {
			recharge,
			func(l *Ledgers) { l.Gone, l.Journal = l.Journal, nil }, 0,
		},
		"a recharge of whose attempt only a lost tail knew": {recharge, func(l *Ledgers) {
			l.Rewound = []Entry{l.Journal[0]}
			l.Journal[0].Status, l.Journal[0].Tries, l.Journal[0].ProviderReference = "unknown", nil, ""
		}, 1},
		"a recharge that its provider has never seen": {recharge, func(l *Ledgers) {
			l.Journal[0].Status, l.Clients[0].Final, l.Bookings = "unknown", nil, nil
			l.Journal[0].Tries[0].Event = "unanswered"
		}, 1},
		"a payout that cannot be looked up": {recharge, func(l *Ledgers) {
			l.Journal[0].Status, l.Clients[0].Final, l.Journal[0].Kind, l.Journal[0].Provider = "unknown", nil,
				"payout",
				"payplay"
			l.Journal[0].Tries[0].Provider, l.Bookings[0].Provider, l.Bookings[0].Operation = "payplay", "payplay",
				"withdraw"
			l.Journal[0].Tries[0].Event = "unanswered"
			l.Journal[0].ProviderReference = ""
		}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := test.of()
			test.do(l)
			violations, unknown := Audit(*l)
			require.Empty(t, violations)
			sum := 0
			for _, n := range unknown {
				sum += n
			}
			require.Equal(t, test.unknown, sum)
		})
	}
}
