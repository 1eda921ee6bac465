package vector

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/stretchr/testify/require"

	abi "payrouter/abi/v1"
)

func TestParseVector(t *testing.T) {
	t.Parallel()
	v, err := parse("dir/name.txtar", []byte(`Comment: all of it.
-- call.json --
{
  "operation": "Make",
  "payment": {
    "id": "pay_1", "kind": "recharge", "amount": "1.50", "currency": "INR", "country": "IN", "method": "wallet",
      "reference": "r",
    "description": "d", "return_url": "https://a.example/", "expires_at": "2024-01-02T03:04:05Z",
    "payer": {"name": "n", "email": "e", "phone": "p", "ip": "i"},
    "destination": {"operator": "o", "number": "u", "account": "c", "address": "a", "network": "w", "memo": "m"},
    "options": {"x": 1}
  },
  "input": {"a": 1.0}, "settings": {"s": true}, "reference": "ours", "provider_reference": "theirs",
    "create_reference": "first",
  "now": "2024-01-01T00:00:00.5Z", "sent": "2023-12-31T23:59:59Z",
  "seed": "0100000000000000000000000000000000000000000000000000000000000000", "cursor": "c",
    "callback_url": "https://b.example/"
}
-- response-1 --
201 Created
X-One: a: b
X-Two: c

{"a":

1}
-- response-2 --
500
`))
	require.NoError(t, err)
	require.Equal(t, "name", v.Name)
	require.Equal(t, &abi.Call{
		Operation: "Make",
		Payment: &abi.Payment{
			Id: "pay_1", Kind: abi.Kind_KIND_RECHARGE, Amount: "1.50", Currency: "INR", Country: "IN", Method: "wallet",
			Reference:   "r",
			Description: "d", ReturnUrl: "https://a.example/", ExpiresMs: 1704164645000,
			Payer: &abi.Payer{Name: "n", Email: "e", Phone: "p", Ip: "i"},
			Destination: &abi.Destination{
				Operator: "o", Number: "u", Account: "c", Address: "a", Network: "w",
				Memo: "m",
			},
			Options: []byte(`{"x": 1}`),
		},
		Input: []byte(`{"a": 1.0}`), Settings: []byte(`{"s": true}`), Reference: "ours", ProviderReference: "theirs",
		CreateReference: "first", NowMs: 1704067200500, SentMs: 1704067199000,
		Seed:   append([]byte{1}, make([]byte, 31)...),
		Cursor: "c", CallbackUrl: "https://b.example/",
	}, v.call)
	require.Len(t, v.responses, 2)
	require.Equal(t, &abi.HttpResponse{
		Status: 201, Headers: []*abi.Header{{Name: "X-One", Value: "a: b"}, {Name: "X-Two", Value: "c"}},
		Body: []byte("{\"a\":\n\n1}"),
	}, v.responses[0])
	require.Equal(t, &abi.HttpResponse{Status: 500, Body: v.responses[1].GetBody()}, v.responses[1])
	require.Empty(t, v.responses[1].GetBody())
}

func TestParseVectorCallback(t *testing.T) {
	t.Parallel()
	v, err := parse("name.txtar", []byte("-- callback --\nPOST /a/b?c=%20d&e\nX-Sign: 00\n\nbody\n"))
	require.NoError(t, err)
	require.Equal(t, &abi.Callback{
		Method: "POST", Path: "/a/b", Query: "c=%20d&e", Headers: []*abi.Header{{Name: "X-Sign", Value: "00"}},
		Body: []byte("body"),
	}, v.callback)
}

// What a person mistypes must not turn into a vector that checks less.
func TestParseVectorMistakes(t *testing.T) {
	t.Parallel()
	const call = "-- call.json --\n{\"operation\": \"Make\"}\n"
	for name, row := range map[string]struct{ vector, says string }{
		"no call":                 {"-- outcome.json --\n{}\n", "needs a call.json"},
		"no operation":            {"-- call.json --\n{}\n", "needs a call.json"},
		"a member misspelt":       {"-- call.json --\n{\"operations\": \"Make\"}\n", "unknown field"},
		"a payment's member":      {"-- call.json --\n{\"payment\": {\"amout\": \"1\"}}\n", "unknown field"},
		"an amount as a number":   {"-- call.json --\n{\"payment\": {\"amount\": 1}}\n", "cannot unmarshal"},
		"a kind misspelt":         {"-- call.json --\n{\"payment\": {\"kind\": \"collection\"}}\n", "is no kind"},
		"two values":              {"-- call.json --\n{} {}\n", "more than one"},
		"a short seed":            {"-- call.json --\n{\"seed\": \"00\"}\n", "32 bytes"},
		"a time without a zone":   {"-- call.json --\n{\"now\": \"2024-01-01T00:00:00\"}\n", "read time"},
		"a section misspelt":      {call + "-- outcom.json --\n{}\n", "no such section"},
		"a section twice":         {call + "-- outcome.json --\n{}\n-- outcome.json --\n{}\n", "twice"},
		"responses out of order":  {call + "-- response-2 --\n200\n", "numbered from 1"},
		"a response of no number": {call + "-- response-1 --\nOK\n", "HTTP status"},
		"a header without value":  {call + "-- response-1 --\n200\nX-One\n\n", "no header"},
		"a callback of no path":   {"-- callback --\nPOST\n\n", "method and a path"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parse("name.txtar", []byte(row.vector))
			require.ErrorContains(t, err, row.says)
		})
	}
}

func TestLoadVectors(t *testing.T) {
	t.Parallel()
	directory := t.TempDir()
	require.NoError(t,
		os.WriteFile(filepath.Join(directory, "b.txtar"), []byte("-- call.json --\n{\"operation\": \"Make\"}\n"),
			0o600))
	require.NoError(t, os.WriteFile(filepath.Join(directory, "a.txt"), []byte("not one"), 0o600))
	vectors, err := Load(directory)
	require.NoError(t, err)
	require.Len(t, vectors, 1)
	require.NoError(t, os.WriteFile(filepath.Join(directory, "c.txtar"), []byte("-- nonsense --\n"), 0o600))
	_, err = Load(directory)
	require.ErrorContains(t, err, "c.txtar")
}

// Rewriting keeps what people wrote, and puts each request in front of its response.
func TestRewrite(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "v.txtar")
	v, err := parse(path, []byte(`Comment: stays.
-- outcome.json --
{"verdict": "old"}
-- call.json --
{"operation": "Make"}
-- request-1 --
old
-- response-1 --
200
-- response-2 --
200
`))
	require.NoError(t, err)
	require.NoError(t, v.rewrite([]txtar.File{
		{Name: "request-1", Data: []byte("GET /1\n")},
		{Name: "request-2", Data: []byte("GET /2\n")},
		{Name: "outcome.json", Data: []byte("{}\n")},
	}))
	written, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, `Comment: stays.
-- call.json --
{"operation": "Make"}
-- request-1 --
GET /1
-- response-1 --
200
-- request-2 --
GET /2
-- response-2 --
200
-- outcome.json --
{}
`, string(written))
}
