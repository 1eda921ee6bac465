package manifest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/proof"
	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/plugin/manifest/manifesttest"
)

// direction is that of a comparison as a whole.
func direction(changes []Change) Direction {
	for _, wanted := range []Direction{Looser, Stricter} {
		if slices.ContainsFunc(changes, func(c Change) bool { return c.Direction == wanted }) {
			return wanted
		}
	}
	return Neutral
}

// Whoever adds a field to the contract decides here what a difference of it does.
func TestEveryFieldHasARow(t *testing.T) {
	t.Parallel()
	rows := table()
	fields := manifesttest.Fields(manifesttest.Whole())
	for field, set := range fields {
		require.True(t, set, "%s is set in manifesttest.Whole, so that it has mutations", field)
		require.Contains(t, rows, field)
		require.Contains(t, directions, field)
	}
	require.Len(t, rows, len(fields), "no row is of a field that is gone")
}

// mutated has the direction of each change of a field; "" is that of any other change.
type mutated map[string]Direction

// directions is what the mutations of each field do to what the host may do.
var directions = map[string]mutated{
	"Manifest.Name":           {"": Neutral},
	"Manifest.Version":        {"": Neutral},
	"Manifest.Title":          {"": Neutral},
	"Manifest.BaseUrl":        {"": Looser},
	"Manifest.Hosts":          {"add": Looser, "drop": Stricter, "empty": Stricter, "": Neutral},
	"Manifest.Secrets":        {"add": Looser, "again": Looser, "drop": Stricter, "empty": Stricter, "": Neutral},
	"Manifest.SettingsSchema": {"": Looser},
	"Manifest.Flows":          {"add": Looser, "again": Looser, "drop": Stricter, "empty": Stricter, "": Neutral},
	"Manifest.Operations":     {"add": Looser, "again": Looser, "drop": Stricter, "empty": Stricter, "": Neutral},
	// The first rule is of a duplicate, without which the request is sent again or elsewhere.
	"Manifest.Failures": {"drop": Looser, "empty": Looser, "add": Stricter, "": Neutral},
	"Manifest.Callback": {"": Stricter},
	"Manifest.MaxSteps": {"more": Looser, "": Stricter},
	"Manifest.Actions":  {"add": Looser, "again": Looser, "drop": Stricter, "empty": Stricter, "": Neutral},
	"Manifest.Envelope": {"drop": Looser, "empty": Looser, "add": Stricter, "": Neutral},

	"Proof.Pointer": {"": Looser},
	"Proof.Values":  {"add": Looser, "empty": Looser, "drop": Stricter, "": Neutral},

	"Secret.Name":     {"": Looser},
	"Secret.Summary":  {"": Neutral},
	"Secret.Optional": {"true": Looser, "false": Stricter},

	"Flow.Kind":       {"": Looser},
	"Flow.Currencies": {"add": Looser, "empty": Looser, "drop": Stricter, "": Neutral},
	"Flow.Countries":  {"add": Looser, "empty": Looser, "drop": Stricter, "": Neutral},
	"Flow.Methods":    {"add": Looser, "empty": Looser, "drop": Stricter, "": Neutral},
	"Flow.Bounds":     {"add": Stricter, "again": Looser, "drop": Looser, "empty": Looser, "": Neutral},
	// The first action is the create.
	"Flow.Actions":           {"add": Looser, "again": Looser, "empty": Looser, "drop": Stricter, "": Neutral},
	"Flow.Required":          {"add": Stricter, "drop": Looser, "empty": Looser, "": Neutral},
	"Flow.Precisions":        {"add": Stricter, "again": Looser, "drop": Looser, "empty": Looser, "": Neutral},
	"Flow.Expires":           {"false": Looser, "true": Stricter},
	"Flow.CurrenciesSetting": {"set": Stricter, "empty": Looser, "other": Looser},

	"Precision.Currency": {"": Looser},
	"Precision.Decimals": {"more": Looser, "": Stricter},

	"Action.Role":      {"": Looser},
	"Action.Operation": {"": Looser},
	"Action.Topic":     {"": Looser},
	"Action.From":      {"add": Looser, "empty": Looser, "drop": Stricter, "": Neutral},

	"Bound.Currency": {"": Looser},
	"Bound.Min":      {"": Looser},
	"Bound.Max":      {"": Looser},

	"Operation.Name":             {"": Looser},
	"Operation.Summary":          {"": Neutral},
	"Operation.Idempotency":      nil, // TestClassesFollowTheRetryTable
	"Operation.InputSchema":      {"": Looser},
	"Operation.OutputSchema":     {"": Looser},
	"Operation.Documented":       {"": Neutral},
	"Operation.DeclineIsFinal":   {"": Looser},
	"Operation.SettleAfterMs":    {"less": Looser, "empty": Looser, "more": Stricter},
	"Operation.Reference":        {"": Looser},
	"Operation.FindsByReference": {"true": Looser, "false": Stricter},
	"Operation.Paged":            {"": Neutral},
	"Operation.KeyedBySetting":   {"set": Looser, "other": Looser, "empty": Stricter},
	"Operation.Object":           {"": Looser},

	"ReferenceForm.Alphabet": {"": Looser},
	"ReferenceForm.Length":   {"": Looser},

	// What becomes of a failure depends on all rules: TestFailuresAreComparedAsTheHostReadsThem.
	"FailureRule.Operation":    nil,
	"FailureRule.HttpStatus":   nil,
	"FailureRule.ProviderCode": nil,
	"FailureRule.Meaning":      nil,
	"FailureRule.Code":         nil,
	"FailureRule.Source":       {"": Neutral},
	"FailureRule.Proofs":       {"drop": Looser, "empty": Looser, "add": Stricter, "": Neutral},
	"FailureRule.Final":        {"true": Looser, "false": Stricter},

	"CallbackForm.Supported":  {"true": Looser, "false": Stricter},
	"CallbackForm.PerPayment": {"true": Looser, "false": Stricter},
	"CallbackForm.Summary":    {"": Neutral},
}

