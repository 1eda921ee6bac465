package api_test

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/jsontext"
	"payrouter/host/access"
	"payrouter/host/api"
)

const (
	tillOperations = "/v1/providers/till-eu/operations"
	payment10      = `{"amount":"10.00"}`
)

func decoded[T any](t *testing.T, text string) T {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.DisallowUnknownFields()
	var value T
	require.NoError(t, decoder.Decode(&value), text)
	return value
}

type operationList struct {
	Data []api.Operation `json:"data"`
}

type runList struct {
	Data []api.Run `json:"data"`
	Next string    `json:"next_cursor"`
}

func TestOperationsAreListedWithTheirSchemas(t *testing.T) {
	t.Parallel()
	p := newProvider(t, says(`{"output":{}}`))
	s := open(t, t.TempDir(), p.url, api.Settings{})
	defer s.close(t)

	all := decoded[operationList](t, s.ask(http.MethodGet, tillOperations, "").Body.String()).Data
	require.Len(t, all, 4)
	list := decoded[api.Operation](t, s.ask(http.MethodGet, tillOperations+"/Books%2FList", "").Body.String())
	require.Equal(t, all[2], list)
	require.Equal(t, []string{"Books/List", "Lists.", "safe", "partial"},
		[]string{list.Name, list.Summary, list.Idempotency, list.Documented})
	require.True(t, list.Paged && list.DeclineIsFinal)
	require.Nil(t, list.Fuel, "it was not called")
	require.JSONEq(t,
		`{"type":"object","properties":{"from":{"$ref":"#/$defs/day"}},"additionalProperties":false,`+
			`"$defs":{"day":{"type":"string"}}}`, string(list.InputSchema))
	require.JSONEq(t, `{}`, string(all[3].OutputSchema))
	require.Equal(t, []string{"none", "full"}, []string{all[3].Idempotency, all[3].Documented})
	require.Equal(t, "no", all[0].Documented)

	require.Equal(t, http.StatusOK, s.ask(http.MethodPost, tillOperations+"/Books%2FList", "").Code)
	list = decoded[api.Operation](t, s.ask(http.MethodGet, tillOperations+"/Books%2FList", "").Body.String())
	require.EqualValues(t, 2, *list.Fuel)

	for _, path := range []string{
		"/v1/providers/nobody/operations", "/v1/providers/nobody/operations/pay",
		tillOperations + "/Pay", tillOperations + "/Books",
	} {
		answer := s.ask(http.MethodGet, path, "")
		require.Equal(t, http.StatusNotFound, answer.Code, path)
		require.Contains(t, answer.Body.String(), "operation-unknown", path)
	}
}

func TestAReadingIsShownAndLeavesNoRun(t *testing.T) {
	t.Parallel()
	var asked []string
	p := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		_, _ = io.WriteString(w, `{"output":{"n":1.10,"seed":"never to be seen","t":"<&>"},"cursor":"2"}`)
	})
	s := open(t, t.TempDir(), p.url, api.Settings{})
	defer s.close(t)

	answer := s.ask(http.MethodPost, tillOperations+"/Books%2FList?cursor=1", `{"from":"today"}`)

	require.Equal(t, http.StatusOK, answer.Code)
	//nolint:testifylint // to the byte
	require.Equal(t, []byte(`{"output":{"n":1.10,"seed":"{{masked}}","t":"<&>"},"next_cursor":"2","fuel":2}`+"\n"),
		answer.Body.Bytes())
	require.Equal(t, []string{"/Books/List"}, asked)
	require.Empty(t, decoded[runList](t, s.ask(http.MethodGet, "/v1/operations", "").Body.String()).Data)
}

