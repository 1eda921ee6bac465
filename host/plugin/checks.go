package plugin

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"golang.org/x/mod/semver"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin/manifest"
)

// compare compares a candidate with the active generation of its name. changes are the differences of its manifest.
func (r *Registry) compare(c Candidate, g, former *Generation, changes []manifest.Change) error {
	name := g.manifest.GetName()
	if c.Name != "" && c.Name != name {
		return &RefusedError{Step: StepCompare, Reason: ErrName, What: fmt.Sprintf("it is %q, not %q", name, c.Name)}
	}
	if err := r.onlyFile(c, name); err != nil {
		return err
	}
	if c.kept {
		return nil
	}
	if err := errors.Join(r.notRefused(c, g.Digest()), r.notQuarantined(StepCompare, g.Digest()), r.decided(c, name),
		r.notOlder(c, g)); err != nil {
		return err
	}
	if former == nil {
		if c.Canary > 0 {
			return &RefusedError{
				Step: StepCompare, Reason: ErrCanary,
				What: "no generation of this name is active beside it",
			}
		}
		return nil
	}
	return errors.Join(sameSecrets(c, former.manifest, g.manifest), sameHosts(c, former.manifest, g.manifest),
		notLooser(c, changes))
}

// maxNamed are the looser differences that a refusal names; the report has all.
const maxNamed = 3

// notLooser refuses a manifest that lets the host do what the active one does not, unless that is allowed.
func notLooser(c Candidate, changes []manifest.Change) error {
	var named []string
	var needs []Allowance
	refused := 0
	for _, change := range manifest.Loosened(changes) {
		if c.allows(Allowance(change.Allow)) {
			continue
		}
		if refused++; refused <= maxNamed {
			named = append(named, fmt.Sprintf("%s: %s → %s (%s)", change.Field, change.Before, change.After, change.Why))
		}
		needs = union(needs, []Allowance{Allowance(change.Allow)})
	}
	if refused == 0 {
		return nil
	}
	if refused > maxNamed {
		named = append(named, fmt.Sprintf("%d more", refused-maxNamed))
	}
	return &RefusedError{
		Step: StepCompare, Reason: ErrLoosened, What: strings.Join(named, "; "),
		Hint: "allow " + allowances(needs) + ", if that is intended", Needs: needs,
	}
}

// onlyFile refuses a second file of the folder for a plugin.
func (r *Registry) onlyFile(c Candidate, name string) error {
	other := r.fileOf(name)
	if c.file == "" || other == "" || other == c.file {
		return nil
	}
	if _, err := os.Lstat(other); errors.Is(err, os.ErrNotExist) {
		return nil // it was renamed to this one
	}
	return &RefusedError{
		Step: StepCompare, Reason: ErrName,
		What: fmt.Sprintf("%s provides %q already", other, name), Hint: "keep one file of each plugin",
	}
}

// notOlder refuses a version below the highest that was active, signed or not: a module that was once good enough may
// have been replaced for a reason. Other bytes in the same version pass: a plugin is built again for a new compiler,
// and the other steps compare what it does.
func (r *Registry) notOlder(c Candidate, g *Generation) error {
	r.mutex.RLock()
	highest := ""
	if known := r.states[g.manifest.GetName()]; known != nil {
		highest = known.decision.Highest
	}
	r.mutex.RUnlock()
	if highest == "" || c.allows(AllowOlder) ||
		compareVersions(g.manifest.GetVersion(), highest) >= 0 {
		return nil
	}
	return &RefusedError{
		Step: StepCompare, Reason: ErrOlder, What: fmt.Sprintf("%s, after %s", g.manifest.GetVersion(), highest),
		Hint: "roll back, or allow older", Needs: []Allowance{AllowOlder},
	}
}

// decided refuses a module where it is not known what was active before the start.
func (r *Registry) decided(c Candidate, name string) error {
	r.mutex.RLock()
	defer r.mutex.RUnlock()
	known := r.states[name]
	if known == nil || known.undecided == nil || c.allows(AllowOlder) {
		return nil
	}
	return &RefusedError{
		Step: StepCompare, Reason: ErrDecision, What: known.undecided.Error(),
		Hint: "upload the module that is to serve, and allow older", Needs: []Allowance{AllowOlder},
	}
}

func sameSecrets(c Candidate, former, m *abi.Manifest) error {
	before, after := secretsOf(former), secretsOf(m)
	if slices.Equal(before, after) {
		return nil
	}
	what := fmt.Sprintf("%s before, %s now", list(before), list(after))
	switch {
	case c.Canary > 0:
		return &RefusedError{
			Step: StepCompare, Reason: ErrSecrets, What: what,
			Hint: "it cannot be a canary: accounts have one list of secrets", Needs: []Allowance{AllowSecrets},
		}
	case c.allows(AllowSecrets):
		return nil
	}
	return &RefusedError{
		Step: StepCompare, Reason: ErrSecrets, What: what, Hint: "allow secrets, if that is intended",
		Needs: []Allowance{AllowSecrets},
	}
}

func secretsOf(m *abi.Manifest) []string {
	var names []string
	for _, secret := range m.GetSecrets() {
		name := secret.GetName()
		if secret.GetOptional() {
			name += " (optional)"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func sameHosts(c Candidate, former, m *abi.Manifest) error {
	before := hostsOf(former)
	added := slices.DeleteFunc(hostsOf(m), func(host string) bool { return slices.Contains(before, host) })
	if len(added) == 0 {
		return nil
	}
	switch {
	case c.Canary > 0:
		return &RefusedError{
			Step: StepCompare, Reason: ErrHosts, What: list(added),
			Hint: "it cannot be a canary: accounts have one list of hosts", Needs: []Allowance{AllowHosts},
		}
	case c.allows(AllowHosts):
		return nil
	}
	return &RefusedError{
		Step: StepCompare, Reason: ErrHosts, What: list(added),
		Hint: "allow hosts, if that is intended", Needs: []Allowance{AllowHosts},
	}
}

func hostsOf(m *abi.Manifest) []string {
	hosts := slices.Clone(m.GetHosts())
	if base, err := url.Parse(m.GetBaseUrl()); err == nil && base.Host != "" {
		hosts = append(hosts, base.Host)
	}
	return hosts
}

func list(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// pinned refuses a digest that the configuration does not allow.
func (r *Registry) pinned(name, digest string) error {
	if policy := r.policy(name); len(policy.Digests) > 0 && !slices.Contains(policy.Digests, digest) {
		return &RefusedError{
			Step: StepPin, Reason: ErrPinned, What: digest, Hint: "add it to the digests of the plugin first",
		}
	}
	if c := r.configuration.Load(); c == nil || (*c).Pinned(name, digest) {
		return nil
	}
	return &RefusedError{
		Step: StepPin, Reason: ErrPinned, What: digest,
		Hint: "add it to the digests of the plugin's accounts first",
	}
}

// compareVersions orders semantic versions, which golang.org/x/mod/semver writes with a "v".
func compareVersions(a, b string) int { return semver.Compare("v"+a, "v"+b) }
