package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"time"

	"payrouter/host/api"
	"payrouter/host/routing"
)

type routeDiffCommand struct {
	File     string `arg:"" type:"path" help:"The edited routing file."`
	Router   string `default:"http://127.0.0.1:8080" help:"The router whose payments and configuration are compared."`
	APIKey   string `name:"api-key" env:"ROUTER_API_KEY" help:"An operator's API key, where the router has keys."`
	Payments int    `default:"1000" help:"How many of the latest payments."`
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
	request, err := http.NewRequestWithContext(h.ctx, http.MethodPost, target+"?limit="+strconv.Itoa(r.Payments),
		bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("the router's address: %w", err)
	}
	request.Header.Set("Content-Type", "application/yaml")
	if r.APIKey != "" {
		request.Header.Set("Authorization", "Bearer "+r.APIKey)
	}
	client := &http.Client{Timeout: time.Minute, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		return fmt.Errorf("ask the router: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	const largest = 16 << 20
	body, err := io.ReadAll(io.LimitReader(response.Body, largest))
	if err != nil {
		return fmt.Errorf("ask the router: %w", err)
	}
	if response.StatusCode != http.StatusOK {
		return r.refusal(response.Status, body)
	}
	var answer struct {
		Text string `json:"text"`
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("read the router's answer: %w", err)
	}
	_, err = io.WriteString(h.stdout, answer.Text)
	return err
}

// refusal is a router's problem, with the mistakes in the file at their places there: the router knows it by its own
// file's name.
func (r *routeDiffCommand) refusal(status string, body []byte) error {
	var p api.Problem
	if err := json.Unmarshal(body, &p); err != nil || p.Title == "" {
		return fmt.Errorf("the router answered %s", status)
	}
	if len(p.Problems) == 0 {
		return fmt.Errorf("the router answered %s: %s", status, p.Detail)
	}
	mistakes := make([]error, len(p.Problems))
	for i, m := range p.Problems {
		at := routing.Position{File: m.File, Line: m.Line, Column: m.Column}
		if at.Line > 0 {
			at.File = r.File
		}
		mistakes[i] = &routing.Problem{At: at, What: m.Message, Mend: m.Hint}
	}
	return errors.Join(mistakes...)
}
