package api

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"payrouter/host/invalid"
)

// readQuery reads a query as an operation declares it, and refuses what would otherwise be left out or guessed at: a
// filter that is left out lists what nobody asked for. An array takes its items in one value with commas, in several
// values, or both; it comes out with commas, as huma reads it.
func readQuery(raw string, declared []*huma.Param) (map[string]string, []fieldError) {
	given, refused := splitQuery(raw)
	values := make(map[string]string, len(given))
	for _, one := range given {
		value, reason := one.read(declared)
		if reason != "" {
			refused = append(refused, one.refuse("%s", reason))
			continue
		}
		if i := slices.IndexFunc(declared, one.is); i >= 0 {
			refused = append(refused, outOfBounds("query "+one.name, value, declared[i].Schema)...)
		}
		values[one.name] = value
	}
	return values, refused
}

// mostParameters is how many parameters a query has, and how many items an array in it, at most.
const mostParameters = 100

// givenParameter is a parameter of a query with its values, in their order.
type givenParameter struct {
	name   string
	values []string
}

// is reports the declaration of the parameter.
func (g givenParameter) is(p *huma.Param) bool { return p.In == "query" && p.Name == g.name }

func (g givenParameter) refuse(format string, args ...any) fieldError {
	return fieldError{Parameter: strings.TrimSpace("query " + invalid.Clip(g.name)), Detail: fmt.Sprintf(format, args...)}
}

// splitQuery reads application/x-www-form-urlencoded text (WHATWG URL standard, section 5.1) without leaving anything
// out: net/url drops a pair that does not parse.
func splitQuery(raw string) (given []givenParameter, refused []fieldError) {
	if strings.Count(raw, "&") >= mostParameters {
		return nil, []fieldError{givenParameter{}.refuse("has more than %d parameters", mostParameters)}
	}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, unnamed := unescape(rawName)
		value, unreadable := unescape(rawValue)
		switch {
		case unnamed != "":
			refused = append(refused, givenParameter{name: strings.ToValidUTF8(rawName, "�")}.refuse("its name %s", unnamed))
			continue
		case unreadable != "":
			refused = append(refused, givenParameter{name: name}.refuse("%s", unreadable))
			continue
		}
		i := slices.IndexFunc(given, func(g givenParameter) bool { return g.name == name })
		if i < 0 {
			i = len(given)
			given = append(given, givenParameter{name: name})
		}
		given[i].values = append(given[i].values, value)
	}
	return given, refused
}

// unescape decodes one part of a query; reason is how to mend one that cannot be.
func unescape(text string) (plain, reason string) {
	if strings.Contains(text, ";") {
		return "", "has a bare semicolon: separate parameters with &, and write %3B for a semicolon of a value"
	}
	plain, err := url.QueryUnescape(text)
	if err != nil {
		return "", fmt.Sprintf("does not parse: %q has a %% that no two hexadecimal digits follow; write %%25 for a %%",
			invalid.Clip(text))
	}
	return plain, unprintable(plain)
}

// unprintable is what is wrong with the characters of a parameter; empty where nothing is.
func unprintable(text string) string {
	if !utf8.ValidString(text) {
		return "must be valid UTF-8"
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		return "must not hold control characters"
	}
	return ""
}

// read is a parameter's value for huma, or why there is none.
func (g givenParameter) read(declared []*huma.Param) (value, reason string) {
	i := slices.IndexFunc(declared, g.is)
	if i < 0 {
		return "", unknownParameter(declared)
	}
	schema := declared[i].Schema
	if schema.Type == huma.TypeArray {
		return g.readArray()
	}
	if len(g.values) > 1 {
		return "", fmt.Sprintf("comes %d times, and has one value: send it once", len(g.values))
	}
	if g.values[0] == "" {
		return "", "is empty: give a value, or leave it out"
	}
	return g.values[0], malformedValue(g.values[0], schema)
}

func (g givenParameter) readArray() (value, reason string) {
	items := strings.Split(strings.Join(g.values, ","), ",")
	if len(items) > mostParameters {
		return "", fmt.Sprintf("has more than %d items", mostParameters)
	}
	for i, item := range items {
		switch {
		case item == "" && len(items) == 1:
			return "", "is empty: give a value, or leave it out"
		case item == "":
			return "", "has an empty item: separate items with one comma, or repeat the parameter"
		case slices.Contains(items[:i], item):
			return "", fmt.Sprintf("has %q twice: name it once", invalid.Clip(item))
		}
	}
	return strings.Join(items, ","), ""
}

func unknownParameter(declared []*huma.Param) string {
	var names []string
	for _, p := range declared {
		if p.In == "query" {
			names = append(names, p.Name)
		}
	}
	if len(names) == 0 {
		return "is unknown: this takes no query parameters"
	}
	return "is unknown: this takes " + strings.Join(names, ", ")
}

