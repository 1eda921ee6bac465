package plugin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"payrouter/abi/conformance/check"
	abi "payrouter/abi/v1"
	"payrouter/host/plugin/replay"
	"payrouter/host/plugin/signature"
	"payrouter/host/wasm"
)

// Allowance is what an operator knows of a candidate and takes all the same.
type Allowance string

// What may be allowed. The others are replay's kinds of differences: requests, outcomes, failures, fuel.
const (
	AllowSecrets Allowance = "secrets"
	AllowHosts   Allowance = "hosts"
	AllowOlder   Allowance = "older"
)

// Allowances are all of them, in the order in which they are documented.
func Allowances() []Allowance {
	return []Allowance{
		Allowance(replay.Requests), Allowance(replay.Outcomes), Allowance(replay.Failures), Allowance(replay.Fuel),
		AllowSecrets, AllowHosts, AllowOlder,
	}
}

// Candidate is a module that somebody wants to serve.
type Candidate struct {
	// Code is the module. Nobody changes it.
	Code []byte
	// Signature is its minisign file; empty where there is none.
	Signature []byte
	// Name is the plugin that it has to be; empty where any will do.
	Name string
	// Source says in a few words where it comes from, for the events.
	Source string
	// Canary is the percentage of payments that it is to be tried on, beside what serves; 0 makes it serve all of them.
	Canary int
	// Allow is what is not to stop it.
	Allow []Allowance

	// file is the path of a module of the folder; empty for others.
	file string
	// kept: it served before the router was started, so nothing is compared.
	kept bool
}

func (c Candidate) allows(what Allowance) bool { return slices.Contains(c.Allow, what) }

// called is the plugin's name as far as it is known without asking the plugin.
func (c Candidate) called() string {
	if c.Name == "" && c.file != "" {
		return strings.TrimSuffix(filepath.Base(c.file), moduleSuffix)
	}
	return cmp.Or(c.Name, "unnamed")
}

// Report is what became of an install.
type Report struct {
	Name, Version, Digest string
	Generation            int64
	// Unchanged: it serves already, so nothing was done.
	Unchanged bool
	// Steps were taken, the last of which may have failed.
	Steps []Event
	// Shadow is what the recorded conversations came to; nil where it did not come to that.
	Shadow *Shadow
}

// Install takes a module through every step, from its signature to active. Where a step fails, what served serves on,
// and the error is a *RefusedError that names the step; the report tells how far it came. Two installs do not go on at
// once; payments are not held up by one.
func (s *Registry) Install(ctx context.Context, c Candidate) (Report, error) {
	s.installing.Lock()
	defer s.installing.Unlock()
	t := s.trail(c.called(), c.Source)
	t.about.Digest = digestOf(c.Code)
	report := Report{Digest: t.about.Digest}
	if name, serves := s.serves(t.about.Digest); serves && c.Canary == 0 && (c.Name == "" || c.Name == name) {
		s.seen(name, report.Digest, c)
		report.Name, report.Unchanged = name, true
		return report, nil
	}
	generation, err := s.examine(ctx, c, t)
	if err == nil {
		defer generation.Release()
		report.Name, report.Version, report.Generation = generation.manifest.GetName(), generation.manifest.GetVersion(), generation.number
		report.Shadow, err = s.place(ctx, c, t, generation)
	}
	report.Steps = t.events
	return report, err
}

// digestOf names a module by its bytes.
func digestOf(code []byte) string {
	sum := sha256.Sum256(code)
	return hex.EncodeToString(sum[:])
}

// serves tells the plugin whose stable generation has a digest.
func (s *Registry) serves(digest string) (string, bool) {
	active := s.ActiveSet()
	for _, name := range active.Names() {
		if active, _ := active.Of(name); active.Stable.Digest() == digest {
			return name, true
		}
	}
	return "", false
}

