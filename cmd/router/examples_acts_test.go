package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
	"payrouter/host/api"
)

// driveAct performs the example's act, and holds what became of it to the documented answer.
func (w *harness) driveAct(e *example, s *scene, role abi.Role) {
	w.t.Helper()
	made, a := w.performAct(e, s, role)
	w.requireActed(e, made, a)
}

// performAct makes the payment that the example acts on, and acts on it. made is the payment before the act.
func (w *harness) performAct(e *example, s *scene, role abi.Role) (made api.Payment, acted answer) {
	w.t.Helper()
	call := e.Call()
	s.mutex.Lock()
	s.opening = s.openings()
	s.mutex.Unlock()
	a := w.ask("POST", w.router+"/v1/payments", e.order(), "Idempotency-Key", e.account)
	require.Equal(w.t, 201, a.status, string(a.body))
	made = read[api.Payment](w.t, a)
	require.Equal(w.t, call.GetProviderReference(), made.ProviderReference, "%+v", made.Failure)
	s.mutex.Lock()
	s.opening = nil
	if role == abi.Role_ROLE_CONFIRM {
		if s.opening = s.standing(); s.opening != nil && call.GetOperation() != "PayInvoice" {
			made.Status = "processing" // as the look-up before it finds it
		}
	}
	s.begin()
	s.mutex.Unlock()

	path := w.router + "/v1/payments/" + made.ID
	switch role {
	case abi.Role_ROLE_LOOKUP:
		a = w.ask("POST", path+"/refresh", "")
	case abi.Role_ROLE_CANCEL:
		a = w.ask("POST", path+"/cancel", "")
	case abi.Role_ROLE_CONFIRM:
		body := map[string]any{"operation": call.GetOperation()}
		if len(call.GetInput()) > 0 {
			body["input"] = json.RawMessage(call.GetInput())
		}
		text, err := json.Marshal(body)
		require.NoError(w.t, err)
		a = w.ask("POST", path+"/confirm", string(text))
	case abi.Role_ROLE_UPDATE:
		edit := map[string]string{"description": call.GetPayment().GetDescription()}
		if call.GetPayment().GetReturnUrl() != "" {
			edit["return_url"] = call.GetPayment().GetReturnUrl()
		}
		text, err := json.Marshal(edit)
		require.NoError(w.t, err)
		a = w.ask("PATCH", path, string(text))
	default:
		require.Fail(w.t, "no such role", "%s of %s", call.GetOperation(), call.GetPayment().GetKind())
	}
	return made, a
}

// requireActed holds what became of an act to the documented answer.
func (w *harness) requireActed(e *example, made api.Payment, a answer) {
	w.t.Helper()
	p := w.get(made.ID)
	attempts := w.attempts(p.ID)
	switch {
	case e.outcome.Verdict == "accepted" && e.contradicts():
		require.Equal(w.t, made.Status, p.Status, "an answer about another amount changes nothing")
		require.NotEmpty(w.t, p.Alert)
	case e.outcome.Verdict == "accepted":
		require.Equal(w.t, 200, a.status, string(a.body))
		want := e.status(made.Status)
		if want == "unspecified" || want == "" {
			want = made.Status
		}
		require.Equal(w.t, want, p.Status, "%+v %s %+v", p.Failure, p.Alert, attempts[len(attempts)-1])
		require.Equal(w.t, e.endsWithMoney(), p.MoneyConflict)
	case e.Section("reject.json") != nil:
		require.Equal(w.t, made.Status, p.Status)
		require.GreaterOrEqual(w.t, a.status, 400)
	default:
		// What is refused or not understood changes nothing, but for a request that may have done what it was for.
		class := attempts[len(attempts)-1].Idempotency
		if class == "none" || class == "keyed" {
			require.Contains(w.t, []string{made.Status, "unknown"}, p.Status)
			final := e.operation(e.Call().GetOperation()).GetDeclineIsFinal()
			if e.outcome.Verdict == "rejected" && final && e.proven() && e.outcome.Failure.Meaning != "duplicate" {
				require.Equal(w.t, made.Status, p.Status, "a decline that is final is no doubt")
			}
			return
		}
		require.Contains(w.t, []string{made.Status, "failed"}, p.Status)
		if made.Status != "unknown" {
			require.Equal(w.t, made.Status, p.Status)
		}
	}
}

