package simulator

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Callback is where a provider reports that a payment changed.
type Callback struct {
	// Account is one of the provider's Accounts, whose callbacks these are; "" is all that have none of their own.
	Account string `json:"account"`
	// URL gets the callbacks; "" means that none are sent, but to a URL that a request itself named.
	URL string `json:"url"`
	// Secret signs them, where the provider signs.
	Secret string `json:"secret"`
	// PageSecret signs those about what was paid on a payment page, where that has a secret of its own; "" means Secret.
	PageSecret string `json:"page_secret"`
}

// Delivery is one callback to be sent.
type Delivery struct {
	Method string
	URL    string
	Header http.Header
	Body   string
	// Tries is how often it is sent until an answer is 2xx.
	Tries int
	// Every is the time between two tries. Callbacks that were posted later are sent meanwhile; with 0, they wait.
	Every time.Duration
}

// Courier sends callbacks, each provider's in the order in which they were posted.
type Courier struct {
	log    *slog.Logger
	client *http.Client
	ctx    context.Context //nolint:containedctx // the life of the deliveries, which belong to no request
	cancel context.CancelFunc
	work   sync.WaitGroup

	mu     sync.Mutex // guards what follows
	closed bool
	queues map[string][]Delivery // by provider; present while its goroutine runs
}

// NewCourier makes a courier. carrier carries the callbacks; nil means the network, with a connection for each.
func NewCourier(log *slog.Logger, carrier http.RoundTripper) *Courier {
	if carrier == nil {
		carrier = &http.Transport{DisableKeepAlives: true}
	}
	ctx, cancel := context.WithCancel(context.Background())
	return &Courier{
		log: log,
		client: &http.Client{
			Timeout:       10 * time.Second,
			Transport:     carrier,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
		ctx:    ctx,
		cancel: cancel,
		queues: map[string][]Delivery{},
	}
}

// post sends d soon. It does not block, and does nothing without a URL.
func (c *Courier) post(provider string, d Delivery) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || d.URL == "" {
		return
	}
	waiting, running := c.queues[provider]
	c.queues[provider] = append(waiting, d)
	if !running {
		c.work.Go(func() { c.drain(provider) })
	}
}

func (c *Courier) drain(provider string) {
	for {
		d, ok := c.next(provider)
		if !ok {
			return
		}
		c.deliver(provider, d)
	}
}

func (c *Courier) next(provider string) (Delivery, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	waiting := c.queues[provider]
	if c.closed || len(waiting) == 0 {
		delete(c.queues, provider)
		return Delivery{}, false
	}
	c.queues[provider] = waiting[1:]
	return waiting[0], true
}

func (c *Courier) deliver(provider string, d Delivery) {
	var err error
	for ; d.Tries > 0; d.Tries-- {
		if err = c.send(d); err == nil {
			return
		}
		if d.Every > 0 && d.Tries > 1 {
			d.Tries--
			c.postLater(provider, d)
			break
		}
	}
	c.log.Warn("a provider's callback was not taken", slog.String("provider", provider),
		slog.Int("tries_left", d.Tries), slog.Any("error", err))
}

// postLater posts d again after its pause. The caller is one of the courier's goroutines.
func (c *Courier) postLater(provider string, d Delivery) {
	c.work.Go(func() {
		pause := time.NewTimer(d.Every)
		defer pause.Stop()
		select {
		case <-c.ctx.Done():
		case <-pause.C:
			c.post(provider, d)
		}
	})
}

func (c *Courier) send(d Delivery) error {
	req, err := http.NewRequestWithContext(c.ctx, d.Method, d.URL, strings.NewReader(d.Body))
	if err != nil {
		return fmt.Errorf("make the callback: %w", err)
	}
	maps.Copy(req.Header, d.Header)
	resp, err := c.client.Do(req)
	if err != nil {
		// Its text holds the URL, which may have an unguessable part.
		if wrapped, ok := errors.AsType[*url.Error](err); ok {
			err = wrapped.Err
		}
		return fmt.Errorf("send the callback: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("send the callback: answered %s", resp.Status)
	}
	return nil
}

// Close ends every delivery under way, and waits for them. It may be called more than once.
func (c *Courier) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.work.Wait()
}
