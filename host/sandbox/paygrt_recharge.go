package sandbox

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

type recharge struct {
	ref, txn, operatorID, number, status string
	amount                               money
	date                                 string // of submission, India's
}

// The words of recharge_status, and their status_code.
const (
	paygrtSuccess = "Success"
	paygrtPending = "Pending"
	paygrtFail    = "Fail"
)

//nolint:gochecknoglobals // a table
var paygrtCodes = map[string]string{paygrtSuccess: "0", paygrtFail: "1", paygrtPending: "2"}

// india is where txn_date is counted: the document names no zone, and the provider is Indian.
var india = time.FixedZone("IST", 5*3600+1800) //nolint:gochecknoglobals // a constant in all but name

// paygrtRecharge is the answer to a recharge: what is not known is null.
type paygrtRecharge struct {
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

// paygrtState is the answer to a status check. It has no status_code.
type paygrtState struct {
	APIRefID       *string `json:"api_ref_id"`
	TxnID          *string `json:"txn_id"`
	OperatorID     *string `json:"operator_id"`
	RechargeStatus *string `json:"recharge_status"`
}

func (p *paygrt) serveRecharge(r *request) answer {
	form := r.form()
	ref, number, code := form.Get("api_ref_id"), form.Get("recharge_number"), form.Get("operator_code")
	asked, problem := paygrtCheck(form)
	switch {
	case problem != "":
		return p.refuse(ref, problem)
	case asked.cmp(p.balance) > 0:
		return p.refuse(ref, "Insufficient Merchant Balance")
	case code != "AT":
		return p.refuse(ref, "Recharge Failed")
	}

	made := &recharge{
		ref: ref, txn: strconv.Itoa(p.nextTxn), number: number, amount: asked, status: paygrtPending,
		date: r.now.In(india).Format(time.DateOnly),
	}
	p.nextTxn++
	p.balance = p.balance.sub(asked)
	p.recharges = append(p.recharges, made)
	p.book(Booking{
		Operation: "recharge", Reference: ref, ProviderReference: made.txn, Amount: asked.fixed(2), Currency: "INR",
		MovedMoney: true, Status: made.status,
	})
	message := "Recharge Request Accepted"
	if p.immediate {
		p.move(made, paygrtSuccess)
		message = "Recharge Successful"
	}
	text := made.amount.fixed(2)
	return paygrtAnswer("Success", "0", paygrtRecharge{
		APIRefID: &made.ref, TxnID: &made.txn, OperatorID: &made.operatorID, RechargeNumber: &made.number,
		RechargeAmount: &text, RechargeStatus: &made.status, Message: message,
		RemainingBalance: p.balance.fixed(2), StatusCode: paygrtCodes[made.status],
	})
}

// paygrtCheck finds what is wrong with a recharge's fields.
func paygrtCheck(form url.Values) (asked money, problem string) {
	for _, name := range []string{"api_ref_id", "recharge_number", "recharge_amount", "operator_code"} {
		if form.Get(name) == "" {
			return money{}, "Missing parameter " + name
		}
	}
	if strings.Trim(form.Get("recharge_number"), "0123456789") != "" {
		return money{}, "Invalid Recharge Number"
	}
	asked, err := parseMoney(form.Get("recharge_amount"))
	if err != nil || asked.sign() <= 0 || asked.trim().scale() > 2 {
		return money{}, "Invalid Recharge Amount"
	}
	known := func(o paygrtOperator) bool { return o.Code == form.Get("operator_code") }
	if !slices.ContainsFunc(paygrtOperators, known) {
		return money{}, "Invalid Operator Code"
	}
	return asked, ""
}

// refuse is the document's failed recharge: nulls, and the balance as it is.
func (p *paygrt) refuse(ref, why string) answer {
	return paygrtAnswer("Fail", "1", paygrtRecharge{
		APIRefID: &ref, Message: why, RemainingBalance: p.balance.fixed(2), StatusCode: "1",
	})
}

func (p *paygrt) serveStatus(r *request) answer {
	form := r.form()
	ref, date := form.Get("api_ref_id"), form.Get("txn_date")
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		return paygrtAnswer("Invalid txn_date", "1", paygrtState{APIRefID: &ref})
	}
	found := p.find(func(c *recharge) bool { return c.ref == ref && c.date == date })
	if found == nil {
		return paygrtAnswer("Transaction Not Found", "1", paygrtState{APIRefID: &ref})
	}
	return paygrtAnswer("Success", "0", paygrtState{&found.ref, &found.txn, &found.operatorID, &found.status})
}

// find gives the newest recharge that fits.
func (p *paygrt) find(fits func(*recharge) bool) *recharge {
	for _, c := range slices.Backward(p.recharges) {
		if fits(c) {
			return c
		}
	}
	return nil
}

//nolint:gochecknoglobals // a table
var paygrtEvents = map[string]string{
	"pay": paygrtSuccess, "success": paygrtSuccess, "decline": paygrtFail, "fail": paygrtFail, "pending": paygrtPending,
}

func (p *paygrt) events() []string {
	return []string{"pay", "success", "decline", "fail", "pending"}
}

func (p *paygrt) drive(ref, event, _ string) error {
	found := p.find(func(c *recharge) bool { return c.txn == ref || c.ref == ref })
	if found == nil {
		return fmt.Errorf("%w payment", ErrUnknown)
	}
	to := paygrtEvents[event]
	if found.status == to {
		return fmt.Errorf("%w: it is %s already", ErrRefused, to)
	}
	p.move(found, to)
	return nil
}

// move changes a recharge's status, and the balance with it: a failed recharge is paid back.
func (p *paygrt) move(c *recharge, to string) {
	switch {
	case to == paygrtFail:
		p.balance = p.balance.add(c.amount)
		c.operatorID = ""
	case c.status == paygrtFail:
		p.balance = p.balance.sub(c.amount)
	}
	if to == paygrtSuccess {
		c.operatorID = "PG" + p.ids.digits(5) + "XYZ"
	}
	c.status = to
	p.settle(c.txn, to, to != paygrtFail)
	p.report(c)
}

// report calls the URL back by GET, with everything in the query.
func (p *paygrt) report(c *recharge) {
	if p.callback.URL == "" {
		return
	}
	query := url.Values{
		"api_ref_id": {c.ref}, "txn_id": {c.txn}, "operator_id": {c.operatorID},
		"recharge_status": {c.status},
	}.Encode()
	mark := "?"
	if strings.Contains(p.callback.URL, "?") {
		mark = "&"
	}
	p.courier.post(delivery{provider: Paygrt, method: http.MethodGet, url: p.callback.URL + mark + query, tries: 2})
}
