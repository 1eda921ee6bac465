package sqlite

import (
	"database/sql"
	"time"
)

// timeText has all nine digits always, so that such texts sort as their times do.
const timeText = "2006-01-02T15:04:05.000000000Z"

func textOf(t time.Time) string { return t.UTC().Format(timeText) }

// optional is NULL for what is empty.
func optional(text string) sql.NullString { return sql.NullString{String: text, Valid: text != ""} }

// optionalTime is NULL for no time.
func optionalTime(t time.Time) sql.NullString {
	if t.IsZero() {
		return sql.NullString{}
	}
	return sql.NullString{String: textOf(t), Valid: true}
}
