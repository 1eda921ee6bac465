package simulation

import (
	"context"
	_ "embed"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"payrouter/host/api"
	"payrouter/host/attempt"
	"payrouter/host/callback"
	"payrouter/host/config"
	"payrouter/host/egress"
	"payrouter/host/live"
	"payrouter/host/payment"
	"payrouter/host/payment/paymenttest"
	"payrouter/host/plugin"
	"payrouter/host/plugin/faults"
	"payrouter/host/routing"
	"payrouter/host/sandbox"
	dbs "payrouter/host/store/sqlite"
	"payrouter/host/store/sqlite/sqlitetest"
	"payrouter/host/wasm"
	"payrouter/host/webhook"
	"payrouter/test/process"
)

//go:embed routing.yaml
var routingText []byte

// approvals are beside the rules of some seeds.
const approvals = `
approval:
  - {name: payouts, kind: payout, currency: USDT, over: "50", expires: 20m}
`

// approves reports whether a seed's payouts need approval. Those of seeds that once found a mistake do not, so that
// they find it again.
func (w *world) approves() bool { return w.seed%7 == 2 || w.seed%7 == 6 }

// Secrets that the simulated providers sign callbacks with.
const (
	webhookToken     = "made-up-webhook-token-of-the-company"
	pageWebhookToken = "made-up-webhook-token-of-the-page"
	addressSecret    = "made-up-secret-of-callback-addresses-0001"
	public           = "https://router.example"
)

// timeout is an account's, by default: how long a try may take.
const timeout = 20 * time.Second

// kit is what all runs share: it is made once, outside of every bubble, and never changes.
type kit struct {
	routes *config.Config
	// rules need no approval, and approving ones that of most payouts.
	rules, approving *routing.Ruleset
	secrets          config.Secrets
	// registries hold two generations of every plugin.
	registries [2]*plugin.Registry
	// template is an empty journal.
	template string
	close    func()
}

// newKit builds the plugins and compiles them; the compiled modules are kept under the cache folder.
func newKit(dir string) (*kit, error) {
	c := sandbox.DefaultCredentials()
	environ := []string{
		"PAYPLAY_WEBHOOK_TOKEN=" + webhookToken, "PAYPLAY_PAGE_WEBHOOK_TOKEN=" + pageWebhookToken,
		"PAYGRAM_EU_TOKEN=" + c.PayGramEU, "CRYPTOGRAM_TOKEN=" + c.Cryptogram, "PAYPLAY_API_KEY=" + c.PayPlay,
		"EXCHANGER_API_LOGIN=" + c.ExchangerLogin, "EXCHANGER_API_KEY=" + c.ExchangerKey, "PAYGRT_API_KEY=" + c.Paygrt,
	}
	k := &kit{template: filepath.Join(dir, "template")}
	var err error
	if k.routes, err = config.Read("routing.yaml", routingText, environ); err != nil {
		return nil, err
	}
	if k.secrets, err = k.routes.Secrets(config.Sources{Environ: environ}); err != nil {
		return nil, err
	}
	ctx := context.Background()
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = dir
	}
	cache = filepath.Join(cache, "payrouter-simulation")
	names := []string{"paygram", "cryptogram", "payplay", "exchanger", "paygrt"}
	if err := process.BuildPlugins(ctx, dir, names...); err != nil {
		return nil, err
	}
	if underRace {
		check := exec.Command("go", "run", "payrouter/cmd/router", "route", "check", "--plugins", dir, "--compiled",
			cache, "routing.yaml")
		if out, err := check.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("%s: %w\n%s", check, err, out)
		}
	}
	// Worlds share the modules. So no world's call may wait for another's, nor use up or lose what the others' need.
	compiler, err := wasm.New(cache, wasm.Options{Running: 1000})
	if err != nil {
		return nil, err
	}
	for i := range k.registries {
		k.registries[i] = plugin.NewRegistry(compiler, plugin.Settings{
			Limits: wasm.Limits{Instances: 16}, Record: -1, CPU: -1, AccountCPU: -1,
			Quarantine: faults.Settings{Faults: -1},
		})
		for n := range names {
			// In another order, so that generations have other numbers.
			code, err := os.ReadFile(filepath.Join(dir, names[(n+i)%len(names)]+".wasm"))
			if err == nil {
				_, err = k.registries[i].Install(ctx, plugin.Candidate{Code: code})
			}
			if err != nil {
				return nil, err
			}
		}
	}
	if k.rules, err = k.routes.Ruleset(k.registries[0].Manifests()); err != nil {
		return nil, err
	}
	held, err := config.Read("routing.yaml", append(slices.Clone(routingText), approvals...), environ)
	if err != nil {
		return nil, err
	}
	if k.approving, err = held.Ruleset(k.registries[0].Manifests()); err != nil {
		return nil, err
	}
	db, err := dbs.Open(ctx, k.template)
	if err == nil {
		err = db.Close()
	}
	k.close = func() {
		for _, registry := range k.registries {
			_ = registry.Close(ctx)
		}
		_ = compiler.Close(ctx)
	}
	return k, err
}

