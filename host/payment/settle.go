package payment

import (
	"fmt"
	"time"

	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/money"
)

// contradiction returns what in a provider's report cannot be about this payment; empty where nothing contradicts it.
func contradiction(p Payment, reference string, outcome *abi.Outcome) string {
	if echoed := outcome.GetEchoedReference(); echoed != "" && reference != "" && echoed != reference {
		return fmt.Sprintf("the answer is about reference %q, not %q", echoed, reference)
	}
	if theirs := outcome.GetProviderReference(); theirs != "" && p.ProviderReference != "" &&
		theirs != p.ProviderReference {
		return fmt.Sprintf("the answer is about %q, not %q", theirs, p.ProviderReference)
	}
	amount := outcome.GetAmount()
	if amount.GetAmount() == "" || sameMoney(amount, p) {
		return ""
	}
	return fmt.Sprintf("the answer is about %s %s, not %s %s", amount.GetAmount(), amount.GetCurrency(), p.Amount,
		p.Currency)
}

// settle applies a provider's accepted word to a payment. It is pure: the same payment and word give the same payment.
func settle(p Payment, outcome *abi.Outcome, failure *attempt.Failure, now time.Time) Payment {
	report, alert := statusOf(outcome.GetStatus()), outcome.GetAlert()
	if why := unproven(p, outcome); report == Succeeded && why != "" {
		report, alert = Processing, why
	}
	next, conflict := p.Status.Next(report, p.Acted)
	if received := money.Of(outcome.GetReceived()); received.Positive() {
		var why string
		if next, why = withMoney(p.Status, report, next, received); why != "" {
			known := p.MoneyConflict && p.Received == received
			if conflict = true; alert == "" && !known {
				alert = why
			}
		}
	}
	p.MoneyConflict = p.MoneyConflict || conflict
	p.Offered = p.Offered || next == RequiresAction
	p.Acted = p.Acted || (p.Offered && next == Processing)
	wasTerminal := p.Status.Terminal()
	p.Status = next
	p.UpdatedAt = now
	if alert != "" {
		p = p.alerted(codeReport, alert)
	}
	if p.ProviderReference == "" {
		p.ProviderReference = outcome.GetProviderReference()
	}
	if received := money.Of(outcome.GetReceived()); received != (money.Money{}) {
		p.Received = received
	}
	if fee := money.Of(outcome.GetFee()); fee != (money.Money{}) {
		p.Fee = fee
	}
	if wasTerminal {
		return p
	}
	p.Failure = nil
	asked := p.NextAction
	p.NextAction = nil
	switch next {
	case RequiresAction:
		// A report that does not repeat what the payer is to do does not take it back.
		if p.NextAction = actionOf(outcome.GetNextAction()); p.NextAction == nil {
			p.NextAction = asked
		}
	case Failed, Canceled, Expired:
		p.Failure = failure
	case AwaitingApproval, Created, Processing, Succeeded, Unknown:
	}
	return p
}

func actionOf(action *abi.NextAction) *NextAction {
	switch a := action.GetAction().(type) {
	case *abi.NextAction_Redirect:
		return &NextAction{Type: actionRedirect, URL: a.Redirect.GetUrl()}
	case *abi.NextAction_PayTo:
		return &NextAction{
			Type: ActionPayTo, Address: a.PayTo.GetAddress(), Network: a.PayTo.GetNetwork(), Memo: a.PayTo.GetMemo(),
			Amount: money.Of(a.PayTo.GetAmount()),
		}
	case *abi.NextAction_Instructions:
		return &NextAction{
			Type: actionInstructions, Text: a.Instructions.GetText(), URL: a.Instructions.GetUrl(),
			Amount: money.Of(a.Instructions.GetAmount()),
		}
	}
	return nil
}
