package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"payrouter/host/api"
)

type callCommand struct {
	Provider  string `arg:"" help:"The account, as routing.yaml names it."`
	Operation string `arg:"" help:"The operation, as its provider names it."`
	Input     string `default:"{}" help:"What it takes: JSON, @FILE, or - for the standard input."`
	Key       string `help:"Idempotency-Key of an operation that is not safe; generated and logged when empty."`
	Cursor    string `help:"The page to begin with: next_cursor of the one before."`
	All       bool   `help:"Walk all pages of an operation that changes nothing, and print each."`
	Router    string `default:"http://127.0.0.1:8080" help:"The router to ask."`
	APIKey    string `name:"api-key" env:"ROUTER_API_KEY" help:"An operator's API key, where the router has keys."`
}

// callTimeout is longer than a router makes a caller wait.
const callTimeout = 5 * time.Minute

// Run calls an operation of an account and prints the answer. It fails unless the result is a success: also for a run
// that failed or whose result is unknown.
func (c *callCommand) Run(h *host) error {
	input, err := c.input()
	if err != nil {
		return err
	}
	target, err := url.JoinPath(c.Router, "/v1/providers", url.PathEscape(c.Provider), "operations",
		url.PathEscape(c.Operation))
	if err != nil {
		return fmt.Errorf("the router's address: %w", err)
	}
	client := &http.Client{Timeout: callTimeout, Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	asker := &asker{h: h, client: client, apiKey: c.APIKey}
	described, err := asker.ask(http.MethodGet, target, nil, "")
	if err != nil {
		return err
	}
	var operation api.Operation
	if err := json.Unmarshal(described, &operation); err != nil {
		return fmt.Errorf("read the router's answer: %w", err)
	}
	if operation.Idempotency == "safe" {
		return c.read(asker, target, input)
	}
	if c.All {
		return fmt.Errorf("%s may change something: --all is for what changes nothing", c.Operation)
	}
	return c.perform(asker, target, input)
}

func (c *callCommand) input() ([]byte, error) {
	if c.Input == "-" {
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return nil, fmt.Errorf("read the input: %w", err)
		}
		return text, nil
	}
	path, isFile := strings.CutPrefix(c.Input, "@")
	if !isFile {
		return []byte(c.Input), nil
	}
	text, err := os.ReadFile(path) //nolint:gosec // G304: the caller's own file
	if err != nil {
		return nil, fmt.Errorf("read the input: %w", err)
	}
	return text, nil
}

// read prints a page, or all that follow.
func (c *callCommand) read(asker *asker, target string, input []byte) error {
	for cursor, seen := c.Cursor, map[string]bool{}; ; {
		answer, err := asker.ask(http.MethodPost, pageOf(target, cursor), input, "")
		if err != nil {
			return err
		}
		if err := asker.print(answer); err != nil {
			return err
		}
		var page api.Reading
		if err := json.Unmarshal(answer, &page); err != nil {
			return fmt.Errorf("read the router's answer: %w", err)
		}
		if !c.All || page.NextCursor == "" {
			return nil
		}
		if cursor = page.NextCursor; seen[cursor] {
			return fmt.Errorf("the pages come back to %q", cursor)
		}
		seen[cursor] = true
	}
}

func pageOf(target, cursor string) string {
	if cursor == "" {
		return target
	}
	return target + "?" + url.Values{"cursor": {cursor}}.Encode()
}

// perform makes a run, prints it, and fails where it did not succeed.
func (c *callCommand) perform(asker *asker, target string, input []byte) error {
	key := c.Key
	if key == "" {
		key = "call-" + rand.Text()
		asker.h.log.Info("made an Idempotency-Key: give it with --key to repeat this call", slog.String("key", key))
	}
	answer, err := asker.ask(http.MethodPost, pageOf(target, c.Cursor), input, key)
	if err != nil {
		return err
	}
	if err := asker.print(answer); err != nil {
		return err
	}
	var run api.Run
	if err := json.Unmarshal(answer, &run); err != nil {
		return fmt.Errorf("read the router's answer: %w", err)
	}
	switch {
	case run.Status == "succeeded":
		return nil
	case run.Failure != nil:
		return fmt.Errorf("%s is %s: %s: %s", run.ID, run.Status, run.Failure.Code, run.Failure.Message)
	}
	return fmt.Errorf("%s is %s", run.ID, run.Status)
}

// asker asks a router.
type asker struct {
	h      *host
	client *http.Client
	apiKey string
}

// ask returns the body of a successful answer, and the router's error otherwise.
func (a *asker) ask(method, target string, body []byte, key string) (answer []byte, err error) {
	request, err := http.NewRequestWithContext(a.h.ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the router's address: %w", err)
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		request.Header.Set("Idempotency-Key", `"`+strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key)+`"`)
	}
	if a.apiKey != "" {
		request.Header.Set("Authorization", "Bearer "+a.apiKey)
	}
	response, err := a.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask the router: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // only read from
	const largest = 64 << 20
	answer, err = io.ReadAll(io.LimitReader(response.Body, largest))
	if err != nil {
		return nil, fmt.Errorf("ask the router: %w", err)
	}
	if response.StatusCode >= http.StatusBadRequest {
		return nil, refusalOf(response.Status, answer)
	}
	return answer, nil
}

// refusalOf joins all errors of the router's answer.
func refusalOf(status string, body []byte) error {
	var p api.Problem
	_ = json.Unmarshal(body, &p)
	refused := fmt.Errorf("the router answered %s: %s", status, p.Detail)
	if p.Failure != nil {
		refused = fmt.Errorf("%w (%s)", refused, p.Failure.Code)
	}
	for i, field := range p.Errors {
		if i > 0 { // the first is the detail
			refused = errors.Join(refused, fmt.Errorf("%s %s", field.Pointer, field.Detail))
		}
	}
	return refused
}

// print indents JSON for people; numbers keep their text.
func (a *asker) print(answer []byte) error {
	var text bytes.Buffer
	if err := json.Indent(&text, bytes.TrimSpace(answer), "", "  "); err != nil {
		return fmt.Errorf("read the router's answer: %w", err)
	}
	return write(a.h, text.String()+"\n")
}
