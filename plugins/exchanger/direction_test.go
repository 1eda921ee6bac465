package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

// Some sites have thousands of directions: they are listed page by page, each once.
func TestManyDirectionsAreToldInPages(t *testing.T) {
	t.Parallel()
	const many = 2*catalogPage + 1
	directions := make([]string, many)
	for i := range directions {
		directions[i] = fmt.Sprintf(`{"direction_id":%d,"currency_give_title":"A USD","currency_get_title":"B EUR"}`,
			i+1)
	}
	response := &abi.HttpResponse{
		Status: 200,
		Body:   []byte(`{"error":0,"data":[` + strings.Join(directions, ",") + `]}`),
	}
	call := &abi.Call{Operation: opGetDirections, Settings: []byte(`{}`), Query: &abi.Query{}}
	seen := map[string]bool{}
	var pages []int
	for {
		step, err := connector{}.Prepare(call)
		require.NoError(t, err)
		step, err = connector{}.Interpret(call, step.GetSend().GetState(), response)
		require.NoError(t, err)
		pages = append(pages, len(step.GetDone().GetItems()))
		for _, item := range step.GetDone().GetItems() {
			seen[item.GetCode()] = true
		}
		if call.Cursor = step.GetDone().GetCursor(); call.GetCursor() == "" {
			break
		}
	}
	require.Equal(t, []int{catalogPage, catalogPage, 1}, pages)
	require.Len(t, seen, many)
	call.Cursor = "x"
	step, err := connector{}.Prepare(call)
	require.NoError(t, err)
	require.NotNil(t, step.GetReject())
	call.Cursor = "9999"
	step, err = connector{}.Interpret(call, []byte{stageCatalog}, response)
	require.NoError(t, err)
	require.Empty(t, step.GetDone().GetItems())
	require.Empty(t, step.GetDone().GetCursor())
}

func TestTickerOfATitle(t *testing.T) {
	t.Parallel()
	for title, want := range map[string]string{
		"Tether TRC20 USDT": "USDT", "USDT": "USDT", "Bitcoin": "", "Cash 100": "", "Bank €": "", "Sber RUB": "RUB",
		"A 1INCH": "1INCH", "": "", "X Y": "",
		"Bank ABCDEFGHIJKLMNOPQ": "", "Bank EUR ": "",
	} {
		require.Equal(t, want, tickerOf(title), title)
	}
}
