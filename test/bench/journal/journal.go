// Package journal measures a router with an empty journal beside one with many payments, in turns, and decides what a
// large journal has in it.
package journal

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"time"

	"payrouter/test/bench/load"
	"payrouter/test/bench/payments"
	"payrouter/test/figures"
)

// Settings of a measurement.
type Settings struct {
	Systems payments.Systems
	// Payments are in the large journal.
	Payments int
	// In each round both routers start, and take as many Creates and Fetches.
	Rounds, Creates, Fetches int
	// Each list is asked for Lists times, and for no longer than Longest.
	Lists   int
	Longest time.Duration
	// Progress gets a line for each step.
	Progress io.Writer
}

// The routers' folders.
const (
	made  = "template"
	empty = "empty-journal"
	large = "large-journal"
)

// Run measures.
func Run(ctx context.Context, s Settings) (*figures.Journal, error) {
	provider, providerURL, err := s.Systems.Serve(ctx, "provider")
	if err != nil {
		return nil, err
	}
	defer provider.Terminate()
	result := &figures.Journal{Payments: s.Payments}
	paths, err := s.fill(ctx, providerURL, result)
	if err != nil {
		return nil, err
	}
	for n := range s.Rounds {
		var round figures.JournalRound
		for turn := range 2 {
			if (turn+n)%2 == 0 { // the first of one round is the last of the next
				round.Empty, err = s.costs(ctx, empty, providerURL, n, nil)
			} else {
				round.Large, err = s.costs(ctx, large, providerURL, n, paths)
			}
			if err != nil {
				return nil, err
			}
		}
		result.Rounds = append(result.Rounds, round)
		_, _ = fmt.Fprintf(s.Progress, "journal, round %d: create p50 %.1f and %.1f ms\n", n+1, round.Empty.Create.P50,
			round.Large.Create.P50)
	}
	result.Lists, err = s.lists(ctx, providerURL)
	return result, err
}

// fill has a router make the payment of which the large journal has copies, and writes those. It returns the paths of
// some.
func (s Settings) fill(ctx context.Context, provider string, result *figures.Journal) (paths []string, err error) {
	if err := s.makeTemplate(ctx, provider); err != nil {
		return nil, err
	}
	t, err := readTemplate(ctx, s.Systems.Data(made), made+"-1")
	if err != nil {
		return nil, err
	}
	if err := s.Systems.Prepare(large); err != nil {
		return nil, err
	}
	began := time.Now()
	ids, err := t.fill(ctx, s.Systems.Data(large), s.Payments, began.Add(-time.Hour))
	if err != nil {
		return nil, fmt.Errorf("fill the large journal: %w", err)
	}
	result.Filled = time.Since(began).Seconds()
	result.Bytes, err = payments.Size(s.Systems.Data(large))
	_, _ = fmt.Fprintf(s.Progress, "journal: %d payments written in %.0f s\n", s.Payments, result.Filled)
	for _, id := range ids {
		paths = append(paths, "/v1/payments/"+id)
	}
	return paths, err
}

func (s Settings) makeTemplate(ctx context.Context, provider string) error {
	router, address, _, err := s.Systems.RouterAt(ctx, made, provider)
	if err != nil {
		return err
	}
	defer router.Terminate()
	callers := &load.Callers{Request: load.Create(address, made), Accept: load.Created}
	defer callers.Close()
	_, err = callers.Run(ctx, 1, load.Until{Requests: 1})
	return err
}

// costs starts a router, has it take payments, and fetches some: those at paths, or those that it has taken.
func (s Settings) costs(ctx context.Context, name, provider string, round int, paths []string) (
	costs figures.Costs, err error,
) {
	router, address, start, err := s.Systems.RouterAt(ctx, name, provider)
	if err != nil {
		return costs, err
	}
	defer router.Terminate()
	costs.Start = float64(start) / float64(time.Millisecond)
	used := func() time.Duration { return router.Usage().CPU }
	create := &load.Callers{
		Request: load.Create(address, fmt.Sprintf("round-%d", round)), Accept: load.Created, CPU: used,
	}
	defer create.Close()
	if _, err := create.Run(ctx, 1, load.Until{Requests: int64(max(1, s.Creates/10))}); err != nil { // warms up
		return costs, err
	}
	if costs.Create, err = create.Run(ctx, 1, load.Until{Requests: int64(s.Creates)}); err != nil {
		return costs, err
	}
	if paths == nil {
		if paths, err = newest(ctx, address); err != nil {
			return costs, err
		}
	}
	fetch := &load.Callers{Request: load.Get(address, paths...), Accept: load.Found, CPU: used}
	defer fetch.Close()
	if _, err := fetch.Run(ctx, 1, load.Until{Requests: int64(max(1, s.Fetches/10))}); err != nil { // warms up
		return costs, err
	}
	costs.Fetch, err = fetch.Run(ctx, 1, load.Until{Requests: int64(s.Fetches)})
	return costs, err
}

// lists measures lists of the large journal.
func (s Settings) lists(ctx context.Context, provider string) (lists []figures.List, err error) {
	router, address, _, err := s.Systems.RouterAt(ctx, large, provider)
	if err != nil {
		return nil, err
	}
	defer router.Terminate()
	half := time.Now().Add(-spread / 2)
	day := "created_from=" + half.UTC().Format(time.DateOnly) + "T00:00:00Z&created_until=" +
		half.AddDate(0, 0, 1).UTC().Format(time.DateOnly) + "T00:00:00Z"
	for _, list := range []figures.List{
		{Name: "all, the newest", Query: ""},
		{Name: "most of them", Query: "status=succeeded"},
		{Name: "one in a hundred", Query: "status=canceled"},
		{Name: "none", Query: "status=unknown"},
		{Name: "of the only account", Query: "provider=cryptogram"},
		{Name: "of a kind without payments", Query: "kind=payout"},
		{Name: "of a currency", Query: "currency=USD"},
		{Name: "of a currency without payments", Query: "currency=CHF"},
		{Name: "by reference", Query: "reference=" + url.QueryEscape(referenceOf(s.Payments/2))},
		{Name: "by a reference without payments", Query: "reference=absent"},
		{Name: "of a day", Query: day},
		{Name: "two filters that exclude each other", Query: "status=canceled&currency=USD"},
		{Name: "of a day, one in a hundred", Query: day + "&status=canceled"},
	} {
		callers := &load.Callers{Request: load.Get(address, "/v1/payments?"+list.Query), Accept: load.Found}
		seen, err := callers.Run(ctx, 1, load.Until{Requests: int64(s.Lists), Length: s.Longest})
		callers.Close()
		if err != nil {
			return nil, fmt.Errorf("list %s: %w", list.Query, err)
		}
		list.P50, list.P99 = seen.P50, seen.P99
		lists = append(lists, list)
	}
	return lists, nil
}
