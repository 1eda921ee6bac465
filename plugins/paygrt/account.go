package main

import (
	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

func prepareBalance(_ *abi.Call, account settings) (*abi.Step, error) {
	return get(guest.Literal("/v1/merchants/"), guest.Text(account.merchant), guest.Literal("/balance")), nil
}

func prepareOperators(_ *abi.Call, account settings) (*abi.Step, error) {
	return get(guest.Literal("/v1/operators/"), guest.Text(account.merchant)), nil
}

func get(path ...*abi.Part) *abi.Step {
	return guest.NewRequest("GET", path...).Header("api-key", guest.Secret(secretAPIKey)).Send(nil)
}

// interpretNative hands the provider's answer on as it came. A failed query has no documented reason to map.
func interpretNative(_ *abi.Call, _ settings, _ []byte, answer reply) *abi.Step {
	if answer.status == envelopeFailed {
		return guest.Unreadable("the query failed: " + answer.message)
	}
	return guest.Done(&abi.Outcome{Verdict: abi.Verdict_VERDICT_ACCEPTED, Output: answer.raw})
}
