package storm

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/config"
	"payrouter/host/plugin"
	"payrouter/host/routing"
	"payrouter/host/store/sqlite"
	"payrouter/host/wasm"
)

// answered is a payment as it was answered.
type answered struct {
	ID       string `json:"id"`
	Status   string `json:"status"`
	Provider string `json:"provider"`
	// Decision is the journal's: an answer has a part of it.
	Decision routing.Stored `json:"-"`
}

// verdict is what the router did wrong.
type verdict struct {
	// misrouted payments went against their edition of the rules, or by one that was not active.
	misrouted []string
	// mixed attempts name a generation that is not the digest's, or one that did not serve then, or an answer read by
	// another build.
	mixed []string
}

// judge holds every payment against the edition that its decision names, and its attempts in the journal against the
// builds. The router has ended.
func (r *run) judge(ctx context.Context, loads []*load) (verdict, error) {
	var v verdict
	rulesets, err := r.rulesets(ctx)
	if err != nil {
		return v, err
	}
	journal, err := sqlite.Open(ctx, filepath.Join(r.settings.Dir, "data"))
	if err != nil {
		return v, fmt.Errorf("open the journal: %w", err)
	}
	defer journal.Close() //nolint:errcheck // nothing was written
	builds := buildsSeen{of: map[int64]string{}, known: r.digests, swaps: r.swaps.took}
	for _, l := range loads {
		for i := range l.shots {
			one := &l.shots[i]
			if one.status != http.StatusCreated {
				continue
			}
			var p answered
			if err := json.Unmarshal(one.body, &p); err != nil {
				continue // it counts as failed
			}
			kept, err := journal.Payment(ctx, p.ID)
			if err != nil {
				return v, fmt.Errorf("read a payment: %w", err)
			}
			p.Decision = kept.Decision
			began, ended := l.began.Add(one.sent), l.began.Add(one.due+one.took)
			if why := r.routedWrong(one, p, rulesets, began, ended); why != "" {
				v.misrouted = append(v.misrouted, p.ID+": "+why)
			}
			attempts, err := journal.Attempts(ctx, p.ID)
			if err != nil {
				return v, fmt.Errorf("read attempts: %w", err)
			}
			if why := builds.mixed(p, attempts, began, ended); why != "" {
				v.mixed = append(v.mixed, p.ID+": "+why)
			}
		}
	}
	return v, nil
}

// rulesets are the editions' rules, by version.
func (r *run) rulesets(ctx context.Context) (map[string]*routing.Ruleset, error) {
	manifests, err := r.manifests(ctx)
	if err != nil {
		return nil, err
	}
	rulesets := map[string]*routing.Ruleset{}
	for _, e := range r.edits.editions {
		read, err := config.Read(r.rules, e.text, r.environment)
		if err != nil {
			return nil, fmt.Errorf("read an edition of the rules: %w", err)
		}
		if rulesets[e.version], err = read.Ruleset(manifests); err != nil {
			return nil, fmt.Errorf("compile an edition of the rules: %w", err)
		}
	}
	return rulesets, nil
}

// manifests asks the plugins for what rules go by. What the router compiled serves again.
func (r *run) manifests(ctx context.Context) (map[string]*abi.Manifest, error) {
	compiler, err := wasm.New(filepath.Join(r.settings.Dir, "data", "compiled"), wasm.Options{})
	if err != nil {
		return nil, fmt.Errorf("start the sandbox: %w", err)
	}
	registry := plugin.NewRegistry(compiler, plugin.Settings{})
	defer func() {
		_ = registry.Close(ctx)
		_ = compiler.Close(ctx)
	}()
	if err := registry.LoadDir(ctx, r.folder); err != nil {
		return nil, fmt.Errorf("load the plugins: %w", err)
	}
	return registry.ActiveSet().Manifests(), nil
}

