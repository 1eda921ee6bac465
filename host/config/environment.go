package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"payrouter/host/routing"
)

const (
	envPrefix = "ROUTER_"
	// envLevel stands between the levels of a path in a variable's name.
	envLevel = "__"
)

// overrides matches environment variables with the values of the file and the defaults.
type overrides struct {
	source *source
	known  map[string]any
}

// resolve returns the path that a variable overrides, and its value; an empty path for one that overrides nothing,
// which it reports, unless the variable is not the router's.
func (o overrides) resolve(name, text string) (path string, value any) {
	if !strings.Contains(name, envLevel) {
		return "", nil
	}
	at := routing.Position{File: "environment variable " + name}
	refuse := func(what, mend string) (string, any) {
		o.source.report(at, what, mend)
		return "", nil
	}
	levels := strings.Split(strings.TrimPrefix(name, envPrefix), envLevel)
	var here any = o.known
	keys := make([]string, 0, len(levels))
	for _, level := range levels {
		members, ok := here.(map[string]any)
		if _, isList := here.([]any); isList {
			return refuse(strings.Join(keys, " → ")+" is a list", "change it in the file")
		}
		if !ok {
			return refuse("it goes deeper than the file", "drop "+envLevel+level)
		}
		key, ok := match(level, members)
		if !ok {
			return refuse("it overrides nothing: there is no "+level, routing.DidYouMean(level, asVariables(members)))
		}
		keys = append(keys, key)
		here = members[key]
	}
	value, mend := retype(text, here)
	if mend != "" {
		return refuse(strings.Join(keys, " → ")+" cannot be overridden so", mend)
	}
	path = strings.Join(keys, delimiter)
	o.source.origins[path] = origin{at, at}
	return path, value
}

// match finds the key that a level of a variable's name means: the one that is equal but for case, "-" and "_".
func match(level string, members map[string]any) (string, bool) {
	var found []string
	for key := range members {
		if asVariable(key) == asVariable(level) {
			found = append(found, key)
		}
	}
	if len(found) != 1 {
		return "", false // none, or two that differ in what a variable's name cannot express
	}
	return found[0], true
}

func asVariable(key string) string {
	return strings.ReplaceAll(strings.ToUpper(key), "-", "_")
}

func asVariables(members map[string]any) []string {
	var names []string
	for _, key := range slices.Sorted(maps.Keys(members)) {
		names = append(names, asVariable(key))
	}
	return names
}

// retype reads an override as the type of what it overrides; mend is "" where it can.
func retype(text string, was any) (value any, mend string) {
	switch was.(type) {
	case string:
		return text, ""
	case bool:
		if text != "true" && text != "false" {
			return nil, "write true or false"
		}
		return text == "true", ""
	case json.Number:
		// A number that Valid takes may have blanks around it, which a number in a file has not.
		if !json.Valid([]byte(text)) || strings.Trim(text, "-+.eE0123456789") != "" {
			return nil, "write a number"
		}
		return json.Number(text), ""
	case map[string]any:
		return nil, fmt.Sprintf("it is a mapping: append %s and one of its keys", envLevel)
	}
	return nil, "it is a list: change it in the file"
}
