package main

import (
	"cmp"
	"slices"
	"strings"

	"payrouter/abi/jsontext"
)

// form is what a member of an operation's input, or of its answer, looks like.
type form uint8

const (
	text    form = iota
	whole        // a number without a fraction
	sum          // an amount or a rate: a text on our side; PayPlay's are texts, too
	yesNo        // true or false
	object       // of members, and maybe others
	list         // of objects with members
	another      // of which more than one form is known
)

// each is the name that stands for every member of an object, whatever it is called.
const each = ""

// field is a member of an operation's input, or of its answer.
type field struct {
	name string
	form form
	must bool
	// of is what a text may be; nil for any.
	of      func(text string) bool
	pattern string // what of says, as a schema has it
	note    string
	example string
	members []field
}

// fits tells whether a member of the input has the field's form. The host has held it to the schema; of members that
// stand twice it may have looked at the other one.
func (f *field) fits(value jsontext.Value) bool {
	switch f.form {
	case text:
		return value.IsString() && (f.of == nil || f.of(value.Text()))
	case sum:
		return value.IsString() && isPositive(value.Text())
	case whole:
		return isWhole(value) && !strings.HasPrefix(value.Text(), "-") && value.Text() != "0"
	case yesNo, object, list, another:
	}
	return f.has(value)
}

// has tells whether an answer's member has the field's form.
func (f *field) has(value jsontext.Value) bool {
	switch f.form {
	case text:
		return value.IsString()
	case whole:
		return isWhole(value)
	case sum:
		_, isSum := value.Decimal()
		return isSum
	case yesNo:
		_, isFlag := value.Flag()
		return isFlag
	case object:
		return value.IsObject()
	case list:
		return value.IsArray()
	case another:
		return true
	}
	return false
}

func isWhole(value jsontext.Value) bool {
	digits := value.Text()
	_, isFlag := value.Flag()
	return digits != "" && !isFlag && !value.IsString() && !strings.ContainsAny(digits, ".eE")
}

// shape says in words what does not fit.
func (f *field) shape() string {
	return [...]string{
		text: "a text", whole: "a whole number", sum: "an amount, as a text", yesNo: "true or false",
		object: "an object", list: "a list",
		another: "what it is elsewhere",
	}[f.form]
}

// more says what else an input's member has to be.
func (f *field) more() string {
	switch {
	case f.form == sum, f.form == whole:
		return " above 0"
	case f.pattern != "":
		return " of the form " + f.pattern
	}
	return ""
}

// lacks says what is wrong with an answer: a member that stands twice, or must be there and is not what the table says,
// and, where the document shows the answer, any member that is something else. It is empty where nothing is.
func lacks(fields []field, shown bool, value jsontext.Value) string {
	if name, again := twice(fields, value); again {
		return name + " stands twice"
	}
	for i := range fields {
		f := &fields[i]
		member := value.Get(f.name)
		switch {
		case f.name == each: // whoever reads the answer looks at them
			continue
		case !member.Exists() && f.must:
			return f.name + " is missing"
		case member.Exists() && (f.must || shown) && !f.has(member):
			return f.name + " is not " + f.shape()
		case !member.Exists() || !f.must && !shown:
			continue
		}
		if why := lacksIn(f, shown, member); why != "" {
			return why
		}
	}
	return ""
}

// twice names a member of the table that an object has twice: readers differ in which of them counts.
func twice(fields []field, of jsontext.Value) (found string, again bool) {
	var seen uint64 // a bit for each field
	of.Each(func(name string, _ jsontext.Value) {
		at := slices.IndexFunc(fields, func(f field) bool { return f.name == name })
		if at < 0 {
			return
		}
		if seen&(1<<at) != 0 && !again {
			found, again = name, true
		}
		seen |= 1 << at
	})
	return found, again
}

// lacksIn looks at what an object, or each of a list, has in it.
func lacksIn(f *field, shown bool, member jsontext.Value) string {
	switch f.form {
	case object:
		return lacks(f.members, shown, member)
	case list:
		for _, item := range member.Items() {
			if !item.IsObject() {
				return f.name + " has what is no object"
			}
			if why := lacks(f.members, shown, item); why != "" {
				return cmp.Or(why, f.name)
			}
		}
	case text, whole, sum, yesNo, another:
	}
	return ""
}
