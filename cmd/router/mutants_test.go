package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/conformance/vector"
	abi "payrouter/abi/v1"
	"payrouter/host/api"
	"payrouter/host/plugin"
	"payrouter/host/router"
)

// deciding are the members by which a provider's answer decides something: what the object is, its status, its amount
// with the currency, and its reference. They are named by "plugin operation", with * for each element of a list.
// What is above such a member decides with it. All others are only shown.
var deciding = map[string][]string{
	"cryptogram CreatePayment":       cryptogramPayment,
	"cryptogram GetPayment":          cryptogramPayment,
	"cryptogram UpdatePayment":       cryptogramPayment,
	"payplay CreateCryptoOrder":      under("order", payplayOrder...),
	"payplay ShowOrderDetails":       under("order", payplayOrder...),
	"payplay CompleteCryptoOrder":    under("order", payplayOrder...),
	"payplay CreateCryptoTopup":      under("order", payplayOrder...),
	"payplay ShowCryptoOrderDetails": under("order", payplayOrder...),
	"payplay ShowOrdersList": append(under("orders.*", payplayOrder...), "meta.current_page", "meta.last_page",
		"meta.total"),
	"payplay ShowTransactionDetails": under("transaction", "id", "status", "value", "currency", "currency.ticker", "fee",
		"external_id", "type"),
	"payplay Withdrawal": append(under("transactions.*", "id", "status", "value", "currency", "currency.ticker", "fee",
		"external_id"), "external_id"),
	"exchanger create_bid": exchangerBid, "exchanger bid_info": exchangerBid,
	"exchanger pay_bid": {"error", "error_text", "data"}, "exchanger cancel_bid": {"error", "error_text", "data"},
	"exchanger get_calc": append(under("data", "sum_give", "sum_give_com", "currency_code_give", "changed", "sum_get",
		"sum_get_com", "currency_code_get", "com_give", "com_get", "course_give", "course_get", "min_give", "max_give"),
		"error", "error_text"),
	"exchanger add_partner_payout": {"error", "error_text", "data.payout_id"},
	"exchanger get_partner_payouts": append(under("data.items.*", "id", "status", "pay_amount", "pay_currency_code",
		"original_amount", "original_currency_code", "method_id", "account", "time"), "error", "error_text"),
	"exchanger get_partner_info": append(under("data.items.*", "id", "amount", "title"), "error", "error_text",
		"data.balance", "data.min_payout"),
	"paygrt Recharge": append(under("data", "api_ref_id", "txn_id", "recharge_status", "recharge_amount", "status_code",
		"recharge_number"), "status"),
	"paygrt Status":        append(under("data", "api_ref_id", "txn_id", "recharge_status"), "status"),
	"paygram IssueInvoice": paygramInvoice, "paygram InvoiceInfo": paygramInvoice, "paygram PayInvoice": paygramInvoice,
	"paygram RedeemInvoice":  append(paygramAnswer("received", "credited", "fees"), paygramInvoice...),
	"paygram Withdraw":       paygramAnswer("invoiceCode", "withdrawnAmount"),
	"paygram TransferCredit": paygramAnswer("amount", "voucherCode", "fees", "toCredit.userCliId"),
	"paygram GetInvoices":    paygramAnswer("invoices.*.guid"),
	"paygram GetStatement": append(under("statementEntries.*", "id", "amount", "currency", "invoice.guid",
		"invoice.callbackData", "executedUtc", "createdUtc", "entryType"), paygramAnswer("nextPageAvailable")...),
}

var (
	cryptogramPayment = []string{
		"id", "amount", "currency", "redirect", "expires_at", "url",
		"transaction.status", "transaction.currency", "transaction.price", "transaction.received_price",
		"transaction.received", "transaction.value",
	}
	payplayOrder = []string{
		"id", "status", "value", "currency", "external_order_id", "received_total", "received_currency", "acquiring_url",
	}
	exchangerBid = append(under("data", "id", "status", "amount_give", "currency_code_give", "hash", "api_id",
		"amount_get", "currency_code_get"), "error", "error_text")
	paygramInvoice = paygramAnswer("invoiceCode", "status", "amount", "expectedFee", "currencyCode", "callbackData",
		"isPaid", "isRedeemed", "refunded")
)

// paygramAnswer are members beside those that say whether a call was done, and if not, why.
func paygramAnswer(members ...string) []string {
	return append(members, "success", "type", "responseCode", "message")
}

func under(object string, members ...string) []string {
	var paths []string
	for _, member := range members {
		paths = append(paths, object+"."+member)
	}
	return paths
}

