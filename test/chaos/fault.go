package chaos

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"

	"payrouter/host/sandbox"
	"payrouter/test/process"
)

// outage is what a provider that resets every connection for a while counts as.
const outage = "outage"

// faults orders misbehaviour at the providers. The sandbox counts what struck.
type faults struct {
	sandbox  *sandbox.Server
	dice     *rand.Rand
	settings Settings
	// door is the sandbox's endpoint for pending faults.
	door http.Handler

	mutex   sync.Mutex // guards outages
	outages int
}

func newFaults(s *sandbox.Server, dice *rand.Rand, settings Settings) *faults {
	return &faults{sandbox: s, dice: dice, settings: settings, door: s.Handler()}
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
	{Kind: sandbox.FaultPage},
	{Kind: sandbox.FaultPage, After: true},
	{Kind: sandbox.FaultOther},
	{Kind: sandbox.FaultOther},
	{Kind: sandbox.FaultSpelling, Spelling: sandbox.SpellingTail},
	{Kind: sandbox.FaultSpelling, Spelling: sandbox.SpellingExponent},
	{Kind: sandbox.FaultSpelling, Spelling: sandbox.SpellingZeros},
	{Kind: sandbox.FaultMark},
	{Kind: sandbox.FaultNulls},
	{Kind: sandbox.FaultNames},
	{Kind: sandbox.FaultLists},
}

// pageStatuses are what web servers, firewalls and gateways answer in a provider's place.
//
//nolint:gochecknoglobals // a table
var pageStatuses = []int{
	http.StatusForbidden, http.StatusUnauthorized, http.StatusTooManyRequests, http.StatusNotFound,
	http.StatusBadRequest, http.StatusBadGateway, http.StatusOK,
}

// codePaths are the calls that the run makes, each with a page of its own after it was carried out: what books, what
// looks up, what acts on what is booked, and native runs.
//
//nolint:gochecknoglobals // a table
var codePaths = map[string][]string{
	sandbox.PayGram:    {"IssueInvoice", "InvoiceInfo", "PayInvoice", "Withdraw"},
	sandbox.Cryptogram: {"create", "get"},
	sandbox.PayPlay:    {"create_order", "get_order", "withdraw"},
	sandbox.Exchanger:  {"create_bid", "bid_info", "get_exchanges", "cancel_bid"},
	sandbox.Paygrt:     {"recharge", "status"},
}

// work orders faults until ctx ends: a few at a time at each provider, a page at a call of its own, and now and then an
// outage.
func (f *faults) work(ctx context.Context) {
	providers, paths, turn := f.sandbox.Providers(), pathsInTurn(), 0
	for i := 0; process.Wait(ctx, time.Duration(10+f.dice.IntN(60))*time.Millisecond); i++ {
		if i%4 == 0 {
			path := paths[i/4%len(paths)]
			if !slices.Contains(f.waiting(ctx, path[0]), path[1]) {
				f.page(path[0], sandbox.Fault{Kind: sandbox.FaultPage, Operation: path[1], After: true})
			}
			continue
		}
		provider := providers[f.dice.IntN(len(providers))]
		waiting := f.waiting(ctx, provider)
		if atAnyCall := slices.DeleteFunc(waiting,
			func(operation string) bool { return operation != "" }); len(atAnyCall) > 2 {
			continue
		}
		if i%75 == 37 {
			f.order(provider, sandbox.Fault{Kind: sandbox.FaultResetBefore}, 8)
			f.mutex.Lock()
			f.outages++
			f.mutex.Unlock()
			continue
		}
		fault := menu[turn%len(menu)]
		turn++
		if fault.Kind == sandbox.FaultNames {
			provider = sandbox.PayGram // no other has numbers with names: there it would wait for ever
		}
		if fault.Kind == sandbox.FaultPage {
			f.page(provider, fault)
			continue
		}
		f.order(provider, fault, 1)
	}
}

// pathsInTurn are the code paths as pairs of provider and call.
func pathsInTurn() (paths [][2]string) {
	for _, provider := range slices.Sorted(maps.Keys(codePaths)) {
		for _, operation := range codePaths[provider] {
			paths = append(paths, [2]string{provider, operation})
		}
	}
	return paths
}

// page draws what stands in front of the provider.
func (f *faults) page(provider string, fault sandbox.Fault) {
	pages := sandbox.Pages()
	fault.Page, fault.Status = pages[f.dice.IntN(len(pages))], pageStatuses[f.dice.IntN(len(pageStatuses))]
	f.order(provider, fault, 1)
}

func (f *faults) order(provider string, fault sandbox.Fault, times int) {
	fault.Count = 1
	if !f.settings.with(fault.Kind) {
		return
	}
	for range times {
		if f.sandbox.Order(provider, fault) != nil {
			return
		}
	}
}

// waiting are the faults at a provider that have not struck yet, by the call that they are for: empty for those that
// may strike any.
func (f *faults) waiting(ctx context.Context, provider string) []string {
	var list struct {
		Faults []struct {
			Operation string `json:"operation"`
		} `json:"faults"`
	}
	recorder := httptest.NewRecorder()
	f.door.ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, http.MethodGet,
		fmt.Sprintf("/_sandbox/%s/faults", provider), nil))
	if json.Unmarshal(recorder.Body.Bytes(), &list) != nil {
		return nil
	}
	var calls []string
	for _, fault := range list.Faults {
		calls = append(calls, fault.Operation)
	}
	return calls
}

// end takes back what has not struck yet.
func (f *faults) end() {
	for _, provider := range f.sandbox.Providers() {
		_ = f.sandbox.Clear(provider)
	}
}

// fired is how often each fault struck. What must strike is there with 0 where it did not: each kind and, in a run that
// is long enough, a page after each of the calls.
func (f *faults) fired(long bool) map[string]int {
	f.mutex.Lock()
	fired := map[string]int{outage: f.outages}
	f.mutex.Unlock()
	if f.outages == 0 && !long {
		delete(fired, outage)
	}
	for _, fault := range menu {
		// These strike only an answer that has a number, a former one, or a member that is only shown: a short run may have
		// too few.
		seldom := slices.Contains([]string{
			sandbox.FaultSpelling, sandbox.FaultOther, sandbox.FaultMark, sandbox.FaultNulls, sandbox.FaultNames,
			sandbox.FaultLists,
		}, fault.Kind)
		if f.settings.with(fault.Kind) && (long || !seldom) {
			fired[nameOf(fault.Kind, fault.Spelling, fault.After)] += 0
		}
	}
	for provider, operations := range codePaths {
		for _, operation := range operations {
			if long && f.settings.with(sandbox.FaultPage) {
				fired[pageAfter(provider, operation)] += 0
			}
		}
	}
	for _, strike := range f.sandbox.Strikes("") {
		detail := ""
		if strike.Kind == sandbox.FaultSpelling {
			detail = strike.Detail
		}
		fired[nameOf(strike.Kind, detail, strike.Processed)] += strike.Times
		if strike.Kind == sandbox.FaultPage && strike.Processed {
			fired[pageAfter(strike.Provider, strike.Operation)] += strike.Times
		}
	}
	return fired
}

// nameOf is what a fault counts as.
func nameOf(kind, detail string, processed bool) string {
	switch {
	case kind == sandbox.FaultSpelling:
		return kind + " " + detail
	case kind == sandbox.FaultPage && processed:
		return "page after booking"
	case kind == sandbox.FaultPage:
		return "page before booking"
	}
	return kind
}

func pageAfter(provider, operation string) string {
	return fmt.Sprintf("page after %s %s", provider, operation)
}
