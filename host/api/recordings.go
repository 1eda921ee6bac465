package api

import (
	"bytes"
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"payrouter/host/attempt"
)

// Recording is what a plugin was given in the flow that an attempt belongs to, so that it can be repeated.
type Recording struct {
	PaymentID string `json:"payment_id" example:"pay_01jd3x6v7q8r9s0t1v2w3x4y5z"`
	Plugin    string `json:"plugin" example:"paygram"`
	Digest    string `json:"digest" doc:"SHA-256 of the module that answered"`
	Call      []byte `json:"call" doc:"An abi.v1.Call in base64, with the payer's data and without credentials"`
	// Trips are in their order. The last is the attempt that was asked for.
	Trips []Trip `json:"trips"`
}

// Trip is one attempt of a flow.
type Trip struct {
	Attempt Attempt `json:"attempt"`
	State   []byte  `json:"state,omitempty" doc:"The plugin's state between calls, in base64"`
}

func (a *api) registerRecordings(described huma.API) {
	o := a.endpoint("get-recording", http.MethodGet, "/v1/attempts/{id}/recording",
		"Get what a replay of an attempt needs",
		"The flow, up to the attempt, in whatever merchant's payment.")
	refuses(&o, described.OpenAPI().Components.Schemas, http.StatusForbidden, http.StatusNotFound)
	huma.Register(described, o, a.recording)
}

type recordingInput struct {
	ID string `path:"id" maxLength:"64" example:"att_01jd3x6v7q8r9s0t1v2w3x4y5z"`
}

type recordingOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         Recording
}

func (a *api) recording(ctx context.Context, in *recordingInput) (*recordingOutput, error) {
	asked, err := a.settings.Attempts.Attempt(ctx, attempt.ID(in.ID))
	if err != nil {
		return nil, problemOf(err, "")
	}
	all, err := a.settings.Attempts.Attempts(ctx, string(asked.Owner))
	if err != nil {
		return nil, problemOf(err, "")
	}
	return &recordingOutput{CacheControl: "no-store", Body: Recording{
		PaymentID: string(asked.Owner), Plugin: asked.Plugin, Digest: asked.Digest, Call: asked.Call,
		Trips: trips(all, asked),
	}}, nil
}

// trips are the attempts of one flow, which all have its call, up to the one that was asked for.
func trips(all []attempt.Attempt, asked attempt.Attempt) []Trip {
	var of []Trip
	for _, one := range all {
		if one.Number <= asked.Number && one.Digest == asked.Digest && one.Provider == asked.Provider &&
			bytes.Equal(one.Call, asked.Call) {
			of = append(of, Trip{Attempt: attemptOf(one), State: one.State})
		}
	}
	return of
}
