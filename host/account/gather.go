// Package account asks many accounts one question, and decides how their answers become one: all are asked at once, and
// one that is slow, or refuses, holds up no other and hides nothing that another reports.
package account

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"payrouter/host/attempt"
)

// Fetcher asks one account, as Reader does. It ends soon after its context.
type Fetcher interface {
	Fetch(ctx context.Context, provider string, s QueryKind, q Query) (Result, error)
}

// Aggregator asks accounts. It is safe for concurrent use, and remembers nothing. Zero fields take the defaults that
// they name.
type Aggregator struct {
	// Fetcher has no default.
	Fetcher Fetcher
	// Within is how long one account may take, all its pages together. 0 means 10 s.
	Within time.Duration
	// AtOnce is how many accounts one question is put to at a time. 0 means 8.
	AtOnce int
}

// mostPages is how many pages of one account are read for one question.
const mostPages = 20

// Answer is what one account results, all its pages together.
type Answer struct {
	Provider string
	Result
}

// Error is why something of an account is missing.
type Error struct {
	Provider string
	// Err is the teller's. It is ErrIncomplete where what the account results is there, and not all that there is.
	Err error
	// Cursor goes on with this account alone, where its statement broke off; empty elsewhere.
	Cursor string
}

// ErrIncomplete means that an account reports more than could be read, or than its plugin understands.
var ErrIncomplete = errors.New("not all of it could be read")

// Fetch asks accounts, and gives what those results that did, in the accounts' order, and why of others something is
// missing.
func (a Aggregator) Fetch(ctx context.Context, providers []string, s QueryKind,
	q Query,
) (answers []Answer, missing []Error) {
	results, errs := make([]Result, len(providers)), make([]error, len(providers))
	a.atOnce(len(providers), func(i int) { results[i], errs[i] = a.all(ctx, providers[i], s, q) })
	for i, provider := range providers {
		if errs[i] != nil {
			missing = append(missing, Error{Provider: provider, Err: errs[i]})
		}
		if errs[i] == nil || errors.Is(errs[i], ErrIncomplete) {
			answers = append(answers, Answer{Provider: provider, Result: results[i]})
		}
	}
	return answers, missing
}

// all reads an account's pages. Where the error is ErrIncomplete, what was results is there.
func (a Aggregator) all(ctx context.Context, provider string, s QueryKind,
	q Query,
) (all Result, err error) {
	ctx, cancel := context.WithTimeout(ctx, a.within())
	defer cancel()
	for range mostPages {
		page, err := a.ask(ctx, provider, s, q)
		if err != nil {
			return Result{}, err
		}
		all = joined(all, page)
		if page.Cursor == "" {
			return all, leftOut(all.Alert)
		}
		q.Cursor = page.Cursor
	}
	return all, fmt.Errorf("%s has more than %d pages: %w", provider, mostPages, ErrIncomplete)
}

// ask is one question for one page; where the account did not answer in time, the error is that.
func (a Aggregator) ask(ctx context.Context, provider string, s QueryKind, q Query) (Result, error) {
	results, err := a.Fetcher.Fetch(ctx, provider, s, q)
	switch {
	case err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded):
		return results, fmt.Errorf("%s did not answer within %s: %w", provider, a.within(), attempt.ErrUnanswered)
	case err == nil && results.Cursor != "" && results.Cursor == q.Cursor:
		return results, fmt.Errorf("the pages of %s go round in a circle: %w", provider, attempt.ErrUnanswered)
	}
	return results, err
}

func joined(all, page Result) Result {
	all.Balances = append(all.Balances, page.Balances...)
	all.Rates = append(all.Rates, page.Rates...)
	all.Items = append(all.Items, page.Items...)
	if all.Alert == "" {
		all.Alert = page.Alert
	}
	return all
}

// leftOut is an error where the plugin had to leave something out.
func leftOut(alert string) error {
	if alert == "" {
		return nil
	}
	return fmt.Errorf("%s: %w", alert, ErrIncomplete)
}

// atOnce does count things, so many at a time, and waits for them.
func (a Aggregator) atOnce(count int, do func(i int)) {
	most := a.AtOnce
	if most == 0 {
		most = 8
	}
	free := make(chan struct{}, most)
	var under sync.WaitGroup
	for i := range count {
		free <- struct{}{}
		under.Go(func() {
			defer func() { <-free }()
			do(i)
		})
	}
	under.Wait()
}

func (a Aggregator) within() time.Duration {
	if a.Within == 0 {
		return 10 * time.Second
	}
	return a.Within
}
