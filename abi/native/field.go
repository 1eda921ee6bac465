package native

import (
	"strconv"
	"unicode/utf8"

	"payrouter/abi/guest"
	"payrouter/abi/jsontext"
	abi "payrouter/abi/v1"
)

// Field is a member of a method's input or of its answer.
type Field struct {
	Name string
	// Form is what the member holds; nil is Text.
	Form     *Form
	Required bool
	// Members are those of an object, or of each object in a list.
	Members Fields
	// MaxLength bounds a text, in characters; 0 is no bound.
	MaxLength int
	// Matches reports whether a text has the form that Pattern, a regular expression, shows to people and in the
	// schema. Nil accepts any text.
	Matches func(text string) bool
	Pattern string
	// Default is JSON text that the plugin sends where the input has no such member; empty sends nothing.
	Default string
	// OurReference reports that the router's reference is sent where the input has no such member.
	OurReference bool
	// Sensitive marks a member of an answer that is never shown.
	Sensitive     bool
	Note, Example string
}

func (f *Field) form() *Form {
	if f.Form == nil {
		return &Text
	}
	return f.Form
}

// fits reports whether a member of an input has the field's form.
func (f *Field) fits(value jsontext.Value) bool {
	form := f.form()
	accepts := form.Fits
	if accepts == nil {
		accepts = form.Has
	}
	return (accepts == nil || accepts(value)) && (form != &Object || f.Members.fit(value)) &&
		(f.MaxLength == 0 || utf8.RuneCountInString(value.Text()) <= f.MaxLength) &&
		(f.Matches == nil || f.Matches(value.Text()))
}

// wanted describes what a member of an input has to be.
func (f *Field) wanted() string {
	wanted := f.form().Shape + f.form().Bound
	switch {
	case f.form() == &Object && len(f.Members) > 0:
		return wanted + " with its members"
	case f.Pattern != "":
		return wanted + " of the form " + f.Pattern
	case f.MaxLength > 0:
		return wanted + " of at most " + strconv.Itoa(f.MaxLength) + " characters"
	}
	return wanted
}

// isMissing reports a required member that an input does not have, or has as an empty string.
func (f *Field) isMissing(value jsontext.Value) bool {
	return f.Required && (!value.Exists() || value.IsString() && value.Text() == "")
}

// Fields are the members of an object.
type Fields []Field

// Find returns the field of that name; nil where there is none.
func (fields Fields) Find(name string) *Field {
	for i := range fields {
		if fields[i].Name == name {
			return &fields[i]
		}
	}
	return nil
}

// Reject returns the step for an input that does not have these fields' forms; nil where it has. further returns why a
// member that none of the fields names cannot be taken, or nothing. The host has checked the input against the schema;
// of members of one name it may have looked at another one than the provider will, so each of them has to fit.
func (fields Fields) Reject(input jsontext.Value, further func(name string, value jsontext.Value) string) *abi.Step {
	var pointer, why string
	input.Each(func(name string, value jsontext.Value) {
		if why != "" {
			return
		}
		switch f := fields.Find(name); {
		case f == nil:
			why = further(name, value)
		case value.Exists() && !f.isMissing(value) && !f.fits(value):
			why = name + " has to be " + f.wanted()
		}
		if why != "" {
			pointer = Pointer(name)
		}
	})
	for i := range fields {
		if f := &fields[i]; why == "" && f.isMissing(input.Get(f.Name)) {
			pointer, why = Pointer(f.Name), f.Name+" is missing"
		}
	}
	if why == "" {
		return nil
	}
	return guest.Reject("invalid_request", pointer, why)
}

// Pointer is the JSON pointer of a member; empty, the whole input, for a member without a name.
func Pointer(name string) string {
	if name == "" {
		return ""
	}
	return jsontext.Pointer(name)
}

// OurReference is the name of the member that the router's reference is sent as; empty where there is none.
func (fields Fields) OurReference() string {
	for i := range fields {
		if fields[i].OurReference {
			return fields[i].Name
		}
	}
	return ""
}

// fit reports whether an input's object has these fields' forms.
func (fields Fields) fit(object jsontext.Value) bool {
	for i := range fields {
		f := &fields[i]
		if value := object.Get(f.Name); value.Exists() && !f.fits(value) || !value.Exists() && f.Required {
			return false
		}
	}
	return true
}

// Rest adds the members of an input that none of the fields names to a body, as they are.
func (fields Fields) Rest(body *jsontext.Object, input jsontext.Value) {
	input.Each(func(name string, value jsontext.Value) {
		if fields.Find(name) == nil {
			body.Value(name, value)
		}
	})
}

// Check is how much of an answer is checked. Zero checks what is required.
type Check uint8

const (
	// All checks the members that need not be there, too.
	All Check = 1 << iota
	// Once refuses an answer that has a member twice: readers differ in which of them counts.
	Once
)

// Mismatch returns how an answer's object differs from the fields; empty where it does not. Of members of one name each
// is checked.
func (fields Fields) Mismatch(object jsontext.Value, check Check) (why string) {
	var seen uint64 // a bit for each field
	object.Each(func(name string, member jsontext.Value) {
		for i := range fields {
			if f := &fields[i]; f.Name == name && why == "" {
				if seen&(1<<i) != 0 && check&Once != 0 {
					why = name + " stands twice"
				} else {
					why = f.mismatch(member, check)
				}
				seen |= 1 << i
			}
		}
	})
	for i := range fields {
		if f := &fields[i]; f.Required && why == "" && !object.Get(f.Name).Exists() {
			why = f.Name + " is missing"
		}
	}
	return why
}

func (f *Field) mismatch(member jsontext.Value, check Check) string {
	form := f.form()
	switch {
	case !member.Exists() && f.Required:
		return f.Name + " is missing"
	case !member.Exists() || !f.isChecked(check):
		return ""
	case form.Has != nil && !form.Has(member):
		return f.Name + " is not " + form.Shape
	case form == &Object:
		return f.Members.Mismatch(member, check)
	case form == &List:
		return f.Members.MismatchOfItems(f.Name, member, check)
	}
	return ""
}

// isChecked reports a member whose form matters where it is there.
func (f *Field) isChecked(check Check) bool {
	return f.Required || check&All != 0 && !f.form().Lenient
}

// MismatchOfItems returns how the objects in a list differ from the fields; name is the list's, for the message.
func (fields Fields) MismatchOfItems(name string, list jsontext.Value, check Check) string {
	deep := check&Once != 0
	for i := range fields {
		deep = deep || fields[i].isChecked(check)
	}
	for _, item := range list.Items() {
		if !item.IsObject() {
			return name + " has an item that is not an object"
		}
		if !deep {
			continue
		}
		if why := fields.Mismatch(item, check); why != "" {
			return why
		}
	}
	return ""
}
