package webhook

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"payrouter/host/egress"
)

// Settings of a Sender. Zero fields take the defaults that they name.
type Settings struct {
	// AllowPrivate sends to loopback and private addresses too: for development.
	AllowPrivate bool
	// Every is the pause between two looks for new events and for tries that are due. 0 means 500 ms.
	Every time.Duration
	// Workers is how many tries are under way at once, PerEndpoint how many of them at one endpoint. 0 means 64 and 4.
	Workers, PerEndpoint int
	// Lease is how long a claim holds; it must be longer than a try. 0 means 1 min.
	Lease time.Duration
	// KeepFor is how long a delivery is remembered that its endpoint has taken, by the journal's own clock. 0 means 30
	// days.
	KeepFor time.Duration
	// Now is the clock. Nil means the system's.
	Now func() time.Time
	// Chance gives numbers in [0, 1) that spread tries over time. Nil means a random one.
	Chance func() float64
	// Answered is called after each try, before its result is written, and may block or end the process. Nil calls
	// nothing.
	Answered func()
	Logger   *slog.Logger
}

func (s Settings) withDefaults() Settings {
	if s.Every == 0 {
		s.Every = 500 * time.Millisecond
	}
	if s.Workers == 0 {
		s.Workers = 64
	}
	if s.PerEndpoint == 0 {
		s.PerEndpoint = 4
	}
	if s.Lease == 0 {
		s.Lease = time.Minute
	}
	if s.KeepFor == 0 {
		s.KeepFor = 30 * 24 * time.Hour
	}
	if s.Now == nil {
		s.Now = time.Now //nolint:forbidigo // the clock's one place
	}
	if s.Chance == nil {
		s.Chance = rand.Float64 //nolint:forbidigo // the randomness's one place
	}
	if s.Answered == nil {
		s.Answered = func() {}
	}
	if s.Logger == nil {
		s.Logger = slog.New(slog.DiscardHandler)
	}
	return s
}

// Sender brings events to endpoints. It is safe for concurrent use.
type Sender struct {
	queue    Queue
	settings Settings
	client   *http.Client
	// freed gets a value when a try has ended, so that the next need not wait for the ticker.
	freed chan struct{}

	mutex sync.Mutex
	// busy are the tries under way, by endpoint.
	busy map[string]int
	// purged is when deliveries were last forgotten.
	purged time.Time
}

// NewSender makes a sender. It does nothing by itself: see Run and Round.
func NewSender(queue Queue, settings Settings) *Sender {
	settings = settings.withDefaults()
	return &Sender{
		queue: queue, settings: settings,
		client: client(&egress.Dialer{AllowPrivate: settings.AllowPrivate, Timeout: tryTimeout}),
		freed:  make(chan struct{}, 1), busy: map[string]int{},
	}
}

// Run sends until ctx ends, and returns when what it began is over. Tries that the end of ctx cuts off are made again
// later.
func (s *Sender) Run(ctx context.Context) {
	defer s.client.CloseIdleConnections()
	var tries sync.WaitGroup
	defer tries.Wait()
	ticker := time.NewTicker(s.settings.Every)
	defer ticker.Stop()
	for {
		if _, err := s.begin(ctx, &tries); err != nil && ctx.Err() == nil {
			s.settings.Logger.ErrorContext(ctx, "look for webhooks to send", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.freed:
		}
	}
}

// Round sends everything that is due, and returns when nothing is any more. Now and then it forgets what was delivered
// long ago.
func (s *Sender) Round(ctx context.Context) error {
	for {
		var tries sync.WaitGroup
		began, err := s.begin(ctx, &tries)
		tries.Wait()
		if err != nil || began == 0 {
			return err
		}
	}
}

// begin starts as many tries as there is room for.
func (s *Sender) begin(ctx context.Context, tries *sync.WaitGroup) (began int, err error) {
	now := s.settings.Now().UTC()
	if err := s.purge(ctx, now); err != nil {
		return 0, err
	}
	for more := true; more; {
		if more, err = s.queue.Spread(ctx, now); err != nil {
			return 0, err
		}
	}
	wish := s.room(now)
	if wish.Limit <= 0 {
		return 0, nil
	}
	jobs, err := s.queue.Claim(ctx, wish)
	if err != nil {
		return 0, err
	}
	for _, job := range jobs {
		s.enter(job.Endpoint.ID)
		tries.Go(func() {
			defer s.leave(job.Endpoint.ID)
			s.try(ctx, job)
		})
	}
	return len(jobs), nil
}

// purgeEvery is how far apart two looks are for deliveries to be forgotten.
const purgeEvery = time.Minute

// purge forgets what was delivered long ago, where it is time to.
func (s *Sender) purge(ctx context.Context, now time.Time) error {
	s.mutex.Lock()
	due := now.Sub(s.purged) >= purgeEvery || now.Before(s.purged)
	if due {
		s.purged = now
	}
	s.mutex.Unlock()
	const batch = 500
	for due {
		purged, err := s.queue.Purge(ctx, s.settings.KeepFor, batch)
		if err != nil || purged < batch {
			return err
		}
	}
	return nil
}

func (s *Sender) try(ctx context.Context, job Job) {
	log := s.settings.Logger.With(slog.String("endpoint", job.Endpoint.ID), slog.String("event", job.Entry.ID),
		slog.Int("try", job.Delivery.Tries))
	a := s.post(ctx, job)
	s.settings.Answered()
	after := judge(job.Delivery, a, s.settings.Chance())
	consequence := effect(after, a)
	if a.status == 0 && ctx.Err() != nil {
		// The router canceled it: it proves nothing about the endpoint, and does not count as a try.
		after = job.Delivery
		after.Due, after.Tries = a.at, after.Tries-1
		consequence = func(*Endpoint) {}
	}
	// What was sent is written down also when the router is about to stop.
	err := s.queue.Finish(context.WithoutCancel(ctx), after, consequence)
	switch {
	case errors.Is(err, ErrLost):
		log.InfoContext(ctx, "a webhook was claimed anew while it was sent")
	case err != nil:
		log.ErrorContext(ctx, "write what became of a webhook: it will be sent again", slog.Any("error", err))
	case after.State == Failed:
		log.WarnContext(ctx, "a webhook was given up", slog.String("why", after.Error))
	case after.State == Pending:
		log.InfoContext(ctx, "a webhook did not get through", slog.String("why", after.Error),
			slog.Time("next", after.Due))
	}
}

// room is what can be begun now.
func (s *Sender) room(now time.Time) Wish {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	free := s.settings.Workers
	for _, count := range s.busy {
		free -= count
	}
	return Wish{
		Now: now, Until: now.Add(s.settings.Lease), Limit: free, PerEndpoint: s.settings.PerEndpoint,
		Busy: maps.Clone(s.busy),
	}
}

func (s *Sender) enter(endpoint string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.busy[endpoint]++
}

func (s *Sender) leave(endpoint string) {
	s.mutex.Lock()
	if s.busy[endpoint]--; s.busy[endpoint] == 0 {
		delete(s.busy, endpoint)
	}
	s.mutex.Unlock()
	select {
	case s.freed <- struct{}{}:
	default:
	}
}