// standing answers the look-up before a confirm: the object waits for it. It is nil where there is no such look-up.
func (s *scene) standing() func(r *http.Request, body string) (status int, answer string) {
	call := s.example.Call()
	p, theirs := call.GetPayment(), call.GetProviderReference()
	answer := ""
	switch call.GetOperation() {
	case "RedeemInvoice", "PayInvoice":
		number := map[string]string{"PHPT": "11", "USDT": "5", "BTC": "1"}[p.GetCurrency()]
		answer = fmt.Sprintf(
			`{"invoiceCode":%q,"status":4,"amount":%s,"expectedFee":0,"callbackData":null,"currencyCode":%s,`+
				`"isPaid":%t,"isRedeemed":false,"type":6,"success":true}`,
			theirs, p.GetAmount(), number, call.GetOperation() == "RedeemInvoice")
	case "CompleteCryptoOrder":
		answer = fmt.Sprintf(`{"order":{"id":%q,"currency":%q,"value":%q,"status":"PARTIALLY_FULFILLED"}}`, theirs,
			p.GetCurrency(), p.GetAmount())
	default:
		return nil
	}
	return func(*http.Request, string) (int, string) {
		s.opening = nil
		return 200, answer
	}
}

// openings answers what makes the payment that the example is about. A payment whose reference the example does not
// know yet is one whose create was not answered, or that the provider calls a duplicate.
func (s *scene) openings() func(r *http.Request, body string) (status int, answer string) {
	call := s.example.Call()
	p, theirs := call.GetPayment(), call.GetProviderReference()
	return func(r *http.Request, body string) (int, string) {
		switch s.example.plugin {
		case "cryptogram":
			return s.openCryptogram(body, theirs)
		case "payplay":
			return s.openPayPlay(body, p, theirs)
		case "paygram":
			return s.openPayGram(body, p, theirs)
		case "exchanger":
			return s.openExchanger(r, body, p, theirs)
		case "paygrt":
			form, _ := url.ParseQuery(body)
			s.say(call.GetCreateReference(), form.Get("api_ref_id"))
			if theirs == "" {
				return 0, ""
			}
			return 200, fmt.Sprintf(
				`{"message":"Success","data":{"api_ref_id":%q,"txn_id":%q,"recharge_number":%q,"recharge_amount":%q,`+
					`"recharge_status":"Pending","status_code":"2"},"status":"0"}`,
				form.Get("api_ref_id"), theirs, form.Get("recharge_number"), form.Get("recharge_amount"))
		}
		return 0, ""
	}
}

func (s *scene) openCryptogram(body, theirs string) (int, string) {
	asked := members(body)
	_, mark, _ := strings.Cut(asked["redirect"], "payrouter_reference=")
	s.say(s.example.Call().GetCreateReference(), mark)
	expires, _ := time.Parse("2006-01-02T15:04:05", asked["expires_at"])
	return 201, fmt.Sprintf(
		`{"id":%q,"amount":%s,"currency":%q,"redirect":%q,"url":"https://cryptogram.vip/payments/1",`+
			`"transaction":null,"expires_at":%q}`,
		theirs, asked["amount"], asked["currency"], asked["redirect"], expires.Format(time.RFC3339))
}

