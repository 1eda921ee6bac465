package manifest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"unicode"

	abi "payrouter/abi/v1"
)

// longest is how much of a value is shown. It is a plugin's own text.
const longest = 120

// clipped is a plugin's text for a person's eyes: one line, of printable characters, and not too long.
func clipped(value string) string {
	var b strings.Builder
	length := 0
	for _, c := range value {
		if length == longest {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(c) {
			c = '\uFFFD'
		}
		b.WriteRune(c)
		length++
	}
	return b.String()
}

// spelled is a value of the contract as a person reads it; empty stands for an empty one, "none" where it is empty.
func spelled(value reflect.Value, empty string) string {
	if empty == "" {
		empty = "none"
	}
	switch value.Kind() {
	case reflect.Pointer:
		if value.IsNil() {
			return empty
		}
		return fields(value.Elem())
	case reflect.Slice:
		if value.Len() == 0 {
			return empty
		}
		parts := make([]string, value.Len())
		for i := range parts {
			parts[i] = spelled(value.Index(i), "")
		}
		return strings.Join(parts, ", ")
	case reflect.String:
		if value.Len() == 0 {
			return empty
		}
	default:
	}
	if enum, isEnum := reflect.TypeAssert[fmt.Stringer](value); isEnum {
		return abi.NameOf(enum, strings.ToUpper(value.Type().Name())+"_")
	}
	return fmt.Sprint(value.Interface())
}

// fields are those of a message that are set, but for its texts and schemas.
func fields(message reflect.Value) string {
	var parts []string
	for i := range message.NumField() {
		field := message.Type().Field(i)
		name := nameOf(field)
		long := name == "summary" || name == "source" || strings.HasSuffix(name, "_schema")
		if !field.IsExported() || long || message.Field(i).IsZero() {
			continue
		}
		parts = append(parts, name+" "+spelled(message.Field(i), ""))
	}
	return strings.Join(parts, "; ")
}

// text is a JSON value in its shortest form; "none" where it is not there.
func text(value any) string {
	if value == nil {
		return "none"
	}
	if number, isNumber := value.(json.Number); isNumber {
		return number.String()
	}
	encoded, err := json.Marshal(value)
	if err != nil {
		return ""
	}
	return string(encoded)
}
