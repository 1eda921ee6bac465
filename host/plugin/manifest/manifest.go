// Package manifest decides which differences between two manifests of a plugin loosen what the host may do.
//
// Recorded flows show what a plugin does with a call. They do not show what the host does with the plugin's answer:
// that is in the manifest. A module that makes the same requests and declares NONE as SAFE passes every replay, and has
// the host send a payment again that may have been taken.
//
// Compare goes through every field of the contract's messages by a table (rows.go). A field without a row counts as
// looser, so that the contract can grow without a gap.
package manifest

import (
	"bytes"
	"cmp"
	"reflect"
	"slices"
	"strings"

	abi "payrouter/abi/v1"
)

// Direction is which way a difference changes what the host may do.
type Direction string

// The directions.
const (
	// Looser: the host may do something that it may not do by the former manifest.
	Looser Direction = "looser"
	// Stricter: the host may do less.
	Stricter Direction = "stricter"
	// Neutral: the host does not act on it.
	Neutral Direction = "neutral"
)

// Allowance is what an operator allows so that a looser difference is accepted.
type Allowance string

// The allowances.
const (
	AllowManifest Allowance = "manifest"
	AllowHosts    Allowance = "hosts"
	AllowSecrets  Allowance = "secrets"
)

// Change is one difference between two manifests.
type Change struct {
	// Field is where it is: "operations/CreateOrder/idempotency".
	Field string
	// Before and After are the values as a person reads them; long ones are cut.
	Before, After string
	Direction     Direction
	// Why is what the host does by the field. It is set where Direction is Looser, and so is Allow.
	Why   string
	Allow Allowance
}

// Compare lists the differences of a manifest from a former one of the same plugin: looser ones first, then stricter
// ones, each in the order of the contract. It is empty where the two are equal.
func Compare(before, after *abi.Manifest) []Change {
	c := &comparison{rows: table(), before: before, after: after}
	c.message("", reflect.ValueOf(before).Elem(), reflect.ValueOf(after).Elem())
	order := []Direction{Looser, Stricter, Neutral}
	slices.SortStableFunc(c.changes, func(a, b Change) int {
		return cmp.Compare(slices.Index(order, a.Direction), slices.Index(order, b.Direction))
	})
	return c.changes
}

// Loosened are those of the changes that are looser.
func Loosened(changes []Change) []Change {
	return slices.DeleteFunc(slices.Clone(changes), func(c Change) bool { return c.Direction != Looser })
}

// comparison is a comparison under way.
type comparison struct {
	rows map[string]row
	// before and after are the whole manifests.
	before, after *abi.Manifest
	changes       []Change
}

// place is a field of two messages that are compared.
type place struct {
	path string
	row  row
	// before and after are the messages that have the field.
	before, after reflect.Value
}

// below is the place of an element of the field.
func (p place) below(name string) place {
	p.path += "/" + name
	return p
}

// add notes a difference. Values are shown as far as a person needs them.
func (c *comparison) add(at place, before, after string, direction Direction) {
	change := Change{Field: clipped(at.path), Before: clipped(before), After: clipped(after), Direction: direction}
	if direction == Looser {
		change.Why, change.Allow = at.row.why, cmp.Or(at.row.allow, AllowManifest)
	}
	c.changes = append(c.changes, change)
}

const unknownFields = "unknownFields"

// message compares two messages of one type, field by field.
func (c *comparison) message(path string, before, after reflect.Value) {
	of := before.Type()
	for i := range of.NumField() {
		field := of.Field(i)
		at := place{path: join(path, nameOf(field)), before: before, after: after}
		if field.Name == unknownFields {
			if !bytes.Equal(before.Field(i).Bytes(), after.Field(i).Bytes()) {
				at.row = row{why: "a later version of this router may act on it"}
				c.add(at, "", "fields that this router does not know", Looser)
			}
			continue
		}
		if ruled, known := c.rows[of.Name()+"."+field.Name]; known {
			at.row = ruled
		} else {
			at.row = row{compare: value(anyChange[any]), why: "this router has no rule for the field"}
		}
		at.row.compare(c, at, before.Field(i), after.Field(i))
	}
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "/" + name
}

// nameOf is a field's name in the contract.
func nameOf(field reflect.StructField) string {
	for part := range strings.SplitSeq(field.Tag.Get("protobuf"), ",") {
		if name, found := strings.CutPrefix(part, "name="); found {
			return name
		}
	}
	return field.Name
}
