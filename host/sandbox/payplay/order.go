package payplay

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"payrouter/host/sandbox/laravel"
	"payrouter/host/sandbox/simulator"
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
	DepositedCurrency *string        `json:"deposited_currency"`
	ReceivedCurrency  *string        `json:"received_currency"`
	Status            string         `json:"status"`
	ExternalOrderID   *string        `json:"external_order_id"`
	CreatedAt         timestamp      `json:"created_at"`
	CompletedAt       *timestamp     `json:"completed_at"`
	AcquiringURL      *string        `json:"acquiring_url"`
	SuccessfulLink    *string        `json:"successful_link"`
	FailureLink       *string        `json:"failure_link"`
	Transactions      []*transaction `json:"transactions"`

	slug     string
	topup    bool
	expected simulator.Money
	rate     simulator.Money // of expected
	received simulator.Money // net of fees, in the received currency
	refunded simulator.Money
}

// transaction is a movement of coins as the document shows it.
type transaction struct {
	ID          string     `json:"id"`
	Type        string     `json:"type"`
	Currency    string     `json:"currency"`
	Value       string     `json:"value"`
	Status      string     `json:"status"`
	Hash        *string    `json:"hash"`
	IsInternal  bool       `json:"is_internal"`
	CreatedAt   timestamp  `json:"created_at"`
	CompletedAt *timestamp `json:"completed_at"`

	fee     simulator.Money // on top of what went out, or kept back from what came in
	network string          // empty where none is known
}

func orderAnswer(o *order) simulator.Answer {
	return simulator.JSON(http.StatusOK, map[string]any{"order": o.view()})
}

