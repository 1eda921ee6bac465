package check

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

const objectSchema = `{"type": "object", "properties": {"keyed": {"type": "boolean"}, "name": {"type": "string"}}}`

// whole is a manifest with nothing wrong in it.
func whole() *abi.Manifest {
	operation := func(name string, class abi.Idempotency) *abi.Operation {
		return &abi.Operation{
			Name: name, Summary: "Does it.", Idempotency: class, InputSchema: objectSchema, OutputSchema: objectSchema,
			Documented: abi.Documented_DOCUMENTED_FULL, DeclineIsFinal: true,
		}
	}
	first := operation("Make", abi.Idempotency_IDEMPOTENCY_NONE)
	first.KeyedBySetting, first.Reference = "keyed", &abi.ReferenceForm{Alphabet: "0123456789", Length: 18}
	return &abi.Manifest{
		Name: "sound", Version: "1.0.0", Title: "Sound", BaseUrl: "https://api.example.com/v1",
		Hosts:   []string{"files.example.com"},
		Secrets: []*abi.Secret{{Name: "token", Summary: "It."}}, SettingsSchema: objectSchema,
		Flows: []*abi.Flow{{
			Kind: abi.Kind_KIND_COLLECT, Currencies: []string{"EUR"}, Countries: []string{"DE"},
			Required: []string{"/destination/account"},
			Bounds:   []*abi.Bound{{Currency: "EUR", Min: "0.01", Max: "10"}},
			Actions: []*abi.Action{
				{Role: abi.Role_ROLE_CREATE, Operation: "Make"}, {Role: abi.Role_ROLE_LOOKUP, Operation: "Read"},
			},
		}},
		Actions: []*abi.Action{
			{Role: abi.Role_ROLE_BALANCES, Operation: "Read"},
			{Role: abi.Role_ROLE_CATALOG, Operation: "Read", Topic: "wallets"},
		},
		Operations: []*abi.Operation{first, operation("Read", abi.Idempotency_IDEMPOTENCY_SAFE)},
		Failures: []*abi.FailureRule{
			{
				Operation: "Make", HttpStatus: 200, ProviderCode: "1", Meaning: abi.Meaning_MEANING_DUPLICATE,
				Code: "duplicate", Source: "document",
			},
			{HttpStatus: 429, Meaning: abi.Meaning_MEANING_REFUSED, Code: "rate_limited", Source: "document"},
		},
		Envelope: []*abi.Proof{{Pointer: "/error"}, {Pointer: "/data"}},
		Callback: &abi.CallbackForm{Supported: true, Summary: "By hand."},
	}
}