// examine takes a candidate through what can be said of it alone. The caller releases the generation.
func (s *Registry) examine(ctx context.Context, c Candidate, t *trail) (*Generation, error) {
	t.done(StepRead, strconv.Itoa(len(c.Code))+" bytes")
	if s.shut() {
		return nil, t.failed(StepRead, wasm.ErrClosed)
	}
	statement, err := s.vouched(c, t)
	if err != nil {
		return nil, t.failed(StepSignature, err)
	}
	if generation := s.holdSame(t.about.Digest, statement.Name != ""); generation != nil {
		t.of(generation)
		t.done(StepCompile, fmt.Sprintf("generation %d, which is still open, is of the same bytes", generation.number))
		return generation, nil
	}
	module, err := s.compiler.Compile(ctx, c.Code, s.settings.Limits)
	if err != nil {
		return nil, t.failed(StepCompile, err)
	}
	t.done(StepCompile, "")
	manifest, err := describe(ctx, module)
	if err != nil {
		return nil, errors.Join(t.failed(StepDescribe, err), module.Close(context.WithoutCancel(ctx)))
	}
	generation := s.shelve(module, manifest)
	generation.source, generation.signed = c.Source, statement.Name != ""
	t.of(generation)
	t.done(StepDescribe, manifest.GetTitle())
	if err := speaksOf(statement, manifest); err != nil {
		generation.Release()
		return nil, t.failed(StepSignature, err)
	}
	return generation, nil
}

// holdSame holds a generation of the same bytes that does not serve and is open all the same, as one that is kept warm:
// all that can be said of it alone is known, and its instances are there. Nil where there is none.
func (s *Registry) holdSame(digest string, signed bool) *Generation {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	active := slices.Collect(s.active.generations)
	for generation := range s.open {
		if generation.holds > 0 && generation.Digest() == digest && generation.signed == signed &&
			!slices.Contains(active, generation) {
			generation.holds++
			return generation
		}
	}
	return nil
}

// vouched verifies a signature, as far as the settings ask for one. The zero Statement says that nobody vouches for the
// module.
func (s *Registry) vouched(c Candidate, t *trail) (signature.Statement, error) {
	switch {
	case len(c.Signature) == 0 && s.settings.RequireSignature:
		return signature.Statement{}, &RefusedError{
			Step: StepSignature, Reason: signature.ErrUnsigned, What: "this router takes signed plugins only",
			Hint: "sign it with \"router plugin sign\"",
		}
	case len(c.Signature) == 0:
		t.done(StepSignature, "not signed, and none is asked for")
		return signature.Statement{}, nil
	case !s.settings.Keys.Any():
		t.done(StepSignature, "not looked at: no key is trusted")
		return signature.Statement{}, nil
	}
	statement, err := s.settings.Keys.Verify(c.Code, c.Signature)
	if err == nil {
		t.done(StepSignature, "signed as "+statement.Name+" "+statement.Version)
	}
	return statement, err
}

// speaksOf holds what was signed against what the plugin says of itself.
func speaksOf(statement signature.Statement, m *abi.Manifest) error {
	if statement.Name == "" || statement.Name == m.GetName() && statement.Version == m.GetVersion() {
		return nil
	}
	return fmt.Errorf("%w: as %s %s, and it is %s %s", signature.ErrStatement, statement.Name, statement.Version,
		m.GetName(), m.GetVersion())
}

func describe(ctx context.Context, module *wasm.Module) (*abi.Manifest, error) {
	answer, _, _, err := ask(ctx, module, wasm.Describe, nil, wasm.Env{})
	if err != nil {
		return nil, fmt.Errorf("ask for the manifest: %w", err)
	}
	manifest := answer.GetManifest()
	if problems := check.Manifest(manifest); len(problems) > 0 {
		return nil, &RefusedError{Step: StepDescribe, Reason: ErrManifest, What: strings.Join(problems, "; ")}
	}
	return manifest, nil
}

// place holds an examined candidate against what serves, and makes it serve.
func (s *Registry) place(ctx context.Context, c Candidate, t *trail, g *Generation) (*Shadow, error) {
	s.changing.Lock()
	defer s.changing.Unlock()
	if s.shut() {
		return nil, t.failed(StepCompare, wasm.ErrClosed)
	}
	name := g.manifest.GetName()
	former, there := s.ActiveSet().Of(name)
	if err := s.compare(c, g, former.Stable); err != nil {
		return nil, t.failed(StepCompare, err)
	}
	t.done(StepCompare, compared(former.Stable))
	if err := s.pinned(name, g.Digest()); err != nil {
		return nil, t.failed(StepPin, err)
	}
	var shadow *Shadow
	if there && !c.kept {
		found, err := s.shadow(ctx, former.Stable, g, c)
		shadow = found
		if err != nil {
			return shadow, t.failed(StepShadow, err)
		}
		t.done(StepShadow, shadow.String())
	}
	active := Active{Stable: g}
	if c.Canary > 0 {
		active = Active{Stable: former.Stable, Canary: g, Share: c.Canary}
	}
	return shadow, s.serve(ctx, t, change{
		name: name, active: active, code: c.Code, digest: g.Digest(), signature: c.Signature, file: c.file,
		kept: c.kept,
	})
}

