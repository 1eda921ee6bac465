package payment_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
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
	"payrouter/host/operation"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
	"payrouter/host/routing"
	"payrouter/host/store/sqlite"
	"payrouter/host/store/sqlite/sqlitetest"
)

// brittleRuns is a brittle journal of runs.
type brittleRuns struct {
	*brittle
}

func (b brittleRuns) CreateRun(ctx context.Context, run operation.Run, key attempt.Key) (*attempt.Key, error) {
	if err := b.fails(); err != nil {
		return nil, err
	}
	return b.DB.CreateRun(ctx, run, key)
}

func (b brittleRuns) SaveRun(ctx context.Context, change operation.Change) error {
	if err := b.fails(); err != nil {
		return err
	}
	return b.DB.SaveRun(ctx, change)
}

// desk is an engine that performs one operation at one simulated provider, and what the test remembers of it.
type clerkModel struct {
	journal *brittle
	fleet   *payment.Fleet
	engine  *paymenttest.Stack
	bank    *bank
	clock   *clock
	// keys are the runs that were made under each, and ended the terminal statuses that were seen.
	keys  map[string]string
	ended map[string]operation.Status
	// held: every run needs approval.
	held bool
}

func newClerkModel(t *rapid.T, dir string) *clerkModel {
	require.NoError(t, sqlitetest.Lay(dir))
	db, err := sqlite.Open(context.Background(), dir)
	require.NoError(t, err)
	d := &clerkModel{
		journal: &brittle{DB: db}, clock: &clock{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)},
		keys: map[string]string{}, ended: map[string]operation.Status{},
		held: rapid.Bool().Draw(t, "held"),
	}
	d.bank = &bank{
		name: "a", class: rapid.SampledFrom([]abi.Idempotency{keyed, abandonable, none}).Draw(t, "class"),
		clock: d.clock,
	}
	connector := clerk{probe: &probe{
		name: "clerk", idempotency: d.bank.class,
		revocable: rapid.Bool().Draw(t, "revocable"), prepare: books,
	}}
	connected := paymenttest.Connect(connector)
	d.fleet = &payment.Fleet{Fleet: attempt.Fleet{Accounts: map[string]*attempt.Account{
		"a": {
			Name: "a", Plugin: func(string) attempt.Connector { return connected }, Egress: d.bank,
			Settings: []byte("{}"),
		},
	}}}
	approvals := "[]"
	if d.held {
		approvals = "[{name: by-hand, provider: a, operation: pay, expires: 1h}]"
	}
	d.fleet.Rules, err = approvingRules([]routing.Provider{{
		Name: "a", Plugin: "clerk", Flows: connector.Manifest().GetFlows(), Operations: []string{"pay"},
	}}, "- {name: all, to: [a]}", approvals)
	require.NoError(t, err)
	d.start()
	return d
}

// books makes a request that books.
func books(call *abi.Call) (*abi.Step, error) {
	return guest.NewRequest(http.MethodPost,
			guest.Literal("/create")).JSON(jsontext.NewObject().String("reference",
			call.GetReference()).JSON()).Send(nil),
		nil
}

func (d *clerkModel) start() {
	d.engine = paymenttest.New(d.journal, d.fleet,
		paymenttest.Settings{Now: d.clock.read, Runs: brittleRuns{d.journal}})
}

func (d *clerkModel) restart(t *rapid.T) {
	require.NoError(t, d.engine.Shutdown(context.Background()))
	d.start()
	tolerate(t, d.engine.Recover(context.Background()))
}

func (d *clerkModel) prepare(t *rapid.T) {
	faults := rapid.SampledFrom([]fault{fine, loses, loses, drops, delays, breaks, refuses, limits, frauds, unsent})
	d.bank.mutex.Lock()
	d.bank.faults = rapid.SliceOfN(faults, 0, 3).Draw(t, "faults")
	d.bank.mutex.Unlock()
	d.journal.mutex.Lock()
	defer d.journal.mutex.Unlock()
	d.journal.failing = nil
	if rapid.IntRange(0, 2).Draw(t, "failing writes") == 0 {
		d.journal.failing = rapid.SliceOfN(rapid.Bool(), 0, 5).Draw(t, "writes")
	}
}

func (d *clerkModel) perform(t *rapid.T) {
	key := fmt.Sprintf("k%d", rapid.IntRange(1, 4).Draw(t, "key"))
	receipt, err := d.engine.Perform(context.Background(), author("desk"), attempt.Key{Value: key, Fingerprint: "f"},
		payOf(ten), time.Minute)
	tolerate(t, err)
	if receipt.Value.ID == "" {
		return
	}
	if before, used := d.keys[key]; used {
		require.Equal(t, before, receipt.Value.ID, "a key is one run's")
	}
	d.keys[key] = receipt.Value.ID
}

