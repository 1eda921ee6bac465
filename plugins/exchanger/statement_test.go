package main

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	abi "payrouter/abi/v1"
)

// listedEntry is an entry of one of a simulated site's lists.
type listedEntry struct {
	id, seconds int
	shown       bool // it is a transaction of the query's
}

// site answers a statement's requests out of its lists, newest first.
func site(lists map[string][]listedEntry, send *abi.Send) []byte {
	name := cmp.Or(send.GetOperation(), opGetExchanges)
	form, err := url.ParseQuery(string(send.GetRequest().GetBody()))
	if err != nil {
		panic(err)
	}
	offset, _ := strconv.Atoi(form.Get("offset"))
	limit, _ := strconv.Atoi(form.Get("limit"))
	list := lists[name]
	list = list[min(offset, len(list)):]
	var items []string
	for _, e := range list[:min(limit, len(list))] {
		accrued := map[bool]string{true: "1", false: "0"}[e.shown]
		items = append(items,
			fmt.Sprintf(
				`{"id":"%d","time":%d,"accrued":%q,"partner_reward":"1","amount_get":"1","currency_code_get":"EUR",`+
					`"original_amount":"1","original_currency_code":"USD","status":"x"}`, e.id, e.seconds, accrued))
	}
	return []byte(`{"error":"0","data":{"items":[` + strings.Join(items, ",") + `]}}`)
}

// Whatever the lists and the pages: a walk reports everything once, the newest first.
func TestAWalkThroughAStatementTellsEverythingOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		lists := map[string][]listedEntry{}
		var want []string
		for prefix, name := range map[string]string{
			"payout-": opGetPartnerPayouts, "reward-": opGetPartnerExchanges,
			"": opGetExchanges,
		} {
			times := rapid.SliceOfN(rapid.IntRange(1_714_557_600, 1_714_557_620), 0, 9).Draw(t, name)
			slices.SortFunc(times, func(a, b int) int { return b - a })
			for i, seconds := range times {
				shown := prefix != "reward-" || rapid.Bool().Draw(t, "accrued")
				lists[name] = append(lists[name], listedEntry{i + 1, seconds, shown})
				if shown {
					want = append(want, prefix+strconv.Itoa(i+1))
				}
			}
		}
		limit := rapid.IntRange(1, 5).Draw(t, "limit")
		call := &abi.Call{
			Operation: opGetExchanges, Settings: []byte(`{"partner_currency":"USD"}`),
			Query: &abi.Query{Limit: uint32(limit)},
		}
		var got []*abi.Transaction
		for range 100 {
			outcome := asked(t, lists, call)
			require.LessOrEqual(t, len(outcome.GetTransactions()), limit)
			got = append(got, outcome.GetTransactions()...)
			if call.Cursor = outcome.GetCursor(); call.GetCursor() == "" {
				break
			}
		}
		require.Empty(t, call.GetCursor(), "the walk ends")
		var ids []string
		for _, entry := range got {
			ids = append(ids, entry.GetId())
		}
		require.ElementsMatch(t, want, ids)
		require.True(t,
			slices.IsSortedFunc(got, func(a, b *abi.Transaction) int { return cmp.Compare(b.GetAtMs(), a.GetAtMs()) }))
	})
}

// asked plays a page of a statement.
func asked(t *rapid.T, lists map[string][]listedEntry, call *abi.Call) *abi.Outcome {
	step, err := connector{}.Prepare(call)
	require.NoError(t, err)
	for range len(listings) {
		response := &abi.HttpResponse{Status: 200, Body: site(lists, step.GetSend())}
		step, err = connector{}.Interpret(call, step.GetSend().GetState(), response)
		require.NoError(t, err)
	}
	require.Equal(t, abi.Verdict_VERDICT_ACCEPTED, step.GetDone().GetVerdict())
	return step.GetDone()
}

func TestAStateThatIsNoStatementsIsRefused(t *testing.T) {
	t.Parallel()
	call := &abi.Call{Operation: opGetExchanges, Settings: []byte(`{}`), Query: &abi.Query{}}
	response := &abi.HttpResponse{Status: 200, Body: page(0)}
	for _, state := range []string{"S", "S3", "Sx", "S2", "S20:", "S20:5:", "S20:1:\xff", "S20:-1:"} {
		_, err := connector{}.Interpret(call, []byte(state), response)
		require.Equal(t, abi.Error_CODE_BAD_INPUT, faultOf(t, err), "%q", state)
	}
	for _, state := range []string{"R", "R9 1\n", "R-1 1\n", "Dx 1\n"} {
		call := &abi.Call{Operation: opGetDirection, Settings: []byte(fuzzSettings), Query: &abi.Query{}}
		_, err := connector{}.Interpret(call, []byte(state), response)
		require.Equal(t, abi.Error_CODE_BAD_INPUT, faultOf(t, err), "%q", state)
	}
}
