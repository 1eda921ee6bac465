package quote

import (
	"context"
	"errors"
	"fmt"

	"payrouter/host/attempt"
	"payrouter/host/payment"
)

// ErrBusy means that a provider is being asked for as many quotes as it may be at a time.
var ErrBusy = errors.New("as many quotes as may be are being asked for")

// Survey is what an order comes to at each of the providers, and why at others there is nothing to tell. A person
// waits, and no payment: it waits for all of them, until ctx ends, and none of them is blamed for that. What is at hand
// serves, and what it brings serves decisions; a provider that is left alone is judged by what it last gave.
func (b *Cache) Survey(ctx context.Context, o payment.Order,
	providers []string,
) (offers map[string]Offer, none map[string]error) {
	keys, flights := make(map[string]key, len(providers)), make(map[string]*flight, len(providers))
	for _, provider := range providers {
		keys[provider] = keyOf(provider, o)
		flights[provider] = b.fetch(keys[provider], o)
	}
	for _, f := range flights {
		if f == nil {
			continue
		}
		select {
		case <-f.done:
		case <-ctx.Done():
		}
	}
	offers, none = price(o.Currency, b.quotes(keys)), map[string]error{}
	for _, provider := range providers {
		if _, quoted := offers[provider]; !quoted {
			none[provider] = b.why(keys[provider], flights[provider])
		}
	}
	return offers, none
}

// fetch gives the flight that brings a quote; nil where one is at hand, or none is to be had now.
func (b *Cache) fetch(k key, o payment.Order) *flight {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if _, fresh := b.look(k); fresh {
		return nil
	}
	if f := b.flights[k]; f != nil && f.edition == b.edition {
		return f
	}
	return b.launch(k, o)
}

// why there is no quote. f is the flight that was waited for, or nil.
func (b *Cache) why(k key, f *flight) error {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	if element, found := b.entries[k]; found {
		if e, _ := element.Value.(*entry); e.none != nil {
			return e.none
		}
	}
	d := b.provider(k.provider)
	switch {
	case f != nil && over(f) && f.err != nil:
		return f.err
	case f != nil:
		return fmt.Errorf("%s gave no quote in time: %w", k.provider, attempt.ErrUnanswered)
	case b.settings.Now().Before(d.restUntil):
		return fmt.Errorf("it is left alone for a moment: %w", d.tired)
	}
	return fmt.Errorf("%s: %w: %w", k.provider, ErrBusy, attempt.ErrUnavailable)
}

func over(f *flight) bool {
	select {
	case <-f.done:
		return true
	default:
		return false
	}
}
