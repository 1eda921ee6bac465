package check

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	abi "payrouter/abi/v1"
)

// Bar is what a plugin must at least do with a response that is not what the provider meant to send. In every case it
// answers with a well-formed step: no trap, no panic, no error.
type Bar int

// The bars, each higher than the one before it.
const (
	// Survive asks for nothing beyond a well-formed step.
	Survive Bar = iota
	// NotSucceeded allows no success of a payment.
	NotSucceeded
	// NotAccepted allows no outcome that is accepted.
	NotAccepted
	// Unreadable allows but one word.
	Unreadable
)

// Hostile is a response that a plugin may come to see, whoever sends it.
type Hostile struct {
	Name     string
	Response *abi.HttpResponse
	Bar      Bar
}

// Judge returns what is wrong with the step that a hostile response was answered with, or nothing.
func (h Hostile) Judge(m *abi.Manifest, answer *abi.Answer) []string {
	if fault := answer.GetError(); fault != nil {
		return []string{fmt.Sprintf("an error (%s: %s), and not a step", fault.GetCode(), fault.GetMessage())}
	}
	f := findings(Answer(m, answer))
	done := answer.GetStep().GetDone()
	accepted := done.GetVerdict() == abi.Verdict_VERDICT_ACCEPTED
	switch h.Bar {
	case Survive:
	case NotSucceeded:
		f.require(!accepted || done.GetStatus() != abi.Status_STATUS_SUCCEEDED, "success out of garbage")
	case NotAccepted:
		f.require(!accepted, "accepted, with status %s, out of garbage", done.GetStatus())
	case Unreadable:
		f.require(done.GetVerdict() == abi.Verdict_VERDICT_UNREADABLE, "verdict %s of half a response",
			done.GetVerdict())
	}
	return f
}

const (
	// huge is the size of the largest body that is turned away unread, and large that of the largest one which may be
	// taken and copied, in bytes.
	huge  = 1 << 20
	large = 1 << 18
	// long is how many objects the longest list has: as many as a page of a provider's list as a rule.
	long = 100
	// deep is how far the deepest bodies are nested.
	deep = 20_000
	// mostLeaves bounds how many of a body's values are spoilt one by one.
	mostLeaves = 32
)

// Garbage are responses that have nothing to do with what was asked.
func Garbage() []Hostile {
	bodies := []Hostile{
		{Name: "empty", Bar: NotAccepted, Response: response(200, "")},
		{Name: "blank", Bar: NotAccepted, Response: response(200, " \r\n\t ")},
		{
			Name: "a page", Bar: NotAccepted,
			Response: response(200, "<!doctype html><html><body>It works!</body></html>"),
		},
		{Name: "a word", Bar: NotAccepted, Response: response(200, "OK")},
		{Name: "not UTF-8", Bar: NotAccepted, Response: response(200, "\xff\xfe{\x00}\x80")},
		{Name: "a null", Bar: NotAccepted, Response: response(200, "null")},
		{Name: "a number", Bar: NotAccepted, Response: response(200, "0")},
		{Name: "a string", Bar: NotAccepted, Response: response(200, `"success"`)},
		{Name: "true", Bar: NotAccepted, Response: response(200, "true")},
		{Name: "an empty object", Bar: NotAccepted, Response: response(200, "{}")},
		{Name: "a list of nulls", Bar: NotAccepted, Response: response(200, "[null,[],{}]")},
		{Name: "two objects", Bar: NotAccepted, Response: response(200, "{}{}")},
		{Name: "huge text", Bar: NotAccepted, Response: response(200, strings.Repeat("a", huge))},
		{
			Name: "a long list", Bar: NotAccepted,
			Response: response(200, "["+strings.Repeat(`{"id":"123456","amount":10.50,"paid":false},`, long)+"{}]"),
		},
		{
			Name: "deep lists", Bar: NotAccepted,
			Response: response(200, strings.Repeat("[", deep)+strings.Repeat("]", deep)),
		},
		{Name: "deep and open", Bar: NotAccepted, Response: response(200, strings.Repeat(`{"a":`, deep))},
	}
	for _, status := range []uint32{100, 204, 301, 400, 404, 500, 503, 599} {
		bodies = append(bodies,
			Hostile{Name: fmt.Sprintf("status %d alone", status), Bar: NotAccepted, Response: response(status, "")})
	}
	return bodies
}

func response(status uint32, body string) *abi.HttpResponse {
	return &abi.HttpResponse{Status: status, Body: []byte(body)}
}

// Spoil are the ways in which a response that a plugin understands may come damaged.
func Spoil(good *abi.HttpResponse) []Hostile {
	spoilt := faulty(good)
	spoilt = append(spoilt, truncated(good)...)
	if value, isJSON := read(good.GetBody()); isJSON {
		spoilt = append(spoilt, retyped(good, value)...)
	}
	return spoilt
}

// Swell are the ways in which it may come too large. They cost a thousand times what the others do.
func Swell(good *abi.HttpResponse) []Hostile {
	value, isJSON := read(good.GetBody())
	if !isJSON {
		return nil
	}
	swollen := []Hostile{
		{Name: "long texts", Response: with(good, write(replace(value, textsTo(strings.Repeat("x", 20_000)))))},
		{
			Name:     "numbers of many digits",
			Response: with(good, write(replace(value, numbersTo(strings.Repeat("7", 5000))))),
		},
	}
	if object, isObject := value.(map[string]any); isObject {
		padded := maps.Clone(object)
		padded["zzz"] = strings.Repeat("a", large)
		swollen = append(swollen, Hostile{Name: "padded", Response: with(good, write(padded))})
	}
	return swollen
}

