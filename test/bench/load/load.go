// Package load is callers who send requests over loopback, each the next one after the answer to the last, and decides
// what counts as an answer.
package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"payrouter/test/figures"
	"payrouter/test/report"
)

// Callers send requests. One goroutine uses them, and closes them.
type Callers struct {
	// Request makes the request with a number that no other has. Many goroutines call it at once.
	Request func(ctx context.Context, number int64) (*http.Request, error)
	// Accept returns what is wrong with an answer. Many goroutines call it at once.
	Accept func(status int, body string) error
	// CPU is the time that the system has used so far; nil where that is not asked for.
	CPU func() time.Duration

	client http.Client
	sent   atomic.Int64
}

// Close closes the connections.
func (c *Callers) Close() { c.client.CloseIdleConnections() }

// Sent is how many requests there were so far.
func (c *Callers) Sent() int { return int(c.sent.Load()) }

// Until is when callers stop: after a while or after a number of requests, whichever is first. 0 is no bound.
type Until struct {
	Length   time.Duration
	Requests int64
}

// Run has as many callers send requests, and returns what they saw. The first answer that is not accepted ends it.
func (c *Callers) Run(ctx context.Context, callers int, until Until) (figures.Load, error) {
	if c.client.Transport == nil {
		c.client = http.Client{
			Timeout:   time.Minute,
			Transport: &http.Transport{MaxIdleConns: callers * 2, MaxIdleConnsPerHost: callers * 2},
		}
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	used := c.used()
	took, problems := make([][]float64, callers), make([]error, callers)
	var left atomic.Int64
	left.Store(until.Requests)
	began := time.Now()
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() {
			for running.Err() == nil && until.more(began, &left) {
				started := time.Now()
				if err := c.send(ctx); err != nil {
					problems[i] = err
					stop()
					return
				}
				took[i] = append(took[i], milliseconds(time.Since(started)))
			}
		})
	}
	all.Wait()
	elapsed := time.Since(began)
	if err := errors.Join(append(problems, ctx.Err())...); err != nil {
		return figures.Load{}, err
	}
	return c.seen(took, elapsed, c.used()-used), nil
}

func (u Until) more(began time.Time, left *atomic.Int64) bool {
	return (u.Requests == 0 || left.Add(-1) >= 0) && (u.Length == 0 || time.Since(began) < u.Length)
}

func (c *Callers) used() time.Duration {
	if c.CPU == nil {
		return 0
	}
	return c.CPU()
}

func (c *Callers) seen(took [][]float64, elapsed, cpu time.Duration) figures.Load {
	var all []float64
	for _, one := range took {
		all = append(all, one...)
	}
	p := report.PercentilesOf(all)
	return figures.Load{
		Requests: len(all), Rate: float64(len(all)) / elapsed.Seconds(), P50: p.P50, P99: p.P99,
		CPU: milliseconds(cpu) / float64(max(1, len(all))),
	}
}

func (c *Callers) send(ctx context.Context) error {
	request, err := c.Request(ctx, c.sent.Add(1))
	if err != nil {
		return fmt.Errorf("make a request: %w", err)
	}
	answer, err := c.client.Do(request)
	if err != nil {
		return fmt.Errorf("send a request: %w", err)
	}
	body, err := io.ReadAll(answer.Body)
	_ = answer.Body.Close()
	if err != nil {
		return fmt.Errorf("read an answer: %w", err)
	}
	return c.Accept(answer.StatusCode, string(body))
}

// Create makes the request that creates a payment at a router, with a key and a reference that begin with a prefix.
func Create(address, prefix string) func(ctx context.Context, number int64) (*http.Request, error) {
	return func(ctx context.Context, number int64) (*http.Request, error) {
		key := fmt.Sprintf("%s-%d", prefix, number)
		body := fmt.Sprintf(`{"amount":"49.90","currency":"EUR","country":"DE","reference":%q,`+
			`"return_url":"https://shop.example/thanks"}`, key)
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+address+"/v1/payments",
			strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		request.Header.Set("Content-Type", "application/json")
		request.Header.Set("Idempotency-Key", `"`+key+`"`)
		return request, nil
	}
}

// Created accepts the answer to a payment that was made and waits for its payer.
func Created(status int, body string) error {
	if status != http.StatusCreated || !strings.Contains(body, `"requires_action"`) {
		return fmt.Errorf("a payment was answered %d: %s", status, body)
	}
	return nil
}

// Get makes the request for one of the paths, in turn.
func Get(address string, paths ...string) func(ctx context.Context, number int64) (*http.Request, error) {
	return func(ctx context.Context, number int64) (*http.Request, error) {
		return http.NewRequestWithContext(ctx, http.MethodGet,
			"http://"+address+paths[int(number)%len(paths)], http.NoBody)
	}
}

// Found accepts an answer with status 200.
func Found(status int, body string) error {
	if status != http.StatusOK {
		return fmt.Errorf("a request was answered %d: %s", status, body)
	}
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
