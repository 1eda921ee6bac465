// Package recorded writes the journal's masked form of a request and a response, and reads it.
package recorded

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	abi "payrouter/abi/v1"
	"payrouter/host/egress"
)

// journalRequest and journalResponse are what the journal shows of an exchange, masked.
type shownRequest struct {
	Method  string        `json:"method"`
	URL     string        `json:"url"`
	Headers []shownHeader `json:"headers,omitempty"`
	Body    string        `json:"body,omitempty"`
}

type shownResponse struct {
	Status  uint32        `json:"status"`
	Headers []shownHeader `json:"headers,omitempty"`
	Body    string        `json:"body"`
	// Exact is the body where it is no UTF-8, and Body shows it with holes: a replay needs every byte.
	Exact []byte `json:"body_base64,omitempty"`
}

type shownHeader struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Request is a rendered request as the journal shows it, JSON.
func Request(request *egress.Request) json.RawMessage {
	shown := shownRequest{Method: request.Method, URL: request.URL, Body: string(request.Body)}
	for _, name := range slices.Sorted(maps.Keys(request.Header)) {
		for _, value := range request.Header[name] {
			shown.Headers = append(shown.Headers, shownHeader{Name: name, Value: value})
		}
	}
	return asJSON(shown)
}

// Response is a provider's response as the journal shows it, JSON.
func Response(response *abi.HttpResponse) json.RawMessage {
	shown := shownResponse{Status: response.GetStatus(), Body: string(response.GetBody())}
	if !utf8.Valid(response.GetBody()) {
		shown.Exact = response.GetBody()
	}
	for _, header := range response.GetHeaders() {
		shown.Headers = append(shown.Headers, shownHeader{Name: header.GetName(), Value: header.GetValue()})
	}
	return asJSON(shown)
}

// asJSON encodes strings and numbers, which cannot fail.
func asJSON(shown any) json.RawMessage {
	text, _ := json.Marshal(shown) //nolint:errchkjson // see above
	return text
}

// Carries reports whether a rendered request has a reference of ours in its URL, a header or its body, as it is or
// escaped for its place.
func Carries(request json.RawMessage, reference string) bool {
	if reference == "" {
		return false
	}
	var shown shownRequest
	if json.Unmarshal(request, &shown) != nil {
		return false
	}
	places := []string{shown.URL, shown.Body}
	for _, header := range shown.Headers {
		places = append(places, header.Value)
	}
	inJSON := strings.Trim(string(asJSON(reference)), `"`)
	return slices.ContainsFunc(places, func(place string) bool {
		return strings.Contains(place, reference) || strings.Contains(place, url.QueryEscape(reference)) ||
			strings.Contains(place, inJSON)
	})
}
