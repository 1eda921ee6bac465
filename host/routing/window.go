package routing

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a router in a bare container knows the zones, too

	"go.yaml.in/yaml/v3"
)

// Window is a weekly time by the local clock of a zone: it begins at the same hour in summer and in winter.
type Window struct {
	// Days on which it begins, by time.Weekday.
	Days [7]bool
	// From and To are minutes since midnight; To is not included, and 1440 is the day's end. A window with From after
	// To ends on the day after it began.
	From, To int
	Zone     *time.Location
}

const minutesOfDay = 24 * 60

// contains reports whether a moment lies within the window.
func (w Window) contains(at time.Time) bool {
	local := at.In(w.Zone)
	minute, today := local.Hour()*60+local.Minute(), local.Weekday()
	if w.From < w.To {
		return w.Days[today] && w.From <= minute && minute < w.To
	}
	yesterday := (today + 6) % 7
	return w.Days[today] && minute >= w.From || w.Days[yesterday] && minute < w.To
}

// String is "mon, tue 08:00-18:00 Europe/Berlin".
func (w Window) String() string {
	days := "every day"
	if w.Days != everyDay() {
		var on []string
		for _, d := range weekdays {
			if w.Days[d.day] {
				on = append(on, d.name)
			}
		}
		days = strings.Join(on, ", ")
	}
	return fmt.Sprintf("%s %s-%s %s", days, clock(w.From), clock(w.To), w.Zone)
}

func everyDay() [7]bool {
	return [7]bool{true, true, true, true, true, true, true}
}

func clock(minutes int) string {
	return fmt.Sprintf("%02d:%02d", minutes/60, minutes%60)
}

// weekdays in the order in which weeks are written.
//
//nolint:gochecknoglobals // a table
var weekdays = []struct {
	name string
	day  time.Weekday
}{
	{"mon", time.Monday},
	{"tue", time.Tuesday},
	{"wed", time.Wednesday},
	{"thu", time.Thursday},
	{"fri", time.Friday},
	{"sat", time.Saturday},
	{"sun", time.Sunday},
}

// parseDays reads "sat", or "mon-fri", which may go over the week's end: "fri-mon".
func parseDays(text string, into *[7]bool) bool {
	first, last, ranged := strings.Cut(text, "-")
	if !ranged {
		last = first
	}
	from, to := weekdayIndex(first), weekdayIndex(last)
	if from < 0 || to < 0 {
		return false
	}
	for i := from; ; i = (i + 1) % len(weekdays) {
		into[weekdays[i].day] = true
		if i == to {
			return true
		}
	}
}

func weekdayIndex(name string) int {
	for i, d := range weekdays {
		if d.name == name {
			return i
		}
	}
	return -1
}

// parseClock reads "08:00" as minutes since midnight; "24:00" is the day's end.
func parseClock(text string) (minutes int, ok bool) {
	if len(text) != len("00:00") || text[2] != ':' || !onlyOf(text[:2]+text[3:], "0123456789") {
		return 0, false
	}
	hour, _ := strconv.Atoi(text[:2])
	minute, _ := strconv.Atoi(text[3:])
	minutes = hour*60 + minute
	return minutes, minute < 60 && minutes <= minutesOfDay
}

// window reads one mapping of a time.
func (r *reader) window(node *yaml.Node) (Window, bool) {
	w := Window{Days: everyDay(), To: minutesOfDay, Zone: time.UTC}
	before := len(r.problems)
	r.members(node, "time", []string{"days", "from", "to", "zone"}, func(key string, value *yaml.Node) {
		switch key {
		case "days":
			w.Days = r.days(value)
		case "from":
			w.From = r.clock(value, key)
		case "to":
			w.To = r.clock(value, key)
		case "zone":
			w.Zone = r.zone(value)
		}
	})
	if len(r.problems) > before {
		return w, false
	}
	switch {
	case len(node.Content) == 0:
		r.report(node, "time has no window",
			"write time: {days: [mon-fri], from: \"08:00\", to: \"18:00\", zone: Europe/Berlin}")
	case w.From == w.To || w.From == minutesOfDay:
		r.report(node, fmt.Sprintf("no time is from %s until %s", clock(w.From), clock(w.To)),
			"leave from and to out for the whole day")
	}
	return w, len(r.problems) == before
}

func (r *reader) days(node *yaml.Node) (days [7]bool) {
	nodes := []*yaml.Node{node}
	if node.Kind == yaml.SequenceNode {
		nodes = node.Content
	}
	if len(nodes) == 0 {
		r.report(node, "days lists no day", "name one, or remove it for every day")
	}
	for _, n := range nodes {
		text, ok := r.text(n, "days")
		if ok && !parseDays(text, &days) {
			r.report(n, fmt.Sprintf("%q is not a day", text),
				"write mon, tue, wed, thu, fri, sat, sun, or a range such as mon-fri")
		}
	}
	return days
}

func (r *reader) clock(node *yaml.Node, what string) int {
	text, ok := r.text(node, what)
	if !ok {
		return 0
	}
	minutes, ok := parseClock(text)
	if !ok {
		r.report(node, fmt.Sprintf("%q is not a time of day", text),
			"write hours and minutes from \"00:00\" to \"24:00\"")
	}
	return minutes
}

func (r *reader) zone(node *yaml.Node) *time.Location {
	text, ok := r.text(node, "zone")
	if !ok {
		return time.UTC
	}
	zone, err := time.LoadLocation(text)
	// "Local" would be another zone on another router.
	if err != nil || text == "" || slices.Contains([]string{"Local", "local"}, text) {
		r.report(node, fmt.Sprintf("%q is not a time zone", text),
			"write a name of the IANA database, such as Europe/Berlin, or UTC")
		return time.UTC
	}
	return zone
}
