package exchanger

import (
	"cmp"
	"net/url"
	"slices"
	"strconv"
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
	// Success is upside down, as documented: "0" is an order that was executed.
	Success  string      `json:"exchange_success"`
	UserHash string      `json:"user_hash"`
	UserIP   string      `json:"user_ip"`
	Status   string      `json:"status"`
	Statuses []bidMoment `json:"statuses,omitempty"`
}

func (b *bid) listed(history bool) exchange {
	d := b.direction
	give, get := tenders[d.give], tenders[d.get]
	e := exchange{
		ID: b.id, APIID: b.apiID, Time: strconv.FormatInt(b.changed.Unix(), 10), Date: siteDate(b.changed),
		PsysGive: give.psys, PsysGet: get.psys, CodeGive: give.code, CodeGet: get.code,
		CourseGive: d.courseGive, CourseGet: d.courseGet,
		AmountGive: b.sums.giveCom.Trim().String(), AmountGet: b.sums.getCom.Trim().String(),
		Success: "1", UserHash: "u" + b.hash[:8], UserIP: b.ip, Status: b.status,
	}
	if b.status == "success" {
		e.Success = "0"
	}
	if history {
		e.Statuses = b.history
	}
	return e
}

// serveExchanges lists bids, newest first. The api_id filter is documented, and does nothing.
func (x *provider) serveExchanges(r *simulator.Request) simulator.Answer {
	form := r.Form()
	list := []exchange{}
	for _, b := range pageOf(form, x.listBids(form, func(*bid) bool { return true })) {
		list = append(list, b.listed(form.Get("status_history") == "1"))
	}
	return dataAnswer(map[string]any{"items": list})
}

// listBids applies the filters of a list request, newest first.
func (x *provider) listBids(form url.Values, fits func(*bid) bool) []*bid {
	asked := func(name, value string) bool { return form.Get(name) == "" || form.Get(name) == value }
	var found []*bid
	for _, b := range slices.Backward(x.bids) {
		if fits(b) && withinTimes(form, b.changed) && asked("ip", b.ip) && asked("id", b.id) &&
			asked("hash", b.hash) {
			found = append(found, b)
		}
	}
	return found
}

// withinTimes reports whether a time is within those of a list request: from start_time to end_time, both included.
func withinTimes(form url.Values, at time.Time) bool {
	from, to := formNumber(form, "start_time", 0), formNumber(form, "end_time", 0)
	seconds := int(at.Unix())
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
