package payments

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// Paths of the provider, which are Cryptogram's.
const (
	providerCreate = "/api/v1/commerce-payments"
	waitsForPayer  = `{"id":%q,"amount":49.9,"currency":"EUR","title":"Your order","description":"order",` +
		`"redirect":"https://shop.example/thanks","message":"Thank you",` +
		`"expires_at":"2099-05-19T09:13:28.000000Z","created_at":"2026-11-21T13:01:12.000000Z",` +
		`"updated_at":"2026-11-21T13:01:12.000000Z","wallets":["btc","eth","bnb"],` +
		`"url":"http://127.0.0.1/payments/%[1]s","transaction":null}`
)

// Provider answers as Cryptogram does to a create and a look-up, and keeps nothing.
func Provider() http.Handler {
	var payments atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+providerCreate, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		n := payments.Add(1)
		answer(w, http.StatusCreated, fmt.Sprintf(waitsForPayer, fmt.Sprintf("%08x-0000-4000-8000-%012x", n, n)))
	})
	mux.HandleFunc("GET "+providerCreate+"/{id}", func(w http.ResponseWriter, r *http.Request) {
		answer(w, http.StatusOK, fmt.Sprintf(waitsForPayer, r.PathValue("id")))
	})
	return mux
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, body)
}

// Forwarder is the least that a service could do in the router's place: it turns a payment into the provider's request,
// sends it, and answers with what matters of the provider's answer. It keeps nothing and repeats nothing.
func Forwarder(provider string) http.Handler {
	const idle = 4096
	client := &http.Client{Transport: &http.Transport{MaxIdleConns: idle, MaxIdleConnsPerHost: idle}}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /v1/payments", func(w http.ResponseWriter, r *http.Request) {
		made, err := forward(r, client, provider)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusCreated)
		_ = json.NewEncoder(w).Encode(map[string]any{
			"id": made["id"], "url": made["url"], "status": "requires_action",
		})
	})
	return mux
}

func forward(r *http.Request, client *http.Client, provider string) (made map[string]any, err error) {
	var order struct {
		Amount    json.Number `json:"amount"`
		Currency  string      `json:"currency"`
		Reference string      `json:"reference"`
		ReturnURL string      `json:"return_url"`
	}
	if err := json.NewDecoder(r.Body).Decode(&order); err != nil {
		return nil, fmt.Errorf("read the payment: %w", err)
	}
	body, err := json.Marshal(map[string]any{
		"amount": order.Amount, "currency": order.Currency, "wallets": []string{"btc"}, "title": "Your order",
		"description": order.Reference, "redirect": order.ReturnURL, "message": "Thanks",
		"expires_at": "2099-05-19T09:13:28",
	})
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	request, err := http.NewRequestWithContext(r.Context(), http.MethodPost, provider+providerCreate,
		bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("write the request: %w", err)
	}
	request.Header.Set("Authorization", "Bearer made-up")
	request.Header.Set("Content-Type", "application/json")
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("send the request: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // it is read to its end
	if err := json.NewDecoder(response.Body).Decode(&made); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return made, nil
}

// Listen serves a handler on a free loopback address until ctx ends, and passes the address to ready before.
func Listen(ctx context.Context, handler http.Handler, ready func(address string)) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	const header = 10 * time.Second
	server := &http.Server{Handler: handler, ReadHeaderTimeout: header}
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	ready(listener.Addr().String())
	select {
	case err = <-ended:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	if err := server.Close(); err != nil {
		return fmt.Errorf("stop serving: %w", err)
	}
	if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
