package record

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"payrouter/host/attempt"
	"payrouter/host/payment"
)

// Numbered is a change with its number. A change with entries takes a number for each of them, from its own on.
type Numbered struct {
	Number int64
	Change *Change
}

// Attempts are the attempts of a payment or a run, by number: the fold of all of its changes, oldest first.
func Attempts(changes []Numbered) ([]attempt.Attempt, error) {
	last := map[attempt.ID]attempt.Attempt{}
	for _, one := range changes {
		for _, recorded := range one.Change.Attempts {
			a, err := fold(last, recorded)
			if err != nil {
				return nil, fmt.Errorf("change %d: %w", one.Number, err)
			}
			last[a.ID] = a
		}
	}
	var all []attempt.Attempt
	for _, a := range last {
		all = append(all, a)
	}
	slices.SortFunc(all, func(a, b attempt.Attempt) int { return cmp.Compare(a.Number, b.Number) })
	return all, nil
}

// fold is an attempt after a record of it.
func fold(last map[attempt.ID]attempt.Attempt, recorded *Attempt) (a attempt.Attempt, err error) {
	if err := json.Unmarshal(recorded.Document, &a); err != nil {
		return a, fmt.Errorf("decode an attempt: %w", err)
	}
	a.Call, a.State, a.Request = some(recorded.Call), some(recorded.State), some(recorded.Request)
	a.Response = some(recorded.Response)
	if !recorded.Stands {
		return a, nil
	}
	before, known := last[a.ID]
	if !known {
		return a, errors.New("decode attempt " + string(a.ID) + ": the record that it completes is missing")
	}
	a.Call, a.State, a.Request = before.Call, before.State, before.Request
	return a, nil
}

// Timeline is a payment's entries, in their order: the fold of all of its changes, oldest first.
func Timeline(changes []Numbered) ([]payment.Entry, error) {
	var all []payment.Entry
	for _, one := range changes {
		entries, err := EntriesOf(one.Number, one.Change)
		if err != nil {
			return nil, fmt.Errorf("change %d: %w", one.Number, err)
		}
		all = append(all, entries...)
	}
	return all, nil
}

// Claims reports whether one of the changes claims an object.
func Claims(changes []Numbered, object attempt.Claim) bool {
	return slices.ContainsFunc(changes, func(one Numbered) bool {
		return slices.ContainsFunc(one.Change.Claims, func(c *Claim) bool {
			return c.Account == object.Account && c.Object == object.Object && c.Reference == object.Reference
		})
	})
}
