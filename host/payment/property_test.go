package payment_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/egress"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
	"payrouter/host/routing"
	"payrouter/host/store/sqlite"
	"payrouter/host/store/sqlite/sqlitetest"
)

// fault is what goes wrong with one request.
type fault string

const (
	loses   fault = "done, and the answer lost"
	drops   fault = "lost on its way"
	delays  fault = "late, and without an answer"
	breaks  fault = "500, and done"
	refuses fault = "429"
	limits  fault = "declined softly"
	frauds  fault = "declined"
	unsent  fault = "no connection"
	misses  fault = "not found, though it is there"
	fine    fault = ""
)

// settleAfter is how long the simulated providers may say "not found" of what they have.
const settleAfter = time.Minute

// booking is what a provider really has.
type booking struct {
	id, reference, state string
	at                   time.Time
}

// bank is a provider in memory, with the truth of what it did. It takes the engine's requests as an egress client does,
// without a network.
type bank struct {
	name  string
	class abi.Idempotency
	clock *clock

	mutex    sync.Mutex
	faults   []fault
	bookings []*booking
	// late are requests that have not arrived yet.
	late []string
	// confirmed are how often each booking was confirmed, by our reference.
	confirmed map[string]int
}

// money tells a booking that has taken some: what nobody pays for by hand takes it when it is made.
func (b *bank) money(one *booking) bool {
	if b.class == abandonable {
		return one.state == "paid"
	}
	return one.state == "working" || one.state == "paid"
}

func (b *bank) Available() error { return nil }

func (b *bank) Askable() error { return nil }

func (b *bank) Resume() bool { return false }

func (b *bank) Render(request *abi.HttpRequest) (*egress.Request, error) {
	return &egress.Request{Method: request.GetMethod(), URL: b.name + pathOf(request), Body: request.GetBody()}, nil
}

func pathOf(request *abi.HttpRequest) string {
	path := ""
	for _, part := range request.GetPath() {
		path += part.GetLiteral()
	}
	return path
}

func (b *bank) Tries(_ context.Context, x egress.Exchange) iter.Seq[*egress.Try] {
	return func(yield func(*egress.Try) bool) {
		for number := 1; number <= 2; number++ {
			try := egress.NewTry(number, func(t *egress.Try, _ time.Time) {
				*t = b.serve(strings.TrimPrefix(x.Request.URL, b.name), x.Request.Body)
				t.Number = number
			})
			if !yield(try) || !try.Judged().Retry {
				return
			}
		}
	}
}

func (b *bank) serve(path string, text []byte) egress.Try {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	wrong := fine
	if len(b.faults) > 0 {
		wrong, b.faults = b.faults[0], b.faults[1:]
	}
	body, _ := jsontext.Parse(text)
	silent := egress.Try{Sent: true, Writes: 1, Err: egress.ErrTimeout}
	answers := func(status uint32, text string) egress.Try {
		return egress.Try{Sent: true, Writes: 1, Response: &abi.HttpResponse{Status: status, Body: []byte(text)}}
	}
	create := path == "/create"
	switch {
	case wrong == unsent:
		return egress.Try{Err: egress.ErrDial}
	case wrong == drops || (wrong == delays && !create):
		return silent
	case wrong == delays:
		b.late = append(b.late, body.Text("reference"))
		return silent
	case wrong == refuses:
		return answers(429, `{"error":"slow"}`)
	case wrong == limits && create:
		return answers(200, `{"error":"limit"}`)
	case wrong == frauds && create:
		return answers(200, `{"error":"fraud"}`)
	}
	answer := b.answer(strings.TrimPrefix(path, "/"), body, wrong)
	switch wrong {
	case loses:
		return silent
	case breaks:
		return answers(500, answer)
	}
	return answers(200, answer)
}

func (b *bank) answer(operation string, body jsontext.Value, wrong fault) string {
	if operation == "create" {
		return b.book(body.Text("reference"))
	}
	one := b.find(body.Text("theirs"), body.Text("of"))
	if one != nil && operation == "confirm" {
		b.confirmed[one.reference]++
	}
	if one == nil || (wrong == misses && operation == "lookup" && b.clock.read().Sub(one.at) < settleAfter) {
		return `{"error":"absent"}`
	}
	if operation == "cancel" && (one.state == "open" || one.state == "working") {
		one.state = "canceled"
	}
	return bookingJSON(one)
}

