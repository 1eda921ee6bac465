package webhook

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"io"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	"payrouter/host/invalid"
	"payrouter/host/payment"
)

// EndpointsSettings configures Endpoints. Zero fields take the defaults that they name.
type EndpointsSettings struct {
	// AllowHTTP takes addresses without TLS too: for development.
	AllowHTTP bool
	// Most is how many endpoints a merchant may have. 0 means 16.
	Most int
	// Now is the clock. Nil means the system's.
	Now func() time.Time
	// Random feeds secrets and ids. Nil means crypto/rand.
	Random io.Reader
}

// Endpoints manages merchants' endpoints and lists their deliveries. It is safe for concurrent use.
type Endpoints struct {
	register Register
	records  Records
	settings EndpointsSettings
}

// NewEndpoints returns the service over its stores.
func NewEndpoints(register Register, records Records, settings EndpointsSettings) *Endpoints {
	if settings.Most == 0 {
		settings.Most = 16
	}
	if settings.Now == nil {
		settings.Now = time.Now //nolint:forbidigo // the clock's one place
	}
	if settings.Random == nil {
		settings.Random = rand.Reader
	}
	return &Endpoints{register: register, records: records, settings: settings}
}

const (
	secretBytes = 32
	maxURL      = 2048
	// maxOverlap is the longest that an old secret signs beside the new one.
	maxOverlap = 30 * 24 * time.Hour
)

// Edit is a change of an endpoint by its merchant. Nil fields stay as they are.
type Edit struct {
	URL         *string
	Types       *[]payment.EntryType
	Description *string
	// Enabled starts and stops it. Events that came while it was disabled are sent once it is enabled.
	Enabled *bool
}

// Create enters an endpoint for a merchant. Its secret is in the answer, and not shown again. Members that are wrong
// are *invalid.Error.
func (s *Endpoints) Create(ctx context.Context, merchant string, edit Edit) (Endpoint, error) {
	e := Endpoint{Merchant: merchant, CreatedAt: s.settings.Now().UTC()}
	if edit.URL == nil {
		edit.URL = new(string)
	}
	if err := s.apply(&e, edit); err != nil {
		return Endpoint{}, err
	}
	id, err := ulid.New(ulid.Timestamp(e.CreatedAt), s.settings.Random)
	if err != nil {
		return Endpoint{}, fmt.Errorf("make an endpoint's id: %w", err)
	}
	e.ID = "we_" + strings.ToLower(id.String())
	if e.Secret, err = s.secret(); err != nil {
		return Endpoint{}, err
	}
	if err := s.register.Create(ctx, e, s.settings.Most); err != nil {
		return Endpoint{}, err
	}
	return e, nil
}

// List gives a merchant's endpoints, oldest first.
func (s *Endpoints) List(ctx context.Context, merchant string) ([]Endpoint, error) {
	return s.register.List(ctx, merchant)
}

// Get gives one of a merchant's endpoints.
func (s *Endpoints) Get(ctx context.Context, merchant, id string) (Endpoint, error) {
	all, err := s.register.List(ctx, merchant)
	if err != nil {
		return Endpoint{}, err
	}
	at := slices.IndexFunc(all, func(e Endpoint) bool { return e.ID == id })
	if at < 0 {
		return Endpoint{}, fmt.Errorf("endpoint %s: %w", id, ErrNotFound)
	}
	return all[at], nil
}

// Change edits an endpoint.
func (s *Endpoints) Change(ctx context.Context, merchant, id string, edit Edit) (Endpoint, error) {
	return s.register.Change(ctx, merchant, id, func(e *Endpoint) error { return s.apply(e, edit) })
}

