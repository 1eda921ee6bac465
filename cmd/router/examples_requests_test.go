package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// routersMembers are what a request may have beside the vector's, since the router always has what the vector's call
// leaves out.
var routersMembers = map[string]string{
	"callback_url":      "an address",
	"external_order_id": "a reference", "callbackData": "a reference", "clientUnique": "a reference",
	"api_id":    "a reference",
	"redirect":  "a return URL",
	"date_from": "a time", "date_to": "a time", "per_page": "a limit",
	"start_time": "a time", "end_time": "a time",
}

// limits are the members that say how many entries a page has: the router asks for as many as it may.
var limits = []string{"resultsPerPage", "limit", "per_page"}

// othersRequests are the vectors whose requests differ from the router's, and why, by "plugin/vector".
var othersRequests = map[string]string{
	"cryptogram/create-native-documented": "the router adds its reference to the return URL",
	"exchanger/rates_maintenance":         "its directions are in an order of its own; the host sorts those",
}

// differs returns where a request is not the vector's. What the router makes itself may differ: its references, random
// numbers, addresses of callbacks, and times.
func (s *scene) differs(r *http.Request, body string) []string {
	if othersRequests[s.example.plugin+"/"+s.example.Name] != "" {
		return nil
	}
	section := fmt.Sprintf("request-%d", s.played+1)
	head, wanted, _ := strings.Cut(s.spoken(string(s.example.request(s.played+1))), "\n\n")
	wanted = strings.TrimSuffix(wanted, "\n")
	lines := strings.Split(strings.TrimSuffix(head, "\n"), "\n")
	line, _, _ := strings.Cut(lines[0], " as ")
	method, target, _ := strings.Cut(line, " ")
	if _, after, elsewhere := strings.Cut(target, "://"); elsewhere {
		_, target, _ = strings.Cut(after, "/")
		target = "/" + target
	}
	path, query, _ := strings.Cut(withSecrets(target), "?")
	var wrong []string
	odd := func(what string, want, got any) {
		wrong = append(wrong, fmt.Sprintf("%s: %s: want %v, got %v", section, what, want, got))
	}
	if got := strings.TrimPrefix(r.URL.EscapedPath(), "/"+s.example.account); method != r.Method || path != got {
		odd("request line", method+" "+path, r.Method+" "+got)
	}
	contentType := ""
	for _, header := range lines[1:] {
		name, want, _ := strings.Cut(withSecrets(header), ": ")
		if got := r.Header.Get(name); got != want {
			odd("header "+name, want, got)
		}
		if strings.EqualFold(name, "Content-Type") {
			contentType = want
		}
	}
	wrong = append(wrong, differingForms(section+": query", query, r.URL.RawQuery)...)
	switch {
	case strings.HasPrefix(contentType, "application/x-www-form-urlencoded"):
		return append(wrong, differingForms(section+": body", wanted, body)...)
	case strings.HasPrefix(contentType, "application/json") && wanted != "":
		return append(wrong, differing(section+": body", decoded(wanted), decoded(body))...)
	case wanted != body:
		odd("body", wanted, body)
	}
	return wrong
}

var secretPattern = regexp.MustCompile(`\{\{secret:[a-z_]+\}\}`)

// withSecrets is a vector's text with the secrets of the examples' accounts.
func withSecrets(text string) string { return secretPattern.ReplaceAllString(text, exampleSecret) }

func decoded(text string) (value any) {
	decoder := json.NewDecoder(bytes.NewReader([]byte(text)))
	decoder.UseNumber()
	_ = decoder.Decode(&value)
	return value
}

func differingForms(at, want, got string) []string {
	wanted, wantErr := url.ParseQuery(want)
	given, gotErr := url.ParseQuery(got)
	if wantErr != nil || gotErr != nil {
		return []string{fmt.Sprintf("%s: want %s, got %s", at, want, got)}
	}
	members := func(form url.Values) map[string]any {
		object := map[string]any{}
		for name, values := range form {
			object[name] = strings.Join(values, "\n")
		}
		return object
	}
	return differing(at, members(wanted), members(given))
}

// differing returns where two JSON values differ.
func differing(at string, want, got any) []string {
	switch wanted := want.(type) {
	case map[string]any:
		given, _ := got.(map[string]any)
		var wrong []string
		for name, value := range given {
			if _, documented := wanted[name]; !documented && routersMembers[name] == "" {
				wrong = append(wrong, fmt.Sprintf("%s: there is %s besides: %v", at, name, value))
			}
		}
		for _, name := range slices.Sorted(maps.Keys(wanted)) {
			if slices.Contains(limits, name) {
				continue
			}
			wrong = append(wrong, differing(at+"."+name, wanted[name], given[name])...)
		}
		return wrong
	case []any:
		given, _ := got.([]any)
		if len(wanted) != len(given) {
			return []string{fmt.Sprintf("%s: %v, want %v", at, got, want)}
		}
		var wrong []string
		for i, value := range wanted {
			wrong = append(wrong, differing(fmt.Sprint(at, "/", i), value, given[i])...)
		}
		return wrong
	}
	if fmt.Sprintf("%T %v", want, want) == fmt.Sprintf("%T %v", got, got) ||
		routersOwn(fmt.Sprint(want), fmt.Sprint(got)) {
		return nil
	}
	return []string{fmt.Sprintf("%s: %v, want %v", at, got, want)}
}

var (
	timePattern     = regexp.MustCompile(`^((19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}|1[0-9]{9}$)`)
	randomPattern   = regexp.MustCompile(`^[0-9]{12,}$`)
	callbackPattern = regexp.MustCompile(`^https://[a-z.]+/callbacks/`)
)

// routersOwn reports whether both texts are of a kind that the router makes itself.
func routersOwn(want, got string) bool {
	for _, pattern := range []*regexp.Regexp{timePattern, randomPattern, callbackPattern} {
		if pattern.MatchString(want) && pattern.MatchString(got) {
			return true
		}
	}
	return false
}
