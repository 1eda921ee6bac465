package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"payrouter/abi/capability"
	"payrouter/abi/conformance/vector"
	"payrouter/abi/decimal"
	"payrouter/abi/proof"
	abi "payrouter/abi/v1"
	"payrouter/host/api"
	"payrouter/host/money"
	"payrouter/host/plugin"
	"payrouter/host/router"
	"payrouter/host/schema"
)

// undriven are the vectors that no request to the router leads to, and why, by "plugin/vector".
var undriven = map[string]string{
	"cryptogram/create-expired":       "the host refuses an expiry that has passed",
	"cryptogram/update-nothing":       "an update at the provider has something to change",
	"exchanger/lookup_amlerror_old":   "it is about an order of days ago",
	"exchanger/lookup_error_old":      "it is about an order of days ago",
	"exchanger/lookup_mercherror_old": "it is about an order of days ago",
	"exchanger/payout_lookup_order":   "the reference is none that the plugin gives a payout",
	"exchanger/rates_bad_cursor":      "the router's cursors are the plugin's",
	"exchanger/statement_bad_cursor":  "the router's cursors are the plugin's",
	"payplay/transactions-bad-cursor": "the router's cursors are the plugin's",
	"exchanger/rates_page":            "its next page is not documented",
	"exchanger/rates": "it lists directions in the order of its settings; the host " +
		"sorts those",
	"paygram/info-without-references":           "the router always has a reference of its own",
	"paygram/list-for-payment":                  "no payment's role is to list invoices",
	"paygram/redeem-without-code":               "the router always has the invoice's code",
	"paygram/transfer-payment-to-nobody":        "the host asks for the account before any plugin",
	"paygram/transfer-lookup-by-code":           "a transfer whose code is known is over",
	"paygram/transfer-lookup-without-reference": "the router always has a reference of its own",
	"paygrt/status_check_midnight":              "it is about a recharge that was sent near midnight",
	"payplay/order-forged-id":                   "the reference is none that the plugin gives an order",
	"payplay/order-no-reference":                "the router always has a reference of its own",
}

// example is a documented flow, with its account.
type example struct {
	*vector.Vector

	plugin, account string
	manifest        *abi.Manifest
	outcome         documented
	// next is the page that follows; nil where none is documented.
	next *example
	// receipt is a callback's.
	receipt receipt
}

// daytime is the clock of the examples' routers. It is noon of tomorrow in India when the tests begin: from a quarter
// of an hour before midnight until six in the morning PayGRT is asked for two days, where the examples document one.
func daytime() time.Time { return time.Now().Add(untilDaytime()) }

var untilDaytime = sync.OnceValue(func() time.Duration {
	return time.Until(time.Now().Truncate(24 * time.Hour).Add(30*time.Hour + 30*time.Minute))
})

// exampleSecret is every secret of the examples' accounts.
const exampleSecret = "made-up-secret-of-nobody"

// documented is the expected result of a vector.
type documented struct {
	Verdict string       `json:"verdict"`
	Status  string       `json:"status"`
	Amount  *money.Money `json:"amount"`
	// Received and the failure's meaning are those of the plugin and its manifest.
	Received *money.Money `json:"received"`
	Failure  *struct {
		ProviderCode string `json:"provider_code"`
		Meaning      string `json:"meaning"`
	} `json:"failure"`
	Output json.RawMessage `json:"output"`
	// Cursor is set where there is another page.
	Cursor string `json:"cursor"`
}

