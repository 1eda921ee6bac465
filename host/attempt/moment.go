package attempt

// Moment is an instant at which a crash is worst: something is done that no caller knows of.
type Moment string

// The moments, in their order.
const (
	// MomentJournalled: an attempt is journalled as about to be sent, and no byte has left.
	MomentJournalled Moment = "journalled"
	// MomentSent: a try is over, and its outcome is not journalled.
	MomentSent Moment = "sent"
	// MomentApproved: an approval is journalled, and no attempt is.
	MomentApproved Moment = "approved"
	// MomentSettled: the outcome is journalled, and its caller has no answer.
	MomentSettled Moment = "settled"
)
