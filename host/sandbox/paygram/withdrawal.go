package paygram

import (
	"fmt"
	"net/http"
	"strconv"

	"payrouter/host/sandbox/simulator"
)

// withdraw takes the amount out of the wallet at once; the invoice shows later whether it arrived.
func (p *provider) withdraw(q *request) simulator.Answer {
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
		return failure(codeFailed, "Invalid withdrawMethod")
	}
	v := p.addInvoice(q, *f.Amount, currency, "Withdraw")
	v.payout = true
	v.fee = f.Amount.Mul(simulator.Amount("0.01")).Round(8).Trim()
	p.enter(q.user, currency, *f.Amount, "debit", v.code, f.CallbackData).Fees = v.fee
	p.Settle(v.code, strconv.Itoa(v.status), v.moved())
	return simulator.JSON(http.StatusOK, struct {
		NewBalance simulator.Money `json:"newBalance"`
		Fee        simulator.Money `json:"expectedFee"`
		Withdrawn  simulator.Money `json:"withdrawnAmount"`
		Receive    simulator.Money `json:"amountWillReceive"`
		Code       string          `json:"invoiceCode"`
		tail
	}{q.user.balances[currency], v.fee, *f.Amount, f.Amount.Sub(v.fee), v.code, tail{typeWithdraw, true}})
}

// driveWithdrawal pays a withdrawal out, or gives it back.
func (p *provider) driveWithdrawal(v *invoice, event string) error {
	if v.status != invoiceOngoing {
		return fmt.Errorf("%w: the withdrawal has ended", simulator.ErrRefused)
	}
	p.endWithdrawal(v, event == "pay")
	return nil
}

// endWithdrawal marks the money as arrived, or gives it back.
func (p *provider) endWithdrawal(v *invoice, arrived bool) {
	if arrived {
		v.paid, v.redeemed = true, true
		p.move(v, invoiceCompleted)
		return
	}
	p.enter(v.owner, v.currency, v.amount, "credit", v.code, v.callbackData)
	p.move(v, invoiceDenied)
}

// pending finds a withdrawal of the account that has not ended, or returns why there is none.
func (p *provider) pending(q *request, code string) (*invoice, *simulator.Answer) {
	var refusal simulator.Answer
	switch v := p.invoice(code); {
	case v == nil || !v.payout || v.account != q.account:
		refusal = failure(codeNotFound, "Withdrawal not found")
	case v.status != invoiceOngoing:
		refusal = failure(codeFailed, "Withdrawal has ended")
	default:
		return v, nil
	}
	return nil, &refusal
}

// updateWithdraw ends a withdrawal. Its fields are not public: here an invoice's code, and the status that it is to
// have.
func (p *provider) updateWithdraw(q *request) simulator.Answer {
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
		return failure(codeFailed, "Invalid status")
	}
	return withdrawalAnswer(v)
}

// approve ends a withdrawal by yes or no. Its fields are inferred.
func (p *provider) approve(q *request) simulator.Answer {
	v, refusal := p.pending(q, q.fields.ID)
	if refusal != nil {
		return *refusal
	}
	if q.fields.IsApproved == nil {
		return failure(codeFailed, "isApproved is missing")
	}
	p.endWithdrawal(v, *q.fields.IsApproved)
	return withdrawalAnswer(v)
}

func withdrawalAnswer(v *invoice) simulator.Answer {
	return simulator.JSON(http.StatusOK, struct {
		invoiceView
		tail
	}{v.view(false), tail{typeWithdrawUpdated, true}})
}
