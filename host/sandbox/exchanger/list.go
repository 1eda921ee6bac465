package exchanger

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"payrouter/host/sandbox/simulator"
)

// exchange is a bid as get_exchanges and get_partner_exchanges list it.
type exchange struct {
	ID         string `json:"id"`
	APIID      string `json:"api_id"`
	Time       string `json:"time"`
	Date       string `json:"date"`
	PsysGive   string `json:"psys_give"`
	PsysGet    string `json:"psys_get"`
	CodeGive   string `json:"currency_code_give"`
	CodeGet    string `json:"currency_code_get"`
	CourseGive string `json:"course_give"`
	CourseGet  string `json:"course_get"`
	AmountGive string `json:"amount_give"`
	AmountGet  string `json:"amount_get"`
	// Success is upside down, as documented: "0" is an order that was executed; see Options.SuccessIsOne.
	Success  string      `json:"exchange_success"`
	UserHash string      `json:"user_hash"`
	UserIP   string      `json:"user_ip"`
	Status   string      `json:"status"`
	Statuses []bidMoment `json:"statuses,omitempty"`
}

func (x *provider) listed(b *bid, history bool) exchange {
	d := b.direction
	give, get := tenders[d.give], tenders[d.get]
	e := exchange{
		ID: b.id, APIID: b.apiID, Time: x.options.unix(b.changed), Date: x.options.date(b.changed),
		PsysGive: give.psys, PsysGet: get.psys, CodeGive: give.code, CodeGet: get.code,
		CourseGive: d.courseGive, CourseGet: d.courseGet,
		AmountGive: b.sums.giveCom.Trim().String(), AmountGet: b.sums.getCom.Trim().String(),
		Success: "1", UserHash: "u" + b.hash[:8], UserIP: b.ip, Status: b.status,
	}
	if (b.status == "success") != x.options.SuccessIsOne {
		e.Success = "0"
	}
	if history {
		for _, m := range b.history {
			e.Statuses = append(e.Statuses, bidMoment{x.options.unix(m.at), x.options.date(m.at), m.status})
		}
	}
	return e
}

// serveExchanges lists bids, the newest edit first. The filter api_id is documented, and compares with the order's own
// id.
func (x *provider) serveExchanges(r *simulator.Request) simulator.Answer {
	form := r.Form()
	list := []exchange{}
	fits := func(b *bid) bool {
		asked := form.Get("api_id")
		switch {
		case asked == "" || x.options.APIIDFilter == "none":
			return true
		case x.options.APIIDFilter == "api_id":
			return b.apiID == asked
		}
		return b.id == asked
	}
	for _, b := range pageOf(form, x.listBids(form, fits)) {
		list = append(list, x.listed(b, form.Get("status_history") == "1"))
	}
	return x.options.items(list, len(list) == 0)
}

// listBids applies the filters of a list request. What was edited last comes first, and of what was edited at once what
// was made last.
func (x *provider) listBids(form url.Values, fits func(*bid) bool) []*bid {
	asked := func(name, value string) bool { return form.Get(name) == "" || form.Get(name) == value }
	ids := strings.Split(form.Get("id"), ",") // a list: "1,2"
	var found []*bid
	for _, b := range slices.Backward(x.bids) {
		if fits(b) && x.withinTimes(form, b.changed) && asked("ip", b.ip) && asked("hash", b.hash) &&
			(form.Get("id") == "" || slices.Contains(ids, b.id)) {
			found = append(found, b)
		}
	}
	slices.SortStableFunc(found, func(a, b *bid) int { return b.changed.Compare(a.changed) })
	return found
}

// withinTimes reports whether a time is within those of a list request: from start_time to end_time, both included, and
// compared with the site's own time.
func (x *provider) withinTimes(form url.Values, at time.Time) bool {
	from, to := formNumber(form, "start_time", 0), formNumber(form, "end_time", 0)
	seconds := int(x.options.siteTime(at).Unix())
	return seconds >= from && (to == 0 || seconds <= to)
}

// pageOf gives the page that a list request asks for: 100 entries as a rule, 500 at most.
func pageOf[T any](form url.Values, found []T) []T {
	start := min(formNumber(form, "offset", 0), len(found))
	size := min(cmp.Or(formNumber(form, "limit", 100), 100), 500)
	return found[start:min(start+size, len(found))]
}

func formNumber(form url.Values, name string, otherwise int) int {
	n, err := strconv.Atoi(form.Get(name))
	if err != nil || n < 0 {
		return otherwise
	}
	return n
}
