package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"payrouter/host/routing"
)

// Registry is an OCI registry that plugins may be pulled from.
type Registry struct {
	// Name is its host, with a port where it is not 443: "registry.example:5000".
	Name string
	// Username is empty where the registry is asked without credentials; then there is no password either.
	Username string
	// TokenHost is the host that may get the credentials beside the registry itself; empty is none.
	TokenHost string
	// AllowPrivate permits private addresses, and with it PlainHTTP asks without TLS.
	AllowPrivate, PlainHTTP bool

	password Reference
}

// Registry finds a registry by its name.
func (c *Config) Registry(name string) (Registry, bool) {
	i := slices.IndexFunc(c.Registries, func(r Registry) bool { return r.Name == name })
	if i < 0 {
		return Registry{}, false
	}
	return c.Registries[i], true
}

// Password reads the registry's password; empty where it has none. The error has no value. It is a *routing.Problem.
func (r Registry) Password(from Sources) (string, error) {
	if r.Username == "" {
		return "", nil
	}
	value, what, mend := r.password.resolve(from.read())
	if what != "" {
		return "", &routing.Problem{
			At: r.password.at, What: fmt.Sprintf("registry %q: password (%s): %s", r.Name, r.password, what), Mend: mend,
		}
	}
	return value, nil
}

// CheckRegistries reads the password of every registry, and joins the problems.
func (c *Config) CheckRegistries(from Sources) error {
	var problems []error
	for _, r := range c.Registries {
		if _, err := r.Password(from); err != nil {
			problems = append(problems, err)
		}
	}
	return inFileOrder(problems)
}

//nolint:gochecknoglobals // a table
var registryKeys = []string{"username", "password", "token_host", "allow_private", "plain_http"}

func (v view) registries() []Registry {
	var registries []Registry
	v.each("registries", func(name string, registry view) {
		registries = append(registries, registry.registry(name))
	})
	return registries
}

func (v view) registry(name string) Registry {
	r := Registry{Name: name}
	if !isHost(name) {
		v.reportKey(fmt.Sprintf("%q is no registry's name", name),
			"write its host in lower case, and its port where it is not 443: registry.example:5000")
	}
	hasPassword := false
	v.members("a registry", registryKeys, func(key string, m view) {
		switch key {
		case "username":
			r.Username = m.text()
		case "password":
			hasPassword = true
			r.password, _ = m.reference()
		case "token_host":
			if r.TokenHost = m.text(); !isHost(r.TokenHost) {
				m.report("token_host is no host", "write it in lower case, without a scheme: auth.registry.example")
			}
		case "allow_private":
			r.AllowPrivate = m.boolean()
		case "plain_http":
			r.PlainHTTP = m.boolean()
		}
	})
	if (r.Username != "") != hasPassword {
		v.reportKey(fmt.Sprintf("registry %q has a half of its credentials", name), "write both username and password")
	}
	if r.PlainHTTP && !r.AllowPrivate {
		v.at("plain_http").report("plain_http does not serve", "remove it; plain HTTP is for a sandbox, and needs "+
			"allow_private: true")
	}
	return r
}

// isHost reports whether a text is a host's name or IPv4 address in lower case, with or without a port.
func isHost(text string) bool {
	host, port := text, "443"
	if strings.Contains(text, ":") {
		var err error
		if host, port, err = net.SplitHostPort(text); err != nil {
			return false
		}
	}
	number, err := strconv.ParseUint(port, 10, 16)
	return err == nil && number > 0 && host != "" && len(host) <= 253 &&
		strings.Trim(host, "abcdefghijklmnopqrstuvwxyz0123456789-.") == ""
}
