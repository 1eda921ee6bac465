// Package config reads routing.yaml: the provider accounts and the rules that send payments to them.
//
// It hides where a setting comes from. The file overrides defaults, the environment overrides the file, and every
// mistake is reported with its place: file, line and column, or the environment variable. The language of rules is
// package routing's; the settings and secrets that a plugin needs are in its manifest.
package config

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/providers/env/v2"
	"github.com/knadh/koanf/v2"

	abi "payrouter/abi/v1"
	"payrouter/host/egress"
	"payrouter/host/routing"
)

// Config is a file as it takes effect. It does not change after Load.
type Config struct {
	// Version is a short hash of everything in effect: equal configurations have the same. It covers the references of
	// secrets, never their values.
	Version string
	// Providers in the order of the file.
	Providers []*Provider
	// Registries are those that plugins may be pulled from.
	Registries []Registry
	// Plugins are by the name in the plugin's manifest.
	Plugins map[string]*Plugin
	Rules   routing.Document
}

// Provider is an account on a plugin.
type Provider struct {
	Name string
	// Plugin is the name in its plugin's manifest.
	Plugin string
	// Digests, SHA-256 in hexadecimal, are the only modules of the plugin that the account may use; empty allows any.
	Digests []string
	// BaseURL is without a trailing slash; empty for the manifest's.
	BaseURL string
	// Settings is a JSON object. Check validates it by the manifest's schema.
	Settings json.RawMessage
	// Secrets by the names that the manifest gives them.
	Secrets map[string]Reference
	// AllowPrivate lets requests go to private addresses and over plain HTTP: for a sandbox.
	AllowPrivate bool
	// Timeout is for one try, from dialling to the end of the answer.
	Timeout time.Duration
	Retry   Retry
	Breaker Breaker
	Limits  Limits
	// Failures take precedence over the manifest's.
	Failures []*abi.FailureRule
	At       routing.Position
	// Simulated: requests go to BaseURL alone, with secrets of the simulation. See Config.Simulate.
	Simulated bool

	source    view
	simulated map[string]string
}

// Retry is how often a request that may be repeated is sent, and the wait in between.
type Retry struct {
	// Tries counts the first one.
	Tries int
	// BaseDelay is the wait before the second try; it grows up to MaxDelay.
	BaseDelay, MaxDelay time.Duration
	// RetryAfterCap is the longest wait that a provider may ask for.
	RetryAfterCap time.Duration
}

// Breaker is when a provider gets no requests for a while.
type Breaker struct {
	// Failures in a row open it, as do faults in half of at least 20 tries within Window.
	Failures int
	Window   time.Duration
	// OpenFor is how long.
	OpenFor time.Duration
	// HalfOpen is how many requests at once probe whether it is over.
	HalfOpen int
}

// Limits bound what one account may use.
type Limits struct {
	Connections int
	// PerSecond is how many requests leave in any second; 0 means no limit.
	PerSecond int
}

// Provider finds an account by its name.
func (c *Config) Provider(name string) (*Provider, bool) {
	i := slices.IndexFunc(c.Providers, func(p *Provider) bool { return p.Name == name })
	if i < 0 {
		return nil, false
	}
	return c.Providers[i], true
}

// Load reads a file; see Read.
func Load(path string, environ []string) (*Config, error) {
	text, err := Text(path)
	if err != nil {
		return nil, err
	}
	return Read(path, text, environ)
}

