package egress

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// origins is where a provider's secrets may go.
type origins struct {
	base string // with its path, without a trailing slash
	// allowed are scheme://host:port.
	allowed   map[string]bool
	allowHTTP bool
}

// CheckBaseURL returns what is wrong with a base URL, without repeating it.
func CheckBaseURL(base string, allowHTTP bool) error {
	_, err := origins{allowHTTP: allowHTTP}.parseBase(base)
	return err
}

func (o origins) parseBase(base string) (*url.URL, error) {
	parsed, err := o.parse(base)
	if err != nil {
		return nil, err
	}
	return parsed, checkBasePath(parsed)
}

func newOrigins(base string, hosts []string, allowHTTP bool) (origins, error) {
	o := origins{allowed: map[string]bool{}, allowHTTP: allowHTTP}
	var problems []error
	parsed, err := o.parseBase(base)
	if err != nil {
		problems = append(problems, fmt.Errorf("base URL: %w", err))
	} else {
		o.base = strings.TrimSuffix(base, "/")
		o.allowed[originOf(parsed)] = true
	}
	for _, host := range hosts {
		// A manifest names bare hosts: secrets go there by TLS.
		parsed, err := o.parse("https://" + host)
		if err == nil && parsed.Path != "" {
			err = errors.New("holds a path")
		}
		if err != nil {
			problems = append(problems, fmt.Errorf("host %q: %w", host, err))
			continue
		}
		o.allowed[originOf(parsed)] = true
	}
	return o, errors.Join(problems...)
}

func checkBasePath(base *url.URL) error {
	path := strings.TrimSuffix(base.EscapedPath(), "/")
	if path == "" {
		return nil
	}
	err := inPath.check("path", "literal", path)
	if err == nil {
		err = checkPath(path)
	}
	if refused, ok := errors.AsType[*DeniedError](err); ok { // as a problem of the base URL, not of a request
		return errors.New("has a path that " + refused.Reason)
	}
	return err
}

// parse reads an origin, maybe with a path. Its errors do not repeat what they read: a base URL may be mistaken for a
// place to put a token.
func (o origins) parse(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return nil, errors.New("is not a URL")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("is neither https nor http")
	case u.Scheme == "http" && !o.allowHTTP:
		return nil, errors.New("is plain http, which only a sandbox may use")
	case u.User != nil:
		return nil, errors.New("holds a user")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.Contains(raw, "#"):
		return nil, errors.New("holds a query or a fragment")
	case u.String() != raw:
		return nil, errors.New("is not in its normal form")
	case !validHost(u.Hostname()):
		return nil, errors.New("has no valid host name")
	}
	return u, nil
}

func validHost(host string) bool {
	if _, err := netip.ParseAddr(host); err == nil {
		return true
	}
	for i := range len(host) {
		if !isUnreserved(host[i]) || host[i] == '~' {
			return false
		}
	}
	return host != ""
}

func originOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Scheme + "://" + net.JoinHostPort(strings.ToLower(u.Hostname()), port)
}

// resolve gives what a request's path is appended to.
func (o origins) resolve(origin string) (string, error) {
	if origin == "" {
		return o.base, nil
	}
	u, err := o.parse(origin)
	if err != nil {
		return "", denied("origin", "%s", err)
	}
	if u.Path != "" {
		return "", denied("origin", "holds a path")
	}
	if !o.allowed[originOf(u)] {
		return "", denied("origin", "%s is not a host of this provider", originOf(u))
	}
	return origin, nil
}
