// Package quote remembers what providers lately asked for a payment, so that a rule may take the cheapest without
// waiting for each of them.
//
// A price decides an order of asking and nothing else: what a payment costs in the end is between the provider and
// whoever pays. Hence an old price may serve while a new one is fetched, and where none is at hand in time the provider
// counts as one without a price.
package quote

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"payrouter/abi/decimal"
	"payrouter/host/account"
	"payrouter/host/attempt"
	"payrouter/host/payment"
)

// Settings of a Cache. Only Ask is needed; zero fields take the defaults that they name.
type Settings struct {
	// Ask asks a provider, as account.Reader.Quote does: it changes nothing, and ends in bounded time, or soon after
	// its context.
	Ask func(ctx context.Context, provider string, o payment.Order) (account.Quote, error)
	// Fresh is how long an answer serves. 0 means 30 s.
	Fresh time.Duration
	// Stale is how much longer a quote serves while a new one is fetched. 0 means 1 min.
	Stale time.Duration
	// Wait is how long a decision waits, for all its providers together. 0 means 800 ms.
	Wait time.Duration
	// Rest is how long a provider is not asked that gave no answer. 0 means 10 s.
	Rest time.Duration
	// Size is how many answers are kept; those not used for longest are forgotten. 0 means 4096.
	Size int
	// AtOnce is how many quotes of one provider are fetched at a time. 0 means 8.
	AtOnce int
	// Now is the clock. Nil means the system's.
	Now    func() time.Time
	Logger *slog.Logger
}

