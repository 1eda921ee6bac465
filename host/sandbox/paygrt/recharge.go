package paygrt

import (
	"cmp"
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
	at                                   time.Time // of submission
}

// The words of recharge_status, and their status_code.
const (
	statusSuccess = "Success"
	statusPending = "Pending"
	statusFail    = "Fail"
)

//nolint:gochecknoglobals // a table
var statusCodes = map[string]string{statusSuccess: "0", statusFail: "1", statusPending: "2"}

// india is where txn_date is counted, unless Options.UTC: the document names no zone, and the provider is Indian.
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
	case p.options.Unique && p.find(func(c *recharge) bool { return c.ref == ref }) != nil:
		return p.refuse(ref, "Duplicate api_ref_id")
	case code != "AT" && !p.options.AnyOperator:
		return p.refuse(ref, "Recharge Failed")
	}

	made := &recharge{
		ref: ref, txn: strconv.Itoa(p.nextTxn), number: number, amount: asked, status: statusPending,
		at: r.Now,
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
	if p.options.NoData {
		return envelopeAnswer(why, "1", nil)
	}
	return envelopeAnswer("Fail", "1", rechargeView{
		APIRefID: &ref, Message: why, RemainingBalance: p.balance.Fixed(2), StatusCode: "1",
	})
}

func (p *provider) serveStatus(r *simulator.Request) simulator.Answer {
	form := r.Form()
	ref, date := form.Get("api_ref_id"), form.Get("txn_date")
	problem := ""
	found := p.find(func(c *recharge) bool { return c.ref == ref && p.dateOf(c) == date })
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		problem = "Invalid txn_date"
	} else if found == nil {
		problem = "Transaction Not Found"
	}
	switch {
	case problem != "" && p.options.NoData:
		return envelopeAnswer(problem, "1", nil)
	case problem != "":
		return envelopeAnswer(problem, "1", statusView{APIRefID: &ref})
	}
	echoed := cmp.Or(p.options.Echo, found.ref)
	return envelopeAnswer("Success", "0", statusView{&echoed, &found.txn, &found.operatorID, &found.status})
}

// dateOf is the day on which a recharge was submitted.
func (p *provider) dateOf(c *recharge) string {
	zone := india
	if p.options.UTC {
		zone = time.UTC
	}
	return c.at.In(zone).Format(time.DateOnly)
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

func (p *provider) Events() []string {
	return []string{
		"pay", "underpay", "overpay", simulator.PayLate, "expire", "decline", "success", "fail", "pending",
	}
}

func (p *provider) Drive(ref, event, sum string) error {
	found := p.find(func(c *recharge) bool { return c.txn == ref || c.ref == ref })
	if found == nil {
		return fmt.Errorf("%w payment", simulator.ErrUnknown)
	}
	to, err := found.after(event, sum)
	switch {
	case err != nil:
		return err
	case found.status == to:
		return fmt.Errorf("%w: it is %s already", simulator.ErrRefused, to)
	case event == simulator.PayLate && found.status != statusFail:
		p.move(found, statusFail)
	}
	p.move(found, to)
	return nil
}

// after is a recharge's status after an event. Nobody pays a recharge in parts: with less than its amount, which is in
// INR, it fails, and of more it takes its amount. What the operator does not carry out in time fails. Money that comes
// late is a success that is reported after a failure.
func (c *recharge) after(event, sum string) (status string, err error) {
	paid := c.amount
	switch event {
	case "decline", "fail", "expire":
		return statusFail, nil
	case "pending":
		return statusPending, nil
	case "underpay":
		paid = paid.Mul(simulator.Amount("0.5"))
	case "overpay":
		paid = paid.Mul(simulator.Amount("1.1"))
	}
	if paid, err = simulator.EventAmount(sum, paid); err != nil {
		return "", err
	}
	if paid.Cmp(c.amount) < 0 {
		return statusFail, nil
	}
	return statusSuccess, nil
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

// report calls the URL back, with everything in the query, or as the options have it.
func (p *provider) report(c *recharge) {
	address := p.Callback("").URL
	if address == "" {
		return
	}
	members := url.Values{
		"api_ref_id": {c.ref}, "txn_id": {c.txn}, "operator_id": {c.operatorID},
		"recharge_status": {c.status},
	}.Encode()
	d := simulator.Delivery{Method: http.MethodGet, URL: address, Tries: 2}
	if p.options.Callback != CallbackGet {
		d.Method = http.MethodPost
	}
	if p.options.Callback == CallbackForm {
		d.Body = members
		d.Header = http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		p.Post(d)
		return
	}
	mark := "?"
	if strings.Contains(address, "?") {
		mark = "&"
	}
	d.URL += mark + members
	p.Post(d)
}
