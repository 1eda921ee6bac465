package plugin

import "slices"

// Policy is what the configuration names of a plugin: a deployment without a data folder has no other act to admit a
// module by.
type Policy struct {
	// Digests are the only modules that may become active; empty allows any.
	Digests []string
	// Allow are differences that do not stop a module of the Digests.
	Allow []Allowance
}

// policy is that of the configuration, or before there is one, that of the start.
func (r *Registry) policy(name string) Policy {
	if c := r.configuration.Load(); c != nil {
		return (*c).Policy(name)
	}
	return r.settings.Policies[name]
}

// allowedBy are the differences that the configuration accepts of a module.
func (p Policy) allowedBy(digest string) []Allowance {
	if !slices.Contains(p.Digests, digest) {
		return nil
	}
	return p.Allow
}

// permitted is a candidate with what the configuration allows of it, too. An event has what that is.
func (r *Registry) permitted(c Candidate, g *Generation, t *trail) Candidate {
	allowed := r.policy(g.manifest.GetName()).allowedBy(g.Digest())
	if len(allowed) == 0 {
		return c
	}
	t.done(StepAllow, "the configuration allows "+allowances(allowed))
	c.Allow = union(c.Allow, allowed)
	return c
}

// allowed has in a text what the configuration allows of a module, so that a change of it is found.
func (r *Registry) allowed(name, digest string) string {
	policy := r.policy(name)
	pinned := "any"
	if len(policy.Digests) > 0 {
		pinned = "others"
	}
	if slices.Contains(policy.Digests, digest) {
		pinned = "this"
	}
	return pinned + " " + allowances(policy.allowedBy(digest))
}
