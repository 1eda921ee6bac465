package exchanger

import (
	"cmp"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"payrouter/host/sandbox/simulator"
)

// bid is an order to exchange.
type bid struct {
	id, hash, apiID, partner string
	direction                direction
	sums                     sums
	callbackURL, ip          string
	status                   string
	changed                  time.Time
	history                  []moment
	payAddress               string
}

// moment is one change of a bid's status, and when it was.
type moment struct {
	at     time.Time
	status string
}

// bidMoment is one change of a bid's status.
type bidMoment struct {
	Time   string `json:"time"`
	Date   string `json:"date"`
	Status string `json:"status"`
}

// bidStatus is what a status means to this simulation.
type bidStatus struct {
	title string
	// arrived: the payer's money is at the site; over: the bid has ended.
	arrived, over bool
}

//nolint:gochecknoglobals // a table
var bidStatuses = map[string]bidStatus{
	"new":         {"New order", false, false},
	"coldnew":     {"Awaiting confirmation", false, false},
	"techpay":     {"Payment started", false, false},
	"payed":       {"Marked as paid", false, false},
	"merchwait":   {"Awaiting the merchant", false, false},
	"coldpay":     {"Awaiting confirmations", true, false},
	"partpay":     {"Paid in part", true, false},
	"realpay":     {"Paid", true, false},
	"verify":      {"Paid, being verified", true, false},
	"amlwait":     {"AML check", true, false},
	"amlerror":    {"AML check failed", true, false},
	"mercherror":  {"Merchant's error", false, false},
	"coldsuccess": {"Awaiting the payout's confirmations", true, false},
	"partpayout":  {"Paid out in part", true, false},
	"payouterror": {"Payout failed", true, false},
	"scrpayerror": {"Automatic payout failed", true, false},
	"error":       {"Error", false, false},
	"success":     {"Completed", true, true},
	"cancel":      {"Cancelled by the user", false, true},
	"delete":      {"Deleted", false, true},
}

var (
	apiIDForm = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)
	emailForm = regexp.MustCompile(`^[^@\s]+@[^@\s]+\.[^@\s]+$`)
)

// bidView is a bid as create_bid and bid_info show it: the fields are in the document's order.
type bidView struct {
	URL         string     `json:"url"`
	ID          string     `json:"id"`
	Hash        string     `json:"hash"`
	Status      string     `json:"status"`
	StatusTitle string     `json:"status_title"`
	PsysGive    string     `json:"psys_give"`
	PsysGet     string     `json:"psys_get"`
	CodeGive    string     `json:"currency_code_give"`
	CodeGet     string     `json:"currency_code_get"`
	AmountGive  string     `json:"amount_give"`
	AmountGet   string     `json:"amount_get"`
	CourseGive  string     `json:"course_give"`
	CourseGet   string     `json:"course_get"`
	Actions     bidActions `json:"api_actions"`
}

// bidActions are the possible actions on a bid.
type bidActions struct {
	Type        string `json:"type"`
	Cancel      string `json:"cancel"`
	Pay         string `json:"pay"`
	Instruction string `json:"instruction"`
	PayAmount   string `json:"pay_amount"`
	Address     string `json:"address,omitempty"`
}

func (b *bid) url(r *simulator.Request) string { return r.Base + "/hst_" + b.hash + "/" }

func (b *bid) view(r *simulator.Request) bidView {
	d := b.direction
	give, get := tenders[d.give], tenders[d.get]
	return bidView{
		URL: b.url(r), ID: b.id, Hash: b.hash, Status: b.status, StatusTitle: bidStatuses[b.status].title,
		PsysGive: give.psys, PsysGet: get.psys, CodeGive: give.code, CodeGet: get.code,
		AmountGive: b.sums.giveCom.Trim().String(), AmountGet: b.sums.getCom.Trim().String(),
		CourseGive: d.courseGive, CourseGet: d.courseGet, Actions: b.actions(r),
	}
}

// payable statuses are those in which the payer has not paid yet.
func (b *bid) payable() bool {
	return b.status == "new" || b.status == "coldnew" || b.status == "techpay"
}

func (b *bid) actions(r *simulator.Request) bidActions {
	if !b.payable() {
		return bidActions{Type: "finished", Cancel: "disabled", Pay: "disabled", PayAmount: "0"}
	}
	a := bidActions{
		Type: "mypaid", Cancel: b.direction.cancel, Pay: b.direction.pay,
		PayAmount: b.sums.giveCom.Trim().String(),
	}
	switch {
	case b.direction.pay == "link":
		a.Type, a.Pay = "link", b.url(r)+"pay/"
		a.Instruction = "<p>Go to the payment page.</p>"
	case b.payAddress != "":
		a.Address = b.payAddress
		a.Instruction = "<p>Send exactly <b>" + a.PayAmount + " " + tenders[b.direction.give].code + "</b> to " +
			a.Address + "</p>"
	}
	return a
}

