package wasm

import (
	"fmt"
	"math"
	"unicode/utf8"
)

// reader reads a stretch of a module. The first error stays: everything read after it is zero, and lengths cannot run
// away, so a caller may check once at the end of a loop's turn.
type reader struct {
	code []byte
	at   int // of the next byte, in code
	end  int
	err  error
}

func (r *reader) done() bool { return r.err != nil || r.at >= r.end }

func (r *reader) left() int { return r.end - r.at }

// fail keeps the first error. Nothing is left to read after it.
func (r *reader) fail(reason error, format string, args ...any) {
	if r.err != nil {
		return
	}
	r.err = &RefusedError{Reason: reason, What: fmt.Sprintf(format, args...), Where: fmt.Sprintf("byte %d", r.at)}
	r.at = r.end
}

func (r *reader) byte() byte {
	if r.at >= r.end {
		r.fail(ErrMalformed, "cut short")
		return 0
	}
	b := r.code[r.at]
	r.at++
	return b
}

// take returns the next n bytes, as a view into the module.
func (r *reader) take(n int) []byte {
	if n > r.left() {
		r.fail(ErrMalformed, "%d bytes announced, %d left", n, r.left())
		return nil
	}
	taken := r.code[r.at : r.at+n]
	r.at += n
	return taken
}

// within returns a reader of the next n bytes.
func (r *reader) within(n int) *reader {
	start := r.at
	if r.take(n) == nil && n > 0 {
		return &reader{code: r.code, at: r.end, end: r.end, err: r.err}
	}
	return &reader{code: r.code, at: start, end: start + n}
}

// u32 reads an unsigned LEB128 of at most 32 bits and 5 bytes; no bit beyond the 32nd may be set.
func (r *reader) u32() uint32 {
	if r.at < r.end && r.code[r.at] < 0x80 { // nearly every one
		r.at++
		return uint32(r.code[r.at-1])
	}
	var value uint64
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		value |= uint64(b&0x7f) << shift
		if b >= 0x80 {
			continue
		}
		if value > math.MaxUint32 {
			break
		}
		return uint32(value)
	}
	r.fail(ErrMalformed, "integer over 32 bits")
	return 0
}

// signed reads a signed LEB128 of at most the given number of bits. The bits beyond must repeat the sign.
func (r *reader) signed(bits int) int64 {
	var value int64
	for shift := 0; shift < bits; shift += 7 {
		b := r.byte()
		value |= int64(b&0x7f) << shift
		if b >= 0x80 {
			continue
		}
		used := bits - shift // of this byte's seven
		if used < 7 {
			rest := int8(b<<1) >> used // the sign bit and all beyond it
			if rest != 0 && rest != -1 {
				break
			}
		}
		if shift+7 < 64 && b&0x40 != 0 {
			value |= -1 << (shift + 7)
		}
		return value
	}
	r.fail(ErrMalformed, "integer over %d bits", bits)
	return 0
}

// count reads the number of entries of a vector, each of which takes at least one byte.
func (r *reader) count(what string, most int) int {
	n := r.u32()
	if uint64(n) > uint64(most) {
		r.fail(ErrTooLarge, "%d %s, at most %d", n, what, most)
		return 0
	}
	if int(n) > r.left() {
		r.fail(ErrMalformed, "%d %s announced in %d bytes", n, what, r.left())
		return 0
	}
	return int(n)
}

// name reads a string of UTF-8.
func (r *reader) name() string {
	raw := r.take(int(r.u32()))
	if !utf8.Valid(raw) {
		r.fail(ErrMalformed, "name is not UTF-8")
		return ""
	}
	return string(raw)
}
