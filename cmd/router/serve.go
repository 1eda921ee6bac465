package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"payrouter/host/payment"
	"payrouter/host/plugin"
	"payrouter/host/plugin/signature"
	"payrouter/host/router"
)

type serveCommand struct {
	Listen string `default:"127.0.0.1:8080" help:"Address to listen on."`

	tlsFlags `embed:""`

	Routing string `default:"routing.yaml" type:"path" help:"Provider accounts and rules."`

	Watch bool `default:"true" negatable:"" help:"Take edits of the routing file, its secrets and the plugins' folder."`

	EnvFile string `name:"env-file" type:"path" help:"File of variables with secrets, a line NAME=value each."`

	Plugins string `default:"build/plugins" type:"path" help:"Folder of plugins' modules."`

	PluginKey []string `help:"KEY or PLUGIN=KEY: a minisign public key, or a file of one, that signs plugins. Repeatable."`

	RequireSignature bool `help:"Take only plugins that are signed with a --plugin-key."`

	Isolation map[string]string `help:"How a plugin's calls are kept apart: NAME=shared or NAME=pristine. Repeatable."`

	IsolationSample int `default:"64" help:"Of how many shared calls one is made again and compared; -1 for none."`

	PluginMemory int64 `default:"1024" help:"MiB of memory that all plugins' instances may have together."`
	RequireCheck bool  `help:"Take only plugins that pass router plugin check with vectors in the module."`

	KeepPlugins int `default:"1" help:"Former generations of each plugin that are kept for a rollback; -1 for none."`
	RecordCalls int `default:"100" help:"Recorded flows of each operation of a plugin; -1 for none."`

	Budget    budgetFlags   `embed:""`
	RecordFor time.Duration `default:"720h" help:"How long a recorded flow is kept, which has a payer's data."`

	Data    string `default:"data" type:"path" help:"Folder of the journal, and of uploaded and compiled plugins."`
	Witness string `type:"path" help:"File of the journal's last commit; in the data folder by default."`

	Compiled string `type:"path" env:"ROUTER_COMPILED" help:"Folder of compiled plugins; in the data folder by default."`

	MakeKey bool `help:"Make a first API key, with every right, if there is none, and print it: to try things out."`

	WaitTimeout  time.Duration `default:"30s" help:"How long a create waits for its first settled step."`
	SendWithin   time.Duration `default:"10s" help:"How long after it was journalled a request may still leave."`
	Grace        time.Duration `default:"40s" help:"How long a shutdown waits for payments on their way."`
	RecoverEvery time.Duration `default:"15s" help:"How often payments that a failed write left behind are resumed."`

	Sandbox bool `help:"Run the simulated providers too, and point every account at them."`

	ReconcileEvery time.Duration `default:"1s" help:"How often due look-ups are read from the journal."`

	LookupsPerSecond int `default:"10" help:"Look-ups of payments at one provider in a second, at most."`

	CallbackLookups int `name:"callback-lookups-per-second" default:"5" help:"Look-ups by callbacks, for each account."`

	UnknownAlert    time.Duration `default:"1h" help:"How long a payment may be unknown before it sets an alert."`
	KeyLifetime     time.Duration `default:"168h" help:"How long after its payment's end an Idempotency-Key is kept."`
	WebhookLifetime time.Duration `default:"720h" help:"How long a delivered webhook is kept."`

	PublicURL string `name:"public-url" help:"Where providers reach the router: https://pay.example.com."`

	WebhooksToPrivate bool `help:"Send webhooks to private addresses too, and without TLS: for development."`

	Connections connectionFlags `embed:""`

	SandboxListen string `default:"127.0.0.1:8081" help:"Address of the simulated providers."`
}

func (s *serveCommand) Run(h *host) error {
	if err := s.validate(); err != nil {
		return err
	}
	hangups := make(chan os.Signal, 1) // one that waits is enough: it reads all that came before
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	if !s.Sandbox {
		return s.serve(h, nil, hangups)
	}
	simulated, stop, err := startSandbox(h, s.SandboxListen)
	if err != nil {
		return err
	}
	defer stop()
	return s.serve(h, simulated, hangups)
}