// life is a router from its start to its crash.
type life struct {
	w      *world
	kit    *kit
	number int
	dir    string
	disk   *sqlitetest.Disk
	dead   atomic.Bool

	journal    *journal
	engine     *paymenttest.Stack
	reconciler *payment.Reconciler
	inbox      *callback.Inbox
	handler    http.Handler
	clients    map[string]*egress.Client // by account

	mutex sync.Mutex // guards wires
	wires []*wire
}

// start has a router take over the journal in a directory.
func (w *world) start(k *kit, dir string) error {
	w.lives++
	l := &life{w: w, kit: k, number: w.lives, dir: dir, clients: map[string]*egress.Client{}}
	var err error
	if l.disk, err = sqlitetest.Watch(dir); err != nil {
		return err
	}
	db, err := dbs.Open(context.Background(), dir, dbs.Now(w.clock.Now))
	if err != nil {
		return err
	}
	if err := db.Hold(); err != nil {
		w.violated("an ordinary crash holds the journal: %v", err)
	}
	l.journal = &journal{life: l, db: db}
	if err := l.connect(); err != nil {
		return err
	}
	l.engine = paymenttest.New(l.journal, l.fleet(), paymenttest.Settings{
		CallbackURL: addresses().Payment, Snapshot: api.Snapshot, Now: w.clock.Now,
		Random: w.random(fmt.Sprint("ids ", l.number)), Moment: l.moment,
		Hold: db.Hold, Doubtful: db.Doubtful, Clock: db.Clock,
	})
	l.reconciler = payment.NewReconciler(l.engine.Engine, payment.ReconcilerSettings{})
	l.inbox = callback.NewInbox(l.journal, l.engine, callback.Settings{
		Addresses: addresses(), Accounts: l.receivers,

		Now: w.clock.Now, Random: w.random(fmt.Sprint("callbacks ", l.number)),
		// Two concurrent callbacks about one payment could not be distinguished.
		AtOnce: 1,
	})
	l.handler = api.New(l.engine.Engine, api.Settings{
		Operations: l.engine.Operations, Accounts: l.engine.Reader,
		Webhooks: webhook.NewEndpoints(db.Webhooks(), db.Webhooks(), webhook.EndpointsSettings{}), Now: w.clock.Now,
		Ready: db.Healthy,
	})
	w.life = l
	if w.disk.broken != "" {
		w.disk.fail(w.disk.broken)
	}
	w.ledger.compare(db)
	l.chores()
	return nil
}

