package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/access"
	"payrouter/host/account"
	"payrouter/host/attempt"
	"payrouter/host/operation"
	"payrouter/host/payment"
	"payrouter/host/webhook"
)

const runsPath = "/v1/operations"

// operationsPath is where an account's operations are; below it each by its name, escaped.
func operationsPath(provider string) string { return "/v1/providers/" + provider + "/operations" }

// Operation is what an account can be asked to do under the name that its provider gives it.
type Operation struct {
	Name    string `json:"name" example:"IssueInvoice"`
	Summary string `json:"summary"`

	Idempotency string `json:"idempotency" enum:"safe,keyed,abandonable,none" doc:"Idempotency class; safe makes no run"`

	Documented string `json:"documented" enum:"full,partial,no" doc:"Coverage by the provider's public documents"`

	Paged          bool            `json:"paged" doc:"It answers in pages, walked by cursor and next_cursor"`
	DeclineIsFinal bool            `json:"decline_is_final" doc:"False if success may follow a decline"`
	InputSchema    json.RawMessage `json:"input_schema" doc:"JSON Schema (2020-12)"`
	OutputSchema   json.RawMessage `json:"output_schema" doc:"JSON Schema (2020-12)"`
	Fuel           *int64          `json:"fuel,omitempty" doc:"The most fuel that one call used in this plugin generation"`
}

func (a *api) operationOf(o operation.Operation) Operation {
	of := o.Manifest
	shown := Operation{
		Name: of.GetName(), Summary: of.GetSummary(), Idempotency: lower(o.Idempotency.String(), "IDEMPOTENCY_"),
		Documented: lower(of.GetDocumented().String(), "DOCUMENTED_"), Paged: of.GetPaged(),
		DeclineIsFinal: of.GetDeclineIsFinal(),
		InputSchema:    schemaText(of.GetInputSchema()), OutputSchema: schemaText(of.GetOutputSchema()),
	}
	if shown.Documented == "unspecified" {
		shown.Documented = "no"
	}
	if most, called := o.MaxFuel(); called {
		shown.Fuel = &most
	}
	return shown
}

func lower(name, prefix string) string { return strings.ToLower(strings.TrimPrefix(name, prefix)) }

// schemaText takes everything where a plugin gives none.
func schemaText(text string) json.RawMessage { return json.RawMessage(cmp.Or(text, "{}")) }

// Reading is the answer of an operation that changes nothing.
type Reading struct {
	Output     json.RawMessage `json:"output" doc:"As in the operation's output_schema; amounts are decimal text"`
	NextCursor string          `json:"next_cursor,omitempty" doc:"Empty on the last page"`
	Fuel       int64           `json:"fuel" doc:"Fuel that the plugin used"`
}

// Run is one performance of an operation that may change something at its provider.
type Run struct {
	ID        string `json:"id" example:"op_01jd3x6v7q8r9s0t1v2w3x4y5z"`
	Provider  string `json:"provider"`
	Operation string `json:"operation"`

	Status string `json:"status"`

	Idempotency       string           `json:"idempotency" enum:"keyed,abandonable,none,safe"`
	AskedBy           string           `json:"asked_by" doc:"The API key's name"`
	Input             json.RawMessage  `json:"input"`
	Cursor            string           `json:"cursor,omitempty" doc:"The page that was asked for"`
	Output            json.RawMessage  `json:"output,omitempty" doc:"As in the operation's output_schema"`
	NextCursor        string           `json:"next_cursor,omitempty"`
	ProviderReference string           `json:"provider_reference,omitempty"`
	Failure           *attempt.Failure `json:"failure,omitempty" doc:"Why it failed, or why the result is unknown"`
	Approval          *Approval        `json:"approval,omitempty" doc:"Set if the run needed one"`
	Alert             string           `json:"alert,omitempty" doc:"Something that a person should look at"`
	Resolved          *Resolved        `json:"resolved,omitempty" doc:"Set if an operator resolved it"`
	Attempts          int              `json:"attempts"`
	CreatedAt         time.Time        `json:"created_at"`
	UpdatedAt         time.Time        `json:"updated_at"`
	Version           int64            `json:"version"`
}

