// Package manifesttest makes manifests for tests: one with every field of the contract set, and its mutations, one for
// each way in which one field can change. Both are generated from the contract's Go types, so that a new field is among
// them.
package manifesttest

import (
	"fmt"
	"reflect"
	"slices"

	abi "payrouter/abi/v1"
)

// Mutation is a manifest in which one field is another than in the whole one.
type Mutation struct {
	// Field is "Message.Field", and Change how it differs: "empty", "set", "more", "true", "IDEMPOTENCY_KEYED".
	Field, Change string
	// Element counts the messages of the field's type that were before it.
	Element  int
	Manifest *abi.Manifest
}

// String is the mutation's name.
func (m Mutation) String() string { return fmt.Sprintf("%s %d %s", m.Field, m.Element, m.Change) }

// Mutations are all mutations of a manifest.
func Mutations(of *abi.Manifest) []Mutation {
	var all []Mutation
	for {
		w := &walk{wanted: len(all), elements: map[string]int{}, copied: Copy(of)}
		w.message(reflect.ValueOf(w.copied).Elem())
		if w.made == nil {
			return all
		}
		all = append(all, *w.made)
	}
}

// Copy is another manifest with the same content.
func Copy(of *abi.Manifest) *abi.Manifest {
	encoded, err := of.MarshalVT()
	copied := new(abi.Manifest)
	if err == nil {
		err = copied.UnmarshalVTUnsafe(encoded)
	}
	if err != nil {
		panic(err)
	}
	return copied
}

// walk makes one mutation: the one before which there are as many as wanted.
type walk struct {
	wanted   int
	copied   *abi.Manifest
	elements map[string]int
	made     *Mutation
}

func (w *walk) message(message reflect.Value) {
	of := message.Type()
	element := w.elements[of.Name()]
	w.elements[of.Name()]++
	for i := range of.NumField() {
		field := message.Field(i)
		if !of.Field(i).IsExported() {
			continue
		}
		for _, change := range changesOf(field) {
			if w.made != nil {
				return
			}
			if w.wanted--; w.wanted < 0 {
				change.apply()
				w.made = &Mutation{
					Field: of.Name() + "." + of.Field(i).Name, Change: change.name, Element: element, Manifest: w.copied,
				}
			}
		}
		w.below(field)
	}
}

// below goes through the messages that a field holds.
func (w *walk) below(field reflect.Value) {
	switch field.Kind() {
	case reflect.Pointer:
		if !field.IsNil() {
			w.message(field.Elem())
		}
	case reflect.Slice:
		for i := range field.Len() {
			if w.made == nil && field.Index(i).Kind() == reflect.Pointer {
				w.message(field.Index(i).Elem())
			}
		}
	default:
	}
}

// change is one way in which a field can change.
type change struct {
	name  string
	apply func()
}

// changesOf are the ways in which a field can change; to be empty is none where it is.
func changesOf(field reflect.Value) []change {
	return slices.DeleteFunc(anyChanges(field), func(c change) bool { return c.name == "empty" && field.IsZero() })
}

func anyChanges(field reflect.Value) []change {
	set := func(name string, value any) change {
		return change{name, func() { field.Set(reflect.ValueOf(value).Convert(field.Type())) }}
	}
	empty := change{"empty", field.SetZero}
	switch field.Kind() {
	case reflect.Bool:
		return []change{set(fmt.Sprint(!field.Bool()), !field.Bool())}
	case reflect.Uint32:
		return []change{empty, set("more", field.Uint()+1), set("less", field.Uint()-1)}
	case reflect.Int64:
		return []change{empty, set("more", field.Int()+1), set("less", field.Int()-1)}
	case reflect.String:
		if field.Len() == 0 {
			return []change{set("set", "z")}
		}
		return []change{empty, set("other", field.String()+"z")}
	case reflect.Int32:
		return enumChanges(field, set)
	case reflect.Pointer:
		return []change{empty}
	case reflect.Slice:
		return listChanges(field, empty)
	default:
		panic("manifesttest: no mutation of a " + field.Type().String())
	}
}

// mostValues is above the number of values of each enum; one that is none is among the changes.
const mostValues = 12

func enumChanges(field reflect.Value, set func(string, any) change) []change {
	var changes []change
	for value := range mostValues {
		if int64(value) != field.Int() {
			changes = append(changes, set(fmt.Sprint(reflect.ValueOf(value).Convert(field.Type())), value))
		}
	}
	return changes
}

// listChanges drop an element, swap two, repeat one, and add another.
func listChanges(field reflect.Value, empty change) []change {
	changes := []change{
		empty,
		{"drop", func() { field.Set(field.Slice(1, field.Len())) }},
		{"again", func() { field.Set(reflect.Append(field, field.Index(0))) }},
		{"add", func() { field.Set(reflect.Append(field, another(field))) }},
	}
	if field.Len() > 1 {
		changes = append(changes, change{"swap", func() { reflect.Swapper(field.Interface())(0, 1) }})
	}
	return slices.DeleteFunc(changes, func(change) bool { return field.Len() == 0 })
}

// another is an element that a list does not have: the first with another name.
func another(list reflect.Value) reflect.Value {
	first := list.Index(0)
	switch first.Kind() {
	case reflect.String:
		return reflect.ValueOf(first.String() + "z")
	case reflect.Pointer:
		copied := reflect.New(first.Type().Elem())
		for i := range copied.Elem().NumField() {
			if field := copied.Elem().Field(i); field.CanSet() {
				field.Set(first.Elem().Field(i))
			}
		}
		changes := changesOf(copied.Elem().FieldByName(nameField(first.Type().Elem())))
		changes[len(changes)-1].apply()
		return copied
	default:
		other := reflect.New(first.Type()).Elem()
		other.SetInt(mostValues)
		return other
	}
}

// nameField is the field of a message by which it is another one.
func nameField(message reflect.Type) string {
	for _, name := range []string{"Name", "Kind", "ProviderCode", "Operation", "Currency", "Pointer"} {
		if _, found := message.FieldByName(name); found {
			return name
		}
	}
	panic("manifesttest: what names a " + message.Name() + "?")
}
