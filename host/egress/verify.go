package egress

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"net/url"
	"slices"

	abi "payrouter/abi/v1"
)

// Errors of Verify, told apart with errors.Is.
var (
	// ErrNoSecret: the account has no such secret, so that nobody can tell whether the signature holds.
	ErrNoSecret = errors.New("no secret to verify with")
	// ErrSignatureInvalid: the signature does not hold.
	ErrSignatureInvalid = errors.New("the signature does not hold")
)

// Signed is a request of the provider's, as it came.
type Signed struct {
	Method string
	// Path is escaped, without the query.
	Path   string
	Header http.Header
	Body   []byte
}

// Verify tells whether a provider's signature over its request is the one given; nil means that it is. Beside its own
// errors there is *DeniedError: for a signature that would prove nothing, since it needs no secret or leaves the body
// out, and for one that cannot be computed.
func (c *Client) Verify(signature *abi.Signature, given string, over Signed) error {
	const part = "callback's signature"
	secrets, body := coverage(signature)
	if len(secrets) == 0 {
		return denied(part, "needs no secret, and so proves nothing")
	}
	if !body {
		return denied(part, "leaves the body out, and so proves nothing of it")
	}
	for _, name := range secrets {
		if c.settings.Secrets[name] == "" {
			return ErrNoSecret
		}
	}
	path, err := url.ParseRequestURI(over.Path)
	if err != nil {
		return denied(part, "the path cannot be read")
	}
	r := renderer{secrets: c.settings.Secrets}
	value, err := r.compute(part, signature,
		&rendered{method: over.Method, url: path, header: over.Header, body: over.Body})
	if err != nil {
		return err
	}
	if subtle.ConstantTimeCompare([]byte(signature.GetPrefix()+value), []byte(given)) != 1 {
		return ErrSignatureInvalid
	}
	return nil
}

// coverage is which secrets a signature needs, and whether it covers the body.
func coverage(s *abi.Signature) (secrets []string, body bool) {
	if s.GetSecret() != "" {
		secrets = append(secrets, s.GetSecret())
	}
	for _, p := range s.GetParts() {
		if name := p.GetSecret(); name != "" {
			secrets = append(secrets, name)
		}
	}
	body = slices.ContainsFunc(s.GetParts(), func(p *abi.SignedPart) bool { return p.GetBody() })
	return secrets, body
}
