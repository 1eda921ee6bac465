package api

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"payrouter/host/access"
	"payrouter/host/api/pluginview"
	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/certificate"
	"payrouter/host/invalid"
	"payrouter/host/live"
	"payrouter/host/operation"
	"payrouter/host/origin"
	"payrouter/host/payment"
	"payrouter/host/plugin"
	"payrouter/host/plugin/oci"
	"payrouter/host/plugin/signature"
	"payrouter/host/routing"
	"payrouter/host/store"
	"payrouter/host/wasm"
	"payrouter/host/webhook"
)

// Problem is an error as RFC 9457 has it. Its type is stable: callers may decide on it.
type Problem struct { //nolint:errname // RFC 9457 calls it a problem
	Type   string `json:"type" example:"urn:payrouter:problem:invalid-request"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail,omitempty"`
	// Errors name each member at fault.
	Errors []fieldError `json:"errors,omitempty"`
	// PaymentID is set where a payment exists.
	PaymentID string `json:"payment_id,omitempty"`
	// OperationID is set where a run exists.
	OperationID string           `json:"operation_id,omitempty"`
	Failure     *attempt.Failure `json:"failure,omitempty"`
	Decision    *Decision        `json:"decision,omitempty"`
	// Problems are the mistakes in a routing file.
	Problems []ConfigProblem `json:"problems,omitempty"`
	// Plugin is how far a module came that was refused.
	Plugin *pluginview.PluginInstall `json:"plugin,omitempty"`

	retryAfter int
}

// fieldError is a mistake in one member of the body or one parameter.
type fieldError struct {
	Pointer   string `json:"pointer,omitempty" doc:"JSON pointer into the body" example:"/amount"`
	Parameter string `json:"parameter,omitempty" doc:"Header, query or path parameter" example:"header Idempotency-Key"`
	Detail    string `json:"detail"`
}

