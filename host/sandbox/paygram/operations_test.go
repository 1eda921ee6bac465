package paygram_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/cockroachdb/apd/v3"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"payrouter/host/sandbox"
	"payrouter/host/sandbox/sandboxtest"
)

func TestTheTokenInPayGramsPathIsNotCountedInTheOpen(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	w.PayGram("InvoiceInfo", "{}")
	w.PayGram("InvoiceInfo", "{}")
	require.Equal(t, []sandbox.RequestCount{{
		Provider: "paygram", Operation: "InvoiceInfo", Method: "POST", Path: "/{token}/InvoiceInfo", Received: 2,
		Processed: 2,
	}}, w.Requests("paygram"))
}

// The plugin keeps the list of every endpoint that PayGram's document names: the sandbox serves all of them.
func TestServesEveryEndpointOfTheDocument(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("../../../plugins/paygram/testdata/endpoints.txt")
	require.NoError(t, err)
	w := sandboxtest.Serve(t, sandbox.Options{})
	count := 0
	for line := range strings.Lines(string(list)) {
		endpoint, _, _ := strings.Cut(line, "\t")
		method, path, _ := strings.Cut(endpoint, " ")
		path = strings.ReplaceAll(path, "{token}", sandbox.DefaultCredentials().PayGramEU)
		got := w.Do(method, "/paygram"+path, sandboxtest.JSONHeader(), "")
		require.Equal(t, 200, got.Status, endpoint)
		require.Contains(t, got.JSON(t), "success", endpoint)
		count++
	}
	require.Equal(t, 31, count)
	for _, n := range w.Requests("paygram") {
		require.NotEqual(t, "unknown", n.Operation, n.Path)
		require.NotContains(t, n.Path, sandbox.DefaultCredentials().PayGramEU, "a token is a secret")
	}
}

func TestTokenIsAskedForWhereverItStands(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	for _, path := range []string{"/nonsense/GetStandBy", "/nonsense/SetStandBy"} {
		require.Equal(t, "Invalid Token", w.Do("GET", "/paygram"+path, nil, "").At(t, "message"), path)
	}
	for _, path := range []string{"/nonsense/UpdateWithdraw", "/Approve/Update/nonsense"} {
		got := w.Do("POST", "/paygram"+path, sandboxtest.JSONHeader(), "{}")
		require.Equal(t, "Invalid Token", got.At(t, "message"), path)
	}
}

const usdtOut = `{"userCliId":"a","amount":100,"callbackData":"w1","withdrawMethod":{"currencyCode":5,"network":2,` +
	`"cryptoAddress":"TAddress"}}`

func TestWithdrawalIsApprovedOrGivenBack(t *testing.T) {
	t.Parallel()
	token := sandbox.DefaultCredentials().PayGramEU
	approve := func(w *sandboxtest.World, body string) sandboxtest.Reply {
		return w.Do("POST", "/paygram/Approve/Update/"+token, sandboxtest.JSONHeader(), body)
	}
	for name, tt := range map[string]struct {
		end     func(w *sandboxtest.World, code string) sandboxtest.Reply
		status  string
		balance string
		moved   bool
	}{
		"approved": {
			func(w *sandboxtest.World, code string) sandboxtest.Reply {
				return approve(w, `{"id":"`+code+`","isApproved":true}`)
			},
			"2", "9900", true,
		},
		"refused": {
			func(w *sandboxtest.World, code string) sandboxtest.Reply {
				return approve(w, `{"id":"`+code+`","isApproved":false}`)
			},
			"7", "10000", false,
		},
		"updated, paid": {func(w *sandboxtest.World, code string) sandboxtest.Reply {
			return w.PayGram("UpdateWithdraw", `{"invoiceCode":"`+code+`","status":2}`)
		}, "2", "9900", true},
		"updated, at fault": {func(w *sandboxtest.World, code string) sandboxtest.Reply {
			return w.PayGram("UpdateWithdraw", `{"invoiceCode":"`+code+`","status":5}`)
		}, "5", "9900", true},
		"updated, cancelled": {func(w *sandboxtest.World, code string) sandboxtest.Reply {
			return w.PayGram("UpdateWithdraw", `{"invoiceCode":"`+code+`","status":3}`)
		}, "3", "9900", true},
		"updated, cancelled and given back": {func(w *sandboxtest.World, code string) sandboxtest.Reply {
			return w.PayGram("UpdateWithdraw", `{"invoiceCode":"`+code+`","cancelWithdraw":true}`)
		}, "3", "10000", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := sandboxtest.Serve(t, sandbox.Options{})
			code := w.PayGram("Withdraw", usdtOut).At(t, "invoiceCode").(string)
			require.Equal(t, "9900", w.PayGramBalance("a", "5"), "a withdrawal lowers what the account shows")
			ended := tt.end(w, code)
			require.Equal(t, "10", ended.At(t, "type"))
			require.Equal(t, tt.status, ended.At(t, "status"))
			require.Equal(t, tt.balance, w.PayGramBalance("a", "5"))
			require.Equal(t, tt.moved, w.Ledger("paygram")[0].MovedMoney)
			require.Equal(t, "500", tt.end(w, code).At(t, "responseCode"), "it has ended")
			lines := w.PayGram("GetStatement", `{"userCliId":"a","goForward":true}`)
			require.Equal(t, "-100", lines.At(t, "statementEntries", 0, "amount"))
			require.Equal(t, "1", lines.At(t, "statementEntries", 0, "fees"))
			require.Equal(t, map[bool]string{true: "1", false: "2"}[tt.moved], lines.At(t, "results"))
		})
	}
	w := sandboxtest.Serve(t, sandbox.Options{})
	code := w.PayGram("Withdraw", usdtOut).At(t, "invoiceCode").(string)
	require.Equal(t, "553", approve(w, `{"id":"nothing","isApproved":true}`).At(t, "responseCode"))
	require.Equal(t, "500", approve(w, `{"id":"`+code+`"}`).At(t, "responseCode"), "neither yes nor no")
	require.Equal(t, "500", w.PayGram("UpdateWithdraw", `{"invoiceCode":"`+code+`","status":6}`).At(t, "responseCode"))
	asia := w.Do("POST", "/paygram/Approve/Update/"+sandbox.DefaultCredentials().PayGramAsia, sandboxtest.JSONHeader(),
		`{"id":"`+code+`","isApproved":true}`)
	require.Equal(t, "553", asia.At(t, "responseCode"), "accounts do not see each other's")
}

