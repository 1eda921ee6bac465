package main

import (
	"cmp"
	"strconv"
	"strings"
	"unicode/utf8"

	"payrouter/abi/decimal"
	"payrouter/abi/jsontext"
)

// form is what a member of a method's body, or of its answer, looks like.
type form uint8

const (
	text    form = iota
	whole        // a number without a fraction
	sum          // an amount: text on our side, a JSON number on PayGram's
	yesNo        // true or false
	object       // of members, and maybe others
	list         // of objects with members
	numbers      // a list of whole numbers
)

// field is a member of a method's body, or of its answer.
type field struct {
	name string
	form form
	must bool
	most int // the longest text, in characters; 0 where PayGram does not say
	// otherwise is what is sent where the input has no such member: JSON text. Empty sends nothing.
	otherwise string
	// ours is sent as our reference where the input has no such member.
	ours bool
	// secret is what an answer has and nobody is to see.
	secret  bool
	note    string
	members []field
}

// fits tells whether a member of the input has the field's form. The host has held it to the schema; of members that
// stand twice it may have looked at the other one.
func (f *field) fits(value jsontext.Value) bool {
	_, isFlag := value.Flag()
	switch f.form {
	case text:
		return value.IsString() && (f.most == 0 || utf8.RuneCountInString(value.Text()) <= f.most)
	case whole:
		return isWhole(value)
	case sum:
		d, err := decimal.Parse(value.Text())
		return value.IsString() && err == nil && d.Sign() > 0
	case yesNo:
		return isFlag
	case object:
		return value.IsObject() && fit(f.members, value)
	case list:
		return value.IsArray()
	case numbers:
		return value.IsArray() && allWhole(value)
	}
	return false
}

// fit tells whether an object has the members that it must, and all of them their forms.
func fit(members []field, of jsontext.Value) bool {
	for i := range members {
		f := &members[i]
		if value := of.Get(f.name); value.Exists() && !f.fits(value) || !value.Exists() && f.must {
			return false
		}
	}
	return true
}

func isWhole(value jsontext.Value) bool {
	digits := value.Text()
	_, isFlag := value.Flag()
	return digits != "" && !isFlag && !value.IsString() && !strings.ContainsAny(digits, ".eE")
}

func allWhole(values jsontext.Value) bool {
	for _, value := range values.Items() {
		if !isWhole(value) {
			return false
		}
	}
	return true
}

// shape says in words what does not fit.
func (f *field) shape() string {
	return [...]string{
		text: "a text", whole: "a whole number", sum: "an amount, as a text", yesNo: "true or false",
		object: "an object", list: "a list",
		numbers: "a list of whole numbers",
	}[f.form]
}

// more says what else an input's member has to be.
func (f *field) more() string {
	switch {
	case f.form == sum:
		return " above 0"
	case f.form == object && len(f.members) > 0:
		return " with its members"
	case f.most > 0:
		return " of at most " + strconv.Itoa(f.most) + " characters"
	}
	return ""
}

// add puts a member of the input into a body, as PayGram wants it.
func (f *field) add(to *jsontext.Object, value jsontext.Value) {
	if f.form == sum {
		to.Number(f.name, value.Text())
		return
	}
	to.Value(f.name, value)
}

// lacks says what is wrong with an answer: a member that must be there and is not what the table says, and, where the
// document shows the answer, any member that is something else. It is empty where nothing is.
func lacks(fields []field, shown bool, value jsontext.Value) string {
	for i := range fields {
		f := &fields[i]
		member := value.Get(f.name)
		switch {
		case !member.Exists() && f.must:
			return f.name + " is missing"
		case member.Exists() && (f.must || shown) && !f.has(member):
			return f.name + " is not " + f.shape()
		case !shown:
			continue
		}
		for _, item := range member.Items() {
			if why := lacks(f.members, shown, item); why != "" || f.form == list && !item.IsObject() {
				return cmp.Or(why, f.name+" has what is no object")
			}
		}
	}
	return ""
}

// has tells whether an answer's member has the field's form.
func (f *field) has(value jsontext.Value) bool {
	_, isFlag := value.Flag()
	switch f.form {
	case text:
		return value.IsString()
	case whole:
		return isWhole(value)
	case sum:
		_, isSum := value.Decimal()
		return isSum
	case yesNo:
		return isFlag
	case object:
		return value.IsObject()
	case list, numbers:
		return value.IsArray()
	}
	return false
}
