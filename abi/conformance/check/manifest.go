// Package check is what must hold of any plugin, whoever wrote it and in whatever language: of its manifest, of its
// answers, and of a bare module.
//
// A bare module runs in a Sandbox, which the router implements.
package check

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"payrouter/abi/decimal"
	"payrouter/abi/proof"
	abi "payrouter/abi/v1"
)

var (
	namePattern    = regexp.MustCompile(`^[a-z][a-z0-9-]*$`)
	versionPattern = regexp.MustCompile(
		`^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$`)
	originPattern   = regexp.MustCompile(`^https://[a-z0-9.-]+(:\d+)?(/[^?#\s]*[^/?#\s])?$`)
	hostPattern     = regexp.MustCompile(`^[a-z0-9-]+(\.[a-z0-9-]+)+$`)
	secretPattern   = regexp.MustCompile(`^[a-z][a-z0-9_]*$`)
	currencyPattern = regexp.MustCompile(`^[A-Z0-9]{2,16}$`)
	countryPattern  = regexp.MustCompile(`^[A-Z]{2}$`)
	pointerPattern  = regexp.MustCompile(`^(/[^/]+)+$`)
)

const (
	// referenceBits is the least entropy of a reference of ours: fewer, and two payments may come to share one.
	referenceBits = 40
	// mostSteps is the most round trips that a call may ask for.
	mostSteps = 8
)

// findings gathers what is wrong.
type findings []string

func (f *findings) require(holds bool, format string, args ...any) {
	if !holds {
		*f = append(*f, fmt.Sprintf(format, args...))
	}
}

// Manifest lists everything that is incomplete or inconsistent in a manifest; nothing, when it may stand.
func Manifest(m *abi.Manifest) []string {
	if m == nil {
		return []string{"there is no manifest"}
	}
	var f findings
	f.require(namePattern.MatchString(m.GetName()), "name %q: lower-case letters, digits and dashes", m.GetName())
	f.require(versionPattern.MatchString(m.GetVersion()), "version %q is not semantic", m.GetVersion())
	f.require(strings.TrimSpace(m.GetTitle()) != "", "title is empty")
	f.require(m.GetBaseUrl() == "" || originPattern.MatchString(m.GetBaseUrl()),
		"base_url %q: https, no trailing slash", m.GetBaseUrl())
	f.require(m.GetMaxSteps() <= mostSteps, "max_steps %d: at most %d", m.GetMaxSteps(), mostSteps)
	f.require(!m.GetCallback().GetSupported() || m.GetCallback().GetSummary() != "",
		"callback: a summary says how it is set up")
	for _, host := range m.GetHosts() {
		f.require(hostPattern.MatchString(host), "host %q is not a host's name", host)
	}
	f.secrets(m)
	f.schema("settings_schema", m.GetSettingsSchema())
	f.operations(m)
	f.flows(m)
	f.actions(m)
	f.failures(m)
	return f
}

func (f *findings) secrets(m *abi.Manifest) {
	seen := make(map[string]bool)
	for _, secret := range m.GetSecrets() {
		name := secret.GetName()
		f.require(secretPattern.MatchString(name), "secret %q: lower-case letters, digits and underscores", name)
		f.require(secret.GetSummary() != "", "secret %q has no summary", name)
		f.require(!seen[name], "secret %q stands twice", name)
		seen[name] = true
	}
}

func (f *findings) schema(where, text string) *jsonschema.Schema {
	schema, err := Schema(text)
	f.require(err == nil, "%s: %v", where, err)
	return schema
}

