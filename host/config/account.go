package config

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/egress"
)

const (
	shortest = time.Millisecond
	longest  = 10 * time.Minute
)

//nolint:gochecknoglobals // a table
var accountKeys = []string{
	"plugin", "digests", "base_url", "settings", "secrets", "allow_private", "timeout", "retry", "breaker", "limits",
	"failures",
}

func (v view) providers() []*Provider {
	var providers []*Provider
	v.each("providers", func(name string, account view) {
		providers = append(providers, account.provider(name))
	})
	return providers
}

func (v view) provider(name string) *Provider {
	p := &Provider{Name: name, At: v.origin().key, source: v}
	if !isAccountName(name) {
		v.reportKey(fmt.Sprintf("%q cannot be a provider's name", name),
			"write lower-case words of letters and digits, single dashes between them")
	}
	v.members("a provider", accountKeys, func(key string, m view) {
		switch key {
		case "plugin":
			p.Plugin = m.text()
		case "digests":
			p.Digests = m.digests()
		case "base_url":
			p.BaseURL = strings.TrimRight(m.text(), "/")
		case "settings":
			p.Settings = m.settings()
		case "secrets":
			p.Secrets = m.secrets()
		case "allow_private":
			p.AllowPrivate = m.boolean()
		case "timeout":
			p.Timeout = m.duration(shortest, longest)
		case "retry":
			p.Retry = m.retry()
		case "breaker":
			p.Breaker = m.breaker()
		case "limits":
			p.Limits = m.limits()
		case "failures":
			p.Failures = m.failures()
		}
	})
	if members, ok := v.value.(map[string]any); ok && members["plugin"] == "" {
		v.reportKey(fmt.Sprintf("provider %q names no plugin", name), "add \"plugin: <name>\"")
	}
	if mend := mendBaseURL(p.BaseURL, p.AllowPrivate); mend != "" {
		v.at("base_url").report("base_url does not serve", mend)
	}
	return p
}

// isAccountName: names must stay different where "-" becomes "_", as in environment variables, and contain no "__".
func isAccountName(name string) bool {
	return len(name) <= 64 && name != "" &&
		strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") == "" &&
		!strings.HasPrefix(name, "-") && !strings.HasSuffix(name, "-") && !strings.Contains(name, "--")
}

// mendBaseURL is "" for a valid URL, and for none: then the manifest's applies. It never repeats the URL, which may
// contain a secret by mistake.
func mendBaseURL(text string, allowPrivate bool) string {
	if text == "" {
		return ""
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http":
		return "write scheme and host, such as https://api.example.com"
	case u.User != nil:
		return "take the user and password out of it: they belong under secrets"
	case strings.ContainsAny(text, "?#"):
		return "end it before the query"
	case u.Scheme == "http" && !allowPrivate:
		return "write https; plain HTTP is for a sandbox, and needs allow_private: true"
	}
	if err := egress.CheckBaseURL(text, allowPrivate); err != nil {
		return "it " + err.Error()
	}
	return ""
}

func (v view) digests() []string {
	items, ok := v.value.([]any)
	if !ok {
		v.report("digests is not a list", "write \"- <sha256>\" lines under it")
	}
	var digests []string
	for i, item := range items {
		m := view{src: v.src, path: append(slices.Clip(v.path), fmt.Sprint(i)), value: item}
		digest := m.text()
		if len(digest) != 64 || strings.Trim(digest, "0123456789abcdef") != "" {
			m.report("this is no digest of a module",
				"write the SHA-256 that \"router plugin inspect\" prints: 64 digits, in lower case")
		}
		digests = append(digests, digest)
	}
	return digests
}

func (v view) settings() []byte {
	if _, ok := v.value.(map[string]any); !ok {
		v.report("settings is not a mapping", "write \"key: value\" lines")
		return nil
	}
	text, err := toJSON(v.value)
	if err != nil {
		v.report("settings cannot be written as JSON", err.Error())
	}
	return text
}

func (v view) retry() Retry {
	var r Retry
	v.members("retry", []string{"tries", "base_delay", "max_delay", "retry_after_cap"}, func(key string, m view) {
		switch key {
		case "tries":
			r.Tries = m.integer(1, 10)
		case "base_delay":
			r.BaseDelay = m.duration(shortest, longest)
		case "max_delay":
			r.MaxDelay = m.duration(shortest, longest)
		case "retry_after_cap":
			r.RetryAfterCap = m.duration(shortest, longest)
		}
	})
	if r.BaseDelay > r.MaxDelay {
		v.report("base_delay is longer than max_delay", "shorten the one, or lengthen the other")
	}
	return r
}

