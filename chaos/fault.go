package chaos

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"

	"payrouter/host/sandbox"
)

// outage is what a provider that resets every connection for a while counts as.
const outage = "outage"

// faults orders misbehaviour at the providers. Every fault strikes one request, so what was ordered and is not waiting has struck.
type faults struct {
	sandbox *sandbox.Server
	dice    *rand.Rand
	// door is where the sandbox tells which faults still wait.
	door http.Handler

	mutex   sync.Mutex // guards ordered
	ordered map[string]int
}

func newFaults(s *sandbox.Server, dice *rand.Rand) *faults {
	return &faults{sandbox: s, dice: dice, door: s.Handler(), ordered: map[string]int{}}
}

// menu is what may be ordered, by weight: each kind, processed and not where it leaves that open.
//
//nolint:gochecknoglobals // a table
var menu = []sandbox.Fault{
	{Kind: sandbox.FaultDelay, Delay: 150 * time.Millisecond},
	{Kind: sandbox.FaultDelay, Delay: 1200 * time.Millisecond},
	{Kind: sandbox.FaultDelay, Delay: 1200 * time.Millisecond, After: true},
	{Kind: sandbox.FaultResetBefore},
	{Kind: sandbox.FaultResetAfter},
	{Kind: sandbox.FaultResetAfter},
	{Kind: sandbox.FaultStatus, Status: http.StatusInternalServerError},
	{Kind: sandbox.FaultStatus, Status: http.StatusInternalServerError, After: true},
	{Kind: sandbox.FaultStatus, Status: http.StatusBadGateway, After: true},
	{Kind: sandbox.FaultStatus, Status: http.StatusTooManyRequests, RetryAfter: "1"},
	{Kind: sandbox.FaultTruncated},
	{Kind: sandbox.FaultGarbage},
	{Kind: sandbox.FaultEmpty},
	{Kind: sandbox.FaultHang},
	{Kind: sandbox.FaultHang, After: true},
	{Kind: sandbox.FaultMaintenance},
}

// work orders faults until ctx ends: a few at a time at each provider, and now and then an outage.
func (f *faults) work(ctx context.Context) {
	providers := f.sandbox.Providers()
	for i := 0; pause(ctx, time.Duration(10+f.dice.IntN(60))*time.Millisecond); i++ {
		provider := providers[f.dice.IntN(len(providers))]
		if len(f.waiting(ctx, provider)) > 2 {
			continue
		}
		if f.dice.IntN(100) == 0 {
			f.order(provider, outage, sandbox.Fault{Kind: sandbox.FaultResetBefore, Count: 1}, 8)
			continue
		}
		fault := menu[i%len(menu)]
		fault.Count = 1
		f.order(provider, fault.Kind, fault, 1)
	}
}

func (f *faults) order(provider, name string, fault sandbox.Fault, times int) {
	for range times {
		if f.sandbox.Order(provider, fault) != nil {
			return
		}
	}
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.ordered[name]++
}

func (f *faults) waiting(ctx context.Context, provider string) []string {
	var list struct {
		Faults []struct {
			Kind string `json:"kind"`
		} `json:"faults"`
	}
	if _, err := inside(ctx, f.door, http.MethodGet, fmt.Sprintf("/_sandbox/%s/faults", provider), &list); err != nil {
		return nil
	}
	var kinds []string
	for _, fault := range list.Faults {
		kinds = append(kinds, fault.Kind)
	}
	return kinds
}

// end takes back what has not struck yet.
func (f *faults) end(ctx context.Context) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, provider := range f.sandbox.Providers() {
		for _, kind := range f.waiting(ctx, provider) {
			f.ordered[kind]--
		}
		_ = f.sandbox.Clear(provider)
	}
}

// fired is how often each kind struck.
func (f *faults) fired() map[string]int {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	fired := maps.Clone(f.ordered)
	for _, fault := range menu {
		fired[fault.Kind] += 0
	}
	return fired
}