// Error is the problem's detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status, for huma.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType is RFC 9457's, for huma.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders are the headers that go with it, for huma.
func (p *Problem) GetHeaders() http.Header {
	headers := http.Header{}
	if p.retryAfter > 0 {
		headers.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	if p.Status == http.StatusUnauthorized {
		headers.Set("WWW-Authenticate", `Bearer realm="payrouter"`)
	}
	return headers
}

// problemKind is a row of the table: what an error is to a caller.
type problemKind struct {
	name       string
	status     int
	title      string
	retryAfter int
}

// The problems that no error of the engine stands behind.
//
//nolint:gochecknoglobals // a lookup table
var (
	malformed      = problemKind{"malformed-request", http.StatusBadRequest, "The request cannot be read", 0}
	invalidRequest = problemKind{"invalid-request", http.StatusUnprocessableEntity, "The request is not valid", 0}
	keyMissing     = problemKind{
		"idempotency-key-missing", http.StatusBadRequest,
		"The request needs an Idempotency-Key", 0,
	}
	keyReused = problemKind{
		"idempotency-key-reused", http.StatusUnprocessableEntity,
		"The Idempotency-Key was used with another request", 0,
	}
	inFlight = problemKind{
		"in-flight", http.StatusConflict,
		"The first request with this Idempotency-Key is still under way", 1,
	}
	tooLarge = problemKind{
		"body-too-large", http.StatusRequestEntityTooLarge, "The request's body is too large",
		0,
	}
	tooSlow = problemKind{
		"body-too-slow", http.StatusRequestTimeout, "The request's body did not come in time",
		1,
	}
	unknownMedia = problemKind{
		"unsupported-media-type", http.StatusUnsupportedMediaType,
		"The request's body is not JSON", 0,
	}
	unknownPath  = problemKind{"unknown-path", http.StatusNotFound, "There is no such path", 0}
	wrongMethod  = problemKind{"wrong-method", http.StatusMethodNotAllowed, "The path does not take this method", 0}
	unauthorized = problemKind{"unauthorized", http.StatusUnauthorized, "The request needs a valid API key", 0}
	forbidden    = problemKind{"forbidden", http.StatusForbidden, "The API key may not do this", 0}
	unsupported  = problemKind{"unsupported", http.StatusUnprocessableEntity, "The account does not support this", 0}
	notAllowed   = problemKind{"not-allowed", http.StatusForbidden, "No rule allows this", 0}
	noRoute      = problemKind{"no-route", http.StatusUnprocessableEntity, "No provider can take this payment", 0}
	noRouteNow   = problemKind{
		"no-route-now", http.StatusServiceUnavailable,
		"No provider can take this payment now", 10,
	}
	unconditional = problemKind{"if-match-missing", http.StatusPreconditionRequired, "The request needs If-Match", 0}
	configInvalid = problemKind{"config-invalid", http.StatusUnprocessableEntity, "The configuration cannot serve", 0}
	pluginRefused = problemKind{
		"plugin-refused", http.StatusUnprocessableEntity,
		"The module is not a plugin of this router", 0,
	}
	declined = problemKind{
		"provider-declined", http.StatusUnprocessableEntity,
		"The provider declined the operation", 0,
	}
	internalProblem = problemKind{"internal", http.StatusInternalServerError, "Internal error", 0}
)

// problems maps the engine's errors. The first that an error is decides; any other is an internal error, of which the
// caller learns nothing.
//
//nolint:gochecknoglobals // a lookup table
var problems = []struct {
	is error
	problemKind
}{
	{payment.ErrNotFound, problemKind{"not-found", http.StatusNotFound, "There is no such payment", 0}},
	{payment.ErrState, problemKind{"wrong-status", http.StatusConflict, "The payment's status does not allow it", 0}},
	{
		attempt.ErrUnsupported,
		problemKind{"not-supported", http.StatusConflict, "The payment's provider does not support it", 0},
	},
	{
		attempt.ErrUnanswered,
		problemKind{"provider-unanswered", http.StatusBadGateway, "The provider gave no readable answer", 5},
	},
	{
		attempt.ErrUnavailable,
		problemKind{"provider-unavailable", http.StatusServiceUnavailable, "The provider cannot be asked now", 5},
	},
	{payment.ErrNoAccount, problemKind{"provider-unknown", http.StatusNotFound, "There is no such provider", 0}},
	{
		payment.ErrAccountNotHeld,
		problemKind{"provider-not-held", http.StatusConflict, "The provider is neither paused nor suspended", 0},
	},
	{attempt.ErrNoOperation, problemKind{"operation-unknown", http.StatusNotFound, "There is no such operation", 0}},
	{approval.ErrOwn, problemKind{"own-payment", http.StatusForbidden, "The author may not decide on the approval", 0}},
	{
		operation.ErrNotFound,
		problemKind{"run-not-found", http.StatusNotFound, "There is no such run of an operation", 0},
	},
	{
		operation.ErrState,
		problemKind{"run-wrong-status", http.StatusConflict, "The run's status does not allow it", 0},
	},
	{access.ErrNotFound, problemKind{"key-not-found", http.StatusNotFound, "There is no such API key", 0}},
	{access.ErrInvalid, invalidRequest},
	{access.ErrForbidden, forbidden},
	{access.ErrCaller, unauthorized},
	{access.ErrEnded, problemKind{"key-ended", http.StatusConflict, "The API key is revoked or expired", 0}},
	{payment.ErrStale, problemKind{"changed-meanwhile", http.StatusConflict, "The payment changed meanwhile", 1}},
	{
		payment.ErrKeyExpired,
		problemKind{
			"idempotency-key-expired", http.StatusUnprocessableEntity,
			"The Idempotency-Key was used before, and its answer is forgotten", 0,
		},
	},
	{
		attempt.ErrHeld,
		problemKind{
			"journal-held", http.StatusServiceUnavailable,
			"The journal is held, so nothing is sent that may move money", 60,
		},
	},
	{store.ErrNotHeld, problemKind{"journal-not-held", http.StatusConflict, "The journal is not held", 0}},
	{
		attempt.ErrJournal,
		problemKind{
			"journal-unavailable", http.StatusServiceUnavailable,
			"Payments cannot be recorded now, so none is taken", 5,
		},
	},
	{
		attempt.ErrExhausted,
		problemKind{
			"out-of-resources", http.StatusServiceUnavailable,
			"This router is out of files, sockets or memory, so no payment is taken", 5,
		},
	},
	{
		attempt.ErrShuttingDown,
		problemKind{"shutting-down", http.StatusServiceUnavailable, "This router is shutting down", 1},
	},
	{
		webhook.ErrNotFound,
		problemKind{"webhook-not-found", http.StatusNotFound, "There is no such webhook endpoint or event", 0},
	},
	{webhook.ErrDisabled, problemKind{"webhook-disabled", http.StatusConflict, "The webhook endpoint is disabled", 0}},
	{
		webhook.ErrTooMany,
		problemKind{
			"webhook-too-many", http.StatusConflict, "The merchant has as many webhook endpoints as it may",
			0,
		},
	},
	{
		live.ErrChanged,
		problemKind{"config-changed", http.StatusPreconditionFailed, "The configuration is another one by now", 0},
	},
	{
		live.ErrUnknownVersion,
		problemKind{
			"config-version-unknown", http.StatusNotFound, "No such version of the configuration is remembered",
			0,
		},
	},
	{
		live.ErrNotWritable,
		problemKind{"config-not-writable", http.StatusConflict, "The routing file cannot be written", 0},
	},
	{plugin.ErrUnknown, problemKind{"plugin-unknown", http.StatusNotFound, "There is no such plugin", 0}},
	{
		oci.ErrReference,
		problemKind{"plugin-reference", http.StatusUnprocessableEntity, "The reference names no module by its digest", 0},
	},
	{
		oci.ErrNotConfigured,
		problemKind{"registry-not-configured", http.StatusUnprocessableEntity, "The registry cannot be asked", 0},
	},
	{
		oci.ErrArtifact,
		problemKind{"plugin-artifact", http.StatusUnprocessableEntity, "The registry has no module there", 0},
	},
	{
		oci.ErrUnavailable,
		problemKind{"registry-unavailable", http.StatusBadGateway, "The registry did not serve the module", 0},
	},
	{
		signature.ErrUnsigned,
		problemKind{"plugin-unsigned", http.StatusUnprocessableEntity, "The module is not signed", 0},
	},
	{
		signature.ErrUntrusted,
		problemKind{
			"plugin-untrusted-key", http.StatusUnprocessableEntity,
			"The module is signed with a key that is not trusted", 0,
		},
	},
	{
		signature.ErrSignatureInvalid,
		problemKind{"plugin-signature-invalid", http.StatusUnprocessableEntity, "The module's signature is invalid", 0},
	},
	{
		signature.ErrStatement,
		problemKind{
			"plugin-signed-otherwise", http.StatusUnprocessableEntity, "The module is signed as something else",
			0,
		},
	},
	{
		wasm.ErrImport,
		problemKind{
			"plugin-import", http.StatusUnprocessableEntity,
			"The module imports what the router does not offer", 0,
		},
	},
	{
		wasm.ErrVersion,
		problemKind{
			"plugin-abi-version", http.StatusUnprocessableEntity,
			"The module speaks another version of the contract", 0,
		},
	},
	{
		plugin.ErrManifest,
		problemKind{"plugin-manifest", http.StatusUnprocessableEntity, "The plugin's manifest is not in order", 0},
	},
	{plugin.ErrName, problemKind{"plugin-name", http.StatusUnprocessableEntity, "The module is another plugin", 0}},
	{plugin.ErrOlder, problemKind{"plugin-older", http.StatusConflict, "A newer version has served", 0}},
	{
		plugin.ErrRefused,
		problemKind{"plugin-refused-before", http.StatusConflict, "The same module was refused before", 0},
	},
	{
		plugin.ErrDecision,
		problemKind{"plugin-undecided", http.StatusConflict, "What was decided on the plugin cannot be read", 0},
	},
	{
		plugin.ErrSecrets,
		problemKind{"plugin-secrets-changed", http.StatusConflict, "The plugin names other secrets", 0},
	},
	{plugin.ErrHosts, problemKind{"plugin-new-hosts", http.StatusConflict, "The plugin names new hosts", 0}},
	{
		plugin.ErrLoosened,
		problemKind{
			"plugin-loosened", http.StatusConflict, "The plugin's manifest lets the router do what it may not do now", 0,
		},
	},
	{
		plugin.ErrPinned,
		problemKind{"plugin-not-pinned", http.StatusConflict, "The configuration pins another digest", 0},
	},
	{
		plugin.ErrShadow,
		problemKind{"plugin-differs", http.StatusConflict, "The plugin would do otherwise with recorded payments", 0},
	},
	{
		plugin.ErrUnproven,
		problemKind{"plugin-unproven", http.StatusConflict, "There is no recorded payment to compare the plugin by", 0},
	},
	{
		plugin.ErrSlow,
		problemKind{"plugin-slow", http.StatusUnprocessableEntity, "The module takes too long", 0},
	},
	{
		plugin.ErrCheck,
		problemKind{"plugin-check", http.StatusUnprocessableEntity, "The module does not pass its check", 0},
	},
	{
		plugin.ErrIncompatible,
		problemKind{"plugin-incompatible", http.StatusConflict, "The configuration cannot work with it", 0},
	},
	{plugin.ErrNothingKept, problemKind{"plugin-nothing-kept", http.StatusConflict, "No such generation is kept", 0}},
	{
		plugin.ErrQuarantine,
		problemKind{"plugin-quarantine", http.StatusConflict, "The module is in quarantine", 0},
	},
	{
		plugin.ErrNoQuarantine,
		problemKind{"plugin-not-in-quarantine", http.StatusConflict, "No such module is in quarantine", 0},
	},
	{
		plugin.ErrCanary,
		problemKind{"plugin-canary", http.StatusConflict, "A canary stands in the way, or there is none", 0},
	},
	{
		origin.ErrCrossOrigin,
		problemKind{"cross-origin", http.StatusForbidden, "Web pages of other origins may not use the router", 0},
	},
	{
		origin.ErrHost,
		problemKind{
			"wrong-host", http.StatusMisdirectedRequest,
			"Without API keys the router answers to localhost and to IP addresses only", 0,
		},
	},
	{
		certificate.ErrClient,
		problemKind{
			"client-certificate-refused", http.StatusForbidden,
			"The listener needs a client certificate of its authorities", 0,
		},
	},
	{wasm.ErrClosed, problemKind{"plugins-closed", http.StatusServiceUnavailable, "This router is shutting down", 1}},
	{context.DeadlineExceeded, problemKind{"timeout", http.StatusServiceUnavailable, "The request took too long", 1}},
	{context.Canceled, problemKind{"canceled", http.StatusServiceUnavailable, "The request was given up", 0}},
}

// problemPrefix stands before each problem's name.
const problemPrefix = "urn:payrouter:problem:"

// mostErrors is how many members at fault a problem names: the answer would be longer than the request otherwise.
const mostErrors = 32

func (k problemKind) problem(detail string, errs ...fieldError) *Problem {
	errs = errs[:min(len(errs), mostErrors)]
	return &Problem{
		Type: problemPrefix + k.name, Title: k.title, Status: k.status, Detail: detail, Errors: errs,
		retryAfter: k.retryAfter,
	}
}

// problemOf is what a caller learns of an error. id is the payment's or the run's that it is about; it may be empty.
func problemOf(err error, id string) *Problem {
	p := classify(err)
	if !isAbsent(err) {
		return p.about(id)
	}
	return p
}

func classify(err error) *Problem {
	if already, ok := errors.AsType[*Problem](err); ok {
		return already
	}
	if route, ok := errors.AsType[*payment.NoRouteError](err); ok {
		return noRouteProblem(route)
	}
	if refused, ok := errors.AsType[*attempt.DeclinedError](err); ok {
		p := declined.problem(refused.Failure.Message)
		p.Failure = refused.Failure
		return p
	}
	if refused, ok := errors.AsType[*plugin.RefusedError](err); ok {
		return refusedPlugin(refused)
	}
	if broken, ok := errors.AsType[*live.InvalidError](err); ok {
		p := configInvalid.problem("the configuration has mistakes; nothing was changed")
		p.Problems = configProblems(broken.Problems)
		return p
	}
	if fields := invalidFields(err); len(fields) > 0 {
		return invalidRequest.problem(cmp.Or(fields[0].Pointer, "the body")+" "+fields[0].Detail, fields...)
	}
	kind, known := kindOfError(err)
	switch {
	case !known:
		return internalProblem.problem("")
	case isAbsent(err):
		// Another merchant's is refused in the same words as what is not there.
		return kind.problem("the API key reaches nothing of this id")
	}
	return kind.problem(err.Error())
}

func kindOfError(err error) (problemKind, bool) {
	for _, row := range problems {
		if errors.Is(err, row.is) {
			return row.problemKind, true
		}
	}
	return problemKind{}, false
}

// refusedPlugin is what an operator learns of a change of plugins that was refused: all of it.
func refusedPlugin(refused *plugin.RefusedError) *Problem {
	kind, known := kindOfError(refused)
	switch {
	case !known && refused.Step == plugin.StepKeep:
		return internalProblem.problem("the module could not be written to the data folder; nothing was changed")
	case !known:
		kind = pluginRefused
	}
	p := kind.problem(refused.Error())
	if broken, ok := errors.AsType[*live.InvalidError](refused); ok {
		p.Problems = configProblems(broken.Problems)
	}
	return p
}

func noRouteProblem(route *payment.NoRouteError) *Problem {
	kind := noRoute
	var fields []fieldError
	switch {
	case len(route.Missing) > 0:
		kind = invalidRequest
		for _, field := range route.Missing {
			fields = append(fields,
				fieldError{Pointer: field, Detail: "is missing: the provider that takes such a payment needs it"})
		}
	case route.TooFine != nil:
		kind = invalidRequest
		fields = append(fields, fieldError{Pointer: route.TooFine.Field, Detail: route.TooFine.Reason})
	case route.Decision.Outcome == routing.UnknownProvider:
		kind = invalidRequest
		fields = append(fields, fieldError{Pointer: "/provider", Detail: route.Decision.Reason})
	case route.Decision.Outcome == routing.NotAllowed:
		kind = notAllowed
	case route.Decision.Outcome == routing.Unavailable:
		kind = noRouteNow
	}
	p := kind.problem(route.Error(), fields...)
	decision := decisionOf(route.Decision.Outcome, route.Decision.Rule, route.Decision.Order())
	p.Decision = &decision
	return p
}

// invalidFields collects every *invalid.Error that an error joins.
func invalidFields(err error) []fieldError {
	if one, ok := err.(*invalid.Error); ok { //nolint:errorlint // the walk below unwraps
		return []fieldError{{Pointer: one.Field, Detail: one.Reason}}
	}
	var fields []fieldError
	switch wrapped := err.(type) { //nolint:errorlint // the walk itself
	case interface{ Unwrap() []error }:
		for _, inner := range wrapped.Unwrap() {
			fields = append(fields, invalidFields(inner)...)
		}
	case interface{ Unwrap() error }:
		return invalidFields(wrapped.Unwrap())
	}
	return fields
}

// asProblem turns huma's own errors (validation, parsing) into problems; it is a huma.Transformer.
func asProblem(ctx huma.Context, _ string, value any) (any, error) {
	model, ok := value.(*huma.ErrorModel)
	if !ok {
		return value, nil
	}
	kind := kindOf(model.Status)
	p := kind.problem(model.Detail)
	p.Status = model.Status
	for name, values := range p.GetHeaders() {
		ctx.SetHeader(name, values[0])
	}
	for _, detail := range model.Errors[:min(len(model.Errors), mostErrors)] {
		p.Errors = append(p.Errors, fieldOf(model.Status, detail))
	}
	if len(p.Errors) > 0 {
		first := p.Errors[0]
		p.Detail = strings.TrimSpace(cmp.Or(first.Pointer, first.Parameter, "the body") + " " + first.Detail)
	}
	return p, nil
}

// kindOf is what huma means by a status.
func kindOf(status int) problemKind {
	for _, kind := range []problemKind{invalidRequest, tooLarge, tooSlow, unknownMedia} {
		if kind.status == status {
			return kind
		}
	}
	if status >= http.StatusInternalServerError {
		return internalProblem
	}
	return malformed
}

// writeProblem answers where huma is not at work.
func writeProblem(w http.ResponseWriter, p *Problem) {
	maps.Copy(w.Header(), p.GetHeaders())
	w.Header().Set("Content-Type", p.ContentType(""))
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p)
}

