package plugin

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin/recordfile"
	"payrouter/host/plugin/replay"
)

// recorder keeps the last recordings of one plugin in memory, in rings, bounded in count, in bytes and in age: flows by
// their operation, or callbacks by what the plugin made of them. A recordingFile has them outlast a restart.
// Recording a step costs a few words: its bytes were made for the call, and do not change afterwards. A nil recorder
// records nothing. It is safe for concurrent use.
type recorder struct {
	maxPerOperation int
	maxBytes        int
	maxAge          time.Duration
	now             func() time.Time
	// live receives what has ended; nil without.
	live atomic.Pointer[liveShadow]

	mutex sync.Mutex
	// rings are recordings by the name of their ring, the oldest first.
	rings map[string][]*recording
	size  int
	flows uint64 // the number of the last flow
}

// recording is one flow under way or ended. The recorder's mutex guards it.
type recording struct {
	replay.Recording
	flow    uint64
	dropped bool
	// ended: a step of it was no request.
	ended bool
	// written is how many of the steps were taken for the file.
	written int
}

// newRecorder makes a recorder for a plugin's flows, or for its callbacks, whose part of the bytes is smaller.
func newRecorder(s Settings, maxBytes int) *recorder {
	if s.Record <= 0 {
		return nil
	}
	return &recorder{
		maxPerOperation: s.Record, maxBytes: maxBytes, maxAge: s.RecordFor, now: s.Now, rings: map[string][]*recording{},
	}
}

// begin opens the recording of a flow with its first step.
func (r *recorder) begin(g *Generation, call *abi.Call, step replay.Step, ended bool) *recording {
	return r.keep(g, ended, replay.Recording{
		Operation: call.GetOperation(), PaymentID: call.GetPayment().GetId(), Steps: []replay.Step{step},
	})
}

// callback records a callback. Anyone may send one, so that those of one result do not displace those of another.
func (r *recorder) callback(g *Generation, step replay.Step) {
	r.keep(g, true, replay.Recording{Steps: []replay.Step{step}})
}

// keep adds a recording of a generation.
func (r *recorder) keep(g *Generation, ended bool, recorded replay.Recording) *recording {
	if r == nil {
		return nil
	}
	recorded.Plugin, recorded.Digest, recorded.At = g.manifest.GetName(), g.Digest(), r.now().UTC()
	begun := &recording{Recording: recorded}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.insert(begun)
	r.passOn(begun, ended)
	return begun
}

// passOn gives a recording that has ended to the live shadow, once. The caller holds the mutex.
func (r *recorder) passOn(made *recording, ended bool) {
	if !ended || made.ended {
		return
	}
	made.ended = true
	if live := r.live.Load(); live != nil {
		copied := made.Recording
		copied.Steps = slices.Clone(copied.Steps)
		live.offer(copied)
	}
}

// insert adds a recording to its ring. The caller holds the mutex.
func (r *recorder) insert(begun *recording) {
	name := ringOf(begun.Recording)
	r.flows++
	begun.flow = r.flows
	r.rings[name] = append(r.rings[name], begun)
	r.size += begun.Size()
	if len(r.rings[name]) > r.maxPerOperation {
		r.dropOldest(name)
	}
	r.expire()
	r.shrink()
}

// ringOf is the name of a recording's ring.
func ringOf(recorded replay.Recording) string {
	if recorded.Operation == "" {
		return recorded.Result()
	}
	return recorded.Operation
}

// restore adds recordings of before the start, the oldest first.
func (r *recorder) restore(recordings []replay.Recording) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, recorded := range recordings {
		r.insert(&recording{Recording: recorded})
	}
}

// expire drops what is older than the bound. The caller holds the mutex.
func (r *recorder) expire() {
	oldest := r.now().Add(-r.maxAge)
	for name := range r.rings {
		for len(r.rings[name]) > 0 && r.rings[name][0].At.Before(oldest) {
			r.dropOldest(name)
		}
	}
}

// parts are what was recorded since the last call, for the file; with all of it, every recording from its beginning.
func (r *recorder) parts(all bool) []recordfile.Part {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.expire()
	var parts []recordfile.Part
	for _, ring := range r.rings {
		for _, kept := range ring {
			if all {
				kept.written = 0
			}
			if kept.written == len(kept.Steps) {
				continue
			}
			part := recordfile.Part{Flow: kept.flow, Former: kept.written, Recording: kept.Recording}
			part.Recording.Steps = slices.Clone(kept.Steps[kept.written:])
			kept.written = len(kept.Steps)
			parts = append(parts, part)
		}
	}
	slices.SortFunc(parts, func(a, b recordfile.Part) int { return cmp.Compare(a.Flow, b.Flow) })
	return parts
}

// add appends a step to a recording, also where it was dropped meanwhile: a live shadow sees all of it. Nil stays.
func (r *recorder) add(to *recording, step replay.Step, ended bool) {
	if r == nil || to == nil {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	to.Steps = append(to.Steps, step)
	r.passOn(to, ended)
	if to.dropped {
		return
	}
	r.size += len(step.Input) + len(step.Answer)
	r.shrink()
}

// shrink drops the oldest recording of the ring that has most of them, until the bytes are within bounds.
func (r *recorder) shrink() {
	for r.size > r.maxBytes {
		longest := ""
		for name, ring := range r.rings {
			if longest == "" || len(ring) > len(r.rings[longest]) {
				longest = name
			}
		}
		if longest == "" {
			return
		}
		r.dropOldest(longest)
	}
}

// dropOldest drops the oldest recording of a ring.
func (r *recorder) dropOldest(name string) {
	ring := r.rings[name]
	oldest := ring[0]
	r.size -= oldest.Size()
	oldest.dropped = true
	if len(ring) == 1 {
		delete(r.rings, name)
		return
	}
	ring[0] = nil
	r.rings[name] = ring[1:]
}

// recordings are all that are kept, by operation, the oldest first.
func (r *recorder) recordings() []replay.Recording {
	if r == nil {
		return nil
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.expire()
	var all []replay.Recording
	for _, ring := range r.rings {
		for _, kept := range ring {
			copied := kept.Recording
			copied.Steps = slices.Clone(copied.Steps)
			all = append(all, copied)
		}
	}
	slices.SortStableFunc(all, func(a, b replay.Recording) int {
		return cmp.Or(cmp.Compare(a.Operation, b.Operation), a.At.Compare(b.At))
	})
	return all
}

// count returns how many recordings are kept, and their bytes.
func (r *recorder) count() (recordings, bytes int) {
	if r == nil {
		return 0, 0
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, ring := range r.rings {
		recordings += len(ring)
	}
	return recordings, r.size
}
