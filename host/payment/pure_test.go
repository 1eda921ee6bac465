package payment

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	abi "payrouter/abi/v1"
	"payrouter/host/invalid"
)

// stage orders statuses as a payment goes through them; unknown stands beside the order.
func stage(s Status, acted bool) int {
	switch s {
	case Created:
		return 0
	case Processing:
		if acted {
			return 3
		}
		return 1
	case RequiresAction:
		return 2
	case Unknown:
		return -1
	case Succeeded, Failed, Canceled, Expired:
	}
	return 4
}

func TestStatusesNeverGoBackwardsWhateverTheReports(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := Payment{Status: Created, Order: Order{Amount: "1", Currency: "EUR"}}
		highest := 0
		for range rapid.IntRange(1, 30).Draw(t, "reports") {
			before := p
			report := abi.Status(rapid.IntRange(0, len(abi.Status_name)-1).Draw(t, "report"))
			p = settle(p, &abi.Outcome{Status: report}, nil, time.Time{})
			if before.Status.Terminal() {
				require.Equal(t, before.Status, p.Status)
				contradicted := statusOf(report).Terminal() &&
					(statusOf(report) == Succeeded) != (before.Status == Succeeded)
				require.Equal(t, before.MoneyConflict || contradicted, p.MoneyConflict)
				continue
			}
			if now := stage(p.Status, p.Acted); now >= 0 {
				require.GreaterOrEqual(t, now, highest, "%s after %s", p.Status, before.Status)
				highest = now
			}
			require.NotEqual(t, Created, p.Status)
		}
	})
}

func TestValidateSaysWhatIsWrongWithEachMember(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	valid := Order{Kind: Collect, Amount: "49.90", Currency: "EUR"}
	require.NoError(t, valid.Validate(nil, now))
	tickers := map[string]bool{"USDT": true}
	for _, row := range []struct {
		field, says string
		edit        func(*Order)
	}{
		{"/kind", "one of collect", func(o *Order) { o.Kind = "gift" }},
		{"/currency", "neither an ISO 4217 code", func(o *Order) { o.Currency = "EUX" }},
		{"/currency", "neither an ISO 4217 code", func(o *Order) { o.Currency = "DOGE" }},
		{"/currency", "upper-case", func(o *Order) { o.Currency = "eur" }},
		{"/currency", "upper-case", func(o *Order) { o.Currency = "" }},
		{"/amount", "above zero", func(o *Order) { o.Amount = "-1" }},
		{"/amount", "above zero", func(o *Order) { o.Amount = "0.00" }},
		{"/amount", "at most 39 digits", func(o *Order) { o.Amount = strings.Repeat("9", 40) }},
		{"/amount", "without an exponent", func(o *Order) { o.Amount = "1e3" }},
		{"/amount", "decimal text", func(o *Order) { o.Amount = "12,50" }},
		{"/amount", "decimal text", func(o *Order) { o.Amount = "" }},
		{"/amount", "at most 2 decimals in EUR", func(o *Order) { o.Amount = "1.001" }},
		{"/amount", "at most 0 decimals in JPY", func(o *Order) { o.Amount, o.Currency = "1.5", "JPY" }},
		{"/amount", "at most 3 decimals in BHD", func(o *Order) { o.Amount, o.Currency = "1.2345", "BHD" }},
		{"/amount", "at most 4 decimals in CLF", func(o *Order) { o.Amount, o.Currency = "1.23456", "CLF" }},
		{"/country", "write DE", func(o *Order) { o.Country = "de" }},
		{"/country", "alpha-2", func(o *Order) { o.Country = "XX" }},
		{"/country", "write GB", func(o *Order) { o.Country = "UK" }},
		{"/country", "alpha-2", func(o *Order) { o.Country = "SU" }},
		{"/return_url", "absolute", func(o *Order) { o.ReturnURL = "/thanks" }},
		{"/return_url", "' '", func(o *Order) { o.ReturnURL = "https://shop.example/thank you" }},
		{"/return_url", `'\n'`, func(o *Order) { o.ReturnURL = "https://shop.example/\n" }},
		{"/destination/memo", "a collect has no destination", func(o *Order) { o.Destination.Memo = "1" }},
		{
			"/destination/number", "is account, address, network, memo",
			func(o *Order) { o.Kind, o.Destination.Number = Payout, "1" },
		},
		{
			"/destination/address", "is operator, number",
			func(o *Order) { o.Kind, o.Destination.Address = Recharge, "a" },
		},
		{
			"/destination/operator", "is account, memo",
			func(o *Order) { o.Kind, o.Destination.Operator = Transfer, "AT" },
		},
		{"/return_url", "absolute", func(o *Order) { o.ReturnURL = "javascript:alert(1)" }},
		{"/return_url", "password", func(o *Order) { o.ReturnURL = "https://a:b@shop.example/" }},
		{"/expires_at", "future", func(o *Order) { o.ExpiresAt = now.Add(-time.Second) }},
		{"/expires_at", "within 366 days", func(o *Order) { o.ExpiresAt = now.Add(367 * 24 * time.Hour) }},
		{"/payer/email", "e-mail address", func(o *Order) { o.Payer.Email = "payer" }},
		{"/payer/email", "e-mail address", func(o *Order) { o.Payer.Email = "a payer@shop.example" }},
		{"/payer/ip", "IPv4", func(o *Order) { o.Payer.IP = "1.2.3" }},
		{"/reference", "at most 255", func(o *Order) { o.Reference = strings.Repeat("r", 256) }},
		{"/description", "UTF-8", func(o *Order) { o.Description = "\xff" }},
		{"/payer/name", "control", func(o *Order) { o.Payer.Name = "a\x00b" }},
		{"/metadata", "at most 50", func(o *Order) {
			o.Metadata = map[string]string{}
			for i := range 51 {
				o.Metadata[strings.Repeat("k", i+1)] = ""
			}
		}},
		{"/metadata/a~1b", "control", func(o *Order) { o.Metadata = map[string]string{"a/b": "\x01"} }},
		{
			"/provider_options/paygram", "JSON object",
			func(o *Order) { o.Options = map[string]json.RawMessage{"paygram": json.RawMessage(`[1]`)} },
		},
	} {
		order := valid
		row.edit(&order)
		err := order.Validate(tickers, now)
		var bad *invalid.Error
		require.ErrorAs(t, err, &bad, row.field)
		require.Equal(t, row.field, bad.Field)
		require.Contains(t, bad.Reason, row.says)
	}
	for currency, amount := range map[string]string{
		"EUR": "1.10000", "BHD": "1.234", "RSD": "10.50", "JPY": "7.0",
		"XAU": "0.0001234", "HUF": "1.99",
	} {
		require.NoError(t, Order{Kind: Collect, Amount: amount, Currency: currency}.Validate(tickers, now), currency)
	}
	crypto := Order{Kind: Collect, Amount: "0.000000000000000001", Currency: "USDT"}
	require.NoError(t, crypto.Validate(tickers, now))
}

func FuzzValidate(f *testing.F) {
	f.Add("49.90", "EUR", "DE", "text")
	f.Add("1e9999999", "\xff", "", "\x00")
	f.Fuzz(func(t *testing.T, amount, code, country, text string) {
		order := Order{
			Kind: Collect, Amount: amount, Currency: code, Country: country, Description: text,
			ReturnURL: text,
		}
		if err := order.Validate(nil, time.Time{}); err != nil {
			var bad *invalid.Error
			require.ErrorAs(t, err, &bad)
			return
		}
		require.NotContains(t, order.Amount, "-")
	})
}
