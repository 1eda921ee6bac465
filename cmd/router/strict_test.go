package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/api"
)

// inside are words of the language and the libraries that the router is made of.
var inside = regexp.MustCompile(`2006-01|Z07:00|[uU]nmarshal|json:|\bGo (struct|value)|u?int64|float64|\bstruct\b|` +
	`reflect|strconv|invalid syntax|map\[|huma|goroutine|<nil>|\bnil\b|url\.|time\.`)

// declared is an operation of the API's document.
type declared struct {
	id, method, path string
	parameters       []map[string]any
	body             map[string]any
}

// operations are those of the API's document, without the accounts' own.
func operations(t *testing.T) (found []declared, root map[string]any) {
	t.Helper()
	text, err := api.OpenAPI("test", nil)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &root))
	paths := root["paths"].(map[string]any)
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for method, value := range paths[path].(map[string]any) {
			node := value.(map[string]any)
			one := declared{id: node["operationId"].(string), method: strings.ToUpper(method), path: path}
			parameters, _ := node["parameters"].([]any)
			for _, p := range parameters {
				one.parameters = append(one.parameters, p.(map[string]any))
			}
			if body, has := node["requestBody"].(map[string]any); has {
				media, _ := body["content"].(map[string]any)["application/json"].(map[string]any)
				one.body, _ = media["schema"].(map[string]any)
			}
			found = append(found, one)
		}
	}
	require.Greater(t, len(found), 40)
	return found, root
}

// at is the operation's path, with parameters that lead somewhere or nowhere.
func (d declared) at() string { return d.atWith("", "") }

// atWith is the operation's path with one parameter's text.
func (d declared) atWith(name, text string) string {
	path := d.path
	for _, p := range d.in("path") {
		value := "x"
		if enum, has := p["schema"].(map[string]any)["enum"].([]any); has {
			value = enum[0].(string)
		}
		if p["name"] == name {
			value = text
		}
		path = strings.Replace(path, "{"+p["name"].(string)+"}", value, 1)
	}
	return path
}

// in are the names of the operation's parameters that are in a place.
func (d declared) in(place string) (found []map[string]any) {
	for _, p := range d.parameters {
		if p["in"] == place {
			found = append(found, p)
		}
	}
	return found
}

// mistakes are queries about a parameter that have no reading, or a value beyond the parameter's schema.
func mistakes(name string, schema map[string]any) []string {
	found := []string{
		"", "%zz", "50%-off", "%", "%ff", "%00", "a%0ab", "a;b", "x&" + name + "=x", "&" + name + "=x", "x&" + name + "=",
	}
	number := func(bound string) (float64, bool) {
		n, has := schema[bound].(float64)
		return n, has
	}
	switch schema["type"] {
	case "integer":
		found = append(found, "1.0", "%2B1", "+1", "007", "1e1", "0x10", "-0", "99999999999999999999", "ten", "1,2")
		if least, has := number("minimum"); has {
			found = append(found, fmt.Sprintf("%.0f", least-1))
		}
		if most, has := number("maximum"); has {
			found = append(found, fmt.Sprintf("%.0f", most+1))
		}
	case "array":
		found = append(found, "x,", ",x", "x,,y", "x,x", "x,y&"+name+"=y", ",")
		schema, _ = schema["items"].(map[string]any)
	}
	if most, has := number("maxLength"); has {
		found = append(found, strings.Repeat("a", int(most)+1))
	}
	if schema["enum"] != nil || schema["pattern"] != nil || schema["format"] == "date-time" {
		found = append(found, "no+such+value", "!", "2026-01-01", "2026-01-01T00:00:00+02:00")
	}
	return found
}

// A parameter with a mistake in it is refused by its name, whichever operation has it: left out, it would be a filter
// that lets everything through.
func TestEveryParameterHasOneReading(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	all, _ := operations(t)
	refused := func(d declared, query, at string) {
		a := w.raw(d.method, d.at()+"?"+query)
		require.Equal(t, 422, a.status, "%s ?%s: %s", d.id, query, a.body)
		p := problem(t, a)
		require.Equal(t, "invalid-request", p.Type, "%s ?%s", d.id, query)
		var named []string
		for _, one := range p.Errors {
			require.NotEmpty(t, one.Detail)
			named = append(named, one.Parameter)
		}
		require.Contains(t, named, at, "%s ?%s", d.id, query)
		require.NotRegexp(t, inside, string(a.body), "%s ?%s", d.id, query)
	}
	for _, d := range all {
		refused(d, "no_such_parameter=1", "query no_such_parameter")
		refused(d, "%zz=1", "query %zz")
		refused(d, "=1", "query")
		for _, p := range d.in("query") {
			name := p["name"].(string)
			for _, value := range mistakes(name, p["schema"].(map[string]any)) {
				refused(d, name+"="+value, "query "+name)
			}
			refused(d, name, "query "+name)
		}
		for _, p := range d.in("path") {
			for _, odd := range []string{"%ff", "a%00b", "%0a", "%c2%85"} {
				path := d.atWith(p["name"].(string), odd)
				a := w.raw(d.method, path)
				require.Equal(t, 422, a.status, "%s: %s", path, a.body)
				require.Equal(t, "path "+p["name"].(string), problem(t, a).Errors[0].Parameter, path)
			}
			path := d.atWith(p["name"].(string), "a%2F..%2Fb")
			a := w.raw(d.method, path)
			require.GreaterOrEqual(t, a.status, 400, path)
			require.Less(t, a.status, 500, "%s: %s", path, a.body)
		}
		for _, p := range append(d.in("header"), map[string]any{"name": "Authorization"}) {
			name := p["name"].(string)
			if name == "Prefer" || name == "If-Match" {
				continue // lists
			}
			a := w.raw(d.method, d.at(), name, "a", name, "b")
			require.Contains(t, []int{400, 422}, a.status, "%s %s: %s", d.id, name, a.body)
			require.Equal(t, "header "+name, problem(t, a).Errors[0].Parameter)
		}
	}
}

