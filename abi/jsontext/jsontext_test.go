package jsontext_test

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/abi/jsontext"
)

func TestNumbersStayText(t *testing.T) {
	t.Parallel()
	v, err := jsontext.Parse(
		[]byte(`{"amount": 55534228.52065455, "tiny": 1e-8, "text": "12150.50", "requestId": -9756202837, "none": ` +
			`null, "list": [1, "2"], "ok": true}`))
	require.NoError(t, err)
	require.Equal(t, "55534228.52065455", v.Text("amount"))
	require.Equal(t, "-9756202837", v.Text("requestId"))
	require.Equal(t, "true", v.Text("ok"))
	require.Empty(t, v.Text("none"))
	require.Empty(t, v.Text("list"))
	require.Equal(t, "2", v.Text("list", "1"))

	tiny, ok := v.Decimal("tiny")
	require.True(t, ok)
	require.Equal(t, "0.00000001", tiny)
	text, ok := v.Decimal("text")
	require.True(t, ok)
	require.Equal(t, "12150.50", text)
	for _, member := range []string{"ok", "none", "list", "absent"} {
		_, ok := v.Decimal(member)
		require.False(t, ok, member)
	}
}

func TestAbsenceAnswersHarmlessly(t *testing.T) {
	t.Parallel()
	var absent jsontext.Value
	require.False(t, absent.Get("a", "b").Exists())
	require.Empty(t, absent.Text("a"))
	require.False(t, absent.Bool())
	require.Empty(t, absent.Items("a"))
	require.Equal(t, "null", string(absent.JSON()))
	absent.Each(func(string, jsontext.Value) { t.Fatal("no member to visit") })
}

func TestFoldFindsAKeyOfAnyCase(t *testing.T) {
	t.Parallel()
	v, err := jsontext.Parse([]byte(`{"CallbackData": "ours", "callbackdata": "later"}`))
	require.NoError(t, err)
	require.Equal(t, "ours", v.Fold("callbackData").Text())
	require.False(t, v.Fold("hash").Exists())
}

func TestObjectWritesWhatItWasTold(t *testing.T) {
	t.Parallel()
	got := jsontext.NewObject().
		String("title", "a \"quoted\"\nline").
		Number("amount", "49.90").
		Number("big", "1e3").
		Number("broken", "1;DROP").
		Integer("whole", 1<<53).
		Bool("yes", true).
		Strings("wallets", []string{"btc", "eth"}).
		Object("inner", jsontext.NewObject().Bool("no", false)).
		JSON()
	require.JSONEq(t,
		`{"title":"a \"quoted\"\nline","amount":49.90,"big":1000,"broken":"1;DROP","whole":9007199254740992,`+
			`"yes":true,"wallets":["btc","eth"],"inner":{"no":false}}`, string(got))
	require.Contains(t, string(got), `"amount":49.90`, "a number keeps its trailing zero")
}

func TestParseTakesNothingThatIsNotJSON(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "{", `{"a":01}`, `{"a":nan}`, `{"a":1.}`, `{"a":"\q"}`, "{\"a\":\"\n\"}", `{"a":1}{"b":2}`, `{'a':1}`,
		`{"a":1,}`,
		strings.Repeat("[", 65) + strings.Repeat("]", 65), strings.Repeat(`{"a":`, 1<<20),
	} {
		_, err := jsontext.Parse([]byte(text))
		require.Error(t, err, "%.40q", text)
	}
	_, err := jsontext.Parse([]byte(strings.Repeat("[", 64) + `"]]]["` + strings.Repeat("]", 64)))
	require.NoError(t, err)
}

const byteOrderMark = "\xef\xbb\xbf"

// A PHP file that was saved with a byte order mark puts it before every answer of its site.
func TestOneByteOrderMarkIsSkippedBeforeTheText(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`{"a":[1.50,"x"]}`, ` [true] `, `12.50`, `"text"`} {
		without, err := jsontext.Parse([]byte(text))
		require.NoError(t, err, text)
		v, err := jsontext.Parse([]byte(byteOrderMark + text))
		require.NoError(t, err, text)
		require.Equal(t, string(without.JSON()), string(v.JSON()))
		require.True(t, json.Valid(v.JSON()), "what is written again has no mark")
		spelt, wrong := v.Spell(func(string) bool { return true })
		require.Empty(t, wrong)
		require.True(t, json.Valid(spelt), "%q", spelt)
	}
	v, err := jsontext.Parse([]byte(byteOrderMark + `{"a":"` + byteOrderMark + `b"}`))
	require.NoError(t, err)
	require.Equal(t, byteOrderMark+"b", v.Text("a"), "inside a string it is content")
}

func TestAByteOrderMarkAnywhereElseIsNotJSON(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"two of them":          byteOrderMark + byteOrderMark + `{}`,
		"behind a blank":       " " + byteOrderMark + `{}`,
		"behind the text":      `{}` + byteOrderMark,
		"inside":               `{"a":` + byteOrderMark + `1}`,
		"alone":                byteOrderMark,
		"half of one":          byteOrderMark[:2] + `{}`,
		"of UTF-16":            "\xfe\xff{}",
		"of UTF-16, the other": "\xff\xfe{}",
	} {
		_, err := jsontext.Parse([]byte(text))
		require.Error(t, err, name)
	}
}

