package abiv1

import (
	"fmt"
	"strings"
)

// NameOf is an enum's value in lower case and without its prefix: "requires_action" for STATUS_REQUIRES_ACTION.
func NameOf(value fmt.Stringer, prefix string) string {
	return strings.ToLower(strings.TrimPrefix(value.String(), prefix))
}

// ValueOf is the opposite of NameOf: the value of an enum by its name. values is the enum's generated map. Empty is the
// unspecified zero.
func ValueOf[E ~int32](name, prefix string, values map[string]int32) (E, error) {
	if name == "" {
		return 0, nil
	}
	value, known := values[prefix+strings.ToUpper(name)]
	if !known {
		return 0, fmt.Errorf("%q is no %s", name, strings.ToLower(strings.TrimSuffix(prefix, "_")))
	}
	return E(value), nil
}