// Resolved is by whose word a run ended.
type Resolved struct {
	Operator string    `json:"operator"`
	Reason   string    `json:"reason"`
	At       time.Time `json:"at"`
}

func runOf(run operation.Run) Run {
	shown := Run{
		ID: run.ID, Provider: run.Provider, Operation: run.Operation, Status: string(run.Status),
		Idempotency: string(run.Idempotency), AskedBy: run.Merchant,
		Input: asJSON(run.Input), Cursor: run.From, Output: asJSON(run.Output), NextCursor: run.Cursor,
		ProviderReference: run.ProviderReference,
		Failure:           run.Failure, Alert: run.Alert, Attempts: run.Attempts,
		Approval:  approvalOf(run.Approval, run.Status == operation.AwaitingApproval),
		CreatedAt: run.CreatedAt,
		UpdatedAt: run.UpdatedAt, Version: run.Version,
	}
	if run.Settled != nil {
		shown.Resolved = &Resolved{Operator: run.Settled.Operator, Reason: run.Settled.Reason, At: run.Settled.At}
	}
	return shown
}

// asJSON shows what a plugin took or gave. A plugin that gives what is no JSON has it shown as a text.
func asJSON(text []byte) json.RawMessage {
	if len(text) == 0 || json.Valid(text) {
		return text
	}
	quoted, _ := json.Marshal(string(text)) //nolint:errchkjson // a string cannot fail
	return quoted
}

func (a *api) registerOperations(described huma.API) {
	registry := described.OpenAPI().Components.Schemas

	list := a.endpoint("list-operations", http.MethodGet, operationsPath("{provider}"),
		"List what an account can be asked to do",
		"Each operation under the name that its provider gives it, with the JSON Schemas of what it takes and gives.")
	refuses(&list, registry, http.StatusNotFound)
	huma.Register(described, list, a.listOperations)

	get := a.endpoint("get-operation", http.MethodGet, operationsPath("{provider}")+"/{operation}", "Get an operation",
		"")
	refuses(&get, registry, http.StatusNotFound)
	huma.Register(described, get, a.getOperation)

	perform := a.endpoint("perform-operation", http.MethodPost, operationsPath("{provider}")+"/{operation}",
		"Have an account do something",
		"The body is the operation's input. What changes nothing is answered with 200; anything else needs an "+
			"Idempotency-Key and makes a run, "+
			"which is answered with 201 whatever became of it.")
	perform.DefaultStatus = http.StatusOK
	perform.SkipValidateBody = true // by the operation's own schema
	perform.RequestBody = &huma.RequestBody{Description: "What the operation takes; none is an object without members"}
	answers(&perform, registry, Reading{}, "application/json", http.StatusOK)
	answers(&perform, registry, Run{}, "application/json", http.StatusCreated, http.StatusAccepted)
	refuses(&perform, registry, http.StatusBadRequest, http.StatusForbidden, http.StatusNotFound, http.StatusConflict,
		http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity, http.StatusBadGateway, http.StatusServiceUnavailable)
	huma.Register(described, perform, a.perform)
	perform.RequestBody.Required = false
	perform.RequestBody.Content["application/json"].Schema = &huma.Schema{
		Type:                 huma.TypeObject,
		AdditionalProperties: true,
	}

	a.registerRuns(described)
}

