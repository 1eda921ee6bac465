package sandbox_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/sandboxtest"
)

func TestAPageStandsForAnAnswerAndItsRequestIsBookedAllTheSame(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	booked := 0
	for _, page := range sandbox.Pages() {
		for _, status := range []int{400, 401, 403, 404, 429, 502} {
			for _, after := range []bool{false, true} {
				name := fmt.Sprint(page, " ", status, " ", after)
				fault := sandbox.Fault{
					Operation: "recharge", Kind: sandbox.FaultPage, Page: page, Status: status,
					Count: 1, After: after, RetryAfter: "7",
				}
				require.NoError(t, w.Order("paygrt", fault), name)
				got := w.Recharge("r-"+name, "10", "AT")
				require.NoError(t, got.Err, name)
				require.Equal(t, status, got.Status, name)
				require.Equal(t, "7", got.Header.Get("Retry-After"), name)
				require.NotContains(t, got.Text, "api_ref_id", name)
				if after {
					booked++
				}
				require.Equal(t, booked, recharges(w), name)
			}
		}
	}
}

func TestPagesAreWhatWebServersAndGatewaysWrite(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	for page, want := range map[string][2]string{
		sandbox.PageApache:     {"text/html; charset=iso-8859-1", "<h1>Forbidden</h1>"},
		sandbox.PageNginx:      {"text/html", "<center>nginx</center>"},
		sandbox.PageIIS:        {"text/html", "403 - Forbidden"},
		sandbox.PageCloudflare: {"text/html; charset=UTF-8", "| Cloudflare</title>"},
		sandbox.PageWAF:        {"text/html; charset=utf-8", "The requested URL was rejected"},
		sandbox.PageGateway:    {"application/json", `{"message":"Forbidden"}`},
		sandbox.PageStranger:   {"application/json; charset=utf-8", `"reason":"denied"`},
		sandbox.PageEmpty:      {"", ""},
	} {
		require.NoError(t,
			w.Order("payplay", sandbox.Fault{Kind: sandbox.FaultPage, Page: page, Status: 403, Count: 1}))
		got := w.PayPlay("GET", "/private-api/balances", "")
		require.Equal(t, want[0], got.Header.Get("Content-Type"), page)
		require.Contains(t, got.Text, want[1], page)
	}
	require.Len(t, sandbox.Pages(), 8)
}

func TestAmountsAreSpeltOtherwiseAndStayWhatTheyAre(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	for spelling, want := range map[string]string{
		sandbox.SpellingTail: `"amount":49.899999999999999,`, sandbox.SpellingExponent: `"amount":4.99e1,`,
		sandbox.SpellingZeros: `"amount":49.900,`,
	} {
		require.NoError(t, w.Order("paygram", sandbox.Fault{Kind: sandbox.FaultSpelling, Spelling: spelling, Count: 1}))
		got := w.PayGram("IssueInvoice", `{"currencyCode":5,"amount":49.9,"callbackData":"a"}`)
		require.Contains(t, got.Text, want, spelling)
		require.Equal(t, "14", got.At(t, "type"), "what is no amount stays")
	}
	require.NoError(t,
		w.Order("paygrt", sandbox.Fault{Kind: sandbox.FaultSpelling, Spelling: sandbox.SpellingZeros, Count: 1}))
	got := w.Recharge("r1", "49.90", "AT")
	require.Equal(t, "49.9000", got.At(t, "data", "recharge_amount"), "texts get zeros")
	require.Equal(t, "r1", got.At(t, "data", "api_ref_id"))
}

func TestASpellingWaitsForAnAnswerThatHasAnAmount(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	require.NoError(t,
		w.Order("paygrt", sandbox.Fault{Kind: sandbox.FaultSpelling, Spelling: sandbox.SpellingZeros, Count: 1}))
	w.Paygrt("GET", "/v1/operators/M1")
	require.Empty(t, w.Strikes(""), "there is no amount in a list of operators")
	require.Equal(t, "10.0000", w.Recharge("r1", "10", "AT").At(t, "data", "recharge_amount"))
	require.Equal(t, "10.00", w.Recharge("r2", "10", "AT").At(t, "data", "recharge_amount"), "it struck once")
	require.Equal(t, []sandbox.Strike{
		{Provider: "paygrt", Operation: "recharge", Kind: "spelling", Detail: "zeros", Processed: true, Times: 1},
	}, w.Strikes("paygrt"))
}

