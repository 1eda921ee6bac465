package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"payrouter/host/sandbox"
	"payrouter/test/process"
)

// natives are the operator's services that have accounts do things natively: withdrawals, recharges and exchange orders
// beside the payments.
type natives struct {
	clients *clients
	talks   []*nativeTalk
}

// nativeTalk is the exchange of requests and answers about one run.
type nativeTalk struct {
	path, key, body string
	dice            *rand.Rand

	mutex sync.Mutex // guards what follows
	view  RunView
	// lost: a lost tail of the journal knew it, and the journal does not.
	lost bool
}

func (t *nativeTalk) isLost() bool {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	return t.lost
}

// nativeShare is how many payments there are to a run.
const nativeShare = 6

// runReference marks what runs booked; exchange orders have digits alone.
const (
	runReference = "run-"
	runDigits    = "77000000"
)

func newNatives(c *clients, settings Settings) *natives {
	n := &natives{clients: c}
	for i := range max(3, settings.Payments/nativeShare) {
		dice := rand.New(rand.NewPCG(settings.Seed, 2<<32+uint64(i)))
		n.talks = append(n.talks, newNativeTalk(i, dice))
	}
	return n
}

func newNativeTalk(i int, dice *rand.Rand) *nativeTalk {
	t := &nativeTalk{key: fmt.Sprintf("%q", fmt.Sprint("native-", i)), dice: dice}
	amount := fmt.Sprintf("%d.%02d", 60+dice.IntN(300), dice.IntN(100))
	reference := fmt.Sprint(runReference, i)
	var input map[string]any
	switch i % 3 {
	case 0:
		t.path, t.view.Site = "paygram-eu/operations/Withdraw", sandbox.PayGram
		input = map[string]any{
			"provider": 0, "amount": amount, "callbackData": reference,
			"withdrawMethod": map[string]any{
				"currencyCode": 5, "network": 2,
				"cryptoAddress": "TMadeUpAddressOfNobody0000000000001",
			},
		}
	case 1:
		t.path, t.view.Site = "paygrt/operations/Recharge", sandbox.Paygrt
		input = map[string]any{
			"api_ref_id":      reference,
			"recharge_number": fmt.Sprintf("9%09d", dice.IntN(1_000_000_000)), "recharge_amount": amount,
			"operator_code": "AT",
		}
	default:
		reference = fmt.Sprint(runDigits, i)
		t.path, t.view.Site = "exchanger/operations/create_bid", sandbox.Exchanger
		input = map[string]any{
			"direction_id": "1", "calc_amount": amount, "calc_action": "1", "api_id": reference,
			"account2": "4000000000000002",
			"cf6":      "payer@shop.example", "cfget8": "Shop GmbH",
		}
	}
	text, _ := json.Marshal(input) //nolint:errchkjson // strings and numbers alone
	t.body, t.view.Reference = string(text), reference
	return t
}

// ofRun reports whether a booking was made by a run and not by a payment.
func ofRun(b sandbox.Booking) bool {
	return strings.HasPrefix(b.Reference, runReference) || b.Provider == sandbox.Exchanger &&
		strings.HasPrefix(b.Reference, runDigits)
}

// place begins every run, spread over the time in which orders are placed, and waits for their ends.
func (n *natives) place(ctx context.Context, within time.Duration) {
	var work sync.WaitGroup
	defer work.Wait()
	began := time.Now()
	for i, t := range n.talks {
		due := began.Add(within * time.Duration(i) / time.Duration(len(n.talks)))
		if wait := time.Until(due); wait > 0 && !process.Wait(ctx, wait) {
			return
		}
		work.Go(func() { n.talk(ctx, t) })
	}
}

// talk sends a run until an answer shows it, sometimes several times at once and once more later, and reads its result.
func (n *natives) talk(ctx context.Context, t *nativeTalk) {
	for ctx.Err() == nil && !t.isLost() && !n.perform(ctx, t) {
		process.Wait(ctx, time.Duration(50+t.dice.IntN(250))*time.Millisecond)
	}
	if t.dice.IntN(100) < 30 && process.Wait(ctx, time.Duration(t.dice.IntN(1500))*time.Millisecond) && !t.isLost() {
		n.perform(ctx, t)
	}
}

func (n *natives) perform(ctx context.Context, t *nativeTalk) bool {
	copies := 1
	if t.dice.IntN(100) < 15 {
		copies += 1 + t.dice.IntN(2)
	}
	answers := make(chan bool, copies)
	for range copies {
		timeout := 6 * time.Second
		if t.dice.IntN(10) == 0 {
			timeout = time.Duration(1+t.dice.IntN(60)) * time.Millisecond
		}
		go func() { answers <- n.send(ctx, t, timeout) }()
	}
	answered := false
	for range copies {
		answered = <-answers || answered
	}
	return answered
}

// send requests the run once, and reports whether the answer shows it.
func (n *natives) send(ctx context.Context, t *nativeTalk, timeout time.Duration) bool {
	answer := n.clients.send(ctx, http.MethodPost, "/v1/providers/"+t.path, t.key, t.body, timeout)
	switch answer.status {
	case http.StatusCreated, http.StatusAccepted:
		t.hear(answer.body)
		return true
	case http.StatusBadRequest, http.StatusNotFound, http.StatusUnprocessableEntity:
		t.mutex.Lock()
		defer t.mutex.Unlock()
		t.view.Complaints = append(t.view.Complaints,
			fmt.Sprintf("a run that is in order was answered %d: %.200s", answer.status, answer.body))
		return true
	}
	return false
}

func (t *nativeTalk) hear(body []byte) {
	var shown RunEntry
	t.mutex.Lock()
	defer t.mutex.Unlock()
	if err := json.Unmarshal(body, &shown); err != nil || shown.ID == "" {
		t.view.Complaints = append(t.view.Complaints, fmt.Sprintf("an answer cannot be read: %.200s", body))
		return
	}
	if !slices.Contains(t.view.IDs, shown.ID) {
		t.view.IDs = append(t.view.IDs, shown.ID)
	}
	if over := shown.Status == "succeeded" || shown.Status == "failed"; over &&
		!slices.Contains(t.view.Final, shown.Status) {
		t.view.Final = append(t.view.Final, shown.Status)
	}
}

func (n *natives) ledger() []RunView {
	var all []RunView
	for _, t := range n.talks {
		t.mutex.Lock()
		all = append(all, t.view)
		t.mutex.Unlock()
	}
	return all
}

// runsOf lists every run that the router knows.
func (r *run) runsOf(ctx context.Context) ([]RunEntry, error) {
	var all []RunEntry
	for cursor := ""; ; {
		var page struct {
			Data       []RunEntry `json:"data"`
			NextCursor string     `json:"next_cursor"`
		}
		path := "/v1/operations?limit=100"
		if cursor != "" {
			path += "&cursor=" + url.QueryEscape(cursor)
		}
		if err := r.read(ctx, path, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Data...)
		if cursor = page.NextCursor; cursor == "" {
			return all, nil
		}
	}
}

// settledRuns waits until no run is on its way any more, and gives all runs.
func (r *run) settledRuns(ctx context.Context, until time.Time) ([]RunEntry, error) {
	for {
		runs, err := r.runsOf(ctx)
		underway := slices.ContainsFunc(runs, func(e RunEntry) bool { return e.Status == "processing" })
		if err != nil || !underway || time.Now().After(until) || !process.Wait(ctx, time.Second) {
			return runs, err
		}
	}
}