// connect makes the clients of the accounts' providers, which outlive changes of plugins.
func (l *life) connect() error {
	for _, p := range l.kit.routes.Providers {
		dice := rand.New(rand.NewChaCha8([32]byte{
			byte(l.w.seed), byte(l.w.seed >> 8), byte(l.w.seed >> 16),
			byte(l.number), p.Name[0], p.Name[3], p.Name[4],
		}))
		var turn sync.Mutex
		client, err := egress.New(egress.Settings{
			Provider: p.Name, BaseURL: p.BaseURL, Secrets: l.kit.secrets.For(p.Name), AllowPrivate: p.AllowPrivate,
			Timeout: p.Timeout,
			Retry: egress.RetrySettings{
				MaxTries: p.Retry.Tries, BaseDelay: p.Retry.BaseDelay,
				MaxDelay: p.Retry.MaxDelay, RetryAfterCap: p.Retry.RetryAfterCap,
			},
			Breaker: egress.BreakerSettings{
				Failures: uint32(p.Breaker.Failures), Window: p.Breaker.Window,
				Cooldown: p.Breaker.OpenFor, Probes: uint32(p.Breaker.HalfOpen),
			},
			Dial: l.dial(p.Name), Now: l.w.clock.Now,
			Random: func() float64 {
				turn.Lock()
				defer turn.Unlock()
				return dice.Float64()
			},
		})
		if err != nil {
			return err
		}
		l.clients[p.Name] = client
	}
	return nil
}

// fleet has the generations that serve now.
func (l *life) fleet() *payment.Fleet {
	rules := l.kit.rules
	if l.w.approves() {
		rules = l.kit.approving
	}
	fleet := &payment.Fleet{Rules: rules, Fleet: attempt.Fleet{Accounts: map[string]*attempt.Account{}}}
	for _, p := range l.kit.routes.Providers {
		serving, _ := l.kit.registries[l.w.serving(p.Plugin)].Current(p.Plugin)
		fleet.Accounts[p.Name] = &attempt.Account{
			Name: p.Name, Egress: l.clients[p.Name], Settings: p.Settings, Failures: p.Failures,
			Plugin: func(string) attempt.Connector { return live.Connector(serving) },
		}
	}
	return fleet
}

func (l *life) receivers() (accounts map[string]callback.Account, release func()) {
	fleet, release := l.engine.Hold()
	accounts = map[string]callback.Account{}
	for name, account := range fleet.Accounts {
		accounts[name] = callback.Account{
			Plugin: account.Plugin("").(callback.Receiver), Verifier: account.Egress.(callback.Verifier),
			Settings: account.Settings,
		}
	}
	return accounts, release
}

// serving is which generation of a plugin serves now.
func (w *world) serving(plugin string) int {
	w.mutex.Lock()
	defer w.mutex.Unlock()
	return w.generation[plugin]
}

// swap has another generation of a plugin serve from now on.
func (w *world) swap(plugin string) {
	w.mutex.Lock()
	w.generation[plugin] = 1 - w.generation[plugin]
	w.mutex.Unlock()
	if w.life != nil {
		w.life.engine.Serve(w.life.fleet())
	}
}

func (l *life) hold(ctx context.Context, name string, enter func(*event)) error {
	if l.dead.Load() {
		return errDead
	}
	err := l.w.hold(ctx, l, fmt.Sprintf("router %d: %s", l.number, name), enter)
	if l.dead.Load() {
		return errDead
	}
	return err
}

// The faults of a router.
const (
	pausedSender = "sender paused past send_before"
	crash        = "crash"
	powerCut     = "power cut"
)

// moment holds a payment where a crash, or a pause, is worst.
func (l *life) moment(m attempt.Moment) {
	paused := false
	_ = l.hold(context.Background(), "moment: "+string(m), func(e *event) {
		if m == attempt.MomentJournalled && l.w.chance(5) {
			paused = true
			e.at = time.Now().Add(l.w.between(10*time.Second+time.Millisecond, 15*time.Second))
		}
	})
	if paused && !l.dead.Load() {
		l.w.mutex.Lock()
		l.w.disk.hits[pausedSender]++
		l.w.mutex.Unlock()
	}
}

// adopt takes a connection on.
func (l *life) adopt(c *wire) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.wires = append(l.wires, c)
	if l.dead.Load() {
		c.failure = syscall.ECONNRESET
	}
}

