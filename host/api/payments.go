package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	abi "payrouter/abi/v1"
	"payrouter/host/access"
	"payrouter/host/attempt"
	"payrouter/host/payment"
)

const paymentsPath = "/v1/payments"

// register declares every operation.
func (a *api) register(described huma.API) {
	described.UseMiddleware(a.authorize, judgeLength, strictly, a.awaitBody)
	registry := described.OpenAPI().Components.Schemas

	create := a.endpoint("create-payment", http.MethodPost, paymentsPath, "Take a payment",
		"Routes the payment to a provider and waits for its first settled step, 30 s by default. A payment that the "+
			"provider declines is a 201 with status failed: it exists, and failure has the reason.")
	create.DefaultStatus = http.StatusCreated
	answers(&create, registry, Payment{}, "application/json", http.StatusCreated, http.StatusAccepted)
	refuses(&create, registry, http.StatusBadRequest, http.StatusConflict, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType,
		http.StatusUnprocessableEntity, http.StatusServiceUnavailable)
	huma.Register(described, create, a.create)

	list := a.endpoint("list-payments", http.MethodGet, paymentsPath, "List payments", "Newest first.")
	refuses(&list, registry, http.StatusUnprocessableEntity)
	huma.Register(described, list, a.list)

	get := a.endpoint("get-payment", http.MethodGet, paymentsPath+"/{id}", "Get a payment", "")
	refuses(&get, registry, http.StatusNotFound)
	huma.Register(described, get, a.get)

	decision := a.endpoint("get-decision", http.MethodGet, paymentsPath+"/{id}/decision",
		"Say why a payment went where it went", "The rules that were tried, and the providers in their order.")
	refuses(&decision, registry, http.StatusNotFound)
	huma.Register(described, decision, a.decision)

	update := a.endpoint("update-payment", http.MethodPatch, paymentsPath+"/{id}", "Edit a payment",
		"Reference and metadata are the router's; description and return URL are changed at the provider too, where "+
			"it can.")
	refuses(&update, registry, http.StatusBadRequest, http.StatusNotFound, http.StatusConflict,
		http.StatusUnprocessableEntity, http.StatusBadGateway,
		http.StatusServiceUnavailable)
	huma.Register(described, update, a.update)

	cancel := a.endpoint("cancel-payment", http.MethodPost, paymentsPath+"/{id}/cancel",
		"Cancel a payment at its provider", "")
	refuses(&cancel, registry, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity,
		http.StatusBadGateway, http.StatusServiceUnavailable)
	huma.Register(described, cancel, a.cancel)

	confirm := a.endpoint("confirm-payment", http.MethodPost, paymentsPath+"/{id}/confirm",
		"Move a payment on at the merchant's word",
		"Where the provider knows such a thing: marks an exchange order as paid, redeems a paid invoice. An operation "+
			"or input of the caller's choice takes the right operations:run too. One that needs approval is a 202: its "+
			"approval is awaited, and nothing was sent.")
	answers(&confirm, registry, Payment{}, "application/json", http.StatusOK, http.StatusAccepted)
	refuses(&confirm, registry, http.StatusBadRequest, http.StatusNotFound, http.StatusConflict,
		http.StatusUnprocessableEntity,
		http.StatusServiceUnavailable)
	huma.Register(described, confirm, a.confirm)

	refresh := a.endpoint("refresh-payment", http.MethodPost, paymentsPath+"/{id}/refresh",
		"Ask the provider where a payment stands", "")
	refuses(&refresh, registry, http.StatusNotFound, http.StatusConflict, http.StatusBadGateway,
		http.StatusServiceUnavailable)
	huma.Register(described, refresh, a.refresh)

	attempts := a.endpoint("list-attempts", http.MethodGet, paymentsPath+"/{id}/attempts", "List a payment's attempts",
		"Each is one request to a provider, with secrets masked.")
	refuses(&attempts, registry, http.StatusNotFound)
	huma.Register(described, attempts, a.attempts)

	a.registerEvents(described)
	a.registerResolve(described)
	a.registerApprovals(described)
	a.registerWebhooks(described)
	a.registerConfig(described)
	a.registerJournal(described)
	a.registerPlugins(described)
	a.registerRecordings(described)

	explain := a.endpoint("explain-route", http.MethodPost, "/v1/routes/explain",
		"Say where a payment would go, and why", "Makes no payment.")
	refuses(&explain, registry, http.StatusBadRequest, http.StatusUnprocessableEntity)
	huma.Register(described, explain, a.explain)

	a.registerDiff(described)
	a.registerAccounts(described)
	a.registerOperations(described)

	providers := a.endpoint("list-providers", http.MethodGet, "/v1/providers", "List the configured providers", "")
	refuses(&providers, registry)
	huma.Register(described, providers, a.providers)
	a.registerResume(described)
	a.registerKeys(described)
	a.registerActs(described)

	// huma puts its own error beside ours, which nothing answers with.
	delete(registry.Map(), "ErrorModel")
	delete(registry.Map(), "ErrorDetail")
}