func TestARunIsAnsweredListedAndShown(t *testing.T) {
	t.Parallel()
	p := newProvider(t, says(`{"output":{"balance":"0.50"}}`))
	s := open(t, t.TempDir(), p.url, api.Settings{})
	defer s.close(t)

	answer := s.ask(http.MethodPost, tillOperations+"/pay", payment10, "Idempotency-Key", "k")

	require.Equal(t, http.StatusCreated, answer.Code, answer.Body.String())
	run := decoded[api.Run](t, answer.Body.String())
	require.Equal(t, "/v1/operations/"+run.ID, answer.Header().Get("Location"))
	require.Equal(t, []string{"succeeded", "till-eu", "pay", "none", "default"},
		[]string{run.Status, run.Provider, run.Operation, run.Idempotency, run.AskedBy})
	require.JSONEq(t, payment10, string(run.Input))
	require.JSONEq(t, `{"balance":"0.50"}`, string(run.Output))
	require.Equal(t, answer.Body.String(), s.ask(http.MethodGet, "/v1/operations/"+run.ID, "").Body.String())
	attempts := s.ask(http.MethodGet, "/v1/operations/"+run.ID+"/attempts", "")
	require.Contains(t, attempts.Body.String(), `"role":"operation","operation":"pay"`)

	second := decoded[api.Run](t,
		s.ask(http.MethodPost, tillOperations+"/pay", payment10, "Idempotency-Key", "k2").Body.String())
	page := decoded[runList](t,
		s.ask(http.MethodGet, "/v1/operations?provider=till-eu&operation=pay&status=succeeded,unknown&limit=1",
			"").Body.String())
	require.Equal(t, []api.Run{second}, page.Data)
	page = decoded[runList](t, s.ask(http.MethodGet, "/v1/operations?limit=1&cursor="+page.Next, "").Body.String())
	require.Equal(t, []api.Run{run}, page.Data)
	require.Empty(t, page.Next)
	require.Empty(t, decoded[runList](t, s.ask(http.MethodGet, "/v1/operations?status=failed", "").Body.String()).Data)
	for _, path := range []string{"/v1/operations/op_1", "/v1/operations/op_1/attempts"} {
		require.Contains(t, s.ask(http.MethodGet, path, "").Body.String(), "run-not-found")
	}
}

func TestAKeyOfARunIsAnsweredAsAPaymentsIs(t *testing.T) {
	t.Parallel()
	arrived, leave := make(chan struct{}, 1), make(chan struct{})
	var first sync.Once
	p := newProvider(t, func(w http.ResponseWriter, r *http.Request) {
		first.Do(func() { arrived <- struct{}{}; <-leave })
		_, _ = io.WriteString(w, `{"output":{}}`)
	})
	s := open(t, t.TempDir(), p.url, api.Settings{})
	defer s.close(t)
	release := sync.OnceFunc(func() { close(leave) })
	defer release()
	pay := func(body string, headers ...string) (int, string, http.Header) {
		answer := s.ask(http.MethodPost, tillOperations+"/pay", body, headers...)
		return answer.Code, answer.Body.String(), answer.Header()
	}

	code, body, header := pay(payment10, "Idempotency-Key", "k", "Prefer", "respond-async")
	require.Equal(t, http.StatusAccepted, code)
	run := decoded[api.Run](t, body)
	require.Equal(t, "processing", run.Status)
	require.Equal(t, "/v1/operations/"+run.ID, header.Get("Location"))
	<-arrived
	code, body, header = pay(payment10, "Idempotency-Key", "k")
	require.Equal(t, http.StatusConflict, code)
	require.Equal(t, run.ID, decoded[api.Problem](t, body).OperationID)
	require.Equal(t, "1", header.Get("Retry-After"))
	release()
	require.Eventually(t, func() bool {
		code, body, header = pay(`{ "amount" : "10.00" }`, "Idempotency-Key", `"k"`)
		return code == http.StatusCreated
	}, 10_000_000_000, 1_000_000)
	require.Equal(t, "true", header.Get("Idempotency-Replayed"))
	require.Equal(t, "succeeded", decoded[api.Run](t, body).Status)
	code, again, _ := pay(payment10, "Idempotency-Key", "k")
	require.Equal(t, http.StatusCreated, code)
	require.Equal(t, body, again, "byte by byte")

	for name, other := range map[string]func() (int, string, http.Header){
		"another body": func() (int, string, http.Header) { return pay(`{"amount":"10.01"}`, "Idempotency-Key", "k") },
		"another page": func() (int, string, http.Header) {
			answer := s.ask(http.MethodPost, tillOperations+"/pay?cursor=2", payment10, "Idempotency-Key", "k")
			return answer.Code, answer.Body.String(), nil
		},
		"a payment": func() (int, string, http.Header) {
			answer := s.ask(http.MethodPost, "/v1/payments", orderOf("10.00"), "Idempotency-Key", "k")
			return answer.Code, answer.Body.String(), nil
		},
	} {
		code, body, _ := other()
		require.Equal(t, http.StatusUnprocessableEntity, code, name)
		require.Contains(t, body, "idempotency-key-reused", name)
		require.Equal(t, run.ID, decoded[api.Problem](t, body).OperationID, name)
	}
}

