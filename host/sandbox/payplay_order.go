package sandbox

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

// order is an order as the document shows it: the fields are in its order.
type order struct {
	ID                string         `json:"id"`
	Currency          string         `json:"currency"`
	OrderNumber       string         `json:"order_number"`
	Value             string         `json:"value"`
	ExpectedAmount    *string        `json:"expected_amount"`
	ReceivedTotal     string         `json:"received_total"`
	ExchangeRate      *string        `json:"exchange_rate"`
	CleanRate         *string        `json:"clean_exchange_rate"`
	IsInternal        *bool          `json:"is_internal"`
	DepositedCurrency string         `json:"deposited_currency"`
	ReceivedCurrency  string         `json:"received_currency"`
	Status            string         `json:"status"`
	ExternalOrderID   *string        `json:"external_order_id"`
	CreatedAt         payplayTime    `json:"created_at"`
	CompletedAt       *payplayTime   `json:"completed_at"`
	AcquiringURL      *string        `json:"acquiring_url"`
	SuccessfulLink    *string        `json:"successful_link"`
	FailureLink       *string        `json:"failure_link"`
	Transactions      []*transaction `json:"transactions"`

	slug     string
	topup    bool
	expected money
	received money // net of fees, in the received currency
	refunded money
}

// transaction is a movement of coins as the document shows it.
type transaction struct {
	ID          string       `json:"id"`
	Type        string       `json:"type"`
	Currency    string       `json:"currency"`
	Value       string       `json:"value"`
	Status      string       `json:"status"`
	Hash        *string      `json:"hash"`
	IsInternal  bool         `json:"is_internal"`
	CreatedAt   payplayTime  `json:"created_at"`
	CompletedAt *payplayTime `json:"completed_at"`

	fee money // on top of what went out, or kept back from what came in
}

func orderAnswer(o *order) answer {
	return jsonAnswer(http.StatusOK, map[string]any{"order": o.view()})
}

func (p *payplay) serveCreate(r *request) answer {
	var in orderRequest
	errs := &fieldErrors{}
	if json.Unmarshal(r.body, &in) != nil {
		errs.add("amount", "The given data was invalid.")
		return *errs.answer()
	}
	value := payplayAmount(in.Amount, errs)
	in.check(errs)
	if refusal := errs.answer(); refusal != nil {
		return *refusal
	}
	o := p.newOrder(r, in, value, "/crypto-orders/")
	p.book(Booking{
		Operation: "create_order", Reference: o.external(), ProviderReference: o.ID, Amount: o.Value,
		Currency: o.Currency, Status: o.Status,
	})
	return orderAnswer(o)
}

// orderRequest is what an order, or a top-up, is asked for with.
type orderRequest struct {
	Amount         json.RawMessage `json:"amount"`
	Currency       string          `json:"currency"`
	ExternalID     *string         `json:"external_order_id"`
	SuccessfulLink *string         `json:"successful_link"`
	FailureLink    *string         `json:"failure_link"`
}

// check finds fault with all but the amount.
func (in orderRequest) check(errs *fieldErrors) {
	if _, known := payplayPrice[in.Currency]; !known {
		errs.add("currency", "The selected currency is invalid.")
	}
	if in.ExternalID != nil && !payplayExternalID.MatchString(*in.ExternalID) {
		errs.add("external_order_id", "The external order id format is invalid.")
	}
	if in.SuccessfulLink != nil {
		checkURL(*in.SuccessfulLink, "successful_link", errs)
	}
	if in.FailureLink != nil {
		checkURL(*in.FailureLink, "failure_link", errs)
	}
}

// newOrder makes an order with a page under a path.
func (p *payplay) newOrder(r *request, in orderRequest, value money, path string) *order {
	id := p.ids.uuid()
	link := r.base + path + id
	o := &order{
		ID: id, Currency: in.Currency, OrderNumber: p.ids.digits(9), Value: value.trim().String(), ReceivedTotal: "0",
		DepositedCurrency: "USDT", ReceivedCurrency: "USDT", Status: orderInit, ExternalOrderID: in.ExternalID,
		CreatedAt: payplayTime{r.now}, AcquiringURL: &link, SuccessfulLink: in.SuccessfulLink,
		FailureLink:  in.FailureLink,
		Transactions: []*transaction{}, slug: r.vars["slug"],
	}
	p.orders = append(p.orders, o)
	return o
}

