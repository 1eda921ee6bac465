package payment

import abi "payrouter/abi/v1"

// Status is where a payment stands. It only ever moves forward (see Status.Next); a terminal one never changes.
type Status string

// The statuses, in the order in which a payment goes through them.
const (
	// AwaitingApproval: journalled, and not to be sent before a person has approved it.
	AwaitingApproval Status = "awaiting_approval"
	// Created: journalled, and nothing sent yet.
	Created Status = "created"
	// Processing: a provider works on it, without the payer.
	Processing Status = "processing"
	// RequiresAction: the payer has to do what NextAction describes.
	RequiresAction Status = "requires_action"
	Succeeded      Status = "succeeded"
	Failed         Status = "failed"
	Canceled       Status = "canceled"
	Expired        Status = "expired"
	// Unknown: something was sent, and its outcome is not known yet. Only the provider, or a person, can settle it.
	Unknown Status = "unknown"
)

// Statuses are all of them.
func Statuses() []Status {
	return []Status{
		AwaitingApproval, Created, Processing, RequiresAction, Succeeded, Failed, Canceled, Expired, Unknown,
	}
}

// Valid reports whether it is one of the statuses above.
func (s Status) Valid() bool {
	switch s {
	case AwaitingApproval, Created, Processing, RequiresAction, Succeeded, Failed, Canceled, Expired, Unknown:
		return true
	}
	return false
}

// Terminal reports whether the status never changes.
func (s Status) Terminal() bool {
	switch s {
	case Succeeded, Failed, Canceled, Expired:
		return true
	case AwaitingApproval, Created, Processing, RequiresAction, Unknown:
	}
	return false
}

// placing reports whether a payment may be on its way to its first provider, or to the next.
func (s Status) placing() bool { return s == Created || s == Processing }

// Next is the status after a report of another, and whether the report contradicts what money has done.
//
// A report moves a payment forward or not at all. Processing stands on both sides of RequiresAction: acted means that
// the payer's part is over, after which a report of RequiresAction is stale. Unknown gives way to any report of
// substance. Two terminal statuses conflict where exactly one of them means that money was taken. What awaits approval
// was not sent, so no report moves it; where it is not known whether it was sent, it becomes unknown.
func (s Status) Next(report Status, acted bool) (next Status, conflict bool) {
	if s.Terminal() {
		return s, report.Terminal() && (s == Succeeded) != (report == Succeeded)
	}
	if s == AwaitingApproval && report != Unknown {
		return s, false
	}
	switch report {
	case Succeeded, Failed, Canceled, Expired, Unknown:
		return report, false
	case Processing:
		return Processing, false
	case RequiresAction:
		if acted {
			if s == Unknown {
				return Processing, false
			}
			return s, false
		}
		return RequiresAction, false
	case AwaitingApproval, Created:
	}
	return s, false
}

// statusOf maps the contract's statuses. What a plugin leaves unspecified is unknown.
func statusOf(s abi.Status) Status {
	switch s {
	case abi.Status_STATUS_PROCESSING:
		return Processing
	case abi.Status_STATUS_REQUIRES_ACTION:
		return RequiresAction
	case abi.Status_STATUS_SUCCEEDED:
		return Succeeded
	case abi.Status_STATUS_FAILED:
		return Failed
	case abi.Status_STATUS_CANCELED:
		return Canceled
	case abi.Status_STATUS_EXPIRED:
		return Expired
	case abi.Status_STATUS_UNSPECIFIED, abi.Status_STATUS_UNKNOWN:
	}
	return Unknown
}