func (s *scene) openPayPlay(body string, p *abi.Payment, theirs string) (int, string) {
	asked := members(body)
	if p.GetKind() == abi.Kind_KIND_PAYOUT {
		s.say(s.example.Call().GetCreateReference(), asked["external_id"])
		if theirs == "" {
			return 0, ""
		}
		return 200, fmt.Sprintf(
			`{"request_id":"r-1","transactions":[{"id":%q,"currency":%q,"value":%q,"status":"PENDING_WITHDRAWAL"}]}`,
			theirs, asked["currency"], asked["amount"])
	}
	s.say(s.example.Call().GetCreateReference(), asked["external_order_id"])
	if theirs == "" {
		return 422, `{"message":"The external order id has already been taken.","errors":{"external_order_id":["The ` +
			`external order id has already been taken."]}}`
	}
	return 200, fmt.Sprintf(
		`{"order":{"id":%q,"currency":%q,"value":%q,"status":"OPEN","external_order_id":%q,`+
			`"acquiring_url":"https://pay.example/1"}}`,
		theirs, asked["currency"], asked["amount"], asked["external_order_id"])
}

func (s *scene) openPayGram(body string, p *abi.Payment, theirs string) (int, string) {
	asked := members(body)
	s.say(s.example.Call().GetCreateReference(), asked["callbackData"])
	switch {
	case p.GetKind() == abi.Kind_KIND_TRANSFER, theirs == "" && p.GetKind() == abi.Kind_KIND_PAYOUT:
		return 0, "" // a transfer that was answered is over
	case theirs == "":
		return 200, `{"success":false,"type":0,"message":"Unique violated","responseCode":551}`
	case p.GetKind() == abi.Kind_KIND_PAYOUT:
		return 200, fmt.Sprintf(`{"invoiceCode":%q,"expectedFee":0,"type":12,"success":true}`, theirs)
	}
	return 200, fmt.Sprintf(
		`{"invoiceCode":%q,"status":4,"amount":%s,"expectedFee":0,"callbackData":%q,"currencyCode":%s,"isPaid":false,`+
			`"isRedeemed":false,"type":14,"success":true}`,
		theirs, asked["amount"], asked["callbackData"], asked["currencyCode"])
}

func (s *scene) openExchanger(r *http.Request, body string, p *abi.Payment, theirs string) (int, string) {
	form, _ := url.ParseQuery(body)
	done := func(data string) (int, string) { return 200, `{"error":"0","error_text":"","data":` + data + `}` }
	code := p.GetCurrency()
	both := fmt.Sprintf(`"currency_code_give":%q,"currency_code_get":%q`, code, code)
	switch method := r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]; method {
	case "get_directions":
		return done(fmt.Sprintf(`[{"direction_id":"12","currency_give_id":%q,"currency_get_id":%q}]`,
			form.Get("currency_id_give"), form.Get("currency_id_get")))
	case "get_calc":
		sum := fmt.Sprintf("%q", form.Get("calc_amount"))
		return done(fmt.Sprintf(`{%s,"sum_give":%s,"sum_give_com":%s,"sum_get":%s,"sum_get_com":%s,"changed":0}`, both,
			sum, sum, sum, sum))
	case "create_bid":
		s.say(s.example.Call().GetCreateReference(), form.Get("api_id"))
		if theirs == "" {
			return 0, ""
		}
		return done(
			fmt.Sprintf(
				`{"id":%q,"hash":"h","status":"new","url":"https://exchanger.example/1",%s,"amount_give":%q,`+
					`"amount_get":%q,"api_actions":{"pay":"api","cancel":"api"}}`,
				theirs, both, p.GetAmount(), p.GetAmount()))
	case "get_partner_info":
		return done(
			fmt.Sprintf(
				`{"partner_id":"7","balance":%q,"min_payout":"1","items":[{"id":"11","title":"Tether","amount":%q}]}`,
				p.GetAmount(), p.GetAmount()))
	case "add_partner_payout":
		return done(fmt.Sprintf(`{"payout_id":%q}`, strings.TrimPrefix(theirs, "payout-")))
	}
	return 0, ""
}

// members are an object's members as texts.
func members(body string) map[string]string {
	var object map[string]json.RawMessage
	_ = json.Unmarshal([]byte(body), &object)
	texts := map[string]string{}
	for name, value := range object {
		var text string
		if json.Unmarshal(value, &text) != nil {
			text = string(value)
		}
		texts[name] = text
	}
	return texts
}