func (o *order) external() string {
	if o.ExternalOrderID == nil {
		return ""
	}
	return *o.ExternalOrderID
}

// onSlug finds an order of the page that the request names.
func (p *payplay) onSlug(r *request) *order {
	for _, o := range slices.Backward(p.orders) { // the newest are asked for most
		if o.ID == r.vars["id"] && o.slug == r.vars["slug"] {
			return o
		}
	}
	return nil
}

func (p *payplay) serveOrder(r *request) answer {
	if o := p.onSlug(r); o != nil {
		return orderAnswer(o)
	}
	return laravelMessage(http.StatusNotFound, "Order not found")
}

// serveComplete takes an order that was paid in part for paid.
func (p *payplay) serveComplete(r *request) answer {
	o := p.onSlug(r)
	if o == nil {
		return laravelMessage(http.StatusNotFound, "Order not found")
	}
	if o.Status != orderPartial {
		errs := &fieldErrors{}
		errs.add("order", "The order cannot be completed.")
		return *errs.answer()
	}
	p.moveOrder(o, orderComplete)
	return orderAnswer(o)
}

// serveOrders lists a page's orders, newest first.
func (p *payplay) serveOrders(r *request) answer {
	errs := &fieldErrors{}
	keep := orderFilter(r, errs)
	page, size := listPage(r.query, errs)
	if refusal := errs.answer(); refusal != nil {
		return *refusal
	}
	found := []*order{}
	for _, o := range slices.Backward(p.orders) {
		if keep(o) {
			found = append(found, o)
		}
	}
	shown, meta := cut(found, page, size)
	return jsonAnswer(http.StatusOK, struct {
		Orders []*order `json:"orders"`
		Meta   listMeta `json:"meta"`
	}{shown, meta})
}

// listMeta is the position of an answer within a list.
type listMeta struct {
	Current int `json:"current_page"`
	Last    int `json:"last_page"`
	Total   int `json:"total"`
}

