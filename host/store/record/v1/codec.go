// Package record hides how a journal keeps what one commit says of a payment or a run: as which bytes, and how a
// payment, its attempts, its timeline and its key are the fold of such records. It knows no engine.
package record

import (
	_ "embed"
	"errors"
	"fmt"

	"github.com/klauspost/compress/s2"
)

// maxSize is how large a record may be before it is compressed, in bytes. It is far above what egress lets through, and
// bounds what a damaged length makes the reader allocate.
const maxSize = 64 << 20

// first is the number of the first dictionary. Each record starts with the number of its own. A dictionary never
// changes, and none is ever removed: a better one gets the next number.
const first = 1

// firstDictionary is what records have in common: records of one payment at each provider, made by the sandbox.
//
//go:embed dictionary/1.bin
var firstDictionary []byte

//nolint:gochecknoglobals // a constant that takes a while to make
var dictionary = s2.MakeDict(firstDictionary, nil)

// Encode is a change as bytes.
func Encode(c *Change) ([]byte, error) {
	plain, err := c.MarshalVT()
	if err != nil {
		return nil, fmt.Errorf("encode a record: %w", err)
	}
	if len(plain) > maxSize {
		return nil, fmt.Errorf("encode a record: it has %d bytes, and at most %d can be read again", len(plain), maxSize)
	}
	room := make([]byte, 1+s2.MaxEncodedLen(len(plain)))
	room[0] = first
	return room[:1+len(dictionary.Encode(room[1:], plain))], nil
}

// Decode is the reverse of Encode. The change refers to no byte of the text.
func Decode(text []byte) (*Change, error) {
	plain, err := expand(text)
	if err != nil {
		return nil, fmt.Errorf("decode a record: %w", err)
	}
	c := new(Change)
	if err := c.UnmarshalVTUnsafe(plain); err != nil {
		return nil, fmt.Errorf("decode a record: %w", err)
	}
	return c, nil
}

func expand(text []byte) ([]byte, error) {
	switch {
	case len(text) == 0:
		return nil, errors.New("it is empty")
	case text[0] != first:
		return nil, fmt.Errorf("its dictionary is number %d, and this release has %d", text[0], first)
	}
	size, err := s2.DecodedLen(text[1:])
	if err != nil {
		return nil, err
	}
	if size > maxSize {
		return nil, fmt.Errorf("it claims %d bytes, and at most %d are written", size, maxSize)
	}
	return dictionary.Decode(nil, text[1:])
}
