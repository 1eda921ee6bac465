package attempt

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	abi "payrouter/abi/v1"
	"payrouter/host/identity"
)

func TestEveryFailureCodeHasAClass(t *testing.T) {
	t.Parallel()
	for code := range abi.FailureCodes {
		_, known := ClassOf(code)
		require.True(t, known, code)
		require.Equal(t, strings.ToLower(code), code)
	}
	for code, want := range map[string]Class{"limit_exceeded": Soft, "fraud_suspected": Hard} {
		class, _ := ClassOf(code)
		require.Equal(t, want, class, code)
	}
	class, known := ClassOf("never_heard_of")
	require.False(t, known)
	require.Equal(t, Soft, class)
}

func TestAnEventOfAnUnspecifiedOperationIsJudgedAsNone(t *testing.T) {
	t.Parallel()
	for event := range retryTable {
		require.Equal(t, RuleFor(event, abi.Idempotency_IDEMPOTENCY_NONE),
			RuleFor(event, abi.Idempotency_IDEMPOTENCY_UNSPECIFIED))
	}
	require.Equal(t, RuleFor(Unanswered, abi.Idempotency_IDEMPOTENCY_KEYED),
		RuleFor("never heard of", abi.Idempotency_IDEMPOTENCY_KEYED))
}

func TestMeaningAsksTheAccountBeforeTheManifestAndBelievesNothingUnlisted(t *testing.T) {
	t.Parallel()
	rules := []*abi.FailureRule{
		{Operation: "pay", ProviderCode: "7", Meaning: abi.Meaning_MEANING_DECLINED_HARD, Code: "declined"},
		{HttpStatus: 401, Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: "authentication_failed"},
		{HttpStatus: 200, ProviderCode: "9", Meaning: abi.Meaning_MEANING_FAULT, Code: "provider_error"},
	}
	overrides := []*abi.FailureRule{{
		ProviderCode: "7", Meaning: abi.Meaning_MEANING_DECLINED_SOFT,
		Code: "limit_exceeded",
	}}
	for _, row := range []struct {
		what      string
		overrides []*abi.FailureRule
		operation string
		status    uint32
		code      string
		event     Event
		canonical string
		class     Class
	}{
		{"listed", nil, "pay", 200, "7", DeclinedHard, "declined", Hard},
		{"overridden", overrides, "pay", 200, "7", DeclinedSoft, "limit_exceeded", Soft},
		{"of another operation", nil, "look", 200, "7", Unanswered, "provider_error", Soft},
		{"by HTTP status", nil, "look", 401, "whatever", DeclinedSoft, "authentication_failed", Soft},
		{"a fault", nil, "look", 200, "9", Unanswered, "provider_error", Soft},
		{"another HTTP status", nil, "look", 500, "9", Unanswered, "provider_error", Soft},
		{"no code", nil, "look", 200, "", Unanswered, "provider_error", Soft},
	} {
		event, failure := Meaning(row.overrides, rules, row.operation, row.status,
			&abi.Failure{ProviderCode: row.code, Message: "m"})
		require.Equal(t, row.event, event, row.what)
		require.Equal(t, &Failure{Code: row.canonical, Class: row.class, Message: "m", ProviderCode: row.code}, failure,
			row.what)
	}
}

func TestAReferenceIsStableAndHasItsForm(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		alphabet := rapid.SampledFrom([]string{
			"0123456789", "abc",
			"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-", "x",
		}).Draw(t, "alphabet")
		form := &abi.ReferenceForm{Alphabet: alphabet, Length: rapid.Uint32Range(1, 64).Draw(t, "length")}
		id := rapid.String().Draw(t, "payment")
		made := identity.Reference(form, id, "paygrt", "Recharge")
		require.Equal(t, made, identity.Reference(form, id, "paygrt", "Recharge"))
		require.Len(t, made, int(form.GetLength()))
		require.Empty(t, strings.Trim(made, alphabet))
		require.False(t, strings.HasPrefix(made, "0"))
		if len(alphabet) > 8 && form.GetLength() > 16 {
			require.NotEqual(t, made, identity.Reference(form, id, "other", "Recharge"))
			require.NotEqual(t, made, identity.Reference(form, id, "paygrt", "Other"))
		}
	})
	require.Empty(t, identity.Reference(nil, "pay_1", "a", "b"))
}
