package sandboxtest

import (
	"payrouter/host/sandbox"
)

// Cryptogram calls Cryptogram: path follows that of its payments.
func (w *World) Cryptogram(method, path, body string) Reply {
	w.t.Helper()
	return w.Do(method, "/cryptogram/api/v1/commerce-payments"+path,
		JSONHeader("Authorization", "Bearer "+sandbox.DefaultCredentials().Cryptogram), body)
}

// CryptogramCheckout makes a payment of 10 USD.
const CryptogramCheckout = `{
    "amount": 10,
    "currency": "USD",
    "wallets": ["bnb"],
    "title": "Vulputate ipsum penatibus.",
    "description": "Ullamcorper quia lorem penatibus?",
    "redirect": "https://shop.example/return/tok_123456",
    "expires_at": "2026-05-19T09:13:28",
    "message": "Magnam hic esse mollitia!"
}`
