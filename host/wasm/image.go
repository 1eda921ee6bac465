package wasm

import (
	"bytes"
	"fmt"
	"os"
)

// blockSize is the grain in which memory is compared with an image and restored, in bytes.
const blockSize = 4096

// image is the state of a guest after its start and its exercise: its memory and its globals. A guest of whose state
// this is all can be brought back to it, and another one to it without running _initialize. Tables, and segments that
// were dropped, are in no image: a guest with an instruction that changes those has none, see operation.lasting.
type image struct {
	size    uint32   // of the memory, in bytes
	blocks  [][]byte // nil for one of zeros
	globals []uint64
	// file has the memory too, where the system shares it between guests; nil elsewhere.
	file *imageFile
}

//nolint:gochecknoglobals // a constant
var zeros [blockSize]byte

// exercise has a guest that was started answer each export about nothing, until its memory grows: what a runtime
// prepares at its first calls, such as a stack, is in the image then, and a pristine call finds room in the memory.
// Where it has to grow for each call, each needs an instance of its own, as a memory does not shrink. exercise reports
// whether the guest is fit for that. One that fails is not, nor is one that fills half of the memory that it may have,
// or that asked for random numbers: the image must not have what they are made from, for each call to have its own. All
// of it takes no more fuel than one call may.
func (g *instance) exercise() bool {
	const least, most = 2, 64
	left := g.limits.Fuel
	for round := range most {
		before, given := g.memory.Size(), left
		for _, export := range []Export{Describe, Prepare, Interpret, Receive} {
			g.begin(&Env{}, left)
			if _, err := g.call(export, nil); err != nil || g.seeded {
				return false
			}
			left -= g.burned(left)
		}
		if g.memory.Size()/PageSize > g.limits.MemoryPages/2 {
			return false
		}
		if round+1 >= least && g.memory.Size() > before || left < given-left {
			break
		}
	}
	return true
}

// picture takes the image of a guest that has served no call.
func (g *instance) picture() *image {
	p := &image{size: g.memory.Size()}
	memory, _ := g.memory.Read(0, p.size)
	for at := 0; at < len(memory); at += blockSize {
		block := memory[at : at+blockSize]
		if bytes.Equal(block, zeros[:]) {
			p.blocks = append(p.blocks, nil)
			continue
		}
		p.blocks = append(p.blocks, bytes.Clone(block))
	}
	for _, global := range g.globals {
		p.globals = append(p.globals, global.Get())
	}
	p.file = newImageFile(p)
	if g.linear != nil {
		g.linear.lay(p.file, p.size)
	}
	return p
}

// write writes the memory to a file that is empty.
func (p *image) write(f *os.File) error {
	if err := f.Truncate(int64(p.size)); err != nil {
		return err
	}
	for i, block := range p.blocks {
		if block == nil {
			continue
		}
		if _, err := f.WriteAt(block, int64(i)*blockSize); err != nil {
			return err
		}
	}
	return nil
}

// close gives back what the image holds of the system. The guests are closed before.
func (p *image) close() {
	if p != nil {
		p.file.close()
	}
}

// become brings a guest that has not run to an image.
func (g *instance) become(p *image) error {
	if size := g.memory.Size(); size < p.size {
		if _, grown := g.memory.Grow((p.size - size) / PageSize); !grown {
			return fmt.Errorf("grow the memory to %d bytes", p.size)
		}
	}
	if g.linear != nil {
		g.linear.lay(p.file, p.size)
	}
	if !g.restore(p) {
		return fmt.Errorf("a memory of %d bytes is none of %d", g.memory.Size(), p.size)
	}
	return nil
}

// restore brings a guest back to an image, and writes only what differs. It looks at the pages that the guest has
// written since its start, or, where the system does not say which those are, at all. It fails where the memory has
// grown: a memory does not shrink.
func (g *instance) restore(p *image) bool {
	if g.memory.Size() != p.size {
		return false
	}
	memory, _ := g.memory.Read(0, p.size)
	compare := func(start, end int) {
		for ; start < end; start += blockSize {
			block, want := memory[start:start+blockSize], p.blocks[start/blockSize]
			if want == nil {
				want = zeros[:]
			}
			if !bytes.Equal(block, want) {
				copy(block, want)
			}
		}
	}
	if g.linear == nil || !g.linear.written(p.file, p.size, compare) {
		compare(0, len(memory))
	}
	for i, global := range g.globals {
		global.Set(p.globals[i])
	}
	g.room.size = 0
	g.dirty = false
	return true
}
