package main

import (
	"slices"
	"strconv"
	"strings"

	"payrouter/abi/decimal"
	"payrouter/abi/jsontext"
)

// form is what a field of a method, or a member of its answer, looks like.
type form uint8

const (
	word   form = iota // any text
	whole              // a number without a sign or a fraction, as a number or as a text
	serial             // the same, in a text, and without a zero in front
	sum                // an amount or a rate: text on our side, text or number on the site's
	side               // calc_action: 1 to 4
	yesNo              // 0 or 1
	many               // how many: 1 to mostListed
	list               // a list of objects with members
)

// mostListed is how many entries a page of a list has at most, whatever is asked for.
const mostListed = 500

// field is a field of a method, or a member of its answer.
type field struct {
	name string
	form form
	must bool
	note string
	// members of what is listed.
	members []field
}

// fits tells whether a member of the input has the field's form. The host has held it to the schema; of members that
// stand twice it may have looked at the other one.
func (f *field) fits(value jsontext.Value) bool {
	content := value.Text()
	switch f.form {
	case word:
		return value.IsString()
	case whole:
		return isWhole(value)
	case serial:
		return value.IsString() && isWhole(value) && content[0] != '0'
	case sum:
		d, err := decimal.Parse(content)
		return value.IsString() && err == nil && d.Sign() > 0 && !strings.ContainsAny(content, "eE")
	case side:
		_, known := sums[action(first(content))]
		return known && len(content) == 1
	case yesNo:
		return content == "0" || content == "1"
	case many:
		count, err := strconv.Atoi(content)
		return !value.IsString() && isWhole(value) && err == nil && count > 0 && count <= mostListed
	case list:
	}
	return false
}

// isWhole tells a number of digits alone, whether it came as a text or as a number.
func isWhole(value jsontext.Value) bool {
	content := value.Text()
	return isDigits(content) && len(content) <= 20
}

// first is a text's first byte; 0 where there is none.
func first(content string) byte {
	if content == "" {
		return 0
	}
	return content[0]
}

// isScalar tells a value that a form can carry.
func isScalar(value jsontext.Value) bool {
	return value.IsString() || value.Text() != ""
}

// shape says in words what does not fit.
func (f *field) shape() string {
	return [...]string{
		word: "a text", whole: "a whole number", serial: "digits, as a text, the first not 0",
		sum: "an amount above 0, as a text", side: "1, 2, 3 or 4", yesNo: "0 or 1",
		many: "a number from 1 to " + strconv.Itoa(mostListed), list: "a list",
	}[f.form]
}

// lacks says what is wrong with an answer's object: a member that must be there and is not, or an amount that cannot be
// one. It is empty where nothing is. Of a member that stands twice readers take the first here and the last there, so
// all have to be right.
func lacks(fields []field, value jsontext.Value) (why string) {
	value.Each(func(name string, member jsontext.Value) {
		f := fieldOf(fields, name)
		if why != "" || f == nil || !member.Exists() && !f.must {
			return
		}
		if !f.has(member) {
			why = name + " is not what the document says"
			return
		}
		if f.form == list {
			why = unlikeList(f.members, member)
		}
	})
	for i := range fields {
		if f := &fields[i]; f.must && why == "" && !value.Get(f.name).Exists() {
			why = f.name + " is missing"
		}
	}
	return why
}

// unlikeList says what is wrong with a list of objects with these members.
func unlikeList(members []field, entries jsontext.Value) string {
	if !entries.IsArray() {
		return "there is no list"
	}
	binding := slices.ContainsFunc(members, func(f field) bool { return f.must || f.form == sum || f.form == list })
	for _, item := range entries.Items() {
		if !item.IsObject() {
			return "the list has what is no object"
		}
		if !binding {
			continue
		}
		if why := lacks(members, item); why != "" {
			return why
		}
	}
	return ""
}

// fieldOf is nil for a name that none of the fields has.
func fieldOf(fields []field, name string) *field {
	for i := range fields {
		if fields[i].name == name {
			return &fields[i]
		}
	}
	return nil
}

// has tells whether an answer's member has the field's form, as far as anything depends on it.
func (f *field) has(value jsontext.Value) bool {
	switch {
	case f.form == sum:
		_, isFlag := value.Flag()
		return isScalar(value) && !isFlag
	case f.form == list:
		return value.IsArray()
	case f.must:
		return isScalar(value)
	}
	return true
}

// isAmount tells the members that hold an amount or a rate, wherever in an answer they stand.
func isAmount(name string) bool {
	switch name {
	case "reserve", "course_give", "course_get", "sum_give", "sum_give_com", "sum_get", "sum_get_com", "min_give",
		"max_give", "min_get", "max_get",
		"calc_amount", "amount_give", "amount_get", "pay_amount", "balance", "min_payout", "amount", "partner_reward",
		"original_amount":
		return true
	}
	return false
}
