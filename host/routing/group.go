package routing

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// group is a name for several countries, as written.
type group struct {
	at     *yaml.Node
	values []*yaml.Node
	// countries are the group's, once resolved; resolving guards against cycles.
	countries []string
	resolving bool
}

const groupAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789-"

// readGroups reads "groups": country groups by their names, each a list of countries and of further groups.
func (r *reader) readGroups(node *yaml.Node) {
	if r.refuseAliases(node) {
		return
	}
	r.eachMember(node, "groups", func(key, value *yaml.Node) {
		if mend := checkGroupName(key.Value); mend != "" {
			r.report(key, fmt.Sprintf("%q cannot be a group's name", key.Value), mend)
			return
		}
		nodes := []*yaml.Node{value}
		if value.Kind == yaml.SequenceNode {
			nodes = value.Content
		}
		if len(nodes) == 0 {
			r.report(value, fmt.Sprintf("group %q lists no country", key.Value), "name one, or remove the group")
		}
		r.groups[key.Value] = &group{at: key, values: nodes}
	})
	for _, name := range r.groupNames() {
		r.resolve(name, nil)
	}
}

func (r *reader) groupNames() []string {
	return slices.Sorted(maps.Keys(r.groups))
}

func checkGroupName(name string) string {
	const longest = 64
	switch upper := strings.ToUpper(name); {
	case len(name) < 2 || len(name) > longest || !onlyOf(name, groupAlphabet) ||
		strings.Trim(name, "-0123456789") == "":
		return "write lower-case letters, digits and dashes, 2 to 64"
	case isCountry(upper):
		return "it reads like the country " + upper
	}
	return ""
}

// resolve returns a group's countries, sorted. path is the groups that led to it.
func (r *reader) resolve(name string, path []string) []string {
	g := r.groups[name]
	if g.countries != nil || g.resolving {
		return g.countries
	}
	g.resolving = true
	const deepest = 16
	if len(path) == deepest {
		r.report(g.at, fmt.Sprintf("group %q is nested more than %d groups deep", name, deepest),
			"write the countries out")
		return nil
	}
	path = append(slices.Clip(path), name)
	countries := []string{}
	for _, n := range g.values {
		text, ok := r.text(n, "group "+name)
		if !ok {
			continue
		}
		inner, isGroup := r.groups[text]
		if isGroup && inner.resolving && inner.countries == nil {
			circle := append(path[slices.Index(path, text):], text)
			r.report(n, fmt.Sprintf("group %q contains itself: %s", text, strings.Join(circle, " → ")),
				"remove one of them")
			continue
		}
		if isGroup {
			countries = append(countries, r.resolve(text, path)...)
			continue
		}
		if mend := r.checkCountryOrGroup(text); mend != "" {
			r.report(n, fmt.Sprintf("%q is not a country", text), mend)
			continue
		}
		countries = append(countries, text)
	}
	slices.Sort(countries)
	g.countries = slices.Compact(countries)
	return g.countries
}

// checkCountryOrGroup returns how to correct what is neither. A group's name is in lower case, a country in upper
// case.
func (r *reader) checkCountryOrGroup(text string) string {
	mend := CheckCountry(text)
	if mend == "" || isCountry(strings.ToUpper(text)) || len(r.groups) == 0 || !onlyOf(text, groupAlphabet) {
		return mend
	}
	if near := DidYouMean(text, r.groupNames()); strings.HasPrefix(near, "did you mean") {
		return near
	}
	return mend + ", or one of the groups: " + strings.Join(r.groupNames(), ", ")
}
