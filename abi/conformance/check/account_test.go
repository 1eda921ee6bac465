package check

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

// accountAnswer is an outcome with everything that an account can be asked for.
func accountAnswer(change func(o *abi.Outcome)) *abi.Answer {
	outcome := guest.Accepted(abi.Status_STATUS_UNSPECIFIED, "")
	outcome.Output = []byte(`{}`)
	outcome.Balances = []*abi.Balance{
		{Available: guest.Money("-1.50", "EUR"), Held: guest.Money("2", "EUR")},
		{Available: guest.Money("3", "EUR"), Wallet: "savings"},
	}
	outcome.Rates = []*abi.Rate{{From: guest.Money("1", "BTC"), To: guest.Money("96250.5", "USDT")}}
	outcome.Transactions = []*abi.Transaction{
		{
			Id: "1", AtMs: 1704067200000, Amount: guest.Money("-4", "USDT"), Fee: guest.Money("0.04", "USDT"),
			FeeIncluded: true,
		},
		{Id: "2", AtMs: 1704067200000, Amount: guest.Money("0", "USDT")},
	}
	outcome.Items = []*abi.Item{
		{Code: "AT", Name: "Airtel", Category: "Mobile", Currency: "INR"},
		{
			Code: "1", Currency: "USDT", CurrencyOut: "EUR",
			Bounds: []*abi.Bound{{Currency: "USDT", Min: "10", Max: "5000"}},
		},
	}
	change(outcome)
	return stepAnswer(guest.Done(outcome))
}

func TestAccount(t *testing.T) {
	t.Parallel()
	sound := accountAnswer(func(*abi.Outcome) {})
	require.Empty(t, Answer(whole(), sound))
	require.Empty(t, Entries(sound.GetStep().GetDone()))
	for name, row := range map[string]struct {
		spoil func(o *abi.Outcome)
		says  string
	}{
		"a balance of nothing": {
			func(o *abi.Outcome) { o.Balances[0] = &abi.Balance{Wallet: "p"} },
			"balance: of what",
		},
		"a balance that is a float": {
			func(o *abi.Outcome) { o.Balances[0].Available.Amount = "1e2" },
			"available: \"1e2\" is not plain",
		},
		"a balance of no currency":    {func(o *abi.Outcome) { o.Balances[0].Held.Currency = "" }, "held: currency"},
		"a balance of two currencies": {func(o *abi.Outcome) { o.Balances[0].Held.Currency = "USD" }, "held in USD"},
		"a rate of nothing":           {func(o *abi.Outcome) { o.Rates[0].To.Amount = "0" }, "not above zero"},
		"a rate below nothing":        {func(o *abi.Outcome) { o.Rates[0].From.Amount = "-1" }, "not above zero"},
		"half a rate":                 {func(o *abi.Outcome) { o.Rates[0].To = nil }, "no amount"},
		"a rate to itself":            {func(o *abi.Outcome) { o.Rates[0].To.Currency = "BTC" }, "to itself"},
		"an entry without an id":      {func(o *abi.Outcome) { o.Transactions[0].Id = "" }, "no id"},
		"an entry of no amount":       {func(o *abi.Outcome) { o.Transactions[0].Amount = nil }, "how much"},
		"an entry rounded to a float": {
			func(o *abi.Outcome) { o.Transactions[0].Amount.Amount = "-4e-8" },
			"not plain",
		},
		"a fee with a comma":           {func(o *abi.Outcome) { o.Transactions[0].Fee.Amount = "0,04" }, "not plain"},
		"an included fee that is none": {func(o *abi.Outcome) { o.Transactions[0].Fee = nil }, "which fee"},
		"an entry that is not UTF-8":   {func(o *abi.Outcome) { o.Transactions[0].Kind = "\xff" }, "UTF-8"},
		"an item without a code":       {func(o *abi.Outcome) { o.Items[0].Code = "" }, "under which code"},
		"an item of a small currency":  {func(o *abi.Outcome) { o.Items[0].Currency = "inr" }, "currency \"inr\""},
		"an item out of nothing":       {func(o *abi.Outcome) { o.Items[1].Currency = "" }, "what goes in"},
		"an item bound by words":       {func(o *abi.Outcome) { o.Items[1].Bounds[0].Min = "no" }, "not decimals"},
		"an item bound by nothing": {func(o *abi.Outcome) {
			o.Items[1].Bounds[0].Min, o.Items[1].Bounds[0].Max = "",
				""
		}, "bounds nothing"},
		"an item bound upside down":    {func(o *abi.Outcome) { o.Items[1].Bounds[0].Max = "9" }, "wrong way round"},
		"an item bound in no currency": {func(o *abi.Outcome) { o.Items[1].Bounds[0].Currency = "" }, "bound of"},
		"without the answer itself":    {func(o *abi.Outcome) { o.Output = nil }, "without the provider's own answer"},
		"with a payment's status": {
			func(o *abi.Outcome) { o.Status = abi.Status_STATUS_SUCCEEDED },
			"of which payment",
		},
		"refused": {func(o *abi.Outcome) {
			o.Verdict, o.Failure = abi.Verdict_VERDICT_REJECTED, &abi.Failure{ProviderCode: "1"}
		}, "rejected, and yet"},
		"unreadable": {func(o *abi.Outcome) {
			o.Verdict, o.Failure = abi.Verdict_VERDICT_UNREADABLE, &abi.Failure{Message: "why"}
		}, "unreadable, and yet"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, strings.Join(Answer(whole(), accountAnswer(row.spoil)), "\n"), row.says)
		})
	}
}

func TestTold(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		spoil func(o *abi.Outcome)
		says  string
	}{
		"one wallet twice": {func(o *abi.Outcome) { o.Balances[1].Wallet = "" }, "balance of wallet"},
		"one rate twice": {
			func(o *abi.Outcome) { o.Rates = append(o.Rates, o.Rates[0]) },
			"rate \"BTC to USDT\" stands twice",
		},
		"one entry twice": {
			func(o *abi.Outcome) { o.Transactions[1].Id = "1" },
			"transaction \"1\" stands twice",
		},
		"one code twice": {func(o *abi.Outcome) { o.Items[1].Code = "AT" }, "item \"AT\" stands twice"},
		"a time in seconds": {
			func(o *abi.Outcome) { o.Transactions[0].AtMs = 1704067200 },
			"no time in Unix milliseconds",
		},
		"a time in microseconds": {
			func(o *abi.Outcome) { o.Transactions[0].AtMs = 1704067200000000 },
			"no time in Unix milliseconds",
		},
		"no time at all": {func(o *abi.Outcome) { o.Transactions[0].AtMs = 0 }, "no time in Unix milliseconds"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Contains(t, strings.Join(Entries(accountAnswer(row.spoil).GetStep().GetDone()), "\n"), row.says)
		})
	}
}
