package plugin

import (
	"slices"
	"sync"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/plugin/replay"
)

// recorder keeps the last conversations of one plugin, by operation, bounded in count and in bytes. Recording one costs
// a few words: the bytes were made for the call, and nobody changes them afterwards. A nil recorder records nothing.
type recorder struct {
	most  int // conversations of each operation
	bytes int // of all of them
	now   func() time.Time

	mutex sync.Mutex
	// rings are conversations by operation, the oldest first.
	rings map[string][]*recorded
	size  int
	// open finds a conversation by the call that it is about: the engine interprets with the call that it prepared.
	open map[*abi.Call]*recorded
}

type recorded struct {
	recording replay.Recording
	call      *abi.Call
}

func newRecorder(most, bytes int, now func() time.Time) *recorder {
	if most <= 0 {
		return nil
	}
	return &recorder{
		most: most, bytes: bytes, now: now, rings: map[string][]*recorded{},
		open: map[*abi.Call]*recorded{},
	}
}

// begin opens a conversation.
func (r *recorder) begin(g *Generation, call *abi.Call, step replay.Step) {
	if r == nil {
		return
	}
	one := &recorded{call: call, recording: replay.Recording{
		Plugin: g.manifest.GetName(), Digest: g.Digest(), Operation: call.GetOperation(),
		PaymentID: call.GetPayment().GetId(), At: r.now().UTC(),
		Steps: []replay.Step{step},
	}}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	ring := append(r.rings[call.GetOperation()], one)
	r.rings[call.GetOperation()] = ring
	r.open[call] = one
	r.size += one.recording.Size()
	if len(ring) > r.most {
		r.drop(call.GetOperation())
	}
	r.shrink()
}

// add goes on with a conversation. One that was dropped meanwhile, or that another generation began, is left alone.
func (r *recorder) add(g *Generation, call *abi.Call, step replay.Step) {
	if r == nil {
		return
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	one, found := r.open[call]
	if !found || one.recording.Digest != g.Digest() {
		return
	}
	one.recording.Steps = append(one.recording.Steps, step)
	r.size += len(step.Input) + len(step.Answer)
	r.shrink()
}

// shrink drops the oldest of the operation that has most, until the bytes are within bounds.
func (r *recorder) shrink() {
	for r.size > r.bytes {
		most := ""
		for operation, ring := range r.rings {
			if most == "" || len(ring) > len(r.rings[most]) {
				most = operation
			}
		}
		if most == "" {
			return
		}
		r.drop(most)
	}
}

// drop forgets the oldest conversation of an operation.
func (r *recorder) drop(operation string) {
	ring := r.rings[operation]
	oldest := ring[0]
	r.size -= oldest.recording.Size()
	if r.open[oldest.call] == oldest {
		delete(r.open, oldest.call)
	}
	if len(ring) == 1 {
		delete(r.rings, operation)
		return
	}
	ring[0] = nil
	r.rings[operation] = ring[1:]
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
		for _, one := range ring {
			recording := one.recording
			recording.Steps = slices.Clone(recording.Steps)
			all = append(all, recording)
		}
	}
	slices.SortStableFunc(all, func(a, b replay.Recording) int {
		if a.Operation != b.Operation {
			if a.Operation < b.Operation {
				return -1
			}
			return 1
		}
		return a.At.Compare(b.At)
	})
	return all
}

// count tells how many are kept, and their bytes.
func (r *recorder) count() (conversations, bytes int) {
	if r == nil {
		return 0, 0
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, ring := range r.rings {
		conversations += len(ring)
	}
	return conversations, r.size
}
