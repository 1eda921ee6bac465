package egress

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	abi "payrouter/abi/v1"
)

// Request is a request that is rendered, signed and masked, ready to leave. Its exported fields are for the journal
// and for people: a secret is shown as "{{secret:name}}", a signature as "{{signature}}". It does not change.
type Request struct {
	Method string
	URL    string
	Header http.Header
	Body   []byte

	wire *wireRequest
	// derived are values that were computed from secrets.
	derived []maskedPair
	// mask is the client's, and the derived values.
	mask   mask
	client *Client
}

// wireRequest is a request as it leaves, with its secrets.
type wireRequest struct {
	method string
	url    *url.URL
	header http.Header
	body   []byte
}

// maskedPair is a text as it leaves and the text that is shown for it.
type maskedPair struct{ wire, shown string }

func (p maskedPair) plus(q maskedPair) maskedPair {
	return maskedPair{p.wire + q.wire, p.shown + q.shown}
}

// encodingContext is a part of a request with rules of its own for what its parts may hold.
type encodingContext struct {
	// literal reports whether a plugin's constant may hold the byte as it is.
	literal func(byte) bool
	// percent: "%" in a literal starts an escape.
	percent bool
	// escape makes a payer's text, or a secret, harmless; nil where nothing can, and text is checked as a literal is.
	escape func(string) string
	// nonEmpty: an empty text would give the request another meaning.
	nonEmpty bool
}

//nolint:gochecknoglobals // a table
var (
	inPath   = encodingContext{literal: isPathByte, percent: true, escape: url.PathEscape, nonEmpty: true}
	inQuery  = encodingContext{literal: isQueryByte, percent: true, escape: url.QueryEscape}
	inHeader = encodingContext{literal: isPrintable}
	inUser   = encodingContext{literal: func(c byte) bool { return isPrintable(c) && c != ':' }}
)

var tokenPattern = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")

var methods = map[string]bool{ //nolint:gochecknoglobals // a table
	http.MethodGet: true, http.MethodHead: true, http.MethodPost: true, http.MethodPut: true, http.MethodPatch: true,
	http.MethodDelete: true, http.MethodOptions: true,
}

