package slowclients

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

// load is honest clients, who begin payments at a fixed rate whether or not earlier ones were answered.
type load struct {
	address       string
	rate          int
	client        http.Client
	begun, failed int
}

func (l *load) close() { l.client.CloseIdleConnections() }

// fire makes payments for a while, and returns how long they took, in milliseconds, from when each was to begin.
func (l *load) fire(ctx context.Context, length time.Duration) (report.Percentiles, error) {
	if l.client.Transport == nil {
		const idle = 512
		l.client = http.Client{
			Timeout:   time.Minute,
			Transport: &http.Transport{MaxIdleConnsPerHost: idle, IdleConnTimeout: time.Second},
		}
	}
	took := make([]float64, int(float64(l.rate)*length.Seconds()))
	problems := make([]error, len(took))
	began := time.Now()
	var payments sync.WaitGroup
	for i := range took {
		due := time.Duration(i) * time.Second / time.Duration(l.rate)
		if early := due - time.Since(began); early > 0 && !process.Wait(ctx, early) {
			payments.Wait()
			return report.Percentiles{}, ctx.Err()
		}
		key := fmt.Sprintf("honest-%d", l.begun)
		l.begun++
		payments.Go(func() {
			problems[i] = l.pay(ctx, key)
			took[i] = float64(time.Since(began)-due) / float64(time.Millisecond)
		})
	}
	payments.Wait()
	for _, err := range problems {
		if err != nil {
			l.failed++
		}
	}
	return report.PercentilesOf(took), nil
}

func (l *load) pay(ctx context.Context, key string) error {
	body := fmt.Sprintf(`{"amount":"49.90","currency":"EUR","country":"DE","reference":%q,`+
		`"return_url":"https://shop.example/thanks"}`, key)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+l.address+"/v1/payments",
		strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Idempotency-Key", `"`+key+`"`)
	answer, err := l.client.Do(request)
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
