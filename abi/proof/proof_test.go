package proof_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/proof"
	abi "payrouter/abi/v1"
)

func TestHold(t *testing.T) {
	t.Parallel()
	envelope := []*abi.Proof{{Pointer: "/success", Values: []string{"false"}}, {Pointer: "/type"}}
	for name, row := range map[string]struct {
		proofs []*abi.Proof
		body   string
		want   bool
	}{
		"every member is there": {
			envelope, `{"message":"Invalid Token","type":0,"success":false}`,
			true,
		},
		"a member is missing":        {envelope, `{"success":false}`, false},
		"a member has another value": {envelope, `{"success":true,"type":0}`, false},
		"null is a value": {
			[]*abi.Proof{{Pointer: "/data", Values: []string{"null"}}},
			`{"data":null}`, true,
		},
		"a member that is null is there": {[]*abi.Proof{{Pointer: "/data"}}, `{"data":null}`, true},
		"an array is there, and equals no text": {
			[]*abi.Proof{{Pointer: "/data", Values: []string{"[]"}}},
			`{"data":[]}`, false,
		},
		"a number and its text are the same": {
			[]*abi.Proof{{Pointer: "/error", Values: []string{"1"}}},
			`{"error":1}`, true,
		},
		"a nested member": {
			[]*abi.Proof{{Pointer: "/errors/wallet"}},
			`{"errors":{"wallet":["bad"]}}`, true,
		},
		"an item of an array":                      {[]*abi.Proof{{Pointer: "/errors/0"}}, `{"errors":["bad"]}`, true},
		"any member of an object":                  {[]*abi.Proof{{Pointer: "/errors/*"}}, `{"errors":{"x":[]}}`, true},
		"an array has no members":                  {[]*abi.Proof{{Pointer: "/errors/*"}}, `{"errors":["bad"]}`, false},
		"an empty object has no members":           {[]*abi.Proof{{Pointer: "/errors/*"}}, `{"errors":{}}`, false},
		"escapes of RFC 6901":                      {[]*abi.Proof{{Pointer: "/a~1b/c~0d"}}, `{"a/b":{"c~d":1}}`, true},
		"without proofs nothing is proven":         {nil, `{"success":false,"type":0}`, false},
		"HTML proves nothing":                      {envelope, `<html><body>Forbidden</body></html>`, false},
		"an empty body proves nothing":             {envelope, ``, false},
		"JSON that is cut short proves nothing":    {envelope, `{"success":false,"type":0`, false},
		"a text beside the JSON makes it no proof": {envelope, `{"success":false,"type":0} and more`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want, proof.Hold(row.proofs, []byte(row.body)))
		})
	}
}

func TestARuleWithoutProofsHasTheEnvelope(t *testing.T) {
	t.Parallel()
	envelope, own := []*abi.Proof{{Pointer: "/error"}}, []*abi.Proof{{Pointer: "/errors/wallet"}}
	manifest := &abi.Manifest{Envelope: envelope}
	require.Equal(t, envelope, proof.Of(manifest, &abi.FailureRule{}))
	require.Equal(t, own, proof.Of(manifest, &abi.FailureRule{Proofs: own}))
	require.Empty(t, proof.Of(&abi.Manifest{}, nil))
}

func TestWeakness(t *testing.T) {
	t.Parallel()
	require.Empty(t, proof.Weakness([]*abi.Proof{{Pointer: "/error"}, {Pointer: "/data"}}))
	require.Empty(t, proof.Weakness([]*abi.Proof{{Pointer: "/errors/*"}}))
	for name, proofs := range map[string][]*abi.Proof{
		"none":                        nil,
		"a message alone":             {{Pointer: "/message"}},
		"a message alone, twice":      {{Pointer: "/message"}, {Pointer: "/message", Values: []string{"Forbidden"}}},
		"a pointer that starts oddly": {{Pointer: "error"}, {Pointer: "/data"}},
		"the whole document":          {{Pointer: ""}, {Pointer: "/data"}},
		"a value that no member has":  {{Pointer: "/error", Values: []string{""}}, {Pointer: "/data"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NotEmpty(t, proof.Weakness(proofs))
		})
	}
}

func TestNeeded(t *testing.T) {
	t.Parallel()
	manifest := &abi.Manifest{
		Operations: []*abi.Operation{
			{Name: "pay", Idempotency: abi.Idempotency_IDEMPOTENCY_NONE},
			{Name: "keyed", Idempotency: abi.Idempotency_IDEMPOTENCY_NONE, KeyedBySetting: "unique"},
			{Name: "invoice", Idempotency: abi.Idempotency_IDEMPOTENCY_ABANDONABLE},
			{Name: "read", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE},
			{Name: "find", Idempotency: abi.Idempotency_IDEMPOTENCY_SAFE},
			{Name: "unclassed"},
		},
		Flows: []*abi.Flow{{Actions: []*abi.Action{
			{Role: abi.Role_ROLE_CREATE, Operation: "keyed"}, {Role: abi.Role_ROLE_LOOKUP, Operation: "find"},
		}}, {Actions: []*abi.Action{
			{Role: abi.Role_ROLE_CREATE, Operation: "pay"}, {Role: abi.Role_ROLE_LOOKUP, Operation: "read"},
		}}},
	}
	soft, absent := abi.Meaning_MEANING_DECLINED_SOFT, abi.Meaning_MEANING_NOT_FOUND
	for name, row := range map[string]struct {
		operation string
		meaning   abi.Meaning
		want      bool
	}{
		"a decline of what may have moved money":   {"pay", soft, true},
		"of an operation without a class":          {"unclassed", soft, true},
		"of every operation":                       {"", soft, true},
		"of what nobody can pay":                   {"invoice", soft, false},
		"of a read":                                {"read", soft, false},
		"a fault decides nothing":                  {"pay", abi.Meaning_MEANING_FAULT, false},
		"absence where the create may be keyed":    {"find", absent, true},
		"absence where it never moves a payment":   {"read", absent, false},
		"a decline of a look-up moves no payment":  {"find", soft, false},
		"a refusal of what may have moved money":   {"pay", abi.Meaning_MEANING_REFUSED, true},
		"a duplicate of what may have moved money": {"keyed", abi.Meaning_MEANING_DUPLICATE, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, row.want,
				proof.Needed(manifest, &abi.FailureRule{Operation: row.operation, Meaning: row.meaning}))
		})
	}
}