// Each mutation of a manifest, of each field, has the direction that the field's row of directions has.
func TestEveryMutationHasItsDirection(t *testing.T) {
	t.Parallel()
	whole, counted := manifesttest.Whole(), 0
	for _, mutation := range manifesttest.Mutations(whole) {
		wanted := directions[mutation.Field]
		if wanted == nil {
			continue
		}
		counted++
		expected, special := wanted[mutation.Change]
		if !special {
			expected = wanted[""]
		}
		changes := Compare(whole, mutation.Manifest)
		require.Equal(t, expected, direction(changes), "%s: %+v", mutation, changes)
		for _, change := range Loosened(changes) {
			require.NotEmpty(t, change.Why, change)
			require.NotEmpty(t, change.Allow, change)
		}
	}
	require.Greater(t, counted, 300)
}

// A field that the table does not know is looser, whatever its difference.
func TestAFieldWithoutARowIsLooser(t *testing.T) {
	t.Parallel()
	whole := manifesttest.Whole()
	for _, mutation := range manifesttest.Mutations(whole) {
		if strings.HasPrefix(mutation.Field, "Proof.") || strings.HasPrefix(mutation.Field, "FailureRule.") {
			continue // their messages are not compared in place
		}
		c := &comparison{rows: maps.Clone(table()), before: whole, after: mutation.Manifest}
		delete(c.rows, mutation.Field)
		c.message("", reflect.ValueOf(c.before).Elem(), reflect.ValueOf(c.after).Elem())
		require.Equal(t, Looser, direction(c.changes), mutation)
	}
	encoded, err := whole.MarshalVT()
	require.NoError(t, err)
	later := new(abi.Manifest)
	require.NoError(t, later.UnmarshalVTUnsafe(append(encoded, 0xf8, 0x3f, 1)), "field 1023")
	changes := Loosened(Compare(whole, later))
	require.Len(t, changes, 1)
	require.Equal(t, "fields that this router does not know", changes[0].After)
}

