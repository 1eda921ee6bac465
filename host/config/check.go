package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"payrouter/abi/capability"
	"payrouter/abi/proof"
	abi "payrouter/abi/v1"
	"payrouter/host/routing"
	"payrouter/host/schema"
)

// Check compares every account with its plugin's manifest, by the plugin's name: the plugin is there, it has the
// secrets and settings that the manifest requires, a base URL is known, failures name its operations. It reports all
// problems, joined, each a *routing.Problem.
func (c *Config) Check(manifests map[string]*abi.Manifest) error {
	return inFileOrder(slices.Collect(maps.Values(c.Faults(manifests))))
}

// Faults are Check's problems by account; nothing for an account without any.
func (c *Config) Faults(manifests map[string]*abi.Manifest) map[string]error {
	faults := map[string]error{}
	for _, p := range c.Providers {
		if err := p.check(manifests); err != nil {
			faults[p.Name] = err
		}
	}
	return faults
}

// CheckCodes compares the accounts' failure codes with the router's list. It reports all problems, joined, each a
// *routing.Problem.
func (c *Config) CheckCodes(known []string) error {
	var problems []error
	for _, p := range c.Providers {
		found, account := p.findings()
		failures := account.at("failures")
		for i, rule := range p.Failures {
			if !slices.Contains(known, rule.GetCode()) {
				failures.at(fmt.Sprint(i)).at("as").report(fmt.Sprintf("%q is not one of the router's failure codes",
					rule.GetCode()),
					routing.DidYouMean(rule.GetCode(), known))
			}
		}
		problems = append(problems, found.err())
	}
	return inFileOrder(problems)
}

// Ruleset compiles the rules over the accounts. Its problems are those of Check, and those of routing.Compile.
func (c *Config) Ruleset(manifests map[string]*abi.Manifest) (*routing.Ruleset, error) {
	problems := c.Check(manifests)
	if slices.ContainsFunc(c.Providers, func(p *Provider) bool { return manifests[p.Plugin] == nil }) {
		return nil, problems // that is the mistake, and the rules may be right
	}
	rules, err := c.Compile(manifests)
	if err := errors.Join(problems, err); err != nil {
		return nil, err
	}
	return rules, nil
}

// Compile is Ruleset without Check: an account whose plugin has no manifest may take any payment, as far as the rules
// know.
func (c *Config) Compile(manifests map[string]*abi.Manifest) (*routing.Ruleset, error) {
	providers := make([]routing.Provider, 0, len(c.Providers))
	for _, p := range c.Providers {
		one := routing.Provider{Name: p.Name, Plugin: p.Plugin, Unknown: true}
		if manifest, known := manifests[p.Plugin]; known {
			one.Unknown, one.Flows = false, capability.Flows(manifest, p.Settings)
			for _, o := range manifest.GetOperations() {
				one.Operations = append(one.Operations, o.GetName())
			}
		}
		providers = append(providers, one)
	}
	return routing.Compile(c.Rules, providers, c.Version)
}

// findings is an empty list of problems, and the account's part of the file, whose problems go there.
func (p *Provider) findings() (*source, view) {
	found := &source{file: p.source.src.file, origins: p.source.src.origins}
	return found, view{src: found, path: p.source.path, value: p.source.value}
}

func (p *Provider) check(manifests map[string]*abi.Manifest) error {
	found, account := p.findings()
	manifest, known := manifests[p.Plugin]
	if !known {
		account.at("plugin").report(fmt.Sprintf("provider %q: there is no plugin %q", p.Name, p.Plugin),
			routing.DidYouMean(p.Plugin, slices.Sorted(maps.Keys(manifests))))
		return found.err()
	}
	if p.BaseURL == "" && manifest.GetBaseUrl() == "" {
		account.reportKey(fmt.Sprintf("provider %q: plugin %q needs a base URL", p.Name, p.Plugin),
			"add base_url: each account has a site of its own")
	}
	p.checkSecrets(account, manifest)
	p.checkFailures(account.at("failures"), manifest)
	p.checkSettings(account.at("settings"), manifest)
	return found.err()
}

func (p *Provider) checkSecrets(account view, manifest *abi.Manifest) {
	secrets := account.at("secrets")
	var named []string
	for _, s := range manifest.GetSecrets() {
		named = append(named, s.GetName())
		if _, ok := p.Secrets[s.GetName()]; !ok && !s.GetOptional() {
			secrets.reportKey(fmt.Sprintf("provider %q lacks secret %q (%s)", p.Name, s.GetName(), s.GetSummary()),
				fmt.Sprintf("add %s: env:NAME under secrets", s.GetName()))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Secrets)) {
		if !slices.Contains(named, name) {
			secrets.at(name).reportKey(fmt.Sprintf("plugin %q has no secret %q", p.Plugin, name),
				routing.DidYouMean(name, named))
		}
	}
}

func (p *Provider) checkFailures(failures view, manifest *abi.Manifest) {
	var operations []string
	for _, o := range manifest.GetOperations() {
		operations = append(operations, o.GetName())
	}
	for i, rule := range p.Failures {
		if rule.GetOperation() != "" && !slices.Contains(operations, rule.GetOperation()) {
			failures.at(fmt.Sprint(i)).at("operation").report(fmt.Sprintf("plugin %q has no operation %q", p.Plugin,
				rule.GetOperation()),
				routing.DidYouMean(rule.GetOperation(), operations))
		}
		if !proof.Needed(manifest, rule) {
			continue
		}
		if weak := proof.Weakness(proof.Of(manifest, rule)); weak != "" {
			failures.at(fmt.Sprint(i)).report(
				"this failure decides what becomes of a request that may have moved money, and has no proof: "+weak,
				`add "proof: {/error: 1, /data: []}": members of the body that show that the provider itself wrote `+
					`the answer`)
		}
	}
}

func (p *Provider) checkSettings(settings view, manifest *abi.Manifest) {
	if manifest.GetSettingsSchema() == "" {
		if string(p.Settings) != "{}" {
			settings.reportKey(fmt.Sprintf("plugin %q has no settings", p.Plugin), "remove them")
		}
		return
	}
	compiled, err := schema.Compile(manifest.GetSettingsSchema())
	if err != nil {
		settings.reportKey(fmt.Sprintf("the manifest of plugin %q holds a settings schema that does not compile",
			p.Plugin), err.Error())
		return
	}
	// The settings in effect, as the plugin receives them.
	for _, violation := range compiled.Check(p.Settings) {
		at := settings
		for _, step := range violation.Path {
			at = at.at(step)
		}
		if violation.Unknown && len(violation.Path) == 1 {
			key := at.key()
			at.reportKey(fmt.Sprintf("unknown key %q in settings", key),
				routing.DidYouMean(key, compiled.Members()))
			continue
		}
		at.report("settings"+violation.Pointer+" does not fit the plugin's schema", violation.Reason)
	}
}