// raw sends a request whose headers may come more than once.
func (w *harness) raw(method, target string, headers ...string) answer {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, w.router+"/", http.NoBody)
	require.NoError(w.t, err)
	path, query, _ := strings.Cut(target, "?")
	request.URL.Path, err = url.PathUnescape(path)
	require.NoError(w.t, err)
	request.URL.RawPath, request.URL.RawQuery = path, query
	for i := 0; i < len(headers); i += 2 {
		request.Header.Add(headers[i], headers[i+1])
	}
	return w.send(request)
}

// A request of mistakes alone used to be answered with four times its length, and a query with sixteen.
func TestARefusalNamesFewMistakes(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	members := func(count int) string {
		var all []string
		for i := range count {
			all = append(all, fmt.Sprintf(`"k%d":1`, i))
		}
		return strings.Join(all, ",")
	}
	var queries []string
	for i := range 90 {
		queries = append(queries, fmt.Sprintf("k%d=1", i))
	}
	many := strings.Join(queries, "&")
	for what, row := range map[string]struct {
		a      answer
		status int
		says   string
	}{
		"members":      {w.post(w.key(), "{"+members(9000)+"}"), 422, "is required"},
		"more members": {w.post(w.key(), "{"+members(80_000)+"}"), 400, "more than 10000 values"},
		"native inputs": {
			w.ask("POST", w.router+atPayGram+"Withdraw", "{"+members(9000)+"}", "Idempotency-Key", "n"), 422, "",
		},
		"parameters": {w.ask("GET", w.router+"/v1/payments?"+many, ""), 422, "is unknown"},
		"more parameters": {
			w.ask("GET", w.router+"/v1/payments?"+many+"&"+many, ""), 422, "more than 100 parameters",
		},
		"items": {
			w.ask("GET", w.router+"/v1/payments?status="+strings.ReplaceAll(many, "&", ","), ""), 422, "status",
		},
		"more items": {
			w.ask("GET", w.router+"/v1/payments?status=a"+strings.Repeat(",a", 100), ""), 422, "more than 100 items",
		},
	} {
		require.Equal(t, row.status, row.a.status, what)
		require.Contains(t, problem(t, row.a).Detail, row.says, what)
		require.LessOrEqual(t, len(problem(t, row.a).Errors), 32, what)
		require.Less(t, len(row.a.body), 16<<10, what)
	}
}

func TestArraysTakeBothSpellings(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	w.create(byPayPlay)
	w.drive("payplay", w.create(byPayPlay).ProviderReference, "pay")
	var first string
	for _, query := range []string{
		"status=requires_action&status=succeeded&status=failed", "status=requires_action,succeeded,failed",
		"status=requires_action,succeeded&status=failed", "status=requires_action%2Csucceeded&status=failed",
	} {
		a := w.ask("GET", w.router+"/v1/payments?"+query, "")
		require.Equal(t, 200, a.status, string(a.body))
		if first == "" {
			first = string(a.body)
		}
		require.Equal(t, first, string(a.body), query)
	}
	require.Len(t, w.list("status=requires_action&status=succeeded").Data, 2)
}

// pointersIn are the JSON pointers of what a schema describes, to a depth.
func pointersIn(root, schema map[string]any, at string, depth int) (found []string) {
	if ref, is := schema["$ref"].(string); is {
		schema, _ = resolve(root, ref).(map[string]any)
	}
	properties, _ := schema["properties"].(map[string]any)
	for _, name := range slices.Sorted(maps.Keys(properties)) {
		found = append(found, at+"/"+name)
		if inner, is := properties[name].(map[string]any); is && depth > 0 {
			found = append(found, pointersIn(root, inner, at+"/"+name, depth-1)...)
		}
	}
	return found
}