// Rotate gives an endpoint a new secret, which is in the answer and not shown again. The one before signs too for the
// overlap, at most 30 days; one that was still ending then ends now.
func (s *Endpoints) Rotate(ctx context.Context, merchant, id string, overlap time.Duration) (Endpoint, error) {
	fresh, err := s.secret()
	if err != nil {
		return Endpoint{}, err
	}
	return s.register.Change(ctx, merchant, id, func(e *Endpoint) error {
		e.Previous, e.PreviousUntil = e.Secret, s.settings.Now().UTC().Add(min(max(overlap, 0), maxOverlap))
		e.Secret = fresh
		return nil
	})
}

// Delete forgets an endpoint.
func (s *Endpoints) Delete(ctx context.Context, merchant, id string) error {
	return s.register.Delete(ctx, merchant, id)
}

// Deliveries lists what was and will be sent to an endpoint.
func (s *Endpoints) Deliveries(ctx context.Context, merchant, id string, filter Filter) ([]Delivery, error) {
	e, err := s.Get(ctx, merchant, id)
	if err != nil {
		return nil, err
	}
	return s.records.Deliveries(ctx, e.ID, filter)
}

// Redeliver sends an event to an endpoint again, at once and with the whole schedule. ErrDisabled where the endpoint
// gets nothing.
func (s *Endpoints) Redeliver(ctx context.Context, merchant, id, eventID string) (Delivery, error) {
	e, err := s.Get(ctx, merchant, id)
	if err != nil {
		return Delivery{}, err
	}
	if e.Disabled() {
		return Delivery{}, fmt.Errorf("endpoint %s: %w", id, ErrDisabled)
	}
	return s.records.Redeliver(ctx, e, eventID, s.settings.Now().UTC())
}

func (s *Endpoints) secret() (Secret, error) {
	key := make([]byte, secretBytes)
	if _, err := io.ReadFull(s.settings.Random, key); err != nil {
		return "", fmt.Errorf("make a secret: %w", err)
	}
	return Secret("whsec_" + base64.StdEncoding.EncodeToString(key)), nil
}

func (s *Endpoints) apply(e *Endpoint, edit Edit) error {
	if edit.URL != nil && *edit.URL != e.URL || e.URL == "" {
		if err := s.checkURL(*edit.URL); err != nil {
			return err
		}
		e.URL = *edit.URL
		e.FailingSince, e.HeldUntil = time.Time{}, time.Time{}
	}
	if edit.Types != nil {
		for i, wanted := range *edit.Types {
			if !slices.Contains(payment.EntryTypes(), wanted) {
				return &invalid.Error{Field: fmt.Sprintf("/types/%d", i), Reason: "is no type of event"}
			}
		}
		e.Types = slices.Compact(slices.Sorted(slices.Values(*edit.Types)))
	}
	if edit.Description != nil {
		e.Description = *edit.Description
	}
	if edit.Enabled != nil {
		s.enable(e, *edit.Enabled)
	}
	return nil
}

func (s *Endpoints) enable(e *Endpoint, enabled bool) {
	switch {
	case enabled:
		e.DisabledAt, e.DisabledReason, e.FailingSince, e.HeldUntil = time.Time{}, "", time.Time{}, time.Time{}
	case !e.Disabled():
		e.DisabledAt, e.DisabledReason = s.settings.Now().UTC(), "by the merchant"
	}
}

// checkURL checks what can be known without the network: where a name leads is judged when it is dialled.
func (s *Endpoints) checkURL(text string) error {
	wrong := func(reason string) error { return &invalid.Error{Field: "/url", Reason: reason} }
	if len(text) > maxURL {
		return wrong(fmt.Sprintf("has more than %d characters", maxURL))
	}
	if reason := invalid.Address(text); reason != "" {
		return wrong(reason)
	}
	at, err := url.Parse(text)
	switch {
	case err != nil:
		return wrong("cannot be read as a URL")
	case at.Scheme != "https" && (at.Scheme != "http" || !s.settings.AllowHTTP):
		return wrong("must begin with https://")
	case at.Hostname() == "":
		return wrong("names no host")
	case at.User != nil:
		return wrong("must hold no user name: messages are signed")
	case at.Fragment != "":
		return wrong("must have no fragment")
	}
	return nil
}
