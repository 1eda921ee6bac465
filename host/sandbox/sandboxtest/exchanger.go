package sandboxtest

import (
	"strings"

	"payrouter/host/sandbox"
)

// ExchangerHeader are the credentials, as pairs of a header and its value.
func ExchangerHeader() []string {
	c := sandbox.DefaultCredentials()
	return []string{"API-LOGIN", c.ExchangerLogin, "API-KEY", c.ExchangerKey}
}

// Exchanger calls a method of the exchanger.
func (w *World) Exchanger(method string, pairs ...string) Reply {
	w.t.Helper()
	return w.Do("POST", "/exchanger/api/userapi/v1/"+method, FormHeader(ExchangerHeader()...), Form(pairs...))
}

// Bid makes an order of 100 USDT for euros on a card.
func (w *World) Bid(more ...string) Reply {
	w.t.Helper()
	return w.Exchanger("create_bid", append([]string{
		"direction_id", "1", "calc_amount", "100", "calc_action", "1", "account2", "4111 1111 1111 1111",
		"cfget8", "JANE DOE", "cf6", "jane@example.com",
	}, more...)...)
}

// ExchangerPage is the path of an order's page.
func (w *World) ExchangerPage(id string) string {
	w.t.Helper()
	return strings.TrimPrefix(w.Exchanger("bid_info", "id", id).At(w.t, "data", "url").(string), w.URL)
}

// PartnerBalance is what the exchanger owes the caller of its API as a partner.
func (w *World) PartnerBalance() string {
	w.t.Helper()
	return w.Exchanger("get_partner_info").At(w.t, "data", "balance").(string)
}
