package paygram

import (
	"encoding/json"
	"fmt"
	"net/http"

	"payrouter/host/sandbox/simulator"
)

// withdrawMethod says where a withdrawal goes. Its addresses are objects, and optional.
type withdrawMethod struct {
	CurrencyCode       coin     `json:"currencyCode"`
	Network            network  `json:"network"`
	CryptoAddress      string   `json:"cryptoAddress,omitempty"`
	Holder             string   `json:"beneficiaryAccountFullname,omitempty"`
	BankIBAN           string   `json:"bankIban,omitempty"`
	BICSwift           string   `json:"bicSwift,omitempty"`
	BankAccount        string   `json:"bankAccount,omitempty"`
	BankRoutingNumber  string   `json:"bankRoutingNumber,omitempty"`
	BankSortCode       string   `json:"bankSortCode,omitempty"`
	BankAddress        *address `json:"bankAddress,omitempty"`
	BeneficiaryAddress *address `json:"beneficiaryAddress,omitempty"`
}

type address struct {
	BuildingNumber string `json:"buildingNumber"`
	Street1        string `json:"street1"`
	Street2        string `json:"street2"`
	City           string `json:"city"`
	Province       string `json:"province"`
	Postal         string `json:"zIP_Postal_Code"`
	Country        string `json:"country"`
}

// fiat are the currencies that go to banks; the others are coins, which go to addresses.
//
//nolint:gochecknoglobals // a table
var fiat = map[int]bool{3: true, 4: true, 7: true, 12: true, 13: true, 14: true, 15: true}

// isValid: a coin has an address. A bank account has its holder's name, and an IBAN with a BIC, or an account with a
// sort code or a routing number.
func (m withdrawMethod) isValid(currency int) bool {
	if !fiat[currency] {
		return m.CryptoAddress != ""
	}
	return m.Holder != "" && (m.BankIBAN != "" && m.BICSwift != "" ||
		m.BankAccount != "" && (m.BankSortCode != "" || m.BankRoutingNumber != ""))
}

// payout is what a withdrawal has beside its invoice.
type payout struct {
	method json.RawMessage
	before simulator.Money // the balance
}

// withdraw takes the amount out of the wallet at once; the invoice shows later whether it arrived.
func (p *provider) withdraw(q *request) simulator.Answer {
	f := q.fields
	currency := int(f.WithdrawMethod.CurrencyCode)
	if currency == 0 {
		currency = int(f.CurrencyCode)
	}
	if refusal := q.affordable(currency, f.Amount, simulator.Money{}); refusal != nil {
		return *refusal
	}
	if !f.WithdrawMethod.isValid(currency) {
		return failure(codeFailed, "Invalid withdrawMethod")
	}
	method, err := simulator.Marshal(f.WithdrawMethod)
	if err != nil {
		return failure(codeFailed, "Invalid withdrawMethod")
	}
	v := p.addInvoice(q, *f.Amount, currency)
	v.status, v.from = invoiceRequested, &q.user.id
	v.payout = &payout{method, q.user.balances[currency]}
	v.fee = f.Amount.Mul(simulator.Amount("0.01")).Round(8).Trim()
	p.enter(q.user, v, entryWithdrawal, minus(v.amount)).Fees = v.fee
	p.book(v, "Withdraw")
	withdrawn, receive := v.fee, v.fee // an assignment where a difference was meant
	if p.options.RightWithdrawnAmounts {
		withdrawn, receive = v.amount, v.amount.Sub(v.fee)
	}
	return simulator.JSON(http.StatusOK, struct {
		NewBalance simulator.Money `json:"newBalance"`
		Fee        simulator.Money `json:"expectedFee"`
		Withdrawn  simulator.Money `json:"withdrawnAmount"`
		Receive    simulator.Money `json:"amountWillReceive"`
		Code       string          `json:"invoiceCode"`
		tail
	}{q.user.balances[currency], v.fee, withdrawn, receive, v.code, p.tail(typeWithdraw)})
}