// Schema compiles one of a manifest's JSON Schemas. It may refer to nothing outside itself.
func Schema(text string) (*jsonschema.Schema, error) {
	if text == "" {
		return nil, fmt.Errorf("there is no JSON Schema")
	}
	document, err := jsonschema.UnmarshalJSON(strings.NewReader(text))
	if err != nil {
		return nil, fmt.Errorf("JSON Schema is not JSON: %w", err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	compiler.UseLoader(jsonschema.SchemeURLLoader{})
	if err := compiler.AddResource("https://plugin.invalid/schema.json", document); err != nil {
		return nil, fmt.Errorf("JSON Schema: %w", err)
	}
	schema, err := compiler.Compile("https://plugin.invalid/schema.json")
	if err != nil {
		return nil, fmt.Errorf("JSON Schema: %w", err)
	}
	return schema, nil
}

// Satisfies returns why a JSON text does not satisfy a schema, or nil.
func Satisfies(schema *jsonschema.Schema, text []byte) error {
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("not JSON: %w", err)
	}
	if err := schema.Validate(value); err != nil {
		return fmt.Errorf("against its schema: %w", err)
	}
	return nil
}

func (f *findings) operations(m *abi.Manifest) {
	f.require(len(m.GetOperations()) > 0, "there is no operation")
	seen := make(map[string]bool)
	for _, operation := range m.GetOperations() {
		f.require(operation.GetName() != "" && !seen[operation.GetName()], "operation %q: one name each",
			operation.GetName())
		seen[operation.GetName()] = true
		f.operation(m, operation)
	}
}

func (f *findings) operation(m *abi.Manifest, operation *abi.Operation) {
	name := "operation " + operation.GetName()
	f.require(operation.GetSummary() != "", "%s has no summary", name)
	_, known := abi.Idempotency_name[int32(operation.GetIdempotency())]
	f.require(known && operation.GetIdempotency() != abi.Idempotency_IDEMPOTENCY_UNSPECIFIED,
		"%s has no idempotency class that is known", name)
	f.require(operation.GetDocumented() != abi.Documented_DOCUMENTED_UNSPECIFIED, "%s: how far is it documented?", name)
	f.require(operation.GetSettleAfterMs() >= 0, "%s: settle_after_ms is negative", name)
	f.require(operation.GetIdempotency() != abi.Idempotency_IDEMPOTENCY_KEYED || operation.GetReference() != nil,
		"%s is KEYED without a reference of ours", name)
	f.require(!operation.GetFindsByReference() || plays(m, operation, abi.Role_ROLE_LOOKUP),
		"%s finds by reference, and is no flow's look-up", name)
	f.schema(name+" input_schema", operation.GetInputSchema())
	f.schema(name+" output_schema", operation.GetOutputSchema())
	if reference := operation.GetReference(); reference != nil {
		f.reference(name, reference)
	}
	if setting := operation.GetKeyedBySetting(); setting != "" {
		f.keyedBy(m, operation, setting)
	}
}

func (f *findings) reference(where string, form *abi.ReferenceForm) {
	alphabet := []rune(form.GetAlphabet())
	slices.Sort(alphabet)
	f.require(len(slices.Compact(slices.Clone(alphabet))) == len(alphabet),
		"%s: its reference's alphabet has a character twice", where)
	f.require(form.GetLength() >= 1 && form.GetLength() <= 255, "%s: its reference's length is 1 to 255", where)
	bits := float64(form.GetLength()) * math.Log2(float64(max(len(alphabet), 1)))
	f.require(bits >= referenceBits, "%s: its reference holds %.0f bits; two payments would come to share one", where,
		bits)
}

// keyedBy holds a conditional class to what the host can do with it: a boolean setting, a reference, and NONE without
// it.
func (f *findings) keyedBy(m *abi.Manifest, operation *abi.Operation, setting string) {
	name := "operation " + operation.GetName()
	f.require(operation.GetReference() != nil, "%s is keyed by setting %q without a reference of ours", name, setting)
	schema, err := Schema(m.GetSettingsSchema())
	if err != nil {
		return
	}
	property := schema.Properties[setting]
	f.require(property != nil && property.Types != nil && slices.Equal(property.Types.ToStrings(), []string{"boolean"}),
		"%s is keyed by setting %q, which is no boolean of the settings", name, setting)
}

func (f *findings) flows(m *abi.Manifest) {
	seen := make(map[abi.Kind]bool)
	for _, flow := range m.GetFlows() {
		kind := flow.GetKind()
		f.require(kind != abi.Kind_KIND_UNSPECIFIED && !seen[kind], "flow %s: one flow for each kind", kind)
		seen[kind] = true
		f.flow(m, flow)
	}
}

func (f *findings) flow(m *abi.Manifest, flow *abi.Flow) {
	name := "flow " + flow.GetKind().String()
	f.list(name+" currencies", flow.GetCurrencies(), currencyPattern)
	if setting := flow.GetCurrenciesSetting(); setting != "" {
		f.require(len(flow.GetCurrencies()) == 0, "%s: its currencies stand in the manifest and in setting %q", name, setting)
		f.currenciesIn(m, name, setting)
	}
	f.list(name+" countries", flow.GetCountries(), countryPattern)
	f.list(name+" required", flow.GetRequired(), pointerPattern)
	for _, bound := range flow.GetBounds() {
		f.bound(name, flow, bound)
	}
	f.precisions(name, flow)
	var creates []*abi.Operation
	for _, action := range flow.GetActions() {
		operation := find(m, action.GetOperation())
		f.require(operation != nil, "%s: operation %q is not in the manifest", name, action.GetOperation())
		f.require(action.GetRole() != abi.Role_ROLE_UNSPECIFIED, "%s: operation %q has no role", name,
			action.GetOperation())
		f.require(len(action.GetFrom()) == 0 || action.GetRole() == abi.Role_ROLE_CONFIRM,
			"%s: %s names statuses to be done from, and is no confirm", name, action.GetOperation())
		f.require(len(action.GetFrom()) == 0 || hasRole(flow, abi.Role_ROLE_LOOKUP),
			"%s: %s names statuses to be done from, and there is no look-up that reports one", name,
			action.GetOperation())
		f.require(!slices.Contains(accountRoles, action.GetRole()),
			"%s: %s is the account's to be asked, not a payment's", name, action.GetRole())
		f.require(action.GetRole() != abi.Role_ROLE_QUOTE || operation == nil ||
			operation.GetIdempotency() == abi.Idempotency_IDEMPOTENCY_SAFE,
			"%s: %s is a quote, and a quote is SAFE", name, action.GetOperation())
		if operation != nil && action.GetRole() == abi.Role_ROLE_CREATE {
			creates = append(creates, operation)
		}
	}
	f.require(len(creates) == 1, "%s has %d creates; it takes one", name, len(creates))
	if len(creates) == 1 {
		f.lookup(name, flow, creates[0])
	}
}

// currenciesIn holds a setting that names a flow's currencies to the form of a currency's code.
func (f *findings) currenciesIn(m *abi.Manifest, where, setting string) {
	schema, err := Schema(m.GetSettingsSchema())
	if err != nil {
		return
	}
	property := schema.Properties[setting]
	if property == nil || property.Types == nil {
		f.require(false, "%s: setting %q, which names its currencies, is not in the settings", where, setting)
		return
	}
	text := property
	switch {
	case slices.Equal(property.Types.ToStrings(), []string{"object"}):
		text = property.PropertyNames
	case slices.Equal(property.Types.ToStrings(), []string{"array"}):
		text = property.Items2020
	}
	f.require(text != nil && text.Pattern != nil && !text.Pattern.MatchString("usd") && text.Pattern.MatchString("USD"),
		"%s: setting %q names its currencies, and has no pattern that keeps them upper case", where, setting)
}

// lookup demands a way to find out what became of a create that may have done something, or a word on why there is
// none.
func (f *findings) lookup(name string, flow *abi.Flow, create *abi.Operation) {
	hasLookup := hasRole(flow, abi.Role_ROLE_LOOKUP)
	harmless := create.GetIdempotency() == abi.Idempotency_IDEMPOTENCY_SAFE
	saysWhy := strings.Contains(strings.ToLower(create.GetSummary()), "look-up")
	f.require(hasLookup || harmless || saysWhy,
		"%s: %s has no look-up; add one, or say in its summary why there is no look-up", name, create.GetName())
}

func hasRole(flow *abi.Flow, role abi.Role) bool {
	return slices.ContainsFunc(flow.GetActions(), func(a *abi.Action) bool { return a.GetRole() == role })
}

func (f *findings) list(where string, values []string, pattern *regexp.Regexp) {
	for i, value := range values {
		f.require(pattern.MatchString(value), "%s: %q does not have the form %s", where, value, pattern)
		f.require(!slices.Contains(values[:i], value), "%s: %q stands twice", where, value)
	}
}

func (f *findings) bound(where string, flow *abi.Flow, bound *abi.Bound) {
	currency := bound.GetCurrency()
	f.require(currencyPattern.MatchString(currency), "%s: bound of currency %q", where, currency)
	f.require(len(flow.GetCurrencies()) == 0 || slices.Contains(flow.GetCurrencies(), currency),
		"%s: bound of %s, which it does not take", where, currency)
	low, lowErr := decimal.Parse(cmp.Or(bound.GetMin(), "0"))
	high, highErr := decimal.Parse(cmp.Or(bound.GetMax(), "0"))
	f.require(lowErr == nil && highErr == nil, "%s: bounds of %s are not decimals", where, currency)
	f.require(bound.GetMin() == "" || bound.GetMax() == "" || low.Cmp(high) <= 0,
		"%s: bounds of %s are the wrong way round", where, currency)
}

// mostDecimals is how many digits after the point an amount may have anywhere in the router.
const mostDecimals = 18

func (f *findings) precisions(where string, flow *abi.Flow) {
	seen := make(map[string]bool)
	for _, one := range flow.GetPrecisions() {
		currency := one.GetCurrency()
		f.require(currencyPattern.MatchString(currency) && !seen[currency], "%s: precision of currency %q: one each",
			where, currency)
		seen[currency] = true
		f.require(len(flow.GetCurrencies()) == 0 || slices.Contains(flow.GetCurrencies(), currency),
			"%s: precision of %s, which it does not take", where, currency)
		f.require(one.GetDecimals() <= mostDecimals, "%s: precision of %s: at most %d decimals", where, currency,
			mostDecimals)
	}
}

func (f *findings) failures(m *abi.Manifest) {
	for i, rule := range m.GetFailures() {
		where := fmt.Sprintf("failure rule %d (%q, %d, %q)", i, rule.GetOperation(), rule.GetHttpStatus(),
			rule.GetProviderCode())
		f.require(rule.GetOperation() == "" || find(m, rule.GetOperation()) != nil, "%s: no such operation", where)
		f.require(rule.GetProviderCode() != "" || rule.GetHttpStatus() != 0, "%s: it would match everything", where)
		f.require(rule.GetMeaning() != abi.Meaning_MEANING_UNSPECIFIED, "%s has no meaning", where)
		f.require(isCode(rule.GetCode()), "%s: code %q is not in the router's list", where, rule.GetCode())
		f.require(rule.GetSource() != "", "%s: where is it known from?", where)
		f.require((rule.GetMeaning() == abi.Meaning_MEANING_DUPLICATE) == (rule.GetCode() == "duplicate"),
			"%s: code duplicate and meaning DUPLICATE go together", where)
		f.require(rule.GetMeaning() != abi.Meaning_MEANING_NOT_FOUND || rule.GetCode() == "not_found",
			"%s: meaning NOT_FOUND has code not_found", where)
		if proof.Needed(m, rule) {
			weak := proof.Weakness(proof.Of(m, rule))
			f.require(weak == "",
				"%s decides what becomes of a request that may have moved money, and has no proof that the provider "+
					"wrote the answer: %s",
				where, weak)
		}
		f.require(!rule.GetFinal() || declines(rule), "%s: final is for refusals and declines", where)
		for _, earlier := range m.GetFailures()[:i] {
			f.require(!covers(earlier, rule), "%s never holds: an earlier rule takes all that it matches", where)
		}
	}
}

func declines(rule *abi.FailureRule) bool {
	switch rule.GetMeaning() {
	case abi.Meaning_MEANING_REFUSED, abi.Meaning_MEANING_DECLINED_SOFT, abi.Meaning_MEANING_DECLINED_HARD:
		return true
	case abi.Meaning_MEANING_UNSPECIFIED, abi.Meaning_MEANING_DUPLICATE, abi.Meaning_MEANING_NOT_FOUND,
		abi.Meaning_MEANING_FAULT:
	}
	return false
}

// covers reports whether all that later matches is matched by earlier too.
func covers(earlier, later *abi.FailureRule) bool {
	return (earlier.GetOperation() == "" || earlier.GetOperation() == later.GetOperation()) &&
		(earlier.GetHttpStatus() == 0 || earlier.GetHttpStatus() == later.GetHttpStatus()) &&
		(earlier.GetProviderCode() == "" || earlier.GetProviderCode() == later.GetProviderCode())
}

func find(m *abi.Manifest, name string) *abi.Operation {
	for _, operation := range m.GetOperations() {
		if operation.GetName() == name {
			return operation
		}
	}
	return nil
}

func plays(m *abi.Manifest, operation *abi.Operation, role abi.Role) bool {
	return slices.ContainsFunc(m.GetFlows(), func(flow *abi.Flow) bool {
		return slices.ContainsFunc(flow.GetActions(), func(action *abi.Action) bool {
			return action.GetRole() == role && action.GetOperation() == operation.GetName()
		})
	})
}