// hostHeaders belong to the host: they frame the message, hop to the next proxy, or change how the answer is read.
var hostHeaders = map[string]bool{ //nolint:gochecknoglobals // a table
	"Accept-Encoding": true, "Connection": true, "Content-Length": true, "Expect": true, "Host": true, "Keep-Alive": true,
	"Proxy-Authenticate": true, "Proxy-Authorization": true, "Proxy-Connection": true, "Range": true, "Te": true,
	"Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

func isPrintable(c byte) bool { return c >= ' ' && c <= '~' }

func isUnreserved(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("-._~", c) >= 0
}

// isPathByte is RFC 3986's pchar, and the slash.
func isPathByte(c byte) bool { return isUnreserved(c) || strings.IndexByte("!$&'()*+,;=:@/", c) >= 0 }

// isQueryByte leaves out what separates parameters.
func isQueryByte(c byte) bool { return isUnreserved(c) || strings.IndexByte("!$'()*+,=:@/?", c) >= 0 }

// renderer fills secrets into the parts of one request. Its methods return *DeniedError.
type renderer struct {
	secrets map[string]string
}

func denied(part, format string, args ...any) error {
	return &DeniedError{Part: part, Reason: fmt.Sprintf(format, args...)}
}

// Render puts a request together, signs it and masks what is shown of it. The error is a *DeniedError.
func (c *Client) Render(in *abi.HttpRequest) (*Request, error) {
	if !methods[in.GetMethod()] {
		return nil, denied("method", "%q is not one that a request may have", in.GetMethod())
	}
	r := renderer{secrets: c.settings.Secrets}
	target, err := r.target(c.origins, in)
	if err != nil {
		return nil, err
	}
	location, err := parseTarget(target.wire)
	if err != nil {
		return nil, err
	}
	out := &Request{
		Method: in.GetMethod(), URL: target.shown, Header: http.Header{}, client: c,
		wire: &wireRequest{method: in.GetMethod(), url: location, header: http.Header{}, body: in.GetBody()},
	}
	for _, field := range in.GetHeaders() {
		value, err := r.join("header "+field.GetName(), inHeader, field.GetValue())
		if err != nil {
			return nil, err
		}
		if err := out.set(field.GetName(), value); err != nil {
			return nil, err
		}
	}
	if err := r.basicAuth(in.GetBasicAuth(), out); err != nil {
		return nil, err
	}
	for _, signature := range in.GetSignatures() {
		if err := r.sign(signature, out); err != nil {
			return nil, err
		}
	}
	out.mask = c.mask.and(out.derived)
	out.maskShown()
	return out, nil
}

// maskShown masks a secret that a plugin received elsewhere (in its settings, say) and put into its request itself.
func (out *Request) maskShown() {
	out.URL = out.mask.text(out.URL)
	for _, values := range out.Header {
		values[0] = out.mask.text(values[0])
	}
	out.Body = out.mask.bytes(bytes.Clone(out.wire.body))
}

func (r renderer) target(allowed origins, in *abi.HttpRequest) (maskedPair, error) {
	base, err := allowed.resolve(in.GetOrigin())
	if err != nil {
		return maskedPair{}, err
	}
	path, err := r.join("path", inPath, in.GetPath())
	if err != nil {
		return maskedPair{}, err
	}
	if err := checkPath(path.wire); err != nil {
		return maskedPair{}, err
	}
	target := maskedPair{base, base}.plus(path)
	for i, field := range in.GetQuery() {
		value, err := r.join("query "+field.GetName(), inQuery, field.GetValue())
		if err != nil {
			return maskedPair{}, err
		}
		if field.GetName() == "" {
			return maskedPair{}, denied("query", "a parameter has no name")
		}
		separator := "&"
		if i == 0 {
			separator = "?"
		}
		name := separator + url.QueryEscape(field.GetName()) + "="
		target = target.plus(maskedPair{name, name}).plus(value)
	}
	return target, nil
}

// parseTarget makes sure that net/http will send exactly the path that was put together.
func parseTarget(wire string) (*url.URL, error) {
	target, err := url.Parse(wire)
	if err != nil { // its text holds the URL
		return nil, denied("path", "does not make a URL")
	}
	if target.String() != wire {
		return nil, denied("path", "is not in its normal form")
	}
	return target, nil
}

// checkPath refuses what a server or a proxy could read as another path. A text of ".." is not changed by escaping.
func checkPath(path string) error {
	if !strings.HasPrefix(path, "/") {
		return denied("path", "does not start with a slash")
	}
	for segment := range strings.SplitSeq(path[1:], "/") {
		plain, err := url.PathUnescape(segment)
		if err != nil {
			return denied("path", "holds a malformed escape")
		}
		if plain == "." || plain == ".." {
			return denied("path", "holds a dot segment")
		}
	}
	if strings.HasPrefix(path, "//") {
		return denied("path", "starts with two slashes")
	}
	return nil
}

func (r renderer) join(part string, at encodingContext, parts []*abi.Part) (maskedPair, error) {
	var whole maskedPair
	for _, p := range parts {
		piece, err := r.piece(part, at, p)
		if err != nil {
			return maskedPair{}, err
		}
		whole = whole.plus(piece)
	}
	return whole, nil
}

func (r renderer) piece(part string, at encodingContext, p *abi.Part) (maskedPair, error) {
	switch p := p.GetPart().(type) {
	case *abi.Part_Literal:
		if err := at.check(part, "literal", p.Literal); err != nil {
			return maskedPair{}, err
		}
		return maskedPair{p.Literal, p.Literal}, nil
	case *abi.Part_Text:
		text, err := at.text(part, p.Text)
		return maskedPair{text, text}, err
	case *abi.Part_Secret:
		value, err := r.secret(part, p.Secret)
		if err != nil {
			return maskedPair{}, err
		}
		if value, err = at.text(part, value); err != nil {
			return maskedPair{}, err
		}
		return maskedPair{value, placeholder(p.Secret)}, nil
	default:
		return maskedPair{}, denied(part, "a part is neither literal, text nor secret")
	}
}

func (at encodingContext) check(part, kind, s string) error {
	for i := range len(s) {
		switch {
		case at.percent && s[i] == '%':
			if _, err := url.PathUnescape(s[i:min(i+3, len(s))]); err != nil {
				return denied(part, "a %s holds a malformed escape", kind)
			}
		case !at.literal(s[i]):
			return denied(part, "a %s holds a character that may not stand there (0x%02x)", kind, s[i])
		}
	}
	return nil
}

func (at encodingContext) text(part, s string) (string, error) {
	if at.nonEmpty && s == "" {
		return "", denied(part, "a text is empty")
	}
	if at.escape == nil {
		return s, at.check(part, "text", s)
	}
	return at.escape(s), nil
}

func (r renderer) secret(part, name string) (string, error) {
	value, ok := r.secrets[name]
	if !ok {
		return "", denied(part, "secret %q is not set", name)
	}
	return value, nil
}

// set adds a header once. Twice would be ambiguous, for the provider and for a signature over it.
func (out *Request) set(name string, value maskedPair) error {
	part := "header " + name
	canonical := http.CanonicalHeaderKey(name)
	switch {
	case !tokenPattern.MatchString(name):
		return denied("header", "%q is not a header's name", name)
	case hostHeaders[canonical]:
		return denied(part, "is the host's to set")
	case out.wire.header[canonical] != nil:
		return denied(part, "is set twice")
	case value.wire != strings.TrimSpace(value.wire):
		return denied(part, "its value starts or ends with a space")
	}
	out.wire.header[canonical] = []string{value.wire}
	out.Header[canonical] = []string{value.shown}
	return nil
}

func (r renderer) basicAuth(auth *abi.BasicAuth, out *Request) error {
	if auth == nil {
		return nil
	}
	const part = "basic auth"
	user, err := r.piece(part, inUser, auth.GetUser())
	if err != nil {
		return err
	}
	password, err := r.secret(part, auth.GetPasswordSecret())
	if err != nil {
		return err
	}
	encoded := base64.StdEncoding.EncodeToString([]byte(user.wire + ":" + password))
	shown := "{{base64:" + user.shown + ":" + placeholder(auth.GetPasswordSecret()) + "}}"
	out.derived = append(out.derived, maskedPair{encoded, shown})
	return out.set("Authorization", maskedPair{"Basic " + encoded, "Basic " + shown})
}
