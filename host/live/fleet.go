package live

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/config"
	"payrouter/host/egress"
	"payrouter/host/payment"
	"payrouter/host/plugin"
	"payrouter/host/routing"
	"payrouter/host/schema"
	"payrouter/host/usage"
)

// Ruleset compiles a configuration's rules over plugins' manifests. Its error joins every problem that is found
// without secrets, each a *routing.Problem.
func Ruleset(c *config.Config, manifests map[string]*abi.Manifest) (*routing.Ruleset, error) {
	rules, err := c.Ruleset(manifests)
	if err := errors.Join(err, checkNames(c)); err != nil {
		return nil, err
	}
	return rules, nil
}

// checkNames compares what a configuration names with the router's own lists.
func checkNames(c *config.Config) error {
	var allowances []string
	for _, allowance := range plugin.Allowances() {
		allowances = append(allowances, string(allowance))
	}
	return errors.Join(c.CheckCodes(slices.Sorted(maps.Keys(abi.FailureCodes))), c.CheckAllowances(allowances))
}

// build is a text with its fleet.
type build struct {
	text    string
	config  *config.Config
	secrets config.Secrets
	// seen is the fingerprint of the secrets as they were read, and stale why some accounts have former values instead;
	// nil where none has.
	seen  [sha256.Size]byte
	stale *InvalidError
	// faults are those of accounts that are out of service.
	faults faults
	fleet  *payment.Fleet
}

// changed reports whether another build of the same text has other secrets.
func (b *build) changed(next *build) bool {
	return b.secrets.Fingerprint() != next.secrets.Fingerprint()
}

// discard releases what a build took that did not become active. A nil build took nothing.
func (b *build) discard() {
	if b != nil {
		b.fleet.Retired()
	}
}

// build reads a text and makes a fleet of it. Its error is a *InvalidError.
func (m *Manager) build(text string, activeSet plugin.ActiveSet, tolerated tolerance) (*build, error) {
	c, err := m.read(text)
	if err != nil {
		return nil, err
	}
	return m.assemble(c, text, activeSet, tolerated)
}

// read parses and checks a text by itself. Its error is a *InvalidError.
func (m *Manager) read(text string) (*config.Config, error) {
	c, err := config.Read(m.settings.File, []byte(text), m.settings.Environ)
	if err == nil && m.settings.Simulate != nil {
		err = c.Simulate(m.settings.Simulate)
	}
	if err != nil {
		return nil, m.invalid(err)
	}
	return c, nil
}

// assemble makes a fleet of what was read. Its error is a *InvalidError.
func (m *Manager) assemble(c *config.Config, text string, activeSet plugin.ActiveSet,
	tolerated tolerance,
) (*build, error) {
	secrets, unread := c.Secrets(m.sources())
	next := &build{text: text, config: c, seen: fingerprint(secrets, unread)}
	next.secrets, _ = secrets.Keep(m.secrets()) // what remains is a fault of its account
	var stale []error
	for _, p := range c.Providers {
		if next.secrets.Problem(p.Name) == nil {
			stale = append(stale, secrets.Problem(p.Name))
		}
	}
	if err := errors.Join(stale...); err != nil {
		next.stale = m.invalid(err)
	}
	var err error
	if next.fleet, next.faults, err = m.fleets.make(c, next.secrets, activeSet, tolerated); err != nil {
		return nil, m.invalid(err)
	}
	return next, nil
}

// secrets are the active ones; none before there are any.
func (m *Manager) secrets() config.Secrets {
	if m.current == nil {
		return config.Secrets{}
	}
	return m.current.secrets
}

// Check finds what keeps a configuration from becoming active over a set of plugins, with these secrets: it is what a
// manager does, without keeping anything of it. Its error joins problems, each a *routing.Problem where it has a place.
func Check(c *config.Config, secrets config.Secrets, activeSet plugin.ActiveSet) error {
	fleet, _, err := newFleets(Settings{}.withDefaults()).make(c, secrets, activeSet, noFault)
	if err != nil {
		return err
	}
	fleet.Retired()
	return nil
}

// rulesOver compiles the rules over the stable generations. They must compile with a canary's manifest too, or its
// share of the payments would fail.
func rulesOver(c *config.Config, activeSet plugin.ActiveSet) (*routing.Ruleset, error) {
	rules, err := c.Compile(activeSet.Manifests())
	candidates, some := withCanaries(activeSet)
	if err != nil || !some {
		return rules, err
	}
	_, err = c.Compile(candidates)
	return rules, err
}

// fleets makes fleets, and has what several of them share: an account's connections and its retry budget outlive a
// fleet whose successor has the same account with the same settings, and its breaker where the generation is the same.
type fleets struct {
	settings Settings
	// open counts fleets that were made and not released.
	open atomic.Int64

	// clients are the connections to an account's provider under one key, by the fleets that use them, and breakers what
	// each generation of the account's plugin uses of one: a client with a breaker of its own.
	clients  usage.Pool[clientKey, *egress.Client]
	breakers usage.Pool[breakerKey, *egress.Client]

	mutex sync.Mutex
	// admissions are never removed: an account that was suspended for its credentials stays suspended whatever else of
	// it is edited, and when it is removed and added again. There is one for each set of credentials that an account
	// ever had.
	admissions map[admissionKey]*egress.Admission
	machine    *egress.Machine
}