// mutant is a documented answer with one thing changed.
type mutant struct {
	// what was done to which member.
	what, path string
	body       []byte
}

// shared has the calls of a folder's plugins share instances.
func shared(t *testing.T, dir string) map[string]plugin.Isolation {
	t.Helper()
	modules, err := filepath.Glob(filepath.Join(dir, "*.wasm"))
	require.NoError(t, err)
	of := map[string]plugin.Isolation{}
	for _, module := range modules {
		of[strings.TrimSuffix(filepath.Base(module), ".wasm")] = plugin.Shared
	}
	return of
}

// Every answer of every vector, changed in one place: a success stays one only where what decides is as documented, and
// what does not decide makes no answer unreadable.
func TestNoChangedAnswerIsAWrongSuccessOrUnreadableForNothing(t *testing.T) {
	t.Parallel()
	dir, compiled := plugins(t)
	// Hundreds of thousands of calls: what plugins keep, and use in sum, has tests of its own.
	mutated := plugin.Settings{CPU: -1, Isolation: plugin.IsolationSettings{Sample: -1, Of: shared(t, dir)}}
	registry, unload, err := router.LoadPlugins(t.Context(), dir, compiled, mutated,
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, unload(context.Background())) })
	total := 0
	for _, name := range registry.ActiveSet().Names() {
		generation, _ := registry.Current(name)
		vectors, err := vector.Load(filepath.Join("../../plugins", name, "testdata"))
		require.NoError(t, err)
		count := 0
		for _, v := range vectors {
			if v.Section("outcome.json") == nil {
				continue
			}
			for at, response := range v.Responses() {
				original := playMutant(t, generation, v, at, response.GetBody())
				for _, m := range mutants(response.GetBody()) {
					count++
					if wrong := judge(t, generation, name, v, at, original, m); wrong != "" {
						t.Errorf("%s/%s response-%d: %s %s: %s", name, v.Name, at+1, m.what, m.path, wrong)
					}
				}
			}
		}
		require.Greater(t, count, 500, name)
		total += count
	}
	t.Logf("%d changed answers", total)
}

// ending is what a flow came to.
type ending struct {
	done *abi.Outcome
	// asks: it has a further request; of a documented flow that is no end.
	asks bool
	err  error
}

// playMutant runs a vector's flow, with another body in the place of one of its answers.
func playMutant(t *testing.T, generation *plugin.Generation, v *vector.Vector, at int, body []byte) ending {
	t.Helper()
	flow := generation.Begin(v.Call())
	step, _, err := flow.Prepare(t.Context())
	for n, response := range v.Responses() {
		send := step.GetSend()
		if err != nil || send == nil {
			break
		}
		if n == at {
			response = &abi.HttpResponse{Status: response.GetStatus(), Headers: response.GetHeaders(), Body: body}
		}
		step, _, err = flow.Interpret(t.Context(), send.GetState(), response)
	}
	return ending{step.GetDone(), step.GetSend() != nil, err}
}

// judge returns what is wrong with the outcome of a mutant.
func judge(t *testing.T, generation *plugin.Generation, name string, v *vector.Vector, at int, original ending,
	m mutant,
) string {
	t.Helper()
	changed := playMutant(t, generation, v, at, m.body)
	if changed.err != nil {
		return fmt.Sprintf("a fault: %v", changed.err)
	}
	operation := name + " " + operationAt(v, at)
	shown, proves := successOf(operation, v, at)
	members := deciding[operation]
	intact := members != nil && !slices.ContainsFunc(members, func(member string) bool { return touches(m.path, member) })
	switch {
	case proves && succeeds(v.Call(), changed.done):
		// Of an answer with a fee, or with a tail of its double, the amount is no other because of the change.
		before := shown.missing(v.Call(), v.Responses()[at].GetBody())
		if missing := shown.missing(v.Call(), m.body); missing != "" && missing != before {
			return "a success, though " + missing
		}
	case intact && original.done.GetVerdict() == abi.Verdict_VERDICT_ACCEPTED &&
		changed.done.GetVerdict() == abi.Verdict_VERDICT_UNREADABLE:
		return fmt.Sprintf("%s, though nothing that decides has changed: %s", changed.done.GetVerdict(),
			changed.done.GetFailure().GetMessage())
	}
	return ""
}

// success is what an answer to an operation says where the payment has succeeded.
type success struct {
	// status are members with the words, in lower case, that mean success: all of them. Of two, by "|", the second stands
	// for the first where that is left out.
	status map[string][]string
	// amount, currency, id and reference are what was asked for; empty where the answer has none.
	amount, currency, id, reference string
	// silent are those of them that an answer may leave out.
	silent []string
}

