package sandbox

import (
	"fmt"
	"net/http"
)

// paygrt simulates api.paygrt.com: recharges of phones and bills, in INR. Everything is a string, HTTP is always 200,
// and "0" is success. Only Airtel (AT) succeeds, as in the provider's test environment.
//
// The document is silent on a second recharge under one api_ref_id: here it is a second recharge, the worst case.
type paygrt struct {
	*desk
	key       string
	merchant  string
	immediate bool
	balance   money
	recharges []*recharge
	nextTxn   int
}

type paygrtEnvelope struct {
	Message string `json:"message"`
	Data    any    `json:"data"`
	Status  string `json:"status"`
}

type paygrtOperator struct {
	Name string `json:"operator_name"`
	Code string `json:"operator_code"`
	Type string `json:"type"`
}

// paygrtOperators is the document's list.
//
//nolint:gochecknoglobals // a table
var paygrtOperators = []paygrtOperator{
	{"Home Credit", "HC", "Cash Drop"},
	{"Swiggy", "SW", "Cash Drop"},
	{"Bajaj Finserv", "BFC", "Cash Drop"},
	{"Airtel", "AT", "Mobile"},
	{"BSNL Special", "BS", "Mobile"},
	{"BSNL Top Up", "BT", "Mobile"},
	{"Idea", "ID", "Mobile"},
	{"MTNL Special", "MS", "Mobile"},
	{"MTNL Top Up", "TM", "Mobile"},
	{"Reliance Jio", "RJ", "Mobile"},
	{"Tata Docomo Special", "DS", "Mobile"},
	{"Tata Docomo Top Up", "DT", "Mobile"},
	{"Tata Indicom/ CDMA", "TI", "Mobile"},
	{"Uninor Special", "US", "Mobile"},
	{"Uninor Top Up", "UT", "Mobile"},
	{"Vodafone", "VF", "Mobile"},
	{"Airtel DTH", "AH", "DTH"},
	{"BIG TV", "BG", "DTH"},
	{"Dish TV", "DH", "DTH"},
	{"Sun Direct", "SD", "DTH"},
	{"Tata Sky", "TS", "DTH"},
	{"Videocon D2h", "VD", "DTH"},
}

func newPaygrt(d *desk, o Options, balance money) *paygrt {
	return &paygrt{
		desk:      d,
		key:       o.Credentials.Paygrt,
		merchant:  o.PaygrtMerchant,
		immediate: o.PaygrtImmediate,
		balance:   balance,
		nextTxn:   d.ids.first(5001234), // the document's example
	}
}

func (p *paygrt) open(string) map[string]string {
	return map[string]string{"api_key": p.key}
}

func (p *paygrt) routes() []route {
	return []route{
		{
			operation: "balance", method: http.MethodGet, pattern: "/v1/merchants/{merchant}/balance",
			serve: p.serveBalance,
		},
		{operation: "operators", method: http.MethodGet, pattern: "/v1/operators/{merchant}", serve: p.serveOperators},
		{
			operation: "status", method: http.MethodPost, pattern: "/v1/recharges/status/{merchant}",
			serve: p.serveStatus,
		},
		{operation: "recharge", method: http.MethodPost, pattern: "/v1/recharges/{merchant}", serve: p.serveRecharge},
	}
}

func paygrtAnswer(message, status string, data any) answer {
	return jsonAnswer(http.StatusOK, paygrtEnvelope{message, data, status})
}

// admit checks the key. How a bad one is answered is not documented; that HTTP is 200 and status "1" is.
func (p *paygrt) admit(r *request) *answer {
	merchant := r.vars["merchant"]
	if r.header.Get("api-key") == p.key && (p.merchant == "" || merchant == "" || merchant == p.merchant) {
		return nil
	}
	a := paygrtAnswer("Invalid API Key", "1", nil)
	return &a
}

func (p *paygrt) missing(*request) answer {
	return jsonAnswer(http.StatusNotFound,
		map[string]string{"Message": "No HTTP resource was found that matches the request URI."})
}

func (p *paygrt) maintenance() answer {
	return jsonAnswer(http.StatusServiceUnavailable, map[string]string{"Message": "Service Unavailable"})
}

func (p *paygrt) serveBalance(r *request) answer {
	return paygrtAnswer("Success", "0", struct {
		ID      string `json:"merchant_id"`
		Name    string `json:"merchant_name"`
		Balance string `json:"balance"`
	}{r.vars["merchant"], "API Partner Demo", p.balance.fixed(4)})
}

func (p *paygrt) serveOperators(*request) answer {
	return paygrtAnswer("Success", "0", paygrtOperators)
}

func (p *paygrt) fund(_, currency string, balance money) error {
	if currency != "" && currency != "INR" {
		return fmt.Errorf("%w currency %q: paygrt has INR", ErrInvalid, currency)
	}
	p.balance = balance
	return nil
}

func (p *paygrt) page(string) (payerPage, bool) { return payerPage{}, false }
