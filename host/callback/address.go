package callback

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"payrouter/host/atomicfile"
)

// Prefix is where the addresses stand: Prefix + account + "/" + token.
const Prefix = "/callbacks/"

// Addresses are where providers report to: one for each account, to be set up at the provider by hand, and one for each
// payment, for providers that take it along with a request. Nobody can make one without the router's secret. They are
// safe for concurrent use.
type Addresses struct {
	public string
	secret []byte
}

// shortest is how long a secret is at least, in bytes.
const shortest = 32

// NewAddresses makes the addresses of a router that the world reaches at a public URL, or not at all where that is
// empty.
func NewAddresses(public string, secret []byte) (Addresses, error) {
	if len(secret) < shortest {
		return Addresses{},
			fmt.Errorf("the secret of callbacks' addresses has %d characters: it needs %d", len(secret), shortest)
	}
	if public == "" {
		return Addresses{secret: secret}, nil
	}
	u, err := url.Parse(public)
	if err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Host == "" || u.User != nil || u.RawQuery != "" ||
		u.Fragment != "" {
		return Addresses{},
			errors.New("the public URL is not scheme, host and maybe a path, such as https://pay.example.com")
	}
	return Addresses{public: strings.TrimSuffix(public, "/"), secret: secret}, nil
}

// Account is an account's address; empty where the world does not reach the router.
func (a Addresses) Account(account string) string {
	return a.at(account, a.token(account, ""))
}

// Payment is a payment's own address at an account; empty where the world does not reach the router.
func (a Addresses) Payment(account, paymentID string) string {
	return a.at(account, paymentID+"."+a.token(account, paymentID))
}

func (a Addresses) at(account, last string) string {
	if a.public == "" {
		return ""
	}
	return a.public + Prefix + account + "/" + last
}

// token is what makes an address unguessable: 192 bits.
func (a Addresses) token(account, paymentID string) string {
	mac := hmac.New(sha256.New, a.secret)
	for _, part := range []string{"callback", account, paymentID} {
		//nolint:gosec // G115: bounded by a request's line
		mac.Write(binary.BigEndian.AppendUint32(nil, uint32(len(part))))
		mac.Write([]byte(part))
	}
	const bytes = 24
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:bytes])
}

// owner reports whether an address is one of the router's, and the payment that it belongs to. Its time depends neither
// on the token nor on whether the account exists.
func (a Addresses) owner(account, last string) (paymentID string, ours bool) {
	paymentID, token, own := strings.Cut(last, ".")
	if !own {
		paymentID, token = "", last
	}
	return paymentID, hmac.Equal([]byte(token), []byte(a.token(account, paymentID)))
}

// secretName is the file in the data directory that holds the secret.
const secretName = "callback.secret"

// Secret reads the secret of a router's addresses from its data directory, and makes it at the first time: addresses
// set up at providers have to stay the same.
func Secret(dir string) ([]byte, error) {
	path := filepath.Join(dir, secretName)
	text, err := os.ReadFile(path) //nolint:gosec // G304: the operator's own folder
	if errors.Is(err, os.ErrNotExist) {
		text, err = makeSecret(dir, path)
	}
	if err != nil {
		return nil, fmt.Errorf("the secret of callbacks' addresses: %w", err)
	}
	secret := []byte(strings.TrimSpace(string(text)))
	if len(secret) < shortest {
		return nil, fmt.Errorf(
			"the secret of callbacks' addresses: %s is damaged: put it back from a backup, or remove it and set "+
				"every address up anew", path)
	}
	return secret, nil
}

// makeSecret writes a new secret and returns it. If another process was faster, it returns that one's.
func makeSecret(dir, path string) (secret []byte, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	var random [shortest]byte
	if _, err := io.ReadFull(rand.Reader, random[:]); err != nil {
		return nil, err
	}
	err = atomicfile.Create(path, []byte(hex.EncodeToString(random[:])+"\n"), 0o600)
	if err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	return os.ReadFile(path) //nolint:gosec // G304: the operator's own folder
}
