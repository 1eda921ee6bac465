package chaos

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"
)

// hooks is the merchant's webhook endpoint. It refuses some events at their first try.
type hooks struct {
	url string

	mutex sync.Mutex // guards what follows
	// final are the terminal statuses in events, by payment.
	final  map[string][]string
	events map[string]int
}

// refusedShare is one of how many events is not taken at its first try.
const refusedShare = 20

// newHooks listens until ctx ends; closed is then closed.
func newHooks(ctx context.Context) (h *hooks, closed <-chan struct{}, err error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("listen for webhooks: %w", err)
	}
	h = &hooks{
		url: "http://" + listener.Addr().String() + "/hooks", final: map[string][]string{},
		events: map[string]int{},
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	ended := make(chan struct{})
	var work sync.WaitGroup
	work.Go(func() {
		<-ctx.Done()
		_ = server.Close()
	})
	go func() {
		defer close(ended)
		_ = server.Serve(listener)
		work.Wait()
	}()
	return h, ended, nil
}

// ServeHTTP takes one event.
func (h *hooks) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var event struct {
		Data struct {
			Payment Entry `json:"payment"`
		} `json:"data"`
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	if err = errors.Join(err, json.Unmarshal(text, &event)); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.mutex.Lock()
	defer h.mutex.Unlock()
	id := r.Header.Get("Webhook-Id")
	h.events[id]++
	if h.events[id] == 1 && hashOf([]byte(id))%refusedShare == 0 {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	p := event.Data.Payment
	if terminal(p.Status) && !slices.Contains(h.final[p.ID], p.Status) {
		h.final[p.ID] = append(h.final[p.ID], p.Status)
	}
}

// announced returns the terminal statuses so far, by payment.
func (h *hooks) announced() map[string][]string {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	copied := map[string][]string{}
	for id, statuses := range h.final {
		copied[id] = slices.Clone(statuses)
	}
	return copied
}

// counts are how many events came, and how many of them more than once.
func (h *hooks) counts() (events, repeated int) {
	h.mutex.Lock()
	defer h.mutex.Unlock()
	for _, n := range h.events {
		if n > 1 {
			repeated++
		}
	}
	return len(h.events), repeated
}