func compared(former *Generation) string {
	if former == nil {
		return "nothing of this name served"
	}
	return "with " + former.manifest.GetVersion()
}

// compare holds a candidate against what serves under its name.
func (s *Registry) compare(c Candidate, g, former *Generation) error {
	name := g.manifest.GetName()
	if c.Name != "" && c.Name != name {
		return &RefusedError{Step: StepCompare, Reason: ErrName, What: fmt.Sprintf("it is %q, not %q", name, c.Name)}
	}
	if other := s.fileOf(name); c.file != "" && other != "" && other != c.file {
		return &RefusedError{
			Step: StepCompare, Reason: ErrName,
			What: fmt.Sprintf("%s provides %q already", other, name), Hint: "keep one file of each plugin",
		}
	}
	if c.kept {
		return nil
	}
	if err := s.notOlder(c, g); err != nil {
		return err
	}
	if former == nil {
		if c.Canary > 0 {
			return &RefusedError{
				Step: StepCompare, Reason: ErrCanary,
				What: "nothing of this name serves, to try it beside",
			}
		}
		return nil
	}
	return errors.Join(sameSecrets(c, former.manifest, g.manifest), sameHosts(c, former.manifest, g.manifest))
}

// notOlder keeps a signed module from coming back after a newer one has served. Without keys a version is anybody's
// word.
func (s *Registry) notOlder(c Candidate, g *Generation) error {
	s.mutex.RLock()
	highest := ""
	if entry := s.entries[g.manifest.GetName()]; entry != nil {
		highest = entry.record.Highest
	}
	s.mutex.RUnlock()
	if !s.settings.Keys.Any() || highest == "" || c.allows(AllowOlder) ||
		compareVersions(g.manifest.GetVersion(), highest) >= 0 {
		return nil
	}
	return &RefusedError{
		Step: StepCompare, Reason: ErrOlder, What: fmt.Sprintf("%s, after %s", g.manifest.GetVersion(), highest),
		Hint: "roll back, or allow older",
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
			Hint: "it cannot be a canary: accounts have one list of secrets",
		}
	case c.allows(AllowSecrets):
		return nil
	}
	return &RefusedError{Step: StepCompare, Reason: ErrSecrets, What: what, Hint: "allow secrets, if that is meant"}
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
			Hint: "it cannot be a canary: accounts have one list of hosts",
		}
	case c.allows(AllowHosts):
		return nil
	}
	return &RefusedError{Step: StepCompare, Reason: ErrHosts, What: list(added), Hint: "allow hosts, if that is meant"}
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

// pinned holds a digest against those that the configuration names.
func (s *Registry) pinned(name, digest string) error {
	if c := s.configuration.Load(); c == nil || (*c).Pinned(name, digest) {
		return nil
	}
	return &RefusedError{
		Step: StepPin, Reason: ErrPinned, What: digest,
		Hint: "add it to the digests of the plugin's accounts first",
	}
}

// compareVersions orders semantic versions by their numbers and then by their pre-releases, as
// https://semver.org/#spec-item-11 does.
func compareVersions(a, b string) int {
	a, _, _ = strings.Cut(a, "+")
	b, _, _ = strings.Cut(b, "+")
	coreA, preA, hasA := strings.Cut(a, "-")
	coreB, preB, hasB := strings.Cut(b, "-")
	if order := comparePoints(coreA, coreB); order != 0 {
		return order
	}
	if hasA != hasB { // a release comes after its pre-releases
		if hasA {
			return -1
		}
		return 1
	}
	return comparePoints(preA, preB)
}

// comparePoints compares what stands between points: numbers as numbers and below words, and fewer below more.
func comparePoints(a, b string) int {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(as), len(bs)) {
		numberA, errA := strconv.ParseUint(as[i], 10, 64)
		numberB, errB := strconv.ParseUint(bs[i], 10, 64)
		var order int
		switch {
		case errA == nil && errB == nil:
			order = cmp.Compare(numberA, numberB)
		case errA == nil:
			order = -1
		case errB == nil:
			order = 1
		default:
			order = cmp.Compare(as[i], bs[i])
		}
		if order != 0 {
			return order
		}
	}
	return cmp.Compare(len(as), len(bs))
}
