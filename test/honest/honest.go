// Package honest is clients who pay at a fixed rate, beside whom something else is measured.
package honest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"payrouter/test/process"
	"payrouter/test/report"
)

// Clients begin payments at a fixed rate, whether or not earlier ones were answered. One goroutine uses them.
type Clients struct {
	// Address is the router's, and Rate how many payments begin in a second.
	Address string
	Rate    int
	// Begun payments, and Failed, those that were not answered 201.
	Begun, Failed int

	client http.Client
}

// Close closes the connections.
func (c *Clients) Close() { c.client.CloseIdleConnections() }

// Fire makes payments for a while, and returns how long they took, in milliseconds, from when each was to begin.
func (c *Clients) Fire(ctx context.Context, length time.Duration) (report.Percentiles, error) {
	if c.client.Transport == nil {
		const idle = 512
		c.client = http.Client{
			Timeout:   time.Minute,
			Transport: &http.Transport{MaxIdleConnsPerHost: idle, IdleConnTimeout: time.Second},
		}
	}
	took := make([]float64, int(float64(c.Rate)*length.Seconds()))
	problems := make([]error, len(took))
	began := time.Now()
	var payments sync.WaitGroup
	for i := range took {
		due := time.Duration(i) * time.Second / time.Duration(c.Rate)
		if early := due - time.Since(began); early > 0 && !process.Wait(ctx, early) {
			payments.Wait()
			return report.Percentiles{}, ctx.Err()
		}
		key := fmt.Sprintf("honest-%d", c.Begun)
		c.Begun++
		payments.Go(func() {
			problems[i] = c.pay(ctx, key)
			took[i] = float64(time.Since(began)-due) / float64(time.Millisecond)
		})
	}
	payments.Wait()
	for _, err := range problems {
		if err != nil {
			c.Failed++
		}
	}
	return report.PercentilesOf(took), nil
}

func (c *Clients) pay(ctx context.Context, key string) error {
	body := fmt.Sprintf(`{"amount":"49.90","currency":"EUR","country":"DE","reference":%q,`+
		`"return_url":"https://shop.example/thanks"}`, key)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+c.Address+"/v1/payments",
		strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", `"`+key+`"`)
	answer, err := c.client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, answer.Body)
	_ = answer.Body.Close()
	if err == nil && answer.StatusCode != http.StatusCreated {
		err = fmt.Errorf("a payment was answered %d", answer.StatusCode)
	}
	return err
}
