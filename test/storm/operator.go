package storm

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"payrouter/test/process"
)

// operatorClient changes the router over its API and waits for the effect.
type operatorClient struct {
	url    string
	client *http.Client
}

// reply is the router's answer.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (d *operatorClient) send(ctx context.Context, method, path string, header map[string]string,
	body []byte,
) (reply, error) {
	request, err := http.NewRequestWithContext(ctx, method, d.url+path, bytes.NewReader(body))
	if err != nil {
		return reply{}, fmt.Errorf("ask the router: %w", err)
	}
	for name, value := range header {
		request.Header.Set(name, value)
	}
	answer, err := d.client.Do(request)
	if err != nil {
		return reply{}, fmt.Errorf("ask the router: %w", err)
	}
	defer answer.Body.Close() //nolint:errcheck // it was read to its end, or the connection goes
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return reply{}, fmt.Errorf("read the router's answer: %w", err)
	}
	return reply{status: answer.StatusCode, header: answer.Header, body: text}, nil
}

// get reads what stands at a path.
func (d *operatorClient) get(ctx context.Context, path string, into any) error {
	got, err := d.send(ctx, http.MethodGet, path, nil, nil)
	if err != nil {
		return err
	}
	if got.status != http.StatusOK {
		return fmt.Errorf("get %s: answered %d: %.300s", path, got.status, got.body)
	}
	if err := json.Unmarshal(got.body, into); err != nil {
		return fmt.Errorf("get %s: %w", path, err)
	}
	return nil
}

const (
	// lookEvery is how exactly the time to an effect is known.
	lookEvery = 25 * time.Millisecond
	// effectTimeout is how long an effect is waited for, at most; what is promised is much less.
	effectTimeout = 20 * time.Second
)

// until polls until a change shows, and returns the time; false if it never did.
func until(ctx context.Context, look func(context.Context) (bool, error)) (shown time.Time, done bool, err error) {
	within, cancel := context.WithTimeout(ctx, effectTimeout)
	defer cancel()
	for {
		done, err = look(within)
		if done || (err != nil && within.Err() == nil) {
			return time.Now(), done, err
		}
		if !process.Wait(within, lookEvery) {
			return time.Time{}, false, ctx.Err()
		}
	}
}