func bookingJSON(one *booking) string {
	return fmt.Sprintf(`{"id":%q,"status":%q,"reference":%q}`, one.id, one.state, one.reference)
}

func (b *bank) book(reference string) string {
	if b.class == keyed && b.find("", reference) != nil {
		return `{"error":"duplicate"}`
	}
	one := &booking{
		id: fmt.Sprintf("%s-%d", b.name, len(b.bookings)+1), reference: reference, state: "working",
		at: b.clock.read(),
	}
	if b.class == abandonable {
		one.state = "open"
	}
	b.bookings = append(b.bookings, one)
	return bookingJSON(one)
}

// find is by the provider's id, or else the last of a reference.
func (b *bank) find(id, reference string) (found *booking) {
	for _, one := range b.bookings {
		if (id != "" && one.id == id) || (id == "" && one.reference == reference) {
			found = one
		}
	}
	return found
}

// arrive lets what was late come in.
func (b *bank) arrive() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for _, reference := range b.late {
		b.book(reference)
	}
	b.late = nil
}

// brittle is a journal that fails when got to, before anything is written.
type brittle struct {
	*sqlite.DB
	mutex sync.Mutex
	// failing are whether each of the next writes fails.
	failing []bool
}

func (b *brittle) fails() error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if len(b.failing) == 0 {
		return nil
	}
	now := b.failing[0]
	b.failing = b.failing[1:]
	if now {
		return fmt.Errorf("%w: it was got to fail", attempt.ErrJournal)
	}
	return nil
}

func (b *brittle) Save(ctx context.Context, change payment.Change) error {
	if err := b.fails(); err != nil {
		return err
	}
	return b.DB.Save(ctx, change)
}

func (b *brittle) Create(ctx context.Context, change payment.Change, key attempt.Key) (*attempt.Key, error) {
	if err := b.fails(); err != nil {
		return nil, err
	}
	return b.DB.Create(ctx, change, key)
}

// world is an engine over simulated providers, and what the test remembers of it.
type world struct {
	journal    *brittle
	fleet      *payment.Fleet
	engine     *paymenttest.Stack
	reconciler *payment.Reconciler
	clock      *clock
	banks      []*bank

	// keys are the payments that were made under each.
	keys map[string]string
	// shown are objects that a payer has been sent to.
	shown map[string]bool
	// ended are the terminal statuses that were seen, and verdicts those of approvals.
	ended    map[string]payment.Status
	verdicts map[string]approval.Verdict
	// held is whether payouts are asked for, of which some need approval, and confirms, which all do; otherwise nothing
	// does.
	held bool
}

func newWorld(t *rapid.T, dir string, held bool) *world {
	require.NoError(t, sqlitetest.Lay(dir))
	db, err := sqlite.Open(context.Background(), dir)
	require.NoError(t, err)
	w := &world{
		journal: &brittle{DB: db}, clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)},
		keys: map[string]string{}, shown: map[string]bool{}, ended: map[string]payment.Status{},
		verdicts: map[string]approval.Verdict{}, held: held,
	}
	classes, kind, approvals := []abi.Idempotency{keyed, abandonable, none}, abi.Kind_KIND_COLLECT, "[]"
	if held {
		classes, kind = classes[1:], abi.Kind_KIND_PAYOUT
		classes[0] = keyed
		approvals = `[{name: large, currency: EUR, over: "10", expires: 1h},
			{name: confirms, kind: confirm, currency: EUR, expires: 1h}]`
	}
	w.fleet = &payment.Fleet{Fleet: attempt.Fleet{Accounts: map[string]*attempt.Account{}}}
	var providers []routing.Provider
	var names []string
	for n := range rapid.IntRange(1, 3).Draw(t, "providers") {
		name := string(rune('a' + n))
		b := &bank{
			name: name, class: rapid.SampledFrom(classes).Draw(t, "class of "+name), clock: w.clock,
			confirmed: map[string]int{},
		}
		connector := &probe{
			name: "plugin-" + name, kind: kind, idempotency: b.class, settleAfter: settleAfter,
			revocable: rapid.Bool().Draw(t, "revocable "+name), prepare: naming,
		}
		connected := paymenttest.Connect(connector)
		w.banks = append(w.banks, b)
		w.fleet.Accounts[name] = &attempt.Account{
			Name:   name,
			Plugin: func(string) attempt.Connector { return connected }, Egress: b, Settings: []byte("{}"),
		}
		providers = append(providers,
			routing.Provider{Name: name, Plugin: connector.name, Flows: connector.Manifest().GetFlows()})
		names = append(names, name)
	}
	w.fleet.Rules, err = approvingRules(providers, fmt.Sprintf("- {name: all, to: [%s]}", strings.Join(names, ", ")),
		approvals)
	require.NoError(t, err)
	w.start()
	return w
}

