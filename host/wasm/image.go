package wasm

import (
	"bytes"
	"fmt"
)

// blockSize is the grain in which memory is compared with an image and restored, in bytes.
const blockSize = 4096

// image is the state of a guest right after its start: its memory and its globals. A guest of whose state this is all
// can be brought back to it, and another one to it without running _initialize. Tables, and segments that were dropped,
// are in no image: a guest with an instruction that changes those has none, see operation.lasting.
type image struct {
	size    uint32   // of the memory, in bytes
	blocks  [][]byte // nil for one of zeros
	globals []uint64
}

//nolint:gochecknoglobals // a constant
var zeros [blockSize]byte

// picture takes the image of a guest that has served no call.
func (g *instance) picture() *image {
	p := &image{size: g.memory.Size()}
	memory, _ := g.memory.Read(0, p.size)
	for block := range blocksOf(memory) {
		if bytes.Equal(block, zeros[:]) {
			p.blocks = append(p.blocks, nil)
			continue
		}
		p.blocks = append(p.blocks, bytes.Clone(block))
	}
	for _, global := range g.globals {
		p.globals = append(p.globals, global.Get())
	}
	return p
}

// blocksOf are the blocks of a memory, whose size is a multiple of theirs.
func blocksOf(memory []byte) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(memory) > 0 && yield(memory[:blockSize]) {
			memory = memory[blockSize:]
		}
	}
}

// become brings a guest that has not run to an image.
func (g *instance) become(p *image) error {
	if size := g.memory.Size(); size < p.size {
		if _, grown := g.memory.Grow((p.size - size) / PageSize); !grown {
			return fmt.Errorf("grow the memory to %d bytes", p.size)
		}
	}
	if !g.restore(p) {
		return fmt.Errorf("a memory of %d bytes is none of %d", g.memory.Size(), p.size)
	}
	return nil
}

// restore brings a guest back to an image, and writes only what differs. It fails where the memory has grown: a memory
// does not shrink.
func (g *instance) restore(p *image) bool {
	if g.memory.Size() != p.size {
		return false
	}
	memory, _ := g.memory.Read(0, p.size)
	at := 0
	for block := range blocksOf(memory) {
		want := p.blocks[at]
		at++
		if want == nil {
			want = zeros[:]
		}
		if !bytes.Equal(block, want) {
			copy(block, want)
		}
	}
	for i, global := range g.globals {
		global.Set(p.globals[i])
	}
	g.room.size = 0
	g.dirty = false
	return true
}
