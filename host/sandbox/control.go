package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"payrouter/host/sandbox/simulator"
)

// The errors of a control.
var (
	// ErrUnknown means that there is no such provider, payment, event or operation.
	ErrUnknown = simulator.ErrUnknown
	// ErrRefused means that the payment cannot do this in its status.
	ErrRefused = simulator.ErrRefused
	// ErrInvalid means that the control request makes no sense.
	ErrInvalid = simulator.ErrInvalid
)

// Booking is one thing that a provider really made.
type Booking = simulator.Booking

// Callback is where a provider reports that a payment changed.
type Callback = simulator.Callback

func (s *Server) site(provider string) (*site, error) {
	site, ok := s.sites[provider]
	if !ok {
		return nil, fmt.Errorf("%w provider %q: there are %s", ErrUnknown, provider, strings.Join(s.names, ", "))
	}
	return site, nil
}

// Drive moves a payment on, as its payer, the provider or time would: "pay", "expire", "decline" and what else Events
// names. ref is the provider's reference or ours; of several with the same, the newest is meant. amount is how much,
// for the events that ask; "" leaves it to the provider. A payment may be driven against its status (paid after it
// expired): money does that.
func (s *Server) Drive(provider, ref, event, amount string) error {
	site, err := s.site(provider)
	if err != nil {
		return err
	}
	site.mu.Lock()
	defer site.mu.Unlock()
	if events := site.provider.Events(); !slices.Contains(events, event) {
		return fmt.Errorf("%w event %q: %s has %s", ErrUnknown, event, provider, strings.Join(events, ", "))
	}
	if err := site.provider.Drive(ref, event, amount); err != nil {
		return fmt.Errorf("%s %s payment %q: %w", event, provider, ref, err)
	}
	return nil
}

// Events are what Drive can do at provider.
func (s *Server) Events(provider string) ([]string, error) {
	site, err := s.site(provider)
	if err != nil {
		return nil, err
	}
	return site.provider.Events(), nil
}

// Configure changes what provider does where its document leaves a choice: options is a JSON object with some of the
// members that GET /_sandbox/{provider}/options shows.
func (s *Server) Configure(provider string, options []byte) error {
	site, err := s.site(provider)
	if err != nil {
		return err
	}
	site.mu.Lock()
	defer site.mu.Unlock()
	d := json.NewDecoder(bytes.NewReader(options))
	d.DisallowUnknownFields()
	if err := d.Decode(site.provider.Options()); err != nil {
		return fmt.Errorf("%w options of %s: %w", ErrInvalid, provider, err)
	}
	return nil
}

// options are what Configure changes, as JSON.
func (s *Server) options(provider string) (json.RawMessage, error) {
	site := s.sites[provider]
	site.mu.Lock()
	defer site.mu.Unlock()
	return json.Marshal(site.provider.Options())
}

// Fund sets a balance at provider. A provider with balances of several has them by account: a PayGram user is
// "paygram-eu/USER", and the partner at Exchanger is "partner". Elsewhere account is ignored.
func (s *Server) Fund(provider, account, currency, amount string) error {
	site, err := s.site(provider)
	if err != nil {
		return err
	}
	balance, err := simulator.ParseMoney(amount)
	if err != nil {
		return fmt.Errorf("%w balance: %w", ErrInvalid, err)
	}
	site.mu.Lock()
	defer site.mu.Unlock()
	return site.provider.Fund(account, currency, balance)
}

// Order orders a fault at provider. Faults strike in the order in which they were ordered, one per request.
func (s *Server) Order(provider string, f Fault) error {
	site, err := s.site(provider)
	if err != nil {
		return err
	}
	if err := f.validate(); err != nil {
		return fmt.Errorf("%w fault: %w", ErrInvalid, err)
	}
	if operations := site.operations(); f.Operation != "" && !slices.Contains(operations, f.Operation) {
		return fmt.Errorf("%w operation %q: %s has %s", ErrUnknown, f.Operation, provider,
			strings.Join(operations, ", "))
	}
	site.faults.order(f)
	return nil
}

// Clear forgets every fault ordered at provider.
func (s *Server) Clear(provider string) error {
	site, err := s.site(provider)
	if err != nil {
		return err
	}
	site.faults.clear()
	return nil
}

// Down makes provider reset every connection, unprocessed, until Up. Faults ordered before are forgotten.
func (s *Server) Down(provider string) error {
	if err := s.Clear(provider); err != nil {
		return err
	}
	return s.Order(provider, Fault{Kind: FaultResetBefore})
}

