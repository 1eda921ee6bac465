// Package identity makes ids that sort by time, and derives references, seeds and draws from them: the same whenever
// they are derived again.
package identity

import (
	"crypto/sha256"
	"encoding/binary"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"

	abi "payrouter/abi/v1"
)

// Source makes ids that sort by time, also within a millisecond. Safe for concurrent use.
type Source struct {
	mutex   sync.Mutex
	entropy *ulid.MonotonicEntropy
}

// New is a source that random feeds.
func New(random io.Reader) *Source {
	return &Source{entropy: ulid.Monotonic(random, 0)}
}

// Make is prefix and a ULID in lower case.
func (s *Source) Make(prefix string, now time.Time) (string, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	id, err := ulid.New(ulid.Timestamp(now), s.entropy)
	if err != nil {
		return "", err
	}
	return prefix + strings.ToLower(id.String()), nil
}

// Least is below every id with a prefix that is made at a time or later, and above all that are made before, by whole
// milliseconds.
func Least(prefix string, at time.Time) string {
	var id ulid.ULID
	ms := min(max(at.UnixMilli(), 0), int64(ulid.MaxTime())) //nolint:gosec // the greatest time has 48 bits
	_ = id.SetTime(uint64(ms))                               //nolint:gosec // above 0
	return prefix + strings.ToLower(id.String())
}

// Reference is the router's own for one operation of a payment, run or query at an account, in the form that the
// manifest declares; empty without a form. It is the same whenever it is derived, so that a resend carries it again. It
// starts with "0" only where the alphabet has one letter: some providers read it as a number.
func Reference(form *abi.ReferenceForm, owner, account, operation string) string {
	if form.GetAlphabet() == "" || form.GetLength() == 0 {
		return ""
	}
	alphabet := form.GetAlphabet()
	stream := newStream("reference", owner, account, operation)
	text := make([]byte, 0, form.GetLength())
	for len(text) < int(form.GetLength()) {
		letter := alphabet[stream.below(len(alphabet))]
		if len(text) == 0 && letter == '0' && len(alphabet) > 1 {
			continue
		}
		text = append(text, letter)
	}
	return string(text)
}

// Seed is a call's randomness: the same on every resend.
func Seed(owner, account, operation string) []byte {
	sum := digest("seed", owner, account, operation)
	return sum[:]
}

// stream is a hash's output without end.
type stream struct {
	key     [sha256.Size]byte
	counter uint64
	rest    []byte
}

func newStream(parts ...string) *stream {
	return &stream{key: digest(parts...)}
}

// below is uniform over 0 to n-1, for n up to 256.
func (s *stream) below(n int) int {
	limit := 256 - 256%n
	for {
		if len(s.rest) == 0 {
			block := sha256.Sum256(binary.BigEndian.AppendUint64(s.key[:], s.counter))
			s.counter++
			s.rest = block[:]
		}
		drawn := int(s.rest[0])
		s.rest = s.rest[1:]
		if drawn < limit {
			return drawn % n
		}
	}
}

// digest hashes parts so that no two lists of parts share a hash by their seams.
func digest(parts ...string) [sha256.Size]byte {
	var joined []byte
	for _, part := range parts {
		joined = binary.BigEndian.AppendUint32(joined, uint32(len(part))) //nolint:gosec // G115: parts are short
		joined = append(joined, part...)
	}
	return sha256.Sum256(joined)
}

// Draw is one of 256 numbers from 0 to below 1. It depends on its parts only, so that a run can be repeated.
func Draw(parts ...string) float64 { return float64(newStream(parts...).below(256)) / 256 }
