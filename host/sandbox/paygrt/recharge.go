package paygrt

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"payrouter/host/sandbox/simulator"
)

type recharge struct {
	ref, txn, operatorID, number, status string
	amount                               simulator.Money
	date                                 string // of submission, India's
}

// The words of recharge_status, and their status_code.
const (
	statusSuccess = "Success"
	statusPending = "Pending"
	statusFail    = "Fail"
)

//nolint:gochecknoglobals // a table
var statusCodes = map[string]string{statusSuccess: "0", statusFail: "1", statusPending: "2"}

// india is where txn_date is counted: the document names no zone, and the provider is Indian.
var india = time.FixedZone("IST", 5*3600+1800) //nolint:gochecknoglobals // a constant in all but name

// rechargeView is the answer to a recharge: what is not known is null.
type rechargeView struct {
	APIRefID         *string `json:"api_ref_id"`
	TxnID            *string `json:"txn_id"`
	OperatorID       *string `json:"operator_id"`
	RechargeNumber   *string `json:"recharge_number"`
	RechargeAmount   *string `json:"recharge_amount"`
	RechargeStatus   *string `json:"recharge_status"`
	Message          string  `json:"message"`
	RemainingBalance string  `json:"remaining_balance"`
	StatusCode       string  `json:"status_code"`
}

// statusView is the answer to a status check. It has no status_code.
type statusView struct {
	APIRefID       *string `json:"api_ref_id"`
	TxnID          *string `json:"txn_id"`
	OperatorID     *string `json:"operator_id"`
	RechargeStatus *string `json:"recharge_status"`
}

func (p *provider) serveRecharge(r *simulator.Request) simulator.Answer {
	form := r.Form()
	ref, number, code := form.Get("api_ref_id"), form.Get("recharge_number"), form.Get("operator_code")
	asked, problem := checkRecharge(form)
	switch {
	case problem != "":
		return p.refuse(ref, problem)
	case asked.Cmp(p.balance) > 0:
		return p.refuse(ref, "Insufficient Merchant Balance")
	case code != "AT":
		return p.refuse(ref, "Recharge Failed")
	}

	made := &recharge{
		ref: ref, txn: strconv.Itoa(p.nextTxn), number: number, amount: asked, status: statusPending,
		date: r.Now.In(india).Format(time.DateOnly),
	}
	p.nextTxn++
	p.balance = p.balance.Sub(asked)
	p.recharges = append(p.recharges, made)
	p.Book(simulator.Booking{
		Operation: "recharge", Reference: ref, ProviderReference: made.txn, Amount: asked.Fixed(2), Currency: "INR",
		MovedMoney: true, Status: made.status,
	})
	message := "Recharge Request Accepted"
	if p.options.Immediate {
		p.move(made, statusSuccess)
		message = "Recharge Successful"
	}
	text := made.amount.Fixed(2)
	return envelopeAnswer("Success", "0", rechargeView{
		APIRefID: &made.ref, TxnID: &made.txn, OperatorID: &made.operatorID, RechargeNumber: &made.number,
		RechargeAmount: &text, RechargeStatus: &made.status, Message: message,
		RemainingBalance: p.balance.Fixed(2), StatusCode: statusCodes[made.status],
	})
}

// checkRecharge finds what is wrong with a recharge's fields.
func checkRecharge(form url.Values) (asked simulator.Money, problem string) {
	for _, name := range []string{"api_ref_id", "recharge_number", "recharge_amount", "operator_code"} {
		if form.Get(name) == "" {
			return simulator.Money{}, "Missing parameter " + name
		}
	}
	if strings.Trim(form.Get("recharge_number"), "0123456789") != "" {
		return simulator.Money{}, "Invalid Recharge Number"
	}
	asked, err := simulator.ParseMoney(form.Get("recharge_amount"))
	if err != nil || asked.Sign() <= 0 || asked.Trim().Scale() > 2 {
		return simulator.Money{}, "Invalid Recharge Amount"
	}
	known := func(o operator) bool { return o.Code == form.Get("operator_code") }
	if !slices.ContainsFunc(operators, known) {
		return simulator.Money{}, "Invalid Operator Code"
	}
	return asked, ""
}

// refuse is the document's failed recharge: nulls, and the balance as it is.
func (p *provider) refuse(ref, why string) simulator.Answer {
	return envelopeAnswer("Fail", "1", rechargeView{
		APIRefID: &ref, Message: why, RemainingBalance: p.balance.Fixed(2), StatusCode: "1",
	})
}

func (p *provider) serveStatus(r *simulator.Request) simulator.Answer {
	form := r.Form()
	ref, date := form.Get("api_ref_id"), form.Get("txn_date")
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		return envelopeAnswer("Invalid txn_date", "1", statusView{APIRefID: &ref})
	}
	found := p.find(func(c *recharge) bool { return c.ref == ref && c.date == date })
	if found == nil {
		return envelopeAnswer("Transaction Not Found", "1", statusView{APIRefID: &ref})
	}
	return envelopeAnswer("Success", "0", statusView{&found.ref, &found.txn, &found.operatorID, &found.status})
}

// find gives the newest recharge that fits.
func (p *provider) find(fits func(*recharge) bool) *recharge {
	for _, c := range slices.Backward(p.recharges) {
		if fits(c) {
			return c
		}
	}
	return nil
}

//nolint:gochecknoglobals // a table
var eventStatuses = map[string]string{
	"pay": statusSuccess, "success": statusSuccess, "decline": statusFail, "fail": statusFail, "pending": statusPending,
}

func (p *provider) Events() []string {
	return []string{"pay", "success", "decline", "fail", "pending"}
}

func (p *provider) Drive(ref, event, _ string) error {
	found := p.find(func(c *recharge) bool { return c.txn == ref || c.ref == ref })
	if found == nil {
		return fmt.Errorf("%w payment", simulator.ErrUnknown)
	}
	to := eventStatuses[event]
	if found.status == to {
		return fmt.Errorf("%w: it is %s already", simulator.ErrRefused, to)
	}
	p.move(found, to)
	return nil
}

// move changes a recharge's status, and the balance with it: a failed recharge is paid back.
func (p *provider) move(c *recharge, to string) {
	switch {
	case to == statusFail:
		p.balance = p.balance.Add(c.amount)
		c.operatorID = ""
	case c.status == statusFail:
		p.balance = p.balance.Sub(c.amount)
	}
	if to == statusSuccess {
		c.operatorID = "PG" + p.IDs.Digits(5) + "XYZ"
	}
	c.status = to
	p.Settle(c.txn, to, to != statusFail)
	p.report(c)
}

// report calls the URL back by GET, with everything in the query.
func (p *provider) report(c *recharge) {
	if p.Callback("").URL == "" {
		return
	}
	query := url.Values{
		"api_ref_id": {c.ref}, "txn_id": {c.txn}, "operator_id": {c.operatorID},
		"recharge_status": {c.status},
	}.Encode()
	mark := "?"
	if strings.Contains(p.Callback("").URL, "?") {
		mark = "&"
	}
	p.Post(simulator.Delivery{Method: http.MethodGet, URL: p.Callback("").URL + mark + query, Tries: 2})
}