func (a *api) endpoint(id, method, path, summary, description string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: path, Summary: summary, Description: description,
		Security:     security(id),
		MaxBodyBytes: a.settings.MaxBody, Responses: map[string]*huma.Response{},
		BodyReadTimeout: -1, // the server that the API is part of limits it: package inbound
	}
}

// answers describes statuses with one kind of body.
func answers(operation *huma.Operation, registry huma.Registry, body any, contentType string, statuses ...int) {
	schema := registry.Schema(reflect.TypeOf(body), true, "")
	for _, status := range statuses {
		operation.Responses[strconv.Itoa(status)] = &huma.Response{
			Description: http.StatusText(status), Content: map[string]*huma.MediaType{contentType: {Schema: schema}},
		}
	}
}

// refuses describes the problems that callers have to reckon with; others are under "default".
func refuses(operation *huma.Operation, registry huma.Registry, statuses ...int) {
	const problemJSON = "application/problem+json"
	statuses = append(statuses, http.StatusUnauthorized)
	if slices.ContainsFunc(needs[operation.OperationID], func(all []access.Right) bool { return len(all) > 0 }) {
		statuses = append(statuses, http.StatusForbidden)
	}
	answers(operation, registry, Problem{}, problemJSON, statuses...)
	operation.Responses["default"] = &huma.Response{
		Description: "Any other problem",
		Content: map[string]*huma.MediaType{problemJSON: {Schema: registry.Schema(reflect.TypeFor[Problem](), true,
			"")}},
	}
}

type createInput struct {
	Key string `header:"Idempotency-Key" doc:"One per payment; at most 255 characters" example:"order-1001-try-1"`

	Prefer  string `header:"Prefer" doc:"respond-async answers 202 at once (RFC 7240)"`
	RawBody []byte
	Body    orderBody
}

type rawOutput struct {
	Status      int
	ContentType string `header:"Content-Type"`
	Location    string `header:"Location"`
	Replayed    string `header:"Idempotency-Replayed"`
	Body        []byte
}

func (a *api) create(ctx context.Context, in *createInput) (*rawOutput, error) {
	key, err := keyFor(in.Key, paymentsPath, in.RawBody)
	if err != nil {
		return nil, err
	}
	order := in.Body.order()
	if err := mayCreate(ctx, order); err != nil {
		return nil, err
	}
	if err := a.engine.Fleet().Check(order, a.settings.Now()); err != nil {
		return nil, problemOf(err, "")
	}
	receipt, err := a.engine.Create(ctx, authorOf(ctx), key, order, a.waitTimeout(in.Prefer))
	if err != nil {
		return nil, problemOf(err, receipt.Value.ID)
	}
	if receipt.Earlier != nil {
		return a.repeat(ctx, receipt, key)
	}
	if receipt.Answer != nil {
		return answered(paymentsPath, receipt.Value.ID, *receipt.Answer), nil
	}
	out := created(receipt.Value, receipt.Waiting)
	if receipt.Waiting {
		return out, nil
	}
	return a.keep(ctx, receipt.Value.Merchant, receipt.Value.ID, key, out)
}

