package main

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/api"
	"payrouter/host/router"
)

// receipt is the expected result of a callback's vector.
type receipt struct {
	Trust             string     `json:"trust"`
	Reference         string     `json:"reference"`
	ProviderReference string     `json:"provider_reference"`
	SignatureValue    string     `json:"signature_value"`
	Outcome           documented `json:"outcome"`
	Reply             struct {
		Status      int    `json:"status"`
		ContentType string `json:"content_type"`
		Body        string `json:"body"`
	} `json:"reply"`
}

// someReference is a payment's at its provider, where its callback does not name it so.
const someReference = "5a1e0c9e-52ab-4b7e-9c1d-2f6a8e3b4c5d"

// reported is a documented callback, with a payment that it may be about.
func reported(t *testing.T, e *example, known []*example) {
	t.Helper()
	require.NoError(t, json.Unmarshal(e.Section("receipt.json"), &e.receipt), e.Name)
	kind := abi.Kind_KIND_COLLECT
	body := string(e.Callback().GetBody())
	switch {
	case e.plugin == "paygrt":
		kind = abi.Kind_KIND_RECHARGE
	case strings.Contains(body, "MoneySentInfo"):
		kind = abi.Kind_KIND_TRANSFER
	case strings.Contains(strings.ToLower(body), "withdraw") && e.receipt.Trust != "ignore" && e.plugin != "cryptogram":
		kind = abi.Kind_KIND_PAYOUT
	}
	at := slices.IndexFunc(known, func(other *example) bool {
		return other.plugin == e.plugin && other.Call().GetPayment().GetKind() == kind &&
			other.outcome.Verdict == "accepted" && !other.contradicts() && other.role() == abi.Role_ROLE_CREATE
	})
	require.GreaterOrEqual(t, at, 0, "no vector of %s makes a %s", e.plugin, kind)
	call := *known[at].Call()
	p := *call.GetPayment()
	call.Payment = &p
	if about := cmp.Or(e.receipt.Outcome.Amount, e.receipt.Outcome.Received); about != nil {
		p.Amount, p.Currency = about.Amount, about.Currency
	}
	settings := map[string]json.RawMessage{}
	for _, text := range [][]byte{call.GetSettings(), e.Call().GetSettings()} {
		if len(text) > 0 {
			require.NoError(t, json.Unmarshal(text, &settings))
		}
	}
	merged, err := json.Marshal(settings)
	require.NoError(t, err)
	call.Settings, call.CreateReference, call.ProviderReference = merged, e.receipt.Reference, e.receipt.ProviderReference
	if call.ProviderReference == "" {
		call.ProviderReference = someReference
	}
	*e.Call() = call
	e.outcome = e.receipt.Outcome
}

// driveCallback makes a payment, and reports to the router about it what the example reports. The reply is the
// documented one. A signed report moves the payment, another has it looked up, and an ignored one does neither.
func (w *harness) driveCallback(e *example, s *scene) {
	w.t.Helper()
	var made api.Payment
	if e.receipt.Trust != "ignore" {
		s.mutex.Lock()
		s.opening = s.openings()
		s.mutex.Unlock()
		a := w.ask("POST", w.router+"/v1/payments", e.order(), "Idempotency-Key", e.account)
		require.Equal(w.t, 201, a.status, string(a.body))
		made = read[api.Payment](w.t, a)
		require.Contains(w.t, []string{"", e.Call().GetProviderReference()}, made.ProviderReference)
		require.False(w.t, made.ProviderReference == "" && e.Call().GetPayment().GetKind() != abi.Kind_KIND_TRANSFER)
	}
	s.mutex.Lock()
	s.opening = s.lookedUp
	body, query := s.spoken(string(e.Callback().GetBody())), s.spoken(e.Callback().GetQuery())
	s.mutex.Unlock()

	w.requireReply(e, w.report(e, body, query))
	switch e.receipt.Trust {
	case "signed":
		require.Eventually(w.t, func() bool { return w.get(made.ID).Status == e.status(made.Status) }, 20*time.Second,
			10*time.Millisecond, "the payment is %s, and was %s", w.get(made.ID).Status, made.Status)
		require.Equal(w.t, e.endsWithMoney(), w.get(made.ID).MoneyConflict)
	case "look_up":
		require.Eventually(w.t, func() bool { return s.asksAbout(made, e.receipt) }, 20*time.Second,
			10*time.Millisecond, "the payment is looked up")
		require.Equal(w.t, made.Status, w.get(made.ID).Status, "an unsigned report alone changes nothing")
	}
}

// report posts a callback to the account's address.
func (w *harness) report(e *example, body, query string) answer {
	w.t.Helper()
	addresses, err := router.Addresses(w.router, w.data, nil)
	require.NoError(w.t, err)
	address := addresses.Account(e.account)
	if query != "" {
		address += "?" + query
	}
	var headers []string
	for _, header := range e.Callback().GetHeaders() {
		value := header.GetValue()
		if e.receipt.Trust == "signed" && strings.EqualFold(value, e.receipt.SignatureValue) {
			signature := sign(exampleSecret, body)
			if value == strings.ToUpper(value) {
				signature = strings.ToUpper(signature)
			}
			value = signature
		}
		headers = append(headers, header.GetName(), value)
	}
	return w.ask(e.Callback().GetMethod(), address, body, headers...)
}

func (w *harness) requireReply(e *example, a answer) {
	w.t.Helper()
	want := e.receipt.Reply
	require.Equal(w.t, want.Status, a.status, string(a.body))
	require.Equal(w.t, want.Body, string(a.body))
	require.Equal(w.t, want.ContentType, a.header.Get("Content-Type"))
}

// lookedUp notes what the provider is asked after a callback, and does not answer.
func (s *scene) lookedUp(r *http.Request, body string) (status int, answer string) {
	s.asked = append(s.asked, r.URL.RequestURI()+"\n"+body)
	return 0, ""
}

// asksAbout reports whether a request after the callback names the payment, or the object that the callback names.
func (s *scene) asksAbout(made api.Payment, about receipt) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.ContainsFunc(s.asked, func(request string) bool {
		for _, name := range []string{about.ProviderReference, made.ProviderReference, s.said[about.Reference]} {
			if name != "" && strings.Contains(request, name) {
				return true
			}
		}
		// A list by a filter that is none names neither.
		return made.ProviderReference == ""
	})
}
