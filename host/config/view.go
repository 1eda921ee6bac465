package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"payrouter/host/routing"
)

// view is a value in effect with its path. Its readers report what they cannot read, and return the zero value.
type view struct {
	src   *source
	path  []string
	value any
}

// at is the value's member; a view of nothing where there is none.
func (v view) at(key string) view {
	members, _ := v.value.(map[string]any)
	return view{src: v.src, path: append(slices.Clip(v.path), key), value: members[key]}
}

// origin is where the value comes from, or, for a default, what it belongs to.
func (v view) origin() origin {
	for n := len(v.path); n >= 0; n-- {
		if o, ok := v.src.origins[strings.Join(v.path[:n], delimiter)]; ok {
			return o
		}
	}
	return origin{}
}

func (v view) key() string { return v.path[len(v.path)-1] }

// report reports a problem of the value; reportKey, of its key.
func (v view) report(what, mend string)    { v.src.report(v.origin().value, what, mend) }
func (v view) reportKey(what, mend string) { v.src.report(v.origin().key, what, mend) }

// each passes the members of a mapping to read, in the order of the file.
func (v view) each(of string, read func(key string, member view)) {
	members, ok := v.value.(map[string]any)
	if !ok {
		v.report(of+" is not a mapping", "write \"key: value\" lines")
		return
	}
	position := func(key string) routing.Position { return v.at(key).origin().key }
	keys := slices.SortedFunc(maps.Keys(members), func(a, b string) int {
		return cmp.Or(cmp.Compare(position(a).Line, position(b).Line),
			cmp.Compare(position(a).Column, position(b).Column),
			cmp.Compare(a, b))
	})
	for _, key := range keys {
		read(key, v.at(key))
	}
}

// members is each, for a mapping whose keys are known.
func (v view) members(of string, known []string, read func(key string, member view)) {
	v.each(of, func(key string, member view) {
		if !slices.Contains(known, key) {
			member.reportKey(fmt.Sprintf("unknown key %q in %s", key, of), routing.DidYouMean(key, known))
			return
		}
		read(key, member)
	})
}

func (v view) text() string {
	switch value := v.value.(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	}
	v.report(v.key()+" is not a text", "write one word, quoted if in doubt")
	return ""
}

func (v view) boolean() bool {
	value, ok := v.value.(bool)
	if !ok {
		v.report(v.key()+" is neither true nor false", "write one of them, without quotes")
	}
	return value
}

func (v view) integer(low, high int) int {
	number, _ := v.value.(json.Number)
	n, err := strconv.Atoi(number.String())
	if err != nil || n < low || n > high {
		v.report(v.key()+" is out of range", fmt.Sprintf("write a whole number from %d to %d", low, high))
		return low
	}
	return n
}

func (v view) duration(low, high time.Duration) time.Duration {
	text, _ := v.value.(string)
	d, err := time.ParseDuration(text)
	if err != nil || d < low || d > high {
		v.report(v.key()+" is not such a duration",
			fmt.Sprintf("write a number with its unit, such as 200ms or 20s, from %s to %s", low, high))
		return low
	}
	return d
}

// choice reads one of a closed list.
func (v view) choice(known []string) string {
	text := v.text()
	if !slices.Contains(known, text) {
		v.report(fmt.Sprintf("%q is no %s", text, v.key()), routing.DidYouMean(text, known))
	}
	return text
}
