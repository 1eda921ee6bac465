package paygram

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"payrouter/host/sandbox/simulator"
)

// The types of callbacks and updates. A type of 0 is left out.
const (
	balanceChanged  = 0
	withdrawChanged = 1
	invoiceCredited = 2
	moneySent       = 4
	invoiceDebited  = 5
)

// report is the one object that callbacks carry and that GetUpdates lists. Members that have their type's default value
// are left out. How the real hash is made is not public: this one only has its form.
type report struct {
	ID           int             `json:"Id,omitempty"`
	DateUTC      netTime         `json:"DateUtc"`
	Timestamp    int64           `json:"Timestamp,omitempty"`
	CallbackData *string         `json:"CallbackData,omitempty"`
	UserCliID    string          `json:"UserCliId,omitempty"`
	BalanceInfo  *walletMove     `json:"BalanceInfo,omitempty"`
	WithdrawInfo *withdrawalMove `json:"WithdrawInfo,omitempty"`
	InvoiceInfo  *invoiceMove    `json:"InvoiceInfo,omitempty"`
	MoneySent    *transferMove   `json:"MoneySentInfo,omitempty"`
	Hash         string          `json:"Hash"`
	CallbackType enum            `json:"CallbackType,omitzero"`
}

// walletMove is how a wallet has changed.
type walletMove struct {
	TransactionAmount simulator.Money `json:"TransactionAmount,omitzero"`
	Fees              simulator.Money `json:"Fees,omitzero"`
	Currency          enum            `json:"Currency,omitzero"`
	Balance           simulator.Money `json:"Balance,omitzero"`
}

// invoiceMove names an invoice without its status, its amount or whether it is paid: InvoiceInfo has those.
type invoiceMove struct {
	walletMove

	Friendly           string `json:"FriendlyVoucherCode,omitempty"`
	InvoiceCode        string `json:"InvoiceCode"`
	UserIDInClientFrom string `json:"UserIdInClientFrom,omitempty"`
}

type transferMove struct {
	walletMove

	UserCliToID string `json:"UserCliToId,omitempty"`
	VoucherCode string `json:"VoucherCode"`
	Friendly    string `json:"FriendlyVoucherCode,omitempty"`
	RedeemURL   string `json:"RedeemUrl,omitempty"`
}

type withdrawalMove struct {
	walletMove

	Info struct {
		InternalID    int             `json:"InternalId,omitempty"`
		Status        enum            `json:"Status,omitzero"`
		Amount        simulator.Money `json:"Amount,omitzero"`
		Fees          simulator.Money `json:"Fees,omitzero"`
		UserID        string          `json:"UserId,omitempty"`
		BalanceBefore simulator.Money `json:"BalanceBeforeWithdraw,omitzero"`
		WithdrawID    string          `json:"WithdrawId"`
		Method        json.RawMessage `json:"WithdrawMethod,omitempty"`
	} `json:"Info"`
	AdminResponse struct {
		InvoiceStatus enum            `json:"InvoiceStatus,omitzero"`
		AmountSent    simulator.Money `json:"AmountSent,omitzero"`
		Currency      enum            `json:"Currency,omitzero"`
	} `json:"AdminResponse"`
}

// update is a report that waits to be fetched.
type update struct {
	report
	delivered bool
}

// wallet is how a user's wallet stands after sum came in, or went out below 0.
func (p *provider) wallet(u *user, currency int, sum, fees simulator.Money) walletMove {
	return walletMove{sum.Trim(), fees, p.enum(currencies, currency), u.balances[currency]}
}

// newReport begins a report to a user. Every report has an Id of its own.
func (p *provider) newReport(u *user, kind int, callbackData *string) report {
	now := p.Now()
	r := report{
		ID: p.nextReport, DateUTC: netTime{now, false}, Timestamp: now.Unix(), CallbackData: callbackData,
		UserCliID: u.id, Hash: p.IDs.Hex(32), CallbackType: p.enum(callbackTypes, kind),
	}
	p.nextReport++
	return r
}

// reportOn is the report on what has become of an invoice, to whoever made it.
func (p *provider) reportOn(v *invoice) report {
	switch {
	case v.payout != nil:
		return p.withdrawalReport(v)
	case v.voucher != nil:
		return p.transferReport(v)
	}
	return p.invoiceReport(v, v.owner, invoiceCredited)
}

func (p *provider) invoiceReport(v *invoice, to *user, kind int) report {
	r := p.newReport(to, kind, v.callbackData)
	sum := v.amount
	switch {
	case !v.redeemed:
		sum = simulator.Money{}
	case kind == invoiceDebited:
		sum = minus(sum)
	}
	r.InvoiceInfo = &invoiceMove{
		walletMove: p.wallet(to, v.currency, sum, simulator.Money{}), Friendly: v.friendly, InvoiceCode: v.code,
	}
	if v.from != nil {
		r.InvoiceInfo.UserIDInClientFrom = *v.from
	}
	return r
}

