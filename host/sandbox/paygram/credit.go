package paygram

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"payrouter/host/sandbox/simulator"
)

// voucher is credit for whoever redeems it: one open transfer, or a red envelope for several.
type voucher struct {
	total, each  simulator.Money
	left, places int
	redeemers    []*user
}

// transferCredit sends credit to a user of the account, or, without one, into a voucher. Its answer names no user, and
// the balances are decimals: the receiver's is 0 where the credit is nobody's yet.
func (p *provider) transferCredit(q *request) simulator.Answer {
	f := q.fields
	currency := int(f.CurrencyCode)
	if refusal := q.affordable(currency, f.Amount, p.options.TransferFee); refusal != nil {
		return *refusal
	}
	var to *user
	if f.ToUserCliID != nil {
		known, ok := q.account.users[*f.ToUserCliID]
		if !ok {
			return failure(codeNotFound, "Receiving user not found")
		}
		to = known
	}
	fee, taken := p.options.TransferFee, *f.Amount
	if fee.Sign() > 0 {
		taken = taken.Add(fee)
	}
	v := p.addInvoice(q, taken, currency)
	v.voucher, v.paid, v.fee = &voucher{*f.Amount, *f.Amount, 1, 1, nil}, true, fee
	v.from = &q.user.id
	sent := entrySent
	if to != nil {
		v.to, v.redeemed, v.status, v.voucher.left = f.ToUserCliID, true, invoiceCompleted, 0
		sent = entrySentDirectly
	}
	p.enter(q.user, v, sent, minus(taken)).Fees = fee
	var received simulator.Money
	if to != nil {
		p.enter(to, v, entryReceivedDirectly, *f.Amount)
		received = to.balances[currency]
	}
	if p.options.NetTransferInvoices {
		v.amount = *f.Amount
	}
	p.book(v, "TransferCredit")
	var link *string
	if to == nil {
		link = redeemURL(q, v)
	}
	p.report(q.account, q.user, p.transferReport(v))
	return simulator.JSON(http.StatusOK, struct {
		From     simulator.Money `json:"fromCredit"`
		To       simulator.Money `json:"toCredit"`
		Code     string          `json:"voucherCode"`
		Friendly string          `json:"friendlyVoucherCode"`
		Redeem   *string         `json:"redeemUrl"`
		Amount   simulator.Money `json:"amount"`
		Fees     simulator.Money `json:"fees"`
		tail
	}{q.user.balances[currency], received, v.code, v.friendly, link, *f.Amount, fee, p.tail(typeTransfer)})
}

func redeemURL(q *request, v *invoice) *string {
	link := q.Base + "/redeem/" + v.code
	return &link
}

// minus is an amount that goes out.
func minus(sum simulator.Money) simulator.Money { return simulator.Money{}.Sub(sum) }

func (p *provider) friendly() string {
	return strings.ToUpper(p.IDs.Hex(2) + "-" + p.IDs.Hex(2) + "-" + p.IDs.Hex(2))
}

// affordable refuses an amount that makes no sense, or is not there with the fee that goes with it.
func (q *request) affordable(currency int, sum *simulator.Money, fee simulator.Money) *simulator.Answer {
	if refusal := checkAmount(currency, sum); refusal != nil {
		return refusal
	}
	if q.user.balances[currency].Cmp(sum.Add(fee)) < 0 {
		refusal := failure(codeNoFunds, "Not enough funds")
		return &refusal
	}
	return nil
}

// open is the voucher of a code, of the invoice that it was made with; nil where there is none.
func (p *provider) open(code string) *invoice {
	for _, v := range p.invoices {
		if v.voucher != nil && (strings.EqualFold(v.code, code) || v.friendly == code) {
			return v
		}
	}
	return nil
}

// redeemVoucher pays a voucher's share to the acting user, once.
func (p *provider) redeemVoucher(q *request, of *invoice, kind int) simulator.Answer {
	v := of.voucher
	if v.left == 0 || slices.Contains(v.redeemers, q.user) {
		return failure(codeFailed, "Voucher already redeemed")
	}
	v.left--
	v.redeemers = append(v.redeemers, q.user)
	p.enter(q.user, of, entryReceived, v.each)
	if v.places == 1 {
		of.to = &q.user.id
	}
	if v.left == 0 {
		of.redeemed = true
		p.move(of, invoiceCompleted)
	}
	if kind == typeReceived {
		return p.receivedAnswer(q.user, of.currency, v.each)
	}
	taken := v.places - v.left
	return simulator.JSON(http.StatusOK, struct {
		Received     simulator.Money `json:"received"`
		Credited     simulator.Money `json:"credited"`
		Fees         simulator.Money `json:"fees"`
		CurrencyCode enum            `json:"currencyCode"`
		NewBalance   simulator.Money `json:"newBalance"`
		Redeemers    int             `json:"redeemersCount"`
		MaxRedeemers int             `json:"maxRedeemers"`
		Redeemed     simulator.Money `json:"redeemedAmount"`
		Total        simulator.Money `json:"totalAmount"`
		tail
	}{
		v.each, v.each,
		simulator.Money{},
		p.enum(currencies, of.currency), q.user.balances[of.currency], taken, v.places,
		v.each.Mul(count(taken)), v.total,
		p.tail(typeEnvelopeRedeem),
	})
}

