package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/config"
	"payrouter/host/live"
	"payrouter/host/plugin"
	"payrouter/host/router"
)

// "route check --secrets" passes exactly what serve takes with every account in service: for secrets of every form, of
// every account, from every source, and for accounts' other values that only their client refuses. What it does not
// pass it reports with the account's name, and never with the value.
func TestCheckPassesWhatServeTakes(t *testing.T) {
	t.Parallel()
	dir, compiled := plugins(t)
	registry, unload, err := router.LoadPlugins(t.Context(), dir, compiled, plugin.Settings{},
		slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	defer func() { require.NoError(t, unload(context.Background())) }()
	const shipped = "../../routing.yaml"
	base, err := config.Load(shipped, nil)
	require.NoError(t, err)
	folder := t.TempDir()
	outcomes := map[bool]int{}
	rapid.Check(t, func(r *rapid.T) {
		environ := []string{"CREDENTIALS_DIRECTORY=" + folder}
		values := map[string]string{}
		for _, p := range base.Providers {
			for name := range p.Secrets {
				source := rapid.SampledFrom([]string{"env", "file", "credential"}).Draw(r, "source")
				value := secretValue().Draw(r, "value")
				at := p.Name + "." + name
				reference := map[string]string{
					"env": "env:" + at, "file": "file:" + filepath.Join(folder, at), "credential": "credential:" + at,
				}[source]
				require.NoError(t, os.WriteFile(filepath.Join(folder, at), []byte(value), 0o600))
				environ = append(environ, at+"="+value,
					fmt.Sprintf("ROUTER_PROVIDERS__%s__SECRETS__%s=%s", p.Name, name, reference))
				values[at] = value
			}
		}
		if rapid.IntRange(0, 3).Draw(r, "edit the base URL") == 0 {
			environ = append(environ, "ROUTER_PROVIDERS__PAYPLAY__BASE_URL="+rapid.SampledFrom([]string{
				"https://api.example.com/a/../b", "https://api.example.com//x", "https://api.example.com/%zz",
				"https://api_x.example.com", "https://API.example.com", "https://ex~ample.com", "https://a b.example.com",
				"https://api.example.com:443/v1", "https://api.example.com/a b",
			}).Draw(r, "base URL"), "ROUTER_PROVIDERS__PAYPLAY__BREAKER__WINDOW="+rapid.SampledFrom([]string{
				"1ms", "999ms", "1s",
			}).Draw(r, "window"))
		}

		manager, serves := live.Open(live.Settings{File: shipped, Environ: environ}, registry.ActiveSet())
		if serves == nil {
			if out := manager.Status().Out; len(out) > 0 {
				serves = &live.InvalidError{Problems: out}
			}
			manager.Close()
		}
		routes, passes := config.Load(shipped, environ)
		if passes == nil {
			passes = (&routeCheckCommand{Secrets: true}).check(&host{environ: environ}, routes, registry.ActiveSet())
		}
		require.Equal(t, serves == nil, passes == nil, "serve: %v\ncheck: %v", serves, passes)
		outcomes[passes == nil]++
		if passes != nil {
			for at, value := range values {
				if len(value) >= 6 {
					require.NotContains(t, passes.Error(), value, at)
					require.NotContains(t, serves.Error(), value, at)
				}
			}
		}
	})
	require.NotEmpty(t, outcomes[true])
	require.NotEmpty(t, outcomes[false])
}

// secretValue is a secret's value, mostly one that a request can carry.
func secretValue() *rapid.Generator[string] {
	good := rapid.StringMatching(`[!-~]{4}[ -~]{0,40}[!-~]{4}`)
	return rapid.Custom(func(r *rapid.T) string {
		value := good.Draw(r, "good")
		if rapid.IntRange(0, 19).Draw(r, "spoil") > 0 {
			return value
		}
		return rapid.SampledFrom([]string{
			"", "\n", value[:7], value + "\n" + value, value + "\r", value + "\t" + value, value + "\x7f", "\x00" + value,
			" " + value, value + " ", value + "é", "\ufeff" + value, value + "\n",
		}).Draw(r, "bad")
	})
}

func TestCheckRefusesACallbackSecretThatServeRefuses(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, router.CheckCallbackSecret([]string{"ROUTER_CALLBACK_SECRET=short"}), "it needs 32")
	require.NoError(t, router.CheckCallbackSecret([]string{"OTHER=short"}))
	_, err := router.Addresses("", t.TempDir(), []string{"ROUTER_CALLBACK_SECRET=short"})
	require.Error(t, err)
}