// Up ends what Down began, and every other fault of provider.
func (s *Server) Up(provider string) error {
	return s.Clear(provider)
}

// Report sets where provider reports changes.
func (s *Server) Report(provider string, c Callback) error {
	site, err := s.site(provider)
	if err != nil {
		return err
	}
	if u, err := url.Parse(c.URL); c.URL != "" &&
		(err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("%w callback URL %q: want http://… or https://…", ErrInvalid, c.URL)
	}
	site.mu.Lock()
	defer site.mu.Unlock()
	return site.backend.SetCallback(c)
}

// Access is what a router needs to be an account at a provider.
type Access struct {
	// Path is the provider's base URL below the sandbox's.
	Path string
	// Secrets are by the names that the contract has for them.
	Secrets map[string]string
}

// Open makes an account of a name at a provider: a new one if the simulation has several accounts of the provider, and
// otherwise the one that exists. The error is ErrUnknown if the provider is not simulated.
func (s *Server) Open(provider, account string) (Access, error) {
	site, err := s.site(provider)
	if err != nil {
		return Access{}, err
	}
	site.mu.Lock()
	defer site.mu.Unlock()
	return Access{Path: "/" + provider, Secrets: site.provider.Open(account)}, nil
}

// Accounts are the names of a provider's accounts, sorted, where it has more than one here.
func (s *Server) Accounts(provider string) ([]string, error) {
	site, err := s.site(provider)
	if err != nil {
		return nil, err
	}
	site.mu.Lock()
	defer site.mu.Unlock()
	return site.backend.Accounts(), nil
}

// control answers what comes in under /_sandbox/.
func (s *Server) control(w http.ResponseWriter, r *http.Request, path string) {
	parts := segments(path)
	value, err := s.command(r, parts)
	switch {
	case errors.Is(err, ErrUnknown):
		writeProblem(w, http.StatusNotFound, err.Error())
	case errors.Is(err, ErrRefused):
		writeProblem(w, http.StatusConflict, err.Error())
	case errors.Is(err, ErrInvalid):
		writeProblem(w, http.StatusBadRequest, err.Error())
	case err != nil:
		writeProblem(w, http.StatusInternalServerError, err.Error())
	default:
		simulator.JSON(http.StatusOK, value).Write(w)
	}
}

// done is what a control that changed something answers.
type done struct {
	Done bool `json:"done"`
}

func (s *Server) command(r *http.Request, parts []string) (any, error) {
	provider := r.URL.Query().Get("provider")
	if provider != "" {
		if _, err := s.site(provider); err != nil {
			return nil, err
		}
	}
	switch name := r.Method + " " + strings.Join(parts, "/"); {
	case name == "GET ":
		return s.index(), nil
	case name == "GET ledger":
		return map[string]any{"bookings": s.Ledger(provider)}, nil
	case name == "GET strikes":
		return map[string]any{"strikes": s.Strikes(provider)}, nil
	case name == "GET requests":
		return map[string]any{"requests": s.Requests(provider)}, nil
	case len(parts) < 2:
		return nil, fmt.Errorf("%w control %s /_sandbox/%s: see GET /_sandbox/", ErrUnknown, r.Method,
			strings.Join(parts, "/"))
	}
	if _, err := s.site(parts[0]); err != nil {
		return nil, err
	}
	return s.siteCommand(r, parts[0], parts[1:])
}

func (s *Server) siteCommand(r *http.Request, provider string, parts []string) (any, error) {
	switch name := r.Method + " " + parts[0]; {
	case name == "POST payments" && len(parts) == 3:
		var with struct {
			Amount string `json:"amount"`
		}
		if err := readControl(r, &with); err != nil {
			return nil, err
		}
		return done{true}, s.Drive(provider, parts[1], parts[2], with.Amount)
	case name == "POST faults" && len(parts) == 1:
		f, err := readFault(r)
		if err != nil {
			return nil, err
		}
		return done{true}, s.Order(provider, f)
	case name == "GET faults" && len(parts) == 1:
		return map[string]any{"faults": wireFaults(s.sites[provider].faults.list())}, nil
	case name == "DELETE faults" && len(parts) == 1:
		return done{true}, s.Clear(provider)
	case name == "GET options" && len(parts) == 1:
		return s.options(provider)
	case name == "PATCH options" && len(parts) == 1:
		var options json.RawMessage
		if err := readControl(r, &options); err != nil {
			return nil, err
		}
		return done{true}, s.Configure(provider, options)
	case name == "POST down" && len(parts) == 1:
		return done{true}, s.Down(provider)
	case name == "POST up" && len(parts) == 1:
		return done{true}, s.Up(provider)
	case name == "POST callback" && len(parts) == 1:
		var c Callback
		if err := readControl(r, &c); err != nil {
			return nil, err
		}
		return done{true}, s.Report(provider, c)
	case name == "POST balance" && len(parts) == 1:
		var b struct {
			Account  string `json:"account"`
			Currency string `json:"currency"`
			Amount   string `json:"amount"`
		}
		if err := readControl(r, &b); err != nil {
			return nil, err
		}
		return done{true}, s.Fund(provider, b.Account, b.Currency, b.Amount)
	default:
		return nil, fmt.Errorf("%w control %s /_sandbox/%s/%s: see GET /_sandbox/", ErrUnknown, r.Method, provider,
			strings.Join(parts, "/"))
	}
}