func TestDepositArrivesOnce(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	asked := w.PayGram("TopUp", `{"userCliId":"a","currencyCode":5,"amount":101,"callbackData":"d1"}`)
	require.Equal(t, "15", asked.At(t, "type"))
	require.Equal(t, "10000", w.PayGramBalance("a", "5"), "nothing has arrived")
	require.False(t, w.Ledger("paygram")[0].MovedMoney)
	report := func(path string) sandboxtest.Reply { return w.Do("GET", "/paygram/Cryptapi/"+path, nil, "") }
	require.Equal(t, "553", report("d2").At(t, "responseCode"))
	require.Equal(t, "500", report("d1?value_coin=-1").At(t, "responseCode"))
	require.Equal(t, "500", report("d1?value_coin=0.000000001").At(t, "responseCode"), "less than its fee")
	arrived := report("d1?value_coin=50.5")
	require.Equal(t, []any{"50.5", "0.505", "49.995"},
		[]any{arrived.At(t, "received"), arrived.At(t, "fees"), arrived.At(t, "credited")})
	require.Equal(t, "10049.995", w.PayGramBalance("a", "5"))
	require.Equal(t, "551", report("d1").At(t, "responseCode"), "once")
	require.True(t, w.Ledger("paygram")[0].MovedMoney)

	w.PayGram("TopUp", `{"userCliId":"a","currencyCode":5,"amount":101,"callbackData":"d3"}`)
	require.ErrorIs(t, w.Drive("paygram", "d3", "cancel", ""), sandbox.ErrRefused)
	require.NoError(t, w.Drive("paygram", "d3", "pay", ""))
	require.ErrorIs(t, w.Drive("paygram", "d3", "pay", ""), sandbox.ErrRefused)
	require.ErrorIs(t, w.Drive("paygram", "d4", "pay", ""), sandbox.ErrUnknown)
	require.Equal(t, "10149.985", w.PayGramBalance("a", "5"))
}

func TestMakesClients(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	require.Equal(t, "500", w.PayGram("CreateClient", `{}`).At(t, "responseCode"))
	require.Equal(t, "551", w.PayGram("CreateClient", `{"name":"paygram-asia"}`).At(t, "responseCode"))
	made := w.PayGram("CreateClient", `{"name":"shop-2"}`)
	require.Equal(t, "5", made.At(t, "type"))
	own := w.Do("POST", "/paygram/"+made.At(t, "token").(string)+"/UserInfo", sandboxtest.JSONHeader(),
		`{"userCliId":"a"}`)
	require.Equal(t, true, own.At(t, "success"))
	require.NoError(t, w.Fund("paygram", "shop-2/a", "USDT", "1"))
	require.Equal(t, "10000", w.PayGramBalance("a", "5"), "another client's users are others")
}

func TestStandsBy(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	get := func(call string) any {
		return w.Do("GET", "/paygram/"+sandbox.DefaultCredentials().PayGramEU+"/"+call, nil, "").At(t, "standBy")
	}
	require.Equal(t, false, get("GetStandBy"))
	require.Equal(t, true, get("SetStandBy"))
	require.Equal(t, true, get("GetStandBy"))
	require.Equal(t, false, get("SetStandBy?standBy=false"))
}

func TestReportsAgainWhenAsked(t *testing.T) {
	t.Parallel()
	w := sandboxtest.Serve(t, sandbox.Options{})
	in := sandboxtest.Receive(t)
	require.Equal(t, "553", w.PayGram("UserCallback", `{"userCliId":"shop"}`).At(t, "responseCode"))
	w.PayGram("SetUserInfo", `{"userCliId":"shop","callbackUrl":"`+in.URL+`"}`)
	code := w.PayGram("IssueInvoice", `{"userCliId":"shop","currencyCode":5,"amount":1}`).At(t, "invoiceCode").(string)
	require.Equal(t, true, w.PayGram("UserCallback", `{"userCliId":"shop"}`).At(t, "success"))
	_, body := in.Next(t)
	require.Equal(t, code, sandboxtest.Reply{Text: body}.At(t, "InvoiceInfo", "InvoiceCode"))
	require.Empty(t, w.PayGram("GetUpdates", `{"userCliId":"shop"}`).At(t, "updates"), "it is no news")
}

