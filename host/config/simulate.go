package config

import (
	"fmt"
	"maps"

	"payrouter/host/routing"
)

// Simulated is an account's simulated provider.
type Simulated struct {
	// BaseURL is without a trailing slash.
	BaseURL string
	// Secrets are the ones that it accepts, by their names in the plugin's manifest.
	Secrets map[string]string
}

// Simulator returns an account's simulated provider. Its error means that the plugin has none.
type Simulator func(account, plugin string) (Simulated, error)

// Simulate points every account at its simulated provider: base URL, hosts and secrets become the simulation's, and
// the ones of the file and the environment are dropped. A secret that the simulator does not know is a made-up one. It
// reports every account whose plugin is not simulated, joined, each a *routing.Problem, and changes nothing then.
func (c *Config) Simulate(by Simulator) error {
	var problems []error
	found := make([]Simulated, len(c.Providers))
	for i, p := range c.Providers {
		var err error
		if found[i], err = by(p.Name, p.Plugin); err != nil {
			problems = append(problems, &routing.Problem{
				At: p.At, What: fmt.Sprintf("provider %q: plugin %q has no simulated provider (%v)", p.Name, p.Plugin,
					err),
				Mend: "take the account out of the file, or run the router without --sandbox",
			})
		}
	}
	if err := inFileOrder(problems); err != nil {
		return err
	}
	for i, p := range c.Providers {
		p.BaseURL, p.AllowPrivate, p.Simulated = found[i].BaseURL, true, true
		p.simulated = make(map[string]string, len(p.Secrets))
		for name := range p.Secrets {
			p.simulated[name] = madeUp(name)
			if value, known := found[i].Secrets[name]; known {
				p.simulated[name] = value
			}
		}
	}
	return nil
}

// madeUp is a value for a secret that nothing compares.
func madeUp(name string) string { return "sandbox-" + name + "-made-up" }

// simulatedSecrets are the values of a simulated account's secrets.
func (p *Provider) simulatedSecrets() map[string]string { return maps.Clone(p.simulated) }