func (p *provider) serveCreate(r *simulator.Request) simulator.Answer {
	var in orderRequest
	errs := &laravel.Errors{}
	if json.Unmarshal(r.Body, &in) != nil {
		errs.Add("amount", "The given data was invalid.")
		return *errs.Answer()
	}
	value := p.finer(readAmount(in.Amount, errs), in.Currency, errs)
	p.checkOrder(in, errs)
	if refusal := errs.Answer(); refusal != nil {
		return *refusal
	}
	o := p.newOrder(r, in, value, "/crypto-orders/")
	p.Book(simulator.Booking{
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

// checkOrder finds fault with all but the amount.
func (p *provider) checkOrder(in orderRequest, errs *laravel.Errors) {
	if _, known := prices[in.Currency]; !known {
		errs.Add("currency", "The selected currency is invalid.")
	}
	if in.ExternalID != nil && !externalIDForm.MatchString(*in.ExternalID) {
		errs.Add("external_order_id", "The external order id format is invalid.")
	}
	if in.ExternalID != nil && p.options.UniqueReferences && slices.ContainsFunc(p.orders,
		func(o *order) bool { return o.external() == *in.ExternalID }) {
		errs.Add("external_order_id", "The external order id has already been taken.")
	}
	if in.SuccessfulLink != nil {
		laravel.CheckURL(*in.SuccessfulLink, "successful_link", errs)
	}
	if in.FailureLink != nil {
		laravel.CheckURL(*in.FailureLink, "failure_link", errs)
	}
}

// newOrder makes an order with a page under a path.
func (p *provider) newOrder(r *simulator.Request, in orderRequest, value simulator.Money, path string) *order {
	id := p.IDs.UUID()
	link := r.Base + path + id
	o := &order{
		ID: id, Currency: in.Currency, OrderNumber: p.IDs.Digits(9), Value: value.Trim().String(), ReceivedTotal: "0",
		Status: orderInit, ExternalOrderID: in.ExternalID, CreatedAt: timestamp{r.Now}, AcquiringURL: &link,
		SuccessfulLink: in.SuccessfulLink, FailureLink: in.FailureLink,
		Transactions: []*transaction{}, slug: r.Vars["slug"],
	}
	if !p.options.LateCurrencies {
		o.pickCoin()
	}
	p.orders = append(p.orders, o)
	return o
}

// paidIn is the coin that every payer picks here.
const paidIn = "USDT"

func (o *order) pickCoin() {
	coin := paidIn
	o.DepositedCurrency, o.ReceivedCurrency = &coin, &coin
}

func (o *order) external() string {
	if o.ExternalOrderID == nil {
		return ""
	}
	return *o.ExternalOrderID
}

// onSlug finds an order of the page that the request names.
func (p *provider) onSlug(r *simulator.Request) *order {
	for _, o := range slices.Backward(p.orders) { // the newest are asked for most
		if o.ID == r.Vars["id"] && o.slug == r.Vars["slug"] {
			return o
		}
	}
	return nil
}

func (p *provider) serveOrder(r *simulator.Request) simulator.Answer {
	if o := p.onSlug(r); o != nil {
		return orderAnswer(o)
	}
	return laravel.Message(http.StatusNotFound, "Order not found")
}

// serveComplete takes an order that was paid in part for paid.
func (p *provider) serveComplete(r *simulator.Request) simulator.Answer {
	o := p.onSlug(r)
	if o == nil {
		return laravel.Message(http.StatusNotFound, "Order not found")
	}
	if o.Status != orderPartial {
		errs := &laravel.Errors{}
		errs.Add("order", "The order cannot be completed.")
		return *errs.Answer()
	}
	p.moveOrder(o, orderComplete)
	return orderAnswer(o)
}

// serveOrders lists a page's orders, newest first.
func (p *provider) serveOrders(r *simulator.Request) simulator.Answer {
	errs := &laravel.Errors{}
	keep := p.orderFilter(r, errs)
	page, size := listPage(r.Query, errs)
	if refusal := errs.Answer(); refusal != nil {
		return *refusal
	}
	found := []*order{}
	for _, o := range slices.Backward(p.orders) {
		if keep(o) {
			found = append(found, o)
		}
	}
	shown, meta := cut(found, page, size)
	orders := []any{}
	for _, o := range shown {
		orders = append(orders, o.view())
	}
	return simulator.JSON(http.StatusOK, struct {
		Orders []any    `json:"orders"`
		Meta   listMeta `json:"meta"`
	}{orders, meta})
}

// listMeta is the position of an answer within a list.
type listMeta struct {
	Current int `json:"current_page"`
	Last    int `json:"last_page"`
	Total   int `json:"total"`
}

// listPage reads the paging parameters.
func listPage(query url.Values, errs *laravel.Errors) (page, size int) {
	read := func(name string, otherwise int) int {
		text := query.Get(name)
		if text == "" {
			return otherwise
		}
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 100000 {
			errs.Add(name, fmt.Sprintf("The %s must be an integer.", name))
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
func (p *provider) orderFilter(r *simulator.Request, errs *laravel.Errors) func(*order) bool {
	created := p.datesBetween(r, "date_from", "date_to", errs)
	completed := p.datesBetween(r, "completed_at_from", "completed_at_to", errs)
	status := r.Query.Get("order_status_id")
	external := r.Query.Get("external_order_id")
	if p.options.IgnoresReferenceFilter {
		external = ""
	}
	return func(o *order) bool {
		switch {
		case o.slug != r.Vars["slug"], o.topup && !p.options.ListsTopups,
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
func (p *provider) datesBetween(r *simulator.Request, first, last string, errs *laravel.Errors) func(*timestamp) bool {
	date := func(name string) (time.Time, bool) {
		text := r.Query.Get(name)
		if text == "" {
			return time.Time{}, false
		}
		for _, layout := range []string{time.DateTime, time.DateOnly} {
			if t, err := time.Parse(layout, text); err == nil {
				return t.Add(-p.options.ahead()), true
			}
		}
		errs.Add(name, fmt.Sprintf("The %s is not a valid date.", name))
		return time.Time{}, false
	}
	from, hasFrom := date(first)
	to, hasTo := date(last)
	return func(at *timestamp) bool {
		if at == nil {
			return !hasFrom && !hasTo
		}
		second := at.Truncate(time.Second)
		return (!hasFrom || !second.Before(from)) && (!hasTo || !second.After(to))
	}
}

func statusID(label string) string {
	for _, s := range orderStatuses {
		if s.Label == label {
			return s.ID
		}
	}
	return ""
}

func (p *provider) findOrder(ref string) *order {
	for _, o := range slices.Backward(p.orders) {
		if ref != "" && (o.ID == ref || o.external() == ref) {
			return o
		}
	}
	return nil
}

func (p *provider) driveOrder(o *order, event, sum string) error {
	if o.Status == orderComplete {
		return fmt.Errorf("%w: it is COMPLETE already", simulator.ErrRefused)
	}
	if event == simulator.PayLate {
		return p.payOrderLate(o, sum)
	}
	to := statusMoves[event]
	if event == "expire" && p.options.ExpiresCanceled {
		to = orderCanceled
	}
	if to == orderOpen && o.Status != orderInit {
		return fmt.Errorf("%w: it is %s", simulator.ErrRefused, o.Status)
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
func (p *provider) payOrderLate(o *order, sum string) error {
	if o.ofAnyAmount() {
		return fmt.Errorf("%w: it has no amount", simulator.ErrRefused)
	}
	p.quote(o)
	paid, err := o.payment(simulator.PayLate, sum)
	if err != nil {
		return err
	}
	p.deposit(o, paid)
	p.moveOrder(o, o.Status)
	return nil
}

// quote is the amount to pay, once the payer has picked a coin.
func (p *provider) quote(o *order) {
	if o.ExpectedAmount != nil {
		return
	}
	o.pickCoin()
	clean := simulator.Amount(prices[paidIn]).Div(simulator.Amount(prices[o.Currency]))
	rate := clean
	if o.Currency != paidIn {
		rate = clean.Mul(simulator.Amount("0.999"))
	}
	rate, clean = rate.Round(8).Trim(), clean.Round(8).Trim()
	o.rate = rate
	o.expected = simulator.Amount(o.Value).Div(rate).RoundUp(6).Trim()
	expected, shown, cleanShown := o.expected.String(), rate.String(), clean.String()
	o.ExpectedAmount, o.ExchangeRate, o.CleanRate = &expected, &shown, &cleanShown
}

// payment is the amount that the payer sends, in coins: the expected one, half of it or a tenth more. sum is an amount
// in the order's own currency, and goes before them.
func (o *order) payment(event, sum string) (simulator.Money, error) {
	value := simulator.Amount(o.Value)
	asked, err := simulator.EventAmount(sum, value)
	switch {
	case err != nil:
		return simulator.Money{}, err
	case asked.Cmp(value) != 0:
		return asked.Div(o.rate).RoundUp(6), nil
	case sum == "" && event == "underpay":
		return o.expected.Mul(simulator.Amount("0.5")).RoundDown(6), nil
	case sum == "" && event == "overpay":
		return o.expected.Mul(simulator.Amount("1.1")).RoundUp(6), nil
	}
	return o.expected, nil
}

// deposit books what arrived: less 1 % for the provider.
func (p *provider) deposit(o *order, paid simulator.Money) {
	net := paid.Mul(simulator.Amount("0.99")).RoundDown(6).Trim()
	o.received = o.received.Add(net)
	o.ReceivedTotal = o.received.Trim().String()
	internal := false
	o.IsInternal = &internal
	p.balances[paidIn] = p.balances[paidIn].Add(net)
	t := p.addTransaction("CRYPTO_INVOICE", paidIn, paid, orderComplete)
	t.fee = paid.Sub(net)
	o.Transactions = append(o.Transactions, t)
}

func (p *provider) addTransaction(kind, currency string, value simulator.Money, status string) *transaction {
	now := timestamp{p.Now()}
	t := &transaction{
		ID: p.IDs.UUID(), Type: kind, Currency: currency, Value: value.Trim().String(), Status: status,
		CreatedAt: now,
	}
	if status == orderComplete {
		hash := p.IDs.UUID()
		t.Hash, t.CompletedAt = &hash, &now
	}
	p.transactions = append(p.transactions, t)
	return t
}

func (p *provider) moveOrder(o *order, status string) {
	o.Status = status
	if status == orderComplete {
		o.CompletedAt = &timestamp{p.Now()}
	}
	p.Settle(o.ID, status, o.received.Sign() > 0)
	p.reportOrder(o)
}