func (x *provider) serveCreate(r *simulator.Request) simulator.Answer {
	form := r.Form()
	d, ok := x.findDirection(form)
	if !ok {
		return x.options.failure("1", "direction not found")
	}
	s := d.calculate(siteNumber(form.Get("calc_amount")), calcAction(form))
	blamed := d.check(form)
	if name, html := x.outside(d, s); name != "" {
		blamed[name] = html
	}
	if len(blamed) > 0 {
		return x.options.invalid(blamed)
	}
	apiID := "0" // what is no positive number is no api_id
	if given := form.Get("api_id"); apiIDForm.MatchString(given) {
		apiID = given
	}
	if x.apiIDs[apiID] {
		return x.options.failure("3", "api id not unique")
	}

	b := &bid{
		id: strconv.Itoa(x.nextBid), hash: x.IDs.Hex(18)[:35], apiID: apiID, partner: form.Get("partner_id"),
		direction: d, sums: s,
		callbackURL: form.Get("callback_url"), ip: r.IP, payAddress: giveAddress(d, x.IDs),
	}
	x.nextBid++
	x.bids = append(x.bids, b)
	x.apiIDs[apiID] = apiID != "0"
	x.Book(simulator.Booking{
		Operation: "create_bid", Reference: strings.TrimPrefix(apiID, "0"), ProviderReference: b.id,
		Amount: s.giveCom.Trim().String(), Currency: tenders[d.give].code, Status: "new",
	})
	b.set("new", r.Now)
	return x.options.data(b.view(r))
}

// giveAddress is where coins are to be sent; cards are paid on a page.
func giveAddress(d direction, draw *simulator.IDs) string {
	switch tenders[d.give].code {
	case "USDT":
		return "T" + strings.ToUpper(draw.Hex(17))[:33]
	case "BTC":
		return simulator.CryptoAddress("btc", draw)
	case "ETH":
		return simulator.CryptoAddress("eth", draw)
	default:
		return ""
	}
}

// check finds the fields that are missing or wrong.
func (d direction) check(form url.Values) map[string]string {
	blamed := map[string]string{}
	for _, f := range slices.Concat(d.giveFields, d.getFields, d.dirFields) {
		value := strings.TrimSpace(form.Get(f.Name))
		switch {
		case value == "" && f.Req == "1":
			blamed[f.Name] = "<span>field is not filled</span>"
		case value != "" && f.Name == "cf6" && !emailForm.MatchString(value):
			blamed[f.Name] = "<span>not an e-mail</span>"
		case value != "" && strings.HasSuffix(f.Label, " card") && !cardNumber(value):
			blamed[f.Name] = "<span>invalid card number</span>"
		}
	}
	return blamed
}

func cardNumber(text string) bool {
	digits := strings.ReplaceAll(text, " ", "")
	return len(digits) >= 12 && len(digits) <= 19 && strings.Trim(digits, "0123456789") == ""
}

// set changes a bid's status, at a time.
func (b *bid) set(status string, now time.Time) {
	b.status, b.changed = status, now
	b.history = append(b.history, moment{now, status})
}

// asked finds the bid that a request names by hash or id. A bid whose direction is off is as one that does not exist.
func (x *provider) asked(r *simulator.Request) *bid {
	form := r.Form()
	return x.findBid(func(b *bid) bool {
		named := b.hash == form.Get("hash") || form.Get("hash") == "" && b.id == form.Get("id")
		return named && !x.options.off(b.direction.id)
	})
}

func (x *provider) findBid(fits func(*bid) bool) *bid {
	for _, b := range slices.Backward(x.bids) {
		if fits(b) {
			return b
		}
	}
	return nil
}

func (x *provider) serveInfo(r *simulator.Request) simulator.Answer {
	b := x.asked(r)
	if b == nil {
		return x.options.failure("1", "no bid exists")
	}
	return x.options.data(b.view(r))
}

func (x *provider) serveCancel(r *simulator.Request) simulator.Answer {
	return x.act(r, "cancel", func(b *bid) bool { return b.direction.cancel == "api" })
}

// servePay takes the payer's word that money was sent. It proves nothing.
func (x *provider) servePay(r *simulator.Request) simulator.Answer {
	return x.act(r, "payed", func(b *bid) bool { return b.direction.pay == "api" })
}