func (a *api) registerRuns(described huma.API) {
	registry := described.OpenAPI().Components.Schemas
	endpoint := func(id, method, path, summary, description string, refused ...int) huma.Operation {
		o := a.endpoint(id, method, runsPath+path, summary, strings.TrimSpace(description+""))
		refuses(&o, registry, append(refused, http.StatusForbidden)...)
		return o
	}
	huma.Register(described,
		endpoint("list-runs", http.MethodGet, "", "List what accounts were asked to do",
			"Newest first.",
			http.StatusUnprocessableEntity), a.listRuns)
	huma.Register(described, endpoint("get-run", http.MethodGet, "/{id}", "Get a run", "", http.StatusNotFound),
		a.getRun)
	huma.Register(described, endpoint("list-run-attempts", http.MethodGet, "/{id}/attempts", "List a run's attempts",
		"Each is one request to a provider, with secrets masked.", http.StatusNotFound), a.runAttempts)
	huma.Register(described,
		endpoint("resolve-run", http.MethodPost, "/{id}/resolve", "Resolve a run whose result is unknown",
			"The operator and the reason stay with the run.", http.StatusBadRequest, http.StatusNotFound,
			http.StatusConflict,
			http.StatusUnprocessableEntity), recorded(a, act[resolveRunInput, runOutput]{
			"operation.resolve", func(in *resolveRunInput) string { return in.ID },
			runState(a, func(in *resolveRunInput) (id, reason string) { return in.ID, in.Body.Reason }), a.resolveRun,
		}))
}

type operationsInput struct {
	Provider string `path:"provider" maxLength:"64" example:"paygram-eu"`
}

type operationsOutput struct {
	Body struct {
		Data []Operation `json:"data"`
	}
}

func (a *api) listOperations(ctx context.Context, in *operationsInput) (*operationsOutput, error) {
	if !a.uses(ctx, in.Provider) {
		return nil, problemOf(attempt.ErrNoOperation, "")
	}
	found, err := operation.List(&a.engine.Fleet().Fleet, in.Provider)
	if err != nil {
		return nil, problemOf(err, "")
	}
	out := &operationsOutput{}
	out.Body.Data = make([]Operation, len(found))
	for i, one := range found {
		out.Body.Data[i] = a.operationOf(one)
	}
	return out, nil
}

type operationInput struct {
	Provider  string `path:"provider" maxLength:"64" example:"paygram-eu"`
	Operation string `path:"operation" maxLength:"128" example:"IssueInvoice" doc:"A slash in it is %2F"`
}

type operationOutput struct {
	Body Operation
}

func (a *api) getOperation(ctx context.Context, in *operationInput) (*operationOutput, error) {
	if !a.uses(ctx, in.Provider) {
		return nil, problemOf(attempt.ErrNoOperation, "")
	}
	found, err := operation.Find(&a.engine.Fleet().Fleet, in.Provider, in.Operation)
	if err != nil {
		return nil, problemOf(err, "")
	}
	return &operationOutput{Body: a.operationOf(found)}, nil
}

type performInput struct {
	Provider  string `path:"provider" maxLength:"64" example:"paygram-eu"`
	Operation string `path:"operation" maxLength:"128" example:"IssueInvoice" doc:"A slash in it is %2F"`
	Cursor    string `query:"cursor" maxLength:"4096" doc:"next_cursor of the page before, where the operation is paged"`

	Key string `header:"Idempotency-Key" doc:"Required unless safe; at most 255 characters" example:"payout-77-try-1"`

	Prefer  string `header:"Prefer" doc:"respond-async answers 202 at once (RFC 7240)"`
	RawBody []byte `contentType:"application/json"`
}

