package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"slices"
	"strings"
	"time"
)

// Errors of what was asked about keys, for errors.Is.
var (
	// ErrNotFound: the asking key sees no such key.
	ErrNotFound = errors.New("no such API key")
	// ErrInvalid: a name, right or time is not one.
	ErrInvalid = errors.New("not valid")
	// ErrForbidden: the asking key may not do it.
	ErrForbidden = errors.New("this API key may not do this")
	// ErrEnded: the key is revoked or expired.
	ErrEnded = errors.New("the API key is revoked or expired")
	// ErrCaller: the asking key has ended since it was identified, or the router has got its first key.
	ErrCaller = errors.New("the API key of this request does not hold any more")
)

// Key is an API key without its token, which is shown once and kept as a hash.
type Key struct {
	// ID is "key_" and a ULID. It is a part of the token.
	ID string
	// Merchant is whose payments the key creates and sees. Name is a label for people.
	Merchant, Name string
	Rights         []Right
	// Line is the ID of the first of the keys that rotation put in each other's place.
	Line string
	// IssuedBy are the lines of the keys that this one comes from: of the key that made it, of the key that made that,
	// and so on. It is empty for a key that was made on the command line or by an open router.
	IssuedBy []string
	// CreatedBy is the ID of the key that made it, or empty like IssuedBy.
	CreatedBy string
	CreatedAt time.Time
	// ExpiresAt, RevokedAt and LastUsedAt may be zero. LastUsedAt is exact to a minute.
	ExpiresAt, RevokedAt, LastUsedAt time.Time
	// Hash is the SHA-256 of the token: a token has 256 random bits, which a fast hash protects as well as a slow one.
	Hash [sha256.Size]byte
}

// May reports whether the key has a right.
func (k Key) May(right Right) bool { return slices.Contains(k.Rights, right) }

// Ended reports whether the key is refused at a time.
func (k Key) Ended(now time.Time) bool {
	return !k.RevokedAt.IsZero() || (!k.ExpiresAt.IsZero() && !now.Before(k.ExpiresAt))
}

// ComesFrom reports whether the key is of a line, or was issued by one that is.
func (k Key) ComesFrom(line string) bool {
	return line != "" && (k.Line == line || slices.Contains(k.IssuedBy, line))
}

// String is how the key stands in logs, timelines and the audit log.
func (k Key) String() string { return k.Name }

// manages reports whether the key may make, rotate and revoke another with these rights.
func (k Key) manages(merchant string, rights []Right) error {
	if k.Merchant != merchant && !k.May(AllMerchants) {
		return fmt.Errorf("%w: it manages keys of the merchant %s only", ErrForbidden, k.Merchant)
	}
	var lacking []Right
	for _, right := range rights {
		if !k.May(right) {
			lacking = append(lacking, right)
		}
	}
	if len(lacking) > 0 {
		return fmt.Errorf("%w: it gives no right that it has not: %s", ErrForbidden, joined(lacking))
	}
	return nil
}

// tokenPrefix is what scanners of source code recognise.
const tokenPrefix = "payrouter_"

// The parts of a token: the prefix, the ULID of the key's id, "_", the secret, and a checksum of all before it.
const (
	idLength       = 26
	secretBytes    = 32
	secretLength   = 2 * secretBytes
	checksumLength = 8
	tokenLength    = len(tokenPrefix) + idLength + 1 + secretLength + checksumLength
)

// idPrefix stands before a key's ULID.
const idPrefix = "key_"

// newToken makes the token of a key with an id.
func newToken(id string, random io.Reader) (string, error) {
	secret := make([]byte, secretBytes)
	if _, err := io.ReadFull(random, secret); err != nil {
		return "", fmt.Errorf("make an API key's secret: %w", err)
	}
	text := tokenPrefix + strings.TrimPrefix(id, idPrefix) + "_" + hex.EncodeToString(secret)
	return text + checksum(text), nil
}

func checksum(text string) string {
	return hex.EncodeToString(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE([]byte(text))))
}

// idOf is the id that a token names; ok is false for what is no token.
func idOf(token string) (id string, ok bool) {
	rest, prefixed := strings.CutPrefix(token, tokenPrefix)
	if !prefixed || len(token) != tokenLength || rest[idLength] != '_' ||
		checksum(token[:tokenLength-checksumLength]) != token[tokenLength-checksumLength:] {
		return "", false
	}
	return idPrefix + rest[:idLength], true
}

func hashOf(token string) [sha256.Size]byte { return sha256.Sum256([]byte(token)) }

// fits compares in constant time.
func (k Key) fits(token string) bool {
	sum := hashOf(token)
	return subtle.ConstantTimeCompare(sum[:], k.Hash[:]) == 1
}
