package simulator

import (
	crand "crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
)

// CryptoAddress has the form of an address of Bitcoin (wallet "btc") or Ethereum (any other), and has no owner.
func CryptoAddress(wallet string, draw *IDs) string {
	if wallet == "btc" {
		return "bc1q" + draw.Hex(19)
	}
	return "0x" + draw.Hex(20)
}

// IDs makes identifiers: the same sequence for the same seed. It is safe for concurrent use.
type IDs struct {
	seeded bool
	mu     sync.Mutex
	source io.Reader
}

// NewIDs makes a source of identifiers; seed 0 makes random ones.
func NewIDs(seed uint64) *IDs {
	if seed == 0 {
		return &IDs{source: crand.Reader}
	}
	var key [32]byte
	binary.LittleEndian.PutUint64(key[:], seed)
	return &IDs{seeded: true, source: rand.NewChaCha8(key)}
}

func (g *IDs) bytes(n int) []byte {
	g.mu.Lock()
	defer g.mu.Unlock()
	b := make([]byte, n)
	_, _ = io.ReadFull(g.source, b) // neither source fails
	return b
}

// UUID is a random UUID, version 4.
func (g *IDs) UUID() string {
	b := g.bytes(16)
	b[6] = b[6]&0x0f | 0x40
	b[8] = b[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[0:4], b[4:6], b[6:8], b[8:10], b[10:16])
}

// Hex is n random bytes in hexadecimal.
func (g *IDs) Hex(n int) string {
	return hex.EncodeToString(g.bytes(n))
}

// First is where a provider's count of something starts: at the number that is given in a sandbox with a seed, and at a
// random one of twelve digits without. A router's journal outlives the sandbox beside it, and must not meet the numbers
// of objects that are no more.
func (g *IDs) First(seeded int) int {
	if g.seeded {
		return seeded
	}
	const lowest, numbers = 100_000_000_000, 900_000_000_000
	return lowest + int(binary.LittleEndian.Uint64(g.bytes(8))%numbers)
}

// Digits is a random number of n decimal digits, the first not 0. n is at most 18.
func (g *IDs) Digits(n int) string {
	low := uint64(1)
	for range n - 1 {
		low *= 10
	}
	return fmt.Sprint(low + binary.LittleEndian.Uint64(g.bytes(8))%(9*low))
}
