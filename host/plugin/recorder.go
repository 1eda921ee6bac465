package plugin

import (
	"cmp"
	"slices"
	"sync"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin/replay"
)

// recorder keeps the last recordings of one plugin in memory, in rings, bounded in count and in bytes: flows by their
// operation, or callbacks by what the plugin made of them.
// Recording a step costs a few words: its bytes were made for the call, and do not change afterwards. A nil recorder
// records nothing. It is safe for concurrent use.
type recorder struct {
	maxPerOperation int
	maxBytes        int
	now             func() time.Time

	mutex sync.Mutex
	// rings are recordings by the name of their ring, the oldest first.
	rings map[string][]*recording
	size  int
}

// recording is one flow under way or ended. The recorder's mutex guards it.
type recording struct {
	replay.Recording
	dropped bool
}

func newRecorder(maxPerOperation, maxBytes int, now func() time.Time) *recorder {
	if maxPerOperation <= 0 {
		return nil
	}
	return &recorder{
		maxPerOperation: maxPerOperation, maxBytes: maxBytes, now: now, rings: map[string][]*recording{},
	}
}

// begin opens the recording of a flow with its first step.
func (r *recorder) begin(g *Generation, call *abi.Call, step replay.Step) *recording {
	return r.keep(call.GetOperation(), g, replay.Recording{
		Operation: call.GetOperation(), PaymentID: call.GetPayment().GetId(), Steps: []replay.Step{step},
	})
}

// callback records a callback. Anyone may send one, so that those of one result do not displace those of another.
func (r *recorder) callback(g *Generation, step replay.Step) {
	recorded := replay.Recording{Steps: []replay.Step{step}}
	r.keep(recorded.Result(), g, recorded)
}

// keep adds a recording to a ring.
func (r *recorder) keep(name string, g *Generation, recorded replay.Recording) *recording {
	if r == nil {
		return nil
	}
	recorded.Plugin, recorded.Digest, recorded.At = g.manifest.GetName(), g.Digest(), r.now().UTC()
	begun := &recording{Recording: recorded}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	ring := append(r.rings[name], begun)
	r.rings[name] = ring
	r.size += begun.Size()
	if len(ring) > r.maxPerOperation {
		r.dropOldest(name)
	}
	r.shrink()
	return begun
}

// add appends a step to a recording. Nil, and one that was dropped meanwhile, stay as they are.
func (r *recorder) add(to *recording, step replay.Step) {
	if r == nil || to == nil {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if to.dropped {
		return
	}
	to.Steps = append(to.Steps, step)
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