func TestWhatAnAccountIsNotAsked(t *testing.T) {
	t.Parallel()
	p := newProvider(t, says(`{"output":{}}`))
	s := open(t, t.TempDir(), p.url, api.Settings{})
	defer s.close(t)
	for name, row := range map[string]struct {
		path, body string
		headers    []string
		code       int
		kind, at   string
	}{
		"no such account": {
			"/v1/providers/nobody/operations/pay", payment10,
			[]string{"Idempotency-Key", "k"},
			404, "operation-unknown", "",
		},
		"no such operation": {
			tillOperations + "/prey", payment10,
			[]string{"Idempotency-Key", "k"},
			404,
			"operation-unknown", "",
		},
		"no key": {tillOperations + "/pay", payment10, nil, 400, "idempotency-key-missing", ""},
		"two keys": {
			tillOperations + "/pay", payment10,
			[]string{"Idempotency-Key", "k", "Idempotency-Key", "l"},
			400, "idempotency-key-missing", "",
		},
		"no JSON": {
			tillOperations + "/pay", `{"amount"`,
			[]string{"Idempotency-Key", "k"},
			400,
			"malformed-request", "",
		},
		"a member twice": {
			tillOperations + "/pay", `{"amount":"1","amount":"2"}`,
			[]string{"Idempotency-Key", "k"},
			400, "malformed-request", "/amount",
		},
		"no object": {
			tillOperations + "/pay", `[]`,
			[]string{"Idempotency-Key", "k"},
			422,
			"invalid-request", "",
		},
		"nothing": {
			tillOperations + "/pay", ``,
			[]string{"Idempotency-Key", "k"},
			422,
			"invalid-request", "/amount",
		},
		"what the schema refuses": {
			tillOperations + "/Books%2FList", `{"till":"x"}`, nil, 422, "invalid-request",
			"/till",
		},
		"a form": {
			tillOperations + "/pay", payment10,
			[]string{"Idempotency-Key", "k", "Content-Type", "text/html"},
			415, "unsupported-media-type", "",
		},
		"a parameter that is none": {
			tillOperations + "/pay?page=2", payment10,
			[]string{"Idempotency-Key", "k"},
			422,
			"invalid-request", "",
		},
	} {
		request := row.headers
		answer := s.askOnce(http.MethodPost, row.path, row.body, request...)
		require.Equal(t, row.code, answer.Code, name+answer.Body.String())
		problem := decoded[api.Problem](t, answer.Body.String())
		require.Equal(t, "urn:payrouter:problem:"+row.kind, problem.Type, name)
		if row.at != "" {
			require.Equal(t, row.at, problem.Errors[0].Pointer, name)
		}
	}
	_, requests := p.created()
	require.Zero(t, requests)
	require.Empty(t, decoded[runList](t, s.ask(http.MethodGet, "/v1/operations", "").Body.String()).Data)
}

func TestWhatAReadComesTo(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		answer http.HandlerFunc
		code   int
		kind   string
	}{
		"declined":      {says(`{"error":"fraud"}`), 422, "provider-declined"},
		"no answer":     {hangsUp, 502, "provider-unanswered"},
		"odd, and such": {says(`{"odd":1}`), 502, "provider-unanswered"},
	} {
		p := newProvider(t, row.answer)
		s := open(t, t.TempDir(), p.url, api.Settings{})
		answer := s.ask(http.MethodPost, tillOperations+"/Books%2FList", "")
		require.Equal(t, row.code, answer.Code, name)
		require.Contains(t, answer.Body.String(), row.kind, name)
		s.close(t)
	}
}

