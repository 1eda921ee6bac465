package router

import (
	abi "payrouter/abi/v1"
	"payrouter/host/attempt"
	"payrouter/host/plugin/canary"
)

// observe has a flow that is over count for the generation that served it.
func (r *Router) observe(id attempt.OwnerID, e attempt.Ending) {
	r.registry.Observe(sampleOf(id, e))
	if breach := e.Breach(); breach != nil {
		r.registry.Fault(e.Plan.Connector.Digest(), string(id), e.Merchant, breach)
	}
}

// sampleOf is what a flow that is over counts as for the generation that served it.
func sampleOf(id attempt.OwnerID, e attempt.Ending) canary.Sample {
	connector, role := e.Plan.Connector, e.Plan.Role
	lot := connector.Lot()
	return canary.Sample{
		Plugin: connector.Manifest().GetName(), Digest: connector.Digest(), Canary: lot.Canary, Share: lot.Share,
		Owner: string(id), First: role == abi.Role_ROLE_CREATE || role == abi.Role_ROLE_UNSPECIFIED,
		Result: resultOf(e), Took: e.Took, Fuel: e.Fuel,
	}
}

func resultOf(e attempt.Ending) canary.Result {
	if e.PluginErr != nil {
		return canary.ResultOf(e.PluginErr)
	}
	switch e.Event {
	case attempt.Accepted:
		if e.Outcome.GetStatus() == abi.Status_STATUS_FAILED {
			return canary.Declined
		}
		return canary.Succeeded
	case attempt.DeclinedSoft, attempt.DeclinedHard, attempt.Refused, attempt.Duplicate, attempt.NotFound:
		return canary.Declined
	case attempt.Unable:
		if e.Withheld() {
			return canary.Nothing
		}
		return canary.Declined // by the plugin
	case attempt.Unanswered:
		if e.Unread() {
			return canary.Unreadable
		}
		return canary.Unknown
	case attempt.NotSent:
	}
	return canary.Nothing
}