// successes are written from the providers' documents.
var successes = map[string]success{
	"cryptogram GetPayment": {
		status: map[string][]string{"transaction.status": {"completed"}}, amount: "amount", currency: "currency",
		id: "id",
	},
	"payplay ShowOrderDetails":    payplaySuccess,
	"payplay CompleteCryptoOrder": payplaySuccess,
	"payplay CreateCryptoOrder":   payplaySuccess,
	"payplay ShowTransactionDetails": {
		status: map[string][]string{"transaction.status": {"complete"}}, amount: "transaction.value",
		currency: "transaction.currency", id: "transaction.id",
	},
	"exchanger bid_info": {
		status: map[string][]string{"error": {"0"}, "data.status": {"success"}}, amount: "data.amount_give",
		currency: "data.currency_code_give", id: "data.id",
	},
	"paygrt Recharge": {
		status: map[string][]string{"status": {"0"}, "data.recharge_status|data.status_code": {"success", "0"}},
		amount: "data.recharge_amount", reference: "data.api_ref_id",
	},
	"paygrt Status": {
		status: map[string][]string{"status": {"0"}, "data.recharge_status": {"success"}}, reference: "data.api_ref_id",
	},
	"paygram InvoiceInfo": paygramSuccess,
	"paygram InvoiceInfo of a payout": {
		status: map[string][]string{"success": {"true"}, "status": {"2", "completed"}}, amount: "amount",
		currency: "currencyCode", id: "invoiceCode", reference: "callbackData", silent: []string{"callbackData"},
	},
	"paygram PayInvoice":   paygramSuccess,
	"paygram IssueInvoice": paygramSuccess,
	"paygram RedeemInvoice": {
		status: map[string][]string{"success": {"true"}}, amount: "received", currency: "currencyCode",
	},
	"paygram TransferCredit": {
		status: map[string][]string{"success": {"true"}}, amount: "amount",
	},
}

var (
	payplaySuccess = success{
		status: map[string][]string{"order.status": {"complete"}}, amount: "order.value", currency: "order.currency",
		id: "order.id", reference: "order.external_order_id", silent: []string{"order.external_order_id"},
	}
	paygramSuccess = success{
		status: map[string][]string{"success": {"true"}, "isPaid": {"true"}, "isRedeemed": {"true"}}, amount: "amount",
		currency: "currencyCode", id: "invoiceCode", reference: "callbackData", silent: []string{"callbackData"},
	}
)

// currencyNumbers are PayGram's, as far as vectors use them.
var currencyNumbers = map[string]string{"1": "BTC", "5": "USDT", "11": "PHPT", "13": "PHP"}

// successOf is what the answer that a success rests on says: the last one, and the only one to its operation.
func successOf(operation string, v *vector.Vector, at int) (shown success, proves bool) {
	for other := range at {
		if operationAt(v, other) == operationAt(v, at) {
			return success{}, false
		}
	}
	if v.Call().GetPayment().GetKind() == abi.Kind_KIND_PAYOUT {
		if shown, proves = successes[operation+" of a payout"]; proves {
			return shown, at == len(v.Responses())-1
		}
	}
	shown, proves = successes[operation]
	return shown, proves && at == len(v.Responses())-1
}

// missing is what an answer lacks to be the success of what was asked for; empty if it lacks nothing.
func (p success) missing(call *abi.Call, body []byte) string {
	said := map[string]string{}
	flatten("", decoded(string(body)), said)
	at := func(path string) string { return said[strings.ToLower(path)] }
	for path, words := range p.status {
		first, other, either := strings.Cut(path, "|")
		if word := at(first); either && (word == "" || word == "null") {
			first = other
		}
		if !slices.Contains(words, strings.ToLower(at(first))) {
			return first + " is " + at(first)
		}
	}
	ours := call.GetCreateReference()
	if ours == "" {
		ours = call.GetReference()
	}
	pay := call.GetPayment()
	for _, asked := range []struct {
		path, want string
		same       func(got, want string) bool
	}{
		{p.amount, pay.GetAmount(), func(got, want string) bool { return ordered(got, want) >= 0 }},
		{p.currency, pay.GetCurrency(), func(got, want string) bool {
			return strings.EqualFold(got, want) || currencyNumbers[got] == want
		}},
		{p.id, call.GetProviderReference(), func(got, want string) bool { return want == "" || got == want }},
		{p.reference, ours, strings.Contains},
	} {
		got := at(asked.path)
		if asked.path == "" || slices.Contains(p.silent, asked.path) && (got == "" || got == "null") {
			continue
		}
		if !asked.same(got, asked.want) {
			return fmt.Sprintf("%s is %s, and %s was asked for", asked.path, got, asked.want)
		}
	}
	return ""
}

