package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/access"
)

const keysPath = "/v1/keys"

// Key is an API key, without its token.
type Key struct {
	ID         string    `json:"id" example:"key_01jd3x6v7q8r9s0t1v2w3x4y5z"`
	Merchant   string    `json:"merchant" doc:"Whose payments it creates and sees"`
	Name       string    `json:"name"`
	Rights     []string  `json:"rights"`
	CreatedBy  string    `json:"created_by,omitempty" doc:"The key that made it; none for the command line"`
	CreatedAt  time.Time `json:"created_at"`
	ExpiresAt  time.Time `json:"expires_at,omitzero"`
	RevokedAt  time.Time `json:"revoked_at,omitzero"`
	LastUsedAt time.Time `json:"last_used_at,omitzero" doc:"To a minute"`
	Active     bool      `json:"active" doc:"Neither revoked nor expired"`
	Token      string    `json:"token,omitempty" doc:"What requests send; shown this once"`
}

// KeyOf is a key as the API shows it at a time.
func KeyOf(key access.Key, now time.Time) Key {
	shown := Key{
		ID: key.ID, Merchant: key.Merchant, Name: key.Name, Rights: []string{}, CreatedBy: key.CreatedBy,
		CreatedAt: key.CreatedAt, ExpiresAt: key.ExpiresAt, RevokedAt: key.RevokedAt, LastUsedAt: key.LastUsedAt,
		Active: !key.Ended(now),
	}
	for _, right := range key.Rights {
		shown.Rights = append(shown.Rights, string(right))
	}
	return shown
}

func (a *api) keyOf(key access.Key) Key { return KeyOf(key, a.settings.Now()) }

func (a *api) registerKeys(described huma.API) {
	registry := described.OpenAPI().Components.Schemas
	endpoint := func(id, method, path, summary, description string, status int, refused ...int) huma.Operation {
		o := a.endpoint(id, method, path, summary, description)
		o.DefaultStatus = status
		refuses(&o, registry, refused...)
		return o
	}
	huma.Register(described, endpoint("get-own-key", http.MethodGet, "/v1/key", "Get the key of this request",
		"With its rights.", http.StatusOK), a.ownKey)
	huma.Register(described, endpoint("list-keys", http.MethodGet, keysPath, "List API keys",
		"The newest first, those that ended included.", http.StatusOK), a.listKeys)
	huma.Register(described, endpoint("get-key", http.MethodGet, keysPath+"/{id}", "Get an API key", "",
		http.StatusOK, http.StatusNotFound), a.getKey)
	huma.Register(described, endpoint("create-key", http.MethodPost, keysPath, "Make an API key",
		"The token is in this answer only. A key gives no right that it lacks, and makes keys of its own merchant, "+
			"or with the right all-merchants of any.",
		http.StatusCreated, http.StatusBadRequest, http.StatusUnprocessableEntity),
		recorded(a, act[createKeyInput, keySecretOutput]{"key.make", nil, a.madeKey, a.createKey}))
	huma.Register(described, endpoint("rotate-key", http.MethodPost, keysPath+"/{id}/rotate",
		"Put a new key in a key's place",
		"With the same merchant, name, rights and expiry. The old key ends after the overlap.",
		http.StatusCreated, http.StatusBadRequest, http.StatusNotFound, http.StatusConflict,
		http.StatusUnprocessableEntity),
		recorded(a, act[rotateKeyInput, keySecretOutput]{"key.rotate", rotatedKey, a.rotatedState, a.rotateKey}))
	huma.Register(described, endpoint("revoke-key", http.MethodPost, keysPath+"/{id}/revoke", "End an API key",
		"At once, on every connection.", http.StatusOK, http.StatusNotFound),
		recorded(a, act[keyInput, keyOutput]{"key.revoke", keyID, a.keyState, a.revokeKey}))
}

type keyInput struct {
	ID string `path:"id" maxLength:"64" example:"key_01jd3x6v7q8r9s0t1v2w3x4y5z"`
}

func keyID(in *keyInput) string { return in.ID }

type keyOutput struct {
	Body Key
}

// keySecretOutput must not be cached on the way.
type keySecretOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         Key
}

type keysOutput struct {
	Body struct {
		Data []Key `json:"data"`
	}
}

