package egress

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"net/http"
	"net/url"
	"slices"

	abi "payrouter/abi/v1"
)

// algorithm is how a signature is computed.
type algorithm struct {
	hash  func() hash.Hash
	keyed bool
}

var algorithms = map[abi.Signature_Algorithm]algorithm{ //nolint:gochecknoglobals // a table
	abi.Signature_ALGORITHM_HMAC_SHA256: {sha256.New, true},
	abi.Signature_ALGORITHM_HMAC_SHA512: {sha512.New, true},
	abi.Signature_ALGORITHM_SHA256:      {sha256.New, false},
	abi.Signature_ALGORITHM_SHA512:      {sha512.New, false},
	abi.Signature_ALGORITHM_MD5:         {md5.New, false},
}

var encodings = map[abi.Signature_Encoding]func([]byte) string{ //nolint:gochecknoglobals // a table
	abi.Signature_ENCODING_HEX:    hex.EncodeToString,
	abi.Signature_ENCODING_BASE64: base64.StdEncoding.EncodeToString,
}

const signatureShown = "{{signature}}"

// sign computes a signature over the request as it will leave, and sets it. Signatures are made in order, so one may
// cover another's header.
func (r renderer) sign(s *abi.Signature, out *Request) error {
	part := "signature " + s.GetHeader()
	if err := inHeader.check(part, "prefix", s.GetPrefix()); err != nil {
		return err
	}
	value, err := r.compute(part, s, out.wire)
	if err != nil {
		return err
	}
	out.derived = append(out.derived, maskedPair{value, signatureShown})
	return out.set(s.GetHeader(), maskedPair{s.GetPrefix() + value, s.GetPrefix() + signatureShown})
}

// compute gives a signature over a request, without its prefix.
func (r renderer) compute(part string, s *abi.Signature, out *wireRequest) (string, error) {
	encode, ok := encodings[s.GetEncoding()]
	if !ok {
		return "", denied(part, "its encoding is not known")
	}
	sum, err := r.digest(part, s)
	if err != nil {
		return "", err
	}
	if len(s.GetParts()) == 0 {
		return "", denied(part, "covers nothing")
	}
	for _, p := range s.GetParts() {
		signed, err := r.signed(part, p, out)
		if err != nil {
			return "", err
		}
		sum.Write(signed)
	}
	return encode(sum.Sum(nil)), nil
}

func (r renderer) digest(part string, s *abi.Signature) (hash.Hash, error) {
	algorithm, ok := algorithms[s.GetAlgorithm()]
	switch {
	case !ok:
		return nil, denied(part, "its algorithm is not known")
	case !algorithm.keyed && s.GetSecret() != "":
		return nil, denied(part, "a plain hash has no key: name the secret among its parts")
	case !algorithm.keyed:
		return algorithm.hash(), nil
	}
	key, err := r.secret(part, s.GetSecret())
	if err != nil {
		return nil, err
	}
	return hmac.New(algorithm.hash, []byte(key)), nil
}

func (r renderer) signed(part string, p *abi.SignedPart, out *wireRequest) ([]byte, error) {
	switch p := p.GetPart().(type) {
	case *abi.SignedPart_Literal:
		return []byte(p.Literal), nil
	case *abi.SignedPart_Secret:
		value, err := r.secret(part, p.Secret)
		return []byte(value), err
	case *abi.SignedPart_Method:
		return []byte(out.method), wanted(part, p.Method)
	case *abi.SignedPart_Path:
		return []byte(out.url.EscapedPath()), wanted(part, p.Path)
	case *abi.SignedPart_Body:
		return out.body, wanted(part, p.Body)
	case *abi.SignedPart_Header:
		values := out.header[http.CanonicalHeaderKey(p.Header)]
		if values == nil {
			return nil, denied(part, "covers header %q, which is not set before it", p.Header)
		}
		return []byte(values[0]), nil
	default:
		return nil, denied(part, "a part is of no known kind")
	}
}

// wanted refuses a flag that is false: its author meant something else.
func wanted(part string, flag bool) error {
	if !flag {
		return denied(part, "a part is switched off")
	}
	return nil
}

// Errors of Verify, for errors.Is.
var (
	// ErrNoSecret: the account has no such secret, so that the signature cannot be verified.
	ErrNoSecret = errors.New("no secret to verify with")
	// ErrSignatureInvalid: the signature is not the one of the request.
	ErrSignatureInvalid = errors.New("the signature is invalid")
)

// Signed is a request of the provider's, as received.
type Signed struct {
	Method string
	// Path is escaped, without the query.
	Path   string
	Header http.Header
	Body   []byte
}

// Verify checks a provider's signature over its request; nil means that it is valid. Beside its own errors there is
// *DeniedError: for a signature that would prove nothing, since it needs no secret or leaves the body out, and for one
// that cannot be computed.
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
		&wireRequest{method: over.Method, url: path, header: over.Header, body: over.Body})
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
