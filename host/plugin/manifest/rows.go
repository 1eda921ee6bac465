package manifest

import (
	"slices"
	"strconv"
	"strings"

	abi "payrouter/abi/v1"
)

// row is how a field of the contract is compared.
type row struct {
	compare compare
	// why is what the host does by the field.
	why string
	// allow is what makes a looser difference acceptable; empty means AllowManifest.
	allow Allowance
	// empty is shown in place of an empty value: "any". Empty means "none".
	empty string
}

// table has a row for each field of each message that a manifest consists of, by "Message.Field".
//
//nolint:funlen // one row for each field
func table() map[string]row {
	const claims = "one object of an account belongs to one payment or run, by its kind"
	const reference = "our reference is made by it again for look-ups of what was sent before"
	const input = "it accepts calls that satisfy the schema"
	return map[string]row{
		"Manifest.Name":    {compare: key},
		"Manifest.Version": {compare: value(neutral[string])},
		"Manifest.Title":   {compare: value(neutral[string])},
		"Manifest.BaseUrl": {
			compare: value(anyChange[string]), why: "requests, and their secrets, go there", allow: AllowHosts,
		},
		"Manifest.Hosts": {
			compare: value(moreOf[string]), why: "requests, and their secrets, may go there", allow: AllowHosts,
		},
		"Manifest.Secrets": {
			compare: each(secretName, always[abi.Secret](Looser), always[abi.Secret](Stricter)),
			why:     "requests may have the secret in them", allow: AllowSecrets,
		},
		"Manifest.SettingsSchema": {compare: schema, why: "it accepts settings that satisfy the schema"},
		"Manifest.Flows": {
			compare: each(flowName, always[abi.Flow](Looser), always[abi.Flow](Stricter)),
			why:     "payments of the kind may go to the provider",
		},
		"Manifest.Operations": {
			compare: each(operationName, always[abi.Operation](Looser), always[abi.Operation](Stricter)),
			why:     "the operation may be performed",
		},
		"Manifest.Failures": {compare: failures},
		"Manifest.Callback": {compare: nested},
		"Manifest.MaxSteps": {
			compare: value(moreSteps), why: "one call may send so many requests",
		},
		"Manifest.Actions": {
			compare: each(actionName, always[abi.Action](Looser), always[abi.Action](Stricter)),
			why:     "the account is asked by the operation",
		},
		"Manifest.Envelope": {
			compare: proofs, why: "a failure is believed by it where money may have moved",
		},

		"Proof.Pointer": {compare: value(anyChange[string]), why: "the proof is another"},
		"Proof.Values":  {compare: value(moreOrAny[string]), why: "other values prove it", empty: "any"},

		"Secret.Name":    {compare: key},
		"Secret.Summary": {compare: value(neutral[string])},
		"Secret.Optional": {
			compare: value(trueIsLooser), why: "an account works without the secret", allow: AllowSecrets,
		},

		"Flow.Kind": {compare: key},
		"Flow.Currencies": {
			compare: value(moreOrAny[string]), why: "payments in the currency may go to the provider", empty: "any",
		},
		"Flow.Countries": {
			compare: value(moreOrAny[string]), why: "payments from the country may go to the provider", empty: "any",
		},
		"Flow.Methods": {
			compare: value(moreOrAny[string]), why: "payments by the method may go to the provider", empty: "any",
		},
		"Flow.Bounds": {
			compare: each((*abi.Bound).GetCurrency, always[abi.Bound](Stricter), always[abi.Bound](Looser)),
			why:     "amounts beyond the bound may go to the provider",
		},
		"Flow.Actions": {compare: flowActions, why: "the host does by the operation what the role is"},
		"Flow.Required": {
			compare: value(fewerOf[string]), why: "a payment without the member may go to the provider",
		},
		"Flow.Precisions": {
			compare: each((*abi.Precision).GetCurrency, always[abi.Precision](Stricter), always[abi.Precision](Looser)),
			why:     "amounts with more decimals may go to the provider",
		},
		"Flow.Expires": {
			compare: value(falseIsLooser), why: "where the provider does not, the router ends a payment by its expiry",
		},
		"Flow.CurrenciesSetting": {
			compare: value(unlessNew), why: "an account takes the currencies that the setting names",
		},

		"Precision.Currency": {compare: key},
		"Precision.Decimals": {
			compare: value(moreIsLooser[uint32]), why: "amounts with more decimals may go to the provider",
		},

		"Action.Role":      {compare: key},
		"Action.Operation": {compare: key},
		"Action.Topic":     {compare: key},
		"Action.From": {
			compare: value(moreOrAny[abi.Status]), why: "the operation is sent in that status", empty: "any",
		},

		"Bound.Currency": {compare: key},
		"Bound.Min":      {compare: value(lowerIsLooser), why: "smaller amounts may go to the provider", empty: "open"},
		"Bound.Max":      {compare: value(higherIsLooser), why: "larger amounts may go to the provider", empty: "open"},

		"Operation.Name":    {compare: key},
		"Operation.Summary": {compare: value(neutral[string])},
		"Operation.Idempotency": {
			compare: value(classes), why: "a request without an answer is sent again, or elsewhere, by its class",
		},
		"Operation.InputSchema":  {compare: schema, why: input},
		"Operation.OutputSchema": {compare: schema, why: "it believes outputs that satisfy the schema"},
		"Operation.Documented":   {compare: value(neutral[abi.Documented])},
		"Operation.DeclineIsFinal": {
			compare: value(anyChange[bool]),
			why:     "after a decline that is final another provider is asked; after another the payment stays unknown",
		},
		"Operation.SettleAfterMs": {
			compare: value(lessIsLooser[int64]), why: "a look-up that finds nothing is believed after this time",
		},
		"Operation.Reference": {compare: nested},
		"Operation.FindsByReference": {
			compare: value(trueIsLooser), why: "a payment is looked up by our reference alone",
		},
		"Operation.Paged":          {compare: value(neutral[bool])},
		"Operation.KeyedBySetting": {compare: keyedBy, why: "the setting makes the operation's class KEYED"},
		"Operation.Object":         {compare: value(anyChange[string]), why: claims},

		"ReferenceForm.Alphabet": {compare: value(anyChange[string]), why: reference},
		"ReferenceForm.Length":   {compare: value(anyChange[uint32]), why: reference},

		"FailureRule.Operation":    {compare: key},
		"FailureRule.HttpStatus":   {compare: key},
		"FailureRule.ProviderCode": {compare: key},
		"FailureRule.Meaning": {
			compare: value(meanings), why: "what the failure means decides whether a payment goes on, and where",
		},
		"FailureRule.Code": {
			compare: value(codes), why: "authentication_failed holds the account back from new payments",
		},
		"FailureRule.Source": {compare: value(neutral[string])},
		"FailureRule.Proofs": {compare: proofs, why: "the failure is believed by it where money may have moved"},
		"FailureRule.Final":  {compare: value(trueIsLooser), why: "another provider may be asked after the failure"},

		"CallbackForm.Supported": {compare: value(trueIsLooser), why: "callbacks are accepted"},
		"CallbackForm.PerPayment": {
			compare: value(trueIsLooser), why: "each payment's callback has an address of its own, which names it",
		},
		"CallbackForm.Summary": {compare: value(neutral[string])},
	}
}

// The names of elements within their lists.

func secretName(s *abi.Secret) string       { return s.GetName() }
func flowName(f *abi.Flow) string           { return abi.NameOf(f.GetKind(), "KIND_") }
func operationName(o *abi.Operation) string { return o.GetName() }

func actionName(a *abi.Action) string {
	parts := []string{abi.NameOf(a.GetRole(), "ROLE_"), a.GetTopic(), a.GetOperation()}
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), " ")
}

// pointName is what a failure rule is about.
func pointName(rule *abi.FailureRule) string {
	operation, status, code := rule.GetOperation(), "any status", rule.GetProviderCode()
	if operation == "" {
		operation = "any operation"
	}
	if rule.GetHttpStatus() != 0 {
		status = strconv.FormatUint(uint64(rule.GetHttpStatus()), 10)
	}
	if code == "" {
		code = "any code"
	}
	return operation + ", " + status + ", " + code
}