// succeeds reports whether the router takes an outcome for the success of what was asked for.
func succeeds(call *abi.Call, done *abi.Outcome) bool {
	p := call.GetPayment()
	if done.GetVerdict() != abi.Verdict_VERDICT_ACCEPTED || done.GetStatus() != abi.Status_STATUS_SUCCEEDED || p == nil {
		return false
	}
	received := done.GetReceived()
	if received != nil && received.GetCurrency() == p.GetCurrency() &&
		ordered(received.GetAmount(), p.GetAmount()) < 0 {
		return false
	}
	if amount := done.GetAmount(); amount != nil &&
		(amount.GetCurrency() != p.GetCurrency() || ordered(amount.GetAmount(), p.GetAmount()) != 0) {
		return false
	}
	theirs, ours := call.GetProviderReference(), call.GetCreateReference()
	if ours == "" {
		ours = call.GetReference()
	}
	return (theirs == "" || done.GetProviderReference() == "" || done.GetProviderReference() == theirs) &&
		(done.GetEchoedReference() == "" || done.GetEchoedReference() == ours)
}

// operationAt is the operation that a vector's response answers.
func operationAt(v *vector.Vector, at int) string {
	if _, other, found := strings.Cut(firstLine(v.Section(fmt.Sprintf("request-%d", at+1))), " as "); found {
		return other
	}
	return v.Call().GetOperation()
}

var elementPattern = regexp.MustCompile(`\.[0-9]+`)

// touches reports whether a change at a path changes a member, or what it is in.
func touches(path, member string) bool {
	path, member = strings.ToLower(elementPattern.ReplaceAllString(path, ".*")), strings.ToLower(member)
	return path == "" || path == member || strings.HasPrefix(member, path+".") || strings.HasPrefix(path, member+".")
}

// flatten writes a value's scalars by their paths.
func flatten(path string, value any, into map[string]string) {
	switch value := value.(type) {
	case map[string]any:
		for name, member := range value {
			flatten(strings.TrimPrefix(path+"."+strings.ToLower(name), "."), member, into)
		}
	case []any:
		for i, element := range value {
			flatten(path+"."+strconv.Itoa(i), element, into)
		}
	case nil:
		into[path] = "null"
	default:
		into[path] = fmt.Sprint(value)
	}
}

// change does something to a value: it gives what stands in its place, or nothing where it does not apply.
type change struct {
	what string
	make func(value any) (instead any, applies bool)
}

// removed stands in the place of a member that is to be left out.
type removed struct{}

var numberText = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

var changes = []change{
	{"altered", func(value any) (any, bool) {
		switch value := value.(type) {
		case string:
			if numberText.MatchString(value) {
				return value + "7", true
			}
			return "altered", true
		case json.Number:
			return json.Number("7" + strings.TrimPrefix(value.String(), "-")), true
		case bool:
			return !value, true
		}
		return nil, false
	}},
	{"missing", func(any) (any, bool) { return removed{}, true }},
	{"null", func(value any) (any, bool) { return nil, value != nil }},
	{"as text", func(value any) (any, bool) {
		number, is := value.(json.Number)
		return number.String(), is
	}},
	{"as number", func(value any) (any, bool) {
		text, is := value.(string)
		return json.Number(text), is && numberText.MatchString(text)
	}},
	{"a number for a text", func(value any) (any, bool) {
		_, is := value.(string)
		return json.Number("42"), is
	}},
	{"an unknown word", func(value any) (any, bool) {
		switch value.(type) {
		case string, json.Number:
			return "SOMETHING_NEW", true
		}
		return nil, false
	}},
	{"other casing", func(value any) (any, bool) {
		text, is := value.(string)
		return strings.ToUpper(text), is && strings.ToUpper(text) != text
	}},
	{"in a list", func(value any) (any, bool) {
		object, is := value.(map[string]any)
		return []any{object}, is
	}},
	{"an empty list", func(value any) (any, bool) {
		_, is := value.(map[string]any)
		return []any{}, is
	}},
	{"an object", func(value any) (any, bool) {
		switch value.(type) {
		case string, json.Number, nil:
			return map[string]any{"value": value}, true
		}
		return nil, false
	}},
	{"a further member", func(value any) (any, bool) {
		object, is := value.(map[string]any)
		larger := maps.Clone(object)
		if is {
			larger["further"] = map[string]any{"status": "COMPLETE", "amount": json.Number("1")}
		}
		return larger, is
	}},
}