func (a *api) ownKey(ctx context.Context, _ *struct{}) (*keyOutput, error) {
	return &keyOutput{a.keyOf(callerOf(ctx))}, nil
}

func (a *api) listKeys(ctx context.Context, _ *struct{}) (*keysOutput, error) {
	out := &keysOutput{}
	out.Body.Data = []Key{}
	if a.settings.Keys == nil {
		return out, nil
	}
	for _, key := range a.settings.Keys.List(callerOf(ctx)) {
		out.Body.Data = append(out.Body.Data, a.keyOf(key))
	}
	return out, nil
}

func (a *api) getKey(ctx context.Context, in *keyInput) (*keyOutput, error) {
	key, err := a.settings.Keys.Key(callerOf(ctx), in.ID)
	if err != nil {
		return nil, problemOf(err, "")
	}
	return &keyOutput{a.keyOf(key)}, nil
}

type createKeyInput struct {
	Body struct {
		Merchant string `json:"merchant,omitempty" maxLength:"64" doc:"By default that of the key that asks"`
		Name     string `json:"name" minLength:"1" maxLength:"64" doc:"For people" example:"checkout server"`

		Preset string `json:"preset,omitempty" enum:"shop,payouts,read-only,support,operator,platform,owner" doc:"Rights"`

		Rights []string `json:"rights,omitempty" maxItems:"32" nullable:"false" doc:"Beside those of the preset"`

		ExpiresAt time.Time `json:"expires_at,omitzero"`
	}
}

func (a *api) createKey(ctx context.Context, in *createKeyInput) (*keySecretOutput, error) {
	by := callerOf(ctx)
	asked := access.Request{
		Merchant: in.Body.Merchant, Name: in.Body.Name, ExpiresAt: in.Body.ExpiresAt,
		Rights: access.Together(access.Preset(in.Body.Preset), in.Body.Rights),
	}
	if asked.Merchant == "" {
		asked.Merchant = by.Merchant
	}
	return a.secretKey(a.settings.Keys.Make(ctx, by, asked))
}

// secretKey is the end of what makes a token.
func (a *api) secretKey(key access.Key, token string, err error) (*keySecretOutput, error) {
	if err != nil {
		return nil, problemOf(err, "")
	}
	out := &keySecretOutput{CacheControl: "no-store", Body: a.keyOf(key)}
	out.Body.Token = token
	return out, nil
}

// madeKey is a key that was made, without its token.
func (a *api) madeKey(_ context.Context, _ *createKeyInput, out *keySecretOutput) any {
	return withoutToken(out)
}

func withoutToken(out *keySecretOutput) any {
	if out == nil {
		return nil
	}
	shown := out.Body
	shown.Token = ""
	return shown
}

type rotateKeyInput struct {
	ID   string `path:"id" maxLength:"64"`
	Body *struct {
		// A pointer, since 0 is an answer of its own: a key that leaked ends now.
		Overlap *int `json:"overlap_seconds,omitempty" minimum:"0" maximum:"2592000" doc:"How long the old key holds on"`
	}
}

func rotatedKey(in *rotateKeyInput) string { return in.ID }

func (a *api) rotateKey(ctx context.Context, in *rotateKeyInput) (*keySecretOutput, error) {
	overlap := usualOverlap
	if in.Body != nil && in.Body.Overlap != nil {
		overlap = time.Duration(*in.Body.Overlap) * time.Second
	}
	return a.secretKey(a.settings.Keys.Rotate(ctx, callerOf(ctx), in.ID, overlap))
}

// rotatedState is the key that is rotated, and in the end the new one.
func (a *api) rotatedState(ctx context.Context, in *rotateKeyInput, out *keySecretOutput) any {
	if out != nil {
		return withoutToken(out)
	}
	return a.keyState(ctx, &keyInput{in.ID}, nil)
}

func (a *api) revokeKey(ctx context.Context, in *keyInput) (*keyOutput, error) {
	key, err := a.settings.Keys.Revoke(ctx, callerOf(ctx), in.ID)
	if err != nil {
		return nil, problemOf(err, "")
	}
	return &keyOutput{a.keyOf(key)}, nil
}

func (a *api) keyState(ctx context.Context, in *keyInput, _ *keyOutput) any {
	key, err := a.settings.Keys.Key(callerOf(ctx), in.ID)
	if err != nil {
		return nil
	}
	return a.keyOf(key)
}
