package chaos

import (
	"fmt"
	"slices"

	"payrouter/host/sandbox"
)

// RunView is all that a service received about one native run.
type RunView struct {
	// Reference is what the provider books it under; Site is the provider.
	Reference, Site string
	// IDs are the runs in answers, Final their terminal statuses.
	IDs, Final []string
	Complaints []string
	// Excused: its journalling fell into a journal's lost tail, so the journal need not know it.
	Excused bool
}

// RunEntry is a native run as the journal has it.
type RunEntry struct {
	ID        string `json:"id"`
	Provider  string `json:"provider"`
	Operation string `json:"operation"`
	Status    string `json:"status"`
	Input     struct {
		CallbackData string `json:"callbackData"`
		APIRefID     string `json:"api_ref_id"`
		APIID        string `json:"api_id"`
	} `json:"input"`
}

func (e RunEntry) reference() string {
	return e.Input.CallbackData + e.Input.APIRefID + e.Input.APIID
}

// AuditRuns compares the answers about native runs, the journal, and the providers' bookings. It ignores bookings of
// payments. It is pure.
func AuditRuns(views []RunView, journal []RunEntry,
	bookings []sandbox.Booking,
) (violations []Violation, unknown map[string]int) {
	unknown = map[string]int{}
	find := func(kind, id, reference, format string, args ...any) {
		violations = append(violations,
			Violation{Kind: kind, Payment: id, Order: reference, Detail: fmt.Sprintf(format, args...)})
	}
	runs, booked := map[string][]RunEntry{}, map[string][]sandbox.Booking{}
	for _, e := range journal {
		runs[e.reference()] = append(runs[e.reference()], e)
	}
	for _, b := range bookings {
		if ofRun(b) {
			booked[b.Reference] = append(booked[b.Reference], b)
		}
	}
	for _, t := range views {
		for _, complaint := range t.Complaints {
			find(Lie, "", t.Reference, "%s", complaint)
		}
		known, made := runs[t.Reference], booked[t.Reference]
		if len(t.IDs) > 1 && !t.Excused {
			find(Double, t.IDs[0], t.Reference, "one key was answered with %d runs: %v", len(t.IDs), t.IDs)
		}
		if len(known) > 1 {
			find(Double, known[0].ID, t.Reference, "the journal has %d runs for one key", len(known))
		}
		if len(made) > 1 {
			find(Double, "", t.Reference, "%s booked %d times for one run", t.Site, len(made))
		}
		for _, id := range t.IDs {
			if !t.Excused && !slices.ContainsFunc(known, func(e RunEntry) bool { return e.ID == id }) {
				find(Lost, id, t.Reference, "a service has the id, and the journal does not")
			}
		}
		if len(made) > 0 && len(known) == 0 && !t.Excused {
			find(Lost, "", t.Reference, "%s booked %s, and the journal has no run for it", t.Site,
				made[0].ProviderReference)
		}
		for _, e := range known {
			for _, status := range t.Final {
				if status != e.Status && !t.Excused {
					find(Lie, e.ID, t.Reference, "a service got %s, and it is %s", status, e.Status)
				}
			}
			switch e.Status {
			case "succeeded":
				if len(made) == 0 {
					find(Lie, e.ID, t.Reference, "it succeeded, and %s booked nothing", t.Site)
				}
			case "failed":
				if len(made) > 0 {
					find(Lie, e.ID, t.Reference, "it failed, and %s booked %s", t.Site, made[0].ProviderReference)
				}
			case "unknown":
				unknown["a run of "+e.Operation+" was sent and not answered: a person settles it"]++
			default:
				find(Unsettled, e.ID, t.Reference, "it is %s", e.Status)
			}
		}
	}
	return violations, unknown
}