func TestAnUnknownRunIsResolvedByAnOperator(t *testing.T) {
	t.Parallel()
	p := newProvider(t, hangsUp)
	s := open(t, t.TempDir(), p.url, api.Settings{})
	defer s.close(t)
	headers := s.keyed(t, api.Settings{}, map[string][]access.Right{
		"shop": {access.ReadPayments}, "desk": access.Operator.Rights(), "eyes": access.ReadOnly.Rights(),
	})
	desk, shop := headers["desk"], headers["shop"]
	answer := s.ask(http.MethodPost, tillOperations+"/pay", payment10, append(desk, "Idempotency-Key", "k")...)
	require.Equal(t, http.StatusCreated, answer.Code)
	run := decoded[api.Run](t, answer.Body.String())
	require.Equal(t, "unknown", run.Status)
	require.NotEmpty(t, run.Alert)
	require.NotNil(t, run.Failure)

	for _, call := range [][2]string{
		{http.MethodPost, tillOperations + "/pay"},
		{http.MethodPost, tillOperations + "/Books%2FList"},
		{http.MethodGet, "/v1/operations"},
		{http.MethodGet, "/v1/operations/" + run.ID},
		{http.MethodGet, "/v1/operations/" + run.ID + "/attempts"},
	} {
		require.Equal(t, http.StatusForbidden,
			s.ask(call[0], call[1], "", append(shop, "Idempotency-Key", "s")...).Code, call[1])
	}
	require.Equal(t, http.StatusForbidden, s.ask(http.MethodGet, tillOperations, "", shop...).Code)
	require.Equal(t, http.StatusOK, s.ask(http.MethodGet, tillOperations, "", headers["eyes"]...).Code,
		"who may read operations may look at what there is")
	require.Equal(t, http.StatusNotFound,
		s.ask(http.MethodGet, "/v1/operations/"+run.ID, "", headers["eyes"]...).Code, "another merchant's run")
	require.Equal(t, http.StatusUnauthorized, s.ask(http.MethodGet, tillOperations, "").Code)

	resolve := func(body string, as []string) (int, string) {
		answer := s.ask(http.MethodPost, "/v1/operations/"+run.ID+"/resolve", body, as...)
		return answer.Code, answer.Body.String()
	}
	done := `{"status":"succeeded","reason":"the statement has it"}`
	code, _ := resolve(done, shop)
	require.Equal(t, http.StatusForbidden, code)
	code, _ = resolve(`{"status":"unknown","reason":"r"}`, desk)
	require.Equal(t, http.StatusUnprocessableEntity, code)
	code, body := resolve(done, desk)
	require.Equal(t, http.StatusOK, code)
	settled := decoded[api.Run](t, body)
	require.Equal(t, []string{"succeeded", "desk", "the statement has it"},
		[]string{settled.Status, settled.Resolved.Operator, settled.Resolved.Reason})
	code, body = resolve(done, desk)
	require.Equal(t, http.StatusConflict, code)
	problem := decoded[api.Problem](t, body)
	require.Equal(t, "urn:payrouter:problem:run-wrong-status", problem.Type)
	require.Equal(t, run.ID, problem.OperationID)
	_, requests := p.created()
	require.Zero(t, requests)
}

// The document that is served has each account's operations, with their own schemas, for those who may list them.
func TestTheDocumentHasTheAccountsOperations(t *testing.T) {
	t.Parallel()
	p := newProvider(t, says(`{"output":{}}`))
	s := open(t, t.TempDir(), p.url, api.Settings{})
	defer s.close(t)
	headers := s.keyed(t, api.Settings{}, map[string][]access.Right{"desk": access.Operator.Rights()})
	general, err := api.OpenAPI("", nil)
	require.NoError(t, err)
	require.JSONEq(t, string(general), s.ask(http.MethodGet, "/openapi.json", "").Body.String(),
		"who may not list accounts learns of none")

	whole := s.ask(http.MethodGet, "/openapi.json", "", headers["desk"]...).Body.String()

	document, err := jsontext.Parse([]byte(whole))
	require.NoError(t, err)
	list := document.Get("paths").Get(tillOperations + "/Books%2FList").Get("post")
	require.Equal(t, "perform-till-eu-Books_List", list.Text("operationId"))
	body := list.Get("requestBody").Get("content").Get("application/json").Get("schema")
	require.Equal(t, "#/components/schemas/till.Books_List.input", body.Text("$ref"))
	schemas := document.Get("components").Get("schemas")
	input := schemas.Get("till.Books_List.input")
	require.Equal(t, "#/components/schemas/till.Books_List.input/$defs/day",
		input.Get("properties").Get("from").Text("$ref"), "references go by where it now is")
	require.True(t, list.Get("responses").Get("200").Exists())
	require.Equal(t, "cursor", list.Get("parameters").Items()[0].Text("name"))
	pay := document.Get("paths").Get(tillOperations + "/pay").Get("post")
	require.True(t, pay.Get("responses").Get("201").Exists() && !pay.Get("responses").Get("200").Exists())
	require.Equal(t, "Idempotency-Key", pay.Get("parameters").Items()[0].Text("name"))
	printed, err := api.OpenAPI("", s.engine.Fleet())
	require.NoError(t, err)
	require.Equal(t, string(printed), whole)
}
