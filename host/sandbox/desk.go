package sandbox

import (
	crand "crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// desk is what a provider's simulation may use of the server around it. The site's lock guards it.
type desk struct {
	provider string
	now      func() time.Time
	ids      *ids
	ledger   *ledger
	courier  *courier
	// accounts are the provider's, where it has more than one here.
	accounts []string
	callback Callback
	// own are the callbacks of single accounts.
	own map[string]Callback
}

// book records something that the provider made.
func (d *desk) book(b Booking) {
	b.Provider = d.provider
	b.At = d.now().UTC()
	d.ledger.book(b)
}

// settle records what became of it.
func (d *desk) settle(providerReference, status string, moved bool) {
	d.ledger.update(d.provider, providerReference, status, moved)
}

// ids makes identifiers: the same sequence for the same seed.
type ids struct {
	seeded bool
	mu     sync.Mutex
	source io.Reader
}

func newIDs(seed uint64) *ids {
	if seed == 0 {
		return &ids{source: crand.Reader}
	}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return &ids{seeded: true, source: rand.NewChaCha8(key)}
}

func (g *ids) bytes(n int) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := make([]byte, n)
	_, _ = io.ReadFull(g.source, b) // neither source fails
	return b
}

// uuid is a random UUID, version 4.
func (g *ids) uuid() string {
	b := g.bytes(16)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// hex is n random bytes in hexadecimal.
func (g *ids) hex(n int) string {
	return hex.EncodeToString(g.bytes(n))
}

// first is where a provider's count of something starts: at the number that is given in a sandbox with a seed, and at a
// random one of twelve digits without. A router's journal outlives the sandbox beside it, and must not meet the numbers
// of objects that are no more.
func (g *ids) first(seeded int) int {
	if g.seeded {
		return seeded
	}
	const lowest, numbers = 100_000_000_000, 900_000_000_000
	return lowest + int(binary.LittleEndian.Uint64(g.bytes(8))%numbers)
}

// digits is a random number of n decimal digits, the first not 0. n is at most 18.
func (g *ids) digits(n int) string {
	low := uint64(1)
	for range n - 1 {
		low *= 10
	}
	return fmt.Sprint(low + binary.LittleEndian.Uint64(g.bytes(8))%(9*low))
}