// malformedValue is why a text is no value of a schema's type, in the one way that such a value is written.
func malformedValue(text string, schema *huma.Schema) string {
	switch {
	case schema.Type == huma.TypeInteger:
		if number, err := strconv.ParseInt(text, 10, 64); err != nil || strconv.FormatInt(number, 10) != text {
			return fmt.Sprintf("must be a whole number such as 100; got %q", invalid.Clip(text))
		}
	case schema.Type == huma.TypeBoolean:
		if text != "true" && text != "false" {
			return fmt.Sprintf("must be true or false; got %q", invalid.Clip(text))
		}
	case schema.Format == "date-time":
		if _, err := time.Parse(time.RFC3339, text); err != nil {
			hint := ""
			if strings.Contains(text, " ") {
				hint = "; a + in a query is written %2B"
			}
			return fmt.Sprintf("must be a time as RFC 3339 has it, such as 2026-03-01T12:00:00Z; got %q%s",
				invalid.Clip(text), hint)
		}
	}
	return ""
}

// outOfBounds holds a value to its schema: enum, minimum, maximum, length, pattern. huma does so too, and then answers
// for a body that is missing instead.
func outOfBounds(parameter, value string, schema *huma.Schema) (refused []fieldError) {
	if schema.Format == "date-time" {
		return nil // it was read already
	}
	var read any = value
	switch schema.Type {
	case huma.TypeInteger:
		read, _ = strconv.ParseInt(value, 10, 64)
	case huma.TypeBoolean:
		read = value == "true"
	case huma.TypeArray:
		var items []any
		for item := range strings.SplitSeq(value, ",") {
			items = append(items, item)
		}
		read = items
	}
	result := &huma.ValidateResult{}
	huma.Validate(nil, schema, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, read, result)
	for _, err := range result.Errors {
		if detail, ok := errors.AsType[*huma.ErrorDetail](err); ok {
			refused = append(refused, fieldError{
				Parameter: parameter, Detail: fmt.Sprintf("%s; got %q", detail.Message, invalid.Clip(fmt.Sprint(detail.Value))),
			})
		}
	}
	return refused
}

// strictly is a huma middleware: it refuses parameters, headers and media types that two readers could understand
// differently, and gives huma what is left.
func strictly(ctx huma.Context, next func(huma.Context)) {
	r, _ := humago.Unwrap(ctx)
	operation := ctx.Operation()
	read := &strictContext{humaContext: ctx}
	var refused *Problem
	if read.media, refused = mediaType(operation, r); refused != nil {
		refuse(ctx, refused)
		return
	}
	var fields, inQuery []fieldError
	fields = append(checkPath(operation, r), checkHeaders(operation, r)...)
	read.query, inQuery = readQuery(r.URL.RawQuery, operation.Parameters)
	if fields = append(fields, inQuery...); len(fields) > 0 {
		kind := invalidRequest
		if fields[0].Parameter == "header "+keyHeader {
			kind = keyMissing
		}
		refuse(ctx, kind.problem(fields[0].Parameter+" "+fields[0].Detail, fields...))
		return
	}
	next(read)
}

// humaContext embeds under another name than its method Context.
type humaContext = huma.Context

// strictContext is a request as it was read.
type strictContext struct {
	humaContext
	query map[string]string
	media string
}

// Unwrap has humago find the request.
func (c *strictContext) Unwrap() huma.Context { return c.humaContext }

// Query implements huma.Context.
func (c *strictContext) Query(name string) string { return c.query[name] }

// Header implements huma.Context. Several lines of one list are one list (RFC 9110, section 5.3).
func (c *strictContext) Header(name string) string {
	if strings.EqualFold(name, "Content-Type") {
		return c.media
	}
	r, _ := humago.Unwrap(c.humaContext)
	return strings.Join(r.Header.Values(name), ", ")
}

// checkPath refuses path parameters beyond their schema, and characters that no name or id has: a journal may not take
// them.
func checkPath(operation *huma.Operation, r *http.Request) (refused []fieldError) {
	for _, p := range operation.Parameters {
		if p.In != "path" {
			continue
		}
		value := r.PathValue(p.Name)
		if reason := unprintable(value); reason != "" {
			refused = append(refused, fieldError{Parameter: "path " + p.Name, Detail: reason})
			continue
		}
		refused = append(refused, outOfBounds("path "+p.Name, value, p.Schema)...)
	}
	return refused
}

// checkHeaders refuses headers that come twice, unless they are lists.
func checkHeaders(operation *huma.Operation, r *http.Request) (refused []fieldError) {
	single := []string{keyHeader, "Authorization", "Content-Type"}
	for _, p := range operation.Parameters {
		if p.In == "header" && !slices.Contains([]string{"Prefer", "If-Match", keyHeader}, p.Name) {
			single = append(single, p.Name)
		}
	}
	for _, name := range single {
		if len(r.Header.Values(name)) > 1 {
			refused = append(refused, fieldError{Parameter: "header " + name, Detail: "came more than once: send one"})
		}
	}
	return refused
}