// A class is looser than another if, after any event, the host may do what it may not after the same event of the
// other.
func TestClassesFollowTheRetryTable(t *testing.T) {
	t.Parallel()
	events := []attempt.Event{
		attempt.NotSent, attempt.Unable, attempt.Refused, attempt.Unanswered, attempt.DeclinedSoft,
		attempt.DeclinedHard, attempt.Duplicate, attempt.NotFound, attempt.Accepted,
	}
	gains := func(before, after abi.Idempotency) bool {
		return slices.ContainsFunc(events, func(e attempt.Event) bool {
			was, is := attempt.RuleFor(e, before), attempt.RuleFor(e, after)
			goesOn := was.Then == attempt.HoldUnknown && is.Then != attempt.HoldUnknown
			forgets := was.Abandon && !is.Abandon && is.Then == attempt.TryNext
			return is.Retry && !was.Retry || goesOn || forgets
		})
	}
	for before := range abi.Idempotency_name {
		for after := range abi.Idempotency_name {
			was, is := abi.Idempotency(before), abi.Idempotency(after)
			require.Equal(t, gains(was, is), classes(was, is) == Looser, "%s to %s", was, is)
			require.Equal(t, gains(is, was), classes(was, is) == Stricter, "%s to %s", was, is)
		}
		require.Equal(t, Looser, classes(abi.Idempotency(before), 99))
	}
	whole, found := manifesttest.Whole(), 0
	for _, mutation := range manifesttest.Mutations(whole) {
		if mutation.Field != "Operation.Idempotency" {
			continue
		}
		found++
		name := whole.GetOperations()[mutation.Element].GetName()
		was := whole.GetOperations()[mutation.Element].GetIdempotency()
		is := abi.OperationOf(mutation.Manifest, name).GetIdempotency()
		require.Equal(t, classes(was, is), direction(Compare(whole, mutation.Manifest)), mutation)
	}
	require.Equal(t, 4*11, found)
}

func TestMeanings(t *testing.T) {
	t.Parallel()
	const (
		none, refused, soft, hard = abi.Meaning_MEANING_UNSPECIFIED, abi.Meaning_MEANING_REFUSED,
			abi.Meaning_MEANING_DECLINED_SOFT, abi.Meaning_MEANING_DECLINED_HARD
		duplicate, absent, fault = abi.Meaning_MEANING_DUPLICATE, abi.Meaning_MEANING_NOT_FOUND,
			abi.Meaning_MEANING_FAULT
	)
	looser := map[abi.Meaning][]abi.Meaning{
		none:      {refused, soft, hard, absent},
		fault:     {refused, soft, hard, absent},
		duplicate: {none, fault, refused, soft, hard, absent},
		hard:      {soft, refused, absent},
		soft:      {refused, absent},
		refused:   {absent},
		absent:    {refused, soft, hard},
	}
	for before := range abi.Meaning_name {
		was := abi.Meaning(before)
		for after := range abi.Meaning_name {
			is := abi.Meaning(after)
			require.Equal(t, slices.Contains(looser[was], is), meanings(was, is) == Looser, "%s to %s", was, is)
		}
		require.Equal(t, Looser, meanings(was, 99))
	}
}

// What two tables of failures decide of each failure there can be is what Compare compares: no rule that is added,
// moved, widened or dropped hides a looser one, and none makes one that is not there.
func TestFailuresAreComparedAsTheHostReadsThem(t *testing.T) {
	t.Parallel()
	whole, looser := manifesttest.Whole(), 0
	operations := []string{"Make", "Read", "Sign", "Withdraw", "Makez", "Readz", "Signz", "z", "other"}
	codes := []string{"1", "2", "3", "4", "1z", "2z", "3z", "4z", "z", "other"}
	for _, mutation := range manifesttest.Mutations(whole) {
		ofRules := strings.HasPrefix(mutation.Field, "FailureRule.") && mutation.Field != "FailureRule.Proofs"
		if !ofRules && mutation.Field != "Manifest.Failures" {
			continue
		}
		wanted := false
		for _, operation := range operations {
			for _, status := range []uint32{400, 401, 402, 399, 404, 405, 403, 503, 504, 502, 429, 430, 428, 7} {
				for _, code := range codes {
					wanted = wanted || believesMore(whole, mutation.Manifest, operation, status, code)
				}
			}
		}
		if wanted {
			looser++
		}
		changes := Compare(whole, mutation.Manifest)
		require.Equal(t, wanted, direction(changes) == Looser, "%s: %+v", mutation, changes)
	}
	require.Greater(t, looser, 30)
}