func read(body []byte) (value any, isJSON bool) {
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	err := decoder.Decode(&value)
	return value, err == nil
}

// write is the value as JSON. What was read as JSON, or stands in this file, can always be written.
func write(value any) []byte {
	body, err := json.Marshal(value)
	if err != nil {
		panic(err)
	}
	return body
}

// with is the good response with another body.
func with(good *abi.HttpResponse, body []byte) *abi.HttpResponse {
	return &abi.HttpResponse{Status: good.GetStatus(), Headers: good.GetHeaders(), Body: body}
}

// faulty is the good body under a status that takes its meaning away.
func faulty(good *abi.HttpResponse) []Hostile {
	var spoilt []Hostile
	for _, status := range []uint32{500, 502, 503, 504} {
		spoilt = append(spoilt, Hostile{
			Name: fmt.Sprintf("as status %d", status), Bar: NotAccepted,
			Response: &abi.HttpResponse{Status: status, Headers: good.GetHeaders(), Body: good.GetBody()},
		})
	}
	return spoilt
}

// truncated is a JSON body cut off in several places. Where the status alone states that the request was refused, the
// plugin need not care for the rest.
func truncated(good *abi.HttpResponse) []Hostile {
	body := bytes.TrimSpace(good.GetBody())
	if len(body) == 0 || (body[0] != '{' && body[0] != '[') {
		return nil
	}
	bar := Unreadable
	if good.GetStatus() < 200 || good.GetStatus() > 299 {
		bar = NotAccepted
	}
	const pieces = 8
	var spoilt []Hostile
	for piece := range pieces {
		at := len(body) * (piece + 1) / pieces
		at = min(at, len(body)-1)
		spoilt = append(spoilt,
			Hostile{Name: fmt.Sprintf("cut after %d bytes", at), Bar: bar, Response: with(good, body[:at])})
	}
	return spoilt
}

// retyped is the good body with values of other types than the provider gives.
func retyped(good *abi.HttpResponse, value any) []Hostile {
	var spoilt []Hostile
	add := func(name string, bar Bar, changed any) {
		spoilt = append(spoilt, Hostile{Name: name, Bar: bar, Response: with(good, write(changed))})
	}
	everywhere := func(instead func(any) any) any { return replace(value, instead) }
	add("null everywhere", NotSucceeded, everywhere(func(any) any { return nil }))
	add("objects everywhere", NotSucceeded, everywhere(func(any) any { return map[string]any{} }))
	add("lists everywhere", NotSucceeded, everywhere(func(any) any { return []any{} }))
	add("text instead of numbers, numbers instead of text", Survive, everywhere(swap))
	add("numbers beyond measure", Survive, everywhere(numbersTo("1e999999999")))
	add("negative numbers", Survive, everywhere(numbersTo("-1")))
	add("texts of control characters", Survive, everywhere(textsTo("\u0000\r\n\u2028\u202e<script>")))
	spoilt = append(spoilt,
		Hostile{Name: "texts that are not UTF-8", Bar: Survive, Response: with(good, breakTexts(good.GetBody()))})
	for i := range min(leaves(value), mostLeaves) {
		for name, instead := range map[string]any{
			"null": nil, "an object": map[string]any{}, "a text": "?",
			"a number": json.Number("-1.5e3"),
		} {
			add(fmt.Sprintf("%s as value %d", name, i), Survive, replaceOne(value, i, instead))
		}
	}
	slices.SortStableFunc(spoilt, func(a, b Hostile) int { return strings.Compare(a.Name, b.Name) })
	return spoilt
}

// breakTexts puts a byte that no UTF-8 has into every text that is not empty: behind each quote that follows a colon.
func breakTexts(body []byte) []byte {
	body = bytes.ReplaceAll(body, []byte(`": "`), []byte(`":"`))
	return bytes.ReplaceAll(body, []byte(`":"`), []byte("\":\"\xff"))
}

func swap(leaf any) any {
	switch leaf := leaf.(type) {
	case json.Number:
		return leaf.String()
	case string:
		return json.Number("1")
	case bool:
		return fmt.Sprint(leaf)
	}
	return false
}

func numbersTo(number string) func(any) any {
	return func(leaf any) any {
		if _, isNumber := leaf.(json.Number); isNumber {
			return json.Number(number)
		}
		return leaf
	}
}

func textsTo(text string) func(any) any {
	return func(leaf any) any {
		if _, isText := leaf.(string); isText {
			return text
		}
		return leaf
	}
}

// replace copies a value with each leaf replaced, in the order of sorted keys.
func replace(value any, instead func(any) any) any {
	switch value := value.(type) {
	case map[string]any:
		copied := make(map[string]any, len(value))
		for _, key := range slices.Sorted(maps.Keys(value)) {
			copied[key] = replace(value[key], instead)
		}
		return copied
	case []any:
		copied := make([]any, len(value))
		for i, element := range value {
			copied[i] = replace(element, instead)
		}
		return copied
	}
	return instead(value)
}

func replaceOne(value any, at int, instead any) any {
	seen := -1
	return replace(value, func(leaf any) any {
		seen++
		if seen == at {
			return instead
		}
		return leaf
	})
}

func leaves(value any) int {
	n := 0
	replace(value, func(leaf any) any {
		n++
		return leaf
	})
	return n
}