// bodyWith is a body that has one member.
func bodyWith(pointer, value string) string {
	steps := strings.Split(strings.TrimPrefix(pointer, "/"), "/")
	for _, step := range slices.Backward(steps) {
		value = fmt.Sprintf("{%q:%s}", step, value)
	}
	return value
}

// An answer is for people who call the API, not for those who wrote the router.
func TestMistakesAreToldInPlainWords(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	all, root := operations(t)
	values := []string{
		`1.5`, `"x"`, `true`, `null`, `[]`, `{}`, `[null]`, `{"a":[{}]}`, `1e999`, `99999999999999999999`, `"\ud800"`,
		`"2026-13-01T00:00:00Z"`, `-0`, `tru`, `"a`, "\"\x01\"",
	}
	for _, d := range all {
		if d.body == nil {
			continue
		}
		bodies := slices.Clone(values)
		for _, pointer := range pointersIn(root, d.body, "", 2) {
			for _, value := range values {
				bodies = append(bodies, bodyWith(pointer, value))
			}
		}
		for _, body := range bodies {
			a := w.ask(d.method, w.router+d.at(), body, "Idempotency-Key", w.key(), "If-Match", "*")
			require.Less(t, a.status, 500, "%s %s: %s", d.id, body, a.body)
			if a.status >= 400 {
				require.NotRegexp(t, inside, string(a.body), "%s %s", d.id, body)
			}
		}
	}
	for _, media := range []string{
		"Application/JSON", "APPLICATION/json; Charset=UTF-8", `application/json;charset="utf-8"`,
		"application/merge-patch+json", "Application/Vnd.Shop+JSON",
	} {
		a := w.ask("POST", w.router+"/v1/payments", byPayPlay, "Idempotency-Key", w.key(), "Content-Type", media)
		require.Equal(t, 201, a.status, "%s: %s", media, a.body)
	}
}

// What a plugin can see of a mistake is refused before there is a payment, and the mended order goes through with the
// same key.
func TestAMistakeInAnOrderUsesNoKey(t *testing.T) {
	t.Parallel()
	w := build(t, plan{})
	iban := `{"kind":"payout","amount":"20","currency":"EUR","provider":"paygram-eu","destination":` +
		`{"account":"DE89370400440532013000"},"provider_options":{"paygram":{"beneficiaryAccountFullname":"A. Payer",` +
		`"bicSwift":"COBADEFFXXX"}}}`
	bases := []string{
		byPayGram, byCryptogram, byPayPlay, byExchanger, payout, paidOut, recharge, byPartner, payoutByPayPlay,
		transferred, iban,
	}
	refusals := 0
	for _, base := range bases {
		var order map[string]any
		require.NoError(t, json.Unmarshal([]byte(base), &order))
		for what, changed := range broken(order) {
			text, err := json.Marshal(changed)
			require.NoError(t, err)
			key := w.key()
			a := w.post(key, string(text))
			require.NotRegexp(t, inside, string(a.body))
			if a.status == 201 {
				p := read[api.Payment](t, a)
				tried := w.attempts(p.ID)
				require.NotNil(t, tried[len(tried)-1].Request, "%s, %s: a plugin took it: %s", base, what, a.body)
				continue
			}
			require.Equal(t, 422, a.status, "%s, %s: %s", base, what, a.body)
			refusals++
			p := problem(t, a)
			if p.Type == "invalid-request" {
				require.NotEmpty(t, p.Errors, "%s, %s: %s", base, what, a.body)
				require.NotEmpty(t, p.Errors[0].Pointer, "%s, %s: %s", base, what, a.body)
			} else {
				require.Equal(t, "no-route", p.Type)
			}
			mended := w.post(key, `{"amount":"49.90","currency":"EUR","provider":"payplay"}`)
			require.Equal(t, 201, mended.status, "%s, %s: %s", base, what, mended.body)
		}
	}
	require.Greater(t, refusals, 100)
}

// broken are an order's variants with one member dropped or broken, by what was done.
func broken(order map[string]any) map[string]map[string]any {
	found := map[string]map[string]any{}
	var walk func(at string, node map[string]any)
	walk = func(at string, node map[string]any) {
		for _, name := range slices.Sorted(maps.Keys(node)) {
			before := node[name]
			keep := func(what string) {
				text, _ := json.Marshal(order)
				var copied map[string]any
				_ = json.Unmarshal(text, &copied)
				found[what+" "+at+"/"+name] = copied
			}
			delete(node, name)
			keep("drop")
			for _, value := range []any{"", "x", "no such", "-1", "01", 7, []any{}, map[string]any{"x": "y"}} {
				node[name] = value
				keep(fmt.Sprintf("%v in", value))
			}
			node[name] = before
			if inner, is := before.(map[string]any); is {
				walk(at+"/"+name, inner)
			}
		}
	}
	walk("", order)
	return found
}
