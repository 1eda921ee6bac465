package health

import (
	"math/bits"
	"time"

	"payrouter/host/routing"
)

// history are one provider's results.
type history struct {
	ring ring[tries]
}

// tries are those that ended in one slice of time.
type tries struct {
	count, well int
	// took counts them by how long they took.
	took [buckets]uint32
}

func (h *history) add(a Attempt) {
	t := h.ring.at(a.At, true)
	if t == nil {
		return
	}
	t.count++
	if a.Succeeded {
		t.well++
	}
	t.took[bucketOf(a.Took)]++
}

func (h *history) record(now time.Time) routing.Record {
	var all tries
	for t := range h.ring.recent(now) {
		all.count += t.count
		all.well += t.well
		for i, count := range t.took {
			all.took[i] += count
		}
	}
	record := routing.Record{Tries: all.count, Succeeded: all.well}
	if all.count == 0 {
		return record
	}
	below := 0
	for i, count := range all.took {
		if below += int(count); below*2 >= all.count {
			record.Median = upperEnd(i)
			break
		}
	}
	return record
}

// Times are counted in buckets, four between a power of two of milliseconds and the next: a median is at most a
// quarter too high.
const (
	perDoubling = 4
	doublings   = 20 // up to 17 minutes; an attempt is given 10 at most
	buckets     = doublings * perDoubling
)

func bucketOf(took time.Duration) int {
	ms := max(took.Milliseconds(), 0)
	if ms < perDoubling {
		return int(ms)
	}
	// how often ms can be halved and still be divided into quarters
	doubling := bits.Len64(uint64(ms)) - bits.Len64(perDoubling)
	return min(doubling*perDoubling+int(ms>>doubling), buckets-1)
}

// upperEnd is the longest time that a bucket counts.
func upperEnd(bucket int) time.Duration {
	if bucket < 2*perDoubling {
		return time.Duration(bucket) * time.Millisecond
	}
	doubling := bucket/perDoubling - 1
	quarter := int64(bucket%perDoubling + perDoubling)
	return time.Duration((quarter+1)<<doubling-1) * time.Millisecond
}