// driveVoucher redeems a voucher as a stranger, or gives its credit back.
func (p *provider) driveVoucher(v *invoice, event string) error {
	if v.voucher.left == 0 {
		return fmt.Errorf("%w: it has been redeemed, or has gone back", simulator.ErrRefused)
	}
	left := v.voucher.each.Mul(count(v.voucher.left))
	switch event {
	case "pay":
		v.redeemed = true
		v.voucher.left = 0
		p.move(v, invoiceCompleted)
	case "expire", "cancel":
		v.voucher.left = 0
		v.refunded = true
		p.enter(v.owner, v, entryReceived, left)
		p.move(v, invoiceCancelled)
	default:
		return fmt.Errorf("%w: a voucher has no %s", simulator.ErrRefused, event)
	}
	return nil
}

// count is a small whole number as an amount.
func count(n int) simulator.Money {
	return simulator.Amount(strconv.Itoa(n))
}

func (p *provider) createRedEnvelope(q *request) simulator.Answer {
	f := q.fields
	if refusal := q.affordable(int(f.CurrencyCode), f.Amount, simulator.Money{}); refusal != nil {
		return *refusal
	}
	if f.MaxNumRedeemers < 1 {
		return failure(codeFailed, "Invalid maxNumOfRedeemers")
	}
	each := f.Amount.Div(count(f.MaxNumRedeemers)).RoundDown(8)
	if each.Sign() == 0 {
		return failure(codeFailed, "Amount too small for so many redeemers")
	}
	total := each.Mul(count(f.MaxNumRedeemers)) // what does not divide stays with the sender
	v := p.addInvoice(q, total, int(f.CurrencyCode))
	v.voucher, v.paid = &voucher{total, each, f.MaxNumRedeemers, f.MaxNumRedeemers, nil}, true
	v.from = &q.user.id
	p.enter(q.user, v, entrySent, minus(total))
	p.book(v, "CreateRedEnvelope")
	return simulator.JSON(http.StatusOK, struct {
		Code     string          `json:"invoiceCode"`
		Friendly string          `json:"friendlyVoucherCode"`
		Fees     simulator.Money `json:"fees"`
		Redeem   string          `json:"redeemUrl"`
		Amount   simulator.Money `json:"amount"`
		tail
	}{v.code, v.friendly, simulator.Money{}, *redeemURL(q, v), *f.Amount, p.tail(typeEnvelope)})
}

func (p *provider) redeemRedEnvelope(q *request) simulator.Answer {
	v := p.open(q.fields.InvoiceID)
	if v == nil {
		return failure(codeNotFound, "Envelope not found")
	}
	return p.redeemVoucher(q, v, typeEnvelopeRedeem)
}

func (p *provider) swap(q *request) simulator.Answer {
	f := q.fields
	sold, bought := int(f.FromCurrency), int(f.ToCurrency)
	if refusal := q.affordable(sold, f.AmountToSwap, simulator.Money{}); refusal != nil {
		return *refusal
	}
	if _, ok := currencies[bought]; !ok || bought == sold {
		return failure(codeFailed, "Currency not supported")
	}
	gross := f.AmountToSwap.Mul(crossRate(sold, bought))
	fee := gross.Mul(simulator.Amount("0.005")).RoundUp(8)
	received := gross.Sub(fee).RoundDown(8)
	after := q.user.balances[sold].Sub(*f.AmountToSwap)
	gained := q.user.balances[bought].Add(received)
	if !f.IsSimulation {
		of := reference{p.IDs.UUID(), nil}
		p.enterAs(q.user, of, sold, entrySold, minus(*f.AmountToSwap))
		p.enterAs(q.user, of, bought, entryBought, received)
		p.Book(simulator.Booking{
			Account: q.account.name, Operation: "Swap", Reference: q.ours(), ProviderReference: of.GUID,
			Amount: f.AmountToSwap.String(), Currency: currencies[sold], Status: "completed", MovedMoney: true,
		})
	}
	return simulator.JSON(http.StatusOK, struct {
		Received simulator.Money `json:"receivedAmount"`
		Fees     simulator.Money `json:"feesRequestedCurrency"`
		Source   simulator.Money `json:"balanceSourceAfter"`
		Dest     simulator.Money `json:"balanceDestAfter"`
		tail
	}{received.Trim(), fee.Trim(), after, gained, p.tail(typeSwap)})
}

// ours is the caller's own reference.
func (q *request) ours() string {
	if q.fields.CallbackData == nil {
		return ""
	}
	return *q.fields.CallbackData
}
