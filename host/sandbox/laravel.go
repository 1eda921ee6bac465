package sandbox

import (
	"fmt"
	"net/http"
	"slices"
)

// fieldErrors is what Laravel's validator found, in the order of the fields: Cryptogram and PayPlay are built on it.
type fieldErrors struct {
	fields []string
	texts  map[string][]string
}

func (e *fieldErrors) add(field, text string) {
	if e.texts == nil {
		e.texts = map[string][]string{}
	}
	if !slices.Contains(e.fields, field) {
		e.fields = append(e.fields, field)
	}
	e.texts[field] = append(e.texts[field], text)
}

// answer is the 422 of the errors; nil if there are none.
func (e *fieldErrors) answer() *answer {
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
	a := jsonAnswer(http.StatusUnprocessableEntity, map[string]any{"message": message, "errors": e.texts})
	return &a
}

// laravelMessage is Laravel's answer to whatever has no fields to blame.
func laravelMessage(status int, message string) answer {
	return jsonAnswer(status, map[string]string{"message": message})
}
