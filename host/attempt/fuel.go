package attempt

import (
	"maps"
	"sync"
)

// fuels remember the most fuel that a call of each operation took, all its round trips together, by generation. The
// zero value is ready. Safe for concurrent use.
type fuels struct {
	mutex sync.Mutex
	most  map[burner]int64
}

// burner is an operation of one generation of a plugin.
type burner struct {
	generation int64
	operation  string
}

// mostBurners bounds what is remembered: far more than what can serve at once.
const mostBurners = 10_000

// burned notes what a call took.
func (f *fuels) burned(at Plan, fuel int64) {
	f.note(burner{at.Connector.Number(), at.Operation.GetName()}, fuel)
}

func (f *fuels) note(one burner, fuel int64) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if fuel <= f.most[one] {
		return
	}
	if f.most == nil {
		f.most = map[burner]int64{}
	}
	if len(f.most) >= mostBurners {
		f.forget(one.generation)
	}
	f.most[one] = fuel
}

// forget drops what generations before one burned.
func (f *fuels) forget(before int64) {
	maps.DeleteFunc(f.most, func(one burner, _ int64) bool { return one.generation < before })
}

// of is the most that an operation took; false where it was never called.
func (f *fuels) of(generation int64, operation string) (fuel int64, known bool) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	fuel, known = f.most[burner{generation, operation}]
	return fuel, known
}