// believesMore reports whether the host may do more after a failure by the one manifest than by the other.
func believesMore(before, after *abi.Manifest, operation string, status uint32, code string) bool {
	was := abi.FirstMatch(before.GetFailures(), operation, status, code)
	is := abi.FirstMatch(after.GetFailures(), operation, status, code)
	if meanings(was.GetMeaning(), is.GetMeaning()) == Looser || is.GetFinal() && !was.GetFinal() ||
		was.GetCode() == "authentication_failed" && is.GetCode() != was.GetCode() {
		return true
	}
	if was == nil || is == nil || is.GetMeaning() == abi.Meaning_MEANING_FAULT ||
		is.GetMeaning() == abi.Meaning_MEANING_UNSPECIFIED {
		return false
	}
	// A rule of the fixture has the envelope's two proofs, or one of its own, which proves less.
	proven := func(m *abi.Manifest, rule *abi.FailureRule) string {
		var all []string
		for _, p := range proof.Of(m, rule) {
			all = append(all, p.GetPointer(), fmt.Sprint(p.GetValues()))
		}
		return strings.Join(all, " ")
	}
	return proven(before, was) != proven(after, is)
}

func TestBoundsAndSchemas(t *testing.T) {
	t.Parallel()
	const object = `{"type":"object","properties":{"a":{"type":"string","maxLength":5}},"required":["a"]}`
	in := func(schema string) func(m *abi.Manifest) {
		return func(m *abi.Manifest) { m.Operations[0].InputSchema = schema }
	}
	bounds := func(low, high string) func(m *abi.Manifest) {
		return func(m *abi.Manifest) { m.Flows[0].Bounds[0].Min, m.Flows[0].Bounds[0].Max = low, high }
	}
	for claim, row := range map[string]struct {
		before, after func(m *abi.Manifest)
		expected      Direction
	}{
		"a lower least amount":         {bounds("1", "5"), bounds("0.9", "5"), Looser},
		"no least amount":              {bounds("1", "5"), bounds("", "5"), Looser},
		"the same amounts, as spelled": {bounds("1", "5"), bounds("1.0", "5.00"), Neutral},
		"no least amount is zero":      {bounds("0", "5"), bounds("", "5"), Neutral},
		"a higher least amount":        {bounds("1", "5"), bounds("2", "5"), Stricter},
		"a higher most amount":         {bounds("1", "5"), bounds("1", "10"), Looser},
		"no most amount":               {bounds("1", "5"), bounds("1", ""), Looser},
		"a most amount":                {bounds("1", ""), bounds("1", "5"), Stricter},
		"a lower most amount":          {bounds("1", "10"), bounds("1", "9"), Stricter},
		"a title": {
			in(object), in(strings.Replace(object, `"type"`, `"title":"A","type"`, 1)), Neutral,
		},
		"other white space":             {in(object), in(strings.ReplaceAll(object, ":", ": ")), Neutral},
		"a shorter text":                {in(object), in(strings.Replace(object, "5", "4", 1)), Stricter},
		"a longer text":                 {in(object), in(strings.Replace(object, "5", "6", 1)), Looser},
		"a text of any length":          {in(object), in(strings.Replace(object, `,"maxLength":5`, "", 1)), Looser},
		"a member that may be left out": {in(object), in(strings.Replace(object, `,"required":["a"]`, "", 1)), Looser},
		"a member more": {
			in(object), in(strings.Replace(object, `"a":{`, `"b":{"type":"string"},"a":{`, 1)), Looser,
		},
		"a member that is demanded": {in(object), in(strings.Replace(object, `["a"]`, `["a","b"]`, 1)), Stricter},
		"no further members": {
			in(object), in(strings.Replace(object, `"required"`, `"additionalProperties":false,"required"`, 1)), Stricter,
		},
		"further members": {
			in(strings.Replace(object, `"required"`, `"additionalProperties":false,"required"`, 1)), in(object), Looser,
		},
		"another type":     {in(object), in(strings.Replace(object, `"string"`, `["string","null"]`, 1)), Looser},
		"a type less":      {in(`{"type":["object","null"]}`), in(`{"type":"object"}`), Stricter},
		"values":           {in(`{}`), in(`{"enum":[1]}`), Stricter},
		"a value more":     {in(`{"enum":[1]}`), in(`{"enum":[1,2]}`), Looser},
		"a value of null":  {in(`{"const":null}`), in(`{}`), Looser},
		"a pattern":        {in(`{}`), in(`{"pattern":"a"}`), Stricter},
		"another pattern":  {in(`{"pattern":"a"}`), in(`{"pattern":"b"}`), Looser},
		"an alternative":   {in(`{}`), in(`{"anyOf":[{"type":"object"}]}`), Looser},
		"a larger minimum": {in(`{"minimum":1}`), in(`{"minimum":1.5}`), Stricter},
		"a shorter text that is negated": {
			in(`{"properties":{"a":{"maxLength":5}},"not":{"$ref":"#/properties/a"}}`),
			in(`{"properties":{"a":{"maxLength":4}},"not":{"$ref":"#/properties/a"}}`), Looser,
		},
		"no JSON": {in(`{}`), in(`{`), Looser},
	} {
		before, after := manifesttest.Whole(), manifesttest.Whole()
		row.before(before)
		row.after(after)
		changes := Compare(before, after)
		require.Equal(t, row.expected, direction(changes), "%s: %+v", claim, changes)
	}
}