// Every documented example goes through the whole router: HTTP in, host, plugin, a provider that plays the documented
// answers, and back. A vector by itself stops at the plugin.
func TestEveryDocumentedExampleGoesThroughTheWholeRouter(t *testing.T) {
	t.Parallel()
	examples := loadExamples(t)
	stage := &stage{examples: map[string]*scene{}}
	server := httptest.NewServer(stage)
	t.Cleanup(server.Close)
	for _, e := range examples {
		stage.examples[e.account] = &scene{example: e}
	}
	w := build(t, plan{
		command: serveCommand{
			Routing: examplesFile(t, server.URL, examples), PublicURL: "https://router.example",
		},
		bare:    true,
		environ: []string{"EXAMPLE_SECRET=" + exampleSecret},
		now:     daytime,
	})
	t.Cleanup(func() {
		for _, e := range examples {
			if e.receipt.Trust == "ignore" {
				require.Empty(t, stage.examples[e.account].asked, "%s/%s is ignored", e.plugin, e.Name)
			}
		}
	})
	driven := 0
	for _, e := range examples {
		driven++
		t.Run(e.plugin+"/"+e.Name, func(t *testing.T) {
			t.Parallel()
			w.seenBy(t).drivePlay(e, stage.examples[e.account])
		})
	}
	require.Greater(t, driven, 600, "the vectors are found")
}

// loadExamples are the vectors of every plugin that is shipped, but for those that are no request to the router.
func loadExamples(t *testing.T) []*example {
	t.Helper()
	dir, compiled := plugins(t)
	registry, unload, err := router.LoadPlugins(t.Context(), dir, compiled, plugin.Settings{},
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, unload(context.Background())) }()
	var examples, callbacks, pages []*example
	skipped := map[string]bool{}
	for name, manifest := range registry.ActiveSet().Manifests() {
		settings, err := schema.Compile(manifest.GetSettingsSchema())
		require.NoError(t, err)
		vectors, err := vector.Load(filepath.Join("../../plugins", name, "testdata"))
		require.NoError(t, err)
		for n, v := range vectors {
			e := &example{Vector: v, plugin: name, account: fmt.Sprintf("%s-%d", name, n), manifest: manifest}
			if v.Callback() != nil {
				callbacks = append(callbacks, e)
				continue
			}
			// A fault is the caller's: the host refuses such settings itself.
			if len(settings.Check(v.Call().GetSettings())) > 0 {
				require.True(t, v.Section("error.json") != nil || v.Section("reject.json") != nil, v.Name)
				continue
			}
			if outcome := v.Section("outcome.json"); outcome != nil {
				require.NoError(t, json.Unmarshal(outcome, &e.outcome), v.Name)
			}
			if undriven[name+"/"+v.Name] != "" {
				skipped[name+"/"+v.Name] = true
				continue
			}
			if v.Call().GetQuery() != nil && v.Call().GetCursor() != "" {
				pages = append(pages, e)
				continue
			}
			examples = append(examples, e)
		}
	}
	for _, page := range pages {
		if !page.follow(examples) {
			t.Logf("no vector leads to the page of %s/%s: the plugin's own test plays it", page.plugin, page.Name)
		}
	}
	require.Len(t, skipped, len(undriven), "a vector that is not there is not left out")
	slices.SortFunc(examples,
		func(a, b *example) int { return strings.Compare(a.plugin+"/"+a.Name, b.plugin+"/"+b.Name) })
	for _, e := range callbacks {
		reported(t, e, examples)
	}
	return append(examples, callbacks...)
}

// follow puts a further page behind the vector that leads to it, and reports whether there is one: the router asks for
// all pages itself.
func (e *example) follow(examples []*example) bool {
	for _, first := range examples {
		if first.plugin == e.plugin && first.Call().GetQuery() != nil && first.next == nil &&
			first.Call().GetOperation() == e.Call().GetOperation() &&
			first.outcome.Cursor == e.Call().GetCursor() {
			first.next = e
			return true
		}
	}
	return false
}

// documents are the vector's responses, and those of the page that follows.
func (e *example) documents() []*abi.HttpResponse {
	if e.next == nil {
		return e.Responses()
	}
	return slices.Concat(e.Responses(), e.next.documents())
}

// request is the n-th request as it is documented.
func (e *example) request(n int) []byte {
	if own := len(e.Responses()); n > own && e.next != nil {
		return e.next.request(n - own)
	}
	return e.Section(fmt.Sprintf("request-%d", n))
}

