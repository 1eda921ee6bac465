package main

import (
	"cmp"
	"testing"

	"github.com/stretchr/testify/require"

	"payrouter/host/access"
	"payrouter/host/api"
	"payrouter/host/store/sqlite"
	"payrouter/host/store/sqlite/sqlitetest"
)

// keysIn is a data folder with a key for each merchant, and the tokens by merchant.
func keysIn(t *testing.T, rights map[string][]access.Right) (data string, tokens map[string]string) {
	t.Helper()
	return merchantsKeysIn(t, "", rights)
}

// merchantsKeysIn is a data folder with keys by their names, of one merchant; empty is one of each key's name.
func merchantsKeysIn(t *testing.T, merchant string, rights map[string][]access.Right) (
	data string, tokens map[string]string,
) {
	t.Helper()
	data, tokens = t.TempDir(), map[string]string{}
	require.NoError(t, sqlitetest.Lay(data))
	db, err := sqlite.Open(t.Context(), data)
	require.NoError(t, err)
	keys, err := access.Load(t.Context(), db, access.Settings{})
	require.NoError(t, err)
	for name, given := range rights {
		_, tokens[name], err = keys.Make(t.Context(), access.CommandLine(),
			access.Request{Merchant: cmp.Or(merchant, name), Name: name, Rights: given})
		require.NoError(t, err)
	}
	require.NoError(t, db.Close())
	return data, tokens
}

func bearer(token string) []string { return []string{"Authorization", "Bearer " + token} }

func (w *harness) reachKeys(call func(operation, method, path, body string, headers ...string) answer,
	operator string, p api.Payment,
) {
	w.t.Helper()
	const keys = "/v1/keys"
	as := bearer(operator)
	make := func(body string) answer { return call("create-key", "POST", keys, body, as...) }
	made := read[api.Key](w.t, make(`{"name":"spare","preset":"shop"}`))
	make(`{`)
	make(`{"name":"spare"}`)
	call("get-own-key", "GET", "/v1/key", "", as...)
	call("list-keys", "GET", keys, "", as...)
	call("get-key", "GET", keys+"/"+made.ID, "", as...)
	call("get-key", "GET", keys+"/key_none", "", as...)
	rotate := func(id, body string) { call("rotate-key", "POST", keys+"/"+id+"/rotate", body, as...) }
	rotate(made.ID, `{"overlap_seconds":60}`)
	rotate("key_none", "")
	rotate(made.ID, `{`)
	rotate(made.ID, `{"overlap_seconds":-1}`)
	call("revoke-key", "POST", keys+"/"+made.ID+"/revoke", "", as...)
	call("revoke-key", "POST", keys+"/key_none/revoke", "", as...)
	rotate(made.ID, "")
	for _, list := range [][2]string{{"list-acts", "/v1/audit"}, {"export-acts", "/v1/audit/export"}} {
		call(list[0], "GET", list[1], "", as...)
		call(list[0], "GET", list[1]+"?after=x", "", as...)
	}
	call("get-decision", "GET", "/v1/payments/"+p.ID+"/decision", "", as...)
	call("get-decision", "GET", "/v1/payments/pay_00000000000000000000000000/decision", "", as...)
}
