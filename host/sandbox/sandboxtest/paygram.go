package sandboxtest

import (
	"encoding/json"

	"payrouter/host/sandbox"
)

// PayGram calls a method of PayGram as the account paygram-eu.
func (w *World) PayGram(method, body string) Reply {
	w.t.Helper()
	return w.Do("POST", "/paygram/"+sandbox.DefaultCredentials().PayGramEU+"/"+method, JSONHeader(), body)
}

// PayGramInvoice is the document's example of an invoice.
const PayGramInvoice = `{"requestId":-64829383,"userCliId":"tmloader","currencyCode":11,"amount":100,` +
	`"callbackData":"https://shop12.example/api/DepositCallbackRequest/PayGramDepCallBackReqAs","merchantType":3}`

// PayGramBalance is what a user of paygram-eu has in a currency.
func (w *World) PayGramBalance(user, currency string) string {
	w.t.Helper()
	for _, b := range w.PayGram("UserInfo", `{"userCliId":"`+user+`"}`).At(w.t, "balances").([]any) {
		if b := b.(map[string]any); b["currency"] == json.Number(currency) {
			return b["balance"].(json.Number).String()
		}
	}
	return "0"
}
