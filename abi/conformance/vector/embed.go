package vector

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/rogpeppe/go-internal/txtar"
)

// A module has its vectors in custom sections, one each, which no engine looks at: so its digest and its signature
// cover them, and they go wherever it goes.
const (
	sectionPrefix = "payrouter.vector."
	customSection = 0
	headerLength  = 8
	ending        = ".txtar"
	// mostEmbedded and mostEmbeddedBytes bound what a router reads of a module.
	mostEmbedded      = 1000
	mostEmbeddedBytes = 8 << 20
)

// errNotModule is what has no WebAssembly module's sections.
var errNotModule = errors.New("it is not a whole WebAssembly module")

// section is a section of a module. name and content are of a custom one.
type section struct {
	whole   []byte
	name    string
	content []byte
}

func (s section) isVector() bool { return strings.HasPrefix(s.name, sectionPrefix) }

// Embed returns a module with vectors in it, in place of those that it has.
func Embed(code []byte, vectors []*Vector) ([]byte, error) {
	sections, err := sectionsOf(code)
	if err != nil {
		return nil, fmt.Errorf("embed vectors: %w", err)
	}
	made := slices.Clone(code[:headerLength])
	for _, s := range sections {
		if !s.isVector() {
			made = append(made, s.whole...)
		}
	}
	bytesOf := 0
	for _, v := range vectors {
		text := txtar.Format(v.archive)
		if bytesOf += len(text); bytesOf > mostEmbeddedBytes || len(vectors) > mostEmbedded {
			return nil, tooMany()
		}
		name := sectionPrefix + v.Name
		content := append(binary.AppendUvarint(nil, uint64(len(name))), name...)
		content = append(content, text...)
		made = append(binary.AppendUvarint(append(made, customSection), uint64(len(content))), content...)
	}
	return made, nil
}

// Embedded reads the vectors that a module has in it, in their order. A module without any has none.
func Embedded(code []byte) ([]*Vector, error) {
	sections, err := sectionsOf(code)
	if err != nil {
		return nil, fmt.Errorf("read embedded vectors: %w", err)
	}
	var vectors []*Vector
	bytesOf := 0
	for _, s := range sections {
		if !s.isVector() {
			continue
		}
		if bytesOf += len(s.content); bytesOf > mostEmbeddedBytes || len(vectors) == mostEmbedded {
			return nil, tooMany()
		}
		name := strings.TrimPrefix(s.name, sectionPrefix)
		v, err := parse(name+ending, s.content)
		if err != nil {
			return nil, fmt.Errorf("read the embedded vector %q: %w", name, err)
		}
		vectors = append(vectors, v)
	}
	return vectors, nil
}

func tooMany() error {
	return fmt.Errorf("a module has at most %d vectors, and %d MiB of them", mostEmbedded, mostEmbeddedBytes>>20)
}

func sectionsOf(code []byte) ([]section, error) {
	if len(code) < headerLength || !bytes.HasPrefix(code, []byte("\x00asm")) {
		return nil, errNotModule
	}
	var sections []section
	for rest := code[headerLength:]; len(rest) > 0; {
		content, after, ok := prefixed(rest[1:])
		if !ok {
			return nil, errNotModule
		}
		s := section{whole: rest[:len(rest)-len(after)]}
		if rest[0] == customSection {
			name, text, ok := prefixed(content)
			if !ok {
				return nil, errNotModule
			}
			s.name, s.content = string(name), text
		}
		sections, rest = append(sections, s), after
	}
	return sections, nil
}

// prefixed splits bytes after those that their length stands before.
func prefixed(b []byte) (taken, rest []byte, ok bool) {
	length, digits := binary.Uvarint(b)
	if digits <= 0 || length > uint64(len(b)-digits) {
		return nil, nil, false
	}
	b = b[digits:]
	return b[:length], b[length:], true
}