func TestManifest(t *testing.T) {
	t.Parallel()
	require.Empty(t, Manifest(whole()))
	require.NotEmpty(t, Manifest(nil))
	require.NotEmpty(t, Manifest(&abi.Manifest{}))
	for name, row := range map[string]struct {
		spoil func(m *abi.Manifest)
		says  string
	}{
		"name with capitals":     {func(m *abi.Manifest) { m.Name = "Sound" }, "name"},
		"version of two numbers": {func(m *abi.Manifest) { m.Version = "1.0" }, "not semantic"},
		"no title":               {func(m *abi.Manifest) { m.Title = " " }, "title"},
		"plain HTTP":             {func(m *abi.Manifest) { m.BaseUrl = "http://api.example.com" }, "base_url"},
		"base URL with a slash":  {func(m *abi.Manifest) { m.BaseUrl = "https://api.example.com/" }, "base_url"},
		"host with a scheme":     {func(m *abi.Manifest) { m.Hosts[0] = "https://files.example.com" }, "host"},
		"quote that may move money": {func(m *abi.Manifest) {
			m.Flows[0].Actions[1].Role = abi.Role_ROLE_QUOTE
			m.Operations[1].Idempotency = abi.Idempotency_IDEMPOTENCY_ABANDONABLE
		}, "a quote is SAFE"},
		"too many steps": {func(m *abi.Manifest) { m.MaxSteps = 99 }, "max_steps"},
		"secret twice": {
			func(m *abi.Manifest) { m.Secrets = append(m.Secrets, m.Secrets[0]) },
			"twice",
		},
		"secret without a summary":  {func(m *abi.Manifest) { m.Secrets[0].Summary = "" }, "no summary"},
		"secret with a dash":        {func(m *abi.Manifest) { m.Secrets[0].Name = "api-key" }, "secret"},
		"settings without a schema": {func(m *abi.Manifest) { m.SettingsSchema = "" }, "settings_schema"},
		"settings schema not JSON":  {func(m *abi.Manifest) { m.SettingsSchema = "{" }, "not JSON"},
		"settings schema not a schema": {
			func(m *abi.Manifest) { m.SettingsSchema = `{"type": "objekt"}` },
			"settings_schema",
		},
		"schema that refers elsewhere": {
			func(m *abi.Manifest) { m.SettingsSchema = `{"$ref": "https://example.com/s"}` }, "settings_schema",
		},
		"no operation":                {func(m *abi.Manifest) { m.Operations = nil }, "no operation"},
		"operation twice":             {func(m *abi.Manifest) { m.Operations[1].Name = "Make" }, "one name each"},
		"operation without a summary": {func(m *abi.Manifest) { m.Operations[0].Summary = "" }, "no summary"},
		"operation without a class":   {func(m *abi.Manifest) { m.Operations[0].Idempotency = 0 }, "no idempotency"},
		"operation of a made-up class": {
			func(m *abi.Manifest) { m.Operations[0].Idempotency = 99 },
			"no idempotency",
		},
		"operation without documents": {func(m *abi.Manifest) { m.Operations[0].Documented = 0 }, "documented"},
		"operation without an input":  {func(m *abi.Manifest) { m.Operations[0].InputSchema = "" }, "input_schema"},
		"operation without an output": {
			func(m *abi.Manifest) { m.Operations[0].OutputSchema = "" },
			"output_schema",
		},
		"settling backwards":        {func(m *abi.Manifest) { m.Operations[0].SettleAfterMs = -1 }, "negative"},
		"keyed without a reference": {keyedWithoutReference, "KEYED without"},
		"keyed by no setting": {
			func(m *abi.Manifest) { m.Operations[0].KeyedBySetting = "nope" },
			"no boolean",
		},
		"keyed by a text": {
			func(m *abi.Manifest) { m.Operations[0].KeyedBySetting = "name" },
			"no boolean",
		},
		"currencies of no setting": {
			func(m *abi.Manifest) { m.Flows[0].Currencies, m.Flows[0].CurrenciesSetting = nil, "nope" },
			"is not in the settings",
		},
		"currencies of a setting without a form": {
			func(m *abi.Manifest) { m.Flows[0].Currencies, m.Flows[0].CurrenciesSetting = nil, "name" },
			"no pattern that keeps them upper case",
		},
		"currencies twice": {
			func(m *abi.Manifest) { m.Flows[0].CurrenciesSetting = "name" },
			"stand in the manifest and in setting",
		},
		"keyed by setting, no reference": {
			func(m *abi.Manifest) { m.Operations[0].Reference = nil },
			"without a reference",
		},
		"finds, but is no look-up": {
			func(m *abi.Manifest) { m.Operations[0].FindsByReference = true },
			"no flow's look-up",
		},
		"alphabet with doubles": {
			func(m *abi.Manifest) { m.Operations[0].Reference.Alphabet = "00123456789" },
			"twice",
		},
		"reference without length": {func(m *abi.Manifest) { m.Operations[0].Reference.Length = 0 }, "1 to 255"},
		"reference too short":      {func(m *abi.Manifest) { m.Operations[0].Reference.Length = 8 }, "bits"},
		"flow of no kind":          {func(m *abi.Manifest) { m.Flows[0].Kind = 0 }, "one flow for each kind"},
		"flow twice": {
			func(m *abi.Manifest) { m.Flows = append(m.Flows, m.Flows[0]) },
			"one flow for each kind",
		},
		"currency in small letters": {
			func(m *abi.Manifest) { m.Flows[0].Currencies = []string{"eur"} },
			"currencies",
		},
		"currency twice": {
			func(m *abi.Manifest) { m.Flows[0].Currencies = []string{"EUR", "EUR"} },
			"twice",
		},
		"country of three letters": {
			func(m *abi.Manifest) { m.Flows[0].Countries = []string{"DEU"} },
			"countries",
		},
		"required without a slash": {
			func(m *abi.Manifest) { m.Flows[0].Required = []string{"country"} },
			"required",
		},
		"bound of another currency": {
			func(m *abi.Manifest) { m.Flows[0].Bounds[0].Currency = "USD" },
			"does not take",
		},
		"bound that is no number":    {func(m *abi.Manifest) { m.Flows[0].Bounds[0].Min = "1,5" }, "not decimals"},
		"bounds the wrong way round": {func(m *abi.Manifest) { m.Flows[0].Bounds[0].Min = "11" }, "wrong way"},
		"no create": {
			func(m *abi.Manifest) { m.Flows[0].Actions[0].Role = abi.Role_ROLE_UPDATE },
			"0 creates",
		},
		"two creates": {
			func(m *abi.Manifest) { m.Flows[0].Actions[1].Role = abi.Role_ROLE_CREATE },
			"2 creates",
		},
		"action of no role": {func(m *abi.Manifest) { m.Flows[0].Actions[1].Role = 0 }, "no role"},
		"action of no operation": {
			func(m *abi.Manifest) { m.Flows[0].Actions[1].Operation = "Nope" },
			"not in the manifest",
		},
		"a decline without proof": {func(m *abi.Manifest) { m.Envelope = nil }, "has no proof"},
		"a lone message for a proof": {
			func(m *abi.Manifest) { m.Envelope = []*abi.Proof{{Pointer: "/message"}} },
			"alone may be a gateway's",
		},
		"a proof that is no pointer": {
			func(m *abi.Manifest) { m.Failures[0].Proofs = []*abi.Proof{{Pointer: "error"}} }, "does not start with",
		},
		"a final duplicate":             {func(m *abi.Manifest) { m.Failures[0].Final = true }, "final is for"},
		"precision of another currency": {precision("USD", 2), "does not take"},
		"precision twice":               {precision("EUR", 2, 3), "one each"},
		"precision beyond all":          {precision("EUR", 19), "at most 18"},
		"a create from a status":        {from(0), "is no confirm"},
		"no look-up": {
			func(m *abi.Manifest) { m.Flows[0].Actions = m.Flows[0].Actions[:1] },
			"no look-up",
		},
		"account asked by a create": {func(m *abi.Manifest) { m.Actions[0].Operation = "Make" }, "has to be SAFE"},
		"account asked by nothing": {
			func(m *abi.Manifest) { m.Actions[0].Operation = "Nope" },
			"not in the manifest",
		},
		"account asked for a payment": {
			func(m *abi.Manifest) { m.Actions[0].Role = abi.Role_ROLE_LOOKUP },
			"no role of an account",
		},
		"account asked of no role": {func(m *abi.Manifest) { m.Actions[0].Role = 0 }, "no role of an account"},
		"account asked twice": {
			func(m *abi.Manifest) { m.Actions = append(m.Actions, m.Actions[0]) },
			"not several",
		},
		"balances with a topic":         {func(m *abi.Manifest) { m.Actions[0].Topic = "wallets" }, "has no topic"},
		"catalog of nothing":            {func(m *abi.Manifest) { m.Actions[1].Topic = "" }, "a catalog of"},
		"catalog of what nobody asks":   {func(m *abi.Manifest) { m.Actions[1].Topic = "moods" }, "a catalog of"},
		"two catalogs of one operation": {twoTopics, "lists two topics"},
		"payment asks for balances": {
			func(m *abi.Manifest) { m.Flows[0].Actions[1].Role = abi.Role_ROLE_BALANCES }, "not a payment's",
		},
		"failure of no operation": {
			func(m *abi.Manifest) { m.Failures[0].Operation = "Nope" },
			"no such operation",
		},
		"failure that takes all": {func(m *abi.Manifest) {
			m.Failures[0].HttpStatus,
				m.Failures[0].ProviderCode = 0, ""
		}, "match everything"},
		"failure without a meaning": {func(m *abi.Manifest) { m.Failures[1].Meaning = 0 }, "no meaning"},
		"failure of a made-up code": {
			func(m *abi.Manifest) { m.Failures[1].Code = "oops" },
			"not in the router's list",
		},
		"failure without a source": {func(m *abi.Manifest) { m.Failures[1].Source = "" }, "known from"},
		"duplicate taken for a decline": {
			func(m *abi.Manifest) { m.Failures[0].Meaning = abi.Meaning_MEANING_DECLINED_HARD }, "go together",
		},
		"not found by another name": {
			func(m *abi.Manifest) { m.Failures[1].Meaning = abi.Meaning_MEANING_NOT_FOUND }, "NOT_FOUND",
		},
		"failure behind its like": {
			func(m *abi.Manifest) { m.Failures = append(m.Failures, m.Failures[0]) },
			"never holds",
		},
		"callback nobody explains": {func(m *abi.Manifest) { m.Callback.Summary = "" }, "callback"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := whole()
			row.spoil(m)
			found := Manifest(m)
			require.NotEmpty(t, found)
			require.Contains(t, strings.Join(found, "\n"), row.says)
		})
	}
}