// Whatever a user sends, receives, swaps, pays out and gets back: the wallet holds what it held, and what the statement
// says.
func TestWalletsAndStatementsAgree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s, err := sandbox.New(sandbox.Options{Seed: 1})
		require.NoError(t, err)
		defer s.Close()
		header := http.Header{"Content-Type": {"application/json"}}
		ask := func(method, path, body string) map[string]any {
			var value map[string]any
			d := json.NewDecoder(sandboxtest.Call(s, method, "/paygram/"+path, header, body).Body)
			d.UseNumber()
			require.NoError(t, d.Decode(&value))
			return value
		}
		token := sandbox.DefaultCredentials().PayGramEU
		users := []string{"a", "b"}
		opening := map[string]map[string]*apd.Decimal{}
		balances := func(user string) map[string]*apd.Decimal {
			held := map[string]*apd.Decimal{}
			for _, b := range ask("POST", token+"/UserInfo", `{"userCliId":"`+user+`"}`)["balances"].([]any) {
				b := b.(map[string]any)
				held[b["currency"].(json.Number).String()] = sandboxtest.Decimal(t, b["balance"].(json.Number).String())
			}
			return held
		}
		for _, user := range users {
			opening[user] = balances(user)
		}
		codes := []string{"none"}
		for i := range rapid.IntRange(1, 25).Draw(t, "steps") {
			user := rapid.SampledFrom(users).Draw(t, "user")
			sum := fmt.Sprintf("%d.%08d", rapid.IntRange(0, 6000).Draw(t, "whole"),
				rapid.IntRange(0, 99999999).Draw(t, "fraction"))
			code := rapid.SampledFrom(codes).Draw(t, "code")
			bodies := map[string]string{
				"TransferCredit": `{"userCliId":"` + user + `","currencyCode":5,"amount":` + sum +
					`,"toUserCliId":"b"}`,
				"IssueInvoice":  `{"userCliId":"` + user + `","currencyCode":5,"amount":` + sum + `}`,
				"PayInvoice":    `{"userCliId":"` + user + `","invoiceCode":"` + code + `"}`,
				"RedeemInvoice": `{"userCliId":"` + user + `","invoiceCode":"` + code + `"}`,
				"Withdraw": `{"userCliId":"` + user + `","amount":` + sum +
					`,"withdrawMethod":{"currencyCode":5,"cryptoAddress":"T"}}`,
				"UpdateWithdraw": `{"invoiceCode":"` + code + `","status":7}`,
				"CreateRedEnvelope": `{"userCliId":"` + user + `","currencyCode":5,"amount":` + sum +
					`,"maxNumOfRedeemers":3}`,
				"RedeemRedEnvelope": `{"userCliId":"` + user + `","invoiceId":"` + code + `"}`,
				"Swap": `{"userCliId":"` + user + `","fromCurrency":5,"toCurrency":3,"amountToSwap":` +
					sum + `}`,
				"TopUp": `{"userCliId":"` + user + `","currencyCode":5,"amount":` + sum +
					fmt.Sprintf(`,"callbackData":"d%d"}`, i),
			}
			name := rapid.SampledFrom([]string{
				"TransferCredit", "IssueInvoice", "PayInvoice", "RedeemInvoice", "Withdraw", "UpdateWithdraw",
				"CreateRedEnvelope", "RedeemRedEnvelope",
				"Swap", "TopUp", "Cryptapi",
			}).Draw(t, "method")
			if name == "Cryptapi" {
				ask("GET", fmt.Sprintf("Cryptapi/d%d", max(i-1, 0)), "")
				continue
			}
			got := ask("POST", token+"/"+name, bodies[name])
			for _, member := range []string{"invoiceCode", "voucherCode"} {
				if made, ok := got[member].(string); ok {
					codes = append(codes, made)
				}
			}
		}
		exact := apd.BaseContext.WithPrecision(60)
		for _, user := range users {
			want := opening[user]
			lines := ask("POST", token+"/GetStatement",
				`{"userCliId":"`+user+`","resultsPerPage":1000}`)["statementEntries"].([]any)
			for _, line := range lines {
				line := line.(map[string]any)
				currency := line["currency"].(json.Number).String()
				_, err := exact.Add(want[currency], want[currency], sandboxtest.Decimal(t, line["amount"].(json.Number).String()))
				require.NoError(t, err)
			}
			for currency, held := range balances(user) {
				require.Zero(t, want[currency].Cmp(held), "%s: %s holds %s of %s", user, want[currency], held, currency)
				require.False(t, held.Negative, "%s owes %s of %s", user, held, currency)
			}
		}
	})
}