// Refuse answers a request that an error stands against before it reaches the API.
func Refuse(w http.ResponseWriter, _ *http.Request, err error) { writeProblem(w, problemOf(err, "")) }

// Missing answers a request for a path that a listener does not have, as the API answers for one that it has not.
func Missing(w http.ResponseWriter, r *http.Request) {
	writeProblem(w, unknownPath.problem("there is nothing at "+r.URL.Path))
}

// fieldOf reads huma's locations: "body.payer.email", "query.limit".
func fieldOf(status int, detail *huma.ErrorDetail) fieldError {
	in, path, _ := strings.Cut(detail.Location, ".")
	if in != "body" {
		return fieldError{Parameter: strings.TrimSpace(in + " " + path), Detail: detail.Message}
	}
	// For a body that cannot be read, huma gives no location but the body as the value.
	if text, whole := detail.Value.(string); whole && status == http.StatusBadRequest {
		if _, refused := canonical([]byte(text)); refused != nil {
			return fieldError{Pointer: refused.pointer, Detail: refused.reason}
		}
	}
	pointer := ""
	if path != "" {
		pointer = "/" + strings.NewReplacer("[", "/", "]", "", ".", "/").Replace(path)
	}
	var missing string
	if _, err := fmt.Sscanf(detail.Message, validation.MsgExpectedRequiredProperty, &missing); err == nil {
		return fieldError{Pointer: pointer + "/" + missing, Detail: "is required"}
	}
	return fieldError{Pointer: pointer, Detail: detail.Message}
}