func (v view) breaker() Breaker {
	var b Breaker
	v.members("breaker", []string{"failures", "window", "open_for", "half_open"}, func(key string, m view) {
		switch key {
		case "failures":
			b.Failures = m.integer(1, 10_000)
		case "window":
			b.Window = m.duration(egress.ShortestWindow, longest)
		case "open_for":
			b.OpenFor = m.duration(shortest, longest)
		case "half_open":
			b.HalfOpen = m.integer(1, 1000)
		}
	})
	return b
}

func (v view) limits() Limits {
	var l Limits
	v.members("limits", []string{"connections", "per_second"}, func(key string, m view) {
		switch key {
		case "connections":
			l.Connections = m.integer(1, 10_000)
		case "per_second":
			l.PerSecond = m.integer(1, 10_000)
		}
	})
	return l
}

func (v view) meaning() abi.Meaning {
	const prefix = "MEANING_"
	var names []string
	for _, number := range slices.Sorted(maps.Keys(abi.Meaning_name)) {
		if meaning := abi.Meaning(number); meaning != abi.Meaning_MEANING_UNSPECIFIED {
			names = append(names, abi.NameOf(meaning, prefix))
		}
	}
	meaning, _ := abi.ValueOf[abi.Meaning](v.choice(names), prefix, abi.Meaning_value) // choice has reported it
	return meaning
}

func (v view) failures() []*abi.FailureRule {
	items, ok := v.value.([]any)
	if !ok {
		v.report("failures is not a list", "write \"- code: …\" lines under it")
	}
	var rules []*abi.FailureRule
	for i, item := range items {
		path := append(slices.Clip(v.path), fmt.Sprint(i))
		rules = append(rules, view{src: v.src, path: path, value: item}.failure())
	}
	return rules
}

func (v view) failure() *abi.FailureRule {
	rule := &abi.FailureRule{Source: v.origin().value.String()}
	v.members("a failure", []string{"operation", "http_status", "code", "meaning", "as", "proof", "final"},
		func(key string, m view) {
			switch key {
			case "operation":
				rule.Operation = m.text()
			case "http_status":
				rule.HttpStatus = uint32(m.integer(100, 599)) //nolint:gosec // in range
			case "code":
				rule.ProviderCode = m.text()
			case "meaning":
				rule.Meaning = m.meaning()
			case "as":
				rule.Code = m.code()
			case "proof":
				rule.Proofs = m.proofs()
			case "final":
				rule.Final = m.boolean()
			}
		})
	if _, ok := v.value.(map[string]any); !ok {
		return rule
	}
	if rule.HttpStatus == 0 && rule.ProviderCode == "" {
		v.report("this failure matches every answer", "add code, http_status or both")
	}
	if v.at("meaning").value == nil || v.at("as").value == nil {
		v.report("this failure is not given a meaning", "add meaning (declined_soft, …) and as (insufficient_funds, …)")
	}
	return rule
}

// proofs are members of the answer's body: a JSON pointer each, and its allowed values; an empty list allows any.
func (v view) proofs() []*abi.Proof {
	members, ok := v.value.(map[string]any)
	if !ok || len(members) == 0 {
		v.report("proof is not a mapping",
			`write "/success: false" lines under it: a JSON pointer, and what stands there`)
		return nil
	}
	var proofs []*abi.Proof
	for _, pointer := range slices.Sorted(maps.Keys(members)) {
		m := v.at(pointer)
		one := &abi.Proof{Pointer: pointer}
		if !strings.HasPrefix(pointer, "/") {
			m.reportKey(fmt.Sprintf("%q is no JSON pointer", pointer), `write one such as "/error"`)
		}
		switch value := members[pointer].(type) {
		case []any:
			for _, item := range value {
				one.Values = append(one.Values, fmt.Sprint(item))
			}
		case map[string]any:
			m.report("this proof is a mapping",
				"write the value that stands there, a list of values, or [] for any value")
		default:
			one.Values = []string{fmt.Sprint(value)}
		}
		proofs = append(proofs, one)
	}
	return proofs
}

// code is one of the router's failure codes; CheckCodes has their list.
func (v view) code() string {
	code := v.text()
	if code == "" || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
		v.report(fmt.Sprintf("%q is not one of the router's failure codes", code),
			"write one such as insufficient_funds")
	}
	return code
}