// mayCreate refuses an order that the caller's key may not place.
func mayCreate(ctx context.Context, order payment.Order) error {
	rights := []access.Right{access.CreateRight(string(order.Kind))}
	if order.Pinned != "" {
		rights = append(rights, access.Pin)
	}
	return refuseWithout(ctx, rights...)
}

// keep stores an answer for repetitions, and gives the one that stands: what was answered first. id is the payment's,
// or the run's.
func (a *api) keep(ctx context.Context, merchant, id string, key attempt.Key, out *rawOutput) (*rawOutput, error) {
	key.Merchant, key.Owner, key.Status, key.Body = merchant, attempt.OwnerID(id), out.Status, out.Body
	standing, err := a.engine.Answer(ctx, key)
	if errors.Is(err, payment.ErrNotFound) {
		return out, nil // the key was forgotten meanwhile, and there will be no repetition
	}
	if err != nil {
		// An answer that cannot be stored is not sent: a repetition would get another.
		return nil, problemOf(err, id)
	}
	out.Status, out.Body = standing.Status, standing.Body
	return out, nil
}

// keyFor reads a request's key.
func keyFor(header, path string, raw []byte) (attempt.Key, error) {
	value, err := idempotencyKey(header)
	if err != nil {
		field := fieldError{Parameter: "header " + keyHeader, Detail: err.Error()}
		return attempt.Key{}, keyMissing.problem(field.Parameter+" "+field.Detail, field)
	}
	body, refused := canonical(raw)
	if refused != nil {
		return attempt.Key{},
			malformed.problem("the body "+refused.Error(), fieldError{Pointer: refused.pointer, Detail: refused.reason})
	}
	return attempt.Key{Value: value, Fingerprint: fingerprint(http.MethodPost, path, body)}, nil
}

func (a *api) waitTimeout(prefer string) time.Duration {
	for preference := range strings.SplitSeq(prefer, ",") {
		if strings.EqualFold(strings.TrimSpace(preference), "respond-async") {
			return 0
		}
	}
	return a.settings.WaitTimeout
}

// repeat answers a key that was used before.
func (a *api) repeat(ctx context.Context, receipt attempt.Receipt[payment.Payment],
	key attempt.Key,
) (*rawOutput, error) {
	earlier := receipt.Earlier
	if earlier.Fingerprint != key.Fingerprint {
		return nil, keyReused.problem("send the body of the first request again, or take a new key").about(
			string(earlier.Owner))
	}
	if receipt.Waiting {
		p := inFlight.problem("ask again in a moment, or get the payment by its id")
		p.PaymentID = receipt.Value.ID
		return nil, p
	}
	out := created(receipt.Value, false)
	out.Replayed = "true"
	if earlier.Status != 0 {
		out.Status, out.Body = earlier.Status, earlier.Body
		return out, nil
	}
	return a.keep(ctx, receipt.Value.Merchant, receipt.Value.ID, key, out)
}

func created(p payment.Payment, waiting bool) *rawOutput {
	status := http.StatusCreated
	if waiting {
		status = http.StatusAccepted
	}
	return answered(paymentsPath, p.ID, attempt.Answer{Status: status, Body: encoded(viewOf(p))})
}

// encoded is a view as JSON: strings, numbers, times and JSON that was looked at, which cannot fail.
func encoded(view any) []byte {
	var body bytes.Buffer
	encoder := json.NewEncoder(&body)
	encoder.SetEscapeHTML(false)
	_ = encoder.Encode(view) //nolint:errchkjson // see above
	return body.Bytes()
}