func twoTopics(m *abi.Manifest) {
	m.Actions = append(m.Actions, &abi.Action{Role: abi.Role_ROLE_CATALOG, Operation: "Read", Topic: "currencies"})
}

func keyedWithoutReference(m *abi.Manifest) {
	first := m.Operations[0]
	first.Idempotency, first.KeyedBySetting, first.Reference = abi.Idempotency_IDEMPOTENCY_KEYED, "", nil
}

// A create without a look-up may stand where nothing can go wrong, or where its summary gives the reason that there is
// none.
func TestManifestWithoutLookup(t *testing.T) {
	t.Parallel()
	m := whole()
	m.Flows[0].Actions = m.Flows[0].Actions[:1]
	require.NotEmpty(t, Manifest(m))
	m.Operations[0].Summary = "Pay out. There is no look-up by our reference: only a callback settles it."
	require.Empty(t, Manifest(m))
	m = whole()
	m.Flows[0].Actions = m.Flows[0].Actions[:1]
	m.Operations[0].Idempotency = abi.Idempotency_IDEMPOTENCY_SAFE
	require.Empty(t, Manifest(m))
}

func TestSatisfies(t *testing.T) {
	t.Parallel()
	schema, err := Schema(`{"type": "object", "required": ["a"], "properties": {"a": {"type": "integer"}}}`)
	require.NoError(t, err)
	require.NoError(t, Satisfies(schema, []byte(`{"a": 12345678901234567890}`)))
	require.Error(t, Satisfies(schema, []byte(`{"a": "1"}`)))
	require.Error(t, Satisfies(schema, []byte(`{`)))
}

func precision(currency string, decimals ...uint32) func(m *abi.Manifest) {
	return func(m *abi.Manifest) {
		for _, d := range decimals {
			m.Flows[0].Precisions = append(m.Flows[0].Precisions, &abi.Precision{Currency: currency, Decimals: d})
		}
	}
}

func from(action int) func(m *abi.Manifest) {
	return func(m *abi.Manifest) { m.Flows[0].Actions[action].From = []abi.Status{abi.Status_STATUS_PROCESSING} }
}

func TestALookUpsAbsenceOfAKeyedCreateNeedsProof(t *testing.T) {
	t.Parallel()
	m := whole()
	absent := &abi.FailureRule{
		Operation: "Read", HttpStatus: 404, Meaning: abi.Meaning_MEANING_NOT_FOUND,
		Code: "not_found", Source: "document",
	}
	absent.Proofs = []*abi.Proof{{Pointer: "/message"}}
	m.Failures = append(m.Failures[:1:1], absent)
	require.Contains(t, strings.Join(Manifest(m), "; "), "has no proof")
	m.Operations[0].KeyedBySetting = ""
	require.Empty(t, Manifest(m), "a create of class NONE is never moved by it")
}
