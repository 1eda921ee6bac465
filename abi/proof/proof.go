// Package proof decides whether the body of an answer shows that the provider itself wrote it. A server in front of a
// provider (a proxy, a firewall, an API gateway) can replace an answer after the provider has acted, so an HTTP status
// alone proves nothing.
package proof

import (
	"slices"
	"strings"

	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// Of returns the proofs that a failure rule asks for: its own, or else the manifest's envelope.
func Of(manifest *abi.Manifest, rule *abi.FailureRule) []*abi.Proof {
	if proofs := rule.GetProofs(); len(proofs) > 0 {
		return proofs
	}
	return manifest.GetEnvelope()
}

// Needed reports whether a rule may decide what becomes of a payment whose create may have moved money: it is about an
// operation of class NONE or KEYED, or it is a look-up's "not found" about a create that may be KEYED. (A NONE payment
// is never moved by "not found".)
func Needed(manifest *abi.Manifest, rule *abi.FailureRule) bool {
	switch rule.GetMeaning() {
	case abi.Meaning_MEANING_FAULT, abi.Meaning_MEANING_UNSPECIFIED:
		return false
	case abi.Meaning_MEANING_REFUSED, abi.Meaning_MEANING_DECLINED_SOFT, abi.Meaning_MEANING_DECLINED_HARD,
		abi.Meaning_MEANING_DUPLICATE, abi.Meaning_MEANING_NOT_FOUND:
	}
	return slices.ContainsFunc(manifest.GetOperations(), func(o *abi.Operation) bool {
		if rule.GetOperation() != "" && rule.GetOperation() != o.GetName() {
			return false
		}
		absence := rule.GetMeaning() == abi.Meaning_MEANING_NOT_FOUND && looksUpKeyed(manifest, o.GetName())
		return HasSideEffects(o.GetIdempotency()) || absence
	})
}

// HasSideEffects reports a class whose unanswered request may have moved money, or notified the payer. Unspecified
// counts as NONE.
func HasSideEffects(class abi.Idempotency) bool {
	return class != abi.Idempotency_IDEMPOTENCY_SAFE && class != abi.Idempotency_IDEMPOTENCY_ABANDONABLE
}

// looksUpKeyed reports a look-up of payments whose create is KEYED, or is so for some accounts.
func looksUpKeyed(manifest *abi.Manifest, lookup string) bool {
	return slices.ContainsFunc(manifest.GetFlows(), func(flow *abi.Flow) bool {
		looks, keyed := false, false
		for _, action := range flow.GetActions() {
			looks = looks || action.GetRole() == abi.Role_ROLE_LOOKUP && action.GetOperation() == lookup
			keyed = keyed || action.GetRole() == abi.Role_ROLE_CREATE && mayBeKeyed(manifest, action.GetOperation())
		}
		return looks && keyed
	})
}

func mayBeKeyed(manifest *abi.Manifest, operation string) bool {
	return slices.ContainsFunc(manifest.GetOperations(), func(o *abi.Operation) bool {
		keyed := o.GetIdempotency() == abi.Idempotency_IDEMPOTENCY_KEYED || o.GetKeyedBySetting() != ""
		return o.GetName() == operation && keyed
	})
}

// Hold reports whether a body is JSON that holds every proof. Without proofs nothing is proven.
func Hold(proofs []*abi.Proof, body []byte) bool {
	if len(proofs) == 0 {
		return false
	}
	value, err := jsontext.Parse(body)
	if err != nil {
		return false
	}
	return !slices.ContainsFunc(proofs, func(p *abi.Proof) bool { return !holds(p, value) })
}

func holds(p *abi.Proof, body jsontext.Value) bool {
	return reaches(body, jsontext.Keys(p.GetPointer()), p.GetValues())
}

// anyMember is the token that stands for any member of an object.
const anyMember = "*"

func reaches(at jsontext.Value, tokens, values []string) bool {
	if len(tokens) == 0 {
		there := at.Exists() || at.IsNull()
		return there && (len(values) == 0 || slices.Contains(values, spelled(at)))
	}
	if tokens[0] != anyMember {
		return reaches(at.Get(tokens[0]), tokens[1:], values)
	}
	found := false
	at.Each(func(_ string, member jsontext.Value) { found = found || reaches(member, tokens[1:], values) })
	return found
}

// spelled is a scalar as Proof.values has it. An object or an array equals no value.
func spelled(member jsontext.Value) string {
	if member.IsObject() || member.IsArray() {
		return ""
	}
	if text := member.Text(); text != "" {
		return text
	}
	return string(member.JSON()) // null, or an empty string in its quotes
}

// Weakness states why proofs prove too little; empty where they suffice. The body of a gateway's own refusal is often
// {"message": "Forbidden"}, so proofs name two members at least, or one below the top level.
func Weakness(proofs []*abi.Proof) string {
	var pointers []string
	for _, p := range proofs {
		pointer := p.GetPointer()
		if !strings.HasPrefix(pointer, "/") {
			return "proof pointer \"" + pointer + "\" does not start with \"/\""
		}
		if slices.Contains(p.GetValues(), "") {
			return "proof " + pointer + " names an empty value, which no member has"
		}
		if !slices.Contains(pointers, pointer) {
			pointers = append(pointers, pointer)
		}
	}
	switch {
	case len(pointers) == 0:
		return "there is no proof"
	case len(pointers) == 1 && strings.Count(pointers[0], "/") == 1:
		return "the member " + pointers[0] + " alone may be a gateway's: name another one of the provider's own answer"
	}
	return ""
}