// Text is a file's content; of one that is too large, only as much is read as shows it.
func Text(path string) ([]byte, error) {
	file, err := os.Open(path) //nolint:gosec // the operator's own file
	if err != nil {
		return nil, fmt.Errorf("read the configuration: %w", err)
	}
	defer file.Close() //nolint:errcheck // only read from
	text, err := io.ReadAll(io.LimitReader(file, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("read the configuration %s: %w", path, err)
	}
	return text, nil
}

// Read makes a configuration of a file's text. environ holds "NAME=value" as os.Environ gives it: a name such as
// ROUTER_PROVIDERS__PAYGRAM_EU__BASE_URL overrides providers → paygram-eu → base_url, "__" standing between the
// levels, upper and lower case, "-" and "_" being equal. Names without "__" are left to others. Lists, the rules among
// them, cannot be overridden.
//
// It reports every problem that is found without manifests and secrets, in the order of the file, each a
// *routing.Problem.
func Read(file string, text []byte, environ []string) (*Config, error) {
	src, err := parse(file, text)
	if err != nil {
		return nil, err
	}
	effective, err := src.merge(environ)
	if err != nil {
		return nil, err
	}
	config := &Config{}
	if config.Version, err = version(effective); err != nil {
		return nil, err
	}
	root := view{src: src, value: effective}
	members := []string{"providers", "rules", "groups", "approval", "plugins", "registries"}
	root.members("the file", members, func(key string, v view) {
		switch key {
		case "providers":
			config.Providers = v.providers()
		case "plugins":
			config.Plugins = v.plugins()
		case "registries":
			config.Registries = v.registries()
		}
	})
	if len(config.Providers) == 0 {
		root.at("providers").report("there is no provider", "add \"providers:\" with at least one account under it")
	}
	config.Rules = src.readRules(config.Providers)
	if err := src.err(); err != nil {
		return nil, err
	}
	return config, nil
}

// merge overrides the defaults by the file, and the file by the environment.
func (s *source) merge(environ []string) (map[string]any, error) {
	k := koanf.New(delimiter)
	overrides := overrides{source: s}
	load := func(p koanf.Provider) error { return k.Load(p, nil) }
	err := errors.Join(
		load(confmap.Provider(defaults(s.tree), "")),
		load(confmap.Provider(s.tree, "")),
	)
	overrides.known = k.Raw()
	err = errors.Join(err, load(env.Provider(delimiter, env.Opt{
		Prefix:        envPrefix,
		TransformFunc: overrides.resolve,
		EnvironFunc:   func() []string { return environ },
	})))
	if err != nil {
		return nil, fmt.Errorf("merge %s with defaults and environment: %w", s.file, err)
	}
	return k.Raw(), nil
}

// defaults are the values of what an account leaves out, for each account in the file. Those of its connections are
// package egress'.
func defaults(tree map[string]any) map[string]any {
	number := func(n int) json.Number { return json.Number(strconv.Itoa(n)) }
	d := egress.Defaults()
	accounts := map[string]any{}
	named, _ := tree["providers"].(map[string]any)
	for name, account := range named {
		if _, ok := account.(map[string]any); !ok {
			continue
		}
		accounts[name] = map[string]any{
			"plugin":        "",
			"base_url":      "",
			"settings":      map[string]any{},
			"secrets":       map[string]any{},
			"allow_private": false,
			"timeout":       d.Timeout.String(),
			"retry": map[string]any{
				"tries": number(d.Retry.MaxTries), "base_delay": d.Retry.BaseDelay.String(),
				"max_delay": d.Retry.MaxDelay.String(), "retry_after_cap": d.Retry.RetryAfterCap.String(),
			},
			"breaker": map[string]any{
				"failures": number(int(d.Breaker.Failures)), "window": d.Breaker.Window.String(),
				"open_for": d.Breaker.Cooldown.String(), "half_open": number(int(d.Breaker.Probes)),
			},
			"limits":   map[string]any{"connections": number(d.MaxConns)},
			"failures": []any{},
		}
	}
	return map[string]any{"providers": accounts}
}

func version(effective map[string]any) (string, error) {
	const length = 12
	text, err := toJSON(effective)
	if err != nil {
		return "", fmt.Errorf("hash the configuration: %w", err)
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:])[:length], nil
}

// toJSON encodes with sorted keys, and leaves "&", "<" and ">" as they are.
func toJSON(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}