// mutants are a body's, each changed in one place.
func mutants(body []byte) (all []mutant) {
	root := decoded(string(body))
	if _, object := root.(map[string]any); !object {
		return nil
	}
	var visit func(path string, value any, put func(instead any) any)
	visit = func(path string, value any, put func(instead any) any) {
		for _, c := range changes {
			if path == "" && c.what != "a further member" && c.what != "in a list" {
				continue
			}
			instead, applies := c.make(value)
			if !applies {
				continue
			}
			at := path
			if c.what == "a further member" {
				at = strings.TrimPrefix(path+".further", ".")
			}
			all = append(all, mutant{c.what, at, encoded(put(instead))})
		}
		switch value := value.(type) {
		case map[string]any:
			for _, name := range slices.Sorted(maps.Keys(value)) {
				visit(strings.TrimPrefix(path+"."+name, "."), value[name], func(instead any) any {
					changed := maps.Clone(value)
					changed[name] = instead
					if instead == (removed{}) {
						delete(changed, name)
					}
					return put(changed)
				})
			}
		case []any:
			for i, element := range value[:min(len(value), 2)] {
				visit(path+"."+strconv.Itoa(i), element, func(instead any) any {
					if instead == (removed{}) {
						return put(slices.Delete(slices.Clone(value), i, i+1))
					}
					changed := slices.Clone(value)
					changed[i] = instead
					return put(changed)
				})
			}
		}
	}
	visit("", root, func(instead any) any { return instead })
	return all
}

func encoded(value any) []byte {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(value)
	return bytes.TrimSuffix(text.Bytes(), []byte("\n"))
}

// A sample of the changed answers goes through the whole router, and its payment is judged by the same tables.
func TestSomeChangedAnswersGoThroughTheWholeRouter(t *testing.T) {
	t.Parallel()
	var examples []*example
	mutated := map[string]mutant{}
	dice := rand.New(rand.NewPCG(19, 5))
	for _, e := range loadExamples(t) {
		if e.Callback() != nil || e.Call().GetPayment() == nil || e.outcome.Verdict != "accepted" || e.contradicts() ||
			!slices.Contains([]abi.Role{abi.Role_ROLE_CREATE, abi.Role_ROLE_LOOKUP}, e.role()) {
			continue
		}
		last := e.Responses()[len(e.Responses())-1]
		if all := mutants(last.GetBody()); len(all) > 0 {
			mutated[e.account] = all[dice.IntN(len(all))]
			examples = append(examples, e)
		}
	}
	require.Greater(t, len(examples), 60)
	stage := &stage{examples: map[string]*scene{}}
	server := httptest.NewServer(stage)
	t.Cleanup(server.Close)
	for _, e := range examples {
		stage.examples[e.account] = &scene{example: e, mutated: mutated[e.account].body}
	}
	w := build(t, plan{
		command: serveCommand{Routing: examplesFile(t, server.URL, examples)}, bare: true, now: daytime,
		environ: []string{"EXAMPLE_SECRET=" + exampleSecret},
	})
	for _, e := range examples {
		m := mutated[e.account]
		t.Run(fmt.Sprintf("%s/%s %s %s", e.plugin, e.Name, m.what, m.path), func(t *testing.T) {
			t.Parallel()
			w.seenBy(t).driveMutant(e, stage.examples[e.account], m)
		})
	}
}

// driveMutant makes the payment, and looks it up where the example does, and judges what the API shows of it.
func (w *harness) driveMutant(e *example, s *scene, m mutant) {
	w.t.Helper()
	var made api.Payment
	if e.role() == abi.Role_ROLE_LOOKUP {
		made, _ = w.performAct(e, s, e.role())
	} else {
		a := w.ask("POST", w.router+"/v1/payments", e.order(), "Idempotency-Key", e.account)
		require.Equal(w.t, 201, a.status, string(a.body))
		made = read[api.Payment](w.t, a)
	}
	p := w.get(made.ID)
	at := len(e.Responses()) - 1
	operation := e.plugin + " " + operationAt(e.Vector, at)
	if shown, proves := successOf(operation, e.Vector, at); proves && p.Status == "succeeded" {
		s.mutex.Lock()
		before, after := shown.missing(e.Call(), e.Responses()[at].GetBody()), shown.missing(e.Call(), m.body)
		s.mutex.Unlock()
		if after != "" && after != before {
			require.Fail(w.t, "a success, though "+after)
		}
	}
	members := deciding[operation]
	if members != nil && !slices.ContainsFunc(members, func(member string) bool { return touches(m.path, member) }) {
		require.Equal(w.t, e.status("requires_action"), p.Status, "nothing that decides has changed: %+v", p.Failure)
	}
}