// naming makes requests that name the provider's own reference too, where it is known.
func naming(call *abi.Call) (*abi.Step, error) {
	body := jsontext.NewObject().String("reference", call.GetReference()).String("of", call.GetCreateReference()).
		String("theirs", call.GetProviderReference()).JSON()
	return guest.NewRequest(http.MethodPost, guest.Literal("/"),
		guest.Literal(call.GetOperation())).JSON(body).Send(nil), nil
}

func (w *world) start() {
	w.engine = paymenttest.New(w.journal, w.fleet, paymenttest.Settings{Now: w.clock.read})
	w.reconciler = payment.NewReconciler(w.engine.Engine, payment.ReconcilerSettings{AtOnce: 1})
}

func (w *world) stop(t *rapid.T) {
	require.NoError(t, w.engine.Shutdown(context.Background()))
}

func (w *world) payments(t *rapid.T) []payment.Payment {
	found, _, err := w.journal.Payments(context.Background(), payment.Filter{})
	require.NoError(t, err)
	return found
}

// prepare draws what will go wrong during the next action.
func (w *world) prepare(t *rapid.T) {
	faults := rapid.SampledFrom([]fault{
		fine, loses, loses, drops, delays, breaks, refuses, limits, frauds, unsent,
		misses,
	})
	for _, b := range w.banks {
		b.mutex.Lock()
		b.faults = rapid.SliceOfN(faults, 0, 3).Draw(t, "faults of "+b.name)
		b.mutex.Unlock()
	}
	w.journal.mutex.Lock()
	defer w.journal.mutex.Unlock()
	w.journal.failing = nil
	if rapid.IntRange(0, 3).Draw(t, "failing writes") == 0 {
		w.journal.failing = rapid.SliceOfN(rapid.Bool(), 0, 5).Draw(t, "writes")
	}
}

// tolerate passes over the errors that faults bring.
func tolerate(t *rapid.T, err error) {
	var declined *attempt.DeclinedError
	for _, known := range []error{
		nil, attempt.ErrJournal, payment.ErrState, attempt.ErrUnanswered, attempt.ErrUnsupported, payment.ErrNotFound,
		payment.ErrContradiction, attempt.ErrUnavailable,
	} {
		if errors.Is(err, known) {
			return
		}
	}
	require.ErrorAs(t, err, &declined)
}

func (w *world) create(t *rapid.T) {
	key := fmt.Sprintf("k%d", rapid.IntRange(1, 4).Draw(t, "key"))
	receipt, err := w.engine.Create(context.Background(), author("shop"), attempt.Key{Value: key, Fingerprint: "f"},
		w.order(t), time.Minute)
	tolerate(t, err)
	if receipt.Value.ID == "" {
		return
	}
	if before, used := w.keys[key]; used {
		require.Equal(t, before, receipt.Value.ID, "a key is one payment's")
	}
	w.keys[key] = receipt.Value.ID
}

func (w *world) order(t *rapid.T) payment.Order {
	order := orderOf("10.00")
	if w.held {
		order.Kind, order.Amount = payment.Payout, rapid.SampledFrom([]string{"10.00", "20.00"}).Draw(t, "amount")
	}
	return order
}