// serveSuccess completes an order, where the site's owner lets the key do that.
func (x *provider) serveSuccess(r *simulator.Request) simulator.Answer {
	if !x.options.SuccessBid {
		return x.options.refusal(3, "Method not supported")
	}
	return x.act(r, "success", func(*bid) bool { return true })
}

// act moves a bid at the caller's word. One that is there already is left alone; one whose status does not allow it is
// as one that does not exist.
func (x *provider) act(r *simulator.Request, to string, allowed func(*bid) bool) simulator.Answer {
	b := x.asked(r)
	switch {
	case b == nil:
		return x.options.failure("1", "no bid exists")
	case b.status == to:
	case bidStatuses[b.status].over || to != "success" && !b.payable():
		return x.options.failure("1", "no bid exists")
	case !allowed(b):
		return x.options.refusal(2, "action disabled")
	default:
		x.moveBid(b, to)
	}
	if x.options.ActAnswer == "success" {
		return x.options.data("success")
	}
	return x.options.data(to)
}

// bidEvents are the controls that are not statuses themselves.
//
//nolint:gochecknoglobals // a table
var bidEvents = map[string]string{
	"pay": "success", "decline": "error", "expire": "delete", simulator.PayLate: "success",
}

func (x *provider) Events() []string {
	events := []string{"underpay", "overpay"}
	for event := range bidEvents {
		events = append(events, event)
	}
	for status := range bidStatuses {
		events = append(events, status)
	}
	slices.Sort(events)
	return events
}

func (x *provider) Drive(ref, event, amount string) error {
	b := x.findBid(func(b *bid) bool { return ref == b.id || ref == b.hash || ref == b.apiID && ref != "0" })
	switch {
	case b == nil:
		return x.drivePayout(ref, event)
	case event == "underpay":
		return x.payOther(b, amount, "0.5")
	case event == "overpay":
		return x.payOther(b, amount, "1.1")
	}
	to := cmp.Or(bidEvents[event], event)
	if b.status == to {
		return fmt.Errorf("%w: it is %s already", simulator.ErrRefused, to)
	}
	if event == simulator.PayLate && !bidStatuses[b.status].over {
		x.moveBid(b, "delete") // the site closes the order, and an operator executes it when the money comes
	}
	x.moveBid(b, to)
	return nil
}

// payOther has the payer send another sum than the order's, in the currency that the payer gives: amount, or a part of
// what is due.
func (x *provider) payOther(b *bid, amount, part string) error {
	if bidStatuses[b.status].arrived || bidStatuses[b.status].over {
		return fmt.Errorf("%w: it is %s", simulator.ErrRefused, b.status)
	}
	due := b.sums.giveCom
	sent, err := simulator.EventAmount(amount,
		due.Mul(simulator.Amount(part)).RoundUp(tenders[b.direction.give].places))
	switch {
	case err != nil:
		return err
	case x.options.KeepsSums && sent.Cmp(due) < 0:
		x.moveBid(b, "partpay")
		return nil
	case !x.options.KeepsSums:
		b.sums = b.direction.calculate(sent, 3)
	}
	x.moveBid(b, "success")
	return nil
}

// moveBid changes a bid's status, moves the reserves when it is done, and sends the callback.
func (x *provider) moveBid(b *bid, to string) {
	give, get := b.direction.give, b.direction.get
	switch {
	case to == "success":
		x.reserves[give] = x.reserves[give].Add(b.sums.give)
		x.reserves[get] = x.reserves[get].Sub(b.sums.get)
		x.partner.reward(b)
	case b.status == "success":
		x.reserves[give] = x.reserves[give].Sub(b.sums.give)
		x.reserves[get] = x.reserves[get].Add(b.sums.get)
		x.partner.takeBack(b)
	}
	b.set(to, x.Now())
	x.Settle(b.id, to, bidStatuses[to].arrived)
	x.Post(simulator.Delivery{
		Method: http.MethodPost, URL: cmp.Or(b.callbackURL, x.Callback("").URL), Tries: 1,
		Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
		Body:   url.Values{"bid_id": {b.id}, "status": {to}}.Encode(),
	})
}

func (x *provider) Page(path string) (simulator.PayerPage, bool) {
	rest, ok := strings.CutPrefix(path, "/hst_")
	hash, _, _ := strings.Cut(rest, "/")
	b := x.findBid(func(b *bid) bool { return b.hash == hash })
	if !ok || b == nil {
		return simulator.PayerPage{}, false
	}
	return simulator.PayerPage{
		Reference: b.id, Amount: b.sums.giveCom.Trim().String(), Currency: tenders[b.direction.give].code,
		Status: b.status,
	}, true
}
