package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"payrouter/host/access"
	"payrouter/host/api"
	"payrouter/host/atomicfile"
	"payrouter/host/audit"
	"payrouter/host/store/sqlite"
)

type keyCommand struct {
	Make   keyMakeCommand   `cmd:"" help:"Make an API key, and print its token, which is shown this once."`
	List   keyListCommand   `cmd:"" help:"List API keys."`
	Rotate keyRotateCommand `cmd:"" help:"Put a new key in a key's place; both hold for the overlap."`
	Revoke keyRevokeCommand `cmd:"" help:"End an API key at once."`
}

// keyPlace is where the keys are that a command is about: at a router that runs, or in the data folder of one that
// does not.
type keyPlace struct {
	Data   string `default:"data" type:"path" help:"The data folder of a router that does not run."`
	Router string `help:"The router that runs, instead of --data: http://127.0.0.1:8080."`
	APIKey string `name:"api-key" env:"ROUTER_API_KEY" help:"A key with the right keys, for --router."`

	askerFlags `embed:""`
}

// local opens the keys of a data folder, with the log of what is done to them. Call close at the end.
func (p keyPlace) local(h *host) (keys *access.Keys, log *audit.Log, closing func() error, err error) {
	db, err := sqlite.Open(h.ctx, p.Data, sqlite.Now(h.now))
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%w; of a router that runs, the keys are at --router", err)
	}
	if keys, err = access.Load(h.ctx, db, access.Settings{Now: h.now}); err != nil {
		return nil, nil, nil, errors.Join(err, db.Close())
	}
	return keys, audit.New(db, h.now, slog.New(slog.DiscardHandler)), db.Close, nil
}

// act does something to the keys of a data folder, has it in the audit log, and prints the token that it made, if any.
func (p keyPlace) act(h *host, name, object string,
	perform func(keys *access.Keys) (access.Key, string, error),
) (err error) {
	keys, log, closing, err := p.local(h)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing()) }()
	by := audit.Actor{Name: access.CommandLine().Name}
	var key access.Key
	token := ""
	err = log.Do(h.ctx, by, name, object, nil, func() (any, error) {
		key, token, err = perform(keys)
		return api.KeyOf(key, h.now()), err
	})
	if err != nil || token == "" {
		return err
	}
	return printToken(h, key.ID, token)
}

// ask asks a router about keys.
func (p keyPlace) ask(h *host, method, path string, body, into any) error {
	target, err := url.JoinPath(p.Router, "/v1/keys", path)
	if err != nil {
		return fmt.Errorf("the router's address: %w", err)
	}
	var text []byte
	if body != nil {
		if text, err = json.Marshal(body); err != nil {
			return fmt.Errorf("encode a request: %w", err)
		}
	}
	asker, err := newAsker(h, p.APIKey, p.askerFlags, time.Minute)
	if err != nil {
		return err
	}
	defer asker.close()
	answer, err := asker.ask(method, target, text, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("read the router's answer: %w", err)
	}
	return nil
}

type keyMakeCommand struct {
	keyPlace

	Merchant string `required:"" help:"Whose payments the key creates and sees."`
	Name     string `required:"" help:"For people: checkout-server, anna."`

	Preset string `enum:",shop,payouts,read-only,support,operator,platform,owner" default:"" help:"Rights: ${enum}."`

	Right   []string      `help:"A right beside those of the preset, such as payments:approve. Repeatable."`
	Expires time.Duration `help:"After how long it ends: 2160h. By default never."`
}

// Run makes a key and prints its token.
func (c *keyMakeCommand) Run(h *host) error {
	var expires time.Time
	if c.Expires != 0 {
		expires = h.now().Add(c.Expires).UTC()
	}
	if c.Router != "" {
		body := map[string]any{"merchant": c.Merchant, "name": c.Name}
		if c.Preset != "" {
			body["preset"] = c.Preset
		}
		if len(c.Right) > 0 {
			body["rights"] = c.Right
		}
		if !expires.IsZero() {
			body["expires_at"] = expires
		}
		var made api.Key
		if err := c.ask(h, http.MethodPost, "", body, &made); err != nil {
			return err
		}
		return printToken(h, made.ID, made.Token)
	}
	return c.act(h, "key.make", "", func(keys *access.Keys) (access.Key, string, error) {
		asked := access.Request{Merchant: c.Merchant, Name: c.Name, ExpiresAt: expires}
		asked.Rights = access.Together(access.Preset(c.Preset), c.Right)
		return keys.Make(h.ctx, access.CommandLine(), asked)
	})
}