// examplesFile is a routing file with an account for each example.
func examplesFile(t *testing.T, base string, examples []*example) string {
	t.Helper()
	accounts := map[string]any{}
	var pinned []string
	for _, e := range examples {
		if len(capability.Flows(e.manifest, e.Call().GetSettings())) > 0 {
			pinned = append(pinned, e.account)
		}
		secrets := map[string]string{}
		for _, secret := range e.manifest.GetSecrets() {
			secrets[secret.GetName()] = "env:EXAMPLE_SECRET"
		}
		accounts[e.account] = map[string]any{
			"plugin": e.plugin, "base_url": base + "/" + e.account, "allow_private": true, "secrets": secrets,
			"settings": json.RawMessage(e.Call().GetSettings()),
			"retry":    map[string]any{"tries": 1, "base_delay": "1ms"},
		}
	}
	text, err := json.Marshal(map[string]any{
		"providers": accounts, "rules": []any{map[string]any{"name": "any", "to": pinned}},
	})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "routing.yaml")
	require.NoError(t, os.WriteFile(file, text, 0o600)) // JSON is YAML
	return file
}

// stage is every example's provider: each is below its account's name.
type stage struct {
	examples map[string]*scene
}

// scene is one provider's: it opens with what makes the object that the example is about, and then plays the documented
// answers.
type scene struct {
	example *example

	mutex sync.Mutex
	// opening answers while the payment is made; nil once the documented answers are played.
	opening func(r *http.Request, body string) (status int, answer string)
	played  int
	// said replaces the vector's texts in answers: the references that the router made.
	said map[string]string
	// passed is how far the example's dates are moved, the same in every text.
	passed time.Duration
	odd    []string
	// mutated stands for the body of the last answer; nil where that is as documented.
	mutated []byte
	// asked are the requests after a callback.
	asked []string
}

func (s *stage) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	account, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	if one := s.examples[account]; one != nil {
		one.answer(w, r)
	}
}

func (s *scene) answer(w http.ResponseWriter, r *http.Request) {
	read, _ := io.ReadAll(r.Body)
	body := string(read)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.opening != nil {
		status, answer := s.opening(r, body)
		if status == 0 {
			panic(http.ErrAbortHandler) // no answer
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(answer))
		return
	}
	responses := s.example.documents()
	if s.played >= len(responses) && s.example.outcome.Cursor != "" {
		http.Error(w, "a further page is not documented", http.StatusBadGateway)
		return
	}
	if s.played >= len(responses) {
		s.odd = append(s.odd, "asked once too often: "+r.Method+" "+r.URL.Path)
		http.Error(w, "nothing is documented", http.StatusBadGateway)
		return
	}
	s.learn(r.URL.RequestURI() + "\n" + body)
	s.odd = append(s.odd, s.differs(r, body)...)
	response := responses[s.played]
	s.played++
	body = string(response.GetBody())
	if s.mutated != nil && s.played == len(responses) {
		body = string(s.mutated)
	}
	for _, header := range response.GetHeaders() {
		if !strings.HasPrefix(header.GetName(), "Content-Length") {
			w.Header().Add(header.GetName(), header.GetValue())
		}
	}
	w.WriteHeader(int(response.GetStatus()))
	_, _ = w.Write([]byte(s.spoken(body)))
}

// learn finds out what the router calls that by which the vector's request calls the payment.
func (s *scene) learn(request string) {
	reference := s.example.Call().GetReference()
	template := string(s.example.request(s.played + 1))
	at := strings.Index(template, reference)
	if reference == "" || at < 0 || s.said[reference] != "" {
		return
	}
	before := template[max(at-8, 0):at]
	if _, after, found := strings.Cut(request, before); found {
		s.say(reference, regexp.MustCompile(`^[0-9A-Za-z]*`).FindString(after))
	}
}

func (s *scene) say(vectors, routers string) {
	if s.said == nil {
		s.said = map[string]string{}
	}
	if vectors != "" && routers != "" {
		s.said[vectors] = routers
	}
}

var datePattern = regexp.MustCompile(`20[0-9]{2}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}`)

