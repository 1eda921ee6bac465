package check

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/abi/guest"
	abi "payrouter/abi/v1"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	fault := &abi.Answer{Result: &abi.Answer_Error{Error: &abi.Error{
		Code:    abi.Error_CODE_PANIC,
		Message: "index out of range",
	}}}
	succeeded := stepAnswer(guest.Done(guest.Accepted(abi.Status_STATUS_SUCCEEDED, "1")))
	processing := stepAnswer(guest.Done(guest.Accepted(abi.Status_STATUS_PROCESSING, "1")))
	refused := stepAnswer(guest.Rejected("1", "no"))
	unreadable := stepAnswer(guest.Unreadable("why"))
	next := stepAnswer(guest.NewRequest("GET", guest.Literal("/")).Send(nil))
	unsound := outcomeAnswer(func(o *abi.Outcome) { o.Amount = guest.Money("1e3", "EUR") })
	for bar, allowed := range map[Bar][]*abi.Answer{
		Survive:      {succeeded, processing, refused, unreadable, next},
		NotSucceeded: {processing, refused, unreadable, next},
		NotAccepted:  {refused, unreadable, next},
		Unreadable:   {unreadable},
	} {
		for _, answer := range []*abi.Answer{fault, succeeded, processing, refused, unreadable, next, unsound} {
			found := Hostile{Bar: bar}.Judge(whole(), answer)
			holds := false
			for _, one := range allowed {
				holds = holds || one == answer
			}
			require.Equal(t, holds, len(found) == 0, "bar %d: %v: %v", bar, answer, found)
		}
	}
}

func TestSpoil(t *testing.T) {
	t.Parallel()
	good := &abi.HttpResponse{
		Status: 200,
		Body:   []byte(`{"id": "a", "list": [{"amount": 1.50}, null], "ok": true}` + "\n"),
	}
	spoilt := Spoil(good)
	seen := make(map[string]bool)
	for _, hostile := range spoilt {
		require.False(t, seen[hostile.Name], "%s twice", hostile.Name)
		seen[hostile.Name] = true
		require.NotEqual(t, good, hostile.Response, "%s leaves the response whole", hostile.Name)
		if strings.HasPrefix(hostile.Name, "cut") {
			require.Equal(t, Unreadable, hostile.Bar)
			require.False(t, json.Valid(hostile.Response.GetBody()), "%s: %s", hostile.Name, hostile.Response.GetBody())
		}
	}
	bodies := make(map[string]string, len(spoilt))
	for _, hostile := range spoilt {
		bodies[hostile.Name] = string(hostile.Response.GetBody())
	}
	require.JSONEq(t, `{"id": null, "list": [{"amount": null}, null], "ok": null}`, bodies["null everywhere"])
	require.JSONEq(t, `{"id": 1, "list": [{"amount": "1.50"}, false], "ok": "true"}`,
		bodies["text instead of numbers, numbers instead of text"])
	require.JSONEq(t, `{"id": "a", "list": [{"amount": {}}, null], "ok": true}`, bodies["an object as value 1"])
	require.Contains(t, bodies["numbers beyond measure"], "1e999999999")
	require.Contains(t, bodies["texts that are not UTF-8"], "\xffa")
	require.Equal(t, Spoil(good), spoilt, "in the same order every time")

	refusal := &abi.HttpResponse{Status: 422, Body: good.GetBody()}
	for _, hostile := range Spoil(refusal) {
		require.NotEqual(t, Unreadable, hostile.Bar, "%s: the status says it all", hostile.Name)
	}
	require.Len(t, Spoil(&abi.HttpResponse{Status: 200, Body: []byte("ok")}), 4,
		"text can only come under another status")
}

func TestSwell(t *testing.T) {
	t.Parallel()
	swollen := Swell(&abi.HttpResponse{Status: 200, Body: []byte(`{"a": "b", "n": 1}`)})
	require.Len(t, swollen, 3)
	for _, hostile := range swollen {
		require.True(t, json.Valid(hostile.Response.GetBody()), hostile.Name)
		require.Greater(t, len(hostile.Response.GetBody()), 5000, hostile.Name)
	}
	require.Empty(t, Swell(&abi.HttpResponse{Body: []byte("no JSON")}))
	require.Len(t, Swell(&abi.HttpResponse{Body: []byte("[]")}), 2, "a list cannot be padded")
}
