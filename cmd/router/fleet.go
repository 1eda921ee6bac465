package main

import (
	"context"
	"errors"
	"log/slog"

	"payrouter/host/plugin"
	"payrouter/host/wasm"
)

// loadPlugins compiles every module of a folder. closer gives everything back.
func loadPlugins(ctx context.Context, dir, cache string, settings plugin.Settings, log *slog.Logger) (
	registry *plugin.Registry, closer func(context.Context) error, err error,
) {
	compiler, err := wasm.New(cache, wasm.Options{Logger: log})
	if err != nil {
		return nil, nil, err
	}
	registry = plugin.NewRegistry(compiler, settings)
	closer = func(ctx context.Context) error {
		return errors.Join(registry.Close(ctx), compiler.Close(ctx))
	}
	if err := registry.LoadDir(ctx, dir); err != nil {
		return nil, nil, errors.Join(err, closer(ctx))
	}
	return registry, closer, nil
}