// answered is the answer about what stands at an id below a path.
func answered(path, id string, answer attempt.Answer) *rawOutput {
	return &rawOutput{
		Status: answer.Status, ContentType: "application/json", Location: path + "/" + id, Body: answer.Body,
	}
}

// Answer is what a create is answered whose payment has come to its first settled step.
func Answer(p payment.Payment) attempt.Answer {
	out := created(p, false)
	return attempt.Answer{Status: out.Status, Body: out.Body}
}

type idInput struct {
	ID string `path:"id" maxLength:"64" example:"pay_01jd3x6v7q8r9s0t1v2w3x4y5z"`
}

type paymentOutput struct {
	Body Payment
}

// shown is the end of every operation on one payment.
func shown(p payment.Payment, id string, err error) (*paymentOutput, error) {
	if err != nil {
		return nil, problemOf(err, id)
	}
	return &paymentOutput{Body: viewOf(p)}, nil
}

func (a *api) get(ctx context.Context, in *idInput) (*paymentOutput, error) {
	p, err := a.engine.Payment(ctx, scopeOf(ctx), in.ID)
	return shown(p, "", err)
}

func (a *api) cancel(ctx context.Context, in *idInput) (*paymentOutput, error) {
	p, err := a.engine.Cancel(ctx, scopeOf(ctx), in.ID)
	return shown(p, in.ID, err)
}

func (a *api) refresh(ctx context.Context, in *idInput) (*paymentOutput, error) {
	p, err := a.engine.Refresh(ctx, scopeOf(ctx), in.ID)
	return shown(p, in.ID, err)
}

type confirmInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body *struct {
		Operation string `json:"operation,omitempty" doc:"A confirm operation; empty for the default" example:"PayInvoice"`

		Input json.RawMessage `json:"input,omitempty" doc:"What that operation takes, a JSON object"`
	}
}

type confirmOutput struct {
	Status int
	Body   Payment
}

func (a *api) confirm(ctx context.Context, in *confirmInput) (*confirmOutput, error) {
	operation, input := "", []byte(nil)
	if in.Body != nil {
		operation, input = in.Body.Operation, in.Body.Input
	}
	if operation != "" || len(input) > 0 {
		if err := a.mayCommand(ctx, in.ID); err != nil {
			return nil, err
		}
	}
	p, err := a.engine.Confirm(ctx, scopeOf(ctx), in.ID, authorOf(ctx), operation, input)
	if err != nil {
		return nil, problemOf(err, in.ID)
	}
	out := &confirmOutput{Status: http.StatusOK, Body: viewOf(p)}
	if p.Confirmation.Awaits() {
		out.Status = http.StatusAccepted
	}
	return out, nil
}

// mayCommand refuses a caller who may not have the account of a payment do what its provider offers. An operation of
// the caller's choice, or an input of its own, can move the account's own money.
func (a *api) mayCommand(ctx context.Context, id string) error {
	if err := refuseWithout(ctx, access.RunOperations); err != nil {
		return err
	}
	p, err := a.engine.Payment(ctx, scopeOf(ctx), id)
	if err != nil {
		return problemOf(err, "")
	}
	return a.requireOwn(ctx, p.Provider, attempt.ErrNoOperation)
}

type updateInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body struct {
		Reference   *string           `json:"reference,omitempty"`
		Metadata    map[string]string `json:"metadata,omitempty" doc:"Replaces the metadata"`
		Description *string           `json:"description,omitempty"`
		ReturnURL   *string           `json:"return_url,omitempty"`
	}
}

func (a *api) update(ctx context.Context, in *updateInput) (*paymentOutput, error) {
	p, err := a.engine.Update(ctx, scopeOf(ctx), in.ID, payment.Edit{
		Reference: in.Body.Reference, Metadata: in.Body.Metadata, Description: in.Body.Description,
		ReturnURL: in.Body.ReturnURL,
	})
	return shown(p, in.ID, err)
}