// serve runs a router until the process gets a signal to stop.
func (s *serveCommand) serve(h *host, simulated *simulation, hangups <-chan os.Signal) (err error) {
	armed, err := armFailpoint(h.environ, h.stdout)
	if err != nil {
		return err
	}
	if h, err = withClock(h); err != nil {
		return err
	}
	trusted, err := s.trusted()
	if err != nil {
		return err
	}
	clients, err := s.Connections.limits()
	if err != nil {
		return err
	}
	isolation, err := s.isolation()
	if err != nil {
		return err
	}
	settings := router.Settings{
		Isolation: isolation, GuestMemory: s.PluginMemory << 20,
		Clients: clients,
		Listen:  s.public(s.Listen), Admin: s.admin(), PublicURL: s.PublicURL,
		Routing: s.Routing, Environ: h.environ, Watch: s.Watch, EnvFile: s.EnvFile, Hangups: hangups,
		Plugins: s.Plugins, Compiled: s.Compiled, PluginKeys: trusted, RequireSignature: s.RequireSignature,
		RequireCheck: s.RequireCheck,
		KeepPlugins:  s.KeepPlugins, RecordCalls: s.RecordCalls, RecordFor: s.RecordFor, Data: s.Data, Witness: s.Witness,
		CreateTimeout: s.WaitTimeout, Grace: s.Grace, SendWithin: s.SendWithin,
		RecoverEvery: s.RecoverEvery, CallbackLookups: s.CallbackLookups, WebhookLifetime: s.WebhookLifetime,
		PluginCPU: s.Budget.PluginCPU, AccountCPU: s.Budget.AccountCPU, Quarantine: s.Budget.quarantine(),
		WebhooksToPrivate: s.WebhooksToPrivate, Version: version, Now: h.now, Logger: h.log, Reached: armed.reach,
		Reconciler: payment.ReconcilerSettings{
			Every: s.ReconcileEvery, PerSecond: s.LookupsPerSecond, Overdue: s.UnknownAlert, KeyLifetime: s.KeyLifetime,
		},
	}
	if simulated != nil {
		settings.Sandbox = simulated
	}
	token := ""
	if s.MakeKey {
		if token, err = firstKey(h, s.Data); err != nil {
			return err
		}
	}
	running, err := router.Open(h.ctx, settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, running.Close()) }()
	s.announce(h, running, token)
	if h.listening != nil {
		h.listening(running.URLs())
	}
	return running.Run(h.ctx)
}

// trusted reads the keys whose signatures of plugins are believed.
func (s *serveCommand) trusted() (signature.Keys, error) {
	keys, err := signature.ReadKeys(s.PluginKey)
	if err == nil && s.RequireSignature && !keys.Any() {
		err = errors.New("--require-signature needs a --plugin-key to check signatures with")
	}
	return keys, err
}

// announce prints where the router is, with a line that works when pasted.
func (s *serveCommand) announce(h *host, running *router.Router, token string) {
	at, admin := running.URLs()
	options, open := "", ""
	if s.TLSCert != "" {
		options = " --cacert " + shellquote(s.TLSCert)
	}
	switch {
	case token != "":
		options += ` -H "Authorization: Bearer ` + token + `"`
	case running.HasKeys():
		options += ` -H "Authorization: Bearer $API_KEY"`
	default:
		open = "It has no API key: everybody on this machine may do everything. router key make makes one.\n"
	}
	if admin != "" {
		admin = "Its plugins, configuration, journal and keys are administered at " + admin + " only.\n"
	}
	_, _ = fmt.Fprintf(h.stdout, `
The router listens on %[1]s (API documentation: %[1]s/docs/).
%[4]s%[3]sTake a payment:

  curl -si %[1]s/v1/payments%[2]s -H 'Idempotency-Key: "order-1001-try-1"' -H 'Content-Type: application/json' \
    -d '{"amount": "49.90", "currency": "EUR", "country": "DE", "reference": "order-1001",
      "return_url": "https://shop.example/thanks"}'

`, at, options, open, admin)
}

// isolation is how plugins' calls are kept apart.
func (s *serveCommand) isolation() (plugin.IsolationSettings, error) {
	settings := plugin.IsolationSettings{Of: map[string]plugin.Isolation{}, Sample: s.IsolationSample}
	for name, isolation := range s.Isolation {
		settings.Of[name] = plugin.Isolation(isolation)
	}
	return settings, settings.Validate()
}
