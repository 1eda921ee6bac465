package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"payrouter/host/api"
	"payrouter/host/routing"
)

type routeDiffCommand struct {
	File   string `arg:"" type:"path" help:"The edited routing file."`
	Router string `default:"http://127.0.0.1:8080" help:"The router whose payments and configuration are compared."`
	APIKey string `name:"api-key" env:"ROUTER_API_KEY" help:"An operator's API key, where the router has keys."`

	askerFlags `embed:""`
	Payments   int `default:"1000" help:"How many of the latest payments."`
}

// Run asks a running router, which has the payments.
func (r *routeDiffCommand) Run(h *host) error {
	text, err := os.ReadFile(r.File)
	if err != nil {
		return fmt.Errorf("read the edited routing file: %w", err)
	}
	target, err := url.JoinPath(r.Router, "/v1/routes/diff")
	if err != nil {
		return fmt.Errorf("the router's address: %w", err)
	}
	asker, err := newAsker(h, r.APIKey, r.askerFlags, time.Minute)
	if err != nil {
		return err
	}
	defer asker.close()
	body, err := asker.ask(http.MethodPost, target+"?limit="+strconv.Itoa(r.Payments), text,
		map[string]string{"Content-Type": "application/yaml"})
	if refused, isRefusal := errors.AsType[*refusedError](err); isRefusal && len(refused.problem.Problems) > 0 {
		return r.mistakes(refused.problem.Problems)
	}
	if err != nil {
		return err
	}
	var answer struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("read the router's answer: %w", err)
	}
	return write(h, answer.Text)
}

// mistakes are those in the file, at their places there: the router knows it by its own file's name.
func (r *routeDiffCommand) mistakes(found []api.ConfigProblem) error {
	mistakes := make([]error, len(found))
	for i, m := range found {
		at := routing.Position{File: m.File, Line: m.Line, Column: m.Column}
		if at.Line > 0 {
			at.File = r.File
		}
		mistakes[i] = &routing.Problem{At: at, What: m.Message, Mend: m.Hint}
	}
	return errors.Join(mistakes...)
}
