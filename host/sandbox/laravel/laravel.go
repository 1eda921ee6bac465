// Package laravel answers as the PHP framework Laravel does: its messages, and the errors of its validator.
package laravel

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"payrouter/host/sandbox/simulator"
)

// CheckURL adds an error for a field whose text is neither empty nor a URL.
func CheckURL(text, field string, errs *Errors) {
	if text != "" && !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://") {
		errs.Add(field, fmt.Sprintf("The %s field must be a valid URL.", field))
	}
}

// Errors is what Laravel's validator found, in the order of the fields. The zero value has none.
type Errors struct {
	fields []string
	texts  map[string][]string
}

// Add has a text about a field.
func (e *Errors) Add(field, text string) {
	if e.texts == nil {
		e.texts = map[string][]string{}
	}
	if !slices.Contains(e.fields, field) {
		e.fields = append(e.fields, field)
	}
	e.texts[field] = append(e.texts[field], text)
}

// Answer is the 422 of the errors; nil if there are none.
func (e *Errors) Answer() *simulator.Answer {
	if len(e.fields) == 0 {
		return nil
	}
	count := 0
	for _, texts := range e.texts {
		count += len(texts)
	}
	message := e.texts[e.fields[0]][0]
	switch count {
	case 1:
	case 2:
		message += " (and 1 more error)"
	default:
		message += fmt.Sprintf(" (and %d more errors)", count-1)
	}
	a := simulator.JSON(http.StatusUnprocessableEntity, map[string]any{"message": message, "errors": e.texts})
	return &a
}

// Message is Laravel's answer to whatever has no fields to blame.
func Message(status int, message string) simulator.Answer {
	return simulator.JSON(status, map[string]string{"message": message})
}
