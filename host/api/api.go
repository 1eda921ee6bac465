// Package api is the router's HTTP face: it turns requests into calls of the payment engine, and what comes of them
// into answers that the OpenAPI document describes. It decides nothing about payments.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"payrouter/host/access"
	"payrouter/host/account"
	"payrouter/host/attempt"
	"payrouter/host/audit"
	"payrouter/host/live"
	"payrouter/host/operation"
	"payrouter/host/payment"
	"payrouter/host/plugin"
	"payrouter/host/webhook"
)

// Settings of the API. Zero fields take the defaults that they name.
type Settings struct {
	// Keys are the API keys. Nil is a router that never has one: every request is the merchant "default", and may do
	// everything.
	Keys *access.Keys
	// Audit is the log of administrative acts. Nil is none.
	Audit *audit.Log
	// Proxies are the networks of reverse proxies, whose X-Forwarded-For is believed.
	Proxies []netip.Prefix
	// Webhooks are the merchants' endpoints. It has no default.
	Webhooks *webhook.Endpoints
	// Live keeps the configuration. It has no default.
	Live *live.Manager
	// Plugins keeps the plugins. It has no default.
	Plugins *plugin.Registry
	// Modules pulls modules from registries. Nil means that nothing is pulled.
	Modules Modules
	// Operations performs native operations, and Accounts reads what changes nothing. They have no defaults.
	Operations *operation.Service
	Accounts   *account.Reader
	// Quotes asks providers for quotes. It has no default.
	Quotes Surveyor
	// Attempts reads attempts of every merchant from the journal. It has no default.
	Attempts Attempts
	// Journal reports whether the journal is held. Nil means that it is not.
	Journal Journal
	// WaitTimeout is how long a create waits for its first settled step. 0 means the constant WaitTimeout.
	WaitTimeout time.Duration
	// MaxBody is the largest request body, in bytes. 0 means 1 MiB.
	MaxBody int64
	// Ready is nil, or why the router should get no traffic now.
	Ready func() error
	// Warnings are what an operator should look at although the router serves. Nil means none.
	Warnings func() []string
	Version  string
	// Now is the clock. Nil means the system's.
	Now    func() time.Time
	Logger *slog.Logger
}

// WaitTimeout is how long a create waits for its first settled step, if nothing else is set.
const WaitTimeout = 30 * time.Second

// Attempts reads attempts for operators, whichever merchant's they are.
type Attempts interface {
	// Attempt reads one; payment.ErrNotFound where there is none.
	Attempt(ctx context.Context, id attempt.ID) (attempt.Attempt, error)
	// Attempts lists a payment's by number.
	Attempts(ctx context.Context, paymentID string) ([]attempt.Attempt, error)
}

// api is what the handlers share.
type api struct {
	engine   *payment.Engine
	settings Settings
}

// New makes the handler of everything under /v1, /openapi.json, /docs, /healthz and /readyz.
func New(engine *payment.Engine, settings Settings) http.Handler {
	if settings.WaitTimeout == 0 {
		settings.WaitTimeout = WaitTimeout
	}
	if settings.MaxBody == 0 {
		settings.MaxBody = 1 << 20
	}
	if settings.Now == nil {
		settings.Now = time.Now //nolint:forbidigo // the clock's one place
	}
	if settings.Logger == nil {
		settings.Logger = slog.New(slog.DiscardHandler)
	}
	a := &api{engine: engine, settings: settings}
	mux := http.NewServeMux()
	described := humago.New(mux, a.config())
	a.register(described)
	mux.Handle("GET /openapi.json", a.document(described))
	mux.HandleFunc("/", elsewhere(mux))
	mux.Handle("GET /docs/", documentation())
	mux.Handle("GET /docs", http.RedirectHandler("/docs/", http.StatusMovedPermanently))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) {
		writeHealth(w, http.StatusOK, health{Status: "ok"})
	})
	mux.HandleFunc("GET /readyz", a.readyz)
	return a.logged(mux)
}

// strictCasing makes huma take members' names as they are written: "Amount" beside "amount" would be two readings of
// one order. huma has one switch for the whole process.
var strictCasing = sync.OnceFunc(func() { huma.ValidateStrictCasing = true }) //nolint:gochecknoglobals // see above

func (a *api) config() huma.Config {
	strictCasing()
	config := huma.DefaultConfig("Payment router", a.settings.Version)
	config.Info.Description = "Takes payments and routes each to a provider by rules. Amounts are decimal strings. " +
		"Errors are problem+json (RFC 9457) with a stable type."
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil
	strict := huma.Format{Marshal: huma.DefaultJSONFormat.Marshal, Unmarshal: unmarshal}
	config.Formats = map[string]huma.Format{"application/json": strict, "json": strict}
	config.Transformers = []huma.Transformer{asProblem}
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"apiKey": bearer()}
	return config
}

// elsewhere answers what no operation is for.
func elsewhere(mux *http.ServeMux) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		allowed := methodsAt(mux, r)
		if len(allowed) == 0 {
			Missing(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		writeProblem(w, wrongMethod.problem(r.URL.Path+" has "+strings.Join(allowed, ", ")))
	}
}

// methodsAt are the methods with which a request's path would find an operation.
func methodsAt(mux *http.ServeMux, r *http.Request) []string {
	var allowed []string
	for _, method := range []string{
		http.MethodDelete, http.MethodGet, http.MethodPatch, http.MethodPost,
		http.MethodPut,
	} {
		other := r.Clone(r.Context())
		other.Method = method
		if _, pattern := mux.Handler(other); pattern != "/" {
			allowed = append(allowed, method)
		}
	}
	return allowed
}

func (a *api) ready() error {
	if a.settings.Ready == nil {
		return nil
	}
	return a.settings.Ready()
}

// logged logs each request without its query, body and headers.
func (a *api) logged(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		recorder := &statusRecorder{ResponseWriter: w, status: http.StatusOK}
		defer a.log(r, recorder, a.settings.Now())
		next.ServeHTTP(recorder, r)
	})
}

// log is deferred: it answers for a handler that panicked.
func (a *api) log(r *http.Request, recorder *statusRecorder, started time.Time) {
	if fault := recover(); fault != nil {
		if err, ok := fault.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(fault)
		}
		a.settings.Logger.ErrorContext(r.Context(), "a handler panicked", slog.Any("panic", fault))
		recorder.status = http.StatusInternalServerError
		writeProblem(recorder.ResponseWriter, internalProblem.problem(""))
	}
	a.settings.Logger.InfoContext(r.Context(), "request", slog.String("method", r.Method),
		slog.String("path", r.URL.Path),
		slog.Int("status", recorder.status), slog.Duration("took", a.settings.Now().Sub(started)))
}

type statusRecorder struct {
	http.ResponseWriter
	status int
}

// Unwrap is for http.ResponseController.
func (s *statusRecorder) Unwrap() http.ResponseWriter { return s.ResponseWriter }

func (s *statusRecorder) WriteHeader(status int) {
	s.status = status
	s.ResponseWriter.WriteHeader(status)
}
