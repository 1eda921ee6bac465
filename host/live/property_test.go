package live_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/approval"
	"payrouter/host/attempt"
	"payrouter/host/live"
	"payrouter/host/payment"
	"payrouter/host/plugin"
)

// Whatever edits come, good ones and mistakes, by the file and over the API, with swaps of the plugin between them:
// every payment is taken, and decided by a version that served at some moment of its request.
func TestPaymentsAreDecidedByAVersionThatServed(t *testing.T) {
	t.Parallel()
	h := newHarness(t, plan{settings: live.Settings{Settle: 20 * time.Millisecond}})
	registries := []*plugin.Registry{registryOf(t, "paygram"), registryOf(t, "paygram")}
	tale := &tale{}
	tale.change(func() string { return h.manager.Status().Active.Version })
	stop := make(chan struct{})
	var clients sync.WaitGroup
	for client := range 3 {
		clients.Go(func() {
			for i := 0; !closed(stop); i++ {
				tale.take(func() (attempt.Receipt[payment.Payment], error) {
					return h.engine.Create(t.Context(), approval.Author{Merchant: "shop"},
						attempt.Key{Value: fmt.Sprint(client, "-", i)}, order(),
						time.Minute)
				})
			}
		})
	}
	edits := 0
	rapid.Check(t, func(r *rapid.T) {
		edits++
		rule := fmt.Sprintf("rule-%d", edits)
		kind := rapid.SampledFrom([]string{
			"file", "api", "mistake in the file", "mistake over the api", "swap",
			"rollback",
		}).Draw(r, "edit")
		mistake := rapid.SampledFrom([]string{"too:", "to: [nobody], a:", "- to:"}).Draw(r, "mistake")
		tale.change(func() string {
			before := h.manager.Status()
			switch kind {
			case "file":
				h.write(h.routing(rule))
				h.serves(rule)
			case "api":
				_, err := h.manager.Put(h.routing(rule), "ops", live.Match{Any: true})
				require.NoError(t, err)
			case "mistake in the file":
				h.write(strings.Replace(h.routing(rule), "to:", mistake, 1))
				require.Eventually(t, func() bool { return h.manager.Status().Refused > before.Refused }, time.Minute,
					time.Millisecond)
				require.Equal(t, before.Active, h.manager.Status().Active)
			case "mistake over the api":
				_, err := h.manager.Put(strings.Replace(h.routing(rule), "to:", mistake, 1), "ops",
					live.Match{Any: true})
				require.Error(t, err)
				require.Equal(t, before.Active, h.manager.Status().Active)
			case "swap":
				require.NoError(t, h.manager.Adopt(t.Context(), registries[edits%2].ActiveSet()))
			case "rollback":
				_, err := h.manager.Rollback(before.History[len(before.History)/2].Version, "ops",
					live.Match{Any: true})
				require.NoError(t, err)
			}
			return h.manager.Status().Active.Version
		})
	})
	close(stop)
	clients.Wait()
	require.Empty(t, tale.wrong())
	require.NotEmpty(t, tale.taken)
	require.Eventually(t, func() bool { return h.manager.Status().Fleets == 1 }, time.Minute, time.Millisecond)
	t.Logf("%d payments during %d changes", len(tale.taken), edits)
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// tale is what was changed when, and what was taken meanwhile.
type tale struct {
	changes []moment // one at a time
	mutex   sync.Mutex
	taken   []moment
}

// moment is something that took a while, and the version that came of it.
type moment struct {
	began, ended time.Time
	version      string
	err          error
}

func (l *tale) change(to func() string) {
	m := moment{began: time.Now()}
	m.version = to()
	m.ended = time.Now()
	l.changes = append(l.changes, m)
}

func (l *tale) take(create func() (attempt.Receipt[payment.Payment], error)) {
	m := moment{began: time.Now()}
	receipt, err := create()
	m.ended, m.version, m.err = time.Now(), receipt.Value.Decision.ConfigVersion, err
	if err == nil && receipt.Value.Status != payment.RequiresAction {
		m.err = fmt.Errorf("%s is %s: %+v", receipt.Value.ID, receipt.Value.Status, receipt.Value.Failure)
	}
	l.mutex.Lock()
	defer l.mutex.Unlock()
	l.taken = append(l.taken, m)
}

// wrong are the payments that failed, or that were decided by a version that did not serve while they were taken. A
// version serves at most from the beginning of its own change to the end of the next.
func (l *tale) wrong() []moment {
	return slices.DeleteFunc(slices.Clone(l.taken), func(m moment) bool {
		return m.err == nil && slices.ContainsFunc(l.during(m), func(c moment) bool { return c.version == m.version })
	})
}

func (l *tale) during(m moment) []moment {
	var served []moment
	for i, c := range l.changes {
		over := i+1 < len(l.changes) && l.changes[i+1].ended.Before(m.began)
		if !over && !c.began.After(m.ended) {
			served = append(served, c)
		}
	}
	return served
}