// listPage reads the paging parameters.
func listPage(query url.Values, errs *fieldErrors) (page, size int) {
	read := func(name string, otherwise int) int {
		text := query.Get(name)
		if text == "" {
			return otherwise
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 100000 {
			errs.add(name, fmt.Sprintf("The %s must be an integer.", name))
			return otherwise
		}
		return n
	}
	return read("page", 1), min(read("per_page", 15), 100)
}

func cut[T any](list []T, page, size int) ([]T, listMeta) {
	from := min((page-1)*size, len(list))
	to := min(from+size, len(list))
	return list[from:to], listMeta{page, max((len(list)+size-1)/size, 1), len(list)}
}

// orderFilter reads the list's filters.
func orderFilter(r *request, errs *fieldErrors) func(*order) bool {
	created := datesBetween(r, "date_from", "date_to", errs)
	completed := datesBetween(r, "completed_at_from", "completed_at_to", errs)
	status := r.query.Get("order_status_id")
	external := r.query.Get("external_order_id")
	return func(o *order) bool {
		switch {
		case o.slug != r.vars["slug"], o.topup,
			!created(&o.CreatedAt),
			!completed(o.CompletedAt),
			status != "" && status != statusID(o.Status),
			external != "" && external != o.external():
			return false
		default:
			return true
		}
	}
}

// datesBetween reads two filters between which a date has to be; what has none is not between any. A date's "+" arrives
// as a blank: that is what it means in a URL.
func datesBetween(r *request, first, last string, errs *fieldErrors) func(*payplayTime) bool {
	date := func(name string) (time.Time, bool) {
		text := r.query.Get(name)
		if text == "" {
			return time.Time{}, false
		}
		for _, layout := range []string{time.DateTime, time.DateOnly} {
			if t, err := time.Parse(layout, text); err == nil {
				return t, true
			}
		}
		errs.add(name, fmt.Sprintf("The %s is not a valid date.", name))
		return time.Time{}, false
	}
	from, hasFrom := date(first)
	to, hasTo := date(last)
	return func(at *payplayTime) bool {
		if at == nil {
			return !hasFrom && !hasTo
		}
		second := at.Truncate(time.Second)
		return (!hasFrom || !second.Before(from)) && (!hasTo || !second.After(to))
	}
}

func statusID(label string) string {
	for _, s := range payplayStatuses {
		if s.Label == label {
			return s.ID
		}
	}
	return ""
}

func (p *payplay) findOrder(ref string) *order {
	for _, o := range slices.Backward(p.orders) {
		if ref != "" && (o.ID == ref || o.external() == ref) {
			return o
		}
	}
	return nil
}

func (p *payplay) driveOrder(o *order, event, sum string) error {
	if o.Status == orderComplete {
		return fmt.Errorf("%w: it is COMPLETE already", ErrRefused)
	}
	if event == payLate {
		return p.payOrderLate(o, sum)
	}
	to := payplayMoves[event]
	if to == orderOpen && o.Status != orderInit {
		return fmt.Errorf("%w: it is %s", ErrRefused, o.Status)
	}
	if o.ofAnyAmount() && (to == orderComplete || to == orderPartial) {
		if err := o.fix(to, sum); err != nil {
			return err
		}
	}
	if (to == orderOpen || to == orderComplete || to == orderPartial) && !o.ofAnyAmount() {
		p.quote(o)
	}
	if to == orderComplete || to == orderPartial {
		paid, err := o.payment(event, sum)
		if err != nil {
			return err
		}
		p.deposit(o, paid)
	}
	p.moveOrder(o, to)
	return nil
}

// payOrderLate lets coins arrive at an order whose status stays.
func (p *payplay) payOrderLate(o *order, sum string) error {
	if o.ofAnyAmount() {
		return fmt.Errorf("%w: it has no amount", ErrRefused)
	}
	p.quote(o)
	paid, err := o.payment(payLate, sum)
	if err != nil {
		return err
	}
	p.deposit(o, paid)
	p.moveOrder(o, o.Status)
	return nil
}

// quote is the amount to pay, once the payer has picked a coin.
func (p *payplay) quote(o *order) {
	if o.ExpectedAmount != nil {
		return
	}
	clean := amount(payplayPrice[o.DepositedCurrency]).div(amount(payplayPrice[o.Currency]))
	rate := clean
	if o.Currency != o.DepositedCurrency {
		rate = clean.mul(amount("0.999"))
	}
	rate, clean = rate.round(8).trim(), clean.round(8).trim()
	o.expected = amount(o.Value).div(rate).roundUp(6).trim()
	expected, shown, cleanShown := o.expected.String(), rate.String(), clean.String()
	o.ExpectedAmount, o.ExchangeRate, o.CleanRate = &expected, &shown, &cleanShown
}

// payment is the amount that the payer sends: the expected one, half of it, or that of the control request.
func (o *order) payment(event, sum string) (money, error) {
	if event == "underpay" {
		return controlAmount(sum, o.expected.mul(amount("0.5")).roundDown(6))
	}
	return controlAmount(sum, o.expected)
}

// deposit books what arrived: less 1 % for the provider.
func (p *payplay) deposit(o *order, paid money) {
	net := paid.mul(amount("0.99")).roundDown(6).trim()
	o.received = o.received.add(net)
	o.ReceivedTotal = o.received.trim().String()
	internal := false
	o.IsInternal = &internal
	p.balances[o.ReceivedCurrency] = p.balances[o.ReceivedCurrency].add(net)
	t := p.addTransaction("CRYPTO_INVOICE", o.DepositedCurrency, paid, orderComplete)
	t.fee = paid.sub(net)
	o.Transactions = append(o.Transactions, t)
}

func (p *payplay) addTransaction(kind, currency string, value money, status string) *transaction {
	now := payplayTime{p.now()}
	t := &transaction{
		ID: p.ids.uuid(), Type: kind, Currency: currency, Value: value.trim().String(), Status: status,
		CreatedAt: now,
	}
	if status == orderComplete {
		hash := p.ids.uuid()
		t.Hash, t.CompletedAt = &hash, &now
	}
	p.transactions = append(p.transactions, t)
	return t
}

func (p *payplay) moveOrder(o *order, status string) {
	o.Status = status
	if status == orderComplete {
		o.CompletedAt = &payplayTime{p.now()}
	}
	p.settle(o.ID, status, o.received.sign() > 0)
	p.reportOrder(o)
}