// decide has two people decide on a run at the same time.
func (d *clerkModel) decide(t *rapid.T) {
	runs, err := d.journal.Runs(context.Background(), operation.Filter{})
	require.NoError(t, err)
	if len(runs) == 0 {
		return
	}
	id := rapid.SampledFrom(runs).Draw(t, "run").ID
	var all sync.WaitGroup
	errs := make([]error, rapid.IntRange(1, 4).Draw(t, "at once"))
	for n := range errs {
		by := approval.Approver{Name: rapid.SampledFrom([]string{"jane", "joe"}).Draw(t, "approver")}
		approves := rapid.IntRange(0, 2).Draw(t, "approves") > 0
		all.Go(func() {
			if approves {
				_, errs[n] = d.engine.ApproveRun(context.Background(), id, by)
			} else {
				_, errs[n] = d.engine.RejectRun(context.Background(), id, by, "not our payee")
			}
		})
	}
	all.Wait()
	for _, err := range errs {
		if !errors.Is(err, operation.ErrState) {
			tolerate(t, err)
		}
	}
}

// check holds what the runs are against what the provider has.
func (d *clerkModel) check(t *rapid.T) {
	runs, err := d.journal.Runs(context.Background(), operation.Filter{})
	require.NoError(t, err)
	known := 0
	for _, run := range runs {
		attempts, err := d.journal.Attempts(context.Background(), run.ID)
		require.NoError(t, err)
		require.Equal(t, d.held, run.Approval != nil)
		if d.held && !run.Approval.Is(approval.Approved) {
			require.Empty(t, attempts, "%s was sent, and nobody approved it", run.ID)
			require.Contains(t, []operation.Status{operation.AwaitingApproval, operation.Failed}, run.Status)
		}
		booked := 0
		for _, one := range d.bank.bookings {
			if len(attempts) > 0 && one.reference == attempts[0].Reference {
				booked++
			}
		}
		known += booked
		if d.bank.class != abandonable {
			require.LessOrEqual(t, booked, 1, "%s was done twice", run.ID)
			require.False(t, run.Status == operation.Failed && booked > 0, "%s failed, and was done", run.ID)
		}
		require.False(t, run.Status == operation.Succeeded && booked == 0, "%s succeeded, and was not done", run.ID)
		if before, ended := d.ended[run.ID]; ended {
			require.Equal(t, before, run.Status)
		}
		if run.Status.Terminal() || run.Status == operation.Unknown {
			d.ended[run.ID] = run.Status
			for _, a := range attempts {
				require.False(t, a.Open())
			}
		}
	}
	require.Len(t, d.bank.bookings, known, "a booking of nobody's")
}

// Whatever goes wrong on the way, and whenever the router stops: what may have been done is not done again, and what
// was done is not got to have failed.
func TestNoInterleavingDoesARunTwiceOrLosesIt(t *testing.T) {
	t.Parallel()
	root, runs := t.TempDir(), 0
	rapid.Check(t, func(t *rapid.T) {
		runs++
		dir := filepath.Join(root, strconv.Itoa(runs))
		d := newClerkModel(t, dir)
		defer func() {
			require.NoError(t, d.engine.Shutdown(context.Background()))
			require.NoError(t, d.journal.Close())
			require.NoError(t, os.RemoveAll(dir))
		}()
		actions := []func(*rapid.T){
			d.perform, d.perform, d.restart,
			func(t *rapid.T) { tolerate(t, d.engine.Recover(context.Background())) },
			func(*rapid.T) { d.bank.arrive() }, d.decide, d.decide,
		}
		for range rapid.IntRange(1, 12).Draw(t, "steps") {
			d.prepare(t)
			actions[rapid.IntRange(0, len(actions)-1).Draw(t, "action")](t)
			d.check(t)
		}
		d.bank.faults, d.journal.failing = nil, nil
		d.restart(t)
		d.bank.arrive()
		d.check(t)
		left, err := d.journal.UnfinishedRuns(context.Background(), "", 0)
		require.NoError(t, err)
		require.Empty(t, left, "each comes to its end")
		d.clock.advance(time.Hour)
		require.NoError(t, d.engine.Recover(context.Background()))
		d.check(t)
		waiting, err := d.journal.Runs(context.Background(),
			operation.Filter{Status: []operation.Status{operation.AwaitingApproval}})
		require.NoError(t, err)
		require.Empty(t, waiting, "nothing waits for longer than it may")
	})
}
