package config

import (
	"fmt"
	"maps"
	"slices"

	"payrouter/host/routing"
)

// Plugin is what the file names of a plugin itself, whichever accounts use it.
type Plugin struct {
	// Digests, SHA-256 in hexadecimal, are the only modules that may serve; empty allows any.
	Digests []string
	// Allow are the differences that are accepted of the modules with those digests.
	Allow []string

	source view
}

// Digests are the only modules of its plugin that an account may use; some is false where any may be.
func (c *Config) Digests(p *Provider) (digests []string, some bool) {
	digests = p.Digests
	if named := c.Plugins[p.Plugin]; named != nil && len(named.Digests) > 0 {
		if len(p.Digests) == 0 {
			return named.Digests, true
		}
		digests = slices.DeleteFunc(slices.Clone(p.Digests), func(digest string) bool {
			return !slices.Contains(named.Digests, digest)
		})
		return digests, true
	}
	return digests, len(digests) > 0
}

// CheckAllowances compares the allowances of plugins with the router's list. It reports all problems, joined, each a
// *routing.Problem.
func (c *Config) CheckAllowances(known []string) error {
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(c.Plugins)) {
		p := c.Plugins[name]
		found := &source{file: p.source.src.file, origins: p.source.src.origins}
		allow := view{src: found, path: p.source.path, value: p.source.value}.at("allow")
		for i, allowed := range p.Allow {
			if !slices.Contains(known, allowed) {
				allow.at(fmt.Sprint(i)).report(fmt.Sprintf("%q is nothing that may be allowed", allowed),
					routing.DidYouMean(allowed, known))
			}
		}
		problems = append(problems, found.err())
	}
	return inFileOrder(problems)
}

func (v view) plugins() map[string]*Plugin {
	plugins := map[string]*Plugin{}
	v.each("plugins", func(name string, member view) {
		p := &Plugin{source: member}
		plugins[name] = p
		member.members("a plugin", []string{"digests", "allow"}, func(key string, m view) {
			switch key {
			case "digests":
				p.Digests = m.digests()
			case "allow":
				p.Allow = m.texts("allow")
			}
		})
		if len(p.Allow) > 0 && len(p.Digests) == 0 {
			member.at("allow").reportKey(fmt.Sprintf("plugin %q allows this of any module", name),
				"add digests: what is allowed holds for those")
		}
	})
	return plugins
}

// texts is a list of texts.
func (v view) texts(of string) []string {
	items, ok := v.value.([]any)
	if !ok {
		v.report(of+" is not a list", "write it in brackets, or \"- \" lines under it")
	}
	var texts []string
	for i, item := range items {
		texts = append(texts, view{src: v.src, path: append(slices.Clip(v.path), fmt.Sprint(i)), value: item}.text())
	}
	return texts
}
