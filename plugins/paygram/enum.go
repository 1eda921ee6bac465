package main

import (
	"strings"

	"payrouter/abi/jsontext"
	"payrouter/abi/native"
)

// An enum of PayGram's has numbers and names. Its server writes one that is a key as its name, and one that is a value
// as its number unless a converter says otherwise: whoever reads one takes either, and a name in any case.

// names are an enum's numbers with their names.
type names []struct{ number, name string }

// The enums that decide something, by the vendor's names.
//
//nolint:gochecknoglobals // tables
var (
	invoiceStates = names{
		{"1", "Requested"},
		{"2", "Completed"},
		{"3", "Cancelled"},
		{"4", "OnGoing"},
		{"5", "Error"},
		{"7", "Denied"},
		{"8", "AcceptedPendingTransfer"},
	}
	responseCodes = names{
		{"200", "ResponseOK"},
		{codeGeneric, "ResponseGenericError"},
		{codeUpdating, "ResponseServerUpdating"},
		{codeDuplicate, "ResponseUniqueRequestViolation"},
		{codeAuth, "AuthError"},
		{codeNotFound, "NotFound"},
		{codeNoFunds, "NotEnoughFunds"},
	}
	entryTypes = names{
		{"0", "None"},
		{"1", "Deposit"},
		{"2", "Withdrawal"},
		{"3", "WithdrawalRefund"},
		{"4", "OutgoingTransfer"},
		{"5", "OutgoingDirectTransfer"},
		{"6", "IncomingTransfer"},
		{"7", "IncomingDirectTransfer"},
		{"8", "ChangeSell"},
		{"9", "ChangeBuy"},
		{"10", "Fee"},
		{"11", "Other"},
	}
)

// number is the number of an enum's value; a value that is not known comes back as it was sent.
func (n names) number(text string) string {
	for _, entry := range n {
		if strings.EqualFold(text, entry.name) {
			return entry.number
		}
	}
	return text
}

// words is the name of an enum's value, in words: "withdrawal refund". Empty where it is not known.
func (n names) words(text string) string {
	for _, entry := range n {
		if text == entry.number || strings.EqualFold(text, entry.name) {
			return inWords(entry.name)
		}
	}
	return ""
}

func inWords(name string) string {
	var words strings.Builder
	for i, c := range name {
		if i > 0 && c >= 'A' && c <= 'Z' {
			words.WriteByte(' ')
		}
		words.WriteString(strings.ToLower(string(c)))
	}
	return words.String()
}

// The forms of what an answer shows and nobody decides by: any other value is handed on.
//
//nolint:gochecknoglobals // tables
var (
	shownText   = native.Form{Shape: "a text", Lenient: true}
	shownObject = native.Form{Shape: "an object", Lenient: true}
	shownEnum   = native.Form{Shape: "a number or its name", Lenient: true}
	// enum is an enum's value that decides what an amount is of.
	enum = native.Form{Shape: "a number or its name", Has: isEnum}
)

func isEnum(value jsontext.Value) bool { return value.IsNumber() || value.IsString() }
