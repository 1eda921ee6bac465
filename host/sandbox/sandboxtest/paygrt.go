package sandboxtest

import (
	"payrouter/host/sandbox"
)

// Paygrt calls Paygrt, with pairs as the form of a POST.
func (w *World) Paygrt(method, path string, pairs ...string) Reply {
	w.t.Helper()
	body := ""
	if method == "POST" {
		body = Form(pairs...)
	}
	return w.Do(method, "/paygrt"+path, FormHeader("api-key", sandbox.DefaultCredentials().Paygrt), body)
}

// Recharge makes a recharge of Paygrt.
func (w *World) Recharge(ref, sum, operator string) Reply {
	w.t.Helper()
	return w.Paygrt("POST", "/v1/recharges/AB1234", "api_ref_id", ref, "recharge_number", "9988998899",
		"recharge_amount", sum, "operator_code", operator)
}
