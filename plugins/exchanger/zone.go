package main

import "time"

// zone is how far a site's clock is ahead of UTC. The zero value is UTC.
type zone struct {
	// standard is that in the winter, in seconds.
	standard int64
	// european clocks are an hour further from the last Sunday of March to the last Sunday of October, 01:00 UTC.
	european bool
}

const (
	anHour = 60 * 60 // seconds
	// lastWeek is when the last week of a month of 31 days begins.
	lastWeek = 25
)

// zones are those that sites name: a guest has no tables of the world's. settingsSchema lists their names.
//
//nolint:gochecknoglobals // a table
var zones = map[string]zone{
	"UTC":           {},
	"Europe/London": {0, true}, "Europe/Lisbon": {0, true}, "Europe/Dublin": {0, true},
	"Europe/Berlin": {anHour, true}, "Europe/Paris": {anHour, true}, "Europe/Warsaw": {anHour, true},
	"Europe/Prague": {anHour, true}, "Europe/Vienna": {anHour, true}, "Europe/Amsterdam": {anHour, true},
	"Europe/Madrid": {anHour, true}, "Europe/Rome": {anHour, true},
	"Europe/Kyiv": {2 * anHour, true}, "Europe/Kiev": {2 * anHour, true}, "Europe/Riga": {2 * anHour, true},
	"Europe/Vilnius": {2 * anHour, true}, "Europe/Tallinn": {2 * anHour, true}, "Europe/Helsinki": {2 * anHour, true},
	"Europe/Bucharest": {2 * anHour, true}, "Europe/Sofia": {2 * anHour, true}, "Europe/Athens": {2 * anHour, true},
	"Asia/Nicosia":  {2 * anHour, true},
	"Europe/Moscow": {3 * anHour, false}, "Europe/Minsk": {3 * anHour, false}, "Europe/Istanbul": {3 * anHour, false},
	"Europe/Samara": {4 * anHour, false}, "Asia/Dubai": {4 * anHour, false}, "Asia/Tbilisi": {4 * anHour, false},
	"Asia/Yerevan": {4 * anHour, false}, "Asia/Baku": {4 * anHour, false},
	"Asia/Yekaterinburg": {5 * anHour, false}, "Asia/Tashkent": {5 * anHour, false}, "Asia/Almaty": {5 * anHour, false},
	"Asia/Bishkek": {6 * anHour, false}, "Asia/Novosibirsk": {7 * anHour, false}, "Asia/Bangkok": {7 * anHour, false},
	"Asia/Singapore": {8 * anHour, false}, "Asia/Hong_Kong": {8 * anHour, false},
}

// ahead is how far the clock is ahead of UTC at a Unix time, both in seconds.
func (z zone) ahead(at int64) int64 {
	if z.european && at >= lastSunday(at, time.March) && at < lastSunday(at, time.October) {
		return z.standard + anHour
	}
	return z.standard
}

// utc is the Unix time at which the clock shows a time, which is read as if it were UTC.
func (z zone) utc(shown int64) int64 { return shown - z.ahead(shown-z.standard) }

// lastSunday is 01:00 UTC of the last Sunday of a month of 31 days, in the year of a Unix time.
func lastSunday(at int64, month time.Month) int64 {
	day := time.Date(time.Unix(at, 0).UTC().Year(), month, lastWeek, 1, 0, 0, 0, time.UTC)
	return day.AddDate(0, 0, (7-int(day.Weekday()))%7).Unix()
}