func newFleets(s Settings) *fleets {
	return &fleets{
		settings: s, admissions: map[admissionKey]*egress.Admission{}, machine: cmp.Or(s.Machine, &egress.Machine{}),
	}
}

// admissionKey identifies an account with its credentials. Secrets are in it as a fingerprint.
type admissionKey struct {
	provider, base string
	secrets        [sha256.Size]byte
}

// clientKey is everything that a client is made of. Secrets are in it as a fingerprint.
type clientKey struct {
	provider, base, hosts string
	secrets               [sha256.Size]byte
	private               bool
	timeout               int64
	connections           int
	perSecond             int
	retry                 egress.RetrySettings
	breaker               egress.BreakerSettings
}

// breakerKey identifies the breaker of one generation of an account's plugin.
type breakerKey struct {
	client     clientKey
	generation int64
	canary     bool
}

// make builds a fleet that releases its clients and its hold on the active set when it retires. Accounts with a fault
// are not in it. Its error joins problems, each a *routing.Problem: those of the rules, and of faults that are not
// tolerated.
func (f *fleets) make(c *config.Config, secrets config.Secrets, activeSet plugin.ActiveSet,
	tolerated tolerance,
) (*payment.Fleet, faults, error) {
	fleet := &payment.Fleet{
		Fleet: attempt.Fleet{Accounts: map[string]*attempt.Account{}}, Health: f.settings.Health,
		Prices: f.settings.Prices,
	}
	rules, err := rulesOver(c, activeSet)
	err = errors.Join(err, checkNames(c))
	found := faultsOf(c, secrets, activeSet)
	if err == nil {
		f.load(c, activeSet, found)
	}
	var used []breakerKey
	for _, p := range c.Providers {
		if _, out := found[p.Name]; out {
			continue
		}
		active, _ := activeSet.Of(p.Plugin) // else it has a fault
		keys, ways, misfit := f.connect(p, active, secrets.For(p.Name))
		if misfit != nil {
			found[p.Name] = faultAt(p, "its part of the routing file does not fit its plugin", misfit)
			continue
		}
		used = append(used, keys...)
		fleet.Accounts[p.Name] = ways.account(p)
	}
	if err = errors.Join(err, found.intolerable(tolerated)); err != nil {
		f.disconnect(used)
		return nil, nil, err
	}
	fleet.Rules, fleet.Out = rules, found.out()
	activeSet.Hold()
	f.open.Add(1)
	fleet.Retired = sync.OnceFunc(func() {
		f.disconnect(used)
		activeSet.Release()
		f.open.Add(-1)
	})
	return fleet, found, nil
}

// load loads the plugins of accounts without a fault, before the accounts are in service: no payment waits for it. One
// that cannot be loaded is a fault of its accounts.
func (f *fleets) load(c *config.Config, activeSet plugin.ActiveSet, found faults) {
	failed := map[string]error{}
	for _, p := range c.Providers {
		if _, out := found[p.Name]; out {
			continue
		}
		err, tried := failed[p.Plugin]
		if !tried {
			active, _ := activeSet.Of(p.Plugin) // else it has a fault
			err = active.Load()
			failed[p.Plugin] = err
		}
		if err != nil {
			found[p.Name] = faultAt(p, fmt.Sprintf("its plugin %q cannot be loaded", p.Plugin), err)
		}
	}
}

// unpinned is the problem of an account whose configuration pins other modules of its plugin than the active ones.
func unpinned(c *config.Config, p *config.Provider, active plugin.Active) error {
	digests, some := c.Digests(p)
	for _, generation := range []*plugin.Generation{active.Stable, active.Canary} {
		if generation != nil && some && !slices.Contains(digests, generation.Digest()) {
			return &routing.Problem{
				At: p.At, What: fmt.Sprintf("provider %q pins other modules than %s of plugin %q", p.Name,
					generation.Digest(), p.Plugin),
				Mend: "add that digest to the digests of account and plugin, or install a module that is among them",
			}
		}
	}
	return nil
}

// connect returns the ways of an account's active generations to its provider, each under its key, with one more user.
func (f *fleets) connect(p *config.Provider, active plugin.Active,
	secrets map[string]string,
) ([]breakerKey, *ways, error) {
	settings, err := f.egress(p, active, secrets)
	if err != nil {
		return nil, nil, err
	}
	stable := breakerKey{client: keyOf(settings), generation: active.Stable.Number()}
	keys, found := []breakerKey{stable}, &ways{name: p.Name, active: active, now: f.settings.Now}
	if found.stable, err = f.way(stable, settings); err != nil || active.Canary == nil {
		return keys, found, err
	}
	canary := breakerKey{client: stable.client, generation: active.Canary.Number(), canary: true}
	if found.canary, err = f.way(canary, settings); err != nil {
		f.disconnect(keys)
		return nil, nil, err
	}
	return append(keys, canary), found, nil
}

