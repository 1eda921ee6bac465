package main

import (
	"crypto/rand"
	"encoding/json"
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

	askerFlags `embed:""`
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
	asker, err := newAsker(h, c.APIKey, c.askerFlags, callTimeout)
	if err != nil {
		return err
	}
	defer asker.close()
	described, err := asker.ask(http.MethodGet, target, nil, nil)
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
		answer, err := asker.ask(http.MethodPost, pageOf(target, cursor), input, nil)
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
	answer, err := asker.ask(http.MethodPost, pageOf(target, c.Cursor), input, map[string]string{
		"Idempotency-Key": `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(key) + `"`,
	})
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
