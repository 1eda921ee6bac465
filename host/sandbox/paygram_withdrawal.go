package sandbox

import (
	"fmt"
	"net/http"
	"strconv"
)

// withdraw takes the amount out of the wallet at once; the invoice shows later whether it arrived.
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
	p.enter(q.user, currency, *f.Amount, "debit", v.code, f.CallbackData).Fees = v.fee
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

// driveWithdrawal pays a withdrawal out, or gives it back.
func (p *paygram) driveWithdrawal(v *invoice, event string) error {
	if v.status != invoiceOngoing {
		return fmt.Errorf("%w: the withdrawal has ended", ErrRefused)
	}
	p.endWithdrawal(v, event == "pay")
	return nil
}

// endWithdrawal marks the money as arrived, or gives it back.
func (p *paygram) endWithdrawal(v *invoice, arrived bool) {
	if arrived {
		v.paid, v.redeemed = true, true
		p.move(v, invoiceCompleted)
		return
	}
	p.enter(v.owner, v.currency, v.amount, "credit", v.code, v.callbackData)
	p.move(v, invoiceDenied)
}

// pending finds a withdrawal of the account that has not ended, or returns why there is none.
func (p *paygram) pending(q *paygramRequest, code string) (*invoice, *answer) {
	var refusal answer
	switch v := p.invoice(code); {
	case v == nil || !v.payout || v.account != q.account:
		refusal = paygramFailure(paygramNotFound, "Withdrawal not found")
	case v.status != invoiceOngoing:
		refusal = paygramFailure(paygramFailed, "Withdrawal has ended")
	default:
		return v, nil
	}
	return nil, &refusal
}

// updateWithdraw ends a withdrawal. Its fields are not public: here an invoice's code, and the status that it is to
// have.
func (p *paygram) updateWithdraw(q *paygramRequest) answer {
	v, refusal := p.pending(q, q.fields.InvoiceCode)
	if refusal != nil {
		return *refusal
	}
	switch q.fields.Status {
	case invoiceCompleted:
		p.endWithdrawal(v, true)
	case invoiceCancelled, invoiceError, invoiceDenied:
		p.endWithdrawal(v, false)
	default:
		return paygramFailure(paygramFailed, "Invalid status")
	}
	return withdrawalAnswer(v)
}

// approve ends a withdrawal by yes or no. Its fields are inferred.
func (p *paygram) approve(q *paygramRequest) answer {
	v, refusal := p.pending(q, q.fields.ID)
	if refusal != nil {
		return *refusal
	}
	if q.fields.IsApproved == nil {
		return paygramFailure(paygramFailed, "isApproved is missing")
	}
	p.endWithdrawal(v, *q.fields.IsApproved)
	return withdrawalAnswer(v)
}

func withdrawalAnswer(v *invoice) answer {
	return jsonAnswer(http.StatusOK, struct {
		paygramInvoice
		paygramTail
	}{v.view(false), paygramTail{paygramWithdrawUpdated, true}})
}