// way returns what a generation uses of an account's client. It is a user of that client.
func (f *fleets) way(key breakerKey, settings egress.Settings) (*egress.Client, error) {
	client, err := f.clients.LoadOrNew(key.client, func() (*egress.Client, error) {
		settings.Admission = f.admission(settings)
		return egress.New(settings)
	})
	if err != nil {
		return nil, err
	}
	return f.breakers.LoadOrNew(key, func() (*egress.Client, error) {
		of, cooldown := "generation ", time.Duration(0)
		if key.canary {
			of, cooldown = "canary, generation ", canaryCooldown
		}
		return client.Beside(of+strconv.FormatInt(key.generation, 10), cooldown), nil
	})
}

// admission returns the admission of an account with its credentials.
func (f *fleets) admission(s egress.Settings) *egress.Admission {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	key := admissionKey{provider: s.Provider, base: s.BaseURL, secrets: config.FingerprintOf(s.Secrets)}
	there, known := f.admissions[key]
	if !known {
		there = egress.NewAdmission(egress.AdmissionSettings{Provider: s.Provider, Logger: s.Logger, Now: s.Now})
		f.admissions[key] = there
	}
	return there
}

// disconnect releases what generations use of clients, and closes those clients without further users.
func (f *fleets) disconnect(used []breakerKey) {
	for _, key := range used {
		f.breakers.Release(key)
		if client, last := f.clients.Release(key.client); last {
			client.Close()
		}
	}
}

// egress are the settings of an account's client. A canary shares the stable generation's, but for the breaker.
func (f *fleets) egress(p *config.Provider, active plugin.Active,
	secrets map[string]string,
) (egress.Settings, error) {
	manifest := active.Stable.Manifest()
	base, manifests := manifest.GetBaseUrl(), []*abi.Manifest{manifest}
	if active.Canary != nil {
		candidate := active.Canary.Manifest()
		if p.BaseURL == "" && candidate.GetBaseUrl() != base {
			return egress.Settings{},
				fmt.Errorf("provider %q: the candidate of plugin %q has another base URL: add base_url to choose one",
					p.Name, p.Plugin)
		}
		manifests = append(manifests, candidate)
	}
	if p.BaseURL != "" {
		base = p.BaseURL
	}
	return egress.Settings{
		Provider: p.Name, BaseURL: base, Hosts: further(p, manifests), Secrets: secrets, AllowPrivate: p.AllowPrivate,
		Timeout: p.Timeout, MaxConns: p.Limits.Connections, PerSecond: p.Limits.PerSecond, Machine: f.machine,
		Logger: f.settings.Logger, Now: f.settings.Now,
		Retry: egress.RetrySettings{
			MaxTries: p.Retry.Tries, BaseDelay: p.Retry.BaseDelay, MaxDelay: p.Retry.MaxDelay,
			RetryAfterCap: p.Retry.RetryAfterCap,
		},
		Breaker: egress.BreakerSettings{
			Failures: count(p.Breaker.Failures), Window: p.Breaker.Window, Cooldown: p.Breaker.OpenFor,
			Probes: count(p.Breaker.HalfOpen),
		},
	}, nil
}

// further are the hosts that an account's requests and secrets may go to beside its base URL's, sorted. A simulated
// account has none: they are real ones.
func further(p *config.Provider, manifests []*abi.Manifest) []string {
	if p.Simulated {
		return nil
	}
	var hosts []string
	for _, manifest := range manifests {
		hosts = append(hosts, manifest.GetHosts()...)
	}
	slices.Sort(hosts)
	return slices.Compact(hosts)
}

func keyOf(s egress.Settings) clientKey {
	return clientKey{
		provider: s.Provider, base: s.BaseURL, hosts: strings.Join(s.Hosts, " "),
		secrets: config.FingerprintOf(s.Secrets), private: s.AllowPrivate,
		timeout: int64(s.Timeout), connections: s.MaxConns, perSecond: s.PerSecond, retry: s.Retry, breaker: s.Breaker,
	}
}

func count(n int) uint32 {
	return uint32(min(max(n, 0), math.MaxInt32))
}

// Connector is a plugin's generation as attempts need it, for calls of no account.
func Connector(g *plugin.Generation) attempt.Connector { return generation{Generation: g} }

// generation is a plugin's generation as one account uses it for one payment.
type generation struct {
	*plugin.Generation

	account string
	lot     attempt.Lot
}

// Lot implements attempt.Connector.
func (g generation) Lot() attempt.Lot { return g.lot }

// Begin implements attempt.Connector.
func (g generation) Begin(call *abi.Call, merchant string) attempt.Steps {
	return g.Generation.Begin(call).For(g.account, merchant)
}

// Receive implements callback.Receiver.
func (g generation) Receive(ctx context.Context, callback *abi.Callback) (*abi.Receipt, int64, error) {
	return g.Generation.Receive(ctx, g.account, callback)
}

// Schemas implements attempt.Connector.
func (g generation) Schemas(operation string) (input, output *schema.Schema, err error) {
	if input, err = g.InputSchema(operation); err != nil {
		return nil, nil, err
	}
	output, err = g.OutputSchema(operation)
	return input, output, err
}
