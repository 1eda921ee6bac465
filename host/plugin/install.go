package plugin

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"payrouter/abi/conformance/check"
	abi "payrouter/abi/v1"
	"payrouter/host/plugin/manifest"
	"payrouter/host/plugin/replay"
	"payrouter/host/plugin/signature"
	"payrouter/host/wasm"
)

// MaxModule is the size of the largest module that is taken, in bytes.
const MaxModule = 32 << 20

// Allowance is a difference of a candidate that an operator accepts.
type Allowance string

// What may be allowed, beside replay's kinds of differences: requests, outcomes, callbacks, failures, fuel.
const (
	AllowSecrets Allowance = Allowance(manifest.AllowSecrets)
	AllowHosts   Allowance = Allowance(manifest.AllowHosts)
	// AllowOlder: a newer version was active.
	AllowOlder Allowance = "older"
	// AllowManifest: the manifest lets the host do more than the active one.
	AllowManifest Allowance = Allowance(manifest.AllowManifest)
	// AllowUnproven: nothing is recorded that it could be compared by, and it has no vectors.
	AllowUnproven Allowance = "unproven"
)

// Allowances are all of them, in the order in which they are documented.
func Allowances() []Allowance {
	return []Allowance{
		Allowance(replay.Requests), Allowance(replay.Outcomes), Allowance(replay.Callbacks),
		Allowance(replay.Failures), Allowance(replay.Fuel),
		AllowSecrets, AllowHosts, AllowOlder, AllowManifest, AllowUnproven,
	}
}

// Candidate is a module to be installed.
type Candidate struct {
	// Code is the module. It must not change.
	Code []byte
	// Signature is its minisign file; empty where there is none.
	Signature []byte
	// Name is the plugin that it must be; empty allows any.
	Name string
	// Source is where it comes from, in a few words, for the events.
	Source string
	// Canary is the percentage of payments that it receives as a canary; 0 makes it the stable generation.
	Canary int
	// Extent has it see live flows before it serves.
	Extent Extent
	// Allow are the differences that do not stop it.
	Allow []Allowance

	// file is the path of a module of the folder; empty for others.
	file string
	// kept: it was active before the router was started, so that it is not compared with another generation.
	kept bool
	// checked: its vectors hold.
	checked bool
}

func (c Candidate) allows(what Allowance) bool { return slices.Contains(c.Allow, what) }

// presumedName is the plugin's name as far as it is known without the manifest.
func (c Candidate) presumedName() string {
	if c.Name == "" && c.file != "" {
		return strings.TrimSuffix(filepath.Base(c.file), moduleSuffix)
	}
	return cmp.Or(c.Name, "unnamed")
}

// Report is the result of an install.
type Report struct {
	Name, Version, Digest string
	Generation            int64
	// Unchanged: it is active already, and nothing was done.
	Unchanged bool
	// Allowed are the differences that did not stop it, the candidate's and the configuration's.
	Allowed []Allowance
	// Steps were taken, the last of which may have failed.
	Steps []Event
	// Changes are the differences from the active generation's manifest, as manifest.Compare has them; at most
	// maxChanges, and Omitted counts the others.
	Changes []manifest.Change
	Omitted int
	// Shadow is the result of the shadow check; nil where the install did not get that far.
	Shadow *Shadow
}

// maxChanges are kept of a candidate's differences: a plugin makes its manifest as long as it likes.
const maxChanges = 200

// Install takes a module through every step, from its signature to the active set. Where a step fails, nothing
// changes, and the error is a *RefusedError that names the step; the report has the steps up to it. Installs run one
// at a time; payments do not wait for them.
func (r *Registry) Install(ctx context.Context, c Candidate) (Report, error) {
	r.installing.Lock()
	defer r.installing.Unlock()
	t := r.trail(c.presumedName(), c.Source)
	t.about.Digest = digestOf(c.Code)
	report := Report{Digest: t.about.Digest}
	if name, active := r.activeName(t.about.Digest); active && c.Canary == 0 && (c.Name == "" || c.Name == name) {
		report.Name = name
		if err := r.onlyFile(c, name); err != nil {
			err = t.failed(StepCompare, err)
			r.refuse(t, c, err)
			report.Steps = t.events
			return report, err
		}
		r.noteFile(name, report.Digest, c)
		report.Unchanged = true
		return report, nil
	}
	generation, err := r.examine(ctx, c, t)
	if err == nil {
		defer generation.Release()
		report.Name, report.Version = generation.manifest.GetName(), generation.manifest.GetVersion()
		report.Generation = generation.number
		c = r.permitted(c, generation, t)
		report.Allowed = c.Allow
		c.checked, err = r.check(ctx, c, generation, t)
	}
	if err == nil {
		err = r.activate(ctx, c, t, generation, &report)
	}
	if err != nil {
		r.refuse(t, c, err)
	}
	report.Steps = t.events
	return report, err
}