// chores are what the router does by itself, from time to time.
func (l *life) chores() {
	l.w.plan(l.w.between(0, 5*time.Second), fmt.Sprintf("router %d recovers", l.number), l.recover)
	l.w.plan(l.w.between(0, 2*time.Second), fmt.Sprintf("router %d reconciles", l.number), l.reconcile)
	l.w.plan(l.w.between(0, 2*time.Second), fmt.Sprintf("router %d acts on callbacks", l.number), l.settle)
}

func (l *life) recover() {
	if l.dead.Load() {
		return
	}
	if !l.w.faultsOver || l.w.ledger.unfinished() {
		l.w.running.Go(func() { _ = l.engine.Recover(context.Background()) })
	}
	l.w.plan(15*time.Second, fmt.Sprintf("router %d recovers", l.number), l.recover)
}

func (l *life) reconcile() {
	if l.dead.Load() {
		return
	}
	next, any := l.w.ledger.due()
	wait := l.w.between(time.Second, 2*time.Second)
	switch {
	case any && !l.w.untilShows(next).After(time.Now()):
		l.w.running.Go(func() { l.reconciler.Round(context.Background()) })
	case any:
		wait = max(wait, time.Until(l.w.untilShows(next)))
	}
	if !l.w.faultsOver {
		wait = min(wait, 5*time.Second)
	}
	l.w.plan(min(wait, time.Minute), fmt.Sprintf("router %d reconciles", l.number), l.reconcile)
}

func (l *life) settle() {
	if l.dead.Load() {
		return
	}
	next, pending := l.w.ledger.pendingCallbacks()
	wait := l.w.between(time.Second, 2*time.Second)
	switch {
	case pending && !l.w.untilShows(next).After(time.Now()):
		l.w.running.Go(func() { l.inbox.Round(context.Background()) })
	case pending:
		wait = max(wait, time.Until(l.w.untilShows(next)))
	case l.w.faultsOver:
		wait = 10 * time.Second
	}
	l.w.plan(min(wait, time.Minute), fmt.Sprintf("router %d acts on callbacks", l.number), l.settle)
}

// crash ends the router where it stands: what it has written it has written, what it was about to do it never does.
func (w *world) crash() {
	l := w.life
	w.life = nil
	l.dead.Store(true)
	next := filepath.Join(w.dir, fmt.Sprint(w.lives+1))
	if err := l.leave(next); err != nil {
		w.violated("copy the journal: %v", err)
	}
	l.disk.Close()
	l.mutex.Lock()
	for _, c := range l.wires {
		c.fail(syscall.ECONNRESET)
	}
	l.mutex.Unlock()
	for _, e := range w.agenda {
		if e.life == l {
			e.happen()
		}
	}
	kept := w.agenda[:0]
	for _, e := range w.agenda {
		if e.life != l {
			kept = append(kept, e)
		}
	}
	w.agenda = kept
	l.bury()
}

// leave puts into a directory what the crash leaves of the journal. In every second life the power goes with it, while
// something is committed that nobody hears of: of what was not synced any part is lost.
func (l *life) leave(dir string) error {
	dice := rand.New(rand.NewPCG(l.w.seed, uint64(l.number)))
	if dice.IntN(2) == 0 || leftOut(powerCut) {
		return copyJournal(l.dir, dir)
	}
	if err := l.disk.Fail(); err != nil {
		return err
	}
	_ = l.journal.db.KeepRuleset(context.Background(), "of a commit that nobody hears of", make([]byte, 20_000))
	l.w.fire(powerCut)
	_, err := l.disk.Lose(dir, dice)
	return err
}

// bury gives a dead router's means back, and stops what it still waits for.
func (l *life) bury() {
	l.w.running.Go(func() {
		ended, end := context.WithCancel(context.Background())
		end()
		_ = l.engine.Shutdown(ended)
		for _, client := range l.clients {
			client.Close()
		}
	})
	if err := l.journal.db.Close(); err != nil {
		l.w.violated("close the journal: %v", err)
	}
	connections.forget(l.dir)
}

// addresses are where providers report to.
func addresses() callback.Addresses {
	a, err := callback.NewAddresses(public, []byte(addressSecret))
	if err != nil {
		panic(err)
	}
	return a
}