// index lists for a person what can be done here.
func (s *Server) index() any {
	type entry struct {
		Events     []string `json:"events"`
		Operations []string `json:"operations"`
	}
	providers := map[string]entry{}
	for name, site := range s.sites {
		providers[name] = entry{site.provider.Events(), site.operations()}
	}
	return map[string]any{
		"controls": []string{
			"GET /_sandbox/ledger?provider=",
			"GET /_sandbox/requests?provider=",
			"GET /_sandbox/strikes?provider=",
			"POST /_sandbox/{provider}/payments/{reference, theirs or ours}/{event} {\"amount\"}",
			"POST /_sandbox/{provider}/faults " +
				"{\"operation\",\"kind\",\"count\",\"delay\",\"status\",\"retry_after\",\"after\",\"page\",\"spelling\"}",
			"GET|DELETE /_sandbox/{provider}/faults",
			"GET /_sandbox/{provider}/options",
			"PATCH /_sandbox/{provider}/options {some of them}",
			"POST /_sandbox/{provider}/down",
			"POST /_sandbox/{provider}/up",
			"POST /_sandbox/{provider}/callback {\"url\",\"account\",\"secret\",\"page_secret\"}",
			"POST /_sandbox/{provider}/balance {\"account\",\"currency\",\"amount\"}",
		},
		"faults":    Kinds(),
		"pages":     Pages(),
		"spellings": Spellings(),
		"providers": providers,
	}
}

// readControl reads a control's JSON body; none at all leaves value as it is.
func readControl(r *http.Request, value any) error {
	d := json.NewDecoder(http.MaxBytesReader(nil, r.Body, simulator.MaxBody))
	d.DisallowUnknownFields()
	d.UseNumber()
	if err := d.Decode(value); err != nil && r.ContentLength != 0 {
		return fmt.Errorf("%w body: %w", ErrInvalid, err)
	}
	return nil
}

// wireFault is a Fault as JSON: the delay reads "250ms".
type wireFault struct {
	Operation  string `json:"operation"`
	Kind       string `json:"kind"`
	Count      int    `json:"count"`
	Delay      string `json:"delay"`
	Status     int    `json:"status"`
	RetryAfter any    `json:"retry_after"`
	After      bool   `json:"after"`
	Page       string `json:"page,omitempty"`
	Spelling   string `json:"spelling,omitempty"`
}

func readFault(r *http.Request) (Fault, error) {
	var wire wireFault
	if err := readControl(r, &wire); err != nil {
		return Fault{}, err
	}
	f := Fault{
		Operation: wire.Operation, Kind: wire.Kind, Count: wire.Count, Status: wire.Status, After: wire.After,
		Page: wire.Page, Spelling: wire.Spelling,
	}
	if wire.RetryAfter != nil {
		f.RetryAfter = fmt.Sprint(wire.RetryAfter) // seconds may come as a number or as text
	}
	if wire.Delay == "" {
		return f, nil
	}
	delay, err := time.ParseDuration(wire.Delay)
	if err != nil {
		return Fault{}, fmt.Errorf("%w delay %q: want a duration such as \"250ms\"", ErrInvalid, wire.Delay)
	}
	f.Delay = delay
	return f, nil
}

func wireFaults(list []Fault) []wireFault {
	wire := []wireFault{}
	for _, f := range list {
		w := wireFault{f.Operation, f.Kind, f.Count, "", f.Status, nil, f.After, f.Page, f.Spelling}
		if f.Delay > 0 {
			w.Delay = f.Delay.String()
		}
		if f.RetryAfter != "" {
			w.RetryAfter = f.RetryAfter
		}
		wire = append(wire, w)
	}
	return wire
}