func (r *run) routedWrong(one *shot, p answered, rulesets map[string]*routing.Ruleset, began, ended time.Time) string {
	named := p.Decision.ConfigVersion
	rules, known := rulesets[named]
	if !known {
		return "its rules " + named + " never served"
	}
	at := slices.IndexFunc(r.edits.editions, func(e edition) bool { return e.version == named })
	if at > 0 && ended.Before(r.edits.editions[at].written) {
		return "it went by rules that had not been written"
	}
	if at+1 < len(r.edits.editions) && began.After(r.edits.editions[at+1].shown) {
		return "it went by rules whose successor served"
	}
	facts := routing.Facts{
		PaymentID: p.ID, Kind: "collect", Amount: one.order.amount, Currency: one.order.currency,
		Country: one.order.country, Merchant: "default",
		Metadata: map[string]string{"shop": "storm"},
	}
	want := rules.Decide(facts, nil)
	if made, err := rules.Recall(p.Decision, facts); err != nil || !reflect.DeepEqual(made.Candidates, want.Candidates) {
		return fmt.Sprintf("its rules give %s, %v, and its decision is %s, %v", want.Rule, want.Order(),
			p.Decision.Rule, p.Decision.Order())
	}
	if order := want.Order(); len(order) == 0 || p.Provider != order[0] {
		return fmt.Sprintf("its rules give %v, and it went to %s", order, p.Provider)
	}
	return ""
}

// buildsSeen are the builds that attempts name, by generation.
type buildsSeen struct {
	of map[int64]string
	// known are all builds' versions by digest; empty for those of plugins that are not swapped.
	known map[string]string
	swaps []swap
}

func (b *buildsSeen) mixed(p answered, attempts []attempt.Attempt, began, ended time.Time) string {
	// The router looks payments up by itself, too.
	creates := slices.DeleteFunc(attempts, func(a attempt.Attempt) bool { return a.Role != "create" })
	if len(creates) != 1 {
		return fmt.Sprintf("it took %d attempts", len(creates))
	}
	a := creates[0]
	if a.Provider != p.Provider {
		return "it is at " + p.Provider + ", and " + a.Provider + " was asked"
	}
	version, known := b.known[a.Digest]
	if !known {
		return "an attempt names a build that was never given: " + a.Digest
	}
	if former, seen := b.of[a.Generation]; seen && former != a.Digest {
		return fmt.Sprintf("generation %d is both %s and %s", a.Generation, former, a.Digest)
	}
	b.of[a.Generation] = a.Digest
	if a.Plugin != swapped {
		return ""
	}
	if !strings.HasPrefix(string(a.State), version) {
		return fmt.Sprintf("generation %d of %s prepared a request in the name of %q", a.Generation, version, a.State)
	}
	for i, s := range b.swaps {
		over := i+1 < len(b.swaps) && began.After(b.swaps[i+1].shown)
		if s.digest == a.Digest && !over && !ended.Before(s.written) {
			return ""
		}
	}
	return fmt.Sprintf("generation %d of %s did not serve then", a.Generation, version)
}

// copyModules gives the router a plugin folder of its own, with the first build of what is swapped.
func copyModules(from, to string, first build) (digests map[string]string, err error) {
	if err := os.MkdirAll(to, 0o700); err != nil {
		return nil, fmt.Errorf("make a plugin folder: %w", err)
	}
	digests = map[string]string{}
	for _, name := range []string{"payplay"} {
		code, err := os.ReadFile(filepath.Join(from, name+".wasm"))
		if err != nil {
			return nil, fmt.Errorf("read a plugin: %w", err)
		}
		digests[digestOf(code)] = ""
		if err := os.WriteFile(filepath.Join(to, name+".wasm"), code, 0o600); err != nil {
			return nil, fmt.Errorf("copy a plugin: %w", err)
		}
	}
	if err := os.WriteFile(filepath.Join(to, swapped+".wasm"), first.code, 0o600); err != nil {
		return nil, fmt.Errorf("copy a plugin: %w", err)
	}
	return digests, nil
}