// What is shown is one short line, whatever a plugin writes.
func TestValuesAreShownOnOneLine(t *testing.T) {
	t.Parallel()
	whole, other := manifesttest.Whole(), manifesttest.Whole()
	other.Operations[0].Idempotency = abi.Idempotency_IDEMPOTENCY_SAFE
	other.Flows[0].Currencies = nil
	other.Operations[1].Object = "a\n\x1b[2J" + strings.Repeat("b", 500)
	changes := Compare(whole, other)
	require.Equal(t, []Change{
		{
			Field: "flows/collect/currencies", Before: "EUR, USD", After: "any", Direction: Looser,
			Why: "payments in the currency may go to the provider", Allow: AllowManifest,
		},
		{
			Field: "operations/Make/idempotency", Before: "none", After: "safe", Direction: Looser,
			Why: "a request without an answer is sent again, or elsewhere, by its class", Allow: AllowManifest,
		},
		{
			Field: "operations/Read/object", Before: "none", After: "a\uFFFD\uFFFD[2J" + strings.Repeat("b", 114) + "…",
			Direction: Looser, Why: "one object of an account belongs to one payment or run, by its kind",
			Allow: AllowManifest,
		},
	}, changes)
}

// A table of failures is as long as a plugin makes it; a comparison of two goes only so far.
func TestTooManyRulesAreLooser(t *testing.T) {
	t.Parallel()
	long := manifesttest.Whole()
	for i := range mostRules {
		long.Failures = append(long.Failures, &abi.FailureRule{
			HttpStatus: 400, ProviderCode: fmt.Sprint("code ", i), Meaning: abi.Meaning_MEANING_FAULT, Code: "provider_error",
		})
	}
	require.Equal(t, Looser, direction(Compare(manifesttest.Whole(), long)))
	require.Empty(t, Compare(long, manifesttest.Copy(long)))
}

// A rule that is put before others takes what they decided.
func TestARuleInFrontIsAChangeOfWhatItTakes(t *testing.T) {
	t.Parallel()
	whole, other := manifesttest.Whole(), manifesttest.Whole()
	other.Failures = append([]*abi.FailureRule{{
		HttpStatus: 400, Meaning: abi.Meaning_MEANING_DECLINED_SOFT, Code: "declined", Source: "inferred",
	}}, other.Failures...)
	var found []string
	for _, change := range Loosened(Compare(whole, other)) {
		found = append(found, fmt.Sprintf("%s: %s → %s", change.Field, change.Before, change.After))
	}
	require.Equal(t, []string{
		"failures/Make, 400, 1/meaning: duplicate → declined_soft",
		"failures/Make, 400, 2/meaning: declined_hard → declined_soft",
		"failures/Make, 400, 2/proofs: pointer /error; values 2, 3 → pointer /error, pointer /data; values null, 0",
		"failures/any operation, 400, any code/meaning: unspecified → declined_soft",
	}, found)
}
