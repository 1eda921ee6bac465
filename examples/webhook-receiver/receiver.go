package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"sync"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// maxBody bounds a message, in bytes.
const maxBody = 1 << 20

// message is what the router sends, as far as this service cares.
type message struct {
	Type string `json:"type"`
	Data struct {
		Sequence int64 `json:"sequence"`
		Payment  struct {
			ID        string `json:"id"`
			Status    string `json:"status"`
			Amount    string `json:"amount"`
			Currency  string `json:"currency"`
			Reference string `json:"reference"`
		} `json:"payment"`
	} `json:"data"`
}

// receiver takes messages. A real service keeps what it has seen in its database, in the transaction that acts on it.
type receiver struct {
	verifier *standardwebhooks.Webhook
	out      io.Writer

	mutex sync.Mutex
	// seen are the messages taken, by webhook-id: the router sends one again where our answer was lost.
	seen map[string]bool
	// newest is the highest sequence number taken of each payment.
	newest map[string]int64
}

func newReceiver(secret string, out io.Writer) (*receiver, error) {
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, err
	}
	return &receiver{verifier: verifier, out: out, seen: map[string]bool{}, newest: map[string]int64{}}, nil
}

// ServeHTTP answers 2xx only for what is taken: anything else is sent again.
func (s *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		http.Error(w, "POST only", http.StatusMethodNotAllowed)
		return
	}
	// The signature is over these bytes: they are verified before they are parsed.
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		http.Error(w, "the message cannot be read", http.StatusBadRequest)
		return
	}
	if err := s.verifier.Verify(body, r.Header); err != nil {
		http.Error(w, "the signature is not good", http.StatusUnauthorized)
		return
	}
	var m message
	if err := json.Unmarshal(body, &m); err != nil {
		http.Error(w, "the message is not JSON", http.StatusBadRequest)
		return
	}
	s.take(r.Header.Get(standardwebhooks.HeaderWebhookID), m)
	w.WriteHeader(http.StatusNoContent)
}

func (s *receiver) take(id string, m message) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.seen[id] {
		return
	}
	s.seen[id] = true
	p := m.Data.Payment
	if m.Data.Sequence <= s.newest[p.ID] {
		// Events come in no promised order, and each has the whole payment: an older one has nothing to add.
		return
	}
	s.newest[p.ID] = m.Data.Sequence
	_, _ = fmt.Fprintf(s.out, "%s: %s is %s (%s %s, %s)\n", m.Type, p.ID, p.Status, p.Amount, p.Currency, p.Reference)
}
