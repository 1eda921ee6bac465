package routing

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
)

// target is a compiled Target.
type target struct {
	shares []Share
	split  bool
	// by is what a split hashes; empty for the payment's id.
	by       string
	strategy Strategy
}

// paymentKey is the name of a payment's own id in decisions, where a split fell back to it.
const paymentKey = "payment_id"

// stickyKeys are what a split may hash, beside metadata, so that one customer always gets the same provider.
//
//nolint:gochecknoglobals // a table
var stickyKeys = []struct {
	name string
	get  func(f Facts) string
}{
	{"payer", func(f Facts) string { return f.Payer }},
	{"merchant", func(f Facts) string { return f.Merchant }},
}

func stickyKey(by string) (get func(Facts) string, ok bool) {
	if strings.HasPrefix(by, metadataPrefix) {
		field, ok := fieldByKey(by)
		return field.get, ok
	}
	for _, k := range stickyKeys {
		if k.name == by {
			return k.get, true
		}
	}
	return nil, false
}

// key is what the split hashes for one payment, and its name: the payment's id where the payment has no such value.
func (t target) key(f Facts) (key, name string) {
	if t.by == "" {
		return f.PaymentID, ""
	}
	if get, ok := stickyKey(t.by); ok {
		if value := get(f); value != "" {
			return t.by + "\x00" + value, t.by
		}
	}
	return f.PaymentID, paymentKey
}

// order is the target's providers for one payment: the one that the hash of its key, usually its id, picks by weight,
// then, for failover, the others as further picks among those left. It depends on the key, the rule's name, which of
// the rule's splits this is, and the shares; not on the order in which they are written, nor on any other rule.
func (t target) order(key, rule string, split uint64) []Share {
	if len(t.shares) == 1 {
		return t.shares
	}
	left := slices.SortedFunc(slices.Values(t.shares),
		func(a, b Share) int { return cmp.Compare(a.Provider, b.Provider) })
	ordered := make([]Share, 0, len(left))
	for round := uint64(0); len(left) > 0; round++ {
		i := pick(left, draw(key, rule, split, round))
		ordered = append(ordered, left[i])
		left = slices.Delete(left, i, i+1)
	}
	return ordered
}

// pick is the index of the share on which the number falls, when the shares lie side by side and repeat.
func pick(shares []Share, number uint64) int {
	//nolint:gosec // G115: weights are counts, and their sum is at least 1
	point := int(number % uint64(totalWeight(shares)))
	for i, s := range shares {
		if point >= s.Weight {
			point -= s.Weight
			continue
		}
		return i
	}
	return len(shares) - 1 // not reached: point is below the total
}

func totalWeight(shares []Share) int {
	total := 0
	for _, s := range shares {
		total += s.Weight
	}
	return total
}

// draw is a pseudo-random number that depends on the arguments only, on every router. Every part is delimited, so that
// no two different draws hash the same bytes.
func draw(key, rule string, split, round uint64) uint64 {
	input := binary.AppendUvarint(nil, uint64(len(key)))
	input = append(input, key...)
	input = binary.AppendUvarint(input, uint64(len(rule)))
	input = append(input, rule...)
	input = binary.AppendUvarint(input, split)
	input = binary.AppendUvarint(input, round)
	sum := sha256.Sum256(input)
	return binary.BigEndian.Uint64(sum[:8])
}