func (p *provider) transferReport(v *invoice) report {
	r := p.newReport(v.owner, moneySent, v.callbackData)
	r.MoneySent = &transferMove{
		walletMove: p.wallet(v.owner, v.currency, minus(v.amount), v.fee), VoucherCode: v.code, Friendly: v.friendly,
	}
	if v.to != nil {
		r.MoneySent.UserCliToID = *v.to
	}
	return r
}

func (p *provider) withdrawalReport(v *invoice) report {
	r := p.newReport(v.owner, withdrawChanged, v.callbackData)
	w := &withdrawalMove{walletMove: p.wallet(v.owner, v.currency, minus(v.amount), v.fee)}
	state := p.enum(statuses, v.status)
	w.Info.InternalID, w.Info.Status, w.Info.Amount, w.Info.Fees = r.ID, state, v.amount, v.fee
	w.Info.UserID, w.Info.BalanceBefore = v.owner.id, v.payout.before
	w.Info.WithdrawID = v.code
	w.Info.Method = respelt(v.payout.method, answerName, strings.ToUpper)
	w.AdminResponse.InvoiceStatus = state
	if v.status == invoiceCompleted {
		w.AdminResponse.AmountSent, w.AdminResponse.Currency = v.amount.Sub(v.fee), p.enum(currencies, v.currency)
	}
	r.WithdrawInfo = w
	return r
}

// report queues a report for GetUpdates, and calls back.
func (p *provider) report(a *client, u *user, r report) {
	a.updates = append(a.updates, update{report: r})
	p.callBack(a, u, r)
}

// callBack calls the user's own URL, the account's, or the one set for the sandbox.
func (p *provider) callBack(a *client, u *user, r report) {
	body := spelt(r, !p.options.CamelCaseCallbacks)
	url := p.Callback(a.name).URL
	for _, own := range []*string{a.callbackAPI, u.callbackURL} {
		if url == "" && own != nil {
			url = *own
		}
	}
	p.Post(simulator.Delivery{
		Method: http.MethodPost, URL: url, Body: string(body), Tries: 2,
		Header: http.Header{"Content-Type": {"application/json; charset=utf-8"}},
	})
}

// answerName and reportName are the names of members in answers and in reports.
var (
	answerName = regexp.MustCompile(`"[a-z]\w*":`)
	reportName = regexp.MustCompile(`"[A-Z]\w*":`)
)

// respelt changes the first letter of each name.
func respelt(text []byte, name *regexp.Regexp, letter func(string) string) []byte {
	return name.ReplaceAllFunc(text, func(name []byte) []byte {
		return []byte(`"` + letter(string(name[1])) + string(name[2:]))
	})
}

// spelt writes a report with its names as they are, or each with a small letter first.
func spelt(r report, pascal bool) json.RawMessage {
	text, err := simulator.Marshal(r)
	if err != nil || pascal {
		return text
	}
	return respelt(text, reportName, strings.ToLower)
}

// updates hands out at most 20 reports, which count as delivered from then on.
func (p *provider) updates(q *request) simulator.Answer {
	out := []json.RawMessage{}
	for i := range q.account.updates {
		u := &q.account.updates[i]
		mine := q.fields.UserCliID == "" || u.UserCliID == q.fields.UserCliID
		if !u.delivered && mine && len(out) < 20 {
			u.delivered = true
			out = append(out, spelt(u.report, p.options.PascalCaseUpdates))
		}
	}
	return simulator.JSON(http.StatusOK, struct {
		Updates []json.RawMessage `json:"updates"`
		tail
	}{out, p.tail(typeRates)})
}

// markUpdatesError puts updates back into the queue.
func (p *provider) markUpdatesError(q *request) simulator.Answer {
	for i := range q.account.updates {
		if slices.Contains(q.fields.UpdateIDs, q.account.updates[i].ID) {
			q.account.updates[i].delivered = false
		}
	}
	return simulator.JSON(http.StatusOK, p.tail(typeRates))
}

// userCallback reports what last became of an invoice of the acting user's once more. What the real one does is not
// public.
func (p *provider) userCallback(q *request) simulator.Answer {
	for _, v := range slices.Backward(p.invoices) {
		if v.owner == q.user {
			p.callBack(q.account, q.user, p.reportOn(v))
			return simulator.JSON(http.StatusOK, p.tail(typeUnnamed))
		}
	}
	return failure(codeNotFound, "Nothing to report")
}