// spoken is a documented text, adapted to the router's own payment.
func (s *scene) spoken(text string) string {
	for vectors, routers := range s.said {
		text = strings.ReplaceAll(text, vectors, routers)
	}
	if s.example.Call().GetNowMs() == 0 || s.example.Call().GetQuery() != nil {
		return text
	}
	s.begin()
	return datePattern.ReplaceAllStringFunc(text, func(date string) string {
		layout := "2006-01-02" + date[10:11] + "15:04:05"
		at, err := time.Parse(layout, date)
		if err != nil {
			return date
		}
		return at.Add(s.passed).Format(layout)
	})
}

// begin has the example's call come about now, unless it has begun. Where an example's answer has a date that is just
// over, it must not come before the router's own look at the clock.
func (s *scene) begin() {
	if s.passed == 0 {
		s.passed = daytime().Sub(time.UnixMilli(s.example.Call().GetNowMs()))
	}
}

// drivePlay asks the router for what the example's call asks of the plugin.
func (w *harness) drivePlay(e *example, s *scene) {
	w.t.Helper()
	call := e.Call()
	role := e.role()
	switch {
	case e.Callback() != nil:
		w.driveCallback(e, s)
	case call.GetQuery() != nil:
		w.driveQuery(e)
	case call.GetPayment() == nil, e.Section("error.json") != nil:
		w.driveNative(e, s)
	case role == abi.Role_ROLE_QUOTE:
		w.requireAcross(e, w.ask("POST", w.router+"/v1/quotes", e.quotable()))
	case role == abi.Role_ROLE_CREATE:
		a := w.ask("POST", w.router+"/v1/payments", e.order(), "Idempotency-Key", e.account)
		w.requireMade(e, s, a)
	default:
		w.driveAct(e, s, role)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	require.Empty(w.t, s.odd)
	if call.GetQuery() == nil || e.next != nil {
		require.Equal(w.t, len(e.documents()), s.played, "every documented answer is asked for")
	}
}

// role is what the call's operation is to its payment.
func (e *example) role() abi.Role {
	for _, flow := range e.manifest.GetFlows() {
		for _, action := range flow.GetActions() {
			if flow.GetKind() == e.Call().GetPayment().GetKind() && action.GetOperation() == e.Call().GetOperation() {
				return action.GetRole()
			}
		}
	}
	return abi.Role_ROLE_UNSPECIFIED
}

func (e *example) operation(name string) *abi.Operation {
	for _, operation := range e.manifest.GetOperations() {
		if operation.GetName() == name {
			return operation
		}
	}
	return nil
}

// order is the vector's payment as a merchant asks for it, at the example's account.
func (e *example) order() string {
	p := e.Call().GetPayment()
	order := map[string]any{
		"kind": strings.ToLower(strings.TrimPrefix(p.GetKind().String(), "KIND_")), "amount": p.GetAmount(),
		"currency": p.GetCurrency(), "provider": e.account,
		"country": p.GetCountry(), "method": p.GetMethod(), "reference": p.GetReference(),
		"description": p.GetDescription(), "return_url": p.GetReturnUrl(),
		"payer": map[string]string{
			"name": p.GetPayer().GetName(), "email": p.GetPayer().GetEmail(),
			"phone": p.GetPayer().GetPhone(),
		},
		"destination": map[string]string{
			"operator": p.GetDestination().GetOperator(), "number": p.GetDestination().GetNumber(),
			"account": p.GetDestination().GetAccount(),
			"address": p.GetDestination().GetAddress(), "network": p.GetDestination().GetNetwork(),
			"memo": p.GetDestination().GetMemo(),
		},
	}
	if p.GetExpiresMs() > e.Call().GetNowMs() && e.role() == abi.Role_ROLE_CREATE {
		order["expires_at"] = daytime().Add(
			time.Duration(p.GetExpiresMs()-e.Call().GetNowMs()) * time.Millisecond).UTC().Format(time.RFC3339)
	}
	if e.role() == abi.Role_ROLE_UPDATE && p.GetReturnUrl() == "" {
		order["return_url"] = "https://shop.example/before"
	}
	if len(p.GetOptions()) > 0 {
		order["provider_options"] = map[string]json.RawMessage{e.plugin: p.GetOptions()}
	}
	text, _ := json.Marshal(order) //nolint:errchkjson // texts
	return string(text)
}

// quotable is what of the vector's payment a quote is asked of.
func (e *example) quotable() string {
	p := e.Call().GetPayment()
	asked := map[string]any{
		"amount": p.GetAmount(), "currency": p.GetCurrency(), "country": p.GetCountry(),
		"providers": []string{e.account},
	}
	if len(p.GetOptions()) > 0 {
		asked["provider_options"] = map[string]json.RawMessage{e.plugin: p.GetOptions()}
	}
	text, _ := json.Marshal(asked) //nolint:errchkjson // texts
	return string(text)
}

// requireMade holds what became of a create to the documented answer.
func (w *harness) requireMade(e *example, s *scene, a answer) {
	w.t.Helper()
	if e.Section("reject.json") != nil {
		// What no request can be made of is refused by the host, or fails without anything sent.
		require.Contains(w.t, []int{201, 422}, a.status, string(a.body))
		if a.status == 201 {
			require.Equal(w.t, "failed", read[api.Payment](w.t, a).Status)
		}
		return
	}
	require.Equal(w.t, 201, a.status, string(a.body))
	p := read[api.Payment](w.t, a)
	attempts := w.attempts(p.ID)
	class := attempts[len(attempts)-1].Idempotency
	require.Contains(w.t, e.madeAs(class), p.Status, "%s: %+v; %s; %+v", class, p.Failure, p.Alert,
		attempts[len(attempts)-1])
	require.False(w.t, p.MoneyConflict && !e.endsWithMoney())
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if e.contradicts() {
		require.NotEmpty(w.t, p.Alert)
	}
}

// madeAs is what a payment may be after its create. class is that of the create's last request.
func (e *example) madeAs(class string) []string {
	lost := []string{"unknown"}
	if class == "abandonable" || class == "safe" {
		lost = []string{"failed"}
	}
	switch {
	case e.outcome.Verdict == "accepted" && !e.contradicts():
		return []string{e.status("")}
	case e.outcome.Verdict != "rejected":
		return lost
	}
	switch e.outcome.Failure.Meaning {
	case "declined_soft", "declined_hard", "refused":
		if (class == "none" || class == "keyed") && !e.proven() {
			return lost
		}
		return []string{"failed"}
	case "duplicate":
		return []string{"unknown"}
	}
	return append(lost, "unknown")
}

// contradicts reports whether an outcome is about another amount.
func (e *example) contradicts() bool {
	p, amount := e.Call().GetPayment(), e.outcome.Amount
	return e.outcome.Verdict == "accepted" && amount != nil &&
		(amount.Currency != p.GetCurrency() || ordered(amount.Amount, p.GetAmount()) != 0)
}

func (e *example) endsWithMoney() bool {
	ended := slices.Contains([]string{"failed", "canceled", "expired"}, e.outcome.Status)
	return ended && e.outcome.Received != nil && ordered(e.outcome.Received.Amount, "0") > 0
}

// status is a payment's after an accepted outcome; was is where it stood.
func (e *example) status(was string) string {
	p, received := e.Call().GetPayment(), e.outcome.Received
	switch {
	case e.endsWithMoney():
		return "processing"
	case e.outcome.Status == "succeeded" && received != nil && received.Currency == p.GetCurrency() &&
		ordered(received.Amount, p.GetAmount()) < 0:
		return "processing"
	case e.outcome.Status == "requires_action" && was == "processing":
		return "processing"
	}
	return e.outcome.Status
}

// proven reports whether a documented failure's body shows that the provider wrote it.
func (e *example) proven() bool {
	responses := e.Responses()
	last := responses[len(responses)-1]
	operation := e.Call().GetOperation()
	if _, other, found := strings.Cut(firstLine(e.Section(fmt.Sprintf("request-%d", len(responses)))), " as "); found {
		operation = other
	}
	rule := abi.FirstMatch(e.manifest.GetFailures(), operation, last.GetStatus(), e.outcome.Failure.ProviderCode)
	return rule != nil && proof.Hold(proof.Of(e.manifest, rule), last.GetBody())
}

func firstLine(text []byte) string {
	line, _, _ := strings.Cut(string(text), "\n")
	return line
}

func ordered(a, b string) int {
	left, leftErr := decimal.Parse(a)
	right, rightErr := decimal.Parse(b)
	if leftErr != nil || rightErr != nil {
		return -2
	}
	return left.Cmp(right)
}

// driveNative performs the operation under the provider's own name.
func (w *harness) driveNative(e *example, s *scene) {
	w.t.Helper()
	call := e.Call()
	path := w.router + "/v1/providers/" + e.account + "/operations/" + url.PathEscape(call.GetOperation())
	if call.GetCursor() != "" {
		path += "?cursor=" + url.QueryEscape(call.GetCursor())
	}
	s.mutex.Lock()
	input := s.spoken(string(call.GetInput()))
	s.mutex.Unlock()
	a := w.ask("POST", path, input, "Idempotency-Key", e.account)
	accepted := e.outcome.Verdict == "accepted"
	if e.Section("error.json") != nil {
		require.Equal(w.t, 404, a.status, string(a.body))
		return
	}
	switch a.status {
	case 200:
		require.True(w.t, accepted, string(a.body))
		w.requireOutput(e, s, read[api.Reading](w.t, a).Output)
	case 201:
		run := read[api.Run](w.t, a)
		if !accepted {
			require.NotEqual(w.t, "succeeded", run.Status)
			return
		}
		want := map[string]string{"failed": "failed", "unknown": "unknown"}[e.outcome.Status]
		if want == "" {
			want = "succeeded"
		}
		require.Equal(w.t, want, run.Status, "%+v %s", run.Failure, run.Alert)
		w.requireOutput(e, s, run.Output)
	default:
		require.False(w.t, accepted, "%d %s", a.status, a.body)
	}
}

// requireOutput compares the output with the documented one, without secrets.
func (w *harness) requireOutput(e *example, s *scene, output json.RawMessage) {
	w.t.Helper()
	if strings.Contains(string(output), schema.Masked) {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	require.JSONEq(w.t, s.spoken(string(e.outcome.Output)), string(output))
}

// driveQuery makes the account query of the operation.
func (w *harness) driveQuery(e *example) {
	w.t.Helper()
	q := e.Call().GetQuery()
	at := slices.IndexFunc(e.manifest.GetActions(),
		func(a *abi.Action) bool { return a.GetOperation() == e.Call().GetOperation() })
	require.GreaterOrEqual(w.t, at, 0)
	action := e.manifest.GetActions()[at]
	query := url.Values{"provider": {e.account}}
	path := map[abi.Role]string{
		abi.Role_ROLE_BALANCES: "balances", abi.Role_ROLE_RATES: "rates", abi.Role_ROLE_STATEMENT: "statements",
		abi.Role_ROLE_CATALOG: "catalog/" + action.GetTopic(),
	}[action.GetRole()]
	if action.GetRole() == abi.Role_ROLE_STATEMENT {
		for name, ms := range map[string]int64{"from": q.GetFromMs(), "until": q.GetUntilMs()} {
			if ms > 0 {
				query.Set(name, time.UnixMilli(ms).UTC().Format(time.RFC3339))
			}
		}
	}
	if q.GetCountry() != "" {
		query.Set("country", q.GetCountry())
	}
	if q.GetCurrency() != "" {
		query.Set(map[bool]string{true: "from", false: "currency"}[action.GetRole() == abi.Role_ROLE_RATES],
			q.GetCurrency())
	}
	w.requireAcross(e, w.ask("GET", w.router+"/v1/"+path+"?"+query.Encode(), ""))
}

// requireAcross demands that the account is among those that answered if and only if its answer is documented as one.
func (w *harness) requireAcross(e *example, a answer) {
	w.t.Helper()
	if e.outcome.Verdict != "accepted" && a.status != 200 {
		return
	}
	require.Equal(w.t, 200, a.status, string(a.body))
	found := read[across[json.RawMessage]](w.t, a)
	if e.outcome.Cursor != "" && e.next == nil {
		return // a further page is not documented
	}
	failed := len(found.Errors) > 0 && len(found.Data) == 0
	require.Equal(w.t, e.outcome.Verdict != "accepted", failed, string(a.body))
}