func (a *api) perform(ctx context.Context, in *performInput) (*rawOutput, error) {
	asking := callerOf(ctx).Merchant
	if err := a.requireOwn(ctx, in.Provider, attempt.ErrNoOperation); err != nil {
		return nil, err
	}
	found, err := operation.Find(&a.engine.Fleet().Fleet, in.Provider, in.Operation)
	if err != nil {
		return nil, problemOf(err, "")
	}
	if err := in.check(); err != nil {
		return nil, err
	}
	if found.Safe() {
		if err := refuseWithout(ctx, access.ReadOperations); err != nil {
			return nil, err
		}
		return a.read(ctx, in)
	}
	if err := refuseWithout(ctx, nativeRights(found)...); err != nil {
		return nil, err
	}
	path := operationsPath(in.Provider) + "/" + url.PathEscape(in.Operation) + "?" +
		url.Values{"cursor": {in.Cursor}}.Encode()
	key, err := keyFor(in.Key, path, in.RawBody)
	if err != nil {
		return nil, err
	}
	receipt, err := a.settings.Operations.Perform(ctx, authorOf(ctx), key, operation.Request{
		Provider: in.Provider, Operation: in.Operation, Input: in.RawBody, Cursor: in.Cursor,
	}, a.waitTimeout(in.Prefer))
	if err != nil {
		return nil, problemOf(err, receipt.Value.ID)
	}
	return a.answerRun(ctx, asking, receipt, key)
}

// nativeRights are those that a run of an operation takes: of one that pays out as a payment does, that payment's too.
func nativeRights(o operation.Operation) []access.Right {
	rights := []access.Right{access.RunOperations}
	for _, kind := range o.PaysOut() {
		rights = append(rights, access.CreateRight(lower(kind.String(), "KIND_")))
	}
	return rights
}

// check reads the body as far as that is the same for all operations, and puts an object where there is none.
func (in *performInput) check() error {
	if len(in.RawBody) == 0 {
		in.RawBody = []byte("{}")
		return nil
	}
	if _, refused := canonical(in.RawBody); refused != nil {
		return malformed.problem("the body "+refused.Error(),
			fieldError{Pointer: refused.pointer, Detail: refused.reason})
	}
	return nil
}

// read answers an operation that changes nothing.
func (a *api) read(ctx context.Context, in *performInput) (*rawOutput, error) {
	outcome, fuel, err := a.settings.Accounts.Read(ctx, in.Provider,
		account.Operation{Operation: in.Operation, Input: in.RawBody, Cursor: in.Cursor})
	if err != nil {
		return nil, problemOf(err, "")
	}
	reading := Reading{Output: asJSON(outcome.GetOutput()), NextCursor: outcome.GetCursor(), Fuel: fuel}
	if len(reading.Output) == 0 {
		reading.Output = json.RawMessage("null")
	}
	return &rawOutput{Status: http.StatusOK, ContentType: "application/json", Body: encoded(reading)}, nil
}

// answerRun answers a performance, or the repetition of one.
func (a *api) answerRun(ctx context.Context, asking string, receipt attempt.Receipt[operation.Run],
	key attempt.Key,
) (*rawOutput, error) {
	run, earlier := receipt.Value, receipt.Earlier
	switch {
	case earlier == nil && receipt.Answer != nil:
		return answered(runsPath, run.ID, *receipt.Answer), nil
	case earlier == nil && receipt.Waiting:
		return performed(run, true), nil
	case earlier == nil:
		return a.keep(ctx, asking, run.ID, key, performed(run, false))
	case earlier.Fingerprint != key.Fingerprint:
		return nil, keyReused.problem("send the body of the first request again, or take a new key").about(
			string(earlier.Owner))
	case receipt.Waiting:
		return nil, inFlight.problem("ask again in a moment, or get the run by its id").about(run.ID)
	}
	out := performed(run, false)
	out.Replayed = "true"
	if earlier.Status != 0 {
		out.Status, out.Body = earlier.Status, earlier.Body
		return out, nil
	}
	return a.keep(ctx, asking, run.ID, key, out)
}

func performed(run operation.Run, waiting bool) *rawOutput {
	status := http.StatusCreated
	if waiting {
		status = http.StatusAccepted
	}
	return answered(runsPath, run.ID, attempt.Answer{Status: status, Body: encoded(runOf(run))})
}

// RunAnswer is what a performance is answered that is over.
func RunAnswer(run operation.Run) attempt.Answer {
	out := performed(run, false)
	return attempt.Answer{Status: out.Status, Body: out.Body}
}

type runInput struct {
	ID string `path:"id" maxLength:"64" example:"op_01jd3x6v7q8r9s0t1v2w3x4y5z"`
}