// decide has two people decide on one payment at the same time, and maybe its merchant cancel it.
func (w *world) decide(t *rapid.T) {
	p := w.pick(t)
	if p == nil {
		return
	}
	ctx := context.Background()
	var all sync.WaitGroup
	errs := make([]error, rapid.IntRange(1, 4).Draw(t, "at once"))
	for n := range errs {
		by := approval.Approver{Name: rapid.SampledFrom([]string{"jane", "joe"}).Draw(t, "approver")}
		act := rapid.SampledFrom([]string{"approve", "approve", "reject", "cancel"}).Draw(t, "act")
		all.Go(func() {
			switch act {
			case "approve":
				_, errs[n] = w.engine.Approve(ctx, "", p.ID, "", by)
			case "reject":
				_, errs[n] = w.engine.Reject(ctx, "", p.ID, "", by, "not our payee")
			case "cancel":
				_, errs[n] = w.engine.Cancel(ctx, "shop", p.ID)
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		tolerate(t, err)
	}
}

// confirm asks for a confirm of one payment, sometimes twice at the same time.
func (w *world) confirm(t *rapid.T) {
	p := w.pick(t)
	if p == nil {
		return
	}
	var all sync.WaitGroup
	errs := make([]error, rapid.IntRange(1, 2).Draw(t, "confirms at once"))
	for n := range errs {
		all.Go(func() {
			_, errs[n] = w.engine.Confirm(context.Background(), "shop", p.ID, author("shop"), "", []byte(`{"to":"payer"}`))
		})
	}
	all.Wait()
	for _, err := range errs {
		tolerate(t, err)
	}
}

// checkConfirms holds the confirms of a payment that its provider has seen against those that were approved.
func (w *world) checkConfirms(t *rapid.T, p payment.Payment, references map[string]bool) {
	entries, err := w.journal.Timeline(context.Background(), p.ID)
	require.NoError(t, err)
	requested, approved, rejected := 0, 0, 0
	for _, e := range entries {
		switch e.Type {
		case "payment.approval_requested":
			requested++
		case "payment.approved":
			approved++
		case "payment.rejected":
			rejected++
		}
	}
	if p.Approval.Is(approval.Approved) {
		approved--
	}
	if p.Approval.Is(approval.Rejected) {
		rejected--
	}
	waiting := 0
	if p.Confirmation.Awaits() {
		require.False(t, p.Status.Terminal() && !p.MoneyConflict, "%s has ended, and its confirm waits", p.ID)
		waiting = 1
	}
	require.LessOrEqual(t, approved+rejected+waiting, requested, "%s: each confirm is decided on once", p.ID)
	seen := 0
	for _, b := range w.banks {
		for reference, times := range b.confirmed {
			if references[b.name+" "+reference] {
				seen += times
			}
		}
	}
	require.LessOrEqual(t, seen, approved, "%s was confirmed, and nobody approved it", p.ID)
}

// checkApproval holds what was sent against what was approved.
func (w *world) checkApproval(t *rapid.T, p payment.Payment, attempts []attempt.Attempt) {
	require.Equal(t, w.held && p.Amount == "20.00", p.Approval != nil)
	if p.Approval == nil {
		return
	}
	if !p.Approval.Is(approval.Approved) {
		require.Empty(t, attempts, "%s was sent, and nobody approved it", p.ID)
		require.Contains(t, []payment.Status{
			payment.AwaitingApproval, payment.Failed, payment.Canceled, payment.Expired,
		}, p.Status)
	}
	if before := w.verdicts[p.ID]; before != "" {
		require.Equal(t, before, p.Approval.Verdict)
	}
	w.verdicts[p.ID] = p.Approval.Verdict
}

// pick is one of the payments; nil where there is none.
func (w *world) pick(t *rapid.T) *payment.Payment {
	all := w.payments(t)
	if len(all) == 0 {
		return nil
	}
	return &all[rapid.IntRange(0, len(all)-1).Draw(t, "payment")]
}

func (w *world) on(act func(id string) error) func(*rapid.T) {
	return func(t *rapid.T) {
		if p := w.pick(t); p != nil {
			tolerate(t, act(p.ID))
		}
	}
}

// report brings what a provider really has, or had: vouched for, or as a hint; or a hint about anything.
func (w *world) report(t *rapid.T) {
	b := rapid.SampledFrom(w.banks).Draw(t, "bank")
	if len(b.bookings) == 0 {
		return
	}
	one := *rapid.SampledFrom(b.bookings).Draw(t, "booking")
	report := payment.Report{Reference: one.reference, ProviderReference: one.id, CallbackID: "cb"}
	switch rapid.IntRange(0, 4).Draw(t, "trust") {
	case 0:
		report.ProviderReference = "forged"
	case 1:
		report.ProviderReference = ""
	case 2:
		report.Outcome = outcomeOf(map[string]abi.Status{"open": abi.Status_STATUS_REQUIRES_ACTION}[b.first()], one.id)
		if report.Outcome.GetStatus() == 0 {
			report.Outcome.Status = abi.Status_STATUS_PROCESSING
		}
	case 3:
		report.Outcome = outcomeOf(map[string]abi.Status{
			"open": abi.Status_STATUS_REQUIRES_ACTION, "working": abi.Status_STATUS_PROCESSING,
			"paid":   abi.Status_STATUS_SUCCEEDED,
			"failed": abi.Status_STATUS_FAILED, "canceled": abi.Status_STATUS_CANCELED,
		}[one.state], one.id)
	}
	_, err := w.engine.Report(context.Background(), b.name, report)
	tolerate(t, err)
}

// first is what a booking starts as.
func (b *bank) first() string {
	if b.class == abandonable {
		return "open"
	}
	return "working"
}

// happen lets payers pay what they were sent to, and providers finish their work.
func (w *world) happen(t *rapid.T) {
	for _, b := range w.banks {
		for _, one := range b.bookings {
			switch {
			case one.state == "open" && w.shown[one.id] && rapid.Bool().Draw(t, "pays "+one.id):
				one.state = "paid"
			case one.state == "working" && rapid.Bool().Draw(t, "works "+one.id):
				one.state = rapid.SampledFrom([]string{"paid", "failed"}).Draw(t, "ends "+one.id)
			}
		}
	}
}

func (w *world) pass(by time.Duration) {
	for _, b := range w.banks {
		b.arrive()
	}
	w.clock.advance(by)
	w.reconciler.Round(context.Background())
}

func (w *world) restart(t *rapid.T) {
	w.stop(t)
	w.start()
	tolerate(t, w.engine.Recover(context.Background()))
}

// check holds what the payments are against what the providers have.
func (w *world) check(t *rapid.T) {
	known := map[string]string{}
	for _, p := range w.payments(t) {
		attempts, err := w.journal.Attempts(context.Background(), p.ID)
		require.NoError(t, err)
		w.checkApproval(t, p, attempts)
		references := map[string]bool{}
		for _, a := range attempts {
			if a.Role == "create" {
				references[a.Provider+" "+a.Reference] = true
			}
		}
		w.checkConfirms(t, p, references)
		taken := 0
		for _, b := range w.banks {
			for _, one := range b.bookings {
				if !references[b.name+" "+one.reference] {
					continue
				}
				known[one.id] = p.ID
				if b.money(one) {
					taken++
				}
			}
		}
		require.LessOrEqual(t, taken, 1, "%s takes money twice", p.ID)
		if p.Status == payment.Succeeded {
			require.Equal(t, 1, taken, "%s succeeded, and nobody has money", p.ID)
		}
		if p.Status.Terminal() && p.Status != payment.Succeeded && !p.MoneyConflict {
			require.Zero(t, taken, "%s is %s, and somebody has money", p.ID, p.Status)
		}
		if before, ended := w.ended[p.ID]; ended {
			require.Equal(t, before, p.Status)
		}
		if p.Status.Terminal() {
			w.ended[p.ID] = p.Status
		}
		if p.NextAction != nil {
			w.shown[strings.TrimPrefix(p.NextAction.URL, "https://pay.example/")] = true
		}
		w.checkTimeline(t, p)
	}
	for _, b := range w.banks {
		for _, one := range b.bookings {
			require.Contains(t, known, one.id, "a booking of nobody's")
		}
	}
	for key, id := range w.keys {
		found, err := w.journal.Key(context.Background(), "shop", key)
		require.NoError(t, err)
		require.EqualValues(t, id, found.Owner)
	}
}

// checkTimeline follows the statuses that merchants were got of.
func (w *world) checkTimeline(t *rapid.T, p payment.Payment) {
	entries, err := w.journal.Timeline(context.Background(), p.ID)
	require.NoError(t, err)
	require.NotEmpty(t, entries)
	first := payment.PaymentCreated
	if p.Approval != nil {
		first = payment.PaymentAwaitingApproval
	}
	require.Equal(t, first, entries[0].Type)
	status := payment.Status("")
	for _, e := range entries {
		now := payment.Status(strings.TrimPrefix(string(e.Type), "payment."))
		if !now.Valid() {
			continue // tells of something else
		}
		require.False(t, status.Terminal(), "%s after %s", now, status)
		require.NotEqual(t, status, now)
		require.False(t, now == payment.Created && status != "" && status != payment.AwaitingApproval)
		require.False(t, now == payment.AwaitingApproval && status != "")
		status = now
	}
	require.Equal(t, p.Status, status, "the last that was got is what holds")
}

// heal ends all faults, and gives everything the time that it needs.
func (w *world) heal(t *rapid.T) {
	for _, b := range w.banks {
		b.mutex.Lock()
		b.faults = nil
		b.mutex.Unlock()
	}
	w.journal.mutex.Lock()
	w.journal.failing = nil
	w.journal.mutex.Unlock()
	w.restart(t)
	for range 4 {
		w.pass(2 * time.Hour)
		w.check(t)
		for _, b := range w.banks {
			for _, one := range b.bookings {
				if one.state == "working" || (one.state == "open" && w.shown[one.id]) {
					one.state = "paid"
				}
			}
		}
		require.NoError(t, w.engine.Recover(context.Background()))
	}
	for _, p := range w.payments(t) {
		if p.Status.Terminal() {
			continue
		}
		require.Equal(t, payment.Unknown, p.Status, "%s has not ended", p.ID)
		attempts, err := w.journal.Attempts(context.Background(), p.ID)
		require.NoError(t, err)
		for _, a := range attempts {
			require.False(t, a.Open())
			if a.Provider == p.Provider && a.Role == "create" {
				require.Nil(t, w.bank(p.Provider).find("", a.Reference), "%s is unknown, and its provider knows it",
					p.ID)
			}
		}
	}
}

func (w *world) bank(name string) *bank {
	for _, b := range w.banks {
		if b.name == name {
			return b
		}
	}
	return nil
}

// Whatever is asked for, in whatever order, and whatever goes wrong on the way: no payment takes money twice, none is
// lost, none is got to have failed while somebody has the money, and once all is well each comes to its end.
func TestNoInterleavingTakesMoneyTwiceOrLosesAPayment(t *testing.T) {
	t.Parallel()
	interleave(t, false)
}

// The same holds where people approve, reject and cancel at the same time; and nothing leaves that nobody approved.
func TestNoInterleavingSendsWhatNobodyApproved(t *testing.T) {
	t.Parallel()
	interleave(t, true)
}

func interleave(t *testing.T, held bool) {
	t.Helper()
	root, runs := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		dir := filepath.Join(root, strconv.Itoa(runs))
		w := newWorld(t, dir, held)
		defer func() {
			w.stop(t)
			require.NoError(t, w.journal.Close())
			require.NoError(t, os.RemoveAll(dir))
		}()
		ctx := context.Background()
		actions := []struct {
			name string
			do   func(*rapid.T)
		}{
			{"create", w.create},
			{"create again", w.create},
			{"refresh", w.on(func(id string) error { _, err := w.engine.Refresh(ctx, "shop", id); return err })},
			{"cancel", w.on(func(id string) error { _, err := w.engine.Cancel(ctx, "shop", id); return err })},
			{"report", w.report},
			{"report again", w.report},
			{"recover", func(t *rapid.T) { tolerate(t, w.engine.Recover(ctx)) }},
			{"time passes", func(t *rapid.T) {
				w.pass(time.Duration(rapid.SampledFrom([]int{1, 30, 90, 3600}).Draw(t, "seconds")) * time.Second)
			}},
			{"restart", w.restart},
			{"happen", w.happen},
		}
		if held {
			for range 4 {
				actions = append(actions, struct {
					name string
					do   func(*rapid.T)
				}{"decide", w.decide})
			}
			for range 2 {
				actions = append(actions, struct {
					name string
					do   func(*rapid.T)
				}{"confirm", w.confirm})
			}
		}
		for step := range rapid.IntRange(1, 20).Draw(t, "steps") {
			w.prepare(t)
			action := actions[0]
			if step > 0 {
				action = actions[rapid.IntRange(0, len(actions)-1).Draw(t, "action")]
			}
			t.Logf("%s", action.name)
			action.do(t)
			w.check(t)
		}
		w.heal(t)
	})
}