// digestOf is the SHA-256 of a module's bytes, in hexadecimal.
func digestOf(code []byte) string {
	sum := sha256.Sum256(code)
	return hex.EncodeToString(sum[:])
}

// activeName is the plugin whose stable generation has a digest.
func (r *Registry) activeName(digest string) (string, bool) {
	active := r.ActiveSet()
	for _, name := range active.Names() {
		if active, _ := active.Of(name); active.Stable.Digest() == digest {
			return name, true
		}
	}
	return "", false
}

// examine takes a candidate through the steps that need no comparison. The caller releases the generation.
func (r *Registry) examine(ctx context.Context, c Candidate, t *trail) (*Generation, error) {
	t.done(StepRead, strconv.Itoa(len(c.Code))+" bytes")
	if r.isClosed() {
		return nil, t.failed(StepRead, wasm.ErrClosed)
	}
	statement, err := r.verify(c, t)
	if err != nil {
		return nil, t.failed(StepSignature, err)
	}
	if generation := r.holdSame(t.about.Digest, statement.Name != ""); generation != nil {
		t.of(generation)
		t.done(StepCompile, fmt.Sprintf("generation %d, which is still open, is of the same bytes", generation.number))
		return generation, nil
	}
	module, described, err := r.describe(ctx, c, t)
	if err != nil {
		return nil, err
	}
	generation := r.newGeneration(module, described, c.Source, statement.Name != "")
	t.of(generation)
	t.done(StepDescribe, described.manifest.GetTitle())
	if err := matches(statement, described.manifest); err != nil {
		generation.Release()
		return nil, t.failed(StepSignature, err)
	}
	return generation, nil
}

// describe returns a candidate's manifest, and its compiled module; no module where the candidate was active before the
// start and its manifest is kept.
func (r *Registry) describe(ctx context.Context, c Candidate, t *trail) (*wasm.Module, description, error) {
	if c.kept {
		if described, err := r.readDescription(c.Name, t.about.Digest); err == nil {
			return nil, described, nil
		}
	}
	module, err := r.compile(ctx, c.Code)
	if err != nil {
		return nil, description{}, t.failed(StepCompile, err)
	}
	t.done(StepCompile, "")
	described, err := describe(ctx, module)
	if err != nil {
		return nil, description{}, closing(ctx, module, t.failed(StepDescribe, err))
	}
	return module, described, nil
}

// closing closes a module for an error, and returns both.
func closing(ctx context.Context, module *wasm.Module, err error) error {
	return errors.Join(err, module.Close(context.WithoutCancel(ctx)))
}

// compile compiles a module, as long as a step may take.
func (r *Registry) compile(ctx context.Context, code []byte) (*wasm.Module, error) {
	within, cancel := context.WithTimeout(ctx, r.settings.StepWithin)
	defer cancel()
	module, err := r.compiler.Compile(within, code, r.settings.Limits)
	return module, r.inTime(ctx, within, StepCompile, err)
}

// inTime is an error of a step, or the refusal of a candidate that took longer than a step may.
func (r *Registry) inTime(ctx, within context.Context, step Step, err error) error {
	if err == nil || within.Err() == nil || ctx.Err() != nil {
		return err
	}
	return &RefusedError{Step: step, Reason: ErrSlow, What: "longer than " + r.settings.StepWithin.String(), Err: err}
}

// holdSame holds a loaded generation of the same bytes that is in use and not active, such as a warm one: it was
// examined before, and has its instances. Nil where there is none.
func (r *Registry) holdSame(digest string, signed bool) *Generation {
	active := slices.Collect(r.ActiveSet().generations)
	same, _ := r.users.AcquireAny(func(g *Generation) bool {
		return g.Loaded() && g.Digest() == digest && g.signed == signed && !slices.Contains(active, g)
	})
	return same
}

