package sandbox

import (
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// voucher is credit on its way to whoever redeems it: one open transfer, or a red envelope for several.
type voucher struct {
	code, friendly string
	currency       int
	total, each    money
	left, places   int
	redeemers      []*paygramUser
}

// paygramEntry is a line of a user's statement.
type paygramEntry struct {
	ID          int            `json:"id"`
	Transaction string         `json:"transactionId"`
	Executed    netTime        `json:"executedUtc"`
	Amount      money          `json:"amount"`
	Currency    int            `json:"currency"`
	Created     netTime        `json:"createdUtc"`
	Fees        money          `json:"fees"`
	EntryType   int            `json:"entryType"`
	Recallable  bool           `json:"recallable"`
	Invoice     map[string]any `json:"invoice"`
}

// enter moves money in or out of a user's purse and writes it down: a debit is negative.
func (p *paygram) enter(u *paygramUser, currency int, sum money, way, code string, callbackData *string) {
	kind := 1
	if way == "debit" {
		sum, kind = money{}.sub(sum), 2
	}
	u.balances[currency] = u.balances[currency].add(sum)
	now := netTime{p.now(), true}
	u.statement = append(u.statement, paygramEntry{
		ID: len(u.statement) + 1, Transaction: p.ids.uuid(), Executed: now, Amount: sum, Currency: currency, Created: now,
		EntryType: kind, Invoice: map[string]any{"guid": code, "friendlyVoucherCode": nil, "callbackData": callbackData},
	})
}

func (p *paygram) statement(q *paygramRequest) answer {
	from, _ := time.Parse(time.RFC3339Nano, q.fields.FromUTC)
	to, err := time.Parse(time.RFC3339Nano, q.fields.ToExcludingUTC)
	if err != nil {
		to = q.now.Add(time.Second)
	}
	entries := []paygramEntry{}
	for _, e := range q.user.statement {
		if !e.Executed.at.Before(from) && e.Executed.at.Before(to) {
			entries = append(entries, e)
		}
	}
	if !q.fields.GoForward {
		slices.Reverse(entries)
	}
	size := q.fields.ResultsPerPage
	if size <= 0 {
		size = 25
	}
	start := min(max(q.fields.StartIdx, 0), len(entries))
	end := min(start+size, len(entries))
	return jsonAnswer(http.StatusOK, struct {
		Entries []paygramEntry `json:"statementEntries"`
		Results int            `json:"results"`
		More    bool           `json:"nextPageAvailable"`
		paygramTail
	}{entries[start:end], end - start, end < len(entries), paygramTail{paygramStatement, true}})
}

func (p *paygram) circulatingCoins(q *paygramRequest) answer {
	sums := map[int]money{}
	for _, u := range q.account.users {
		for currency, b := range u.balances {
			sums[currency] = sums[currency].add(b)
		}
	}
	coins := []paygramBalance{}
	for _, currency := range slices.Sorted(maps.Keys(sums)) {
		coins = append(coins, paygramBalance{sums[currency], currency})
	}
	return jsonAnswer(http.StatusOK, struct {
		Coins []paygramBalance `json:"coins"`
		paygramTail
	}{coins, paygramTail{paygramCirculating, true}})
}

func (p *paygram) exchangeRates(q *paygramRequest) answer {
	type rate struct {
		Quote   int     `json:"quoteCurrency"`
		Updated netTime `json:"updatedUTC"`
		Price   money   `json:"price"`
	}
	rates := map[int]map[int]rate{}
	for base := range paygramPrice {
		rates[base] = map[int]rate{}
		for quote := range paygramPrice {
			if quote != base {
				rates[base][quote] = rate{quote, netTime{q.now.Truncate(time.Minute), false}, paygramRate(base, quote).round(8)}
			}
		}
	}
	return jsonAnswer(http.StatusOK, struct {
		Rates map[int]map[int]rate `json:"rates"`
		paygramTail
	}{rates, paygramTail{paygramRates, true}})
}

func paygramRate(base, quote int) money {
	return amount(paygramPrice[base]).div(amount(paygramPrice[quote]))
}

// transferCredit sends credit to a user of the account, or, without one, into a voucher.
func (p *paygram) transferCredit(q *paygramRequest) answer {
	f := q.fields
	if refusal := q.affordable(f.CurrencyCode, f.Amount); refusal != nil {
		return *refusal
	}
	var to *paygramUser
	if f.ToUserCliID != nil {
		known, ok := q.account.users[*f.ToUserCliID]
		if !ok {
			return paygramFailure(paygramNotFound, "Receiving user not found")
		}
		to = known
	}
	v := &voucher{
		code: p.ids.uuid(), friendly: p.friendly(), currency: f.CurrencyCode, total: *f.Amount, each: *f.Amount, left: 1, places: 1,
	}
	p.enter(q.user, f.CurrencyCode, *f.Amount, "debit", v.code, f.CallbackData)
	status := "open"
	if to != nil {
		p.enter(to, f.CurrencyCode, *f.Amount, "credit", v.code, f.CallbackData)
		v.left, status = 0, "completed"
	}
	p.vouchers = append(p.vouchers, v)
	p.bookSpending(q, "TransferCredit", v.code, *f.Amount, f.CurrencyCode, status)

	type credit struct {
		UserCliID  *string `json:"userCliId"`
		NewBalance *money  `json:"newBalance"`
	}
	left := q.user.balances[f.CurrencyCode]
	receiver := credit{f.ToUserCliID, nil}
	if to != nil {
		now := to.balances[f.CurrencyCode]
		receiver.NewBalance = &now
	}
	return jsonAnswer(http.StatusOK, struct {
		From     credit `json:"fromCredit"`
		To       credit `json:"toCredit"`
		Code     string `json:"voucherCode"`
		Friendly string `json:"friendlyVoucherCode"`
		Redeem   string `json:"redeemUrl"`
		Amount   money  `json:"amount"`
		Fees     money  `json:"fees"`
		paygramTail
	}{credit{&q.user.id, &left}, receiver, v.code, v.friendly, q.base + "/redeem/" + v.code, *f.Amount, money{}, paygramTail{paygramTransfer, true}})
}

func (p *paygram) friendly() string {
	return strings.ToUpper(p.ids.hex(2) + "-" + p.ids.hex(2) + "-" + p.ids.hex(2))
}

// affordable refuses an amount that makes no sense, or is not there.
func (q *paygramRequest) affordable(currency int, sum *money) *answer {
	if refusal := paygramAmount(currency, sum); refusal != nil {
		return refusal
	}
	if q.user.balances[currency].cmp(*sum) < 0 {
		refusal := paygramFailure(paygramNoFunds, "Not enough funds")
		return &refusal
	}
	return nil
}

// bookSpending records a spending request: money has moved at once.
func (p *paygram) bookSpending(q *paygramRequest, operation, code string, sum money, currency int, status string) {
	var ours string
	if q.fields.CallbackData != nil {
		ours = *q.fields.CallbackData
	}
	p.book(Booking{
		Account: q.account.name, Operation: operation, Reference: ours, ProviderReference: code,
		Amount: sum.String(), Currency: paygramCurrencies[currency], Status: status, MovedMoney: true,
	})
}

func (p *paygram) voucher(code string) *voucher {
	for _, v := range p.vouchers {
		if strings.EqualFold(v.code, code) || v.friendly == code {
			return v
		}
	}
	return nil
}

// redeemVoucher pays a voucher's share to the acting user, once.
func (p *paygram) redeemVoucher(q *paygramRequest, v *voucher, kind int) answer {
	if v.left == 0 || slices.Contains(v.redeemers, q.user) {
		return paygramFailure(paygramFailed, "Voucher already redeemed")
	}
	v.left--
	v.redeemers = append(v.redeemers, q.user)
	p.enter(q.user, v.currency, v.each, "credit", v.code, nil)
	if v.left == 0 {
		p.settle(v.code, "completed", true)
	}
	if kind == paygramReceived {
		return receivedAnswer(q.user, v.currency, v.each)
	}
	taken := v.places - v.left
	return jsonAnswer(http.StatusOK, struct {
		Received     money `json:"received"`
		Credited     money `json:"credited"`
		Fees         money `json:"fees"`
		CurrencyCode int   `json:"currencyCode"`
		NewBalance   money `json:"newBalance"`
		Redeemers    int   `json:"redeemersCount"`
		MaxRedeemers int   `json:"maxRedeemers"`
		Redeemed     money `json:"redeemedAmount"`
		Total        money `json:"totalAmount"`
		paygramTail
	}{
		v.each, v.each,
		money{},
		v.currency, q.user.balances[v.currency], taken, v.places,
		v.each.mul(count(taken)), v.total,
		paygramTail{paygramEnvelopeRedeem, true},
	})
}

// count is a small whole number as an amount.
func count(n int) money {
	var m money
	m.d.SetInt64(int64(n))
	return m
}

func (p *paygram) createRedEnvelope(q *paygramRequest) answer {
	f := q.fields
	if refusal := q.affordable(f.CurrencyCode, f.Amount); refusal != nil {
		return *refusal
	}
	if f.MaxNumRedeemers < 1 {
		return paygramFailure(paygramFailed, "Invalid maxNumOfRedeemers")
	}
	each := f.Amount.div(count(f.MaxNumRedeemers)).roundDown(8)
	if each.sign() == 0 {
		return paygramFailure(paygramFailed, "Amount too small for so many redeemers")
	}
	total := each.mul(count(f.MaxNumRedeemers)) // what does not divide stays with the sender
	v := &voucher{
		code: p.ids.uuid(), friendly: p.friendly(), currency: f.CurrencyCode, total: total, each: each,
		left: f.MaxNumRedeemers, places: f.MaxNumRedeemers,
	}
	p.enter(q.user, f.CurrencyCode, total, "debit", v.code, f.CallbackData)
	p.vouchers = append(p.vouchers, v)
	p.bookSpending(q, "CreateRedEnvelope", v.code, total, f.CurrencyCode, "open")
	return jsonAnswer(http.StatusOK, struct {
		Code     string `json:"invoiceCode"`
		Friendly string `json:"friendlyVoucherCode"`
		Fees     money  `json:"fees"`
		Redeem   string `json:"redeemUrl"`
		Amount   money  `json:"amount"`
		paygramTail
	}{v.code, v.friendly, money{}, q.base + "/redeem/" + v.code, *f.Amount, paygramTail{paygramEnvelope, true}})
}

func (p *paygram) redeemRedEnvelope(q *paygramRequest) answer {
	v := p.voucher(q.fields.InvoiceID)
	if v == nil {
		return paygramFailure(paygramNotFound, "Envelope not found")
	}
	return p.redeemVoucher(q, v, paygramEnvelopeRedeem)
}

// withdraw takes the amount out of the purse at once; the invoice says later whether it arrived.
func (p *paygram) withdraw(q *paygramRequest) answer {
	f := q.fields
	currency := f.WithdrawMethod.CurrencyCode
	if currency == 0 {
		currency = f.CurrencyCode
	}
	if refusal := q.affordable(currency, f.Amount); refusal != nil {
		return *refusal
	}
	to := f.WithdrawMethod
	if to.CryptoAddress == "" && to.BankIBAN == "" && to.BankAccount == "" {
		return paygramFailure(paygramFailed, "Invalid withdrawMethod")
	}
	v := p.addInvoice(q, *f.Amount, currency, "Withdraw")
	v.payout = true
	v.fee = f.Amount.mul(amount("0.01")).round(8).trim()
	p.enter(q.user, currency, *f.Amount, "debit", v.code, f.CallbackData)
	p.settle(v.code, strconv.Itoa(v.status), v.moved())
	return jsonAnswer(http.StatusOK, struct {
		NewBalance money  `json:"newBalance"`
		Fee        money  `json:"expectedFee"`
		Withdrawn  money  `json:"withdrawnAmount"`
		Receive    money  `json:"amountWillReceive"`
		Code       string `json:"invoiceCode"`
		paygramTail
	}{q.user.balances[currency], v.fee, *f.Amount, f.Amount.sub(v.fee), v.code, paygramTail{paygramWithdraw, true}})
}

func (p *paygram) swap(q *paygramRequest) answer {
	f := q.fields
	if refusal := q.affordable(f.FromCurrency, f.AmountToSwap); refusal != nil {
		return *refusal
	}
	if _, ok := paygramCurrencies[f.ToCurrency]; !ok || f.ToCurrency == f.FromCurrency {
		return paygramFailure(paygramFailed, "Currency not supported")
	}
	gross := f.AmountToSwap.mul(paygramRate(f.FromCurrency, f.ToCurrency))
	fee := gross.mul(amount("0.005")).roundUp(8)
	received := gross.sub(fee).roundDown(8)
	after := q.user.balances[f.FromCurrency].sub(*f.AmountToSwap)
	gained := q.user.balances[f.ToCurrency].add(received)
	if !f.IsSimulation {
		code := p.ids.uuid()
		p.enter(q.user, f.FromCurrency, *f.AmountToSwap, "debit", code, f.CallbackData)
		p.enter(q.user, f.ToCurrency, received, "credit", code, f.CallbackData)
		p.bookSpending(q, "Swap", code, *f.AmountToSwap, f.FromCurrency, "completed")
	}
	return jsonAnswer(http.StatusOK, struct {
		Received money `json:"receivedAmount"`
		Fees     money `json:"feesRequestedCurrency"`
		Source   money `json:"balanceSourceAfter"`
		Dest     money `json:"balanceDestAfter"`
		paygramTail
	}{received.trim(), fee.trim(), after, gained, paygramTail{paygramSwap, true}})
}

// topUp says what to send in, and where; nothing arrives by itself.
func (p *paygram) topUp(q *paygramRequest) answer {
	f := q.fields
	if refusal := paygramAmount(f.CurrencyCode, f.Amount); refusal != nil {
		return *refusal
	}
	fee := f.Amount.mul(amount("0.01")).roundUp(8).trim()
	return jsonAnswer(http.StatusOK, struct {
		Send    money  `json:"amountToSendInChosenCurrency"`
		Fees    money  `json:"coinTotalFees"`
		Receive money  `json:"coinAmountWillReceive"`
		Address string `json:"sendToAddress"`
		paygramTail
	}{*f.Amount, fee, f.Amount.sub(fee), "T" + strings.ToUpper(p.ids.hex(16)), paygramTail{paygramTopUp, true}})
}

// paygramUpdate is a notification that waits to be fetched.
type paygramUpdate struct {
	ID        int            `json:"id"`
	Invoice   paygramInvoice `json:"invoiceInfo"`
	delivered bool
}

// notify queues an update about an invoice.
func (a *paygramAccount) notify(v *invoice) {
	a.updates = append(a.updates, paygramUpdate{ID: a.nextID, Invoice: v.view(false)})
	a.nextID++
}

// updates hands out at most 20 notifications, which count as delivered from then on.
func (p *paygram) updates(q *paygramRequest) answer {
	out := []paygramUpdate{}
	for i := range q.account.updates {
		u := &q.account.updates[i]
		mine := q.fields.UserCliID == "" || u.Invoice.ToUser == q.fields.UserCliID
		if !u.delivered && mine && len(out) < 20 {
			u.delivered = true
			out = append(out, *u)
		}
	}
	return jsonAnswer(http.StatusOK, struct {
		Updates []paygramUpdate `json:"updates"`
		paygramTail
	}{out, paygramTail{paygramRates, true}})
}

// markUpdatesError puts updates back into the queue.
func (p *paygram) markUpdatesError(q *paygramRequest) answer {
	for i := range q.account.updates {
		if slices.Contains(q.fields.UpdateIDs, q.account.updates[i].ID) {
			q.account.updates[i].delivered = false
		}
	}
	return jsonAnswer(http.StatusOK, paygramTail{paygramRates, true})
}