func TestWhatIsWrittenIsJSONWhateverTheText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		name, text := rapid.String().Draw(t, "name"), rapid.String().Draw(t, "text")
		written := jsontext.NewObject().String(name, text).Strings("list", []string{text, name}).JSON()
		read, err := jsontext.Parse(written)
		require.NoError(t, err, string(written))
		require.Equal(t, text, read.Get("list").Text("0"))
		again := jsontext.NewObject().Value("copy", read).JSON()
		require.True(t, json.Valid(again), string(again))
		require.JSONEq(t, `{"copy":`+string(written)+`}`, string(again))
	})
	odd := jsontext.NewObject().String("text", "a\"\x7f\x01\U000e0067\xff").JSON()
	require.True(t, json.Valid(odd), string(odd))
}

// The standard library states what JSON is, up to the bound on nesting.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		`{"a":[1,{"b":null}]}`, `"\ud800"`, `"\ud83d\ude00\u00e9\/"`, `[`, `1.2.3`, "{\"a\":\xff}", "\"\xff\"",
		`{"a":nan}`, `-0.0e+1`, ` [ true , false ] `, `{"a":1,}`, `[1,]`, `[,1]`, "", `"\u12g4"`, `-`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		v, err := jsontext.Parse(data)
		data = bytes.TrimPrefix(data, []byte(byteOrderMark)) // which the standard library does not skip
		if err != nil {
			require.True(t, !json.Valid(data) || strings.Contains(err.Error(), "nested deeper"), "%q: %v", data, err)
			return
		}
		require.True(t, json.Valid(data), "%q", data)
		decoder := json.NewDecoder(bytes.NewReader(data))
		decoder.UseNumber()
		var want any
		require.NoError(t, decoder.Decode(&want))
		same(t, want, v)
		written := v.JSON()
		again, err := jsontext.Parse(written)
		require.NoError(t, err, "%q", written)
		require.Equal(t, string(written), string(again.JSON()))
	})
}

// replaced makes a run of replacement characters one: encoding/json writes one for each byte.
func replaced(text string) string {
	for strings.Contains(text, "\uFFFD\uFFFD") {
		text = strings.ReplaceAll(text, "\uFFFD\uFFFD", "\uFFFD")
	}
	return text
}

// same holds a value against what encoding/json read, names that come twice aside.
func same(t *testing.T, want any, got jsontext.Value) {
	t.Helper()
	switch want := want.(type) {
	case nil:
		require.False(t, got.Exists())
	case bool:
		require.Equal(t, want, got.Bool())
	case string:
		require.True(t, got.IsString())
		require.Equal(t, replaced(want), replaced(got.Text()))
	case json.Number:
		require.Equal(t, want.String(), got.Text())
	case []any:
		items := got.Items()
		require.Len(t, items, len(want))
		for i := range want {
			same(t, want[i], items[i])
			require.Equal(t, string(items[i].JSON()), string(got.Get(strconv.Itoa(i)).JSON()))
		}
	case map[string]any:
		names := map[string]int{}
		got.Each(func(name string, _ jsontext.Value) { names[name]++ })
		for name, member := range want {
			if names[name] == 1 {
				same(t, member, got.Get(name))
			}
		}
	}
}

func TestReadingAnAnswerAllocatesOnce(t *testing.T) {
	answer := []byte(`{"invoiceCode":"3ceb007d","status":4,"amount":100,"isPaid":false,"nested":{"list":[1,2,3]}}`)
	var amount string
	allocations := testing.AllocsPerRun(100, func() {
		v, _ := jsontext.Parse(answer)
		amount = v.Text("amount")
	})
	require.Equal(t, "100", amount)
	require.LessOrEqual(t, allocations, 1.0)
}

func TestMembersAreTheFirstOfTheirNames(t *testing.T) {
	t.Parallel()
	v, err := jsontext.Parse([]byte(`{"b": 1, "\u0061": {"b": 2}, "c": null, "b": 3, "bb": 4}`))
	require.NoError(t, err)
	names := []string{"a", "b", "c", "d"}
	var into [4]jsontext.Value
	v.Members(names, into[:])
	for i, name := range names {
		require.Equal(t, v.Get(name), into[i], name)
	}
	require.Equal(t, "1", into[1].Text())

	var none [4]jsontext.Value
	jsontext.Value{}.Members(names, none[:])
	v.Get("b").Members(names, none[:])
	require.Zero(t, none)
}

func TestAMemberStandsTwice(t *testing.T) {
	t.Parallel()
	for text, twice := range map[string]bool{
		`{"a":1,"b":2,"c":{"a":3}}`: false,
		`{"a":1,"b":2,"a":1}`:       true,
		`{"a":1,"\u0061":null}`:     true,
		`{"c":1,"c":2,"A":1,"a":2}`: false,
		`[{"a":1,"a":2}]`:           false,
		`"a"`:                       false,
	} {
		value, err := jsontext.Parse([]byte(text))
		require.NoError(t, err)
		require.Equal(t, twice, value.Twice("a", "b"), text)
		require.False(t, value.Twice(), text)
	}
	require.False(t, jsontext.Value{}.Twice("a"))
}

func TestFlagsAreBooleansAlone(t *testing.T) {
	t.Parallel()
	v, err := jsontext.Parse([]byte(`{"true": true, "false": false, "text": "true", "one": 1, "null": null}`))
	require.NoError(t, err)
	for name, want := range map[string][2]bool{
		"true": {true, true}, "false": {false, true}, "text": {}, "one": {},
		"null": {}, "absent": {},
	} {
		is, ok := v.Flag(name)
		require.Equal(t, want, [2]bool{is, ok}, name)
	}
}
