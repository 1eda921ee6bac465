package payment

import (
	"fmt"

	abi "payrouter/abi/v1"
	"payrouter/host/money"
)

// unproven returns why a report of success is no proof that the payment's amount was received; empty where it is one.
// What was received is compared in the payment's own currency alone. Another currency is the coin that the payer used
// where the provider confirms the payment's own amount beside it, and proves nothing where it does not. A provider that
// names no amount at all is believed for its status.
func unproven(p Payment, outcome *abi.Outcome) string {
	received := outcome.GetReceived()
	switch {
	case received.GetAmount() == "":
		return ""
	case received.GetCurrency() == p.Currency:
		if order, ok := money.Compare(received.GetAmount(), p.Amount); ok && order >= 0 {
			return ""
		}
		return fmt.Sprintf("reported as paid, with %s of %s %s received", received.GetAmount(), p.Amount, p.Currency)
	case sameMoney(outcome.GetAmount(), p):
		return ""
	}
	return fmt.Sprintf("reported as paid, with %s %s received for a payment of %s %s", received.GetAmount(),
		received.GetCurrency(), p.Amount, p.Currency)
}

// sameMoney reports whether an amount is the payment's own, in its currency.
func sameMoney(amount *abi.Money, p Payment) bool {
	order, ok := money.Compare(amount.GetAmount(), p.Amount)
	return amount.GetCurrency() == p.Currency && ok && order == 0
}

// withMoney is the status after a report that shows money, and why that is a conflict; empty where it is none. A
// payment that has ended without success stays so, and money in it is a conflict whatever the report's status. One that
// has not ended does not end without success while money is in it: it stays open for the act that takes the money in,
// or for a person.
func withMoney(was, report, next Status, received money.Money) (status Status, why string) {
	switch {
	case was.ended():
		return next,
			fmt.Sprintf("%s %s was received, and the payment had ended as %s", received.Amount, received.Currency, was)
	case !was.Terminal() && report.ended():
		return Processing,
			fmt.Sprintf("reported as %s, and %s %s was received", report, received.Amount, received.Currency)
	}
	return next, ""
}

// standingOf is the status by which an act on the provider's object is allowed. An object that ended with money in it
// is as good as one that is paid and not taken in yet.
func standingOf(outcome *abi.Outcome) abi.Status {
	if statusOf(outcome.GetStatus()).ended() && money.Of(outcome.GetReceived()).Positive() {
		return abi.Status_STATUS_PROCESSING
	}
	return outcome.GetStatus()
}

// ended reports a terminal status without success.
func (s Status) ended() bool { return s.Terminal() && s != Succeeded }

// alertOtherAnswer is what a payment shows of an answer that contradicts it.
func alertOtherAnswer(provider, why string) string {
	return "an answer by " + provider + " contradicts the payment, and was not believed: " + why
}