func TestAnAnswerAboutAnotherObjectIsOneThatWasGivenBefore(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	create := func(reference string) sandboxtest.Reply {
		return w.PayGram("IssueInvoice", `{"currencyCode":5,"amount":4,"callbackData":"`+reference+`"}`)
	}
	require.NoError(t, w.Order("paygram", sandbox.Fault{Kind: sandbox.FaultOther, Count: 1}))
	first := create("a")
	require.Equal(t, "a", first.At(t, "callbackData"), "there is no other object yet")
	require.Empty(t, w.Strikes(""))
	require.NoError(t, w.Clear("paygram"))
	first = create("b")
	require.NoError(t, w.Order("paygram", sandbox.Fault{Kind: sandbox.FaultOther, Count: 1}))
	require.Equal(t, first.Text, create("c").Text, "b's answer, the last that went out as it was")
	require.Len(t, w.Ledger("paygram"), 3, "the request was processed all the same")
	require.Equal(t, "d", create("d").At(t, "callbackData"), "it struck once")

	code := first.At(t, "invoiceCode").(string)
	info := `{"invoiceCode":"` + code + `"}`
	w.PayGram("InvoiceInfo", info)
	require.NoError(t, w.Order("paygram", sandbox.Fault{Operation: "InvoiceInfo", Kind: sandbox.FaultOther, Count: 1}))
	require.Equal(t, code, w.PayGram("InvoiceInfo", info).At(t, "invoiceCode"),
		"an earlier answer about the same object is no other one")
	require.NoError(t, w.Clear("paygram"))
	w.PayGram("InvoiceInfo", info)
	require.NoError(t, w.Order("paygram", sandbox.Fault{Operation: "InvoiceInfo", Kind: sandbox.FaultOther, Count: 1}))
	other := w.Ledger("paygram")[2].ProviderReference
	require.Equal(t, code, w.PayGram("InvoiceInfo", `{"invoiceCode":"`+other+`"}`).At(t, "invoiceCode"))
}

func TestStrikesTellWhereAFaultStruckAndWhetherItWasProcessed(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	for _, f := range []sandbox.Fault{
		{Kind: sandbox.FaultPage, Page: sandbox.PageWAF, Status: 403, Count: 2, After: true},
		{Kind: sandbox.FaultPage, Page: sandbox.PageWAF, Status: 403, Count: 1},
		{Kind: sandbox.FaultStatus, Status: 500, Count: 1},
		{Kind: sandbox.FaultResetAfter, Count: 1},
		{Kind: sandbox.FaultTruncated, Count: 1},
	} {
		require.NoError(t, w.Order("paygrt", f))
	}
	for n := range 6 {
		w.Recharge(fmt.Sprint("r", n), "10", "AT")
	}
	strike := func(kind, detail string, processed bool, times int) sandbox.Strike {
		return sandbox.Strike{
			Provider: "paygrt", Operation: "recharge", Kind: kind, Detail: detail,
			Processed: processed, Times: times,
		}
	}
	want := []sandbox.Strike{
		strike("page", "waf 403", false, 1), strike("page", "waf 403", true, 2), strike("reset_after", "", true, 1),
		strike("status", "500", false, 1), strike("truncated", "", true, 1),
	}
	// A strike is counted once its answer is out: the last may come after the client has read.
	require.EventuallyWithT(t, func(c *assert.CollectT) { require.Equal(c, want, w.Strikes("")) },
		time.Minute, time.Millisecond)
	require.Empty(t, w.Strikes("payplay"))
	require.Contains(t, w.Do("GET", "/_sandbox/strikes?provider=paygrt", nil, "").Text,
		`"detail":"waf 403","processed":true,"times":2`)
}

func TestPagesAndSpellingsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	for want, fault := range map[string]sandbox.Fault{
		`page "lighttpd" is not one of apache, cloudflare`: {Kind: sandbox.FaultPage, Page: "lighttpd", Status: 403},
		"a page without a status":                          {Kind: sandbox.FaultPage, Page: sandbox.PageNginx},
		`only the kind "page" has one`:                     {Kind: sandbox.FaultEmpty, Page: sandbox.PageNginx},
		`spelling "" is not one of exponent, tail, zeros`:  {Kind: sandbox.FaultSpelling},
		`only the kind "spelling" has one`:                 {Kind: sandbox.FaultEmpty, Spelling: sandbox.SpellingTail},
	} {
		err := w.Order("paygrt", fault)
		require.ErrorIs(t, err, sandbox.ErrInvalid)
		require.ErrorContains(t, err, want)
	}
	require.Equal(t, 200,
		w.Do("POST", "/_sandbox/paygrt/faults", sandboxtest.JSONHeader(),
			`{"kind":"page","page":"waf","status":403,"count":1}`).Status)
	require.Contains(t, w.Do("GET", "/_sandbox/paygrt/faults", nil, "").Text, `"page":"waf"`)
}
