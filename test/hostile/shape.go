package hostile

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"payrouter/test/process"
)

// shape is a way of misbehaving. Its name is what the guest looks for in its own bytes.
type shape struct {
	name, what string
	// fails: no call of it does its part, so that the generation has to go into quarantine.
	fails bool
	// callbacks: callbacks come in, and no payments.
	callbacks bool
}

// harmless is the shape that is not hostile.
const harmless = "none"

// shapes are the corpus. The first is harmless: it shows what as many honest payments cost.
//
//nolint:gochecknoglobals // a table
var shapes = []shape{
	{name: harmless, what: "does its part"},
	{name: "loop-in-prepare", what: "never makes a request", fails: true},
	{name: "panic-in-prepare", what: "panics over each payment", fails: true},
	{name: "loop-in-interpret", what: "never ends over an answer of 200 kB", fails: true},
	{name: "slow-parser", what: "reads an answer of 200 kB slowly, and well"},
	{name: "trap-in-interpret", what: "reads beyond its memory", fails: true},
	{name: "slow-start", what: "starts slowly, and traps in each call", fails: true},
	{name: "recursion", what: "two functions call each other without end", fails: true},
	{name: "wide-recursion", what: "recurses with large frames", fails: true},
	{name: "allocation", what: "allocates without end", fails: true},
	{name: "hoard", what: "keeps 12 MiB for good"},
	{name: "bad-answer", what: "answers with what the contract does not have", fails: true},
	{name: "long-answer", what: "answers with 24 MiB", fails: true},
	{name: "loud", what: "logs 1.4 MB in each call"},
	{name: "loop-in-receive", what: "never ends over a callback", callbacks: true},
}

// building is the guest's build, made once.
type building struct{ code []byte }

// room is how long a shape's name may be, in bytes.
const room = 24

func build(ctx context.Context, dir string) (building, error) {
	file := filepath.Join(dir, "hostile.wasm")
	if err := process.BuildModule(ctx, "payrouter/test/hostile/testdata/guest", file); err != nil {
		return building{}, fmt.Errorf("build the hostile plugin: %w", err)
	}
	code, err := os.ReadFile(file)
	if err != nil {
		return building{}, fmt.Errorf("read the hostile plugin: %w", err)
	}
	return building{code}, nil
}

// of is the module of a shape.
func (b building) of(s shape) ([]byte, error) {
	blank := append([]byte("shape: "), bytes.Repeat([]byte{'.'}, room)...)
	written := append([]byte("shape: "+s.name+" "), bytes.Repeat([]byte{'.'}, room)...)[:len(blank)]
	if n := bytes.Count(b.code, blank); n != 1 || len(s.name) >= room {
		return nil, fmt.Errorf("the module has room for the shape %q in %d places, not in 1", s.name, n)
	}
	return bytes.Replace(b.code, blank, written, 1), nil
}