func printToken(h *host, id, token string) error {
	return write(h, fmt.Sprintf("%s\n%s\n", id, token))
}

type keyListCommand struct {
	keyPlace
}

// Run prints a line for each key.
func (c *keyListCommand) Run(h *host) (err error) {
	var list struct{ Data []api.Key }
	if c.Router != "" {
		if err := c.ask(h, http.MethodGet, "", nil, &list); err != nil {
			return err
		}
		return printKeys(h, list.Data)
	}
	keys, _, closing, err := c.local(h)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closing()) }()
	for _, key := range keys.List(access.CommandLine()) {
		list.Data = append(list.Data, api.KeyOf(key, h.now()))
	}
	return printKeys(h, list.Data)
}

func printKeys(h *host, keys []api.Key) error {
	var text strings.Builder
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "ID\tMERCHANT\tNAME\tSTATE\tLAST USED\tRIGHTS")
	for _, key := range keys {
		state := "active"
		switch {
		case !key.RevokedAt.IsZero():
			state = "revoked " + key.RevokedAt.Format(time.DateOnly)
		case !key.Active:
			state = "expired " + key.ExpiresAt.Format(time.DateOnly)
		case !key.ExpiresAt.IsZero():
			state = "until " + key.ExpiresAt.Format(time.RFC3339)
		}
		used := "never"
		if !key.LastUsedAt.IsZero() {
			used = key.LastUsedAt.Format(time.RFC3339)
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", key.ID, key.Merchant, key.Name, state, used,
			strings.Join(key.Rights, " "))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	return write(h, text.String())
}

type keyRotateCommand struct {
	keyPlace

	ID      string        `arg:"" help:"The key's id."`
	Overlap time.Duration `default:"24h" help:"How long the old key holds on."`
}

// Run puts a new key in a key's place and prints its token.
func (c *keyRotateCommand) Run(h *host) error {
	if c.Router != "" {
		var made api.Key
		body := map[string]int{"overlap_seconds": int(c.Overlap / time.Second)}
		if err := c.ask(h, http.MethodPost, url.PathEscape(c.ID)+"/rotate", body, &made); err != nil {
			return err
		}
		return printToken(h, made.ID, made.Token)
	}
	return c.act(h, "key.rotate", c.ID, func(keys *access.Keys) (access.Key, string, error) {
		return keys.Rotate(h.ctx, access.CommandLine(), c.ID, c.Overlap)
	})
}

type keyRevokeCommand struct {
	keyPlace

	ID string `arg:"" help:"The key's id."`
}

// Run ends a key.
func (c *keyRevokeCommand) Run(h *host) error {
	if c.Router != "" {
		var ended api.Key
		return c.ask(h, http.MethodPost, url.PathEscape(c.ID)+"/revoke", nil, &ended)
	}
	return c.act(h, "key.revoke", c.ID, func(keys *access.Keys) (access.Key, string, error) {
		key, err := keys.Revoke(h.ctx, access.CommandLine(), c.ID)
		return key, "", err
	})
}

// firstKey makes a key with every right where a data folder has none, and keeps its token there in a file that its
// owner alone reads: for a router to try things out with. It is the file's token otherwise; empty where it is gone.
func firstKey(h *host, data string) (token string, err error) {
	place := keyPlace{Data: data}
	keys, log, closing, err := place.local(h)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, closing()) }()
	file := filepath.Join(data, "first-key")
	if keys.Any() {
		text, err := os.ReadFile(file) //nolint:gosec // G304: the operator's own folder
		if errors.Is(err, os.ErrNotExist) {
			return "", nil
		}
		if _, valid := keys.Identify(strings.TrimSpace(string(text))); !valid {
			return "", err
		}
		return strings.TrimSpace(string(text)), err
	}
	by := audit.Actor{Name: access.CommandLine().Name}
	err = log.Do(context.WithoutCancel(h.ctx), by, "key.make", "", nil, func() (any, error) {
		var key access.Key
		key, token, err = keys.Make(h.ctx, access.CommandLine(),
			access.Request{Merchant: "default", Name: "first", Rights: access.Rights()})
		if err != nil {
			return nil, err
		}
		return api.KeyOf(key, h.now()), atomicfile.Write(file, []byte(token+"\n"), 0o600)
	})
	return token, err
}