type runOutput struct {
	Body Run
}

// shownRun is the end of every operation on one run.
func shownRun(run operation.Run, id string, err error) (*runOutput, error) {
	if err != nil {
		return nil, problemOf(err, id)
	}
	return &runOutput{Body: runOf(run)}, nil
}

func (a *api) getRun(ctx context.Context, in *runInput) (*runOutput, error) {
	run, err := a.run(ctx, in.ID)
	return shownRun(run, "", err)
}

// run reads a run that the caller reaches.
func (a *api) run(ctx context.Context, id string) (operation.Run, error) {
	run, err := a.settings.Operations.Run(ctx, id)
	if merchant := scopeOf(ctx); err == nil && merchant != "" && run.Merchant != merchant {
		return operation.Run{}, fmt.Errorf("run %s: %w", id, operation.ErrNotFound)
	}
	return run, err
}

type listRunsInput struct {
	Provider  string   `query:"provider"`
	Operation string   `query:"operation"`
	Status    []string `query:"status" enum:"awaiting_approval,processing,succeeded,failed,unknown"`

	Cursor string `query:"cursor" pattern:"^op_[0-9a-z]{26}$" patternDescription:"next_cursor of a page"`

	Limit int `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type listRunsOutput struct {
	Body struct {
		Data       []Run  `json:"data"`
		NextCursor string `json:"next_cursor,omitempty" doc:"Empty on the last page"`
	}
}

func (a *api) listRuns(ctx context.Context, in *listRunsInput) (*listRunsOutput, error) {
	filter := operation.Filter{
		Merchant: scopeOf(ctx), Provider: in.Provider, Operation: in.Operation, Before: in.Cursor, Limit: in.Limit + 1,
	}
	for _, status := range in.Status {
		filter.Status = append(filter.Status, operation.Status(status))
	}
	found, err := a.settings.Operations.Runs(ctx, filter)
	if err != nil {
		return nil, problemOf(err, "")
	}
	out := &listRunsOutput{}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		out.Body.NextCursor = found[in.Limit-1].ID
	}
	out.Body.Data = make([]Run, len(found))
	for i, run := range found {
		out.Body.Data[i] = runOf(run)
	}
	return out, nil
}

func (a *api) runAttempts(ctx context.Context, in *runInput) (*attemptsOutput, error) {
	if _, err := a.run(ctx, in.ID); err != nil {
		return nil, problemOf(err, "")
	}
	found, err := a.settings.Operations.Attempts(ctx, in.ID)
	if err != nil {
		return nil, problemOf(err, "")
	}
	return shownAttempts(found), nil
}

type resolveRunInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Status string `json:"status" enum:"succeeded,failed"`

		Reason string `json:"reason" minLength:"1" maxLength:"1024" doc:"How it is known" example:"Statement of 1 March"`
	}
}

func (a *api) resolveRun(ctx context.Context, in *resolveRunInput) (*runOutput, error) {
	operator := callerOf(ctx).String()
	if _, err := a.run(ctx, in.ID); err != nil {
		return nil, problemOf(err, "")
	}
	run, err := a.settings.Operations.Resolve(ctx, in.ID,
		operation.ManualResolution{
			Operator: operator, Reason: in.Body.Reason,
			Status: operation.Status(in.Body.Status),
		})
	return shownRun(run, in.ID, err)
}

// about names the payment or the run that a problem is about.
func (p *Problem) about(id string) *Problem {
	if strings.HasPrefix(id, "op_") {
		p.OperationID = id
	} else {
		p.PaymentID = id
	}
	return p
}

// isAbsent reports whether an error means that the object does not exist.
func isAbsent(err error) bool {
	for _, absent := range []error{payment.ErrNotFound, operation.ErrNotFound, access.ErrNotFound, webhook.ErrNotFound} {
		if errors.Is(err, absent) {
			return true
		}
	}
	return false
}