// verify verifies a candidate's signature, as far as the settings require one. The zero Statement means that the
// module is not signed with a trusted key.
func (r *Registry) verify(c Candidate, t *trail) (signature.Statement, error) {
	switch {
	case len(c.Signature) == 0 && r.settings.RequireSignature:
		return signature.Statement{}, &RefusedError{
			Step: StepSignature, Reason: signature.ErrUnsigned, What: "this router takes signed plugins only",
			Hint: "sign it with \"router plugin sign\"",
		}
	case len(c.Signature) == 0:
		t.done(StepSignature, "not signed, and no signature is required")
		return signature.Statement{}, nil
	case !r.settings.Keys.Any():
		t.done(StepSignature, "not checked: no key is trusted")
		return signature.Statement{}, nil
	}
	statement, err := r.settings.Keys.Verify(c.Code, c.Signature)
	if err == nil {
		t.done(StepSignature, "signed as "+statement.Name+" "+statement.Version)
	}
	return statement, err
}

// matches compares what was signed with the plugin's manifest.
func matches(statement signature.Statement, m *abi.Manifest) error {
	if statement.Name == "" || statement.Name == m.GetName() && statement.Version == m.GetVersion() {
		return nil
	}
	return fmt.Errorf("%w: as %s %s, and it is %s %s", signature.ErrStatement, statement.Name, statement.Version,
		m.GetName(), m.GetVersion())
}

// description is what a module answers about itself.
type description struct {
	digest   string
	manifest *abi.Manifest
	// said is the answer that the manifest was read from.
	said []byte
}

func describe(ctx context.Context, module *wasm.Module) (description, error) {
	answer, said, _, err := ask(ctx, module.CallPristine, wasm.Describe, nil, wasm.Env{})
	if err != nil {
		return description{}, fmt.Errorf("read the manifest: %w", err)
	}
	return described(module.Digest(), answer, said)
}

// described is the manifest of an answer, as far as it is in order.
func described(digest string, answer *abi.Answer, said []byte) (description, error) {
	found := answer.GetManifest()
	if problems := check.Manifest(found); len(problems) > 0 {
		return description{}, &RefusedError{
			Step: StepDescribe, Reason: ErrManifest, What: strings.Join(problems, "; "),
		}
	}
	return description{digest: digest, manifest: found, said: said}, nil
}

// activate compares an examined candidate with the active generation, and makes it active. The report gets what was
// found.
func (r *Registry) activate(ctx context.Context, c Candidate, t *trail, g *Generation, report *Report) error {
	r.changing.Lock()
	defer r.changing.Unlock()
	if r.isClosed() {
		return t.failed(StepCompare, wasm.ErrClosed)
	}
	name := g.manifest.GetName()
	former, there := r.ActiveSet().Of(name)
	var changes []manifest.Change
	if there {
		changes = manifest.Compare(former.Stable.manifest, g.manifest)
		report.Changes = changes[:min(len(changes), maxChanges)]
		report.Omitted = len(changes) - len(report.Changes)
	}
	if err := r.compare(c, g, former.Stable, changes); err != nil {
		return t.failed(StepCompare, err)
	}
	t.done(StepCompare, compared(former.Stable, g, changes))
	if err := r.pinned(name, g.Digest()); err != nil {
		return t.failed(StepPin, err)
	}
	if c.Extent.any() && !there {
		return t.failed(StepShadow, &RefusedError{
			Step: StepShadow, Reason: ErrCanary, What: "no generation of this name is active beside it",
		})
	}
	if there {
		shadow, err := r.shadow(ctx, former.Stable, g, c)
		report.Shadow = shadow
		if err != nil {
			return t.failed(StepShadow, err)
		}
		t.done(StepShadow, shadow.String())
	}
	if c.Extent.any() {
		return r.shadowLive(t, c, g, former.Stable)
	}
	active := Active{Stable: g}
	if c.Canary > 0 {
		active = Active{Stable: former.Stable, Canary: g, Share: c.Canary}
	}
	return r.serve(ctx, t, change{
		name: name, active: active, code: c.Code, digest: g.Digest(), allowed: c.Allow, signature: c.Signature,
		file: c.file,
	})
}

func compared(former, g *Generation, changes []manifest.Change) string {
	if former == nil {
		return "no former version is active"
	}
	detail := fmt.Sprintf("with %s, differences of the manifest: %d", former.manifest.GetVersion(), len(changes))
	if looser := len(manifest.Loosened(changes)); looser > 0 {
		detail += fmt.Sprintf(", looser and allowed: %d", looser)
	}
	if former.manifest.GetVersion() == g.manifest.GetVersion() {
		detail += "; other bytes in the same version"
	}
	return detail
}
