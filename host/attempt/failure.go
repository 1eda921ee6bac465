package attempt

import abi "payrouter/abi/v1"

// Class is whether another provider may take what one declined.
type Class string

// The classes.
const (
	// Soft: a reason of this provider or account.
	Soft Class = "soft"
	// Hard: a reason that every provider would give.
	Hard Class = "hard"
)

// Failure is why a payment, or one attempt of it, failed. The provider's own words travel beside the canonical code.
type Failure struct {
	// Code is one of abi.FailureCodes.
	Code         string `json:"code"`
	Class        Class  `json:"class"`
	Message      string `json:"message,omitempty"`
	ProviderCode string `json:"provider_code,omitempty"`
}

// ClassOf is the class that a canonical failure code has unless a manifest's rule or routing.yaml has another. A
// code that is none of abi.FailureCodes is not known, and soft.
func ClassOf(code string) (class Class, known bool) {
	hard, known := abi.FailureCodes[code]
	if hard {
		return Hard, known
	}
	return Soft, known
}

// ruleFor is the failure rule of a provider's rejection: the account's own rules come before the manifest's, and the
// first that matches holds. It is nil for a rejection that no rule lists.
func ruleFor(overrides, rules []*abi.FailureRule, operation string, httpStatus uint32,
	failure *abi.Failure,
) *abi.FailureRule {
	for _, table := range [][]*abi.FailureRule{overrides, rules} {
		if rule := abi.FirstMatch(table, operation, httpStatus, failure.GetProviderCode()); rule != nil {
			return rule
		}
	}
	return nil
}

// Meaning is what a provider's rejection of an operation amounts to. A rejection that no rule lists is not believed: it
// is Unanswered.
func Meaning(overrides, rules []*abi.FailureRule, operation string, httpStatus uint32,
	failure *abi.Failure,
) (Event, *Failure) {
	return meant(ruleFor(overrides, rules, operation, httpStatus, failure), failure)
}

func meant(rule *abi.FailureRule, failure *abi.Failure) (Event, *Failure) {
	if rule == nil {
		return Unanswered,
			&Failure{
				Code: "provider_error", Class: Soft, Message: failure.GetMessage(),
				ProviderCode: failure.GetProviderCode(),
			}
	}
	event := Unanswered
	class, _ := ClassOf(rule.GetCode())
	switch rule.GetMeaning() {
	case abi.Meaning_MEANING_REFUSED:
		event, class = Refused, Soft
	case abi.Meaning_MEANING_DECLINED_SOFT:
		event, class = DeclinedSoft, Soft
	case abi.Meaning_MEANING_DECLINED_HARD:
		event, class = DeclinedHard, Hard
	case abi.Meaning_MEANING_DUPLICATE:
		event = Duplicate
	case abi.Meaning_MEANING_NOT_FOUND:
		event = NotFound
	case abi.Meaning_MEANING_FAULT, abi.Meaning_MEANING_UNSPECIFIED:
	}
	return event,
		&Failure{
			Code: rule.GetCode(), Class: class, Message: failure.GetMessage(),
			ProviderCode: failure.GetProviderCode(),
		}
}

// Unavailable is the failure of a provider that could not be asked, or gave no readable answer.
func Unavailable(message string) *Failure {
	return &Failure{Code: "provider_unavailable", Class: Soft, Message: message}
}

func rejected(reject *abi.Reject) *Failure {
	code := reject.GetCode()
	class, known := ClassOf(code)
	if !known {
		code, class = "unsupported", Soft
	}
	message := reject.GetMessage()
	if reject.GetField() != "" {
		message = reject.GetField() + ": " + message
	}
	return &Failure{Code: code, Class: class, Message: message}
}
