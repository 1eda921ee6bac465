package sandbox

import (
	"maps"
	"slices"
)

// OptionalCalls are the calls of which it is known which members are only shown, by provider.
func OptionalCalls() map[string][]string {
	calls := map[string][]string{}
	for provider, members := range optional {
		calls[provider] = slices.Sorted(maps.Keys(members))
	}
	return calls
}