func (s Settings) withDefaults() Settings {
	s.Fresh = or(s.Fresh, 30*time.Second)
	s.Stale = or(s.Stale, time.Minute)
	s.Wait = or(s.Wait, 800*time.Millisecond)
	s.Rest = or(s.Rest, 10*time.Second)
	s.Size = or(s.Size, 4096)
	s.AtOnce = or(s.AtOnce, 8)
	if s.Now == nil {
		s.Now = time.Now //nolint:forbidigo // the clock's one place
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	return s
}

func or[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// Cache is the quotes at hand. It is safe for concurrent use, and owns the goroutines that fetch; Close ends them.
type Cache struct {
	settings Settings
	base     context.Context //nolint:containedctx // a fetch outlives the decision that wanted it
	stop     context.CancelFunc
	fetching sync.WaitGroup

	mutex sync.Mutex
	// kept is in the order of use, the last one first.
	kept      *list.List
	entries   map[key]*list.Element
	flights   map[key]*flight
	providers map[string]*source
	// edition counts what was forgotten: an answer to a question of an earlier one is not kept.
	edition int
	closed  bool
}

// key is what a quote depends on: everything that a provider is sent.
type key struct {
	provider, amount                                   string
	kind, currency, country, method, operator, network string
	options                                            [sha256.Size]byte
}

// entry is an answer: a quote, or that there is none to be had for such a payment.
type entry struct {
	key   key
	quote account.Quote
	// none is why there is none to be had; nil where there is.
	none error
	at   time.Time
}

// flight is a question on its way.
type flight struct {
	done    chan struct{}
	began   time.Time
	edition int
	// err is why it brought nothing, once it is done.
	err error
}

// source is how a provider has answered.
type source struct {
	flights int
	// restUntil: it gave no answer, and is left alone; tired is what it gave instead.
	restUntil time.Time
	tired     error
	// slow: it kept a decision waiting in vain, and no decision waits for it until an answer comes in time.
	slow bool
}

// New makes an empty cache.
func New(settings Settings) *Cache {
	b := &Cache{
		settings: settings.withDefaults(), kept: list.New(), entries: map[key]*list.Element{},
		flights: map[key]*flight{}, providers: map[string]*source{},
	}
	b.base, b.stop = context.WithCancel(context.Background())
	return b
}

// Close ends what is being fetched, and waits for it. The cache gives no quotes afterwards but those that it has.
func (b *Cache) Close() {
	b.mutex.Lock()
	b.closed = true
	b.mutex.Unlock()
	b.stop()
	b.fetching.Wait()
}

// Forget empties the cache: call it when accounts or plugins have changed.
func (b *Cache) Forget() {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	b.edition++
	b.kept.Init()
	clear(b.entries)
	for _, d := range b.providers {
		d.restUntil, d.slow = time.Time{}, false
	}
}

// Offers are what an order comes to at those of the providers whose quotes are at hand, or come within Settings.Wait,
// and before ctx ends.
func (b *Cache) Offers(ctx context.Context, o payment.Order, providers []string) map[string]Offer {
	var awaited []*flight
	keys := make(map[string]key, len(providers))
	for _, provider := range providers {
		k := keyOf(provider, o)
		if f := b.want(k, o); f != nil {
			awaited = append(awaited, f)
		}
		keys[provider] = k
	}
	b.await(ctx, awaited)
	return price(o.Currency, b.quotes(keys))
}

// want sees to it that there is a quote, and gives the flight to wait for where there is none yet.
func (b *Cache) want(k key, o payment.Order) *flight {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	have, fresh := b.look(k)
	if fresh {
		return nil
	}
	f := b.flights[k]
	if f == nil || f.edition != b.edition {
		f = b.launch(k, o)
	}
	if have || b.provider(k.provider).slow {
		return nil
	}
	return f
}

// look reports whether there is an answer that may serve, and whether it still is fresh. The caller holds the mutex.
func (b *Cache) look(k key) (have, fresh bool) {
	element, found := b.entries[k]
	if !found {
		return false, false
	}
	b.kept.MoveToFront(element)
	e, _ := element.Value.(*entry)
	now := b.settings.Now()
	age := now.Sub(e.at)
	if expires := e.quote.ExpiresAt; !expires.IsZero() && !now.Before(expires) {
		return false, false
	}
	return e.none == nil && age < b.settings.Fresh+b.settings.Stale, age < b.settings.Fresh
}

// launch asks, unless the provider is to be left alone; nil then. The caller holds the mutex.
func (b *Cache) launch(k key, o payment.Order) *flight {
	d := b.provider(k.provider)
	now := b.settings.Now()
	if b.closed || d.flights >= b.settings.AtOnce || now.Before(d.restUntil) {
		return nil
	}
	f := &flight{done: make(chan struct{}), began: now, edition: b.edition}
	b.flights[k] = f
	d.flights++
	b.fetching.Go(func() {
		quote, err := b.settings.Ask(b.base, k.provider, o)
		b.land(k, f, quote, err)
	})
	return f
}

// land keeps an answer, or has the provider rest.
func (b *Cache) land(k key, f *flight, quote account.Quote, err error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	defer close(f.done)
	if b.flights[k] == f {
		delete(b.flights, k)
	}
	d := b.provider(k.provider)
	d.flights--
	f.err = err
	if f.edition != b.edition || b.closed {
		return
	}
	now := b.settings.Now()
	d.slow = now.Sub(f.began) > b.settings.Wait
	switch {
	case err == nil:
		b.keep(&entry{key: k, quote: quote, at: now})
	case noSuchQuote(err):
		b.keep(&entry{key: k, none: err, at: now})
	default:
		d.restUntil, d.tired = now.Add(b.settings.Rest), err
		b.settings.Logger.Warn("no quote", slog.String("provider", k.provider), slog.Any("error", err),
			slog.Time("again_at", d.restUntil))
	}
}

// noSuchQuote reports that asking again soon would bring the same: the provider has no quotes, or would not take such a
// payment.
func noSuchQuote(err error) bool {
	_, declined := errors.AsType[*attempt.DeclinedError](err)
	return declined || errors.Is(err, attempt.ErrUnsupported)
}

// keep remembers an answer, and forgets the one not used for longest where there is no room. The caller holds the
// mutex.
func (b *Cache) keep(e *entry) {
	if element, found := b.entries[e.key]; found {
		element.Value = e
		b.kept.MoveToFront(element)
		return
	}
	b.entries[e.key] = b.kept.PushFront(e)
	for b.kept.Len() > b.settings.Size {
		oldest, _ := b.kept.Remove(b.kept.Back()).(*entry)
		delete(b.entries, oldest.key)
	}
}

// source is a provider's; there are as many as accounts. The caller holds the mutex.
func (b *Cache) provider(provider string) *source {
	d, found := b.providers[provider]
	if !found {
		d = &source{}
		b.providers[provider] = d
	}
	return d
}

// await waits for flights, together no longer than Wait.
func (b *Cache) await(ctx context.Context, flights []*flight) {
	if len(flights) == 0 {
		return
	}
	timer := time.NewTimer(b.settings.Wait)
	defer timer.Stop()
	for _, f := range flights {
		select {
		case <-f.done:
		case <-timer.C:
			b.blame(flights)
			return
		case <-ctx.Done():
			return
		}
	}
}

// blame marks the providers that a decision waited for in vain.
func (b *Cache) blame(flights []*flight) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	for k, f := range b.flights {
		if slices.Contains(flights, f) {
			b.provider(k.provider).slow = true
		}
	}
}

// quotes are those at hand, by provider.
func (b *Cache) quotes(keys map[string]key) map[string]account.Quote {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	found := make(map[string]account.Quote, len(keys))
	for provider, k := range keys {
		if have, _ := b.look(k); have {
			e, _ := b.entries[k].Value.(*entry)
			found[provider] = e.quote
		}
	}
	return found
}

func keyOf(provider string, o payment.Order) key {
	k := key{
		provider: provider, kind: string(o.Kind), amount: o.Amount, currency: o.Currency, country: o.Country,
		method:   o.Method,
		operator: o.Destination.Operator, network: o.Destination.Network,
	}
	if amount, err := decimal.Parse(o.Amount); err == nil {
		k.amount = trim(amount.String())
	}
	if len(o.Options) == 0 {
		return k
	}
	hash := sha256.New()
	for _, plugin := range slices.Sorted(maps.Keys(o.Options)) {
		one := sha256.Sum256(o.Options[plugin])
		_, _ = io.WriteString(hash, plugin+"\x00")
		_, _ = hash.Write(one[:])
	}
	hash.Sum(k.options[:0])
	return k
}