// isOver reports a withdrawal that has come to its end.
func (v *invoice) isOver() bool {
	return v.status != invoiceRequested && v.status != invoiceAccepted && v.status != invoiceInternal
}

// driveWithdrawal moves a withdrawal on as PayGram does. The money of one that is cancelled comes back, or does not.
func (p *provider) driveWithdrawal(v *invoice, event string) error {
	switch {
	case event == simulator.PayLate && v.isOver() && !v.paid:
		v.paid = true
		p.move(v, v.status)
		return nil
	case event == simulator.PayLate:
		return fmt.Errorf("%w: a withdrawal is paid late after it has ended without", simulator.ErrRefused)
	case v.isOver():
		return fmt.Errorf("%w: the withdrawal has ended", simulator.ErrRefused)
	}
	switch event {
	case "pay":
		p.endWithdrawal(v, invoiceCompleted, false)
	case "expire", "cancel":
		p.endWithdrawal(v, invoiceCancelled, true)
	case "cancel_unrefunded":
		p.endWithdrawal(v, invoiceCancelled, false)
	case "decline":
		p.endWithdrawal(v, invoiceDenied, true)
	case "error":
		p.endWithdrawal(v, invoiceError, false)
	case "accept":
		if v.status == invoiceAccepted {
			p.move(v, invoiceInternal)
		} else {
			p.move(v, invoiceAccepted)
		}
	default:
		return fmt.Errorf("%w: a withdrawal has no %s", simulator.ErrRefused, event)
	}
	return nil
}

// endWithdrawal marks the money as arrived, as given back, or as neither.
func (p *provider) endWithdrawal(v *invoice, state int, refund bool) {
	if state == invoiceCompleted && !p.options.UnpaidWithdrawals {
		v.paid, v.redeemed = true, true
	}
	if refund {
		v.refunded = true
		p.enter(v.owner, v, entryRefund, v.amount)
	}
	p.move(v, state)
}

// pending finds a withdrawal of the account that has not ended, or returns why there is none.
func (p *provider) pending(q *request, code string) (*invoice, *simulator.Answer) {
	var refusal simulator.Answer
	switch v := p.invoice(code); {
	case v == nil || v.payout == nil || v.account != q.account:
		refusal = failure(codeNotFound, "Withdrawal not found")
	case v.isOver():
		refusal = failure(codeFailed, "Withdrawal has ended")
	default:
		return v, nil
	}
	return nil, &refusal
}

// updateWithdraw ends a withdrawal. Its fields are not public: here an invoice's code, and the status that it is to
// have. One that is set to cancelled is not given back, but with cancelWithdraw.
func (p *provider) updateWithdraw(q *request) simulator.Answer {
	v, refusal := p.pending(q, q.fields.InvoiceCode)
	if refusal != nil {
		return *refusal
	}
	switch {
	case q.fields.CancelWithdraw:
		p.endWithdrawal(v, invoiceCancelled, true)
	case q.fields.Status == invoiceCompleted, q.fields.Status == invoiceCancelled, q.fields.Status == invoiceError:
		p.endWithdrawal(v, int(q.fields.Status), false)
	case q.fields.Status == invoiceDenied:
		p.endWithdrawal(v, invoiceDenied, true)
	default:
		return failure(codeFailed, "Invalid status")
	}
	return p.withdrawalAnswer(v)
}

// approve ends a withdrawal by yes or no. Its fields are inferred.
func (p *provider) approve(q *request) simulator.Answer {
	v, refusal := p.pending(q, q.fields.ID)
	switch {
	case refusal != nil:
		return *refusal
	case q.fields.IsApproved == nil:
		return failure(codeFailed, "isApproved is missing")
	case *q.fields.IsApproved:
		p.endWithdrawal(v, invoiceCompleted, false)
	default:
		p.endWithdrawal(v, invoiceDenied, true)
	}
	return p.withdrawalAnswer(v)
}

func (p *provider) withdrawalAnswer(v *invoice) simulator.Answer {
	return simulator.JSON(http.StatusOK, struct {
		invoiceView
		tail
	}{p.view(v, v.account, false), p.tail(typeWithdrawUpdated)})
}
