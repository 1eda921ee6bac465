// Command router takes payments over HTTP and routes each to a provider.
package main

import (
	"context"
	"io"
	"log"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

// version is set by the Makefile.
var version = "dev"

type cli struct {
	Serve   serveCommand   `cmd:"" help:"Take payments over HTTP."`
	Sandbox sandboxCommand `cmd:"" help:"Run the five providers, simulated from their documents."`
	Route   routeCommand   `cmd:"" help:"Check the rules, and ask where a payment would go."`
	Plugin  pluginCommand  `cmd:"" help:"Check, inspect, sign and verify a plugin's module."`
	Replay  replayCommand  `cmd:"" help:"Repeat an attempt's flow through a plugin, here."`

	Call callCommand `cmd:"" help:"Run an operation of an account by its provider's name, over a router's API."`

	Key       keyCommand          `cmd:"" help:"Make, list, rotate and revoke API keys."`
	Audit     auditCommand        `cmd:"" help:"Print the log of administrative acts of a router, a JSON object a line."`
	Journal   journalCommand      `cmd:"" help:"Back the journal up, check a copy of it, and release one that is held."`
	Callbacks callbackURLsCommand `cmd:"" name:"callback-urls" help:"Print where each account's provider is to report to."`
	OpenAPI   openAPICommand      `cmd:"" name:"openapi" help:"Print the API's OpenAPI document."`
	Version   versionCommand      `cmd:"" help:"Print the version."`
}

// host is what commands take from the process.
type host struct {
	ctx     context.Context //nolint:containedctx // the process's own
	stdout  io.Writer
	environ []string
	now     func() time.Time
	log     *slog.Logger
	// listening is called with the address once a router listens; nil calls nothing.
	listening func(net.Addr)
}

// variable is an environment variable's value: the last, where it stands twice.
func variable(environ []string, name string) (value string) {
	for _, entry := range environ {
		if text, found := strings.CutPrefix(entry, name+"="); found {
			value = text
		}
	}
	return value
}

func main() {
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// net/http writes what a provider sends unasked to the standard logger, unmasked.
	log.SetOutput(io.Discard)
	var commands cli
	parsed := kong.Parse(&commands, kong.Name("router"), kong.UsageOnError(),
		kong.Description(
			"A payment router: providers by rules, integrations as sandboxed WebAssembly, no payment twice, "+
				"none lost."))
	err := parsed.Run(&host{
		ctx: ctx, stdout: os.Stdout, environ: os.Environ(), log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		now: time.Now, //nolint:forbidigo // the clock's one place
	})
	if err != nil {
		_, _ = io.WriteString(os.Stderr, "router: "+err.Error()+"\n")
		return 1
	}
	return 0
}

type versionCommand struct{}

func (versionCommand) Run(h *host) error {
	text := version
	if info, ok := debug.ReadBuildInfo(); ok {
		text += " " + info.GoVersion
	}
	_, err := io.WriteString(h.stdout, text+"\n")
	return err
}