type listInput struct {
	Status []string `query:"status" enum:"awaiting_approval,created,processing,requires_action,succeeded,failed,canceled,expired,unknown"` //nolint:lll // a tag is one line

	Merchant  string    `query:"merchant" maxLength:"64" doc:"Another than the key's takes the right all-merchants"`
	Provider  string    `query:"provider"`
	Kind      string    `query:"kind" enum:"collect,payout,recharge,transfer"`
	Currency  string    `query:"currency"`
	Reference string    `query:"reference"`
	From      time.Time `query:"created_from" doc:"RFC 3339, included"`
	Until     time.Time `query:"created_until" doc:"RFC 3339, not included"`

	Cursor string `query:"cursor" pattern:"^pay_[0-9a-z]{26}$" patternDescription:"next_cursor of a page"`

	Limit int `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type listOutput struct {
	Body struct {
		Data       []Payment `json:"data" doc:"May have fewer than limit, or none, on any page"`
		NextCursor string    `json:"next_cursor,omitempty" doc:"Empty on the last page"`
	}
}

func (a *api) list(ctx context.Context, in *listInput) (*listOutput, error) {
	merchant := scopeOf(ctx)
	if merchant == "" {
		merchant = in.Merchant
	} else if in.Merchant != "" && in.Merchant != merchant {
		return nil, lacking([]access.Right{access.AllMerchants})
	}
	filter := payment.Filter{
		Merchant: merchant, Provider: in.Provider, Kind: payment.Kind(in.Kind), Currency: in.Currency,
		Reference: in.Reference,
		From:      in.From, Until: in.Until, Before: in.Cursor, Limit: in.Limit,
	}
	for _, status := range in.Status {
		filter.Status = append(filter.Status, payment.Status(status))
	}
	found, next, err := a.engine.Payments(ctx, filter)
	if err != nil {
		return nil, problemOf(err, "")
	}
	out := &listOutput{}
	out.Body.NextCursor = next
	out.Body.Data = make([]Payment, len(found))
	for i, p := range found {
		out.Body.Data[i] = viewOf(p)
	}
	return out, nil
}

type attemptsOutput struct {
	Body struct {
		Data []Attempt `json:"data"`
	}
}

func (a *api) attempts(ctx context.Context, in *idInput) (*attemptsOutput, error) {
	found, err := a.engine.Attempts(ctx, scopeOf(ctx), in.ID)
	if err != nil {
		return nil, problemOf(err, "")
	}
	return shownAttempts(found), nil
}

func shownAttempts(found []attempt.Attempt) *attemptsOutput {
	out := &attemptsOutput{}
	out.Body.Data = make([]Attempt, len(found))
	for i, attempt := range found {
		out.Body.Data[i] = attemptOf(attempt)
	}
	return out
}

type explainInput struct {
	PaymentID string `query:"payment_id" maxLength:"64" doc:"The id that weighted splits hash; made up if empty"`
	Body      orderBody
}

type explainOutput struct {
	Body struct {
		Decision Decision `json:"decision"`
		Text     string   `json:"text,omitempty" doc:"The whole for people, for keys with the right decisions"`
	}
}

func (a *api) explain(ctx context.Context, in *explainInput) (*explainOutput, error) {
	order := in.Body.order()
	if err := a.engine.Fleet().Check(order, a.settings.Now()); err != nil {
		return nil, problemOf(err, "")
	}
	out := &explainOutput{}
	whole := a.engine.Explain(callerOf(ctx).Merchant, attempt.OwnerID(in.PaymentID), order)
	out.Body.Decision = decisionOf(whole.Outcome, whole.Rule, whole.Order())
	if callerOf(ctx).May(access.Decisions) {
		out.Body.Decision, out.Body.Text = wholeDecision(whole), whole.Explain()
	}
	return out, nil
}

type decisionOutput struct {
	Body struct {
		Decision Decision `json:"decision"`
		Text     string   `json:"text" doc:"The same for people"`
	}
}

func (a *api) decision(ctx context.Context, in *idInput) (*decisionOutput, error) {
	whole, err := a.engine.Decision(ctx, scopeOf(ctx), in.ID)
	if err != nil {
		return nil, problemOf(err, "")
	}
	out := &decisionOutput{}
	out.Body.Decision, out.Body.Text = wholeDecision(whole), whole.Explain()
	return out, nil
}

// Provider is a configured account, as the API shows it.
type Provider struct {
	Name          string   `json:"name"`
	Title         string   `json:"title"`
	Plugin        string   `json:"plugin"`
	PluginVersion string   `json:"plugin_version"`
	Digest        string   `json:"digest"`
	Generation    int64    `json:"generation"`
	Kinds         []string `json:"kinds"`
	Currencies    []string `json:"currencies" doc:"Those of the account's settings where they name them. Empty means any"`

	Acts map[string][]string `json:"acts" doc:"By kind: of cancel, confirm, update, expire what the provider does"`

	Available bool   `json:"available"`
	Reason    string `json:"reason,omitempty" doc:"Why it is not asked now"`
	// Held is left out where nothing holds new payments back but a breaker.
	Held *HeldAccount `json:"held,omitempty" doc:"Set if the account is paused, on trial, suspended or at its rate"`
}

type providersOutput struct {
	Body struct {
		Data []Provider `json:"data"`
	}
}

func (a *api) providers(ctx context.Context, _ *struct{}) (*providersOutput, error) {
	out := &providersOutput{}
	out.Body.Data = []Provider{}
	fleet := a.engine.Fleet()
	for _, account := range fleet.Accounts {
		if !a.uses(ctx, account.Name) {
			continue
		}
		out.Body.Data = append(out.Body.Data, providerOf(account))
	}
	for _, account := range fleet.Out {
		if a.uses(ctx, account.Name) {
			out.Body.Data = append(out.Body.Data, providerOut(account))
		}
	}
	slices.SortFunc(out.Body.Data, func(x, y Provider) int { return strings.Compare(x.Name, y.Name) })
	return out, nil
}

// providerOut is an account that is out of service: what it takes is not known.
func providerOut(account payment.Out) Provider {
	return Provider{
		Name: account.Name, Plugin: account.Plugin, Kinds: []string{}, Currencies: []string{},
		Acts: map[string][]string{}, Reason: account.Reason,
	}
}

func providerOf(account *attempt.Account) Provider {
	serving := account.Plugin("")
	manifest := serving.Manifest()
	p := Provider{
		Name: account.Name, Title: manifest.GetTitle(), Plugin: manifest.GetName(),
		PluginVersion: manifest.GetVersion(),
		Digest:        serving.Digest(), Generation: serving.Number(), Kinds: []string{}, Currencies: []string{},
		Acts: map[string][]string{}, Available: true,
	}
	for _, flow := range account.Flows("") {
		kind := lower(flow.GetKind().String(), "KIND_")
		p.Kinds = append(p.Kinds, kind)
		p.Currencies = append(p.Currencies, flow.GetCurrencies()...)
		p.Acts[kind] = actsOf(flow)
	}
	slices.Sort(p.Currencies)
	p.Currencies = slices.Compact(p.Currencies)
	if err := account.Available(""); err != nil {
		p.Available, p.Reason, p.Held = false, err.Error(), heldOf(err)
	}
	return p
}

// actsOf are the acts on a payment that a provider does.
func actsOf(flow *abi.Flow) []string {
	acts := []string{}
	for _, role := range []abi.Role{abi.Role_ROLE_CANCEL, abi.Role_ROLE_CONFIRM, abi.Role_ROLE_UPDATE} {
		if abi.ActionFor(flow, role, "") != nil {
			acts = append(acts, lower(role.String(), "ROLE_"))
		}
	}
	if flow.GetExpires() {
		acts = append(acts, "expire")
	}
	return acts
}
