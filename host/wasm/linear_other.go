//go:build !linux

package wasm

// linear is no more than a place on this system: the runtime allocates guests' memory.
type linear struct{}

func newLinear(uint64) *linear { return nil }

// Reallocate implements experimental.LinearMemory.
func (*linear) Reallocate(uint64) []byte { return nil }

// Free implements experimental.LinearMemory.
func (*linear) Free() {}

func (*linear) lay(*imageFile, uint32) bool { return false }

func (*linear) written(*imageFile, uint32, func(start, end int)) bool { return false }

type imageFile struct{}

func newImageFile(*image) *imageFile { return nil }

func (*imageFile) close() {}
